//! XML, read strictly: one parse, one tree, byte ranges everywhere.
//!
//! XML 1.0 (fifth edition) and Namespaces in XML 1.0, less than they allow: UTF-8 only, no DOCTYPE, no
//! processing instruction, no entity but the five predefined ones, namespace names absolute. Comments are
//! dropped while reading, so they can never split a text. Whoever signs, compares or reads a value works on
//! this tree; there is no second reader in the process.

/// Exclusive canonical form.
pub mod c14n;
#[cfg(test)]
mod differential;
mod encoding;
/// Inclusive canonical form, for exceptions.
pub mod inclusive;
mod names;
#[cfg(test)]
pub(crate) mod random;
mod repeated;
mod scan;
mod scope;
mod sink;
mod tags;
#[cfg(test)]
mod tests;
/// xs:dateTime.
pub mod time;
mod tree;
mod whole;
/// Writes XML that is already in exclusive canonical form.
pub mod writer;

use std::fmt;

pub(crate) use names::is_id;
pub use tree::{Attribute, ById, Children, Content, Document, Element, NodeId};

/// What a document may cost. Nothing is allocated for a number that the message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The whole document, in bytes.
    pub bytes: usize,
    /// Elements inside elements.
    pub depth: usize,
    /// Elements, texts, comments and CDATA sections together.
    pub nodes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Namespace declarations of one element.
    pub namespaces: usize,
    /// A name, with its prefix, in bytes.
    pub name: usize,
    /// References of one signature.
    pub references: usize,
    /// Prefixes of one `InclusiveNamespaces/@PrefixList`.
    pub prefixes: usize,
    /// The canonical forms of all references of a signature together, in bytes; its SignedInfo has as much for itself.
    pub canonical: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 512 * 1024,
            depth: 64,
            nodes: 20_000,
            attributes: 64,
            namespaces: 32,
            name: 1024,
            references: 16,
            prefixes: 32,
            canonical: 2 * 1024 * 1024,
        }
    }
}

/// Why bytes are not a document that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// Where in the document, in bytes.
    pub offset: usize,
    /// What was found there. Quotes the message only in short, escaped pieces.
    pub detail: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, offset: usize, detail: impl Into<String>) -> Self {
        Self { kind, offset, detail: detail.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.detail, self.offset)
    }
}

impl std::error::Error for Error {}

/// The kinds of [`Error`], one for each check that the reader makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not UTF-8, or declared as something else.
    Encoding,
    /// Not well-formed.
    Syntax,
    /// A character that XML 1.0 does not allow.
    Character,
    /// A prefix without a declaration, a reserved prefix, a relative or malformed namespace name.
    Namespace,
    /// Two attributes with one expanded name.
    DuplicateAttribute,
    /// Something behind the root element.
    Trailing,
    Doctype,
    /// A reference to an entity that is not predefined.
    Entity,
    ProcessingInstruction,
    LimitBytes,
    LimitDepth,
    LimitNodes,
    LimitAttributes,
    LimitNamespaces,
    LimitName,
    LimitCanonicalForm,
}

/// Line and column (in characters), counted from 1, of a byte offset: for messages to people.
pub fn line_and_column(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset.min(bytes.len())).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    (line, String::from_utf8_lossy(last).chars().count() + 1)
}
