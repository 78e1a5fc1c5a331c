//! Readers: our scanner, quick-xml and libxml2 on the same bytes, well-formed and damaged.
//!
//! quick-xml says what it read (names, namespaces, values, texts); libxml2 says whether it reads the document at all. Of
//! a document that we take, quick-xml must have read the same, and libxml2 must take it. One that we refuse must be
//! refused by libxml2 as well, or break a rule that is ours ([`RULES`]), for which the damage is looked for in the bytes.

use super::documents::Tree;
use super::process::{Answer, Judge, Question};
use super::{Table, Trials, Unexplained, shrink};
use crate::conformance::chance::Dice;
use crate::wire::xml::{Content, Document, Element, Error, ErrorKind, Limits};

/// quick-xml, and who decides where it and we differ.
#[derive(Debug)]
pub struct Judges {
    pub quick_xml: Judge,
    pub libxml: Judge,
}

/// The differences that are there on purpose, by name.
pub const RULES: &[(&str, &str)] = &[
    (
        "quick-xml takes what is not well-formed: syntax",
        "It is a tokenizer: names, spaces and the order of things are its user's affair. libxml2 refuses too.",
    ),
    (
        "quick-xml takes what is not well-formed: character",
        "It lets through characters that XML 1.0 §2.2 forbids. libxml2 refuses too.",
    ),
    (
        "quick-xml takes what is not well-formed: namespace",
        "It reports a prefix without declaration, and goes on. libxml2 refuses too.",
    ),
    (
        "quick-xml takes what is not well-formed: attribute twice",
        "It compares names as written; two prefixes of one namespace pass. libxml2 refuses too.",
    ),
    (
        "quick-xml takes what is not well-formed: behind the root",
        "It reads on behind the root element. libxml2 refuses too.",
    ),
    ("quick-xml takes what is not well-formed: entity", "libxml2 refuses too."),
    ("quick-xml takes what is not well-formed: processing instruction", "libxml2 refuses too."),
    ("quick-xml takes what is not well-formed: document type", "libxml2 refuses too."),
    ("quick-xml takes what is not well-formed: encoding", "libxml2 refuses too."),
    (
        AS_WRITTEN,
        "It resolves prefixes to the declaration's text and leaves references in it alone: `urn:&#110;` is not `urn:n`. XML 1.0 §3.3.3 resolves them.",
    ),
    (
        PORT,
        "`http://h:/` is a URI (RFC 3986 §3.2.3: a port of no digits), and of `http://h:x/` all agree on the canonical form; libxml2 wants a number there.",
    ),
    (NO_DOCTYPE, "Ours: DTDs are never read (design.md 4)."),
    (NO_INSTRUCTION, "Ours: nothing between the tags can be addressed to somebody else."),
    (
        ABSOLUTE,
        "Ours: a namespace name is an absolute URI of characters that every canonicaliser writes in one way (C14N 1.0 §2.1 fails on relative ones; libxml2 writes `&` in one unescaped).",
    ),
    (UTF8, "Ours: UTF-8 only."),
    (VERSION, "Ours: XML 1.0 only."),
];

const AS_WRITTEN: &str = "quick-xml compares namespace names as written";
const PORT: &str = "libxml2 wants a port to be a number";
const NO_DOCTYPE: &str = "a document type declaration is never read";
const NO_INSTRUCTION: &str = "a processing instruction is never read";
const ABSOLUTE: &str = "a namespace name is an absolute URI";
const UTF8: &str = "the encoding is UTF-8";
const VERSION: &str = "the version is 1.0";

/// Compares readers on random documents, one half of them damaged.
///
/// # Errors
/// When a judge is gone.
pub fn compare(judges: &mut Judges, trials: Trials) -> Result<Table, String> {
    let mut table = Table::new("readers", &["quick-xml", "libxml2"]);
    for numbers in trials.batches() {
        let documents: Vec<Vec<u8>> = numbers.iter().map(|number| document(trials.seed, *number)).collect();
        let questions: Vec<Question> = documents.iter().map(question).collect();
        let (quick_xml, libxml) = (&mut judges.quick_xml, &mut judges.libxml);
        let (quick_xml, libxml) = std::thread::scope(|scope| {
            let one = scope.spawn(|| quick_xml.ask_all(&questions));
            let other = libxml.ask_all(&questions)?;
            Ok::<_, String>((one.join().map_err(|_| "asking quick-xml failed".to_owned())??, other))
        })?;
        table.trials += documents.len();
        for (((number, bytes), quick_xml), libxml) in numbers.iter().zip(&documents).zip(quick_xml).zip(libxml) {
            let ours = Document::parse(bytes.clone(), &Limits::default());
            table.count(if is_damaged(*number) { "damaged" } else { "well-formed" });
            table.count(if ours.is_ok() { "taken by us" } else { "refused by us" });
            for (judge, verdict) in verdicts(bytes, &ours, &quick_xml, &libxml) {
                match verdict {
                    Verdict::Same => table.agree(),
                    Verdict::Rule(rule) => table.explain(rule),
                    Verdict::Differ(_) => table.differ(judge, || judges.smallest(bytes, *number, judge)),
                }
            }
        }
    }
    Ok(table)
}

/// What is to be said of one judge's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Same,
    Rule(&'static str),
    Differ(String),
}

type Ours = Result<Document, Error>;

fn verdicts(bytes: &[u8], ours: &Ours, quick_xml: &Answer, libxml: &Answer) -> [(&'static str, Verdict); 2] {
    let rule = ours.as_ref().err().and_then(|error| rule_of_ours(bytes, error));
    let of_libxml = match (ours, libxml) {
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => Verdict::Same,
        (Ok(_), Err(why)) if why.contains("is not a valid URI") && odd_port(bytes) => Verdict::Rule(PORT),
        (Ok(_), Err(why)) => Verdict::Differ(format!("we take it, libxml2 does not: {why}")),
        (Err(error), Ok(_)) => {
            rule.map_or_else(|| Verdict::Differ(format!("libxml2 takes it: {error}")), Verdict::Rule)
        }
    };
    let of_quick_xml = match (ours, quick_xml) {
        (Err(_), Err(_)) => Verdict::Same,
        (Ok(document), Ok(theirs)) => {
            let ours = events(document);
            let mut resolved: Vec<Vec<u8>> = theirs.iter().map(|event| with_name_resolved(event)).collect();
            // The attributes of one element, in the order of the resolved names.
            resolved.chunk_by_mut(|a, b| a.starts_with(b"@") && b.starts_with(b"@")).for_each(<[_]>::sort);
            let at = ours.iter().zip(theirs).position(|(a, b)| a.as_bytes() != b.as_slice());
            match at.or((ours.len() != theirs.len()).then_some(ours.len().min(theirs.len()))) {
                None => Verdict::Same,
                Some(_) if ours.iter().map(String::as_bytes).eq(resolved.iter().map(Vec::as_slice)) => {
                    Verdict::Rule(AS_WRITTEN)
                }
                Some(at) => Verdict::Differ(format!(
                    "ours: {:?}; theirs: {:?}",
                    ours.get(at),
                    theirs.get(at).map(|event| String::from_utf8_lossy(event).into_owned())
                )),
            }
        }
        (Ok(_), Err(why)) => Verdict::Differ(format!("we take it, quick-xml does not: {why}")),
        (Err(error), Ok(_)) if libxml.is_err() => {
            ill_formed(error.kind).map_or_else(|| Verdict::Differ(error.to_string()), Verdict::Rule)
        }
        (Err(error), Ok(_)) => rule.map_or_else(|| Verdict::Differ(format!("both take it: {error}")), Verdict::Rule),
    };
    [("quick-xml", of_quick_xml), ("libxml2", of_libxml)]
}

/// An event of quick-xml with the references in its namespace name resolved.
fn with_name_resolved(event: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(event);
    match text.split_once('|') {
        Some((name, rest)) if name.starts_with(['<', '@']) => {
            let name = name.replace("&#110;", "n").replace("&#x6E;", "n");
            format!("{name}|{rest}").into_bytes()
        }
        _ => event.to_vec(),
    }
}

/// The rule of ours that a document breaks, if the bytes show that it does.
fn rule_of_ours(bytes: &[u8], error: &Error) -> Option<&'static str> {
    let here = bytes.get(error.offset..).unwrap_or_default();
    let declaration = || {
        let end = bytes.windows(2).position(|two| two == b"?>")?;
        bytes.get(..end).map(|head| String::from_utf8_lossy(head).into_owned())
    };
    match error.kind {
        ErrorKind::Doctype => here.starts_with(b"<!DOCTYPE").then_some(NO_DOCTYPE),
        ErrorKind::ProcessingInstruction => here.starts_with(b"<?").then_some(NO_INSTRUCTION),
        ErrorKind::Namespace => relative_or_odd(here).then_some(ABSOLUTE),
        ErrorKind::Encoding => {
            let foreign = bytes.starts_with(&[0xFE, 0xFF])
                || bytes.starts_with(&[0xFF, 0xFE])
                || bytes.iter().take(2).any(|b| *b == 0);
            let declared = declaration().is_some_and(|head| {
                let (_, encoding) = head.split_once("encoding").unwrap_or_default();
                !encoding.is_empty() && !encoding.to_ascii_lowercase().contains("utf-8")
            });
            (foreign || declared).then_some(UTF8)
        }
        ErrorKind::Syntax => {
            declaration().filter(|head| head.contains("version") && !head.contains("1.0")).map(|_| VERSION)
        }
        _ => None,
    }
}

/// Whether a namespace declaration stands here whose name is no absolute URI of plain characters.
fn relative_or_odd(here: &[u8]) -> bool {
    let text = String::from_utf8_lossy(here);
    let Some((name, rest)) = text.split_once('=') else { return false };
    let rest = rest.trim_start();
    let Some(quote) = rest.chars().next() else { return false };
    let value = rest.get(1..).and_then(|rest| rest.split_once(quote)).map(|(value, _)| value).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$()*+,;=%".contains(c);
    let scheme = value.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let odd = value.contains('%') || value.matches('#').count() > 1 || value.ends_with(':');
    name.starts_with("xmlns") && (!is_scheme || odd || !value.chars().all(plain))
}

/// Whether somewhere a `://host:` goes on with other than a digit.
fn odd_port(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("://").any(|(at, found)| {
        let rest = text.get(at + found.len()..).unwrap_or_default();
        let authority = rest.split(|c: char| "/?#\"'".contains(c)).next().unwrap_or_default();
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        port.is_some_and(|port| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn ill_formed(kind: ErrorKind) -> Option<&'static str> {
    let name = match kind {
        ErrorKind::Syntax => "syntax",
        ErrorKind::Character => "character",
        ErrorKind::Namespace => "namespace",
        ErrorKind::DuplicateAttribute => "attribute twice",
        ErrorKind::Trailing => "behind the root",
        ErrorKind::Entity => "entity",
        ErrorKind::ProcessingInstruction => "processing instruction",
        ErrorKind::Doctype => "document type",
        ErrorKind::Encoding => "encoding",
        _ => return None,
    };
    RULES.iter().map(|(rule, _)| *rule).find(|rule| rule.strip_prefix(ILL_FORMED) == Some(name))
}

const ILL_FORMED: &str = "quick-xml takes what is not well-formed: ";

/// What we read: `<ns|name`, `@ns|name=value` sorted, `"text`, `>`.
fn events(document: &Document) -> Vec<String> {
    let mut seen = Vec::new();
    read(document.root(), &mut seen);
    seen
}

fn read(element: Element<'_>, seen: &mut Vec<String>) {
    seen.push(format!("<{}|{}", element.namespace(), element.local_name()));
    let named = |a: crate::wire::xml::Attribute<'_>| format!("@{}|{}={}", a.namespace(), a.local_name(), a.value());
    let mut attributes: Vec<String> = element.attributes().map(named).collect();
    attributes.sort();
    seen.extend(attributes);
    for content in element.content() {
        match content {
            Content::Element(child) => read(child, seen),
            Content::Text("") => {}
            Content::Text(text) => seen.push(format!("\"{text}")),
        }
    }
    seen.push(">".to_owned());
}

impl Judges {
    fn smallest(&mut self, bytes: &[u8], number: u64, judge: &str) -> Unexplained {
        let mut differs = |bytes: &Vec<u8>| {
            let question = question(bytes);
            let quick_xml = self.quick_xml.ask(&question).ok()?;
            let libxml = self.libxml.ask(&question).ok()?;
            let ours = Document::parse(bytes.clone(), &Limits::default());
            let of_judge = verdicts(bytes, &ours, &quick_xml, &libxml).into_iter().find(|(name, _)| *name == judge);
            match of_judge {
                Some((_, Verdict::Differ(how))) => Some(how),
                _ => None,
            }
        };
        let smallest = shrink::smallest(bytes.to_vec(), shrink::without_a_piece, |bytes| differs(bytes).is_some());
        let detail = differs(&smallest).unwrap_or_else(|| "it differs no more when asked again".to_owned());
        let message = smallest.escape_ascii().to_string();
        Unexplained { number, judge: judge.to_owned(), detail, message }
    }
}

#[expect(clippy::ptr_arg, reason = "documents are mapped to questions by this function")]
fn question(bytes: &Vec<u8>) -> Question {
    Question::new("read").with(bytes.clone())
}

/// Every second one is.
fn is_damaged(number: u64) -> bool {
    number % 2 == 1
}

fn document(seed: u64, number: u64) -> Vec<u8> {
    let mut dice = Dice::of(seed, number);
    let mut bytes = Tree::random(&mut dice).text().into_bytes();
    if is_damaged(number) {
        for _ in 0..=dice.below(2) {
            damage(&mut bytes, &mut dice);
        }
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let end = (at + 1 + dice.below(12)).min(bytes.len());
    match dice.below(5) {
        0 => drop(bytes.drain(at..end)),
        1 => drop(bytes.splice(at..at, dice.pick(PIECES).copied().unwrap_or_default().iter().copied())),
        2 => drop(bytes.splice(at..end, dice.pick(PIECES).copied().unwrap_or_default().iter().copied())),
        3 => {
            let again = bytes.get(at..end).unwrap_or_default().to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            let byte = u8::try_from(dice.below(256)).unwrap_or_default();
            bytes.splice(at..(at + 1).min(bytes.len()), [byte]);
        }
    }
}

/// What is put somewhere.
const PIECES: &[&[u8]] = &[
    b"<",
    b">",
    b"&",
    b"\"",
    b"'",
    b"=",
    b" ",
    b"/",
    b":",
    b"]]>",
    b"<!--",
    b"-->",
    b"--",
    b"<![CDATA[",
    b"<?pi data?>",
    b"<!DOCTYPE a>",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"&x;",
    b"&#0;",
    b"&#xD800;",
    b"&#xFFFE;",
    b"&#;",
    b"&#x;",
    b"&#65",
    b"\0",
    b"\x0b",
    "\u{fffe}".as_bytes(),
    "\u{feff}".as_bytes(),
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b" xmlns:p=''",
    b" xmlns='relative'",
    b" xmlns:xml='urn:1'",
    b" xmlns:xmlns='urn:1'",
    b" xmlns:n='http://www.w3.org/XML/1998/namespace'",
    b" p:a='1'",
    b" q:a='1'",
    b" u:a='1'",
    b" a='<'",
    b"<a/>",
    b"</a>",
    b"<u:a/>",
    b"<a:b:c/>",
    b"<1a/>",
    b"<?xml version=\"1.0\"?>",
    b"1",
    b"&lt",
    b"<!ELEMENT a>",
    b"<![cdata[]]>",
    b"\r",
    b"</p:a >",
];
