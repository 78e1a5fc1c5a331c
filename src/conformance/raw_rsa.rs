//! RSA by its definition (RFC 8017 §5.2), for messages that no library will sign: SHA-1, as old clients do, and paddings
//! that no verifier may take.
//!
//! Made for keys that are not secret. It runs in a time that depends on the key, so it must never see another one.

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use x509_cert::der::asn1::{OctetStringRef, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};

use crate::wire::crypto::DigestAlgorithm;

/// A private key as two numbers.
pub(super) struct RawRsa {
    modulus: Number,
    exponent: Vec<u8>,
    length: usize,
}

/// Limbs of 64 bits, the least significant first.
type Number = Vec<u64>;

/// What stands in the signature before it is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// RFC 8017 §9.2.
    Pkcs1,
    /// The digest's identifier without its NULL: another encoding of the same (RFC 8017 §9.2 note 1).
    Pkcs1WithoutNull,
    /// Few bytes of padding and rubbish behind the digest: Bleichenbacher's forgery for small exponents.
    Pkcs1Garbage,
    /// A length in BER's long form.
    Pkcs1LongLength,
    /// RFC 8017 §9.1.1 with a salt of so many bytes.
    PssSalt(usize),
    /// With a salt as long as the digest, and MGF1 with SHA-1.
    PssMaskSha1,
    /// With a salt as long as the digest, and the trailer 0xCC.
    PssTrailer,
}

impl RawRsa {
    /// # Errors
    /// When the PEM holds no PKCS#8 RSA key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
        let (modulus, exponent) = numbers(key.secret_der()).map_err(|error| format!("no RSA key: {error}"))?;
        Ok(Self { length: modulus.len(), modulus: number(&modulus), exponent })
    }

    /// The signature over `message` with `padding`; the salt of PSS is always the same, so is the signature.
    ///
    /// # Errors
    /// When the key is too short for the padding.
    pub fn sign(&self, padding: Padding, digest: DigestAlgorithm, message: &[u8]) -> Result<Vec<u8>, String> {
        let hash = digest.digest(message);
        let encoded = match padding {
            Padding::PssSalt(salt) => pss(self.length, hash.as_ref(), digest, digest, salt, 0xbc),
            Padding::PssMaskSha1 => {
                pss(self.length, hash.as_ref(), digest, DigestAlgorithm::Sha1, digest.length(), 0xbc)
            }
            Padding::PssTrailer => pss(self.length, hash.as_ref(), digest, digest, digest.length(), 0xcc),
            _ => pkcs1(self.length, hash.as_ref(), digest, padding),
        };
        encoded.map(|encoded| self.raise(&encoded)).ok_or_else(|| "the key is too short".to_owned())
    }

    /// `encoded ^ d mod n`, square and multiply in Montgomery's form.
    fn raise(&self, encoded: &[u8]) -> Vec<u8> {
        let n = &self.modulus;
        let inverse = negative_inverse(n.first().copied().unwrap_or(1));
        // R^2 mod n by doubling 1 as often as R^2 has bits.
        let mut square = vec![0; n.len()];
        if let Some(low) = square.first_mut() {
            *low = 1;
        }
        (0..n.len() * 128).for_each(|_| double(&mut square, n));
        let mut one = vec![0; n.len()];
        if let Some(low) = one.first_mut() {
            *low = 1;
        }
        let mut base = number(encoded);
        base.resize(n.len(), 0);
        let base = multiply(&base, &square, n, inverse);
        let mut power = multiply(&one, &square, n, inverse);
        for byte in &self.exponent {
            for bit in (0..8).rev() {
                power = multiply(&power, &power, n, inverse);
                if byte >> bit & 1 == 1 {
                    power = multiply(&power, &base, n, inverse);
                }
            }
        }
        let plain = multiply(&power, &one, n, inverse);
        let bytes: Vec<u8> = plain.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        bytes.get(bytes.len().saturating_sub(self.length)..).unwrap_or_default().to_vec()
    }
}

/// Modulus and private exponent of a PKCS#8 key (RFC 5958, RFC 8017 A.1.2), without leading zeros.
fn numbers(der: &[u8]) -> x509_cert::der::Result<(Vec<u8>, Vec<u8>)> {
    let inner = SliceReader::new(der)?.sequence(|key| {
        key.tlv_bytes()?;
        key.tlv_bytes()?;
        Ok(OctetStringRef::decode(key)?.as_bytes())
    })?;
    SliceReader::new(inner)?.sequence(|key| {
        key.tlv_bytes()?;
        let modulus = UintRef::decode(key)?.as_bytes().to_vec();
        key.tlv_bytes()?;
        let exponent = UintRef::decode(key)?.as_bytes().to_vec();
        while !key.is_finished() {
            key.tlv_bytes()?;
        }
        Ok((modulus, exponent))
    })
}

fn number(bytes: &[u8]) -> Number {
    bytes.rchunks(8).map(|chunk| chunk.iter().fold(0, |limb, byte| (limb << 8) | u64::from(*byte))).collect()
}

/// `-n^-1 mod 2^64` for an odd `n`, by Newton's iteration.
fn negative_inverse(n: u64) -> u64 {
    let mut inverse: u64 = 1;
    for _ in 0..6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}

/// `a * b / R mod n` (Montgomery 1985).
fn multiply(a: &[u64], b: &[u64], n: &[u64], inverse: u64) -> Number {
    let mut sum = vec![0u64; n.len() + 2];
    for limb in b {
        add_scaled(&mut sum, a, *limb);
        let factor = sum.first().copied().unwrap_or(0).wrapping_mul(inverse);
        add_scaled(&mut sum, n, factor);
        sum.rotate_left(1);
        if let Some(top) = sum.last_mut() {
            *top = 0;
        }
    }
    reduce(&mut sum, n);
    sum.truncate(n.len());
    sum
}

/// `sum += a * factor`
fn add_scaled(sum: &mut [u64], a: &[u64], factor: u64) {
    let mut carry: u128 = 0;
    for (index, limb) in sum.iter_mut().enumerate() {
        let product = u128::from(a.get(index).copied().unwrap_or(0)) * u128::from(factor);
        carry += u128::from(*limb) + product;
        *limb = carry as u64;
        carry >>= 64;
    }
}

fn double(a: &mut Number, n: &[u64]) {
    a.push(0);
    let mut carry = 0;
    for limb in a.iter_mut() {
        let next = *limb >> 63;
        *limb = (*limb << 1) | carry;
        carry = next;
    }
    reduce(a, n);
    a.truncate(n.len());
}

/// Subtracts `n` once, if it fits.
fn reduce(a: &mut [u64], n: &[u64]) {
    let limb_of = |index: usize| n.get(index).copied().unwrap_or(0);
    let fits = a.iter().enumerate().rev().map(|(index, limb)| limb.cmp(&limb_of(index)));
    if fits.into_iter().find(|order| order.is_ne()).is_some_and(std::cmp::Ordering::is_lt) {
        return;
    }
    let mut borrow = false;
    for (index, limb) in a.iter_mut().enumerate() {
        let (first, under) = limb.overflowing_sub(limb_of(index));
        let (second, again) = first.overflowing_sub(u64::from(borrow));
        *limb = second;
        borrow = under || again;
    }
}

fn pkcs1(length: usize, hash: &[u8], digest: DigestAlgorithm, padding: Padding) -> Option<Vec<u8>> {
    let oid: &[u8] = match digest {
        DigestAlgorithm::Sha1 => &[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a],
        DigestAlgorithm::Sha256 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        DigestAlgorithm::Sha384 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        DigestAlgorithm::Sha512 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
    };
    let null: &[u8] = if padding == Padding::Pkcs1WithoutNull { &[] } else { &[0x05, 0x00] };
    let long = padding == Padding::Pkcs1LongLength;
    let algorithm = tlv(0x30, &[oid, null].concat(), false);
    let info = tlv(0x30, &[algorithm, tlv(0x04, hash, false)].concat(), long);
    let room = length.checked_sub(info.len() + 3)?;
    let (ones, rest) = if padding == Padding::Pkcs1Garbage { (8, room.checked_sub(8)?) } else { (room, 0) };
    Some([&[0, 1], vec![0xff; ones].as_slice(), &[0], &info, &vec![0x5a; rest]].concat())
}

/// Short lengths only; `long` writes one in two bytes all the same.
fn tlv(tag: u8, value: &[u8], long: bool) -> Vec<u8> {
    let length = value.len() as u8;
    let head = if long { vec![tag, 0x81, length] } else { vec![tag, length] };
    [head.as_slice(), value].concat()
}

fn pss(
    length: usize,
    hash: &[u8],
    digest: DigestAlgorithm,
    mask: DigestAlgorithm,
    salt: usize,
    trailer: u8,
) -> Option<Vec<u8>> {
    let salt: Vec<u8> = (1..=salt).map(|byte| byte as u8).collect();
    let seed = digest.digest(&[&[0; 8], hash, &salt].concat());
    let room = length.checked_sub(digest.length() + salt.len() + 2)?;
    let mut block = [vec![0; room].as_slice(), &[1], &salt].concat();
    block.iter_mut().zip(mgf1(seed.as_ref(), mask)).for_each(|(byte, mask)| *byte ^= mask);
    // The modulus of every key of the corpus has its highest bit set, so the encoded message lacks one bit.
    if let Some(first) = block.first_mut() {
        *first &= 0x7f;
    }
    Some([block.as_slice(), seed.as_ref(), &[trailer]].concat())
}

/// RFC 8017 B.2.1, without end.
fn mgf1(seed: &[u8], digest: DigestAlgorithm) -> impl Iterator<Item = u8> {
    (0u32..).flat_map(move |counter| digest.digest(&[seed, &counter.to_be_bytes()].concat()).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::crypto::{PrivateKey, PublicKey, SignatureAlgorithm};

    fn key() -> (RawRsa, PublicKey) {
        let pem = std::fs::read("keys/hospital.key.pem").unwrap();
        (RawRsa::from_pem(&pem).unwrap(), PrivateKey::from_pem(&pem).unwrap().public().clone())
    }

    #[test]
    fn what_is_padded_as_the_standard_says_verifies() {
        let (raw, public) = key();
        for (padding, digest, algorithm) in [
            (Padding::Pkcs1, DigestAlgorithm::Sha1, SignatureAlgorithm::RsaSha1),
            (Padding::Pkcs1, DigestAlgorithm::Sha256, SignatureAlgorithm::RsaSha256),
            (Padding::PssSalt(32), DigestAlgorithm::Sha256, SignatureAlgorithm::RsaPssSha256),
            (Padding::PssSalt(64), DigestAlgorithm::Sha512, SignatureAlgorithm::RsaPssSha512),
        ] {
            let signature = raw.sign(padding, digest, b"message").unwrap();
            assert_eq!(public.verify(algorithm, b"message", &signature), Ok(()), "{padding:?}");
        }
    }

    #[test]
    fn what_is_padded_otherwise_does_not() {
        let (raw, public) = key();
        for padding in [Padding::Pkcs1WithoutNull, Padding::Pkcs1Garbage, Padding::Pkcs1LongLength] {
            let signature = raw.sign(padding, DigestAlgorithm::Sha256, b"message").unwrap();
            assert!(public.verify(SignatureAlgorithm::RsaSha256, b"message", &signature).is_err(), "{padding:?}");
        }
        for padding in [Padding::PssSalt(0), Padding::PssSalt(20), Padding::PssMaskSha1, Padding::PssTrailer] {
            let signature = raw.sign(padding, DigestAlgorithm::Sha256, b"message").unwrap();
            assert!(public.verify(SignatureAlgorithm::RsaPssSha256, b"message", &signature).is_err(), "{padding:?}");
        }
    }
}
