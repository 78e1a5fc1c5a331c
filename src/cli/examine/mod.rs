//! What happened to this message? A forgiving look at any XML with signatures: what each reference
//! covers, whether its digest holds, and where it does not, which of the usual accidents explains it.
//!
//! In: bytes. Out: values for people and for `-o json`. Verdicts come from [`flow`](crate::flow)
//! alone; here is what `envelope verify` and `tap` tell beside them, and never a request
//! (`rules.md` 7.3).

pub mod candidates;
pub mod canonical;
pub mod hash;
pub mod keys;
pub mod map;
pub mod octets;
pub mod signature;
mod tags;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod value;
pub mod why;

use std::ops::Range;

use serde::Serialize;

use crate::wire::xml::line_and_column;
use keys::Key;
use signature::{Digest, Reference, Signature};
use tree::{NodeId, Tree};
pub use why::{Cause, Search};

/// A message with its signatures, read forgivingly.
pub struct Examined {
    pub tree: Tree,
    pub signatures: Vec<Signature>,
    pub shown: Vec<Key>,
}

/// One reference: what it covers, and how that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covers {
    /// `@URI`, as it stands.
    pub reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<Place>,
    pub transforms: Vec<String>,
    pub digest_method: String,
    /// `holds`, `differs` or `unknown`.
    pub digest: &'static str,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The size of the canonical form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octets: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// An element and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub path: String,
    /// First byte and the byte after the last.
    pub bytes: Range<usize>,
    pub line: usize,
    pub column: usize,
}

/// One signature as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub place: Option<Place>,
    pub method: String,
    pub canonicalization: String,
    /// The key that KeyInfo names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `holds`, `differs` or `unknown` (no key at hand).
    pub value: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    pub references: Vec<Covers>,
}

impl Examined {
    /// Reads a message; `None` where it is no XML.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let tree = Tree::read(bytes)?;
        let signatures = Signature::all(&tree);
        let shown = keys::shown(&tree);
        Some(Self { tree, signatures, shown })
    }

    /// Every signature with what it covers. `known`: keys that are at hand beside those of the
    /// message.
    pub fn show(&self, known: &[Key]) -> Vec<Shown> {
        self.signatures.iter().map(|signature| self.signature(signature, known)).collect()
    }

    fn signature(&self, signature: &Signature, known: &[Key]) -> Shown {
        let tree = &self.tree;
        let named = signature.key_info.and_then(|id| keys::named(tree, id, &self.shown, known));
        let holds = named.map(|key| value::holds(tree, signature, key));
        let search = (holds != Some(true)).then(|| {
            let others: Vec<Key> = self.shown.iter().chain(known).cloned().collect();
            value::cause(tree, signature, named, &others)
        });
        Shown {
            place: self.place(signature.node),
            method: signature::short(&signature.method).to_owned(),
            canonicalization: signature.canonicalization.clone(),
            key: named.map(|key| key.whose.clone()),
            value: match holds {
                Some(true) => "holds",
                Some(false) => "differs",
                None => "unknown",
            },
            search: search.filter(|search| holds.is_some() || search.cause.is_some()),
            references: signature.references.iter().map(|reference| self.covers(signature, reference)).collect(),
        }
    }

    fn covers(&self, signature: &Signature, reference: &Reference) -> Covers {
        let tree = &self.tree;
        let digest = reference.digest(tree);
        let is_known = reference.target.is_ok() && reference.form.is_ok() && reference.declared().is_some();
        let unreadable = matches!(&digest, Digest::Unknown(_)) && is_known;
        let search =
            (matches!(digest, Digest::Differs { .. }) || unreadable).then(|| why::digest(tree, signature, reference));
        let (word, detail, octets) = match digest {
            Digest::Holds { octets } => ("holds", None, Some(octets)),
            Digest::Differs { octets } => ("differs", None, Some(octets)),
            Digest::Unknown(why) => ("unknown", Some(why), None),
        };
        Covers {
            reference: reference.uri.clone().unwrap_or_else(|| "(no URI)".to_owned()),
            element: reference.target.as_ref().ok().and_then(|id| self.place(*id)),
            transforms: reference.transforms.clone(),
            digest_method: signature::short(&reference.digest_method).to_owned(),
            digest: word,
            detail,
            octets,
            search,
        }
    }

    pub fn place(&self, id: NodeId) -> Option<Place> {
        let bytes = self.tree.node(id)?.range.clone();
        let (line, column) = line_and_column(self.tree.source.as_bytes(), bytes.start);
        Some(Place {
            name: self.tree.name(id).to_owned(),
            id: self.tree.ids(id).next().map(str::to_owned),
            path: self.tree.path(id),
            bytes,
            line,
            column,
        })
    }
}
