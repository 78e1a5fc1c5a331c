//! The algorithms that a signature may name, and the kinds of keys that they take.

use super::Digest;
use crate::wire::ns;

/// How a signature is made. ECDSA signatures are `r || s` (XML Signature 1.1 §6.4.3, RFC 7518 §3.4), and each curve
/// goes with one digest. RSASSA-PSS uses the digest in MGF1 too, and a salt as long as the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// RSASSA-PSS (RFC 8017 §8.1).
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    EcdsaP521Sha512,
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-1: verified under a dated exception, never made, without a JOSE name, in no list.
    RsaSha1,
}

impl SignatureAlgorithm {
    /// All that stand in no need of an exception.
    pub const ALL: [Self; 10] = [
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::Ed25519,
    ];

    /// Those that a JWT may be signed with.
    pub const JOSE: [Self; 7] = [
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::Ed25519,
    ];

    /// The identifier in `ds:SignatureMethod/@Algorithm` (RFC 9231 §2.3); for PSS the one without parameters.
    pub fn uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => ns::RSA_SHA256,
            Self::RsaSha384 => ns::RSA_SHA384,
            Self::RsaSha512 => ns::RSA_SHA512,
            Self::RsaPssSha256 => ns::SHA256_RSA_MGF1,
            Self::RsaPssSha384 => ns::SHA384_RSA_MGF1,
            Self::RsaPssSha512 => ns::SHA512_RSA_MGF1,
            Self::EcdsaP256Sha256 => ns::ECDSA_SHA256,
            Self::EcdsaP384Sha384 => ns::ECDSA_SHA384,
            Self::EcdsaP521Sha512 => ns::ECDSA_SHA512,
            Self::Ed25519 => ns::EDDSA_ED25519,
            Self::RsaSha1 => ns::RSA_SHA1,
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    /// RSASSA-PSS with this digest.
    pub fn rsa_pss(digest: DigestAlgorithm) -> Option<Self> {
        match digest {
            DigestAlgorithm::Sha256 => Some(Self::RsaPssSha256),
            DigestAlgorithm::Sha384 => Some(Self::RsaPssSha384),
            DigestAlgorithm::Sha512 => Some(Self::RsaPssSha512),
            DigestAlgorithm::Sha1 => None,
        }
    }

    /// The `alg` of JOSE (RFC 7518 §3.1, RFC 8037 §3.1); empty where it has none.
    pub fn jose_name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "RS256",
            Self::RsaSha384 => "RS384",
            Self::RsaSha512 => "RS512",
            Self::RsaPssSha256 => "PS256",
            Self::RsaPssSha384 => "PS384",
            Self::RsaPssSha512 => "PS512",
            Self::EcdsaP256Sha256 => "ES256",
            Self::EcdsaP384Sha384 => "ES384",
            Self::EcdsaP521Sha512 => "ES512",
            Self::Ed25519 => "EdDSA",
            Self::RsaSha1 => "",
        }
    }

    /// RSASSA-PSS is left out: a JWK says with its `alg` which padding its key is for, and a key here has none.
    pub fn from_jose_name(name: &str) -> Option<Self> {
        Self::JOSE.into_iter().find(|algorithm| algorithm.jose_name() == name)
    }

    /// The kind of key that this algorithm takes, and no other.
    pub fn key_kind(self) -> KeyKind {
        match self {
            Self::RsaSha1
            | Self::RsaSha256
            | Self::RsaSha384
            | Self::RsaSha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => KeyKind::Rsa,
            Self::EcdsaP256Sha256 => KeyKind::P256,
            Self::EcdsaP384Sha384 => KeyKind::P384,
            Self::EcdsaP521Sha512 => KeyKind::P521,
            Self::Ed25519 => KeyKind::Ed25519,
        }
    }
}

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rsa, Self::P256, Self::P384, Self::P521, Self::Ed25519];

    /// The curve of an ECDSA key.
    pub fn curve(self) -> Option<Curve> {
        Curve::ALL.into_iter().find(|curve| curve.key_kind() == self)
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 => "EC P-256",
            Self::P384 => "EC P-384",
            Self::P521 => "EC P-521",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// The curves of FIPS 186-5 that are taken, by name only: explicit parameters never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Bits of a coordinate.
    pub fn bits(self) -> usize {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Bytes of a coordinate.
    pub fn coordinate(self) -> usize {
        self.bits().div_ceil(8)
    }

    pub fn key_kind(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
            Self::P521 => KeyKind::P521,
        }
    }

    /// `crv` of a JWK (RFC 7518 §6.2.1.1).
    pub fn jose_name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// `dsig11:NamedCurve/@URI` (RFC 4050 §3.1 as XML Signature 1.1 §4.5.2.3.1 takes it).
    pub fn uri(self) -> &'static str {
        match self {
            Self::P256 => "urn:oid:1.2.840.10045.3.1.7",
            Self::P384 => "urn:oid:1.3.132.0.34",
            Self::P521 => "urn:oid:1.3.132.0.35",
        }
    }
}

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    Sha256,
    Sha384,
    Sha512,
    /// Compared under a dated exception, never made, in no list.
    Sha1,
}

impl DigestAlgorithm {
    /// All that stand in no need of an exception.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The identifier in `ds:DigestMethod/@Algorithm`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => ns::SHA256,
            Self::Sha384 => ns::SHA384,
            Self::Sha512 => ns::SHA512,
            Self::Sha1 => ns::SHA1,
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.uri() == uri)
    }

    /// Bytes of a digest.
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
        }
    }

    pub fn digest(self, bytes: &[u8]) -> Digest {
        Digest::of(self, bytes)
    }
}
