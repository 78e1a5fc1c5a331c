//! The shape that certificates, CRLs and OCSP responses share: something, an algorithm, a signature
//! over that something; and the algorithms that may sign it.
//!
//! One list for all three: RSA from 2048 bits, ECDSA and Ed25519, with SHA-2. What is not in it
//! (SHA-1, MD5, smaller keys) signs nothing.

use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithms;
use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag, Tagged};

/// What may sign certificates, CRLs and OCSP responses.
pub(super) const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::ED25519,
];

/// The three parts, as they stand in the bytes: nothing is encoded again before it is verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// What is signed, with its tag and length.
    pub content: &'a [u8],
    /// The AlgorithmIdentifier, without its tag and length.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// What follows the signature: the certificates of an OCSP response.
    pub rest: &'a [u8],
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureError {
    /// The algorithm is none of [`ALGORITHMS`], or not one for this key.
    Algorithm,
    /// It is not by this key over these bytes.
    Wrong,
}

impl<'a> Signed<'a> {
    pub fn read(bytes: &'a [u8]) -> der::Result<Self> {
        let outer = AnyRef::from_der(bytes)?;
        outer.tag().assert_eq(Tag::Sequence)?;
        let mut reader = SliceReader::new(outer.value())?;
        let content = reader.tlv_bytes()?;
        let algorithm = AnyRef::decode(&mut reader)?;
        algorithm.tag().assert_eq(Tag::Sequence)?;
        let signature = BitStringRef::decode(&mut reader)?;
        let signature = signature.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
        let rest = reader.read_slice(reader.remaining_len())?;
        Ok(Self { content, algorithm: algorithm.value(), signature, rest })
    }

    /// Whether the key in `spki` made the signature.
    pub fn verify(&self, spki: &[u8]) -> Result<(), SignatureError> {
        let (key_algorithm, key) = key_of(spki).map_err(|_| SignatureError::Algorithm)?;
        let algorithm = ALGORITHMS
            .iter()
            .find(|known| {
                known.signature_alg_id().as_ref() == self.algorithm
                    && known.public_key_alg_id().as_ref() == key_algorithm
            })
            .ok_or(SignatureError::Algorithm)?;
        algorithm.verify_signature(key, self.content, self.signature).map_err(|_| SignatureError::Wrong)
    }
}

/// The AlgorithmIdentifier of a SubjectPublicKeyInfo without its tag and length, and the key's bits.
pub(super) fn key_of(spki: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let outer = AnyRef::from_der(spki)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(outer.value())?;
    let algorithm = AnyRef::decode(&mut reader)?;
    algorithm.tag().assert_eq(Tag::Sequence)?;
    let key = BitStringRef::decode(&mut reader)?;
    let key = key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
    Ok((algorithm.value(), key))
}
