//! Hashes, MACs, chance, and the algorithms that a signature may name.
//!
//! The only place beside `keys/` that names the library. What is not listed here does not exist for us: no HMAC as a
//! signature, no encryption. SHA-1 is verified for whoever has a dated exception, and signs nothing.

mod algorithm;
pub mod diagnose;
mod private;
mod public;
#[cfg(test)]
mod tests;

use aws_lc_rs::{constant_time, digest, hmac, rand};

pub use algorithm::{Curve, DigestAlgorithm, KeyKind, SignatureAlgorithm};
pub use private::{PrivateKey, SignError};
pub use public::{BadSignature, Components, KeyError, PublicKey};

/// A digest, of as many bytes as its algorithm makes.
#[derive(Clone)]
pub struct Digest(digest::Digest);

impl Digest {
    fn of(algorithm: DigestAlgorithm, bytes: &[u8]) -> Self {
        Self(digest::digest(library(algorithm), bytes))
    }
}

fn library(algorithm: DigestAlgorithm) -> &'static digest::Algorithm {
    match algorithm {
        DigestAlgorithm::Sha256 => &digest::SHA256,
        DigestAlgorithm::Sha384 => &digest::SHA384,
        DigestAlgorithm::Sha512 => &digest::SHA512,
        DigestAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
    }
}

/// A digest of bytes that come piece by piece. Short pieces are gathered: each call of the library costs as much as some
/// hundred bytes.
pub struct Digester {
    context: digest::Context,
    gathered: [u8; 1024],
    len: usize,
}

impl Digester {
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self { context: digest::Context::new(library(algorithm)), gathered: [0; 1024], len: 0 }
    }

    #[inline]
    pub fn update(&mut self, piece: &[u8]) {
        let place = self.gathered.get_mut(self.len..self.len + piece.len());
        let Some(place) = place else { return self.update_directly(piece) };
        place.copy_from_slice(piece);
        self.len += piece.len();
    }

    pub fn finish(mut self) -> Digest {
        self.update_directly(&[]);
        Digest(self.context.finish())
    }

    #[inline(never)]
    fn update_directly(&mut self, piece: &[u8]) {
        self.context.update(self.gathered.get(..self.len).unwrap_or_default());
        self.len = 0;
        self.context.update(piece);
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// The digest of these bytes one behind the other.
pub fn sha256_of<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    fixed(context.finish().as_ref())
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
