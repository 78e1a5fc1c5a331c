//! Our own keys: readable by their owner only, of the kind that their purpose asks for, fitting
//! their certificates, and each for one purpose (`rules.md` 4.1).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::files;
use super::problem::Problem;
use super::values::Values;
use crate::keys::KeyStore;
use crate::keys::file::{FileKeyStore, KeyFile, KeyFileError};
use crate::model::{Algorithm, KeyHandle, KeyPurpose, KeyState, KeyThumbprint, Time};
use crate::serve::listen;
use crate::wire::x509::Certificate;

/// What a purpose asks of its key.
struct Wanted {
    purpose: KeyPurpose,
    key: &'static str,
    chain: Option<&'static str>,
    /// What its signatures can be made with.
    algorithms: &'static [Algorithm],
    /// The kinds of key that do so, for people.
    kinds: &'static str,
}

/// What was loaded, and what each public key is used for.
pub(super) struct OwnKeys {
    pub store: Option<Arc<dyn KeyStore>>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub used: HashMap<KeyThumbprint, &'static str>,
}

pub(super) fn load(values: &Values, now: Time, problems: &mut Vec<Problem>) -> OwnKeys {
    let mut used = HashMap::new();
    let mut files = Vec::new();
    for wanted in WANTED {
        let file = KeyFile {
            name: wanted.purpose.as_str().to_owned(),
            purpose: wanted.purpose,
            state: KeyState::Active,
            key: values.path(wanted.key),
            chain: wanted.chain.map(|setting| values.path(setting)),
        };
        // Each by itself first, so that all that is wrong is told at once.
        match FileKeyStore::open(std::slice::from_ref(&file), &values.path(SECRET)) {
            Err(error) => problems.push(unusable(wanted, &error, values)),
            Ok(store) => {
                let Some(handle) = store.active(wanted.purpose) else { continue };
                judge(wanted, &handle, values, now, problems);
                alone(handle.thumbprint, wanted.purpose.as_str(), wanted.key, &mut used, values, problems);
                // A new key has a new `kid`, whatever its file is called.
                let begin = handle.thumbprint.to_string().get(..8).unwrap_or_default().to_owned();
                files.push(KeyFile { name: format!("{}-{begin}", wanted.purpose.as_str()), ..file });
            }
        }
    }
    problems.dedup_by(|second, first| second.says == first.says);
    let tls = tls(values, now, &mut used, problems);
    let whole = files.len() == WANTED.len();
    let store = whole.then(|| FileKeyStore::open(&files, &values.path(SECRET)).ok()).flatten();
    OwnKeys { store: store.map(|store| Arc::new(store) as Arc<dyn KeyStore>), tls, used }
}

fn unusable(wanted: &Wanted, error: &KeyFileError, values: &Values) -> Problem {
    let (setting, path, fix) = match error {
        KeyFileError::Unreadable { path, .. } => {
            (None, Some(path), "Check the path; `vidimus init` makes all keys".to_owned())
        }
        KeyFileError::Open { path, .. } => (None, Some(path), format!("Type `chmod 600 {}`", path.display())),
        KeyFileError::Key { path, .. } => (None, Some(path), format!("Give an unencrypted PEM key: {}", wanted.kinds)),
        KeyFileError::TooSmall { path, .. } | KeyFileError::Kind { path, .. } => {
            (None, Some(path), format!("Make a key of kind {}", wanted.kinds))
        }
        KeyFileError::Secret { path, .. } => (None, Some(path), "Make one with `head -c 32 /dev/urandom`".to_owned()),
        KeyFileError::Chain { path, .. } => (wanted.chain, Some(path), "Give a PEM file of certificates".to_owned()),
        KeyFileError::ChainOfAnother { chain, .. } => {
            (wanted.chain, Some(chain), "Give the certificate of that key first, then its chain".to_owned())
        }
        _ => (None, None, String::new()),
    };
    let named = [Some(wanted.key), wanted.chain, Some(SECRET)].into_iter().flatten();
    let setting = setting.or_else(|| path.and_then(|path| named.into_iter().find(|key| values.path(key) == *path)));
    values.problem(setting.unwrap_or(wanted.key), error, fix)
}

fn judge(wanted: &Wanted, handle: &KeyHandle, values: &Values, now: Time, problems: &mut Vec<Problem>) {
    if !wanted.algorithms.contains(&handle.algorithm) {
        let says = format!("the key for {} is of a kind that its readers do not take", wanted.purpose.as_str());
        problems.push(values.problem(wanted.key, says, format!("Make a key of kind {}", wanted.kinds)));
    }
    if let (Some(setting), Some(leaf)) = (wanted.chain, handle.chain.first()) {
        match Certificate::parse(leaf) {
            Ok(leaf) => expiry(&leaf, setting, values, now, problems),
            Err(error) => problems.push(values.problem(setting, error, "Give a PEM file of certificates")),
        }
    }
}

fn tls(
    values: &Values,
    now: Time,
    used: &mut HashMap<KeyThumbprint, &'static str>,
    problems: &mut Vec<Problem>,
) -> Option<Arc<rustls::ServerConfig>> {
    let chain = files::certificates(&values.path(TLS_CERT)).map_err(|(says, fix)| values.problem(TLS_CERT, says, fix));
    let key = tls_key(&values.path(TLS_KEY)).map_err(|(says, fix)| values.problem(TLS_KEY, says, fix));
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => {
            problems.extend(chain.err().into_iter().chain(key.err()));
            return None;
        }
    };
    if let Some(leaf) = chain.first() {
        expiry(leaf, TLS_CERT, values, now, problems);
        alone(KeyThumbprint(leaf.key_thumbprint()), KeyPurpose::Tls.as_str(), TLS_CERT, used, values, problems);
    }
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_owned())).collect();
    let config = listen::tls(chain, key).map_err(|error| {
        let says = format!("the key does not fit the certificate: {error}");
        problems.push(values.problem(TLS_KEY, says, "Give the key of the first certificate of `tls.cert_file`"));
    });
    config.ok()
}

fn tls_key(path: &Path) -> Result<PrivateKeyDer<'static>, files::Wrong> {
    let pem = files::secret(path)?;
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| (format!("`{}` holds no private key", path.display()), "Give an unencrypted PEM key".to_owned()))
}

/// One key serves one purpose: what is signed for one must never be taken for the other.
fn alone(
    key: KeyThumbprint,
    purpose: &'static str,
    setting: &str,
    used: &mut HashMap<KeyThumbprint, &'static str>,
    values: &Values,
    problems: &mut Vec<Problem>,
) {
    if let Some(other) = used.insert(key, purpose) {
        let says = format!("this key is also used for {other}: one key serves one purpose");
        problems.push(values.problem(setting, says, format!("Make a key of its own for {purpose}")));
    }
}

fn expiry(leaf: &Certificate, setting: &str, values: &Values, now: Time, problems: &mut Vec<Problem>) {
    if now >= leaf.not_after() {
        let says = format!("the certificate has expired on {}", leaf.not_after().to_rfc3339());
        problems.push(values.problem(setting, says, "Renew it: nobody will trust it").warning());
    }
}

const WANTED: &[Wanted] = &[
    Wanted {
        purpose: KeyPurpose::Assertions,
        key: "keys.assertions.key_file",
        chain: Some("keys.assertions.chain_file"),
        algorithms: &[Algorithm::RsaSha256, Algorithm::EcdsaP256Sha256],
        kinds: "RSA or P-256",
    },
    Wanted {
        purpose: KeyPurpose::AccessTokens,
        key: "keys.access_tokens.key_file",
        chain: None,
        algorithms: &[Algorithm::EcdsaP256Sha256],
        kinds: "P-256",
    },
    Wanted {
        purpose: KeyPurpose::SoapAnswers,
        key: "keys.soap_answers.key_file",
        chain: Some("keys.soap_answers.chain_file"),
        algorithms: &[Algorithm::RsaSha256, Algorithm::EcdsaP256Sha256],
        kinds: "RSA or P-256",
    },
    Wanted {
        purpose: KeyPurpose::Checkpoints,
        key: "keys.checkpoints.key_file",
        chain: None,
        algorithms: &[Algorithm::Ed25519],
        kinds: "Ed25519",
    },
];
const SECRET: &str = "keys.pseudonyms.secret_file";
const TLS_CERT: &str = "tls.cert_file";
const TLS_KEY: &str = "tls.key_file";
