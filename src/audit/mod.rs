//! The audit trail: what happened, in an append-only log that shows any edit.
//!
//! A leaf is the exact bytes of one line; leaves are those of an RFC 6962 tree; checkpoints are
//! C2SP signed notes. Personal values stand in a leaf only as HMACs; their openings lie in a side
//! file by reference and can be erased without breaking a proof.

mod checkpoint;
mod files;
mod journal;
mod keeper;
mod leaf;
mod reader;
mod recover;
mod strangers;
#[cfg(test)]
mod testing;
mod trail;
mod tree;
mod verify;

pub use checkpoint::{Checkpoint, NotACheckpoint, SignedCheckpoint};
pub use reader::{Leaf, Opening, Reader, Shown};
pub use recover::TrailError;
pub use strangers::StrangerLimits;
pub use trail::{CheckpointKey, FileTrail, Settings};
pub use verify::{Fault, FaultKind, Report, Verdict, verify};

use std::fmt::Debug;

use async_trait::async_trait;

use crate::model::{RealmId, Reference, Time, Trace};
use crate::store::{StoreError, Write};

/// A value for a leaf. Personal ones are written as HMAC(random per record and field, value), and
/// opened in the side file.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Written as it is: codes, algorithms, thumbprints, our own names.
    Plain(&'static str, serde_json::Value),
    /// Says something of a person or an institution.
    Personal(&'static str, serde_json::Value),
}

/// What is written before a signature is made: with whose request, for what, and the hash of the
/// exact bytes that are to be signed.
#[derive(Debug, Clone)]
pub struct IntentEntry {
    pub realm: RealmId,
    pub reference: Reference,
    pub at: Time,
    /// SHA-256 of the bytes to sign.
    pub draft_hash: [u8; 32],
    pub fields: Vec<Field>,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct OutcomeEntry {
    pub realm: RealmId,
    pub reference: Reference,
    pub at: Time,
    /// `issued`, `refused`, or `failed` (after an intent, no token left the house).
    pub outcome: &'static str,
    pub fields: Vec<Field>,
    /// Written to the side file, by reference; the leaf holds its HMAC.
    pub trace: Trace,
    /// Whether the sender was authenticated. Refusals of strangers go to their own small log with
    /// a token bucket per peer, and are counted beyond it.
    pub authenticated: bool,
    pub peer: Option<std::net::IpAddr>,
}

/// What an operator did: a mandate created or ended, configuration reloaded, start, stop.
#[derive(Debug, Clone)]
pub struct AdminEntry {
    pub realm: RealmId,
    pub reference: Reference,
    pub at: Time,
    pub action: &'static str,
    pub fields: Vec<Field>,
}

/// An outcome that has been handed to the trail: only [`AuditTrail::close`] makes one, and answers
/// are written from nothing else.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(recorded: vidimus::audit::Recorded<()>) {
///     let _made = vidimus::audit::Recorded { ..recorded };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(recorded: vidimus::audit::Recorded<()>) {
///     let _made = recorded;
/// }
/// ```
#[derive(Debug)]
pub struct Recorded<T> {
    outcome: T,
    reference: Reference,
}

impl<T> Recorded<T> {
    pub fn outcome(&self) -> &T {
        &self.outcome
    }

    pub fn into_outcome(self) -> T {
        self.outcome
    }

    pub fn reference(&self) -> Reference {
        self.reference
    }
}

/// Writes entries so that they survive us.
#[async_trait]
pub trait AuditSink: Send + Sync + Debug {
    /// The intent as a write, to be committed together with the replay claim, before the signature.
    fn intent(&self, entry: IntentEntry) -> Write;

    /// Hands over an outcome. After an intent (`issued`, `failed`) it is synced with the next
    /// group and this waits until it is queued, not until it is synced; refusals enter a bounded
    /// queue and wait for no disk.
    async fn outcome(&self, entry: OutcomeEntry) -> Result<(), StoreError>;

    /// Writes what an operator did; durable when it returns.
    async fn admin(&self, entry: AdminEntry) -> Result<(), StoreError>;

    /// Whether the trail can be written now; `/readyz` asks.
    fn healthy(&self) -> bool;
}

/// Closes requests. The only maker of [`Recorded`].
#[derive(Debug, Clone)]
pub struct AuditTrail {
    sink: std::sync::Arc<dyn AuditSink>,
}

impl AuditTrail {
    pub fn new(sink: std::sync::Arc<dyn AuditSink>) -> Self {
        Self { sink }
    }

    pub fn intent(&self, entry: IntentEntry) -> Write {
        self.sink.intent(entry)
    }

    pub async fn admin(&self, entry: AdminEntry) -> Result<(), StoreError> {
        self.sink.admin(entry).await
    }

    pub fn healthy(&self) -> bool {
        self.sink.healthy()
    }

    /// Records what came of a request and gives back the outcome as something to answer with.
    ///
    /// # Errors
    /// When the trail cannot take the entry. The outcome is lost with it: no record, no token.
    pub async fn close<T>(&self, entry: OutcomeEntry, outcome: T) -> Result<Recorded<T>, StoreError> {
        let reference = entry.reference;
        self.sink.outcome(entry).await?;
        Ok(Recorded { outcome, reference })
    }
}
