//! The keys that recipes sign with, by name. **Not secret**; see [`super::pki`].

use std::fs;
use std::path::{Path, PathBuf};

use super::pki;
use super::raw_rsa::RawRsa;
use crate::wire::crypto::PrivateKey;
use crate::wire::x509::Certificate;

/// A folder with `NAME.key.pem` and `NAME.cert.pem`.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The private key of this name. Two certificates of the corpus may share one.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn private(&self, name: &str) -> Result<PrivateKey, String> {
        let own = self.folder.join(format!("{name}.key.pem"));
        let path = if own.exists() { own } else { self.folder.join(format!("{}.key.pem", pki::key_name(name)?)) };
        let pem = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        PrivateKey::from_pem(pem).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The private key of this name as numbers, for what no library signs.
    pub(super) fn raw(&self, name: &str) -> Result<RawRsa, String> {
        let path = self.folder.join(format!("{}.key.pem", pki::key_name(name)?));
        let pem = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        RawRsa::from_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The certificate of this name.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn certificate(&self, name: &str) -> Result<Certificate, String> {
        let path = self.folder.join(format!("{name}.cert.pem"));
        let pem = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let read = Certificate::from_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))?;
        read.into_iter().next().ok_or_else(|| format!("{}: no certificate", path.display()))
    }
}
