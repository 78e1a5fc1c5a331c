//! `vidimus version`: the version and what is built in.

use serde_json::json;

use super::exit;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done], [
    "vidimus version",
    "vidimus version -o json",
    "vidimus --version",
]))]
pub struct Args {}

/// # Errors
/// None.
pub fn run(_: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let features = if cfg!(feature = "cedar") { vec!["cedar"] } else { Vec::new() };
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.version/v1", "version": VERSION, "features": features}));
    } else {
        out.line(format_args!("vidimus {VERSION}  ({})", features.join(", ")));
    }
    Ok(Exit::Done)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
