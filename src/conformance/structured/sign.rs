//! The generator signs: references digested again, SignedInfo signed again, and what that states.

use super::canonical::{How, canonical};
use super::model::{Part, Statement, values};
use super::tree::{Element, Kind, Node, Tree};
use crate::conformance::chance::Dice;
use crate::conformance::keys::Keys;
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, PrivateKey, SignatureAlgorithm, sha256};
use crate::wire::ns;

/// A key of the corpus, with what a message shows of it.
#[derive(Debug)]
pub(super) struct Signer {
    pub name: &'static str,
    pub key: PrivateKey,
    /// Base64 of its certificate.
    pub certificate: String,
}

impl Signer {
    pub fn open(keys: &Keys, name: &'static str) -> Result<Self, String> {
        let certificate = base64::encode(keys.certificate(name)?.der());
        Ok(Self { name, key: keys.private(name)?, certificate })
    }

    pub fn thumbprint(&self) -> [u8; 32] {
        self.key.public().thumbprint()
    }
}

/// The message signature: the first `ds:Signature` that is a child of a Security header.
pub(super) fn signature(tree: &Tree) -> Option<Node> {
    let is_in_security = |node: &Node| tree.parent(*node).is_some_and(|above| tree.is(above, ns::WSSE, "Security"));
    tree.elements().into_iter().filter(|node| tree.is(*node, ns::DS, "Signature")).find(is_in_security)
}

/// What a signature that stands in the tree says, if `key` made it.
pub(super) fn statement(tree: &Tree, signature: Node, spki: &[u8]) -> Option<Statement> {
    let signed_info = tree.child(signature, ns::DS, "SignedInfo")?;
    let covered = references(tree, signed_info).into_iter().filter_map(|reference| target(tree, reference, None));
    let parts = covered.map(|(covered, _)| part(tree, covered)).collect();
    stated(tree, signed_info, parts, spki)
}

fn stated(tree: &Tree, signed_info: Node, parts: Vec<Part>, spki: &[u8]) -> Option<Statement> {
    let octets = signed_octets(tree, signed_info)?;
    Some(Statement { key: sha256(spki), identity: sha256(&[spki, octets.as_bytes()].concat()), parts })
}

/// What a covered element says now.
fn part(tree: &Tree, covered: Node) -> Part {
    Part { octets: sha256(canonical(tree, covered, How::default()).as_bytes()), values: values(tree, covered) }
}

fn references(tree: &Tree, signed_info: Node) -> Vec<Node> {
    tree.elements_in(signed_info).filter(|child| tree.is(*child, ns::DS, "Reference")).collect()
}

/// Digests all references of a signature again and signs it, as it stands. `None` when there is nothing that could be
/// signed: the tree is as it was, or broken.
pub(super) fn sign(tree: &mut Tree, signature: Node, signer: &Signer, dice: &mut Dice) -> Option<Statement> {
    let signed_info = tree.child(signature, ns::DS, "SignedInfo")?;
    let mut parts = Vec::new();
    for reference in references(tree, signed_info) {
        // Nobody signs a digest of what is not there: it would be one of what stood there before, and speak for that.
        let (covered, how) = target(tree, reference, Some(dice))?;
        // Written down before the digest is: what is covered may stand in the DigestValue, and be gone with its old text.
        parts.push(part(tree, covered));
        let octets = {
            let prefixes: Vec<&str> = how.prefixes.iter().map(String::as_str).collect();
            let omit = how.enveloped.then_some(signature);
            canonical(tree, covered, How { prefixes: &prefixes, omit, token: how.token })
        };
        let method = tree.child(reference, ns::DS, "DigestMethod").and_then(|node| tree.attribute(node, "Algorithm"));
        let method = method.and_then(|uri| DigestAlgorithm::from_uri(uri)).unwrap_or(DigestAlgorithm::Sha256);
        let digest = base64::encode(method.digest(octets.as_bytes()).as_ref());
        let value = tree.child(reference, ns::DS, "DigestValue")?;
        tree.set_text(value, &digest);
    }
    let method = tree.child(signed_info, ns::DS, "SignatureMethod")?;
    let named = tree.attribute(method, "Algorithm").and_then(|uri| SignatureAlgorithm::from_uri(uri));
    let algorithm = match named {
        Some(algorithm) if algorithm.key_kind() == signer.key.public().kind() => algorithm,
        _ => {
            let own = signer.key.default_algorithm();
            tree.set_attribute(method, "Algorithm", own.uri());
            own
        }
    };
    let made = stated(tree, signed_info, parts, signer.key.public().spki())?;
    let octets = signed_octets(tree, signed_info)?;
    let value = base64::encode(&signer.key.sign(algorithm, octets.as_bytes()).ok()?);
    let at = tree.child(signature, ns::DS, "SignatureValue")?;
    tree.set_text(at, &value);
    Some(made)
}

/// How KeyInfo is made to name the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It says what it said.
    AsItWas,
    /// The certificates in BinarySecurityTokens and in the signature are the signer's.
    Replaced,
    /// KeyInfo holds the signer's certificate.
    Embedded,
}

pub(super) fn show(tree: &mut Tree, signature: Node, signer: &Signer, shown: Shown) {
    let security = tree.parent(signature);
    match shown {
        Shown::AsItWas => {}
        Shown::Replaced => {
            let inside = tree.elements_below(signature);
            let beside: Vec<Node> = security.map(|security| tree.elements_in(security).collect()).unwrap_or_default();
            let certificates = inside.into_iter().filter(|node| tree.is(*node, ns::DS, "X509Certificate"));
            let tokens = beside.into_iter().filter(|node| tree.is(*node, ns::WSSE, "BinarySecurityToken"));
            let all: Vec<Node> = certificates.chain(tokens).collect();
            all.into_iter().for_each(|node| tree.set_text(node, &signer.certificate));
        }
        Shown::Embedded => {
            let Some(old) = tree.child(signature, ns::DS, "KeyInfo") else { return };
            let Some((parent, position)) = tree.position(old) else { return };
            tree.take(old);
            let text = tree.add(Kind::Text(signer.certificate.as_str().into()));
            let certificate = new_element(tree, "ds:X509Certificate", &[], &[text]);
            let data = new_element(tree, "ds:X509Data", &[], &[certificate]);
            let reference = new_element(tree, "wsse:SecurityTokenReference", &[("xmlns:wsse", ns::WSSE)], &[data]);
            let key_info = new_element(tree, "ds:KeyInfo", &[("xmlns:ds", ns::DS)], &[reference]);
            tree.put(parent, position, key_info);
        }
    }
}

/// An element that stands nowhere yet.
pub(super) fn new_element(tree: &mut Tree, name: &str, attributes: &[(&str, &str)], children: &[Node]) -> Node {
    let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let node = tree.add(Kind::Element(Element { name: name.into(), attributes, children: Vec::new() }));
    children.iter().for_each(|child| tree.put(node, usize::MAX, *child));
    node
}

/// What the transforms of a reference ask for.
struct Transforms {
    prefixes: Vec<String>,
    enveloped: bool,
    token: bool,
}

/// The element that a reference covers: one of those with its id, by chance where there are several.
fn target(tree: &Tree, reference: Node, dice: Option<&mut Dice>) -> Option<(Node, Transforms)> {
    let id = tree.attribute(reference, "URI")?.strip_prefix('#')?.to_owned();
    let found = tree.with_id(&id);
    let mut covered = match dice {
        Some(dice) => *dice.pick(&found)?,
        None => *found.first()?,
    };
    let mut how = Transforms { prefixes: Vec::new(), enveloped: false, token: false };
    let transforms = tree.child(reference, ns::DS, "Transforms");
    let transforms: Vec<Node> = transforms.map(|node| tree.elements_in(node).collect()).unwrap_or_default();
    for transform in transforms {
        match tree.attribute(transform, "Algorithm").map(AsRef::as_ref) {
            Some(ns::ENVELOPED_SIGNATURE) => how.enveloped = true,
            Some(ns::STR_TRANSFORM) => {
                how.token = true;
                covered = token(tree, covered)?;
            }
            _ => how.prefixes = prefixes(tree, transform),
        }
    }
    Some((covered, how))
}

/// The token that a SecurityTokenReference leads to.
fn token(tree: &Tree, reference: Node) -> Option<Node> {
    let by_uri = tree.child(reference, ns::WSSE, "Reference").and_then(|node| tree.attribute(node, "URI"));
    let by_uri = by_uri.and_then(|uri| uri.strip_prefix('#')).map(str::to_owned);
    let identifier = tree.child(reference, ns::WSSE, "KeyIdentifier").map(|node| tree.text(node).trim().to_owned());
    tree.with_id(&by_uri.or(identifier)?).first().copied()
}

fn signed_octets(tree: &Tree, signed_info: Node) -> Option<String> {
    let method = tree.child(signed_info, ns::DS, "CanonicalizationMethod")?;
    let prefixes = prefixes(tree, method);
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    Some(canonical(tree, signed_info, How { prefixes: &prefixes, ..How::default() }))
}

fn prefixes(tree: &Tree, method: Node) -> Vec<String> {
    let list = tree.child(method, ns::EXC_C14N, "InclusiveNamespaces");
    let list = list.and_then(|node| tree.attribute(node, "PrefixList"));
    list.map(|list| list.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Machine;
    use super::super::model::Values;
    use super::*;

    /// A good message of the clinic's, and its signer.
    fn clinic() -> (Tree, Signer) {
        let workshop = Machine::open(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().workshop;
        let base = workshop.bases.into_iter().find(|base| base.name == "clinic by EmbeddedCertificate").unwrap();
        let signer = workshop.signers.into_iter().find(|signer| signer.name == "clinic").unwrap();
        (base.tree, signer)
    }

    #[test]
    fn what_is_written_down_is_what_was_digested_also_where_an_id_is_anothers_too() {
        let (good, signer) = clinic();
        let mut others = 0;
        for seed in 0..20 {
            let (mut tree, mut dice) = (good.clone(), Dice::new(seed));
            let mut all = tree.elements().into_iter();
            let hint = all.find(|node| tree.is(*node, ns::WSSE, "SecurityTokenReference")).unwrap();
            tree.set_attribute(hint, "wsu:Id", "Body");
            let signature = signature(&tree).unwrap();
            let made = sign(&mut tree, signature, &signer, &mut dice).unwrap();
            let signed_info = tree.child(signature, ns::DS, "SignedInfo").unwrap();
            let digests: Vec<String> = references(&tree, signed_info)
                .into_iter()
                .filter_map(|reference| tree.child(reference, ns::DS, "DigestValue"))
                .map(|value| tree.text(value))
                .collect();
            assert!(made.parts.iter().all(|part| digests.contains(&base64::encode(&part.octets))), "seed {seed}");
            let first = statement(&tree, signature, signer.key.public().spki()).unwrap();
            others +=
                usize::from(first.parts.iter().map(|part| part.octets).ne(made.parts.iter().map(|part| part.octets)));
        }
        assert!(others > 0, "another element than the first was never digested");
    }

    #[test]
    fn what_stood_in_a_digest_when_it_was_digested_is_written_down_as_what_it_was() {
        let (good, signer) = clinic();
        for seed in 0..20 {
            let (mut tree, mut dice) = (good.clone(), Dice::new(seed));
            let find =
                |tree: &Tree, namespace, name| tree.elements().into_iter().find(|node| tree.is(*node, namespace, name));
            let timestamp = find(&tree, ns::WSU, "Timestamp").unwrap();
            let signature = signature(&tree).unwrap();
            let signed_info = tree.child(signature, ns::DS, "SignedInfo").unwrap();
            for reference in references(&tree, signed_info) {
                let (scope, source) = (tree.scope(timestamp), tree.clone());
                let copied = tree.copy(&source, timestamp);
                tree.carry_declarations(copied, &scope);
                let digest = tree.child(reference, ns::DS, "DigestValue").unwrap();
                tree.put(digest, 0, copied);
            }
            let made = sign(&mut tree, signature, &signer, &mut dice).unwrap();
            let said =
                made.parts.iter().filter(|part| matches!(part.values, Values::Timestamp { created: Some(_), .. }));
            assert_eq!(said.count(), 1, "seed {seed}: {made:?}");
        }
    }
}
