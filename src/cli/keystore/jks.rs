//! Java's own keystore format, JKS: read, never written. The format is public (OpenJDK,
//! `sun.security.provider.JavaKeyStore` and `KeyProtector`).
//!
//! ```text
//! magic u32, version u32, count u32, entries…, SHA-1(password in UTF-16 ‖ "Mighty Aphrodite" ‖ all before)
//! entry  tag u32, alias, milliseconds u64, then
//!        1: EncryptedPrivateKeyInfo, count u32, certificates…     2: certificate
//! ```
//!
//! Its protection is weak (SHA-1 in a chain); it is read because keystores of 2010 are still in
//! use, only files that the operator names, each length checked against what is there.

use zeroize::Zeroizing;

use crate::wire::crypto::{constant_time_eq, sha1_thumbprint};

/// What a file begins with.
pub const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// JCEKS, which adds encrypted secret keys in serialised Java objects: not read.
pub const MAGIC_JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

/// One entry; certificates in DER, the own one first.
pub struct Entry {
    pub alias: String,
    /// `None`: a trusted certificate.
    pub key: Option<Result<Zeroizing<Vec<u8>>, Fault>>,
    pub certificates: Vec<Vec<u8>>,
}

/// Why it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The file ends in the middle, or says lengths that cannot be.
    Truncated,
    Version(u32),
    /// The password is not that of the store, or the file was changed.
    Integrity,
    /// The password is not that of this key.
    KeyPassword,
    /// The key is protected in another way than JKS knows.
    KeyProtection,
    TooMany,
}

/// All entries. With a password the file's integrity is checked, and keys are opened.
///
/// # Errors
/// When the file is none, or the password is not its own.
pub fn read(bytes: &[u8], password: Option<&str>) -> Result<Vec<Entry>, Fault> {
    let signed = bytes.len().checked_sub(SHA1).ok_or(Fault::Truncated)?;
    let (body, digest) = bytes.split_at_checked(signed).ok_or(Fault::Truncated)?;
    let password = password.map(utf16);
    if let Some(password) = &password {
        let whole = Zeroizing::new([password.as_slice(), b"Mighty Aphrodite", body].concat());
        if !constant_time_eq(&sha1_thumbprint(&whole), digest) {
            return Err(Fault::Integrity);
        }
    }
    let mut reader = Reader { rest: body.get(MAGIC.len()..).ok_or(Fault::Truncated)? };
    let version = reader.number()?;
    if !matches!(version, 1 | 2) {
        return Err(Fault::Version(version));
    }
    let count = reader.number()?;
    if count > MOST_ENTRIES {
        return Err(Fault::TooMany);
    }
    (0..count).map(|_| reader.entry(version, password.as_deref().map(Vec::as_slice))).collect()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Fault> {
        self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Truncated)
    }

    /// Bytes with their length before them.
    fn sized(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| Fault::Truncated)?)
    }

    /// Java's modified UTF-8, two bytes of length.
    fn text(&mut self) -> Result<String, Fault> {
        let length = self.take(2)?.try_into().map(u16::from_be_bytes).map_err(|_| Fault::Truncated)?;
        Ok(String::from_utf8_lossy(self.take(length.into())?).into_owned())
    }

    fn entry(&mut self, version: u32, password: Option<&[u8]>) -> Result<Entry, Fault> {
        let tag = self.number()?;
        let alias = self.text()?;
        self.take(8)?;
        match tag {
            1 => {
                let protected = self.sized()?;
                let key = password.map_or(Err(Fault::KeyPassword), |password| open(protected, password));
                let count = self.number()?;
                if count > MOST_CERTIFICATES {
                    return Err(Fault::TooMany);
                }
                let certificates = (0..count).map(|_| self.certificate(version)).collect::<Result<_, _>>()?;
                Ok(Entry { alias, key: Some(key), certificates })
            }
            2 => Ok(Entry { alias, key: None, certificates: vec![self.certificate(version)?] }),
            _ => Err(Fault::Truncated),
        }
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, Fault> {
        if version == 2 {
            // The certificate's type: X.509.
            self.text()?;
        }
        self.sized().map(<[u8]>::to_vec)
    }
}

/// Opens a key: EncryptedPrivateKeyInfo with Sun's own algorithm: salt, text ⊕ chain of SHA-1, check.
fn open(protected: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let content = encrypted_data(protected).ok_or(Fault::KeyProtection)?;
    let length = content.len().checked_sub(2 * SHA1).ok_or(Fault::KeyProtection)?;
    let (salt, rest) = content.split_at_checked(SHA1).ok_or(Fault::KeyProtection)?;
    let (text, check) = rest.split_at_checked(length).ok_or(Fault::KeyProtection)?;
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    let mut last = salt.to_vec();
    for block in text.chunks(SHA1) {
        last = sha1_thumbprint(&Zeroizing::new([password, &last].concat())).to_vec();
        key.extend(block.iter().zip(&last).map(|(byte, mask)| byte ^ mask));
    }
    let own = sha1_thumbprint(&Zeroizing::new([password, key.as_slice()].concat()));
    if constant_time_eq(&own, check) { Ok(key) } else { Err(Fault::KeyPassword) }
}

/// The OCTET STRING of `SEQUENCE { SEQUENCE { OID, NULL? }, OCTET STRING }` whose OID is Sun's.
fn encrypted_data(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const OCTET_STRING: u8 = 0x04;
    let (whole, _) = value(der, SEQUENCE)?;
    let (algorithm, rest) = value(whole, SEQUENCE)?;
    let is_sun = algorithm.get(..SUN_KEY_PROTECTOR.len()) == Some(SUN_KEY_PROTECTOR);
    is_sun.then(|| value(rest, OCTET_STRING)).flatten().map(|(content, _)| content)
}

/// Content of the DER value with this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(length.into());
    }
    let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
    if digits.len() > 4 {
        return None;
    }
    let length = digits.iter().fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit));
    rest.split_at_checked(length)
}

fn utf16(password: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

/// 1.3.6.1.4.1.42.2.17.1.1, DER.
const SUN_KEY_PROTECTOR: &[u8] = &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];
const SHA1: usize = 20;
/// A truststore of Java has some 150.
const MOST_ENTRIES: u32 = 4096;
const MOST_CERTIFICATES: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_cannot_be_end_the_reading() {
        for rest in [
            &[][..],
            &[0, 0, 0, 2],
            &[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff],
            &[0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff],
        ] {
            let file = [&MAGIC, rest, &[0; SHA1]].concat();
            assert!(matches!(read(&file, None), Err(Fault::Truncated | Fault::TooMany)), "{rest:?}");
        }
        assert_eq!(read(&MAGIC, None).err(), Some(Fault::Truncated));
        let empty = [&MAGIC[..], &[0, 0, 0, 3, 0, 0, 0, 0], &[0; SHA1]].concat();
        assert_eq!(read(&empty, None).err(), Some(Fault::Version(3)));
        assert_eq!(read(&empty, Some("x")).err(), Some(Fault::Integrity));
    }
}
