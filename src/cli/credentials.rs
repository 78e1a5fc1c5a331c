//! Own key and certificate from the files that people have: PKCS#12, or PEM. Passwords come from a
//! file, the environment or a prompt, never from the arguments (which other users can see).
//! PKCS#12 is read here and nowhere else, and only files that the operator names.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use p12_keystore::error::Error as P12Error;
use p12_keystore::{Certificate, Pkcs12Archive};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::wire::crypto::{KeyError, PrivateKey, PublicKey};

use super::files;
use super::{Failure, Output};

/// Where key and certificate are.
#[derive(Debug, Default, clap::Args)]
pub struct CredentialArgs {
    /// Own key and certificate as PKCS#12 (.p12, .pfx)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key"])]
    pub p12: Option<PathBuf>,
    /// Own certificate as PEM, issuing ones after it
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Own private key as PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// File whose first line is the password of the .p12; `-` is stdin
    #[arg(long, value_name = "FILE", requires = "p12", conflicts_with = "password_env")]
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password of the .p12
    #[arg(long, value_name = "NAME", requires = "p12")]
    pub password_env: Option<String>,
}

/// A private key and the certificates that speak for it.
pub struct Credentials {
    key: PrivateKey,
    /// The same for TLS: PKCS#8, or what the PEM file held.
    tls_key: PrivateKeyDer<'static>,
    /// Own certificate first, then its issuers as far as the file has them.
    chain: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// For signatures.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// For TLS.
    pub fn tls_key(&self) -> PrivateKeyDer<'static> {
        self.tls_key.clone_key()
    }

    /// The own certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// Certificates in DER, own one first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl CredentialArgs {
    /// Whether any were named.
    pub fn are_given(&self) -> bool {
        self.p12.is_some() || self.key.is_some()
    }

    /// Reads them.
    ///
    /// # Errors
    /// When none are named, a file cannot be read, the password is wrong, or the file is of a kind
    /// that is not read here; the failure says which and what to do.
    pub fn load(&self, out: &mut Output<'_>) -> Result<Credentials, Failure> {
        match (&self.p12, &self.cert, &self.key) {
            (Some(p12), ..) => {
                let archive = files::read(p12)?;
                let password = self.password(p12, out)?;
                from_p12(&archive, password.expose_secret(), p12)
            }
            (None, Some(cert), Some(key)) => {
                warn_if_open(key, out);
                from_pem(&files::read(cert)?, cert, &files::read(key)?, key)
            }
            _ => Err(Failure::usage("no key is given", "Add --p12 FILE, or --cert FILE --key FILE")),
        }
    }

    /// The same as options of curl, which asks for the password itself.
    pub fn as_curl(&self) -> Vec<String> {
        let path = |path: &PathBuf| path.display().to_string();
        match (&self.p12, &self.cert, &self.key) {
            (Some(p12), ..) => vec!["--cert-type".into(), "P12".into(), "--cert".into(), path(p12)],
            (None, Some(cert), Some(key)) => vec!["--cert".into(), path(cert), "--key".into(), path(key)],
            _ => Vec::new(),
        }
    }

    fn password(&self, p12: &Path, out: &mut Output<'_>) -> Result<SecretString, Failure> {
        if let Some(file) = &self.password_file {
            if !files::is_stdin(file) {
                warn_if_open(file, out);
            }
            let text = files::read_text(file)?;
            return Ok(text.lines().next().unwrap_or_default().into());
        }
        if let Some(name) = &self.password_env {
            return std::env::var(name).map(Into::into).map_err(|_| {
                Failure::usage(format!("the environment has no variable `{name}`"), "Export it, or use --password-file")
            });
        }
        if std::io::stderr().is_terminal() {
            return rpassword::prompt_password(format!("Password of {}: ", p12.display()))
                .map(Into::into)
                .map_err(|error| Failure::unexpected(format!("the password cannot be asked: {error}")));
        }
        // Nobody to ask: the file may have no password.
        Ok(SecretString::default())
    }
}

fn from_p12(bytes: &[u8], password: &str, path: &Path) -> Result<Credentials, Failure> {
    const EXPORT: &str = "Export the key together with its certificate: openssl pkcs12 -export -in CERT -inkey KEY";
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| p12_failure(&error, path))?;
    let bag = archive.keys.into_iter().next();
    let bag = bag.ok_or_else(|| Failure::usage(format!("`{}` holds no private key", path.display()), EXPORT))?;
    let key = PrivateKey::from_pkcs8_der(bag.key.as_der()).map_err(|error| key_failure(&error, path))?;
    // By the key itself: local key ids and the order of bags differ from tool to tool.
    let all: Vec<&Certificate> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let own = all.iter().find(|cert| is_of(&key, cert.as_der()));
    let own =
        own.ok_or_else(|| Failure::usage(format!("`{}` holds no certificate of its key", path.display()), EXPORT))?;
    let chain = issuers(own, &all).into_iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    Ok(Credentials { key, tls_key: PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into(), chain })
}

fn is_of(key: &PrivateKey, certificate: &[u8]) -> bool {
    PublicKey::from_certificate(certificate).is_ok_and(|public| public.spki() == key.public().spki())
}

fn key_failure(error: &KeyError, path: &Path) -> Failure {
    Failure::usage(
        format!("the key in `{}` cannot be used: {error}", path.display()),
        "Use an RSA, P-256 or Ed25519 key",
    )
}

/// `own` and the certificates above it, without the self-signed root.
fn issuers<'a>(own: &'a Certificate, all: &[&'a Certificate]) -> Vec<&'a Certificate> {
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
        P12Error::MacError(_) | P12Error::UnpadError | P12Error::Pkcs5Error(_) => Failure::usage(
            format!("the password does not open `{path}`"),
            "Give the right one with --password-file FILE or --password-env NAME; mind a line end or space in the file",
        ),
        P12Error::UnsupportedEncryptionScheme | P12Error::UnsupportedMacAlgorithm => Failure::usage(
            format!("`{path}` is encrypted in a way that is not read here"),
            "Convert it: openssl pkcs12 -legacy -in OLD.p12 -nodes -out all.pem && openssl pkcs12 -export -in all.pem -out NEW.p12",
        ),
        other => Failure::usage(
            format!("`{path}` is not a PKCS#12 file that can be read here: {other}"),
            "Check the file with: openssl pkcs12 -info -in FILE -noout",
        ),
    }
}

fn from_pem(cert: &[u8], cert_path: &Path, key: &[u8], key_path: &Path) -> Result<Credentials, Failure> {
    let chain = certificates(cert, cert_path)?;
    if contains(key, b"ENCRYPTED") {
        return Err(Failure::usage(
            format!("the key in `{}` is encrypted", key_path.display()),
            "Give key and certificate as --p12: openssl pkcs12 -export -in CERT -inkey KEY -out NEW.p12",
        ));
    }
    let tls_key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        Failure::usage(
            format!("`{}` holds no private key in PEM", key_path.display()),
            "Give a file with BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY",
        )
    })?;
    let key = PrivateKey::from_pem(key).map_err(|error| key_failure(&error, key_path))?;
    if !chain.first().is_some_and(|own| is_of(&key, own)) {
        return Err(Failure::usage(
            format!("`{}` is not the certificate of the key in `{}`", cert_path.display(), key_path.display()),
            "Give the pair that belongs together; the own certificate stands first in its file",
        ));
    }
    Ok(Credentials { key, tls_key, chain })
}

/// All certificates of a PEM file, or the one of a DER file.
///
/// # Errors
/// When there is none.
pub fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    const DER_SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Failure::usage(
            format!("`{}` holds no certificate", path.display()),
            "Give a PEM file with BEGIN CERTIFICATE, or a DER file",
        )),
    }
}

fn warn_if_open(path: &Path, out: &mut Output<'_>) {
    if files::is_readable_by_others(path) {
        let path = path.display();
        out.note(format_args!("warning: others on this machine can read {path}: chmod 600 {path}"));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use p12_keystore::{EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKeyChain};

    use super::*;

    /// A self-signed pair, as PEM and as PKCS#12 with password `right`.
    fn pair() -> (String, String, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(vec!["gent".to_owned()]).unwrap().self_signed(&key).unwrap();
        let own = Certificate::from_der(cert.der()).unwrap();
        let chain = PrivateKeyChain::new("1", p12_keystore::PrivateKey::from_der(&key.serialize_der()).unwrap(), [own]);
        let mut store = KeyStore::new();
        store.add_entry("gent", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store.writer("right").encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
        let p12 = writer.mac_algorithm(MacAlgorithm::HmacSha256).encryption_iterations(10).mac_iterations(10).write();
        (cert.pem(), key.serialize_pem(), p12.unwrap())
    }

    #[test]
    fn pkcs12_and_pem_give_the_same_key_and_certificate() {
        let (cert, key, p12) = pair();
        let path = Path::new("gent");
        let from_p12 = from_p12(&p12, "right", path).unwrap();
        let from_pem = from_pem(cert.as_bytes(), path, key.as_bytes(), path).unwrap();
        assert_eq!(from_p12.certificate(), from_pem.certificate());
        assert_eq!(from_p12.key().public().spki(), from_pem.key().public().spki());
    }

    #[test]
    fn a_wrong_password_is_called_a_wrong_password() {
        let (.., p12) = pair();
        let failure = from_p12(&p12, "wrong", Path::new("gent.p12")).unwrap_err();
        assert_eq!(failure.says, "the password does not open `gent.p12`");
    }

    #[test]
    fn what_is_no_keystore_is_named() {
        let failure = from_p12(b"-----BEGIN", "", Path::new("gent.p12")).unwrap_err();
        assert!(failure.says.starts_with("`gent.p12` is not a PKCS#12 file"), "{failure:?}");
    }

    #[test]
    fn a_certificate_of_another_key_is_refused() {
        let ((cert, ..), (_, key, _)) = (pair(), pair());
        let failure = from_pem(cert.as_bytes(), Path::new("c"), key.as_bytes(), Path::new("k")).unwrap_err();
        assert_eq!(failure.says, "`c` is not the certificate of the key in `k`");
    }

    #[test]
    fn an_encrypted_pem_key_gets_the_command_that_converts_it() {
        let (cert, ..) = pair();
        let key = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let failure = from_pem(cert.as_bytes(), Path::new("c"), key, Path::new("k")).unwrap_err();
        assert!(failure.fix.contains("openssl pkcs12 -export"), "{failure:?}");
    }
}
