//! The one tree of a document: an arena in document order, values as byte ranges of the source.
//!
//! A node's subtree is the run of nodes from itself to its `end`. Names stay in the source; prefixes and
//! namespace names are interned, so the canonicaliser compares numbers. A value stands in the source where the source
//! says it literally, otherwise in `decoded` (references resolved, line ends normalised).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::scan;
use super::whole::Prefixes;
use super::{Error, Limits};
use crate::wire::ns;

/// A parsed document. Made only by [`Document::parse`], never changed.
pub struct Document {
    pub(super) source: String,
    pub(super) tree: Tree,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// When the bytes are not well-formed XML within what [`super`] accepts, or exceed a limit.
    pub fn parse(bytes: impl Into<Vec<u8>>, limits: &Limits) -> Result<Self, Error> {
        scan::scan(bytes.into(), limits)
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        self.element(NodeId(self.tree.root))
    }

    /// The bytes that were parsed, all of them.
    pub fn bytes(&self) -> &[u8] {
        self.source.as_bytes()
    }

    /// The element with this id. An id of another document yields an element without name and content.
    pub fn element(&self, id: NodeId) -> Element<'_> {
        Element { document: self, index: id.0 }
    }

    /// The elements that carry `value` in any attribute that a common stack treats as an id: `wsu:Id`, `xml:id`,
    /// and without namespace `Id`, `ID`, `id`, `AssertionID`, `RequestID`, `ResponseID`.
    pub fn by_id(&self, value: &str) -> ById<'_> {
        let mut found: Option<u32> = None;
        let mut count = 0usize;
        for (span, node) in &self.tree.ids {
            // One element may say the same id twice, in two attributes; they stand beside each other.
            if found != Some(*node) && self.resolve(*span) == value {
                found = Some(*node);
                count += 1;
            }
        }
        match (found, count) {
            (Some(node), 1) => ById::One(self.element(NodeId(node))),
            (None, _) => ById::None,
            (Some(_), count) => ById::Repeated(count),
        }
    }

    /// The values of an element's ids; see [`by_id`](Self::by_id) for what is one.
    pub fn ids_of(&self, element: Element<'_>) -> impl Iterator<Item = &str> {
        let index = element.index;
        let start = self.tree.ids.partition_point(|(_, node)| *node < index);
        let ids = self.tree.ids.get(start..).unwrap_or_default();
        ids.iter().take_while(move |(_, node)| *node == index).map(|(span, _)| self.resolve(*span))
    }

    /// Whether anything in the document declares this namespace. Without that no element is in it.
    pub fn declares(&self, namespace: &str) -> bool {
        self.tree.namespaces.iter().any(|known| self.resolve(*known) == namespace)
    }

    /// All elements, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        self.root().descendants()
    }

    pub(super) fn resolve(&self, span: Span) -> &str {
        let text = if span.decoded { &self.tree.decoded } else { &self.source };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn prefix(&self, symbol: u16) -> &str {
        match symbol {
            XML_SYMBOL => "xml",
            _ => self.tree.prefixes.get(usize::from(symbol)).map_or("", |span| self.resolve(*span)),
        }
    }

    pub(super) fn namespace(&self, symbol: u16) -> &str {
        match symbol {
            XML_SYMBOL => ns::XML,
            _ => self.tree.namespaces.get(usize::from(symbol)).map_or("", |span| self.resolve(*span)),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {} nodes)", self.source.len(), self.tree.nodes.len())
    }
}

/// What [`Document::by_id`] found.
#[derive(Clone, Copy, Debug)]
pub enum ById<'d> {
    None,
    One(Element<'d>),
    /// So many elements carry this id.
    Repeated(usize),
}

/// An element of one document, as a value that can be kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(super) u32);

/// An element: a handle, as cheap as a reference.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    pub(super) index: u32,
}

impl<'d> Element<'d> {
    pub fn id(self) -> NodeId {
        NodeId(self.index)
    }

    pub fn document(self) -> &'d Document {
        self.document
    }

    /// The namespace name; empty for none.
    pub fn namespace(self) -> &'d str {
        self.document.namespace(self.data().namespace)
    }

    pub fn local_name(self) -> &'d str {
        self.data().name.local(self.document)
    }

    /// The prefix as written; empty for none.
    pub fn prefix(self) -> &'d str {
        self.data().name.prefix(self.document)
    }

    /// The name as written, with its prefix.
    pub fn qualified_name(self) -> &'d str {
        self.data().name.whole(self.document)
    }

    pub fn is(self, namespace: &str, local_name: &str) -> bool {
        self.local_name() == local_name && self.namespace() == namespace
    }

    /// The value of an attribute; `""` names no namespace.
    pub fn attribute(self, namespace: &str, local_name: &str) -> Option<&'d str> {
        self.attributes().find(|a| a.local_name() == local_name && a.namespace() == namespace).map(Attribute::value)
    }

    /// The attributes, without namespace declarations, in the order of a canonical form: by namespace name, then by local
    /// name (C14N §2.2).
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'d>> {
        let document = self.document;
        self.attribute_data().iter().map(move |data| Attribute { document, data })
    }

    /// The element children.
    pub fn children(self) -> Children<'d> {
        Children { document: self.document, next: self.index.saturating_add(1), end: self.end() }
    }

    /// The first child of this name.
    pub fn child(self, namespace: &str, local_name: &str) -> Option<Element<'d>> {
        self.children().find(|child| child.is(namespace, local_name))
    }

    /// The children of this name.
    pub fn children_named<'n>(
        self,
        namespace: &'n str,
        local_name: &'n str,
    ) -> impl Iterator<Item = Element<'d>> + use<'d, 'n> {
        self.children().filter(move |child| child.is(namespace, local_name))
    }

    /// The element itself and all elements inside it, in document order.
    pub fn descendants(self) -> impl Iterator<Item = Element<'d>> {
        let document = self.document;
        (self.index..self.end())
            .map(move |index| Element { document, index })
            .filter(|element| element.document.tree.is_element(element.index))
    }

    pub fn parent(self) -> Option<Element<'d>> {
        let parent = self.document.tree.nodes.get(self.index as usize)?.parent;
        (parent != NO_NODE).then_some(Element { document: self.document, index: parent })
    }

    /// The element's parent, its parent, and so on up to the root.
    pub fn ancestors(self) -> impl Iterator<Item = Element<'d>> {
        std::iter::successors(self.parent(), |element| element.parent())
    }

    /// What stands directly inside, in order. Comments are gone, and neighbouring texts are one.
    pub fn content(self) -> impl Iterator<Item = Content<'d>> {
        let document = self.document;
        let mut next = self.index.saturating_add(1);
        let end = self.end();
        std::iter::from_fn(move || {
            let index = (next < end).then_some(next)?;
            let node = document.tree.nodes.get(index as usize)?;
            next = node.end;
            Some(match node.kind {
                Kind::Element(_) => Content::Element(Element { document, index }),
                Kind::Text(span) => Content::Text(document.resolve(span)),
            })
        })
    }

    /// All character data. `None` when the element has element children: text between elements is nobody's value.
    pub fn text(self) -> Option<Cow<'d, str>> {
        if self.children().next().is_some() {
            return None;
        }
        // The reader joins neighbouring texts, so one without element children has at most one.
        Some(Cow::Borrowed(self.texts().next().unwrap_or_default()))
    }

    /// Whether other than white space stands directly inside.
    pub fn has_character_data(self) -> bool {
        self.texts().any(|text| !text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')))
    }

    /// Where the element stands in the document, from `<` to behind the last `>`.
    pub fn range(self) -> Range<usize> {
        let data = self.data();
        data.start as usize..data.end as usize
    }

    /// The bytes of the element as they stand in the document. Not self-contained: prefixes may be declared outside.
    pub fn source(self) -> &'d str {
        self.document.source.get(self.range()).unwrap_or_default()
    }

    /// Where the element stands, for people: `/soap:Envelope/soap:Body[2]`, prefixes as written.
    pub fn path(self) -> String {
        let mut steps: Vec<String> = std::iter::once(self).chain(self.ancestors()).map(Element::step).collect();
        steps.reverse();
        steps.concat()
    }

    /// Whether `other` is this element or stands inside it.
    pub fn contains(self, other: Element<'_>) -> bool {
        std::ptr::eq(self.document, other.document) && (self.index..self.end()).contains(&other.index)
    }

    /// The namespace name that `prefix` (`""`: the default) is bound to here. `None` when it is bound to none.
    pub fn namespace_of(self, prefix: &str) -> Option<&'d str> {
        if prefix == "xml" {
            return Some(ns::XML);
        }
        let symbol = std::iter::once(self)
            .chain(self.ancestors())
            .flat_map(|element| element.declarations())
            .find(|declaration| self.document.prefix(declaration.prefix) == prefix)?
            .namespace;
        (symbol != NO_SYMBOL).then(|| self.document.namespace(symbol))
    }

    fn step(self) -> String {
        let name = self.qualified_name();
        let Some(parent) = self.parent() else { return format!("/{name}") };
        let twins = || parent.children().filter(|c| c.is(self.namespace(), self.local_name()));
        if twins().nth(1).is_none() {
            return format!("/{name}");
        }
        let position = twins().take_while(|twin| twin.index != self.index).count() + 1;
        format!("/{name}[{position}]")
    }

    fn texts(self) -> impl Iterator<Item = &'d str> {
        let tree = &self.document.tree;
        let document = self.document;
        let mut next = self.index.saturating_add(1);
        let end = self.end();
        std::iter::from_fn(move || {
            while next < end {
                let node = tree.nodes.get(next as usize)?;
                next = node.end;
                if let Kind::Text(span) = node.kind {
                    return Some(document.resolve(span));
                }
            }
            None
        })
    }

    fn data(self) -> &'d ElementData {
        match self.document.tree.nodes.get(self.index as usize) {
            Some(Node { kind: Kind::Element(data), .. }) => data,
            _ => &NOTHING,
        }
    }

    fn end(self) -> u32 {
        self.document.tree.nodes.get(self.index as usize).map_or(0, |node| node.end)
    }

    fn attribute_data(self) -> &'d [AttributeData] {
        self.document.tree.attributes_of(self.data())
    }

    pub(super) fn declarations(self) -> &'d [Declaration] {
        self.document.tree.declarations_of(self.data())
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.index == other.index
    }
}

impl Eq for Element<'_> {}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}> at {:?}", self.qualified_name(), self.range())
    }
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'d> {
    Element(Element<'d>),
    Text(&'d str),
}

/// An attribute that is no namespace declaration.
#[derive(Clone, Copy)]
pub struct Attribute<'d> {
    document: &'d Document,
    data: &'d AttributeData,
}

impl<'d> Attribute<'d> {
    /// The namespace name; empty for none.
    pub fn namespace(self) -> &'d str {
        self.document.namespace(self.data.namespace)
    }

    pub fn local_name(self) -> &'d str {
        self.data.name.local(self.document)
    }

    /// The prefix as written; empty for none.
    pub fn prefix(self) -> &'d str {
        self.data.name.prefix(self.document)
    }

    /// The value, normalised (XML 1.0 §3.3.3).
    pub fn value(self) -> &'d str {
        self.document.resolve(self.data.value)
    }
}

impl fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.data.name.whole(self.document), self.value())
    }
}

/// The element children of an element.
#[derive(Clone)]
pub struct Children<'d> {
    document: &'d Document,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.end {
            let index = self.next;
            let node = self.document.tree.nodes.get(index as usize)?;
            self.next = node.end;
            if let Kind::Element(_) = node.kind {
                return Some(Element { document: self.document, index });
            }
        }
        None
    }
}

/// The arena. Filled by `scan`, read here and by `c14n`.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) decoded: String,
    pub(super) nodes: Vec<Node>,
    pub(super) attributes: Vec<AttributeData>,
    pub(super) declarations: Vec<Declaration>,
    /// The symbols [`NO_SYMBOL`] and [`XML_SYMBOL`] are there from the start.
    pub(super) prefixes: Vec<Span>,
    pub(super) namespaces: Vec<Span>,
    pub(super) ids: Vec<(Span, u32)>,
    pub(super) root: u32,
}

impl Tree {
    pub(super) fn element(&self, index: u32) -> Option<ElementData> {
        match self.nodes.get(index as usize)?.kind {
            Kind::Element(data) => Some(data),
            Kind::Text(_) => None,
        }
    }

    pub(super) fn is_element(&self, index: u32) -> bool {
        matches!(self.nodes.get(index as usize), Some(Node { kind: Kind::Element(_), .. }))
    }

    pub(super) fn attributes_of(&self, data: &ElementData) -> &[AttributeData] {
        let start = data.attributes as usize;
        self.attributes.get(start..start + usize::from(data.attribute_count)).unwrap_or_default()
    }

    pub(super) fn declarations_of(&self, data: &ElementData) -> &[Declaration] {
        let start = data.declarations as usize;
        self.declarations.get(start..start + usize::from(data.declaration_count)).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) parent: u32,
    /// One behind the last node of the subtree.
    pub(super) end: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Element(ElementData),
    Text(Span),
}

#[derive(Clone, Copy)]
pub(super) struct ElementData {
    pub(super) name: Name,
    pub(super) prefix: u16,
    pub(super) namespace: u16,
    pub(super) start: u32,
    /// Behind the start tag.
    pub(super) content: u32,
    pub(super) end: u32,
    pub(super) attributes: u32,
    pub(super) declarations: u32,
    pub(super) attribute_count: u16,
    pub(super) declaration_count: u16,
    /// [`PLAIN_START`] and the other flags below.
    pub(super) form: u8,
    /// What it depends on that the element is [`WHOLE`].
    pub(super) needs: Prefixes,
    pub(super) fresh: Prefixes,
}

#[derive(Clone, Copy)]
pub(super) struct AttributeData {
    pub(super) name: Name,
    pub(super) prefix: u16,
    pub(super) namespace: u16,
    pub(super) value: Span,
}

#[derive(Clone, Copy)]
pub(super) struct Declaration {
    pub(super) prefix: u16,
    /// [`NO_SYMBOL`] for `xmlns=""`.
    pub(super) namespace: u16,
}

/// A text, in the source or in `decoded`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) decoded: bool,
    /// Whether a canonical form writes it just as the source does.
    pub(super) plain: bool,
}

/// A qualified name in the source. `colon` is where the local name begins: 0, or behind the colon.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) start: u32,
    pub(super) colon: u16,
    pub(super) len: u16,
}

impl Name {
    pub(super) fn whole(self, document: &Document) -> &str {
        self.piece(document, 0, self.len)
    }

    pub(super) fn local(self, document: &Document) -> &str {
        self.piece(document, self.colon, self.len)
    }

    pub(super) fn prefix(self, document: &Document) -> &str {
        self.piece(document, 0, self.colon.saturating_sub(1))
    }

    fn piece(self, document: &Document, from: u16, to: u16) -> &str {
        let start = self.start as usize;
        document.source.get(start + usize::from(from)..start + usize::from(to)).unwrap_or_default()
    }
}

/// No prefix, no namespace.
pub(super) const NO_SYMBOL: u16 = 0;
/// The prefix `xml`, and its namespace.
pub(super) const XML_SYMBOL: u16 = 1;
/// A canonical form writes the start tag as the source does, where it declares the same namespaces; but for the order of
/// its attributes, which has its own flag, and for the end of an empty element's tag.
pub(super) const PLAIN_START: u8 = 1;
/// The attributes stand in the order of a canonical form.
pub(super) const IN_ORDER: u8 = 8;
/// No attribute has a prefix.
pub(super) const PLAIN_ATTRIBUTES: u8 = 2;
/// The end tag is `</name>`.
pub(super) const PLAIN_END: u8 = 4;
/// The start tag ends in `/>`.
pub(super) const EMPTY_TAG: u8 = 16;
/// The element with all it holds stands as a canonical form writes it, on conditions: see [`whole`](super::whole).
pub(super) const WHOLE: u8 = 32;
/// Different prefixes, different namespaces, and bindings in scope at one place: their search is linear.
pub(super) const MAX_SYMBOLS: usize = 256;
pub(super) const NO_NODE: u32 = u32::MAX;
pub(super) const EMPTY: Span = Span { start: 0, end: 0, decoded: false, plain: false };

static NOTHING: ElementData = ElementData {
    name: Name { start: 0, colon: 0, len: 0 },
    prefix: NO_SYMBOL,
    namespace: NO_SYMBOL,
    start: 0,
    content: 0,
    end: 0,
    attributes: 0,
    declarations: 0,
    attribute_count: 0,
    declaration_count: 0,
    form: 0,
    needs: 0,
    fresh: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    const SOAP: &str = r#"<s:E xmlns:s="urn:s" xmlns="urn:d"><a Id="x" s:b='1&amp;2'>te<!-- c -->xt<![CDATA[&]]></a><a/>
<b wsu:Id="y" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" xmlns=""><c/></b></s:E>"#;

    fn parsed(text: &str) -> Document {
        Document::parse(text, &Limits::default()).expect("well-formed")
    }

    #[test]
    fn reads_names_values_and_places() {
        let document = parsed(SOAP);
        let root = document.root();
        assert!(root.is("urn:s", "E") && root.parent().is_none() && root.text().is_none());
        assert!(!root.has_character_data());
        let a = root.child("urn:d", "a").expect("a");
        assert_eq!(a.attribute("", "Id"), Some("x"));
        assert_eq!(a.attribute("urn:s", "b"), Some("1&2"));
        assert_eq!(a.text().as_deref(), Some("text&"));
        assert_eq!(a.path(), "/s:E/a[1]");
        let again = parsed(SOAP);
        assert!(a == document.element(a.id()) && a != root && a != again.element(a.id()));
        assert!(a.source().starts_with("<a Id") && a.source().ends_with("</a>"));
        let texts: Vec<_> = root.content().filter(|content| matches!(content, Content::Text(_))).collect();
        assert_eq!((root.content().count(), texts), (4, vec![Content::Text("\n")]));
        assert_eq!(a.content().collect::<Vec<_>>(), [Content::Text("text&")]);
        let ById::One(b) = document.by_id("y") else { panic!("y is unique") };
        assert_eq!((b.namespace(), b.namespace_of(""), b.namespace_of("s")), ("", None, Some("urn:s")));
        assert!(root.contains(b) && !a.contains(b) && b.contains(b));
        assert_eq!(document.elements().count(), 5);
    }

    #[test]
    fn counts_the_elements_that_carry_an_id() {
        let document = parsed(r#"<a><b Id="1" ID="1"/><c id="2"/><d AssertionID="2"/></a>"#);
        assert!(matches!(document.by_id("1"), ById::One(_)));
        assert!(matches!(document.by_id("2"), ById::Repeated(2)));
        assert!(matches!(document.by_id("3"), ById::None));
    }
}
