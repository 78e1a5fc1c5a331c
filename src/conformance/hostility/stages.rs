//! The dearest message that each stage refuses, as far as we can think of one: bytes, then a large Body with one thing
//! wrong, then what is wrong itself made large, then the usual size.

use std::path::Path;

use super::good::FILLINGS;
use super::narrow;
use super::{Change, HOSPITAL, Message, Row, STRANGER, flip, forged, insert, made, pad, row};
use crate::conformance::edits::{Edit, Place};
use crate::conformance::signature::KeyReference;

/// Refused messages, by the stage that their maker had in mind.
///
/// # Errors
/// When one cannot be forged.
pub fn stages(root: &Path) -> Result<Vec<Message>, String> {
    let mut found = bytes();
    let rows = [large(), narrow::header(), narrow::signature(), narrow::keys(), narrow::assertions(), usual(root)?];
    for Row { stage, name, key, change } in rows.into_iter().flatten() {
        let bytes = forged(root, key, &change).map_err(|why| format!("{stage}, {name}: {why}"))?;
        found.push(made(stage, &name, bytes));
    }
    Ok(found)
}

/// One thing wrong beside a large Body: the dearest filling for all; where octets are digested, each.
fn large() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, filling) in FILLINGS {
        let body = pad(&filling());
        let mut again = vec![fourteen_times()];
        if *name == "attributes" {
            again.extend(one_fault());
        }
        rows.extend(again.into_iter().map(|mut row| {
            row.name = format!("{}, a large Body of {name}", row.name);
            row.change.values.push(("more", body.clone()));
            row
        }));
    }
    rows
}

fn fourteen_times() -> Row {
    let parts = ["Body"; 14].into_iter().chain(["Timestamp"]).collect();
    row("digests", "the Body fourteen times", STRANGER, Change { parts, ..Change::default() })
}

/// One fault for each stage, in the order of the path.
fn one_fault() -> Vec<Row> {
    let then = |edit: Edit| Change { then: vec![edit], ..Change::default() };
    let after = |text: &str, path: &str| insert(text.into(), Place::After(path.into()));
    let method = Edit::Set { at: "//ds:SignatureMethod/@Algorithm".into(), to: "urn:unknown".into() };
    let by_name = Change { reference: Some(KeyReference::IssuerSerial), ..Change::default() };
    let no_time = Change { parts: vec!["Body"], ..Change::default() };
    let old = Change { values: times("${now-7200}", "${now-7100}"), ..Change::default() };
    let wrong_digest = flip("/s:Envelope/s:Body//wst:TokenType", 3);
    vec![
        row("soap", "a second Body at the end", HOSPITAL, after("<s:Body></s:Body>", "/s:Envelope/s:Body")),
        row("header", "text in Security", HOSPITAL, after("text", "//wsse:Security/ds:Signature")),
        row("algorithms", "an unknown signature method", HOSPITAL, then(method)),
        row("key", "a name that nobody has", STRANGER, by_name),
        row("signature value", "one letter wrong", STRANGER, then(flip("//ds:SignatureValue", 20))),
        row("digests", "the last of two wrong", STRANGER, then(wrong_digest)),
        row("coverage", "the Timestamp not covered", STRANGER, no_time),
        row("time", "two hours old", STRANGER, old),
        row("authenticate", "a stranger of a trusted authority", STRANGER, Change::default()),
        row("authenticate", "a suspended sender", "archive", Change::default()),
    ]
}

/// Messages of the usual size, whose cost is the mathematics: keys that are not at hand, of every kind, and the largest.
fn usual(root: &Path) -> Result<Vec<Row>, String> {
    let digest = |key: &'static str, kind: &str| {
        let change = Change { then: vec![flip("/s:Envelope/s:Body//wst:TokenType", 3)], ..Change::default() };
        row("digests", &format!("the usual one, a digest wrong, {kind}"), key, change)
    };
    let certificate = crate::conformance::keys::Keys::open(root.join("keys")).certificate("rsa-8192")?;
    let set = |at: &str, to: String| Edit::Set { at: at.into(), to };
    let largest = Change {
        then: vec![
            set("//wsse:BinarySecurityToken", crate::wire::base64::encode(certificate.der())),
            set("//ds:SignatureValue", crate::wire::base64::encode(&[0x5A; 1024])),
        ],
        ..Change::default()
    };
    Ok(vec![
        row("signature value", "the usual one, under a key of 8192 bits", HOSPITAL, largest),
        digest(STRANGER, "RSA"),
        digest("laboratory", "P-384"),
        digest("dentist", "P-521"),
        digest("optician", "Ed25519"),
        row("authenticate", "the usual one, of a stranger", STRANGER, Change::default()),
    ])
}

/// What no recipe can make: not XML, or too much of it.
fn bytes() -> Vec<Message> {
    let whole = |name: &str, text: String| made("bytes", name, text.into_bytes());
    vec![
        whole("a node too many", "<a>".to_owned() + &"<b/>".repeat(100_000)),
        whole("never closed", "<a>".to_owned() + &"<b></b>".repeat(19_000)),
        whole("references in a text", "<a>".to_owned() + &"&amp;".repeat(100_000)),
        whole("references in an attribute", "<a b=\"".to_owned() + &"&#65;".repeat(100_000)),
        whole("an attribute twice, of 64, at the end", {
            let attributes: String = (0..63).map(|i| format!(" a{i}=\"\"")).collect();
            "<a>".to_owned() + &format!("<b{attributes}/>").repeat(950) + "<b a=\"\" a=\"\"/></a>"
        }),
        whole("32 namespaces of each of 600 elements", {
            let declarations: String = (0..31).map(|i| format!(" xmlns:n{i}=\"urn:{i}\"")).collect();
            "<a>".to_owned() + &format!("<b{declarations}/>").repeat(900) + "<u:c/></a>"
        }),
        whole("one comment", "<a><!--".to_owned() + &"- ".repeat(250_000)),
        whole("one name", "<".to_owned() + &"a".repeat(500_000)),
        whole("not UTF-8 at the end", "<a>".to_owned() + &"b".repeat(500_000)).ending(0xFF),
    ]
}

impl Message {
    fn ending(mut self, byte: u8) -> Self {
        self.bytes.push(byte);
        self
    }
}

fn times(created: &str, expires: &str) -> Vec<(&'static str, String)> {
    vec![("created", created.to_owned()), ("expires", expires.to_owned())]
}
