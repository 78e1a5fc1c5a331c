//! Edits that change nothing that anybody signed or reads: after any number of them a good message is still accepted.
//!
//! They keep the machine honest: an endpoint that refuses everything would never be wrong.

use super::sign::new_element;
use super::tree::{Kind, Node, Tree, declared};
use crate::conformance::chance::Dice;
use crate::wire::ns;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harmless {
    /// Between elements, outside the signed parts.
    WhiteSpace,
    /// Between elements, anywhere: the canonical form has none.
    Comment,
    /// A header block of nobody's, not to be understood.
    UnsignedHeader,
    AttributeOrder,
    /// The Security header's children in another order.
    SecurityOrder,
    HeaderOrder,
    /// A namespace that nobody uses.
    Declaration,
    /// Quotes, short tags, spaces in tags, an XML declaration.
    Writing,
}

impl Harmless {
    pub(super) const ALL: [Self; 8] = [
        Self::WhiteSpace,
        Self::Comment,
        Self::UnsignedHeader,
        Self::AttributeOrder,
        Self::SecurityOrder,
        Self::HeaderOrder,
        Self::Declaration,
        Self::Writing,
    ];

    pub(super) fn apply(self, tree: &mut Tree, dice: &mut Dice) -> Option<()> {
        match self {
            Self::WhiteSpace => {
                let kept = signed(tree);
                let free: Vec<Node> = containers(tree).into_iter().filter(|node| !kept.contains(node)).collect();
                let at = *dice.pick(&free)?;
                let text = tree.add(Kind::Text((*dice.pick(&["\n", " ", "\t", "\n    ", "\r\n "])?).into()));
                put(tree, at, text, dice);
            }
            Self::Comment => {
                let at = *dice.pick(&containers(tree))?;
                let text = *dice.pick(&["", " ", "x", "<s:Body>", "&amp; ]]> ?>", " Id=\"Body\""])?;
                let comment = tree.add(Kind::Comment(text.into()));
                put(tree, at, comment, dice);
            }
            Self::UnsignedHeader => {
                let at = header(tree)?;
                let body = tree.add(Kind::Text("cbe:0417882037".into()));
                let number = dice.below(1000).to_string();
                let block =
                    new_element(tree, "h:Trace", &[("xmlns:h", "urn:example:trace"), ("number", &number)], &[body]);
                put(tree, at, block, dice);
            }
            Self::AttributeOrder => {
                let at = *dice.pick(&tree.elements())?;
                dice.shuffle(&mut tree.element_mut(at)?.attributes);
            }
            Self::SecurityOrder => {
                let at = *dice.pick(&named(tree, ns::WSSE, "Security"))?;
                dice.shuffle(&mut tree.element_mut(at)?.children);
            }
            Self::HeaderOrder => {
                let at = header(tree)?;
                dice.shuffle(&mut tree.element_mut(at)?.children);
            }
            Self::Declaration => {
                let at = *dice.pick(&tree.elements())?;
                let declarations = tree.element(at)?.attributes.iter().filter(|(name, _)| declared(name).is_some());
                if declarations.count() < 20 {
                    let name = format!("xmlns:unused{}", dice.below(30));
                    tree.set_attribute(at, &name, "urn:example:unused");
                }
            }
            Self::Writing => match dice.below(4) {
                0 => tree.style.declaration = !tree.style.declaration,
                1 => tree.style.short = !tree.style.short,
                2 => tree.style.single_quotes = !tree.style.single_quotes,
                _ => tree.style.spaced = !tree.style.spaced,
            },
        }
        Some(())
    }
}

fn put(tree: &mut Tree, parent: Node, node: Node, dice: &mut Dice) {
    let position = dice.below(tree.children(parent).len() + 1);
    tree.put(parent, position, node);
}

fn header(tree: &Tree) -> Option<Node> {
    tree.elements_in(tree.root).find(|node| tree.name(*node).1 == "Header")
}

fn named(tree: &Tree, namespace: &str, local: &str) -> Vec<Node> {
    tree.elements().into_iter().filter(|node| tree.is(*node, namespace, local)).collect()
}

/// Elements that hold elements: where white space is nobody's value.
fn containers(tree: &Tree) -> Vec<Node> {
    tree.elements().into_iter().filter(|node| tree.elements_in(*node).next().is_some()).collect()
}

/// All that a signature covers: SignedInfo, what its references name, and whole assertions.
fn signed(tree: &Tree) -> Vec<Node> {
    let mut apexes = named(tree, ns::DS, "SignedInfo");
    for reference in named(tree, ns::DS, "Reference") {
        let id = tree.attribute(reference, "URI").and_then(|uri| uri.strip_prefix('#'));
        apexes.extend(id.map(|id| tree.with_id(id)).unwrap_or_default());
    }
    apexes.extend(tree.elements().into_iter().filter(|node| tree.name(*node).1 == "Assertion"));
    apexes.into_iter().flat_map(|apex| tree.elements_below(apex)).collect()
}
