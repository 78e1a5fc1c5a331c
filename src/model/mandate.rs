//! A mandate: one party may act for another, for some kind of work, in a period.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PartyId, Time};

/// The number of a mandate, given out by the store, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MandateId(pub u64);

impl fmt::Display for MandateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the register says of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MandateStatus {
    Active,
    /// Ended by somebody before its period was over. Never becomes active again.
    Ended,
}

/// A mandate as it stands in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mandate {
    pub id: MandateId,
    /// Counts the changes of this mandate, from 1.
    pub version: u64,
    /// Who is represented.
    pub grantor: PartyId,
    /// Who may act.
    pub grantee: PartyId,
    /// The kind of work, e.g. `dmfa`. A service names the type that it asks for.
    #[serde(rename = "type")]
    pub mandate_type: String,
    pub status: MandateStatus,
    /// From when it holds; inclusive.
    pub valid_from: Time,
    /// Until when it holds; exclusive. `None`: until it is ended.
    pub valid_until: Option<Time>,
    pub created_at: Time,
    pub ended_at: Option<Time>,
}

/// Where a mandate stands at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MandateStanding {
    InForce,
    NotYet,
    /// Its period is over.
    Expired,
    Ended,
}

impl Mandate {
    /// Whether the mandate holds at `at`: active, and within its period.
    pub fn standing(&self, at: Time) -> MandateStanding {
        if self.status == MandateStatus::Ended {
            MandateStanding::Ended
        } else if at < self.valid_from {
            MandateStanding::NotYet
        } else if self.valid_until.is_some_and(|until| at >= until) {
            MandateStanding::Expired
        } else {
            MandateStanding::InForce
        }
    }
}
