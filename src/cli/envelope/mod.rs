//! `vidimus envelope`: work on a file with a signed SOAP envelope, without any server.

pub mod inspect;
pub mod structure;

use super::exit;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus envelope inspect message.xml",
    "vidimus envelope inspect - -o json",
    "vidimus envelope inspect --help",
]))]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show what an envelope says, without judging it
    Inspect(inspect::Args),
}

/// # Errors
/// When a file cannot be used.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Inspect(args) => inspect::run(args, out),
    }
}
