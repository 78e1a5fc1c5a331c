//! What every key store must do, as one test that ours and others' run.
//!
//! [`broken_rules`] asks a store with at least one active key; an empty answer means that the
//! store keeps the contract. It signs only messages of its own.

use crate::model::{Algorithm, KeyHandle, KeyPurpose, KeyState, KeyThumbprint};
use crate::wire::crypto::{PublicKey, SignatureAlgorithm, sha256};

use super::KeyStore;

/// A rule that the store under test broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `active` gives an active key of the purpose asked for, and one that is published.
    ActiveIsPublished,
    /// `published` gives keys of the purpose asked for, and at most one active.
    PublishedIsOfItsPurpose,
    /// The thumbprint is SHA-256 of the SPKI, and the leaf of the chain has that key.
    HandleNamesItsKey,
    /// No key serves two purposes (`rules.md` 4.1).
    OneKeyOnePurpose,
    /// A signature verifies under the published key and algorithm, over that message and no other.
    SignatureVerifies,
    /// A key that is `next` or `retired` signs nothing, whatever the handle says.
    OnlyActiveSigns,
    /// A handle that names another key, or another purpose, signs nothing.
    HandleIsChecked,
    /// The same message has the same pseudonym, and another message another.
    PseudonymIsAFunction,
}

/// The rules that `store` breaks, in the order of [`Rule`].
pub async fn broken_rules(store: &dyn KeyStore) -> Vec<Rule> {
    let published: Vec<(KeyPurpose, Vec<KeyHandle>)> =
        PURPOSES.iter().map(|purpose| (*purpose, store.published(*purpose))).collect();
    let kept = [
        (Rule::ActiveIsPublished, active_is_published(store, &published)),
        (Rule::PublishedIsOfItsPurpose, published.iter().all(|(purpose, handles)| of_purpose(*purpose, handles))),
        (Rule::HandleNamesItsKey, published.iter().flat_map(|(_, handles)| handles).all(names_its_key)),
        (Rule::OneKeyOnePurpose, one_key_one_purpose(&published)),
        (Rule::SignatureVerifies, signatures_verify(store).await),
        (Rule::OnlyActiveSigns, only_active_signs(store, &published).await),
        (Rule::HandleIsChecked, handle_is_checked(store).await),
        (Rule::PseudonymIsAFunction, pseudonym_is_a_function(store)),
    ];
    kept.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule).collect()
}

fn active_is_published(store: &dyn KeyStore, published: &[(KeyPurpose, Vec<KeyHandle>)]) -> bool {
    published.iter().all(|(purpose, handles)| match store.active(*purpose) {
        Some(active) => active.state == KeyState::Active && active.purpose == *purpose && handles.contains(&active),
        None => handles.iter().all(|handle| handle.state != KeyState::Active),
    })
}

fn of_purpose(purpose: KeyPurpose, handles: &[KeyHandle]) -> bool {
    handles.iter().all(|handle| handle.purpose == purpose)
        && handles.iter().filter(|handle| handle.state == KeyState::Active).count() <= 1
}

fn names_its_key(handle: &KeyHandle) -> bool {
    handle.thumbprint == KeyThumbprint(sha256(&handle.spki))
        && handle
            .chain
            .first()
            .is_none_or(|leaf| PublicKey::from_certificate(leaf).is_ok_and(|certified| certified.spki() == handle.spki))
}

fn one_key_one_purpose(published: &[(KeyPurpose, Vec<KeyHandle>)]) -> bool {
    published.iter().enumerate().all(|(place, (_, handles))| {
        let others = published.iter().skip(place + 1).flat_map(|(_, others)| others);
        let others: Vec<&KeyHandle> = others.collect();
        handles.iter().all(|handle| others.iter().all(|other| other.spki != handle.spki))
    })
}

async fn signatures_verify(store: &dyn KeyStore) -> bool {
    for handle in PURPOSES.iter().filter_map(|purpose| store.active(*purpose)) {
        let Ok(signature) = store.sign(&handle, MESSAGE).await else { return false };
        let Ok(key) = PublicKey::from_spki(&handle.spki) else { return false };
        let algorithm = match handle.algorithm {
            Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256,
            Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256,
            Algorithm::Ed25519 => SignatureAlgorithm::Ed25519,
        };
        if key.verify(algorithm, MESSAGE, &signature).is_err() || key.verify(algorithm, OTHER, &signature).is_ok() {
            return false;
        }
    }
    true
}

async fn only_active_signs(store: &dyn KeyStore, published: &[(KeyPurpose, Vec<KeyHandle>)]) -> bool {
    for handle in published.iter().flat_map(|(_, handles)| handles) {
        if handle.state != KeyState::Active {
            let pretending = KeyHandle { state: KeyState::Active, ..handle.clone() };
            if store.sign(handle, MESSAGE).await.is_ok() || store.sign(&pretending, MESSAGE).await.is_ok() {
                return false;
            }
        }
    }
    true
}

async fn handle_is_checked(store: &dyn KeyStore) -> bool {
    for handle in PURPOSES.iter().filter_map(|purpose| store.active(*purpose)) {
        let elsewhere = PURPOSES.into_iter().find(|purpose| *purpose != handle.purpose).unwrap_or(handle.purpose);
        let forged = [
            KeyHandle { name: format!("{}-unknown", handle.name), ..handle.clone() },
            KeyHandle { thumbprint: KeyThumbprint([0; 32]), ..handle.clone() },
            KeyHandle { purpose: elsewhere, ..handle.clone() },
        ];
        for forged in forged {
            if store.sign(&forged, MESSAGE).await.is_ok() {
                return false;
            }
        }
    }
    true
}

fn pseudonym_is_a_function(store: &dyn KeyStore) -> bool {
    store.pseudonym(MESSAGE) == store.pseudonym(MESSAGE) && store.pseudonym(MESSAGE) != store.pseudonym(OTHER)
}

/// The purposes that key pairs have; pseudonyms have a secret.
const PURPOSES: [KeyPurpose; 5] = [
    KeyPurpose::Assertions,
    KeyPurpose::AccessTokens,
    KeyPurpose::Checkpoints,
    KeyPurpose::SoapAnswers,
    KeyPurpose::Tls,
];
const MESSAGE: &[u8] = b"vidimus key store contract";
const OTHER: &[u8] = b"vidimus key store contract, another message";

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::model::{SignError, Signer};
    use crate::wire::crypto::{KeyKind, PrivateKey, hmac_sha256};

    /// A store in memory that breaks one rule on purpose, or none.
    #[derive(Debug)]
    struct Broken {
        keys: Vec<(KeyHandle, PrivateKey)>,
        rule: Option<Rule>,
    }

    fn pair(name: &str, purpose: KeyPurpose, state: KeyState) -> (KeyHandle, PrivateKey) {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().0;
        let handle = KeyHandle {
            name: name.to_owned(),
            purpose,
            algorithm: Algorithm::EcdsaP256Sha256,
            state,
            thumbprint: KeyThumbprint(key.public().thumbprint()),
            chain: Vec::new(),
            spki: key.public().spki().to_vec(),
        };
        (handle, key)
    }

    impl Broken {
        fn new(rule: Option<Rule>) -> Self {
            let mut keys = vec![
                pair("t-0", KeyPurpose::AccessTokens, KeyState::Retired),
                pair("t-1", KeyPurpose::AccessTokens, KeyState::Active),
                pair("t-2", KeyPurpose::AccessTokens, KeyState::Next),
                pair("a-1", KeyPurpose::Assertions, KeyState::Active),
            ];
            if rule == Some(Rule::PublishedIsOfItsPurpose) {
                keys.push(pair("t-3", KeyPurpose::AccessTokens, KeyState::Active));
            }
            Self { keys, rule }
        }

        fn breaks(&self, rule: Rule) -> bool {
            self.rule == Some(rule)
        }
    }

    #[async_trait]
    impl Signer for Broken {
        async fn sign(&self, handle: &KeyHandle, message: &[u8]) -> Result<Vec<u8>, SignError> {
            let (known, key) = self
                .keys
                .iter()
                .find(|(known, _)| known.name == handle.name)
                .or(self.keys.first().filter(|_| self.breaks(Rule::HandleIsChecked)))
                .ok_or_else(|| SignError("unknown".to_owned()))?;
            let same = known.thumbprint == handle.thumbprint && known.purpose == handle.purpose;
            let same = same || self.breaks(Rule::HandleIsChecked) || self.altered(known);
            let active = known.state == KeyState::Active || self.breaks(Rule::OnlyActiveSigns);
            let active = active || (self.breaks(Rule::HandleIsChecked) && known.name != handle.name);
            if !same || !active {
                return Err(SignError("refused".to_owned()));
            }
            let message =
                if self.breaks(Rule::SignatureVerifies) { sha256(message).to_vec() } else { message.to_vec() };
            key.sign(SignatureAlgorithm::EcdsaP256Sha256, &message).map_err(|error| SignError(error.to_string()))
        }
    }

    impl Broken {
        /// The handles of these two rules are shown otherwise than they are kept.
        fn altered(&self, known: &KeyHandle) -> bool {
            (self.breaks(Rule::HandleNamesItsKey) || self.breaks(Rule::OneKeyOnePurpose)) && known.name == "t-2"
        }

        fn shown(&self, handle: &KeyHandle) -> KeyHandle {
            let mut shown = handle.clone();
            if self.breaks(Rule::HandleNamesItsKey) && handle.name == "t-2" {
                shown.thumbprint = KeyThumbprint([1; 32]);
            }
            if self.breaks(Rule::OneKeyOnePurpose) && handle.name == "t-2" {
                shown.spki = self.keys[3].0.spki.clone();
                shown.thumbprint = self.keys[3].0.thumbprint;
            }
            shown
        }
    }

    impl KeyStore for Broken {
        fn active(&self, purpose: KeyPurpose) -> Option<KeyHandle> {
            if self.breaks(Rule::ActiveIsPublished) && purpose == KeyPurpose::Assertions {
                return None;
            }
            self.published(purpose).into_iter().find(|handle| handle.state == KeyState::Active)
        }

        fn published(&self, purpose: KeyPurpose) -> Vec<KeyHandle> {
            let of_purpose = self.keys.iter().filter(|(handle, _)| handle.purpose == purpose);
            of_purpose.map(|(handle, _)| self.shown(handle)).collect()
        }

        fn pseudonym(&self, message: &[u8]) -> [u8; 32] {
            if self.breaks(Rule::PseudonymIsAFunction) {
                return crate::wire::crypto::random();
            }
            hmac_sha256(&[0; 32], message)
        }
    }

    #[tokio::test]
    async fn a_store_that_keeps_the_rules_breaks_none() {
        assert_eq!(broken_rules(&Broken::new(None)).await, Vec::<Rule>::new());
    }

    #[tokio::test]
    async fn a_store_that_breaks_one_rule_is_caught_at_that_rule_alone() {
        for rule in [
            Rule::ActiveIsPublished,
            Rule::PublishedIsOfItsPurpose,
            Rule::HandleNamesItsKey,
            Rule::OneKeyOnePurpose,
            Rule::SignatureVerifies,
            Rule::OnlyActiveSigns,
            Rule::HandleIsChecked,
            Rule::PseudonymIsAFunction,
        ] {
            assert_eq!(broken_rules(&Broken::new(Some(rule))).await, [rule]);
        }
    }
}
