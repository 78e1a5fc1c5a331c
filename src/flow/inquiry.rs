//! How checks are made and remembered: one recorder for the server and for the command line.
//!
//! The server stops at the first fault. The command line goes on and lists all independent faults,
//! root cause first; it proves nothing unless none was found, because every maker of a proof asks
//! [`Inquiry::clean`] before it makes one.

use crate::model::{Check, CheckId, CheckOutcome, Fact, Facts, Place, Refusal, StepId, Trace, guard};

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At the first fault: the server.
    First,
    /// Only when nothing more can be said: the command line.
    Never,
}

/// The inquiry ended with a refusal; [`Inquiry::refusals`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The record of one request's checks, while they are made.
#[derive(Debug)]
pub struct Inquiry {
    stop: Stop,
    trace: Trace,
    refusals: Vec<Refusal>,
    /// Microseconds since some fixed instant. Handed in, since nothing here reads a clock.
    stopwatch: fn() -> u64,
    step_began: u64,
}

impl Inquiry {
    pub fn new(stop: Stop, stopwatch: fn() -> u64) -> Self {
        Self { stop, trace: Trace::default(), refusals: Vec::new(), stopwatch, step_began: 0 }
    }

    /// Begins a step of the path; one that has just begun goes on.
    pub fn step(&mut self, id: StepId) {
        if self.trace.steps.last().is_some_and(|last| last.id == id) {
            return;
        }
        self.finish_step();
        self.trace.begin(id);
        self.step_began = (self.stopwatch)();
    }

    /// Notes a check that passed.
    pub fn passed(&mut self, id: CheckId, facts: Facts) {
        self.trace.record(Check { id, outcome: CheckOutcome::Passed, facts, place: None });
    }

    /// Notes a check that passed, and where.
    pub fn passed_at(&mut self, id: CheckId, place: Place, facts: Facts) {
        self.trace.record(Check { id, outcome: CheckOutcome::Passed, facts, place: Some(place) });
    }

    /// Notes a check that could not be made because of an earlier fault.
    pub fn not_run(&mut self, id: CheckId) {
        self.trace.record(Check { id, outcome: CheckOutcome::NotRun, facts: Vec::new(), place: None });
    }

    /// Makes a check: passes silently, or refuses with what `refusal` says.
    ///
    /// # Errors
    /// [`Stopped`], when the check fails and the inquiry stops at the first fault.
    pub fn require(&mut self, holds: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Stopped> {
        if holds { Ok(()) } else { self.refuse(refusal()) }
    }

    /// Records a fault.
    ///
    /// # Errors
    /// [`Stopped`], when the inquiry stops at the first fault.
    pub fn refuse(&mut self, refusal: Refusal) -> Result<(), Stopped> {
        if !guard::stands(refusal.check) {
            self.not_run(refusal.check);
            return Ok(());
        }
        self.fault(refusal)
    }

    fn fault(&mut self, refusal: Refusal) -> Result<(), Stopped> {
        self.trace.record(Check {
            id: refusal.check,
            outcome: CheckOutcome::Failed,
            facts: refusal.facts.clone(),
            place: refusal.place.clone(),
        });
        self.refusals.push(refusal);
        match self.stop {
            Stop::First => Err(Stopped),
            Stop::Never => Ok(()),
        }
    }

    /// Records a fault after which nothing more can be said: what would follow has no value to go on with.
    pub fn stop(&mut self, refusal: Refusal) -> Stopped {
        let _ = self.fault(refusal);
        Stopped
    }

    /// Whether no check has failed so far. Proofs are made only then.
    ///
    /// # Errors
    /// [`Stopped`], when any check has failed.
    pub fn clean(&self) -> Result<(), Stopped> {
        if self.refusals.is_empty() { Ok(()) } else { Err(Stopped) }
    }

    /// Whether to go to the length of describing places and facts for people: always on the
    /// command line; on the server only for what is refused.
    pub fn verbose(&self) -> bool {
        self.stop == Stop::Never
    }

    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Ends the inquiry: the trace, and the faults in the order in which they were found.
    pub fn finish(mut self) -> (Trace, Vec<Refusal>) {
        self.finish_step();
        (self.trace, self.refusals)
    }

    fn finish_step(&mut self) {
        let took = (self.stopwatch)().saturating_sub(self.step_began);
        self.trace.took(took);
    }
}

/// A stopwatch that stands still, for tests and for frozen clocks.
pub fn standing_still() -> u64 {
    0
}

/// Shorthand for the facts of a passed check.
pub fn facts<const N: usize>(facts: [Fact; N]) -> Facts {
    Vec::from(facts)
}
