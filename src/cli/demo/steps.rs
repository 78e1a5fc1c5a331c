//! The way that is meant to be gone: from a signed request to an employer read at two services.
//! Each step asserts on what came out of a socket, and tells what that was.

use std::time::Instant;

use chrono::Utc;
use serde_json::{Value, json};

use super::cast::{EMPLOYER, EMPLOYER_NAME, EMPLOYER_NUMBER, MANDATE_TYPE, SENDERS};
use super::client::{Answer, Outgoing, Tls};
use super::message::{self, Token, Wanted};
use super::report::{Checked, Mismatch, Step, Told, expect, expect_equal, milliseconds};
use super::world::World;
use super::{answers, rest_service, soap_service};
use crate::cli::credentials::CredentialArgs;
use crate::cli::{Format, Output};
use crate::model::{MandateId, Reference};
use crate::serve::admin::Verb;
use crate::wire::base64;
use crate::wire::crypto::{PrivateKey, PublicKey, sha256};
use crate::wire::x509::{Anchors, Certificate};
use crate::wire::xml::{Document, Limits};

/// What one step leaves to the next.
#[derive(Default)]
pub struct Progress {
    pub mandate: u64,
    /// The request as it was sent.
    pub request: Vec<u8>,
    /// The answer to it.
    answer: Vec<u8>,
    /// What is on record of it.
    record: Value,
    /// The assertion, as it stands in the answer, and its reference.
    pub assertion: Vec<u8>,
    assertion_id: String,
    reference: Vec<u8>,
    access_token: String,
}

/// Keys and certificates belong together and lead to the root; each .p12 opens with its password.
pub fn pki(world: &World) -> Checked<Told> {
    let files = &world.folder.files;
    let readable = |path| std::fs::read(path).map_err(|error| Mismatch::new("a readable file", error.to_string()));
    let ca = readable(files.ca())?;
    let anchors = Anchors::from_pem(&ca).map_err(|error| Mismatch::new("a root certificate", error.to_string()))?;
    for (index, sender) in SENDERS.iter().enumerate() {
        let other = if world.breaks(Step::Pki) { (index + 1) % SENDERS.len() } else { index };
        let store = CredentialArgs {
            p12: Some(files.p12(sender)),
            password_file: Some(files.password(&SENDERS[other])),
            ..CredentialArgs::default()
        };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let opened = store.load(&mut Output::new(Format::Human, &mut result, &mut notes));
        let what = format!("{} opens with its password file", files.p12(sender).display());
        let opened = opened.map_err(|failure| Mismatch::new(what, failure.says))?;
        let pem = Certificate::from_pem(&readable(files.certificate(sender))?);
        let pem = pem.map_err(|error| Mismatch::new("a certificate", error.to_string()))?;
        let leaf = pem.first().ok_or_else(|| Mismatch::new("a certificate", "none"))?;
        expect(opened.chain().first().is_some_and(|own| own.as_ref() == leaf.der()), "one certificate", "two")?;
        let key = PrivateKey::from_pem(readable(files.key(sender))?);
        let key = key.map_err(|error| Mismatch::new("a private key", error.to_string()))?;
        expect(key.public().spki() == leaf.spki(), "the key of the certificate", "another key")?;
        answers::leads_to(leaf, &anchors, Utc::now())?;
    }
    let root = anchors.certificates().first().map(Certificate::thumbprint).unwrap_or_default();
    let reused = if world.folder.reused { "used again" } else { "new" };
    let line = format!(
        "{} senders, root sha256 {}… ({reused}), in {}",
        SENDERS.len(),
        &answers::hex(&root)[..8],
        files.dir().display()
    );
    Ok(Told::new(line, json!({ "ca": files.ca(), "root_sha256": answers::hex(&root), "reused": world.folder.reused })))
}

/// The server is ready, and is who its metadata says; the sample services found it.
pub async fn server(world: &mut World) -> Checked<Told> {
    let begun = Instant::now();
    let up = |why| Mismatch::new("a process that answers", why);
    world.start_server().await.map_err(up)?;
    let ready = begun.elapsed();
    let tls = if world.breaks(Step::Server) {
        // Trusts a sender instead of the root.
        let other = std::fs::read(world.folder.files.certificate(&SENDERS[0])).unwrap_or_default();
        Tls::new(&other, None)
    } else {
        world.tls(None)
    };
    let tls = tls.map_err(|why| Mismatch::new("a CA file", why))?;
    let answer = answers::got(tls.send(&world.metadata(), Outgoing::get()).await)?;
    answers::status(&answer, 200)?;
    let metadata = answer.json();
    expect_equal("issuer", &world.issuer(), metadata["issuer"].as_str().unwrap_or_default())?;
    expect_equal("token endpoint", &world.token(), metadata["token_endpoint"].as_str().unwrap_or_default())?;
    world.start_services().await.map_err(up)?;
    let line = format!("{}  ready after {}", world.issuer(), milliseconds(ready));
    let facts = json!({ "issuer": world.issuer(), "ready_ms": ready.as_millis() });
    Ok(Told::new(line, facts)
        .and(format!("SOAP service {}", world.soap_url))
        .and(format!("REST service {}/employers/…", world.rest_url)))
}

/// A mandate of the employer for the sender, in force now.
pub async fn mandate(world: &World, progress: &mut Progress) -> Checked<Told> {
    let sender = &SENDERS[0];
    let party = |text: &str| text.parse().map_err(|error| Mismatch::new("a party", format!("{error}")));
    end_older(world).await?;
    let later = Utc::now() + chrono::TimeDelta::days(1);
    let create = Verb::MandateCreate {
        id: Reference::new(),
        grantor: party(EMPLOYER)?,
        grantee: party(sender.party)?,
        mandate_type: MANDATE_TYPE.to_owned(),
        valid_from: world.breaks(Step::Mandate).then_some(later),
        valid_until: None,
    };
    let answer = answers::got(world.admin(&create).await)?;
    answers::status(&answer, 200)?;
    let mandate = answer.json();
    expect_equal("standing", "in-force", mandate["standing"].as_str().unwrap_or_default())?;
    progress.mandate = mandate["id"].as_u64().ok_or_else(|| Mismatch::new("a mandate with a number", answer.text()))?;
    let line = format!("#{}  {EMPLOYER_NAME} ({EMPLOYER}) → {} ({})", progress.mandate, sender.name, sender.party);
    Ok(Told::new(line, mandate).took(answer.took))
}

/// A run that was interrupted, or somebody who tried, may have left mandates in force.
async fn end_older(world: &World) -> Checked<()> {
    let party = |text: &str| text.parse().map_err(|error| Mismatch::new("a party", format!("{error}")));
    let (grantor, grantee) = (party(EMPLOYER)?, party(SENDERS[0].party)?);
    let check = Verb::MandateCheck { grantor, grantee, mandate_type: MANDATE_TYPE.to_owned(), at: None };
    let answer = answers::got(world.admin(&check).await)?;
    answers::status(&answer, 200)?;
    let answer = answer.json();
    let standing = answer["mandates"].as_array().into_iter().flatten();
    for mandate in standing.filter(|mandate| mandate["status"] == "active") {
        let id = MandateId(mandate["id"].as_u64().unwrap_or_default());
        let ended = answers::got(world.admin(&Verb::MandateEnd { id, expected_version: None }).await)?;
        answers::status(&ended, 200)?;
    }
    Ok(())
}

/// The server answers a signed request with a token.
pub async fn request(world: &World, progress: &mut Progress) -> Checked<Told> {
    let identity = if world.breaks(Step::Request) { answers::stranger() } else { world.identity(&SENDERS[0]) };
    let identity = identity.map_err(|why| Mismatch::new("a key and its certificate", why))?;
    let party = if world.breaks(Step::Permitted) { None } else { Some(EMPLOYER) };
    let to = world.oasis();
    let wanted = Wanted { to: &to, applies_to: soap_service::AUDIENCE, on_behalf_of: party };
    let begun = Instant::now();
    let signed = message::request(&identity, wanted, Utc::now());
    progress.request = signed.map_err(|why| Mismatch::new("a signed message", why))?;
    let signing = begun.elapsed();
    let answer = send_soap(world, &to, &progress.request).await?;
    answers::status(&answer, 200)?;
    progress.answer = answer.body.clone();
    let algorithm = identity.key.default_algorithm().jose_name();
    let line = format!("POST {to}, {} bytes, {algorithm}, signed in {}", progress.request.len(), milliseconds(signing));
    let facts =
        json!({ "sender": SENDERS[0].name, "bytes": progress.request.len(), "signing_us": signing.as_micros() });
    Ok(Told::new(line, facts).took(answer.took))
}

/// Posts a SOAP message to the server as anybody on the network can: with no client certificate.
pub async fn send_soap(world: &World, to: &str, body: &[u8]) -> Checked<Answer> {
    let tls = world.tls(None).map_err(|why| Mismatch::new("a CA file", why))?;
    let action = "\"http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue\"";
    answers::got(tls.send(to, Outgoing::post("text/xml; charset=utf-8", body).with("soapaction", action)).await)
}

/// What the server has on record of its checks.
pub async fn verified(world: &World, progress: &mut Progress) -> Checked<Told> {
    let asked = world.breaks(Step::Verified).then(Reference::new);
    let record = world.record(asked).await.map_err(|why| Mismatch::new("a record of the request", why))?;
    let verify = answers::step(&record, "verify")?;
    let authenticate = answers::step(&record, "authenticate")?;
    for step in [verify, authenticate] {
        let found = step["outcome"].as_str().unwrap_or_default();
        expect_equal(step["id"].as_str().unwrap_or_default(), "passed", found)?;
    }
    let checks = |step: &Value| step["checks"].as_array().map_or(0, Vec::len);
    let micros = |step: &Value| step["micros"].as_u64().unwrap_or_default();
    let line = format!(
        "{} checks on the message in {:.2} ms, {} on the sender in {:.2} ms",
        checks(verify),
        micros(verify) as f64 / 1000.0,
        checks(authenticate),
        micros(authenticate) as f64 / 1000.0
    );
    let names: Vec<&str> = [verify, authenticate]
        .into_iter()
        .flat_map(|step| step["checks"].as_array().into_iter().flatten())
        .filter_map(|check| check["id"].as_str())
        .collect();
    let facts = json!({ "verify_us": micros(verify), "authenticate_us": micros(authenticate), "checks": names });
    progress.record = record;
    Ok(Told::new(line, facts))
}

/// Which policy permitted it, and under which mandate.
pub fn permitted(progress: &Progress) -> Checked<Told> {
    let decide = answers::step(&progress.record, "decide")?;
    let policy = answers::fact(decide, "policy-denies", "rule").map(Value::to_string).unwrap_or_default();
    expect(policy.contains(POLICY), &format!("the policy {POLICY}"), policy)?;
    let mandate = answers::fact(decide, "mandate-ended", "mandate").and_then(Value::as_u64);
    expect(
        mandate == Some(progress.mandate),
        &format!("mandate #{}", progress.mandate),
        mandate.map_or_else(|| "no mandate".to_owned(), |number| format!("mandate #{number}")),
    )?;
    let line = format!("policy \"{POLICY}\", mandate #{}", progress.mandate);
    Ok(Told::new(line, json!({ "policy": POLICY, "mandate": progress.mandate })))
}

/// The assertion: signed by the server, for the service, bound to the sender's key.
pub fn issued(world: &World, progress: &mut Progress) -> Checked<Told> {
    let mut answer = progress.answer.clone();
    if world.breaks(Step::Issued) {
        answers::change(&mut answer, SENDERS[0].party.as_bytes());
    }
    let limits = Limits::default();
    let document =
        Document::parse(answer, &limits).map_err(|error| Mismatch::new("an XML answer", error.to_string()))?;
    let certificate = std::fs::read(world.issuer_certificate()).unwrap_or_default();
    let issuer = answers::key_of(&certificate)?;
    let found = answers::issued(&document, &issuer)?;
    let assertion = &found.assertion;
    expect_equal("Issuer", &world.issuer(), &assertion.issuer.value)?;
    let audiences = assertion.audiences().unwrap_or_default();
    let for_service = audiences.contains(&soap_service::AUDIENCE);
    expect(for_service, &format!("an assertion for {}", soap_service::AUDIENCE), audiences.join(", "))?;
    let own = std::fs::read(world.folder.files.certificate(&SENDERS[0])).unwrap_or_default();
    let own: PublicKey = answers::key_of(&own)?;
    let bound = assertion.subject.confirmations.iter().flat_map(|one| &one.keys).all(|key| key.spki == own.spki());
    expect(bound, "holder-of-key on the sender's key", "another key")?;
    let ends = assertion.conditions.not_on_or_after.ok_or_else(|| Mismatch::new("an end", "none"))?;
    let seconds = (ends - Utc::now()).num_seconds();
    expect((1..=3600).contains(&seconds), "an end within the hour", format!("{seconds} s"))?;
    answers::signed_answer(&document, &std::fs::read(world.answer_certificate()).unwrap_or_default())?;
    progress.assertion = found.assertion.element.source().as_bytes().to_vec();
    progress.reference = found.reference.source().as_bytes().to_vec();
    progress.assertion_id = assertion.id.to_owned();
    let bound = &answers::hex(&own.thumbprint())[..8];
    let line = format!("holder-of-key on {bound}…, for {}, {seconds} s, answer signed", soap_service::AUDIENCE);
    Ok(Told::new(line, json!({ "id": assertion.id, "audience": audiences, "expires": ends, "holder": bound })))
}

/// The SOAP service takes the assertion from its holder.
pub async fn soap_service_called(world: &World, progress: &Progress) -> Checked<Told> {
    let caller = if world.breaks(Step::SoapService) { &SENDERS[1] } else { &SENDERS[0] };
    let identity = world.identity(caller).map_err(|why| Mismatch::new("a key and its certificate", why))?;
    let token = Token { id: &progress.assertion_id, bytes: &progress.assertion, reference: &progress.reference };
    let call = message::call(&identity, &token, EMPLOYER_NUMBER, Utc::now());
    let call = call.map_err(|why| Mismatch::new("a signed call", why))?;
    let tls = world.tls(None).map_err(|why| Mismatch::new("a CA file", why))?;
    let sent = Outgoing::post("text/xml; charset=utf-8", call).with("soapaction", "\"\"");
    let answer = answers::got(tls.send(&world.soap_url, sent).await)?;
    answers::status(&answer, 200)?;
    let document = Document::parse(answer.body.clone(), &Limits::default());
    let document = document.map_err(|error| Mismatch::new("an XML answer", error.to_string()))?;
    let response = document.elements().find(|element| element.is(soap_service::NAMESPACE, "GetEmployerResponse"));
    let response = response.ok_or_else(|| Mismatch::new("GetEmployerResponse", answer.text()))?;
    let value = |name| response.child(soap_service::NAMESPACE, name).and_then(|child| child.text());
    expect_equal("Number", EMPLOYER_NUMBER, &value("Number").unwrap_or_default())?;
    let name = value("Name").unwrap_or_default().into_owned();
    let line = format!("200 <GetEmployerResponse> {name}");
    Ok(Told::new(line, json!({ "status": 200, "name": name })).took(answer.took))
}

/// An exchange of the assertion, over a connection with this sender's certificate.
pub async fn exchanged(world: &World, progress: &Progress, shown: Option<usize>) -> Checked<Answer> {
    let tls = world.tls(shown.and_then(|index| SENDERS.get(index)));
    let tls = tls.map_err(|why| Mismatch::new("a certificate for TLS", why))?;
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        .append_pair("subject_token", &base64::encode_url(&progress.assertion))
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")
        .append_pair("audience", rest_service::AUDIENCE)
        .append_pair("scope", rest_service::SCOPE)
        .finish();
    answers::got(tls.send(&world.token(), Outgoing::post("application/x-www-form-urlencoded", form)).await)
}

/// The access token is bound to the very certificate that was shown.
pub async fn exchange(world: &World, progress: &mut Progress) -> Checked<Told> {
    let shown = if world.breaks(Step::Exchange) { None } else { Some(0) };
    let answer = exchanged(world, progress, shown).await?;
    answers::status(&answer, 200)?;
    let body = answer.json();
    let token = body["access_token"].as_str().unwrap_or_default();
    let (header, claims) = answers::jwt(token)?;
    expect_equal("typ", "at+jwt", header["typ"].as_str().unwrap_or_default())?;
    expect_equal("alg", "ES256", header["alg"].as_str().unwrap_or_default())?;
    let leaf = world.identity(&SENDERS[0]).map_err(|why| Mismatch::new("a certificate", why))?.certificate;
    let bound = base64::encode_url(&sha256(&leaf));
    expect_equal("cnf.x5t#S256", &bound, claims["cnf"]["x5t#S256"].as_str().unwrap_or_default())?;
    expect_equal("scope", rest_service::SCOPE, claims["scope"].as_str().unwrap_or_default())?;
    let seconds = body["expires_in"].as_u64().unwrap_or_default();
    expect((1..=300).contains(&seconds), "at most 300 s", format!("{seconds} s"))?;
    progress.access_token = token.to_owned();
    let line = format!("ES256 at+jwt, cnf x5t#S256 {}…, scope {}, {seconds} s", &bound[..8], rest_service::SCOPE);
    Ok(Told::new(line, json!({ "expires_in": seconds, "claims": claims })).took(answer.took))
}

/// The REST service takes the token from the connection that it is bound to.
pub async fn rest_service_called(world: &World, progress: &Progress) -> Checked<Told> {
    let shown = if world.breaks(Step::RestService) { None } else { Some(&SENDERS[0]) };
    let tls = world.tls(shown).map_err(|why| Mismatch::new("a certificate for TLS", why))?;
    let url = format!("{}/employers/{EMPLOYER_NUMBER}", world.rest_url);
    let sent = Outgoing::get().with("authorization", format!("Bearer {}", progress.access_token));
    let answer = answers::got(tls.send(&url, sent).await)?;
    answers::status(&answer, 200)?;
    let body = answer.json();
    expect_equal("number", EMPLOYER_NUMBER, body["number"].as_str().unwrap_or_default())?;
    let line = format!("200 {}", answer.text());
    Ok(Told::new(line, body).took(answer.took))
}

/// The MandateId of the demo's mandate.
pub fn mandate_id(progress: &Progress) -> MandateId {
    MandateId(progress.mandate)
}

const POLICY: &str = "employer-file-under-mandate";
