//! Hashes, MACs, chance, and the algorithms that a signature may name.
//!
//! The only place beside `keys/` that names the library. What is not listed here does not exist for us: no SHA-1
//! signature, no HMAC as a signature, no RSA-PSS, no encryption.

mod private;
mod public;
#[cfg(test)]
mod tests;

use aws_lc_rs::{constant_time, digest, hmac, rand};

use super::ns;
pub use private::{PrivateKey, SignError};
pub use public::{BadSignature, Components, KeyError, PublicKey};

/// How a signature is made. ECDSA signatures are `r || s` (XML Signature 1.1 §6.4.3, RFC 7518 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaP256Sha256,
    Ed25519,
}

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::RsaSha256, Self::RsaSha384, Self::RsaSha512, Self::EcdsaP256Sha256, Self::Ed25519];

    /// The identifier in `ds:SignatureMethod/@Algorithm`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => ns::RSA_SHA256,
            Self::RsaSha384 => ns::RSA_SHA384,
            Self::RsaSha512 => ns::RSA_SHA512,
            Self::EcdsaP256Sha256 => ns::ECDSA_SHA256,
            Self::Ed25519 => ns::EDDSA_ED25519,
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    /// The `alg` of JOSE (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn jose_name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "RS256",
            Self::RsaSha384 => "RS384",
            Self::RsaSha512 => "RS512",
            Self::EcdsaP256Sha256 => "ES256",
            Self::Ed25519 => "EdDSA",
        }
    }

    pub fn from_jose_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.jose_name() == name)
    }

    /// The kind of key that this algorithm takes, and no other.
    pub fn key_kind(self) -> KeyKind {
        match self {
            Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => KeyKind::Rsa,
            Self::EcdsaP256Sha256 => KeyKind::P256,
            Self::Ed25519 => KeyKind::Ed25519,
        }
    }
}

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa,
    P256,
    Ed25519,
}

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl DigestAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The identifier in `ds:DigestMethod/@Algorithm`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => ns::SHA256,
            Self::Sha384 => ns::SHA384,
            Self::Sha512 => ns::SHA512,
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    pub fn digest(self, bytes: &[u8]) -> Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        Digest(digest::digest(algorithm, bytes))
    }
}

/// A digest: 32, 48 or 64 bytes.
#[derive(Clone)]
pub struct Digest(digest::Digest);

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Names things, proves nothing: WSS `ThumbprintSHA1`, JOSE `x5t`. Never part of a signature.
pub fn sha1_thumbprint(bytes: &[u8]) -> [u8; 20] {
    fixed(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    fixed(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

/// Random bytes for ids, nonces and keys.
///
/// # Panics
/// When the operating system gives no randomness: nothing that follows could be trusted.
#[expect(clippy::expect_used, reason = "without randomness nothing may go on; there is no answer to give")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// Compares without telling by the time it takes where two values differ.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The library's outputs have these lengths by construction.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}
