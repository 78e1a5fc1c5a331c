//! What is told of a request: the verdict on its envelope, or what its form asks with which proof.
//!
//! Read from a copy, after it has gone on. Passwords, tokens and signatures stay out of what is
//! told: of a token, what it says of itself; of a secret, that it is there.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::cli::envelope::trusted::Trusted;
use crate::cli::envelope::verify::{self, At, Outcome, Verdict};
use crate::flow::profile::Profile;
use crate::wire::base64;
use crate::wire::jwt;
use crate::wire::ns;
use crate::wire::xml::{Document, Element, Limits};

use super::forward::Seen;

/// By what requests are judged.
pub struct Judged {
    pub trusted: Trusted,
    pub profile: Option<Profile>,
    /// The address that clients call, without path: what must not get into a signed `wsa:To`.
    pub own: String,
    /// The same of the upstream server.
    pub upstream: String,
}

/// Something to tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// One line in short.
    pub head: String,
    /// What is behind it, a line each.
    pub more: Vec<String>,
    pub json: Value,
}

/// What a message's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Xml,
    Form,
    Json,
    Other,
    Nothing,
}

impl Kind {
    pub fn of(headers: &[(String, Vec<u8>)], body: &[u8]) -> Self {
        let declared = field(headers, "content-type").to_ascii_lowercase();
        let first = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            None => Self::Nothing,
            Some(_) if !field(headers, "content-encoding").is_empty() => Self::Other,
            Some(_) if declared.starts_with("application/x-www-form-urlencoded") => Self::Form,
            // XOP packs an envelope into parts: no envelope as it stands.
            Some(_) if declared.starts_with("multipart/") => Self::Other,
            Some(b'<') => Self::Xml,
            Some(b'{') => Self::Json,
            Some(_) => Self::Other,
        }
    }

    /// The ending of a file with such bytes.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Form => "form",
            Self::Json => "json",
            Self::Other | Self::Nothing => "bin",
        }
    }
}

/// The value of a field, its first.
pub fn field(headers: &[(String, Vec<u8>)], name: &str) -> String {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// What is told of a request.
pub fn request(seen: &Seen, judged: &Judged) -> Told {
    let bytes = seen.body.bytes.as_slice();
    let kind = Kind::of(&seen.headers, bytes);
    let mut told = match kind {
        _ if !seen.body.complete => {
            let says = format!("not judged: {} of {} bytes are here", bytes.len(), seen.body.length);
            Told { head: says, ..Told::default() }
        }
        Kind::Xml => envelope(bytes, judged),
        Kind::Form => form(bytes, seen.at),
        Kind::Nothing => Told { head: "no body".to_owned(), ..Told::default() },
        Kind::Json | Kind::Other => unread(&seen.headers),
    };
    let authorization = field(&seen.headers, "authorization");
    if let Some(scheme) = authorization.split_whitespace().next() {
        told.more.push(format!("Authorization: {scheme} ({} characters, not shown)", authorization.len()));
    }
    if let Some(certificate) = &seen.client_certificate {
        let subject = crate::wire::x509::Certificate::parse(certificate).map(|c| c.subject().to_string());
        told.more.push(format!(
            "the client showed the certificate {} to the tap; the service sees the tap's own (--p12, or --cert and --key)",
            subject.unwrap_or_default()
        ));
    }
    told
}

/// What stands in bytes that are passed on and not read.
pub fn unread(headers: &[(String, Vec<u8>)]) -> Told {
    let encoding = field(headers, "content-encoding");
    let head = if encoding.is_empty() {
        format!("not read: {}", field(headers, "content-type"))
    } else {
        format!("not read: {encoding} (let the client send Accept-Encoding: identity to see it)")
    };
    Told { head, ..Told::default() }
}

fn envelope(bytes: &[u8], judged: &Judged) -> Told {
    let document = Document::parse(bytes, &Limits::default()).ok();
    let is_signed = document.as_ref().is_some_and(|document| document.elements().any(|e| e.is(ns::DS, "Signature")));
    if let Some(document) = document.as_ref().filter(|_| !is_signed) {
        return Told { head: format!("{}, not signed", payload(document)), ..Told::default() };
    }
    let verdict = verify::judge(bytes.to_vec(), &judged.trusted, judged.profile.clone(), At::Now);
    let mut told = of_verdict(&verdict);
    if let Some(document) = &document {
        told.head = format!("{}  {}", payload(document), told.head);
        let is_to = |element: &Element<'_>| element.local_name() == "To" && !element.namespace().is_empty();
        let to = document.elements().find(is_to).and_then(Element::text).unwrap_or_default();
        if to.trim().starts_with(&judged.own) {
            told.more.push(format!(
                "wsa:To names the tap ({}): the service may refuse that; set the message's To to {} and only the transport's \
                 address to the tap",
                to.trim(),
                judged.upstream
            ));
        }
    }
    told
}

/// The verdict in one line, the faults with cause or fix behind.
pub fn of_verdict(verdict: &Verdict) -> Told {
    let outcome = verdict.outcome.as_str().to_uppercase();
    let mut head = outcome;
    let mut more = Vec::new();
    let faults = verdict.report.distinct_faults();
    match faults.first() {
        Some(fault) => head.push_str(&format!("  {}  {}", fault.code(), fault.id)),
        None => {
            head.push_str(&format!("  signed by {}", verdict.signer("subject").unwrap_or_default()));
            if verdict.outcome == Outcome::Intact {
                head.push_str(", whom nobody was named to judge");
            }
        }
    }
    for fault in &faults {
        let (says, fix) = fault.sentence();
        more.push(says);
        more.extend(fault.fact("cause").map(|cause| format!("  cause: {cause}")));
        let fix = fault.fact("cause_fix").unwrap_or(fix);
        if !fix.is_empty() {
            more.push(format!("  fix: {fix}"));
        }
    }
    if let Some(first) = verdict.producers.first().filter(|_| !faults.is_empty()) {
        let stack = &first.stack.title;
        more.push(format!("it looks like {stack} ({} %): `envelope verify` shows the setting there", first.percent));
    }
    Told { head, more, json: verdict.json("request") }
}

/// What stands in the Body, by its name; or the root.
pub fn payload(document: &Document) -> String {
    let root = document.root();
    let body = root.child(root.namespace(), "Body").and_then(|body| body.children().next());
    body.unwrap_or(root).local_name().to_owned()
}

// ── forms ──────────────────────────────────────────────────────────────────────────────────────

fn form(bytes: &[u8], now: DateTime<Utc>) -> Told {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    let grant = pairs.iter().find(|(name, _)| name == "grant_type").map(|(_, value)| value.as_str());
    let grant = grant.unwrap_or("no grant_type");
    let head = format!("form  {}", grant.rsplit(':').next().unwrap_or(grant));
    let mut more = Vec::new();
    let mut parameters = serde_json::Map::new();
    for (name, value) in &pairs {
        let (shown, remarks) = parameter(name, value, now);
        more.push(format!("{name} = {shown}"));
        more.extend(remarks.into_iter().map(|remark| format!("  {remark}")));
        parameters.insert(name.clone(), shown.into());
    }
    Told { head, more, json: json!({"form": parameters}) }
}

/// A parameter as it may be shown, and what can be said of a token in it.
fn parameter(name: &str, value: &str, now: DateTime<Utc>) -> (String, Vec<String>) {
    if !SECRET.contains(&name) {
        return (value.to_owned(), Vec::new());
    }
    if value.is_empty() {
        return ("(empty)".to_owned(), Vec::new());
    }
    let masked = format!("({} characters, not shown)", value.chars().count());
    (masked, token(value, now).unwrap_or_default())
}

/// What a token says of itself, without what would let somebody use it.
pub fn token(text: &str, now: DateTime<Utc>) -> Option<Vec<String>> {
    let text = text.trim();
    if let Ok(token) = jwt::inspect(text) {
        let payload = token.payload.unwrap_or_default();
        let member = |map: &serde_json::Map<String, Value>, name: &str| {
            let value = map.get(name)?;
            Some(format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        let header = ["alg", "typ", "kid"].iter().filter_map(|name| member(&token.header, name));
        let claims = ["iss", "sub", "aud", "scope", "client_id"].iter().filter_map(|name| member(&payload, name));
        let mut lines = vec![format!("JWT  {}", header.chain(claims).collect::<Vec<_>>().join(", "))];
        let time = |name| payload.get(name).and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0));
        lines.extend(window(time("nbf").or(time("iat")), time("exp"), now));
        if payload.contains_key("cnf") {
            lines.push("bound to a key (cnf)".to_owned());
        }
        return Some(lines);
    }
    let xml = if text.starts_with('<') {
        text.as_bytes().to_vec()
    } else {
        let unpadded: String = text.chars().filter(|c| !matches!(c, '=' | '\r' | '\n')).collect();
        base64::decode_url(&unpadded.replace('+', "-").replace('/', "_")).ok()?
    };
    let document = Document::parse(xml, &Limits::default()).ok()?;
    assertion(&document, now)
}

/// What the first assertion of a document says.
pub fn assertion(document: &Document, now: DateTime<Utc>) -> Option<Vec<String>> {
    let is_assertion = |element: &Element<'_>| element.is(ns::SAML2, "Assertion") || element.is(ns::SAML1, "Assertion");
    let assertion = document.elements().find(is_assertion)?;
    let text_of = |local: &str| {
        let found = assertion.descendants().find(|element| element.local_name() == local);
        found.and_then(Element::text).map(|text| text.trim().to_owned())
    };
    let issuer = assertion.attribute("", "Issuer").map(str::to_owned).or_else(|| text_of("Issuer"));
    let methods = assertion.descendants().filter_map(|element| match element.local_name() {
        "SubjectConfirmation" => element.attribute("", "Method").map(str::to_owned),
        "ConfirmationMethod" => element.text().map(|text| text.trim().to_owned()),
        _ => None,
    });
    let methods: Vec<String> = methods.map(|method| method.rsplit(':').next().unwrap_or_default().to_owned()).collect();
    let version = if assertion.is(ns::SAML2, "Assertion") { "SAML 2.0" } else { "SAML 1.1" };
    let mut line = format!("{version} assertion  issuer {}", issuer.unwrap_or_default());
    if let Some(audience) = text_of("Audience") {
        line.push_str(&format!(", audience {audience}"));
    }
    if !methods.is_empty() {
        line.push_str(&format!(", {}", methods.join(" and ")));
    }
    let mut lines = vec![line];
    let conditions = assertion.descendants().find(|element| element.local_name() == "Conditions");
    let time = |name| {
        let written = conditions?.attribute("", name)?;
        crate::wire::xml::time::parse(written.trim()).ok()
    };
    lines.extend(window(time("NotBefore"), time("NotOnOrAfter"), now));
    if !assertion.children().any(|child| child.is(ns::DS, "Signature")) {
        lines.push("it is not signed".to_owned());
    }
    Some(lines)
}

/// What this machine's clock says of a token's times.
fn window(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(from) = from.filter(|from| *from > now) {
        lines.push(format!("it counts only {} s from now, by this machine's clock", (from - now).num_seconds() + 1));
    }
    match until {
        Some(until) if until <= now => {
            lines.push(format!("it ended {} s ago, by this machine's clock", (now - until).num_seconds()));
        }
        Some(until) => lines.push(format!(
            "until {} ({} s left)",
            crate::wire::xml::time::format_millis(until),
            (until - now).num_seconds()
        )),
        None => {}
    }
    lines
}

/// The query of a target with the values left out: tokens and codes travel there.
pub fn shown_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let names: Vec<String> = query
        .split('&')
        .map(|pair| pair.split_once('=').map_or_else(|| pair.to_owned(), |(name, _)| format!("{name}=…")))
        .collect();
    format!("{path}?{}", names.join("&"))
}

/// Parameters that prove something or let somebody in (RFC 6749, 7521, 7523, 8693, 7636, 9126).
const SECRET: &[&str] = &[
    "access_token",
    "actor_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token",
    "id_token_hint",
    "logout_token",
    "password",
    "refresh_token",
    "request",
    "SAMLRequest",
    "SAMLResponse",
    "subject_token",
    "token",
];
