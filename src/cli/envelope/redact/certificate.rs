//! A certificate's stand-in: the same structure, lengths, kinds of key and extension, times; other
//! names, numbers and bits. Nobody signed it, and nothing of the true one is in it.
//!
//! Definite-length DER is walked; what is no DER is masked as bytes. Kept are object identifiers,
//! times, booleans and small numbers: they tell the shape and nobody's name.

use super::pseudonym::Pseudonyms;

/// Notes every text in `der` as to be masked.
pub fn note(der: &[u8], names: &mut Pseudonyms) {
    walk(der, &mut |tag, value| {
        if is_text(tag) {
            names.note(&String::from_utf8_lossy(value));
        }
        None
    });
}

/// The stand-in, of the same length.
pub fn stand_in(der: &[u8], names: &mut Pseudonyms) -> Vec<u8> {
    let out = walk(der, &mut |tag, value| {
        Some(match tag {
            BOOLEAN | NULL | OBJECT_IDENTIFIER | UTC_TIME | GENERALIZED_TIME | ENUMERATED => value.to_vec(),
            // Versions, exponents, path lengths.
            INTEGER if value.len() == 1 || value == [1, 0, 1] => value.to_vec(),
            INTEGER => integer(value, names),
            // Key usages and the like.
            BIT_STRING if value.len() <= 3 => value.to_vec(),
            BIT_STRING => bits(value, names),
            tag if is_text(tag) => same_length(names.masked(&String::from_utf8_lossy(value)).as_bytes(), value.len()),
            _ => names.bytes(value),
        })
    });
    out.unwrap_or_else(|| names.bytes(der))
}

/// Is given tag and content of a primitive; what it returns stands in its place.
type Primitive<'p> = dyn FnMut(u8, &[u8]) -> Option<Vec<u8>> + 'p;

/// Calls `primitive` with tag and content of each primitive; puts what it gives in its place. `None`
/// when the bytes are not DER from end to end.
fn walk(der: &[u8], primitive: &mut Primitive<'_>) -> Option<Vec<u8>> {
    level(der, primitive, 0)
}

fn level(der: &[u8], primitive: &mut Primitive<'_>, depth: usize) -> Option<Vec<u8>> {
    if depth > DEEPEST {
        return None;
    }
    let mut out = Vec::with_capacity(der.len());
    let mut rest = der;
    while !rest.is_empty() {
        let (tag, head, value, after) = element(rest)?;
        out.extend_from_slice(head);
        // What wraps DER (an extension's value, an RSA key) is walked as well.
        let inner = if tag & CONSTRUCTED != 0 {
            Some(level(value, primitive, depth + 1)?)
        } else if tag == OCTET_STRING {
            element(value).filter(|(_, _, _, after)| after.is_empty()).and_then(|_| level(value, primitive, depth + 1))
        } else if tag == BIT_STRING && value.first() == Some(&0) && value.get(1) == Some(&SEQUENCE) {
            let inside = value.get(1..).unwrap_or_default();
            level(inside, primitive, depth + 1).map(|inside| [&[0], inside.as_slice()].concat())
        } else {
            None
        };
        match inner {
            Some(inner) => out.extend_from_slice(&inner),
            None => out.extend_from_slice(&primitive(tag, value).unwrap_or_else(|| value.to_vec())),
        }
        rest = after;
    }
    Some(out)
}

/// Tag, tag and length as written, content, and what follows.
type Parts<'d> = (u8, &'d [u8], &'d [u8], &'d [u8]);

fn element(der: &[u8]) -> Option<Parts<'_>> {
    let tag = *der.first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = usize::from(*der.get(1)?);
    let (length, head) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first - 0x80;
        if count == 0 || count > 4 {
            return None;
        }
        (der.get(2..2 + count)?.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), 2 + count)
    };
    let value = der.get(head..head.checked_add(length)?)?;
    Some((tag, der.get(..head)?, value, der.get(head + length..)?))
}

/// Another positive number of the same length; odd as a modulus is, its highest bits kept.
fn integer(value: &[u8], names: &Pseudonyms) -> Vec<u8> {
    let mut out = names.bytes(value);
    if let (Some(first), Some(was)) = (out.first_mut(), value.first()) {
        *first = *was;
    }
    if let (Some(second), Some(was)) = (out.get_mut(1), value.get(1)) {
        *second |= was & 0x80;
    }
    if let Some(last) = out.last_mut() {
        *last |= 1;
    }
    out
}

/// A signature value, or the point of an elliptic curve: a point that is on it, where the curve is known by its size.
fn bits(value: &[u8], names: &Pseudonyms) -> Vec<u8> {
    const UNCOMPRESSED: u8 = 4;
    if value.first() == Some(&0) && value.get(1) == Some(&UNCOMPRESSED) && value.len() == 2 + P256_GENERATOR.len() {
        return [&[0, UNCOMPRESSED], P256_GENERATOR.as_slice()].concat();
    }
    let mut out = names.bytes(value);
    // The number of unused bits.
    if let (Some(first), Some(was)) = (out.first_mut(), value.first()) {
        *first = *was;
    }
    out
}

fn same_length(text: &[u8], length: usize) -> Vec<u8> {
    let mut out = text.to_vec();
    out.resize(length, b'x');
    out
}

/// Universal strings of characters, and the context-specific ones of alternative names and addresses.
fn is_text(tag: u8) -> bool {
    matches!(tag, 0x0c | 0x12 | 0x13 | 0x14 | 0x16 | 0x1a | 0x1b | 0x1c | 0x1e | 0x81 | 0x82 | 0x86)
}

const CONSTRUCTED: u8 = 0x20;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const DEEPEST: usize = 24;

/// The base point of P-256 (SP 800-186 §3.2.1.3): a point, and nobody's key.
const P256_GENERATOR: [u8; 64] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d,
    0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb,
    0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

#[cfg(test)]
mod tests {
    use crate::wire::x509::Certificate;

    use super::*;

    #[test]
    fn the_stand_in_is_a_certificate_of_the_same_shape_and_of_nobody() {
        for name in ["hospital", "clinic", "server", "ca"] {
            let pem = std::fs::read(format!("keys/{name}.cert.pem")).unwrap();
            let der = Certificate::from_pem(&pem).unwrap()[0].der().to_vec();
            let mut names = Pseudonyms::new(b"secret");
            note(&der, &mut names);
            let made = stand_in(&der, &mut names);
            assert_eq!(made.len(), der.len());
            let (was, is) = (Certificate::parse(&der).unwrap(), Certificate::parse(&made).unwrap());
            assert_ne!(is.subject().to_string(), was.subject().to_string());
            assert_ne!(is.serial().to_string(), was.serial().to_string());
            assert_ne!(is.thumbprint(), was.thumbprint());
            assert_eq!((is.not_before(), is.not_after()), (was.not_before(), was.not_after()));
            assert_eq!(is.public_key().unwrap().spki().len(), was.public_key().unwrap().spki().len());
            assert!(!names.leaks(&is.subject().to_string()), "{}", is.subject());
        }
    }

    #[test]
    fn what_is_no_der_is_masked_as_bytes() {
        let mut names = Pseudonyms::new(b"secret");
        for bytes in [&b""[..], b"\x30", b"\x30\x82\xff\xff\x00", b"hello world", b"\x30\x80\x00\x00"] {
            let made = stand_in(bytes, &mut names);
            assert_eq!(made.len(), bytes.len());
            assert!(bytes.len() < 4 || made != bytes);
        }
    }
}
