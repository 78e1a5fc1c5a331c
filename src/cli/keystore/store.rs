//! A keystore, whatever its format: PKCS#12, JKS, PEM or DER, told apart by content and never by
//! the file's name. PKCS#12 is read here and nowhere else, and only files that the operator names.

use std::path::Path;

use p12_keystore::error::Error as P12Error;
use p12_keystore::{Certificate as P12Certificate, Pkcs12Archive};
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::jks;
use crate::cli::Failure;
use crate::wire::crypto::{PrivateKey, PublicKey};
use crate::wire::x509::Certificate;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pkcs12,
    Jks,
    Pem,
    Der,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS#12",
            Self::Jks => "JKS",
            Self::Pem => "PEM",
            Self::Der => "DER",
        }
    }
}

/// What a file holds.
pub struct Store {
    pub format: Format,
    pub entries: Vec<Entry>,
    /// What is to be said of the file as a whole.
    pub notes: Vec<String>,
}

/// One entry: a key with its certificates, or certificates alone.
pub struct Entry {
    /// How the file names it; PEM and DER name nothing.
    pub alias: Option<String>,
    /// `None`: a certificate alone. The error says why the key cannot be used.
    pub key: Option<Result<Key, String>>,
    /// DER; the own one first, then its issuers.
    pub certificates: Vec<Vec<u8>>,
}

/// A private key that can be used.
pub struct Key {
    pub key: PrivateKey,
    /// As it stands in the file, for TLS.
    pub der: PrivateKeyDer<'static>,
}

/// Reads a store. `password`: as given; PEM and DER need none.
///
/// # Errors
/// When the bytes are of no format that is read, or the password does not open them: says which, and
/// what to do.
pub fn open(bytes: &[u8], password: &str, path: &Path) -> Result<Store, Failure> {
    if bytes.starts_with(&jks::MAGIC) {
        return from_jks(bytes, password, path);
    }
    if bytes.starts_with(&jks::MAGIC_JCEKS) {
        return Err(Failure::usage(
            format!("`{}` is a JCEKS keystore, which is not read here", path.display()),
            format!(
                "Convert it: keytool -importkeystore -srckeystore {0} -srcstoretype JCEKS -destkeystore new.p12 -deststoretype PKCS12",
                path.display()
            ),
        ));
    }
    if is_pem(bytes) {
        return from_pem(bytes, path);
    }
    match bytes.first() {
        Some(&DER_SEQUENCE) if is_pkcs12(bytes) => from_p12(bytes, password, path),
        Some(&DER_SEQUENCE) => from_der(bytes, path),
        _ => Err(Failure::usage(
            format!("`{}` is no keystore that is read here", path.display()),
            "Give a PKCS#12 (.p12, .pfx), JKS, PEM or DER file; `file` or `openssl asn1parse -inform DER -in FILE` tells what it is",
        )),
    }
}

/// Whether a password is needed to read all of it.
pub fn wants_password(bytes: &[u8]) -> bool {
    bytes.starts_with(&jks::MAGIC) || (bytes.first() == Some(&DER_SEQUENCE) && is_pkcs12(bytes))
}

impl Store {
    /// The entry with a key that is meant: the named one, or the only one.
    ///
    /// # Errors
    /// When none has that name, or there are several and none is named.
    pub fn choose(self, alias: Option<&str>, path: &Path) -> Result<Entry, Failure> {
        let path = path.display();
        let mut keys: Vec<Entry> = self.entries.into_iter().filter(|entry| entry.key.is_some()).collect();
        let names = |keys: &[Entry]| {
            let names: Vec<&str> = keys.iter().map(|entry| entry.alias.as_deref().unwrap_or("(no name)")).collect();
            names.join(", ")
        };
        if let Some(alias) = alias {
            // As Java compares them.
            let named = |entry: &Entry| entry.alias.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(alias));
            return match keys.iter().position(named) {
                Some(index) => Ok(keys.swap_remove(index)),
                None => Err(Failure::usage(
                    format!("`{path}` holds no key with the alias `{alias}`; it holds {}", names(&keys)),
                    format!("Give one of these, or look: vidimus keystore list {path}"),
                )),
            };
        }
        if keys.len() > 1 {
            return Err(Failure::usage(
                format!("`{path}` holds {} keys: {}", keys.len(), names(&keys)),
                format!("Choose one with --alias NAME; vidimus keystore list {path} shows them"),
            ));
        }
        keys.pop().ok_or_else(|| {
            Failure::usage(
                format!("`{path}` holds no private key"),
                "Export the key together with its certificate: openssl pkcs12 -export -in CERT -inkey KEY -out NEW.p12",
            )
        })
    }
}

fn key(der: PrivateKeyDer<'static>) -> Result<Key, String> {
    let read = match &der {
        PrivateKeyDer::Pkcs8(pkcs8) => PrivateKey::from_pkcs8_der(pkcs8.secret_pkcs8_der()),
        other => PrivateKey::from_pem(pem_text(other).as_bytes()),
    };
    match read {
        Ok(key) => Ok(Key { key, der }),
        Err(error) => Err(format!("its key cannot be used: {error}")),
    }
}

/// PKCS#1 and SEC 1 as PEM: the reader of keys takes those as text.
fn pem_text(der: &PrivateKeyDer<'_>) -> Zeroizing<String> {
    let (label, bytes) = match der {
        PrivateKeyDer::Pkcs1(key) => ("RSA PRIVATE KEY", key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => ("EC PRIVATE KEY", key.secret_sec1_der()),
        other => ("PRIVATE KEY", other.secret_der()),
    };
    let text = crate::wire::base64::encode(bytes);
    Zeroizing::new(format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"))
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(PEM_BEGIN.len()).take(64 * 1024).any(|window| window == PEM_BEGIN)
}

/// `SEQUENCE { INTEGER 3, SEQUENCE { OID pkcs7… ` (RFC 7292 §4).
fn is_pkcs12(bytes: &[u8]) -> bool {
    bytes.windows(VERSION_3.len()).take(12).any(|window| window == VERSION_3)
        && bytes.windows(PKCS7.len()).take(32).any(|window| window == PKCS7)
}

fn from_p12(bytes: &[u8], password: &str, path: &Path) -> Result<Store, Failure> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| p12_failure(&error, path))?;
    let all: Vec<&P12Certificate> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let mut entries: Vec<Entry> = Vec::new();
    for bag in &archive.keys {
        let key = key(PrivateKeyDer::Pkcs8(bag.key.as_der().to_vec().into()));
        // By the key itself: local key ids and the order of bags differ from tool to tool.
        let own = key.as_ref().ok().and_then(|key| all.iter().find(|own| is_of(&key.key, own.as_der())));
        let chain = own.map(|own| issuers(own, &all)).unwrap_or_default();
        let certificates = chain.into_iter().map(|certificate| certificate.as_der().to_vec()).collect();
        entries.push(Entry { alias: bag.friendly_name.clone(), key: Some(key), certificates });
    }
    for bag in &archive.certs {
        let der = bag.cert.as_der();
        if !entries.iter().any(|entry| entry.certificates.iter().any(|known| known == der)) {
            entries.push(Entry { alias: bag.friendly_name.clone(), key: None, certificates: vec![der.to_vec()] });
        }
    }
    Ok(Store { format: Format::Pkcs12, entries, notes: Vec::new() })
}

/// `own` and the certificates above it, without the self-signed root.
fn issuers<'a>(own: &'a P12Certificate, all: &[&'a P12Certificate]) -> Vec<&'a P12Certificate> {
    let mut chain = vec![own];
    let mut last = own;
    while let Some(next) = all.iter().find(|cert| cert.subject() == last.issuer() && !chain.contains(cert)) {
        if next.subject() == next.issuer() {
            break;
        }
        chain.push(next);
        last = next;
    }
    chain
}

/// PKCS#12 has no error for a wrong password: its MAC does not match, or decryption gives rubbish.
fn p12_failure(error: &P12Error, path: &Path) -> Failure {
    let path = path.display();
    match error {
        P12Error::MacError(_) | P12Error::UnpadError | P12Error::Pkcs5Error(_) => wrong_password(&path.to_string()),
        P12Error::UnsupportedEncryptionScheme | P12Error::UnsupportedMacAlgorithm => Failure::usage(
            format!("`{path}` is encrypted in a way that is not read here"),
            format!(
                "Convert it: openssl pkcs12 -legacy -in {path} -nodes -out all.pem && openssl pkcs12 -export -in all.pem -out new.p12"
            ),
        ),
        other => Failure::usage(
            format!("`{path}` is not a PKCS#12 file that can be read here: {other}"),
            format!("Check the file with: openssl pkcs12 -info -in {path} -noout"),
        ),
    }
}

fn wrong_password(path: &str) -> Failure {
    Failure::usage(
        format!("the password does not open `{path}`"),
        "Give the right one with --password-file FILE or --password-env NAME; mind a line end or space in the file",
    )
}

fn from_jks(bytes: &[u8], password: &str, path: &Path) -> Result<Store, Failure> {
    let given = (!password.is_empty()).then_some(password);
    let found = jks::read(bytes, given).map_err(|fault| match fault {
        jks::Fault::Integrity => wrong_password(&path.display().to_string()),
        other => Failure::usage(
            format!("`{}` is not a JKS keystore that can be read here: {}", path.display(), told(other)),
            format!("Check the file with: keytool -list -keystore {}", path.display()),
        ),
    })?;
    let entries = found.into_iter().map(|entry| Entry {
        alias: Some(entry.alias),
        key: entry.key.map(|opened| match opened {
            Ok(der) => key(PrivateKeyDer::Pkcs8(der.to_vec().into())),
            Err(fault) => Err(told(fault).to_owned()),
        }),
        certificates: entry.certificates,
    });
    let mut notes = vec![
        "JKS protects keys with SHA-1 alone; convert it: keytool -importkeystore -deststoretype PKCS12".to_owned(),
    ];
    if given.is_none() {
        notes.push("no password was given, so neither its integrity nor its keys were looked at".to_owned());
    }
    Ok(Store { format: Format::Jks, entries: entries.collect(), notes })
}

fn told(fault: jks::Fault) -> &'static str {
    match fault {
        jks::Fault::Truncated => "it ends in the middle, or says lengths that cannot be",
        jks::Fault::Version(_) => "its version is neither 1 nor 2",
        jks::Fault::Integrity => "the password is not its own, or it was changed",
        jks::Fault::KeyPassword => {
            "its key has another password than the store: keytool -keypasswd gives both the same"
        }
        jks::Fault::KeyProtection => "its key is protected in a way that JKS does not know",
        jks::Fault::TooMany => "it says more entries than are read",
    }
}

fn from_pem(bytes: &[u8], path: &Path) -> Result<Store, Failure> {
    if contains(bytes, b"ENCRYPTED") {
        let path = path.display();
        return Err(Failure::usage(
            format!("the key in `{path}` is encrypted"),
            format!("Give key and certificate as --p12: openssl pkcs12 -export -in CERT -inkey {path} -out new.p12"),
        ));
    }
    let mut keys = Vec::new();
    let mut certificates = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).take(MOST_SECTIONS) {
        let Ok((kind, der)) = section else { break };
        match kind {
            SectionKind::Certificate => certificates.push(der),
            SectionKind::PrivateKey => keys.push(key(PrivateKeyDer::Pkcs8(der.into()))),
            SectionKind::RsaPrivateKey => keys.push(key(PrivateKeyDer::Pkcs1(der.into()))),
            SectionKind::EcPrivateKey => keys.push(key(PrivateKeyDer::Sec1(der.into()))),
            _ => {}
        }
    }
    Ok(Store { format: Format::Pem, entries: paired(keys, certificates), notes: Vec::new() })
}

/// Each key with the certificates that follow from its own one; the others alone.
fn paired(keys: Vec<Result<Key, String>>, mut certificates: Vec<Vec<u8>>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for key in keys {
        let own = key.as_ref().ok().and_then(|key| certificates.iter().position(|der| is_of(&key.key, der)));
        let mut chain: Vec<Vec<u8>> = own.map(|own| certificates.remove(own)).into_iter().collect();
        while let Some(next) = chain.last().and_then(|last| certificates.iter().position(|der| issued(der, last))) {
            chain.push(certificates.remove(next));
        }
        entries.push(Entry { alias: None, key: Some(key), certificates: chain });
    }
    entries.extend(certificates.into_iter().map(|der| Entry { alias: None, key: None, certificates: vec![der] }));
    entries
}

/// Whether the one certificate is the issuer of the other, by name, and no root.
fn issued(issuer: &[u8], certificate: &[u8]) -> bool {
    let (Ok(issuer), Ok(certificate)) = (Certificate::parse(issuer), Certificate::parse(certificate)) else {
        return false;
    };
    issuer.subject().matches(certificate.issuer()) && !issuer.is_self_issued()
}

fn from_der(bytes: &[u8], path: &Path) -> Result<Store, Failure> {
    let entry = if Certificate::parse(bytes).is_ok() {
        Entry { alias: None, key: None, certificates: vec![bytes.to_vec()] }
    } else if let Ok(der) = PrivateKeyDer::try_from(bytes.to_vec()) {
        Entry { alias: None, key: Some(key(der)), certificates: Vec::new() }
    } else {
        return Err(Failure::usage(
            format!("`{}` is DER, and neither PKCS#12, nor a certificate, nor a private key", path.display()),
            "Look at it: openssl asn1parse -inform DER -in FILE; a PKCS#7 file (.p7b): openssl pkcs7 -inform DER -print_certs",
        ));
    };
    Ok(Store { format: Format::Der, entries: vec![entry], notes: Vec::new() })
}

pub fn is_of(key: &PrivateKey, certificate: &[u8]) -> bool {
    PublicKey::from_certificate(certificate).is_ok_and(|public| public.spki() == key.public().spki())
}

/// All certificates of a PEM file, or the one of a DER file.
///
/// # Errors
/// When there is none.
pub fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found: Vec<_> = match bytes.first() {
        Some(&DER_SEQUENCE) if is_pkcs12(bytes) => {
            return Err(Failure::usage(
                format!("`{}` is a PKCS#12 keystore, and certificates are wanted", path.display()),
                format!("Take them out: openssl pkcs12 -in {} -nokeys -out certificates.pem", path.display()),
            ));
        }
        Some(&DER_SEQUENCE) => return Ok(vec![CertificateDer::from(bytes.to_vec())]),
        _ if bytes.starts_with(&jks::MAGIC) => {
            let store = from_jks(bytes, "", path)?;
            store.entries.into_iter().flat_map(|entry| entry.certificates).map(CertificateDer::from).collect()
        }
        _ => CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok).collect(),
    };
    if found.is_empty() {
        return Err(Failure::usage(
            format!("`{}` holds no certificate", path.display()),
            "Give a PEM file with BEGIN CERTIFICATE, or a DER file",
        ));
    }
    Ok(found)
}

/// The failure for a key that cannot be used.
pub fn unusable(why: &str, path: &Path) -> Failure {
    Failure::usage(
        format!("the key in `{}` cannot be used: {why}", path.display()),
        "Use an RSA, P-256, P-384, P-521 or Ed25519 key",
    )
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const DER_SEQUENCE: u8 = 0x30;
const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const VERSION_3: &[u8] = &[0x02, 0x01, 0x03];
/// 1.2.840.113549.1.7, the beginning of pkcs7-data and pkcs7-signedData.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
const MOST_SECTIONS: usize = 1024;
