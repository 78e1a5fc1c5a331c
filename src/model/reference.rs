//! Names of things that are ours: a request's reference, a realm.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The reference of one request: a UUIDv7 made at the door, told to the caller, and the key under
/// which audit and `explain` find the request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(uuid::Uuid);

impl Reference {
    /// A new reference; the only place that makes one.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl Default for Reference {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for Reference {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The first column of every key, record and snapshot. There is one realm, `default`, now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RealmId(String);

impl RealmId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RealmId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}
