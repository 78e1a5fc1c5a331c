//! Start: the files are brought to where the store knows them to be.
//!
//! Up to the stored position the files are taken as they are (`audit verify` is for that); only
//! their length is checked. Behind it lie leaves that were written and perhaps not synced. Where
//! the journal has them, the journal decides: equal ones stay, a torn one is cut and written
//! again. Whole leaves that the journal does not know mean that the store is older than the
//! trail; they stay, and the caller is told. No whole leaf is ever removed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::{self, HASHES};
use super::journal::{Entry, Position};
use super::tree::leaf_hash;
use crate::model::{RealmId, Reference};
use crate::store::StoreError;

/// Why the trail cannot go on.
#[derive(Debug)]
pub enum TrailError {
    Io {
        path: PathBuf,
        error: io::Error,
    },
    Store(StoreError),
    /// Bytes are missing or differ where they were known to be on disk.
    Damaged {
        path: PathBuf,
        offset: u64,
        detail: String,
    },
    Key(String),
    /// The node's name is a folder's name, and a part of the log's name.
    Node(String),
}

impl fmt::Display for TrailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Store(error) => error.fmt(f),
            Self::Damaged { path, offset, detail } => write!(
                f,
                "the audit trail is damaged at byte {offset} of {}: {detail}. Put the file back from a copy; \
                 `vidimus audit verify` lists all faults",
                path.display()
            ),
            Self::Node(name) => write!(f, "`{name}` cannot name a node: use letters, digits, `.`, `_` and `-`"),
            Self::Key(why) => write!(f, "the checkpoint key cannot be used: {why}"),
        }
    }
}

impl std::error::Error for TrailError {}

impl From<StoreError> for TrailError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was found behind the stored position.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) position: Position,
    /// Leaves in the files that the store did not know.
    pub(super) unknown_to_store: u64,
    /// Of those: intents without outcome, and outcomes.
    pub(super) intents: BTreeMap<Reference, RealmId>,
    pub(super) outcomes: Vec<Reference>,
}

/// Walks what lies behind `known`, with the journal's entries from there on at hand.
pub(super) fn walk(folder: &Path, known: Position, journal: &[Entry]) -> Result<Found, TrailError> {
    let segments = files::segments(folder).map_err(|error| io_error(folder, error))?;
    let mut found = Found { position: known.clone(), ..Found::default() };
    check_length(folder, &known, &segments)?;
    restore_hashes(folder, &known, &segments)?;
    let mut hashes = Vec::new();
    let last = segments.keys().next_back().copied();
    for (first, path) in segments.range(known.segment..) {
        if *first != known.segment {
            if *first != found.position.edge.size() {
                let detail = format!("the segment begins with leaf {first}, not {}", found.position.edge.size());
                return Err(TrailError::Damaged { path: path.clone(), offset: 0, detail });
            }
            found.position.segment = *first;
            found.position.offset = 0;
        }
        let mut walk = Walk { found: &mut found, journal, hashes: &mut hashes, path, last: Some(*first) == last };
        walk.segment()?;
    }
    write_hashes(folder, &known, &hashes)?;
    Ok(found)
}

struct Walk<'w> {
    found: &'w mut Found,
    journal: &'w [Entry],
    hashes: &'w mut Vec<u8>,
    path: &'w Path,
    last: bool,
}

impl Walk<'_> {
    fn segment(&mut self) -> Result<(), TrailError> {
        let file = fs::File::open(self.path).map_err(|error| io_error(self.path, error))?;
        let mut lines = BufReader::new(file);
        let start = self.found.position.offset;
        lines.seek(SeekFrom::Start(start)).map_err(|error| io_error(self.path, error))?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).map_err(|error| io_error(self.path, error))?;
            if read == 0 {
                return Ok(());
            }
            if line.pop_if(|end| *end == b'\n').is_none() || !self.leaf(&line)? {
                // the rest is cut when the files are opened for writing
                return if self.last { Ok(()) } else { Err(self.damaged("the segment ends inside a leaf")) };
            }
            self.found.position.offset += read as u64;
        }
    }

    /// Takes one whole line; false when it is what a torn write left.
    fn leaf(&mut self, line: &[u8]) -> Result<bool, TrailError> {
        let seq = self.found.position.edge.size();
        let parsed: Option<Value> = serde_json::from_slice(line).ok();
        let numbered = parsed.filter(|leaf| leaf.get("seq").and_then(Value::as_u64) == Some(seq));
        // the journal has no gaps, so the number says where the entry stands
        let journal = (self.journal.first())
            .and_then(|first| usize::try_from(seq.checked_sub(first.seq)?).ok())
            .and_then(|index| self.journal.get(index));
        match (journal, numbered) {
            (Some(entry), _) if entry.line.as_bytes() == line => {}
            (Some(_), None) => return Ok(false),
            (Some(_), Some(_)) => return Err(self.damaged(&format!("leaf {seq} differs from the one in the store"))),
            (None, None) => return Err(self.damaged(&format!("there is no leaf {seq}"))),
            (None, Some(leaf)) => self.note(&leaf),
        }
        let hash = leaf_hash(line);
        self.hashes.extend_from_slice(&hash);
        self.found.position.edge.push(hash);
        Ok(true)
    }

    /// A leaf that the store does not know.
    fn note(&mut self, leaf: &Value) {
        self.found.unknown_to_store += 1;
        let text = |name: &str| leaf.get(name).and_then(Value::as_str);
        let Some(reference) = text("ref").and_then(|text| text.parse().ok()) else { return };
        match text("kind") {
            Some("intent") => {
                let realm = leaf.get("realm").cloned().and_then(|realm| serde_json::from_value(realm).ok());
                self.found.intents.insert(reference, realm.unwrap_or_default());
            }
            Some("outcome") => {
                self.found.intents.remove(&reference);
                self.found.outcomes.push(reference);
            }
            _ => {}
        }
    }

    fn damaged(&self, detail: &str) -> TrailError {
        let offset = self.found.position.offset;
        TrailError::Damaged { path: self.path.to_owned(), offset, detail: detail.to_owned() }
    }
}

/// What was synced must be there.
fn check_length(folder: &Path, known: &Position, segments: &BTreeMap<u64, PathBuf>) -> Result<(), TrailError> {
    if known.edge.size() == 0 {
        return Ok(());
    }
    let path = files::segment_path(folder, known.segment);
    let length = match segments.get(&known.segment) {
        Some(path) => fs::metadata(path).map_err(|error| io_error(path, error))?.len(),
        None => 0,
    };
    if length < known.offset {
        let detail = format!("it ends here, and {} bytes were on disk: leaves were removed", known.offset);
        return Err(TrailError::Damaged { path, offset: length, detail });
    }
    Ok(())
}

/// Makes the derived hashes anew from the leaves, when they are lost.
fn restore_hashes(folder: &Path, known: &Position, segments: &BTreeMap<u64, PathBuf>) -> Result<(), TrailError> {
    let path = folder.join(HASHES);
    let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    if length >= known.edge.size() * 32 {
        return Ok(());
    }
    let mut hashes = Vec::new();
    for segment in segments.range(..=known.segment).map(|(_, path)| path) {
        let file = fs::File::open(segment).map_err(|error| io_error(segment, error))?;
        for line in BufReader::new(file).split(b'\n') {
            if (hashes.len() / 32) as u64 == known.edge.size() {
                break;
            }
            hashes.extend_from_slice(&leaf_hash(&line.map_err(|error| io_error(segment, error))?));
        }
    }
    fs::write(&path, &hashes).map_err(|error| io_error(&path, error))
}

fn write_hashes(folder: &Path, known: &Position, hashes: &[u8]) -> Result<(), TrailError> {
    let path = folder.join(HASHES);
    let write = || {
        use std::io::Write;
        let mut file = files::private_file(&path)?;
        file.set_len(known.edge.size() * 32)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(hashes)
    };
    write().map_err(|error| io_error(&path, error))
}

pub(super) fn io_error(path: &Path, error: io::Error) -> TrailError {
    TrailError::Io { path: path.to_owned(), error }
}
