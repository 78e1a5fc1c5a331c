//! `vidimus envelope inspect FILE|-`: what an envelope says, element by element, without judging
//! it. Says so first.

use std::path::PathBuf;

use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::wire::xml::{Document, Limits, line_and_column};

use super::structure::Structure;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus envelope inspect message.xml",
    "vidimus envelope inspect message.xml -o json",
    "vidimus envelope inspect -",
]))]
pub struct Args {
    /// The envelope; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// # Errors
/// When the file cannot be read.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let document = parse(files::read(&args.file)?)?;
    let structure = Structure::of(&document);
    if out.is_json() {
        out.json(&structure);
    } else {
        out.line(NOT_VERIFIED);
        structure.lines().iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

/// The document in `bytes`.
///
/// # Errors
/// [`Exit::Refused`] with line and column where it is not XML that is read here.
pub fn parse(bytes: Vec<u8>) -> Result<Document, Failure> {
    Document::parse(bytes.clone(), &Limits::default()).map_err(|error| {
        let (line, column) = line_and_column(&bytes, error.offset);
        Failure::new(
            Exit::Refused,
            format!(
                "not XML that is read here: {} (line {line}, column {column}, byte {})",
                error.detail, error.offset
            ),
            "Look at the file at that place; `vidimus explain XML-MALFORMED` tells the usual causes",
        )
    })
}

pub const NOT_VERIFIED: &str = "NOT VERIFIED  this is what it says, not what is true";
