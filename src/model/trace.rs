//! What the pipeline did with one request. Log lines, the audit record, `explain` and
//! `envelope verify` are all rendered from this; nothing is computed a second time.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{CheckId, Facts};

/// The steps of a request, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepId {
    Parse,
    Verify,
    Authenticate,
    Replay,
    Decide,
    Draft,
    Commit,
    Sign,
    Answer,
}

impl StepId {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Verify => "verify",
            Self::Authenticate => "authenticate",
            Self::Replay => "replay",
            Self::Decide => "decide",
            Self::Draft => "draft",
            Self::Commit => "commit",
            Self::Sign => "sign",
            Self::Answer => "answer",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    Passed,
    Failed,
    /// Could not be made because something before it failed.
    NotRun,
}

/// Where in the message: the element's path, for people, and its bytes, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// e.g. `/soap:Envelope/soap:Header/wsse:Security/ds:Signature`
    pub path: String,
    pub bytes: Range<usize>,
}

/// One check, with what it saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    pub id: CheckId,
    pub outcome: CheckOutcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// One step with its checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub id: StepId,
    pub outcome: CheckOutcome,
    /// Microseconds of wall clock that the step took.
    pub micros: u64,
    pub checks: Vec<Check>,
}

/// All steps of one request, in the order in which they ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trace {
    pub steps: Vec<Step>,
}

impl Trace {
    /// Begins a step; checks recorded from now on belong to it.
    pub fn begin(&mut self, id: StepId) {
        self.steps.push(Step { id, outcome: CheckOutcome::Passed, micros: 0, checks: Vec::new() });
    }

    /// Records a check in the step that was begun last. A failed check fails its step.
    pub fn record(&mut self, check: Check) {
        if let Some(step) = self.steps.last_mut() {
            if check.outcome == CheckOutcome::Failed {
                step.outcome = CheckOutcome::Failed;
            }
            step.checks.push(check);
        }
    }

    /// States how long the step begun last took.
    pub fn took(&mut self, micros: u64) {
        if let Some(step) = self.steps.last_mut() {
            step.micros = micros;
        }
    }

    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().flat_map(|step| &step.checks)
    }
}
