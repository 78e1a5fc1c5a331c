//! What the demo tells: numbered steps, each with what was asserted; and where one failed, what was
//! expected and what was found.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::world::World;
use crate::cli::Output;

/// The steps, in order. `--break STEP` spoils the input of one, which must then fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Pki,
    Server,
    Mandate,
    Request,
    Verified,
    Permitted,
    Issued,
    SoapService,
    Exchange,
    RestService,
    Replay,
    Change,
    OtherKey,
    MandateEnded,
    Audit,
}

impl Step {
    /// All steps, in the order in which they run.
    pub const ALL: [Self; 15] = [
        Self::Pki,
        Self::Server,
        Self::Mandate,
        Self::Request,
        Self::Verified,
        Self::Permitted,
        Self::Issued,
        Self::SoapService,
        Self::Exchange,
        Self::RestService,
        Self::Replay,
        Self::Change,
        Self::OtherKey,
        Self::MandateEnded,
        Self::Audit,
    ];

    /// What the step does.
    fn title(self) -> &'static str {
        match self {
            Self::Pki => "created the demo's PKI",
            Self::Server => "started the server",
            Self::Mandate => "gave the sender a mandate",
            Self::Request => "the sender signed a request",
            Self::Verified => "the server verified it",
            Self::Permitted => "the policy permitted it",
            Self::Issued => "it issued a SAML 2.0 assertion",
            Self::SoapService => "called the SOAP service with it",
            Self::Exchange => "exchanged it for an OAuth token",
            Self::RestService => "called the REST service with that",
            Self::Replay => "sent the same message again",
            Self::Change => "changed one character in the Body",
            Self::OtherKey => "exchanged with another client's key",
            Self::MandateEnded => "ended the mandate and asked again",
            Self::Audit => "verified the audit trail",
        }
    }
}

/// A step is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub expected: String,
    pub found: String,
}

impl Mismatch {
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

/// What a step came to: a sentence or two for people, the values for programs.
#[derive(Debug)]
pub struct Told {
    pub lines: Vec<String>,
    pub facts: Value,
    /// The time that was measured, where it is not that of the whole step.
    pub took: Option<Duration>,
}

impl Told {
    pub fn new(line: impl Into<String>, facts: Value) -> Self {
        Self { lines: vec![line.into()], facts, took: None }
    }

    pub fn and(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub fn took(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }
}

pub type Checked<T> = Result<T, Mismatch>;

/// Fails with both values when the two differ.
pub fn expect_equal(what: &str, expected: &str, found: &str) -> Checked<()> {
    if expected == found {
        return Ok(());
    }
    Err(Mismatch::new(format!("{what}: {expected}"), format!("{what}: {found}")))
}

/// Fails when `holds` is false.
pub fn expect(holds: bool, expected: &str, found: impl Into<String>) -> Checked<()> {
    if holds { Ok(()) } else { Err(Mismatch::new(expected, found)) }
}

/// Prints the steps as they are done, and keeps them for `-o json`.
pub struct Report<'a, 'o> {
    out: &'a mut Output<'o>,
    steps: Vec<Value>,
    begun: Instant,
}

impl<'a, 'o> Report<'a, 'o> {
    pub fn new(out: &'a mut Output<'o>) -> Self {
        Self { out, steps: Vec::new(), begun: Instant::now() }
    }

    /// A line for people; with `-o json` it goes to stderr, so that stdout stays one object.
    pub fn say(&mut self, line: impl std::fmt::Display) {
        if self.out.is_json() { self.out.note(line) } else { self.out.line(line) }
    }

    /// Tells what came of a step, and whether to go on.
    pub fn tell(&mut self, step: Step, begun: Instant, came: Checked<Told>) -> bool {
        let number = self.steps.len() + 1;
        let title = step.title();
        let (entry, good) = match came {
            Ok(told) => {
                let took = told.took.unwrap_or_else(|| begun.elapsed());
                let mut lines = told.lines.into_iter();
                let first = lines.next().unwrap_or_default();
                self.say(format_args!("{number:>2} ✔ {title:<38} {first}  ({})", milliseconds(took)));
                lines.for_each(|line| self.say(format_args!("     {:<38} {line}", "")));
                (json!({ "step": step, "number": number, "ok": true, "ms": millis(took), "facts": told.facts }), true)
            }
            Err(Mismatch { expected, found }) => {
                self.say(format_args!("{number:>2} ✘ {title}"));
                self.say(format_args!("     expected: {expected}"));
                self.say(format_args!("     found:    {found}"));
                (json!({ "step": step, "number": number, "ok": false, "expected": expected, "found": found }), false)
            }
        };
        self.steps.push(entry);
        good
    }

    /// The end: one object for programs.
    pub fn object(&self, ok: bool, world: &World) -> Value {
        json!({
            "schema": "vidimus.demo-run/v1",
            "ok": ok,
            "ms": millis(self.begun.elapsed()),
            "steps": self.steps,
            "demo": world.description(),
        })
    }

    pub fn is_json(&self) -> bool {
        self.out.is_json()
    }

    pub fn json(&mut self, object: &Value) {
        self.out.json(object);
    }
}

/// `0.41 ms`, `12 ms`, `1.3 s`.
pub fn milliseconds(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    match millis {
        ..10.0 => format!("{millis:.2} ms"),
        10.0..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// Milliseconds with two decimals.
fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 100_000.0).round() / 100.0
}
