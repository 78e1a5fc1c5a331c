//! `vidimus init`: a folder that a server can be started from.

use std::path::PathBuf;

use serde_json::json;

use super::exit;
use super::{Exit, Failure, Output};
use crate::config::init::{InitOptions, Mode, init};
use crate::serve::clock::{Clock, SystemClock};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    /// With a TLS certificate for localhost that nobody else trusts
    Demo,
    /// The TLS certificate is yours to bring
    Production,
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
    "vidimus init",
    "vidimus init /etc/vidimus --mode production --issuer https://sts.example.org --listen 0.0.0.0:8443",
    "vidimus init trial -o json",
]))]
pub struct Args {
    /// The folder; nothing that exists in it is overwritten
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// What the folder is for
    #[arg(long, value_enum, default_value_t = ModeArg::Demo)]
    mode: ModeArg,
    /// Our name in every token; it never changes, and callers reach us under it
    #[arg(long, value_name = "URL", default_value = "https://localhost:8443")]
    issuer: String,
    /// The address and port that the doors listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: String,
}

/// # Errors
/// When there is a configuration already, or a file cannot be written.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let Args { dir, mode, issuer, listen } = args;
    if listen.parse::<std::net::SocketAddr>().is_err() {
        let says = format!("`{listen}` is no address and port");
        return Err(Failure::usage(says, "Give e.g. --listen 127.0.0.1:8443"));
    }
    let mode = match mode {
        ModeArg::Demo => Mode::Demo,
        ModeArg::Production => Mode::Production,
    };
    let options = InitOptions { mode, issuer, listen, settings: Vec::new(), files: Vec::new() };
    let created =
        init(&dir, &options, SystemClock.now()).map_err(|problem| Failure::usage(problem.says, problem.fix))?;
    let files: Vec<String> = created.files.iter().map(|file| file.display().to_string()).collect();
    if out.is_json() {
        let config = created.config.display().to_string();
        out.json(&json!({"schema": "vidimus.init/v1", "config": config, "files": files, "notes": created.notes}));
        return Ok(Exit::Done);
    }
    files.iter().for_each(|file| out.line(file));
    created.notes.iter().for_each(|note| out.note(note));
    out.note(format_args!("next: vidimus config check -c {0}, then vidimus serve -c {0}", created.config.display()));
    Ok(Exit::Done)
}
