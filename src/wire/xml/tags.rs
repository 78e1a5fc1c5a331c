//! Tags, names, attribute values, namespaces in scope: the other half of the scanner.

use super::names::{self, INSIDE, START};
use super::scan::Scanner;
use super::tree::{AttributeData, Declaration, ElementData, Kind, NO_NODE, NO_SYMBOL, Name, Node, Span, XML_SYMBOL};
use super::{Error, ErrorKind};
use crate::wire::ns;

/// An element whose end tag has not come yet.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) node: u32,
    name: Name,
    /// How many bindings were in scope outside.
    bindings: usize,
}

/// The namespace bindings in scope, innermost last, and what the scanner reuses from tag to tag.
#[derive(Default)]
pub(super) struct Scope {
    bindings: Vec<Binding>,
    attributes: Vec<Written>,
}

/// An attribute as it stands.
#[derive(Clone, Copy)]
struct Written {
    name: Name,
    value: Span,
    /// The prefix that it declares (empty: the default), if it is a namespace declaration.
    declares: Option<Name>,
}

#[derive(Clone, Copy)]
struct Binding {
    /// The prefix in the source; empty for the default.
    name: Name,
    prefix: u16,
    namespace: u16,
}

impl Scanner<'_> {
    /// XML 1.0 §3.1, from `<` to `>` or `/>`.
    pub(super) fn start_tag(&mut self) -> Result<(), Error> {
        let start = self.position;
        if self.open.len() >= self.limits.depth {
            let detail = format!("elements are nested deeper than {}", self.limits.depth);
            return Err(self.fault(ErrorKind::LimitDepth, detail));
        }
        self.position += 1;
        let name = self.name()?;
        let empty = self.attribute_list()?;
        let bindings = self.scope.bindings.len();
        let node = self.element(start, name)?;
        self.open.push(Open { node, name, bindings });
        if empty { self.close() } else { Ok(()) }
    }

    /// `</name >`.
    pub(super) fn end_tag(&mut self) -> Result<(), Error> {
        let expected = self.open.last().map_or(&[][..], |open| self.name_bytes(open.name));
        let rest = self.bytes.get(self.position + 2..).unwrap_or_default();
        // A longer name would go on with another byte than these.
        let ends = rest.get(expected.len()).is_some_and(|byte| matches!(byte, b'>' | b' ' | b'\t' | b'\n' | b'\r'));
        if !ends || !rest.starts_with(expected) {
            let expected = String::from_utf8_lossy(expected);
            return Err(self.fault(ErrorKind::Syntax, format!("the end tag of <{}> was expected", shown(&expected))));
        }
        self.position += 2 + expected.len();
        self.skip_space();
        self.expect(b'>', "the end tag does not end")?;
        self.close()
    }

    /// Leaves the innermost element; the position is behind its last byte.
    fn close(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let behind = self.tree.nodes.len() as u32;
        if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
            node.end = behind;
            if let Kind::Element(data) = &mut node.kind {
                data.end = self.position as u32;
            }
        }
        self.scope.bindings.truncate(open.bindings);
        Ok(())
    }

    /// Reads the attributes into `scope.attributes`, namespace declarations included; whether the tag ended in `/>`.
    fn attribute_list(&mut self) -> Result<bool, Error> {
        self.scope.attributes.clear();
        let most = self.limits.attributes + self.limits.namespaces;
        loop {
            let spaced = self.skip_space();
            match self.peek() {
                Some(b'>') => {
                    self.position += 1;
                    return Ok(false);
                }
                Some(b'/') => {
                    self.position += 1;
                    self.expect(b'>', "a slash stands inside a tag")?;
                    return Ok(true);
                }
                None => return Err(self.fault(ErrorKind::Syntax, "the document ends inside a tag")),
                Some(_) if !spaced => {
                    return Err(self.fault(ErrorKind::Syntax, "white space is missing before an attribute"));
                }
                Some(_) => {}
            }
            if self.scope.attributes.len() >= most {
                let detail = format!("an element has more than {most} attributes and namespace declarations");
                return Err(self.fault(ErrorKind::LimitAttributes, detail));
            }
            let name = self.name()?;
            self.skip_space();
            self.expect(b'=', "an attribute has no value")?;
            self.skip_space();
            let value = self.value()?;
            self.scope.attributes.push(Written { name, value, declares: self.declared_prefix(name) });
        }
    }

    /// XML 1.0 §3.3.3: the value as if declared CDATA.
    fn value(&mut self) -> Result<Span, Error> {
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            return Err(self.fault(ErrorKind::Syntax, "an attribute value has no quotes"));
        };
        self.position += 1;
        let start = self.position;
        let mut run = start;
        let mut decoded: Option<u32> = None;
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            self.position += names::until(rest, |b| (b == quote) | names::needs_look(b));
            let c = match self.peek() {
                None => return Err(self.fault(ErrorKind::Syntax, "the document ends inside an attribute")),
                Some(byte) if byte == quote => break,
                Some(b'<') => return Err(self.fault(ErrorKind::Syntax, "'<' may not stand in an attribute")),
                Some(b'&' | b'\t' | b'\n' | b'\r') => {
                    decoded = decoded.or(Some(self.tree.decoded.len() as u32));
                    self.tree.decoded.push_str(self.source.get(run..self.position).unwrap_or_default());
                    self.normalised()?
                }
                Some(_) => {
                    self.permitted()?;
                    continue;
                }
            };
            self.tree.decoded.push(c);
            run = self.position;
        }
        let end = self.position;
        self.position += 1;
        if end - start > MAX_VALUE {
            let detail = format!("an attribute value has {} bytes; {MAX_VALUE} are taken", end - start);
            return Err(Error::new(ErrorKind::LimitAttributes, start, detail));
        }
        let Some(from) = decoded else {
            return Ok(Span { start: start as u32, end: end as u32, decoded: false });
        };
        self.tree.decoded.push_str(self.source.get(run..end).unwrap_or_default());
        Ok(Span { start: from, end: self.tree.decoded.len() as u32, decoded: true })
    }

    /// The character that a reference, or white space in a value, stands for.
    fn normalised(&mut self) -> Result<char, Error> {
        if self.peek() == Some(b'&') {
            return self.reference();
        }
        self.position += if self.at("\r\n") { 2 } else { 1 };
        Ok(' ')
    }

    /// Namespaces in XML §4: `NCName` or `NCName:NCName`.
    fn name(&mut self) -> Result<Name, Error> {
        let start = self.position;
        self.ncname()?;
        let mut colon = 0;
        if self.peek() == Some(b':') {
            self.position += 1;
            colon = self.position - start;
            self.ncname()?;
        }
        let len = self.position - start;
        if len > self.limits.name.min(usize::from(u16::MAX)) {
            let detail = format!("a name has {len} bytes; {} are taken", self.limits.name);
            return Err(Error::new(ErrorKind::LimitName, start, detail));
        }
        if self.peek() == Some(b':') {
            return Err(Error::new(ErrorKind::Namespace, start, "a name has two colons"));
        }
        Ok(Name { start: start as u32, colon: colon as u16, len: len as u16 })
    }

    fn ncname(&mut self) -> Result<(), Error> {
        let start = self.position;
        if self.peek().is_some_and(|byte| names::class(byte) & START != 0) {
            let rest = self.bytes.get(start..).unwrap_or_default();
            self.position += rest.iter().position(|b| names::class(*b) & INSIDE == 0).unwrap_or(rest.len());
        }
        if self.peek().is_some_and(|byte| !byte.is_ascii()) {
            self.ncname_beyond_ascii(start);
        }
        if self.position == start {
            return Err(self.fault(ErrorKind::Syntax, "a name was expected here"));
        }
        Ok(())
    }

    #[cold]
    fn ncname_beyond_ascii(&mut self, start: usize) {
        let rest = self.source.get(self.position..).unwrap_or_default();
        for c in rest.chars() {
            let fits = if self.position == start { names::starts_name(c) } else { names::inside_name(c) };
            if !fits {
                return;
            }
            self.position += c.len_utf8();
        }
    }

    /// Puts the element into the tree: its declarations first, then what they resolve.
    fn element(&mut self, start: usize, name: Name) -> Result<u32, Error> {
        let node = self.tree.nodes.len() as u32;
        let declarations = self.tree.declarations.len();
        let attributes = self.tree.attributes.len();
        let written = std::mem::take(&mut self.scope.attributes);
        for attribute in &written {
            if let Some(prefix) = attribute.declares {
                self.declare(prefix, attribute, declarations)?;
            }
        }
        let (prefix, namespace) = self.bound(name, true)?;
        for attribute in written.iter().filter(|attribute| attribute.declares.is_none()) {
            self.attribute(attribute, attributes, node)?;
        }
        self.scope.attributes = written;
        let data = ElementData {
            name,
            prefix,
            namespace,
            start: start as u32,
            end: 0,
            attributes: attributes as u32,
            declarations: declarations as u32,
            attribute_count: (self.tree.attributes.len() - attributes) as u16,
            declaration_count: (self.tree.declarations.len() - declarations) as u16,
        };
        let parent = self.open.last().map_or(NO_NODE, |open| open.node);
        self.tree.nodes.push(Node { parent, end: node + 1, kind: Kind::Element(data) });
        self.count_nodes()?;
        Ok(node)
    }

    /// Takes a namespace declaration into scope. `first`: the element's first one.
    fn declare(&mut self, prefix_name: Name, written: &Written, first: usize) -> Result<(), Error> {
        let at = written.name.start as usize;
        let prefix_text = self.name_text(prefix_name);
        let uri = self.span_text(written.value);
        let fault = match (prefix_text, uri) {
            ("xmlns", _) => Some("the prefix xmlns may not be declared"),
            ("xml", ns::XML) => return Ok(()),
            ("xml", _) => Some("the prefix xml may not be declared as another namespace"),
            (_, ns::XML | ns::XMLNS) => Some("the namespaces of xml and xmlns may have no other prefix"),
            ("", "") => None,
            (_, "") => Some("a prefix may not be undeclared"),
            // A name that is known has been looked at.
            _ if self.known_namespace(uri.as_bytes()).is_some() => None,
            _ => names::namespace_fault(uri),
        };
        if let Some(fault) = fault {
            let detail = format!("xmlns:{}=\"{}\": {fault}", shown(prefix_text), shown(uri));
            return Err(Error::new(ErrorKind::Namespace, at, detail));
        }
        let undeclares = uri.is_empty();
        let prefix = if prefix_name.len == 0 { NO_SYMBOL } else { self.prefix_symbol(prefix_name)? };
        let namespace = if undeclares { NO_SYMBOL } else { self.namespace_symbol(written.value, at)? };
        let own = self.tree.declarations.get(first..).unwrap_or_default();
        if own.iter().any(|declared| declared.prefix == prefix) {
            return Err(Error::new(ErrorKind::DuplicateAttribute, at, "a prefix is declared twice on one element"));
        }
        if own.len() >= self.limits.namespaces || self.scope.bindings.len() >= MAX_SYMBOLS {
            return Err(Error::new(ErrorKind::LimitNamespaces, at, "too many namespace declarations"));
        }
        self.tree.declarations.push(Declaration { prefix, namespace });
        self.scope.bindings.push(Binding { name: prefix_name, prefix, namespace });
        Ok(())
    }

    /// The prefix that an attribute declares, as a name in the source; `None` for an attribute that declares nothing.
    fn declared_prefix(&self, name: Name) -> Option<Name> {
        let default = name.colon == 0 && name.len == 5;
        if !(default || name.colon == 6) || !self.name_bytes(name).starts_with(b"xmlns") {
            return None;
        }
        let len = if default { 0 } else { name.len - name.colon };
        Some(Name { start: name.start + u32::from(name.colon), colon: 0, len })
    }

    /// Resolves an attribute and puts it into the tree. `first`: the element's first one.
    fn attribute(&mut self, written: &Written, first: usize, node: u32) -> Result<(), Error> {
        let Written { name, value, .. } = *written;
        let (prefix, namespace) = self.bound(name, false)?;
        let local = self.local_bytes(name);
        let own = self.tree.attributes.get(first..).unwrap_or_default();
        // Namespaces in XML §6.3: neither the same qualified nor the same expanded name.
        if own.iter().any(|other| other.namespace == namespace && self.local_bytes(other.name) == local) {
            let detail = format!("the attribute {} stands twice on one element", shown(self.name_text(name)));
            return Err(Error::new(ErrorKind::DuplicateAttribute, name.start as usize, detail));
        }
        if own.len() >= self.limits.attributes {
            let detail = format!("an element has more than {} attributes", self.limits.attributes);
            return Err(Error::new(ErrorKind::LimitAttributes, name.start as usize, detail));
        }
        let is_id = match namespace {
            NO_SYMBOL => IDS.contains(&local),
            XML_SYMBOL => local == b"id",
            _ => local == b"Id" && self.namespace_text(namespace) == ns::WSU,
        };
        if is_id {
            self.tree.ids.push((value, node));
        }
        self.tree.attributes.push(AttributeData { name, prefix, namespace, value });
        Ok(())
    }

    /// The symbols of a name's prefix and namespace. Unprefixed elements are in the default namespace, attributes in none.
    fn bound(&self, name: Name, element: bool) -> Result<(u16, u16), Error> {
        if name.colon == 0 && !element {
            return Ok((NO_SYMBOL, NO_SYMBOL));
        }
        let prefix = self.name_bytes(name).get(..usize::from(name.colon.saturating_sub(1))).unwrap_or_default();
        let found = self
            .scope
            .bindings
            .iter()
            .rev()
            .find(|b| usize::from(b.name.len) == prefix.len() && self.name_bytes(b.name) == prefix);
        if let Some(binding) = found {
            return Ok((binding.prefix, binding.namespace));
        }
        match self.prefix_text(name) {
            "" => Ok((NO_SYMBOL, NO_SYMBOL)),
            "xml" => Ok((XML_SYMBOL, XML_SYMBOL)),
            prefix => {
                let detail = format!("the prefix {} is not declared", shown(prefix));
                Err(Error::new(ErrorKind::Namespace, name.start as usize, detail))
            }
        }
    }

    fn prefix_symbol(&mut self, name: Name) -> Result<u16, Error> {
        let text = self.name_bytes(name);
        let span = Span { start: name.start, end: name.start + u32::from(name.len), decoded: false };
        let known = self.tree.prefixes.iter().skip(2).position(|known| self.span_bytes(*known) == text);
        intern(known, &mut self.tree.prefixes, span, name.start as usize)
    }

    fn namespace_symbol(&mut self, value: Span, at: usize) -> Result<u16, Error> {
        let known = self.known_namespace(self.span_bytes(value));
        intern(known, &mut self.tree.namespaces, value, at)
    }

    fn known_namespace(&self, name: &[u8]) -> Option<usize> {
        self.tree.namespaces.iter().skip(2).position(|known| self.span_bytes(*known) == name)
    }

    fn name_bytes(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        self.bytes.get(start..start + usize::from(name.len)).unwrap_or_default()
    }

    fn span_bytes(&self, span: Span) -> &[u8] {
        let text = if span.decoded { self.tree.decoded.as_bytes() } else { self.bytes };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn name_text(&self, name: Name) -> &str {
        let start = name.start as usize;
        self.source.get(start..start + usize::from(name.len)).unwrap_or_default()
    }

    fn local_bytes(&self, name: Name) -> &[u8] {
        self.name_bytes(name).get(usize::from(name.colon)..).unwrap_or_default()
    }

    fn prefix_text(&self, name: Name) -> &str {
        self.name_text(name).get(..usize::from(name.colon.saturating_sub(1))).unwrap_or_default()
    }

    fn namespace_text(&self, symbol: u16) -> &str {
        self.tree.namespaces.get(usize::from(symbol)).map_or("", |span| self.span_text(*span))
    }

    fn span_text(&self, span: Span) -> &str {
        let text = if span.decoded { self.tree.decoded.as_str() } else { self.source };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// The symbol of a text: its place behind the two fixed ones. A new one is added.
fn intern(known: Option<usize>, table: &mut Vec<Span>, span: Span, at: usize) -> Result<u16, Error> {
    let index = known.map_or(table.len(), |index| index + 2);
    if index >= MAX_SYMBOLS {
        return Err(Error::new(ErrorKind::LimitNamespaces, at, "too many different prefixes or namespaces"));
    }
    if known.is_none() {
        table.push(span);
    }
    Ok(index as u16)
}

/// A piece of the message for an error's text: short, control characters escaped.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

/// The attributes without namespace that common stacks treat as ids (WSS 1.1 §4, SAML 2.0 and 1.1, XML Encryption,
/// XPointer defaults of the libraries).
const IDS: [&[u8]; 6] = [b"Id", b"ID", b"id", b"AssertionID", b"RequestID", b"ResponseID"];
/// Different prefixes, different namespaces, and bindings in scope at one place: their search is linear.
const MAX_SYMBOLS: usize = 256;
/// The longest attribute value, in bytes of the source.
const MAX_VALUE: usize = 32 * 1024;
