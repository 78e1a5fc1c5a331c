//! The command line, one file for each verb. In: arguments, files, stdin. Out: the result on
//! stdout, lines for people on stderr, an [`Exit`] code. Only this layer and `serve` read the clock.
//!
//! To add a verb: write `cli/NAME.rs` with `Args` (whose `after_help` is [`exit::help`]) and
//! `run(Args, &mut Output) -> Result<Exit, Failure>`; add a `mod`, a variant of [`Verb`] and an arm
//! in [`Verb::run`]. A test checks its help text and runs its examples through the parser.

pub mod audit;
pub mod completion;
pub mod config;
pub mod conformance;
pub mod credentials;
pub mod demo;
pub mod envelope;
pub mod examine;
pub mod exit;
pub mod explain;
pub mod files;
pub mod http;
pub mod init;
pub mod keystore;
pub mod mandate;
pub mod operator;
pub mod output;
pub mod report;
pub mod serve;
pub mod stacks;
pub mod tap;
pub mod token;
pub mod version;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use output::{Format, Output};

/// All that can be typed.
#[derive(Debug, Parser)]
#[command(
    name = "vidimus",
    version,
    about = "Inspects signed messages and tokens, decides, and issues tokens of its own.",
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = exit::help(&Exit::ALL, [
        "vidimus explain SIG-DIGEST",
        "vidimus version -o json",
        "vidimus completion bash",
    ])
)]
pub struct Cli {
    /// How the result is written: for people, or as one JSON object
    #[arg(short, long, global = true, value_enum, default_value_t, env = "VIDIMUS_OUTPUT")]
    pub output: Format,
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Read and verify the audit trail
    Audit(audit::Args),
    /// Print a completion script for a shell
    Completion(completion::Args),
    /// Show the configuration, and say what is wrong with it
    Config(config::Args),
    /// Run the proofs of the project, and write their tables
    #[command(hide = true)]
    Conformance(conformance::Args),
    /// See the whole job done on this machine: a signed request, tokens, services, refusals
    Demo(demo::Args),
    /// Run a sample service of the demo
    #[command(hide = true)]
    DemoService(demo::service::Args),
    /// Inspect, verify and sign SOAP envelopes, without any server
    Envelope(envelope::Args),
    /// Explain a code, a reason or a request
    Explain(explain::Args),
    /// Create a configuration: settings, keys, example policies and registry
    Init(init::Args),
    /// Look into keystores: PKCS#12, JKS, PEM, DER
    Keystore(keystore::Args),
    /// Create, end and look at mandates: who may act for whom
    Mandate(mandate::Args),
    /// Listen and answer, until told to stop
    Serve(serve::Args),
    /// Stand between a client and any vendor's server: pass all on, and judge what passes
    Tap(Box<tap::Args>),
    /// Get, exchange and look at tokens, at any vendor's server
    Token(token::Args),
    /// Print the version and what is built in
    Version(version::Args),
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// When it could not be done; a refused message is a result, not an error.
    pub fn run(self, out: &mut Output<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Audit(args) => audit::run(args, out),
            Self::Completion(args) => completion::run(args, out),
            Self::Config(args) => config::run(args, out),
            Self::Conformance(args) => conformance::run(&args, out),
            Self::Demo(args) => demo::run(args, out),
            Self::DemoService(args) => demo::service::run(args, out),
            Self::Envelope(args) => envelope::run(args, out),
            Self::Explain(args) => explain::run(args, out),
            Self::Init(args) => init::run(args, out),
            Self::Keystore(args) => keystore::run(args, out),
            Self::Mandate(args) => mandate::run(args, out),
            Self::Serve(args) => serve::run(args, out),
            Self::Tap(args) => tap::run(&args, out),
            Self::Token(args) => token::run(args, out),
            Self::Version(args) => version::run(args, out),
        }
    }
}

/// Reads the arguments, runs the verb, and turns what came of it into an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own choice: help goes to stdout with 0, a mistake to stderr with 2
            let _closed_terminal = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    std::panic::set_hook(Box::new(report_bug));
    std::panic::catch_unwind(move || run(cli)).unwrap_or(Exit::Unexpected).into()
}

fn run(cli: Cli) -> Exit {
    let (mut result, mut notes) = (std::io::stdout(), std::io::stderr());
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let colour =
        result.is_terminal() && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let mut out = Output::new(cli.output, &mut result, &mut notes).coloured(colour);
    let exit = cli.verb.run(&mut out).unwrap_or_else(|failure| out.failure(&failure));
    out.finish(exit)
}

/// A panic is a bug of ours: say so, and where it was; the exit code is [`Exit::Unexpected`].
fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let what = panic.payload_as_str().unwrap_or("no message");
    let _closed_terminal = writeln!(
        std::io::stderr(),
        "vidimus: this is a bug in vidimus {}: {} ({place})\n  please report it with the command that you typed",
        env!("CARGO_PKG_VERSION"),
        output::escape(what),
    );
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command of the tree with the words that lead to it.
    fn commands(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
        found.push((words.to_owned(), command.clone()));
        for sub in command.get_subcommands() {
            commands(sub, &format!("{words} {}", sub.get_name()), found);
        }
    }

    fn all() -> Vec<(String, clap::Command)> {
        let mut found = Vec::new();
        commands(&Cli::command(), "vidimus", &mut found);
        found
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_help_ends_with_exit_codes_and_three_examples() {
        for (words, command) in all() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("EXIT CODES\n"), "`{words} --help` does not tell its exit codes");
            let (_, examples) = help.split_once("EXAMPLES\n").unwrap_or_default();
            assert_eq!(examples.lines().count(), 3, "`{words} --help` has three examples:\n{examples}");
        }
    }

    #[test]
    fn each_example_is_a_command_that_exists() {
        for (words, command) in all() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let (_, examples) = help.split_once("EXAMPLES\n").unwrap_or_default();
            for part in examples.lines().flat_map(|line| line.split(" | ")) {
                let part = part.trim().trim_start_matches("$ ");
                let part = part.split(" > ").next().unwrap_or(part);
                if !part.starts_with("vidimus") {
                    continue;
                }
                let arguments = part.split(' ').map(|word| word.trim_matches('\''));
                if let Err(error) = Cli::try_parse_from(arguments) {
                    assert!(!error.use_stderr(), "example of `{words}`: {part}\n{error}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_verb_gets_a_suggestion() {
        let error = Cli::try_parse_from(["vidimus", "versoin"]).unwrap_err().to_string();
        assert!(error.contains("version"), "{error}");
    }

    #[test]
    fn output_may_stand_anywhere() {
        for line in [["vidimus", "-o", "json", "version"], ["vidimus", "version", "-o", "json"]] {
            assert_eq!(Cli::try_parse_from(line).unwrap().output, Format::Json);
        }
    }
}
