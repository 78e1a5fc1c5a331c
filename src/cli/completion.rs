//! `vidimus completion SHELL`: a completion script on stdout.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use super::exit;
use super::{Cli, Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
    "vidimus completion bash > /etc/bash_completion.d/vidimus",
    "vidimus completion zsh > ~/.zfunc/_vidimus",
    "vidimus completion fish > ~/.config/fish/completions/vidimus.fish",
]))]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// # Errors
/// None.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "vidimus", &mut script);
    if out.is_json() {
        let script = String::from_utf8_lossy(&script);
        out.json(&json!({"schema": "vidimus.completion/v1", "shell": args.shell.to_string(), "script": script}));
    } else {
        out.bytes(&script);
    }
    Ok(Exit::Done)
}
