//! How answers are read: each function takes what came out of a socket, and gives what was
//! expected of it, or both values.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::client::Answer;
use super::message::Identity;
use super::report::{Checked, Mismatch, expect};
use crate::wire::crypto::{PrivateKey, PublicKey};
use crate::wire::dsig::Signature;
use crate::wire::ns;
use crate::wire::saml::Assertion;
use crate::wire::soap::Envelope;
use crate::wire::wsse::SecurityHeader;
use crate::wire::x509::{Anchors, Certificate, verify_path};
use crate::wire::xml::{Document, Element, Limits};

/// An answer came at all.
pub fn got(answer: Result<Answer, String>) -> Checked<Answer> {
    answer.map_err(|why| Mismatch::new("an answer", why))
}

/// It has this status.
pub fn status(answer: &Answer, wanted: u16) -> Checked<()> {
    expect(answer.status == wanted, &format!("status {wanted}"), format!("{} {}", answer.status, summary(answer)))
}

/// What an answer says, in one line: the sentence of a fault or an OAuth error; never a token.
pub fn summary(answer: &Answer) -> String {
    let text = answer.text();
    let described = answer.json()["error_description"].as_str().map(str::to_owned);
    let mut line = match described.or_else(|| fault(&text)) {
        Some(sentence) => sentence,
        None if answer.status == 200 => format!("and {} bytes of an answer", answer.body.len()),
        None => text,
    };
    if let Some((end, _)) = line.char_indices().nth(400) {
        line.truncate(end);
    }
    line
}

/// The sentence of a SOAP fault, 1.1 or 1.2.
fn fault(text: &str) -> Option<String> {
    let document = Document::parse(text, &Limits::default()).ok()?;
    let is_sentence = |element: &Element<'_>| {
        element.is("", "faultstring") || element.is(ns::SOAP12, "Text") || element.is(ns::SOAP11, "faultstring")
    };
    let sentence = document.elements().find(is_sentence)?.text()?.into_owned();
    Some(sentence)
}

/// The reference that a refusal tells: `ref 0198…`.
pub fn reference(answer: &Answer) -> Checked<crate::model::Reference> {
    let text = answer.text();
    let found = text.split_once("ref ").map(|(_, rest)| rest.chars().take(36).collect::<String>()).unwrap_or_default();
    found.parse().map_err(|_| Mismatch::new("a reference in the refusal", summary(answer)))
}

/// The steps of a record's trace.
pub fn steps(record: &Value) -> Option<&Vec<Value>> {
    find(record, "steps").and_then(Value::as_array)
}

/// The step of this name in a record's trace.
pub fn step<'r>(record: &'r Value, id: &str) -> Checked<&'r Value> {
    let step = steps(record).into_iter().flatten().find(|step| step["id"] == id);
    step.ok_or_else(|| Mismatch::new(format!("a step `{id}` on record"), short(record)))
}

/// The value of a fact that a check of this step noted.
pub fn fact<'r>(step: &'r Value, check: &str, name: &str) -> Option<&'r Value> {
    let checks = step["checks"].as_array()?;
    let check = checks.iter().find(|found| found["id"] == check)?;
    let facts = &check["facts"];
    match facts.as_array() {
        Some(list) => list.iter().find(|fact| fact["name"] == name).map(|fact| &fact["value"]),
        None => facts.get(name),
    }
}

/// The reasons of all failed checks in a record.
pub fn reasons(record: &Value) -> Vec<String> {
    let checks = steps(record).into_iter().flatten().flat_map(|step| step["checks"].as_array().into_iter().flatten());
    checks
        .filter(|check| check["outcome"] == "failed")
        .filter_map(|check| check["id"].as_str().map(str::to_owned))
        .collect()
}

/// The value under this name, however deep.
fn find<'r>(value: &'r Value, name: &str) -> Option<&'r Value> {
    match value {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(400).collect()
}

/// What an issued answer carries.
pub struct Found<'d> {
    pub assertion: Assertion<'d>,
    /// The SecurityTokenReference for the next message.
    pub reference: Element<'d>,
}

/// The one assertion of an answer, when `issuer` signed it.
pub fn issued<'d>(document: &'d Document, issuer: &PublicKey) -> Checked<Found<'d>> {
    let requested = child_of(document, "RequestedSecurityToken")?;
    let assertion = Assertion::read(requested).map_err(|error| Mismatch::new("an assertion", error.to_string()))?;
    let signature = assertion.signature.ok_or_else(|| Mismatch::new("a signed assertion", "no signature"))?;
    let covered = covered(signature, issuer)?;
    expect(covered == [assertion.element], "a signature over the assertion", "one over something else")?;
    Ok(Found { assertion, reference: child_of(document, "RequestedAttachedReference")? })
}

/// The answer's own signature, over its Body.
pub fn signed_answer(document: &Document, certificate: &[u8]) -> Checked<()> {
    let shape = |error: String| Mismatch::new("a signed SOAP answer", error);
    let envelope = Envelope::read(document).map_err(|error| shape(error.to_string()))?;
    let header = SecurityHeader::read(&envelope).map_err(|error| shape(error.to_string()))?;
    let header = header.ok_or_else(|| shape("no Security header".to_owned()))?;
    let signature = header.signatures.first().ok_or_else(|| shape("no signature".to_owned()))?;
    let covered = covered(*signature, &key_of(certificate)?)?;
    expect(covered.contains(&envelope.body), "an answer whose Body is signed", "a signature over something else")
}

fn covered<'d>(signature: Element<'d>, key: &PublicKey) -> Checked<Vec<Element<'d>>> {
    let wrong = |error: String| Mismatch::new("a signature that holds", error);
    let limits = Limits::default();
    let signature = Signature::parse(signature, &limits).map_err(|error| wrong(error.to_string()))?;
    signature.verify_value(key, &limits).map_err(|error| wrong(error.to_string()))?;
    let mut covered = Vec::new();
    for reference in signature.references() {
        let digest = reference.digest(&limits).map_err(|error| wrong(error.to_string()))?;
        let uri = reference.uri.unwrap_or_default();
        expect(digest.matches, &format!("the digest of {uri}"), "another digest: it was changed after signing")?;
        covered.push(digest.covered);
    }
    Ok(covered)
}

/// The only child of the WS-Trust element of this name.
fn child_of<'d>(document: &'d Document, name: &str) -> Checked<Element<'d>> {
    let parent = document.elements().find(|element| element.is(ns::WST13, name));
    let child = parent.and_then(|parent| parent.children().next());
    child.ok_or_else(|| Mismatch::new(format!("wst:{name}"), "an answer without it"))
}

/// The key of the first certificate (PEM).
pub fn key_of(pem: &[u8]) -> Checked<PublicKey> {
    let unreadable = |error: String| Mismatch::new("a certificate", error);
    let certificates = Certificate::from_pem(pem).map_err(|error| unreadable(error.to_string()))?;
    let first = certificates.first().ok_or_else(|| unreadable("none".to_owned()))?;
    first.public_key().map_err(|error| unreadable(error.to_string()))
}

/// The certificate leads to an anchor.
pub fn leads_to(leaf: &Certificate, anchors: &Anchors, now: DateTime<Utc>) -> Checked<()> {
    let path = verify_path(leaf, &[], anchors, now);
    path.map(drop).map_err(|error| Mismatch::new("a certificate that leads to the root", error.to_string()))
}

/// Header and payload of a JWT. Nothing is verified: the REST service does.
pub fn jwt(token: &str) -> Checked<(Map<String, Value>, Map<String, Value>)> {
    let inspected = crate::wire::jwt::inspect(token).map_err(|error| Mismatch::new("a JWT", error.to_string()))?;
    let payload = inspected.payload.ok_or_else(|| Mismatch::new("a JWT with claims", token))?;
    Ok((inspected.header, payload))
}

/// Somebody whom nobody registered.
pub fn stranger() -> Result<Identity, String> {
    let key = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
    let certificate = rcgen::CertificateParams::default().self_signed(&key).map_err(|error| error.to_string())?;
    let own = PrivateKey::from_pkcs8_der(key.serialized_der()).map_err(|error| error.to_string())?;
    Ok(Identity { key: own, certificate: certificate.der().to_vec() })
}

/// Changes one digit of the first place where `text` stands.
pub fn change(message: &mut [u8], text: &[u8]) {
    let at = message.windows(text.len()).position(|window| window == text);
    if let Some(last) = at.and_then(|at| message.get_mut(at + text.len() - 1)) {
        *last = if *last == b'9' { b'0' } else { *last + 1 };
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
