//! What is told of an answer: a fault's code and text, what a token says, an OAuth error.

use serde_json::{Value, json};

use crate::cli::envelope::verify::{self, At};
use crate::wire::ns;
use crate::wire::soap;
use crate::wire::xml::{Document, Limits};

use super::forward::Came;
use super::told::{Judged, Kind, Told, assertion, of_verdict, payload, token, unread};

/// What is told of an answer.
pub fn answer(came: &Came, judged: &Judged) -> Told {
    let bytes = came.body.bytes.as_slice();
    match Kind::of(&came.headers, bytes) {
        _ if !came.body.complete => {
            let says = format!("not read: {} of {} bytes are here", bytes.len(), came.body.length);
            Told { head: says, ..Told::default() }
        }
        Kind::Xml => xml(bytes, judged),
        Kind::Json => oauth(bytes),
        Kind::Nothing => Told { head: "no body".to_owned(), ..Told::default() },
        Kind::Form | Kind::Other => unread(&came.headers),
    }
}

fn xml(bytes: &[u8], judged: &Judged) -> Told {
    let document = match Document::parse(bytes, &Limits { bytes: 8 * 1024 * 1024, ..Limits::default() }) {
        Ok(document) => document,
        Err(error) => return Told { head: format!("not XML that is read here: {error}"), ..Told::default() },
    };
    if document.root().local_name() == "definitions" {
        return contract(bytes, judged);
    }
    let fault = soap::Envelope::read(&document).ok().and_then(|envelope| envelope.fault());
    if let Some(fault) = fault {
        let mut head = format!("fault {}  {}", fault.code, fault.reason);
        if !fault.detail.is_empty() {
            head.push_str(&format!("  ({})", fault.detail));
        }
        let json = json!({"fault": {"code": fault.code, "reason": fault.reason, "detail": fault.detail}});
        return Told { head, more: Vec::new(), json };
    }
    let mut told = Told { head: payload(&document), ..Told::default() };
    if let Some(lines) = assertion(&document, chrono::Utc::now()) {
        told.json = json!({"token": lines});
        told.more.extend(lines);
    }
    // A signature on the message; one inside a token is the token's.
    let is_security = |element: &crate::wire::xml::Element<'_>| element.is(ns::WSSE, "Security");
    let security = document.elements().find(is_security);
    if security.is_some_and(|security| security.child(ns::DS, "Signature").is_some()) {
        let verdict = of_verdict(&verify::judge(bytes.to_vec(), &judged.trusted, None, At::Now));
        told.more.push(format!("the answer itself: {}", verdict.head));
        told.more.extend(verdict.more);
    }
    told
}

/// A client that reads its addresses from here goes past the tap.
fn contract(bytes: &[u8], judged: &Judged) -> Told {
    let names_upstream = String::from_utf8_lossy(bytes).contains(&judged.upstream);
    let more = names_upstream.then(|| {
        format!(
            "it says that the service is at {}, and is passed on unchanged: set the endpoint address in the client to {}, or the \
             client goes past the tap",
            judged.upstream, judged.own
        )
    });
    Told { head: "WSDL".to_owned(), more: more.into_iter().collect(), json: json!({"wsdl": true}) }
}

fn oauth(bytes: &[u8]) -> Told {
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(bytes) else {
        return Told { head: "not JSON".to_owned(), ..Told::default() };
    };
    let text =
        |name: &str| object.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    if let Some(error) = text("error") {
        let description = text("error_description").unwrap_or_default();
        let json = json!({"error": error, "error_description": description});
        return Told { head: format!("error {error}  {description}"), more: Vec::new(), json };
    }
    let Some(access) = text("access_token") else {
        let names: Vec<&str> = object.keys().take(12).map(String::as_str).collect();
        return Told { head: format!("JSON with {}", names.join(", ")), ..Told::default() };
    };
    let mut head = format!("token {}", text("token_type").unwrap_or_default());
    for (name, says) in [("issued_token_type", ""), ("scope", "scope "), ("expires_in", "seconds ")] {
        if let Some(value) = text(name) {
            head.push_str(&format!("  {says}{}", value.rsplit(':').next().unwrap_or_default()));
        }
    }
    let lines = token(&access, chrono::Utc::now()).unwrap_or_else(|| vec!["it says nothing of itself".to_owned()]);
    Told { head, json: json!({"token": lines}), more: lines }
}
