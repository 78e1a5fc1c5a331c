//! Reading a trail's folder, with or without a server beside it. Nothing is verified here; that is
//! [`super::verify`].

use std::fs;
use std::io;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::files;
use super::leaf;
use super::strangers;
use crate::model::Reference;
use crate::wire::base64;

/// A trail's folder (`<audit>/<node>`), for reading.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: PathBuf,
}

/// One leaf as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub file: PathBuf,
    /// Where it begins in the file.
    pub offset: u64,
    /// The bytes that are hashed: the line without its line end.
    pub bytes: Vec<u8>,
}

impl Leaf {
    /// The leaf as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn seq(&self) -> Option<u64> {
        self.json().get("seq")?.as_u64()
    }

    pub fn reference(&self) -> Option<Reference> {
        self.json().get("ref")?.as_str()?.parse().ok()
    }
}

/// A personal value, or the trace, from the side file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opening {
    pub seq: u64,
    pub field: String,
    pub value: Value,
    /// Whether it opens what stands in the leaf.
    pub sound: bool,
}

/// All that is known of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// In order: intent, outcome. Empty for a stranger's request.
    pub leaves: Vec<Leaf>,
    /// What was not erased.
    pub openings: Vec<Opening>,
    /// What the pipeline did, as `model::Trace` writes itself.
    pub trace: Option<Value>,
    /// The line of the strangers' log, for a request whose sender was not authenticated.
    pub stranger: Option<Value>,
}

impl Reader {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All leaves, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn leaves(&self) -> io::Result<impl Iterator<Item = io::Result<Leaf>> + use<>> {
        let segments = files::segments(&self.folder)?;
        Ok(segments.into_values().flat_map(|path| match Lines::open(&path, 0) {
            Ok(lines) => Either::Lines(lines.filter(|line| line.as_ref().map_or(true, |line| line.whole)).map(leaf_of)),
            Err(error) => Either::Error(std::iter::once(Err(error))),
        }))
    }

    /// The last `count` leaves, oldest first.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn tail(&self, count: usize) -> io::Result<Vec<Leaf>> {
        let mut found: Vec<Leaf> = Vec::new();
        for path in files::segments(&self.folder)?.into_values().rev() {
            let mut more = last_lines(&path, count - found.len())?;
            more.append(&mut found);
            found = more;
            if found.len() >= count {
                break;
            }
        }
        Ok(found)
    }

    /// Everything about one request; `None` when there is nothing.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn show(&self, reference: Reference) -> io::Result<Option<Shown>> {
        let mut shown = Shown { leaves: Vec::new(), openings: Vec::new(), trace: None, stranger: None };
        let wanted = format!("\"ref\":\"{reference}\"");
        let mut segments_left = 2;
        // newest first; an intent and its outcome lie in one segment, or in two that meet
        for (first, path) in files::segments(&self.folder)?.into_iter().rev() {
            let mut here = matching_leaves(&path, &wanted)?;
            if !here.is_empty() || segments_left < 2 {
                segments_left -= 1;
                let openings = self.openings(first, &wanted, &here)?;
                shown.openings.splice(0..0, openings);
                here.append(&mut shown.leaves);
                shown.leaves = here;
            }
            if segments_left == 0 {
                break;
            }
        }
        let trace = shown.openings.iter().position(|opening| opening.field == leaf::TRACE);
        shown.trace = trace.map(|index| shown.openings.remove(index).value);
        if shown.leaves.is_empty() {
            shown.stranger = self.stranger(&wanted)?;
            shown.trace = shown.stranger.as_ref().and_then(|line| line.get("trace").cloned());
        }
        Ok(Some(shown).filter(|shown| !shown.leaves.is_empty() || shown.stranger.is_some()))
    }

    /// The newest request, a stranger's included.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn last(&self) -> io::Result<Option<Reference>> {
        let of_request =
            |leaf: &Leaf| matches!(leaf.json().get("kind").and_then(Value::as_str), Some("intent" | "outcome"));
        let known = self.tail(RECENT)?.iter().rev().filter(|leaf| of_request(leaf)).find_map(Leaf::reference);
        let stranger = match strangers::paths(&self.folder).iter().find(|path| path.exists()) {
            Some(path) => last_lines(path, 1)?.last().and_then(Leaf::reference),
            None => None,
        };
        // references are UUIDv7: the greater was made later
        Ok(known.max(stranger))
    }

    fn openings(&self, segment: u64, wanted: &str, leaves: &[Leaf]) -> io::Result<Vec<Opening>> {
        let Some(path) = files::openings_files(&self.folder)?.remove(&segment) else { return Ok(Vec::new()) };
        let mut found: Vec<Opening> = Vec::new();
        for line in Lines::open(&path, 0)? {
            let line = line?;
            let text = String::from_utf8_lossy(&line.bytes);
            let Some(raw) = text.contains(wanted).then(|| RawOpening::parse(&text)).flatten() else { continue };
            let sealed = leaves.iter().find(|leaf| leaf.seq() == Some(raw.seq)).map(Leaf::json).unwrap_or_default();
            let known = found.iter().any(|opening| opening.seq == raw.seq && opening.field == raw.field);
            if !known {
                let sound = raw.opens(&sealed);
                found.push(Opening { seq: raw.seq, field: raw.field, value: raw.value, sound });
            }
        }
        Ok(found)
    }

    fn stranger(&self, wanted: &str) -> io::Result<Option<Value>> {
        for path in strangers::paths(&self.folder).iter().filter(|path| path.exists()) {
            if let Some(line) = matching_leaves(path, wanted)?.pop() {
                return Ok(Some(line.json()));
            }
        }
        Ok(None)
    }
}

/// A line of an openings file.
pub(super) struct RawOpening {
    pub(super) seq: u64,
    pub(super) field: String,
    key: Vec<u8>,
    /// The bytes that were MACed.
    text: String,
    value: Value,
}

impl RawOpening {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(line).ok()?;
        // the value stands last, and none before it can hold this text: a quote would be escaped
        let (_, text) = line.strip_suffix('}')?.split_once("\",\"value\":")?;
        Some(Self {
            seq: json.get("seq")?.as_u64()?,
            field: json.get("field")?.as_str()?.to_owned(),
            key: base64::decode_url(json.get("key")?.as_str()?).ok()?,
            text: text.to_owned(),
            value: json.get("value")?.clone(),
        })
    }

    /// Whether this opens the field in the leaf.
    pub(super) fn opens(&self, leaf: &Value) -> bool {
        let sealed = leaf.get("sealed").and_then(|sealed| sealed.get(&self.field)).and_then(Value::as_str);
        sealed.is_some_and(|mac| leaf::opens(mac, &self.key, &self.text))
    }
}

/// A line of a file.
pub(super) struct Line {
    file: PathBuf,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether it has its line end: what has none is being written, or was torn.
    pub(super) whole: bool,
}

fn leaf_of(line: io::Result<Line>) -> io::Result<Leaf> {
    line.map(|line| Leaf { file: line.file, offset: line.offset, bytes: line.bytes })
}

/// The lines of a file, one in memory at a time.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<fs::File>,
    offset: u64,
}

impl Lines {
    pub(super) fn open(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { path: path.to_owned(), reader: BufReader::with_capacity(128 << 10, file), offset })
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        match self.reader.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(read) => {
                let offset = self.offset;
                self.offset += read as u64;
                let whole = bytes.pop_if(|end| *end == b'\n').is_some();
                Some(Ok(Line { file: self.path.clone(), offset, bytes, whole }))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Either the lines of a segment or the error of opening it.
enum Either<L, E> {
    Lines(L),
    Error(E),
}

impl<T, L: Iterator<Item = T>, E: Iterator<Item = T>> Iterator for Either<L, E> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Error(error) => error.next(),
        }
    }
}

fn matching_leaves(path: &Path, wanted: &str) -> io::Result<Vec<Leaf>> {
    let matches = |line: &io::Result<Line>| match line {
        Ok(line) => line.whole && contains(&line.bytes, wanted.as_bytes()),
        Err(_) => true,
    };
    Lines::open(path, 0)?.filter(matches).map(leaf_of).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    // the reference stands near the beginning, before anything that a caller could have said
    bytes.windows(wanted.len()).take(HEAD).any(|window| window == wanted)
}

/// The last `count` whole lines of a file, read from its end.
fn last_lines(path: &Path, count: usize) -> io::Result<Vec<Leaf>> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut size = 64 << 10;
    loop {
        let begin = length.saturating_sub(size);
        let mut part = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        (&mut file).take(size).read_to_end(&mut part)?;
        let ends = part.iter().filter(|byte| **byte == b'\n').count();
        if ends > count || begin == 0 {
            // unless the file begins here, the first line of the part is cut
            let cut = if begin == 0 { 0 } else { part.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
            let lines: Vec<_> = Lines::open(path, begin + cut as u64)?.collect::<io::Result<_>>()?;
            let whole: Vec<_> = lines.into_iter().filter(|line| line.whole).collect();
            let skip = whole.len().saturating_sub(count);
            return whole.into_iter().skip(skip).map(Ok).map(leaf_of).collect();
        }
        size *= 4;
    }
}

/// Leaves among which the last request is looked for.
const RECENT: usize = 256;

/// Bytes of a line in which its reference begins: realm, node and number stand before it.
const HEAD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{House, at, entry};
    use crate::audit::{AdminEntry, AuditSink, OutcomeEntry};
    use crate::model::RealmId;

    fn reference(number: u8) -> Reference {
        Reference::from_bytes([number; 16])
    }

    #[tokio::test]
    async fn a_request_is_shown_with_its_leaves_openings_and_trace() {
        let house = House::new();
        let open = house.open();
        open.issue(1, 5).await;
        let reader = Reader::new(house.trail_folder());
        let shown = reader.show(reference(3)).unwrap().unwrap();
        assert_eq!(shown.leaves.iter().map(Leaf::seq).collect::<Vec<_>>(), [Some(4), Some(5)]);
        let opened: Vec<_> = shown.openings.iter().map(|o| (o.field.as_str(), &o.value, o.sound)).collect();
        let (subject, client) = (Value::from("ssin:85073003328"), Value::from("cbe:0206731645"));
        assert_eq!(opened, [("subject", &subject, true), ("client", &client, true)]);
        assert_eq!(shown.trace.unwrap()["steps"][0]["id"], "parse");
        assert!(reader.show(reference(77)).unwrap().is_none());
    }

    #[tokio::test]
    async fn what_was_erased_is_not_shown() {
        let house = House::new();
        let open = house.open();
        open.issue(1, 2).await;
        open.trail.erase(reference(1)).await.unwrap();
        let shown = Reader::new(house.trail_folder()).show(reference(1)).unwrap().unwrap();
        assert_eq!((shown.leaves.len(), shown.openings.len(), shown.trace), (2, 0, None));
    }

    #[tokio::test]
    async fn a_stranger_is_shown_from_its_own_log() {
        let house = House::new();
        let open = house.open();
        let refusal = OutcomeEntry { authenticated: false, ..entry(8, "refused") };
        open.trail.outcome(refusal).await.unwrap();
        open.trail.flush().await.unwrap();
        let shown = Reader::new(house.trail_folder()).show(reference(8)).unwrap().unwrap();
        assert_eq!(shown.stranger.unwrap()["peer"], "127.0.0.1");
        assert_eq!(shown.trace.unwrap()["steps"][0]["id"], "parse");
    }

    #[tokio::test]
    async fn the_last_request_is_found_whoever_made_it() {
        let house = House::new();
        let open = house.open();
        let reader = Reader::new(house.trail_folder());
        assert_eq!(reader.last().unwrap(), None);
        open.issue(5, 1).await;
        let admin = AdminEntry {
            realm: RealmId::default(),
            reference: reference(9),
            at: at(1),
            action: "mandate-created",
            fields: Vec::new(),
        };
        open.trail.admin(admin).await.unwrap();
        open.trail.flush().await.unwrap();
        assert_eq!(reader.last().unwrap(), Some(reference(5)));
        let refusal = OutcomeEntry { authenticated: false, ..entry(8, "refused") };
        open.trail.outcome(refusal).await.unwrap();
        open.trail.flush().await.unwrap();
        assert_eq!(reader.last().unwrap(), Some(reference(8)));
    }

    #[tokio::test]
    async fn the_tail_crosses_segments_and_leaves_a_torn_line_out() {
        let house = House::new();
        let mut settings = house.settings();
        settings.segment_bytes = 1000;
        let open = house.try_open(settings).unwrap();
        for number in 1..=9 {
            open.issue(number, 1).await;
        }
        let reader = Reader::new(house.trail_folder());
        let last = files::segments(reader.folder()).unwrap().into_values().next_back().unwrap();
        use std::io::Write;
        fs::OpenOptions::new().append(true).open(last).unwrap().write_all(b"{\"v\":1,").unwrap();
        let seqs = |count| reader.tail(count).unwrap().iter().filter_map(Leaf::seq).collect::<Vec<_>>();
        assert_eq!(seqs(6), [12, 13, 14, 15, 16, 17]);
        assert_eq!(seqs(100), (0..18).collect::<Vec<_>>());
        assert_eq!(reader.leaves().unwrap().count(), 18);
    }
}
