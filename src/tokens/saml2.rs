//! SAML 2.0 assertions, always holder-of-key: whom it is about, the key that must be proven, the
//! service it is for, and what was granted to be told, under one enveloped signature.
//!
//! Attributes of ours have names under one prefix, `urn:vidimus:attribute:` unless the operator
//! says otherwise; claims keep the URI that they were granted under.

use crate::model::{Algorithm, Binding, KeyHandle, Means, Scheme, TokenType};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, PublicKey, SignatureAlgorithm};
use crate::wire::dsig::sign::{Enveloped, draft_enveloped};
use crate::wire::saml::{ConfirmationKey, NAME_ID_UNSPECIFIED, NewAssertion, NewAttribute, SIGNED_PREFIXES, key_info};

use super::{Draft, Grant, MintError, Token, TokenFormat};

/// Writes grants down as SAML 2.0 assertions.
#[derive(Debug, Clone)]
pub struct Saml2 {
    /// What stands before the names of our own attributes.
    attribute_prefix: String,
}

impl Saml2 {
    pub fn new(attribute_prefix: impl Into<String>) -> Self {
        Self { attribute_prefix: attribute_prefix.into() }
    }

    /// The attributes of a grant, each name once.
    fn attributes(&self, grant: &Grant) -> Vec<NewAttribute> {
        let mut attributes: Vec<NewAttribute> = Vec::new();
        let mut put = |name: String, values: &mut dyn Iterator<Item = String>| {
            let known = attributes.iter_mut().find(|attribute| attribute.name == name);
            match known {
                Some(attribute) => attribute.values.extend(values),
                None => attributes.push(NewAttribute { name, values: values.collect() }),
            }
        };
        let ours = |name: &str| format!("{}{name}", self.attribute_prefix);
        if let Some(number) = &grant.sender_number {
            put(ours("sender-number"), &mut std::iter::once(number.clone()));
        }
        if grant.subject.scheme() == Scheme::Cbe {
            put(ours("enterprise-number"), &mut std::iter::once(grant.subject.value().to_owned()));
        }
        if let Some(party) = &grant.on_behalf_of {
            put(ours("on-behalf-of"), &mut std::iter::once(party.to_string()));
        }
        if let Some(mandate) = &grant.mandate {
            put(ours("mandate"), &mut std::iter::once(format!("{}/{}", mandate.id, mandate.version)));
        }
        for claim in &grant.claims {
            // A claim under one of our own names would speak in our voice.
            if !claim.claim_type.0.starts_with(&self.attribute_prefix) {
                put(claim.claim_type.0.clone(), &mut claim.values.iter().cloned());
            }
        }
        attributes
    }
}

impl Default for Saml2 {
    fn default() -> Self {
        Self::new(ATTRIBUTE_PREFIX)
    }
}

impl TokenFormat for Saml2 {
    fn token_type(&self) -> TokenType {
        TokenType::Saml2
    }

    fn draft(&self, grant: &Grant, key: &KeyHandle) -> Result<Draft, MintError> {
        // rules.md 5.1: bound out, without exception.
        let binding = grant.binding.as_ref();
        let binding =
            binding.ok_or_else(|| MintError("the grant names no key; SAML is issued holder-of-key".into()))?;
        let public;
        let confirmation = match binding {
            Binding::Certificate { certificate, .. } => ConfirmationKey::Certificate(certificate),
            Binding::Key { spki, .. } => {
                public = PublicKey::from_spki(spki).map_err(|error| MintError(error.to_string()))?;
                ConfirmationKey::Key(&public)
            }
        };
        let audiences: Vec<String> = grant.audience.iter().map(|target| target.0.clone()).collect();
        let assertion = NewAssertion {
            id: &grant.token_id,
            issuer: &grant.issuer,
            issue_instant: grant.issued_at,
            name_id: &grant.subject.to_string(),
            name_id_format: NAME_ID_UNSPECIFIED,
            confirmation,
            not_before: grant.validity.not_before,
            not_on_or_after: grant.validity.not_on_or_after,
            audiences: &audiences,
            authn_instant: grant.authenticated_at,
            authn_context: authn_context(grant.means),
            attributes: &self.attributes(grant),
        }
        .write()
        .map_err(|error| MintError(error.to_string()))?;

        let signature = draft_enveloped(&Enveloped {
            element: &assertion.bytes,
            id: &grant.token_id,
            insert_at: assertion.signature_at,
            algorithm: algorithm(key.algorithm),
            digest: DigestAlgorithm::Sha256,
            prefixes: SIGNED_PREFIXES,
            key_info: &key_info(&key.chain),
        });
        let (to_sign, before, after) = signature.into_parts();
        Ok(Draft { to_sign, before, after, token_type: TokenType::Saml2, token_id: grant.token_id.clone() })
    }

    fn seal(&self, draft: Draft, signature: &[u8]) -> Token {
        let bytes = [draft.before, base64::encode(signature).into_bytes(), draft.after].concat();
        Token { token_type: draft.token_type, token_id: draft.token_id, bytes }
    }
}

/// AuthnContextClassRef: how the subject showed who it is (SAML 2.0 Authentication Context 3.4).
fn authn_context(means: Means) -> &'static str {
    match means {
        Means::X509Signature => "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
        Means::SamlHolderOfKey => "urn:oasis:names:tc:SAML:2.0:ac:classes:XMLDSig",
        Means::SamlOverMutualTls => "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient",
        Means::PrivateKeyJwt => "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
    }
}

fn algorithm(algorithm: Algorithm) -> SignatureAlgorithm {
    match algorithm {
        Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256,
        Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256,
        Algorithm::Ed25519 => SignatureAlgorithm::Ed25519,
    }
}

/// The prefix of our own attribute names, unless configured.
pub const ATTRIBUTE_PREFIX: &str = "urn:vidimus:attribute:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Claim, ClaimType, KeyPurpose, KeyState, KeyThumbprint, Mandate, MandateId, MandateStatus, PartyId, Scope,
        Target, Time, Validity,
    };
    use crate::wire::crypto::{KeyKind, PrivateKey};
    use crate::wire::dsig::Signature;
    use crate::wire::saml::Assertion;
    use crate::wire::xml::{Document, Limits};

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn party(text: &str) -> PartyId {
        text.parse().unwrap()
    }

    fn handle(key: &PrivateKey) -> KeyHandle {
        KeyHandle {
            name: "assertions-1".to_owned(),
            purpose: KeyPurpose::Assertions,
            algorithm: Algorithm::EcdsaP256Sha256,
            state: KeyState::Active,
            thumbprint: KeyThumbprint(key.public().thumbprint()),
            chain: vec![b"a certificate".to_vec()],
            spki: key.public().spki().to_vec(),
        }
    }

    fn grant(holder: &PrivateKey) -> Grant {
        let claim = |name: &str, value: &str| Claim {
            claim_type: ClaimType(name.to_owned()),
            values: vec![value.to_owned()],
            source: "test".to_owned(),
        };
        Grant {
            issuer: "https://sts.example".to_owned(),
            token_id: "_6f1f".to_owned(),
            transaction: "txn".to_owned(),
            issued_at: at("2026-11-22T10:00:00Z"),
            validity: Validity { not_before: at("2026-11-22T09:59:00Z"), not_on_or_after: at("2026-11-22T11:00:00Z") },
            subject: party("cbe:0206731645"),
            pairwise_subject: "pairwise".to_owned(),
            sender_number: Some("006400".to_owned()),
            client_id: None,
            audience: vec![Target("https://service.example/".to_owned())],
            scope: Scope::default(),
            binding: Some(Binding::Key {
                key: KeyThumbprint(holder.public().thumbprint()),
                spki: holder.public().spki().to_vec(),
            }),
            means: Means::X509Signature,
            authenticated_at: at("2026-11-22T10:00:00Z"),
            on_behalf_of: Some(party("cbe:0403019261")),
            mandate: Some(Mandate {
                id: MandateId(7),
                version: 2,
                grantor: party("cbe:0403019261"),
                grantee: party("cbe:0206731645"),
                mandate_type: "dmfa".to_owned(),
                status: MandateStatus::Active,
                valid_from: at("2026-01-01T00:00:00Z"),
                valid_until: None,
                created_at: at("2026-01-01T00:00:00Z"),
                ended_at: None,
            }),
            claims: vec![
                claim("urn:role", "a"),
                claim("urn:role", "</saml2:AttributeValue>"),
                claim("urn:vidimus:attribute:mandate", "8/1"),
            ],
        }
    }

    #[test]
    fn an_assertion_that_was_sealed_verifies_and_says_what_was_granted() {
        let (key, _) = PrivateKey::generate(KeyKind::P256).unwrap();
        let (holder, _) = PrivateKey::generate(KeyKind::P256).unwrap();
        let grant = grant(&holder);
        let format = Saml2::default();
        let draft = format.draft(&grant, &handle(&key)).unwrap();
        let signature = key.sign(SignatureAlgorithm::EcdsaP256Sha256, &draft.to_sign).unwrap();
        let token = format.seal(draft, &signature);
        assert!(!token.bytes.contains(&b'\r'));

        let limits = Limits::default();
        let envelope = [b"<x xmlns=\"urn:x\" xmlns:xs=\"urn:decoy\">".as_slice(), &token.bytes, b"</x>"].concat();
        for document in [token.bytes.clone(), envelope] {
            let document = Document::parse(document, &limits).unwrap();
            let element = document.elements().find(|element| element.local_name() == "Assertion").unwrap();
            let assertion = Assertion::read(element).unwrap();
            let signature = Signature::parse(assertion.signature.unwrap(), &limits).unwrap();
            let [reference] = signature.references() else { panic!("one reference") };
            let computed = reference.digest(&limits).unwrap();
            assert!(computed.matches && computed.covered == element);
            signature.verify_value(key.public(), &limits).unwrap();

            let value = |name: &str| assertion.attribute(name).unwrap().map(|attribute| attribute.values.join("|"));
            assert_eq!(assertion.subject.name_id.as_ref().map(|name| name.value.as_str()), Some("cbe:0206731645"));
            assert_eq!(value("urn:vidimus:attribute:sender-number").as_deref(), Some("006400"));
            assert_eq!(value("urn:vidimus:attribute:enterprise-number").as_deref(), Some("0206731645"));
            assert_eq!(value("urn:vidimus:attribute:on-behalf-of").as_deref(), Some("cbe:0403019261"));
            assert_eq!(value("urn:vidimus:attribute:mandate").as_deref(), Some("7/2"));
            assert_eq!(value("urn:role").as_deref(), Some("a|</saml2:AttributeValue>"));
        }
    }

    #[test]
    fn without_a_key_or_an_audience_nothing_is_minted() {
        let (key, _) = PrivateKey::generate(KeyKind::P256).unwrap();
        let grant = grant(&key);
        let unbound = Grant { binding: None, ..grant.clone() };
        assert!(Saml2::default().draft(&unbound, &handle(&key)).unwrap_err().0.contains("holder-of-key"));
        let nowhere = Grant { audience: Vec::new(), ..grant };
        assert!(Saml2::default().draft(&nowhere, &handle(&key)).unwrap_err().0.contains("audience"));
    }
}
