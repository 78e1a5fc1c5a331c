//! The settings as the program uses them: every value read, every file opened, once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::trust::TrustSettings;
use crate::flow::profile::{DoorRules, Profile};
use crate::serve::listen;
use crate::wire::x509::Certificate;
use crate::wire::xml;

/// What the program is told, beside registry, policies and attributes.
#[derive(Debug)]
pub struct Settings {
    /// `Issuer` of assertions, `iss` of JWTs.
    pub issuer: String,
    pub listen: SocketAddr,
    /// How callers reach us; without a slash at the end.
    pub public_url: String,
    /// The token endpoint's URL.
    pub token_endpoint: String,
    /// The SOAP endpoints, in the order of the file.
    pub doors: Vec<SoapDoor>,
    /// The listener's TLS configuration; its key fits its certificate.
    pub tls: Arc<rustls::ServerConfig>,
    /// Anchors of certificates that profiles judge by path, and what is known of revocation.
    pub trust: TrustSettings,
    pub net: NetSettings,
    pub limits: xml::Limits,
    pub connections: listen::Limits,
    pub oauth: OauthSettings,
    /// The folder of replay memory and mandates.
    pub store_dir: PathBuf,
    pub audit_dir: PathBuf,
    /// Where checkpoints are copied to.
    pub checkpoint_dir: Option<PathBuf>,
    pub admin_socket: PathBuf,
}

/// One SOAP endpoint.
#[derive(Debug, Clone)]
pub struct SoapDoor {
    /// The path of its URL.
    pub path: String,
    /// Its whole URL: what `wsa:To` and audiences name.
    pub endpoint: String,
    pub profile: Arc<Profile>,
    /// The profile's own section `[door]`.
    pub rules: DoorRules,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OauthSettings {
    pub maximum_lifetime: Duration,
    pub skew: Duration,
}

/// What is fetched in the background.
#[derive(Debug, Clone)]
pub struct NetSettings {
    /// Roots of https addresses.
    pub roots: Vec<Certificate>,
    pub deadline: Duration,
    pub refresh: Duration,
}
