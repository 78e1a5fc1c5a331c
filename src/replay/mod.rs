//! Seen before? One message, at most one token: across doors, threads and restarts.
//!
//! The identity of a message is SHA-256(SPKI ‖ canonical SignedInfo), never its signature bytes
//! (ECDSA is malleable) and never raw text (`rules.md` 3).

#[cfg(test)]
mod contract;
mod redb;

pub use redb::{DEFAULT_CAPACITY, RedbReplay};

use std::fmt::Debug;

use crate::model::{RealmId, Time};
use crate::store::Write;

/// What kind of identity a claim speaks of. Kinds never collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimKind {
    /// SHA-256(SPKI ‖ canonical SignedInfo).
    Message,
    /// SHA-256(sender SPKI ‖ covered wsa:MessageID).
    MessageId,
    /// SHA-256(length-prefixed issuer, assertion ID), for OneTimeUse assertions.
    Assertion,
    /// SHA-256(length-prefixed client_id, jti).
    JwtId,
}

impl ClaimKind {
    /// The kind's number in stored rows; never changed, never given to another.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::MessageId => 2,
            Self::Assertion => 3,
            Self::JwtId => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::Message, Self::MessageId, Self::Assertion, Self::JwtId].into_iter().find(|kind| kind.number() == number)
    }
}

/// One identity that may be spent once, until `keep_until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    pub kind: ClaimKind,
    pub identity: [u8; 32],
    /// Until when the message itself could still be accepted, skew included.
    pub keep_until: Time,
}

/// Remembers what was spent. Full means refuse; nothing is ever evicted before its time.
///
/// To add an implementation: write it in a file beside `redb.rs`, run `contract::all` on it in
/// its tests, name it in `config`.
pub trait ReplayGuard: Send + Sync + Debug {
    /// Memory only: the first of `claims` that is known to be spent. A `None` proves nothing; only
    /// the durable write does.
    fn seen(&self, realm: &RealmId, claims: &[Claim], now: Time) -> Option<Claim>;

    /// The durable claim, as a write to be committed together with the audit intent. The write
    /// fails with [`crate::store::StoreError::Conflict`] when any of the claims is spent, and
    /// then spends none of them.
    fn claim(&self, realm: &RealmId, claims: Vec<Claim>, now: Time) -> Write;

    /// What was made before this instant must be refused (`rules.md` 3.3): whether it was spent is
    /// not known here, because the memory began, or was put back from a backup, at that time.
    fn fresh_after(&self) -> Time;
}
