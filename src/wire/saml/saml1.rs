//! SAML 1.1 assertions (SAML 1.1 Core section 2), read into the words of SAML 2.0.
//!
//! What differs, and what becomes of it:
//!
//! | SAML 1.1 | here |
//! |---|---|
//! | each statement has a Subject of its own | one subject: all name it byte for byte alike, or the assertion is refused as split |
//! | SubjectConfirmation holds several ConfirmationMethods | each would do; so the confirmation is holder-of-key only when all are |
//! | ds:KeyInfo stands in SubjectConfirmation | the keys of that confirmation |
//! | DoNotCacheCondition | one use, as OneTimeUse: what may not be kept may not come twice |
//! | AuthenticationMethod | the authentication context |
//! | AttributeNamespace | [`Attribute::namespace`] |
//! | ds:Signature stands last | [`Assertion::signature`] |

use chrono::{DateTime, Utc};

use super::statements::{Attribute, AuthnStatement, Conditions, attribute_value, audiences};
use super::subject::{ConfirmationMethod, NameId, Subject, SubjectConfirmation, name_id};
use super::{Assertion, Error, ErrorKind, MAX_ITEMS, Version};
use crate::wire::key_info::{Known, shown_key};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of, short};
use crate::wire::xml::Element;

/// Where in the schema's sequence the reader stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Conditions,
    Advice,
    Statement,
    Signature,
}

pub(super) fn assertion<'d>(element: Element<'d>, known: &Known<'_>) -> Result<Assertion<'d>, Error> {
    if !element.is(ns::SAML1, "Assertion") {
        return Err(Error::new(ErrorKind::NotAnAssertion(name_of(element)), element));
    }
    let major = shape::attribute(element, "MajorVersion", "MajorVersion")?;
    let minor = shape::attribute(element, "MinorVersion", "MinorVersion")?;
    // SAML 1.0 has the same namespace, and other rules for signatures.
    if (major, minor) != ("1", "1") {
        return Err(Error::new(ErrorKind::Version(short(&format!("{major}.{minor}"))), element));
    }
    let id = shape::attribute(element, "AssertionID", "AssertionID")?;
    if !shape::is_id(id) {
        return Err(Error::new(ErrorKind::Id(short(id)), element));
    }
    let issue_instant = required_instant(element, "IssueInstant")?;
    let issuer = shape::attribute(element, "Issuer", "Issuer")?;
    if issuer.is_empty() || issuer.len() > MAX_URI {
        return Err(ShapeError::value("an issuer", issuer, "", element).into());
    }
    shape::no_text(element)?;

    let mut parts = Parts::default();
    let mut last: Option<Part> = None;
    for child in element.children() {
        let part = part_of(child)?;
        if last.is_some_and(|last| last > part || (last == part && part != Part::Statement)) {
            return Err(out_of_order(part, last, child));
        }
        last = Some(part);
        parts.take(part, child, known)?;
    }
    Ok(Assertion {
        element,
        version: Version::Saml11,
        id,
        issue_instant,
        issuer: NameId { value: issuer.to_owned(), ..NameId::default() },
        signature: parts.signature,
        subject: parts.subject.ok_or_else(|| ShapeError::new(Shape::Missing("saml:Subject"), element))?,
        conditions: parts.conditions,
        authn_statements: parts.authn_statements,
        attributes: parts.attributes,
        other_statements: parts.other_statements,
    })
}

fn part_of(child: Element<'_>) -> Result<Part, Error> {
    match (child.namespace(), child.local_name()) {
        (ns::SAML1, "Conditions") => Ok(Part::Conditions),
        (ns::SAML1, "Advice") => Ok(Part::Advice),
        (
            ns::SAML1,
            "AuthenticationStatement"
            | "AttributeStatement"
            | "AuthorizationDecisionStatement"
            | "SubjectStatement"
            | "Statement",
        ) => Ok(Part::Statement),
        (ns::DS, "Signature") => Ok(Part::Signature),
        _ => Err(unexpected(child)),
    }
}

fn out_of_order(part: Part, last: Option<Part>, child: Element<'_>) -> Error {
    if part == Part::Signature || last == Some(Part::Signature) {
        return Error::new(ErrorKind::SignaturePosition, child);
    }
    let kind = if last == Some(part) { Shape::Repeated(name_of(child)) } else { Shape::Unexpected(name_of(child)) };
    ShapeError::new(kind, child).into()
}

/// What was found so far.
#[derive(Default)]
struct Parts<'d> {
    signature: Option<Element<'d>>,
    subject: Option<Subject>,
    conditions: Conditions,
    authn_statements: Vec<AuthnStatement>,
    attributes: Vec<Attribute>,
    other_statements: Vec<Element<'d>>,
}

impl<'d> Parts<'d> {
    fn take(&mut self, part: Part, child: Element<'d>, known: &Known<'_>) -> Result<(), Error> {
        match part {
            Part::Conditions => self.conditions = conditions(child)?,
            // Advice may be ignored without harm (SAML 1.1 Core section 2.3.2.2). Not looked into.
            Part::Advice => {}
            Part::Statement => self.statement(child, known)?,
            Part::Signature => self.signature = Some(child),
        }
        Ok(())
    }

    fn statement(&mut self, statement: Element<'d>, known: &Known<'_>) -> Result<(), Error> {
        shape::no_text(statement)?;
        let own = shape::at_most_one(statement, ns::SAML1, "Subject")?;
        match own {
            Some(own) => self.subject(own, known)?,
            // Only a bare Statement, an extension, may have none; it says nothing that is read.
            None if statement.local_name() == "Statement" => {}
            None => return Err(ShapeError::new(Shape::Missing("saml:Subject"), statement).into()),
        }
        match statement.local_name() {
            "AuthenticationStatement" => self.authn_statements.push(authentication(statement)?),
            "AttributeStatement" => {
                let more = attributes(statement)?;
                if self.attributes.len() + more.len() > MAX_ITEMS {
                    return Err(ShapeError::new(Shape::TooLong { most: MAX_ITEMS }, statement).into());
                }
                self.attributes.extend(more);
            }
            _ => self.other_statements.push(statement),
        }
        Ok(())
    }

    /// One subject for all statements. Who is meant would otherwise depend on which statement is
    /// asked (`rules.md` 1.6).
    fn subject(&mut self, element: Element<'d>, known: &Known<'_>) -> Result<(), Error> {
        let Subject { name_id, confirmations } = subject(element, known)?;
        let Some(known) = &mut self.subject else {
            self.subject = Some(Subject { name_id, confirmations });
            return Ok(());
        };
        if known.name_id != name_id {
            return Err(Error::new(ErrorKind::SplitSubject, element));
        }
        if known.confirmations.len() + confirmations.len() > MAX_ITEMS {
            return Err(ShapeError::new(Shape::TooLong { most: MAX_ITEMS }, element).into());
        }
        known.confirmations.extend(confirmations);
        Ok(())
    }
}

fn subject(element: Element<'_>, known: &Known<'_>) -> Result<Subject, Error> {
    shape::no_text(element)?;
    let mut subject = Subject::default();
    for child in element.children() {
        match (child.namespace(), child.local_name()) {
            (ns::SAML1, "NameIdentifier") if subject.name_id.is_none() && subject.confirmations.is_empty() => {
                subject.name_id = Some(name_id(child)?);
            }
            (ns::SAML1, "SubjectConfirmation") if subject.confirmations.is_empty() => {
                subject.confirmations.push(confirmation(child, known)?);
            }
            _ => return Err(unexpected(child)),
        }
    }
    if subject == Subject::default() {
        return Err(ShapeError::new(Shape::Empty, element).into());
    }
    Ok(subject)
}

fn confirmation(element: Element<'_>, known: &Known<'_>) -> Result<SubjectConfirmation, Error> {
    shape::no_text(element)?;
    let mut methods = Vec::new();
    let mut keys = Vec::new();
    for child in element.children() {
        match (child.namespace(), child.local_name()) {
            (ns::SAML1, "ConfirmationMethod") if keys.is_empty() && methods.len() < MAX_METHODS => {
                methods.push(method(&shape::some_text(child, MAX_URI)?));
            }
            (ns::DS, "KeyInfo") if keys.is_empty() && !methods.is_empty() => keys.push(shown_key(child, known)?),
            // SubjectConfirmationData is of any type: what it would ask of us cannot be judged.
            _ => return Err(unexpected(child)),
        }
    }
    let mut all = methods.iter();
    let Some(first) = all.next() else {
        return Err(ShapeError::new(Shape::Missing("saml:ConfirmationMethod"), element).into());
    };
    let method = if all.all(|other| other == first) {
        first.clone()
    } else {
        let names: Vec<&str> = methods.iter().map(ConfirmationMethod::name).collect();
        ConfirmationMethod::Other(short(&names.join(" or ")))
    };
    Ok(SubjectConfirmation {
        method,
        not_before: None,
        not_on_or_after: None,
        recipient: None,
        in_response_to: None,
        address: None,
        keys,
    })
}

fn method(uri: &str) -> ConfirmationMethod {
    match uri {
        ns::SAML1_HOLDER_OF_KEY => ConfirmationMethod::HolderOfKey,
        ns::SAML1_SENDER_VOUCHES => ConfirmationMethod::SenderVouches,
        ns::SAML1_BEARER => ConfirmationMethod::Bearer,
        other => ConfirmationMethod::Other(short(other)),
    }
}

fn conditions(element: Element<'_>) -> Result<Conditions, Error> {
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
            (ns::SAML1, "AudienceRestrictionCondition") => {
                let audiences = audiences(child, ns::SAML1)?;
                if audiences.is_empty() {
                    return Err(ShapeError::new(Shape::Missing("saml:Audience"), child).into());
                }
                conditions.audience_restrictions.push(audiences);
            }
            (ns::SAML1, "DoNotCacheCondition") => conditions.one_time_use = true,
            _ => conditions.unknown.push(name_of(child)),
        }
    }
    Ok(conditions)
}

fn authentication(element: Element<'_>) -> Result<AuthnStatement, Error> {
    for child in element.children() {
        let known = matches!(child.local_name(), "Subject" | "SubjectLocality" | "AuthorityBinding");
        if child.namespace() != ns::SAML1 || !known {
            return Err(unexpected(child));
        }
    }
    let method = shape::attribute(element, "AuthenticationMethod", "AuthenticationMethod")?;
    if method.is_empty() || method.len() > MAX_URI {
        return Err(ShapeError::value("a method", method, "", element).into());
    }
    Ok(AuthnStatement {
        authn_instant: required_instant(element, "AuthenticationInstant")?,
        session_not_on_or_after: None,
        context: Some(method.to_owned()),
    })
}

fn attributes(statement: Element<'_>) -> Result<Vec<Attribute>, Error> {
    let mut attributes = Vec::new();
    for child in statement.children() {
        match (child.namespace(), child.local_name()) {
            (ns::SAML1, "Subject") if attributes.is_empty() => {}
            (ns::SAML1, "Attribute") if attributes.len() < MAX_ITEMS => attributes.push(attribute(child)?),
            _ => return Err(unexpected(child)),
        }
    }
    if attributes.is_empty() {
        return Err(ShapeError::new(Shape::Missing("saml:Attribute"), statement).into());
    }
    Ok(attributes)
}

fn attribute(element: Element<'_>) -> Result<Attribute, Error> {
    shape::no_text(element)?;
    let mut values = Vec::new();
    for child in element.children() {
        if !child.is(ns::SAML1, "AttributeValue") || values.len() >= MAX_ITEMS {
            return Err(unexpected(child));
        }
        values.push(attribute_value(child)?);
    }
    Ok(Attribute {
        name: shape::attribute(element, "AttributeName", "Attribute/@AttributeName")?.to_owned(),
        namespace: Some(shape::attribute(element, "AttributeNamespace", "Attribute/@AttributeNamespace")?.to_owned()),
        name_format: None,
        friendly_name: None,
        values,
        at: element.id(),
    })
}

fn required_instant(element: Element<'_>, name: &'static str) -> Result<DateTime<Utc>, Error> {
    let instant = shape::instant_attribute(element, name)?;
    Ok(instant.ok_or_else(|| ShapeError::new(Shape::Missing(name), element))?)
}

fn unexpected(child: Element<'_>) -> Error {
    ShapeError::new(Shape::Unexpected(name_of(child)), child).into()
}

/// Most ConfirmationMethods of one confirmation.
const MAX_METHODS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::key_info::none_known;
    use crate::wire::xml::{Document, Limits};

    const KEY_INFO: &str = "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>ANEB</ds:Modulus><ds:Exponent>AQAB\
        </ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>";

    fn subject_of(name: &str, confirmation: &str) -> String {
        format!(
            "<saml:Subject><saml:NameIdentifier Format='urn:f' NameQualifier='CN=CA'>{name}</saml:NameIdentifier>\
             {confirmation}</saml:Subject>"
        )
    }

    fn confirmed(methods: &[&str]) -> String {
        let methods: String = methods
            .iter()
            .map(|method| {
                format!("<saml:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:{method}</saml:ConfirmationMethod>")
            })
            .collect();
        format!("<saml:SubjectConfirmation>{methods}{KEY_INFO}</saml:SubjectConfirmation>")
    }

    fn authentication_of(subject: &str) -> String {
        format!(
            "<saml:AuthenticationStatement AuthenticationInstant='2026-11-22T10:00:00Z' \
             AuthenticationMethod='urn:oasis:names:tc:SAML:1.0:am:X509-PKI'>{subject}</saml:AuthenticationStatement>"
        )
    }

    fn attributes_of(subject: &str) -> String {
        format!(
            "<saml:AttributeStatement>{subject}<saml:Attribute AttributeName='n' AttributeNamespace='urn:certified'>\
             <saml:AttributeValue>v</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
        )
    }

    fn document(version: &str, inside: &str) -> Document {
        let xml = format!(
            "<saml:Assertion xmlns:saml='{}' xmlns:ds='{}' AssertionID='_a' {version} Issuer='urn:issuer' \
             IssueInstant='2026-11-22T10:00:00Z'>{inside}</saml:Assertion>",
            ns::SAML1,
            ns::DS
        );
        Document::parse(xml, &Limits::default()).unwrap()
    }

    fn error_of(inside: &str) -> String {
        let document = document("MajorVersion='1' MinorVersion='1'", inside);
        Assertion::read_any(document.root(), &none_known)
            .map(|assertion| format!("{assertion:?}"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn takes_as_much_of_everything_as_is_said_and_no_more() {
        let version = "MajorVersion='1' MinorVersion='1'";
        let taken = |document: Document| Assertion::read_any(document.root(), &none_known).is_ok();
        let subject = subject_of("a", &confirmed(&["holder-of-key"]));
        let issued_by = |length: usize| {
            let text = document(version, &authentication_of(&subject));
            let text = String::from_utf8_lossy(text.bytes()).replace("urn:issuer", &"i".repeat(length));
            Document::parse(text, &Limits::default()).unwrap()
        };
        assert!(taken(issued_by(MAX_URI)) && !taken(issued_by(MAX_URI + 1)) && !taken(issued_by(0)));
        let attributes = |counts: &[usize]| {
            let attribute = "<saml:Attribute AttributeName='n' AttributeNamespace='urn:certified'>\
                             <saml:AttributeValue>v</saml:AttributeValue></saml:Attribute>";
            let statement = |count: &usize| {
                format!("<saml:AttributeStatement>{subject}{}</saml:AttributeStatement>", attribute.repeat(*count))
            };
            document(version, &counts.iter().map(statement).collect::<String>())
        };
        assert!(taken(attributes(&[MAX_ITEMS])) && !taken(attributes(&[MAX_ITEMS + 1])));
        assert!(taken(attributes(&[1, MAX_ITEMS - 1])) && !taken(attributes(&[1, MAX_ITEMS])));
        let confirmation = |inside: &str| {
            let confirmed = format!("<saml:SubjectConfirmation>{inside}</saml:SubjectConfirmation>");
            document(version, &authentication_of(&subject_of("a", &confirmed)))
        };
        let method = "<saml:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:bearer</saml:ConfirmationMethod>";
        assert!(
            taken(confirmation(&method.repeat(MAX_METHODS))) && !taken(confirmation(&method.repeat(MAX_METHODS + 1)))
        );
        assert!(!taken(confirmation(&format!("{method}{KEY_INFO}{method}"))));
        for stranger in ["<saml:Stranger/>", "<ds:SubjectLocality/>"] {
            assert!(!taken(document(version, &authentication_of(&format!("{subject}{stranger}")))), "{stranger}");
        }
        // Each of these has one confirmation.
        assert!(taken(attributes(&vec![1; MAX_ITEMS])) && !taken(attributes(&vec![1; MAX_ITEMS + 1])));
    }

    #[test]
    fn reads_what_a_real_platform_writes() {
        // The confirmation stands in one statement; the other repeats the name only.
        let inside = format!(
            "<saml:Conditions NotBefore='2026-11-22T09:55:00Z' NotOnOrAfter='2026-11-22T15:00:00Z'>\
             <saml:AudienceRestrictionCondition><saml:Audience>a</saml:Audience></saml:AudienceRestrictionCondition>\
             <saml:DoNotCacheCondition/></saml:Conditions>{}{}<ds:Signature/>",
            authentication_of(&subject_of("CN=\"x\", O=y", &confirmed(&["holder-of-key"]))),
            attributes_of(&subject_of("CN=\"x\", O=y", ""))
        );
        let document = document("MajorVersion='1' MinorVersion='1'", &inside);
        let assertion = Assertion::read_any(document.root(), &none_known).unwrap();
        assert_eq!((assertion.version, assertion.id), (Version::Saml11, "_a"));
        assert_eq!(assertion.issuer.value, "urn:issuer");
        assert!(assertion.signature.is_some() && assertion.conditions.one_time_use);
        assert_eq!(assertion.audiences(), Some(vec!["a"]));
        let name = assertion.subject.name_id.as_ref().unwrap();
        assert_eq!((name.value.as_str(), name.name_qualifier.as_deref()), ("CN=\"x\", O=y", Some("CN=CA")));
        let [confirmation] = assertion.subject.confirmations.as_slice() else { panic!("{:?}", assertion.subject) };
        assert_eq!((&confirmation.method, confirmation.keys.len()), (&ConfirmationMethod::HolderOfKey, 1));
        let attribute = assertion.attribute("n").unwrap().unwrap();
        assert_eq!(
            (attribute.namespace.as_deref(), attribute.values.as_slice()),
            (Some("urn:certified"), &["v".into()][..])
        );
        let context = assertion.authn_statements.first().and_then(|statement| statement.context.as_deref());
        assert_eq!(context, Some("urn:oasis:names:tc:SAML:1.0:am:X509-PKI"));
        // Who asks for SAML 2.0 does not get this one.
        assert!(Assertion::read(document.root()).is_err());
    }

    #[test]
    fn several_methods_are_holder_of_key_only_when_all_are() {
        for (methods, wanted) in [
            (&["holder-of-key"][..], true),
            (&["holder-of-key", "holder-of-key"], true),
            (&["holder-of-key", "bearer"], false),
            (&["bearer", "holder-of-key"], false),
        ] {
            let inside = authentication_of(&subject_of("x", &confirmed(methods)));
            let document = document("MajorVersion='1' MinorVersion='1'", &inside);
            let assertion = Assertion::read_any(document.root(), &none_known).unwrap();
            let is = assertion.subject.confirmations.iter().all(|c| c.method == ConfirmationMethod::HolderOfKey);
            assert_eq!(is, wanted, "{methods:?}");
        }
    }

    #[test]
    fn refuses_each_assertion_of_another_shape() {
        let good = subject_of("x", &confirmed(&["holder-of-key"]));
        let authentication = authentication_of(&good);
        for (inside, wanted) in [
            (String::new(), "saml:Subject is missing"),
            (format!("{authentication}{}", attributes_of(&subject_of("y", ""))), "same subject"),
            (format!("{authentication}{}", attributes_of(&good.replace("urn:f", "urn:g"))), "same subject"),
            (format!("{authentication}{}", attributes_of(&good.replace("CN=CA", "CN=DA"))), "same subject"),
            (format!("{authentication}<ds:Signature/>{authentication}"), "where its schema puts it"),
            (format!("{authentication}<ds:Signature/><ds:Signature/>"), "where its schema puts it"),
            (format!("{authentication}<saml:Conditions/>"), "no place"),
            (format!("{authentication}<saml:Assertion/>"), "no place"),
            (attributes_of(""), "saml:Subject is missing"),
            (
                authentication_of(&good.replace("<ds:KeyInfo>", "<saml:SubjectConfirmationData/><ds:KeyInfo>")),
                "no place",
            ),
            (authentication_of(&good.replace("</ds:KeyInfo>", &format!("</ds:KeyInfo>{KEY_INFO}"))), "no place"),
            (authentication_of("<saml:Subject/>"), "empty"),
        ] {
            let error = error_of(&inside);
            assert!(error.contains(wanted), "{error} for {inside}");
        }
        for version in ["MajorVersion='1' MinorVersion='0'", "MajorVersion='2' MinorVersion='0'", "MajorVersion='1'"] {
            let document = document(version, &authentication);
            assert!(Assertion::read_any(document.root(), &none_known).is_err(), "{version}");
        }
    }
}
