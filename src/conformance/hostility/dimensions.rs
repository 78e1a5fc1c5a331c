//! One dimension of a message, once, twice and four times.

use std::path::Path;

use super::{Change, HOSPITAL, forged, pad};
use crate::conformance::edits::{Edit, Place};
use crate::conformance::signature::KeyReference;

/// A dimension, and its three messages.
#[derive(Debug, Clone)]
pub struct Dimension {
    pub name: &'static str,
    /// What is counted, and how many of it the first message has.
    pub unit: &'static str,
    pub messages: [Vec<u8>; 3],
}

/// A name, a unit, and what so many of it change.
type Row = (&'static str, &'static str, fn(usize) -> Change);

/// All dimensions that a sender can choose.
///
/// # Errors
/// When a message cannot be forged.
pub fn dimensions(root: &Path) -> Result<Vec<Dimension>, String> {
    let list: &[Row] = &[
        ("attributes", "16 of each of 30 elements", |n| body(&repeated(30, |_| element(&numbered(16 * n, attribute))))),
        ("namespaces", "7 of each of 30 elements", |n| body(&repeated(30, |_| element(&numbered(7 * n, namespace))))),
        ("depth", "14 elements in each other, 30 times", |n| {
            body(&repeated(30, |_| format!("{}{}", "<x:e>".repeat(14 * n), "</x:e>".repeat(14 * n))))
        }),
        ("nodes", "2000 elements", |n| body(&"<x:e></x:e>".repeat(2000 * n))),
        ("references", "4 header blocks covered", references),
        ("prefix-list", "6 prefixes for 3 references", prefixes),
        ("text", "10,000 characters, as references", |n| body(&"&#65;".repeat(10_000 * n))),
        ("ids", "500 elements with an id", |n| body(&numbered(500 * n, |i| format!("<x:e Id=\"i{i}\"></x:e>")))),
        ("transforms", "200 of one reference", |n| Change {
            then: vec![Edit::Insert {
                text: "<ds:Transform Algorithm=\"urn:unknown\"></ds:Transform>".repeat(200 * n),
                place: Place::Into("//ds:Transforms".into()),
            }],
            ..Change::default()
        }),
        ("certificate", "7 KB of a token that is none", |n| Change {
            then: vec![Edit::Set { at: "//wsse:BinarySecurityToken".into(), to: "MIIB".repeat(2300 * n) }],
            ..Change::default()
        }),
        ("statements", "60 attributes of an assertion", |n| Change {
            parts: vec!["Body", "Timestamp", "Assertion"],
            reference: Some(KeyReference::SamlAssertion),
            assertion: Some(vec![("ward", statements(60 * n))]),
            ..Change::default()
        }),
        ("names", "1000 characters of an issuer's name", |n| Change {
            reference: Some(KeyReference::IssuerSerial),
            then: vec![Edit::Set { at: "//ds:X509IssuerName".into(), to: "CN=a,".repeat(200 * n) + "C=BE" }],
            ..Change::default()
        }),
    ];
    let make = |(name, unit, change): &Row| {
        let one = |n| forged(root, HOSPITAL, &change(n)).map_err(|why| format!("{name}: {why}"));
        Ok(Dimension { name, unit, messages: [one(1)?, one(2)?, one(4)?] })
    };
    list.iter().map(make).collect()
}

fn body(inside: &str) -> Change {
    Change { values: vec![("more", pad(inside))], ..Change::default() }
}

fn references(n: usize) -> Change {
    const PARTS: [&str; 13] = [
        "/s:Envelope/s:Header/x:Pad[1]",
        "/s:Envelope/s:Header/x:Pad[2]",
        "/s:Envelope/s:Header/x:Pad[3]",
        "/s:Envelope/s:Header/x:Pad[4]",
        "/s:Envelope/s:Header/x:Pad[5]",
        "/s:Envelope/s:Header/x:Pad[6]",
        "/s:Envelope/s:Header/x:Pad[7]",
        "/s:Envelope/s:Header/x:Pad[8]",
        "/s:Envelope/s:Header/x:Pad[9]",
        "/s:Envelope/s:Header/x:Pad[10]",
        "/s:Envelope/s:Header/x:Pad[11]",
        "/s:Envelope/s:Header/x:Pad[12]",
        "/s:Envelope/s:Header/x:Pad[13]",
    ];
    let count = (n * 4).min(PARTS.len());
    let block = |i| pad(&"text ".repeat(800)).replacen(" xmlns:x", &format!(" wsu:Id=\"pad{i}\" xmlns:x"), 1);
    let parts = PARTS.iter().take(count).copied().chain(["Body", "Timestamp"]).collect();
    Change { values: vec![("addressing", numbered(count, block))], parts, ..Change::default() }
}

/// Declared on the root, listed by each reference. The signature is over other transforms then, and refused by its
/// digests: after the work.
fn prefixes(n: usize) -> Change {
    let list: Vec<String> = (0..6 * n).map(|i| format!("p{i}")).collect();
    let mut then: Vec<Edit> = list
        .iter()
        .map(|prefix| Edit::Set { at: format!("/s:Envelope/@xmlns:{prefix}"), to: format!("urn:{prefix}") })
        .collect();
    then.push(Edit::Insert {
        text: format!(
            "<ec:InclusiveNamespaces xmlns:ec=\"{}\" PrefixList=\"{}\"></ec:InclusiveNamespaces>",
            crate::wire::ns::EXC_C14N,
            list.join(" ")
        ),
        place: Place::Into("//ds:CanonicalizationMethod".into()),
    });
    Change { values: vec![("more", pad(&"<x:e></x:e>".repeat(500)))], then, ..Change::default() }
}

fn statements(count: usize) -> String {
    let more = numbered(count, |i| {
        format!(
            "<saml2:Attribute Name=\"urn:a{i}\"><saml2:AttributeValue>value {i}</saml2:AttributeValue></saml2:Attribute>"
        )
    });
    format!(
        "w</saml2:AttributeValue></saml2:Attribute>{more}<saml2:Attribute Name=\"urn:last\"><saml2:AttributeValue>w"
    )
}

fn element(attributes: &str) -> String {
    format!("<x:e{attributes}></x:e>")
}

fn attribute(i: usize) -> String {
    format!(" a{i}=\"value\"")
}

fn namespace(i: usize) -> String {
    format!(" xmlns:n{i}=\"urn:n{i}\" n{i}:a=\"value\"")
}

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    numbered(count, one)
}

fn numbered(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}
