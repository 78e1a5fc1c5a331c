//! Writing the assertion that we issue: SAML 2.0, holder-of-key, canonical from the first byte.
//!
//! All namespaces stand on the assertion itself, for clients cut it out of the answer as text; `xs`
//! and `xsi`, which only values use, are therefore in the PrefixList of its signature. No white
//! space, no CR (`reference/clients.md` 2). The signature is not made here: [`Unsigned`] says where
//! it goes.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::wire::base64;
use crate::wire::crypto::{Components, PublicKey};
use crate::wire::ns;
use crate::wire::shape;
use crate::wire::xml::time::format_millis;
use crate::wire::xml::writer::{Name, Writer};

/// An assertion to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewAssertion<'a> {
    /// An NCName; ours begin with `_`.
    pub id: &'a str,
    pub issuer: &'a str,
    pub issue_instant: DateTime<Utc>,
    pub name_id: &'a str,
    pub name_id_format: &'a str,
    /// The key whose holder is meant. There is no assertion without one.
    pub confirmation: ConfirmationKey<'a>,
    pub not_before: DateTime<Utc>,
    pub not_on_or_after: DateTime<Utc>,
    /// All in one AudienceRestriction: any of them may read the assertion. At least one.
    pub audiences: &'a [String],
    pub authn_instant: DateTime<Utc>,
    pub authn_context: &'a str,
    /// Each name once.
    pub attributes: &'a [NewAttribute],
}

/// The key of a holder-of-key confirmation, as KeyInfo shows it.
#[derive(Debug, Clone, Copy)]
pub enum ConfirmationKey<'a> {
    /// `ds:X509Data/ds:X509Certificate`, DER.
    Certificate(&'a [u8]),
    /// `ds:KeyValue`; RSA or P-256.
    Key(&'a PublicKey),
}

/// An attribute; its name is a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttribute {
    pub name: String,
    pub values: Vec<String>,
}

/// The assertion but for its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// In exclusive canonical form under [`SIGNED_PREFIXES`].
    pub bytes: Vec<u8>,
    /// Where the `ds:Signature` goes: behind the Issuer.
    pub signature_at: usize,
}

/// Why an assertion cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// A character that XML cannot carry, or a carriage return; the element it would stand in.
    Character(&'static str),
    /// The ID is not an NCName.
    Id,
    NoAudience,
    /// Two attributes of one name.
    AttributeRepeated(String),
    /// `ds:KeyValue` has no form for the key.
    KeyKind,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(name) => write!(f, "{name} would hold a character that XML cannot carry"),
            Self::Id => f.write_str("the ID is not an NCName"),
            Self::NoAudience => f.write_str("the assertion would have no audience"),
            Self::AttributeRepeated(name) => write!(f, "the attribute `{name}` would stand there twice"),
            Self::KeyKind => f.write_str("a key of this kind cannot be written as ds:KeyValue"),
        }
    }
}

impl std::error::Error for WriteError {}

impl NewAssertion<'_> {
    /// The bytes, and where the signature goes.
    ///
    /// # Errors
    /// When a value cannot be carried by XML, or a part is missing. Nothing is repaired.
    pub fn write(&self) -> Result<Unsigned, WriteError> {
        self.check()?;
        let mut writer = Writer::new();
        writer.start(saml("Assertion")).declare("xs", ns::XS).declare("xsi", ns::XSI);
        writer.attribute("ID", self.id).attribute("IssueInstant", &format_millis(self.issue_instant));
        writer.attribute("Version", "2.0");
        writer.leaf(saml("Issuer"), &[], self.issuer);
        let signature_at = writer.position();
        self.subject(&mut writer)?;
        self.conditions(&mut writer);
        self.statements(&mut writer);
        Ok(Unsigned { bytes: writer.finish(), signature_at })
    }

    fn check(&self) -> Result<(), WriteError> {
        if !shape::is_id(self.id) || self.id.contains(':') {
            return Err(WriteError::Id);
        }
        if self.audiences.is_empty() {
            return Err(WriteError::NoAudience);
        }
        carries("saml:Issuer", self.issuer)?;
        carries("saml:NameID", self.name_id)?;
        carries("saml:NameID/@Format", self.name_id_format)?;
        carries("saml:AuthnContextClassRef", self.authn_context)?;
        self.audiences.iter().try_for_each(|audience| carries("saml:Audience", audience))?;
        for (index, attribute) in self.attributes.iter().enumerate() {
            carries("saml:Attribute/@Name", &attribute.name)?;
            attribute.values.iter().try_for_each(|value| carries("saml:AttributeValue", value))?;
            if self.attributes.iter().skip(index + 1).any(|other| other.name == attribute.name) {
                return Err(WriteError::AttributeRepeated(attribute.name.clone()));
            }
        }
        Ok(())
    }

    /// SAML 2.0 Profiles section 3.1.
    fn subject(&self, writer: &mut Writer) -> Result<(), WriteError> {
        writer.start(saml("Subject"));
        writer.leaf(saml("NameID"), &[("Format", self.name_id_format)], self.name_id);
        writer.start(saml("SubjectConfirmation")).attribute("Method", ns::SAML2_HOLDER_OF_KEY);
        writer.start(saml("SubjectConfirmationData"));
        writer.attribute("NotOnOrAfter", &format_millis(self.not_on_or_after));
        writer.attribute_of(Name::new("xsi", ns::XSI, "type"), "saml2:KeyInfoConfirmationDataType");
        writer.start(ds("KeyInfo"));
        match self.confirmation {
            ConfirmationKey::Certificate(der) => {
                writer.start(ds("X509Data")).leaf(ds("X509Certificate"), &[], &base64::encode(der)).end();
            }
            ConfirmationKey::Key(key) => write_key_value(writer, key)?,
        }
        writer.end().end().end().end();
        Ok(())
    }

    fn conditions(&self, writer: &mut Writer) {
        writer.start(saml("Conditions"));
        writer.attribute("NotBefore", &format_millis(self.not_before));
        writer.attribute("NotOnOrAfter", &format_millis(self.not_on_or_after));
        writer.start(saml("AudienceRestriction"));
        for audience in self.audiences {
            writer.leaf(saml("Audience"), &[], audience);
        }
        writer.end().end();
    }

    fn statements(&self, writer: &mut Writer) {
        writer.start(saml("AuthnStatement")).attribute("AuthnInstant", &format_millis(self.authn_instant));
        writer.start(saml("AuthnContext")).leaf(saml("AuthnContextClassRef"), &[], self.authn_context).end().end();
        if self.attributes.is_empty() {
            return;
        }
        writer.start(saml("AttributeStatement"));
        for attribute in self.attributes {
            writer.start(saml("Attribute")).attribute("Name", &attribute.name).attribute("NameFormat", NAME_FORMAT_URI);
            for value in &attribute.values {
                writer.start(saml("AttributeValue"));
                writer.attribute_of(Name::new("xsi", ns::XSI, "type"), "xs:string").text(value).end();
            }
            writer.end();
        }
        writer.end();
    }
}

/// `ds:KeyInfo` with a chain (DER, leaf first), for the signature of an assertion; empty bytes for
/// an empty chain.
pub fn key_info(chain: &[Vec<u8>]) -> Vec<u8> {
    if chain.is_empty() {
        return Vec::new();
    }
    let mut writer = Writer::new();
    writer.start(ds("KeyInfo")).start(ds("X509Data"));
    for certificate in chain {
        writer.leaf(ds("X509Certificate"), &[], &base64::encode(certificate));
    }
    writer.finish()
}

fn write_key_value(writer: &mut Writer, key: &PublicKey) -> Result<(), WriteError> {
    writer.start(ds("KeyValue"));
    match key.components() {
        Components::Rsa { modulus, exponent } => {
            writer.start(ds("RSAKeyValue"));
            writer.leaf(ds("Modulus"), &[], &base64::encode(modulus));
            writer.leaf(ds("Exponent"), &[], &base64::encode(exponent)).end();
        }
        Components::Ec { curve, x, y } => {
            let ds11 = |local| Name::new("ds11", ns::DS11, local);
            writer.start(ds11("ECKeyValue")).start(ds11("NamedCurve")).attribute("URI", curve.uri()).end();
            writer.leaf(ds11("PublicKey"), &[], &base64::encode(&[&[4], x, y].concat())).end();
        }
        Components::Ed25519 { .. } => return Err(WriteError::KeyKind),
    }
    writer.end();
    Ok(())
}

/// XML 1.0 section 2.2, without CR: `&#xD;` breaks Metro and .NET.
fn carries(name: &'static str, text: &str) -> Result<(), WriteError> {
    let fits = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(fits) { Ok(()) } else { Err(WriteError::Character(name)) }
}

const fn saml(local: &str) -> Name<'_> {
    Name::new("saml2", ns::SAML2, local)
}

const fn ds(local: &str) -> Name<'_> {
    Name::new("ds", ns::DS, local)
}

/// The PrefixList of the signature: prefixes that only values use.
pub const SIGNED_PREFIXES: &[&str] = &["xs", "xsi"];
/// `NameID/@Format` of names whose form both sides know (Core section 8.3.1).
pub const NAME_ID_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
/// Attribute names are URIs (Core section 8.2.2).
const NAME_FORMAT_URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";

#[cfg(test)]
mod tests {
    use super::super::{Assertion, ConfirmationMethod};
    use super::*;
    use crate::wire::crypto::{KeyKind, PrivateKey};
    use crate::wire::xml::c14n::{Exclusive, exclusive};
    use crate::wire::xml::{Document, Limits};

    fn with<T>(change: impl FnOnce(&mut NewAssertion<'_>, &[NewAttribute]) -> T) -> T {
        let (private, _) = PrivateKey::generate(KeyKind::P256).unwrap();
        let issue_instant: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let audiences = ["https://service".to_owned(), "urn:b&c".to_owned()];
        let hostile = "</saml2:AttributeValue><saml2:Attribute Name=\"role\">".to_owned();
        let attributes =
            [NewAttribute { name: "urn:a?\"<>&".to_owned(), values: vec![hostile, " v\n\u{e9} ".to_owned()] }];
        let mut assertion = NewAssertion {
            id: "_a",
            issuer: "urn:issuer",
            issue_instant,
            name_id: "cbe:0206731645",
            name_id_format: NAME_ID_UNSPECIFIED,
            confirmation: ConfirmationKey::Key(private.public()),
            not_before: issue_instant,
            not_on_or_after: issue_instant + chrono::TimeDelta::hours(1),
            audiences: &audiences,
            authn_instant: issue_instant,
            authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
            attributes: &attributes,
        };
        change(&mut assertion, &attributes)
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back_with_each_value_as_one_value() {
        with(|new, attributes| {
            let written = new.write().unwrap();
            let document = Document::parse(written.bytes.clone(), &Limits::default()).unwrap();
            let mut form = Vec::new();
            let how = Exclusive { prefixes: SIGNED_PREFIXES, ..Exclusive::default() };
            exclusive(document.root(), &how, &mut form).unwrap();
            assert_eq!(String::from_utf8(form).unwrap(), String::from_utf8(written.bytes.clone()).unwrap());

            let read = Assertion::read(document.root()).unwrap();
            assert_eq!((read.id, read.issuer.value.as_str()), ("_a", "urn:issuer"));
            assert_eq!(read.audiences(), Some(vec!["https://service", "urn:b&c"]));
            let [attribute] = read.attributes.as_slice() else { panic!("{:?}", read.attributes) };
            assert_eq!((&attribute.name, &attribute.values), (&attributes[0].name, &attributes[0].values));
            let [confirmation] = read.subject.confirmations.as_slice() else { panic!("{:?}", read.subject) };
            assert_eq!(confirmation.method, ConfirmationMethod::HolderOfKey);
            let ConfirmationKey::Key(key) = new.confirmation else { panic!() };
            assert_eq!(confirmation.keys.first().map(|key| key.spki.as_slice()), Some(key.spki()));
            assert!(written.bytes[..written.signature_at].ends_with(b"</saml2:Issuer>"));
        });
    }

    #[test]
    fn a_chain_is_shown_leaf_first_and_no_chain_not_at_all() {
        assert!(key_info(&[]).is_empty());
        let written = String::from_utf8(key_info(&[vec![1, 2, 3], vec![4, 5, 6]])).unwrap();
        let certificates = "<ds:X509Certificate>AQID</ds:X509Certificate><ds:X509Certificate>BAUG</ds:X509Certificate>";
        assert!(written.starts_with("<ds:KeyInfo xmlns:ds=") && written.contains(certificates), "{written}");
    }

    #[test]
    fn what_xml_cannot_carry_is_not_written() {
        for value in ["a\u{0}", "a\rb", "\u{ffff}", "\u{b}"] {
            let bad = [NewAttribute { name: "n".to_owned(), values: vec![value.to_owned()] }];
            let found = with(|new, _| NewAssertion { attributes: &bad, ..*new }.write());
            assert_eq!(found, Err(WriteError::Character("saml:AttributeValue")), "{value:?}");
        }
        assert_eq!(with(|new, _| NewAssertion { audiences: &[], ..*new }.write()), Err(WriteError::NoAudience));
        assert_eq!(with(|new, _| NewAssertion { id: "1", ..*new }.write()), Err(WriteError::Id));
        let twice = [0, 1].map(|_| NewAttribute { name: "n".to_owned(), values: vec![] });
        let found = with(|new, _| NewAssertion { attributes: &twice, ..*new }.write());
        assert_eq!(found, Err(WriteError::AttributeRepeated("n".to_owned())));
    }
}
