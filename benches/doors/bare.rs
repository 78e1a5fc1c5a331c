//! The floor: the cryptography of one message and nothing else. Canonical octets are at hand, keys
//! are read, nothing is parsed.

use std::hint::black_box;

use vidimus::wire::crypto::{DigestAlgorithm, PrivateKey, PublicKey, SignatureAlgorithm};
use vidimus::wire::dsig::Signature;
use vidimus::wire::ns;
use vidimus::wire::xml::{Document, Limits};

/// One signature: what is digested, and what is signed.
pub struct Bare {
    digested: Vec<(DigestAlgorithm, Vec<u8>)>,
    signed: Vec<u8>,
    value: Vec<u8>,
    algorithm: SignatureAlgorithm,
}

impl Bare {
    /// All signatures of a document, in its order.
    pub fn of(bytes: &[u8]) -> Vec<Self> {
        let limits = Limits::default();
        let document = Document::parse(bytes, &limits).expect("a document");
        let signatures = document.elements().filter(|element| element.is(ns::DS, "Signature"));
        let bare = |element| {
            let signature = Signature::parse(element, &limits).expect("a signature");
            let digested = signature.references().iter().map(|reference| {
                let mut octets = Vec::new();
                reference.canonical(&limits, &mut octets).expect("a reference that can be followed");
                (reference.digest_method.known.expect("a known digest"), octets)
            });
            Self {
                digested: digested.collect(),
                signed: signature.canonical_signed_info(&limits).expect("SignedInfo"),
                value: signature.value().to_vec(),
                algorithm: signature.method().known.expect("a known algorithm"),
            }
        };
        signatures.map(bare).collect()
    }

    /// What verifying it costs at least.
    pub fn verify(&self, key: &PublicKey) {
        self.digest();
        key.verify(self.algorithm, &self.signed, &self.value).expect("the signature is good");
    }

    /// What making it costs at least.
    pub fn sign(&self, key: &PrivateKey) {
        self.digest();
        black_box(key.sign(self.algorithm, &self.signed).expect("signed"));
    }

    /// The digests alone.
    pub fn digest(&self) {
        for (algorithm, octets) in &self.digested {
            black_box(algorithm.digest(black_box(octets)));
        }
    }
}
