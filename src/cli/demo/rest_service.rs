//! A relying REST service, as a stranger would write one: it imports nothing of Vidimus.
//!
//! It knows three things: the certificate authority of the house, where the authorization server
//! publishes its metadata (RFC 8414), and its own name. It takes access tokens of RFC 9068
//! (`at+jwt`, ES256) that are bound to the caller's TLS client certificate (RFC 8705 §3), and
//! answers as RFC 6750 §3 asks. In: a request and the certificate of its connection. Out: a
//! response. It takes no bearer token, and never a token made for another service.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedCipherSuite};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

/// The service's own name: the one audience that it takes tokens for.
pub const AUDIENCE: &str = "https://employers.demo.example";

/// What a token must allow to read an employer.
pub const SCOPE: &str = "employer:read";

/// The service with what it fetched: the issuer's name and its keys.
pub struct RestService {
    provider: Arc<CryptoProvider>,
    client: HttpsClient,
    issuer: String,
    jwks_uri: Uri,
    keys: Mutex<Keys>,
}

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No token: RFC 6750 §3.1 wants a challenge without an error code.
    NoToken,
    /// `invalid_token`, with the sentence that says what is wrong with it.
    InvalidToken(String),
    /// `insufficient_scope`: the scope that the token has.
    InsufficientScope(String),
}

impl RestService {
    /// Fetches the metadata and the keys that it names, over TLS under `ca` (PEM).
    ///
    /// # Errors
    /// A sentence, when the metadata or the keys cannot be fetched or do not fit their address.
    pub async fn discover(ca: &[u8], metadata: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca) {
            let certificate = certificate.map_err(|error| format!("the CA file is no PEM: {error}"))?;
            roots.add(certificate).map_err(|error| format!("the CA file holds no usable certificate: {error}"))?;
        }
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let provider = tls.crypto_provider().clone();
        let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.build());

        let document: Metadata = fetch(&client, &uri(metadata)?).await?;
        // RFC 8414 §3.3: the issuer must be the one whose well-known address this is.
        let expected = well_known(&document.issuer)?;
        if expected != metadata {
            return Err(format!("{metadata} speaks for {}, whose metadata stands at {expected}", document.issuer));
        }
        let jwks_uri = uri(&document.jwks_uri)?;
        let keys = Keys { set: fetch(&client, &jwks_uri).await?, fetched: tokio::time::Instant::now() };
        Ok(Self { provider, client, issuer: document.issuer, jwks_uri, keys: Mutex::new(keys) })
    }

    /// Answers one request. `certificate` is the DER of the TLS client certificate whose key the
    /// caller proved to hold in the handshake.
    pub async fn answer<B>(&self, request: Request<B>, certificate: Option<&[u8]>) -> Response<Full<Bytes>> {
        let Some(number) = request.uri().path().strip_prefix("/employers/") else {
            return reply(StatusCode::NOT_FOUND, &json!({ "error": "not_found", "path": request.uri().path() }));
        };
        if request.method() != Method::GET {
            return reply(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "method_not_allowed" }));
        }
        let authorization = request.headers().get(AUTHORIZATION);
        match self.judge(authorization, certificate, SystemTime::now()).await {
            Ok(claims) => employer(number, &claims),
            Err(refused) => challenge(&refused),
        }
    }

    /// The claims of the token in `Authorization`, when it holds for this service, this caller and
    /// this moment. The order is that of RFC 9068 §4; nothing of the payload is looked at before
    /// the signature holds.
    async fn judge(
        &self,
        authorization: Option<&HeaderValue>,
        certificate: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<Map<String, Value>, Refused> {
        let token = bearer(authorization)?;
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| invalid("the token is not a JWT"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| invalid("the token is not a JWT"))?;
        let header = object(header, "header")?;
        let typ = text(&header, "typ").unwrap_or_default();
        if !matches!(typ.to_ascii_lowercase().as_str(), "at+jwt" | "application/at+jwt") {
            return Err(invalid(format!("typ is {typ:?}, an access token has at+jwt (RFC 9068 2.1)")));
        }
        // One algorithm, fixed here: the token has no say in how it is verified (RFC 8725 §3.1).
        let alg = text(&header, "alg").unwrap_or_default();
        if alg != "ES256" {
            return Err(invalid(format!("alg is {alg:?}, this service takes ES256 only")));
        }
        if header.contains_key("crit") {
            return Err(invalid("the header names critical extensions, this service knows none"));
        }
        let kid = text(&header, "kid").ok_or_else(|| invalid("the header names no key (kid)"))?;
        let point = self.point(kid).await?;
        self.verify(&point, signed, signature)?;
        let claims = object(payload, "payload")?;
        self.judge_claims(&claims, now)?;
        self.judge_binding(&claims, certificate)?;
        let scope = text(&claims, "scope").unwrap_or_default();
        if scope.split(' ').any(|one| one == SCOPE) {
            Ok(claims)
        } else {
            Err(Refused::InsufficientScope(scope.to_owned()))
        }
    }

    /// Issuer, audience and time (RFC 9068 §4).
    fn judge_claims(&self, claims: &Map<String, Value>, now: SystemTime) -> Result<(), Refused> {
        let issuer = text(claims, "iss").unwrap_or_default();
        if issuer != self.issuer {
            return Err(invalid(format!("iss is {issuer:?}, this service trusts {:?}", self.issuer)));
        }
        let for_us = match claims.get("aud") {
            Some(Value::String(one)) => one == AUDIENCE,
            Some(Value::Array(all)) => all.iter().any(|one| one == AUDIENCE),
            _ => false,
        };
        if !for_us {
            let audience = claims.get("aud").unwrap_or(&Value::Null);
            return Err(invalid(format!("aud is {audience}, this service is {AUDIENCE}")));
        }
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let expires = claims.get("exp").and_then(Value::as_u64).ok_or_else(|| invalid("exp is missing"))?;
        if now >= expires.saturating_add(SKEW_SECONDS) {
            return Err(invalid(format!("the token expired {} s ago", now - expires)));
        }
        let begins = match claims.get("nbf") {
            None => 0,
            Some(value) => value.as_u64().ok_or_else(|| invalid("nbf is not a number of seconds"))?,
        };
        if begins > now.saturating_add(SKEW_SECONDS) {
            return Err(invalid(format!("the token holds only in {} s", begins - now)));
        }
        Ok(())
    }

    /// RFC 8705 §3: the caller's certificate is the one that the token is bound to.
    fn judge_binding(&self, claims: &Map<String, Value>, certificate: Option<&[u8]>) -> Result<(), Refused> {
        let bound = claims.get("cnf").and_then(|cnf| cnf.get("x5t#S256")).and_then(Value::as_str);
        let bound = bound.ok_or_else(|| invalid("the token is bound to no certificate (cnf.x5t#S256)"))?;
        let shown = certificate.ok_or_else(|| {
            invalid("the token is bound to a certificate and the connection showed none: use mutual TLS")
        })?;
        let shown = URL_SAFE_NO_PAD.encode(self.sha256(shown)?);
        if shown == bound {
            Ok(())
        } else {
            Err(invalid(format!("the token is bound to certificate {bound}, the connection showed {shown}")))
        }
    }

    /// The uncompressed point of the key named `kid`. A key that is not known yet may be a new
    /// one: the set is fetched again, at most once in [`REFETCH`].
    async fn point(&self, kid: &str) -> Result<Vec<u8>, Refused> {
        let mut keys = self.keys.lock().await;
        if let Some(point) = keys.set.point(kid) {
            return Ok(point);
        }
        if keys.fetched.elapsed() >= REFETCH {
            keys.fetched = tokio::time::Instant::now();
            if let Ok(set) = fetch(&self.client, &self.jwks_uri).await {
                keys.set = set;
            }
        }
        keys.set.point(kid).ok_or_else(|| invalid(format!("the issuer publishes no ES256 key named {kid:?}")))
    }

    /// ES256 (RFC 7518 §3.4) by the algorithm that TLS uses for the same curve and hash.
    fn verify(&self, point: &[u8], signed: &str, signature: &str) -> Result<(), Refused> {
        let raw = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid("the signature is not base64url"))?;
        let der = ecdsa_der(&raw).ok_or_else(|| invalid("an ES256 signature has 64 bytes"))?;
        let algorithms = self.provider.signature_verification_algorithms.mapping.iter();
        algorithms
            .filter(|(scheme, _)| *scheme == SignatureScheme::ECDSA_NISTP256_SHA256)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| algorithm.verify_signature(point, signed.as_bytes(), &der).is_ok())
            .then_some(())
            .ok_or_else(|| invalid("the signature does not hold under the issuer's key"))
    }

    /// SHA-256, as the TLS 1.3 cipher suites bring it along.
    fn sha256(&self, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
        let hash = self.provider.cipher_suites.iter().find_map(|suite| match suite {
            SupportedCipherSuite::Tls13(suite) => {
                Some(suite.common.hash_provider).filter(|hash| hash.algorithm() == HashAlgorithm::SHA256)
            }
            _ => None,
        });
        hash.map(|hash| hash.hash(bytes).as_ref().to_vec())
            .ok_or_else(|| invalid("this service cannot compute SHA-256"))
    }
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// What RFC 8414 §2 publishes, as far as it is used here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

struct Keys {
    set: KeySet,
    fetched: tokio::time::Instant,
}

/// A JWK set (RFC 7517 §5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
}

impl KeySet {
    /// `04 || x || y` of the P-256 key with this `kid`.
    fn point(&self, kid: &str) -> Option<Vec<u8>> {
        let key = self.keys.iter().find(|key| text(key, "kid") == Some(kid))?;
        if text(key, "kty") != Some("EC") || text(key, "crv") != Some("P-256") {
            return None;
        }
        let coordinate = |name| URL_SAFE_NO_PAD.decode(text(key, name)?).ok().filter(|bytes| bytes.len() == 32);
        Some([&[4][..], &coordinate("x")?, &coordinate("y")?].concat())
    }
}

/// Fetches one JSON document.
async fn fetch<T: for<'de> Deserialize<'de>>(client: &HttpsClient, from: &Uri) -> Result<T, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{from}: {why}");
    let answer = tokio::time::timeout(DEADLINE, async {
        let response = client.get(from.clone()).await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(failed(&response.status()));
        }
        let body = Limited::new(response.into_body(), DOCUMENT_BYTES).collect().await;
        Ok(body.map_err(|error| failed(&error))?.to_bytes())
    });
    let body = answer.await.map_err(|_| failed(&"no answer in time"))??;
    serde_json::from_slice(&body).map_err(|error| failed(&error))
}

fn uri(address: &str) -> Result<Uri, String> {
    address.parse().map_err(|error| format!("{address} is no address: {error}"))
}

/// Where the metadata of `issuer` stands (RFC 8414 §3.1).
fn well_known(issuer: &str) -> Result<String, String> {
    let rest = issuer.strip_prefix("https://").ok_or_else(|| format!("the issuer {issuer} is not https"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    Ok(format!("https://{authority}/.well-known/oauth-authorization-server{path}"))
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1).
fn bearer(authorization: Option<&HeaderValue>) -> Result<&str, Refused> {
    let value = authorization.ok_or(Refused::NoToken)?.to_str().map_err(|_| Refused::NoToken)?;
    let (scheme, token) = value.split_once(' ').ok_or(Refused::NoToken)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim()) } else { Err(Refused::NoToken) }
}

fn object(part: &str, name: &str) -> Result<Map<String, Value>, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| invalid(format!("the {name} is not base64url")))?;
    serde_json::from_slice(&bytes).map_err(|_| invalid(format!("the {name} is not a JSON object")))
}

fn text<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    object.get(name).and_then(Value::as_str)
}

fn invalid(why: impl Into<String>) -> Refused {
    Refused::InvalidToken(why.into())
}

/// `r || s` as the ASN.1 that X.509 and TLS use: SEQUENCE { INTEGER r, INTEGER s }.
fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.len() != 64 {
        return None;
    }
    let (r, s) = raw.split_at(32);
    let integers = [integer_der(r), integer_der(s)].concat();
    let length = u8::try_from(integers.len()).ok()?;
    Some([&[0x30, length][..], &integers].concat())
}

/// An unsigned number as the shortest INTEGER: no leading zero but the one that keeps it positive.
fn integer_der(number: &[u8]) -> Vec<u8> {
    let significant = number.iter().position(|byte| *byte != 0).and_then(|at| number.get(at..)).unwrap_or(&[0]);
    let sign: &[u8] = if significant.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + significant.len()).unwrap_or(u8::MAX);
    [&[0x02, length][..], sign, significant].concat()
}

/// The answer to a caller who may.
fn employer(number: &str, claims: &Map<String, Value>) -> Response<Full<Bytes>> {
    let Some((number, name, workers)) = EMPLOYERS.iter().find(|(known, ..)| *known == number) else {
        return reply(StatusCode::NOT_FOUND, &json!({ "error": "not_found", "employer": number }));
    };
    let asked_by = claims.get("client_id").or_else(|| claims.get("sub"));
    reply(StatusCode::OK, &json!({ "number": number, "name": name, "workers": workers, "asked_by": asked_by }))
}

/// The answer to one who may not (RFC 6750 §3).
fn challenge(refused: &Refused) -> Response<Full<Bytes>> {
    let (status, error, description) = match refused {
        Refused::NoToken => (StatusCode::UNAUTHORIZED, None, "send an access token: Authorization: Bearer ...".into()),
        Refused::InvalidToken(why) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), why.clone()),
        Refused::InsufficientScope(has) => {
            let why = format!("this needs the scope {SCOPE}, the token has {has:?}");
            (StatusCode::FORBIDDEN, Some("insufficient_scope"), why)
        }
    };
    let mut header = format!("Bearer realm=\"employers\", scope=\"{SCOPE}\"");
    if let Some(error) = error {
        header.push_str(&format!(", error=\"{error}\", error_description=\"{}\"", quotable(&description)));
    }
    let body = json!({ "error": error.unwrap_or("token_required"), "error_description": description });
    let mut response = reply(status, &body);
    if let Ok(value) = HeaderValue::from_str(&header) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// What may stand in `error_description` (RFC 6750 §3): no quotes, backslashes, control characters.
fn quotable(text: &str) -> String {
    let mut plain: String = text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
    plain.truncate(300);
    plain
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Number, name, workers: enterprise numbers with right check digits, of nobody in particular.
const EMPLOYERS: [(&str, &str, u32); 2] = [("0123456749", "Bakkerij Peeters", 12), ("0999999922", "Garage Maes", 4)];

const SKEW_SECONDS: u64 = 30;
const DEADLINE: Duration = Duration::from_secs(5);
const REFETCH: Duration = Duration::from_secs(5);
const DOCUMENT_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData, SigningKey};

    use super::*;

    const CERTIFICATE: &[u8] = b"the certificate of the caller";
    const NOW: u64 = 1_800_000_000;

    struct World {
        service: RestService,
        key: KeyPair,
    }

    fn world() -> World {
        let key = KeyPair::generate().unwrap();
        let tls = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let provider = tls.crypto_provider().clone();
        let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let (x, y) = key.der_bytes()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "k1",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        let set = KeySet { keys: vec![jwk.as_object().unwrap().clone()] };
        let service = RestService {
            provider,
            client: Client::builder(TokioExecutor::new()).build(connector.build()),
            issuer: "https://sts.example".to_owned(),
            jwks_uri: Uri::from_static("https://sts.example/jwks"),
            keys: Mutex::new(Keys { set, fetched: tokio::time::Instant::now() }),
        };
        World { service, key }
    }

    /// DER back to `r || s`: the inverse of what is tested, written on its own.
    fn raw(der: &[u8]) -> Vec<u8> {
        let (mut rest, mut out) = (&der[2..], Vec::new());
        for _ in 0..2 {
            let length = usize::from(rest[1]);
            let number = &rest[2..2 + length];
            let number = number.strip_prefix(&[0]).unwrap_or(number);
            out.extend(std::iter::repeat_n(0, 32 - number.len()));
            out.extend(number);
            rest = &rest[2 + length..];
        }
        out
    }

    fn good() -> (Value, Value) {
        let thumbprint = URL_SAFE_NO_PAD.encode(world().service.sha256(CERTIFICATE).unwrap());
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "k1" });
        let claims = json!({ "iss": "https://sts.example", "aud": [AUDIENCE], "exp": NOW + 60, "nbf": NOW,
            "scope": "other employer:read", "client_id": "c1", "cnf": { "x5t#S256": thumbprint } });
        (header, claims)
    }

    async fn judged(header: &Value, claims: &Value, certificate: Option<&[u8]>) -> Result<Map<String, Value>, Refused> {
        let world = world();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = raw(&world.key.sign(signed.as_bytes()).unwrap());
        let value = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        world.service.judge(Some(&HeaderValue::from_str(&value).unwrap()), certificate, now).await
    }

    #[tokio::test]
    async fn takes_a_token_bound_to_the_callers_certificate() {
        let (header, claims) = good();
        // Often enough to meet signatures whose numbers begin with zeros or with a high bit.
        for _ in 0..64 {
            judged(&header, &claims, Some(CERTIFICATE)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn refuses_each_thing_that_is_wrong_with_a_token_and_names_it() {
        let cases = [
            ("header", "typ", json!("JWT"), "typ is"),
            ("header", "alg", json!("none"), "alg is"),
            ("header", "kid", json!("k2"), "no ES256 key named"),
            ("header", "crit", json!(["x"]), "critical"),
            ("claims", "iss", json!("https://evil.example"), "iss is"),
            ("claims", "aud", json!("https://other.example"), "aud is"),
            ("claims", "exp", json!(NOW - 60), "expired 60 s ago"),
            ("claims", "exp", Value::Null, "exp is missing"),
            ("claims", "nbf", json!(NOW + 60), "only in 60 s"),
            ("claims", "cnf", Value::Null, "bound to no certificate"),
            ("claims", "cnf", json!({ "x5t#S256": "AAAA" }), "the connection showed"),
        ];
        for (place, name, value, wanted) in cases {
            let (mut header, mut claims) = good();
            let part = if place == "header" { &mut header } else { &mut claims };
            part[name] = value;
            match judged(&header, &claims, Some(CERTIFICATE)).await {
                Err(Refused::InvalidToken(why)) => assert!(why.contains(wanted), "{name}: {why}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn refuses_a_bound_token_without_a_certificate_and_a_token_with_too_little_scope() {
        let (header, mut claims) = good();
        assert!(
            matches!(judged(&header, &claims, None).await, Err(Refused::InvalidToken(why)) if why.contains("mutual TLS"))
        );
        claims["scope"] = json!("employer:readx");
        let refused = judged(&header, &claims, Some(CERTIFICATE)).await.unwrap_err();
        assert_eq!(refused, Refused::InsufficientScope("employer:readx".to_owned()));
        assert_eq!(challenge(&refused).status(), StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn refuses_a_changed_payload() {
        let (header, claims) = good();
        let world = world();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = raw(&world.key.sign(format!("{}.{}", part(&header), part(&claims)).as_bytes()).unwrap());
        let mut other = claims;
        other["scope"] = json!("employer:read employer:write");
        let value = format!("Bearer {}.{}.{}", part(&header), part(&other), URL_SAFE_NO_PAD.encode(signature));
        let value = HeaderValue::from_str(&value).unwrap();
        let refused = world.service.judge(Some(&value), Some(CERTIFICATE), SystemTime::now());
        assert!(matches!(refused.await, Err(Refused::InvalidToken(why)) if why.contains("signature")));
    }

    #[test]
    fn a_challenge_without_token_names_no_error() {
        let header = challenge(&Refused::NoToken).headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(!header.contains("error"), "{header}");
        let header = challenge(&invalid("a \"quoted\" thing")).headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(header.contains("error_description=\"a quoted thing\""), "{header}");
    }

    #[test]
    fn metadata_stands_where_rfc_8414_says() {
        for (issuer, address) in [
            ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
            ("https://a.example/", "https://a.example/.well-known/oauth-authorization-server"),
            ("https://a.example:1/x", "https://a.example:1/.well-known/oauth-authorization-server/x"),
        ] {
            assert_eq!(well_known(issuer).unwrap(), address);
        }
        assert!(well_known("http://a.example").is_err());
    }

    #[test]
    fn imports_nothing_of_ours() {
        let ours = [["cra", "te::"].concat(), ["vidi", "mus::"].concat()];
        assert!(!ours.iter().any(|path| include_str!("rest_service.rs").contains(path)));
    }
}
