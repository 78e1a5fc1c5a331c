//! Both doors, from the bytes of a request to the bytes of its answer.

use std::hint::black_box;

use tokio::runtime::Runtime;
use vidimus::audit::OutcomeEntry;
use vidimus::wire::base64;
use vidimus::wire::crypto::SignatureAlgorithm;

use crate::bare::Bare;
use crate::measure::{EACH, ROUNDS, Row, in_turn, quantile};
use crate::message;
use crate::site::{Own, Site};

/// Issue of a SAML 2.0 holder-of-key assertion in a signed answer.
pub fn issue(own: Own) -> Row {
    let site = Site::new(own);
    let (router, trail) = site.in_memory();
    let runtime = runtime();
    let requests: Vec<_> = (0..ROUNDS * EACH).map(|number| message::issue(&site, number, "")).collect();
    let example = message::issue(&site, ROUNDS * EACH, "");
    let asked = Bare::of(&example.body);
    let answered = Bare::of(&runtime.block_on(message::issued(&router, &example)));
    let sender = site.keys.private("hospital").expect("the sender's key");
    let (assertions, answers) = (site.assertion_key(), site.answer_key());
    // The answer's own signature stands in its header, before the assertion in its body.
    let [answer, assertion] = answered.as_slice() else { panic!("{} signatures in the answer", answered.len()) };
    let floor = |_| {
        asked.iter().for_each(|signature| signature.verify(sender.public()));
        assertion.sign(&assertions);
        answer.sign(&answers);
    };
    let mut outcomes = Vec::new();
    let subject = |run: usize| {
        black_box(runtime.block_on(message::issued(&router, &requests[run])));
        outcomes.extend(trail.take().outcomes);
    };
    let name = match own {
        Own::Rsa => "Issue, assertion RSA-2048, answer RSA-2048",
        Own::P256Assertions => "Issue, assertion P-256, answer RSA-2048",
        Own::P256 => "Issue, assertion P-256, answer P-256",
    };
    let row = in_turn(name, floor, subject);
    row.with(steps(&outcomes))
}

/// Exchange of an assertion for an access token (P1: the holder's key is the connection's).
pub fn exchange() -> Row {
    let site = Site::new(Own::Rsa);
    let (router, trail) = site.in_memory();
    let runtime = runtime();
    let assertions: Vec<_> = (0..=ROUNDS * EACH).map(|number| message::assertion(&site, number)).collect();
    let requests: Vec<_> = assertions.iter().map(|assertion| message::exchange(&site, assertion)).collect();
    let (example, requests) = requests.split_last().expect("more than one");
    let bare = Bare::of(&assertions[0]);
    let issuer = site.keys.private("issuer").expect("the issuer's key");
    let tokens = site.keys.private("sts-tokens").expect("our key for access tokens");
    let answer = String::from_utf8(runtime.block_on(message::issued(&router, example))).expect("JSON");
    let token = answer.split('"').find(|text| text.starts_with("eyJ")).expect("an access token");
    let (input, signature) = token.rsplit_once('.').expect("a JWT");
    tokens
        .public()
        .verify(
            SignatureAlgorithm::EcdsaP256Sha256,
            input.as_bytes(),
            &base64::decode_url(signature).expect("base64url"),
        )
        .expect("signed by our key");
    let floor = |_| {
        bare.iter().for_each(|signature| signature.verify(issuer.public()));
        black_box(tokens.sign(SignatureAlgorithm::EcdsaP256Sha256, input.as_bytes()).expect("signed"));
    };
    let mut outcomes = Vec::new();
    let subject = |run: usize| {
        black_box(runtime.block_on(message::issued(&router, &requests[run])));
        outcomes.extend(trail.take().outcomes);
    };
    let row = in_turn("exchange by P1, assertion RSA-2048, token ES256", floor, subject);
    row.with(steps(&outcomes))
}

/// What the traces say: the median time of each step of the path. The rest is HTTP, the answer and
/// its signature.
fn steps(outcomes: &[OutcomeEntry]) -> String {
    let known = outcomes.first().map(|outcome| outcome.trace.steps.as_slice()).unwrap_or_default();
    let told = known.iter().map(|step| {
        let same = outcomes.iter().flat_map(|outcome| &outcome.trace.steps).filter(|other| other.id == step.id);
        let mut micros: Vec<f64> = same.map(|step| step.micros as f64).collect();
        format!("{} {}", step.id.as_str(), quantile(&mut micros, 0.5))
    });
    told.collect::<Vec<_>>().join(", ")
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
