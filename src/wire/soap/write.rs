//! Writing envelopes and faults, in canonical form: nothing is indented, nothing is written twice.
//!
//! Blocks and payload come as finished elements that declare what they use, so that a signed token
//! goes into the envelope byte for byte.

use super::Version;
use crate::wire::ns;
use crate::wire::xml::writer::{Name, Writer};

/// An envelope to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewEnvelope<'a> {
    pub version: Version,
    pub addressing: Option<NewAddressing<'a>>,
    /// A finished `wsse:Security` element.
    pub security: Option<&'a [u8]>,
    /// `wsu:Id` of the Body, when a signature is to cover it.
    pub body_id: Option<&'a str>,
    /// The finished element that the Body holds.
    pub payload: &'a [u8],
}

/// WS-Addressing 1.0 headers to be written. For an answer `to` is [`ns::WSA_ANONYMOUS`].
#[derive(Debug, Clone, Copy)]
pub struct NewAddressing<'a> {
    pub action: &'a str,
    pub message_id: &'a str,
    pub to: &'a str,
    pub relates_to: Option<&'a str>,
    /// Gives each header a `wsu:Id` (`wsa-Action`, `wsa-MessageID`, `wsa-To`, `wsa-RelatesTo`), for
    /// a signature to cover.
    pub with_ids: bool,
}

impl NewEnvelope<'_> {
    /// The bytes of the envelope, without XML declaration.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.start(self.name("Envelope"));
        if self.addressing.is_some() || self.security.is_some() {
            writer.start(self.name("Header"));
            if let Some(addressing) = &self.addressing {
                addressing.write(&mut writer);
            }
            if let Some(security) = self.security {
                writer.raw(security);
            }
            writer.end();
        }
        writer.start(self.name("Body"));
        if let Some(id) = self.body_id {
            writer.attribute_of(Name::new("wsu", ns::WSU, "Id"), id);
        }
        writer.raw(self.payload);
        writer.finish()
    }

    fn name(&self, local: &'static str) -> Name<'static> {
        Name::new("soap", self.version.namespace(), local)
    }
}

impl NewAddressing<'_> {
    fn write(&self, writer: &mut Writer) {
        let headers = [
            ("Action", Some(self.action)),
            ("MessageID", Some(self.message_id)),
            ("To", Some(self.to)),
            ("RelatesTo", self.relates_to),
        ];
        for (local, value) in headers {
            let Some(value) = value else { continue };
            writer.start(Name::new("wsa", ns::WSA, local));
            if self.with_ids {
                writer.attribute_of(Name::new("wsu", ns::WSU, "Id"), &format!("wsa-{local}"));
            }
            writer.text(value).end();
        }
    }
}

/// Who is at fault, in the words of SOAP 1.2; SOAP 1.1 says Client and Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    Sender,
    Receiver,
    MustUnderstand,
    VersionMismatch,
}

/// A fault to be written (SOAP 1.1 section 4.4, SOAP 1.2 part 1 section 5.4).
#[derive(Debug, Clone, Copy)]
pub struct NewFault<'a> {
    pub version: Version,
    pub code: FaultCode,
    /// A code of WS-Trust, WS-Security or WS-Addressing. In SOAP 1.1 it is the faultcode itself.
    pub subcode: Option<Name<'a>>,
    pub reason: &'a str,
    /// `xml:lang` of the reason.
    pub language: &'a str,
    /// Finished elements, put into the detail as they are.
    pub detail: Option<&'a [u8]>,
}

impl NewFault<'_> {
    /// The Fault element, the payload of an envelope.
    pub fn write(&self) -> Vec<u8> {
        match self.version {
            Version::Soap11 => self.soap11(),
            Version::Soap12 => self.soap12(),
        }
    }

    fn soap11(&self) -> Vec<u8> {
        let code = match self.code {
            FaultCode::Sender => "Client",
            FaultCode::Receiver => "Server",
            FaultCode::MustUnderstand => "MustUnderstand",
            FaultCode::VersionMismatch => "VersionMismatch",
        };
        let mut writer = Writer::new();
        writer.start(Name::new("soap", ns::SOAP11, "Fault"));
        let code = self.subcode.unwrap_or(Name::new("soap", ns::SOAP11, code));
        writer.start(Name::new("", "", "faultcode"));
        writer.declare(code.prefix, code.namespace).text(&format!("{}:{}", code.prefix, code.local)).end();
        writer.start(Name::new("", "", "faultstring"));
        writer.attribute_of(Name::new("xml", "", "lang"), self.language).text(self.reason).end();
        if let Some(detail) = self.detail {
            writer.start(Name::new("", "", "detail")).raw(detail).end();
        }
        writer.finish()
    }

    fn soap12(&self) -> Vec<u8> {
        let code = match self.code {
            FaultCode::Sender => "Sender",
            FaultCode::Receiver => "Receiver",
            FaultCode::MustUnderstand => "MustUnderstand",
            FaultCode::VersionMismatch => "VersionMismatch",
        };
        let soap = |local| Name::new("soap", ns::SOAP12, local);
        let mut writer = Writer::new();
        writer.start(soap("Fault")).start(soap("Code")).leaf(soap("Value"), &[], &format!("soap:{code}"));
        if let Some(subcode) = self.subcode {
            writer.start(soap("Subcode")).start(soap("Value"));
            writer.declare(subcode.prefix, subcode.namespace);
            writer.text(&format!("{}:{}", subcode.prefix, subcode.local)).end().end();
        }
        writer.end().start(soap("Reason")).start(soap("Text"));
        writer.attribute_of(Name::new("xml", "", "lang"), self.language).text(self.reason).end().end();
        if let Some(detail) = self.detail {
            writer.start(soap("Detail")).raw(detail).end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Envelope, Fault};
    use super::*;
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn what_is_written_reads_back() {
        let bytes = NewEnvelope {
            version: Version::Soap12,
            addressing: Some(NewAddressing {
                action: "urn:answer",
                message_id: "urn:uuid:1",
                to: ns::WSA_ANONYMOUS,
                relates_to: Some("urn:uuid:<0>"),
                with_ids: true,
            }),
            security: Some(b"<x xmlns=\"urn:x\"></x>"),
            body_id: Some("body"),
            payload: b"<p></p>",
        }
        .write();
        let document = Document::parse(bytes, &Limits::default()).unwrap();
        let envelope = Envelope::read(&document).unwrap();
        let addressing = envelope.addressing().unwrap();
        assert_eq!(addressing.relates_to.map(|header| header.value).as_deref(), Some("urn:uuid:<0>"));
        assert_eq!(envelope.body.attribute(ns::WSU, "Id"), Some("body"));
        assert_eq!((envelope.blocks.len(), envelope.payload.local_name()), (5, "p"));
    }

    #[test]
    fn a_fault_is_read_alike_in_both_versions() {
        for version in [Version::Soap11, Version::Soap12] {
            let fault = NewFault {
                version,
                code: FaultCode::Sender,
                subcode: Some(Name::new("wst", ns::WST13, "InvalidRequest")),
                reason: "no <child>",
                language: "en",
                detail: Some(b"<d>ref-1</d>"),
            }
            .write();
            let text = String::from_utf8(fault.clone()).unwrap();
            assert!(text.contains(&format!("xmlns:wst=\"{}\"", ns::WST13)), "{text}");
            let envelope = NewEnvelope { version, addressing: None, security: None, body_id: None, payload: &fault };
            let document = Document::parse(envelope.write(), &Limits::default()).unwrap();
            let wanted =
                Fault { code: "wst:InvalidRequest".into(), reason: "no <child>".into(), detail: "ref-1".into() };
            assert_eq!(Envelope::read(&document).unwrap().fault(), Some(wanted));
        }
    }

    #[test]
    fn a_plain_fault_of_soap_1_1_says_client() {
        let fault = NewFault {
            version: Version::Soap11,
            code: FaultCode::Sender,
            subcode: None,
            reason: "SOA-01001",
            language: "en",
            detail: None,
        };
        assert_eq!(
            String::from_utf8(fault.write()).unwrap(),
            "<soap:Fault xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><faultcode>soap:Client</faultcode>\
             <faultstring xml:lang=\"en\">SOA-01001</faultstring></soap:Fault>"
        );
    }
}
