//! The shape of elements: what stands where, how often, and with what text in it.
//!
//! All readers above the XML tree (SOAP, WS-Security, SAML, WS-Trust) look at elements through
//! these few functions, so that "once", "text only" and "not too long" mean the same everywhere.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::wire::base64;
use crate::wire::xml::time;
use crate::wire::xml::{Element, NodeId};

/// An element that is not of the shape that its specification gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError {
    pub kind: Shape,
    /// The element at fault; for something missing, the element that lacks it.
    pub at: NodeId,
}

/// In what way an element has the wrong shape. Names are written as the specifications do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Missing(&'static str),
    Repeated(String),
    /// A child or attribute that has no place there, or stands out of order.
    Unexpected(String),
    /// Text where only elements may stand.
    StrayText,
    /// Elements where only text may stand.
    NotText,
    Empty,
    /// More characters, or more items, than are taken.
    TooLong {
        most: usize,
    },
    /// The text cannot be read as what it should be.
    Value {
        wanted: &'static str,
        found: String,
        why: String,
    },
}

impl ShapeError {
    pub fn new(kind: Shape, at: Element<'_>) -> Self {
        Self { kind, at: at.id() }
    }

    /// `found` is shortened: it is the sender's.
    pub fn value(wanted: &'static str, found: &str, why: impl fmt::Display, at: Element<'_>) -> Self {
        Self::new(Shape::Value { wanted, found: short(found), why: why.to_string() }, at)
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Shape::Missing(name) => write!(f, "{name} is missing"),
            Shape::Repeated(name) => write!(f, "{name} stands there more than once"),
            Shape::Unexpected(name) => write!(f, "{name} has no place there"),
            Shape::StrayText => f.write_str("text stands where only elements may"),
            Shape::NotText => f.write_str("elements stand where only text may"),
            Shape::Empty => f.write_str("the element is empty"),
            Shape::TooLong { most } => write!(f, "there is more than the {most} that are taken"),
            Shape::Value { wanted, found, why } if why.is_empty() => write!(f, "`{found}` is not {wanted}"),
            Shape::Value { wanted, found, why } => write!(f, "`{found}` is not {wanted}: {why}"),
        }
    }
}

impl std::error::Error for ShapeError {}

/// `{namespace}local`, shortened: how an element that we did not expect is named.
pub fn name_of(element: Element<'_>) -> String {
    short(&format!("{{{}}}{}", element.namespace(), element.local_name()))
}

/// At most [`MAX_QUOTED`] characters of what a sender wrote.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The only child of this name, or none.
pub fn at_most_one<'d>(parent: Element<'d>, ns: &str, local: &str) -> Result<Option<Element<'d>>, ShapeError> {
    let mut found = parent.children_named(ns, local);
    let first = found.next();
    match found.next() {
        Some(second) => Err(ShapeError::new(Shape::Repeated(name_of(second)), second)),
        None => Ok(first),
    }
}

/// The one child of this name; `name` is for the error.
pub fn one<'d>(parent: Element<'d>, ns: &str, local: &str, name: &'static str) -> Result<Element<'d>, ShapeError> {
    at_most_one(parent, ns, local)?.ok_or_else(|| ShapeError::new(Shape::Missing(name), parent))
}

/// The only element child, whatever its name; `name` is for the error.
pub fn only_child<'d>(parent: Element<'d>, name: &'static str) -> Result<Element<'d>, ShapeError> {
    no_text(parent)?;
    let mut children = parent.children();
    match (children.next(), children.next()) {
        (Some(child), None) => Ok(child),
        (None, _) => Err(ShapeError::new(Shape::Missing(name), parent)),
        (_, Some(second)) => Err(ShapeError::new(Shape::Unexpected(name_of(second)), second)),
    }
}

/// Refuses text between the children.
pub fn no_text(element: Element<'_>) -> Result<(), ShapeError> {
    if element.has_character_data() { Err(ShapeError::new(Shape::StrayText, element)) } else { Ok(()) }
}

/// The text of an element that holds nothing else, without white space at either end.
pub fn text(element: Element<'_>, most: usize) -> Result<String, ShapeError> {
    let whole = exact_text(element, most.saturating_add(MAX_PADDING))?;
    let text = whole.trim_matches(is_xml_space);
    if text.len() > most {
        return Err(ShapeError::new(Shape::TooLong { most }, element));
    }
    Ok(text.to_owned())
}

/// The text of an element that holds nothing else, as it stands.
pub fn exact_text(element: Element<'_>, most: usize) -> Result<String, ShapeError> {
    let text = element.text().ok_or_else(|| ShapeError::new(Shape::NotText, element))?;
    if text.len() > most {
        return Err(ShapeError::new(Shape::TooLong { most }, element));
    }
    Ok(text.into_owned())
}

/// As [`text`], and not empty.
pub fn some_text(element: Element<'_>, most: usize) -> Result<String, ShapeError> {
    let text = text(element, most)?;
    if text.is_empty() { Err(ShapeError::new(Shape::Empty, element)) } else { Ok(text) }
}

/// The text of an element as an instant.
pub fn instant(element: Element<'_>) -> Result<DateTime<Utc>, ShapeError> {
    let text = some_text(element, MAX_TIME)?;
    time::parse(&text).map_err(|error| ShapeError::value("an xs:dateTime", &text, error, element))
}

/// An attribute in no namespace as an instant.
pub fn instant_attribute(element: Element<'_>, local: &str) -> Result<Option<DateTime<Utc>>, ShapeError> {
    let parsed = element.attribute("", local).map(|text| {
        let trimmed = text.trim_matches(is_xml_space);
        time::parse(trimmed).map_err(|error| ShapeError::value("an xs:dateTime", text, error, element))
    });
    parsed.transpose()
}

/// An attribute in no namespace that must be there.
pub fn attribute<'d>(element: Element<'d>, local: &str, name: &'static str) -> Result<&'d str, ShapeError> {
    element.attribute("", local).ok_or_else(|| ShapeError::new(Shape::Missing(name), element))
}

/// The bytes that an element holds in base64, folded or not; at least one, at most `most`.
pub fn bytes(element: Element<'_>, most: usize) -> Result<Vec<u8>, ShapeError> {
    let text = element.text().ok_or_else(|| ShapeError::new(Shape::NotText, element))?;
    // Four characters for three bytes, and as much again for line breaks and indentation.
    if text.len() / 3 > most {
        return Err(ShapeError::new(Shape::TooLong { most }, element));
    }
    let bytes = base64::decode_xml(&text).map_err(|error| ShapeError::value("base64", &text, error, element))?;
    if bytes.is_empty() {
        return Err(ShapeError::new(Shape::Empty, element));
    }
    if bytes.len() > most {
        return Err(ShapeError::new(Shape::TooLong { most }, element));
    }
    Ok(bytes)
}

/// Whether the text is an NCName, as an ID must be. Ids of .NET may hold a colon
/// (`rules.md` 4.4), so that is taken too.
pub fn is_id(text: &str) -> bool {
    let start = |c: char| c.is_alphabetic() || c == '_';
    let inside = |c: char| c.is_alphanumeric() || "_-.:\u{b7}".contains(c);
    text.len() <= MAX_ID && text.starts_with(start) && text.chars().all(inside)
}

/// White space of XML 1.0 section 2.3; no other character is trimmed from a value.
pub fn is_xml_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Longest URI or name that is taken, in bytes.
pub const MAX_URI: usize = 2048;
/// Longest identifier, in bytes.
pub const MAX_ID: usize = 256;
/// Longest xs:dateTime, in bytes.
const MAX_TIME: usize = 64;
/// White space that may stand around a text, in bytes.
const MAX_PADDING: usize = 512;
/// How much of a sender's text an error quotes, in characters.
const MAX_QUOTED: usize = 128;
