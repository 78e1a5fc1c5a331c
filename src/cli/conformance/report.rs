//! `vidimus conformance report`: everything that is tried to fool the verifier, tried, in tables.
//!
//! Exit 0 only when nothing was wrongly accepted, no check survived being switched off, and no
//! part failed.

use std::path::PathBuf;

use serde_json::json;

use super::parts::{self, Settings};
use crate::cli::exit;
use crate::cli::{Exit, Failure, Output};
use crate::conformance::report::{Part, Report};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus conformance report",
    "vidimus conformance report --only edits --edits 1000000",
    "vidimus conformance report --parts target/parts -o json",
]))]
pub struct Args {
    /// The project's folder: it holds conformance/ and keys/
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The public corpora
    #[arg(long, value_name = "DIR", env = "VIDIMUS_VECTORS")]
    vectors: Option<PathBuf>,
    /// Only these parts; may be repeated
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<parts::Name>,
    /// How many chains of structured edits
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    edits: u64,
    /// How many seconds each fuzz target runs, without guidance
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    fuzz_seconds: u64,
    /// Parts that test runs left: other implementations, checks switched off, mutated code, cost
    #[arg(long, value_name = "DIR", env = "VIDIMUS_REPORT_PARTS")]
    parts: Option<PathBuf>,
    /// Also write the Markdown into a file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// # Errors
/// When the corpus or a part cannot be read, or the file cannot be written.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let settings = Settings {
        project: args.project.clone(),
        vectors: args.vectors.clone(),
        edits: args.edits,
        fuzz_seconds: args.fuzz_seconds,
    };
    let wanted = |name: &parts::Name| args.only.is_empty() || args.only.contains(name);
    let mut report = Report::default();
    for name in parts::Name::ALL.into_iter().filter(wanted) {
        out.note(format!("{} …", name.as_str()));
        report.add(name.made(&settings).map_err(|why| {
            Failure::usage(format!("{}: {why}", name.as_str()), "Give the project's folder with --project")
        })?);
    }
    for part in args.parts.iter().map(|folder| Part::load_all(folder)) {
        let part = part.map_err(|why| Failure::usage(format!("--parts: {why}"), "Make the part again"))?;
        part.into_iter().for_each(|part| report.add(part));
    }
    let markdown = report.markdown();
    if let Some(file) = &args.markdown {
        std::fs::write(file, &markdown)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display()), "Name another file"))?;
    }
    if out.is_json() {
        out.json(&json!(report));
    } else {
        markdown.lines().for_each(|line| out.line(line));
    }
    Ok(if report.is_sound() { Exit::Done } else { Exit::Refused })
}
