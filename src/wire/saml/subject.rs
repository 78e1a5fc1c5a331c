//! `saml:Subject` (Core section 2.4): whom an assertion is about, and how somebody may show to be
//! meant by it.

use chrono::{DateTime, Utc};

use super::{Error, ErrorKind, MAX_ITEMS, MAX_VALUE};
use crate::wire::key_info::{Known, ShownKey, shown_key};
use crate::wire::ns;
use crate::wire::shape::{self, Shape, ShapeError, name_of};
use crate::wire::xml::Element;

/// NameID and Issuer: a name with the parts that belong to its identity (`rules.md` 5.4). Byte for
/// byte: nothing is trimmed or folded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NameId {
    pub value: String,
    pub format: Option<String>,
    pub name_qualifier: Option<String>,
    pub sp_name_qualifier: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub name_id: Option<NameId>,
    pub confirmations: Vec<SubjectConfirmation>,
}

/// One way to confirm the subject. Each is a way of its own: one that fits is enough, so a bearer
/// confirmation beside a holder-of-key one makes a bearer assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectConfirmation {
    pub method: ConfirmationMethod,
    pub not_before: Option<DateTime<Utc>>,
    pub not_on_or_after: Option<DateTime<Utc>>,
    pub recipient: Option<String>,
    pub in_response_to: Option<String>,
    pub address: Option<String>,
    /// The keys of its KeyInfos; whoever proves one of them is meant (Profiles section 3.1).
    pub keys: Vec<ShownKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmationMethod {
    HolderOfKey,
    SenderVouches,
    Bearer,
    Other(String),
}

impl ConfirmationMethod {
    /// For people.
    pub fn name(&self) -> &str {
        match self {
            Self::HolderOfKey => "holder-of-key",
            Self::SenderVouches => "sender-vouches",
            Self::Bearer => "bearer",
            Self::Other(uri) => uri,
        }
    }

    pub fn from_uri(uri: &str) -> Self {
        match uri {
            ns::SAML2_HOLDER_OF_KEY => Self::HolderOfKey,
            ns::SAML2_SENDER_VOUCHES => Self::SenderVouches,
            ns::SAML2_BEARER => Self::Bearer,
            other => Self::Other(shape::short(other)),
        }
    }
}

pub(super) fn name_id(element: Element<'_>) -> Result<NameId, Error> {
    let value = shape::exact_text(element, MAX_VALUE)?;
    if value.is_empty() {
        return Err(ShapeError::new(Shape::Empty, element).into());
    }
    let attribute = |local| element.attribute("", local).map(str::to_owned);
    Ok(NameId {
        value,
        format: attribute("Format"),
        name_qualifier: attribute("NameQualifier"),
        sp_name_qualifier: attribute("SPNameQualifier"),
    })
}

pub(super) fn subject(element: Element<'_>, known: &Known<'_>) -> Result<Subject, Error> {
    shape::no_text(element)?;
    let mut subject = Subject::default();
    for child in element.children() {
        match (child.namespace(), child.local_name()) {
            (ns::SAML2, "NameID") if subject.name_id.is_none() && subject.confirmations.is_empty() => {
                subject.name_id = Some(name_id(child)?);
            }
            (ns::SAML2, "SubjectConfirmation") if subject.confirmations.len() < MAX_ITEMS => {
                subject.confirmations.push(confirmation(child, known)?);
            }
            (ns::SAML2, "EncryptedID") => {
                return Err(Error::new(ErrorKind::Encrypted("EncryptedID".to_owned()), child));
            }
            _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into()),
        }
    }
    Ok(subject)
}

fn confirmation(element: Element<'_>, known: &Known<'_>) -> Result<SubjectConfirmation, Error> {
    shape::no_text(element)?;
    let mut data = None;
    for child in element.children() {
        match (child.namespace(), child.local_name()) {
            // Whom the confirmation is about, when that is another; nothing is read from it.
            (ns::SAML2, "NameID") if data.is_none() => {}
            (ns::SAML2, "SubjectConfirmationData") if data.is_none() => data = Some(child),
            (ns::SAML2, "EncryptedID") => {
                return Err(Error::new(ErrorKind::Encrypted("EncryptedID".to_owned()), child));
            }
            _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into()),
        }
    }
    let mut confirmation = SubjectConfirmation {
        method: ConfirmationMethod::from_uri(shape::attribute(element, "Method", "SubjectConfirmation/@Method")?),
        not_before: None,
        not_on_or_after: None,
        recipient: None,
        in_response_to: None,
        address: None,
        keys: Vec::new(),
    };
    if let Some(data) = data {
        let attribute = |local| data.attribute("", local).map(str::to_owned);
        confirmation.not_before = shape::instant_attribute(data, "NotBefore")?;
        confirmation.not_on_or_after = shape::instant_attribute(data, "NotOnOrAfter")?;
        confirmation.recipient = attribute("Recipient");
        confirmation.in_response_to = attribute("InResponseTo");
        confirmation.address = attribute("Address");
        confirmation.keys = keys(data, known)?;
    }
    Ok(confirmation)
}

/// KeyInfoConfirmationDataType (Core section 2.4.1.3): KeyInfos and nothing else.
fn keys(data: Element<'_>, known: &Known<'_>) -> Result<Vec<ShownKey>, Error> {
    shape::no_text(data)?;
    let mut keys = Vec::new();
    for child in data.children() {
        if !child.is(ns::DS, "KeyInfo") || keys.len() >= MAX_KEYS {
            return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into());
        }
        keys.push(shown_key(child, known)?);
    }
    Ok(keys)
}

/// Most keys of one confirmation.
const MAX_KEYS: usize = 4;
