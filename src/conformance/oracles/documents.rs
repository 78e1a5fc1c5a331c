//! Random documents as trees, so that they can be made smaller and still be documents: prefixes rebound and undeclared,
//! odd spacing, references, line ends, comments and CDATA in every place.

use crate::conformance::chance::Dice;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// What stands before and behind the root.
    pub around: [&'static str; 2],
    pub root: Node,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Names it among all elements of its document, whatever is taken away beside it.
    pub id: usize,
    pub prefix: &'static str,
    pub local: &'static str,
    /// Declarations and attributes, as they stand.
    pub attributes: Vec<Attribute>,
    pub content: Vec<Piece>,
    /// Space before the end of its tags.
    space: &'static str,
    /// Written as one tag where it is empty.
    short: bool,
}

/// An attribute, or a namespace declaration: then its prefix is `xmlns`, or its local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub prefix: &'static str,
    pub local: String,
    /// Pieces of the value, as written.
    pub value: Vec<String>,
    /// What stands before it, and around its equals sign.
    space: [&'static str; 2],
    quote: char,
}

/// An element, and the elements that it stands in.
#[derive(Debug, Clone)]
pub struct Spot<'t> {
    pub element: &'t Node,
    pub above: Vec<&'t Node>,
}

/// What stands in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Element(Node),
    /// Text, references, comments, CDATA, as written.
    Text(&'static str),
}

impl Tree {
    /// The document of a stream of draws.
    pub fn random(dice: &mut Dice) -> Self {
        let before =
            ["", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n", "<!-- before -->\n", "<?xml version='1.0'?><!---->"];
        let around = [pick(dice, &before), pick(dice, &["", "\n", "\r\n<!-- < & behind -->"])];
        Self { around, root: Maker { dice, next: 0, budget: 28 }.root() }
    }

    /// As written.
    pub fn text(&self) -> String {
        let mut out = self.around[0].to_owned();
        self.root.write(&mut out);
        out.push_str(self.around[1]);
        out
    }

    /// The root element alone. It declares all prefixes that it uses.
    pub fn root_text(&self) -> String {
        let mut out = String::new();
        self.root.write(&mut out);
        out
    }

    /// Elements in document order.
    pub fn elements(&self) -> Vec<&Node> {
        let mut all = Vec::new();
        self.root.collect(&mut all);
        all
    }

    /// The place of an element in document order.
    pub fn place(&self, id: usize) -> Option<usize> {
        self.elements().iter().position(|element| element.id == id)
    }

    /// The element with this id and all in it, each with the elements that it stands in, the root first.
    pub fn inside(&self, apex: usize) -> Vec<Spot<'_>> {
        let mut spots = Vec::new();
        self.root.spots(&[], apex, &mut spots);
        spots
    }

    /// The document with the `n`th thing simpler; `None` when there are fewer. Not every one is still well-formed.
    pub fn simpler(&self, n: usize) -> Option<Self> {
        let mut left = n;
        let mut tree = self.clone();
        for around in &mut tree.around {
            if !around.is_empty() && taken(&mut left) {
                *around = "";
                return Some(tree);
            }
        }
        tree.root.simplify(&mut left).then_some(tree)
    }
}

impl Node {
    pub fn declarations(&self) -> impl Iterator<Item = (&str, String)> {
        self.attributes.iter().filter_map(|a| a.declares().map(|prefix| (prefix, a.value.concat())))
    }

    pub fn name(&self) -> String {
        if self.prefix.is_empty() { self.local.to_owned() } else { format!("{}:{}", self.prefix, self.local) }
    }

    fn write(&self, out: &mut String) {
        let name = self.name();
        out.push('<');
        out.push_str(&name);
        self.attributes.iter().for_each(|attribute| attribute.write(out));
        out.push_str(self.space);
        if self.short && self.content.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for piece in &self.content {
            match piece {
                Piece::Element(element) => element.write(out),
                Piece::Text(text) => out.push_str(text),
            }
        }
        out.push_str("</");
        out.push_str(&name);
        out.push_str(self.space);
        out.push('>');
    }

    fn collect<'t>(&'t self, all: &mut Vec<&'t Self>) {
        all.push(self);
        self.children().for_each(|child| child.collect(all));
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        self.content.iter().filter_map(|piece| match piece {
            Piece::Element(element) => Some(element),
            Piece::Text(_) => None,
        })
    }

    fn spots<'t>(&'t self, above: &[&'t Self], apex: usize, spots: &mut Vec<Spot<'t>>) {
        if self.id == apex || above.iter().any(|ancestor| ancestor.id == apex) {
            spots.push(Spot { element: self, above: above.to_vec() });
        }
        let below = [above, &[self]].concat();
        self.children().for_each(|child| child.spots(&below, apex, spots));
    }

    fn simplify(&mut self, left: &mut usize) -> bool {
        for index in 0..self.content.len() {
            if taken(left) {
                self.content.remove(index);
                return true;
            }
        }
        for index in 0..self.attributes.len() {
            if taken(left) {
                self.attributes.remove(index);
                return true;
            }
        }
        for attribute in &mut self.attributes {
            if attribute.value.len() > 1 && taken(left) {
                attribute.value.pop();
                return true;
            }
            if attribute.space != PLAIN && taken(left) {
                attribute.space = PLAIN;
                return true;
            }
        }
        if !self.space.is_empty() && taken(left) {
            self.space = "";
            return true;
        }
        self.content.iter_mut().any(|piece| match piece {
            Piece::Element(element) => element.simplify(left),
            Piece::Text(_) => false,
        })
    }
}

impl Attribute {
    /// The prefix that it declares, if it is a declaration; empty for the default namespace.
    pub fn declares(&self) -> Option<&str> {
        match (self.prefix, self.local.as_str()) {
            ("xmlns", prefix) => Some(prefix),
            ("", "xmlns") => Some(""),
            _ => None,
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(self.space[0]);
        if !self.prefix.is_empty() {
            out.push_str(self.prefix);
            out.push(':');
        }
        out.push_str(&self.local);
        out.push_str(self.space[1]);
        out.push(self.quote);
        self.value.iter().for_each(|piece| out.push_str(piece));
        out.push(self.quote);
    }
}

/// Counts down; true for the one that is meant.
fn taken(left: &mut usize) -> bool {
    let is_it = *left == 0;
    *left = left.wrapping_sub(1);
    is_it
}

fn pick<T: Copy + Default>(dice: &mut Dice, of: &[T]) -> T {
    dice.pick(of).copied().unwrap_or_default()
}

/// Makes elements, knowing what is in scope.
struct Maker<'d> {
    dice: &'d mut Dice,
    next: usize,
    /// Elements that may still be made.
    budget: usize,
}

/// A prefix and what it is bound to; the last one counts.
type Scope = Vec<(&'static str, &'static str)>;

fn bound(scope: &Scope, prefix: &str) -> Option<&'static str> {
    scope.iter().rev().find(|(known, _)| *known == prefix).map(|(_, namespace)| *namespace)
}

impl Maker<'_> {
    fn root(mut self) -> Node {
        // Two prefixes that every element can use; the others are there or not.
        self.element(0, &vec![("", "")], &[("p", "urn:1"), ("q", "urn:2")])
    }

    fn element(&mut self, depth: usize, outer: &Scope, given: &[(&'static str, &'static str)]) -> Node {
        let mut scope = outer.clone();
        let mut attributes = Vec::new();
        for (prefix, namespace) in given {
            scope.push((prefix, namespace));
            attributes.push(self.declaration(prefix, namespace));
        }
        for prefix in PREFIXES {
            let often = if prefix.is_empty() { 30 } else { 12 };
            if given.iter().any(|(known, _)| known == prefix) || !self.dice.percent(often) {
                continue;
            }
            // Only the default namespace can be undeclared.
            let namespace = if prefix.is_empty() && self.dice.percent(35) { "" } else { pick(self.dice, NAMESPACES) };
            scope.push((prefix, namespace));
            attributes.push(self.declaration(prefix, namespace));
        }
        self.attributes(&scope, &mut attributes);
        self.dice.shuffle(&mut attributes);
        let known: Vec<&'static str> = PREFIXES.iter().copied().filter(|p| bound(&scope, p).is_some()).collect();
        let id = self.next;
        self.next += 1;
        let prefix = pick(self.dice, &known);
        let local = pick(self.dice, LOCAL_NAMES);
        let mut content = Vec::new();
        for _ in 0..self.dice.below(if depth == 0 { 9 } else { 5 }) {
            if depth < 7 && self.budget > 0 && self.dice.percent(60) {
                self.budget -= 1;
                content.push(Piece::Element(self.element(depth + 1, &scope, &[])));
            } else {
                content.push(Piece::Text(pick(self.dice, TEXTS)));
            }
        }
        let short = self.dice.percent(70);
        Node { id, prefix, local, attributes, content, space: pick(self.dice, &["", "", "", "\n", " "]), short }
    }

    fn declaration(&mut self, prefix: &'static str, namespace: &'static str) -> Attribute {
        let (prefix, local) = if prefix.is_empty() { ("", "xmlns") } else { ("xmlns", prefix) };
        let mut value = namespace.to_owned();
        if let Some(rest) = namespace.strip_prefix("urn:").filter(|_| self.dice.percent(6)) {
            // The same name, with a letter of it as a reference.
            value = format!("ur&#{};:{rest}", if self.dice.percent(50) { "110" } else { "x6E" });
        }
        self.attribute(prefix, local, vec![value])
    }

    fn attribute(&mut self, prefix: &'static str, local: &str, value: Vec<String>) -> Attribute {
        let space = [pick(self.dice, SPACES), pick(self.dice, &["=", "=", "=", " = ", "=\n"])];
        Attribute { prefix, local: local.to_owned(), value, space, quote: pick(self.dice, &['"', '\'']) }
    }

    fn attributes(&mut self, scope: &Scope, attributes: &mut Vec<Attribute>) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for prefix in ["", "", "p", "q", "r", "zz", "P"] {
            let namespace = if prefix.is_empty() { Some("") } else { bound(scope, prefix) };
            let local = pick(self.dice, ATTRIBUTE_NAMES);
            let Some(namespace) = namespace.filter(|_| self.dice.percent(22)) else { continue };
            // Two prefixes may be bound to one namespace.
            if seen.contains(&(namespace, local)) {
                continue;
            }
            seen.push((namespace, local));
            let value = self.value();
            attributes.push(self.attribute(prefix, local, value));
        }
        for (local, value) in [("lang", "en"), ("space", "preserve"), ("base", "http://x.example/"), ("id", "x")] {
            if self.dice.percent(5) {
                let value = if local == "id" { format!("x{}", self.next) } else { value.to_owned() };
                attributes.push(self.attribute("xml", local, vec![value]));
            }
        }
        if self.dice.percent(40) {
            let value = format!("id-{}", self.next);
            attributes.push(self.attribute("", "Id", vec![value]));
        }
    }

    fn value(&mut self) -> Vec<String> {
        (0..self.dice.below(4)).map(|_| pick(self.dice, VALUES).to_owned()).collect()
    }
}

const PLAIN: [&str; 2] = [" ", "="];
const PREFIXES: &[&str] = &["", "p", "q", "r", "zz", "P"];
const NAMESPACES: &[&str] =
    &["urn:1", "urn:2", "urn:3", "http://x.example/a?b=c#d", "urn:a", "urn:B:c(d)*+,;=:@!$", "http://x.example/%7Ea"];
const LOCAL_NAMES: &[&str] = &["a", "b", "\u{e9}l", "x-1.y", "_", "Signature"];
/// No `Id`: each of those is its element's own.
const ATTRIBUTE_NAMES: &[&str] = &["a", "b", "A", "z", "\u{e9}", "a-b", "xmlnsa"];
const SPACES: &[&str] = &[" ", " ", "  ", "\n", "\t", "\r\n", "\r"];
const VALUES: &[&str] = &[
    "x",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "&amp;",
    "&#10;",
    "&#xD;",
    "&#9;",
    "&#x20;",
    "\u{e9}",
    "\u{1f600}",
    ">",
    "]]>",
    "&lt;",
    "&quot;",
    "&apos;",
    "\u{fffd}",
    "/",
    "&#65;",
    "&#x1F600;",
    "\u{85}",
    "\u{2028}",
    "&gt;",
    "--",
];
const TEXTS: &[&str] = &[
    "text",
    "\r\n",
    "\r",
    "\n  ",
    "\t",
    "&lt;",
    "&gt;",
    "&amp;",
    "&quot;'\"",
    "&#13;",
    "&#xA;",
    "&#x1F600;",
    "\u{1f600}\u{e9}",
    "] ] >",
    "] ]",
    ">",
    "<!-- c < & -->",
    "<!---->",
    "<![CDATA[<&>]]>",
    "<![CDATA[\r\n]] >]]>",
    "<![CDATA[]]>",
    "\u{ffee}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "&#65;",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn every_one_is_well_formed() {
        for number in 0..2000 {
            let tree = Tree::random(&mut Dice::of(7, number));
            let text = tree.text();
            let document = Document::parse(text.as_str(), &Limits::default());
            let document = document.unwrap_or_else(|error| panic!("{number}: {error}\n{text}"));
            assert_eq!(document.elements().count(), tree.elements().len(), "{number}");
        }
    }

    #[test]
    fn a_simpler_one_has_less_and_there_is_an_end_of_it() {
        let tree = Tree::random(&mut Dice::of(7, 3));
        let length = tree.text().len();
        let simpler: Vec<Tree> = (0..).map_while(|n| tree.simpler(n)).collect();
        assert!(simpler.len() > 3, "{}", tree.text());
        assert!(simpler.iter().all(|simpler| simpler.text().len() <= length && *simpler != tree));
    }
}
