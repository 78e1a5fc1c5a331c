//! The pages of codes and reasons. Data: `pages.toml` for codes; the table of checks, its sentences
//! and `examples.toml` for reasons; `cli/stacks/settings.toml` for the stacks.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::stacks::{self, Stack};
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

static EXAMPLES: LazyLock<HashMap<String, HashMap<String, String>>> =
    LazyLock::new(|| toml::from_str(include_str!("examples.toml")).unwrap_or_default());

static PAGES: LazyLock<HashMap<String, Page>> =
    LazyLock::new(|| toml::from_str(include_str!("pages.toml")).unwrap_or_default());

/// The page of a code. `stack`: only that stack's settings, and its own title at their head.
pub fn of_code(code: PublicCode, stack: Option<&Stack>) -> Vec<String> {
    let page = page(code);
    let mut lines = vec![format!("{}  {}", code.as_str(), page.title), String::new()];
    lines.extend(wrapped(&page.means, "  ", "  "));
    check_first(&page, &mut lines);
    lines.extend([String::new(), "Example".to_owned()]);
    lines.extend(page.example.trim().lines().map(|line| format!("  {line}")));
    by_stack(&[code.as_str()], stack, &mut lines);
    lines.extend([String::new(), told(code).to_owned(), String::new(), "Reasons with this code".to_owned()]);
    for check in reasons(code) {
        lines.push(format!("  {}  ({})", check.row().reason, check.row().section));
        lines.extend(wrapped(&template(check).says, "    ", "    "));
    }
    lines
}

pub fn of_reason(check: CheckId, stack: Option<&Stack>) -> Vec<String> {
    let row = check.row();
    let sentence = template(check);
    let page = page(row.code);
    let mut lines = vec![format!("{}  {}  ({})", row.reason, row.code.as_str(), row.section), String::new()];
    lines.extend(wrapped(&sentence.says, "  ", "  "));
    lines.extend(wrapped(&sentence.fix, "  fix: ", "       "));
    lines.extend([String::new(), "What it means".to_owned()]);
    lines.extend(wrapped(&page.means, "  ", "  "));
    check_first(&page, &mut lines);
    let example = example(check);
    lines.extend([String::new(), "Example".to_owned()]);
    lines.extend(wrapped(&format!("{}: {}", row.code.as_str(), example.says), "  ", "  "));
    lines.extend(wrapped(&example.fix, "  fix: ", "       "));
    by_stack(&[row.reason, row.code.as_str()], stack, &mut lines);
    lines.extend([String::new(), told(row.code).to_owned()]);
    lines.push(format!("More: vidimus explain {}", row.code.as_str()));
    lines
}

fn check_first(page: &Page, lines: &mut Vec<String>) {
    lines.extend([String::new(), "Check first".to_owned()]);
    for (index, step) in page.first.iter().enumerate() {
        lines.extend(wrapped(step, &format!("  {}. ", index + 1), "     "));
    }
    lines.extend([String::new(), "Who can fix it".to_owned()]);
    lines.extend(wrapped(&page.who, "  ", "  "));
}

/// The settings against a reason or its code: of the named stack, or of all.
fn by_stack(of: &[&str], stack: Option<&Stack>, lines: &mut Vec<String>) {
    let shown: Vec<(&str, &str)> = match stack {
        Some(stack) => of
            .iter()
            .find_map(|of| stacks::setting(stack, of))
            .map(|text| (stack.title.as_str(), text))
            .into_iter()
            .collect(),
        None => stacks::settings_of(of),
    };
    if shown.is_empty() {
        return;
    }
    lines.extend([String::new(), "By stack".to_owned()]);
    for (title, text) in shown {
        lines.push(format!("  {title}"));
        lines.extend(text.trim_end().lines().map(|line| format!("    {line}")));
    }
}

pub fn json_of_code(code: PublicCode, stack: Option<&Stack>) -> Value {
    let page = page(code);
    json!({
        "code": code.as_str(),
        "title": page.title,
        "means": page.means,
        "check_first": page.first,
        "who": page.who,
        "example": page.example.trim(),
        "told_to_caller": code.tell() == Tell::Bytes,
        "by_stack": settings(&[code.as_str()], stack),
        "reasons": reasons(code).map(|check| json_of_reason(check, stack)).collect::<Vec<_>>(),
    })
}

pub fn json_of_reason(check: CheckId, stack: Option<&Stack>) -> Value {
    let sentence = template(check);
    let row = check.row();
    let page = page(row.code);
    let example = example(check);
    json!({
        "reason": row.reason, "code": row.code.as_str(), "section": row.section,
        "says": sentence.says, "fix": sentence.fix, "means": page.means, "check_first": page.first, "who": page.who,
        "example": {"says": example.says, "fix": example.fix},
        "by_stack": settings(&[row.reason, row.code.as_str()], stack),
    })
}

fn settings(of: &[&str], stack: Option<&Stack>) -> Value {
    let all = stacks::settings_of(of).into_iter();
    let shown = all.filter(|(title, _)| stack.is_none_or(|stack| stack.title == *title));
    shown
        .map(|(title, text)| (title.to_owned(), Value::from(text.trim_end())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The sentence with values as they might be.
fn example(check: CheckId) -> Sentence {
    let own = EXAMPLES.get(check.row().reason);
    let common = EXAMPLES.get("defaults");
    sentence_from(Language::English, check, &|name| own.and_then(|own| own.get(name)).or(common?.get(name)).cloned())
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
        let lines = of_reason(CheckId::SoapBody, None);
        assert_eq!(lines[0], "soap-body-shape  SOAP-ENVELOPE  (SOAP 1.1 §4.3, SOAP 1.2 §5.3)");
        assert_eq!(lines[2], "  soap:Body holds <count> elements (<found>); exactly one was expected: <wanted>.");
        assert_eq!(lines[3], "  fix: Put the request, and only the request, into soap:Body.");
    }

    #[test]
    fn each_reason_has_a_page_with_an_example_in_which_no_place_is_open() {
        let examples: HashMap<String, HashMap<String, String>> = toml::from_str(include_str!("examples.toml")).unwrap();
        for name in examples.keys().filter(|name| *name != "defaults") {
            assert!(CheckId::from_reason(name).is_some(), "`{name}` is no reason");
        }
        for check in CheckId::ALL {
            let example = example(*check);
            let filled = format!("{} {}", example.says, example.fix);
            assert!(![" ?", "`?`", "(?", "#?"].iter().any(|open| filled.contains(open)), "{filled}");
            assert!(!filled.to_lowercase().contains("invalid"), "{filled}");
            let page = of_reason(*check, None).join("\n");
            for part in ["What it means\n", "Check first\n", "Who can fix it\n", "Example\n", "Told to the caller"] {
                assert!(page.contains(part), "{}: {part}", check.row().reason);
            }
            assert!(page.len() > 500, "{page}");
        }
    }

    #[test]
    fn a_page_shows_the_settings_of_all_stacks_or_of_the_named_one() {
        let all = of_reason(CheckId::CoverageToken, None).join("\n");
        assert!(all.contains("sp:ProtectTokens") && all.contains("Name = BinarySecurityToken"), "{all}");
        let soapui = of_reason(CheckId::CoverageToken, Some(stacks::named("soapui").unwrap())).join("\n");
        assert!(soapui.contains("Encode = Element") && !soapui.contains("sp:ProtectTokens"), "{soapui}");
        assert!(soapui.contains("SIG-COVERAGE: BinarySecurityToken is not signed. `rsz` wants"), "{soapui}");
    }

    #[test]
    fn long_text_is_wrapped_with_its_indent() {
        let lines = wrapped(&"word ".repeat(40), "  1. ", "     ");
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[1].starts_with("     word"));
    }
}
