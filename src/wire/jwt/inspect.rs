//! A look at any JWT, for people at a terminal. It believes nothing and refuses little.

use serde_json::{Map, Value};

use crate::wire::base64;

use super::json;
use super::{Error, Part};

/// What a token says of itself. Nothing of it was verified, and nothing here can be.
#[derive(Debug, Clone)]
pub struct Inspection {
    pub header: Map<String, Value>,
    /// `None` when the payload is not a JSON object.
    pub payload: Option<Map<String, Value>>,
    /// Bytes of the signature.
    pub signature_length: usize,
}

/// Reads a JWT of any kind and algorithm, without verifying anything.
///
/// # Errors
/// When the text is not a compact JWS at all.
pub fn inspect(text: &str) -> Result<Inspection, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::TooLong { limit: MAX_BYTES, found: text.len() });
    }
    let parts: Vec<&str> = text.trim().split('.').take(6).collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err(Error::Parts { found: parts.len() });
    };
    let header = decode(header, Part::Header)?;
    let header = json::object(&header).map_err(|fault| Error::Json { part: Part::Header, fault })?;
    let payload = decode(payload, Part::Payload)?;
    let signature = decode(signature, Part::Signature)?;
    Ok(Inspection { header, payload: json::object(&payload).ok(), signature_length: signature.len() })
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, Error> {
    base64::decode_url(text).map_err(|_| Error::Encoding(part))
}

/// Larger than what the doors take: a token that is too long may be what somebody looks into.
const MAX_BYTES: usize = 1024 * 1024;
