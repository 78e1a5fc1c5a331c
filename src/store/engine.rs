//! The redb engine: one writer thread, many callers, one durable commit per group.

use super::StoreError;

/// The inside of a write transaction, for implementation files only.
#[derive(Debug)]
pub struct Transaction {}

/// The inside of a read snapshot, for implementation files only.
#[derive(Debug)]
pub struct Snapshot {}

/// One write: all of it or, when it returns an error, nothing of it. It must check before it
/// writes, because it shares its transaction with the other writes of its group.
pub struct Write(pub(crate) Box<dyn FnOnce(&mut Transaction) -> Result<(), StoreError> + Send>);

/// The store of one node.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Commits `writes` as one: all or none, durable when the future resolves.
    ///
    /// # Errors
    /// The first error of any of them; then none was written.
    pub async fn together(&self, _writes: Vec<Write>) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("no engine yet".to_owned()))
    }
}
