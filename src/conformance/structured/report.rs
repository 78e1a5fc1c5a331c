//! What came of the trials, as plain values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Mismatch, Step, What};
use crate::conformance::pure::Refused;
use crate::model::{CheckId, StepId};

/// Trials, and what came of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub seed: u64,
    /// All trials, and how many were accepted.
    pub all: Share,
    /// Chains of harmless edits alone: all of them are to be accepted.
    pub harmless: Share,
    /// Chains with a signature made anew.
    pub resigned: Share,
    /// By kind of edit: how many chains had one.
    pub edits: BTreeMap<String, Share>,
    /// By step and check: how many were refused there.
    pub refused: BTreeMap<String, u64>,
    /// The first findings of each sort, and how many there were.
    pub wrongly_accepted: Vec<Finding>,
    pub wrongly_refused: Vec<Finding>,
    /// Threads that ended in a panic.
    pub crashed: u64,
}

/// So many, and how many of them were accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub made: u64,
    pub accepted: u64,
}

impl Share {
    fn add(&mut self, accepted: bool) {
        self.made += 1;
        self.accepted += u64::from(accepted);
    }

    /// In hundredths; 0 of none.
    pub fn percent(self) -> u64 {
        (self.accepted * 100).checked_div(self.made).unwrap_or_default()
    }
}

/// How one outcome is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Right,
    /// What is believed was not signed.
    Accepted(Mismatch),
    /// Nothing was changed that counts.
    Refused(StepId, #[serde(serialize_with = "check")] Option<CheckId>),
}

/// A trial that went wrong, with the fewest steps that do it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    pub seed: u64,
    /// Which trial of this seed.
    pub index: u64,
    pub base: String,
    pub steps: Vec<Step>,
    pub message: String,
}

impl Report {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn crashed(seed: u64) -> Self {
        Self { crashed: 1, ..Self::new(seed) }
    }

    /// Notes one trial.
    pub(super) fn note(&mut self, steps: &[Step], outcome: Result<(), Refused>) {
        let accepted = outcome.is_ok();
        self.all.add(accepted);
        if steps.iter().all(|step| matches!(step.what, What::Harmless(_))) {
            self.harmless.add(accepted);
        }
        if steps.iter().any(|step| matches!(step.what, What::Hostile(super::Hostile::Resign))) {
            self.resigned.add(accepted);
        }
        let mut kinds: Vec<What> = steps.iter().map(|step| step.what).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.into_iter().for_each(|what| self.edits.entry(name(what)).or_default().add(accepted));
        if let Err(refused) = outcome {
            let check = refused.check.map_or("no reason", |check| check.row().reason);
            *self.refused.entry(format!("{} {check}", refused.step.as_str())).or_default() += 1;
        }
    }

    pub(super) fn find(&mut self, finding: Finding) {
        match finding.verdict {
            Verdict::Accepted(_) => self.wrongly_accepted.push(finding),
            _ => self.wrongly_refused.push(finding),
        }
    }

    pub(super) fn joined(mut self, other: Self) -> Self {
        let add = |to: &mut Share, from: Share| {
            to.made += from.made;
            to.accepted += from.accepted;
        };
        add(&mut self.all, other.all);
        add(&mut self.harmless, other.harmless);
        add(&mut self.resigned, other.resigned);
        other.edits.into_iter().for_each(|(kind, share)| add(self.edits.entry(kind).or_default(), share));
        other.refused.into_iter().for_each(|(check, count)| *self.refused.entry(check).or_default() += count);
        self.wrongly_accepted.extend(other.wrongly_accepted);
        self.wrongly_refused.extend(other.wrongly_refused);
        self.crashed += other.crashed;
        self
    }

    /// Nothing was wrongly accepted or refused, nothing crashed, and of all trials enough were accepted to mean something.
    pub fn passes(&self) -> bool {
        let right = self.wrongly_accepted.is_empty() && self.wrongly_refused.is_empty() && self.crashed == 0;
        right && self.all.percent() >= LEAST_ACCEPTED
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |share: Share| format!("{:>9} {:>9} {:>4} %", share.made, share.accepted, share.percent());
        writeln!(f, "seed {}; chains, accepted, share", self.seed)?;
        for (what, share) in [("all", self.all), ("harmless only", self.harmless), ("signed anew", self.resigned)] {
            writeln!(f, "{what:28} {}", line(share))?;
        }
        for (what, share) in &self.edits {
            writeln!(f, "  {what:26} {}", line(*share))?;
        }
        let mut refused: Vec<_> = self.refused.iter().collect();
        refused.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (check, count) in refused {
            writeln!(f, "refused at {check:44} {count:>9}")?;
        }
        writeln!(
            f,
            "wrongly accepted {}, wrongly refused {}, crashed {}",
            self.wrongly_accepted.len(),
            self.wrongly_refused.len(),
            self.crashed
        )?;
        for finding in self.wrongly_accepted.iter().chain(&self.wrongly_refused).take(SHOWN) {
            writeln!(f, "{:?}: seed {} trial {}, `{}`", finding.verdict, finding.seed, finding.index, finding.base)?;
            for step in &finding.steps {
                writeln!(f, "  {} ({:#x})", name(step.what), step.seed)?;
            }
            writeln!(f, "{}", finding.message)?;
        }
        Ok(())
    }
}

/// The edit's name, as the report has it.
fn name(what: What) -> String {
    let debug = match what {
        What::Harmless(harmless) => format!("harmless {harmless:?}"),
        What::Hostile(hostile) => format!("{hostile:?}"),
        What::Bytes => "Bytes".to_owned(),
    };
    debug.to_lowercase()
}

fn check<S: serde::Serializer>(check: &Option<CheckId>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.map_or("none", |check| check.row().reason))
}

/// Below this share of accepted trials the others say little.
const LEAST_ACCEPTED: u64 = 5;
/// Findings that are printed in full.
const SHOWN: usize = 5;
