//! From a configuration to a running system: the only place that puts implementations together.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;

use crate::audit::{self, AuditSink, AuditTrail, CheckpointKey, FileTrail, Reader, TrailError};
use crate::config::Loaded;
use crate::flow::sts::Sts;
use crate::flow::trust::Trust;
use crate::mandates::MandateStore;
use crate::mandates::RedbMandates;
use crate::model::{KeyPurpose, RealmId, Time, TokenType};
use crate::net::{FetchError, Fetcher};
use crate::replay::{DEFAULT_CAPACITY, RedbReplay};
use crate::serve::admin::Admin;
use crate::serve::clock::{self, Clock};
use crate::serve::revocation::{Updater, UpdaterParts};
use crate::serve::self_attack::{self, Fault, Report, Target};
use crate::serve::{Server, SoapDoor};
use crate::store::{OpenError, Store, StoreError};
use crate::tokens::TokenFormat;
use crate::tokens::jwt::JwtAccessToken;
use crate::tokens::saml2::Saml2;

/// A system that is ready to listen.
#[derive(Debug)]
pub struct System {
    pub server: Arc<Server>,
    pub admin: Admin,
    /// Fetches what is known of revocation; runs beside the server.
    pub updater: Updater,
    /// The audit trail, to be flushed last.
    pub trail: Arc<FileTrail>,
}

/// Why no system could be built of a configuration that is right in itself.
#[derive(Debug)]
pub enum BuildError {
    Store(OpenError),
    Replay(StoreError),
    Trail(TrailError),
    /// No key has this purpose.
    KeyMissing(KeyPurpose),
    Net(FetchError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Replay(error) => write!(f, "the replay store cannot be read: {error}"),
            Self::Trail(error) => error.fmt(f),
            Self::KeyMissing(purpose) => write!(f, "no active key is configured for {}", purpose.as_str()),
            Self::Net(error) => write!(f, "nothing can be fetched: {error}"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<OpenError> for BuildError {
    fn from(error: OpenError) -> Self {
        Self::Store(error)
    }
}

/// Opens the store and the audit trail in their folders and puts the system together.
///
/// # Errors
/// When a folder is held by another process or cannot be read.
pub fn build(loaded: &Loaded, clock: Arc<dyn Clock>) -> Result<System, BuildError> {
    let now = clock.now();
    let settings = &loaded.settings;
    let store = Store::open(&settings.store_dir, NODE, now)?;
    let key = loaded.keys.active(KeyPurpose::Checkpoints).ok_or(BuildError::KeyMissing(KeyPurpose::Checkpoints))?;
    // The name of the log, for ever: schemeless, as C2SP tlog-checkpoint asks.
    let host = settings.issuer.split_once("://").map_or(settings.issuer.as_str(), |(_, host)| host);
    let origin = format!("{}/audit/{NODE}", host.trim_end_matches('/'));
    let mut trail = audit::Settings::new(&settings.audit_dir, NODE, origin);
    trail.sink.clone_from(&settings.checkpoint_dir);
    let reader = Reader::new(trail.node_folder());
    let signer = CheckpointKey { signer: loaded.keys.clone(), handle: key };
    let trail = Arc::new(FileTrail::open(trail, &store, signer, now).map_err(BuildError::Trail)?);
    let parts = Parts { store, sink: trail.clone(), clock: clock.clone(), stopwatch: clock::stopwatch };
    let (server, mandates) = assemble(loaded, parts)?;
    let updater = updater(loaded, &server, clock.clone()).map_err(BuildError::Net)?;
    let admin = Admin {
        realm: RealmId::default(),
        mandates,
        trail: AuditTrail::new(trail.clone()),
        files: trail.clone(),
        reader,
        clock,
    };
    Ok(System { server, admin, updater, trail })
}

/// What fetches CRLs and OCSP answers for a server, from the addresses of the configuration only.
///
/// # Errors
/// When a root of `net.roots` is none.
pub fn updater(loaded: &Loaded, server: &Arc<Server>, clock: Arc<dyn Clock>) -> Result<Updater, FetchError> {
    let settings = &loaded.settings;
    let addresses = settings.trust.authorities.iter().flat_map(|authority| &authority.sources);
    let addresses = addresses.filter_map(|source| source.kind.address()).map(str::to_owned);
    let roots = settings.net.roots.iter().map(|root| CertificateDer::from(root.der().to_owned()));
    Ok(Updater::new(UpdaterParts {
        server: Arc::clone(server),
        authorities: settings.trust.authorities.clone(),
        collected: settings.trust.collected.clone(),
        fetcher: Fetcher::new(addresses, roots)?,
        clock,
        folder: settings.store_dir.clone(),
        deadline: settings.net.deadline,
        refresh: settings.net.refresh,
    }))
}

/// What a system stands on.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub sink: Arc<dyn AuditSink>,
    pub clock: Arc<dyn Clock>,
    pub stopwatch: fn() -> u64,
}

/// Puts a server together over the given parts; conformance cases stand on parts in memory.
///
/// # Errors
/// When the store cannot be read or an anchor cannot be used.
pub fn assemble(loaded: &Loaded, parts: Parts) -> Result<(Arc<Server>, Arc<dyn MandateStore>), BuildError> {
    let settings = &loaded.settings;
    let realm = RealmId::default();
    let now: Time = parts.clock.now();
    let replay = RedbReplay::open(&parts.store, std::slice::from_ref(&realm), DEFAULT_CAPACITY, now)
        .map_err(BuildError::Replay)?;
    let mandates: Arc<dyn MandateStore> = Arc::new(RedbMandates::new(&parts.store));
    let formats: HashMap<TokenType, Arc<dyn TokenFormat>> = [
        (TokenType::Saml2, Arc::new(Saml2::default()) as Arc<dyn TokenFormat>),
        (TokenType::AccessToken, Arc::new(JwtAccessToken)),
    ]
    .into();
    let sts = Sts {
        realm,
        issuer: settings.issuer.clone(),
        token_endpoint: settings.token_endpoint.clone(),
        trust: ArcSwap::from_pointee(trust(loaded)),
        pdp: loaded.pdp.clone(),
        mandates: mandates.clone(),
        attributes: loaded.attributes.clone(),
        replay: Arc::new(replay),
        store: parts.store,
        trail: AuditTrail::new(parts.sink),
        keys: loaded.keys.clone(),
        formats,
    };
    let server = Server {
        sts: ArcSwap::from_pointee(sts),
        soap: doors(loaded),
        limits: settings.limits.clone(),
        client_skew: settings.oauth.skew,
        clock: parts.clock,
        stopwatch: parts.stopwatch,
    };
    Ok((Arc::new(server), mandates))
}

fn trust(loaded: &Loaded) -> Trust {
    let settings = &loaded.settings.trust;
    Trust::new(Arc::new(loaded.registry.clone()), settings.anchors.clone())
        .with_revocations(Arc::new(settings.revocations()))
}

fn doors(loaded: &Loaded) -> Vec<Arc<SoapDoor>> {
    let door = |door: &crate::config::SoapDoor| {
        Arc::new(SoapDoor {
            profile: (*door.profile).clone(),
            rules: door.rules.clone(),
            path: door.path.clone(),
            location: door.endpoint.clone(),
            aliases: Vec::new(),
        })
    };
    loaded.settings.doors.iter().map(door).collect()
}

/// What the server would find when it attacks itself, without one: no store is opened.
///
/// # Errors
/// Each attack that did not end as it must.
pub fn rehearse(loaded: &Loaded, now: Time) -> Result<Report, Vec<Fault>> {
    let settings = &loaded.settings;
    let (trust, doors) = (trust(loaded), doors(loaded));
    self_attack::run(Target {
        trust: &trust,
        doors: &doors,
        limits: &settings.limits,
        issuer: &settings.issuer,
        token_endpoint: &settings.token_endpoint,
        client_skew: chrono::Duration::from_std(settings.oauth.skew).unwrap_or_default(),
        now,
    })
}

/// The name of this node. There is one; several come with a store that they share.
pub const NODE: &str = "node-1";
