//! WS-Trust 1.3 (and the names of 2005/02 and 1.4): requests for a token, and the answers.
//!
//! [`RequestSecurityToken`] reads what a request says and lists what it did not read; whether it is
//! granted, and which of its wishes count, is `flow`'s affair. [`RequestSecurityTokenResponse`] is
//! what a client gets; [`NewRequest`] and [`NewResponse`] are written. One answer shape serves all known
//! clients (`reference/wstrust.md` 3.6).

mod claims;
mod request;
mod response;
mod use_key;
mod values;
mod write;

use std::fmt;

pub use claims::{AUTH_2006, ClaimRequest, Claims};
pub use request::{AppliesTo, Lifetime, OnBehalfOf, Renewing, RequestSecurityToken};
pub use response::RequestSecurityTokenResponse;
pub use use_key::UseKey;
pub use values::{ACCESS_TOKEN, KeyType, RequestType, TokenType, TrustVersion};
pub use write::{Address, NewRequest, NewResponse, Wrapping};

use crate::wire::shape::ShapeError;
use crate::wire::wsse;
use crate::wire::xml::{Element, NodeId};

/// Why an element is not a request, or an answer, that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// The element at fault.
    pub at: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The Body holds something else than a RequestSecurityToken; its name.
    NotARequest(String),
    /// The Body holds something else than a RequestSecurityTokenResponse; its name.
    NotAnAnswer(String),
    /// A child in a namespace of WS-Trust that no version defines (`rules.md` 2.5).
    UnknownChild(String),
    /// A child of another version of WS-Trust than the request's.
    MixedVersions(String),
    /// A child that stands there twice.
    Repeated(String),
    /// Context is longer than [`MAX_CONTEXT`] bytes.
    ContextTooLong(usize),
    /// AppliesTo holds no address that can be read.
    AppliesTo(ShapeError),
    Lifetime(ShapeError),
    /// UseKey holds nothing, or a key in a form that is not taken.
    UseKey(wsse::Error),
    OnBehalfOf(wsse::Error),
    Claims(ShapeError),
    Shape(ShapeError),
}

impl Error {
    fn new(kind: ErrorKind, at: Element<'_>) -> Self {
        Self { kind, at: at.id() }
    }
}

impl From<ShapeError> for Error {
    fn from(error: ShapeError) -> Self {
        Self { at: error.at, kind: ErrorKind::Shape(error) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::NotARequest(found) => write!(f, "{found} is not a RequestSecurityToken"),
            ErrorKind::NotAnAnswer(found) => write!(f, "{found} is not a RequestSecurityTokenResponse"),
            ErrorKind::UnknownChild(name) => write!(f, "{name} is in no version of WS-Trust"),
            ErrorKind::MixedVersions(name) => write!(f, "{name} is of another version of WS-Trust than the request"),
            ErrorKind::Repeated(name) => write!(f, "{name} stands there more than once"),
            ErrorKind::ContextTooLong(bytes) => write!(f, "Context has {bytes} bytes; {MAX_CONTEXT} are taken"),
            ErrorKind::AppliesTo(error) => write!(f, "AppliesTo: {error}"),
            ErrorKind::Lifetime(error) => write!(f, "Lifetime: {error}"),
            ErrorKind::UseKey(error) => write!(f, "UseKey: {error}"),
            ErrorKind::OnBehalfOf(error) => write!(f, "OnBehalfOf: {error}"),
            ErrorKind::Claims(error) => write!(f, "Claims: {error}"),
            ErrorKind::Shape(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Longest Context that is echoed, in bytes.
pub const MAX_CONTEXT: usize = 1024;

#[cfg(test)]
mod tests;
