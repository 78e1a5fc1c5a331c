//! The generator's own tree of a message: elements, texts and comments that can be changed in any way.
//!
//! It shares nothing with `wire::xml`: what an edited message means is worked out here, never by the reader that is
//! tested. It is forgiving where that one is strict, since it only ever reads what we wrote.

use std::sync::Arc;

use crate::wire::ns;

/// A node of one tree, by its place in the arena. Taken-away nodes keep theirs.
pub(super) type Node = usize;

#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: Vec<Data>,
    pub root: Node,
    pub style: Style,
}

/// How it is written where XML leaves a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// `<?xml …?>` in front.
    pub declaration: bool,
    /// `<a/>` for elements without content.
    pub short: bool,
    pub single_quotes: bool,
    /// A space before the end of each start tag.
    pub spaced: bool,
}

#[derive(Debug, Clone)]
struct Data {
    parent: Option<Node>,
    kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Element(Element),
    Text(Arc<str>),
    Comment(Arc<str>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    /// As written, with its prefix.
    pub name: Arc<str>,
    /// As written, in order, namespace declarations among them; values decoded.
    pub attributes: Vec<(Arc<str>, Arc<str>)>,
    pub children: Vec<Node>,
}

impl Tree {
    pub fn new(root: Element) -> Self {
        Self { nodes: vec![Data { parent: None, kind: Kind::Element(root) }], root: 0, style: Style::default() }
    }

    /// A new node that stands nowhere yet.
    pub fn add(&mut self, kind: Kind) -> Node {
        self.nodes.push(Data { parent: None, kind });
        self.nodes.len() - 1
    }

    pub fn kind(&self, node: Node) -> Option<&Kind> {
        self.nodes.get(node).map(|data| &data.kind)
    }

    pub fn element(&self, node: Node) -> Option<&Element> {
        match self.kind(node) {
            Some(Kind::Element(element)) => Some(element),
            _ => None,
        }
    }

    pub fn element_mut(&mut self, node: Node) -> Option<&mut Element> {
        match self.nodes.get_mut(node).map(|data| &mut data.kind) {
            Some(Kind::Element(element)) => Some(element),
            _ => None,
        }
    }

    pub fn parent(&self, node: Node) -> Option<Node> {
        self.nodes.get(node)?.parent
    }

    pub fn children(&self, node: Node) -> &[Node] {
        self.element(node).map_or(&[], |element| &element.children)
    }

    /// The element children.
    pub fn elements_in(&self, node: Node) -> impl Iterator<Item = Node> {
        self.children(node).iter().copied().filter(|child| self.element(*child).is_some())
    }

    /// Puts a node that stands nowhere under a parent, before its child at `position`.
    pub fn put(&mut self, parent: Node, position: usize, node: Node) {
        let Some(element) = self.element_mut(parent) else { return };
        let position = position.min(element.children.len());
        element.children.insert(position, node);
        if let Some(data) = self.nodes.get_mut(node) {
            data.parent = Some(parent);
        }
    }

    /// Takes a node away from where it stands.
    pub fn take(&mut self, node: Node) {
        if let Some(parent) = self.parent(node)
            && let Some(element) = self.element_mut(parent)
        {
            element.children.retain(|child| *child != node);
        }
        if let Some(data) = self.nodes.get_mut(node) {
            data.parent = None;
        }
    }

    /// The place among its parent's children.
    pub fn position(&self, node: Node) -> Option<(Node, usize)> {
        let parent = self.parent(node)?;
        let at = self.children(parent).iter().position(|child| *child == node)?;
        Some((parent, at))
    }

    /// A deep copy of a node of this or another tree, that stands nowhere yet.
    pub fn copy(&mut self, from: &Self, node: Node) -> Node {
        let Some(kind) = from.kind(node) else { return self.add(Kind::Text("".into())) };
        let Kind::Element(element) = kind else { return self.add(kind.clone()) };
        let children: Vec<Node> = element.children.iter().map(|child| self.copy(from, *child)).collect();
        let copied = self.add(Kind::Element(Element { children: children.clone(), ..element.clone() }));
        for child in children {
            if let Some(data) = self.nodes.get_mut(child) {
                data.parent = Some(copied);
            }
        }
        copied
    }

    /// The elements of the document, in document order.
    pub fn elements(&self) -> Vec<Node> {
        self.elements_below(self.root)
    }

    /// An element and the elements inside it, in document order.
    pub fn elements_below(&self, apex: Node) -> Vec<Node> {
        let mut found = Vec::new();
        let mut open = vec![apex];
        while let Some(node) = open.pop() {
            if self.element(node).is_some() {
                found.push(node);
                open.extend(self.children(node).iter().rev());
            }
        }
        found
    }

    /// Whether `node` is `apex` or stands inside it.
    pub fn within(&self, node: Node, apex: Node) -> bool {
        std::iter::successors(Some(node), |node| self.parent(*node)).any(|above| above == apex)
    }

    /// What a prefix (`""`: the default) is bound to at a node; empty for nothing.
    pub fn namespace(&self, node: Node, prefix: &str) -> &str {
        if prefix == "xml" {
            return "http://www.w3.org/XML/1998/namespace";
        }
        std::iter::successors(Some(node), |node| self.parent(*node))
            .filter_map(|node| self.element(node))
            .flat_map(|element| element.attributes.iter())
            .find(|(name, _)| declared(name) == Some(prefix))
            .map_or("", |(_, value)| value)
    }

    /// Namespace and local name of an element.
    pub fn name(&self, node: Node) -> (&str, &str) {
        let name = self.element(node).map_or("", |element| element.name.as_ref());
        let (prefix, local) = split(name);
        (self.namespace(node, prefix), local)
    }

    pub fn is(&self, node: Node, namespace: &str, local: &str) -> bool {
        self.name(node) == (namespace, local)
    }

    pub fn child(&self, node: Node, namespace: &str, local: &str) -> Option<Node> {
        self.elements_in(node).find(|child| self.is(*child, namespace, local))
    }

    /// An attribute by its name as written.
    pub fn attribute(&self, node: Node, name: &str) -> Option<&Arc<str>> {
        self.element(node)?.attributes.iter().find(|(own, _)| own.as_ref() == name).map(|(_, value)| value)
    }

    pub fn set_attribute(&mut self, node: Node, name: &str, value: &str) {
        let Some(element) = self.element_mut(node) else { return };
        match element.attributes.iter_mut().find(|(own, _)| own.as_ref() == name) {
            Some((_, old)) => *old = value.into(),
            None => element.attributes.push((name.into(), value.into())),
        }
    }

    /// All texts directly inside, joined.
    pub fn text(&self, node: Node) -> String {
        let texts = self.children(node).iter().filter_map(|child| match self.kind(*child) {
            Some(Kind::Text(text)) => Some(text.as_ref()),
            _ => None,
        });
        texts.collect()
    }

    /// Replaces all that stands inside by a text.
    pub fn set_text(&mut self, node: Node, text: &str) {
        self.children(node).to_vec().into_iter().for_each(|child| self.take(child));
        let text = self.add(Kind::Text(text.into()));
        self.put(node, 0, text);
    }

    /// The values of an element's ids: `wsu:Id`, `xml:id`, and those without namespace.
    pub fn ids(&self, node: Node) -> impl Iterator<Item = &Arc<str>> {
        let attributes = self.element(node).map_or(&[][..], |element| &element.attributes);
        let is_id = move |name: &str| match split(name) {
            ("", local) => ID_NAMES.contains(&local),
            ("xml", local) => local == "id",
            (prefix, local) => local == "Id" && self.namespace(node, prefix) == ns::WSU,
        };
        attributes.iter().filter(move |(name, _)| is_id(name)).map(|(_, value)| value)
    }

    /// All elements with this id.
    pub fn with_id(&self, id: &str) -> Vec<Node> {
        let has = |node: &Node| self.ids(*node).any(|value| value.as_ref() == id);
        self.elements().into_iter().filter(has).collect()
    }

    /// Declares at `apex` what is in scope where `apex` stands, so that it means the same wherever it is put. The
    /// exclusive canonical form does not change by it.
    pub fn carry_declarations(&mut self, apex: Node, scope: &[(Arc<str>, Arc<str>)]) {
        for (name, value) in scope {
            let own = self.attribute(apex, name).is_some();
            if !own {
                self.set_attribute(apex, name, value);
            }
        }
    }

    /// All declarations in scope at a node, as attributes.
    pub fn scope(&self, node: Node) -> Vec<(Arc<str>, Arc<str>)> {
        let mut scope: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for above in std::iter::successors(Some(node), |node| self.parent(*node)) {
            let Some(element) = self.element(above) else { continue };
            for (name, value) in element.attributes.iter().filter(|(name, _)| declared(name).is_some()) {
                if !scope.iter().any(|(known, _)| known == name) {
                    scope.push((name.clone(), value.clone()));
                }
            }
        }
        scope
    }
}

/// The prefix that an attribute of this name declares; `""` for the default namespace.
pub(super) fn declared(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}

/// Prefix and local name.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

const ID_NAMES: &[&str] = &["Id", "ID", "id", "AssertionID", "RequestID", "ResponseID"];
