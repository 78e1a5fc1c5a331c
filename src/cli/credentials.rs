//! Own key and certificate from the files that people have ([`store`] reads them all). Passwords come
//! from a file, the environment or a prompt, never from the arguments (which other users can see).

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::wire::crypto::PrivateKey;

use super::files;
use super::keystore::store;
pub use super::keystore::store::certificates;
use super::{Failure, Output};

/// Where key and certificate are.
#[derive(Debug, Default, clap::Args)]
pub struct CredentialArgs {
    /// Own key and certificate in one file: PKCS#12 (.p12, .pfx), JKS or PEM, told apart by content
    #[arg(long, value_name = "FILE", visible_alias = "keystore", conflicts_with_all = ["cert", "key"])]
    pub p12: Option<PathBuf>,
    /// The entry of the keystore, where it holds several keys
    #[arg(long, value_name = "NAME", requires = "p12")]
    pub alias: Option<String>,
    /// Own certificate as PEM, issuing ones after it
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Own private key as PEM or DER, not encrypted
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

    /// The key itself with its certificate, DER.
    pub fn into_pair(self) -> (PrivateKey, Vec<u8>) {
        let certificate = self.certificate().to_vec();
        (self.key, certificate)
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
            (Some(path), ..) => {
                let bytes = files::read(path)?;
                let secret = if store::wants_password(&bytes) {
                    password(self.password_file.as_deref(), self.password_env.as_deref(), path, out)?
                } else {
                    SecretString::default()
                };
                from_store(&bytes, secret.expose_secret(), self.alias.as_deref(), path)
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
}

fn from_store(bytes: &[u8], password: &str, alias: Option<&str>, path: &Path) -> Result<Credentials, Failure> {
    const EXPORT: &str = "Export the key together with its certificate: openssl pkcs12 -export -in CERT -inkey KEY";
    let entry = store::open(bytes, password, path)?.choose(alias, path)?;
    let key = match entry.key {
        Some(Ok(key)) => key,
        Some(Err(why)) => return Err(store::unusable(&why, path)),
        None => return Err(Failure::usage(format!("`{}` holds no private key", path.display()), EXPORT)),
    };
    if entry.certificates.is_empty() {
        return Err(Failure::usage(format!("`{}` holds no certificate of its key", path.display()), EXPORT));
    }
    let chain = entry.certificates.into_iter().map(CertificateDer::from).collect();
    Ok(Credentials { key: key.key, tls_key: key.der, chain })
}

fn from_pem(cert: &[u8], cert_path: &Path, key: &[u8], key_path: &Path) -> Result<Credentials, Failure> {
    let chain = certificates(cert, cert_path)?;
    let entry = store::open(key, "", key_path)?.choose(None, key_path)?;
    let key = match entry.key {
        Some(Ok(key)) => key,
        Some(Err(why)) => return Err(store::unusable(&why, key_path)),
        None => {
            return Err(Failure::usage(format!("`{}` holds no private key", key_path.display()), "Give another file"));
        }
    };
    if !chain.first().is_some_and(|own| store::is_of(&key.key, own)) {
        return Err(Failure::usage(
            format!("`{}` is not the certificate of the key in `{}`", cert_path.display(), key_path.display()),
            "Give the pair that belongs together; the own certificate stands first in its file",
        ));
    }
    Ok(Credentials { key: key.key, tls_key: key.der, chain })
}

/// A password from a file, the environment or a prompt, never from the arguments (which other users
/// can see); empty where nobody can be asked.
///
/// # Errors
/// When the file or variable does not exist.
pub fn password(
    file: Option<&Path>,
    variable: Option<&str>,
    of: &Path,
    out: &mut Output<'_>,
) -> Result<SecretString, Failure> {
    if let Some(file) = file {
        if !files::is_stdin(file) {
            warn_if_open(file, out);
        }
        let text = files::read_text(file)?;
        return Ok(text.lines().next().unwrap_or_default().into());
    }
    if let Some(name) = variable {
        return std::env::var(name).map(Into::into).map_err(|_| {
            Failure::usage(format!("the environment has no variable `{name}`"), "Export it, or use --password-file")
        });
    }
    if std::io::stderr().is_terminal() {
        return rpassword::prompt_password(format!("Password of {}: ", of.display()))
            .map(Into::into)
            .map_err(|error| Failure::unexpected(format!("the password cannot be asked: {error}")));
    }
    // Nobody to ask: the file may have no password.
    Ok(SecretString::default())
}

fn warn_if_open(path: &Path, out: &mut Output<'_>) {
    if files::is_readable_by_others(path) {
        let path = path.display();
        out.note(format_args!("warning: others on this machine can read {path}: chmod 600 {path}"));
    }
}

#[cfg(test)]
mod tests {
    use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKeyChain};

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
        let from_p12 = from_store(&p12, "right", None, path).unwrap();
        let from_pem = from_pem(cert.as_bytes(), path, key.as_bytes(), path).unwrap();
        assert_eq!(from_p12.certificate(), from_pem.certificate());
        assert_eq!(from_p12.key().public().spki(), from_pem.key().public().spki());
    }

    #[test]
    fn a_wrong_password_is_called_a_wrong_password() {
        let (.., p12) = pair();
        let failure = from_store(&p12, "wrong", None, Path::new("gent.p12")).unwrap_err();
        assert_eq!(failure.says, "the password does not open `gent.p12`");
    }

    #[test]
    fn what_is_no_keystore_is_named() {
        let failure = from_store(b"no store", "", None, Path::new("gent.p12")).unwrap_err();
        assert!(failure.says.starts_with("`gent.p12` is no keystore"), "{failure:?}");
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
