//! Structured edits: chains of changes to good messages, each outcome held against what the generator knows was signed.
//!
//! ```text
//! good message ─ tree edits, re-signing by other keys, byte edits ─► bytes ─ the pure half ─► accepted?
//!       │                                                                                        │
//!       └─ the generator's own tree, canonical form and statements ─► exactly this was signed? ◄─┘
//! ```
//!
//! Bytes alone cannot forge a signature, so byte fuzzing stops at the first digest. This begins where that ends: the
//! signature holds, and what is read is what the attacker put there. Nothing of our reader takes part in what is
//! expected: the generator edits, canonicalises, digests and signs a tree of its own, and writes down who signed what.
//! Chains of harmless edits must go on being accepted, so that refusing everything is no way out.
//!
//! Deterministic by seed; each trial by itself, so it does not matter how many threads share them.

mod bases;
mod canonical;
mod harmless;
mod hostile;
mod model;
mod report;
mod shrink;
mod sign;
mod text;
mod tree;

use std::path::Path;

use bases::Workshop;
pub use harmless::Harmless;
pub use hostile::Hostile;
pub use model::Mismatch;
use model::Statement;
pub use report::{Finding, Report, Share, Verdict};

use super::chance::Dice;
use super::mutation;
use super::pure::{Accepted, Pure, Refused};
use crate::flow::inquiry::Stop;

/// What is tested: bytes in, what is believed out.
pub type Subject<'s> = dyn Fn(Vec<u8>) -> Result<Accepted, Refused> + Sync + 's;

/// The machine: good messages, keys, the model.
#[derive(Debug)]
pub struct Machine {
    workshop: Workshop,
    pure: Pure,
}

/// One step of a chain, with its own chance: a chain without one of its steps does the others as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    pub what: What,
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Harmless(Harmless),
    Hostile(Hostile),
    /// Byte edits of what was written; always last.
    Bytes,
}

/// A chain over a good message.
#[derive(Debug, Clone)]
struct Trial {
    base: usize,
    steps: Vec<Step>,
}

impl Machine {
    /// Over the corpus in `root`, which holds `conformance/` and `keys/`.
    ///
    /// # Errors
    /// When a good message cannot be made, or is not accepted as the model has it.
    pub fn open(root: &Path) -> Result<Self, String> {
        let pure = Pure::open(root, "hospital")?;
        Ok(Self { workshop: Workshop::open(root, &pure)?, pure })
    }

    /// The honest endpoint, to be weakened by those who want to see the machine find something.
    pub fn pure(&self) -> &Pure {
        &self.pure
    }

    /// The names of the good messages.
    pub fn bases(&self) -> impl Iterator<Item = &str> {
        self.workshop.good.iter().filter_map(|at| self.workshop.bases.get(*at)).map(|base| base.name.as_str())
    }

    /// Makes `count` trials on the honest endpoint, on all processors.
    pub fn run(&self, seed: u64, count: u64) -> Report {
        let subject = |bytes| self.pure.run(bytes, Stop::First);
        self.run_on(&subject, seed, count, usize::MAX)
    }

    /// Makes `count` trials on any subject; ends early once `enough` were wrongly accepted.
    pub fn run_on(&self, subject: &Subject<'_>, seed: u64, count: u64, enough: usize) -> Report {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let found = std::sync::atomic::AtomicUsize::new(0);
        let parts: Vec<Report> = std::thread::scope(|scope| {
            let work = |first: u64| {
                let found = &found;
                move || {
                    let mut report = Report::new(seed);
                    for index in (first..count).step_by(usize::try_from(threads).unwrap_or(1)) {
                        if found.load(std::sync::atomic::Ordering::Relaxed) >= enough {
                            break;
                        }
                        let before = report.wrongly_accepted.len();
                        self.trial(subject, seed, index, &mut report);
                        let more = report.wrongly_accepted.len() - before;
                        found.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
                    }
                    report
                }
            };
            let running: Vec<_> = (0..threads).map(|first| scope.spawn(work(first))).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Report::crashed(seed))).collect()
        });
        parts.into_iter().fold(Report::new(seed), Report::joined)
    }

    fn trial(&self, subject: &Subject<'_>, seed: u64, index: u64, report: &mut Report) {
        let mut dice = Dice::of(seed, index);
        let trial = self.draw(&mut dice);
        let (verdict, outcome) = self.verdict(subject, &trial);
        report.note(&trial.steps, outcome.as_ref().map(drop).map_err(|refused| *refused));
        if verdict == Verdict::Right {
            return;
        }
        let steps = shrink::shrink(trial.steps.clone(), |steps| {
            let fewer = Trial { base: trial.base, steps: steps.to_vec() };
            self.verdict(subject, &fewer).0 == verdict
        });
        let (bytes, _) = self.made(&Trial { base: trial.base, steps: steps.clone() });
        let base = self.workshop.bases.get(trial.base).map(|base| base.name.clone()).unwrap_or_default();
        let message = String::from_utf8_lossy(&bytes).into_owned();
        report.find(Finding { verdict, seed, index, base, steps, message });
    }

    /// Draws a chain: a third of them harmless throughout, a third without re-signing.
    fn draw(&self, dice: &mut Dice) -> Trial {
        let mut base = dice.pick(&self.workshop.good).copied().unwrap_or_default();
        let mut steps = Vec::new();
        let harmless =
            |dice: &mut Dice| What::Harmless(dice.pick(&Harmless::ALL).copied().unwrap_or(Harmless::Comment));
        let hostile = |dice: &mut Dice| What::Hostile(dice.pick(&Hostile::ALL).copied().unwrap_or(Hostile::Delete));
        let kind = dice.below(3);
        if kind > 0 && dice.percent(10) {
            // One that is never to be accepted: stale, elsewhere, a stranger's.
            base = dice.below(self.workshop.bases.len());
        }
        match kind {
            0 => (0..=dice.below(6)).for_each(|_| steps.push(harmless(dice))),
            1 => (0..=dice.below(5)).for_each(|_| steps.push(hostile(dice))),
            _ => {
                (0..dice.below(4)).for_each(|_| steps.push(hostile(dice)));
                steps.push(What::Hostile(Hostile::Resign));
                if dice.percent(40) {
                    (0..=dice.below(2)).for_each(|_| steps.push(hostile(dice)));
                }
                if dice.percent(30) {
                    steps.push(harmless(dice));
                }
            }
        }
        if steps.iter().any(|what| matches!(what, What::Hostile(_))) && dice.percent(10) {
            steps.push(What::Bytes);
        }
        Trial { base, steps: steps.into_iter().map(|what| Step { what, seed: dice.next() }).collect() }
    }

    /// The message of a trial, and what was signed on the way.
    fn made(&self, trial: &Trial) -> (Vec<u8>, Vec<Statement>) {
        let Some(base) = self.workshop.bases.get(trial.base) else { return Default::default() };
        let mut tree = base.tree.clone();
        let mut made = Vec::new();
        let mut bytes = None;
        for step in &trial.steps {
            let mut dice = Dice::new(step.seed);
            match step.what {
                // An edit that finds nothing to do is none.
                What::Harmless(harmless) => drop(harmless.apply(&mut tree, &mut dice)),
                What::Hostile(hostile) => drop(hostile.apply(&mut tree, &self.workshop, &mut made, &mut dice)),
                What::Bytes => {
                    let mut edited = text::write(&tree).into_bytes();
                    let other = dice.pick(&self.workshop.bases).map(|base| text::write(&base.tree)).unwrap_or_default();
                    (0..=dice.below(3)).for_each(|_| mutation::edit(&mut edited, other.as_bytes(), &mut dice));
                    bytes = Some(edited);
                }
            }
        }
        (bytes.unwrap_or_else(|| text::write(&tree).into_bytes()), made)
    }

    fn verdict(&self, subject: &Subject<'_>, trial: &Trial) -> (Verdict, Result<Accepted, Refused>) {
        let (bytes, made) = self.made(trial);
        let outcome = subject(bytes);
        let harmless = trial.steps.iter().all(|step| matches!(step.what, What::Harmless(_)));
        let verdict = match &outcome {
            Ok(accepted) => self.workshop.model.judge(accepted, &made).err().map_or(Verdict::Right, Verdict::Accepted),
            Err(refused) if harmless => Verdict::Refused(refused.step, refused.check),
            Err(_) => Verdict::Right,
        };
        (verdict, outcome)
    }
}
