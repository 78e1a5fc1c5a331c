//! Sentences: reasons and facts, rendered for people.
//!
//! One file for each language under `messages/`; a table for each reason with `says` (what is
//! wrong: the element, both values, whose clock) and `fix` (an imperative). `{name}` is replaced
//! by the fact of that name. A reason without a sentence fails a test.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{CheckId, Fact, Value};

/// The languages that sentences exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    says: String,
    fix: String,
}

/// A refusal in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What is wrong.
    pub says: String,
    /// What to change.
    pub fix: String,
}

static ENGLISH: LazyLock<HashMap<String, Entry>> =
    LazyLock::new(|| toml::from_str(include_str!("messages/en.toml")).unwrap_or_default());

/// The sentence of `check` with `facts` filled in. A placeholder without a fact stays out of the
/// text: its braces are removed and `?` stands for it.
pub fn sentence(language: Language, check: CheckId, facts: &[Fact]) -> Sentence {
    sentence_from(language, check, &|name| {
        facts.iter().find(|fact| fact.name == name).map(|fact| rendered(&fact.value))
    })
}

/// The same with facts that come from a record instead of the pipeline: `fact` gives the text of
/// the fact of a name.
pub fn sentence_from(language: Language, check: CheckId, fact: &dyn Fn(&str) -> Option<String>) -> Sentence {
    let Language::English = language;
    match ENGLISH.get(check.row().reason) {
        Some(entry) => Sentence { says: fill(&entry.says, fact), fix: fill(&entry.fix, fact) },
        None => Sentence { says: check.row().reason.replace('-', " "), fix: String::new() },
    }
}

fn fill(template: &str, fact: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        // Other braces are text: a line of configuration, for example.
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        match after.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                text.push_str(&fact(name).unwrap_or_else(|| "?".to_owned()));
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// The value of a fact as people read it.
pub fn rendered(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Time(time) => time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        Value::List(items) if items.is_empty() => "nothing".to_owned(),
        Value::List(items) => items.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence_and_every_sentence_a_reason() {
        let english: HashMap<String, Entry> = toml::from_str(include_str!("messages/en.toml")).unwrap();
        for check in CheckId::ALL {
            let entry = english.get(check.row().reason);
            let entry = entry.unwrap_or_else(|| panic!("no sentence for `{}`", check.row().reason));
            assert!(!entry.says.is_empty() && !entry.fix.is_empty(), "{}", check.row().reason);
            assert!(!entry.says.to_lowercase().contains("invalid"), "say what: {}", entry.says);
        }
        for reason in english.keys() {
            assert!(CheckId::from_reason(reason).is_some(), "`{reason}` is no reason");
        }
    }

    #[test]
    fn facts_fill_their_places() {
        let facts = |name: &str| (name == "found").then(|| "a".to_owned());
        assert_eq!(fill("{found} of 3 and {other} {", &facts), "a of 3 and ? {");
        assert_eq!(fill("[{ a = \"{found}\" }] {}", &facts), "[{ a = \"a\" }] {}");
        let facts = [Fact::text("found", "a"), Fact::list("wanted", ["b", "c"])];
        let text = sentence(Language::English, CheckId::RequestType, &facts).says;
        assert_eq!(text, "RequestType is `a`; this endpoint offers b, c.");
    }
}
