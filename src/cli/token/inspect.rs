//! `vidimus token inspect FILE|-`: what a SAML assertion or a JWT says, without verifying it. Says
//! so first.

use std::path::PathBuf;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::cli::envelope::inspect::{NOT_VERIFIED, parse};
use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::wire::base64;
use crate::wire::jwt::{self, Inspection};
use crate::wire::ns;
use crate::wire::xml::{Document, Element};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus token inspect hok.xml",
    "vidimus token inspect access-token.jwt -o json",
    "vidimus token inspect -",
]))]
pub struct Args {
    /// The token: a SAML assertion, an envelope with one, or a JWT; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// # Errors
/// When the file cannot be read or holds neither kind of token.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let text = files::read_text(&args.file)?;
    let (object, lines) = match xml_in(&text) {
        Some(bytes) => saml(&parse(bytes)?)?,
        None => jwt(&jwt::inspect(text.trim()).map_err(|error| {
            let says = format!("neither a SAML assertion nor a JWT: {error}");
            Failure::new(Exit::Refused, says, "Give the token itself, without `Bearer` or quotes")
        })?),
    };
    if out.is_json() {
        out.json(&object);
    } else {
        out.line(NOT_VERIFIED);
        lines.iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

/// XML as it is, or as the base64url that token exchange sends.
fn xml_in(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('<') {
        return Some(text.as_bytes().to_vec());
    }
    base64::decode_url(text).ok().filter(|bytes| bytes.starts_with(b"<"))
}

fn jwt(token: &Inspection) -> (Value, Vec<String>) {
    let object = json!({
        "schema": "vidimus.token/v1", "verified": false, "kind": "jwt",
        "header": token.header, "payload": token.payload, "signature_bytes": token.signature_length,
    });
    let mut lines = vec![format!("JWT, signature of {} bytes", token.signature_length)];
    lines.extend(members("header", &token.header));
    match &token.payload {
        Some(payload) => lines.extend(members("payload", payload)),
        None => lines.push("payload    not a JSON object".to_owned()),
    }
    (object, lines)
}

fn members(label: &str, object: &Map<String, Value>) -> Vec<String> {
    let label = |index| if index == 0 { label } else { "" };
    let lines = object.iter().enumerate().map(|(index, (name, value))| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{:<10} {name:<14} {shown}{}", label(index), moment(name, value))
    });
    lines.collect()
}

/// Times of a JWT are seconds since 1970; people read dates.
fn moment(name: &str, value: &Value) -> String {
    let is_time = matches!(name, "exp" | "iat" | "nbf" | "auth_time");
    let time = value.as_i64().filter(|_| is_time).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map(|time| format!("  ({})", time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))).unwrap_or_default()
}

/// What the first assertion of the document says.
fn saml(document: &Document) -> Result<(Value, Vec<String>), Failure> {
    let is_assertion = |element: &Element<'_>| element.is(ns::SAML2, "Assertion") || element.is(ns::SAML1, "Assertion");
    let assertion = document.elements().find(is_assertion).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            "the XML holds no SAML assertion",
            "Give an assertion, or a message that carries one",
        )
    })?;
    let facts = assertion_facts(assertion);
    let version = if assertion.is(ns::SAML2, "Assertion") { "saml2.0" } else { "saml1.1" };
    let mut object = Map::new();
    object.insert("schema".to_owned(), "vidimus.token/v1".into());
    object.insert("verified".to_owned(), false.into());
    object.insert("kind".to_owned(), version.into());
    for (name, value) in &facts {
        // A name that occurs twice (audiences, attributes) becomes a list.
        let entry = object.entry(name.replace(' ', "_")).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = entry {
            values.push(value.clone().into());
        }
    }
    let mut lines = vec![format!("{version} assertion, {} bytes", assertion.range().len())];
    lines.extend(facts.iter().map(|(name, value)| format!("{name:<14} {value}")));
    Ok((Value::Object(object), lines))
}

fn assertion_facts(assertion: Element<'_>) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        facts.extend(value.map(|value| (name.to_owned(), value.trim().to_owned())));
    };
    for name in ["ID", "AssertionID"] {
        add("id", assertion.attribute("", name));
    }
    add("issuer", assertion.attribute("", "Issuer"));
    for element in assertion.descendants() {
        let text = element.text();
        let text = text.as_deref().filter(|text| !text.trim().is_empty());
        match (element.namespace(), element.local_name()) {
            // A signature's own elements are shown as one line, its certificate not at all.
            (ns::DS, "SignatureMethod") => add("signed with", element.attribute("", "Algorithm")),
            (ns::SAML1 | ns::SAML2, name) => match name {
                "Issuer" => add("issuer", text),
                "NameID" | "NameIdentifier" => {
                    add("subject", text);
                    add("subject format", element.attribute("", "Format"));
                }
                "SubjectConfirmation" => add("confirmation", element.attribute("", "Method")),
                "ConfirmationMethod" => add("confirmation", text),
                "Conditions" => {
                    add("not before", element.attribute("", "NotBefore"));
                    add("not on or after", element.attribute("", "NotOnOrAfter"));
                }
                "Audience" => add("audience", text),
                "AuthnContextClassRef" => add("authn context", text),
                "AttributeValue" => {
                    let name = element.parent().and_then(|parent| {
                        parent.attribute("", "Name").or_else(|| parent.attribute("", "AttributeName"))
                    });
                    add("attribute", Some(&format!("{} = {}", name.unwrap_or("?"), text.unwrap_or("(elements)"))));
                }
                _ => {}
            },
            _ => {}
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use crate::wire::xml::Limits;

    use super::*;

    #[test]
    fn a_jwt_shows_its_claims_and_dates() {
        let token = format!(
            "{}.{}.AAAA",
            base64::encode_url(br#"{"alg":"ES256"}"#),
            base64::encode_url(br#"{"exp":1790000000,"sub":"x"}"#)
        );
        let (object, lines) = jwt(&jwt::inspect(&token).unwrap());
        assert_eq!(object["verified"], false);
        assert_eq!(
            lines,
            [
                "JWT, signature of 3 bytes",
                "header     alg            ES256",
                "payload    exp            1790000000  (2026-09-21T14:13:20Z)",
                "           sub            x",
            ]
        );
    }

    #[test]
    fn an_assertion_shows_subject_key_and_times() {
        let xml = r#"<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1"><a:Issuer>urn:sts</a:Issuer><a:Subject><a:NameID>gent</a:NameID><a:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"/></a:Subject><a:Conditions NotOnOrAfter="2026-01-01T00:15:00Z"><a:AudienceRestriction><a:Audience>urn:svc</a:Audience></a:AudienceRestriction></a:Conditions><a:AttributeStatement><a:Attribute Name="n"><a:AttributeValue>v</a:AttributeValue></a:Attribute></a:AttributeStatement></a:Assertion>"#;
        let (object, lines) = saml(&Document::parse(xml, &Limits::default()).unwrap()).unwrap();
        assert_eq!(object["kind"], "saml2.0");
        assert_eq!(object["audience"][0], "urn:svc");
        assert_eq!(
            lines[1..],
            [
                "id             _1",
                "issuer         urn:sts",
                "subject        gent",
                "confirmation   urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
                "not on or after 2026-01-01T00:15:00Z",
                "audience       urn:svc",
                "attribute      n = v",
            ]
        );
    }
}
