//! JWS in compact serialisation (RFC 7515 3.1): three parts, base64url without padding, a closed
//! list of algorithms, no extensions.

use std::fmt;

use crate::wire::base64;
use crate::wire::crypto::{PublicKey, SignatureAlgorithm};

use super::claims::Members;
use super::json;
use super::{ClaimFault, Error, JsonFault, Part};

/// No registered key verifies the signature. Which key came how far is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature was not made by a known key")
    }
}

impl std::error::Error for BadSignature {}

/// The header parameters that we read.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub algorithm: SignatureAlgorithm,
    pub typ: Option<String>,
    pub kid: Option<String>,
}

/// A compact JWS in its parts, not verified.
#[derive(Debug, Clone)]
pub(super) struct Jws {
    pub header: Header,
    pub payload: Vec<u8>,
    /// `BASE64URL(header) || '.' || BASE64URL(payload)`: what the signature covers.
    signing_input: String,
    signature: Vec<u8>,
}

impl Jws {
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong { limit: MAX_BYTES, found: text.len() });
        }
        let (header, payload, signature) = parts(text)?;
        let signing_input = text.get(..header.len() + 1 + payload.len()).unwrap_or_default().to_owned();
        let header = Header::read(&decode(header, Part::Header)?)?;
        let payload = decode(payload, Part::Payload)?;
        let signature = decode(signature, Part::Signature)?;
        Ok(Self { header, payload, signing_input, signature })
    }

    /// The payload as a JSON object, its members not yet looked at.
    pub fn members(&self) -> Result<Members, Error> {
        object(&self.payload, Part::Payload)
    }

    /// The place in `keys` of the key that made the signature. The algorithm must suit the key's
    /// own kind: a header cannot turn an RSA key into something else (RFC 8725 3.1).
    pub fn verify(&self, keys: &[PublicKey]) -> Result<usize, BadSignature> {
        let message = self.signing_input.as_bytes();
        let made_by = |key: &PublicKey| key.verify(self.header.algorithm, message, &self.signature).is_ok();
        keys.iter().position(made_by).ok_or(BadSignature)
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let members = object(bytes, Part::Header)?;
        // RFC 7515 4.1.11: an extension that is not understood makes the JWS one that is refused.
        // RFC 7797's `b64` is one even where `crit` fails to say so.
        for extension in ["crit", "b64"] {
            if members.has(extension) {
                return Err(Error::Critical { found: extension });
            }
        }
        if let Some(content) = members.optional_text("cty", MAX_NAME)? {
            return Err(Error::Kind { wanted: "a token that holds claims", found: content });
        }
        let name = members.optional_text("alg", MAX_NAME)?.unwrap_or_default();
        let algorithm = algorithm(&name).ok_or(Error::Algorithm { found: name })?;
        Ok(Self {
            algorithm,
            typ: members.optional_text("typ", MAX_NAME)?,
            kid: members.optional_text("kid", MAX_NAME)?,
        })
    }

    /// Whether `typ` is one of `taken`: media types, in any case, `application/` left out or not
    /// (RFC 7515 4.1.9). The empty text in `taken` stands for a header without `typ`.
    pub fn expect_type(&self, wanted: &'static str, taken: &[&str]) -> Result<(), Error> {
        let found = self.typ.as_deref().unwrap_or_default();
        let lower = found.to_ascii_lowercase();
        let bare = lower.strip_prefix("application/").unwrap_or(&lower);
        let fits = taken.contains(&bare) && (bare == lower || !bare.is_empty());
        if fits { Ok(()) } else { Err(Error::Kind { wanted, found: found.to_owned() }) }
    }
}

/// What is to be signed, for a header and claims that we write ourselves.
pub(super) fn signing_input(header: &impl serde::Serialize, claims: &impl serde::Serialize) -> Result<String, Error> {
    let mut text = encoded(header, Part::Header)?;
    text.push('.');
    text.push_str(&encoded(claims, Part::Payload)?);
    Ok(text)
}

/// The finished token: a signing input, and the signature over it.
pub fn compact(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", base64::encode_url(signature))
}

/// A header as we write it: RFC 7515 4.1.
#[derive(Debug, serde::Serialize)]
pub(super) struct OwnHeader<'a> {
    pub typ: &'static str,
    pub alg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<&'a str>,
}

/// The algorithm of a JOSE name. RFC 9864 calls EdDSA with that curve `Ed25519`.
pub(super) fn algorithm(name: &str) -> Option<SignatureAlgorithm> {
    if name == "Ed25519" { Some(SignatureAlgorithm::Ed25519) } else { SignatureAlgorithm::from_jose_name(name) }
}

fn parts(text: &str) -> Result<(&str, &str, &str), Error> {
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok((header, payload, signature)),
        _ => Err(Error::Parts { found: text.split('.').count() }),
    }
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, Error> {
    base64::decode_url(text).map_err(|_| Error::Encoding(part))
}

fn object(bytes: &[u8], part: Part) -> Result<Members, Error> {
    json::object(bytes).map(Members::new).map_err(|fault| Error::Json { part, fault })
}

fn encoded(value: &impl serde::Serialize, part: Part) -> Result<String, Error> {
    let json =
        serde_json::to_vec(value).map_err(|error| Error::Json { part, fault: JsonFault::Syntax(error.to_string()) })?;
    Ok(base64::encode_url(&json))
}

/// The fault of a claim, for the kinds.
pub(super) fn fault(name: &'static str, fault: ClaimFault) -> Error {
    Error::Claim { name, fault }
}

/// The whole token. Client assertions have some 700 bytes, access tokens some 1,500.
pub(super) const MAX_BYTES: usize = 16 * 1024;
/// `alg`, `typ`, `kid`.
const MAX_NAME: usize = 256;
