//! A writer whose output is already in exclusive canonical form, read as its own apex: what it writes can be signed
//! without being parsed.
//!
//! Declares a prefix where it is first used, sorts attributes, escapes. Never writes white space, comments or an XML
//! declaration of its own. A prefix that is used only inside values is declared with [`Writer::declare`]; the
//! signature must then list it.

use super::sink;
use crate::wire::ns;

/// The name of an element or attribute. A name without namespace has no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'n> {
    pub prefix: &'n str,
    pub namespace: &'n str,
    pub local: &'n str,
}

impl<'n> Name<'n> {
    pub const fn new(prefix: &'n str, namespace: &'n str, local: &'n str) -> Self {
        Self { prefix, namespace, local }
    }
}

/// Writes one element with all it contains.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// The names of the open elements, as written, and how many declarations were in scope outside.
    open: Vec<(String, usize)>,
    /// Prefix and namespace, innermost last.
    scope: Vec<(String, String)>,
    /// The start tag being written.
    tag: Option<Tag>,
}

#[derive(Debug)]
struct Tag {
    /// How many declarations were in scope outside.
    outside: usize,
    /// Namespace, local name, qualified name, value.
    attributes: Vec<(String, String, String, String)>,
}

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element.
    pub fn start(&mut self, name: Name<'_>) -> &mut Self {
        self.end_tag();
        let outside = self.scope.len();
        self.bind(name.prefix, name.namespace);
        self.open.push((qualified(name), outside));
        self.tag = Some(Tag { outside, attributes: Vec::new() });
        self
    }

    /// Adds an attribute without namespace to the element just opened. Without one it does nothing.
    pub fn attribute(&mut self, local: &str, value: &str) -> &mut Self {
        self.attribute_of(Name::new("", "", local), value)
    }

    /// Adds an attribute to the element just opened. Without one it does nothing.
    pub fn attribute_of(&mut self, name: Name<'_>, value: &str) -> &mut Self {
        if self.tag.is_some() && !name.prefix.is_empty() {
            self.bind(name.prefix, name.namespace);
        }
        if let Some(tag) = &mut self.tag {
            let namespace = if name.prefix == "xml" { ns::XML } else { name.namespace };
            tag.attributes.push((namespace.into(), name.local.into(), qualified(name), value.into()));
        }
        self
    }

    /// Declares a prefix on the element just opened that only values use.
    pub fn declare(&mut self, prefix: &str, namespace: &str) -> &mut Self {
        if self.tag.is_some() {
            self.bind(prefix, namespace);
        }
        self
    }

    /// Writes character data.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.end_tag();
        sink::escape_text(text, &mut self.out);
        self
    }

    /// Inserts an element that is already in exclusive canonical form, such as the output of another writer.
    pub fn raw(&mut self, element: &[u8]) -> &mut Self {
        self.end_tag();
        self.out.extend_from_slice(element);
        self
    }

    /// Closes the innermost element.
    pub fn end(&mut self) -> &mut Self {
        self.end_tag();
        if let Some((name, outside)) = self.open.pop() {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'>');
            self.scope.truncate(outside);
        }
        self
    }

    /// Writes an element that holds only text.
    pub fn leaf(&mut self, name: Name<'_>, attributes: &[(&str, &str)], text: &str) -> &mut Self {
        self.start(name);
        for (local, value) in attributes {
            self.attribute(local, value);
        }
        self.text(text).end()
    }

    /// How many bytes are written so far, the start tag included.
    pub fn position(&mut self) -> usize {
        self.end_tag();
        self.out.len()
    }

    /// Closes what is open; the bytes.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    /// Makes sure that `prefix` is bound to `namespace` on the element being written.
    fn bind(&mut self, prefix: &str, namespace: &str) {
        if prefix == "xml" {
            return;
        }
        let bound = self.scope.iter().rev().find(|(known, _)| known == prefix).map(|(_, namespace)| namespace.as_str());
        if bound.unwrap_or_default() != namespace {
            self.scope.push((prefix.into(), namespace.into()));
        }
    }

    /// Writes the start tag that is still open, if one is.
    fn end_tag(&mut self) {
        let Some(mut tag) = self.tag.take() else { return };
        let Some((name, _)) = self.open.last() else { return };
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        let mut declared: Vec<&(String, String)> = self.scope.iter().skip(tag.outside).collect();
        declared.sort_unstable();
        for (prefix, namespace) in declared {
            let colon = if prefix.is_empty() { "" } else { ":" };
            self.out.extend_from_slice(format!(" xmlns{colon}{prefix}=\"").as_bytes());
            sink::escape_value(namespace, &mut self.out);
            self.out.push(b'"');
        }
        tag.attributes.sort_unstable();
        for (_, _, name, value) in &tag.attributes {
            self.out.push(b' ');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            sink::escape_value(value, &mut self.out);
            self.out.push(b'"');
        }
        self.out.push(b'>');
    }
}

fn qualified(name: Name<'_>) -> String {
    if name.prefix.is_empty() { name.local.to_owned() } else { format!("{}:{}", name.prefix, name.local) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::c14n::{Exclusive, exclusive};
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn writes_what_the_canonicaliser_would() {
        let mut writer = Writer::new();
        writer
            .start(Name::new("s", "urn:s", "E"))
            .attribute("b", "1\n\"<>&")
            .attribute_of(Name::new("a", "urn:a", "x"), "");
        writer.leaf(Name::new("s", "urn:s", "T"), &[("z", "1"), ("y", "2")], "a<b>&\r\n\u{e9}");
        writer.start(Name::new("", "urn:d", "U")).attribute("k", "v").start(Name::new("", "", "V")).end().end();
        writer.start(Name::new("a", "urn:other", "W")).attribute_of(Name::new("xml", "", "lang"), "nl");
        let bytes = writer.finish();
        let document = Document::parse(bytes.clone(), &Limits::default()).expect("well-formed");
        let mut form = Vec::new();
        exclusive(document.root(), &Exclusive::default(), &mut form).expect("within the limit");
        assert_eq!(String::from_utf8_lossy(&form), String::from_utf8_lossy(&bytes));
    }
}
