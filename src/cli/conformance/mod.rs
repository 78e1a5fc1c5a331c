//! `vidimus conformance …`: the corpus and the proofs, run from the program itself. For those who
//! work on it, and for those who want to see its figures made again; so it stands in no help text.

mod mutants;
mod parts;
mod report;

use clap::Subcommand;

use crate::cli::exit;
use crate::cli::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus conformance report",
    "vidimus conformance report --only catalogue --only corpora -o json",
    "vidimus conformance report --edits 200000 --fuzz-seconds 60",
]))]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say of mutated code what no test noticed
    Mutants(mutants::Args),
    /// Run all proofs, and write their tables
    Report(report::Args),
}

/// # Errors
/// When the corpus cannot be read.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Mutants(args) => mutants::run(args, out),
        Verb::Report(args) => report::run(args, out),
    }
}
