//! WS-Security 1.0 and 1.1: the Security header, what stands in it, and how we write ours.
//!
//! [`SecurityHeader`] sorts the children of the one header that is for us; nothing is looked up
//! elsewhere, and nothing is judged: whether there may be two signatures is `flow`'s to say. The
//! order of the children means nothing (`reference/wstrust.md` 3.4).

mod binary_security_token;
mod timestamp;
mod token_reference;
mod write;

use std::fmt;

pub use binary_security_token::{BinarySecurityToken, ValueType};
pub use timestamp::Timestamp;
pub use token_reference::{SamlVersion, SecurityTokenReference, TokenReference};
pub use write::{NewBinarySecurityToken, NewReference, NewSecurityHeader, NewTimestamp};

use crate::wire::guard::{self, Guard};
use crate::wire::ns;
use crate::wire::shape::{Shape, ShapeError, no_text};
use crate::wire::soap::{Envelope, Role};
use crate::wire::xml::{Element, NodeId};

/// The Security header that is for us, its children sorted, each list in document order.
#[derive(Debug, Clone)]
pub struct SecurityHeader<'d> {
    pub element: Element<'d>,
    pub timestamps: Vec<Element<'d>>,
    pub binary_security_tokens: Vec<Element<'d>>,
    pub signatures: Vec<Element<'d>>,
    /// Assertions of SAML 1.x and 2.0, told apart by their namespace.
    pub assertions: Vec<Element<'d>>,
    pub username_tokens: Vec<Element<'d>>,
    /// References that stand in the header itself: targets of an STR-Transform, as the Danish
    /// profile has them.
    pub references: Vec<Element<'d>>,
    /// EncryptedKey, EncryptedData, ReferenceList, EncryptedAssertion: nothing is decrypted here.
    pub encrypted: Vec<Element<'d>>,
    /// Everything else.
    pub others: Vec<Element<'d>>,
}

/// What is wrong with a Security header or something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// The element at fault.
    pub at: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// So many Security headers are for us (WSS 1.1 section 5: one for each role).
    Repeated(usize),
    /// The header or one of its parts has the wrong shape.
    Shape(ShapeError),
    /// `EncodingType` is not Base64Binary.
    EncodingType(String),
    /// `ValueType` is none that can be read as a certificate.
    ValueType(String),
    /// The token's bytes are not a certificate.
    Certificate(String),
    /// `wsse:Reference/@URI` does not name an element of the same message.
    NotSameDocument(String),
    /// A way to refer to a token that is not taken (BSP 1.1 R3056, R3057, R5204); its name.
    ReferenceForm(String),
    /// More than one way to refer to a token in one SecurityTokenReference (BSP 1.1 R3061).
    ReferenceAmbiguous,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, at: Element<'_>) -> Self {
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
            ErrorKind::Repeated(count) => write!(f, "{count} Security headers are for one receiver"),
            ErrorKind::Shape(error) => error.fmt(f),
            ErrorKind::EncodingType(found) => write!(f, "EncodingType `{found}` is not Base64Binary"),
            ErrorKind::ValueType(found) => write!(f, "ValueType `{found}` is no certificate"),
            ErrorKind::Certificate(why) => f.write_str(why),
            ErrorKind::NotSameDocument(uri) => write!(f, "the reference `{uri}` does not point into the message"),
            ErrorKind::ReferenceForm(name) => write!(f, "{name} is no way to refer to a token that is taken"),
            ErrorKind::ReferenceAmbiguous => f.write_str("a SecurityTokenReference refers in two ways"),
        }
    }
}

impl std::error::Error for Error {}

impl<'d> SecurityHeader<'d> {
    /// The Security header for us; `None` when there is none.
    ///
    /// # Errors
    /// When two are for us, text stands in it, or more than 32 children.
    pub fn read(envelope: &Envelope<'d>) -> Result<Option<Self>, Error> {
        let ours: Vec<_> = envelope
            .blocks
            .iter()
            .filter(|block| block.role == Role::Ours && is_security(block.element))
            .map(|block| block.element)
            .collect();
        match ours.as_slice() {
            [] => Ok(None),
            [element] => Self::sort(*element).map(Some),
            [element, _, ..] if !guard::stands(Guard::SecurityHeaderContent) => Self::sort(*element).map(Some),
            [_, second, ..] => Err(Error::new(ErrorKind::Repeated(ours.len()), *second)),
        }
    }

    fn sort(element: Element<'d>) -> Result<Self, Error> {
        if guard::stands(Guard::SecurityHeaderContent) {
            no_text(element)?;
        }
        let mut header = Self {
            element,
            timestamps: Vec::new(),
            binary_security_tokens: Vec::new(),
            signatures: Vec::new(),
            assertions: Vec::new(),
            username_tokens: Vec::new(),
            references: Vec::new(),
            encrypted: Vec::new(),
            others: Vec::new(),
        };
        for (count, child) in element.children().enumerate() {
            if count >= MOST_CHILDREN {
                return Err(ShapeError::new(Shape::TooLong { most: MOST_CHILDREN }, child).into());
            }
            let list = match (child.namespace(), child.local_name()) {
                (ns::WSU, "Timestamp") => &mut header.timestamps,
                (ns::WSSE, "BinarySecurityToken") => &mut header.binary_security_tokens,
                (ns::DS, "Signature") => &mut header.signatures,
                (ns::SAML1 | ns::SAML2, "Assertion") => &mut header.assertions,
                (ns::WSSE, "UsernameToken") => &mut header.username_tokens,
                (ns::WSSE, "SecurityTokenReference") => &mut header.references,
                (ns::XENC | ns::XENC11, _) | (ns::SAML2, "EncryptedAssertion") => &mut header.encrypted,
                _ => &mut header.others,
            };
            list.push(child);
        }
        Ok(header)
    }
}

/// Most children of a Security header. The fullest that we know has a Timestamp, two tokens, an assertion, a reference to
/// it and a signature.
const MOST_CHILDREN: usize = 32;

/// Whether the element is a Security header of WS-Security.
pub fn is_security(element: Element<'_>) -> bool {
    element.is(ns::WSSE, "Security")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn envelope(headers: &str) -> Document {
        let xml = format!(
            "<s:Envelope xmlns:s='{}' xmlns:wsse='{}' xmlns:wsu='{}' xmlns:ds='{}'><s:Header>{headers}</s:Header>\
             <s:Body><a/></s:Body></s:Envelope>",
            ns::SOAP11,
            ns::WSSE,
            ns::WSU,
            ns::DS
        );
        Document::parse(xml, &Limits::default()).unwrap()
    }

    #[test]
    fn the_order_of_the_children_means_nothing() {
        let document = envelope(
            "<wsse:Security><ds:Signature/><wsse:BinarySecurityToken/><wsu:Timestamp/><e:Assertion xmlns:e='urn:evil'/>\
             <x:EncryptedKey xmlns:x='http://www.w3.org/2001/04/xmlenc#'/><wsse:UsernameToken/>\
             <wsse:SecurityTokenReference/><wsse:SecurityTokenReference/></wsse:Security>",
        );
        let header = SecurityHeader::read(&Envelope::read(&document).unwrap()).unwrap().unwrap();
        assert_eq!((header.signatures.len(), header.binary_security_tokens.len(), header.timestamps.len()), (1, 1, 1));
        assert_eq!((header.assertions.len(), header.others.len(), header.encrypted.len()), (0, 1, 1));
        assert_eq!((header.username_tokens.len(), header.references.len()), (1, 2));
    }

    #[test]
    fn a_header_of_thousands_of_tokens_is_not_sorted() {
        let read = |count: usize| {
            let document = envelope(&format!("<wsse:Security>{}</wsse:Security>", "<x/>".repeat(count)));
            SecurityHeader::read(&Envelope::read(&document).unwrap()).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(read(32), Ok(()));
        assert_eq!(read(33), Err("there is more than the 32 that are taken".to_owned()));
    }

    #[test]
    fn one_header_is_for_us_and_others_are_for_others() {
        let document = envelope("<wsse:Security/><wsse:Security s:actor='urn:other'><ds:Signature/></wsse:Security>");
        let header = SecurityHeader::read(&Envelope::read(&document).unwrap()).unwrap().unwrap();
        assert!(header.signatures.is_empty());

        let document = envelope("<wsse:Security/><wsse:Security s:actor=''/>");
        let error = SecurityHeader::read(&Envelope::read(&document).unwrap()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Repeated(2));

        let document = envelope("");
        assert!(SecurityHeader::read(&Envelope::read(&document).unwrap()).unwrap().is_none());
    }
}
