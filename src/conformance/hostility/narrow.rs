//! Where the weight is not in the Body but in what is wrong itself.

use super::{Change, HOSPITAL, Row, STRANGER, flip, insert, row};
use crate::conformance::edits::{Edit, Place};
use crate::conformance::signature::KeyReference;

/// Header blocks, and what stands in the Security header.
pub(super) fn header() -> Vec<Row> {
    let first_in = |path: &str| Place::First(path.into());
    let blocks = "<x:h xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"></x:h>".repeat(8000);
    let ids = "<x:e xmlns:x=\"urn:x\" Id=\"X509\" ID=\"Body\" id=\"TS\"/>".repeat(9000);
    let tokens = "<wsse:BinarySecurityToken wsu:Id=\"t\">MIIB</wsse:BinarySecurityToken>".repeat(6000);
    let stamps = "<wsu:Timestamp><wsu:Created>2026-03-01T12:00:00Z</wsu:Created></wsu:Timestamp>".repeat(5000);
    let large = format!("<wsse:BinarySecurityToken>{}</wsse:BinarySecurityToken>", "MIIB".repeat(4000)).repeat(28);
    let (header, security) = ("/s:Envelope/s:Header", "//wsse:Security");
    vec![
        row("soap", "8000 header blocks to be understood", HOSPITAL, insert(blocks, first_in(header))),
        row("key", "9000 other elements with the token's id", HOSPITAL, insert(ids, first_in(header))),
        row("header", "6000 tokens and a text", HOSPITAL, insert(tokens.clone() + "text", first_in(security))),
        row("header", "6000 tokens", HOSPITAL, insert(tokens, first_in(security))),
        row("header", "5000 Timestamps", HOSPITAL, insert(stamps, first_in(security))),
        // As many as are read, each as large as fits: looked at only after the signature value.
        row("authenticate", "28 tokens of 16 KB", STRANGER, insert(large, first_in(security))),
    ]
}

/// Inside the signature.
pub(super) fn signature() -> Vec<Row> {
    let transforms = "<ds:Transform Algorithm=\"urn:unknown\"/>".repeat(10_000);
    let value = "MIIB".repeat(120_000);
    let set = |at: &str, to: String| vec![Edit::Set { at: at.into(), to }];
    let long = Change { then: set("//ds:SignatureValue", value), ..Change::default() };
    vec![
        row("algorithms", "10,000 transforms", HOSPITAL, insert(transforms, Place::Into("//ds:Transforms".into()))),
        row("signature value", "480 KB of it", HOSPITAL, long),
    ]
}

/// Names of keys, and what should be a certificate.
pub(super) fn keys() -> Vec<Row> {
    let set = |at: &str, to: String| vec![Edit::Set { at: at.into(), to }];
    let by_serial = |at: &str, to: String| Change {
        reference: Some(KeyReference::IssuerSerial),
        then: set(at, to),
        ..Change::default()
    };
    let garbage = Change { then: set("//wsse:BinarySecurityToken", "MIIB".repeat(100_000)), ..Change::default() };
    let name = "OU=\\C3\\A9\\20+L=b,".repeat(25_000) + "C=BE";
    vec![
        row("key", "a token of 300 KB", HOSPITAL, garbage),
        row("key", "an issuer's name of 400 KB", HOSPITAL, by_serial("//ds:X509IssuerName", name)),
        row(
            "key",
            "a serial number of 400,000 digits",
            HOSPITAL,
            by_serial("//ds:X509SerialNumber", "9".repeat(400_000)),
        ),
    ]
}

/// Assertions of 450 KB.
pub(super) fn assertions() -> Vec<Row> {
    let many = || attributes(240);
    let of_stranger = |more: Vec<(&'static str, String)>| [vec![("holder", STRANGER.to_owned())], more].concat();
    let unknown_issuer = of_stranger(vec![("ward", many()), ("assertion_issuer", "urn:unknown".into())]);
    let changed = Change { then: vec![flip("//saml:NameID", 0)], ..held(of_stranger(vec![("ward", many())]), false) };
    let audiences = format!(
        "<saml2:AudienceRestriction>{}</saml2:AudienceRestriction>",
        format!("<saml2:Audience>urn:{}</saml2:Audience>", "not-us".repeat(100)).repeat(250)
    );
    vec![
        row("assertion", "an issuer that nobody knows, 240 large attributes", STRANGER, held(unknown_issuer, true)),
        row("assertion", "changed after it was signed, 240 large attributes", STRANGER, changed),
        row(
            "assertion",
            "a holder that nobody knows, 240 large attributes",
            STRANGER,
            held(of_stranger(vec![("ward", many())]), true),
        ),
        row("assertion", "250 audiences that are not us", HOSPITAL, held(vec![("conditions", audiences)], true)),
        row("assertion", "the usual one, of an issuer that nobody knows", STRANGER, {
            held(of_stranger(vec![("assertion_issuer", "urn:unknown".into())]), true)
        }),
    ]
}

/// A message signed with the key of an assertion with these values.
fn held(values: Vec<(&'static str, String)>, covered: bool) -> Change {
    Change {
        parts: if covered { vec!["Body", "Timestamp", "Assertion"] } else { vec!["Body", "Timestamp"] },
        reference: Some(KeyReference::SamlAssertion),
        assertion: Some(values),
        ..Change::default()
    }
}

/// So many large attributes, in the place of one value.
fn attributes(count: usize) -> String {
    let statement = |i| {
        let value = "value ".repeat(300);
        format!(
            "<saml2:Attribute Name=\"urn:a{i}\"><saml2:AttributeValue>{value}</saml2:AttributeValue></saml2:Attribute>"
        )
    };
    let more: String = (0..count).map(statement).collect();
    let end = "<saml2:Attribute Name=\"urn:z\"><saml2:AttributeValue>w";
    format!("w</saml2:AttributeValue></saml2:Attribute>{more}{end}")
}
