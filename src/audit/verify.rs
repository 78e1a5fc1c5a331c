//! Verification of a trail: every leaf hashed again, the tree built again, each checkpoint held
//! against it. A pure function over a folder: no store, no server, no secret.
//!
//! Without a checkpoint from outside the folder the verdict is `internally consistent only`: who
//! holds the folder and the checkpoint key can have written all of it anew.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::checkpoint::SignedCheckpoint;
use super::files::{self, CHECKPOINTS, HASHES};
use super::reader::{Line, Lines, RawOpening};
use super::tree::{Edge, Hash, leaf_hash};
use crate::wire::base64;
use crate::wire::crypto::PublicKey;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// The leaf, where the fault is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    pub file: PathBuf,
    /// The byte of the file at which it begins.
    pub offset: u64,
    /// The field, when it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The bytes of a leaf are not those that were signed.
    LeafChanged,
    /// Leaves are missing, repeated or out of order.
    LeafOrder,
    /// The leaves up to a checkpoint do not give its root, and it cannot be told which.
    RootDiffers,
    /// Fewer leaves than a checkpoint was signed for.
    Truncated,
    /// A checkpoint is not signed by the key, or is no checkpoint.
    Checkpoint,
    /// The derived file of hashes is wrong; the leaves are right.
    Hashes,
    /// An opening does not open what stands in its leaf.
    Opening,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "leaf {seq}, ")?;
        }
        write!(f, "{} at byte {}: {}", self.file.display(), self.offset, self.detail)
    }
}

/// What verification may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every leaf up to the checkpoint from outside is as it was.
    ConsistentWithOutside,
    InternallyConsistentOnly,
    Broken,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConsistentWithOutside => "consistent with the checkpoint from outside",
            Self::InternallyConsistentOnly => "internally consistent only: no checkpoint from outside was given",
            Self::Broken => "broken",
        })
    }
}

/// The outcome of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    pub leaves: u64,
    /// Base64 of the root over all leaves.
    pub root: String,
    /// Checkpoints that are signed and match.
    pub checkpoints: u64,
    /// Leaves behind the last of them: written, not yet signed.
    pub unsigned: u64,
    /// The largest size of a matching checkpoint from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<u64>,
    pub openings: u64,
    /// Bytes of a last line without line end: being written, or torn by a crash. The next start
    /// repairs it.
    pub torn: u64,
    /// The first hundred.
    pub faults: Vec<Fault>,
    pub more_faults: u64,
}

/// Verifies the trail in `folder` (`<audit>/<node>`). `key` is the public checkpoint key, from the
/// configuration or, better, from outside; `outside` are checkpoints that were kept elsewhere.
///
/// # Errors
/// When the files cannot be read.
pub fn verify(folder: &Path, key: &PublicKey, outside: &[SignedCheckpoint]) -> io::Result<Report> {
    let mut verification = Verification {
        folder,
        promises: BTreeMap::new(),
        hashes: fs::read(folder.join(HASHES)).unwrap_or_default(),
        edge: Edge::default(),
        derived: Edge::default(),
        differing: Vec::new(),
        since: 0,
        lost: false,
        report: Report {
            verdict: Verdict::Broken,
            leaves: 0,
            root: String::new(),
            checkpoints: 0,
            unsigned: 0,
            outside: None,
            openings: 0,
            torn: 0,
            faults: Vec::new(),
            more_faults: 0,
        },
    };
    verification.promises(key, outside)?;
    verification.compare();
    for (first, path) in files::segments(folder)? {
        verification.segment(first, &path)?;
    }
    Ok(verification.finish(!outside.is_empty()))
}

/// What a checkpoint says of the tree at a size.
#[derive(Clone)]
struct Promise {
    root: Hash,
    file: PathBuf,
    offset: u64,
    outside: bool,
}

struct Verification<'v> {
    folder: &'v Path,
    promises: BTreeMap<u64, Vec<Promise>>,
    /// The derived file: 32 bytes for each leaf.
    hashes: Vec<u8>,
    /// The tree of the leaves as they are.
    edge: Edge,
    /// The tree of the derived file: where it keeps a promise that the leaves break, it tells
    /// which leaf was changed.
    derived: Edge,
    /// Leaves since the last kept promise that differ from the derived file.
    differing: Vec<Fault>,
    /// The size of the last kept promise.
    since: u64,
    /// A promise was broken and the place is not known: later ones would all be broken too.
    lost: bool,
    report: Report,
}

impl Verification<'_> {
    /// Reads all checkpoints; those that are not signed are faults and promise nothing.
    fn promises(&mut self, key: &PublicKey, outside: &[SignedCheckpoint]) -> io::Result<()> {
        let path = self.folder.join(CHECKPOINTS);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let mut size = 0;
        for (offset, note) in SignedCheckpoint::parse_all(&text) {
            let offset = offset as u64;
            match note {
                Ok(note) if note.checkpoint.size < size => {
                    let detail = format!("a checkpoint of {} leaves after one of {size}", note.checkpoint.size);
                    self.fault(FaultKind::Checkpoint, None, &path, offset, detail);
                }
                Ok(note) => {
                    size = note.checkpoint.size;
                    self.promise(&note, key, path.clone(), offset, false);
                }
                Err(error) => self.fault(FaultKind::Checkpoint, None, &path, offset, error.to_string()),
            }
        }
        for note in outside {
            self.promise(note, key, PathBuf::from("checkpoint from outside"), 0, true);
        }
        Ok(())
    }

    fn promise(&mut self, note: &SignedCheckpoint, key: &PublicKey, file: PathBuf, offset: u64, outside: bool) {
        if !note.verify(key) {
            let detail = format!("the checkpoint of {} leaves is not signed by the key", note.checkpoint.size);
            return self.fault(FaultKind::Checkpoint, None, &file, offset, detail);
        }
        let promise = Promise { root: note.checkpoint.root, file, offset, outside };
        self.promises.entry(note.checkpoint.size).or_default().push(promise);
    }

    fn segment(&mut self, first: u64, path: &Path) -> io::Result<()> {
        if first != self.edge.size() {
            let detail = format!("the segment begins with leaf {first}, and {} was next", self.edge.size());
            self.fault(FaultKind::LeafOrder, Some(first), path, 0, detail);
            self.skip_to(first);
        }
        let mut openings = self.openings(first)?;
        for line in Lines::open(path, 0)? {
            let line = line?;
            if !line.whole {
                self.report.torn = line.bytes.len() as u64;
                break;
            }
            let json: Value = serde_json::from_slice(&line.bytes).unwrap_or_default();
            let next = self.edge.size();
            match json.get("seq").and_then(Value::as_u64) {
                Some(seq) if seq > next && self.at(seq).is_some() => {
                    let detail = format!("leaf {seq} stands here and {next} was next: {} missing", seq - next);
                    self.fault(FaultKind::LeafOrder, Some(next), path, line.offset, detail);
                    self.skip_to(seq);
                }
                Some(seq) if seq < next => {
                    let detail = format!("leaf {seq} stands here a second time, and {next} was next");
                    self.fault(FaultKind::LeafOrder, Some(seq), path, line.offset, detail);
                    continue;
                }
                _ => {}
            }
            let seq = self.edge.size();
            let broken = self.check_openings(openings.remove(&seq).unwrap_or_default(), &json, seq, path);
            self.leaf(&line, &json, broken, path);
        }
        Ok(())
    }

    /// Adds one leaf to both trees, and holds them against the promises for the new size.
    /// `opening` is what is wrong with its openings; if the leaf was changed, that is why.
    fn leaf(&mut self, line: &Line, json: &Value, opening: Option<Fault>, path: &Path) {
        let seq = self.edge.size();
        let hash = leaf_hash(&line.bytes);
        let derived = self.at(seq);
        if derived != Some(hash) {
            let field = opening.and_then(|fault| fault.field);
            let detail = what_changed(json, seq, field.as_deref());
            let field = field.or_else(|| (json.get("seq") != Some(&Value::from(seq))).then(|| "seq".to_owned()));
            let (kind, file, offset) = (FaultKind::LeafChanged, path.to_owned(), line.offset);
            self.differing.push(Fault { kind, seq: Some(seq), file, offset, field, detail });
        } else if let Some(fault) = opening {
            self.push(fault);
        }
        self.edge.push(hash);
        self.derived.push(derived.unwrap_or(hash));
        self.compare();
    }

    /// Holds the trees against what was signed for their size.
    fn compare(&mut self) {
        let size = self.edge.size();
        for promise in self.promises.remove(&size).unwrap_or_default() {
            if self.lost {
                continue;
            }
            if self.edge.root() == promise.root {
                // the leaves are right, so where the derived file differs it is the wrong one
                for fault in std::mem::take(&mut self.differing) {
                    let (path, offset) = (self.folder.join(HASHES), fault.seq.unwrap_or(0) * 32);
                    let detail = "the derived hash is wrong; the leaf is right. Remove the file to have it made again";
                    self.fault(FaultKind::Hashes, fault.seq, &path, offset, detail.to_owned());
                }
                self.derived = self.edge.clone();
            } else if self.derived.root() == promise.root {
                std::mem::take(&mut self.differing).into_iter().for_each(|fault| self.push(fault));
                self.edge = self.derived.clone();
            } else {
                std::mem::take(&mut self.differing).into_iter().for_each(|fault| self.push(fault));
                let detail = format!(
                    "the leaves do not give the root of the checkpoint of {size} leaves; one of {} to {} was changed",
                    self.since,
                    size.saturating_sub(1)
                );
                self.fault(FaultKind::RootDiffers, None, &promise.file, promise.offset, detail);
                self.lost = true;
                continue;
            }
            self.since = size;
            self.report.checkpoints += u64::from(!promise.outside);
            if promise.outside {
                self.report.outside = Some(size);
            }
        }
    }

    /// Goes on behind leaves that are missing, with the derived hashes in their place.
    fn skip_to(&mut self, seq: u64) {
        while self.edge.size() < seq {
            let Some(hash) = self.at(self.edge.size()) else {
                self.lost = true;
                return;
            };
            self.edge.push(hash);
            self.derived.push(hash);
            self.compare();
        }
    }

    /// The derived hash of a leaf.
    fn at(&self, seq: u64) -> Option<Hash> {
        let start = usize::try_from(seq).ok()?.checked_mul(32)?;
        self.hashes.get(start..start.checked_add(32)?)?.try_into().ok()
    }

    fn openings(&self, segment: u64) -> io::Result<HashMap<u64, Vec<(u64, RawOpening)>>> {
        let mut found: HashMap<u64, Vec<(u64, RawOpening)>> = HashMap::new();
        if let Some(path) = files::openings_files(self.folder)?.remove(&segment) {
            for line in Lines::open(&path, 0)? {
                let line = line?;
                if let Some(opening) = std::str::from_utf8(&line.bytes).ok().and_then(RawOpening::parse) {
                    found.entry(opening.seq).or_default().push((line.offset, opening));
                }
            }
        }
        Ok(found)
    }

    /// Whether each opening opens its field: the first that does not.
    fn check_openings(
        &mut self,
        openings: Vec<(u64, RawOpening)>,
        leaf: &Value,
        seq: u64,
        segment: &Path,
    ) -> Option<Fault> {
        self.report.openings += openings.len() as u64;
        let (offset, opening) = openings.into_iter().find(|(_, opening)| !opening.opens(leaf))?;
        let name = segment.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let file = self.folder.join("openings").join(name.trim_start_matches("leaves-"));
        let detail = format!("the opening of `{}` does not open what stands in leaf {seq}", opening.field);
        Some(Fault { kind: FaultKind::Opening, seq: Some(seq), file, offset, field: Some(opening.field), detail })
    }

    fn fault(&mut self, kind: FaultKind, seq: Option<u64>, file: &Path, offset: u64, detail: String) {
        self.push(Fault { kind, seq, file: file.to_owned(), offset, field: None, detail });
    }

    fn push(&mut self, fault: Fault) {
        if self.report.faults.len() < MOST_FAULTS {
            self.report.faults.push(fault);
        } else {
            self.report.more_faults += 1;
        }
    }

    fn finish(mut self, outside_given: bool) -> Report {
        let size = self.edge.size();
        std::mem::take(&mut self.differing).into_iter().for_each(|fault| self.push(fault));
        if !self.lost
            && let Some((promised, of)) = self.promises.last_key_value()
            && let Some(promise) = of.first().cloned()
        {
            let detail = format!("the trail ends after {size} leaves, and {promised} were signed");
            self.fault(FaultKind::Truncated, Some(size), &promise.file, promise.offset, detail);
        }
        self.report.leaves = size;
        self.report.root = base64::encode(&self.edge.root());
        self.report.unsigned = size - self.since.min(size);
        let outside = outside_given && self.report.outside.is_some();
        self.report.verdict = match (self.report.faults.is_empty(), outside) {
            (false, _) => Verdict::Broken,
            (true, true) => Verdict::ConsistentWithOutside,
            (true, false) => Verdict::InternallyConsistentOnly,
        };
        self.report
    }
}

/// What can be told of a changed leaf from the leaf itself.
fn what_changed(json: &Value, seq: u64, broken_seal: Option<&str>) -> String {
    if json.is_null() {
        return "its bytes were changed: it is no JSON".to_owned();
    }
    if json.get("seq") != Some(&Value::from(seq)) {
        return format!("its bytes were changed: its `seq` is not {seq}");
    }
    match broken_seal {
        Some(field) => format!("its bytes were changed: its opening does not open `{field}`"),
        None => "its bytes were changed: they do not give the hash that was signed".to_owned(),
    }
}

/// Faults that are listed.
const MOST_FAULTS: usize = 100;

#[cfg(test)]
mod tests;
