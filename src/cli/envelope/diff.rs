//! `vidimus envelope diff A B`: the first difference that a signature would see, and the setting
//! that would remove it.
//!
//! Two files may differ in every byte and be the same to a signature: what is compared is the
//! canonical form of each element that both have under one id (or of the whole document).

use std::path::PathBuf;

use serde_json::json;

use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::wire::xml::{ById, Document, Element, Limits};

use super::canonical::{self, Form};
use super::inspect::parse;
use super::settings;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused, Exit::NotFound], [
    "vidimus envelope diff mine.xml theirs.xml",
    "vidimus envelope diff mine.xml theirs.xml --ref body-1",
    "vidimus envelope diff sent.xml received.xml --inclusive -o json",
]))]
pub struct Args {
    /// One envelope, or any XML; `-` is stdin
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Compare the element with this id; otherwise each id that both have, or the whole
    #[arg(long = "ref", value_name = "ID")]
    reference: Option<String>,
    /// Compare in inclusive canonical form, in place of what the signatures say or exclusive
    #[arg(long)]
    inclusive: bool,
}

/// # Errors
/// When a file cannot be read, or an element is not there.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let (raw_a, raw_b) = (files::read(&args.a)?, files::read(&args.b)?);
    let equal_bytes = raw_a == raw_b;
    let (a, b) = (parse(raw_a)?, parse(raw_b)?);
    let mut compared = Vec::new();
    for pair in pairs(&a, &b, args.reference.as_deref())? {
        compared.push(compare(&pair, args.inclusive)?);
    }
    let differing: Vec<&Compared> = compared.iter().filter(|one| one.difference.is_some()).collect();
    if out.is_json() {
        out.json(&json!({
            "schema": "vidimus.diff/v1", "same": differing.is_empty(), "same_bytes": equal_bytes,
            "parts": compared.iter().map(Compared::json).collect::<Vec<_>>(),
        }));
    } else {
        for one in &compared {
            one.lines().iter().for_each(|line| out.line(line));
        }
        if differing.is_empty() {
            out.line(if equal_bytes {
                "SAME  byte for byte"
            } else {
                "SAME  to a signature; the files differ only in what canonicalization removes (order of attributes, quotes, \
                 empty tags, comments)"
            });
        }
    }
    Ok(if differing.is_empty() { Exit::Done } else { Exit::Refused })
}

/// Two elements that ought to be the same.
struct Pair<'d> {
    name: String,
    a: Element<'d>,
    b: Element<'d>,
    /// The id that both have.
    id: Option<String>,
}

/// What to compare: what `--ref` names; otherwise every id that both have, outermost; otherwise all.
fn pairs<'d>(a: &'d Document, b: &'d Document, reference: Option<&str>) -> Result<Vec<Pair<'d>>, Failure> {
    if let Some(id) = reference.map(|id| id.trim_start_matches('#')) {
        let one = canonical::element(a, Some(id), None)?;
        // The same element may have another id on the other side.
        let other = match b.by_id(id) {
            ById::One(other) => other,
            _ => canonical::element(b, None, Some(&one.path())).or_else(|_| canonical::element(b, Some(id), None))?,
        };
        return Ok(vec![Pair { name: format!("#{id}"), a: one, b: other, id: Some(id.to_owned()) }]);
    }
    let mut found: Vec<Pair<'d>> = Vec::new();
    for one in a.elements() {
        let id = a.ids_of(one).next();
        if let Some(id) = id
            && let (ById::One(_), ById::One(other)) = (a.by_id(id), b.by_id(id))
            && !found.iter().any(|outer| outer.a.contains(one))
        {
            found.push(Pair { name: format!("#{id}"), a: one, b: other, id: Some(id.to_owned()) });
        }
    }
    if found.is_empty() {
        found.push(Pair { name: "the whole".to_owned(), a: a.root(), b: b.root(), id: None });
    }
    Ok(found)
}

struct Compared {
    name: String,
    /// The paths of the two elements.
    paths: [String; 2],
    /// How each side was canonicalised.
    forms: [String; 2],
    difference: Option<Difference>,
}

/// Where two canonical forms part.
struct Difference {
    /// The first byte of the forms that differs.
    byte: usize,
    /// The element in which that is, on each side.
    inside: [String; 2],
    /// Some text around it on each side, and where in it the caret goes (in characters).
    shown: [(String, usize); 2],
    cause: String,
}

fn compare(pair: &Pair<'_>, inclusive: bool) -> Result<Compared, Failure> {
    let (octets_a, form_a) = form(pair.a, pair.id.as_deref(), inclusive)?;
    let (octets_b, form_b) = form(pair.b, pair.id.as_deref(), inclusive)?;
    let byte = octets_a.iter().zip(&octets_b).position(|(a, b)| a != b);
    let byte = byte.or_else(|| (octets_a.len() != octets_b.len()).then(|| octets_a.len().min(octets_b.len())));
    let difference = byte.map(|byte| Difference {
        byte,
        inside: [inside(pair.a, &octets_a, byte), inside(pair.b, &octets_b, byte)],
        shown: [around(&octets_a, byte), around(&octets_b, byte)],
        cause: settings::cause(pair.a, pair.b, &octets_a, &octets_b, [&form_a, &form_b]),
    });
    let paths = [pair.a.path(), pair.b.path()];
    Ok(Compared { name: pair.name.clone(), paths, forms: [form_a, form_b], difference })
}

fn form(element: Element<'_>, id: Option<&str>, inclusive: bool) -> Result<(Vec<u8>, String), Failure> {
    if !inclusive && let Some((octets, how, _)) = id.and_then(|id| canonical::as_referenced(element.document(), id)) {
        return Ok((octets?, how));
    }
    let form = Form { inclusive, ..Form::default() };
    Ok((canonical::of(element, &form)?, form.describe()))
}

/// The path of the innermost element of the form that has this byte.
fn inside(apex: Element<'_>, octets: &[u8], byte: usize) -> String {
    let limits = Limits { bytes: usize::MAX, nodes: usize::MAX, ..Limits::default() };
    let path = apex.path();
    // A form by STR-Transform is of another element than the apex; then the apex is all that is told.
    let Ok(document) = Document::parse(octets.to_vec(), &limits) else { return path };
    let innermost = document.elements().filter(|element| element.range().contains(&byte)).last();
    let inner = innermost.map(Element::path).unwrap_or_default();
    match inner.get(1..).and_then(|inner| inner.find('/')) {
        Some(behind_root) => format!("{path}{}", inner.get(behind_root + 1..).unwrap_or_default()),
        None => path,
    }
}

/// The text around a byte, and the number of characters before it.
fn around(octets: &[u8], byte: usize) -> (String, usize) {
    let text = String::from_utf8_lossy(octets);
    // Back to where a character begins; the other side may differ in the middle of one.
    let at = (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, behind) = text.split_at_checked(at).unwrap_or((&text, ""));
    let before: Vec<char> = before.chars().collect();
    let before: String = before.iter().skip(before.len().saturating_sub(CONTEXT)).collect();
    let before = visible(&before);
    let behind: String = behind.chars().take(CONTEXT).collect();
    (format!("{before}{}", visible(&behind)), before.chars().count())
}

/// Line ends as they would be typed, so that the caret stands where it should.
fn visible(text: &str) -> String {
    crate::cli::output::escape(text).into_owned()
}

impl Compared {
    fn lines(&self) -> Vec<String> {
        let Some(difference) = &self.difference else {
            return vec![format!("{}  same  ({})", self.name, self.forms[0])];
        };
        let [a, b] = &difference.inside;
        let mut lines = vec![
            format!("{}  DIFFERS  from byte {} of the canonical form", self.name, difference.byte),
            format!(" A  {a}"),
        ];
        let caret = |(shown, at): &(String, usize)| vec![format!("    {shown}"), format!("    {}^", " ".repeat(*at))];
        lines.extend(caret(&difference.shown[0]));
        lines.push(format!(" B  {b}"));
        lines.extend(caret(&difference.shown[1]));
        lines.push(format!(" cause: {}", difference.cause));
        lines
    }

    fn json(&self) -> serde_json::Value {
        let side = |index: usize| {
            let difference = self.difference.as_ref();
            json!({
                "element": self.paths.get(index),
                "form": self.forms.get(index),
                "inside": difference.and_then(|difference| difference.inside.get(index)),
                "text": difference.and_then(|difference| difference.shown.get(index)).map(|(text, _)| text),
            })
        };
        json!({
            "part": self.name, "same": self.difference.is_none(), "a": side(0), "b": side(1),
            "byte": self.difference.as_ref().map(|difference| difference.byte),
            "cause": self.difference.as_ref().map(|difference| &difference.cause),
        })
    }
}

/// Characters shown on each side of a difference.
const CONTEXT: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(a: &str, b: &str) -> Vec<Compared> {
        let parsed = |text: &str| Document::parse(text, &Limits::default()).unwrap();
        let (a, b) = (parsed(a), parsed(b));
        pairs(&a, &b, None).unwrap().iter().map(|pair| compare(pair, false).unwrap()).collect()
    }

    #[test]
    fn what_canonicalization_removes_is_no_difference() {
        let all = compared("<a  z='1' y=\"2\"/>", "<a y=\"2\" z=\"1\"><!-- c --></a>");
        assert!(all.iter().all(|one| one.difference.is_none()));
    }

    #[test]
    fn the_first_difference_is_shown_with_its_element_on_both_sides() {
        let all = compared("<a><b Id=\"1\"><c>one</c></b></a>", "<x><a><b Id=\"1\"><c>two</c></b></a></x>");
        assert_eq!(
            all[0].lines(),
            [
                "#1  DIFFERS  from byte 13 of the canonical form",
                " A  /a/b/c",
                "    <b Id=\"1\"><c>one</c></b>",
                "                 ^",
                " B  /x/a/b/c",
                "    <b Id=\"1\"><c>two</c></b>",
                "                 ^",
                " cause: the text of c is `one` in A and `two` in B: that is another value, which no setting removes",
            ]
        );
    }

    #[test]
    fn each_shared_id_is_compared_once() {
        let text = "<a><b Id=\"1\"><c Id=\"2\"/></b><d Id=\"3\"/></a>";
        let names: Vec<String> = compared(text, text).into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["#1", "#3"]);
    }
}
