//! Six verbs that change a message: `set`, `remove`, `copy`, `move`, `insert`, `flip`.
//!
//! Each edit works on the bytes, at the places where the tree says that elements begin and end;
//! everything else stays as it was, byte for byte. So a signed part that is moved is still the
//! part that was signed, and a document may be broken on purpose by the last edit of a chain.

use std::ops::Range;

use serde::Deserialize;

use super::path::{Spot, find};
use crate::wire::xml::{Document, Limits};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Edit {
    /// Replaces the content of an element, or the value of an attribute (which is made if missing).
    Set { at: String, to: String },
    /// Takes an element or an attribute away.
    Remove { at: String },
    /// Puts a second copy of an element somewhere.
    Copy { from: String, place: Place },
    /// Puts an element somewhere else.
    Move { from: String, place: Place },
    /// Puts text, markup or not, somewhere.
    Insert { text: String, place: Place },
    /// Changes one letter or digit of an element's content, the first at or behind `byte`, into its
    /// neighbour in the alphabet.
    Flip { at: String, byte: usize },
}

/// Where something is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// As the last child.
    Into(String),
    /// As the first child.
    First(String),
    Before(String),
    After(String),
}

/// An edit as recipes write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    set: Option<String>,
    to: Option<String>,
    remove: Option<String>,
    copy: Option<String>,
    r#move: Option<String>,
    insert: Option<String>,
    flip: Option<String>,
    byte: Option<usize>,
    into: Option<String>,
    first: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl TryFrom<Written> for Edit {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut places = [
            written.into.map(Place::Into),
            written.first.map(Place::First),
            written.before.map(Place::Before),
            written.after.map(Place::After),
        ]
        .into_iter()
        .flatten();
        let place = places.next();
        if places.next().is_some() {
            return Err("an edit has one place: `into`, `first`, `before` or `after`".into());
        }
        let need = || place.clone().ok_or("say where: `into`, `first`, `before` or `after`");
        let mut edits = Vec::new();
        if let Some(at) = written.set {
            edits.push(Self::Set { at, to: written.to.clone().ok_or("`set` needs `to`")? });
        }
        if let Some(at) = written.remove {
            edits.push(Self::Remove { at });
        }
        if let Some(from) = written.copy {
            edits.push(Self::Copy { from, place: need()? });
        }
        if let Some(from) = written.r#move {
            edits.push(Self::Move { from, place: need()? });
        }
        if let Some(text) = written.insert {
            edits.push(Self::Insert { text, place: need()? });
        }
        if let Some(at) = written.flip {
            edits.push(Self::Flip { at, byte: written.byte.unwrap_or(0) });
        }
        match (edits.pop(), edits.is_empty()) {
            (Some(edit), true) => Ok(edit),
            _ => Err("an edit has one verb: set, remove, copy, move, insert or flip".into()),
        }
    }
}

/// Makes the edits, one after the other.
///
/// # Errors
/// When a path names nothing, or the document before an edit is not well-formed.
pub fn apply(document: &str, edits: &[Edit]) -> Result<String, String> {
    let mut text = document.to_owned();
    for edit in edits {
        text = one(&text, edit).map_err(|why| format!("{edit:?}: {why}"))?;
    }
    Ok(text)
}

fn one(text: &str, edit: &Edit) -> Result<String, String> {
    let document = Document::parse(text, &generous()).map_err(|error| error.to_string())?;
    let spot = |path: &str| find(&document, path);
    match edit {
        Edit::Set { at, to } => match spot(at)? {
            Spot::Whole => Ok(to.clone()),
            Spot::Element(range) => {
                let (text, content) = opened(text, range)?;
                Ok(spliced(&text, content, to))
            }
            Spot::Attribute { element, name } => match attribute(text, &element, &name) {
                Some(found) => Ok(spliced(text, found.value, to)),
                None => Ok(spliced(text, end_of_name(text, &element), &format!(" {name}=\"{to}\""))),
            },
        },
        Edit::Remove { at } => match spot(at)? {
            Spot::Whole => Err("the whole document cannot be removed".into()),
            Spot::Element(range) => Ok(spliced(text, range, "")),
            Spot::Attribute { element, name } => {
                let found = attribute(text, &element, &name).ok_or_else(|| format!("no attribute `{name}`"))?;
                Ok(spliced(text, found.whole, ""))
            }
        },
        Edit::Copy { from, place } => put(text, &document, &element_text(text, &spot(from)?)?, place),
        Edit::Move { from, place } => {
            let Spot::Element(range) = spot(from)? else { return Err("only elements move".into()) };
            let moved = text.get(range.clone()).unwrap_or_default().to_owned();
            // Put first, then take away, so that paths mean what they meant before the edit.
            let placed = put(text, &document, &moved, place)?;
            let grown = placed.len().saturating_sub(text.len());
            let kept_before = placed.get(..range.start) == text.get(..range.start);
            let shift = if kept_before { 0 } else { grown };
            Ok(spliced(&placed, range.start + shift..range.end + shift, ""))
        }
        Edit::Insert { text: inserted, place } => put(text, &document, inserted, place),
        Edit::Flip { at, byte } => {
            let range = match spot(at)? {
                Spot::Whole => 0..text.len(),
                Spot::Element(range) => opened(text, range)?.1,
                Spot::Attribute { element, name } => {
                    attribute(text, &element, &name).ok_or_else(|| format!("no attribute `{name}`"))?.value
                }
            };
            flipped(text, range, *byte)
        }
    }
}

/// `text` with the letter or digit at or behind `byte` of `range` changed.
pub(super) fn flipped(text: &str, range: Range<usize>, byte: usize) -> Result<String, String> {
    let mut bytes = text.as_bytes().to_vec();
    let within = bytes.get_mut(range).ok_or("outside the document")?;
    let found = within.iter_mut().skip(byte).find(|b| b.is_ascii_alphanumeric());
    let letter = found.ok_or("no letter or digit to change")?;
    *letter = match *letter {
        b'9' => b'8',
        b'z' => b'y',
        b'Z' => b'Y',
        other => other + 1,
    };
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn put(text: &str, document: &Document, inserted: &str, place: &Place) -> Result<String, String> {
    let range = |path: &str| match find(document, path)? {
        Spot::Whole => Ok(0..text.len()),
        Spot::Element(range) => Ok(range),
        Spot::Attribute { .. } => Err(format!("`{path}` is an attribute; nothing can be put there")),
    };
    match place {
        Place::Before(path) => {
            let at = range(path)?.start;
            Ok(spliced(text, at..at, inserted))
        }
        Place::After(path) => {
            let at = range(path)?.end;
            Ok(spliced(text, at..at, inserted))
        }
        Place::Into(path) => {
            let (text, content) = opened(text, range(path)?)?;
            Ok(spliced(&text, content.end..content.end, inserted))
        }
        Place::First(path) => {
            let (text, content) = opened(text, range(path)?)?;
            Ok(spliced(&text, content.start..content.start, inserted))
        }
    }
}

fn element_text(text: &str, spot: &Spot) -> Result<String, String> {
    match spot {
        Spot::Element(range) => Ok(text.get(range.clone()).unwrap_or_default().to_owned()),
        _ => Err("only elements are copied".into()),
    }
}

/// The document with the element at `range` written with two tags, and the range between them.
fn opened(text: &str, range: Range<usize>) -> Result<(String, Range<usize>), String> {
    let source = text.get(range.clone()).unwrap_or_default();
    let open = end_of_tag(source).ok_or("an element without end of its tag")?;
    if let Some(tag) = source.get(..open).and_then(|tag| tag.strip_suffix("/>")) {
        let name = tag_name(source);
        let whole = format!("{tag}></{name}>");
        let at = range.start + tag.len() + 1;
        return Ok((spliced(text, range, &whole), at..at));
    }
    let close = source.rfind("</").ok_or("an element without end")?;
    Ok((text.to_owned(), range.start + open..range.start + close))
}

fn tag_name(source: &str) -> &str {
    let name = source.trim_start_matches('<');
    name.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default()
}

fn end_of_name(text: &str, element: &Range<usize>) -> Range<usize> {
    let at = element.start + 1 + tag_name(text.get(element.clone()).unwrap_or_default()).len();
    at..at
}

/// Behind the `>` of the start tag.
pub(super) fn end_of_tag(source: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in source.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Found {
    /// With the white space before it.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The attribute called `name`, as written, of the element at `element`.
fn attribute(text: &str, element: &Range<usize>, name: &str) -> Option<Found> {
    let source = text.get(element.clone())?;
    let tag = source.get(..end_of_tag(source)?)?;
    let mut at = 1 + tag_name(tag).len();
    loop {
        let rest = tag.get(at..)?;
        let equals = rest.find('=')?;
        let quote_at = equals + 1 + rest.get(equals + 1..)?.find(['"', '\''])?;
        let quote = rest.get(quote_at..)?.chars().next()?;
        let length = rest.get(quote_at + 1..)?.find(quote)?;
        let value = at + quote_at + 1..at + quote_at + 1 + length;
        if rest.get(..equals)?.trim() == name {
            let from = |range: Range<usize>| element.start + range.start..element.start + range.end;
            return Some(Found { whole: from(at..value.end + 1), value: from(value) });
        }
        at = value.end + 1;
    }
}

fn spliced(text: &str, range: Range<usize>, with: &str) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    [before, with, after].concat()
}

/// Edits happen before anybody judges: a message that is too large is made here too.
pub(super) fn generous() -> Limits {
    let many = 10_000_000;
    Limits {
        bytes: many,
        depth: 100_000,
        nodes: many,
        attributes: many,
        namespaces: many,
        name: many,
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"<a><b k="1" j='2'>one</b><c/><d><e/></d></a>"#;

    fn edited(recipe: &str) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Recipe {
            then: Vec<Edit>,
        }
        let recipe: Recipe = toml::from_str(&format!("then = [{recipe}]")).map_err(|error| error.to_string())?;
        apply(TEXT, &recipe.then)
    }

    #[test]
    fn each_verb_changes_what_it_names_and_nothing_else() {
        for (recipe, wanted) in [
            (r#"{set = "/a/b", to = "two"}"#, r#"<a><b k="1" j='2'>two</b><c/><d><e/></d></a>"#),
            (r#"{set = "/a/c", to = "two"}"#, r#"<a><b k="1" j='2'>one</b><c>two</c><d><e/></d></a>"#),
            (r#"{set = "/a/b/@j", to = "3"}"#, r#"<a><b k="1" j='3'>one</b><c/><d><e/></d></a>"#),
            (r#"{set = "/a/c/@new", to = "3"}"#, r#"<a><b k="1" j='2'>one</b><c new="3"/><d><e/></d></a>"#),
            (r#"{remove = "/a/b"}"#, r#"<a><c/><d><e/></d></a>"#),
            (r#"{remove = "/a/b/@k"}"#, r#"<a><b j='2'>one</b><c/><d><e/></d></a>"#),
            (r#"{copy = "/a/c", into = "/a/d"}"#, r#"<a><b k="1" j='2'>one</b><c/><d><e/><c/></d></a>"#),
            (r#"{copy = "/a/c", first = "/a/d"}"#, r#"<a><b k="1" j='2'>one</b><c/><d><c/><e/></d></a>"#),
            (r#"{move = "/a/c", into = "/a/d"}"#, r#"<a><b k="1" j='2'>one</b><d><e/><c/></d></a>"#),
            (r#"{move = "/a/d/e", before = "/a/b"}"#, r#"<a><e/><b k="1" j='2'>one</b><c/><d></d></a>"#),
            (r#"{insert = "<!-- -->", before = "/"}"#, r#"<!-- --><a><b k="1" j='2'>one</b><c/><d><e/></d></a>"#),
            (r#"{insert = "<f/>", after = "/a/c"}"#, r#"<a><b k="1" j='2'>one</b><c/><f/><d><e/></d></a>"#),
            (r#"{flip = "/a/b"}"#, r#"<a><b k="1" j='2'>pne</b><c/><d><e/></d></a>"#),
            (r#"{flip = "/a/b", byte = 2}"#, r#"<a><b k="1" j='2'>onf</b><c/><d><e/></d></a>"#),
        ] {
            assert_eq!(edited(recipe).as_deref(), Ok(wanted), "{recipe}");
        }
    }

    #[test]
    fn refuses_an_edit_that_is_not_one() {
        for recipe in [
            r#"{set = "/a/b"}"#,
            r#"{copy = "/a/b"}"#,
            r#"{copy = "/a/b", into = "/a", after = "/a"}"#,
            r#"{remove = "/a/b", flip = "/a/b"}"#,
            r#"{remove = "/a/x"}"#,
            r#"{turn = "/a/b"}"#,
            r#"{flip = "/a/c"}"#,
        ] {
            assert!(edited(recipe).is_err(), "{recipe}");
        }
    }
}
