//! Hash functions by name, the old one too: to say what a signer used, never to accept it.

use crate::wire::crypto::{DigestAlgorithm, sha1_thumbprint};
use crate::wire::ns;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    pub fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            ns::SHA1 => Some(Self::Sha1),
            ns::SHA256 => Some(Self::Sha256),
            ns::SHA384 => Some(Self::Sha384),
            ns::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The one whose digests have so many bytes.
    pub fn of_length(bytes: usize) -> Option<Self> {
        match bytes {
            20 => Some(Self::Sha1),
            32 => Some(Self::Sha256),
            48 => Some(Self::Sha384),
            64 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

pub fn digest(hash: Hash, octets: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha1 => sha1_thumbprint(octets).to_vec(),
        Hash::Sha256 => DigestAlgorithm::Sha256.digest(octets).as_ref().to_vec(),
        Hash::Sha384 => DigestAlgorithm::Sha384.digest(octets).as_ref().to_vec(),
        Hash::Sha512 => DigestAlgorithm::Sha512.digest(octets).as_ref().to_vec(),
    }
}
