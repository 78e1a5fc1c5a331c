//! A claim: one thing known of a party, under a name that is a URI.

use serde::{Deserialize, Serialize};

/// The name of a claim or attribute, a URI compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClaimType(pub String);

/// A claim with its values. Who asserts it decides what it is worth; see `source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "type")]
    pub claim_type: ClaimType,
    pub values: Vec<String>,
    /// The attribute source, or issuer, that says so.
    pub source: String,
}
