//! The attack notices what it is there to notice: each sabotage keeps the server from starting.

use super::*;
use crate::flow::profile::{KeyReferenceStyle, Part, Profile, SamlVersion, TokenCoverage};
use crate::registry::{Registry, Sender, Standing, TokenIssuer};
use crate::wire::x509::{Anchors, Certificate};

const STRICT: &str = include_str!("../../../conformance/worlds/harbour/harbour.toml");
const OPEN: &str = include_str!("../../../conformance/worlds/federation/alliance.toml");

fn door(profile: Profile) -> Arc<SoapDoor> {
    let rules = profile.door.clone().unwrap();
    let location = "https://sts.example/sts?a=1&b=2".to_owned();
    Arc::new(SoapDoor { profile, path: "/sts".to_owned(), location, aliases: Vec::new(), rules })
}

fn profile(text: &str) -> Profile {
    toml::from_str(text).unwrap()
}

fn attack_under(trust: &Trust, profile: Profile) -> Result<Report, Vec<Fault>> {
    let doors = [door(profile)];
    run(Target {
        trust,
        doors: &doors,
        limits: &Limits::default(),
        issuer: "https://sts.example",
        token_endpoint: "https://sts.example/oauth2/token",
        client_skew: Duration::seconds(60),
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
    })
}

fn attacked(profile: Profile) -> Result<Report, Vec<Fault>> {
    attack_under(&Trust::new(Arc::new(Registry::default()), Anchors::default()), profile)
}

fn said(result: Result<Report, Vec<Fault>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_endpoint_that_is_as_it_should_be_withstands() {
    for text in [STRICT, OPEN] {
        let report = attacked(profile(text)).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert!(report.endpoints == 2 && report.accepted >= 3 && report.refused >= 30, "{report}");
    }
}

#[test]
fn every_way_to_name_a_key_is_attacked() {
    for style in [
        KeyReferenceStyle::IssuerSerial,
        KeyReferenceStyle::SubjectKeyIdentifier,
        KeyReferenceStyle::Thumbprint,
        KeyReferenceStyle::EmbeddedCertificate,
        KeyReferenceStyle::SamlAssertion,
    ] {
        let only = Profile { key_references: vec![style], ..profile(OPEN) };
        attacked(only).unwrap_or_else(|faults| panic!("{style:?}: {faults:#?}"));
    }
    let mut old = profile(OPEN);
    old.assertion.versions = vec![SamlVersion::Saml11];
    attacked(old).unwrap_or_else(|faults| panic!("{faults:#?}"));
}

#[test]
fn a_guard_that_is_switched_off_keeps_the_server_from_starting() {
    type Sabotage = (fn(&mut Profile), &'static str);
    let sabotages: [Sabotage; 5] = [
        (
            |profile| profile.coverage.required.retain(|part| *part != Part::Timestamp),
            "ACCEPTS a Timestamp that is not",
        ),
        (|profile| profile.coverage.required.retain(|part| *part != Part::Body), "ACCEPTS a Body that is not signed"),
        // An end of time that is never reached: what is late is still taken.
        (|profile| profile.time.skew = std::time::Duration::from_secs(0), ""),
        (|profile| profile.soap_versions.clear(), "refuses a good message"),
        (|profile| profile.algorithms.digests.clear(), "could not be made"),
    ];
    for (sabotage, wanted) in sabotages {
        let mut sabotaged = profile(STRICT);
        sabotage(&mut sabotaged);
        let result = attacked(sabotaged);
        if wanted.is_empty() {
            assert!(result.is_ok(), "{result:?}");
            continue;
        }
        let said = said(result);
        assert!(said.iter().any(|fault| fault.contains(wanted)), "{wanted}: {said:#?}");
        assert!(said.iter().all(|fault| fault.contains("`harbour`")), "{said:#?}");
    }
    let mut open = profile(STRICT);
    open.coverage.binary_security_token = TokenCoverage::No;
    assert!(attacked(open).is_ok(), "what a profile does not ask for is not attacked");
}

#[test]
fn the_public_key_of_the_attack_may_be_registered_for_nobody() {
    let pair = rcgen::KeyPair::from_pem(include_str!("rsa.key.pem")).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    let certificate = Certificate::parse(params.self_signed(&pair).unwrap().der()).unwrap();
    let sender = Sender {
        name: "careless".to_owned(),
        number: None,
        party: "cbe:0206731645".parse().unwrap(),
        standing: Standing::Active,
        keys: vec![crate::model::KeyThumbprint(certificate.key_thumbprint())],
        public_keys: vec![certificate.spki().to_vec()],
        certificates: vec![certificate.der().to_vec()],
        client_id: None,
        grants: Vec::new(),
        assertion_lifetime: std::time::Duration::from_secs(60),
        claims: Vec::new(),
        exceptions: Vec::new(),
    };
    let registry = Registry::new(vec![sender], Vec::new(), Vec::<TokenIssuer>::new()).unwrap();
    let said = said(attack_under(&Trust::new(Arc::new(registry), Anchors::default()), profile(STRICT)));
    assert!(said.iter().any(|fault| fault.contains("`careless` is registered with the public key")), "{said:#?}");
}

#[test]
fn limits_that_let_no_message_through_keep_the_server_from_starting() {
    let doors = [door(profile(OPEN))];
    let trust = Trust::new(Arc::new(Registry::default()), Anchors::default());
    let result = run(Target {
        trust: &trust,
        doors: &doors,
        limits: &Limits { depth: 3, ..Limits::default() },
        issuer: "https://sts.example",
        token_endpoint: "https://sts.example/oauth2/token",
        client_skew: Duration::seconds(60),
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
    });
    assert!(said(result).iter().any(|fault| fault.contains("refuses a good message (limit-depth)")));
}
