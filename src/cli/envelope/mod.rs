//! `vidimus envelope`: work on a file with a signed SOAP envelope, without any server.

pub mod c14n;
mod canonical;
pub mod diff;
pub mod inspect;
pub mod limits;
pub mod redact;
mod settings;
pub mod sign;
pub mod signing;
mod source;
pub mod structure;
#[cfg(test)]
mod sweep;
pub mod tamper;
pub mod trusted;
pub mod verdict;
pub mod verify;

use super::exit;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus envelope verify message.xml --trust root.pem",
    "vidimus envelope inspect message.xml",
    "vidimus envelope sign message.xml --p12 own.p12 --password-file pw > signed.xml",
]))]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Judge an envelope: what is wrong, where, with which values, and what to change
    Verify(Box<verify::Args>),
    /// Show what an envelope says, without judging it
    Inspect(inspect::Args),
    /// Sign an envelope with one's own key
    Sign(Box<sign::Args>),
    /// Write the canonical bytes of an element, exactly as they are digested
    C14n(c14n::Args),
    /// Show where two envelopes differ to a signature, and the setting that removes it
    Diff(diff::Args),
    /// Mask all that a message says of anybody, and keep its shape
    Redact(redact::Args),
    /// Make an attack of a good message, to test one's own service
    Tamper(tamper::Args),
}

/// # Errors
/// When a file cannot be used.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Verify(args) => verify::run(&args, out),
        Verb::Inspect(args) => inspect::run(args, out),
        Verb::Sign(args) => sign::run(&args, out),
        Verb::C14n(args) => c14n::run(&args, out),
        Verb::Diff(args) => diff::run(&args, out),
        Verb::Redact(args) => redact::run(&args, out),
        Verb::Tamper(args) => tamper::run(&args, out),
    }
}
