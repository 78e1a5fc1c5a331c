//! `vidimus config`: what is in force and where it came from, and what is wrong.

use chrono::SecondsFormat;
use clap::Subcommand;
use serde_json::{Value, json};

use super::exit;
use super::operator::{ConfigArgs, tell};
use super::{Exit, Failure, Output};
use crate::config::build;
use crate::config::{self, Data, Loaded, Origin, Overrides, Problem};
use crate::model::Time;
use crate::serve::clock::{Clock, SystemClock};
use crate::serve::self_attack::Report;
use crate::wire::x509::RevocationRule;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
    "vidimus config check",
    "vidimus config show --effective --origin",
    "vidimus config show -c /etc/vidimus/vidimus.toml -o json",
]))]
pub struct Args {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Read everything, and say what is wrong: the line, a caret, what to write instead
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
        "vidimus config check",
        "vidimus config check -c /etc/vidimus/vidimus.toml",
        "vidimus config check --set limits.body=1048576 -o json",
    ]))]
    Check(Common),
    /// Show what is set
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
        "vidimus config show",
        "vidimus config show --effective --origin",
        "vidimus config show --effective -o json",
    ]))]
    Show {
        #[command(flatten)]
        common: Common,
        /// Show every value in force, the defaults too
        #[arg(long)]
        effective: bool,
        /// Say where each value came from: default, file and line, environment, flag
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    config: ConfigArgs,
    /// Lay a value over the file and the environment; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

/// # Errors
/// When the configuration cannot be used; `config check` tells what is wrong as its result.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match args.verb {
        ConfigVerb::Check(common) => Ok(check(&common, out)),
        ConfigVerb::Show { common, effective, origin } => {
            let loaded = common.config.load(&common.set, out)?;
            show(&loaded, effective, origin, out);
            Ok(Exit::Done)
        }
    }
}

fn check(common: &Common, out: &mut Output<'_>) -> Exit {
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let over = Overrides { environment: &environment, flags: &common.set };
    let now = SystemClock.now();
    let (loaded, problems) = match config::load(&common.config.config, over, now) {
        Ok(loaded) => rehearsed(loaded, now),
        Err(problems) => (None, problems),
    };
    let exit = if loaded.is_some() { Exit::Done } else { Exit::Usage };
    if out.is_json() {
        let problems: Vec<Value> = problems.iter().map(written).collect();
        out.json(&json!({
            "schema": "vidimus.config-check/v1", "usable": loaded.is_some(), "problems": problems, "summary": loaded,
        }));
        return exit;
    }
    problems.iter().for_each(|problem| tell(problem, out));
    let warnings = problems.iter().filter(|problem| problem.warning).count();
    match loaded {
        Some(summary) => {
            out.line(format_args!(
                "{} can be used ({})",
                common.config.config.display(),
                counted(warnings as u64, "warning")
            ));
            let count = |what: &str| counted(summary[what].as_u64().unwrap_or_default(), what.trim_end_matches('s'));
            let counts = ["senders", "services", "issuers", "doors"].map(count);
            out.line(format_args!("  {}", counts.join(", ")));
            authorities(&summary, out);
            let attack = |what: &str| summary["self_attack"][what].as_u64().unwrap_or_default();
            out.line(format_args!(
                "  self-attack: {} accepted, {} refused, each as it must",
                counted(attack("accepted"), "good message"),
                counted(attack("refused"), "hostile one")
            ));
        }
        None => {
            let errors = counted((problems.len() - warnings) as u64, "error");
            out.line(format_args!("{} cannot be used ({errors})", common.config.config.display()));
        }
    }
    exit
}

/// The server that would be started attacks itself; one that does not withstand cannot be used.
fn rehearsed(loaded: Loaded, now: Time) -> (Option<Value>, Vec<Problem>) {
    let fix = "Undo what was changed last; if nothing was, this is a fault of the program: do not run it";
    let faults: Vec<String> = match build::rehearse(&loaded, now) {
        Ok(report) => return (Some(summary(&loaded, report)), loaded.warnings),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    let problems = faults.into_iter().map(|says| Problem::new(says, fix)).chain(loaded.warnings).collect();
    (None, problems)
}

/// What is known of revocation under each anchor, source by source.
fn authorities(summary: &Value, out: &mut Output<'_>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for authority in summary["authorities"].as_array().into_iter().flatten() {
        out.line(format_args!("  revocation {}: {}", text(&authority["revocation"]), text(&authority["name"])));
        for source in authority["sources"].as_array().into_iter().flatten() {
            let until = source["until"].as_str().map(|until| format!(", next due {until}")).unwrap_or_default();
            out.line(format_args!("    {}: {}{until}", text(&source["source"]), text(&source["state"])));
        }
    }
}

fn summary(loaded: &Loaded, report: Report) -> Value {
    let authorities = loaded.settings.trust.authorities.iter().map(|authority| {
        let sources = authority.sources.iter().map(|source| {
            let until = source.state.until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
            json!({"source": source.kind.to_string(), "state": source.state.says, "until": until})
        });
        let exception = match &authority.rules.revocation {
            RevocationRule::Required { unknown: Some(exception) } => {
                Some(json!({"until": exception.until.to_rfc3339(), "reason": exception.reason}))
            }
            _ => None,
        };
        let off = authority.rules.revocation == RevocationRule::Off;
        json!({
            "name": authority.name,
            "revocation": if off { "off" } else { "required" },
            "unknown_accepted": exception,
            "sources": sources.collect::<Vec<_>>(),
        })
    });
    json!({
        "self_attack": {"endpoints": report.endpoints, "accepted": report.accepted, "refused": report.refused},
        "issuer": loaded.settings.issuer,
        "senders": loaded.registry.senders().count(),
        "services": loaded.registry.services().count(),
        "issuers": loaded.registry.issuers().count(),
        "doors": loaded.settings.doors.len(),
        "authorities": authorities.collect::<Vec<_>>(),
    })
}

fn written(problem: &Problem) -> Value {
    let place = problem.place.as_ref().map(|place| {
        let (line, column) = place.line_and_column();
        json!({"file": place.file(), "line": line, "column": column})
    });
    let severity = if problem.warning { "warning" } else { "error" };
    json!({"severity": severity, "says": problem.says, "fix": problem.fix, "place": place})
}

fn show(loaded: &Loaded, effective: bool, origin: bool, out: &mut Output<'_>) {
    let shown = loaded.values.iter().filter(|value| effective || !matches!(value.origin, Origin::Default));
    if out.is_json() {
        let values: serde_json::Map<String, Value> = shown
            .map(|value| {
                let data = match &value.data {
                    Data::Text(text) => json!(text),
                    Data::Integer(number) => json!(number),
                    Data::Texts(texts) => json!(texts),
                };
                (value.setting.key.to_owned(), json!({"value": data, "origin": value.origin.to_string()}))
            })
            .collect();
        let doors: Vec<Value> = (loaded.settings.doors.iter())
            .map(|door| json!({"path": door.path, "profile": door.profile.name, "endpoint": door.endpoint}))
            .collect();
        out.json(&json!({"schema": "vidimus.config/v1", "values": values, "doors": doors}));
        return;
    }
    for value in shown {
        let line = format!("{} = {}", value.setting.key, value.data);
        match origin {
            true => out.line(format_args!("{line:<60} # {}", value.origin)),
            false => out.line(line),
        }
    }
    for door in &loaded.settings.doors {
        out.line(format_args!("doors.soap: {} at {}", door.profile.name, door.endpoint));
    }
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "write KEY=VALUE, e.g. limits.body=1048576".to_owned())?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
