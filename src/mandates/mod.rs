//! The mandate store: who may act for whom, for what, in which period.
//!
//! Mandates are never cached beyond a request: one that was ended is refused in the next request.

#[cfg(test)]
mod contract;
mod redb;

pub use redb::RedbMandates;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::model::{Mandate, MandateId, PartyId, RealmId, Time};
use crate::store::StoreError;

/// What is said when a mandate is created. `id` is caller-made: creating twice with the same key
/// gives the same mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateDraft {
    /// Caller-made, for idempotence: the same key twice is one mandate.
    pub idempotency_key: [u8; 16],
    pub grantor: PartyId,
    pub grantee: PartyId,
    pub mandate_type: String,
    pub valid_from: Time,
    pub valid_until: Option<Time>,
}

/// Keeps mandates. Each method is one whole transaction.
///
/// To add an implementation: write it in a file beside `redb.rs`, run `contract::all` on it in
/// its tests, name it in `config`.
#[async_trait]
pub trait MandateStore: Send + Sync + Debug {
    /// All mandates of `grantor` for `grantee`, whatever their standing, oldest first: the flow
    /// tells "never had one" from "ended".
    async fn between(&self, realm: &RealmId, grantor: &PartyId, grantee: &PartyId) -> Result<Vec<Mandate>, StoreError>;

    /// Creates a mandate; durable when it returns. The same key again gives the mandate that was
    /// made first, as it stands now.
    ///
    /// # Errors
    /// Conflict: the key was used for another mandate, or the period is empty.
    async fn create(&self, realm: &RealmId, draft: MandateDraft, at: Time) -> Result<Mandate, StoreError>;

    /// Ends a mandate for good; durable when it returns. `expected_version`, when given, must be
    /// the current one. Ending is idempotent: what has ended stays as it was ended first, and
    /// whoever repeats his request (with the version that he saw before) is told so, not refused.
    ///
    /// # Errors
    /// Conflict: another version stands, or there is no such mandate.
    async fn end(
        &self,
        realm: &RealmId,
        id: MandateId,
        expected_version: Option<u64>,
        at: Time,
    ) -> Result<Mandate, StoreError>;

    async fn show(&self, realm: &RealmId, id: MandateId) -> Result<Option<Mandate>, StoreError>;

    /// Up to `limit` mandates with an id above `after`, in order.
    async fn list(&self, realm: &RealmId, after: Option<MandateId>, limit: usize) -> Result<Vec<Mandate>, StoreError>;
}
