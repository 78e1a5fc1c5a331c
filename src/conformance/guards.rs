//! GUARDS: each check switched off in turn. A check that nobody misses is a check that nobody tests.
//!
//! A check is *killed* when, without it, a case that must be refused gives out a token. Checks back
//! each other; so where another check refuses in its place, that one is switched off as well, and
//! the two are a pair (or three a group) that only together keep the case out.
//!
//! Some checks cannot be switched off: they fail where there is nothing to go on with (no key, no
//! tree). Those stand in `guards.toml`, each with what is missing then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::case::{Case, Outcome};
use super::report::Part;
use super::runner::Corpus;
use crate::model::CheckId;
use crate::model::guard::Off;
use crate::wire::guard::{Guard, Off as WireOff};

/// What came of switching a check off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's reason.
    pub check: String,
    /// How many cases are refused by it.
    pub cases: usize,
    pub verdict: Verdict,
    /// The case that was accepted.
    pub case: Option<String>,
    /// The checks that had to be switched off with it.
    pub together_with: Vec<String>,
    /// For a survivor: where its cases ended all the same.
    pub ended: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Without it alone, a hostile case is accepted.
    Killed,
    /// Others refuse in its place; without them all, a hostile case is accepted.
    KilledTogether,
    /// It cannot be left out: `guards.toml` says what would be missing.
    Structural,
    /// Nobody would notice.
    Survived,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::KilledTogether => "killed together",
            Self::Structural => "cannot be left out",
            Self::Survived => "SURVIVED",
        }
    }
}

/// The findings as a part of the report.
pub fn part(findings: &[Finding]) -> Part {
    let title = "Each check switched off in turn: what hostile case is then accepted.";
    let mut part = Part::new("guards", title, ["check", "cases", "verdict", "case", "together with"]);
    for finding in findings {
        part.row([
            finding.check.clone(),
            finding.cases.to_string(),
            finding.verdict.as_str().to_owned(),
            finding.case.clone().unwrap_or_default(),
            finding.together_with.join(", "),
        ]);
    }
    let survivors = findings.iter().filter(|finding| finding.verdict == Verdict::Survived).count();
    part.survived = u64::try_from(survivors).unwrap_or(u64::MAX);
    part.with(&findings)
}

/// Switches each check off, runs its cases, and says who noticed.
///
/// # Errors
/// When a case cannot be run, or `guards.toml` names what is no check, or a check that can be
/// switched off after all.
pub async fn survey(corpus: &Corpus, cases: &[Case]) -> Result<Vec<Finding>, String> {
    let structural = structural(corpus.folder())?;
    let mut findings = Vec::new();
    for check in CheckId::ALL {
        let reason = check.row().reason;
        let own: Vec<&Case> = cases.iter().filter(|case| refused_for(case, reason)).collect();
        let mut finding = Finding {
            check: reason.to_owned(),
            cases: own.len(),
            verdict: Verdict::Survived,
            case: None,
            together_with: Vec::new(),
            ended: Vec::new(),
        };
        let mut shortest: Option<(Vec<&'static str>, &Case)> = None;
        for case in own {
            let chain = match chain(corpus, case, reason).await? {
                Ok(chain) => chain,
                Err(ended) => {
                    finding.ended.push(format!("{}: {ended}", case.name));
                    continue;
                }
            };
            if shortest.as_ref().is_none_or(|(other, _)| chain.len() < other.len()) {
                shortest = Some((chain, case));
            }
            if shortest.as_ref().is_some_and(|(chain, _)| chain.len() == 1) {
                break;
            }
        }
        match (shortest, structural.contains_key(reason)) {
            (Some(_), true) => return Err(format!("{GUARDS}: `{reason}` can be switched off")),
            (Some((chain, case)), false) => {
                finding.verdict = if chain.len() == 1 { Verdict::Killed } else { Verdict::KilledTogether };
                finding.case = Some(case.name.clone());
                finding.together_with = chain.iter().skip(1).map(|reason| (*reason).to_owned()).collect();
            }
            (None, true) => finding.verdict = Verdict::Structural,
            (None, false) => {}
        }
        findings.push(finding);
    }
    Ok(findings)
}

/// Which checks have to be left out for a hostile case to be accepted: this one, and those that
/// refuse in its place. Otherwise where it ends: at a check that cannot be left out, or one too many.
async fn chain(corpus: &Corpus, case: &Case, reason: &'static str) -> Result<Result<Chain, String>, String> {
    let mut off: Chain = vec![reason];
    while off.len() <= LONGEST {
        let checks = off.iter().filter_map(|reason| CheckId::from_reason(reason));
        let _checks = Off::switch(checks);
        let _formats = WireOff::switch(Guard::ALL.iter().copied().filter(|guard| off.contains(&guard.reason())));
        let exchanges = corpus.exchanges(case).await?;
        let refused = case.written.step.iter().filter_map(|step| step.expect.as_ref());
        let refused: Vec<bool> = refused.map(|expect| expect.outcome == Outcome::Refused).collect();
        let accepted = exchanges
            .iter()
            .zip(&refused)
            .any(|((_, seen), refused)| *refused && (seen.token.is_some() || seen.verified));
        if accepted {
            return Ok(Ok(off));
        }
        let next = exchanges
            .iter()
            .zip(&refused)
            .filter(|(_, refused)| **refused)
            .find_map(|((_, seen), _)| CheckId::from_reason(&seen.failure.0).map(|check| check.row().reason));
        match next {
            Some(next) if !off.contains(&next) => off.push(next),
            // It was switched off and refused all the same: there is nothing to go on with.
            Some(next) => return Ok(Err(format!("{next} refuses all the same"))),
            None => return Ok(Err("answered without a reason".to_owned())),
        }
    }
    Ok(Err(format!("{} back each other", off.join(", "))))
}

/// The checks that are left out, the one in question first.
type Chain = Vec<&'static str>;

fn refused_for(case: &Case, reason: &str) -> bool {
    case.written
        .step
        .iter()
        .filter_map(|step| step.expect.as_ref())
        .any(|expect| expect.outcome == Outcome::Refused && expect.reason.as_deref() == Some(reason))
}

/// The checks that cannot be switched off, with what is missing when they fail.
fn structural(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(folder.join(GUARDS)).map_err(|error| format!("{GUARDS}: {error}"))?;
    let listed: BTreeMap<String, String> = toml::from_str(&text).map_err(|error| format!("{GUARDS}: {error}"))?;
    let known: BTreeSet<&str> = CheckId::ALL.iter().map(|check| check.row().reason).collect();
    match listed.keys().find(|reason| !known.contains(reason.as_str())) {
        Some(strange) => Err(format!("{GUARDS}: `{strange}` is no check")),
        None => Ok(listed),
    }
}

/// The list of what cannot be switched off, in the corpus's folder.
const GUARDS: &str = "guards.toml";
/// How many checks may back each other.
const LONGEST: usize = 4;
