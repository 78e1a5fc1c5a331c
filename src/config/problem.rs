//! What is wrong with a configuration: file, line, caret, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

use super::suggest;

/// A file of the configuration, as it was read.
pub type SourceText = Arc<NamedSource<String>>;

/// A file's text under the name that people know it by.
pub fn source_text(path: &Path, text: impl Into<String>) -> SourceText {
    Arc::new(NamedSource::new(path.display().to_string(), text.into()))
}

/// A place in one of the files, in bytes.
#[derive(Debug, Clone)]
pub struct Place {
    pub source: SourceText,
    pub span: Range<usize>,
}

impl Place {
    pub fn new(source: &SourceText, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span }
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// Line and column, both from 1; the column counts characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.source.inner().get(..self.span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(f, "{}:{line}:{column}", self.file())
    }
}

/// An error or a warning.
#[derive(Debug, Clone)]
pub struct Problem {
    /// A warning does not keep the server from starting.
    pub warning: bool,
    /// What is wrong, with the value that was found.
    pub says: String,
    /// What to write or do instead; may be empty.
    pub fix: String,
    /// Where, when it stands in a file.
    pub place: Option<Place>,
    /// What the caret is labelled with.
    label: String,
}

impl Problem {
    pub fn new(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { warning: false, says: says.into(), fix: fix.into(), place: None, label: "here".to_owned() }
    }

    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub fn warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// A file that could not be read at all.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("`{}` cannot be read: {error}", path.display()), "Check the path and its permissions")
    }

    /// What the TOML reader found, with a suggestion where it knows the words it wanted.
    pub(super) fn toml(source: &SourceText, error: &toml::de::Error) -> Self {
        let message = error.message().trim().replace('\n', "; ");
        let advice = suggest::from_expectation(&message);
        // The list of all words is not shown when a near one was found.
        let told = if advice.is_some() { message.split(", expected").next().unwrap_or(&message) } else { &message };
        let says = told
            .replace("unknown field", "unknown key")
            .replace("unknown variant", "unknown word")
            .replace("missing field", "missing key");
        let fix = advice.unwrap_or_else(|| match says.as_str() {
            "duplicate key" => "Leave one of the two out".to_owned(),
            _ if says.starts_with("missing key") => "Add it to this table".to_owned(),
            _ => "Correct the TOML here: https://toml.io/en/v1.0.0".to_owned(),
        });
        Self::new(says, fix).at(error.span().map(|span| Place::new(source, span)))
    }

    /// `file:line:column: what`, on one line.
    pub fn headline(&self) -> String {
        match &self.place {
            Some(place) => format!("{place}: {}", self.says),
            None => self.says.clone(),
        }
    }

    /// The whole of it, for a terminal `width` characters wide: lines of the file, caret, advice.
    pub fn render(&self, width: usize, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1);
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(fmt::Error) => self.headline(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<Severity> {
        Some(if self.warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if self.fix.is_empty() { None } else { Some(Box::new(&self.fix)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &*place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.place.as_ref()?.span.clone();
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}
