//! Keys, from outside: what names one, what may be asked of one. No key material is in here.

use std::fmt::{self, Write as _};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// SHA-256 of a SubjectPublicKeyInfo (DER): the one way in which a key is named, whatever
/// certificate it came in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyThumbprint(pub [u8; 32]);

impl fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut halves = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        halves.try_for_each(|half| f.write_char(char::from_digit(half.into(), 16).unwrap_or_default()))
    }
}

impl fmt::Debug for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What one of our own keys is for. One key serves one purpose (`rules.md` 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPurpose {
    /// Signs SAML assertions.
    Assertions,
    /// Signs JWT access tokens; its public half is in the JWKS.
    AccessTokens,
    /// Signs the checkpoints of the audit trail (Ed25519).
    Checkpoints,
    /// Signs SOAP answers.
    SoapAnswers,
    /// The TLS server's key.
    Tls,
    /// MACs subject identifiers per sector and personal values in the audit trail.
    Pseudonyms,
}

impl KeyPurpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assertions => "assertions",
            Self::AccessTokens => "access-tokens",
            Self::Checkpoints => "checkpoints",
            Self::SoapAnswers => "soap-answers",
            Self::Tls => "tls",
            Self::Pseudonyms => "pseudonyms",
        }
    }
}

/// Where a key of ours stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, not yet used.
    Next,
    /// Signs.
    Active,
    /// Published until what it signed has expired; signs no more.
    Retired,
}

/// The algorithms that we sign with. ECDSA signatures are `r || s`, as JOSE and XML Signature
/// write them, never ASN.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// Ed25519.
    Ed25519,
}

/// Names a key of ours, its chain and its state; opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHandle {
    /// The key's name in the configuration, and its `kid`.
    pub name: String,
    pub purpose: KeyPurpose,
    pub algorithm: Algorithm,
    pub state: KeyState,
    pub thumbprint: KeyThumbprint,
    /// DER certificates, leaf first; empty for a bare key.
    pub chain: Vec<Vec<u8>>,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
}

/// The key could not sign. Nobody outside learns why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignError(pub String);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key could not sign: {}", self.0)
    }
}

impl std::error::Error for SignError {}

/// Uses a private key of ours. Takes the message, not its digest, so that a key may live in a
/// device or another process; nothing can get a key out.
#[async_trait]
pub trait Signer: Send + Sync + fmt::Debug {
    /// Signs `message` with the key of `handle` and the handle's algorithm.
    ///
    /// # Errors
    /// When the key is unknown, not active, or its device does not answer.
    async fn sign(&self, handle: &KeyHandle, message: &[u8]) -> Result<Vec<u8>, SignError>;
}
