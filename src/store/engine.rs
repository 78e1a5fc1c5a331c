//! The store of one node: opening, committing, reading.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, SubsecRound};
use redb::ReadableDatabase;
use tokio::sync::oneshot;

use super::transaction::{Tables, run_unit, unavailable};
use super::writer::{self, Shared, Unit};
use super::{Key, Snapshot, StoreError, Table, Transaction, Write};
use crate::model::Time;

/// The store of one node. Clones are the same store; the file is released with the last of them.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    queue: Option<SyncSender<Unit>>,
    writer: Option<JoinHandle<()>>,
    fresh_after: Mutex<Time>,
    path: Option<PathBuf>,
}

/// Why a store cannot be opened; the sentence says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// Another process holds it: a running server, whose admin socket takes the command instead.
    Held(PathBuf),
    /// It was made by a later version of this program.
    Format {
        path: PathBuf,
        found: String,
    },
    /// It belongs to another node.
    Node {
        path: PathBuf,
        found: String,
    },
    Io {
        path: PathBuf,
        error: io::Error,
    },
    Damaged {
        path: PathBuf,
        detail: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(path) => write!(f, "{} is held by a server; speak to that server instead", path.display()),
            Self::Format { path, found } => write!(
                f,
                "{} has format {found}, and this version reads {FORMAT}: use the version that wrote it",
                path.display()
            ),
            Self::Node { path, found } => {
                write!(f, "{} belongs to node `{found}`: give that name, or another data folder", path.display())
            }
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Damaged { path, detail } => {
                write!(f, "{} is damaged: {detail}; put the last backup in its place", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl Store {
    /// Opens the store in folder `dir`, or makes one there. No other process can hold it at the
    /// same time. A store that is made remembers `now`: see [`Store::fresh_after`].
    ///
    /// # Errors
    /// When another process holds it, or the file is of another node or version, or damaged.
    pub fn open(dir: &Path, node: &str, now: Time) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        let io = |error| OpenError::Io { path: path.clone(), error };
        private_folder(dir).map_err(io)?;
        let file = private_file(&path).map_err(io)?;
        let backend = redb::backends::FileBackend::new(file).map_err(|error| open_error(&path, error))?;
        let database = (redb::Builder::new().set_cache_size(CACHE).create_with_backend(backend))
            .map_err(|error| open_error(&path, error))?;
        Self::start(database, node, now.trunc_subsecs(0), Some(path))
    }

    /// A store that is gone with its last clone; for tests and conformance runs. It calls
    /// everything fresh.
    ///
    /// # Errors
    /// When there is no memory or no thread to be had.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = PathBuf::from("memory");
        let backend = redb::backends::InMemoryBackend::new();
        let database = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|error| open_error(&path, error))?;
        Self::start(database, "memory", DateTime::UNIX_EPOCH, None)
    }

    fn start(database: redb::Database, node: &str, made: Time, path: Option<PathBuf>) -> Result<Self, OpenError> {
        let shown = path.clone().unwrap_or_else(|| PathBuf::from("memory"));
        let head = first_rows(&database, node, made).map_err(|detail| match detail {
            Head::Other(detail) => OpenError::Damaged { path: shown.clone(), detail },
            Head::Format(found) => OpenError::Format { path: shown.clone(), found },
            Head::Node(found) => OpenError::Node { path: shown.clone(), found },
        })?;
        let shared = Arc::new(Shared { database, epoch: AtomicU64::new(head.epoch), healthy: AtomicBool::new(true) });
        let (queue, units) = sync_channel(QUEUE);
        let for_writer = Arc::clone(&shared);
        let keep_epoch = |epoch: u64| {
            Write::new(move |unit| {
                unit.put(META, &meta("epoch"), epoch.to_be_bytes());
                Ok(())
            })
        };
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(for_writer, units, keep_epoch))
            .map_err(|error| OpenError::Io { path: shown, error })?;
        Ok(Self(Arc::new(Inner {
            shared,
            queue: Some(queue),
            writer: Some(writer),
            fresh_after: Mutex::new(head.fresh_after),
            path,
        })))
    }

    /// Commits `writes` as one: all or none, durable when the future resolves.
    ///
    /// # Errors
    /// The first error of any of them; then none was written. [`StoreError::Unavailable`] when
    /// too many wait already, [`StoreError::Ambiguous`] when the commit itself failed.
    pub async fn together(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let answer = self.enqueue(writes)?;
        answer.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    /// As [`Store::together`], for the start and for threads of their own: it blocks.
    pub(crate) fn together_blocking(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (give, answer) = std::sync::mpsc::sync_channel(1);
        self.send(Unit { writes, reply: Some(Box::new(move |outcome| drop(give.send(outcome)))) })?;
        answer.recv().unwrap_or_else(|_| Err(writer_gone()))
    }

    /// Hands over `writes` to be committed with the next group, at the latest a few milliseconds
    /// from now. Nobody learns whether that succeeded but [`Store::healthy`].
    ///
    /// # Errors
    /// When too many wait already, or an earlier commit failed.
    pub(crate) fn later(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.send(Unit { writes, reply: None })
    }

    /// One write with a result.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (give, result) = oneshot::channel();
        let write = Write::new(move |unit| {
            let value = write(unit)?;
            let _ = give.send(value);
            Ok(())
        });
        self.together(vec![write]).await?;
        result.await.map_err(|_| writer_gone())
    }

    /// A view of everything committed until now.
    pub(crate) fn read(&self) -> Result<Snapshot, StoreError> {
        self.0.shared.database.begin_read().map(Snapshot).map_err(unavailable)
    }

    /// Counts the commits since the file was made: who sees it unchanged has the newest snapshot.
    pub fn epoch(&self) -> u64 {
        self.0.shared.epoch.load(Ordering::Acquire)
    }

    /// Whether every commit until now succeeded. A store that failed once stays closed until the
    /// next start.
    pub fn healthy(&self) -> bool {
        self.0.shared.healthy.load(Ordering::Acquire)
    }

    /// Messages made before this instant must be refused: what was spent before it is not known
    /// here, because the store was made, or put back from a backup, at that time.
    pub fn fresh_after(&self) -> Time {
        *self.0.fresh_after.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Moves [`Store::fresh_after`] forward, durably; never back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn refuse_made_before(&self, instant: Time) -> Result<(), StoreError> {
        if instant <= self.fresh_after() {
            return Ok(());
        }
        self.together_blocking(vec![Write::new(move |unit| {
            unit.put(META, &meta("fresh-after"), instant.timestamp_millis().to_be_bytes());
            Ok(())
        })])?;
        *self.0.fresh_after.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = instant;
        Ok(())
    }

    /// The file, unless the store lives in memory.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    fn enqueue(&self, writes: Vec<Write>) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (give, answer) = oneshot::channel();
        self.send(Unit { writes, reply: Some(Box::new(move |outcome| drop(give.send(outcome)))) })?;
        Ok(answer)
    }

    fn send(&self, unit: Unit) -> Result<(), StoreError> {
        if !self.healthy() {
            return Err(StoreError::Unavailable("an earlier commit failed; restart to recover".to_owned()));
        }
        let Some(queue) = &self.0.queue else { return Err(writer_gone()) };
        queue.try_send(unit).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable(format!("{QUEUE} writes wait already")),
            TrySendError::Disconnected(_) => writer_gone(),
        })
    }
}

impl Drop for Inner {
    /// Waits until everything handed over is committed and the file is released.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

/// What the file says of itself.
struct HeadRows {
    epoch: u64,
    fresh_after: Time,
}

enum Head {
    Format(String),
    Node(String),
    Other(String),
}

/// Reads the rows about the file itself, or writes them into a new one.
fn first_rows(database: &redb::Database, node: &str, made: Time) -> Result<HeadRows, Head> {
    let other = |error: StoreError| Head::Other(error.to_string());
    let snapshot = Snapshot(database.begin_read().map_err(|error| Head::Other(error.to_string()))?);
    let Some(format) = snapshot.get(META, &meta("format")).map_err(other)? else {
        write_head(database, node, made).map_err(other)?;
        return Ok(HeadRows { epoch: 0, fresh_after: made });
    };
    if format != FORMAT.as_bytes() {
        return Err(Head::Format(String::from_utf8_lossy(&format).into_owned()));
    }
    let text = snapshot.get(META, &meta("node")).map_err(other)?.unwrap_or_default();
    if text != node.as_bytes() {
        return Err(Head::Node(String::from_utf8_lossy(&text).into_owned()));
    }
    let number = |name: &str| -> Result<[u8; 8], Head> {
        let bytes = snapshot.get(META, &meta(name)).map_err(other)?.unwrap_or_else(|| vec![0; 8]);
        bytes.try_into().map_err(|_| Head::Other(format!("the row `{name}` is no number")))
    };
    let fresh_after = DateTime::from_timestamp_millis(i64::from_be_bytes(number("fresh-after")?))
        .ok_or_else(|| Head::Other("the row `fresh-after` is no time".to_owned()))?;
    Ok(HeadRows { epoch: u64::from_be_bytes(number("epoch")?), fresh_after })
}

fn write_head(database: &redb::Database, node: &str, made: Time) -> Result<(), StoreError> {
    let node = node.to_owned();
    let transaction = database.begin_write().map_err(unavailable)?;
    let mut tables = Tables::new(&transaction);
    let head = Write::new(move |unit| {
        unit.put(META, &meta("format"), FORMAT);
        unit.put(META, &meta("node"), node);
        unit.put(META, &meta("fresh-after"), made.timestamp_millis().to_be_bytes());
        Ok(())
    });
    run_unit(&mut tables, vec![head])?;
    drop(tables);
    transaction.commit().map_err(unavailable)
}

fn meta(name: &str) -> Key {
    Key::of_node().text(name)
}

fn open_error(path: &Path, error: redb::DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => OpenError::Held(path),
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => OpenError::Io { path, error },
        error => OpenError::Damaged { path, detail: error.to_string() },
    }
}

fn writer_gone() -> StoreError {
    StoreError::Ambiguous("the writer has stopped".to_owned())
}

fn private_folder(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

const FILE: &str = "vidimus.redb";
const FORMAT: &str = "1";
const META: Table = Table("meta");

/// Pages kept in memory: the hot rows of a house with some 100 000 mandates.
const CACHE: usize = 16 << 20;

/// Units that may wait for the writer. More than the doors let in at a time; beyond it the store
/// says so at once instead of letting a queue grow.
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests;
