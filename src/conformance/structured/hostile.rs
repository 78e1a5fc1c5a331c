//! Edits that an attacker could make: to the tree, at any place, with pieces of other messages.

use std::sync::Arc;

use super::bases::Workshop;
use super::model::Statement;
use super::sign::{self, Shown, new_element};
use super::tree::{Kind, Node, Tree, declared, split};
use crate::conformance::chance::Dice;
use crate::wire::ns;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostile {
    Move,
    Copy,
    Delete,
    /// An element around another.
    Wrap,
    Swap,
    RenameId,
    DuplicateId,
    Text,
    Attribute,
    /// Another prefix, or another namespace for a prefix.
    Prefix,
    RenameElement,
    /// Signature wrapping: a covered part elsewhere, a changed copy in its place.
    Relocate,
    /// Another certificate where one was.
    ReplaceToken,
    /// A piece of another message: of another sender, another time, with another assertion.
    Graft,
    /// The references of the signature: one less, one more.
    References,
    /// Digested again and signed again, by any key of the corpus.
    Resign,
}

impl Hostile {
    pub(super) const ALL: [Self; 16] = [
        Self::Move,
        Self::Copy,
        Self::Delete,
        Self::Wrap,
        Self::Swap,
        Self::RenameId,
        Self::DuplicateId,
        Self::Text,
        Self::Attribute,
        Self::Prefix,
        Self::RenameElement,
        Self::Relocate,
        Self::ReplaceToken,
        Self::Graft,
        Self::References,
        Self::Resign,
    ];

    /// `None` when there was nothing to do it to.
    pub(super) fn apply(
        self,
        tree: &mut Tree,
        workshop: &Workshop,
        made: &mut Vec<Statement>,
        dice: &mut Dice,
    ) -> Option<()> {
        match self {
            Self::Move => move_element(tree, dice),
            Self::Copy => copy_element(tree, dice),
            Self::Delete => delete_element(tree, dice),
            Self::Wrap => wrap_element(tree, dice),
            Self::Swap => swap_siblings(tree, dice),
            Self::RenameId => rename_id(tree, dice),
            Self::DuplicateId => duplicate_id(tree, dice),
            Self::Text => change_text(tree, element(tree, dice)?, dice),
            Self::Attribute => change_attribute(tree, dice),
            Self::Prefix => change_prefix(tree, dice),
            Self::RenameElement => rename_element(tree, dice),
            Self::Relocate => relocate(tree, dice),
            Self::ReplaceToken => replace_token(tree, workshop, dice),
            Self::Graft => graft(tree, workshop, dice),
            Self::References => references(tree, dice),
            Self::Resign => resign(tree, workshop, made, dice),
        }
    }
}

fn move_element(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    carry(tree, node, dice);
    tree.take(node);
    put_somewhere(tree, node, dice)
}

fn copy_element(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    let copied = duplicate(tree, node, dice);
    put_somewhere(tree, copied, dice)
}

fn delete_element(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    tree.take(node);
    Some(())
}

fn wrap_element(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    let (parent, position) = tree.position(node)?;
    let around = wrapper(tree, dice)?;
    carry(tree, node, dice);
    tree.take(node);
    tree.put(around, 0, node);
    tree.put(parent, position, around);
    Some(())
}

fn swap_siblings(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let (parent, at) = tree.position(element(tree, dice)?)?;
    let children = &mut tree.element_mut(parent)?.children;
    let other = dice.below(children.len());
    children.swap(at, other);
    Some(())
}

fn duplicate_id(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let ids: Vec<String> = all_ids(tree);
    let id = dice.pick(&ids)?.clone();
    let node = element(tree, dice)?;
    give_id(tree, node, &id, dice)
}

/// The name of another element, or one that nobody knows.
fn rename_element(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    let name = tree.element(node)?.name.clone();
    let other = element(tree, dice).and_then(|other| tree.element(other)).map(|other| other.name.clone());
    let name = if dice.percent(50) { format!("{name}x").into() } else { other? };
    tree.element_mut(node)?.name = name;
    Some(())
}

/// KeyInfo names another signer; the signature stays as it was.
fn replace_token(tree: &mut Tree, workshop: &Workshop, dice: &mut Dice) -> Option<()> {
    let signer = dice.pick(&workshop.signers)?;
    let signature = sign::signature(tree)?;
    let shown = if dice.percent(60) { Shown::Replaced } else { Shown::Embedded };
    sign::show(tree, signature, signer, shown);
    Some(())
}

/// Another signer signs what is there now.
fn resign(tree: &mut Tree, workshop: &Workshop, made: &mut Vec<Statement>, dice: &mut Dice) -> Option<()> {
    let signer = dice.pick(&workshop.signers)?;
    let signature = sign::signature(tree)?;
    let ways = [Shown::AsItWas, Shown::Replaced, Shown::Replaced, Shown::Embedded, Shown::Embedded];
    let shown = *dice.pick(&ways)?;
    sign::show(tree, signature, signer, shown);
    if dice.percent(30) {
        references(tree, dice);
    }
    made.push(sign::sign(tree, signature, signer, dice)?);
    Some(())
}

/// An element that is not the root. Mostly outside the signature, whose many elements are all of one strict shape; often
/// one that a signature covers or a reader reads.
fn element(tree: &Tree, dice: &mut Dice) -> Option<Node> {
    let mut all: Vec<Node> = tree.elements().into_iter().skip(1).collect();
    if dice.percent(70)
        && let Some(signature) = sign::signature(tree)
    {
        all.retain(|node| *node == signature || !tree.within(*node, signature));
    }
    let weighty: Vec<Node> = all.iter().copied().filter(|node| WEIGHTY.contains(&tree.name(*node).1)).collect();
    if dice.percent(50) { dice.pick(&weighty).copied() } else { dice.pick(&all).copied() }
}

/// Mostly so that it means the same elsewhere; sometimes as careless software would.
fn carry(tree: &mut Tree, node: Node, dice: &mut Dice) {
    if dice.percent(90) {
        let scope = tree.scope(node);
        tree.carry_declarations(node, &scope);
    }
}

fn duplicate(tree: &mut Tree, node: Node, dice: &mut Dice) -> Node {
    let scope = tree.scope(node);
    let source = tree.clone();
    let copied = tree.copy(&source, node);
    if dice.percent(90) {
        tree.carry_declarations(copied, &scope);
    }
    copied
}

fn put_somewhere(tree: &mut Tree, node: Node, dice: &mut Dice) -> Option<()> {
    let all = tree.elements();
    let places: Vec<Node> = all.iter().copied().filter(|place| PLACES.contains(&tree.name(*place).1)).collect();
    let parent = if dice.percent(60) { dice.pick(&places).or(all.first()).copied() } else { dice.pick(&all).copied() };
    let parent = parent.filter(|parent| !tree.within(*parent, node)).unwrap_or(tree.root);
    let position = dice.below(tree.children(parent).len() + 1);
    tree.put(parent, position, node);
    Some(())
}

/// An element to hide another in.
fn wrapper(tree: &mut Tree, dice: &mut Dice) -> Option<Node> {
    let soap = tree.name(tree.root).0.to_owned();
    let wrappers = [
        ("x:Wrapper", "xmlns:x", "urn:vidimus:conformance:wrapper"),
        ("ds:Object", "xmlns:ds", ns::DS),
        ("wsse:Security", "xmlns:wsse", ns::WSSE),
        ("wsse:Embedded", "xmlns:wsse", ns::WSSE),
        ("env:Header", "xmlns:env", soap.as_str()),
        ("env:Body", "xmlns:env", soap.as_str()),
        ("env:Envelope", "xmlns:env", soap.as_str()),
        ("saml2:Advice", "xmlns:saml2", ns::SAML2),
    ];
    let (name, prefix, namespace) = *dice.pick(&wrappers)?;
    let wrapper = new_element(tree, name, &[(prefix, namespace)], &[]);
    if dice.percent(20) {
        let ids = all_ids(tree);
        give_id(tree, wrapper, &dice.pick(&ids)?.clone(), dice);
    }
    Some(wrapper)
}

fn all_ids(tree: &Tree) -> Vec<String> {
    let ids = tree.elements().into_iter().flat_map(|node| {
        let values: Vec<String> = tree.ids(node).map(|value| value.as_ref().to_owned()).collect();
        values
    });
    ids.collect()
}

fn give_id(tree: &mut Tree, node: Node, id: &str, dice: &mut Dice) -> Option<()> {
    match *dice.pick(&["wsu:Id", "Id", "ID", "id", "xml:id", "AssertionID"])? {
        "wsu:Id" => {
            tree.set_attribute(node, "xmlns:wsu", ns::WSU);
            tree.set_attribute(node, "wsu:Id", id);
        }
        name => tree.set_attribute(node, name, id),
    }
    Some(())
}

/// A new id, and perhaps the references with it.
fn rename_id(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let ids = all_ids(tree);
    let old = dice.pick(&ids)?.clone();
    let new = if dice.percent(70) { format!("{old}-2") } else { dice.pick(&ids)?.clone() };
    let follow = dice.percent(40);
    for node in tree.elements() {
        for (name, value) in &mut tree.element_mut(node)?.attributes {
            let is_id = matches!(split(name).1, "Id" | "ID" | "id" | "AssertionID") && value.as_ref() == old;
            let is_reference = follow && name.as_ref() == "URI" && value.strip_prefix('#') == Some(&old);
            if is_id || is_reference {
                *value = if is_reference { format!("#{new}").into() } else { new.as_str().into() };
            }
        }
    }
    Some(())
}

fn change_text(tree: &mut Tree, node: Node, dice: &mut Dice) -> Option<()> {
    let below = tree.elements_below(node);
    let leaves: Vec<Node> = below.into_iter().filter(|leaf| !tree.text(*leaf).trim().is_empty()).collect();
    let leaf = *dice.pick(&leaves)?;
    let old = tree.text(leaf);
    let new = match dice.below(5) {
        0 => (*dice.pick(EVIL)?).to_owned(),
        1 => format!("{old} "),
        2 => format!("{}{old}", dice.pick(EVIL)?),
        _ => changed(&old, dice),
    };
    if dice.percent(15) {
        // The old text stays, behind or before a comment and the new one.
        let comment = tree.add(Kind::Comment("".into()));
        let text = tree.add(Kind::Text(new.as_str().into()));
        let position = if dice.percent(50) { 0 } else { usize::MAX };
        tree.put(leaf, position, comment);
        tree.put(leaf, position, text);
    } else {
        tree.set_text(leaf, &new);
    }
    Some(())
}

/// One letter or digit differs.
fn changed(text: &str, dice: &mut Dice) -> String {
    let at = dice.below(text.chars().count());
    let other = |c: char| match c {
        '9' => '8',
        'z' | 'Z' => 'y',
        c if c.is_ascii_alphanumeric() => char::from(u8::try_from(c).unwrap_or(b'a') + 1),
        c => c,
    };
    text.chars().enumerate().map(|(i, c)| if i == at { other(c) } else { c }).collect()
}

fn change_attribute(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    let others: Vec<(Arc<str>, Arc<str>)> =
        tree.elements().into_iter().filter_map(|n| tree.element(n)).flat_map(|e| e.attributes.clone()).collect();
    let attributes = tree.element(node)?.attributes.clone();
    let (name, value) = dice.pick(&attributes)?.clone();
    match dice.below(4) {
        0 => tree.element_mut(node)?.attributes.retain(|(own, _)| *own != name),
        1 => tree.set_attribute(node, &name, &changed(&value, dice)),
        2 => tree.set_attribute(node, &name, &dice.pick(&others)?.1),
        _ => {
            let (name, value) = dice.pick(&others)?;
            tree.set_attribute(node, name, value);
        }
    }
    Some(())
}

fn change_prefix(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let node = element(tree, dice)?;
    let name = tree.element(node)?.name.clone();
    let (prefix, local) = split(&name);
    let namespace = tree.namespace(node, prefix).to_owned();
    match dice.below(3) {
        // The same element under another prefix.
        0 => {
            let scope = tree.scope(node);
            tree.carry_declarations(node, &scope);
            tree.set_attribute(node, "xmlns:re", &namespace);
            tree.element_mut(node)?.name = format!("re:{local}").into();
        }
        // The same prefix for another namespace, from here on.
        1 => {
            let declared: Vec<Arc<str>> = tree.scope(node).into_iter().map(|(_, value)| value).collect();
            let other = dice.pick(&declared)?.clone();
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            tree.set_attribute(node, &name, &other);
        }
        _ => {
            let attributes = &mut tree.element_mut(node)?.attributes;
            let at = attributes.iter().position(|(name, _)| declared(name).is_some())?;
            attributes.remove(at);
        }
    }
    Some(())
}

/// The classical shape: GOOD is covered and elsewhere, EVIL is where it is read (McIntosh and Austel 2005).
fn relocate(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let ids = all_ids(tree);
    let references: Vec<Node> = tree.elements().into_iter().filter(|n| tree.is(*n, ns::DS, "Reference")).collect();
    let uri = tree.attribute(*dice.pick(&references)?, "URI")?.clone();
    let good = *tree.with_id(uri.strip_prefix('#')?).first()?;
    let (parent, position) = tree.position(good)?;
    let evil = duplicate(tree, good, dice);
    for _ in 0..=dice.below(2) {
        change_text(tree, evil, dice);
    }
    match dice.below(3) {
        0 => tree.element_mut(evil)?.attributes.retain(|(name, _)| !matches!(split(name).1, "Id" | "ID")),
        1 => {
            for (name, value) in &mut tree.element_mut(evil)?.attributes {
                if matches!(split(name).1, "Id" | "ID") {
                    *value = format!("{}-evil", dice.pick(&ids)?).into();
                }
            }
        }
        _ => {}
    }
    let scope = tree.scope(good);
    tree.carry_declarations(good, &scope);
    tree.take(good);
    tree.put(parent, position, evil);
    let around = wrapper(tree, dice)?;
    match dice.below(3) {
        0 => tree.put(around, 0, good),
        // EVIL itself holds GOOD.
        1 => {
            tree.put(around, 0, good);
            tree.put(evil, usize::MAX, around);
            return Some(());
        }
        _ => return put_somewhere(tree, good, dice),
    }
    put_somewhere(tree, around, dice)
}

fn graft(tree: &mut Tree, workshop: &Workshop, dice: &mut Dice) -> Option<()> {
    let donor = dice.pick(&workshop.bases)?;
    let piece = element(&donor.tree, dice)?;
    let scope = donor.tree.scope(piece);
    let (namespace, local) = donor.tree.name(piece);
    let twins: Vec<Node> = tree.elements().into_iter().filter(|node| tree.is(*node, namespace, local)).collect();
    let grafted = tree.copy(&donor.tree, piece);
    tree.carry_declarations(grafted, &scope);
    let Some(twin) = dice.pick(&twins).copied().filter(|_| dice.percent(75)) else {
        return put_somewhere(tree, grafted, dice);
    };
    let (parent, position) = tree.position(twin)?;
    if dice.percent(75) {
        tree.take(twin);
    }
    tree.put(parent, position + dice.below(2), grafted);
    Some(())
}

/// One reference less, or one more, or none that it was.
fn references(tree: &mut Tree, dice: &mut Dice) -> Option<()> {
    let references: Vec<Node> = tree.elements().into_iter().filter(|n| tree.is(*n, ns::DS, "Reference")).collect();
    let reference = *dice.pick(&references)?;
    match dice.below(3) {
        0 => tree.take(reference),
        1 => {
            let copied = duplicate(tree, reference, dice);
            let ids = all_ids(tree);
            tree.set_attribute(copied, "URI", &format!("#{}", dice.pick(&ids)?));
            let (parent, position) = tree.position(reference)?;
            tree.put(parent, position, copied);
        }
        _ => {
            let ids = all_ids(tree);
            tree.set_attribute(reference, "URI", &format!("#{}", dice.pick(&ids)?));
        }
    }
    Some(())
}

/// What signatures cover and readers read.
const WEIGHTY: &[&str] = &[
    "Body",
    "Timestamp",
    "Created",
    "Expires",
    "Security",
    "Signature",
    "SignedInfo",
    "Reference",
    "KeyInfo",
    "SecurityTokenReference",
    "BinarySecurityToken",
    "Assertion",
    "Subject",
    "Conditions",
    "RequestSecurityToken",
    "AppliesTo",
    "To",
    "MessageID",
];

const PLACES: &[&str] = &["Envelope", "Header", "Body", "Security", "Signature", "Assertion", "RequestSecurityToken"];

/// Texts that would be worth something to somebody.
const EVIL: &[&str] = &[
    "https://closed.example/services",
    "https://register.example/api",
    "cbe:0417882037",
    "cbe:0206731645",
    "2026-03-01T12:04:59.000Z",
    "2036-03-01T12:00:00Z",
    "urn:oasis:names:tc:SAML:2.0:cm:bearer",
    "evil",
];
