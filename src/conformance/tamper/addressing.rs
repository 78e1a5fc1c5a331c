//! The header (security.md E): where to, where back, for whom, and what must be understood.

use super::good::{Good, attribute, content, first, last, remove, set};
use super::{Kind, Unfit};
use crate::wire::ns;

pub const KINDS: &[Kind] = &[
    Kind::refused("to-elsewhere", "E15", "The signed wsa:To names another host", |good, _| {
        signed(good, "To", "https://elsewhere.example/sts")
    }),
    Kind::refused("action-other", "E16", "The signed wsa:Action names another operation", |good, _| {
        signed(good, "Action", "urn:evil")
    }),
    Kind::refused("message-id-other", "E14", "The signed wsa:MessageID is another one", |good, _| {
        signed(good, "MessageID", "urn:uuid:evil")
    }),
    Kind::same(
        "reply-to-elsewhere",
        "E17",
        "An unsigned wsa:ReplyTo asks for the answer at another address",
        |good, _| answer_to(good, "ReplyTo"),
    ),
    Kind::same("fault-to-elsewhere", "E17", "An unsigned wsa:FaultTo asks for faults at another address", |good, _| {
        answer_to(good, "FaultTo")
    }),
    Kind::same("from-elsewhere", "E17", "An unsigned wsa:From names another sender", |good, _| answer_to(good, "From")),
    Kind::refused(
        "must-understand",
        "E18",
        "A header block that must be understood is of nobody's making",
        |good, _| {
            let soap = good.envelope().namespace();
            Ok(good.with([last(
                good.header()?,
                format!("<x xmlns=\"urn:evil\" xmlns:o=\"{soap}\" o:mustUnderstand=\"1\"/>"),
            )]))
        },
    ),
    Kind::same(
        "must-understand-of-another",
        "E18",
        "A header block that must be understood is for another node",
        |good, _| {
            let soap = good.envelope().namespace();
            let role = if soap == ns::SOAP11 { "actor" } else { "role" };
            let block =
                format!("<x xmlns=\"urn:evil\" xmlns:o=\"{soap}\" o:mustUnderstand=\"1\" o:{role}=\"urn:another\"/>");
            Ok(good.with([last(good.header()?, block)]))
        },
    ),
    Kind::refused("security-of-another", "C13", "The Security header is for another node", |good, _| {
        let soap = good.envelope().namespace();
        let role = if soap == ns::SOAP11 { "actor" } else { "role" };
        Ok(good.with([attribute(good.security()?, &format!("xmlns:o=\"{soap}\" o:{role}=\"urn:another\""))]))
    }),
    Kind::refused("security-removed", "B01", "The Security header is taken away", |good, _| {
        Ok(good.with([remove(good.security()?)]))
    }),
    Kind::refused("security-empty", "B01", "The Security header is empty", |good, _| {
        Ok(good.with([content(good.security()?, "")]))
    }),
    Kind::refused("security-copied", "C13", "The Security header stands twice", |good, _| {
        Ok(good.with([super::good::after(good.security()?, good.security()?.source())]))
    }),
    Kind::refused("username-only", "E22", "A UsernameToken stands in the place of the signature", |good, _| {
        Ok(good.with([super::good::replace(good.signature()?, username())]))
    }),
    Kind::refused("username-empty", "E22", "An empty UsernameToken stands in the place of the signature", |good, _| {
        let token = format!("<w:UsernameToken xmlns:w=\"{}\"/>", ns::WSSE);
        Ok(good.with([super::good::replace(good.signature()?, token)]))
    }),
    Kind::same(
        "username-beside",
        "E22",
        "A UsernameToken that nobody signed stands beside the signature",
        |good, _| Ok(good.with([last(good.security()?, username())])),
    ),
    Kind::refused(
        "version-of-soap",
        "E20",
        "The Envelope is of the other version of SOAP, its Body of the signed one",
        |good, _| {
            let envelope = good.envelope();
            let other = if envelope.namespace() == ns::SOAP11 { ns::SOAP12 } else { ns::SOAP11 };
            let prefix = envelope.prefix();
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            Ok(good.with([set(envelope, &name, other)?]))
        },
    ),
    Kind::refused("doctype-named-envelope", "A01", "A DOCTYPE declares the Envelope", |good, _| {
        Ok(good.with([super::good::before(good.envelope(), "<!DOCTYPE Envelope SYSTEM \"x\">")]))
    }),
    Kind::same(
        "header-unknown",
        "E06",
        "The header holds a block that nobody knows and nobody must understand",
        |good, _| Ok(good.with([first(good.header()?, "<x xmlns=\"urn:evil\">evil</x>")])),
    ),
];

fn username() -> String {
    format!(
        "<w:UsernameToken xmlns:w=\"{}\"><w:Username>admin</w:Username><w:Password Type=\"{}\">admin</w:Password></w:UsernameToken>",
        ns::WSSE,
        ns::PASSWORD_TEXT
    )
}

/// A signed addressing header with another text.
fn signed(good: &Good, name: &str, text: &str) -> Result<String, Unfit> {
    let header = good.addressing(name)?;
    good.reference_to(header)?;
    Ok(good.with([content(header, text)]))
}

fn answer_to(good: &Good, name: &str) -> Result<String, Unfit> {
    if good.addressing(name).is_ok() {
        return Err("the message has that header already");
    }
    let address = "http://127.0.0.1:1/evil";
    let block = format!("<a:{name} xmlns:a=\"{}\"><a:Address>{address}</a:Address></a:{name}>", ns::WSA);
    Ok(good.with([last(good.header()?, block)]))
}
