//! What we can mint: a grant written down as a token of one type.
//!
//! A format knows no policy and holds no key: [`TokenFormat::draft`] gives the exact bytes to
//! sign, `flow` takes them to the key, [`TokenFormat::seal`] puts the signature in. The two
//! halves let a key live elsewhere, and make golden tests of the unsigned bytes possible.

pub mod jwt;
pub mod saml2;

use std::fmt::Debug;

use crate::model::{Binding, Claim, KeyHandle, Mandate, Means, PartyId, Scope, Target, Time, TokenType, Validity};

/// What was permitted, ready to be written down. Made by `flow` out of a `Permit` only.
#[derive(Debug, Clone)]
pub struct Grant {
    pub issuer: String,
    /// Ours and random: `ID` of an assertion (with its leading `_`), `jti` of a JWT.
    pub token_id: String,
    /// Our own random transaction id, shared with the audit record (`txn`).
    pub transaction: String,
    pub issued_at: Time,
    pub validity: Validity,
    /// Whom the token is about.
    pub subject: PartyId,
    /// The subject as an opaque pairwise value, for formats that must not show the identifier.
    pub pairwise_subject: String,
    pub sender_number: Option<String>,
    pub client_id: Option<String>,
    pub audience: Vec<Target>,
    pub scope: Scope,
    pub binding: Option<Binding>,
    pub means: Means,
    pub authenticated_at: Time,
    pub on_behalf_of: Option<PartyId>,
    pub mandate: Option<Mandate>,
    pub claims: Vec<Claim>,
}

/// The bytes that a key is to sign, and the token around them. Spent by [`TokenFormat::seal`].
#[derive(Debug)]
pub struct Draft {
    /// Exactly what is signed: canonical SignedInfo, or the JWS signing input.
    pub to_sign: Vec<u8>,
    /// The token's bytes up to the signature value, and after it.
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    pub token_type: TokenType,
    pub token_id: String,
}

/// A finished token.
#[derive(Debug, Clone)]
pub struct Token {
    pub token_type: TokenType,
    pub token_id: String,
    pub bytes: Vec<u8>,
}

/// A grant cannot be written down in this format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintError(pub String);

/// Writes a grant down as a token of one type.
pub trait TokenFormat: Send + Sync + Debug {
    fn token_type(&self) -> TokenType;

    /// The token but for its signature, to be signed with `key`.
    ///
    /// # Errors
    /// When the grant lacks what the format needs (no binding for holder-of-key).
    fn draft(&self, grant: &Grant, key: &KeyHandle) -> Result<Draft, MintError>;

    /// The finished token.
    fn seal(&self, draft: Draft, signature: &[u8]) -> Token;
}
