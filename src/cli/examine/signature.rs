//! Signatures as they say they are, whether or not they are ones that are taken: what each
//! reference names, its canonical form, and whether its digest holds.

use super::canonical::{Form, Method, canonical};
use super::hash::{self, Hash};
use super::tree::{NodeId, Tree};
use crate::wire::base64;
use crate::wire::ns;

/// One `ds:Signature`, read without asking whether it is built as it should be.
#[derive(Debug)]
pub struct Signature {
    pub node: NodeId,
    pub signed_info: NodeId,
    pub method: String,
    pub canonicalization: String,
    pub form: Form,
    /// As written.
    pub value: String,
    pub key_info: Option<NodeId>,
    pub references: Vec<Reference>,
}

/// One `ds:Reference`.
#[derive(Debug)]
pub struct Reference {
    pub node: NodeId,
    pub uri: Option<String>,
    /// The transforms by their short names, a PrefixList behind its own.
    pub transforms: Vec<String>,
    pub digest_method: String,
    /// As written.
    pub digest_value: String,
    /// How the octets are made; a sentence where that is nothing that is known here.
    pub form: Result<Form, String>,
    /// What is digested; a sentence where that cannot be said.
    pub target: Result<NodeId, String>,
}

/// What is known of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    Holds {
        octets: usize,
    },
    Differs {
        octets: usize,
    },
    /// Why it cannot be said.
    Unknown(String),
}

impl Signature {
    /// The signatures of a message, in document order; at most [`MOST_SIGNATURES`].
    pub fn all(tree: &Tree) -> Vec<Self> {
        let signatures = tree.elements().filter(|id| tree.is(*id, ns::DS, "Signature"));
        signatures.filter_map(|node| Self::read(tree, node)).take(MOST_SIGNATURES).collect()
    }

    fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        let signed_info = tree.child(node, ns::DS, "SignedInfo")?;
        let method = tree.child(signed_info, ns::DS, "SignatureMethod");
        let canonicalization = tree.child(signed_info, ns::DS, "CanonicalizationMethod");
        let named =
            |id: Option<NodeId>| id.and_then(|id| tree.attribute(id, "Algorithm")).unwrap_or_default().to_owned();
        let mut form = Form::default();
        // One that is not known is tried as the exclusive one.
        if let (Some(id), Some((method, comments))) = (canonicalization, method_of(&named(canonicalization))) {
            form = Form { method, comments, prefixes: prefix_list(tree, id), ..Form::default() };
        }
        let references = tree.child_elements(signed_info).filter(|id| tree.is(*id, ns::DS, "Reference"));
        Some(Self {
            node,
            signed_info,
            method: named(method),
            canonicalization: named(canonicalization),
            form,
            value: tree.child(node, ns::DS, "SignatureValue").map(|id| tree.text(id)).unwrap_or_default(),
            key_info: tree.child(node, ns::DS, "KeyInfo"),
            references: references.take(MOST_REFERENCES).map(|id| Reference::read(tree, id, node)).collect(),
        })
    }
}

impl Reference {
    fn read(tree: &Tree, node: NodeId, signature: NodeId) -> Self {
        let uri = tree.attribute(node, "URI").map(str::to_owned);
        let digest_method = tree.child(node, ns::DS, "DigestMethod");
        let digest_value = tree.child(node, ns::DS, "DigestValue").map(|id| tree.text(id)).unwrap_or_default();
        let mut reference = Self {
            node,
            target: target(tree, uri.as_deref()),
            uri,
            transforms: Vec::new(),
            digest_method: digest_method.and_then(|id| tree.attribute(id, "Algorithm")).unwrap_or_default().to_owned(),
            digest_value,
            // Without a canonicalisation it is the inclusive one (XML Signature 1.1 §4.4.3.2).
            form: Ok(Form { method: Method::Inclusive, ..Form::default() }),
        };
        let transforms = tree.child(node, ns::DS, "Transforms");
        for transform in transforms.into_iter().flat_map(|id| tree.child_elements(id)) {
            reference.transform(tree, transform, signature);
        }
        reference
    }

    fn transform(&mut self, tree: &Tree, transform: NodeId, signature: NodeId) {
        let uri = tree.attribute(transform, "Algorithm").unwrap_or_default();
        let list = prefix_list(tree, transform);
        self.transforms.push(described(uri, &list));
        let Ok(form) = &mut self.form else { return };
        if let Some((method, comments)) = method_of(uri) {
            (form.method, form.comments, form.prefixes) = (method, comments, list);
        } else if uri == ns::ENVELOPED_SIGNATURE {
            form.omit = Some(signature);
        } else if uri == ns::STR_TRANSFORM {
            let inner = tree.inside(transform).find(|id| tree.is(*id, ns::DS, "CanonicalizationMethod"));
            let named = inner.and_then(|id| method_of(tree.attribute(id, "Algorithm")?));
            if let (Some(id), Some((method, comments))) = (inner, named) {
                *form = Form { method, comments, prefixes: prefix_list(tree, id), token: true, ..Form::default() };
            }
            let target = self.target.clone();
            self.target = target.and_then(|id| token(tree, id));
        } else {
            self.form = Err(format!("the transform {} is not computed here", short(uri)));
        }
    }

    /// The algorithm that the message names.
    pub fn declared(&self) -> Option<Hash> {
        Hash::from_uri(&self.digest_method)
    }

    /// Computes the digest as the message says it is made.
    pub fn digest(&self, tree: &Tree) -> Digest {
        let computed = || -> Result<Digest, String> {
            let target = self.target.clone()?;
            let form = self.form.clone()?;
            let hash = self
                .declared()
                .ok_or_else(|| format!("the digest method {} is not computed here", short(&self.digest_method)))?;
            let octets = canonical(tree, target, &form).ok_or("its canonical form is too long")?;
            let wanted = base64::decode_xml(&self.digest_value).map_err(|_| "its DigestValue is not base64")?;
            let size = octets.len();
            Ok(if hash::digest(hash, octets.as_bytes()) == wanted {
                Digest::Holds { octets: size }
            } else {
                Digest::Differs { octets: size }
            })
        };
        computed().unwrap_or_else(Digest::Unknown)
    }
}

/// The element that a reference names.
fn target(tree: &Tree, uri: Option<&str>) -> Result<NodeId, String> {
    let Some(uri) = uri else { return Err("it has no URI".to_owned()) };
    if uri.is_empty() || uri == "#xpointer(/)" {
        return tree.root().ok_or_else(|| "there is no root".to_owned());
    }
    let Some(id) = uri.strip_prefix('#') else { return Err("it points outside the message".to_owned()) };
    let quoted = id.strip_prefix("xpointer(id(").and_then(|rest| rest.strip_suffix("))"));
    let id = quoted.map_or(id, |quoted| quoted.trim_matches(['\'', '"']));
    let mut found = tree.by_id(id);
    match (found.next(), found.count()) {
        (Some(one), 0) => Ok(one),
        (Some(_), more) => Err(format!("{} elements have this id", more + 1)),
        (None, _) => Err("no element has this id".to_owned()),
    }
}

/// The token that a SecurityTokenReference names.
fn token(tree: &Tree, reference: NodeId) -> Result<NodeId, String> {
    let child = tree.child_elements(reference).next();
    let uri = child.and_then(|id| tree.attribute(id, "URI"));
    let id = match (uri, child) {
        (Some(uri), _) => uri.trim_start_matches('#').to_owned(),
        (None, Some(child)) => tree.text(child).trim().to_owned(),
        (None, None) => String::new(),
    };
    let found = tree.by_id(&id).next();
    found.ok_or_else(|| "its SecurityTokenReference leads to no token of this message".to_owned())
}

fn prefix_list(tree: &Tree, id: NodeId) -> Vec<String> {
    let list = tree.child_elements(id).find(|child| tree.name(*child).ends_with("InclusiveNamespaces"));
    let list = list.and_then(|list| tree.attribute(list, "PrefixList")).unwrap_or_default();
    list.split_ascii_whitespace().take(MOST_PREFIXES).map(str::to_owned).collect()
}

/// The canonicalisation with this identifier, and whether it keeps comments.
pub fn method_of(uri: &str) -> Option<(Method, bool)> {
    let (uri, comments) = match uri.strip_suffix("#WithComments") {
        Some(base) if base == ns::EXC_C14N.trim_end_matches('#') => (ns::EXC_C14N, true),
        Some(base) => (base, true),
        None => (uri, false),
    };
    let method = match uri {
        ns::EXC_C14N => Method::Exclusive,
        ns::C14N => Method::Inclusive,
        ns::C14N11 => Method::Inclusive11,
        _ => return None,
    };
    Some((method, comments))
}

fn described(uri: &str, prefixes: &[String]) -> String {
    let name = match uri {
        ns::EXC_C14N => "exc-c14n".to_owned(),
        ns::C14N => "c14n".to_owned(),
        ns::C14N11 => "c14n11".to_owned(),
        _ => match uri.strip_suffix("#WithComments") {
            Some(base) => format!(
                "{}-with-comments",
                described(&if base.ends_with("exc-c14n") { format!("{base}#") } else { base.to_owned() }, &[])
            ),
            None => short(uri).to_owned(),
        },
    };
    if prefixes.is_empty() { name } else { format!("{name}({})", prefixes.join(" ")) }
}

/// What stands behind `#`, or the last part.
pub fn short(uri: &str) -> &str {
    let name = uri.rsplit(['#', '/']).next().unwrap_or(uri);
    if name.is_empty() { uri } else { name }
}

/// More than any message has.
const MOST_SIGNATURES: usize = 8;
const MOST_REFERENCES: usize = 32;
const MOST_PREFIXES: usize = 32;
