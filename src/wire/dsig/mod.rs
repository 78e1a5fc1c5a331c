//! XML Signature 1.1, one closed profile (`design.md` §4).
//!
//! In: an element of a parsed document. Out: which elements a key has signed, with what digests. Taken: exclusive
//! canonicalisation without comments, the enveloped-signature transform, the STR-Transform of WSS 1.1, references of
//! the form `#id`, SHA-2, RSA PKCS#1 and PSS, ECDSA on P-256, P-384 and P-521, Ed25519. Only by a dated exception:
//! RSA with SHA-1, SHA-1 digests, inclusive canonicalisation. Never: XPath, XSLT, other documents, `ds:Object`,
//! `ds:Manifest`, HMAC.
//!
//! What was signed is returned as elements of the very tree that is read later. Whether they stand in the right place is
//! for the caller to say.

mod exception;
#[cfg(test)]
mod oracle;
mod parse;
mod pss;
pub mod sign;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;

use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
use crate::wire::xml::{self, Element, NodeId, inclusive};
pub use exception::{Exception, Exceptions};
pub use verify::Computed;

/// A `ds:Signature` whose structure is as it should be. Nothing in it is verified by that.
#[derive(Debug)]
pub struct Signature<'d> {
    pub element: Element<'d>,
    signed_info: Element<'d>,
    canonicalization: Algorithm<'d, Canonical<'d>>,
    method: Algorithm<'d, SignatureAlgorithm>,
    references: Vec<Reference<'d>>,
    value: Vec<u8>,
    key_info: Option<Element<'d>>,
}

impl<'d> Signature<'d> {
    pub fn signed_info(&self) -> Element<'d> {
        self.signed_info
    }

    /// How SignedInfo is canonicalised.
    pub fn canonicalization(&self) -> &Algorithm<'d, Canonical<'d>> {
        &self.canonicalization
    }

    pub fn method(&self) -> &Algorithm<'d, SignatureAlgorithm> {
        &self.method
    }

    /// At least one, at most `Limits::references`.
    pub fn references(&self) -> &[Reference<'d>] {
        &self.references
    }

    /// The signature value, decoded.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    pub fn key_info(&self) -> Option<Element<'d>> {
        self.key_info
    }
}

/// An algorithm as a message names it. `known` is `None` for what is outside the profile.
#[derive(Debug, Clone)]
pub struct Algorithm<'d, T> {
    pub element: Element<'d>,
    /// `@Algorithm`, as it stands.
    pub uri: &'d str,
    pub known: Option<T>,
}

/// The prefixes of an `InclusiveNamespaces/@PrefixList`.
pub type Prefixes<'d> = Vec<&'d str>;

/// A canonicalisation, never with comments.
#[derive(Debug, Clone)]
pub enum Canonical<'d> {
    Exclusive(Prefixes<'d>),
    /// Only by [`Exception::InclusiveCanonicalization`].
    Inclusive(inclusive::Version),
}

/// One `ds:Reference`.
#[derive(Debug)]
pub struct Reference<'d> {
    pub element: Element<'d>,
    /// `@URI` as it stands; `None` when there is no such attribute.
    pub uri: Option<&'d str>,
    pub transforms: Vec<Transform<'d>>,
    pub digest_method: Algorithm<'d, DigestAlgorithm>,
    /// `ds:DigestValue`, decoded.
    pub digest_value: Vec<u8>,
    signature: Element<'d>,
    exceptions: Exceptions,
}

/// One `ds:Transform`.
#[derive(Debug)]
pub struct Transform<'d> {
    pub element: Element<'d>,
    /// `@Algorithm`, as it stands.
    pub uri: &'d str,
    pub kind: TransformKind<'d>,
}

#[derive(Debug)]
pub enum TransformKind<'d> {
    /// Exclusive canonicalisation without comments.
    Exclusive(Prefixes<'d>),
    /// Inclusive canonicalisation without comments; only by [`Exception::InclusiveCanonicalization`].
    Inclusive(inclusive::Version),
    /// Leaves the Signature itself out; does nothing where the Signature stands elsewhere.
    Enveloped,
    /// The STR-Transform: what is signed is the token that a SecurityTokenReference names.
    Token(Algorithm<'d, Canonical<'d>>),
    /// Outside the profile.
    Unknown,
}

/// What is wrong with a signature. Names the element at fault, so that it can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The structure is not the one of XML Signature 1.1 §4, or uses what we never take.
    Structure {
        element: NodeId,
        detail: String,
    },
    /// `ds:DigestValue` or `ds:SignatureValue` is not base64.
    Base64 {
        element: NodeId,
    },
    /// More references than are taken.
    TooManyReferences {
        element: NodeId,
        limit: usize,
    },
    /// `ds:CanonicalizationMethod`, of SignedInfo or inside an STR-Transform, names another than exclusive
    /// canonicalisation.
    Canonicalization {
        element: NodeId,
        uri: String,
    },
    SignatureMethod {
        element: NodeId,
        uri: String,
    },
    DigestMethod {
        element: NodeId,
        uri: String,
    },
    /// A parameter of RSASSA-PSS has another value than the one that is taken.
    Parameter {
        element: NodeId,
        name: &'static str,
        found: String,
        wanted: String,
    },
    /// A transform outside the profile, or not in the order enveloped-signature, canonicalisation.
    Transform {
        element: NodeId,
        uri: String,
        detail: &'static str,
    },
    /// The last transform leaves the form open, which means inclusive canonicalisation (XML Signature 1.1 §4.4.3.2).
    InclusiveByDefault {
        element: NodeId,
    },
    /// A reference that is not `#id`; `None` when it has no URI at all.
    ReferenceForm {
        element: NodeId,
        uri: Option<String>,
    },
    /// No element has this id.
    ReferenceMissing {
        element: NodeId,
        id: String,
    },
    /// So many elements have this id.
    ReferenceRepeated {
        element: NodeId,
        id: String,
        count: usize,
    },
    /// The referenced element has a second, different id.
    TwoIds {
        element: NodeId,
        id: String,
        other: String,
    },
    /// The SecurityTokenReference under an STR-Transform does not lead to a token of this message.
    TokenReference {
        element: NodeId,
        detail: &'static str,
    },
    /// What would be digested is empty.
    Empty {
        element: NodeId,
    },
    /// A canonical form exceeds its limit.
    Limit(xml::Error),
    /// The signature value is not by this key over SignedInfo.
    Value {
        element: NodeId,
    },
}

impl Error {
    /// The element at fault; `None` where only a byte offset is known.
    pub fn element(&self) -> Option<NodeId> {
        match self {
            Self::Structure { element, .. }
            | Self::Base64 { element }
            | Self::TooManyReferences { element, .. }
            | Self::Canonicalization { element, .. }
            | Self::SignatureMethod { element, .. }
            | Self::DigestMethod { element, .. }
            | Self::Parameter { element, .. }
            | Self::Transform { element, .. }
            | Self::InclusiveByDefault { element }
            | Self::ReferenceForm { element, .. }
            | Self::ReferenceMissing { element, .. }
            | Self::ReferenceRepeated { element, .. }
            | Self::TwoIds { element, .. }
            | Self::TokenReference { element, .. }
            | Self::Empty { element }
            | Self::Value { element } => Some(*element),
            Self::Limit(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure { detail, .. } => f.write_str(detail),
            Self::Base64 { .. } => f.write_str("the value is not base64"),
            Self::TooManyReferences { limit, .. } => write!(f, "the signature has more than {limit} references"),
            Self::Canonicalization { uri, .. } => write!(f, "the canonicalisation {uri:?} is not taken"),
            Self::SignatureMethod { uri, .. } => write!(f, "the signature method {uri:?} is not taken"),
            Self::DigestMethod { uri, .. } => write!(f, "the digest method {uri:?} is not taken"),
            Self::Parameter { name, found, wanted, .. } => write!(f, "{name} is {found:?}, and {wanted} is taken"),
            Self::Transform { uri, detail, .. } => write!(f, "the transform {uri:?} {detail}"),
            Self::InclusiveByDefault { .. } => {
                f.write_str("the reference names no canonicalisation, which means the inclusive one; that is not taken")
            }
            Self::ReferenceForm { uri: Some(uri), .. } => write!(f, "the reference {uri:?} is not of the form #id"),
            Self::ReferenceForm { uri: None, .. } => f.write_str("the reference has no URI"),
            Self::ReferenceMissing { id, .. } => write!(f, "no element has the id {id:?}"),
            Self::ReferenceRepeated { id, count, .. } => write!(f, "{count} elements have the id {id:?}"),
            Self::TwoIds { id, other, .. } => write!(f, "the element {id:?} has a second id, {other:?}"),
            Self::TokenReference { detail, .. } => f.write_str(detail),
            Self::Empty { .. } => f.write_str("what the reference signs is empty"),
            Self::Limit(error) => error.fmt(f),
            Self::Value { .. } => f.write_str("the signature value is not by this key over this SignedInfo"),
        }
    }
}

impl std::error::Error for Error {}
