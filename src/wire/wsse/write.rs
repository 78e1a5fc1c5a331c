//! Writing a Security header, clean by the Basic Security Profile 1.1, which WSS4J enforces.

use chrono::{DateTime, Utc};

use crate::wire::base64;
use crate::wire::ns;
use crate::wire::soap::Version;
use crate::wire::xml::time::format_millis;
use crate::wire::xml::writer::{Name, Writer};

/// A Security header to be written; a signature is put in later, by
/// [`dsig::sign`](crate::wire::dsig::sign).
#[derive(Debug, Clone, Copy)]
pub struct NewSecurityHeader<'a> {
    pub version: Version,
    pub timestamp: Option<NewTimestamp<'a>>,
    pub binary_security_token: Option<NewBinarySecurityToken<'a>>,
    /// A finished assertion, put in as it is.
    pub assertion: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy)]
pub struct NewTimestamp<'a> {
    /// `wsu:Id`
    pub id: &'a str,
    pub created: DateTime<Utc>,
    pub expires: DateTime<Utc>,
}

/// One certificate (DER) as a token.
#[derive(Debug, Clone, Copy)]
pub struct NewBinarySecurityToken<'a> {
    /// `wsu:Id`
    pub id: &'a str,
    pub certificate: &'a [u8],
}

/// A reference to a token to be written.
#[derive(Debug, Clone, Copy)]
pub enum NewReference<'a> {
    /// To a BinarySecurityToken of the message, by its `wsu:Id`.
    BinarySecurityToken(&'a str),
    /// To a SAML 2.0 assertion, by its `ID`.
    Saml2(&'a str),
    /// To a certificate, by issuer (RFC 4514) and serial (decimal).
    IssuerSerial { issuer: &'a str, serial: &'a str },
}

impl NewSecurityHeader<'_> {
    /// The `wsse:Security` element, `mustUnderstand="1"`.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.start(Name::new("wsse", ns::WSSE, "Security"));
        writer.attribute_of(Name::new("soap", self.version.namespace(), "mustUnderstand"), "1");
        if let Some(timestamp) = &self.timestamp {
            timestamp.write(&mut writer);
        }
        if let Some(token) = &self.binary_security_token {
            token.write(&mut writer);
        }
        if let Some(assertion) = self.assertion {
            writer.raw(assertion);
        }
        writer.finish()
    }
}

impl NewTimestamp<'_> {
    fn write(&self, writer: &mut Writer) {
        writer.start(Name::new("wsu", ns::WSU, "Timestamp"));
        writer.attribute_of(Name::new("wsu", ns::WSU, "Id"), self.id);
        writer.leaf(Name::new("wsu", ns::WSU, "Created"), &[], &format_millis(self.created));
        writer.leaf(Name::new("wsu", ns::WSU, "Expires"), &[], &format_millis(self.expires)).end();
    }
}

impl NewBinarySecurityToken<'_> {
    /// BSP 1.1 R3029 to R3033: both attributes, always.
    fn write(&self, writer: &mut Writer) {
        writer.start(Name::new("wsse", ns::WSSE, "BinarySecurityToken"));
        writer.attribute("EncodingType", ns::BASE64_BINARY).attribute("ValueType", ns::X509_V3);
        writer.attribute_of(Name::new("wsu", ns::WSU, "Id"), self.id);
        writer.text(&base64::encode(self.certificate)).end();
    }
}

impl NewReference<'_> {
    /// The `wsse:SecurityTokenReference` element.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write_to(&mut writer);
        writer.finish()
    }

    /// As [`Self::write`], into an element that is being written.
    pub fn write_to(&self, writer: &mut Writer) {
        writer.start(Name::new("wsse", ns::WSSE, "SecurityTokenReference"));
        match self {
            Self::BinarySecurityToken(id) => {
                writer.start(Name::new("wsse", ns::WSSE, "Reference"));
                writer.attribute("URI", &format!("#{id}")).attribute("ValueType", ns::X509_V3).end();
            }
            // BSP 1.1 R6611 wants the TokenType, R6604 no EncodingType.
            Self::Saml2(id) => {
                writer.attribute_of(Name::new("wsse11", ns::WSSE11, "TokenType"), ns::SAML20_TOKEN);
                let identifier = Name::new("wsse", ns::WSSE, "KeyIdentifier");
                writer.leaf(identifier, &[("ValueType", ns::SAML20_ASSERTION_ID)], id);
            }
            Self::IssuerSerial { issuer, serial } => {
                let ds = |local| Name::new("ds", ns::DS, local);
                writer.start(ds("X509Data")).start(ds("X509IssuerSerial"));
                writer.leaf(ds("X509IssuerName"), &[], issuer).leaf(ds("X509SerialNumber"), &[], serial);
                writer.end().end();
            }
        }
        writer.end();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SecurityHeader, SecurityTokenReference, Timestamp, TokenReference};
    use super::*;
    use crate::wire::soap::{Envelope, NewEnvelope};
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn a_header_that_is_written_reads_back() {
        let created = "2026-11-22T10:00:00Z".parse().unwrap();
        let security = NewSecurityHeader {
            version: Version::Soap11,
            timestamp: Some(NewTimestamp { id: "ts", created, expires: created + chrono::TimeDelta::minutes(5) }),
            binary_security_token: Some(NewBinarySecurityToken { id: "bst", certificate: b"x" }),
            assertion: None,
        }
        .write();
        let envelope = NewEnvelope {
            version: Version::Soap11,
            addressing: None,
            security: Some(&security),
            body_id: None,
            payload: b"<a></a>",
        };
        let document = Document::parse(envelope.write(), &Limits::default()).unwrap();
        let header = SecurityHeader::read(&Envelope::read(&document).unwrap()).unwrap().unwrap();
        assert_eq!((header.binary_security_tokens.len(), header.others.len()), (1, 0));
        let [timestamp] = header.timestamps.as_slice() else { panic!("one Timestamp") };
        assert_eq!(Timestamp::read(*timestamp).unwrap().created, created);
    }

    #[test]
    fn references_that_are_written_read_back() {
        for (new, style) in [
            (NewReference::BinarySecurityToken("bst"), "Reference"),
            (NewReference::Saml2("_a"), "SAMLID"),
            (NewReference::IssuerSerial { issuer: "CN=a\\, b,C=BE", serial: "12" }, "IssuerSerial"),
        ] {
            let document = Document::parse(new.write(), &Limits::default()).unwrap();
            let read = SecurityTokenReference::read(document.root()).unwrap();
            assert_eq!(read.target.style(), style);
            if let TokenReference::Assertion { .. } = read.target {
                assert_eq!(read.token_type, Some(ns::SAML20_TOKEN));
            }
        }
    }
}
