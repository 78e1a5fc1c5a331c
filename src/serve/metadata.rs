//! What the OAuth door publishes of itself: RFC 8414 metadata (also as `openid-configuration`) and
//! the JWK set.
//!
//! Pure functions of configured strings and keys: no URL is ever built from a Host header. A list
//! says what the code does, because it is made from what the code uses.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Algorithm, KeyHandle, Scope};
use crate::wire::base64;
use crate::wire::crypto::{PublicKey, SignatureAlgorithm, sha256};
use crate::wire::jwt::jwk::{self, JwkSet};
use crate::wire::oauth::{EndpointAliases, GrantType, Metadata};

/// Where the endpoints are, as clients know them: configured URLs.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints<'c> {
    pub issuer: &'c str,
    pub token: &'c str,
    pub jwks: &'c str,
    /// Asked for by OpenID clients; nothing is served there.
    pub authorization: &'c str,
    /// The token endpoint for clients that show a certificate, where that is another listener.
    pub token_with_certificate: Option<&'c str>,
    /// The page for people.
    pub documentation: Option<&'c str>,
}

/// A document, byte-stable for one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub body: String,
    /// A strong entity tag, with its quotes.
    pub etag: String,
}

/// `Content-Type` of both documents.
pub const CONTENT_TYPE: &str = "application/json";
/// `Cache-Control` of both documents: a new key is published long before it signs.
pub const CACHE_CONTROL: &str = "public, max-age=300";

/// The metadata document, one content for both well-known places.
pub fn metadata<'s>(endpoints: &Endpoints<'_>, scopes: impl IntoIterator<Item = &'s Scope>) -> Metadata {
    let scopes: BTreeSet<&String> = scopes.into_iter().flat_map(|scope| &scope.0).collect();
    // The endpoint that asks for a certificate is the only one; openid-client and oauth4webapi
    // look for an alias all the same.
    let with_certificate = endpoints.token_with_certificate.unwrap_or(endpoints.token);
    Metadata {
        issuer: endpoints.issuer.to_owned(),
        token_endpoint: endpoints.token.to_owned(),
        jwks_uri: endpoints.jwks.to_owned(),
        grant_types_supported: GrantType::ALL.iter().map(|grant| grant.as_str().to_owned()).collect(),
        response_types_supported: Vec::new(),
        subject_types_supported: vec!["pairwise".to_owned()],
        authorization_endpoint: endpoints.authorization.to_owned(),
        id_token_signing_alg_values_supported: Vec::new(),
        token_endpoint_auth_methods_supported: vec!["private_key_jwt".to_owned()],
        token_endpoint_auth_signing_alg_values_supported: SignatureAlgorithm::JOSE
            .iter()
            .map(|algorithm| algorithm.jose_name().to_owned())
            .collect(),
        scopes_supported: scopes.into_iter().cloned().collect(),
        tls_client_certificate_bound_access_tokens: true,
        mtls_endpoint_aliases: Some(EndpointAliases { token_endpoint: with_certificate.to_owned() }),
        service_documentation: endpoints.documentation.map(str::to_owned),
    }
}

/// The public keys that verify our access tokens: `next`, `active` and `retired`.
pub fn jwks(published: &[KeyHandle]) -> JwkSet {
    let key = |handle: &KeyHandle| {
        let key = PublicKey::from_spki(&handle.spki).ok()?;
        Some(jwk::published(&key, &handle.name, jose_name(handle.algorithm), &handle.chain))
    };
    JwkSet { keys: published.iter().filter_map(key).collect() }
}

/// A document as it is sent.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn document(content: &impl Serialize) -> Result<Document, serde_json::Error> {
    let body = serde_json::to_string_pretty(content)?;
    let etag = format!("\"{}\"", base64::encode_url(&sha256(body.as_bytes())));
    Ok(Document { body, etag })
}

fn jose_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256.jose_name(),
        Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256.jose_name(),
        Algorithm::Ed25519 => SignatureAlgorithm::Ed25519.jose_name(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{KeyPurpose, KeyState, KeyThumbprint};
    use crate::wire::crypto::{KeyKind, PrivateKey};

    const ENDPOINTS: Endpoints<'_> = Endpoints {
        issuer: "https://sts.example",
        token: "https://sts.example/oauth2/token",
        jwks: "https://sts.example/oauth2/jwks",
        authorization: "https://sts.example/oauth2/authorize",
        token_with_certificate: None,
        documentation: None,
    };

    #[test]
    fn the_metadata_has_what_each_client_library_asks_for() {
        let scopes = [Scope::parse("write read").unwrap(), Scope::parse("read").unwrap()];
        let document = serde_json::to_value(metadata(&ENDPOINTS, &scopes)).unwrap();
        assert_eq!(
            document,
            json!({
                "issuer": "https://sts.example",
                "token_endpoint": "https://sts.example/oauth2/token",
                "jwks_uri": "https://sts.example/oauth2/jwks",
                "grant_types_supported":
                    ["urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials"],
                "response_types_supported": [],
                "subject_types_supported": ["pairwise"],
                "authorization_endpoint": "https://sts.example/oauth2/authorize",
                "id_token_signing_alg_values_supported": [],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"],
                "scopes_supported": ["read", "write"],
                "tls_client_certificate_bound_access_tokens": true,
                "mtls_endpoint_aliases": {"token_endpoint": "https://sts.example/oauth2/token"}
            })
        );
    }

    #[test]
    fn a_document_is_byte_stable_and_its_tag_moves_with_it() {
        let first = document(&metadata(&ENDPOINTS, &[])).unwrap();
        assert_eq!(first, document(&metadata(&ENDPOINTS, &[])).unwrap());
        let moved = Endpoints { token: "https://sts.example/token", ..ENDPOINTS };
        assert_ne!(first.etag, document(&metadata(&moved, &[])).unwrap().etag);
    }

    #[test]
    fn a_published_key_can_be_read_and_has_no_private_member() {
        for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa] {
            let key = PrivateKey::generate(kind).unwrap().0;
            let handle = KeyHandle {
                name: "at-1".to_owned(),
                purpose: KeyPurpose::AccessTokens,
                algorithm: match kind {
                    KeyKind::Rsa => Algorithm::RsaSha256,
                    KeyKind::P256 => Algorithm::EcdsaP256Sha256,
                    _ => Algorithm::Ed25519,
                },
                state: KeyState::Active,
                thumbprint: KeyThumbprint(key.public().thumbprint()),
                chain: vec![b"certificate".to_vec()],
                spki: key.public().spki().to_vec(),
            };
            let document: Value = serde_json::from_str(&document(&jwks(&[handle])).unwrap().body).unwrap();
            let published = document["keys"][0].as_object().unwrap();
            assert_eq!(jwk::read(published).unwrap(), *key.public());
            assert_eq!((&published["kid"], &published["use"]), (&json!("at-1"), &json!("sig")));
            // CVE-2019-12423: an authorization server published its private keys.
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert!(!published.contains_key(private), "{private}");
            }
        }
    }
}
