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

mod alter;
/// Random documents, as trees.
pub mod documents;
/// Canonical forms.
pub mod forms;
/// Who signs what: random messages.
pub mod plans;
/// Questions to a running judge.
pub mod process;
/// Our reader against quick-xml and libxml2.
pub mod readers;
mod rules;
mod shrink;
/// Signatures by each, verified by each.
pub mod signatures;
/// Our own verdict.
pub mod verdict;
mod workshop;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::conformance::report::Part;
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
    /// By judge and kind: how many differences no rule explains.
    pub unexplained_by: BTreeMap<String, usize>,
    /// The first of each kind.
    pub unexplained: Vec<Unexplained>,
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
        self.batches_of(BATCH)
    }

    fn batches_of(self, size: usize) -> impl Iterator<Item = Vec<u64>> {
        let end = self.first.saturating_add(u64::try_from(self.count).unwrap_or(u64::MAX));
        let starts = (self.first..end).step_by(size);
        starts.map(move |start| (start..end).take(size).collect())
    }
}

impl Table {
    /// As a part of the report. A difference without a rule counts as wrongly accepted until somebody has looked at it.
    pub fn part(&self) -> Part {
        let title =
            format!("{} {}, compared {} times with {}.", self.trials, self.name, self.compared, self.judges.join(", "));
        let mut part = Part::new(&format!("oracles-{}", self.name.replace(' ', "-")), &title, ["what", "count"]);
        part.row(["agreed".to_owned(), self.agreed.to_string()]);
        for (what, count) in &self.counts {
            part.row([what.clone(), count.to_string()]);
        }
        for (rule, count) in &self.explained {
            part.row([format!("explained: {rule}"), count.to_string()]);
        }
        for (kind, count) in &self.unexplained_by {
            part.row([format!("**without a rule**: {kind}"), count.to_string()]);
        }
        part.wrongly_accepted =
            self.unexplained_by.values().map(|count| u64::try_from(*count).unwrap_or(u64::MAX)).sum();
        part.with(self)
    }

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

    /// `show` is only called for the first of a kind: making a message small takes time.
    fn differ(&mut self, kind: &str, show: impl FnOnce() -> Unexplained) {
        self.compared += 1;
        let count = self.unexplained_by.entry(kind.to_owned()).or_default();
        *count += 1;
        if *count == 1 && self.unexplained.len() < SHOWN {
            self.unexplained.push(show());
        }
    }
}

/// The seed of all runs: a difference found on one machine is found on the other.
const SEED: u64 = 0x5664_6D73_2026_0001;
/// How many trials are asked at once.
const BATCH: usize = 500;
/// How many differences are kept with their message.
const SHOWN: usize = 40;
