//! The inside of a commit, for implementation files: tables of bytes, keys that begin with the
//! realm, and units that are staged before they touch the table.
//!
//! A [`Transaction`] is one unit of a group. It reads what the units before it in the same group
//! have written, and keeps its own writes aside until all of it has succeeded. So a unit that
//! fails half-way has written nothing, whatever it did before, and of two equal claims in one
//! group the second sees the first.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use redb::ReadableTable;

use super::StoreError;
use crate::model::RealmId;

/// The name of a table: bytes to bytes, in the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Table(pub(crate) &'static str);

impl Table {
    fn definition(self) -> redb::TableDefinition<'static, &'static [u8], &'static [u8]> {
        redb::TableDefinition::new(self.0)
    }
}

/// A row's key: the realm, then the columns. Numbers are big-endian, so that their order is the
/// order of the rows; text is length-prefixed, so that no two rows can be read as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn of(realm: &RealmId) -> Self {
        Self(Vec::with_capacity(64)).text(realm.as_str())
    }

    /// Rows of the node itself, which belong to all realms: its audit journal, its format. The
    /// realm column is empty; no realm has an empty name.
    pub(crate) fn of_node() -> Self {
        Self(Vec::with_capacity(16)).text("")
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend(text.bytes().take(usize::from(length)));
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The whole key of a row that was read: where the next page begins.
    pub(crate) fn from_row(row: &[u8]) -> Self {
        Self(row.to_vec())
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// All rows that begin with this key, from the row after `after` on.
    pub(crate) fn range(&self, after: Option<&Self>) -> Range {
        let start = match after {
            Some(key) => Bound::Excluded(key.0.clone()),
            None => Bound::Included(self.0.clone()),
        };
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Range { start, end: Bound::Excluded(end) };
            }
        }
        Range { start, end: Bound::Unbounded }
    }

    /// All rows from this key to those that begin with `last`, both included.
    pub(crate) fn up_to(&self, last: &Self) -> Range {
        Range { start: Bound::Included(self.0.clone()), end: last.range(None).end }
    }
}

/// Some rows in order.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
}

impl Range {
    fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.start.as_ref().map(Vec::as_slice), self.end.as_ref().map(Vec::as_slice))
    }
}

/// One row: its whole key, and its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// What one unit of a group sees and writes; for implementation files only.
pub struct Transaction<'g> {
    group: &'g mut (dyn Rows + 'g),
    staged: Staged,
    after: Vec<Box<dyn FnOnce() + Send>>,
}

type Staged = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

impl Transaction<'_> {
    pub(crate) fn get(&mut self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(staged) = self.staged.get(&(table, key.0.clone())) {
            return Ok(staged.clone());
        }
        self.group.get(table, &key.0)
    }

    pub(crate) fn put(&mut self, table: Table, key: &Key, value: impl Into<Vec<u8>>) {
        self.staged.insert((table, key.0.clone()), Some(value.into()));
    }

    /// Removes the row, given by its whole key as [`Transaction::scan`] returns it.
    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) {
        self.staged.insert((table, key.to_vec()), None);
    }

    /// The first `limit` rows of a range, in order, with what this unit has staged.
    pub(crate) fn scan(&mut self, table: Table, range: &Range, limit: usize) -> Result<Vec<Row>, StoreError> {
        let staged: BTreeMap<&[u8], &Option<Vec<u8>>> = (self.staged.iter())
            .filter(|((of, key), _)| *of == table && contains(range, key))
            .map(|((_, key), value)| (key.as_slice(), value))
            .collect();
        let mut rows = self.group.scan(table, range, limit.saturating_add(staged.len()))?;
        rows.retain(|(key, _)| !staged.contains_key(key.as_slice()));
        rows.extend(staged.iter().filter_map(|(key, value)| Some((key.to_vec(), (*value).clone()?))));
        rows.sort_unstable();
        rows.truncate(limit);
        Ok(rows)
    }

    /// Runs `then` once the commit is done, or in doubt: for memories that mirror the tables.
    pub(crate) fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(then));
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("staged", &self.staged.len()).finish_non_exhaustive()
    }
}

/// One write: all of it or, when it returns an error, nothing of it.
pub struct Write(Box<WriteFn>);

type WriteFn = dyn FnOnce(&mut Transaction<'_>) -> Result<(), StoreError> + Send;

impl Write {
    pub(crate) fn new(write: impl FnOnce(&mut Transaction<'_>) -> Result<(), StoreError> + Send + 'static) -> Self {
        Self(Box::new(write))
    }

    /// Writes nothing and succeeds.
    pub fn nothing() -> Self {
        Self::new(|_| Ok(()))
    }

    /// Fails, and everything that is committed together with it.
    pub fn refused(error: StoreError) -> Self {
        Self::new(move |_| Err(error))
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Write")
    }
}

/// What a finished unit leaves to do after the commit.
pub(super) type After = Vec<Box<dyn FnOnce() + Send>>;

/// Runs the writes of one unit against its group: all are applied, or none.
pub(super) fn run_unit(group: &mut Tables<'_>, writes: Vec<Write>) -> Result<After, StoreError> {
    let mut unit = Transaction { group, staged: Staged::new(), after: Vec::new() };
    for write in writes {
        (write.0)(&mut unit)?;
    }
    let Transaction { staged, after, .. } = unit;
    group.apply(staged)?;
    Ok(after)
}

type OpenForReading = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// A view of everything committed at one instant; for implementation files only.
pub struct Snapshot(pub(super) redb::ReadTransaction);

impl Snapshot {
    pub(crate) fn get(&self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        Ok(table.get(key.as_slice()).map_err(unavailable)?.map(|value| value.value().to_vec()))
    }

    /// The first `limit` rows of a range, in order.
    pub(crate) fn scan(&self, table: Table, range: &Range, limit: usize) -> Result<Vec<Row>, StoreError> {
        match self.table(table)? {
            Some(table) => rows_of(&table, range, limit),
            None => Ok(Vec::new()),
        }
    }

    fn table(&self, table: Table) -> Result<Option<OpenForReading>, StoreError> {
        match self.0.open_table(table.definition()) {
            Ok(table) => Ok(Some(table)),
            // a table begins to exist with its first row
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}

/// The tables of one group, opened once each.
pub(super) struct Tables<'t> {
    transaction: &'t redb::WriteTransaction,
    open: BTreeMap<Table, redb::Table<'t, &'static [u8], &'static [u8]>>,
    /// The engine itself failed: whatever the group holds must not be committed.
    pub(super) broken: Option<StoreError>,
}

impl<'t> Tables<'t> {
    pub(super) fn new(transaction: &'t redb::WriteTransaction) -> Self {
        Self { transaction, open: BTreeMap::new(), broken: None }
    }

    fn table(&mut self, table: Table) -> Result<&mut redb::Table<'t, &'static [u8], &'static [u8]>, StoreError> {
        use std::collections::btree_map::Entry;
        match self.open.entry(table) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(empty) => match self.transaction.open_table(table.definition()) {
                Ok(open) => Ok(empty.insert(open)),
                Err(error) => {
                    self.broken = Some(unavailable(&error));
                    Err(unavailable(error))
                }
            },
        }
    }

    fn apply(&mut self, staged: Staged) -> Result<(), StoreError> {
        for ((table, key), value) in staged {
            let table = self.table(table)?;
            let done = match value {
                Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                None => table.remove(key.as_slice()).map(drop),
            };
            self.checked(done)?;
        }
        Ok(())
    }

    /// Remembers a failure of the engine, so that the group as a whole is given up.
    fn checked<T>(&mut self, done: Result<T, redb::StorageError>) -> Result<T, StoreError> {
        done.map_err(|error| {
            let error = unavailable(error);
            self.broken = Some(error.clone());
            error
        })
    }
}

/// What a unit reads of its group.
trait Rows {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn scan(&mut self, table: Table, range: &Range, limit: usize) -> Result<Vec<Row>, StoreError>;
}

impl Rows for Tables<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.table(table)?.get(key).map(|found| found.map(|value| value.value().to_vec()));
        self.checked(found)
    }

    fn scan(&mut self, table: Table, range: &Range, limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = rows_of(self.table(table)?, range, limit);
        if let Err(error) = &rows {
            self.broken = Some(error.clone());
        }
        rows
    }
}

fn rows_of(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &Range,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let rows = table.range::<&[u8]>(range.bounds()).map_err(unavailable)?;
    (rows.take(limit))
        .map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(unavailable))
        .collect()
}

fn contains(range: &Range, key: &[u8]) -> bool {
    use std::ops::RangeBounds;
    RangeBounds::<[u8]>::contains(&range.bounds(), key)
}

pub(super) fn unavailable(error: impl fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
