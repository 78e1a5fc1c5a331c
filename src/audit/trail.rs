//! The trail of one node in files: [`FileTrail`].

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use tokio::sync::oneshot;

use super::checkpoint::SignedCheckpoint;
use super::files::{self, CHECKPOINTS, Files};
use super::keeper::{Command, Keeper, outside_path};
use super::leaf::Draft;
use super::recover::{self, Found, TrailError, io_error};
use super::strangers::{self, Buckets, StrangerLimits, StrangerLog};
use super::{AdminEntry, AuditSink, IntentEntry, OutcomeEntry, journal};
use crate::model::{Algorithm, KeyHandle, RealmId, Reference, Signer, Time};
use crate::store::{Store, StoreError, Write};
use crate::wire::crypto::PublicKey;

/// What an operator decides about the trail.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of all trails; this one's files are in the folder `node` in it.
    pub folder: PathBuf,
    pub node: String,
    /// The log's name in checkpoints, for ever: a URL without scheme, e.g. `sts.example.be/audit/n1`.
    pub origin: String,
    /// A folder outside the data folder that gets a copy of each checkpoint.
    pub sink: Option<PathBuf>,
    pub checkpoint_every: Duration,
    /// Size at which a new segment is begun.
    pub segment_bytes: u64,
    pub strangers: StrangerLimits,
    /// By how much senders' clocks may be ahead: after the loss of the store, messages that could
    /// have been accepted before it are refused for that long.
    pub skew: Duration,
}

impl Settings {
    pub fn new(folder: impl Into<PathBuf>, node: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            node: node.into(),
            origin: origin.into(),
            sink: None,
            checkpoint_every: Duration::from_secs(1),
            segment_bytes: 256 << 20,
            strangers: StrangerLimits::default(),
            skew: Duration::from_secs(60),
        }
    }

    /// The folder of this node's trail.
    pub fn node_folder(&self) -> PathBuf {
        self.folder.join(&self.node)
    }
}

/// The key that signs checkpoints: Ed25519, used for nothing else.
#[derive(Debug, Clone)]
pub struct CheckpointKey {
    pub signer: Arc<dyn Signer>,
    pub handle: KeyHandle,
}

/// The audit trail of one node. Dropping it makes the last checkpoint and releases the files.
#[derive(Debug)]
pub struct FileTrail {
    store: Store,
    node: Arc<str>,
    shared: Arc<Shared>,
    buckets: Mutex<Buckets>,
    thread: Option<JoinHandle<()>>,
}

impl FileTrail {
    /// Opens the trail, repairs what a crash left, closes the intents that it left open, and makes
    /// a checkpoint. Blocks for as long as that takes; only what lies behind the last checkpoint is
    /// read.
    ///
    /// # Errors
    /// When files that were on disk are shorter now, or differ from the store.
    pub fn open(settings: Settings, store: &Store, key: CheckpointKey, now: Time) -> Result<Self, TrailError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if settings.node.is_empty() || settings.node.starts_with('.') || !settings.node.chars().all(legal) {
            return Err(TrailError::Node(settings.node));
        }
        let public = public_key(&key)?;
        let folder = settings.node_folder();
        files::private_folder(&folder).map_err(|error| io_error(&folder, error))?;
        cut_torn_checkpoint(&folder)?;
        let files = recover_files(&settings, &folder, store, now)?;
        close_open_intents(&settings.node, store, now)?;
        let strangers =
            StrangerLog::open(&folder, settings.strangers.bytes).map_err(|error| io_error(&folder, error))?;
        let runtime = (tokio::runtime::Builder::new_current_thread().enable_all().build())
            .map_err(|error| io_error(&folder, error))?;
        let (commands, queue) = sync_channel(COMMANDS);
        let shared = Arc::new(Shared::new(commands, now));
        let (node, limits) = (Arc::from(settings.node.as_str()), settings.strangers.clone());
        let keeper = Keeper {
            store: store.clone(),
            files,
            strangers,
            settings,
            folder: folder.clone(),
            key,
            public,
            shared: Arc::clone(&shared),
            runtime,
            signed: 0,
            lost: false,
        };
        let thread = (std::thread::Builder::new().name("audit-keeper".to_owned()))
            .spawn(move || keeper.run(&queue))
            .map_err(|error| io_error(&folder, error))?;
        shared.wake();
        let buckets = Mutex::new(Buckets::new(limits));
        Ok(Self { store: store.clone(), node, shared, buckets, thread: Some(thread) })
    }

    /// Resolves when everything recorded until now can be read in the files.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (give, done) = oneshot::channel();
        self.shared.send(Command::Flush(give))?;
        done.await.unwrap_or_else(|_| Err(down()))
    }

    /// Resolves when everything recorded until now is on disk under a signed checkpoint. A server
    /// that stops calls it last.
    ///
    /// # Errors
    /// When it could not be written or signed.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let (give, done) = oneshot::channel();
        self.shared.send(Command::Checkpoint(give))?;
        done.await.unwrap_or_else(|_| Err(down()))
    }

    /// Erases the openings and the trace of a request; its leaves and all proofs stay. Gives how
    /// many there were.
    ///
    /// # Errors
    /// When the files cannot be rewritten.
    pub async fn erase(&self, reference: Reference) -> Result<usize, StoreError> {
        let (give, done) = oneshot::channel();
        self.shared.send(Command::Erase(reference, give))?;
        done.await.unwrap_or_else(|_| Err(down()))
    }

    /// A refusal of a stranger: written if its peer has a token left, else counted.
    fn stranger(&self, entry: &OutcomeEntry) {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let allowed = buckets.take(entry.peer, entry.at);
        drop(buckets);
        if !allowed || self.shared.send(Command::Stranger(strangers::line(entry))).is_err() {
            self.shared.counts.strangers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A refusal of a known sender: queued if there is room, else counted.
    fn refusal(&self, entry: &OutcomeEntry) {
        let place = Place::take(&self.shared);
        let queued = place.map(|place| self.store.later(vec![self.outcome_write(entry, Some(place))]));
        if !matches!(queued, Some(Ok(()))) {
            self.shared.counts.refusals.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn outcome_write(&self, entry: &OutcomeEntry, place: Option<Place>) -> Write {
        let draft = Draft::outcome(&self.node, entry);
        let shared = Arc::clone(&self.shared);
        Write::new(move |unit| {
            let _until_done = place;
            journal::append(unit, &draft)?;
            journal::close_intent(unit, draft.reference);
            unit.after_commit(move || shared.wake());
            Ok(())
        })
    }
}

#[async_trait]
impl AuditSink for FileTrail {
    fn intent(&self, entry: IntentEntry) -> Write {
        let draft = Draft::intent(&self.node, &entry);
        let shared = Arc::clone(&self.shared);
        shared.note_time(entry.at);
        Write::new(move |unit| {
            if !shared.healthy.load(Ordering::Acquire) {
                return Err(down());
            }
            journal::append(unit, &draft)?;
            journal::open_intent(unit, &entry.realm, entry.reference);
            unit.after_commit(move || shared.wake());
            Ok(())
        })
    }

    async fn outcome(&self, entry: OutcomeEntry) -> Result<(), StoreError> {
        self.shared.note_time(entry.at);
        match (entry.outcome, entry.authenticated) {
            ("issued", _) | ("failed", true) => return self.store.later(vec![self.outcome_write(&entry, None)]),
            (_, true) => self.refusal(&entry),
            (_, false) => self.stranger(&entry),
        }
        Ok(())
    }

    async fn admin(&self, entry: AdminEntry) -> Result<(), StoreError> {
        self.shared.note_time(entry.at);
        let draft = Draft::admin(&self.node, &entry);
        let shared = Arc::clone(&self.shared);
        let write = Write::new(move |unit| {
            journal::append(unit, &draft)?;
            unit.after_commit(move || shared.wake());
            Ok(())
        });
        self.store.together(vec![write]).await
    }

    fn healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Acquire) && self.store.healthy()
    }
}

impl Drop for FileTrail {
    fn drop(&mut self) {
        let _ = self.shared.commands.send(Command::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What callers and the keeper's thread share.
#[derive(Debug)]
pub(super) struct Shared {
    commands: SyncSender<Command>,
    pub(super) healthy: AtomicBool,
    /// Whether the keeper was told already that there is something to move.
    pub(super) awake: AtomicBool,
    pub(super) counts: Counts,
    /// Refusals of known senders that wait for the store.
    refusals_waiting: AtomicUsize,
    /// The highest time of any entry, and that of the last aggregate: the trail reads no clock.
    latest: AtomicI64,
    aggregated: AtomicI64,
}

impl Shared {
    fn new(commands: SyncSender<Command>, now: Time) -> Self {
        Self {
            commands,
            healthy: AtomicBool::new(true),
            awake: AtomicBool::new(false),
            counts: Counts::default(),
            refusals_waiting: AtomicUsize::new(0),
            latest: AtomicI64::new(now.timestamp_millis()),
            aggregated: AtomicI64::new(now.timestamp_millis()),
        }
    }

    /// Tells the keeper that there is something to move. When its queue is full it is awake anyway.
    pub(super) fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) && self.commands.try_send(Command::Wake).is_err() {
            self.awake.store(false, Ordering::Release);
        }
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands.try_send(command).map_err(|_| down())
    }

    fn note_time(&self, at: Time) {
        self.latest.fetch_max(at.timestamp_millis(), Ordering::Relaxed);
    }

    /// The period since the last aggregate.
    pub(super) fn period(&self) -> (Time, Time) {
        let latest = self.latest.load(Ordering::Relaxed);
        let since = self.aggregated.swap(latest, Ordering::Relaxed);
        let time = |millis| DateTime::from_timestamp_millis(millis).unwrap_or_default();
        (time(since), time(latest))
    }
}

/// What was counted instead of written.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) strangers: AtomicU64,
    pub(super) refusals: AtomicU64,
}

impl Counts {
    pub(super) fn take(&self) -> [(&'static str, u64); 2] {
        [
            ("strangers", self.strangers.swap(0, Ordering::Relaxed)),
            ("refusals", self.refusals.swap(0, Ordering::Relaxed)),
        ]
    }

    pub(super) fn give_back(&self, counts: &[(&'static str, u64); 2]) {
        let [(_, strangers), (_, refusals)] = counts;
        self.strangers.fetch_add(*strangers, Ordering::Relaxed);
        self.refusals.fetch_add(*refusals, Ordering::Relaxed);
    }
}

/// A place in the queue of refusals, free again when it is dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let waiting = shared.refusals_waiting.fetch_add(1, Ordering::AcqRel);
        let place = Self(Arc::clone(shared));
        (waiting < REFUSALS_WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.refusals_waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

fn public_key(key: &CheckpointKey) -> Result<PublicKey, TrailError> {
    if key.handle.algorithm != Algorithm::Ed25519 {
        return Err(TrailError::Key(format!("`{}` is no Ed25519 key", key.handle.name)));
    }
    PublicKey::from_spki(&key.handle.spki).map_err(|error| TrailError::Key(error.to_string()))
}

/// Brings the files to where the store and the journal say they are.
fn recover_files(settings: &Settings, folder: &Path, store: &Store, now: Time) -> Result<Files, TrailError> {
    let snapshot = store.read()?;
    let known = journal::position(&snapshot)?;
    let entries = journal::read(&snapshot, known.edge.size(), usize::MAX)?;
    let next = journal::next(&snapshot)?;
    let found = recover::walk(folder, known, &entries)?;
    let size = found.position.edge.size();
    if found.unknown_to_store > 0 {
        tracing::warn!(leaves = found.unknown_to_store, "the store is older than the audit trail");
        adopt(store, &found, next.max(size))?;
        let skew = chrono::Duration::from_std(settings.skew).unwrap_or_default();
        store.refuse_made_before(now + skew)?;
    }
    check_against_checkpoints(settings, folder, size.max(next))?;
    let mut files =
        Files::open(folder, found.position, settings.segment_bytes).map_err(|error| io_error(folder, error))?;
    // of leaves that are in the files already the openings may be missing; twice does no harm
    let (there, missing): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.seq < size);
    files.append_openings(&there).map_err(|error| io_error(folder, error))?;
    if !missing.is_empty() {
        files.append(&missing).map_err(|error| io_error(folder, error))?;
    }
    Ok(files)
}

/// Takes over what only the files know: the numbers that are used, the intents that wait.
fn adopt(store: &Store, found: &Found, next: u64) -> Result<(), TrailError> {
    let (intents, outcomes) = (found.intents.clone(), found.outcomes.clone());
    store.together_blocking(vec![Write::new(move |unit| {
        journal::set_next(unit, next);
        outcomes.into_iter().for_each(|reference| journal::close_intent(unit, reference));
        intents.iter().for_each(|(reference, realm)| journal::open_intent(unit, realm, *reference));
        Ok(())
    })])?;
    Ok(())
}

/// A signed checkpoint, here or outside, of more leaves than there are: some were removed.
fn check_against_checkpoints(settings: &Settings, folder: &Path, size: u64) -> Result<(), TrailError> {
    let outside = settings.sink.as_ref().map(|sink| outside_path(sink, &settings.node));
    for path in std::iter::once(folder.join(CHECKPOINTS)).chain(outside) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let signed = (SignedCheckpoint::parse_all(&text))
            .filter_map(|(offset, note)| Some((offset as u64, note.ok()?.checkpoint)))
            .filter(|(_, checkpoint)| checkpoint.origin == settings.origin)
            .max_by_key(|(_, checkpoint)| checkpoint.size);
        if let Some((offset, checkpoint)) = signed.filter(|(_, checkpoint)| checkpoint.size > size) {
            let detail = format!("the checkpoint is of {} leaves and the trail has {size}", checkpoint.size);
            return Err(TrailError::Damaged { path, offset, detail });
        }
    }
    Ok(())
}

/// A last checkpoint that a crash cut short would make the next one unreadable too.
fn cut_torn_checkpoint(folder: &Path) -> Result<(), TrailError> {
    let path = folder.join(CHECKPOINTS);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let last = SignedCheckpoint::parse_all(&text).last();
    let torn = last.filter(|(_, note)| note.is_err() || !text.ends_with("\n\n"));
    let Some((offset, _)) = torn else { return Ok(()) };
    let cut = files::private_file(&path).and_then(|file| file.set_len(offset as u64));
    cut.map_err(|error| io_error(&path, error))
}

/// Each intent that a crash left without outcome gets one: `interrupted`.
fn close_open_intents(node: &str, store: &Store, now: Time) -> Result<(), TrailError> {
    loop {
        let open: Vec<(Reference, RealmId)> = journal::open_intents(&store.read()?, CLOSE_AT_ONCE)?;
        if open.is_empty() {
            return Ok(());
        }
        let drafts: Vec<_> =
            open.iter().map(|(reference, realm)| Draft::interrupted(node, realm, *reference, now)).collect();
        store.together_blocking(vec![Write::new(move |unit| {
            for draft in &drafts {
                journal::append(unit, draft)?;
                journal::close_intent(unit, draft.reference);
            }
            Ok(())
        })])?;
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("the audit trail cannot be written".to_owned())
}

/// Commands that may wait for the keeper: lines of strangers, mostly.
const COMMANDS: usize = 1024;

/// Refusals of known senders that may wait for the store; beyond it they are counted.
const REFUSALS_WAITING: usize = 1024;

const CLOSE_AT_ONCE: usize = 1024;

#[cfg(test)]
mod tests;
