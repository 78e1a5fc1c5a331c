//! One request as the audit trail recorded it: the steps, what failed, what would repair it.
//!
//! In: the joined record (leaves and side file of one reference) as JSON. Out: lines. Members that
//! are not known here are shown as they are, so that a newer trail loses nothing.

use serde_json::Value;

use crate::cli::report::{Report, Stepped};
use crate::model::{CheckOutcome, StepId};

/// The record in lines. Members that are used: `reference`, `at`, `outcome`, and `trace`; all
/// others are listed.
pub fn render(record: &Value) -> Vec<String> {
    let text = |name: &str| record.get(name).map(plain).unwrap_or_default();
    let report: Report =
        record.get("trace").and_then(|trace| serde_json::from_value(trace.clone()).ok()).unwrap_or_default();
    let mut head = format!("request {}  {}  {}", text("reference"), text("at"), text("outcome").to_uppercase());
    match report.faults().next() {
        Some(fault) => head.push_str(&format!("  {}  {}", fault.code(), fault.id)),
        // The trace may have been erased; the leaf keeps code and reason.
        None => ["code", "reason"].iter().filter_map(|name| recorded(record, name)).for_each(|value| {
            head.push_str(&format!("  {value}"));
        }),
    }
    let mut lines = vec![head];
    lines.extend(fields(record).map(|(name, value)| format!(" {name:<15} {}", plain(value))));
    lines.push(format!(" {:<15} {:<8} detail", "step", "result"));
    for id in STEPS {
        match report.steps.iter().find(|step| step.id == id) {
            Some(step) => step_lines(step, &mut lines),
            None => lines.push(format!(" {:<15} not run", id.as_str())),
        }
    }
    lines
}

fn step_lines(step: &Stepped, lines: &mut Vec<String>) {
    let result = match step.outcome {
        CheckOutcome::Passed => "ok",
        CheckOutcome::Failed => "failed",
        CheckOutcome::NotRun => "not run",
    };
    let made = step.checks.iter().filter(|check| check.outcome != CheckOutcome::NotRun).count();
    let milliseconds = step.micros as f64 / 1000.0;
    let checks = if made == 1 { "check" } else { "checks" };
    lines.push(format!(" {:<15} {result:<8} {made} {checks}, {milliseconds:.2} ms", step.id.as_str()));
    let indent = " ".repeat(26);
    for check in step.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed) {
        let (says, fix) = check.sentence();
        lines.push(format!("{indent}✘ {says}"));
        lines.push(format!("{indent}  fix: {fix}"));
    }
    if step.outcome == CheckOutcome::Passed && step.id >= StepId::Authenticate {
        let seen = step.checks.iter().flat_map(|check| &check.facts);
        lines.extend(seen.map(|fact| format!("{indent}{} {}", fact.name, plain(&fact.value))));
    }
}

/// What the record has beside what the head and the steps show. Sealed values stand open beside
/// them, or were erased.
fn fields(record: &Value) -> impl Iterator<Item = (&String, &Value)> {
    const SHOWN: [&str; 8] = ["reference", "at", "outcome", "trace", "sealed", "fields", "reason", "code"];
    let own = record.as_object().into_iter().flatten();
    let inner = record.get("fields").and_then(Value::as_object).into_iter().flatten();
    inner.chain(own).filter(|(name, value)| !SHOWN.contains(&name.as_str()) && !value.is_null())
}

/// A member of the record or of its `fields`.
fn recorded(record: &Value, name: &str) -> Option<String> {
    record.get(name).or_else(|| record.get("fields")?.get(name)).map(plain)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The answer is written from the record, so it cannot stand in it.
const STEPS: [StepId; 8] = [
    StepId::Parse,
    StepId::Verify,
    StepId::Authenticate,
    StepId::Replay,
    StepId::Decide,
    StepId::Draft,
    StepId::Commit,
    StepId::Sign,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_request_shows_the_step_that_refused_and_what_did_not_run() {
        let record = json!({
            "reference": "01990000-0000-7000-8000-000000000000", "at": "2026-11-22T16:06:11.204Z", "outcome": "refused",
            "fields": {"service": "urn:demo:dmfa", "code": "DENIED"}, "sealed": {"sender": "hmac:AA"}, "sender": "ocmw-gent",
            "trace": {"steps": [
                {"id": "verify", "outcome": "passed", "micros": 310,
                 "checks": [{"id": "digest-differs", "outcome": "passed"}]},
                {"id": "decide", "outcome": "failed", "micros": 90, "checks": [
                    {"id": "policy-denies", "outcome": "failed", "facts": [
                        {"name": "sender", "value": "ocmw-gent"}, {"name": "service", "value": "urn:demo:dmfa"},
                        {"name": "rule", "value": ["office-hours"]}]}]},
            ]},
        });
        assert_eq!(
            render(&record),
            [
                "request 01990000-0000-7000-8000-000000000000  2026-11-22T16:06:11.204Z  REFUSED  DENIED  policy-denies",
                " service         urn:demo:dmfa",
                " sender          ocmw-gent",
                " step            result   detail",
                " parse           not run",
                " verify          ok       1 check, 0.31 ms",
                " authenticate    not run",
                " replay          not run",
                " decide          failed   1 check, 0.09 ms",
                "                          ✘ The policy denies ocmw-gent the use of `urn:demo:dmfa`; deciding: office-hours.",
                "                            fix: Change the policy if ocmw-gent is to have this; `vidimus explain` lists the facts that the rules saw.",
                " draft           not run",
                " commit          not run",
                " sign            not run",
            ]
        );
    }

    #[test]
    fn an_erased_trace_leaves_code_and_reason() {
        let record = json!({
            "reference": "r", "at": "t", "outcome": "refused", "trace": null,
            "fields": {"code": "SIG-DIGEST", "reason": "digest-differs"},
        });
        assert_eq!(render(&record)[0], "request r  t  REFUSED  SIG-DIGEST  digest-differs");
    }
}
