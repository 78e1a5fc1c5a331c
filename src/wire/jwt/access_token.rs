//! JWT access tokens (RFC 9068): `typ` is `at+jwt`, whatever else is refused.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::wire::base64;
use crate::wire::crypto::{PublicKey, SignatureAlgorithm};

use super::claims::{MAX_TEXT, Members};
use super::jws::{self, Jws, OwnHeader};
use super::{BadSignature, Confirmation, Error, Times};

/// What the token says. Inside an [`AccessToken`] it was signed; elsewhere it is hearsay.
#[derive(Debug, Clone)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: Vec<String>,
    pub client_id: String,
    pub jwt_id: String,
    pub times: Times,
    pub scope: Option<String>,
    pub confirmation: Option<Confirmation>,
}

/// An access token as somebody presents it, its signature not verified.
#[derive(Debug)]
pub struct Claimed {
    jws: Jws,
    claims: Claims,
}

/// An access token whose signature was made by one of the keys given to [`Claimed::verify`].
#[derive(Debug)]
pub struct AccessToken {
    claims: Claims,
    key: [u8; 32],
}

/// Reads an access token.
///
/// # Errors
/// What in the text is not a JWT access token, by RFC 9068 2 and 4.
pub fn parse(text: &str) -> Result<Claimed, Error> {
    let jws = Jws::parse(text)?;
    jws.header.expect_type("an access token", &["at+jwt"])?;
    let claims = Claims::read(&jws.members()?)?;
    Ok(Claimed { jws, claims })
}

impl Claims {
    fn read(members: &Members) -> Result<Self, Error> {
        let (issuer, subject) = (members.text("iss", MAX_TEXT)?, members.text("sub", MAX_TEXT)?);
        // rules.md 5.3: what a client says of itself is never an access token.
        if issuer == subject {
            return Err(Error::IssuerAndSubject { issuer, subject });
        }
        let claims = Self {
            issuer,
            subject,
            audience: members.audience()?.0,
            client_id: members.text("client_id", MAX_TEXT)?,
            jwt_id: members.text("jti", MAX_TEXT)?,
            times: Times::read(members)?,
            scope: members.optional_text("scope", MAX_TEXT)?,
            confirmation: members.confirmation()?,
        };
        members.time("iat")?;
        Ok(claims)
    }
}

impl Claimed {
    /// What it says, for finding its issuer's keys. Nobody has shown any of it.
    pub fn unverified(&self) -> &Claims {
        &self.claims
    }

    /// `kid`: chooses among the issuer's keys, nothing else.
    pub fn key_id(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Verifies the signature with the issuer's keys, from configuration.
    ///
    /// # Errors
    /// When none of them made it.
    pub fn verify(self, issuer_keys: &[PublicKey]) -> Result<AccessToken, BadSignature> {
        let place = self.jws.verify(issuer_keys)?;
        let key = issuer_keys.get(place).ok_or(BadSignature)?.thumbprint();
        Ok(AccessToken { claims: self.claims, key })
    }
}

impl AccessToken {
    /// What was signed.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// SHA-256 of the SPKI that made the signature.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

/// The claims of a token that we write. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize)]
pub struct NewClaims {
    #[serde(rename = "iss")]
    pub issuer: String,
    #[serde(rename = "sub")]
    pub subject: String,
    #[serde(rename = "aud", serialize_with = "string_if_one")]
    pub audience: Vec<String>,
    #[serde(rename = "exp")]
    pub expires_at: i64,
    #[serde(rename = "iat")]
    pub issued_at: i64,
    #[serde(rename = "nbf")]
    pub not_before: i64,
    #[serde(rename = "jti")]
    pub jwt_id: String,
    pub client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(rename = "cnf", skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// RFC 9396 objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<serde_json::Value>,
    #[serde(rename = "txn")]
    pub transaction: String,
}

/// The bytes to sign; [`super::compact`] puts the signature behind them.
pub fn signing_input(claims: &NewClaims, algorithm: SignatureAlgorithm, kid: &str) -> Result<String, Error> {
    let header = OwnHeader { typ: "at+jwt", alg: algorithm.jose_name(), kid: Some(kid) };
    jws::signing_input(&header, claims)
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, thumbprint) = match self {
            Self::Certificate(thumbprint) => ("x5t#S256", thumbprint),
            Self::Key(thumbprint) => ("jkt", thumbprint),
        };
        BTreeMap::from([(name, base64::encode_url(thumbprint))]).serialize(serializer)
    }
}

/// Some resource servers read `aud` as a string only.
fn string_if_one<S: Serializer>(audience: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audience {
        [only] => only.serialize(serializer),
        all => all.serialize(serializer),
    }
}
