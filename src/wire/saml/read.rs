//! The Assertion element and the order of its children (Core section 2.3.3).

use chrono::{DateTime, Utc};

use super::statements::{attribute_statement, authn_statement, conditions};
use super::subject::{name_id, subject};
use super::{Assertion, Conditions, Error, ErrorKind, Version};
use crate::wire::key_info::Known;
use crate::wire::ns;
use crate::wire::shape::{self, Shape, ShapeError, name_of, short};
use crate::wire::xml::Element;

/// Where in the schema's sequence the reader stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Issuer,
    Signature,
    Subject,
    Conditions,
    Advice,
    Statement,
}

pub(super) fn assertion<'d>(element: Element<'d>, known: &Known<'_>) -> Result<Assertion<'d>, Error> {
    if !element.is(ns::SAML2, "Assertion") {
        return Err(Error::new(ErrorKind::NotAnAssertion(name_of(element)), element));
    }
    let version = shape::attribute(element, "Version", "Version")?;
    if version != "2.0" {
        return Err(Error::new(ErrorKind::Version(short(version)), element));
    }
    let id = shape::attribute(element, "ID", "ID")?;
    if !shape::is_id(id) {
        return Err(Error::new(ErrorKind::Id(short(id)), element));
    }
    let issue_instant: DateTime<Utc> = shape::instant_attribute(element, "IssueInstant")?
        .ok_or_else(|| ShapeError::new(Shape::Missing("IssueInstant"), element))?;
    shape::no_text(element)?;

    let mut parts = Parts::default();
    let mut last: Option<Part> = None;
    for child in element.children() {
        let part = part_of(child)?;
        let in_order = last.is_none_or(|last| last < part || (last == part && part == Part::Statement));
        if !in_order {
            return Err(out_of_order(part, last, child));
        }
        last = Some(part);
        parts.take(part, child, known)?;
    }
    Ok(Assertion {
        element,
        version: Version::Saml20,
        id,
        issue_instant,
        issuer: parts.issuer.ok_or_else(|| ShapeError::new(Shape::Missing("saml:Issuer"), element))?,
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
        (ns::SAML2, "Issuer") => Ok(Part::Issuer),
        (ns::DS, "Signature") => Ok(Part::Signature),
        (ns::SAML2, "Subject") => Ok(Part::Subject),
        (ns::SAML2, "Conditions") => Ok(Part::Conditions),
        (ns::SAML2, "Advice") => Ok(Part::Advice),
        (ns::SAML2, "AuthnStatement" | "AttributeStatement" | "AuthzDecisionStatement" | "Statement") => {
            Ok(Part::Statement)
        }
        _ => Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into()),
    }
}

fn out_of_order(part: Part, last: Option<Part>, child: Element<'_>) -> Error {
    if part == Part::Signature {
        return Error::new(ErrorKind::SignaturePosition, child);
    }
    let kind = if last == Some(part) { Shape::Repeated(name_of(child)) } else { Shape::Unexpected(name_of(child)) };
    ShapeError::new(kind, child).into()
}

/// What was found so far.
#[derive(Default)]
struct Parts<'d> {
    issuer: Option<super::NameId>,
    signature: Option<Element<'d>>,
    subject: Option<super::Subject>,
    conditions: Conditions,
    authn_statements: Vec<super::AuthnStatement>,
    attributes: Vec<super::Attribute>,
    other_statements: Vec<Element<'d>>,
}

impl<'d> Parts<'d> {
    fn take(&mut self, part: Part, child: Element<'d>, known: &Known<'_>) -> Result<(), Error> {
        match part {
            Part::Issuer => self.issuer = Some(name_id(child)?),
            Part::Signature if self.issuer.is_none() => {
                return Err(Error::new(ErrorKind::SignaturePosition, child));
            }
            Part::Signature => self.signature = Some(child),
            Part::Subject => self.subject = Some(subject(child, known)?),
            Part::Conditions => self.conditions = conditions(child)?,
            // Advice may be ignored without harm (Core section 2.6.1). Not looked into.
            Part::Advice => {}
            Part::Statement => match child.local_name() {
                "AuthnStatement" => self.authn_statements.push(authn_statement(child)?),
                "AttributeStatement" => self.attributes.extend(attribute_statement(child)?),
                _ => self.other_statements.push(child),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConfirmationMethod, SubjectConfirmation};
    use super::*;
    use crate::wire::xml::{Document, Limits};

    const HEAD: &str = "<saml:Issuer>urn:issuer</saml:Issuer>";
    const SUBJECT: &str = "<saml:Subject><saml:NameID Format='urn:f' NameQualifier='q'>cbe:0206731645</saml:NameID>\
        <saml:SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:bearer'/></saml:Subject>";

    fn assertion(inside: &str) -> String {
        format!(
            "<saml:Assertion xmlns:saml='{}' xmlns:ds='{}' xmlns:xs='{}' xmlns:xsi='{}' ID='_a' Version='2.0' \
             IssueInstant='2026-11-22T10:00:00Z'>{inside}</saml:Assertion>",
            ns::SAML2,
            ns::DS,
            ns::XS,
            ns::XSI
        )
    }

    fn error_of(xml: &str) -> String {
        let document = Document::parse(xml, &Limits::default()).unwrap();
        Assertion::read(document.root()).map(|assertion| format!("{assertion:?}")).unwrap_err().to_string()
    }

    #[test]
    fn refuses_what_stands_where_something_else_belongs_or_once_more() {
        let with = |inside: &str| assertion(&format!("{HEAD}{SUBJECT}{inside}"));
        let subject = |inside: &str| {
            let method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
            let confirmation =
                format!("<saml:SubjectConfirmation Method='{method}'>{inside}</saml:SubjectConfirmation>");
            assertion(&format!("{HEAD}<saml:Subject>{confirmation}</saml:Subject>"))
        };
        let key = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>ANEB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\
                   </ds:RSAKeyValue></ds:KeyValue>";
        let data = |inside: &str| format!("<saml:SubjectConfirmationData>{inside}</saml:SubjectConfirmationData>");
        let key_info = format!("<ds:KeyInfo>{key}</ds:KeyInfo>");
        let name = "<saml:NameID>n</saml:NameID>";
        let attribute = |inside: &str| {
            with(&format!(
                "<saml:AttributeStatement><saml:Attribute Name='n'>{inside}</saml:Attribute></saml:AttributeStatement>"
            ))
        };
        let value = "<saml:AttributeValue>v</saml:AttributeValue>";
        for refused in [
            with("<saml:Conditions><saml:OneTimeUse/><saml:OneTimeUse/></saml:Conditions>"),
            with("<saml:Conditions><saml:ProxyRestriction/><saml:ProxyRestriction/></saml:Conditions>"),
            attribute("<saml:Value>v</saml:Value>"),
            attribute(&value.repeat(257)),
            subject(&format!("{}{name}", data(&key_info))),
            subject(&data(&format!("<ds:Other>{key}</ds:Other>"))),
            subject(&data(&key_info.repeat(5))),
        ] {
            error_of(&refused);
        }
        let long = format!("<saml:AttributeValue>{}</saml:AttributeValue>", "v".repeat(16 * 1024));
        for taken in [
            with("<saml:Conditions><saml:OneTimeUse/><saml:ProxyRestriction/></saml:Conditions>"),
            attribute(&value.repeat(256)),
            attribute(&long),
            subject(&format!("{name}{}", data(&key_info))),
            subject(&data(&key_info.repeat(4))),
        ] {
            let document = Document::parse(taken.as_str(), &Limits::default()).unwrap();
            assert!(Assertion::read(document.root()).is_ok(), "{:?}", Assertion::read(document.root()));
        }
    }

    #[test]
    fn reads_all_that_an_assertion_says() {
        let xml = assertion(&format!(
            "{HEAD}<ds:Signature/>\n<saml:Subject><saml:NameID>x</saml:NameID><saml:SubjectConfirmation \
             Method='urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'><saml:SubjectConfirmationData \
             xsi:type='saml:KeyInfoConfirmationDataType' NotOnOrAfter='2026-11-22T11:00:00Z' Recipient='https://rp'>\
             <ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>ANEB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\
             </ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo></saml:SubjectConfirmationData></saml:SubjectConfirmation>\
             </saml:Subject><saml:Conditions NotBefore='2026-11-22T10:00:00Z' NotOnOrAfter='2026-11-22T11:00:00Z'>\
             <saml:AudienceRestriction><saml:Audience>a</saml:Audience><saml:Audience>b</saml:Audience></saml:AudienceRestriction>\
             <saml:AudienceRestriction><saml:Audience>b</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/>\
             <x:New xmlns:x='urn:x'/></saml:Conditions><saml:Advice><saml:Assertion/></saml:Advice>\
             <saml:AuthnStatement AuthnInstant='2026-11-22T10:00:00Z'><saml:AuthnContext><saml:AuthnContextClassRef>urn:c\
             </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
             <saml:AttributeStatement><saml:Attribute Name='n' FriendlyName='f'><saml:AttributeValue xsi:type='xs:string'> v \
             </saml:AttributeValue><saml:AttributeValue/></saml:Attribute></saml:AttributeStatement>"
        ));
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let assertion = Assertion::read(document.root()).unwrap();
        assert_eq!((assertion.id, assertion.issuer.value.as_str()), ("_a", "urn:issuer"));
        assert!(assertion.signature.is_some());
        let [SubjectConfirmation { method: ConfirmationMethod::HolderOfKey, keys, recipient, .. }] =
            assertion.subject.confirmations.as_slice()
        else {
            panic!("{:?}", assertion.subject)
        };
        assert_eq!((keys.len(), recipient.as_deref()), (1, Some("https://rp")));
        assert_eq!(assertion.audiences(), Some(vec!["b"]));
        assert!(assertion.conditions.one_time_use);
        assert_eq!(assertion.conditions.unknown, ["{urn:x}New"]);
        assert_eq!(assertion.authn_statements.first().and_then(|s| s.context.as_deref()), Some("urn:c"));
        assert_eq!(assertion.attribute("n").unwrap().unwrap().values, [" v ", ""]);
    }

    #[test]
    fn refuses_each_assertion_of_another_shape() {
        let signature = "<ds:Signature/>";
        for (inside, wanted) in [
            (format!("{HEAD}{SUBJECT}{SUBJECT}"), "more than once"),
            (format!("{HEAD}{HEAD}{SUBJECT}"), "more than once"),
            (SUBJECT.to_owned(), "saml:Issuer is missing"),
            (HEAD.to_owned(), "saml:Subject is missing"),
            (format!("{HEAD}{SUBJECT}{signature}"), "where its schema puts it"),
            (format!("{signature}{HEAD}{SUBJECT}"), "where its schema puts it"),
            (format!("{HEAD}{signature}{signature}{SUBJECT}"), "where its schema puts it"),
            (format!("{HEAD}{SUBJECT}<saml:Assertion/>"), "no place"),
            (format!("{HEAD}{SUBJECT}<Assertion/>"), "no place"),
            (format!("{HEAD}{SUBJECT}text"), "text stands"),
            ("<saml:Issuer>urn:<b/>x</saml:Issuer>".to_owned(), "only text"),
            (format!("{HEAD}<saml:Subject><saml:EncryptedID/></saml:Subject>"), "encrypted"),
            (
                format!(
                    "{HEAD}{SUBJECT}<saml:AttributeStatement><saml:Attribute Name='a'><saml:AttributeValue><b/></saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
                ),
                "only text",
            ),
            (
                format!(
                    "{HEAD}{SUBJECT}<saml:AttributeStatement><saml:Attribute Name='a'><saml:AttributeValue xsi:nil='true'/></saml:Attribute></saml:AttributeStatement>"
                ),
                "no place",
            ),
            (
                format!(
                    "{HEAD}{SUBJECT}<saml:AttributeStatement><saml:Attribute Name='a'><saml:AttributeValue xsi:type='xs:base64Binary'>AA==</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
                ),
                "xs:base64Binary",
            ),
        ] {
            let error = error_of(&assertion(&inside));
            assert!(error.contains(wanted), "{inside}: {error}");
        }
        let good = assertion(&format!("{HEAD}{SUBJECT}"));
        assert!(error_of(&good.replace("'2.0'", "'1.1'")).contains("neither 2.0"));
        assert!(error_of(&good.replace("ID='_a'", "ID='1a'")).contains("NCName"));
        assert!(error_of(&good.replace("saml:Assertion", "saml:Evidence")).contains("not a SAML Assertion"));
        assert!(error_of(&good.replace(" ID='_a'", "")).contains("ID is missing"));
    }

    #[test]
    fn an_attribute_that_stands_there_twice_is_nobodys() {
        let attribute = "<saml:Attribute Name='n'><saml:AttributeValue>v</saml:AttributeValue></saml:Attribute>";
        let xml = assertion(&format!(
            "{HEAD}{SUBJECT}<saml:AttributeStatement>{attribute}{attribute}</saml:AttributeStatement>"
        ));
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let assertion = Assertion::read(document.root()).unwrap();
        assert!(matches!(assertion.attribute("n"), Err(Error { kind: ErrorKind::AttributeRepeated(_), .. })));
        assert_eq!(assertion.attribute("m"), Ok(None));
    }
}
