//! Keys from files: one PEM for each key, its chain in another, and the secret behind pseudonyms.
//!
//! In: what the configuration says of each file. Out: a [`KeyStore`]. Refused at the start: a file
//! that others can read, one key with two purposes (`rules.md` 4.1), two active keys for one
//! purpose, a chain that belongs to another key. Never here: a key's bytes going out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::model::{Algorithm, KeyHandle, KeyPurpose, KeyState, KeyThumbprint, SignError, Signer};
use crate::wire::crypto::{self, KeyKind, PrivateKey, PublicKey, SignatureAlgorithm};

use super::KeyStore;

/// What the configuration says of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its name, and its `kid`.
    pub name: String,
    pub purpose: KeyPurpose,
    pub state: KeyState,
    /// PEM: PKCS#8, SEC 1 or PKCS#1, not encrypted, readable by its owner only.
    pub key: PathBuf,
    /// PEM: certificates, leaf first.
    pub chain: Option<PathBuf>,
}

/// Why the keys cannot be used. Each message says what to do.
#[derive(Debug)]
pub enum KeyFileError {
    Unreadable {
        path: PathBuf,
        error: io::Error,
    },
    /// Others than the owner may read or write it.
    Open {
        path: PathBuf,
        mode: u32,
    },
    Key {
        path: PathBuf,
        error: crypto::KeyError,
    },
    Chain {
        path: PathBuf,
        why: String,
    },
    /// The leaf of the chain has another key.
    ChainOfAnother {
        key: PathBuf,
        chain: PathBuf,
    },
    /// RSA below 2048 bits (RFC 7518 3.3).
    TooSmall {
        path: PathBuf,
        bits: usize,
    },
    /// Checkpoints are signed notes: Ed25519 and nothing else.
    Kind {
        path: PathBuf,
        purpose: KeyPurpose,
        wanted: &'static str,
    },
    SameName(String),
    /// One key under two entries.
    Shared {
        first: String,
        second: String,
    },
    TwoActive {
        purpose: KeyPurpose,
        first: String,
        second: String,
    },
    /// The secret of the pseudonyms has not its 32 bytes.
    Secret {
        path: PathBuf,
        bytes: usize,
    },
    /// Pseudonyms need a secret, not a key pair.
    NotAKeyPair {
        name: String,
    },
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => write!(f, "`{}` cannot be read: {error}", path.display()),
            Self::Open { path, mode } => {
                let path = path.display();
                write!(f, "`{path}` has mode {mode:04o}, so others can get at it: run `chmod 600 {path}`")
            }
            Self::Key { path, error } => write!(f, "`{}`: {error}", path.display()),
            Self::Chain { path, why } => write!(f, "`{}` is not a chain of certificates in PEM: {why}", path.display()),
            Self::ChainOfAnother { key, chain } => write!(
                f,
                "the first certificate of `{}` is not for the key of `{}`: put the leaf first, or name its key",
                chain.display(),
                key.display()
            ),
            Self::TooSmall { path, bits } => {
                write!(f, "`{}` is an RSA key of {bits} bits: make one of 2048 or more", path.display())
            }
            Self::Kind { path, purpose, wanted } => {
                write!(f, "`{}` cannot serve for {}: make {wanted} key", path.display(), purpose.as_str())
            }
            Self::SameName(name) => write!(f, "two keys are named `{name}`: give each its own name, it is the `kid`"),
            Self::Shared { first, second } => {
                write!(f, "`{first}` and `{second}` are one key: each purpose needs a key of its own")
            }
            Self::TwoActive { purpose, first, second } => write!(
                f,
                "`{first}` and `{second}` are both active for {}: make one of them `next` or `retired`",
                purpose.as_str()
            ),
            Self::Secret { path, bytes } => {
                write!(f, "`{}` has {bytes} bytes: the secret of the pseudonyms has exactly 32", path.display())
            }
            Self::NotAKeyPair { name } => write!(f, "`{name}`: pseudonyms take a secret file, not a key"),
        }
    }
}

impl std::error::Error for KeyFileError {}

/// Keys read from files at the start. Reading them again is a new store.
pub struct FileKeyStore {
    /// In the order of the configuration.
    keys: Vec<(KeyHandle, PrivateKey)>,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl FileKeyStore {
    /// Reads all key files, and the secret of the pseudonyms.
    ///
    /// # Errors
    /// The first file that cannot be used, or the first two entries that cannot stand together.
    pub fn open(files: &[KeyFile], pseudonyms: &Path) -> Result<Self, KeyFileError> {
        let keys = files.iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        check_together(keys.iter().map(|(handle, _)| handle))?;
        Ok(Self { keys, secret: read_secret(pseudonyms)? })
    }

    /// The public keys that this store signs with for `purpose`: what verifies our own tokens.
    pub fn public_keys(&self, purpose: KeyPurpose) -> Vec<PublicKey> {
        let of_purpose = self.keys.iter().filter(|(handle, _)| handle.purpose == purpose);
        of_purpose.map(|(_, key)| key.public().clone()).collect()
    }
}

impl fmt::Debug for FileKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.keys.iter().map(|(handle, _)| (&handle.name, handle.purpose, handle.state));
        f.debug_list().entries(names).finish()
    }
}

#[async_trait]
impl Signer for FileKeyStore {
    /// Signs on the calling thread: tens of microseconds for P-256, some hundreds for RSA-2048. A
    /// hand-over to another thread would cost a busy server more than it gives.
    async fn sign(&self, handle: &KeyHandle, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let known = self.keys.iter().find(|(known, _)| known.name == handle.name);
        let Some((known, key)) =
            known.filter(|(known, _)| known.thumbprint == handle.thumbprint && known.purpose == handle.purpose)
        else {
            return Err(SignError(format!("there is no key `{}` for {}", handle.name, handle.purpose.as_str())));
        };
        // Our own state counts: a handle may be a copy from before a change.
        if known.state != KeyState::Active {
            return Err(SignError(format!("`{}` is not the active key", known.name)));
        }
        key.sign(wire_algorithm(known.algorithm), message).map_err(|error| SignError(error.to_string()))
    }
}

impl KeyStore for FileKeyStore {
    fn active(&self, purpose: KeyPurpose) -> Option<KeyHandle> {
        self.published(purpose).into_iter().find(|handle| handle.state == KeyState::Active)
    }

    fn published(&self, purpose: KeyPurpose) -> Vec<KeyHandle> {
        let of_purpose = self.keys.iter().filter(|(handle, _)| handle.purpose == purpose);
        of_purpose.map(|(handle, _)| handle.clone()).collect()
    }

    fn pseudonym(&self, message: &[u8]) -> [u8; 32] {
        crypto::hmac_sha256(self.secret.as_slice(), message)
    }
}

/// A new key for a purpose, as a PKCS#8 PEM.
///
/// # Errors
/// When the library cannot make one.
pub fn generate(purpose: KeyPurpose) -> Result<Zeroizing<String>, crypto::KeyError> {
    let kind = match purpose {
        // XML Signature verifiers all have RSA; not all have ECDSA.
        KeyPurpose::Assertions | KeyPurpose::SoapAnswers => KeyKind::Rsa,
        KeyPurpose::Checkpoints => KeyKind::Ed25519,
        KeyPurpose::AccessTokens | KeyPurpose::Tls | KeyPurpose::Pseudonyms => KeyKind::P256,
    };
    generate_kind(kind)
}

/// A new key of a kind, as a PKCS#8 PEM.
///
/// # Errors
/// When the library cannot make one.
pub fn generate_kind(kind: KeyKind) -> Result<Zeroizing<String>, crypto::KeyError> {
    let (_, der) = PrivateKey::generate(kind)?;
    Ok(Zeroizing::new(pem("PRIVATE KEY", &der)))
}

/// A new secret for pseudonyms. Whoever loses it changes every pairwise subject.
pub fn generate_secret() -> Zeroizing<[u8; SECRET_BYTES]> {
    Zeroizing::new(crypto::random())
}

/// Writes a new file that its owner alone can read.
///
/// # Errors
/// When it exists, or cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_key(file: &KeyFile) -> Result<(KeyHandle, PrivateKey), KeyFileError> {
    if file.purpose == KeyPurpose::Pseudonyms {
        return Err(KeyFileError::NotAKeyPair { name: file.name.clone() });
    }
    let path = || file.key.clone();
    let key = PrivateKey::from_pem(read_private(&file.key)?.as_slice())
        .map_err(|error| KeyFileError::Key { path: path(), error })?;
    let algorithm = match key.public().kind() {
        KeyKind::Rsa if key.public().bits() < LEAST_RSA_BITS => {
            return Err(KeyFileError::TooSmall { path: path(), bits: key.public().bits() });
        }
        KeyKind::Rsa => Algorithm::RsaSha256,
        KeyKind::P256 => Algorithm::EcdsaP256Sha256,
        KeyKind::Ed25519 => Algorithm::Ed25519,
        KeyKind::P384 | KeyKind::P521 => {
            let wanted = "an RSA, P-256 or Ed25519";
            return Err(KeyFileError::Kind { path: path(), purpose: file.purpose, wanted });
        }
    };
    if file.purpose == KeyPurpose::Checkpoints && algorithm != Algorithm::Ed25519 {
        return Err(KeyFileError::Kind { path: path(), purpose: file.purpose, wanted: "an Ed25519" });
    }
    let handle = KeyHandle {
        name: file.name.clone(),
        purpose: file.purpose,
        algorithm,
        state: file.state,
        thumbprint: KeyThumbprint(key.public().thumbprint()),
        chain: read_chain(file, key.public())?,
        spki: key.public().spki().to_vec(),
    };
    Ok((handle, key))
}

fn read_chain(file: &KeyFile, key: &PublicKey) -> Result<Vec<Vec<u8>>, KeyFileError> {
    let Some(path) = &file.chain else { return Ok(Vec::new()) };
    let fault = |why: &str| KeyFileError::Chain { path: path.clone(), why: why.to_owned() };
    let pem = fs::read(path).map_err(|error| KeyFileError::Unreadable { path: path.clone(), error })?;
    let chain: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| fault(&error.to_string()))?;
    let leaf = chain.first().ok_or_else(|| fault("there is none in it"))?;
    let leaf = PublicKey::from_certificate(leaf).map_err(|error| fault(&error.to_string()))?;
    if leaf.spki() != key.spki() {
        return Err(KeyFileError::ChainOfAnother { key: file.key.clone(), chain: path.clone() });
    }
    Ok(chain)
}

/// What no two entries may have in common.
fn check_together<'k>(handles: impl Iterator<Item = &'k KeyHandle>) -> Result<(), KeyFileError> {
    let mut names = BTreeSet::new();
    let mut keys: BTreeMap<KeyThumbprint, &str> = BTreeMap::new();
    let mut active: BTreeMap<KeyPurpose, &str> = BTreeMap::new();
    for handle in handles {
        if !names.insert(handle.name.as_str()) {
            return Err(KeyFileError::SameName(handle.name.clone()));
        }
        if let Some(first) = keys.insert(handle.thumbprint, &handle.name) {
            return Err(KeyFileError::Shared { first: first.to_owned(), second: handle.name.clone() });
        }
        if handle.state == KeyState::Active
            && let Some(first) = active.insert(handle.purpose, &handle.name)
        {
            let (first, second) = (first.to_owned(), handle.name.clone());
            return Err(KeyFileError::TwoActive { purpose: handle.purpose, first, second });
        }
    }
    Ok(())
}

fn read_secret(path: &Path) -> Result<Zeroizing<[u8; SECRET_BYTES]>, KeyFileError> {
    let bytes = read_private(path)?;
    match <[u8; SECRET_BYTES]>::try_from(bytes.as_slice()) {
        Ok(secret) => Ok(Zeroizing::new(secret)),
        Err(_) => Err(KeyFileError::Secret { path: path.to_owned(), bytes: bytes.len() }),
    }
}

/// The bytes of a file that nobody but its owner can get at. The mode is that of the opened file,
/// so that no other file can take its place in between.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable { path: path.to_owned(), error };
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// PEM as RFC 7468 writes it: 64 characters on a line.
fn pem(label: &str, der: &[u8]) -> String {
    let base64 = Zeroizing::new(crate::wire::base64::encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while let Some((line, tail)) = rest.split_at_checked(64) {
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn wire_algorithm(algorithm: Algorithm) -> SignatureAlgorithm {
    match algorithm {
        Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256,
        Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256,
        Algorithm::Ed25519 => SignatureAlgorithm::Ed25519,
    }
}

/// Bytes of the pseudonym secret: the MAC's own strength.
const SECRET_BYTES: usize = 32;
const LEAST_RSA_BITS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::contract;

    /// A folder of its own that is removed when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = crate::wire::hex::encode(&crypto::random::<8>());
            let path = std::env::temp_dir().join(format!("vidimus-keys-{name}"));
            fs::create_dir(&path).unwrap();
            write_private(&path.join("secret"), generate_secret().as_slice()).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            write_private(&path, bytes).unwrap();
            path
        }

        fn key(&self, name: &str, purpose: KeyPurpose, state: KeyState) -> KeyFile {
            let key = self.file(name, generate(purpose).unwrap().as_bytes());
            KeyFile { name: name.to_owned(), purpose, state, key, chain: None }
        }

        fn open(&self, files: &[KeyFile]) -> Result<FileKeyStore, KeyFileError> {
            FileKeyStore::open(files, &self.0.join("secret"))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[tokio::test]
    async fn keys_from_files_keep_the_contract() {
        let folder = Folder::new();
        let store = folder
            .open(&[
                folder.key("a-0", KeyPurpose::Assertions, KeyState::Retired),
                folder.key("a-1", KeyPurpose::Assertions, KeyState::Active),
                folder.key("t-1", KeyPurpose::AccessTokens, KeyState::Active),
                folder.key("t-2", KeyPurpose::AccessTokens, KeyState::Next),
                folder.key("c-1", KeyPurpose::Checkpoints, KeyState::Active),
            ])
            .unwrap();
        assert_eq!(contract::broken_rules(&store).await, Vec::<contract::Rule>::new());
        assert_eq!(store.active(KeyPurpose::Assertions).unwrap().name, "a-1");
        assert_eq!(store.published(KeyPurpose::AccessTokens).len(), 2);
        assert_eq!(store.active(KeyPurpose::Tls), None);
        assert!(!format!("{store:?}").contains("PRIVATE"));
    }

    #[test]
    fn pseudonyms_survive_a_restart_and_depend_on_the_secret() {
        let (folder, other) = (Folder::new(), Folder::new());
        let pseudonym = |folder: &Folder| folder.open(&[]).unwrap().pseudonym(b"message");
        assert_eq!(pseudonym(&folder), pseudonym(&folder));
        assert_ne!(pseudonym(&folder), pseudonym(&other));
    }

    #[test]
    fn a_file_that_others_can_get_at_is_refused_with_the_command_that_closes_it() {
        let folder = Folder::new();
        let file = folder.key("t-1", KeyPurpose::AccessTokens, KeyState::Active);
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
            fs::set_permissions(&file.key, fs::Permissions::from_mode(mode)).unwrap();
            let error = folder.open(std::slice::from_ref(&file)).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", file.key.display())), "{error}");
        }
        fs::set_permissions(&file.key, fs::Permissions::from_mode(0o400)).unwrap();
        folder.open(std::slice::from_ref(&file)).unwrap();
        fs::set_permissions(folder.0.join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(folder.open(&[file]), Err(KeyFileError::Open { .. })));
    }

    #[test]
    fn entries_that_cannot_stand_together_are_refused() {
        let folder = Folder::new();
        let file = folder.key("t-1", KeyPurpose::AccessTokens, KeyState::Active);
        let second = folder.key("t-2", KeyPurpose::AccessTokens, KeyState::Active);
        let with = |other: KeyFile| folder.open(&[file.clone(), other]).unwrap_err();
        assert!(matches!(with(second.clone()), KeyFileError::TwoActive { .. }));
        assert!(matches!(with(KeyFile { name: "t-1".to_owned(), ..second }), KeyFileError::SameName(_)));
        let shared = KeyFile { name: "a-1".to_owned(), purpose: KeyPurpose::Assertions, ..file.clone() };
        assert!(matches!(with(shared), KeyFileError::Shared { .. }));
        let retired = KeyFile { name: "t-0".to_owned(), state: KeyState::Retired, ..file.clone() };
        assert!(matches!(with(retired), KeyFileError::Shared { .. }));
    }

    #[test]
    fn a_file_that_is_no_key_for_its_purpose_is_refused() {
        let folder = Folder::new();
        let file = |name: &str, purpose, text: &[u8]| KeyFile {
            name: name.to_owned(),
            purpose,
            state: KeyState::Active,
            key: folder.file(name, text),
            chain: None,
        };
        let p256 = generate_kind(KeyKind::P256).unwrap();
        let open = |file: KeyFile| folder.open(&[file]).unwrap_err();
        assert!(matches!(open(file("x", KeyPurpose::AccessTokens, b"")), KeyFileError::Key { .. }));
        assert!(matches!(open(file("y", KeyPurpose::Checkpoints, p256.as_bytes())), KeyFileError::Kind { .. }));
        assert!(matches!(open(file("z", KeyPurpose::Pseudonyms, p256.as_bytes())), KeyFileError::NotAKeyPair { .. }));
        let missing = KeyFile { key: folder.0.join("none"), ..file("w", KeyPurpose::Tls, b"") };
        assert!(matches!(open(missing), KeyFileError::Unreadable { .. }));
        folder.file("short", &[0; 31]);
        let short = FileKeyStore::open(&[], &folder.0.join("short")).unwrap_err();
        assert!(matches!(short, KeyFileError::Secret { bytes: 31, .. }));
    }

    #[test]
    fn a_chain_begins_with_the_certificate_of_its_key() {
        let folder = Folder::new();
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let mut file = folder.key("t-1", KeyPurpose::AccessTokens, KeyState::Active);
        file.chain = Some(folder.file("chain", certificate.pem().as_bytes()));
        assert!(matches!(folder.open(std::slice::from_ref(&file)), Err(KeyFileError::ChainOfAnother { .. })));
        file.key = folder.file("own", pair.serialize_pem().as_bytes());
        let store = folder.open(std::slice::from_ref(&file)).unwrap();
        assert_eq!(store.active(KeyPurpose::AccessTokens).unwrap().chain, [certificate.der().to_vec()]);
        file.chain = Some(folder.file("empty", b""));
        assert!(matches!(folder.open(&[file]), Err(KeyFileError::Chain { .. })));
    }

    #[test]
    fn a_file_is_never_written_over() {
        let folder = Folder::new();
        let path = folder.file("key", b"first");
        assert!(write_private(&path, b"second").is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
