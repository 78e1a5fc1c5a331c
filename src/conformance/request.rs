//! The bytes of one request, from what a case says: message, form, client assertion, headers.

use std::collections::BTreeMap;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Map, Value};

use super::case::{ClientAssertion, Door, OneOrMany, Send};
use super::edits::generous;
use super::forge::{self, Target};
use super::keys::Keys;
use super::template::Scope;
use super::world::World;
use crate::model::{Caller, Time};
use crate::wire::base64;
use crate::wire::ns;
use crate::wire::xml::Document;

/// A request as it is sent; may be sent again.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub caller: Caller,
    /// The profile to verify by, where there is no door.
    pub profile: Option<String>,
}

/// What requests are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workshop<'a> {
    pub world: &'a World,
    pub keys: &'a Keys,
    /// The corpus's folder.
    pub corpus: &'a Path,
    /// The case's folder.
    pub case: &'a Path,
    pub clock: Time,
    /// `step1.token` and the like.
    pub values: &'a BTreeMap<String, String>,
}

impl Workshop<'_> {
    /// Makes the request.
    ///
    /// # Errors
    /// What is missing.
    pub fn make(&self, send: &Send) -> Result<Sent, String> {
        let door = send.door.unwrap_or(if send.form.is_empty() { Door::Soap } else { Door::Token });
        let (path, endpoint) = match door {
            Door::Token => (TOKEN_PATH.to_owned(), self.world.token_endpoint().to_owned()),
            Door::Soap | Door::Verify => {
                let asked = send.profile.as_deref().filter(|_| door == Door::Soap);
                let profile = asked.or(self.world.profile()).unwrap_or_default();
                let known =
                    self.world.endpoint(profile).ok_or_else(|| format!("no endpoint has profile `{profile}`"))?;
                (known.0.to_owned(), known.1.to_owned())
            }
        };
        let target = Target { endpoint, values: self.values.clone(), folder: self.corpus.to_owned() };
        let get = send.method.as_deref().is_some_and(|method| method.eq_ignore_ascii_case("get"));
        let body = match (get, door) {
            (true, _) => Vec::new(),
            (false, Door::Soap | Door::Verify) => encoded(self.message(send, &target)?, send.encoding.as_deref())?,
            (false, Door::Token) => self.form(send, target)?,
        };
        let path = match send.query.as_deref() {
            None => path,
            Some(whole) if whole.starts_with('/') => whole.to_owned(),
            Some(query) => format!("{path}?{query}"),
        };
        let method = if get { Method::GET } else { Method::POST };
        let profile = (door == Door::Verify).then(|| send.profile.clone().unwrap_or_default());
        Ok(Sent { method, path, headers: headers(send, door, &body), body, caller: self.caller(send)?, profile })
    }

    fn message(&self, send: &Send, target: &Target) -> Result<Vec<u8>, String> {
        if let Some(file) = &send.request {
            let path = self.case.join(file);
            return std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
        }
        let recipe = send.recipe.as_ref().ok_or("a message needs a `recipe` or a `request`")?;
        forge::forge(recipe, self.keys, self.clock, target)
    }

    fn form(&self, send: &Send, mut target: Target) -> Result<Vec<u8>, String> {
        if let Some(recipe) = &send.assertion {
            let assertion = forge::forge(recipe, self.keys, self.clock, &target)?;
            target.values.insert("token".into(), String::from_utf8_lossy(&assertion).into_owned());
        }
        let value = |name: &str| target.values.get(name).cloned();
        let scope = Scope {
            keys: self.keys,
            signer: None,
            clock: self.clock,
            endpoint: &target.endpoint,
            folder: self.corpus,
            value: &value,
        };
        let mut parameters = BTreeMap::new();
        if let Some(assertion) = &send.client_assertion {
            parameters.insert("client_assertion_type", vec![CLIENT_ASSERTION_TYPE.to_owned()]);
            parameters.insert("client_assertion", vec![self.client_assertion(assertion, &scope)?]);
        }
        for (name, written) in &send.form {
            let filled = written.values().iter().map(|value| scope.fill(value)).collect::<Result<Vec<_>, _>>()?;
            parameters.insert(name, filled);
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, values) in &parameters {
            form.extend_pairs(values.iter().map(|value| (name, value)));
        }
        Ok(form.finish().into_bytes())
    }

    fn client_assertion(&self, assertion: &ClientAssertion, scope: &Scope<'_>) -> Result<String, String> {
        let name = assertion.key.as_deref().ok_or("a client assertion needs a `key`")?;
        let client = assertion.client_id.as_deref().ok_or("a client assertion needs a `client_id`")?;
        let key = self.keys.private(name)?;
        let signing = assertion.forged_by.as_deref().map(|name| self.keys.private(name)).transpose()?;
        let signing = signing.as_ref().unwrap_or(&key);
        let now = self.clock.timestamp();
        let mut header = Map::new();
        header.insert("alg".into(), key.default_algorithm().jose_name().into());
        header.insert("typ".into(), "JWT".into());
        let mut claims = Map::new();
        for (name, value) in [("iss", client), ("sub", client), ("aud", scope.endpoint), ("jti", "jti-1")] {
            claims.insert(name.into(), value.into());
        }
        claims.insert("iat".into(), now.into());
        claims.insert("exp".into(), (now + 60).into());
        overlay(&mut header, &assertion.header, now)?;
        overlay(&mut claims, &assertion.claims, now)?;
        let part = |map: &Map<String, Value>| serde_json::to_vec(map).map(|bytes| base64::encode_url(&bytes));
        let header = part(&header).map_err(|error| error.to_string())?;
        let claims = part(&claims).map_err(|error| error.to_string())?;
        let input = format!("{header}.{claims}");
        let signature = signing.sign(signing.default_algorithm(), input.as_bytes()).map_err(|e| e.to_string())?;
        Ok(format!("{input}.{}", base64::encode_url(&signature)))
    }

    fn caller(&self, send: &Send) -> Result<Caller, String> {
        let tls_chain = match send.client_certificate.as_deref() {
            None | Some("") => Vec::new(),
            Some(name) => vec![self.keys.certificate(name)?.der().to_vec()],
        };
        Ok(Caller { peer: None, tls_chain })
    }
}

impl Sent {
    /// As the router takes it.
    ///
    /// # Errors
    /// When a header field cannot be written.
    pub fn request(&self) -> Result<Request<Body>, String> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().map_err(|error| format!("{}: {error}", self.path))?;
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|error| format!("{name}: {error}"))?;
            let value: HeaderValue = value.parse().map_err(|error| format!("{value}: {error}"))?;
            request.headers_mut().insert(name, value);
        }
        request.extensions_mut().insert(self.caller.clone());
        Ok(request)
    }
}

/// Lays a case's members over the honest ones.
fn overlay(onto: &mut Map<String, Value>, table: &toml::Table, now: i64) -> Result<(), String> {
    for (name, value) in table {
        let value = serde_json::to_value(value).map_err(|error| error.to_string())?;
        match value.as_str() {
            Some("") => drop(onto.remove(name)),
            Some(text) => match text.strip_prefix("@now") {
                Some(offset) => {
                    let offset: i64 = offset.parse().map_err(|error| format!("{text}: {error}"))?;
                    onto.insert(name.clone(), (now + offset).into());
                }
                None => drop(onto.insert(name.clone(), value)),
            },
            None => drop(onto.insert(name.clone(), value)),
        }
    }
    Ok(())
}

/// The fields that a client sends by itself, and what the case says of them.
fn headers(send: &Send, door: Door, body: &[u8]) -> Vec<(String, String)> {
    let soap12 = Document::parse(body, &generous()).is_ok_and(|document| document.root().namespace() == ns::SOAP12);
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let content_type = match door {
        Door::Token => "application/x-www-form-urlencoded",
        Door::Soap | Door::Verify if soap12 => "application/soap+xml; charset=utf-8",
        Door::Soap | Door::Verify => "text/xml; charset=utf-8",
    };
    fields.insert(header::CONTENT_TYPE.to_string(), content_type.to_owned());
    if door == Door::Soap && !soap12 {
        fields.insert("soapaction".to_owned(), "\"\"".to_owned());
    }
    fields.extend(send.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
    fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn encoded(message: Vec<u8>, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(encoding) = encoding else { return Ok(message) };
    let text = String::from_utf8(message).map_err(|error| error.to_string())?;
    let marked = format!("\u{feff}{text}");
    let wide = |text: &str| text.chars().map(u32::from).collect::<Vec<_>>();
    match encoding {
        "utf-16" => Ok(marked.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "utf-16-le" => Ok(marked.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16-without-mark" => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "utf-16-le-without-mark" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-32" => Ok(wide(&marked).into_iter().flat_map(u32::to_be_bytes).collect()),
        "utf-32-le-without-mark" => Ok(wide(&text).into_iter().flat_map(u32::to_le_bytes).collect()),
        "utf-7" => Ok(text.replace('<', "+ADw-").replace('>', "+AD4-").into_bytes()),
        // What the recipe writes as characters of Latin-1 stands for bytes that are no characters.
        "bytes" => text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| format!("`{c}` is no byte"))).collect(),
        "latin-1" => {
            text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| format!("`{c}` is not in Latin-1"))).collect()
        }
        other => Err(format!("`{other}` is no encoding")),
    }
}

impl OneOrMany {
    /// Whether the parameter is left out.
    pub fn is_empty(&self) -> bool {
        self.values().is_empty()
    }
}

const TOKEN_PATH: &str = "/oauth2/token";
const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
