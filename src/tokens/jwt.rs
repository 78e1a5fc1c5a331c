//! JWT access tokens (RFC 9068), bound to the shown certificate (RFC 8705 3.1), with the mandate
//! that was used as an RFC 9396 object.
//!
//! The subject is the pairwise value, never the identifier; attributes are not released here.
//! A national number is in no token of this format, whoever it belongs to.

use serde_json::{Map, Value, json};

use crate::model::{Algorithm, Binding, KeyHandle, Mandate, Means, PartyId, Scheme, Time, TokenType};
use crate::wire::base64;
use crate::wire::crypto::SignatureAlgorithm;
use crate::wire::jwt::{Confirmation, access_token, jwk};

use super::{Draft, Grant, MintError, Token, TokenFormat};

/// Writes grants down as `at+jwt`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JwtAccessToken;

impl TokenFormat for JwtAccessToken {
    fn token_type(&self) -> TokenType {
        TokenType::AccessToken
    }

    fn draft(&self, grant: &Grant, key: &KeyHandle) -> Result<Draft, MintError> {
        let algorithm = algorithm(key.algorithm);
        let claims = claims(grant)?;
        let input = access_token::signing_input(&claims, algorithm, &key.name).map_err(|e| MintError(e.to_string()))?;
        Ok(Draft {
            before: format!("{input}.").into_bytes(),
            to_sign: input.into_bytes(),
            after: Vec::new(),
            token_type: TokenType::AccessToken,
            token_id: grant.token_id.clone(),
        })
    }

    fn seal(&self, draft: Draft, signature: &[u8]) -> Token {
        let mut bytes = draft.before;
        bytes.extend_from_slice(base64::encode_url(signature).as_bytes());
        Token { token_type: draft.token_type, token_id: draft.token_id, bytes }
    }
}

/// RFC 9068 2.2.
fn claims(grant: &Grant) -> Result<access_token::NewClaims, MintError> {
    let client_id = grant.client_id.clone().ok_or_else(|| lacks("a client_id"))?;
    if grant.audience.is_empty() {
        return Err(lacks("an audience"));
    }
    // rules.md 5.3: client_ids and issuers are no subjects; our own readers refuse the token.
    if grant.pairwise_subject.is_empty() || grant.pairwise_subject == grant.issuer {
        return Err(lacks("a pairwise subject"));
    }
    Ok(access_token::NewClaims {
        issuer: grant.issuer.clone(),
        subject: grant.pairwise_subject.clone(),
        audience: grant.audience.iter().map(|target| target.0.clone()).collect(),
        expires_at: grant.validity.not_on_or_after.timestamp(),
        issued_at: grant.issued_at.timestamp(),
        not_before: grant.validity.not_before.timestamp(),
        jwt_id: grant.token_id.clone(),
        client_id,
        scope: (!grant.scope.is_empty()).then(|| grant.scope.to_string()),
        auth_time: Some(grant.authenticated_at.timestamp()),
        confirmation: confirmation(grant)?,
        authorization_details: grant.mandate.iter().map(|mandate| details(grant, mandate)).collect(),
        transaction: grant.transaction.clone(),
    })
}

/// Holder-of-key in, bound out (`rules.md` 5.1). Only a client that showed no key but that of its
/// assertion gets a token without `cnf`.
fn confirmation(grant: &Grant) -> Result<Option<Confirmation>, MintError> {
    match (&grant.binding, grant.means) {
        (Some(Binding::Certificate { certificate, .. }), _) => {
            Ok(Some(Confirmation::Certificate(jwk::certificate_thumbprint(certificate))))
        }
        // `jkt` promises DPoP at the resource server, and nobody has shown such a proof.
        (Some(Binding::Key { .. }), _) => Err(lacks("a certificate to be bound to")),
        (None, Means::PrivateKeyJwt) => Ok(None),
        (None, Means::X509Signature | Means::SamlHolderOfKey | Means::SamlOverMutualTls) => {
            Err(lacks("the key that it must be bound to"))
        }
    }
}

/// The mandate that was used (`oauth.md` 2.3). RFC 9396's common members first, so that generic
/// resource servers can work with it.
fn details(grant: &Grant, mandate: &Mandate) -> Value {
    let locations: Vec<&str> = grant.audience.iter().map(|target| target.0.as_str()).collect();
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("type", json!(MANDATE));
    put("identifier", json!(mandate.id.to_string()));
    put("locations", json!(locations));
    put("mandate_type", json!(mandate.mandate_type));
    put("grantor", party(&mandate.grantor, grant));
    put("grantee", party(&mandate.grantee, grant));
    put("valid_from", instant(mandate.valid_from));
    if let Some(until) = mandate.valid_until {
        put("valid_until", instant(until));
    }
    put("checked_at", instant(grant.issued_at));
    Value::Object(members)
}

/// A party of the mandate: the subject by its pairwise value, so that the token does not say who
/// `sub` is; a person by nothing at all; anybody else by the number of the public register.
fn party(party: &PartyId, grant: &Grant) -> Value {
    let kind = match party.scheme() {
        Scheme::Cbe => "enterprise",
        Scheme::Sender => "sender",
        Scheme::Ssin => "person",
        Scheme::Uri => "party",
    };
    if *party == grant.subject {
        json!({"type": kind, "id_type": "pairwise", "id": grant.pairwise_subject})
    } else if party.scheme() == Scheme::Ssin {
        json!({"type": kind})
    } else {
        json!({"type": kind, "id_type": party.scheme().as_str(), "id": party.value()})
    }
}

fn instant(time: Time) -> Value {
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

fn algorithm(algorithm: Algorithm) -> SignatureAlgorithm {
    match algorithm {
        Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256,
        Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256,
        Algorithm::Ed25519 => SignatureAlgorithm::Ed25519,
    }
}

fn lacks(what: &str) -> MintError {
    MintError(format!("the grant lacks {what}, which an access token needs"))
}

/// The type of a mandate as an RFC 9396 object; the number is the version of its members.
const MANDATE: &str = "urn:vidimus:mandate:1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyPurpose, KeyState, KeyThumbprint, MandateId, MandateStatus, Scope, Target, Validity};
    use crate::wire::crypto::{KeyKind, PrivateKey, sha256};
    use crate::wire::jwt::inspect;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).unwrap()
    }

    fn grant() -> Grant {
        let subject: PartyId = "cbe:0206731645".parse().unwrap();
        Grant {
            issuer: "https://sts.example".to_owned(),
            token_id: "_1".to_owned(),
            transaction: "0190".to_owned(),
            issued_at: at(1_000),
            validity: Validity { not_before: at(1_000), not_on_or_after: at(1_300) },
            subject,
            pairwise_subject: "pairwise-1".to_owned(),
            sender_number: Some("006400".to_owned()),
            client_id: Some("hr".to_owned()),
            audience: vec![Target("https://a.example".to_owned())],
            scope: Scope::parse("read write").unwrap(),
            binding: Some(Binding::Certificate { key: KeyThumbprint([1; 32]), certificate: b"der".to_vec() }),
            means: Means::SamlOverMutualTls,
            authenticated_at: at(990),
            on_behalf_of: None,
            mandate: None,
            claims: Vec::new(),
        }
    }

    fn mandate(grantor: &str) -> Mandate {
        Mandate {
            id: MandateId(12),
            version: 1,
            grantor: grantor.parse().unwrap(),
            grantee: "cbe:0206731645".parse().unwrap(),
            mandate_type: "dmfa".to_owned(),
            status: MandateStatus::Active,
            valid_from: at(0),
            valid_until: Some(at(2_000)),
            created_at: at(0),
            ended_at: None,
        }
    }

    fn handle(key: &PrivateKey) -> KeyHandle {
        KeyHandle {
            name: "at-1".to_owned(),
            purpose: KeyPurpose::AccessTokens,
            algorithm: Algorithm::EcdsaP256Sha256,
            state: KeyState::Active,
            thumbprint: KeyThumbprint(key.public().thumbprint()),
            chain: Vec::new(),
            spki: key.public().spki().to_vec(),
        }
    }

    fn minted(grant: &Grant) -> String {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().0;
        let draft = JwtAccessToken.draft(grant, &handle(&key)).unwrap();
        let signature = key.sign(SignatureAlgorithm::EcdsaP256Sha256, &draft.to_sign).unwrap();
        let token = JwtAccessToken.seal(draft, &signature);
        assert_eq!((token.token_type, token.token_id.as_str()), (TokenType::AccessToken, "_1"));
        let text = String::from_utf8(token.bytes).unwrap();
        // Our own reader takes what we write.
        access_token::parse(&text).unwrap().verify(&[key.public().clone()]).unwrap();
        text
    }

    #[test]
    fn a_grant_is_written_claim_by_claim() {
        let shown = inspect(&minted(&grant())).unwrap();
        assert_eq!(Value::Object(shown.header), json!({"typ": "at+jwt", "alg": "ES256", "kid": "at-1"}));
        let thumbprint = base64::encode_url(&sha256(b"der"));
        assert_eq!(
            Value::Object(shown.payload.unwrap()),
            json!({
                "iss": "https://sts.example", "sub": "pairwise-1", "aud": "https://a.example", "exp": 1300,
                "iat": 1000, "nbf": 1000, "jti": "_1", "client_id": "hr", "scope": "read write",
                "auth_time": 990, "cnf": {"x5t#S256": thumbprint}, "txn": "0190"
            })
        );
    }

    #[test]
    fn several_targets_are_an_array_and_no_scope_is_no_member() {
        let audience = vec![Target("https://a.example".to_owned()), Target("https://b.example".to_owned())];
        let payload =
            inspect(&minted(&Grant { audience, scope: Scope::default(), ..grant() })).unwrap().payload.unwrap();
        assert_eq!(payload["aud"], json!(["https://a.example", "https://b.example"]));
        assert!(!payload.contains_key("scope"));
    }

    #[test]
    fn the_mandate_names_the_subject_by_its_pairwise_value_and_no_person() {
        let details = |grantor| {
            let grant = Grant { mandate: Some(mandate(grantor)), ..grant() };
            inspect(&minted(&grant)).unwrap().payload.unwrap()["authorization_details"].clone()
        };
        assert_eq!(
            details("cbe:0404616494"),
            json!([{
                "type": "urn:vidimus:mandate:1", "identifier": "12", "locations": ["https://a.example"],
                "mandate_type": "dmfa",
                "grantor": {"type": "enterprise", "id_type": "cbe", "id": "0404616494"},
                "grantee": {"type": "enterprise", "id_type": "pairwise", "id": "pairwise-1"},
                "valid_from": "1970-01-01T00:00:00Z", "valid_until": "1970-01-01T00:33:20Z",
                "checked_at": "1970-01-01T00:16:40Z"
            }])
        );
        assert_eq!(details("ssin:85073003328")[0]["grantor"], json!({"type": "person"}));
    }

    #[test]
    fn a_key_that_was_proven_is_never_left_out() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().0;
        let draft = |binding: Option<Binding>, means| {
            JwtAccessToken.draft(&Grant { binding, means, ..grant() }, &handle(&key)).is_ok()
        };
        let bare = Binding::Key { key: KeyThumbprint([1; 32]), spki: Vec::new() };
        assert!(!draft(None, Means::SamlOverMutualTls));
        assert!(!draft(None, Means::SamlHolderOfKey));
        assert!(!draft(None, Means::X509Signature));
        assert!(!draft(Some(bare), Means::PrivateKeyJwt));
        assert!(draft(None, Means::PrivateKeyJwt));
    }

    #[test]
    fn a_grant_that_lacks_what_the_format_needs_is_not_minted() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().0;
        for grant in [
            Grant { client_id: None, ..grant() },
            Grant { audience: Vec::new(), ..grant() },
            Grant { pairwise_subject: String::new(), ..grant() },
            Grant { pairwise_subject: "https://sts.example".to_owned(), ..grant() },
        ] {
            assert!(JwtAccessToken.draft(&grant, &handle(&key)).is_err());
        }
    }
}
