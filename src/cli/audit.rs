//! `vidimus audit`: what happened, and that nobody changed it.
//!
//! `tail` and `show` go through the running server, which writes to disk first; `verify` reads the
//! files alone, and needs neither server nor store.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{ConfigArgs, perform};
use super::{Exit, Failure, Output, exit};
use crate::audit::{self, SignedCheckpoint, Verdict};
use crate::cli::explain::record;
use crate::config::build::NODE;
use crate::model::{KeyPurpose, Reference};
use crate::serve::admin::Verb;
use crate::wire::crypto::PublicKey;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(
    &[Exit::Done, Exit::Usage, Exit::NotFound, Exit::Broken, Exit::Indeterminate],
    [
        "vidimus audit tail",
        "vidimus audit show 019ac1de-0000-7000-8000-000000000000",
        "vidimus audit verify",
    ],
))]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// The last records
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Indeterminate], [
        "vidimus audit tail",
        "vidimus audit tail --count 50",
        "vidimus audit tail -o json",
    ]))]
    Tail {
        #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
        count: usize,
    },
    /// All that is on record about one request
    #[command(after_help = exit::help(&[Exit::Done, Exit::NotFound], [
        "vidimus audit show 019ac1de-0000-7000-8000-000000000000",
        "vidimus audit show 019ac1de-0000-7000-8000-000000000000 -o json",
        "vidimus audit show 019ac1de-0000-7000-8000-000000000000 -c /etc/vidimus/vidimus.toml",
    ]))]
    Show { reference: Reference },
    /// Verify that nothing was changed, removed or put in
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Broken], [
        "vidimus audit verify",
        "vidimus audit verify --checkpoint /mnt/worm/checkpoint-2026-11-20",
        "vidimus audit verify -o json",
    ]))]
    Verify {
        /// A checkpoint that was kept outside of the audit folder; may be repeated
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
    },
}

/// # Errors
/// When the trail cannot be read.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match args.verb {
        AuditVerb::Tail { count } => tail(perform(&args.config, Verb::AuditTail { count }, out)?, out),
        AuditVerb::Show { reference } => {
            show(perform(&args.config, Verb::AuditShow { reference: Some(reference) }, out)?, out)
        }
        AuditVerb::Verify { checkpoint } => verify(&args.config, &checkpoint, out),
    }
}

fn tail(answer: Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({ "schema": "vidimus.audit-tail/v1", "records": answer["records"] }));
        return Ok(Exit::Done);
    }
    for leaf in answer["records"].as_array().into_iter().flatten() {
        let text = |name: &str| leaf[name].as_str().unwrap_or_default().to_owned();
        let what = ["outcome", "action", "reason", "target"].map(text).join("  ");
        out.line(format_args!(
            "{:>8}  {}  {:<8} {}  {}",
            leaf["seq"],
            text("at"),
            text("kind"),
            text("ref"),
            what.trim()
        ));
    }
    Ok(Exit::Done)
}

fn show(found: Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({ "schema": "vidimus.audit-record/v1", "record": found }));
    } else {
        record::render(&found).iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

fn verify(config: &ConfigArgs, checkpoints: &[PathBuf], out: &mut Output<'_>) -> Result<Exit, Failure> {
    let loaded = config.load(&[], out)?;
    let missing = || Failure::usage("no checkpoint key is configured", "Set keys.checkpoints");
    let key = loaded.keys.active(KeyPurpose::Checkpoints).ok_or_else(missing)?;
    let key = PublicKey::from_spki(&key.spki).map_err(|error| Failure::unexpected(error.to_string()))?;
    let outside = checkpoints.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let folder = loaded.settings.audit_dir.join(NODE);
    let report = audit::verify(&folder, &key, &outside)
        .map_err(|error| Failure::unexpected(format!("`{}` cannot be read: {error}", folder.display())))?;
    if out.is_json() {
        out.json(&json!({ "schema": "vidimus.audit-verification/v1", "report": report }));
    } else {
        out.line(format_args!(
            "node {NODE}  {} records  {} checkpoints signed  {} behind the last one",
            report.leaves, report.checkpoints, report.unsigned
        ));
        report.faults.iter().for_each(|fault| out.line(format_args!("BROKEN  {fault}")));
        out.line(report.verdict);
    }
    Ok(if report.verdict == Verdict::Broken { Exit::Broken } else { Exit::Done })
}

fn read(path: &PathBuf) -> Result<SignedCheckpoint, Failure> {
    let unusable = |why: String| Failure::usage(format!("`{}`: {why}", path.display()), "Give a signed checkpoint");
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    SignedCheckpoint::parse(&text).map_err(|error| unusable(error.to_string()))
}
