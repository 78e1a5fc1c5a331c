//! Other implementations as judges of ours: what they agree on with us, in tables.
//!
//! ```text
//! seed ─ documents ─► the same bytes ─┬─ our reader, canonical forms, verifier ─┐
//!                                     └─ libxml2, libxmlsec1, Santuario, ───────┴─► equal? explained by a rule?
//!                                        WSS4J, the JDK, quick-xml
//! ```
//!
//! The judges are programs in `conformance/oracles/`, built and started by [`Workshop`] and asked over their stdin. Each
//! trial follows from a seed and a number; one that fails is made small before it is shown.

/// Random documents, as trees.
pub mod documents;
/// Canonical forms.
pub mod forms;
/// Questions to a running judge.
pub mod process;
/// Our reader against quick-xml and libxml2.
pub mod readers;
mod shrink;
mod workshop;

use std::collections::BTreeMap;

use serde::Serialize;

pub use workshop::Workshop;

/// What came of many trials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What was compared.
    pub name: String,
    /// With whom.
    pub judges: Vec<String>,
    /// Random documents or messages.
    pub trials: usize,
    /// Comparisons: one for each trial, subset and judge.
    pub compared: usize,
    pub agreed: usize,
    /// By feature, or by direction: how many trials had it.
    pub counts: BTreeMap<String, usize>,
    /// By rule: how many differences it explains.
    pub explained: BTreeMap<String, usize>,
    /// The first ones, made small.
    pub unexplained: Vec<Unexplained>,
    /// All of them.
    pub unexplained_count: usize,
}

/// A difference that no rule explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unexplained {
    /// The trial: `VIDIMUS_ORACLE_ONLY=number` repeats it alone.
    pub number: u64,
    pub judge: String,
    /// Who says what.
    pub detail: String,
    /// The smallest message found that still shows it.
    pub message: String,
}

/// Which trials to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trials {
    pub seed: u64,
    /// The number of the first one.
    pub first: u64,
    pub count: usize,
}

impl Trials {
    /// So many under the seed that all runs share.
    pub fn of(count: usize) -> Self {
        Self { seed: SEED, first: 0, count }
    }

    /// The numbers, in batches that fit into memory.
    fn batches(self) -> impl Iterator<Item = Vec<u64>> {
        let end = self.first.saturating_add(u64::try_from(self.count).unwrap_or(u64::MAX));
        let starts = (self.first..end).step_by(BATCH);
        starts.map(move |start| (start..end).take(BATCH).collect())
    }
}

impl Table {
    fn new(name: &str, judges: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            judges: judges.iter().map(|judge| (*judge).to_owned()).collect(),
            ..Self::default()
        }
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    fn agree(&mut self) {
        self.compared += 1;
        self.agreed += 1;
    }

    fn explain(&mut self, rule: &str) {
        self.compared += 1;
        *self.explained.entry(rule.to_owned()).or_default() += 1;
    }

    /// `show` is only called for those that are kept: making a message small takes time.
    fn differ(&mut self, show: impl FnOnce() -> Unexplained) {
        self.compared += 1;
        self.unexplained_count += 1;
        if self.unexplained.len() < SHOWN {
            self.unexplained.push(show());
        }
    }
}

/// The seed of all runs: a difference found on one machine is found on the other.
const SEED: u64 = 0x5664_6D73_2026_0001;
/// How many trials are asked at once.
const BATCH: usize = 500;
/// How many differences are kept with their message.
const SHOWN: usize = 5;
