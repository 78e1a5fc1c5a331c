//! Our own keys: what signs assertions, access tokens and checkpoints.
//!
//! To add a key store (a device, a key service): 1. implement [`Signer`] and [`KeyStore`] in a file
//! here; 2. run [`contract::broken_rules`] on it in a test; 3. name it in `config`.

pub mod contract;
pub mod file;

use std::fmt::Debug;

use crate::model::{KeyHandle, KeyPurpose, Signer};

/// Holds our private keys and uses them. Nothing can get a key out.
pub trait KeyStore: Signer + Debug {
    /// The one active key of a purpose.
    fn active(&self, purpose: KeyPurpose) -> Option<KeyHandle>;

    /// All keys whose public half is published for a purpose: next, active and retired.
    fn published(&self, purpose: KeyPurpose) -> Vec<KeyHandle>;

    /// HMAC-SHA-256 of `message` under the secret of [`KeyPurpose::Pseudonyms`].
    fn pseudonym(&self, message: &[u8]) -> [u8; 32];
}
