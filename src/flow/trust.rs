//! Whom we trust: an immutable snapshot, replaced as a whole.
//!
//! The pure half of the path (parse, verify, authenticate) is a function of bytes, caller, this
//! snapshot and the time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::KeyThumbprint;
use crate::registry::Registry;
use crate::wire::crypto;
use crate::wire::x509::{Anchors, Certificate};

/// The registry, the anchors, and every registered certificate read once.
#[derive(Debug)]
pub struct Trust {
    pub registry: Arc<Registry>,
    /// Anchors for certificates that profiles judge by path.
    pub anchors: Anchors,
    certificates: Vec<Certificate>,
    by_key: HashMap<KeyThumbprint, usize>,
    by_der: HashMap<[u8; 32], usize>,
}

impl Trust {
    /// Reads the registered certificates; one that cannot be read is left out, and with it the
    /// sender who needs it (`config check` has refused it before).
    pub fn new(registry: Arc<Registry>, anchors: Anchors) -> Self {
        let certificates: Vec<Certificate> = registry
            .senders()
            .flat_map(|sender| &sender.certificates)
            .filter_map(|der| Certificate::parse(der).ok())
            .collect();
        let by_key = certificates.iter().enumerate().map(|(i, c)| (KeyThumbprint(c.key_thumbprint()), i)).collect();
        let by_der = certificates.iter().enumerate().map(|(i, c)| (c.thumbprint(), i)).collect();
        Self { registry, anchors, certificates, by_key, by_der }
    }

    /// All registered certificates: what IssuerSerial, SKI and thumbprint references can mean.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The registered certificate with this key, if the key was registered with one.
    pub fn certificate_of(&self, key: &KeyThumbprint) -> Option<&Certificate> {
        self.by_key.get(key).and_then(|index| self.certificates.get(*index))
    }

    /// The registered certificate of these very bytes, read already.
    pub fn known(&self, der: &[u8]) -> Option<&Certificate> {
        self.by_der.get(&crypto::sha256(der)).and_then(|index| self.certificates.get(*index))
    }

    /// Whether this very certificate, byte for byte, is registered.
    pub fn registered(&self, certificate: &Certificate) -> bool {
        self.by_der.contains_key(&certificate.thumbprint())
    }
}
