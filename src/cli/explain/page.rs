//! The pages of codes and reasons. Data: `pages.toml` for codes, the table of checks and its
//! sentences for reasons.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{CheckId, Language, PublicCode, Sentence, Tell, sentence_from};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    title: String,
    means: String,
    first: Vec<String>,
    who: String,
    example: String,
}

static PAGES: LazyLock<HashMap<String, Page>> =
    LazyLock::new(|| toml::from_str(include_str!("pages.toml")).unwrap_or_default());

pub fn of_code(code: PublicCode) -> Vec<String> {
    let page = page(code);
    let mut lines = vec![format!("{}  {}", code.as_str(), page.title), String::new()];
    lines.extend(wrapped(&page.means, "  ", "  "));
    lines.extend([String::new(), "Check first".to_owned()]);
    for (index, step) in page.first.iter().enumerate() {
        lines.extend(wrapped(step, &format!("  {}. ", index + 1), "     "));
    }
    lines.extend([String::new(), "Who can fix it".to_owned()]);
    lines.extend(wrapped(&page.who, "  ", "  "));
    lines.extend([String::new(), "Example".to_owned()]);
    lines.extend(page.example.trim().lines().map(|line| format!("  {line}")));
    lines.extend([String::new(), told(code).to_owned(), String::new(), "Reasons with this code".to_owned()]);
    for check in reasons(code) {
        lines.push(format!("  {}  ({})", check.row().reason, check.row().section));
        lines.extend(wrapped(&template(check).says, "    ", "    "));
    }
    lines
}

pub fn of_reason(check: CheckId) -> Vec<String> {
    let row = check.row();
    let sentence = template(check);
    let mut lines = vec![format!("{}  {}  ({})", row.reason, row.code.as_str(), row.section), String::new()];
    lines.extend(wrapped(&sentence.says, "  ", "  "));
    lines.extend(wrapped(&sentence.fix, "  fix: ", "       "));
    lines.extend([String::new(), "Check first".to_owned()]);
    for (index, step) in page(row.code).first.iter().enumerate() {
        lines.extend(wrapped(step, &format!("  {}. ", index + 1), "     "));
    }
    lines.extend([String::new(), told(row.code).to_owned()]);
    lines.push(format!("More: vidimus explain {}", row.code.as_str()));
    lines
}

pub fn json_of_code(code: PublicCode) -> Value {
    let page = page(code);
    json!({
        "code": code.as_str(),
        "title": page.title,
        "means": page.means,
        "check_first": page.first,
        "who": page.who,
        "example": page.example.trim(),
        "told_to_caller": code.tell() == Tell::Bytes,
        "reasons": reasons(code).map(json_of_reason).collect::<Vec<_>>(),
    })
}

pub fn json_of_reason(check: CheckId) -> Value {
    let sentence = template(check);
    let row = check.row();
    json!({
        "reason": row.reason, "code": row.code.as_str(), "section": row.section,
        "says": sentence.says, "fix": sentence.fix,
    })
}

fn page(code: PublicCode) -> Page {
    PAGES.get(code.as_str()).cloned().unwrap_or_default()
}

fn reasons(code: PublicCode) -> impl Iterator<Item = CheckId> {
    CheckId::ALL.iter().copied().filter(move |check| check.row().code == code)
}

/// The sentence with its placeholders left standing, as `<name>`.
fn template(check: CheckId) -> Sentence {
    sentence_from(Language::English, check, &|name| Some(format!("<{name}>")))
}

fn told(code: PublicCode) -> &'static str {
    match code.tell() {
        Tell::Bytes => "Told to the caller: all of it; he could work it out from his own message.",
        Tell::Registers => "Told to the caller: this code and a reference only; the reason goes to the operator.",
    }
}

/// `text` in lines of at most [`WIDTH`] characters.
fn wrapped(text: &str, first: &str, next: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

const WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_public_code_has_a_page_and_each_page_a_code() {
        let pages: HashMap<String, Page> = toml::from_str(include_str!("pages.toml")).unwrap();
        for code in PublicCode::ALL {
            let page = pages.get(code.as_str()).unwrap_or_else(|| panic!("no page for {}", code.as_str()));
            let texts = [&page.title, &page.means, &page.who, &page.example];
            assert!(texts.iter().all(|text| !text.trim().is_empty()), "{} has an empty part", code.as_str());
            assert!(!page.first.is_empty(), "{}: what to check first?", code.as_str());
        }
        for name in pages.keys() {
            assert!(PublicCode::parse(name).is_some(), "`{name}` is no code");
        }
    }

    #[test]
    fn a_reason_shows_its_places_to_fill() {
        let lines = of_reason(CheckId::SoapBody);
        assert_eq!(lines[0], "soap-body-shape  SOAP-ENVELOPE  (SOAP 1.1 §4.3, SOAP 1.2 §5.3)");
        assert_eq!(lines[2], "  soap:Body holds <count> elements (<found>); exactly one was expected: <wanted>.");
        assert_eq!(lines[3], "  fix: Put the request, and only the request, into soap:Body.");
    }

    #[test]
    fn long_text_is_wrapped_with_its_indent() {
        let lines = wrapped(&"word ".repeat(40), "  1. ", "     ");
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[1].starts_with("     word"));
    }
}
