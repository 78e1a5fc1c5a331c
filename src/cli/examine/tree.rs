//! A second, forgiving reading of a message: what the strict reader drops or refuses (comments,
//! processing instructions, how a value was written) is kept here.
//!
//! For finding out what happened to a message, on the command line only. Nothing that is read here
//! is ever believed: verdicts come from [`wire::xml`](crate::wire::xml), the one reader of the
//! doors.

use std::ops::Range;

/// An element, a text or something else, by its place in [`Tree`].
pub type NodeId = usize;

/// All nodes of a document, in document order.
#[derive(Debug)]
pub struct Tree {
    pub source: String,
    nodes: Vec<Node>,
}

#[derive(Debug)]
pub struct Node {
    pub parent: Option<NodeId>,
    /// Where it stands in the document.
    pub range: Range<usize>,
    pub kind: Kind,
    pub children: Vec<NodeId>,
}

#[derive(Debug)]
pub enum Kind {
    Element(Tag),
    /// Character data, decoded.
    Text(String),
    /// With its delimiters, as written.
    Comment(String),
    /// With its delimiters, as written.
    Instruction(String),
}

#[derive(Debug, Default)]
pub struct Tag {
    /// As written, with its prefix.
    pub name: String,
    /// As written, declarations left out.
    pub attributes: Vec<Attribute>,
    /// Prefix (empty: the default) and namespace name.
    pub declarations: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Attribute {
    /// As written, with its prefix.
    pub name: String,
    /// Normalised as XML demands (XML 1.0 §3.3.3).
    pub value: String,
    /// With the line ends and tabs that normalisation takes away.
    pub unnormalised: String,
}

/// The two parts of a name as written.
pub fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

impl Tree {
    /// Reads a document; `None` where that leads nowhere: it is no XML, or beyond the limits here.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let source = std::str::from_utf8(bytes).ok()?.to_owned();
        let mut reader = Reader { nodes: Vec::new(), open: Vec::new() };
        reader.run(&source)?;
        let tree = Self { source, nodes: reader.nodes };
        tree.root()?;
        Some(tree)
    }

    pub fn root(&self) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.parent.is_none() && matches!(node.kind, Kind::Element(_)))
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    pub fn tag(&self, id: NodeId) -> Option<&Tag> {
        match &self.nodes.get(id)?.kind {
            Kind::Element(tag) => Some(tag),
            _ => None,
        }
    }

    /// All elements, in document order.
    pub fn elements(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.nodes.len()).filter(|id| self.tag(*id).is_some())
    }

    /// `id` and all elements inside it.
    pub fn inside(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let range = self.node(id).map(|node| node.range.clone()).unwrap_or_default();
        self.elements().filter(move |other| {
            self.node(*other).is_some_and(|node| range.start <= node.range.start && node.range.end <= range.end)
        })
    }

    pub fn children(&self, id: NodeId) -> &[NodeId] {
        self.nodes.get(id).map(|node| node.children.as_slice()).unwrap_or_default()
    }

    pub fn child_elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(id).iter().copied().filter(|child| self.tag(*child).is_some())
    }

    /// The child with this name.
    pub fn child(&self, id: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        self.child_elements(id).find(|child| self.is(*child, namespace, local))
    }

    pub fn is(&self, id: NodeId, namespace: &str, local: &str) -> bool {
        self.tag(id).is_some_and(|tag| {
            let (prefix, name) = split(&tag.name);
            name == local && self.bound(id, prefix).unwrap_or_default() == namespace
        })
    }

    pub fn lineage(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(id), |id| self.nodes.get(*id)?.parent)
    }

    /// The namespace that a prefix is bound to at an element.
    pub fn bound(&self, id: NodeId, prefix: &str) -> Option<&str> {
        let mut tags = self.lineage(id).filter_map(|id| self.tag(id));
        tags.find_map(|tag| tag.declarations.iter().find(|(own, _)| own == prefix)).map(|(_, name)| name.as_str())
    }

    /// Every prefix that is bound at an element, with its namespace; nearest declaration first.
    pub fn in_scope(&self, id: NodeId) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for tag in self.lineage(id).filter_map(|id| self.tag(id)) {
            for (prefix, name) in &tag.declarations {
                if !found.iter().any(|(known, _)| known == prefix) {
                    found.push((prefix.clone(), name.clone()));
                }
            }
        }
        found.retain(|(_, name)| !name.is_empty());
        found
    }

    /// The value of an attribute by its name as written.
    pub fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        let attributes = &self.tag(id)?.attributes;
        attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    /// All character data inside.
    pub fn text(&self, id: NodeId) -> String {
        let own = self.children(id).iter().filter_map(|child| match &self.node(*child)?.kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        own.collect()
    }

    /// The element's values of all attributes that some stack takes for an id.
    pub fn ids(&self, id: NodeId) -> impl Iterator<Item = &str> {
        let attributes = self.tag(id).map(|tag| tag.attributes.as_slice()).unwrap_or_default();
        attributes.iter().filter(|attribute| is_id(&attribute.name)).map(|attribute| attribute.value.as_str())
    }

    /// The elements with this id.
    pub fn by_id<'t>(&'t self, value: &'t str) -> impl Iterator<Item = NodeId> + 't {
        self.elements().filter(move |id| self.ids(*id).any(|own| own == value))
    }

    /// Where an element stands, for people: `/soap:Envelope/soap:Body`.
    pub fn path(&self, id: NodeId) -> String {
        let mut steps: Vec<&str> =
            self.lineage(id).filter_map(|id| self.tag(id)).map(|tag| tag.name.as_str()).collect();
        steps.reverse();
        steps.iter().map(|step| format!("/{step}")).collect()
    }

    pub fn name(&self, id: NodeId) -> &str {
        self.tag(id).map(|tag| tag.name.as_str()).unwrap_or_default()
    }

    /// The bytes of a node as they stand in the document.
    pub fn written(&self, id: NodeId) -> &str {
        self.node(id).and_then(|node| self.source.get(node.range.clone())).unwrap_or_default()
    }
}

fn is_id(name: &str) -> bool {
    let (prefix, local) = split(name);
    match prefix {
        "" => matches!(local, "Id" | "ID" | "id" | "AssertionID" | "RequestID" | "ResponseID"),
        "xml" => local == "id",
        _ => local == "Id",
    }
}

struct Reader {
    nodes: Vec<Node>,
    open: Vec<NodeId>,
}

impl Reader {
    fn run(&mut self, source: &str) -> Option<()> {
        let mut at = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        while at < source.len() {
            let rest = source.get(at..)?;
            let length = if let Some(behind) = rest.strip_prefix("<!--") {
                let length = behind.find("-->")? + "<!---->".len();
                self.push(Kind::Comment(rest.get(..length)?.to_owned()), at..at + length)?;
                length
            } else if let Some(behind) = rest.strip_prefix("<![CDATA[") {
                let end = behind.find("]]>")?;
                let length = end + "<![CDATA[]]>".len();
                self.text(line_ends(behind.get(..end)?), at..at + length)?;
                length
            } else if rest.starts_with("<?") {
                let length = rest.find("?>")? + "?>".len();
                // The XML declaration is no node.
                if at > 3 || !rest.starts_with("<?xml") {
                    self.push(Kind::Instruction(rest.get(..length)?.to_owned()), at..at + length)?;
                }
                length
            } else if rest.starts_with("<!") {
                doctype_length(rest)?
            } else if let Some(behind) = rest.strip_prefix("</") {
                let length = behind.find('>')? + "</>".len();
                let closed = self.open.pop()?;
                self.nodes.get_mut(closed)?.range.end = at + length;
                length
            } else if rest.starts_with('<') {
                self.start_tag(rest, at)?
            } else {
                let length = rest.find('<').unwrap_or(rest.len());
                self.text(decoded(&line_ends(rest.get(..length)?)), at..at + length)?;
                length
            };
            at += length;
        }
        self.open.is_empty().then_some(())
    }

    fn push(&mut self, kind: Kind, range: Range<usize>) -> Option<NodeId> {
        if self.nodes.len() >= MOST_NODES || self.open.len() >= MOST_LEVELS {
            return None;
        }
        let id = self.nodes.len();
        let parent = self.open.last().copied();
        self.nodes.push(Node { parent, range, kind, children: Vec::new() });
        if let Some(parent) = parent {
            self.nodes.get_mut(parent)?.children.push(id);
        }
        Some(id)
    }

    /// Texts that only a CDATA section or a reference parts are one.
    fn text(&mut self, text: String, range: Range<usize>) -> Option<()> {
        let Some(parent) = self.open.last().copied() else { return Some(()) };
        let last = self.nodes.get(parent)?.children.last().copied();
        if let Some(Node { kind: Kind::Text(known), range: whole, .. }) = last.and_then(|id| self.nodes.get_mut(id)) {
            known.push_str(&text);
            whole.end = range.end;
            return Some(());
        }
        if !text.is_empty() {
            self.push(Kind::Text(text), range)?;
        }
        Some(())
    }

    /// The length of the start tag at the beginning of `rest`.
    fn start_tag(&mut self, rest: &str, at: usize) -> Option<usize> {
        let mut tag = Tag::default();
        let inner = rest.get(1..)?;
        let end = inner.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')?;
        tag.name = inner.get(..end)?.to_owned();
        let mut position = 1 + end;
        loop {
            let here = rest.get(position..)?;
            let trimmed = here.trim_start_matches([' ', '\t', '\r', '\n']);
            position += here.len() - trimmed.len();
            if trimmed.starts_with("/>") {
                position += 2;
                self.push(Kind::Element(tag), at..at + position)?;
                return Some(position);
            }
            if trimmed.starts_with('>') {
                position += 1;
                let id = self.push(Kind::Element(tag), at..at + position)?;
                self.open.push(id);
                return Some(position);
            }
            position += attribute(trimmed, &mut tag)?;
        }
    }
}

/// Reads one attribute or declaration, and returns its length.
fn attribute(text: &str, tag: &mut Tag) -> Option<usize> {
    let equals = text.find('=')?;
    let name = text.get(..equals)?.trim_end();
    let behind = text.get(equals + 1..)?;
    let value = behind.trim_start_matches([' ', '\t', '\r', '\n']);
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let raw = value.get(1..)?;
    let end = raw.find(quote)?;
    let raw = raw.get(..end)?;
    let unnormalised = decoded(&line_ends(raw));
    let normal = decoded(&line_ends(raw).replace(['\t', '\n', '\r'], " "));
    match name.strip_prefix("xmlns") {
        Some("") => tag.declarations.push((String::new(), normal)),
        Some(prefix) if prefix.starts_with(':') => {
            tag.declarations.push((prefix.trim_start_matches(':').to_owned(), normal));
        }
        _ => tag.attributes.push(Attribute { name: name.to_owned(), value: normal, unnormalised }),
    }
    Some(equals + 1 + (behind.len() - value.len()) + 1 + end + 1)
}

/// XML 1.0 §2.11: line ends are LF once read.
fn line_ends(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// With the predefined entities and character references replaced; others stay as written.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once(';') else {
            out.push('&');
            rest = after;
            continue;
        };
        match character(name) {
            Some(character) => out.push(character),
            None => out.push_str(&format!("&{name};")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// From `<!DOCTYPE` to its `>`; declarations between brackets are passed over.
fn doctype_length(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, character) in rest.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// As many as the strict reader takes.
const MOST_NODES: usize = 40_000;
const MOST_LEVELS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_strict_reader_drops_is_kept() {
        let tree = Tree::read(
            b"\xef\xbb\xbf<?xml version='1.0'?><!DOCTYPE a [<!ELEMENT a ANY>]><a:b xmlns:a='urn:a' c=\"1\n2\">x<!--y--><![CDATA[<]]>&amp;&#65;<?p i?><c/></a:b>",
        )
        .unwrap();
        let root = tree.root().unwrap();
        assert_eq!(tree.name(root), "a:b");
        assert!(tree.is(root, "urn:a", "b"));
        assert_eq!(tree.text(root), "x<&A");
        assert_eq!(tree.attribute(root, "c"), Some("1 2"));
        assert_eq!(tree.tag(root).unwrap().attributes[0].unnormalised, "1\n2");
        assert_eq!(tree.children(root).len(), 5);
        let child = tree.child(root, "", "c").unwrap();
        assert_eq!((tree.path(child).as_str(), tree.written(child)), ("/a:b/c", "<c/>"));
    }

    #[test]
    fn what_is_no_document_leads_nowhere() {
        for text in ["", "<a>", "<a", "</a>", "<a b=c/>", "<a><b></a>x", "<!--", "<!DOCTYPE a [", "<a b='1/>"] {
            assert!(Tree::read(text.as_bytes()).is_none_or(|tree| tree.root().is_some()), "{text}");
        }
        assert!(Tree::read(&[0xff, 0xfe]).is_none());
        assert!(Tree::read("<a>".repeat(MOST_LEVELS + 2).as_bytes()).is_none());
    }
}
