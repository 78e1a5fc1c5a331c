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
    /// PKCS#8, or what the PEM file held.
    key: PrivateKeyDer<'static>,
    /// Own certificate first, then its issuers as far as the file has them.
    chain: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// For TLS.
    pub fn tls_key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
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
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| p12_failure(&error, path))?;
    let key = archive.keys.into_iter().next().ok_or_else(|| {
        Failure::usage(
            format!("`{}` holds no private key", path.display()),
            "Export the key together with its certificate",
        )
    })?;
    let own = key
        .local_key_id
        .as_ref()
        .and_then(|id| archive.certs.iter().find(|bag| bag.local_key_id.as_deref() == Some(id.as_ref())));
    let own = own.or_else(|| archive.certs.first()).ok_or_else(|| {
        Failure::usage(
            format!("`{}` holds no certificate", path.display()),
            "Export the key together with its certificate",
        )
    })?;
    let all: Vec<&Certificate> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let chain = issuers(&own.cert, &all).into_iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    Ok(Credentials { key: PrivatePkcs8KeyDer::from(key.key.as_der().to_vec()).into(), chain })
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
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        Failure::usage(
            format!("`{}` holds no private key in PEM", key_path.display()),
            "Give a file with BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY",
        )
    })?;
    Ok(Credentials { key, chain })
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
