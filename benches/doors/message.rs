//! Requests, signed before anything is timed.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::to_bytes;
use axum::http::Method;
use tower::ServiceExt;
use vidimus::conformance::Sent;
use vidimus::conformance::edits::{Edit, Place};
use vidimus::conformance::forge::{KeyReference, Recipe, Sign, Target, forge};

use vidimus::model::Caller;
use vidimus::wire::base64;

use crate::site::Site;

/// An Issue request with a Context of its own, so that each is another message. `more` stands in it
/// as well: what is not ours in a RequestSecurityToken is ignored.
pub fn issue(site: &Site, number: usize, more: &str) -> Sent {
    issue_at(site, number, more, site.now)
}

/// As [`issue`], created at another time.
pub fn issue_at(site: &Site, number: usize, more: &str, created: vidimus::model::Time) -> Sent {
    let (path, endpoint) = site.soap();
    let values = [("context", format!(" Context=\"{number}\"")), ("more", more.to_owned())];
    let recipe = Recipe {
        from: Some("parts/issue.xml".to_owned()),
        values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        sign: Some(Sign {
            key: Some("hospital".to_owned()),
            parts: Some(vec!["Body".to_owned(), "Timestamp".to_owned()]),
            ..Sign::default()
        }),
        ..Recipe::default()
    };
    let target = Target { endpoint: endpoint.to_owned(), folder: site.corpus.clone(), ..Target::default() };
    let body = forge(&recipe, &site.keys, created, &target).expect("a message");
    sent(path, "text/xml; charset=utf-8", body, Vec::new())
}

/// What a large request holds.
#[derive(Clone, Copy)]
pub enum Filling {
    /// Claims: many elements with attributes and short texts.
    Claims,
    /// One attached document in base64.
    Document,
}

/// A message of this many bytes, more or less; Body, Timestamp and BinarySecurityToken are signed.
pub fn signed(site: &Site, size: usize, filling: Filling) -> Vec<u8> {
    let parts = ["Body", "Timestamp", "BinarySecurityToken"];
    of_size(size, filling, |more| {
        let sign = Sign {
            key: Some("hospital".to_owned()),
            parts: Some(parts.map(str::to_owned).to_vec()),
            ..Sign::default()
        };
        verified(site, more, sign, BTreeMap::new())
    })
}

/// A message signed with the key of an assertion that it covers: two signatures. The assertion shows its issuer's
/// certificate, as most do; nobody here asks it, and WSS4J does not go on without.
pub fn held(site: &Site, size: usize) -> Vec<u8> {
    let shown = "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificate:issuer}</ds:X509Certificate></ds:X509Data>\
                 </ds:KeyInfo>";
    let token = Recipe {
        from: Some("parts/assertion.xml".to_owned()),
        first: vec![Edit::Insert { text: shown.to_owned(), place: Place::After("//ds:SignatureValue".to_owned()) }],
        sign: Some(Sign { key: Some("issuer".to_owned()), ..Sign::default() }),
        ..Recipe::default()
    };
    let parts = ["Body", "Timestamp", "Assertion"];
    of_size(size, Filling::Claims, |more| {
        let sign = Sign {
            key: Some("hospital".to_owned()),
            parts: Some(parts.map(str::to_owned).to_vec()),
            key_reference: Some(KeyReference::SamlAssertion),
            ..Sign::default()
        };
        verified(site, more, sign, BTreeMap::from([("token".to_owned(), token.clone())]))
    })
}

fn verified(site: &Site, more: String, sign: Sign, tokens: BTreeMap<String, Recipe>) -> Vec<u8> {
    let recipe = Recipe {
        from: Some("parts/issue.xml".to_owned()),
        values: BTreeMap::from([("more".to_owned(), more)]),
        tokens,
        sign: Some(sign),
        ..Recipe::default()
    };
    let target = Target { endpoint: site.soap().1.to_owned(), folder: site.corpus.clone(), ..Target::default() };
    forge(&recipe, &site.keys, site.now, &target).expect("a message")
}

/// Fills what a RequestSecurityToken holds until the message has this size.
fn of_size(size: usize, filling: Filling, message: impl Fn(String) -> Vec<u8>) -> Vec<u8> {
    let missing = size.saturating_sub(message(String::new()).len());
    message(match filling {
        Filling::Claims => {
            let claim = "<auth:ClaimType Uri=\"urn:example:claims:ward\" Optional=\"true\">\
                         <auth:Value>cardiology, second floor, St Janna Hospital</auth:Value></auth:ClaimType>";
            let claims = claim.repeat(missing.div_ceil(claim.len()));
            format!(
                "<wst:Claims xmlns:auth=\"http://docs.oasis-open.org/wsfed/authorization/200706\" \
                 Dialect=\"http://docs.oasis-open.org/wsfed/authorization/200706/authclaims\">{claims}</wst:Claims>"
            )
        }
        Filling::Document => {
            let text = base64::encode(&vec![0x5a; missing / 4 * 3]);
            format!("<x:Document xmlns:x=\"urn:example:documents\">{text}</x:Document>")
        }
    })
}

/// An assertion of the issuer that the world trusts, held by `hospital`.
pub fn assertion(site: &Site, number: usize) -> Vec<u8> {
    let recipe = Recipe {
        from: Some("parts/assertion.xml".to_owned()),
        values: BTreeMap::from([("assertion_id".to_owned(), format!("_bench-{number}"))]),
        sign: Some(Sign { key: Some("issuer".to_owned()), ..Sign::default() }),
        ..Recipe::default()
    };
    let target = Target { folder: site.corpus.clone(), ..Target::default() };
    forge(&recipe, &site.keys, site.now, &target).expect("an assertion")
}

/// Its exchange for an access token, over a connection that proved the holder's key.
pub fn exchange(site: &Site, assertion: &[u8]) -> Sent {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        .append_pair("subject_token", &base64::encode_url(assertion))
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")
        .append_pair("audience", "https://dmfa.example/services")
        .finish();
    let holder = site.keys.certificate("hospital").expect("the holder's certificate");
    sent("/oauth2/token", "application/x-www-form-urlencoded", form.into_bytes(), vec![holder.der().to_vec()])
}

pub fn sent(path: &str, content_type: &str, body: Vec<u8>, tls_chain: Vec<Vec<u8>>) -> Sent {
    let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
    if content_type.starts_with("text/xml") {
        headers.push(("soapaction".to_owned(), "\"\"".to_owned()));
    }
    let caller = Caller { peer: None, tls_chain };
    Sent { method: Method::POST, path: path.to_owned(), headers, body, caller, profile: None }
}

/// Sends in process; status and body of the answer.
pub async fn send(router: &Router, sent: &Sent) -> (u16, Vec<u8>) {
    let request = sent.request().expect("a request");
    let answer = router.clone().oneshot(request).await.expect("the router answers");
    let status = answer.status().as_u16();
    (status, to_bytes(answer.into_body(), 1 << 20).await.expect("a body").to_vec())
}

/// Sends, and insists on a token.
pub async fn issued(router: &Router, sent: &Sent) -> Vec<u8> {
    let (status, body) = send(router, sent).await;
    assert!(status == 200, "not issued: {}", String::from_utf8_lossy(&body));
    body
}
