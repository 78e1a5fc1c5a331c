//! The demo's keys and certificates: a root, TLS servers, and senders with the files that people
//! have (.p12 with a password file, and PEM). The root's key is never written: whoever has the
//! folder cannot make more certificates. It never touches a file outside the folder it is given.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use chrono::{Datelike, TimeDelta};
use p12_keystore::{Certificate as P12Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm,
};

use super::cast::{SENDERS, Sender};
use crate::cli::Failure;
use crate::model::Time;
use crate::wire::base64;
use crate::wire::crypto;

/// Where the files of a demo folder are.
#[derive(Debug, Clone)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The root certificate: the CA of TLS servers and senders alike.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A file of a TLS server: `certificate.pem` or `key.pem` under its name.
    pub fn tls(&self, server: &str, file: &str) -> PathBuf {
        self.dir.join("tls").join(format!("{server}-{file}"))
    }

    pub fn certificate(&self, sender: &Sender) -> PathBuf {
        self.of(sender, "cert.pem")
    }

    pub fn key(&self, sender: &Sender) -> PathBuf {
        self.of(sender, "key.pem")
    }

    pub fn p12(&self, sender: &Sender) -> PathBuf {
        self.of(sender, "p12")
    }

    pub fn password(&self, sender: &Sender) -> PathBuf {
        self.of(sender, "password")
    }

    fn of(&self, sender: &Sender, ending: &str) -> PathBuf {
        self.dir.join("senders").join(format!("{}.{ending}", sender.number))
    }
}

/// Makes all keys and certificates, valid from yesterday for a year.
///
/// # Errors
/// When a file cannot be written or a certificate cannot be made.
pub fn create(files: &Files, now: Time) -> Result<(), Failure> {
    let root = root(now)?;
    for folder in ["tls", "senders"] {
        private_folder(&files.dir().join(folder))?;
    }
    write(&files.ca(), root.pem().as_bytes(), PUBLIC)?;
    for server in ["sts", "soap", "rest"] {
        let (certificate, key) = tls_server(server, &root, now)?;
        write(&files.tls(server, "certificate.pem"), certificate.as_bytes(), PUBLIC)?;
        write(&files.tls(server, "key.pem"), key.as_bytes(), SECRET)?;
    }
    // RSA keys take their time: each in a thread.
    let keys: Vec<_> = thread::scope(|scope| {
        let making: Vec<_> =
            SENDERS.iter().map(|sender| scope.spawn(|| KeyPair::generate_for(algorithm(sender)))).collect();
        making.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for (sender, key) in SENDERS.iter().zip(keys) {
        let key = key.map_err(|_| Failure::unexpected("a thread that made a key ended early"))?.map_err(unmade)?;
        write_sender(files, sender, &key, &root, now)?;
    }
    Ok(())
}

/// Creates a folder that only its owner can enter; one that is there is left as it is.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Failure::unexpected(format!("`{}` cannot be made: {error}", path.display())))
}

type Root = CertifiedIssuer<'static, KeyPair>;

fn root(now: Time) -> Result<Root, Failure> {
    let mut params = named("Vidimus demo root", now)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(unmade)?).map_err(unmade)
}

fn tls_server(name: &str, root: &Root, now: Time) -> Result<(String, String), Failure> {
    let mut params = named(&format!("Vidimus demo {name}"), now)?;
    params.subject_alt_names =
        CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).map_err(unmade)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(unmade)?;
    let certificate = params.signed_by(&key, root).map_err(unmade)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn write_sender(files: &Files, sender: &Sender, key: &KeyPair, root: &Root, now: Time) -> Result<(), Failure> {
    let mut params = named(sender.name, now)?;
    params.distinguished_name.push(DnType::OrganizationName, sender.organisation);
    params.distinguished_name.push(DnType::OrganizationalUnitName, sender.party);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(key, root).map_err(unmade)?;
    let password = base64::encode(&crypto::random::<18>());
    let p12 = p12(sender, key, &[certificate.der(), root.der()], &password);
    write(&files.certificate(sender), certificate.pem().as_bytes(), PUBLIC)?;
    write(&files.key(sender), key.serialize_pem().as_bytes(), SECRET)?;
    write(&files.password(sender), format!("{password}\n").as_bytes(), SECRET)?;
    write(&files.p12(sender), &p12?, SECRET)
}

fn p12(sender: &Sender, key: &KeyPair, chain: &[&[u8]], password: &str) -> Result<Vec<u8>, Failure> {
    let unmade = |error| Failure::unexpected(format!("the PKCS#12 file of {} cannot be made: {error}", sender.name));
    let key = PrivateKey::from_der(key.serialized_der()).map_err(unmade)?;
    let chain = chain.iter().map(|der| P12Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(unmade)?;
    let mut store = KeyStore::new();
    let entry = KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(sender.number, key, chain));
    store.add_entry(sender.name, entry);
    store.writer(password).write().map_err(unmade)
}

fn algorithm(sender: &Sender) -> &'static SignatureAlgorithm {
    if sender.rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 }
}

/// A certificate for `name`, from yesterday until [`VALID_DAYS`] from now.
fn named(name: &str, now: Time) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    let yesterday = now.checked_sub_signed(TimeDelta::days(1));
    let next_year = now.checked_add_signed(TimeDelta::days(VALID_DAYS));
    let (Some(from), Some(until)) = (yesterday, next_year) else {
        return Err(Failure::unexpected("this machine's clock is at the end of time"));
    };
    let day = |number: u32| u8::try_from(number).unwrap_or(1);
    params.not_before = rcgen::date_time_ymd(from.year(), day(from.month()), day(from.day()));
    params.not_after = rcgen::date_time_ymd(until.year(), day(until.month()), day(until.day()));
    Ok(params)
}

fn unmade(error: rcgen::Error) -> Failure {
    Failure::unexpected(format!("a certificate cannot be made: {error}"))
}

/// Writes a file with these permissions, whatever the umask; never over another file.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::unexpected(format!("`{}` cannot be written: {error}", path.display())))
}

/// How long the certificates hold.
pub const VALID_DAYS: i64 = 365;
const PUBLIC: u32 = 0o644;
const SECRET: u32 = 0o600;
