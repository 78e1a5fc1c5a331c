//! The messages that a sender signs: a RequestSecurityToken, and a call of the SOAP service.
//!
//! Each signed part is written in canonical form as an element of its own, digested, and put into
//! the envelope as those bytes; so nothing is serialised twice and nothing can differ.

use chrono::{DateTime, TimeDelta, Utc};

use super::soap_service;
use crate::wire::base64;
use crate::wire::crypto::{self, PrivateKey};
use crate::wire::ns;
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::time;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Limits};

/// A sender's key and certificate.
pub struct Identity {
    pub key: PrivateKey,
    /// DER.
    pub certificate: Vec<u8>,
}

/// What a sender asks the server for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The server's endpoint: `wsa:To`.
    pub to: &'a str,
    /// The service that the token is for.
    pub applies_to: &'a str,
    /// The party that the sender acts for, as `scheme:number`.
    pub on_behalf_of: Option<&'a str>,
}

/// A WS-Trust 1.3 Issue for a SAML 2.0 assertion, holder-of-key on the signing key; signed with
/// X.509: Body, Timestamp, addressing and the certificate itself.
pub fn request(identity: &Identity, wanted: Wanted<'_>, now: DateTime<Utc>) -> Result<Vec<u8>, String> {
    let action = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue";
    let token = binary_security_token(&identity.certificate);
    let mut parts = addressing(wanted.to, action);
    parts.push(Part { id: "TS", bytes: timestamp(now) });
    parts.push(Part { id: "X509", bytes: token });
    parts.push(Part { id: "Body", bytes: body(|writer| issue(writer, wanted)) });
    let key_reference = {
        let mut writer = Writer::new();
        writer.start(WSSE_STR).start(Name::new("wsse", ns::WSSE, "Reference"));
        writer.attribute("URI", "#X509").attribute("ValueType", ns::X509_V3).end().end();
        writer.finish()
    };
    seal(identity, &parts, &key_reference, None)
}

/// A call of the SOAP service, signed with the key of `assertion`. `reference` is the
/// SecurityTokenReference that the server gave out with it, used as it came.
pub fn call(identity: &Identity, assertion: &Token<'_>, number: &str, now: DateTime<Utc>) -> Result<Vec<u8>, String> {
    let ours = |local| Name::new("e", soap_service::NAMESPACE, local);
    let get = |writer: &mut Writer| {
        writer.start(ours("GetEmployer")).leaf(ours("Number"), &[], number).end();
    };
    let parts = [
        Part { id: "TS", bytes: timestamp(now) },
        Part { id: assertion.id, bytes: canonical(assertion.bytes)? },
        Part { id: "Body", bytes: body(get) },
    ];
    seal(identity, &parts, assertion.reference, Some(assertion))
}

/// An issued assertion, as it goes into the next message.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub id: &'a str,
    /// The element as it came, cut out as text: it declares its own namespaces.
    pub bytes: &'a [u8],
    /// The SecurityTokenReference that names it.
    pub reference: &'a [u8],
}

/// One signed part: the bytes that are digested and sent.
struct Part<'a> {
    id: &'a str,
    bytes: Vec<u8>,
}

fn canonical(element: &[u8]) -> Result<Vec<u8>, String> {
    let document = Document::parse(element, &Limits::default()).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    c14n::exclusive(document.root(), &Exclusive::default(), &mut octets).map_err(|error| error.to_string())?;
    Ok(octets)
}

fn addressing(to: &str, action: &str) -> Vec<Part<'static>> {
    let message_id = format!("urn:uuid:{}", uuid::Uuid::now_v7());
    [("Action", action), ("MessageID", message_id.as_str()), ("To", to)]
        .map(|(name, value)| {
            let mut writer = Writer::new();
            writer.start(Name::new("wsa", ns::WSA, name)).attribute_of(WSU_ID, name).text(value).end();
            Part { id: name, bytes: writer.finish() }
        })
        .into_iter()
        .collect()
}

fn timestamp(now: DateTime<Utc>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start(Name::new("wsu", ns::WSU, "Timestamp")).attribute_of(WSU_ID, "TS");
    writer.leaf(Name::new("wsu", ns::WSU, "Created"), &[], &time::format_millis(now));
    writer.leaf(Name::new("wsu", ns::WSU, "Expires"), &[], &time::format_millis(now + LIFETIME)).end();
    writer.finish()
}

fn binary_security_token(certificate: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start(Name::new("wsse", ns::WSSE, "BinarySecurityToken")).attribute_of(WSU_ID, "X509");
    writer.attribute("EncodingType", ns::BASE64_BINARY).attribute("ValueType", ns::X509_V3);
    writer.text(&base64::encode(certificate)).end();
    writer.finish()
}

fn body(payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start(Name::new("soap", ns::SOAP11, "Body")).attribute_of(WSU_ID, "Body");
    payload(&mut writer);
    writer.end();
    writer.finish()
}

fn issue(writer: &mut Writer, wanted: Wanted<'_>) {
    let wst = |local| Name::new("wst", ns::WST13, local);
    let wsa = |local| Name::new("wsa", ns::WSA, local);
    writer.start(wst("RequestSecurityToken"));
    writer.leaf(wst("RequestType"), &[], "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue");
    writer.leaf(wst("TokenType"), &[], ns::SAML20_TOKEN);
    writer.leaf(wst("KeyType"), &[], "http://docs.oasis-open.org/ws-sx/ws-trust/200512/PublicKey");
    writer.start(Name::new("wsp", ns::WSP, "AppliesTo")).start(wsa("EndpointReference"));
    writer.leaf(wsa("Address"), &[], wanted.applies_to).end().end();
    if let Some(party) = wanted.on_behalf_of {
        writer.start(wst("OnBehalfOf")).start(Name::new("wsse", ns::WSSE, "UsernameToken"));
        writer.leaf(Name::new("wsse", ns::WSSE, "Username"), &[], party).end().end();
    }
    writer.end();
}

/// Signs the parts and writes the envelope around them. The last part is the Body.
fn seal(
    identity: &Identity,
    parts: &[Part<'_>],
    key_reference: &[u8],
    assertion: Option<&Token<'_>>,
) -> Result<Vec<u8>, String> {
    let signature = signature(identity, parts, key_reference)?;
    let (body, headers) = parts.split_last().ok_or("there is nothing to sign")?;
    let soap = |local| Name::new("soap", ns::SOAP11, local);
    let mut writer = Writer::new();
    writer.start(soap("Envelope")).start(soap("Header"));
    let in_security = |part: &&Part<'_>| !["Action", "MessageID", "To"].contains(&part.id);
    for part in headers.iter().filter(|part| !in_security(part)) {
        writer.raw(&part.bytes);
    }
    writer.start(Name::new("wsse", ns::WSSE, "Security")).attribute_of(soap("mustUnderstand"), "1");
    for part in headers.iter().filter(in_security) {
        match assertion.filter(|assertion| assertion.id == part.id) {
            Some(assertion) => writer.raw(assertion.bytes),
            None => writer.raw(&part.bytes),
        };
    }
    writer.raw(&signature).end().end().raw(&body.bytes).end();
    Ok(writer.finish())
}

/// `ds:Signature` over the parts, each by `#id` with exclusive canonicalisation and SHA-256.
fn signature(identity: &Identity, parts: &[Part<'_>], key_reference: &[u8]) -> Result<Vec<u8>, String> {
    let ds = |local| Name::new("ds", ns::DS, local);
    let empty = |writer: &mut Writer, name, algorithm: &str| {
        writer.start(ds(name)).attribute("Algorithm", algorithm).end();
    };
    let algorithm = identity.key.default_algorithm();
    let mut writer = Writer::new();
    writer.start(ds("SignedInfo"));
    empty(&mut writer, "CanonicalizationMethod", ns::EXC_C14N);
    empty(&mut writer, "SignatureMethod", algorithm.uri());
    for part in parts {
        writer.start(ds("Reference")).attribute("URI", &format!("#{}", part.id)).start(ds("Transforms"));
        empty(&mut writer, "Transform", ns::EXC_C14N);
        writer.end();
        empty(&mut writer, "DigestMethod", ns::SHA256);
        writer.leaf(ds("DigestValue"), &[], &base64::encode(&crypto::sha256(&part.bytes))).end();
    }
    writer.end();
    let signed_info = writer.finish();
    let value = identity.key.sign(algorithm, &signed_info).map_err(|error| error.to_string())?;

    let mut writer = Writer::new();
    writer.start(ds("Signature")).raw(&signed_info);
    writer.leaf(ds("SignatureValue"), &[], &base64::encode(&value));
    writer.start(ds("KeyInfo")).raw(key_reference).end().end();
    Ok(writer.finish())
}

const WSU_ID: Name<'static> = Name::new("wsu", ns::WSU, "Id");
const WSSE_STR: Name<'static> = Name::new("wsse", ns::WSSE, "SecurityTokenReference");
const LIFETIME: TimeDelta = TimeDelta::minutes(5);
