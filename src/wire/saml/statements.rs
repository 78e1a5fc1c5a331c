//! What an assertion says, and under which conditions (Core sections 2.5 and 2.7).

use chrono::{DateTime, Utc};

use super::{Error, ErrorKind, MAX_ITEMS, MAX_VALUE};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of, short};
use crate::wire::xml::{Element, NodeId};

/// All must hold. A condition that is not understood makes the assertion undecidable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    pub not_before: Option<DateTime<Utc>>,
    pub not_on_or_after: Option<DateTime<Utc>>,
    /// Each restriction is a list, of which one must be the reader; all restrictions must hold.
    pub audience_restrictions: Vec<Vec<String>>,
    /// OneTimeUse; DoNotCacheCondition in SAML 1.1.
    pub one_time_use: bool,
    pub proxy_restriction: Option<ProxyRestriction>,
    /// The names of the conditions that are not known.
    pub unknown: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyRestriction {
    /// How many assertions may follow from this one, one after the other.
    pub count: Option<u32>,
    pub audiences: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnStatement {
    pub authn_instant: DateTime<Utc>,
    pub session_not_on_or_after: Option<DateTime<Utc>>,
    /// AuthnContextClassRef; AuthenticationMethod in SAML 1.1.
    pub context: Option<String>,
}

/// An attribute with its values as text, untrimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    /// `AttributeNamespace` of SAML 1.1.
    pub namespace: Option<String>,
    pub name_format: Option<String>,
    pub friendly_name: Option<String>,
    pub values: Vec<String>,
    pub at: NodeId,
}

pub(super) fn conditions(element: Element<'_>) -> Result<Conditions, Error> {
    shape::no_text(element)?;
    let mut conditions = Conditions {
        not_before: shape::instant_attribute(element, "NotBefore")?,
        not_on_or_after: shape::instant_attribute(element, "NotOnOrAfter")?,
        ..Conditions::default()
    };
    for (count, child) in element.children().enumerate() {
        if count >= MAX_ITEMS {
            return Err(ShapeError::new(Shape::TooLong { most: MAX_ITEMS }, element).into());
        }
        match (child.namespace(), child.local_name()) {
            (ns::SAML2, "AudienceRestriction") => {
                let audiences = audiences(child, ns::SAML2)?;
                if audiences.is_empty() {
                    return Err(ShapeError::new(Shape::Missing("saml:Audience"), child).into());
                }
                conditions.audience_restrictions.push(audiences);
            }
            (ns::SAML2, "OneTimeUse") if !conditions.one_time_use => conditions.one_time_use = true,
            (ns::SAML2, "ProxyRestriction") if conditions.proxy_restriction.is_none() => {
                conditions.proxy_restriction =
                    Some(ProxyRestriction { count: proxy_count(child)?, audiences: audiences(child, ns::SAML2)? });
            }
            (ns::SAML2, "OneTimeUse" | "ProxyRestriction") => {
                return Err(ShapeError::new(Shape::Repeated(name_of(child)), child).into());
            }
            _ => conditions.unknown.push(name_of(child)),
        }
    }
    Ok(conditions)
}

pub(super) fn audiences(element: Element<'_>, namespace: &str) -> Result<Vec<String>, Error> {
    shape::no_text(element)?;
    let mut audiences = Vec::new();
    for child in element.children() {
        if !child.is(namespace, "Audience") || audiences.len() >= MAX_ITEMS {
            return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into());
        }
        audiences.push(shape::some_text(child, MAX_URI)?);
    }
    Ok(audiences)
}

fn proxy_count(element: Element<'_>) -> Result<Option<u32>, Error> {
    let Some(text) = element.attribute("", "Count") else { return Ok(None) };
    match text.trim().parse() {
        Ok(count) => Ok(Some(count)),
        Err(_) => Err(ShapeError::value("a count", text, "", element).into()),
    }
}

pub(super) fn authn_statement(element: Element<'_>) -> Result<AuthnStatement, Error> {
    shape::no_text(element)?;
    let authn_instant = shape::instant_attribute(element, "AuthnInstant")?
        .ok_or_else(|| ShapeError::new(Shape::Missing("AuthnInstant"), element))?;
    let context = shape::one(element, ns::SAML2, "AuthnContext", "saml:AuthnContext")?;
    let class = shape::at_most_one(context, ns::SAML2, "AuthnContextClassRef")?;
    Ok(AuthnStatement {
        authn_instant,
        session_not_on_or_after: shape::instant_attribute(element, "SessionNotOnOrAfter")?,
        context: class.map(|class| shape::some_text(class, MAX_URI)).transpose()?,
    })
}

pub(super) fn attribute_statement(element: Element<'_>) -> Result<Vec<Attribute>, Error> {
    shape::no_text(element)?;
    let mut attributes = Vec::new();
    for child in element.children() {
        match (child.namespace(), child.local_name()) {
            (ns::SAML2, "Attribute") if attributes.len() < MAX_ITEMS => attributes.push(attribute(child)?),
            (ns::SAML2, "EncryptedAttribute") => {
                return Err(Error::new(ErrorKind::Encrypted("EncryptedAttribute".to_owned()), child));
            }
            _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into()),
        }
    }
    Ok(attributes)
}

fn attribute(element: Element<'_>) -> Result<Attribute, Error> {
    shape::no_text(element)?;
    let mut values = Vec::new();
    for child in element.children() {
        if !child.is(ns::SAML2, "AttributeValue") || values.len() >= MAX_ITEMS {
            return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into());
        }
        values.push(attribute_value(child)?);
    }
    let attribute = |local| element.attribute("", local).map(str::to_owned);
    Ok(Attribute {
        name: shape::attribute(element, "Name", "Attribute/@Name")?.to_owned(),
        namespace: None,
        name_format: attribute("NameFormat"),
        friendly_name: attribute("FriendlyName"),
        values,
        at: element.id(),
    })
}

/// The text of a value of a type that is text. Structured, binary and nil values are refused:
/// what they mean depends on who reads them.
pub(super) fn attribute_value(element: Element<'_>) -> Result<String, Error> {
    if element.attribute(ns::XSI, "nil").is_some() {
        return Err(ShapeError::new(Shape::Unexpected("xsi:nil".to_owned()), element).into());
    }
    if let Some(name) = element.attribute(ns::XSI, "type") {
        let (prefix, local) = name.trim().split_once(':').unwrap_or(("", name.trim()));
        if element.namespace_of(prefix) != Some(ns::XS) || !TEXT_TYPES.contains(&local) {
            return Err(ShapeError::value("a text type of XML Schema", &short(name), "", element).into());
        }
    }
    Ok(shape::exact_text(element, MAX_VALUE)?)
}

/// Types of XML Schema whose values are read as they stand.
const TEXT_TYPES: &[&str] = &[
    "string",
    "normalizedString",
    "token",
    "anyURI",
    "anySimpleType",
    "anyType",
    "boolean",
    "integer",
    "int",
    "long",
    "decimal",
    "date",
    "dateTime",
    "time",
    "NMTOKEN",
];
