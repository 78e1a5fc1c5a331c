//! REPORT: all that was tried, in tables, for people and for programs.
//!
//! A [`Part`] is one table with its counts. Parts that need a build of their own (checks switched
//! off, mutated code) or a quiet machine (cost) are written as files by the run that makes them
//! ([`Part::save`]) and taken up by the report ([`Part::load_all`]).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole report. Zero is asked of each count.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Hostile messages, rows or trials that were accepted.
    pub wrongly_accepted: u64,
    /// Checks that nobody would miss.
    pub survived: u64,
    /// What did not go as it must otherwise: a crash, a case that another outcome came of.
    pub failed: u64,
    pub parts: Vec<Part>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// A word: `catalogue`, `corpora`, `guards`.
    pub name: String,
    /// A sentence: what the table shows.
    pub title: String,
    pub wrongly_accepted: u64,
    pub survived: u64,
    #[serde(default)]
    pub failed: u64,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// What has to be known to read the table: what was skipped and why, what is explained.
    pub notes: Vec<String>,
    /// The same for programs, with everything.
    pub data: Value,
}

impl Report {
    /// Adds a part, and its counts.
    pub fn add(&mut self, part: Part) {
        self.wrongly_accepted += part.wrongly_accepted;
        self.survived += part.survived;
        self.failed += part.failed;
        self.parts.push(part);
    }

    /// Whether zero is where zero is asked.
    pub fn is_sound(&self) -> bool {
        self.wrongly_accepted == 0 && self.survived == 0 && self.failed == 0
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Conformance report\n\n");
        let (accepted, survived, failed) = (self.wrongly_accepted, self.survived, self.failed);
        let _ = writeln!(
            text,
            "Wrongly accepted: **{accepted}**. Checks that nobody would miss: **{survived}**. Failed otherwise: **{failed}**."
        );
        for part in &self.parts {
            let _ = write!(text, "\n{}", part.markdown());
        }
        text
    }
}

impl Part {
    pub fn new<const N: usize>(name: &str, title: &str, columns: [&str; N]) -> Self {
        let columns = columns.map(str::to_owned).into();
        Self { name: name.to_owned(), title: title.to_owned(), columns, ..Self::default() }
    }

    /// Adds a line of the table.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a remark.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds what did not go as it must: the report is not sound then.
    pub fn fault(&mut self, fault: impl std::fmt::Display) {
        self.failed += 1;
        self.note(format!("FAULT: {fault}"));
    }

    /// Keeps the plain values behind the table.
    #[must_use]
    pub fn with(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::to_value(data).unwrap_or_default();
        self
    }

    /// As a section of Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.name, self.title);
        if !self.columns.is_empty() {
            let _ = writeln!(text, "| {} |", self.columns.join(" | "));
            let _ = writeln!(text, "|{}", "---|".repeat(self.columns.len()));
        }
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        for note in &self.notes {
            let _ = write!(text, "\n- {}", note.replace('\n', " "));
        }
        text.push('\n');
        text
    }

    /// Writes the part into a folder, for a report that is made later.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The parts that earlier runs left in a folder, by name.
    ///
    /// # Errors
    /// When one cannot be read: a part that is broken is not a part that is not there.
    pub fn load_all(folder: &Path) -> Result<Vec<Self>, String> {
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut parts = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "json") {
                let wrong = |error: String| format!("{}: {error}", path.display());
                let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
                parts.push(serde_json::from_str::<Self>(&text).map_err(|error| wrong(error.to_string()))?);
            }
        }
        parts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let mut part = Part::new("guards", "Each check switched off.", ["check", "verdict"]);
        part.row(["a|b".to_owned(), "killed".to_owned()]);
        part.note("nothing was skipped");
        part.survived = 2;
        part
    }

    #[test]
    fn a_part_that_was_saved_is_taken_up_as_it_was() {
        let folder = std::env::temp_dir().join(format!("vidimus-report-{}", std::process::id()));
        part().save(&folder).unwrap();
        assert_eq!(Part::load_all(&folder).unwrap(), [part()]);
        fs::write(folder.join("broken.json"), "{").unwrap();
        assert!(Part::load_all(&folder).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_counts_of_all_parts_stand_on_top() {
        let mut report = Report::default();
        report.add(part());
        report.add(Part { wrongly_accepted: 3, ..part() });
        assert_eq!((report.wrongly_accepted, report.survived), (3, 4));
        assert!(!report.is_sound());
        let mut crashed = Report::default();
        let mut fuzz = Part::new("fuzz", "Fuzz targets.", ["target"]);
        fuzz.fault("certificates crashed");
        crashed.add(fuzz);
        assert!(!crashed.is_sound());
        assert!(report.markdown().contains("| a\\|b | killed |"), "{}", report.markdown());
    }
}
