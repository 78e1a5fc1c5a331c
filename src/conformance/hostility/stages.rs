//! The dearest message that each stage refuses, as far as we can think of one, and the dearest good ones.

use std::path::Path;

use super::{Change, HOSPITAL, Message, STRANGER, forged, pad};
use crate::conformance::edits::{Edit, Place};
use crate::conformance::signature::KeyReference;

/// Good messages: the usual one, and the largest, filled in several ways.
///
/// # Errors
/// When one cannot be forged.
pub fn good(root: &Path) -> Result<Vec<Message>, String> {
    let mut found = vec![made("good", "the usual one", forged(root, HOSPITAL, &Change::default())?)];
    for (name, filling) in FILLINGS {
        let change = Change { values: vec![("more", pad(&filling()))], ..Change::default() };
        found.push(made("good", &format!("a large Body of {name}"), forged(root, HOSPITAL, &change)?));
    }
    Ok(found)
}

/// Refused messages, by the stage that their maker had in mind.
///
/// # Errors
/// When one cannot be forged.
pub fn stages(root: &Path) -> Result<Vec<Message>, String> {
    let mut found = bytes();
    let large = |name: &str, filling: &fn() -> String| (format!("a large Body of {name}"), pad(&filling()));
    // The dearest filling for all; where octets are digested, each.
    for (name, filling) in FILLINGS {
        let dearest = *name == "attributes";
        let (name, body) = large(name, filling);
        let mut add = |stage, what: &str, key: &str, change: Change| {
            let values = [change.values, vec![("more", body.clone())]].concat();
            let bytes =
                forged(root, key, &Change { values, ..change }).map_err(|why| format!("{stage}, {what}: {why}"))?;
            found.push(made(stage, &format!("{what}, {name}"), bytes));
            Ok::<(), String>(())
        };
        let again = ["Body"; 14].into_iter().chain(["Timestamp"]).collect();
        add("digests", "the Body fourteen times", STRANGER, Change { parts: again, ..Change::default() })?;
        if !dearest {
            continue;
        }
        let then = |edit: Edit| Change { then: vec![edit], ..Change::default() };
        let after = |text: &str, path: &str| then(Edit::Insert { text: text.into(), place: Place::After(path.into()) });
        add("soap", "a second Body at the end", HOSPITAL, after("<s:Body></s:Body>", "/s:Envelope/s:Body"))?;
        add("header", "text in Security", HOSPITAL, after("text", "//wsse:Security/ds:Signature"))?;
        let method = Edit::Set { at: "//ds:SignatureMethod/@Algorithm".into(), to: "urn:unknown".into() };
        add("algorithms", "an unknown signature method", HOSPITAL, then(method))?;
        let by_name = Change { reference: Some(KeyReference::IssuerSerial), ..Change::default() };
        add("key", "a name that nobody has", STRANGER, by_name)?;
        add("signature value", "one letter wrong", STRANGER, then(flip("//ds:SignatureValue", 20)))?;
        add("digests", "the last of two wrong", STRANGER, then(flip("/s:Envelope/s:Body//wst:TokenType", 3)))?;
        let no_time = Change { parts: vec!["Body"], ..Change::default() };
        add("coverage", "the Timestamp not covered", STRANGER, no_time)?;
        let old = Change { values: times("${now-7200}", "${now-7100}"), ..Change::default() };
        add("time", "two hours old", STRANGER, old)?;
        add("authenticate", "a stranger of a trusted authority", STRANGER, Change::default())?;
        add("authenticate", "a suspended sender", "archive", Change::default())?;
    }
    found.extend(narrow(root)?);
    Ok(found)
}

/// Where the weight is not in the Body.
fn narrow(root: &Path) -> Result<Vec<Message>, String> {
    let mut found = Vec::new();
    let mut add = |stage, what: &str, key: &str, change: Change| {
        let bytes = forged(root, key, &change).map_err(|why| format!("{stage}, {what}: {why}"))?;
        found.push(made(stage, what, bytes));
        Ok::<(), String>(())
    };
    let insert = |text: String, place: Place| Change { then: vec![Edit::Insert { text, place }], ..Change::default() };
    let set = |at: &str, to: String| vec![Edit::Set { at: at.into(), to }];
    let security = || Place::First("//wsse:Security".into());
    let blocks = "<x:h xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"></x:h>".repeat(8000);
    add(
        "soap",
        "8000 header blocks to be understood",
        HOSPITAL,
        insert(blocks, Place::First("/s:Envelope/s:Header".into())),
    )?;
    let tokens = "<wsse:BinarySecurityToken wsu:Id=\"t\">MIIB</wsse:BinarySecurityToken>".repeat(6000) + "text";
    add("header", "6000 tokens and a text", HOSPITAL, insert(tokens, security()))?;
    let stamps = "<wsu:Timestamp><wsu:Created>2026-03-01T12:00:00Z</wsu:Created></wsu:Timestamp>".repeat(5000);
    add("coverage", "5000 Timestamps", HOSPITAL, insert(stamps, security()))?;
    let transforms = "<ds:Transform Algorithm=\"urn:unknown\"/>".repeat(10_000);
    add("algorithms", "10,000 transforms", HOSPITAL, insert(transforms, Place::Into("//ds:Transforms".into())))?;
    let ids = "<x:e xmlns:x=\"urn:x\" Id=\"X509\" ID=\"Body\" id=\"TS\"/>".repeat(9000);
    add(
        "key",
        "9000 other elements with the token's id",
        HOSPITAL,
        insert(ids, Place::First("/s:Envelope/s:Header".into())),
    )?;
    let garbage = "MIIB".repeat(100_000);
    add(
        "key",
        "a token of 300 KB",
        HOSPITAL,
        Change { then: set("//wsse:BinarySecurityToken", garbage), ..Change::default() },
    )?;
    let name = Change {
        reference: Some(KeyReference::IssuerSerial),
        then: set("//ds:X509IssuerName", "OU=\\C3\\A9\\20+L=b,".repeat(25_000) + "C=BE"),
        ..Change::default()
    };
    add("key", "an issuer's name of 400 KB", HOSPITAL, name)?;
    let serial = Change {
        reference: Some(KeyReference::IssuerSerial),
        then: set("//ds:X509SerialNumber", "9".repeat(400_000)),
        ..Change::default()
    };
    add("key", "a serial number of 400,000 digits", HOSPITAL, serial)?;
    let value = "MIIB".repeat(120_000);
    add(
        "signature value",
        "480 KB of it",
        HOSPITAL,
        Change { then: set("//ds:SignatureValue", value), ..Change::default() },
    )?;
    let held = |values: Vec<(&'static str, String)>, covered: bool| Change {
        parts: if covered { vec!["Body", "Timestamp", "Assertion"] } else { vec!["Body", "Timestamp"] },
        reference: Some(KeyReference::SamlAssertion),
        assertion: Some(values),
        ..Change::default()
    };
    let statement = |i| {
        let value = "value ".repeat(300);
        format!(
            "<saml2:Attribute Name=\"urn:a{i}\"><saml2:AttributeValue>{value}</saml2:AttributeValue></saml2:Attribute>"
        )
    };
    let more: String = (0..240).map(statement).collect();
    let end = "<saml2:Attribute Name=\"urn:z\"><saml2:AttributeValue>w";
    let many = format!("w</saml2:AttributeValue></saml2:Attribute>{more}{end}");
    let of_stranger = |more: Vec<(&'static str, String)>| [vec![("holder", STRANGER.to_owned())], more].concat();
    add(
        "assertion",
        "an issuer that nobody knows, 240 large attributes",
        STRANGER,
        held(of_stranger(vec![("ward", many.clone()), ("assertion_issuer", "urn:unknown".into())]), true),
    )?;
    let changed =
        Change { then: vec![flip("//saml:NameID", 0)], ..held(of_stranger(vec![("ward", many.clone())]), false) };
    add("assertion", "changed after it was signed, 240 large attributes", STRANGER, changed)?;
    add(
        "assertion",
        "a holder that nobody knows, 240 large attributes",
        STRANGER,
        held(of_stranger(vec![("ward", many)]), true),
    )?;
    let audiences = format!(
        "<saml2:AudienceRestriction>{}</saml2:AudienceRestriction>",
        format!("<saml2:Audience>urn:{}</saml2:Audience>", "not-us".repeat(100)).repeat(250)
    );
    add("assertion", "250 audiences that are not us", HOSPITAL, held(vec![("conditions", audiences)], true))?;
    Ok(found)
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

fn made(stage: &'static str, name: &str, bytes: Vec<u8>) -> Message {
    Message { stage, name: name.to_owned(), bytes }
}

fn flip(at: &str, byte: usize) -> Edit {
    Edit::Flip { at: at.into(), byte }
}

fn times(created: &str, expires: &str) -> Vec<(&'static str, String)> {
    vec![("created", created.to_owned()), ("expires", expires.to_owned())]
}

/// A name, and what is inside.
type Filling = (&'static str, fn() -> String);

/// What makes a Body large, within the limits.
const FILLINGS: &[Filling] = &[
    ("elements", || "<x:e>1</x:e>".repeat(8000)),
    ("references", || "&#65;".repeat(80_000)),
    ("attributes", || {
        let attributes: String = (0..63).map(|i| format!(" a{i}=\"\"")).collect();
        format!("<x:e{attributes}></x:e>").repeat(850)
    }),
];
