//! The cost of hostility: the dearest messages that are refused, stage by stage, and what grows when one dimension of a
//! message does.
//!
//! Messages only, and the shapes of what is measured; `tests/hostility.rs` holds memory and counted work against their
//! bounds, `benches/hostility.rs` tells time and counts instructions ([`ratio`] says against what). Deterministic, within the limits of the honest endpoint: what
//! exceeds a limit is refused where the limit is, and costs no more than what reaches it.

mod dimensions;
mod good;
mod narrow;
mod ratio;
mod stages;

use std::path::Path;

use serde::Serialize;

pub use dimensions::{Dimension, dimensions};
pub use good::good;
pub use ratio::{Line, Measured, Ratio, worst};
pub use stages::stages;

use super::edits::{Edit, Place};
use super::forge::Recipe;
use super::seeds::{assertion, forged_at, message};
use super::signature::KeyReference;

/// One message to be measured.
#[derive(Debug, Clone)]
pub struct Message {
    /// What an attacker hopes to make dear: `digests`, `key`, … For good messages: `good`.
    pub stage: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What one message cost.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    pub stage: String,
    pub name: String,
    pub bytes: usize,
    /// `accepted`, or the step and the reason of the refusal.
    pub outcome: String,
    /// Processor time of one run, the least of several, in microseconds. `None` where nobody timed.
    pub micros: Option<f64>,
    /// The most memory at one time, without the message itself, in bytes.
    pub peak: Option<u64>,
    /// Allocations, and their bytes.
    pub allocations: Option<u64>,
    pub allocated: Option<u64>,
}

/// How work grows with one dimension: at one, two and four times its least.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    pub dimension: String,
    pub unit: String,
    pub bytes: [usize; 3],
    pub micros: Option<[f64; 3]>,
    pub allocated: Option<[u64; 3]>,
}

/// A sender who is registered nowhere, with a certificate of a trusted authority: the strongest stranger.
const STRANGER: &str = "stranger";
const HOSPITAL: &str = "hospital";

/// What an honest message of the corpus's template is changed by.
#[derive(Debug, Clone, Default)]
struct Change {
    values: Vec<(&'static str, String)>,
    parts: Vec<&'static str>,
    reference: Option<KeyReference>,
    /// Values of an assertion in the header.
    assertion: Option<Vec<(&'static str, String)>>,
    then: Vec<Edit>,
}

/// A refused message before it is made: its stage, its name, who signs, what differs from an honest one.
struct Row {
    stage: &'static str,
    name: String,
    key: &'static str,
    change: Change,
}

fn row(stage: &'static str, name: &str, key: &'static str, change: Change) -> Row {
    Row { stage, name: name.to_owned(), key, change }
}

fn made(stage: &'static str, name: &str, bytes: Vec<u8>) -> Message {
    Message { stage, name: name.to_owned(), bytes }
}

fn insert(text: String, place: Place) -> Change {
    Change { then: vec![Edit::Insert { text, place }], ..Change::default() }
}

fn flip(at: &str, byte: usize) -> Edit {
    Edit::Flip { at: at.into(), byte }
}

fn forged(root: &Path, key: &str, change: &Change) -> Result<Vec<u8>, String> {
    let parts: &[&str] = if change.parts.is_empty() { &["Body", "Timestamp"] } else { &change.parts };
    let values: Vec<(&str, &str)> = change.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut recipe: Recipe =
        message(key, change.reference.unwrap_or(KeyReference::BinarySecurityToken), parts, &values);
    if let Some(values) = &change.assertion {
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        recipe.values.insert("token".into(), "${assertion}".into());
        recipe.tokens.insert("assertion".into(), assertion(&values));
    }
    recipe.then.clone_from(&change.then);
    forged_at(root, &recipe, chrono::Duration::zero())
}

/// An element of nobody's, for the request or the header.
fn pad(inside: &str) -> String {
    format!("<x:Pad xmlns:x=\"urn:vidimus:conformance:wrapper\">{inside}</x:Pad>")
}
