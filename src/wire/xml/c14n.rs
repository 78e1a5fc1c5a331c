//! Exclusive XML Canonicalization 1.0, without comments: an element in, the bytes that were signed out.
//!
//! Follows <http://www.w3.org/TR/xml-exc-c14n/> §3; the tree has no comments and no processing instructions, and no
//! namespace name that would need escaping. One pass in document order; what is rendered of the namespaces is a
//! table by prefix symbol, undone element by element.
//!
//! Most of what is signed stands in the message in its canonical form already: whoever signed it has made it so. The
//! scanner has noted of each tag, text and whole element whether it does ([`PLAIN_START`] and its like); such pieces
//! are not written but taken from the source, and pieces that stand beside each other there are taken together, often
//! a whole Body at once, which then is digested where it stands. What is not plain is written piece by piece; both ways
//! are compared with each other, and with other libraries, on random documents.

use std::ops::Range;

use super::sink::{Counted, declare, escape_text, escape_value};
use super::tree::{
    AttributeData, Document, EMPTY_TAG, Element, ElementData, IN_ORDER, Kind, MAX_SYMBOLS, NO_SYMBOL, Node, NodeId,
    PLAIN_ATTRIBUTES, PLAIN_END, PLAIN_START, Span, XML_SYMBOL,
};
use super::whole::{Prefixes, only};
use super::{Error, ErrorKind};

pub use super::sink::Sink;

/// How to canonicalise.
#[derive(Debug, Clone, Copy)]
pub struct Exclusive<'a> {
    /// The `InclusiveNamespaces/@PrefixList`; `#default` names the default namespace.
    pub prefixes: &'a [&'a str],
    /// Left out with all it contains: the Signature, where the transform is enveloped-signature.
    pub omit: Option<NodeId>,
    /// The most that may be written, in bytes.
    pub limit: usize,
}

impl Default for Exclusive<'_> {
    fn default() -> Self {
        Self { prefixes: &[], omit: None, limit: super::Limits::default().canonical }
    }
}

/// Writes the exclusive canonical form of `apex` and all inside it; returns its length in bytes.
///
/// # Errors
/// When the form exceeds the limit. What was written then is of no use.
pub fn exclusive(apex: Element<'_>, how: &Exclusive<'_>, out: &mut impl Sink) -> Result<usize, Error> {
    Canonicalizer::new(apex, how, out).run(apex, false)
}

/// As [`exclusive`], and as the STR-Transform wants it (WSS 1.1 §8.3): `#default` counts as listed, and an apex without
/// default namespace says `xmlns=""`.
///
/// # Errors
/// As for [`exclusive`].
pub fn exclusive_of_token(apex: Element<'_>, how: &Exclusive<'_>, out: &mut impl Sink) -> Result<usize, Error> {
    let mut canonicalizer = Canonicalizer::new(apex, how, out);
    canonicalizer.include(NO_SYMBOL);
    canonicalizer.run(apex, true)
}

struct Canonicalizer<'d, 'o, S> {
    document: &'d Document,
    omit: Option<NodeId>,
    out: Counted<'o, S>,
    /// The piece of the source that comes next in `out`, and may go on.
    taken: Range<usize>,
    /// The most that may be written.
    most: usize,
    /// By prefix symbol: the namespace that the output has it bound to here, or [`UNRENDERED`].
    rendered: [u16; MAX_SYMBOLS],
    known: Known,
    /// By prefix symbol: whether it stands in the PrefixList.
    inclusive: [bool; MAX_SYMBOLS],
    /// What to restore in `rendered`: prefix and what it was.
    undo: Vec<(u16, u16)>,
    open: Vec<OpenElement<'d>>,
    /// Reused: the declarations of one start tag.
    declarations: Vec<(u16, u16)>,
    /// The declaration that was last written alone; and how, once it was asked for again: siblings often need the same.
    last: Option<(u16, u16)>,
    last_written: Vec<u8>,
}

/// What is known of `rendered`, as sets; for [`ElementData::stands`].
#[derive(Clone, Copy)]
struct Known {
    /// Bound in the output as it is bound in the source.
    current: Prefixes,
    /// Not bound in the output at all.
    absent: Prefixes,
}

struct OpenElement<'d> {
    end: u32,
    data: &'d ElementData,
    undo: usize,
    known: Known,
}

impl<'d, 'o, S: Sink> Canonicalizer<'d, 'o, S> {
    fn new(apex: Element<'d>, how: &Exclusive<'_>, out: &'o mut S) -> Self {
        let document = apex.document();
        let prefixes = document.tree.prefixes.len();
        let mut rendered = [UNRENDERED; MAX_SYMBOLS];
        // No output has a default namespace before one is written.
        rendered[usize::from(NO_SYMBOL)] = NO_SYMBOL;
        let mut canonicalizer = Self {
            document,
            omit: how.omit,
            out: Counted { sink: out, written: 0 },
            taken: 0..0,
            most: how.limit,
            rendered,
            known: Known { current: 0, absent: Prefixes::MAX },
            inclusive: [false; MAX_SYMBOLS],
            undo: Vec::with_capacity(32),
            open: Vec::with_capacity(32),
            declarations: Vec::with_capacity(8),
            last: None,
            last_written: Vec::new(),
        };
        for prefix in how.prefixes {
            match *prefix {
                "#default" => canonicalizer.include(NO_SYMBOL),
                _ => {
                    // A prefix that the document never declares has nothing to render.
                    let known = (2..prefixes as u16).find(|symbol| document.prefix(*symbol) == *prefix);
                    known.into_iter().for_each(|symbol| canonicalizer.include(symbol));
                }
            }
        }
        canonicalizer
    }

    fn include(&mut self, prefix: u16) {
        if let Some(flag) = self.inclusive.get_mut(usize::from(prefix)) {
            *flag = true;
        }
    }

    /// `says_default`: whether the apex writes `xmlns=""` even where nothing calls for it.
    fn run(mut self, apex: Element<'d>, says_default: bool) -> Result<usize, Error> {
        let document = self.document;
        let nodes = &document.tree.nodes;
        let mut next = apex.index;
        let end = nodes.get(next as usize).map_or(next, |node| node.end);
        while next < end {
            self.close_before(next);
            let Some(node) = nodes.get(next as usize) else { break };
            if self.omit == Some(NodeId(next)) {
                next = node.end;
                continue;
            }
            match &node.kind {
                Kind::Text(span) => self.text(*span),
                Kind::Element(data) if next != apex.index && self.stands(data, next, node.end) => {
                    self.take(data.start, data.end);
                    // The rest of the subtree is taken with it.
                    next = node.end - 1;
                }
                Kind::Element(data) => {
                    let (undo, known) = (self.undo.len(), self.known);
                    self.declarations.clear();
                    if next == apex.index {
                        self.include_inherited(apex, says_default);
                    }
                    self.start_tag(data);
                    self.open.push(OpenElement { end: node.end, data, undo, known });
                }
            }
            if self.out.written + self.taken.len() > self.most {
                return Err(too_long(node));
            }
            next += 1;
        }
        self.close_before(end);
        self.write_taken();
        match nodes.get(apex.index as usize) {
            Some(node) if self.out.written > self.most => Err(too_long(node)),
            _ => Ok(self.out.written),
        }
    }

    /// Whether the element at `node`, whose subtree ends at `end`, can be taken as it stands.
    #[inline]
    fn stands(&self, data: &ElementData, node: u32, end: u32) -> bool {
        let omits = self.omit.is_some_and(|NodeId(omitted)| (node..end).contains(&omitted));
        !omits && data.stands(self.known.current, self.known.absent)
    }

    /// Takes a piece of the source as it stands.
    #[inline]
    fn take(&mut self, start: u32, end: u32) {
        if self.taken.end != start as usize {
            self.write_taken();
            self.taken.start = start as usize;
        }
        self.taken.end = end as usize;
    }

    /// Writes what was taken. Whatever is written otherwise comes behind it.
    fn write_taken(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        self.out.write(self.document.bytes().get(taken).unwrap_or_default());
    }

    #[inline]
    fn text(&mut self, span: Span) {
        if span.plain {
            return self.take(span.start, span.end);
        }
        self.write_taken();
        escape_text(self.document.resolve(span), &mut self.out);
    }

    /// Writes the end tags of the elements that end before node `next`.
    #[inline]
    fn close_before(&mut self, next: u32) {
        while let Some(open) = self.open.pop_if(|open| open.end <= next) {
            self.end_tag(open.data);
            self.known = open.known;
            while self.undo.len() > open.undo {
                let Some((prefix, before)) = self.undo.pop() else { break };
                if let Some(state) = self.rendered.get_mut(usize::from(prefix)) {
                    *state = before;
                }
            }
        }
    }

    #[inline]
    fn end_tag(&mut self, data: &ElementData) {
        if data.form & PLAIN_END != 0 {
            let len = "</>".len() as u32 + u32::from(data.name.len);
            return self.take(data.end - len, data.end);
        }
        self.write_taken();
        self.out.write(b"</");
        self.out.write(data.name.whole(self.document).as_bytes());
        self.out.write(b">");
    }

    /// What the PrefixList asks of the apex: all listed prefixes as they are bound there (exc-c14n §3, item 4; below
    /// the apex only an element's own declarations can change one).
    fn include_inherited(&mut self, apex: Element<'d>, says_default: bool) {
        for symbol in 0..self.document.tree.prefixes.len() as u16 {
            if self.inclusive.get(usize::from(symbol)) != Some(&true) {
                continue;
            }
            let lineage = std::iter::once(apex).chain(apex.ancestors());
            let bound = lineage.flat_map(Element::declarations).find(|declared| declared.prefix == symbol);
            if let Some(bound) = bound {
                self.render(symbol, bound.namespace);
            }
        }
        if says_default && !self.declarations.iter().any(|(prefix, _)| *prefix == NO_SYMBOL) {
            self.declarations.push((NO_SYMBOL, NO_SYMBOL));
        }
    }

    #[inline]
    fn start_tag(&mut self, data: &'d ElementData) {
        let document = self.document;
        let attributes = document.tree.attributes_of(data);
        let declared = document.tree.declarations_of(data);
        // Visibly utilised: by the element's name and by its attributes' names.
        self.render(data.prefix, data.namespace);
        if data.form & PLAIN_ATTRIBUTES == 0 {
            for attribute in attributes.iter().filter(|attribute| attribute.prefix != NO_SYMBOL) {
                self.render(attribute.prefix, attribute.namespace);
            }
        }
        for declared in declared {
            if self.inclusive.get(usize::from(declared.prefix)) == Some(&true) {
                self.render(declared.prefix, declared.namespace);
            }
        }
        // Each prefix is rendered once, and declared once: of two lists of one length, each holds the other's.
        let same = self.declarations.len() == declared.len()
            && declared.iter().all(|own| self.declarations.contains(&(own.prefix, own.namespace)));
        for declared in declared {
            let bound = self.rendered.get(usize::from(declared.prefix)) == Some(&declared.namespace);
            self.known.current &= if bound { Prefixes::MAX } else { !only(declared.prefix).unwrap_or_default() };
        }
        if data.form & PLAIN_START == 0 || !(same || declared.is_empty()) {
            return self.write_start_tag(data, attributes);
        }
        let behind_name = data.start + 1 + u32::from(data.name.len);
        self.take(data.start, behind_name);
        if !same {
            self.write_taken();
            self.write_declarations();
        }
        let (end, slash) = (data.content - 1, u32::from(data.form & EMPTY_TAG != 0));
        if data.form & IN_ORDER != 0 {
            self.take(behind_name, end - slash);
        } else {
            // Its attributes change places, each with the space before it and the quote behind it.
            let first = attributes.iter().map(|attribute| attribute.name.start).min().unwrap_or(end);
            self.take(behind_name, first - 1);
            for attribute in attributes {
                self.take(attribute.name.start - 1, attribute.value.end + 1);
            }
        }
        self.take(end, data.content);
    }

    /// A start tag that does not stand in the source as it has to be written.
    fn write_start_tag(&mut self, data: &ElementData, attributes: &[AttributeData]) {
        self.take(data.start, data.start + 1 + u32::from(data.name.len));
        self.write_taken();
        self.write_declarations();
        // The tree has them in the order of namespace name, then local name (C14N §2.2).
        for attribute in attributes {
            self.out.write(b" ");
            self.out.write(attribute.name.whole(self.document).as_bytes());
            self.out.write(b"=\"");
            escape_value(self.document.resolve(attribute.value), &mut self.out);
            self.out.write(b"\"");
        }
        self.out.write(b">");
    }

    /// Declares a prefix on the element being written, unless the output has it bound so already.
    #[inline]
    fn render(&mut self, prefix: u16, namespace: u16) {
        if prefix == XML_SYMBOL {
            return;
        }
        // Whoever asks means the binding in scope.
        let one = only(prefix).unwrap_or_default();
        self.known.current |= one;
        if let Some(state) = self.rendered.get_mut(usize::from(prefix)).filter(|state| **state != namespace) {
            self.known.absent &= !one;
            self.undo.push((prefix, *state));
            *state = namespace;
            self.declarations.push((prefix, namespace));
        }
    }

    /// Namespace nodes in the order of their prefixes (C14N §2.2), the default first.
    fn write_declarations(&mut self) {
        let document = self.document;
        if let [alone] = self.declarations.as_slice() {
            if self.last != Some(*alone) {
                self.last = Some(*alone);
                self.last_written.clear();
                return declare(document, *alone, &mut self.out);
            }
            if self.last_written.is_empty() {
                declare(document, *alone, &mut self.last_written);
            }
            return self.out.write(&self.last_written);
        }
        self.declarations.sort_unstable_by_key(|(prefix, _)| document.prefix(*prefix));
        self.declarations.iter().for_each(|declared| declare(document, *declared, &mut self.out));
    }
}

fn too_long(node: &Node) -> Error {
    let offset = match &node.kind {
        Kind::Element(data) => data.start as usize,
        Kind::Text(span) if !span.decoded => span.start as usize,
        Kind::Text(_) => 0,
    };
    Error::new(ErrorKind::LimitCanonicalForm, offset, "the canonical form is longer than is taken")
}

/// The output has no declaration of this prefix in scope.
const UNRENDERED: u16 = u16::MAX;

#[cfg(test)]
mod tests;
