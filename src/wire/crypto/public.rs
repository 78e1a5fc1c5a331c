//! Public keys: read, named, used to verify.
//!
//! One key has one encoding here: a SubjectPublicKeyInfo that differs from what the library writes for the
//! same key (explicit curve parameters, compressed points, padded numbers) is refused, so thumbprints are identities.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber};

use super::{Curve, KeyKind, SignatureAlgorithm, sha256};
use crate::wire::hex;

/// A public key that can verify.
#[derive(Clone)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
    thumbprint: [u8; 32],
    bits: usize,
    rsa_exponent: Option<u64>,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER.
    ///
    /// # Errors
    /// When it is not an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key in its one encoding, RSA beyond 8192 bits, or
    /// RSA with an exponent that is even, 1, or of 64 bits and more.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (oid, curve, raw) = outline(der).map_err(|_| KeyError::Encoding)?;
        let mut rsa_exponent = None;
        let (kind, algorithm, bits): (_, &'static dyn VerificationAlgorithm, _) = match oid {
            RSA => {
                let (modulus, exponent) = rsa_parts(raw).map_err(|_| KeyError::Encoding)?;
                let bits = modulus.len() * 8 - modulus.first().map_or(0, |b| b.leading_zeros() as usize);
                rsa_exponent = number(exponent).filter(|exponent| *exponent >= 3 && exponent % 2 == 1);
                if rsa_exponent.is_none() {
                    return Err(KeyError::Exponent);
                }
                (KeyKind::Rsa, &RSA_PKCS1_2048_8192_SHA256, bits)
            }
            EC if curve == Some(P256) => (KeyKind::P256, &ECDSA_P256_SHA256_FIXED, Curve::P256.bits()),
            EC if curve == Some(P384) => (KeyKind::P384, &ECDSA_P384_SHA384_FIXED, Curve::P384.bits()),
            EC if curve == Some(P521) => (KeyKind::P521, &ECDSA_P521_SHA512_FIXED, Curve::P521.bits()),
            ED => (KeyKind::Ed25519, &ED25519, 256),
            _ => return Err(KeyError::Kind),
        };
        if bits > MAX_RSA_BITS {
            return Err(KeyError::Size(bits));
        }
        let parsed = ParsedPublicKey::new(algorithm, der).map_err(|_| KeyError::Encoding)?;
        let canonical: PublicKeyX509Der<'_> = parsed.as_der().map_err(|_| KeyError::Encoding)?;
        if canonical.as_ref() != der {
            return Err(KeyError::Encoding);
        }
        Ok(Self { kind, spki: der.to_vec(), thumbprint: sha256(der), bits, rsa_exponent, parsed })
    }

    /// Reads the key of a certificate (RFC 5280 §4.1), DER. Nothing else of the certificate is looked at.
    ///
    /// # Errors
    /// When the bytes are no certificate, or its key is none that we take.
    pub fn from_certificate(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki(certificate_spki(der).map_err(|_| KeyError::Certificate)?)
    }

    /// An RSA key from modulus and exponent, both big-endian without leading zeros needed.
    ///
    /// # Errors
    /// When they are no RSA key.
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>();
        let (n, e) = (strip(modulus), strip(exponent));
        if n.len() * 8 > MAX_RSA_BITS {
            return Err(KeyError::Size(n.len() * 8));
        }
        if n.is_empty() || e.is_empty() {
            return Err(KeyError::Encoding);
        }
        if e.len() > 8 {
            return Err(KeyError::Exponent);
        }
        let der: PublicKeyX509Der<'_> = PublicKeyComponents { n, e }.as_der().map_err(|_| KeyError::Encoding)?;
        Self::from_spki(der.as_ref())
    }

    /// An ECDSA key from the coordinates of its point, each as long as the curve's numbers are.
    ///
    /// # Errors
    /// When they are not that, or the point is not on the curve.
    pub fn from_point(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.coordinate() || y.len() != curve.coordinate() {
            return Err(KeyError::Encoding);
        }
        let head = match curve {
            Curve::P256 => P256_SPKI_HEAD,
            Curve::P384 => P384_SPKI_HEAD,
            Curve::P521 => P521_SPKI_HEAD,
        };
        Self::from_spki(&[head, &[0x04], x, y].concat())
    }

    /// An Ed25519 key from its 32 bytes.
    ///
    /// # Errors
    /// When they are not that.
    pub fn from_ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 32 {
            return Err(KeyError::Encoding);
        }
        Self::from_spki(&[ED25519_SPKI_HEAD, bytes].concat())
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The size of the modulus or the curve.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of [`spki`](Self::spki).
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// The numbers of the key, for `ds:KeyValue` and JWK.
    pub fn components(&self) -> Components<'_> {
        // Both parsed before, in `from_spki`.
        let raw = outline(&self.spki).map(|(_, _, raw)| raw).unwrap_or_default();
        let of_curve = |curve: Curve| {
            let point = raw.get(1..).and_then(|point| point.split_at_checked(curve.coordinate()));
            let (x, y) = point.unwrap_or_default();
            Components::Ec { curve, x, y }
        };
        match self.kind {
            KeyKind::Rsa => {
                let (modulus, exponent) = rsa_parts(raw).unwrap_or_default();
                Components::Rsa { modulus, exponent }
            }
            KeyKind::P256 => of_curve(Curve::P256),
            KeyKind::P384 => of_curve(Curve::P384),
            KeyKind::P521 => of_curve(Curve::P521),
            KeyKind::Ed25519 => Components::Ed25519 { x: raw },
        }
    }

    /// The public exponent of an RSA key.
    pub fn rsa_exponent(&self) -> Option<u64> {
        self.rsa_exponent
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`BadSignature`], whatever is wrong: also when the algorithm is none for this key, or RSA has less than 2048 bits.
    pub fn verify(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if algorithm.key_kind() != self.kind {
            return Err(BadSignature);
        }
        let other = match algorithm {
            SignatureAlgorithm::RsaSha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            SignatureAlgorithm::RsaSha384 => &RSA_PKCS1_2048_8192_SHA384,
            SignatureAlgorithm::RsaSha512 => &RSA_PKCS1_2048_8192_SHA512,
            SignatureAlgorithm::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
            SignatureAlgorithm::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
            SignatureAlgorithm::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
            // What the key was parsed for: its curve's own, or RSA with SHA-256.
            SignatureAlgorithm::RsaSha256
            | SignatureAlgorithm::EcdsaP256Sha256
            | SignatureAlgorithm::EcdsaP384Sha384
            | SignatureAlgorithm::EcdsaP521Sha512
            | SignatureAlgorithm::Ed25519 => {
                return self.parsed.verify_sig(message, signature).map_err(|_| BadSignature);
            }
        };
        UnparsedPublicKey::new(other, &self.spki).verify(message, signature).map_err(|_| BadSignature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {} bits, {})", self.kind, self.bits, hex::encode(&self.thumbprint))
    }
}

/// The numbers of a public key, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Components<'k> {
    /// Without leading zeros.
    Rsa {
        modulus: &'k [u8],
        exponent: &'k [u8],
    },
    /// As long as the curve's coordinates, each.
    Ec {
        curve: Curve,
        x: &'k [u8],
        y: &'k [u8],
    },
    Ed25519 {
        x: &'k [u8],
    },
}

/// The signature is not by this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not verify")
    }
}

impl std::error::Error for BadSignature {}

/// Why bytes are no key that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not a certificate.
    Certificate,
    /// Not the one DER encoding of a valid key.
    Encoding,
    /// None of the kinds of keys that are taken.
    Kind,
    /// RSA of so many bits.
    Size(usize),
    /// RSA with a public exponent that is even, 1, or too long.
    Exponent,
    /// A PEM file without a private key, or with one that is encrypted.
    Pem,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => f.write_str("the bytes are not an X.509 certificate"),
            Self::Encoding => f.write_str("the key is not in its one DER encoding, or not valid"),
            Self::Kind => f.write_str("the key is neither RSA nor ECDSA on P-256, P-384 or P-521 nor Ed25519"),
            Self::Size(bits) => write!(f, "an RSA key of {bits} bits is not taken (at most {MAX_RSA_BITS})"),
            Self::Exponent => f.write_str("the RSA key has a public exponent that is even, 1, or of 64 bits and more"),
            Self::Pem => f.write_str("the PEM text holds no private key; encrypted keys are not read here"),
        }
    }
}

impl std::error::Error for KeyError {}

type DerResult<T> = x509_cert::der::Result<T>;

/// The algorithm, its curve if it names one, and the key's own bytes.
fn outline(der: &[u8]) -> DerResult<(ObjectIdentifier, Option<ObjectIdentifier>, &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let found = reader.sequence(|spki| {
        let (oid, curve) = spki.sequence(|algorithm| {
            let oid = ObjectIdentifier::decode(algorithm)?;
            let named = !algorithm.is_finished() && algorithm.peek_tag()? == Tag::ObjectIdentifier;
            let curve = if named { Some(ObjectIdentifier::decode(algorithm)?) } else { None };
            skip_rest(algorithm)?;
            Ok((oid, curve))
        })?;
        let key = BitStringRef::decode(spki)?;
        let raw = key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
        Ok((oid, curve, raw))
    })?;
    reader.finish(found)
}

/// RFC 8017 A.1.1: modulus and exponent.
fn rsa_parts(raw: &[u8]) -> DerResult<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(raw)?;
    let parts = reader.sequence(|key| {
        let modulus = UintRef::decode(key)?.as_bytes();
        let exponent = UintRef::decode(key)?.as_bytes();
        Ok((modulus, exponent))
    })?;
    reader.finish(parts)
}

/// The SubjectPublicKeyInfo of a certificate: the sixth field, or the seventh where a version is given.
fn certificate_spki(der: &[u8]) -> DerResult<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let spki = reader.sequence(|certificate| {
        let spki = certificate.sequence(|tbs| {
            let versioned = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
            let before = if tbs.peek_tag()? == versioned { 6 } else { 5 };
            for _ in 0..before {
                tbs.tlv_bytes()?;
            }
            let spki = tbs.tlv_bytes()?;
            skip_rest(tbs)?;
            Ok(spki)
        })?;
        skip_rest(certificate)?;
        Ok(spki)
    })?;
    reader.finish(spki)
}

/// A big-endian number of less than 64 bits.
fn number(bytes: &[u8]) -> Option<u64> {
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    significant.clone().count().le(&8).then(|| significant.fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn skip_rest<'r>(reader: &mut impl Reader<'r>) -> DerResult<()> {
    while !reader.is_finished() {
        reader.tlv_bytes()?;
    }
    Ok(())
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The SubjectPublicKeyInfo of a P-256 key up to the point (RFC 5480 §2).
const P256_SPKI_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// As above, for P-384.
const P384_SPKI_HEAD: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22, 0x03, 0x62, 0x00,
];
/// As above, for P-521.
const P521_SPKI_HEAD: &[u8] = &[
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
];
/// The SubjectPublicKeyInfo of an Ed25519 key up to its bytes (RFC 8410 §4).
const ED25519_SPKI_HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Verification grows with the square of the size; nobody needs more.
const MAX_RSA_BITS: usize = 8192;
