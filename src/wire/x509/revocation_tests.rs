//! CRLs and OCSP answers, good and bad, of authorities that are made for the occasion.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RevokedCertParams, SerialNumber as RcgenSerial, date_time_ymd,
};

use super::*;
use crate::wire::crypto::{PrivateKey, SignatureAlgorithm};

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

fn params(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(RcgenSerial::from(serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str, usage: &[KeyUsagePurpose]) -> Authority {
    let mut params = params(name, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usage.to_vec();
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap();
    Authority { params, key, certificate }
}

fn root() -> Authority {
    authority("root", &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign])
}

impl Authority {
    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::new(self.params.clone(), &self.key)
    }

    fn leaf(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        self.leaf_with_key(serial, change).0
    }

    fn leaf_with_key(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
        let mut params = params("leaf", serial);
        change(&mut params);
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        (Certificate::parse(params.signed_by(&key, &self.issuer()).unwrap().der()).unwrap(), key)
    }

    fn list(&self, number: u64, revoked: &[u64], change: impl FnOnce(&mut CertificateRevocationListParams)) -> Vec<u8> {
        let mut list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 3, 1),
            next_update: date_time_ymd(2026, 4, 1),
            crl_number: RcgenSerial::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: RcgenSerial::from(*serial),
                    revocation_time: date_time_ymd(2026, 2, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut list);
        list.signed_by(&self.issuer()).unwrap().der().to_vec()
    }

    fn verified(&self, number: u64, revoked: &[u64]) -> Arc<Crl> {
        Arc::new(Crl::verify(&self.list(number, revoked, |_| {}), [&self.certificate], at(10)).unwrap())
    }

    fn anchors(&self, unknown: Option<Exception>) -> Anchors {
        let mut anchors = Anchors::default();
        let revocation = RevocationRule::Required { unknown };
        let rules = PathRules { revocation, ..PathRules::default() };
        anchors.add(vec![self.certificate.clone()], Vec::new(), rules).unwrap();
        anchors
    }
}

/// A day of March 2026.
fn at(day: i64) -> DateTime<Utc> {
    "2026-03-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::days(day - 1)
}

fn judged(
    leaf: &Certificate,
    anchors: &Anchors,
    revocations: &Revocations,
    at: DateTime<Utc>,
) -> Result<(), PathError> {
    judge_path(Question { leaf, intermediates: &[], anchors, revocations, at }).map(drop)
}

fn known(crls: Vec<Arc<Crl>>) -> Revocations {
    Revocations::new(1, crls, Vec::new())
}

#[test]
fn who_is_listed_is_revoked_and_who_is_not_is_good_until_the_next_list_is_due() {
    let root = root();
    let (good, bad) = (root.leaf(5, |_| {}), root.leaf(6, |_| {}));
    let (anchors, lists) = (root.anchors(None), known(vec![root.verified(1, &[6])]));
    assert_eq!(judged(&good, &anchors, &lists, at(10)), Ok(()));
    assert!(matches!(judged(&bad, &anchors, &lists, at(10)), Err(PathError::Revoked { .. })));
    // the last second, and the second after it
    let due = at(32);
    assert_eq!(judged(&good, &anchors, &lists, due - Duration::seconds(1)), Ok(()));
    assert!(matches!(judged(&good, &anchors, &lists, due), Err(PathError::RevocationStale { .. })));
    // revoked is for ever, also in a list that is stale
    assert!(matches!(judged(&bad, &anchors, &lists, due), Err(PathError::Revoked { .. })));
    // before it was made, nothing is known
    assert!(matches!(
        judged(&good, &anchors, &lists, at(1) - Duration::hours(1)),
        Err(PathError::RevocationUnknown { .. })
    ));
    // and without any list
    assert!(matches!(judged(&good, &anchors, &known(vec![]), at(10)), Err(PathError::RevocationUnknown { .. })));
}

#[test]
fn a_verdict_holds_no_longer_than_what_it_rests_on() {
    let root = root();
    let (anchors, lists, leaf) = (root.anchors(None), known(vec![root.verified(1, &[])]), root.leaf(5, |_| {}));
    let path =
        judge_path(Question { leaf: &leaf, intermediates: &[], anchors: &anchors, revocations: &lists, at: at(10) });
    let path = path.unwrap();
    assert_eq!(path.standing().holds, ("2026-01-01T00:00:00Z".parse().unwrap(), at(32) - Duration::milliseconds(1)));
    assert!(path.standing().judged);
}

#[test]
fn an_exception_takes_what_is_unknown_until_its_day_and_nothing_that_is_revoked() {
    let root = root();
    let exception = Exception { until: at(20), reason: "the list moves".to_owned() };
    let anchors = root.anchors(Some(exception));
    let (good, bad) = (root.leaf(5, |_| {}), root.leaf(6, |_| {}));
    assert_eq!(judged(&good, &anchors, &known(vec![]), at(19)), Ok(()));
    assert!(judged(&good, &anchors, &known(vec![]), at(20)).unwrap_err().is_revocation());
    let lists = known(vec![root.verified(1, &[6])]);
    assert!(matches!(judged(&bad, &anchors, &lists, at(19)), Err(PathError::Revoked { .. })));
}

#[test]
fn a_list_of_another_key_under_the_same_name_is_not_taken() {
    let (root, stranger) = (root(), root());
    let list = stranger.list(9, &[], |_| {});
    assert!(matches!(Crl::verify(&list, [&root.certificate], at(10)), Err(CrlError::Signature(_))));
    // nor does a list of theirs that was verified for them speak for ours
    let theirs = known(vec![stranger.verified(9, &[])]);
    let found = judged(&root.leaf(5, |_| {}), &root.anchors(None), &theirs, at(10));
    assert!(matches!(found, Err(PathError::RevocationUnknown { .. })), "{found:?}");
    assert!(matches!(Crl::verify(&list, [], at(10)), Err(CrlError::IssuerUnknown(_))));
}

#[test]
fn an_authority_that_may_not_sign_lists_signs_none() {
    let root = authority("root", &[KeyUsagePurpose::KeyCertSign]);
    let signer = Authority {
        params: {
            let mut p = root.params.clone();
            p.key_usages.clear();
            p
        },
        ..root
    };
    let list = signer.list(1, &[], |_| {});
    assert!(matches!(Crl::verify(&list, [&signer.certificate], at(10)), Err(CrlError::IssuerUsage(_))));
}

#[test]
fn a_part_of_a_list_speaks_only_for_certificates_that_name_it() {
    let root = root();
    let url = |url: &str| CrlDistributionPoint { uris: vec![url.to_owned()] };
    let part = root.list(1, &[], |list| {
        list.issuing_distribution_point = Some(CrlIssuingDistributionPoint {
            distribution_point: url("http://crl/1"),
            scope: Some(CrlScope::UserCertsOnly),
        });
    });
    let lists = known(vec![Arc::new(Crl::verify(&part, [&root.certificate], at(10)).unwrap())]);
    let anchors = root.anchors(None);
    let named = |points: &[&str]| {
        let points = points.iter().map(|point| url(point)).collect();
        judged(&root.leaf(5, |params| params.crl_distribution_points = points), &anchors, &lists, at(10))
    };
    assert_eq!(named(&["http://crl/0", "http://crl/1"]), Ok(()));
    for other in [&[][..], &["http://crl/2"], &["http://crl/1/"]] {
        assert!(matches!(named(other), Err(PathError::RevocationUnknown { .. })), "{other:?}");
    }
}

#[test]
fn an_older_list_never_takes_the_place_of_a_newer_one() {
    let root = root();
    let list = |number, day| {
        let list = root.list(number, &[], |list| list.this_update = date_time_ymd(2026, 3, day));
        Crl::verify(&list, [&root.certificate], at(20)).unwrap()
    };
    let mut collected = Collected::default();
    assert_eq!(collected.crl(list(5, 10)), Taken::New);
    assert_eq!(collected.crl(list(5, 10)), Taken::Same);
    // number back, date back, both back
    for (number, day) in [(4, 11), (6, 9), (4, 9)] {
        assert_eq!(collected.crl(list(number, day)), Taken::Older, "{number} {day}");
    }
    assert_eq!(collected.crls()[0].this_update(), at(10));
    assert_eq!(collected.crl(list(300, 11)), Taken::New);
    assert_eq!(collected.crls().len(), 1);
    assert_eq!(collected.crls()[0].number(), [1, 44]);
    assert_eq!(collected.snapshot(7).crls()[0].digest(), collected.crls()[0].digest());
}

#[test]
fn a_list_that_cannot_be_verified_yet_says_how_many_it_lists() {
    let list = root().list(1, &[5, 6, 7], |_| {});
    assert_eq!(Crl::readable(&list), Ok(3));
    assert_eq!(Crl::readable(&vec![0x30; MAX_CRL + 1]), Err(CrlError::TooLong(MAX_CRL + 1)));
    assert!(matches!(Crl::readable(&vec![0x30; MAX_CRL]), Err(CrlError::Form(_))));
}

#[test]
fn a_list_of_fifty_thousand_is_read() {
    let root = root();
    let serials: Vec<u64> = (1..=50_000).map(|serial| serial << 32).collect();
    let list = root.list(1, &serials, |_| {});
    assert!(list.len() > 1024 * 1024, "{}", list.len());
    assert_eq!(Crl::verify(&list, [&root.certificate], at(10)).map(|crl| crl.len()), Ok(50_000));
}

#[test]
fn broken_huge_and_cut_lists_are_refused_without_a_panic() {
    let root = root();
    let list = root.list(1, &[5, 6, 7], |_| {});
    for cut in 0..list.len() {
        assert!(Crl::verify(&list[..cut], [&root.certificate], at(10)).is_err(), "cut at {cut}");
    }
    for place in 0..list.len() {
        let mut broken = list.clone();
        broken[place] ^= 0x01;
        assert!(Crl::verify(&broken, [&root.certificate], at(10)).is_err(), "broken at {place}");
    }
    assert_eq!(
        Crl::verify(&vec![0x30; MAX_CRL + 1], [&root.certificate], at(10)).unwrap_err(),
        CrlError::TooLong(MAX_CRL + 1)
    );
    assert!(matches!(Crl::verify(b"<html>moved</html>", [&root.certificate], at(10)), Err(CrlError::Form(_))));
    assert!(matches!(Crl::verify(&vec![0x30; MAX_CRL], [&root.certificate], at(10)), Err(CrlError::Form(_))));
    // made in a minute, by a clock that is ahead of ours; and made in more than that
    assert!(Crl::verify(&list, [&root.certificate], at(1) - Duration::seconds(60)).is_ok());
    assert!(matches!(Crl::verify(&list, [&root.certificate], at(1) - Duration::seconds(61)), Err(CrlError::Future(_))));
    assert!(matches!(Crl::verify(&list, [&root.certificate], at(1) - Duration::days(1)), Err(CrlError::Future(_))));
}

// ── OCSP ───────────────────────────────────────────────────────────────────────────────────────

struct Responder {
    certificate: Certificate,
    key: PrivateKey,
}

fn no_check() -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0])
}

/// A responder that `root` delegated to, but for what `change` says.
fn responder(root: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Responder {
    let (certificate, key) = root.leaf_with_key(77, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        params.custom_extensions = vec![no_check()];
        change(params);
    });
    Responder { certificate, key: PrivateKey::from_pem(key.serialize_pem().into_bytes()).unwrap() }
}

fn itself(root: &Authority) -> Responder {
    let key = PrivateKey::from_pem(root.key.serialize_pem().into_bytes()).unwrap();
    Responder { certificate: root.certificate.clone(), key }
}

impl Responder {
    fn says(&self, root: &Authority, leaf: &Certificate, status: OcspStatus) -> Vec<u8> {
        self.signed(self.answer(root, leaf, status))
    }

    /// What it says, unsigned yet: since the fifth, until the list is due, in answer to no nonce.
    fn answer<'a>(&'a self, root: &'a Authority, leaf: &'a Certificate, status: OcspStatus) -> Answer<'a> {
        Answer {
            issuer: &root.certificate,
            serial: leaf.serial(),
            status,
            this_update: at(5),
            next_update: Some(at(32)),
            responder: &self.certificate,
            nonce: None,
        }
    }

    fn signed(&self, answer: Answer<'_>) -> Vec<u8> {
        write_answer(answer, |message| self.key.sign(SignatureAlgorithm::RsaSha256, message).ok()).unwrap()
    }
}

fn read(root: &Authority, bytes: &[u8]) -> Result<Vec<OcspAnswer>, OcspError> {
    verify_answer(bytes, &[&root.certificate], &[], None, at(10))
}

#[test]
fn the_issuer_and_its_delegate_answer_for_its_certificates() {
    let root = root();
    let (leaf, other, anchors) = (root.leaf(5, |_| {}), root.leaf(6, |_| {}), root.anchors(None));
    for responder in [itself(&root), responder(&root, |_| {})] {
        let told = |status| Revocations::new(1, vec![], read(&root, &responder.says(&root, &leaf, status)).unwrap());
        assert_eq!(judged(&leaf, &anchors, &told(OcspStatus::Good), at(10)), Ok(()));
        let stale = judged(&leaf, &anchors, &told(OcspStatus::Good), at(32));
        assert!(matches!(stale, Err(PathError::RevocationStale { .. })), "{stale:?}");
        let revoked = judged(&leaf, &anchors, &told(OcspStatus::Revoked(at(2))), at(10));
        assert!(matches!(revoked, Err(PathError::Revoked { .. })), "{revoked:?}");
        for (asked, status) in [(&leaf, OcspStatus::Unknown), (&other, OcspStatus::Good)] {
            let found = judged(asked, &anchors, &told(status), at(10));
            assert!(matches!(found, Err(PathError::RevocationUnknown { .. })), "{found:?}");
        }
    }
}

/// What `root` says of the certificate since that day.
fn said(root: &Authority, leaf: &Certificate, status: OcspStatus, day: i64) -> OcspAnswer {
    let responder = itself(root);
    let answer = Answer { this_update: at(day), ..responder.answer(root, leaf, status) };
    read(root, &responder.signed(answer)).unwrap().remove(0)
}

#[test]
fn an_older_answer_never_takes_the_place_of_a_newer_one() {
    let (root, twin) = (root(), root());
    let (leaf, other) = (root.leaf(5, |_| {}), root.leaf(6, |_| {}));
    let mut collected = Collected::default();
    assert_eq!(collected.answer(said(&root, &leaf, OcspStatus::Good, 5)), Taken::New);
    assert_eq!(collected.answer(said(&root, &leaf, OcspStatus::Good, 5)), Taken::Same);
    // of one moment, and not the same
    assert_eq!(collected.answer(said(&root, &leaf, OcspStatus::Revoked(at(2)), 5)), Taken::New);
    assert_eq!(collected.answer(said(&root, &leaf, OcspStatus::Good, 4)), Taken::Older);
    let revoked = judged(&leaf, &root.anchors(None), &collected.snapshot(1), at(10));
    assert!(matches!(revoked, Err(PathError::Revoked { .. })), "{revoked:?}");
    assert_eq!(collected.answer(said(&root, &leaf, OcspStatus::Good, 6)), Taken::New);
    // another certificate, and another authority of the same name: each by itself
    assert_eq!(collected.answer(said(&root, &other, OcspStatus::Good, 3)), Taken::New);
    assert_eq!(collected.answer(said(&twin, &leaf, OcspStatus::Good, 3)), Taken::New);
    assert_eq!(collected.snapshot(1).answers().count(), 3);
}

#[test]
fn an_answer_of_another_key_under_the_same_name_says_nothing_of_our_certificates() {
    let (root, twin) = (root(), root());
    let leaf = root.leaf(5, |_| {});
    for status in [OcspStatus::Good, OcspStatus::Revoked(at(2))] {
        let theirs = Revocations::new(1, vec![], vec![said(&twin, &leaf, status, 5)]);
        let found = judged(&leaf, &root.anchors(None), &theirs, at(10));
        assert!(matches!(found, Err(PathError::RevocationUnknown { .. })), "{found:?}");
    }
}

#[test]
fn a_responder_that_does_not_know_the_certificate_outweighs_a_list_that_does_not_list_it() {
    let root = root();
    let leaf = root.leaf(5, |_| {});
    let answers = read(&root, &itself(&root).says(&root, &leaf, OcspStatus::Unknown)).unwrap();
    let both = Revocations::new(1, vec![root.verified(1, &[])], answers);
    assert!(judged(&leaf, &root.anchors(None), &both, at(10)).unwrap_err().is_revocation());
}

#[test]
fn who_was_not_delegated_to_answers_nothing() {
    let (root, stranger) = (root(), authority("stranger", &[]));
    let leaf = root.leaf(5, |_| {});
    let refused = |responder: &Responder| {
        let found = read(&root, &responder.says(&root, &leaf, OcspStatus::Good));
        assert!(matches!(found, Err(OcspError::Responder(_))), "{found:?}");
    };
    refused(&itself(&stranger));
    refused(&responder(&stranger, |_| {}));
    refused(&responder(&root, |params| params.extended_key_usages.clear()));
    refused(&responder(&root, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]));
    refused(&responder(&root, |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]));
    refused(&responder(&root, |params| params.not_after = date_time_ymd(2026, 3, 2)));
    refused(&responder(&root, |params| params.custom_extensions.clear()));
    // signed with another key than the certificate that came along has
    refused(&Responder { key: itself(&stranger).key, ..responder(&root, |_| {}) });
    // a delegate of the stranger that has our root's name
    let twin = super::revocation_tests::root();
    refused(&responder(&twin, |_| {}));
}

#[test]
fn a_delegate_without_nocheck_needs_a_list_that_does_not_list_it() {
    let root = root();
    let leaf = root.leaf(5, |_| {});
    let answer = responder(&root, |params| params.custom_extensions.clear()).says(&root, &leaf, OcspStatus::Good);
    let with = |revoked: &[u64]| {
        verify_answer(&answer, &[&root.certificate], &[root.verified(1, revoked)], None, at(10))
            .map(|answers| answers.len())
    };
    assert_eq!(with(&[]), Ok(1));
    assert!(matches!(with(&[77]), Err(OcspError::Responder(_))));
}

#[test]
fn an_answer_is_for_one_certificate_one_issuer_one_question() {
    let (root, other) = (root(), authority("other", &[]));
    let leaf = root.leaf(5, |_| {});
    let responder = itself(&root);
    let good = responder.answer(&root, &leaf, OcspStatus::Good);
    let answer = responder.signed(Answer { nonce: Some(b"nonce"), ..good });
    let read = |nonce: Option<&[u8]>| verify_answer(&answer, &[&root.certificate], &[], nonce, at(10)).map(|a| a.len());
    assert_eq!((read(None), read(Some(b"nonce"))), (Ok(1), Ok(1)));
    assert_eq!(read(Some(b"other")), Err(OcspError::Nonce));
    let without = responder.signed(good);
    assert_eq!(
        verify_answer(&without, &[&root.certificate], &[], Some(b"nonce"), at(10)).unwrap_err(),
        OcspError::Nonce
    );
    assert_eq!(
        verify_answer(&answer, &[&other.certificate], &[], None, at(10)).unwrap_err(),
        OcspError::OtherCertificate
    );
    // made in the future
    let ahead = |seconds| verify_answer(&answer, &[&root.certificate], &[], None, at(5) - Duration::seconds(seconds));
    assert!(ahead(60).is_ok());
    assert!(matches!(ahead(61), Err(OcspError::Future(_))));
    // without nextUpdate it is good for an hour
    let short = responder.signed(Answer { next_update: None, ..good });
    assert_eq!(
        verify_answer(&short, &[&root.certificate], &[], None, at(5)).unwrap()[0].until(),
        at(5) + Duration::hours(1)
    );
    // a long one
    let long = responder.signed(Answer { next_update: None, nonce: Some(&[7; 8000]), ..good });
    assert_eq!(verify_answer(&long, &[&root.certificate], &[], None, at(5)).map(|answers| answers.len()), Ok(1));
    // what is no answer at all
    for status in [1_u8, 2, 3, 5, 6] {
        let found = verify_answer(&[0x30, 3, 10, 1, status], &[&root.certificate], &[], None, at(10));
        assert!(matches!(found, Err(OcspError::Status(_))), "{found:?}");
    }
    assert!(matches!(verify_answer(b"<html>", &[&root.certificate], &[], None, at(10)), Err(OcspError::Form(_))));
    assert!(matches!(verify_answer(&vec![0; MAX_ANSWER + 1], &[], &[], None, at(10)), Err(OcspError::TooLong(_))));
}

#[test]
fn an_answer_for_more_certificates_than_anybody_asks_for_is_not_looked_at() {
    use x509_cert::der::{Decode, Encode};
    let root = root();
    let answer = itself(&root).says(&root, &root.leaf(5, |_| {}), OcspStatus::Good);
    let whole = x509_ocsp::OcspResponse::from_der(&answer).unwrap();
    let bytes = whole.response_bytes.unwrap();
    let repeated = |count: usize| {
        let mut basic = x509_ocsp::BasicOcspResponse::from_der(bytes.response.as_bytes()).unwrap();
        let one = basic.tbs_response_data.responses.remove(0);
        basic.tbs_response_data.responses = vec![one; count];
        read(&root, &x509_ocsp::OcspResponse::successful(basic).unwrap().to_der().unwrap()).unwrap_err()
    };
    // Looked at, and not signed so.
    assert!(matches!(repeated(256), OcspError::Responder(_)));
    for count in [257, 300] {
        assert_eq!(repeated(count), OcspError::Form(format!("{count} certificates are answered at once")));
    }
}

#[test]
fn a_broken_answer_is_refused_wherever_it_is_broken() {
    let root = root();
    let answer = responder(&root, |_| {}).says(&root, &root.leaf(5, |_| {}), OcspStatus::Good);
    for place in 0..answer.len() {
        let mut broken = answer.clone();
        broken[place] ^= 0x01;
        // The certificate's own serial number and dates are signed too; nothing in an answer is free.
        assert!(read(&root, &broken).is_err(), "broken at {place}");
        assert!(read(&root, &answer[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn a_registered_certificate_is_judged_by_the_authorities_above_it_whatever_else_is_wrong_with_it() {
    let root = root();
    let odd = root.leaf(6, |params| params.use_authority_key_identifier_extension = false);
    let (anchors, lists) = (root.anchors(None), known(vec![root.verified(1, &[6])]));
    assert!(matches!(judged(&odd, &anchors, &lists, at(10)), Err(PathError::Form(..))));
    assert!(matches!(judge_standing(&odd, &anchors, &lists, at(10)), Err(PathError::Revoked { .. })));
    // one of nobody's is judged by nobody
    let own = authority("self-signed", &[]).certificate;
    assert_eq!(judge_standing(&own, &anchors, &lists, at(10)).map(|standing| standing.judged), Ok(false));
}

#[test]
fn a_question_names_the_certificate_and_repeats_no_nonce_that_was_not_given() {
    use x509_cert::der::Decode;
    let root = root();
    let leaf = root.leaf(0x0102_0304, |_| {});
    let plain = x509_ocsp::OcspRequest::from_der(&question(&leaf, &root.certificate, None).unwrap()).unwrap();
    let asked = &plain.tbs_request.request_list[0].req_cert;
    assert_eq!(asked.serial_number.as_bytes(), [1, 2, 3, 4]);
    assert!(plain.nonce().is_none());
    let with = question(&leaf, &root.certificate, Some(&[7; 16])).unwrap();
    let with = x509_ocsp::OcspRequest::from_der(&with).unwrap();
    assert_eq!(with.nonce().unwrap().0.as_bytes(), [7; 16]);
}

#[test]
fn what_is_signed_with_sha_1_or_a_small_key_proves_nothing() {
    use crate::wire::x509::signed::{SignatureError, Signed};
    // SEQUENCE { NULL, AlgorithmIdentifier, BIT STRING }: the algorithm is refused before any arithmetic.
    let by = |oid: &[u8]| {
        let algorithm =
            [&[0x30, u8::try_from(oid.len()).unwrap() + 4, 0x06, u8::try_from(oid.len()).unwrap()], oid, &[5, 0]]
                .concat();
        let content = [&[5, 0][..], &algorithm, &[3, 2, 0, 1]].concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
    };
    let root = root();
    let rsa = |last: u8| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
    // md5, sha1, dsa-with-sha1, ecdsa-with-SHA1
    for oid in [&rsa(4)[..], &rsa(5), &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]] {
        let bytes = by(oid);
        assert_eq!(Signed::read(&bytes).unwrap().verify(root.certificate.spki()), Err(SignatureError::Algorithm));
    }
    // sha256 is an algorithm, and this is no signature
    assert_eq!(Signed::read(&by(&rsa(11))).unwrap().verify(root.certificate.spki()), Err(SignatureError::Wrong));
}
