//! `vidimus explain`: what a code or a reason means, and what happened to one request.
//!
//! In: a public code, a reason, or the reference of a request (default: the last one). Out: a page.
//! Pages of codes are data (`pages.toml`); reasons come from the table of checks and its sentences;
//! requests from the audit trail, as recorded.

mod page;
pub mod record;

use serde_json::json;

use crate::model::{CheckId, PublicCode, Reference};
use crate::serve::admin::Verb;

use super::exit;
use super::operator::{ConfigArgs, perform};
use super::stacks;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::NotFound], [
    "vidimus explain SIG-DIGEST",
    "vidimus explain token-not-signed --stack soapui",
    "vidimus explain last",
]))]
pub struct Args {
    /// A code (SIG-DIGEST), a reason (digest-differs), a request's reference, or `last`
    #[arg(default_value = "last", value_name = "CODE|REASON|REFERENCE")]
    what: String,
    /// Show the settings of this stack only: cxf, spring-ws, metro, wcf, zeep, node-soap, soapui, php …
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// # Errors
/// When nothing has that name.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let stack = args.stack.as_deref().map(stacks::named).transpose()?;
    if let Some(code) = PublicCode::parse(&args.what) {
        return show(page::of_code(code, stack), page::json_of_code(code, stack), out);
    }
    if let Some(check) = CheckId::from_reason(&args.what.to_ascii_lowercase()) {
        return show(page::of_reason(check, stack), page::json_of_reason(check, stack), out);
    }
    if args.what == "last" || args.what.parse::<Reference>().is_ok() {
        return request(args.what.parse().ok(), &args.config, out);
    }
    let fix = match nearest(&args.what) {
        Some(near) => format!("Did you mean `{near}`? All codes: {}", all_codes()),
        None => format!("Give one of the codes: {}", all_codes()),
    };
    Err(Failure::new(Exit::NotFound, format!("`{}` is no code, no reason and no reference", args.what), fix))
}

fn show(lines: Vec<String>, object: serde_json::Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.explanation/v1", "explanation": object}));
    } else {
        lines.iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

/// What the pipeline recorded of one request; never a second computation.
fn request(reference: Option<Reference>, config: &ConfigArgs, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let found = perform(config, Verb::AuditShow { reference }, out)?;
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.explanation/v1", "request": found}));
    } else {
        record::render(&found).iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

fn all_codes() -> String {
    PublicCode::ALL.map(PublicCode::as_str).join(" ")
}

/// The code or reason that shares most with what was typed.
fn nearest(typed: &str) -> Option<&'static str> {
    let typed = typed.to_ascii_lowercase();
    let reasons = CheckId::ALL.iter().map(|check| check.row().reason);
    let names = PublicCode::ALL.into_iter().map(PublicCode::as_str).chain(reasons);
    let scored = names.map(|name| (likeness(&typed, &name.to_ascii_lowercase()), name));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.5).map(|(_, name)| name)
}

/// Shared pairs of neighbouring letters, from 0 to 1 (Dice).
fn likeness(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| text.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (a, mut b) = (pairs(a), pairs(b));
    let total = (a.len() + b.len()).max(1);
    let shared =
        a.iter().filter(|pair| b.iter().position(|other| other == *pair).map(|at| b.swap_remove(at)).is_some());
    2.0 * shared.count() as f64 / total as f64
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    fn explain(what: &str) -> (Result<Exit, Failure>, String) {
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let mut out = Output::new(Format::Human, &mut result, &mut notes);
        let exit = run(
            Args { what: what.to_owned(), stack: None, config: ConfigArgs { config: "vidimus.toml".into() } },
            &mut out,
        );
        (exit, String::from_utf8(result).unwrap())
    }

    #[test]
    fn a_code_is_explained_with_its_reasons() {
        let (exit, text) = explain("sig-digest");
        assert_eq!(exit, Ok(Exit::Done));
        assert!(text.starts_with("SIG-DIGEST  a signed element changed after it was signed\n"), "{text}");
        assert!(text.contains("digest-differs"), "{text}");
    }

    #[test]
    fn a_typing_mistake_gets_a_suggestion() {
        let (exit, _) = explain("SIG-DIGSET");
        let failure = exit.unwrap_err();
        assert_eq!(failure.exit, Exit::NotFound);
        assert!(failure.fix.starts_with("Did you mean `SIG-DIGEST`?"), "{failure:?}");
    }
}
