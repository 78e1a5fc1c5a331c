//! CATALOGUE: every known attack, what each profile answers, and what shows it.
//!
//! `catalogue.tsv` has a line for each row, `deferred.tsv` one for each row that cannot exist yet,
//! with the reason. A row's first columns are written by hand; the others follow from the cases
//! that name the row in their `refs`, and from running them:
//!
//! | column | who says it |
//! |---|---|
//! | `row` | the row's name: `A01` … `F29` of the attack list, `N01` … for classes of our own |
//! | `what` | what the attacker does |
//! | `wanted` | `refuse`, `accept`, or `signed`: accepted, and what is read is what was signed |
//! | a column for each profile | `refuse`, `accept`, or `-` where it does not arise ([`across`](super::across)) |
//! | `step`, `reason` | where the cases are refused, and why |
//! | `shown by` | the cases; a test of our own is written by hand, as `FILE::FUNCTION` |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::case::Case;

/// A line of `catalogue.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub row: String,
    pub what: String,
    pub wanted: Wanted,
    /// The verdict of each profile, by its name.
    pub profiles: BTreeMap<String, Verdict>,
    pub steps: BTreeSet<String>,
    pub reasons: BTreeSet<String>,
    pub cases: BTreeSet<String>,
    /// Tests that show what no case can: `src/replay/redb.rs::survives_a_restart`.
    pub tests: BTreeSet<String>,
}

/// What must come of the row's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    Refuse,
    Accept,
    /// Accepted, and what is read is what was signed.
    Signed,
}

/// What a profile answers to the row's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Verdict {
    #[serde(rename = "refuse")]
    Refuse,
    #[serde(rename = "accept")]
    Accept,
    /// The honest message of the case is none of this profile's.
    #[serde(rename = "-")]
    Silent,
}

/// A line of `deferred.tsv`: a row that cannot exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deferred {
    pub row: String,
    pub what: String,
    /// Why there can be no case, and why nothing is lost by that today.
    pub because: String,
}

/// Both lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Catalogue {
    pub rows: Vec<Row>,
    pub deferred: Vec<Deferred>,
}

impl Wanted {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Accept => "accept",
            Self::Signed => "signed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Refuse, Self::Accept, Self::Signed].into_iter().find(|wanted| wanted.as_str() == text)
    }
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Accept => "accept",
            Self::Silent => "-",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Refuse, Self::Accept, Self::Silent].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl Catalogue {
    /// Reads both lists in the corpus's folder.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let text = |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let catalogue = text(CATALOGUE)?;
        let mut lines = catalogue.lines();
        let heads: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let profiles = heads.get(HAND..heads.len().saturating_sub(DERIVED)).unwrap_or_default();
        let rows = lines.map(|line| Row::parse(line, profiles)).collect::<Result<_, _>>()?;
        let deferred = text(DEFERRED)?.lines().skip(1).map(Deferred::parse).collect::<Result<_, _>>()?;
        Ok(Self { rows, deferred })
    }

    /// The lists with every derived column as the cases say. `verdicts` is what each profile
    /// answers to a case.
    pub fn derived(&self, cases: &[Case], verdicts: &BTreeMap<String, BTreeMap<String, Verdict>>) -> Self {
        let rows = self.rows.iter().map(|row| row.derived(cases, verdicts)).collect();
        Self { rows, deferred: self.deferred.clone() }
    }

    /// `catalogue.tsv` as it is written.
    pub fn text(&self) -> String {
        let profiles: Vec<&str> =
            self.rows.first().map(|row| row.profiles.keys().map(String::as_str).collect()).unwrap_or_default();
        let mut text = format!("row\twhat\twanted\t{}\tstep\treason\tshown by\n", profiles.join("\t"));
        for row in &self.rows {
            let verdicts: Vec<&str> = row.profiles.values().map(|verdict| verdict.as_str()).collect();
            let shown: Vec<&str> = row.cases.iter().chain(&row.tests).map(String::as_str).collect();
            let _infallible = writeln!(
                text,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                row.row,
                row.what,
                row.wanted.as_str(),
                verdicts.join("\t"),
                joined(&row.steps),
                joined(&row.reasons),
                shown.join(" "),
            );
        }
        text
    }

    /// What is wrong with the lists, each in a line: rows missing or twice, rows that nothing
    /// shows, tests that do not exist, cases that name a row that there is not, and any profile
    /// that accepts what must be refused. `source` reads a file of the project.
    pub fn faults(&self, cases: &[Case], source: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = self.rows_missing_or_twice();
        for row in &self.rows {
            faults.extend(row.faults(&source));
        }
        let known: BTreeSet<&str> = self.rows.iter().map(|row| row.row.as_str()).collect();
        for case in cases {
            let named = case.written.refs.iter().filter_map(|reference| row_of(reference));
            for row in named.filter(|row| !known.contains(row.as_str())) {
                faults.push(format!("{} names row {row}, which is not in the catalogue", case.name));
            }
        }
        faults
    }

    fn rows_missing_or_twice(&self) -> Vec<String> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let deferred = self.deferred.iter().map(|deferred| deferred.row.as_str());
        for row in self.rows.iter().map(|row| row.row.as_str()).chain(deferred) {
            *seen.entry(row).or_default() += 1;
        }
        let wanted = expected();
        let mut faults: Vec<String> = wanted
            .iter()
            .filter(|row| seen.get(row.as_str()).copied() != Some(1))
            .map(|row| format!("{row} stands {} times, not once", seen.get(row.as_str()).unwrap_or(&0)))
            .collect();
        let strange = seen.keys().filter(|row| !wanted.contains(**row));
        faults.extend(strange.map(|row| format!("{row} is no row of the list")));
        faults
    }
}

impl Row {
    fn parse(line: &str, profiles: &[&str]) -> Result<Self, String> {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |index: usize| cells.get(index).copied().unwrap_or_default();
        if cells.len() != HAND + profiles.len() + DERIVED {
            return Err(format!("{CATALOGUE}: {} has {} columns", cell(0), cells.len()));
        }
        let wanted = Wanted::parse(cell(2)).ok_or_else(|| format!("{CATALOGUE}: {}: `{}`", cell(0), cell(2)))?;
        let verdicts = profiles.iter().enumerate().map(|(index, profile)| {
            let text = cell(HAND + index);
            let verdict = Verdict::parse(text).ok_or_else(|| format!("{CATALOGUE}: {}: `{text}`", cell(0)))?;
            Ok(((*profile).to_owned(), verdict))
        });
        let after = HAND + profiles.len();
        let shown = cell(after + 2).split(' ').filter(|name| !name.is_empty()).map(str::to_owned);
        let (tests, cases) = shown.partition(|name| name.contains("::"));
        Ok(Self {
            row: cell(0).to_owned(),
            what: cell(1).to_owned(),
            wanted,
            profiles: verdicts.collect::<Result<_, String>>()?,
            steps: words(cell(after)),
            reasons: words(cell(after + 1)),
            cases,
            tests,
        })
    }

    fn derived(&self, cases: &[Case], verdicts: &BTreeMap<String, BTreeMap<String, Verdict>>) -> Self {
        let own = |case: &&Case| {
            case.written.refs.iter().filter_map(|reference| row_of(reference)).any(|row| row == self.row)
        };
        let own: Vec<&Case> = cases.iter().filter(own).collect();
        let expects = || own.iter().flat_map(|case| &case.written.step).filter_map(|step| step.expect.as_ref());
        let mut row = Self {
            steps: expects().filter_map(|expect| expect.at.clone()).collect(),
            reasons: expects().filter_map(|expect| expect.reason.clone()).collect(),
            cases: own.iter().map(|case| case.name.clone()).collect(),
            profiles: BTreeMap::new(),
            ..self.clone()
        };
        // What shows a row's limits (a safe form that real clients need) has the other outcome by right.
        let to_the_point = || own.iter().filter(|case| case.refuses() == (self.wanted == Wanted::Refuse));
        for (profile, by_case) in verdicts {
            let of_cases = to_the_point().filter_map(|case| by_case.get(&case.name)).copied();
            row.profiles.insert(profile.clone(), worst(of_cases, self.wanted));
        }
        row
    }

    fn faults(&self, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = Vec::new();
        if self.cases.is_empty() && self.tests.is_empty() {
            faults.push(format!("{} has no case: {}", self.row, self.what));
        }
        for test in &self.tests {
            let (file, function) = test.rsplit_once("::").unwrap_or_default();
            if !source(file).is_some_and(|text| text.contains(&format!("fn {function}("))) {
                faults.push(format!("{}: there is no test {test}", self.row));
            }
        }
        let accepting = self.profiles.iter().filter(|(_, verdict)| **verdict == Verdict::Accept);
        if self.wanted == Wanted::Refuse {
            faults.extend(accepting.map(|(profile, _)| format!("{}: `{profile}` ACCEPTS: {}", self.row, self.what)));
        }
        faults
    }
}

impl Deferred {
    fn parse(line: &str) -> Result<Self, String> {
        let mut cells = line.split('\t').map(str::to_owned);
        match (cells.next(), cells.next(), cells.next(), cells.next()) {
            (Some(row), Some(what), Some(because), None) if because.len() > 20 => Ok(Self { row, what, because }),
            _ => Err(format!("{DEFERRED}: `{line}` is not row, what, because")),
        }
    }
}

/// The verdict of a profile on a row: of several cases, the one that is not as wanted.
fn worst(verdicts: impl Iterator<Item = Verdict>, wanted: Wanted) -> Verdict {
    let said: BTreeSet<Verdict> = verdicts.filter(|verdict| *verdict != Verdict::Silent).collect();
    let (good, bad) = match wanted {
        Wanted::Refuse => (Verdict::Refuse, Verdict::Accept),
        Wanted::Accept | Wanted::Signed => (Verdict::Accept, Verdict::Refuse),
    };
    [bad, good].into_iter().find(|verdict| said.contains(verdict)).unwrap_or(Verdict::Silent)
}

/// The row that a case's reference names: `security.md B14`, `catalogue N03`.
pub fn row_of(reference: &str) -> Option<String> {
    let name = reference.strip_prefix("security.md ").or_else(|| reference.strip_prefix("catalogue "))?;
    let name = name.get(..3)?;
    let (letter, number) = (name.chars().next()?, name.get(1..)?.parse::<u8>().ok()?);
    let together = [('C', 2..=3, "C02"), ('C', 4..=7, "C04"), ('C', 8..=10, "C08"), ('C', 21..=28, "C21-C28")];
    let pairs = [('E', 8..=9, "E08"), ('F', 2..=3, "F02")];
    let group = together.into_iter().chain(pairs).find(|(l, range, _)| *l == letter && range.contains(&number));
    match letter {
        'A'..='F' | 'N' => Some(group.map_or(name, |(_, _, group)| group).to_owned()),
        // Rows of other doors have their own lists.
        _ => None,
    }
}

/// Every row that must stand in one of the two lists: 188 of the attack list, and our own classes.
pub fn expected() -> BTreeSet<String> {
    let spans = [('A', 40), ('B', 42), ('C', 37), ('D', 29), ('E', 26), ('F', 29), ('N', CLASSES)];
    let names =
        spans.into_iter().flat_map(|(letter, last)| (1..=last).map(move |n| format!("security.md {letter}{n:02}")));
    names.filter_map(|name| row_of(&name)).collect()
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The file names, in the corpus's folder.
pub const CATALOGUE: &str = "catalogue.tsv";
pub const DEFERRED: &str = "deferred.tsv";
/// How many columns are written by hand before the profiles', and derived after them.
const HAND: usize = 3;
const DERIVED: usize = 3;
/// How many classes of our own there are.
const CLASSES: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attack_list_has_188_rows_and_ours_come_on_top() {
        assert_eq!(expected().len(), 188 + usize::from(CLASSES));
    }

    #[test]
    fn several_ids_that_one_line_shares_are_one_row() {
        assert_eq!(row_of("security.md C23").as_deref(), Some("C21-C28"));
        assert_eq!(row_of("security.md E09").as_deref(), Some("E08"));
        assert_eq!(row_of("catalogue N03").as_deref(), Some("N03"));
        assert_eq!(row_of("security.md J05"), None);
        assert_eq!(row_of("rules.md 3.1"), None);
    }

    #[test]
    fn one_case_that_is_not_as_wanted_speaks_for_the_row() {
        let both = [Verdict::Refuse, Verdict::Accept, Verdict::Silent];
        assert_eq!(worst(both.into_iter(), Wanted::Refuse), Verdict::Accept);
        assert_eq!(worst(both.into_iter(), Wanted::Signed), Verdict::Refuse);
        assert_eq!(worst([Verdict::Silent].into_iter(), Wanted::Refuse), Verdict::Silent);
    }
}
