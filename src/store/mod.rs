//! The engine under replay, mandates and audit: one redb file, one writer, group commit.
//!
//! One item in, one future out. Writes that arrive while a commit is under way share the next
//! commit; a lone caller commits at once. When the future resolves to `Ok`, the write is on disk.

mod engine;

pub use engine::{Snapshot, Store, Transaction, Write};

use std::fmt;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody was there first: an expected version differs, a key is taken.
    Conflict(String),
    /// Nothing was written: the store cannot be reached or written.
    Unavailable(String),
    /// It may or may not have been written: the commit failed half-way. Treat as written when
    /// asking "seen before?", as not written when asking "is it safe?".
    Ambiguous(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(why) => write!(f, "conflict: {why}"),
            Self::Unavailable(why) => write!(f, "the store is unavailable: {why}"),
            Self::Ambiguous(why) => write!(f, "the store's last commit is in doubt: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
