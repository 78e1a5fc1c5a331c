//! The engine under replay, mandates and audit: one redb file, one writer, group commit.
//!
//! One item in, one future out. Writes that arrive while a commit is under way share the next
//! commit; a lone caller commits at once. When the future resolves to `Ok`, the write is on disk.
//! Every key begins with the realm ([`Key`]).

mod engine;
mod transaction;
mod writer;

pub use engine::{OpenError, Store};
pub use transaction::{Snapshot, Transaction, Write};

pub(crate) use transaction::{Key, Table};

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

#[cfg(test)]
pub(crate) mod testing {
    //! A folder for one test, gone with its value.

    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Receiver, Sender};

    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new() -> Self {
            let path = std::env::temp_dir().join(format!("vidimus-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir_all(&path).expect("a folder for the test");
            Self(path)
        }

        /// A folder that another process made.
        pub(crate) fn of_another(path: impl Into<PathBuf>) -> Self {
            Self(path.into())
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }

        /// A copy as it lies on disk now: what another process would find after `kill -9`.
        pub(crate) fn copy(&self) -> Self {
            let to = Self::new();
            copy_all(&self.0, &to.0);
            to
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A write that says when it runs, and holds the writer until somebody sends.
    pub(crate) fn blocker(running: Sender<()>, hold: Receiver<()>) -> super::Write {
        super::Write::new(move |_| {
            let _ = running.send(());
            let _ = hold.recv();
            Ok(())
        })
    }

    fn copy_all(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).expect("readable").flatten() {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                std::fs::create_dir_all(&target).expect("a folder");
                copy_all(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).expect("a copy");
            }
        }
    }
}
