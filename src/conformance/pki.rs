//! The keys and certificates of the corpus, in `keys/`. **None of them is secret.**
//!
//! Private keys are random and were made once; every certificate is a function of the table below
//! and the committed keys, since the authorities sign with RSA PKCS#1 v1.5. So a test can make
//! them all again and compare: nobody can slip in a certificate that the table does not explain.

use std::fs;
use std::path::Path;

use super::lists;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, date_time_ymd,
};

/// One certificate of the corpus, or a bare key.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    /// What is special about it; its common name.
    pub title: &'static str,
    pub key: Key,
    /// The entry that signs the certificate; its own name for a self-signed one.
    pub issuer: Option<&'static str>,
    pub authority: bool,
    /// Year, month and day of its first and last midnight.
    pub period: [(i32, u8, u8); 2],
    pub usage: &'static [KeyUsagePurpose],
    /// Extended key usage; none is no extension.
    pub purposes: &'static [ExtendedKeyUsagePurpose],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Rsa2048,
    P256,
    P384,
    P521,
    Ed25519,
    /// A public RSA key that nobody has the private half of: so many bits, this exponent.
    Nobodys {
        bits: usize,
        exponent: &'static [u8],
    },
    /// The key of another entry, in another certificate.
    Of(&'static str),
}

/// The authorities whose certificates are listed, or looked for in a list.
const REVOKING: &[&str] =
    &["root", "issuing", "withdrawn", "silent", "answering", "deep", "deeper", "unsigning", "ended", "stranger"];

/// Everything in `keys/`.
pub const ENTRIES: &[Entry] = &[
    authority("ca", "Vidimus conformance CA (not secret)"),
    authority("other-ca", "Another conformance CA (not secret)"),
    sender("hospital", "St Janna Hospital", Key::Rsa2048, "ca"),
    sender("pharmacy", "Pharmacy De Brug", Key::Rsa2048, "ca"),
    sender("clinic", "Clinic Noord", Key::P256, "ca"),
    Entry { period: [(2020, 1, 1), (2026, 1, 1)], ..renewed("hospital-expired", "ca") },
    Entry { period: [(2026, 6, 1), (2035, 1, 1)], ..renewed("hospital-not-yet", "ca") },
    renewed("hospital-renewed", "ca"),
    renewed("hospital-other-ca", "other-ca"),
    Entry { usage: &[KeyUsagePurpose::KeyEncipherment], ..renewed("hospital-no-signing", "ca") },
    sender("stranger", "A program nobody registered", Key::Rsa2048, "ca"),
    sender("outsider", "A program of another world", Key::Rsa2048, "other-ca"),
    sender("issuer", "Identity provider of the region", Key::Rsa2048, "ca"),
    sender("server", "localhost", Key::P256, "ca"),
    sender("sts-assertions", "Vidimus assertions", Key::Rsa2048, "ca"),
    sender("sts-answers", "Vidimus answers", Key::Rsa2048, "ca"),
    bare("sts-tokens", Key::P256),
    bare("sts-checkpoints", Key::Ed25519),
    sender("archive", "Archive, suspended", Key::P256, "ca"),
    sender("laboratory", "Laboratory Zuid", Key::P384, "ca"),
    sender("dentist", "Dentist Peeters", Key::P521, "ca"),
    sender("optician", "Optician Claes", Key::Ed25519, "ca"),
    nobodys("rsa-512", 512, &[1, 0, 1]),
    nobodys("rsa-1024", 1024, &[1, 0, 1]),
    nobodys("rsa-16384", 16_384, &[1, 0, 1]),
    nobodys("rsa-exponent-1", 2048, &[1]),
    nobodys("rsa-exponent-3", 2048, &[3]),
    nobodys("rsa-exponent-even", 2048, &[1, 0, 0]),
    nobodys("rsa-exponent-long", 2048, &[1, 0, 0, 0, 0, 0, 0, 0, 1]),
    sender("issuer-next", "Identity provider of the region, next key", Key::Rsa2048, "ca"),
    sender("platform", "Platform of the federation", Key::Rsa2048, "ca"),
    sender("issuer-suspended", "Identity provider, suspended", Key::P256, "ca"),
    // A tree of authorities that revoke: `lists.rs` has their CRLs and OCSP answers.
    authority("root", "Root that revokes (not secret)"),
    between("issuing", "Issuing CA (not secret)", Key::Rsa2048, "root"),
    between("withdrawn", "Issuing CA that its root revoked (not secret)", Key::Of("issuing"), "root"),
    between("silent", "Issuing CA that publishes nothing (not secret)", Key::Of("issuing"), "root"),
    between("answering", "Issuing CA that answers OCSP (not secret)", Key::Of("issuing"), "root"),
    Entry {
        purposes: &[ExtendedKeyUsagePurpose::OcspSigning],
        ..sender("responder", "OCSP responder", Key::Rsa2048, "answering")
    },
    renewed("hospital-issuing", "issuing"),
    renewed("hospital-revoked", "issuing"),
    renewed("hospital-withdrawn", "withdrawn"),
    renewed("hospital-silent", "silent"),
    renewed("hospital-answered", "answering"),
    renewed("hospital-answered-revoked", "answering"),
    renewed("hospital-answered-unknown", "answering"),
    renewed("hospital-unanswered", "answering"),
    Entry { purposes: &[ExtendedKeyUsagePurpose::ServerAuth], ..renewed("hospital-tls-server", "issuing") },
    sender("pharmacy-revoked", "Pharmacy De Brug", Key::Of("pharmacy"), "issuing"),
    sender("clinic-issuing", "Clinic Noord", Key::Of("clinic"), "issuing"),
    // What a path must not lead over.
    renewed("hospital-of-a-sender", "stranger"),
    between("deep", "Second issuing CA (not secret)", Key::Of("issuing"), "issuing"),
    between("deeper", "Third issuing CA (not secret)", Key::Of("responder"), "deep"),
    renewed("hospital-deep", "deeper"),
    Entry {
        usage: &[KeyUsagePurpose::CrlSign],
        ..between("unsigning", "CA that may not sign (not secret)", Key::Of("issuing"), "root")
    },
    renewed("hospital-unsigned", "unsigning"),
    Entry {
        period: [(2020, 1, 1), (2026, 1, 1)],
        ..between("ended", "CA that has ended (not secret)", Key::Of("issuing"), "root")
    },
    renewed("hospital-ended", "ended"),
    nobodys("rsa-8192", 8192, &[1, 0, 1]),
];

const fn sender(name: &'static str, title: &'static str, key: Key, issuer: &'static str) -> Entry {
    Entry {
        name,
        title,
        key,
        issuer: Some(issuer),
        authority: false,
        period: [(2025, 1, 1), (2035, 1, 1)],
        usage: &[KeyUsagePurpose::DigitalSignature],
        purposes: &[],
    }
}

const fn authority(name: &'static str, title: &'static str) -> Entry {
    Entry {
        authority: true,
        period: [(2020, 1, 1), (2040, 1, 1)],
        usage: &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        ..sender(name, title, Key::Rsa2048, name)
    }
}

const fn renewed(name: &'static str, issuer: &'static str) -> Entry {
    sender(name, "St Janna Hospital", Key::Of("hospital"), issuer)
}

const fn nobodys(name: &'static str, bits: usize, exponent: &'static [u8]) -> Entry {
    sender(name, "St Janna Hospital", Key::Nobodys { bits, exponent }, "ca")
}

/// An authority that another one signed.
const fn between(name: &'static str, title: &'static str, key: Key, issuer: &'static str) -> Entry {
    Entry { key, issuer: Some(issuer), ..authority(name, title) }
}

const fn bare(name: &'static str, key: Key) -> Entry {
    Entry { issuer: None, ..sender(name, "", key, "") }
}

/// The certificate of an entry as PEM, made anew from the keys in `folder`; `None` for a bare key.
///
/// # Errors
/// When a key cannot be read.
pub fn certificate(folder: &Path, entry: &Entry) -> Result<Option<String>, String> {
    let Some(issuer) = entry.issuer else { return Ok(None) };
    let params = params(entry)?;
    let certificate = if issuer == entry.name {
        params.self_signed(&key(folder, entry)?)
    } else {
        let issuer = named(issuer)?;
        let issuing = Issuer::new(self::params(issuer)?, key(folder, issuer)?);
        match entry.key {
            Key::Nobodys { bits, exponent } => params.signed_by(&Nobodys::new(bits, exponent), &issuing),
            _ => params.signed_by(&key(folder, entry)?, &issuing),
        }
    };
    certificate.map(|certificate| Some(certificate.pem())).map_err(|error| format!("{}: {error}", entry.name))
}

/// Makes the keys that are missing in `folder`, and all certificates.
///
/// # Errors
/// When a file cannot be written or read.
pub fn write(folder: &Path) -> Result<(), String> {
    let written = |path: &Path, text: String| fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()));
    for entry in ENTRIES {
        let path = folder.join(format!("{}.key.pem", entry.name));
        let algorithm = match entry.key {
            Key::Rsa2048 => &PKCS_RSA_SHA256,
            Key::P256 => &PKCS_ECDSA_P256_SHA256,
            Key::P384 => &PKCS_ECDSA_P384_SHA384,
            Key::P521 => &PKCS_ECDSA_P521_SHA512,
            Key::Ed25519 => &PKCS_ED25519,
            Key::Of(_) | Key::Nobodys { .. } => continue,
        };
        if !path.exists() {
            let made = KeyPair::generate_for(algorithm).map_err(|error| error.to_string())?;
            written(&path, made.serialize_pem())?;
        }
    }
    for entry in ENTRIES {
        if let Some(pem) = certificate(folder, entry)? {
            written(&folder.join(format!("{}.cert.pem", entry.name)), pem)?;
        }
    }
    lists::write(folder)
}

/// The name of the file that holds an entry's private key, without extension.
pub(super) fn key_name(name: &str) -> Result<&'static str, String> {
    let entry = named(name)?;
    match entry.key {
        Key::Of(other) => Ok(other),
        _ => Ok(entry.name),
    }
}

pub(super) fn named(name: &str) -> Result<&'static Entry, String> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| format!("no key is called `{name}`"))
}

pub(super) fn key(folder: &Path, entry: &Entry) -> Result<KeyPair, String> {
    let path = folder.join(format!("{}.key.pem", key_name(entry.name)?));
    let pem = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    KeyPair::from_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))
}

/// A public key as numbers (RFC 8017 A.1.1): an odd modulus with its highest bit set, and nothing else to it.
struct Nobodys(Vec<u8>);

impl Nobodys {
    fn new(bits: usize, exponent: &[u8]) -> Self {
        let modulus = vec![0xc5; bits / 8];
        let content = [integer(&modulus), integer(exponent)].concat();
        Self(tagged(0x30, &content))
    }
}

impl PublicKeyData for Nobodys {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    tagged(0x02, &[sign, bytes].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes() {
        [0, short @ 0..=0x7f] => vec![short],
        [0, one] => vec![0x81, one],
        [high, low] => vec![0x82, high, low],
    };
    [vec![tag], length, content.to_vec()].concat()
}

/// The serial number: the entry's place in the table; under the authorities that revoke a number of
/// its name, so that lists stay what they are when the table grows.
pub(super) fn serial(entry: &Entry) -> u64 {
    if entry.issuer.is_some_and(|issuer| REVOKING.contains(&issuer)) {
        let digest = crate::wire::crypto::sha256(entry.name.as_bytes());
        return digest.iter().take(7).fold(1, |number, byte| number << 8 | u64::from(*byte));
    }
    let position = ENTRIES.iter().position(|other| other.name == entry.name).unwrap_or_default();
    u64::try_from(position).unwrap_or_default() + 0x0064_0001
}

pub(super) fn params(entry: &Entry) -> Result<CertificateParams, String> {
    let serial = serial(entry);
    let [(year, month, day), (last_year, last_month, last_day)] = entry.period;
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "BE");
    name.push(DnType::OrganizationName, "Vidimus, \"conformance\"");
    name.push(DnType::CommonName, entry.title);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(last_year, last_month, last_day);
    params.is_ca = if entry.authority { IsCa::Ca(BasicConstraints::Constrained(1)) } else { IsCa::ExplicitNoCa };
    params.key_usages = entry.usage.to_vec();
    params.extended_key_usages = entry.purposes.to_vec();
    if entry.purposes.contains(&ExtendedKeyUsagePurpose::OcspSigning) {
        // id-pkix-ocsp-nocheck: NULL (RFC 6960 section 4.2.2.2.1)
        let no_check = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]);
        params.custom_extensions.push(no_check);
    }
    params.use_authority_key_identifier_extension = true;
    if entry.name == "server" {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().map_err(|_| "a bad name")?)];
    }
    Ok(params)
}
