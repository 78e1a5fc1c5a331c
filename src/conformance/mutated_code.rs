//! MUTATED CODE: what `cargo mutants` changed in `wire` and no test noticed (`.ci/mutants`).
//!
//! A mutant is known by its file, its change and its function, without the line: lines move. One
//! that may survive stands in `conformance/mutants.toml` with the reason, as often as it occurs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::Part;

/// Survivors with a reason.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    /// `FILE: CHANGE`, as `cargo mutants` writes it, without line and column.
    mutant: String,
    /// How many mutants are written so.
    #[serde(default = "once")]
    times: usize,
    reason: String,
}

fn once() -> usize {
    1
}

/// What became of the mutants.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub tried: usize,
    pub noticed: usize,
    /// Did not compile, or were not tried to their end.
    pub unviable: usize,
    /// With the reason.
    pub explained: Vec<(String, String)>,
    /// Nobody noticed, and nobody said why: file, line and column among it.
    pub survived: Vec<String>,
}

impl Survey {
    /// Of each run's `outcomes.json`.
    ///
    /// # Errors
    /// When one is no such file, or the tests failed on the code as it is.
    pub fn of(runs: &[String], explained: &Explained) -> Result<Self, String> {
        let known = |known: &'_ Survivor| (known.mutant.clone(), (known.times, known.reason.clone()));
        let mut left: BTreeMap<String, (usize, String)> = explained.survivor.iter().map(known).collect();
        let mut outcomes = Vec::new();
        for run in runs {
            let read: Outcomes = serde_json::from_str(run).map_err(|error| format!("outcomes.json: {error}"))?;
            outcomes.extend(read.outcomes);
        }
        let mut survey = Self::default();
        for Outcome { scenario, summary } in &outcomes {
            let Some(mutant) = scenario.get("Mutant") else {
                if summary != "Success" {
                    return Err(format!("the tests fail on the code as it is: {summary}"));
                }
                continue;
            };
            let name = mutant.get("name").and_then(Value::as_str).unwrap_or_default();
            survey.tried += 1;
            match summary.as_str() {
                "CaughtMutant" | "Timeout" => survey.noticed += 1,
                "MissedMutant" => match left.get_mut(&without_place(name)) {
                    Some((times, reason)) if *times > 0 => {
                        *times -= 1;
                        survey.explained.push((name.to_owned(), reason.clone()));
                    }
                    _ => survey.survived.push(name.to_owned()),
                },
                _ => survey.unviable += 1,
            }
        }
        Ok(survey)
    }

    /// As a part of the report.
    pub fn part(&self) -> Part {
        let title = "Mutated code of the verifier that no unit test noticed, and why that is right.";
        let mut part = Part::new("mutants", title, ["mutant", "reason"]);
        for (mutant, reason) in &self.explained {
            part.row([mutant.clone(), reason.clone()]);
        }
        for mutant in &self.survived {
            part.row([mutant.clone(), "**nobody said why**".to_owned()]);
        }
        let Self { tried, noticed, unviable, .. } = self;
        part.note(format!("{tried} mutants: {noticed} noticed, {unviable} do not compile"));
        part.survived = u64::try_from(self.survived.len()).unwrap_or(u64::MAX);
        part.with(self)
    }
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    /// The word `Baseline`, or the mutant.
    scenario: Value,
    summary: String,
}

/// `src/a.rs:12:5: replace + with -` as `src/a.rs: replace + with -`.
fn without_place(name: &str) -> String {
    match name.split_once(": ") {
        Some((place, change)) => format!("{}: {change}", place.split(':').next().unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLAINED: &str = "[[survivor]]\nmutant = \"src/a.rs: replace + with - in f\"\nreason = \"why\"\n";

    fn survey(outcomes: &[(&str, &str)]) -> Result<Survey, String> {
        let outcomes: Vec<Value> = outcomes
            .iter()
            .map(|(name, summary)| match *name {
                "" => serde_json::json!({ "scenario": "Baseline", "summary": summary }),
                name => serde_json::json!({ "scenario": { "Mutant": { "name": name } }, "summary": summary }),
            })
            .collect();
        let text = serde_json::json!({ "outcomes": outcomes }).to_string();
        Survey::of(&[text], &toml::from_str(EXPLAINED).unwrap())
    }

    #[test]
    fn a_survivor_is_explained_wherever_its_line_has_moved_and_as_often_as_it_was_listed() {
        let plus = |line: u32| format!("src/a.rs:{line}:7: replace + with - in f");
        let found = survey(&[
            ("", "Success"),
            (&plus(3), "MissedMutant"),
            (&plus(9), "MissedMutant"),
            ("src/a.rs:4:1: replace f -> bool with true", "CaughtMutant"),
            ("src/a.rs:5:1: replace g with ()", "Timeout"),
            ("src/b.rs:5:1: replace g with ()", "Unviable"),
        ])
        .unwrap();
        assert_eq!((found.tried, found.noticed, found.unviable), (5, 2, 1));
        assert_eq!(found.explained, [(plus(3), "why".to_owned())]);
        assert_eq!(found.survived, [plus(9)]);
        assert_eq!(found.part().survived, 1);
    }

    #[test]
    fn where_the_tests_fail_without_a_mutant_nothing_is_said_of_mutants() {
        assert!(survey(&[("", "Failure"), ("src/a.rs:5:1: replace g with ()", "CaughtMutant")]).is_err());
    }
}
