//! Client assertions: how an OAuth client shows who it is (RFC 7523 2.2 and 3, `private_key_jwt`).
//!
//! `iss` and `sub` are the client_id, `aud` is one audience, `exp` and `jti` must be there. The
//! audience is compared by the caller with his configured URLs, the times by [`Times::check`].

use serde::Serialize;

use crate::wire::crypto::{PublicKey, SignatureAlgorithm};
use crate::wire::guard::{self, Guard};

use super::claims::Members;
use super::jws::{self, Jws, OwnHeader, fault};
use super::{BadSignature, ClaimFault, Error, Times};

/// The value of `client_assertion_type` (RFC 7523 2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How `aud` was written. Recorded for each client, so that a change is seen (`rules.md` 5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudienceForm {
    String,
    ArrayOfOne,
}

/// What the assertion says. Inside a [`ClientAssertion`] it was signed; elsewhere it is hearsay.
#[derive(Debug, Clone)]
pub struct Claims {
    /// `iss`, which is `sub`.
    pub client_id: String,
    pub audience: String,
    pub audience_form: AudienceForm,
    pub jwt_id: String,
    pub times: Times,
}

/// A client assertion as somebody sent it, its signature not verified.
#[derive(Debug)]
pub struct Claimed {
    jws: Jws,
    claims: Claims,
}

/// A client assertion whose signature was made by one of the keys given to [`Claimed::verify`].
#[derive(Debug)]
pub struct ClientAssertion {
    claims: Claims,
    algorithm: SignatureAlgorithm,
    key: [u8; 32],
}

/// Reads the value of `client_assertion`.
///
/// # Errors
/// What in the text is not a client assertion, by the rules of RFC 7515 and 7523.
pub fn parse(text: &str) -> Result<Claimed, Error> {
    let jws = Jws::parse(text)?;
    jws.header.expect_type("a client assertion", &["", "jwt", "client-authentication+jwt"])?;
    let claims = Claims::read(&jws.members()?)?;
    Ok(Claimed { jws, claims })
}

impl Claims {
    fn read(members: &Members) -> Result<Self, Error> {
        let (issuer, subject) = (members.text("iss", MAX_ID)?, members.text("sub", MAX_ID)?);
        // RFC 7523 3: "For client authentication, the subject MUST be the client_id".
        if issuer != subject {
            return Err(Error::IssuerAndSubject { issuer, subject });
        }
        let (mut audiences, array) = members.audience()?;
        let audience = match (audiences.pop(), audiences.len()) {
            (Some(only), 0) => only,
            (_, others) => return Err(fault("aud", ClaimFault::Count { found: others + 1 })),
        };
        Ok(Self {
            client_id: subject,
            audience,
            audience_form: if array { AudienceForm::ArrayOfOne } else { AudienceForm::String },
            jwt_id: members.text("jti", MAX_ID)?,
            times: Times::read(members)?,
        })
    }
}

impl Claimed {
    /// What it says, for finding the client's registered keys. Nobody has shown any of it.
    pub fn unverified(&self) -> &Claims {
        &self.claims
    }

    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.jws.header.algorithm
    }

    /// `kid`: chooses among registered keys, nothing else.
    pub fn key_id(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Verifies the signature with the client's registered keys.
    ///
    /// # Errors
    /// When none of them made it, or none is large enough.
    pub fn verify(self, registered: &[PublicKey]) -> Result<ClientAssertion, BadSignature> {
        let place = match self.jws.verify(registered) {
            Err(_) if !guard::stands(Guard::ClientAssertionSignature) => 0,
            place => place?,
        };
        let key = registered.get(place).ok_or(BadSignature)?.thumbprint();
        Ok(ClientAssertion { claims: self.claims, algorithm: self.jws.header.algorithm, key })
    }
}

impl ClientAssertion {
    /// What was signed.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// SHA-256 of the SPKI that made the signature.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

/// What a client writes: for our own clients, examples and tests.
#[derive(Debug, Clone, Serialize)]
pub struct NewClaims {
    #[serde(rename = "iss")]
    pub issuer: String,
    #[serde(rename = "sub")]
    pub subject: String,
    #[serde(rename = "aud")]
    pub audience: String,
    #[serde(rename = "jti")]
    pub jwt_id: String,
    /// Seconds since 1970, as all times of a JWT.
    #[serde(rename = "iat")]
    pub issued_at: i64,
    #[serde(rename = "exp")]
    pub expires_at: i64,
}

/// The bytes that a client signs; [`super::compact`] puts the signature behind them.
pub fn signing_input(claims: &NewClaims, algorithm: SignatureAlgorithm, kid: Option<&str>) -> Result<String, Error> {
    let header = OwnHeader { typ: "client-authentication+jwt", alg: algorithm.jose_name(), kid };
    jws::signing_input(&header, claims)
}

/// `iss`, `sub`, `jti`.
const MAX_ID: usize = 256;
