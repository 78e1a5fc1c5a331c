//! WORLD: the fixed surroundings of a case: a real configuration, a clock that stands still, a
//! store in memory, and a trail that remembers what it was told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;

use crate::audit::{AdminEntry, AuditSink, IntentEntry, OutcomeEntry};
use crate::config::build::{Parts, assemble};
use crate::config::{self, Loaded, Overrides};
use crate::flow::inquiry::{Inquiry, Stop, Stopped, standing_still};
use crate::flow::pure;
use crate::flow::verify::Terms;
use crate::mandates::MandateStore;
use crate::model::{Refusal, Time, Trace};
use crate::serve::clock::{Clock, FrozenClock};
use crate::serve::{self, Server};
use crate::store::{Store, StoreError, Write};

/// A world as it was read; [`World::begin`] makes a fresh one of it for each run.
#[derive(Debug)]
pub struct World {
    loaded: Loaded,
    clock: Time,
}

/// A copy of a world, with private keys as private as the configuration demands. Everything is read
/// when the world is opened, so the copy goes right after.
#[derive(Debug)]
struct Copy(PathBuf);

/// One run's own server.
#[derive(Debug)]
pub struct Session {
    pub server: Arc<Server>,
    pub router: Router,
    pub clock: Arc<FrozenClock>,
    pub trail: Arc<Recorder>,
    pub mandates: Arc<dyn MandateStore>,
}

impl World {
    /// Reads `conformance/worlds/NAME` with the keys in `keys`.
    ///
    /// # Errors
    /// What is wrong with the configuration, as an operator would read it.
    pub fn open(worlds: &Path, name: &str, keys: &Path) -> Result<Self, String> {
        let from = worlds.join(name);
        let folder = std::env::temp_dir().join(format!("vidimus-{}-{}-{name}", std::process::id(), number()));
        let folder = Copy(folder);
        let copied = |error: std::io::Error| format!("world `{name}`: {error}");
        copy(&from, &folder.0).map_err(copied)?;
        copy(keys, &folder.0.join("keys")).map_err(copied)?;
        fs::write(folder.0.join("policies/vidimus.cedarschema"), SCHEMA).map_err(copied)?;
        let clock = fs::read_to_string(from.join("clock")).map_err(copied)?;
        let clock: Time = clock.trim().parse().map_err(|error| format!("world `{name}`: clock: {error}"))?;
        let loaded = config::load(&folder.0.join("vidimus.toml"), Overrides::default(), clock).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(|problem| format!("{problem:?}")).collect();
            format!("world `{name}`: {}", problems.join("\n"))
        })?;
        Ok(Self { loaded, clock })
    }

    /// The world's instant.
    pub fn clock(&self) -> Time {
        self.clock
    }

    /// The path and the address of a profile's endpoint.
    pub fn endpoint(&self, profile: &str) -> Option<(&str, &str)> {
        let door = self.loaded.settings.doors.iter().find(|door| door.profile.name == profile)?;
        Some((&door.path, &door.endpoint))
    }

    /// The name of the first SOAP endpoint's profile.
    pub fn profile(&self) -> Option<&str> {
        self.loaded.settings.doors.first().map(|door| door.profile.name.as_str())
    }

    pub fn token_endpoint(&self) -> &str {
        &self.loaded.settings.token_endpoint
    }

    /// A fresh server: nothing seen before, no mandates, the clock at the world's instant.
    ///
    /// # Errors
    /// When it cannot be put together.
    pub fn begin(&self) -> Result<Session, String> {
        let clock = Arc::new(FrozenClock::at(self.clock));
        let trail = Arc::new(Recorder::default());
        let parts = Parts {
            store: Store::in_memory().map_err(|error| error.to_string())?,
            sink: trail.clone(),
            clock: clock.clone(),
            stopwatch: standing_still,
        };
        let (server, mandates) = assemble(&self.loaded, parts).map_err(|error| error.to_string())?;
        Ok(Session { router: serve::router(&server), server, clock, trail, mandates })
    }
}

impl Session {
    /// Judges a message by a profile without any door, as the command line does it.
    ///
    /// # Errors
    /// The refusal and the trace; when there is no such profile, its name.
    pub fn verify(&self, world: &World, profile: &str, bytes: Vec<u8>) -> Result<Result<(), Judged>, String> {
        let profiles = &world.loaded.profiles;
        let known = profiles.iter().find(|known| known.name == profile);
        let profile = known.ok_or_else(|| format!("there is no profile `{profile}`"))?;
        let addresses: Vec<String> = world.loaded.settings.doors.iter().map(|door| door.endpoint.clone()).collect();
        let sts = self.server.sts.load();
        let trust = sts.trust.load_full();
        let limits = &self.server.limits;
        let terms = Terms { trust: &trust, profile, limits, addresses: &addresses, now: self.clock.now() };
        let mut inquiry = Inquiry::new(Stop::First, standing_still);
        let judged = pure::requester(bytes, terms, &sts.issuer, &mut inquiry);
        Ok(judged.map(drop).map_err(|Stopped| inquiry.finish()))
    }
}

/// The trace of a refused message, and the faults.
pub type Judged = (Trace, Vec<Refusal>);

impl Drop for Copy {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary files is nobody's harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An audit trail in memory: what was intended, and what came of it.
#[derive(Debug, Default)]
pub struct Recorder(Arc<Mutex<Records>>);

/// What a [`Recorder`] was told since it was last asked.
#[derive(Debug, Default)]
pub struct Records {
    /// Committed intents: each is a signature that was allowed to be made.
    pub intents: usize,
    pub outcomes: Vec<OutcomeEntry>,
}

impl Recorder {
    /// What was recorded since the last call.
    pub fn take(&self) -> Records {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with(&self, change: impl FnOnce(&mut Records)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl AuditSink for Recorder {
    fn intent(&self, _entry: IntentEntry) -> Write {
        self.with(|records| records.intents += 1);
        Write::nothing()
    }

    async fn outcome(&self, entry: OutcomeEntry) -> Result<(), StoreError> {
        self.with(|records| records.outcomes.push(entry));
        Ok(())
    }

    async fn admin(&self, _entry: AdminEntry) -> Result<(), StoreError> {
        Ok(())
    }

    fn healthy(&self) -> bool {
        true
    }
}

/// Copies a folder; files that hold secrets become readable by their owner only, as `config` asks.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            owner_only(&target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn owner_only(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn owner_only(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What policies can see; each world's policies are checked against the real one.
const SCHEMA: &str = include_str!("../pdp/cedar/vidimus.cedarschema");
