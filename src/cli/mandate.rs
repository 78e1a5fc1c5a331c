//! `vidimus mandate`: who may act for whom.

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{ConfigArgs, perform};
use super::{Exit, Failure, Output, exit};
use crate::model::{CheckId, Language, MandateId, PartyId, Reference, Time, sentence};
use crate::serve::admin::Verb;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(
    &[Exit::Done, Exit::Usage, Exit::Refused, Exit::NotFound, Exit::Indeterminate],
    [
        "vidimus mandate create --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa",
        "vidimus mandate list",
        "vidimus mandate end 7",
    ],
))]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    verb: MandateVerb,
}

#[derive(Debug, Subcommand)]
enum MandateVerb {
    /// Create a mandate: from now on, or from a date, the mandatary may act for the mandator
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Indeterminate], [
        "vidimus mandate create --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa",
        "vidimus mandate create --mandator cbe:0884303369 --mandatary sender:006400 --type dmfa --until 2027-12-31",
        "vidimus mandate create --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa -o json",
    ]))]
    Create {
        #[command(flatten)]
        between: Between,
        /// From when it holds: a date, or an instant in RFC 3339; now, when left out
        #[arg(long, value_name = "DATE", value_parser = first_instant)]
        from: Option<Time>,
        /// The last day on which it holds, or an instant in RFC 3339; open, when left out
        #[arg(long, value_name = "DATE", value_parser = last_instant)]
        until: Option<Time>,
    },
    /// End a mandate for good; the next request under it is refused
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused, Exit::NotFound], [
        "vidimus mandate end 7",
        "vidimus mandate end 7 --expected-version 1",
        "vidimus mandate end 7 -o json",
    ]))]
    End {
        id: u64,
        /// Refuse when somebody changed it since this version
        #[arg(long, value_name = "N")]
        expected_version: Option<u64>,
    },
    /// List mandates
    #[command(after_help = exit::help(&[Exit::Done, Exit::Usage], [
        "vidimus mandate list",
        "vidimus mandate list --after 100 --limit 50",
        "vidimus mandate list -o json",
    ]))]
    List {
        /// Begin behind this number
        #[arg(long, value_name = "ID")]
        after: Option<u64>,
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show one mandate
    #[command(after_help = exit::help(&[Exit::Done, Exit::NotFound], [
        "vidimus mandate show 7",
        "vidimus mandate show 7 -o json",
        "vidimus mandate show 7 -c /etc/vidimus/vidimus.toml",
    ]))]
    Show { id: u64 },
    /// Ask whether a mandate is in force
    #[command(after_help = exit::help(&[Exit::Done, Exit::Refused, Exit::Usage], [
        "vidimus mandate check --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa",
        "vidimus mandate check --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa --at 2026-03-01",
        "vidimus mandate check --mandator cbe:0884303369 --mandatary cbe:0566988259 --type dmfa -o json",
    ]))]
    Check {
        #[command(flatten)]
        between: Between,
        /// At this date or instant instead of now
        #[arg(long, value_name = "DATE", value_parser = first_instant)]
        at: Option<Time>,
    },
}

/// The parties, and the kind of work.
#[derive(Debug, clap::Args)]
struct Between {
    /// Who is represented, e.g. cbe:0884303369
    #[arg(long, value_name = "PARTY", alias = "grantor")]
    mandator: PartyId,
    /// Who may act, e.g. cbe:0566988259 or sender:006400
    #[arg(long, value_name = "PARTY", alias = "grantee")]
    mandatary: PartyId,
    /// The kind of work; a service names the type that it asks for
    #[arg(long = "type", value_name = "TYPE")]
    mandate_type: String,
}

/// # Errors
/// When the store cannot be reached, or refuses.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let config = args.config;
    match args.verb {
        MandateVerb::Create { between, from, until } => {
            let verb = Verb::MandateCreate {
                id: Reference::new(),
                grantor: between.mandator,
                grantee: between.mandatary,
                mandate_type: between.mandate_type,
                valid_from: from,
                valid_until: until,
            };
            one(perform(&config, verb, out)?, out)
        }
        MandateVerb::End { id, expected_version } => {
            one(perform(&config, Verb::MandateEnd { id: MandateId(id), expected_version }, out)?, out)
        }
        MandateVerb::Show { id } => one(perform(&config, Verb::MandateShow { id: MandateId(id) }, out)?, out),
        MandateVerb::List { after, limit } => {
            list(perform(&config, Verb::MandateList { after: after.map(MandateId), limit }, out)?, out)
        }
        MandateVerb::Check { between, at } => {
            let verb = Verb::MandateCheck {
                grantor: between.mandator,
                grantee: between.mandatary,
                mandate_type: between.mandate_type,
                at,
            };
            check(perform(&config, verb, out)?, out)
        }
    }
}

fn one(mandate: Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({ "schema": "vidimus.mandate/v1", "mandate": mandate }));
    } else {
        out.line(line(&mandate));
    }
    Ok(Exit::Done)
}

fn list(page: Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if out.is_json() {
        let mandates = &page["mandates"];
        out.json(&json!({ "schema": "vidimus.mandates/v1", "mandates": mandates, "next": page["next"] }));
        return Ok(Exit::Done);
    }
    page["mandates"].as_array().into_iter().flatten().for_each(|mandate| out.line(line(mandate)));
    if let Some(next) = page["next"].as_u64() {
        out.note(format_args!("more: vidimus mandate list --after {next}"));
    }
    Ok(Exit::Done)
}

fn check(answer: Value, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let in_force = answer["in_force"].as_bool() == Some(true);
    if out.is_json() {
        let mut object = answer;
        object["schema"] = "vidimus.mandate-check/v1".into();
        out.json(&object);
    } else {
        let reason = answer["reason"].as_str().unwrap_or_default();
        out.line(if in_force { "IN FORCE".to_owned() } else { format!("DENY  {reason}") });
        answer["mandates"].as_array().into_iter().flatten().for_each(|mandate| out.line(line(mandate)));
        if let Some(check) = CheckId::from_reason(reason) {
            out.note(sentence(Language::English, check, &[]).fix);
        }
    }
    Ok(if in_force { Exit::Done } else { Exit::Refused })
}

/// `mandate 7  in-force  cbe:… → cbe:…  dmfa  from … until …  (version 1)`
fn line(mandate: &Value) -> String {
    let text = |name: &str| mandate[name].as_str().unwrap_or("-").to_owned();
    let end = mandate["ended_at"].as_str().or(mandate["valid_until"].as_str()).unwrap_or("open");
    format!(
        "mandate {}  {}  {} → {}  {}  from {} until {end}  (version {})",
        mandate["id"],
        text("standing"),
        text("grantor"),
        text("grantee"),
        text("type"),
        text("valid_from"),
        mandate["version"],
    )
}

/// A date is its first instant in UTC.
fn first_instant(text: &str) -> Result<Time, String> {
    instant(text).or_else(|why| match text.parse::<NaiveDate>() {
        Ok(date) => Ok(date.and_time(chrono::NaiveTime::MIN).and_utc()),
        Err(_) => Err(why),
    })
}

/// A date as an end includes that day: the end, which is exclusive, is the next day's beginning.
fn last_instant(text: &str) -> Result<Time, String> {
    instant(text).or_else(|why| match text.parse::<NaiveDate>().ok().and_then(|date| date.succ_opt()) {
        Some(next) => Ok(next.and_time(chrono::NaiveTime::MIN).and_utc()),
        None => Err(why),
    })
}

fn instant(text: &str) -> Result<Time, String> {
    let wrong = |_| format!("`{text}` is neither a date (2026-12-31) nor an instant (2026-12-31T09:00:00Z)");
    chrono::DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_day_is_included() {
        let end = last_instant("2026-12-31").unwrap();
        assert_eq!(end.to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(first_instant("2026-12-31").unwrap().to_rfc3339(), "2026-12-31T00:00:00+00:00");
        assert!(first_instant("31/12/2026").unwrap_err().contains("2026-12-31"));
    }
}
