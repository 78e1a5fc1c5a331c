//! `vidimus conformance mutants`: what `cargo mutants` found, held against the survivors that have a reason.

use std::path::PathBuf;

use crate::cli::exit;
use crate::cli::{Exit, Failure, Output};
use crate::conformance::mutated_code::{Explained, Survey};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus conformance mutants mutants.out/outcomes.json",
    "vidimus conformance mutants mutants.out/outcomes.json --parts target/parts",
    "vidimus conformance mutants mutants.out/outcomes.json -o json",
]))]
pub struct Args {
    /// What `cargo mutants` wrote, of each run
    #[arg(required = true)]
    outcomes: Vec<PathBuf>,
    /// The survivors that have a reason
    #[arg(long, value_name = "FILE", default_value = "conformance/mutants.toml")]
    explained: PathBuf,
    /// Leave the table here, for the report
    #[arg(long, value_name = "DIR", env = "VIDIMUS_REPORT_PARTS")]
    parts: Option<PathBuf>,
}

/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display()), "Name another file"))
    };
    let runs = args.outcomes.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let explained: Explained = toml::from_str(&read(&args.explained)?)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.explained.display()), "Mend the file"))?;
    let survey = Survey::of(&runs, &explained).map_err(|why| Failure::usage(why, "Run .ci/mutants again"))?;
    let part = survey.part();
    if let Some(folder) = &args.parts {
        part.save(folder).map_err(|why| Failure::usage(format!("--parts: {why}"), "Name another folder"))?;
    }
    if out.is_json() {
        out.json(&serde_json::json!(survey));
    } else {
        part.markdown().lines().for_each(|line| out.line(line));
    }
    Ok(if survey.survived.is_empty() { Exit::Done } else { Exit::Refused })
}
