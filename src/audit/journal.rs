//! The journal: leaves that are durable in the store and not yet, or not yet surely, in the files.
//!
//! A leaf gets its number here, inside the transaction that also claims the message; so claim and
//! intent are one commit, and a transaction that fails uses up no number. Tables, all of the node
//! itself: `audit_journal` (number → leaf and openings), `audit_next` (the next number),
//! `audit_intents` (reference → realm, of intents without outcome), `audit_position` (how far the
//! files are surely on disk).

use serde::{Deserialize, Serialize};

use super::leaf::Draft;
use super::tree::{Edge, Hash};
use crate::model::{RealmId, Reference};
use crate::store::{Key, Snapshot, StoreError, Table, Transaction};
use crate::wire::base64;

/// A leaf on its way to the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) line: String,
    /// Lines with their line ends.
    pub(super) openings: String,
}

/// How far the files are surely on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) edge: Edge,
    /// The number of the first leaf of the last segment.
    pub(super) segment: u64,
    /// The length of the last segment.
    pub(super) offset: u64,
}

/// Gives the draft its number and stages it.
pub(super) fn append(unit: &mut Transaction<'_>, draft: &Draft) -> Result<u64, StoreError> {
    let seq = match unit.get(NEXT, &Key::of_node())? {
        Some(bytes) => number(&bytes)?,
        None => 0,
    };
    unit.put(NEXT, &Key::of_node(), (seq + 1).to_be_bytes());
    let line = draft.line(seq);
    let mut row = (line.len() as u64).to_be_bytes().to_vec();
    row.extend_from_slice(line.as_bytes());
    row.extend_from_slice(draft.openings(seq).as_bytes());
    unit.put(JOURNAL, &Key::of_node().number(seq), row);
    Ok(seq)
}

/// Notes that an intent waits for its outcome.
pub(super) fn open_intent(unit: &mut Transaction<'_>, realm: &RealmId, reference: Reference) {
    unit.put(INTENTS, &Key::of_node().bytes(reference.as_bytes()), realm_row(realm));
}

/// Notes that the outcome of a request is there.
pub(super) fn close_intent(unit: &mut Transaction<'_>, reference: Reference) {
    unit.remove(INTENTS, Key::of_node().bytes(reference.as_bytes()).as_slice());
}

/// Up to `limit` intents that wait for their outcome.
pub(super) fn open_intents(snapshot: &Snapshot, limit: usize) -> Result<Vec<(Reference, RealmId)>, StoreError> {
    let rows = snapshot.scan(INTENTS, &Key::of_node().range(None), limit)?;
    (rows.iter())
        .map(|(key, realm)| {
            let reference = key.last_chunk::<16>().ok_or_else(broken_row)?;
            let realm = serde_json::from_slice(realm).map_err(|_| broken_row())?;
            Ok((Reference::from_bytes(*reference), realm))
        })
        .collect()
}

/// Up to `limit` entries from number `from` on.
pub(super) fn read(snapshot: &Snapshot, from: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let first = Key::of_node().number(from);
    let range = first.up_to(&Key::of_node());
    snapshot.scan(JOURNAL, &range, limit)?.iter().map(|(key, row)| entry(key, row)).collect()
}

fn entry(key: &[u8], row: &[u8]) -> Result<Entry, StoreError> {
    let (length, text) = row.split_first_chunk::<8>().ok_or_else(broken_row)?;
    let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| broken_row())?;
    let text = std::str::from_utf8(text).map_err(|_| broken_row())?;
    let (line, openings) = text.split_at_checked(length).ok_or_else(broken_row)?;
    Ok(Entry { seq: number(key)?, line: line.to_owned(), openings: openings.to_owned() })
}

/// The next number.
pub(super) fn next(snapshot: &Snapshot) -> Result<u64, StoreError> {
    snapshot.get(NEXT, &Key::of_node())?.map_or(Ok(0), |bytes| number(&bytes))
}

/// Sets the next number, when the files are ahead of the store.
pub(super) fn set_next(unit: &mut Transaction<'_>, next: u64) {
    unit.put(NEXT, &Key::of_node(), next.to_be_bytes());
}

pub(super) fn position(snapshot: &Snapshot) -> Result<Position, StoreError> {
    match snapshot.get(POSITION, &Key::of_node())? {
        None => Ok(Position::default()),
        Some(row) => {
            let row: PositionRow = serde_json::from_slice(&row).map_err(|_| broken_row())?;
            row.read().ok_or_else(broken_row)
        }
    }
}

/// States how far the files are on disk, and removes up to `limit` rows of the journal that are
/// there. Gives whether all of them are removed.
pub(super) fn settle(unit: &mut Transaction<'_>, position: &Position, limit: usize) -> Result<bool, StoreError> {
    let row = serde_json::to_vec(&PositionRow::of(position)).map_err(|_| broken_row())?;
    unit.put(POSITION, &Key::of_node(), row);
    let Some(last) = position.edge.size().checked_sub(1) else { return Ok(true) };
    let moved = unit.scan(JOURNAL, &Key::of_node().up_to(&Key::of_node().number(last)), limit)?;
    for (key, _) in &moved {
        unit.remove(JOURNAL, key);
    }
    Ok(moved.len() < limit)
}

#[derive(Serialize, Deserialize)]
struct PositionRow {
    size: u64,
    roots: Vec<String>,
    segment: u64,
    offset: u64,
}

impl PositionRow {
    fn of(position: &Position) -> Self {
        let roots = position.edge.roots().iter().map(|root| base64::encode_url(root)).collect();
        Self { size: position.edge.size(), roots, segment: position.segment, offset: position.offset }
    }

    fn read(self) -> Option<Position> {
        let roots: Option<Vec<Hash>> =
            self.roots.iter().map(|root| base64::decode_url(root).ok()?.try_into().ok()).collect();
        Some(Position { edge: Edge::restore(self.size, roots?)?, segment: self.segment, offset: self.offset })
    }
}

fn realm_row(realm: &RealmId) -> Vec<u8> {
    serde_json::Value::from(realm.as_str()).to_string().into_bytes()
}

fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    bytes.last_chunk::<8>().map(|number| u64::from_be_bytes(*number)).ok_or_else(broken_row)
}

fn broken_row() -> StoreError {
    StoreError::Unavailable("a row of the audit journal is damaged".to_owned())
}

const JOURNAL: Table = Table("audit_journal");
const NEXT: Table = Table("audit_next");
const INTENTS: Table = Table("audit_intents");
const POSITION: Table = Table("audit_position");
