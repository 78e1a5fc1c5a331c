//! Where a verb writes: the result to stdout, lines for people to stderr. Everything that is meant
//! for a terminal passes [`escape`]; tokens and envelopes pass as the bytes they are.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::json;

use super::{Exit, Failure};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object for each command, with a `schema`.
    Json,
}

/// The two streams of one command.
pub struct Output<'a> {
    format: Format,
    result: &'a mut dyn Write,
    notes: &'a mut dyn Write,
    trouble: Option<std::io::Error>,
    colour: bool,
}

impl<'a> Output<'a> {
    pub fn new(format: Format, result: &'a mut dyn Write, notes: &'a mut dyn Write) -> Self {
        Self { format, result, notes, trouble: None, colour: false }
    }

    /// The same with marks in colour: for a terminal whose owner did not set `NO_COLOR`
    /// (<https://no-color.org>).
    #[must_use]
    pub fn coloured(self, colour: bool) -> Self {
        Self { colour, ..self }
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One line of the result for people.
    pub fn line(&mut self, text: impl Display) {
        let text = text.to_string();
        // Colours are ours alone: what the message brings has been made visible before.
        let shown = escape(&text);
        let line = if self.colour { in_colour(&shown) } else { shown.into_owned() };
        self.bytes(format!("{line}\n").as_bytes());
    }

    /// The result as one JSON object on one line.
    pub fn json(&mut self, object: &impl Serialize) {
        let line = serde_json::to_string(object).map(|text| format!("{text}\n"));
        match line {
            Ok(line) => self.bytes(line.as_bytes()),
            Err(error) => self.trouble = Some(error.into()),
        }
    }

    /// The result as it is: a token, an envelope. Nothing is escaped or added.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.trouble.is_none() {
            self.trouble = self.result.write_all(bytes).and_then(|()| self.result.flush()).err();
        }
    }

    /// A line for people beside the result, on stderr.
    pub fn note(&mut self, text: impl Display) {
        // A closed stderr is no reason to stop.
        let _closed_terminal = writeln!(self.notes, "{}", escape(text.to_string().as_str()));
    }

    /// Reports a failure: on stderr for people, and with `-o json` as the command's object.
    pub fn failure(&mut self, failure: &Failure) -> Exit {
        self.note(format_args!("vidimus: {}", failure.says));
        if !failure.fix.is_empty() {
            self.note(format_args!("  fix: {}", failure.fix));
        }
        if self.is_json() {
            let Failure { exit, says, fix } = failure;
            self.json(&json!({"schema": "vidimus.error/v1", "exit": exit.code(), "says": says, "fix": fix}));
        }
        failure.exit
    }

    /// The exit code of the command, unless its result could not be written. A reader that closed
    /// the pipe (`| head`) has what it wanted.
    pub fn finish(&mut self, exit: Exit) -> Exit {
        match self.trouble.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.note(format_args!("vidimus: the result could not be written: {error}"));
                Exit::Unexpected
            }
            _ => exit,
        }
    }
}

/// `text` with everything made visible that a terminal would obey or hide: control characters,
/// line ends too, and the marks that reorder text.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            active if is_active(active) => safe.extend(active.escape_unicode()),
            harmless => safe.push(harmless),
        }
    }
    Cow::Owned(safe)
}

/// Marks of passed and failed checks, and the outcome, in colour.
fn in_colour(line: &str) -> String {
    const GREEN: &str = "\u{1b}[32m";
    const RED: &str = "\u{1b}[31m";
    const END: &str = "\u{1b}[0m";
    let mut coloured = line.to_owned();
    for (mark, colour) in [("✔", GREEN), ("✘", RED), ("  ACCEPTED", GREEN), ("  INTACT", GREEN), ("  REFUSED", RED)]
    {
        coloured = coloured.replacen(mark, &format!("{colour}{mark}{END}"), 1);
    }
    coloured
}

fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a command writes to (stdout, stderr).
    fn written(format: Format, write: impl FnOnce(&mut Output<'_>)) -> (String, String) {
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        write(&mut Output::new(format, &mut result, &mut notes));
        (String::from_utf8(result).unwrap(), String::from_utf8(notes).unwrap())
    }

    #[test]
    fn a_message_cannot_drive_the_terminal() {
        let (result, _) = written(Format::Human, |out| out.line("a\u{1b}[2Jb\nc\u{202e}d\u{9b}e"));
        assert_eq!(result, "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}e\n");
    }

    #[test]
    fn marks_have_colours_where_they_are_wanted_and_a_message_has_none() {
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        Output::new(Format::Human, &mut result, &mut notes).coloured(true).line(" ✔ a\u{1b}[31mb");
        assert_eq!(String::from_utf8(result).unwrap(), " \u{1b}[32m✔\u{1b}[0m a\\u{1b}[31mb\n");
    }

    #[test]
    fn tokens_pass_as_they_are() {
        let (result, _) = written(Format::Human, |out| out.bytes(b"<a>\r\n\t</a>"));
        assert_eq!(result, "<a>\r\n\t</a>");
    }

    #[test]
    fn a_failure_is_told_to_people_and_to_programs() {
        let failure = Failure::usage("`x.pem` holds no certificate", "Give a PEM file");
        let (result, notes) = written(Format::Json, |out| {
            assert_eq!(out.failure(&failure), Exit::Usage);
        });
        assert_eq!(notes, "vidimus: `x.pem` holds no certificate\n  fix: Give a PEM file\n");
        let object: serde_json::Value = serde_json::from_str(&result).unwrap();
        assert_eq!(object["schema"], "vidimus.error/v1");
        assert_eq!(object["exit"], 2);
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_result_that_cannot_be_written_is_a_failure() {
        let mut notes = Vec::new();
        let mut full = Full;
        let mut out = Output::new(Format::Human, &mut full, &mut notes);
        out.line("token");
        assert_eq!(out.finish(Exit::Done), Exit::Unexpected);
    }
}
