//! SAML 2.0 assertions (Core section 2): read strictly, written canonically. Assertions of SAML 1.1
//! are read into the same words.
//!
//! Reading looks at the children of the Assertion in the schema's order and at nothing deeper than
//! the schema says, so that a second assertion inside Advice, Extensions or a Signature is never
//! seen (the attacks XSW 1 to 8). Values are text: an element inside a value is refused, and
//! comments were dropped with the parse. Whether an assertion is signed, by whom, and whether it
//! counts now and here, is not asked here.

mod read;
mod saml1;
mod statements;
mod subject;
mod write;

use std::fmt;

use chrono::{DateTime, Utc};

pub use statements::{Attribute, AuthnStatement, Conditions, ProxyRestriction};
pub use subject::{ConfirmationMethod, NameId, Subject, SubjectConfirmation};
pub use write::{
    ConfirmationKey, NAME_ID_UNSPECIFIED, NewAssertion, NewAttribute, SIGNED_PREFIXES, Unsigned, WriteError, key_info,
};

use crate::wire::key_info::{self, Known};
use crate::wire::ns;
use crate::wire::shape::ShapeError;
use crate::wire::xml::{Element, NodeId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Saml11,
    Saml20,
}

/// An assertion as it was read. Claimed, not proven.
#[derive(Debug, Clone)]
pub struct Assertion<'d> {
    pub element: Element<'d>,
    pub version: Version,
    /// `ID`, or the `AssertionID` of SAML 1.1.
    pub id: &'d str,
    pub issue_instant: DateTime<Utc>,
    pub issuer: NameId,
    /// The `ds:Signature` that stands where the schema puts it: right behind the Issuer; in SAML 1.1,
    /// last.
    pub signature: Option<Element<'d>>,
    pub subject: Subject,
    /// Empty when absent.
    pub conditions: Conditions,
    pub authn_statements: Vec<AuthnStatement>,
    /// The attributes of all AttributeStatements, in document order.
    pub attributes: Vec<Attribute>,
    /// Statements that are not read (AuthzDecisionStatement, extensions).
    pub other_statements: Vec<Element<'d>>,
}

impl<'d> Assertion<'d> {
    /// Reads a `saml:Assertion` of SAML 2.0.
    ///
    /// # Errors
    /// When it is not version 2.0, or not of the schema's shape.
    pub fn read(element: Element<'d>) -> Result<Self, Error> {
        read::assertion(element, &key_info::none_known)
    }

    /// Reads a `saml:Assertion` of SAML 2.0 or 1.1: the namespace says which. `known`: the certificates of holders that
    /// were read before.
    ///
    /// # Errors
    /// When it is of no such version, or not of that version's shape.
    pub fn read_any(element: Element<'d>, known: &Known<'_>) -> Result<Self, Error> {
        if element.namespace() == ns::SAML1 {
            saml1::assertion(element, known)
        } else {
            read::assertion(element, known)
        }
    }

    /// The one attribute of this name; its values may be many.
    ///
    /// # Errors
    /// When two attributes have the name: which one counts nobody can say.
    pub fn attribute(&self, name: &str) -> Result<Option<&Attribute>, Error> {
        let mut found = self.attributes.iter().filter(|attribute| attribute.name == name);
        match (found.next(), found.next()) {
            (_, Some(second)) => Err(Error { kind: ErrorKind::AttributeRepeated(second.name.clone()), at: second.at }),
            (first, None) => Ok(first),
        }
    }

    /// The audiences that all AudienceRestrictions name: conditions are joined by "and", the
    /// audiences of one restriction by "or" (Core section 2.5.1.4). `None` without restriction.
    pub fn audiences(&self) -> Option<Vec<&str>> {
        let (first, rest) = self.conditions.audience_restrictions.split_first()?;
        let in_all = |audience: &&String| rest.iter().all(|restriction| restriction.contains(audience));
        Some(first.iter().filter(in_all).map(String::as_str).collect())
    }
}

/// Why an element is not an assertion that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// The element at fault.
    pub at: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// Not an Assertion of the version that was asked for; the element's name.
    NotAnAssertion(String),
    /// `Version` is not `2.0`, or not `1.1`.
    Version(String),
    /// `ID` is not an NCName of at most 256 bytes.
    Id(String),
    /// EncryptedID, EncryptedAttribute and the like: nothing is decrypted here.
    Encrypted(String),
    /// A Signature elsewhere than the schema has it, or a second one.
    SignaturePosition,
    /// Statements of SAML 1.1 about different subjects.
    SplitSubject,
    /// Two attributes of one name where one is asked for.
    AttributeRepeated(String),
    /// Any other departure from the schema.
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
            ErrorKind::NotAnAssertion(found) => write!(f, "{found} is not a SAML Assertion"),
            ErrorKind::Version(found) => write!(f, "version {found} is neither 2.0 nor 1.1"),
            ErrorKind::Id(found) => write!(f, "ID=\"{found}\" is not an NCName"),
            ErrorKind::Encrypted(name) => write!(f, "{name} is encrypted; nothing is decrypted here"),
            ErrorKind::SignaturePosition => f.write_str(
                "the Signature does not stand where its schema puts it: right behind the Issuer (SAML 1.1: last)",
            ),
            ErrorKind::SplitSubject => f.write_str("its statements are not about the same subject, byte for byte"),
            ErrorKind::AttributeRepeated(name) => write!(f, "two attributes are called `{name}`"),
            ErrorKind::Shape(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Most attributes, audiences, confirmations or values of one kind.
const MAX_ITEMS: usize = 256;
/// Longest value of an attribute or name, in bytes.
const MAX_VALUE: usize = 16 * 1024;
