//! Public keys as JSON: JWK (RFC 7517, 7518 6, 8037 2), thumbprints (RFC 7638), JWK sets.
//!
//! In and out: [`PublicKey`]. There is no type here that could hold a private key, so none can be
//! published.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::wire::base64;
use crate::wire::crypto::{Components, Curve, KeyError, PublicKey, sha256};

use super::jws::algorithm;

/// A JWK set (RFC 7517 5).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JwkSet {
    pub keys: Vec<Value>,
}

/// A JWK is not a public key that we verify with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwkError {
    /// A member is missing, of the wrong type, or not in its one encoding.
    Member(&'static str),
    /// `kty`, `crv` or `alg` is none of ours (symmetric keys among them).
    Kind(String),
    /// `use` or `key_ops` says that the key is not for verifying.
    Purpose,
    /// It has a private part, or is nothing but one.
    Private,
    /// The numbers make no key.
    Key(KeyError),
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, "`{name}` is missing or not what it must be"),
            Self::Kind(found) => write!(f, "`{found}` is no kind of key that is used here"),
            Self::Purpose => f.write_str("the key is not for verifying signatures"),
            Self::Private => f.write_str("the key has a private part: register the public half only"),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for JwkError {}

/// Reads one JWK that is for verifying signatures.
///
/// # Errors
/// When it is for something else, has private members, or makes no key that we take.
pub fn read(members: &Map<String, Value>) -> Result<PublicKey, JwkError> {
    if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err(JwkError::Private);
    }
    let signs = members.get("use").is_none_or(|purpose| purpose == "sig");
    let verifies = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
    if !signs || !members.get("key_ops").is_none_or(verifies) {
        return Err(JwkError::Purpose);
    }
    let key = match (text(members, "kty")?, members.get("crv").and_then(Value::as_str)) {
        ("RSA", _) => PublicKey::from_rsa(&number(members, "n")?, &number(members, "e")?),
        ("EC", Some(name)) => match Curve::ALL.into_iter().find(|curve| curve.jose_name() == name) {
            Some(curve) => PublicKey::from_point(curve, &bytes(members, "x")?, &bytes(members, "y")?),
            None => return Err(JwkError::Kind(name.to_owned())),
        },
        ("OKP", Some("Ed25519")) => PublicKey::from_ed25519(&bytes(members, "x")?),
        (kind, curve) => return Err(JwkError::Kind(curve.unwrap_or(kind).to_owned())),
    };
    let key = key.map_err(JwkError::Key)?;
    // RFC 7517 4.4: a key that is meant for another algorithm (RSA-PSS) is not for ours.
    match members.get("alg") {
        None => Ok(key),
        Some(name) => match name.as_str().and_then(algorithm) {
            Some(algorithm) if algorithm.key_kind() == key.kind() => Ok(key),
            _ => Err(JwkError::Kind(name.as_str().unwrap_or("alg").to_owned())),
        },
    }
}

/// The key as published for verifying: `kid`, `alg`, `use`, and the certificate chain (DER, leaf
/// first) where there is one.
pub fn published(key: &PublicKey, kid: &str, alg: &str, chain: &[Vec<u8>]) -> Value {
    let members = required(key).into_iter();
    let mut members: Map<String, Value> =
        members.map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    members.insert("kid".to_owned(), json!(kid));
    members.insert("alg".to_owned(), json!(alg));
    members.insert("use".to_owned(), json!("sig"));
    if let Some(leaf) = chain.first() {
        // RFC 7517 4.7: standard base64, not base64url.
        let chain: Vec<String> = chain.iter().map(|der| base64::encode(der)).collect();
        members.insert("x5c".to_owned(), json!(chain));
        members.insert("x5t#S256".to_owned(), json!(base64::encode_url(&certificate_thumbprint(leaf))));
    }
    Value::Object(members)
}

/// SHA-256 of the key's required members (RFC 7638): `jkt`.
pub fn thumbprint(key: &PublicKey) -> [u8; 32] {
    let members: Vec<String> =
        required(key).into_iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    sha256(format!("{{{}}}", members.join(",")).as_bytes())
}

/// `x5t#S256`: SHA-256 of a certificate's DER (RFC 8705 3.1).
pub fn certificate_thumbprint(der: &[u8]) -> [u8; 32] {
    sha256(der)
}

/// The members that make the key, in the order of RFC 7638 3.2 (lexicographic).
fn required(key: &PublicKey) -> Vec<(&'static str, String)> {
    let url = |bytes: &[u8]| base64::encode_url(bytes);
    match key.components() {
        Components::Rsa { modulus, exponent } => {
            vec![("e", url(exponent)), ("kty", "RSA".to_owned()), ("n", url(modulus))]
        }
        Components::Ec { curve, x, y } => {
            vec![("crv", curve.jose_name().to_owned()), ("kty", "EC".to_owned()), ("x", url(x)), ("y", url(y))]
        }
        Components::Ed25519 { x } => vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", url(x))],
    }
}

fn text<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<&'m str, JwkError> {
    members.get(name).and_then(Value::as_str).ok_or(JwkError::Member(name))
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    base64::decode_url(text(members, name)?).map_err(|_| JwkError::Member(name))
}

/// RFC 7518 6.3.1.1: "the minimum number of octets", so that a thumbprint names one key.
fn number(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = bytes(members, name)?;
    if bytes.first().is_none_or(|first| *first == 0) { Err(JwkError::Member(name)) } else { Ok(bytes) }
}

/// RFC 7518 6.2.2, 6.3.2, 6.4.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_specifications() {
        // RFC 7638 3.1, and RFC 8037 A.3.
        let rsa = members(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
        );
        let ed25519 = members(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        for (key, wanted) in [
            (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        ] {
            let read_key = read(&key).unwrap();
            assert_eq!(base64::encode_url(&thumbprint(&read_key)), wanted);
            let alg = if read_key.kind() == crate::wire::crypto::KeyKind::Rsa { "RS256" } else { "EdDSA" };
            let published = published(&read_key, "name", alg, &[]);
            assert_eq!(read(published.as_object().unwrap()).unwrap(), read_key, "written and read again");
        }
    }

    #[test]
    fn a_key_that_is_private_symmetric_or_for_another_use_is_refused() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let cases = [
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{x}"}}"#), JwkError::Private),
            (format!(r#"{{"kty":"oct","k":"{x}"}}"#), JwkError::Private),
            (r#"{"kty":"oct"}"#.to_owned(), JwkError::Kind("oct".to_owned())),
            (format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{x}"}}"#), JwkError::Kind("secp256k1".to_owned())),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","use":"enc"}}"#), JwkError::Purpose),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","key_ops":["encrypt"]}}"#), JwkError::Purpose),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(), JwkError::Key(KeyError::Encoding)),
            (r#"{"kty":"RSA","n":"AAEB","e":"AQAB"}"#.to_owned(), JwkError::Member("n")),
        ];
        for (json, wanted) in cases {
            assert_eq!(read(&members(&json)).unwrap_err(), wanted, "{json}");
        }
    }
}
