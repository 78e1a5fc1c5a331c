//! Exit codes, the same for every verb, and failures: what could not be done and what to do.

use std::fmt::Write as _;
use std::process::ExitCode;

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    Refused = 3,
    Unreachable = 4,
    NotFound = 5,
    Broken = 6,
    NotConformant = 7,
    Missed = 8,
    Indeterminate = 9,
}

impl Exit {
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::Refused,
        Self::Unreachable,
        Self::NotFound,
        Self::Broken,
        Self::NotConformant,
        Self::Missed,
        Self::Indeterminate,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done: valid, permitted, conformant",
            Self::Unexpected => "unexpected failure: a bug, or reading and writing failed",
            Self::Usage => "wrong usage or configuration",
            Self::Refused => "refused: the message, token or request was understood and denied",
            Self::Unreachable => "the other side could not be reached: network, TLS or time limit",
            Self::NotFound => "not found",
            Self::Broken => "integrity broken: audit trail, store or key",
            Self::NotConformant => "not conformant: at least one MUST failed",
            Self::Missed => "a threshold was missed",
            Self::Indeterminate => "indeterminate: policy, source or store did not answer, so nothing was permitted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What could not be done. Not for refused messages: those are results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// What is wrong, with the value that was found. No full stop at the end.
    pub says: String,
    /// What to do about it, as an imperative; may be empty.
    pub fix: String,
}

impl Failure {
    pub fn new(exit: Exit, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { exit, says: says.into(), fix: fix.into() }
    }

    /// The command as typed, or a file that it names, cannot be used.
    pub fn usage(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Exit::Usage, says, fix)
    }

    /// Reading, writing or something that cannot happen.
    pub fn unexpected(says: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, says, "")
    }
}

/// The end of a verb's `--help`: its exit codes and three examples.
pub fn help(exits: &[Exit], examples: [&str; 3]) -> String {
    let mut text = "EXIT CODES\n".to_owned();
    for exit in exits {
        let _infallible = writeln!(text, "  {}  {}", exit.code(), exit.meaning());
    }
    text.push_str("\nEXAMPLES\n");
    for example in examples {
        let _infallible = writeln!(text, "  $ {example}");
    }
    text.trim_end().to_owned()
}
