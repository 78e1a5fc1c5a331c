//! Structured edits of good messages: nothing is accepted that was not signed, and what was is not refused.
//!
//! `VIDIMUS_EDITS=200000 cargo test --release --test edits -- --nocapture` makes so many trials (1000 without it) and
//! prints the table; `VIDIMUS_EDITS_SEED` begins elsewhere. A finding prints its seed, its trial, the fewest steps
//! and the message.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use chrono::Duration;
use std::path::Path;
use std::sync::LazyLock;

use vidimus::conformance::pure::{Accepted, Pure, Refused};
use vidimus::conformance::structured::{Machine, Mismatch, Report, Verdict};
use vidimus::flow::inquiry::Stop;
use vidimus::flow::profile::Part;
use vidimus::model::{CheckId, KeyThumbprint, StepId, Time};
use vidimus::registry::Standing;
use vidimus::wire::crypto::sha256;
use vidimus::wire::dsig::Signature;
use vidimus::wire::ns;
use vidimus::wire::soap::Envelope;
use vidimus::wire::wsse::{BinarySecurityToken, SecurityHeader, Timestamp};
use vidimus::wire::xml::Document;
use vidimus::wire::xml::c14n::{self, Exclusive};

static MACHINE: LazyLock<Machine> =
    LazyLock::new(|| Machine::open(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the good messages are good"));

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn only_what_was_signed_is_accepted() {
    let report = MACHINE.run(number("VIDIMUS_EDITS_SEED", 1), number("VIDIMUS_EDITS", 1000));
    println!("{} good messages", MACHINE.bases().count());
    println!("{report}");
    assert!(report.passes(), "{report}");
    assert!(report.harmless.made > 0 && report.harmless.percent() == 100 && report.resigned.accepted > 0);
}

#[test]
fn good_messages_come_in_every_shape() {
    let names: Vec<&str> = MACHINE.bases().collect();
    for part in [
        "clients/cxf",
        "clients/wss4j",
        "clients/metro",
        "clients/dotnet",
        "clients/zeep",
        "by IssuerSerial",
        "by SubjectKeyIdentifier",
        "by Thumbprint",
        "by EmbeddedCertificate",
        "SOAP 1.2",
        "STR covered",
        "with an assertion",
        "clinic",
    ] {
        assert!(names.iter().any(|name| name.contains(part)), "no good message has {part:?}: {names:?}");
    }
    assert!(names.len() >= 80, "{}", names.len());
}

#[test]
fn the_same_seed_makes_the_same_trials() {
    let (first, again) = (MACHINE.run(7, 200), MACHINE.run(7, 200));
    assert_eq!(serde_json::to_value(first).unwrap(), serde_json::to_value(again).unwrap());
}

/// Runs until something is wrongly accepted by a weakened endpoint; says after how many trials at most.
fn found(subject: impl Fn(Vec<u8>) -> Result<Accepted, Refused> + Sync, within: u64) -> Report {
    let report = MACHINE.run_on(&subject, 1, within, 1);
    println!("{} trials: {:?}", report.all.made, report.wrongly_accepted.first().map(|f| (f.verdict, &f.steps)));
    assert!(!report.wrongly_accepted.is_empty(), "a hole that is there was not found in {within} trials");
    report
}

fn weakened(change: impl FnOnce(&mut Pure)) -> Pure {
    let mut pure = MACHINE.pure().clone();
    change(&mut pure);
    pure
}

#[test]
fn an_endpoint_that_needs_no_signed_body_is_found_out() {
    let pure = weakened(|pure| pure.profile.coverage.required.retain(|part| *part != Part::Body));
    found(|bytes| pure.run(bytes, Stop::First), 5000);
}

#[test]
fn an_endpoint_that_needs_no_signed_timestamp_is_found_out() {
    let pure = weakened(|pure| pure.profile.coverage.required.retain(|part| *part != Part::Timestamp));
    found(|bytes| pure.run(bytes, Stop::First), 5000);
}

#[test]
fn an_endpoint_that_takes_old_messages_is_found_out() {
    let pure = weakened(|pure| pure.profile.time.skew = std::time::Duration::from_secs(7200));
    found(|bytes| pure.run(bytes, Stop::First), 5000);
}

#[test]
fn an_endpoint_that_answers_for_another_is_found_out() {
    let pure = weakened(|pure| pure.addresses.clear());
    found(|bytes| pure.run(bytes, Stop::First), 50_000);
}

#[test]
fn an_endpoint_that_takes_the_key_for_the_requester_is_found_out() {
    // As if the registry were asked by a name in the message, not by the key.
    let subject = |bytes: Vec<u8>| {
        let accepted = MACHINE.pure().run(bytes, Stop::First)?;
        let party = if accepted.target.contains("register") { "cbe:0206731645".to_owned() } else { accepted.party };
        Ok(Accepted { party, ..accepted })
    };
    let report = found(subject, 5000);
    assert!(matches!(report.wrongly_accepted[0].verdict, Verdict::Accepted(_)));
}

/// The verifier that signature wrapping was invented for: the signature holds, a Body and a Timestamp are among what it
/// covers, and then whatever stands in the usual place is read.
fn reads_elsewhere(bytes: Vec<u8>) -> Option<Accepted> {
    let pure = MACHINE.pure();
    let document = Document::parse(bytes, &pure.limits).ok()?;
    let envelope = Envelope::read(&document).ok()?;
    let header = SecurityHeader::read(&envelope).ok()??;
    let signature = Signature::parse(*header.signatures.first()?, &pure.limits).ok()?;
    let token = BinarySecurityToken::read(*header.binary_security_tokens.first()?).ok()?;
    let key = token.certificate().ok()?.public_key().ok()?;
    let signed_info = signature.verify_value(&key, &pure.limits).ok()?;
    let digest = |reference: &vidimus::wire::dsig::Reference<'_>| {
        let computed = reference.digest(&pure.limits).ok().filter(|computed| computed.matches);
        computed.map(|computed| computed.covered.local_name().to_owned())
    };
    let covered: Vec<String> = signature.references().iter().map(digest).collect::<Option<_>>()?;
    let has = |name: &str| covered.iter().any(|covered| covered == name);
    let sender = pure.trust.registry.sender_by_key(&KeyThumbprint(key.thumbprint()))?;
    (sender.standing == Standing::Active && envelope.addressing().ok()?.to.is_none()).then_some(())?;
    // Here it should ask whether these very elements were covered.
    let timestamp = Timestamp::read(*header.timestamps.first()?).ok().filter(|_| has("Timestamp"))?;
    let mut body = Vec::new();
    c14n::exclusive(envelope.body, &Exclusive::default(), &mut body).ok().filter(|_| has("Body"))?;
    let applies_to = envelope.payload.children().find(|element| element.local_name() == "AppliesTo")?;
    let address = applies_to.descendants().find(|element| element.is(ns::WSA, "Address"))?;
    let until: Time = timestamp.expires?.min(timestamp.created + Duration::seconds(300)) + Duration::seconds(60);
    (timestamp.created <= pure.now && pure.now < until).then_some(())?;
    Some(Accepted {
        party: sender.party.to_string(),
        subject: sender.party.to_string(),
        key: key.thumbprint(),
        identity: sha256(&[key.spki(), &signed_info].concat()),
        body: sha256(&body),
        created: timestamp.created,
        usable_until: until,
        to: None,
        message_id: None,
        target: address.text()?.trim().to_owned(),
        on_behalf_of: envelope
            .body
            .descendants()
            .find(|element| element.is(ns::WSSE, "Username"))
            .and_then(|element| element.text())
            .map(|text| text.trim().to_owned()),
        context: envelope.payload.attribute("", "Context").map(str::to_owned),
        assertion: None,
    })
}

#[test]
fn an_endpoint_that_reads_elsewhere_than_it_verified_is_found_out() {
    let subject =
        |bytes| reads_elsewhere(bytes).ok_or(Refused { step: StepId::Verify, check: Some(CheckId::SignatureValue) });
    let report = MACHINE.run_on(&subject, 1, 20_000, 3);
    let wrapped = report.wrongly_accepted.iter().find(|finding| {
        println!("{:?} {:?}", finding.verdict, finding.steps);
        matches!(finding.verdict, Verdict::Accepted(Mismatch::Body | Mismatch::Created | Mismatch::Expires))
    });
    assert!(wrapped.is_some(), "signature wrapping was not found in {} trials", report.all.made);
    println!("{} trials", report.all.made);
}
