//! The thread that keeps the files: moves leaves from the journal, syncs, signs checkpoints.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::files::{self, CHECKPOINTS, Files};
use super::leaf::Draft;
use super::strangers::StrangerLog;
use super::trail::{CheckpointKey, Settings, Shared};
use super::{Reference, journal};
use crate::store::{Store, StoreError, Write};
use crate::wire::crypto::PublicKey;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// There are new leaves in the journal.
    Wake,
    /// A line for the log of strangers.
    Stranger(String),
    /// Everything handed over until now is to stand in the files.
    Flush(oneshot::Sender<Result<(), StoreError>>),
    /// And be synced and signed.
    Checkpoint(oneshot::Sender<Result<(), StoreError>>),
    Erase(Reference, oneshot::Sender<Result<usize, StoreError>>),
    /// The last checkpoint, then the end.
    Close,
}

#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) files: Files,
    pub(super) strangers: StrangerLog,
    pub(super) settings: Settings,
    pub(super) folder: PathBuf,
    pub(super) key: CheckpointKey,
    pub(super) public: PublicKey,
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: tokio::runtime::Runtime,
    /// The size of the last signed checkpoint.
    pub(super) signed: u64,
    /// An fsync failed. What the files hold is not known until the next start, so nothing more is
    /// written to them; trying again could report success for pages that were dropped.
    pub(super) lost: bool,
}

impl Keeper {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let _down = Down(Arc::clone(&self.shared));
        let mut checkpoint_at = Instant::now();
        let mut aggregate_at = Instant::now() + AGGREGATE_EVERY;
        loop {
            let next = if self.pending() { checkpoint_at } else { aggregate_at };
            match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.pending() && Instant::now() >= checkpoint_at {
                self.checkpoint();
                checkpoint_at = Instant::now() + self.settings.checkpoint_every;
            }
            if Instant::now() >= aggregate_at {
                self.aggregate();
                aggregate_at = Instant::now() + AGGREGATE_EVERY;
            }
        }
        self.aggregate();
        let _ = self.store.together_blocking(vec![Write::nothing()]);
        self.checkpoint();
    }

    /// Whether something waits for a checkpoint, or for a second try.
    fn pending(&self) -> bool {
        !self.lost && (self.files.edge().size() > self.signed || !self.shared.healthy.load(Ordering::Acquire))
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Wake => {
                self.shared.awake.store(false, Ordering::Release);
                let _ = self.moved();
            }
            Command::Stranger(line) => {
                if self.strangers.append(&line).is_err() {
                    self.shared.counts.strangers.fetch_add(1, Ordering::Relaxed);
                }
            }
            Command::Flush(reply) => drop(reply.send(self.flush())),
            Command::Checkpoint(reply) => drop(reply.send(self.signed_now())),
            Command::Erase(reference, reply) => drop(reply.send(self.erase(reference))),
            Command::Close => {}
        }
    }

    /// What was handed over before is committed first: the store's queue keeps its order.
    fn flush(&mut self) -> Result<(), StoreError> {
        self.store.together_blocking(vec![Write::nothing()])?;
        self.moved()
    }

    fn signed_now(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.checkpoint();
        if self.signed == self.files.edge().size() {
            Ok(())
        } else {
            Err(StoreError::Unavailable("no checkpoint could be made".to_owned()))
        }
    }

    /// The journal holds openings too: they are moved, settled, and then erased.
    fn erase(&mut self, reference: Reference) -> Result<usize, StoreError> {
        self.flush()?;
        self.checkpoint();
        self.files.erase(&reference.to_string()).map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Moves all leaves of the journal to the files; says whether the trail can be written.
    fn moved(&mut self) -> Result<(), StoreError> {
        if self.lost {
            return Err(StoreError::Unavailable("the audit files could not be synced; restart to recover".to_owned()));
        }
        let outcome = self.move_all();
        self.shared.healthy.store(outcome.is_ok(), Ordering::Release);
        if let Err(error) = &outcome {
            tracing::error!(%error, "the audit trail cannot be written; nothing is issued");
        }
        outcome
    }

    fn move_all(&mut self) -> Result<(), StoreError> {
        loop {
            let size = self.files.edge().size();
            let entries = journal::read(&self.store.read()?, size, MOVE_AT_ONCE)?;
            if entries.is_empty() {
                return Ok(());
            }
            if !entries.iter().zip(size..).all(|(entry, seq)| entry.seq == seq) {
                return Err(StoreError::Unavailable(format!("the audit journal has no leaf {size}")));
            }
            self.files.append(&entries).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        }
    }

    /// Syncs, signs, and lets the journal forget what is on disk.
    fn checkpoint(&mut self) {
        if self.moved().is_err() {
            return;
        }
        if let Err(error) = self.files.sync() {
            tracing::error!(%error, "the audit files cannot be synced; nothing is issued until a restart");
            self.lost = true;
            self.shared.healthy.store(false, Ordering::Release);
            return;
        }
        let outcome = self.sign().and_then(|()| self.settle().map_err(|error| error.to_string()));
        if let Err(error) = outcome {
            tracing::error!(%error, "no checkpoint could be made; nothing is issued");
            self.shared.healthy.store(false, Ordering::Release);
        }
    }

    fn sign(&mut self) -> Result<(), String> {
        let size = self.files.edge().size();
        if size == self.signed {
            return Ok(());
        }
        let root = self.files.edge().root();
        let checkpoint = Checkpoint { origin: self.settings.origin.clone(), size, root };
        let body = checkpoint.body();
        let signature = self.key.signer.sign(&self.key.handle, body.as_bytes());
        let signature = self.runtime.block_on(signature).map_err(|error| error.to_string())?;
        let note = checkpoint.note(&self.public, &signature).ok_or("the checkpoint key is no Ed25519 key")?;
        let text = format!("{note}\n");
        files::append_durably(&self.folder.join(CHECKPOINTS), &text).map_err(|error| error.to_string())?;
        self.signed = size;
        self.copy_outside(&text);
        Ok(())
    }

    /// The copy outside makes a trail that was cut short and signed anew visible. Its failure is
    /// reported and does not stop anything: what is written here is whole without it.
    fn copy_outside(&self, text: &str) {
        if let Some(sink) = &self.settings.sink
            && let Err(error) = files::append_durably(&outside_path(sink, &self.settings.node), text)
        {
            tracing::error!(%error, sink = %sink.display(), "the checkpoint could not be copied outside");
        }
    }

    fn settle(&self) -> Result<(), StoreError> {
        loop {
            let position = self.files.position();
            let (give, done) = std::sync::mpsc::sync_channel(1);
            self.store.together_blocking(vec![Write::new(move |unit| {
                let _ = give.send(journal::settle(unit, &position, SETTLE_AT_ONCE)?);
                Ok(())
            })])?;
            if done.recv().unwrap_or(true) {
                return Ok(());
            }
        }
    }

    /// Writes what was counted, when anything was.
    fn aggregate(&self) {
        let counts = self.shared.counts.take();
        if counts.iter().all(|(_, count)| *count == 0) {
            return;
        }
        let (since, at) = self.shared.period();
        let draft = Draft::aggregate(&self.settings.node, since, at, &counts);
        let shared = Arc::clone(&self.shared);
        let write = Write::new(move |unit| {
            journal::append(unit, &draft)?;
            unit.after_commit(move || shared.wake());
            Ok(())
        });
        if self.store.later(vec![write]).is_err() {
            self.shared.counts.give_back(&counts);
        }
    }
}

/// Whatever ends the thread, the trail is down with it.
struct Down(Arc<Shared>);

impl Drop for Down {
    fn drop(&mut self) {
        self.0.healthy.store(false, Ordering::Release);
    }
}

/// Where the checkpoints of a node are copied to.
pub(super) fn outside_path(sink: &std::path::Path, node: &str) -> PathBuf {
    sink.join(format!("{node}.checkpoints"))
}

/// How often counts become a leaf.
const AGGREGATE_EVERY: Duration = Duration::from_secs(60);

/// Leaves moved in one write to the files.
const MOVE_AT_ONCE: usize = 512;

/// Rows that one commit removes from the journal, so that callers do not wait long behind it.
const SETTLE_AT_ONCE: usize = 1024;
