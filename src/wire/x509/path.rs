//! Certification paths (RFC 5280 section 6), by rustls-webpki: signatures, times, basic and name
//! constraints, path length. What webpki leaves to its caller is judged here, for each path that it
//! finds: the form of each certificate, the anchor's own dates, key usage, extended key usage,
//! policies, revocation of the whole chain.
//!
//! Roots that a message brings are never anchors; SHA-1 and MD5 sign nothing; the extended key
//! usage, where a certificate has one, must allow client authentication, unless the anchor's rules
//! name others.

use std::cell::RefCell;

use chrono::{DateTime, SubsecRound, Utc};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, RequiredEkuNotFoundContext, VerifiedPath};

use super::anchors::{Anchors, Exception, PathRules, RevocationRule};
use super::form::{self, Role};
use super::path_error::PathError;
use super::revocation::{Revocations, Status};
use super::signed::ALGORITHMS;
use super::{Certificate, DistinguishedName, KeyUsage};

/// A path that was verified: leaf, the authorities between, and the anchor's name. Made by
/// [`judge_path`] only.
#[derive(Debug, Clone)]
pub struct Path {
    subjects: Vec<DistinguishedName>,
    not_after: DateTime<Utc>,
    standing: Standing,
}

/// What is known of the revocation of a certificate and of those above it, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Both included: no certificate ends and nothing that is known becomes stale in between.
    pub holds: (DateTime<Utc>, DateTime<Utc>),
    /// Whether revocation was judged at all.
    pub judged: bool,
    /// The certificates of which nothing is known and which a dated exception let pass, with the
    /// exception.
    pub excepted: Vec<(DistinguishedName, Exception)>,
}

impl Path {
    /// The subjects from the leaf to the anchor.
    pub fn subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    /// The earliest end of validity on the path, the anchor's included.
    pub fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }

    /// What is known of revocation, and how long the verdict holds.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

/// What is asked of a certificate.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    pub leaf: &'q Certificate,
    /// What came along with it.
    pub intermediates: &'q [Certificate],
    pub anchors: &'q Anchors,
    pub revocations: &'q Revocations,
    pub at: DateTime<Utc>,
}

/// Looks for a path from `leaf` over `intermediates` to one of `anchors` that holds at `at`; nothing
/// is known of revocation.
///
/// # Errors
/// Why there is none.
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &Anchors,
    at: DateTime<Utc>,
) -> Result<Path, PathError> {
    judge_path(Question { leaf, intermediates, anchors, revocations: &Revocations::default(), at })
}

/// Looks for a path that holds.
///
/// # Errors
/// Why there is none. Where a path was found and refused, the last such refusal.
pub fn judge_path(question: Question<'_>) -> Result<Path, PathError> {
    // Certificates count whole seconds, the last one to its end.
    let question = Question { at: question.at.trunc_subsecs(0), ..question };
    let Question { leaf, intermediates, anchors, at, .. } = question;
    if anchors.is_empty() {
        return Err(PathError::NoAnchors);
    }
    if intermediates.len() > MAX_INTERMEDIATES {
        return Err(PathError::TooManyIntermediates(intermediates.len()));
    }
    let given: Vec<&Certificate> = intermediates.iter().chain(&anchors.intermediates).collect();
    let leaf_der = CertificateDer::from(leaf.der());
    let between: Vec<_> = given.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
    let end = EndEntityCert::try_from(&leaf_der).map_err(refused)?;
    let seconds = u64::try_from(at.timestamp()).map_err(|_| PathError::NotYetValid)?;
    let found = RefCell::new(Err::<Path, _>(PathError::UnknownIssuer));
    let judge = |candidate: &VerifiedPath<'_>| {
        let verdict = judge_candidate(candidate, &given, question);
        let answer = if verdict.is_ok() { Ok(()) } else { Err(webpki::Error::UnknownIssuer) };
        let mut found = found.borrow_mut();
        // Another path may hold; if none does, that one was revoked says most.
        if verdict.is_ok() || !matches!(&*found, Err(known) if known.is_revocation()) {
            *found = verdict;
        }
        answer
    };
    let searched = end.verify_for_usage(
        ALGORITHMS,
        &anchors.anchors,
        &between,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        Purposes(&anchors.purposes),
        None,
        Some(&judge),
    );
    match (searched.map(drop), found.into_inner()) {
        // Both say so, or there is no path.
        (Ok(()), verdict) => verdict,
        // A path that was found and refused says more than the paths that lead nowhere.
        (Err(_), Err(refusal)) if refusal != PathError::UnknownIssuer => Err(refusal),
        (Err(error), _) => Err(refused(error)),
    }
}

/// Judges what webpki does not.
fn judge_candidate(
    candidate: &VerifiedPath<'_>,
    given: &[&Certificate],
    question: Question<'_>,
) -> Result<Path, PathError> {
    let Question { leaf, anchors, at, .. } = question;
    let anchor = anchors.anchors.iter().position(|known| known == candidate.anchor());
    let (Some(anchor), Some(rules)) =
        (anchor.and_then(|at| anchors.certificates.get(at)), anchor.and_then(|at| anchors.rules.get(at)))
    else {
        return Err(PathError::UnknownIssuer);
    };
    let mut chain = vec![leaf];
    for used in candidate.intermediate_certificates() {
        let der = used.der();
        let Some(authority) = given.iter().find(|certificate| certificate.der() == der.as_ref()) else {
            return Err(PathError::Other("a certificate of the path was not given".to_owned()));
        };
        chain.push(authority);
    }
    let authorities = chain.get(1..).unwrap_or_default();
    well_formed(leaf, Role::Leaf)?;
    for authority in authorities {
        well_formed(authority, Role::Authority)?;
    }
    well_formed(anchor, Role::Anchor)?;
    // RFC 5280 section 6.1.4 (n); webpki leaves keyUsage to its caller.
    if let Some(authority) =
        authorities.iter().chain([&anchor]).find(|authority| !authority.key_usage().is_none_or(KeyUsage::key_cert_sign))
    {
        return Err(PathError::AuthorityKeyUsage(authority.subject().to_string()));
    }
    // An anchor is trusted for as long as its certificate says, also where the standard asks nothing.
    if at < anchor.not_before() {
        return Err(PathError::NotYetValid);
    }
    if at > anchor.not_after() {
        return Err(PathError::Expired);
    }
    purposes(&chain, rules)?;
    if !rules.policies.is_empty() && !leaf.policies().iter().any(|policy| rules.policies.contains(policy)) {
        return Err(PathError::Policy);
    }
    let whole = || chain.iter().copied().chain([anchor]);
    let not_after = whole().map(Certificate::not_after).min().unwrap_or(at);
    let not_before = whole().map(Certificate::not_before).max().unwrap_or(at);
    let mut path = Path {
        subjects: whole().map(|certificate| certificate.subject().clone()).collect(),
        not_after,
        standing: Standing { holds: (not_before, not_after), judged: false, excepted: Vec::new() },
    };
    for (certificate, issuer) in chain.iter().zip(whole().skip(1)) {
        not_revoked(certificate, issuer, &rules.revocation, question.revocations, at, &mut path.standing)?;
    }
    Ok(path)
}

/// What is known of a certificate that is trusted by itself, being registered: it and the configured
/// authorities above it must not be revoked where they ask for that. No path is needed, so whatever
/// else is wrong with one hides no revocation.
///
/// # Errors
/// An error that speaks of revocation.
pub fn judge_standing(
    certificate: &Certificate,
    anchors: &Anchors,
    revocations: &Revocations,
    at: DateTime<Utc>,
) -> Result<Standing, PathError> {
    let mut standing = Standing { holds: (at, DateTime::<Utc>::MAX_UTC), judged: false, excepted: Vec::new() };
    let mut current = certificate;
    for _ in 0..=MAX_INTERMEDIATES {
        let Some((issuer, rules, anchor)) = anchors.issuer_of(current) else { break };
        not_revoked(current, issuer, &rules.revocation, revocations, at, &mut standing)?;
        if anchor {
            break;
        }
        current = issuer;
    }
    Ok(standing)
}

/// The status of one certificate; shortens the time for which the verdict holds.
fn not_revoked(
    certificate: &Certificate,
    issuer: &Certificate,
    rule: &RevocationRule,
    revocations: &Revocations,
    at: DateTime<Utc>,
    standing: &mut Standing,
) -> Result<(), PathError> {
    let RevocationRule::Required { unknown } = rule else { return Ok(()) };
    standing.judged = true;
    let names = || (certificate.subject().to_string(), issuer.subject().to_string());
    let status = revocations.status(certificate, (issuer.subject_der(), &issuer.key_thumbprint()), at);
    let end = match status {
        Status::Good { until, .. } => until,
        Status::Revoked { source } => {
            let (subject, issuer) = names();
            return Err(PathError::Revoked { subject, issuer, source });
        }
        Status::Unknown | Status::Stale { .. } => match unknown.as_ref().filter(|exception| at < exception.until) {
            Some(exception) => {
                standing.excepted.push((certificate.subject().clone(), exception.clone()));
                exception.until
            }
            None => {
                let (subject, issuer) = names();
                return Err(match status {
                    Status::Stale { next_update, source } => {
                        PathError::RevocationStale { subject, issuer, next_update, source }
                    }
                    _ => PathError::RevocationUnknown { subject, issuer },
                });
            }
        },
    };
    // The end itself, a nextUpdate, is too late.
    standing.holds.1 = standing.holds.1.min(end - chrono::Duration::milliseconds(1));
    Ok(())
}

fn well_formed(certificate: &Certificate, role: Role) -> Result<(), PathError> {
    form::check(certificate.der(), role).map_err(|error| PathError::Form(certificate.subject().to_string(), error))
}

/// Each certificate that limits its purposes must allow one that the anchor's rules take.
fn purposes(chain: &[&Certificate], rules: &PathRules) -> Result<(), PathError> {
    let taken = |purpose: &String| match rules.extended_key_usage.as_slice() {
        [] => purpose == CLIENT_AUTH,
        configured => configured.contains(purpose),
    };
    for (index, certificate) in chain.iter().enumerate() {
        let has = certificate.extended_key_usage();
        let asked = index == 0 && !rules.extended_key_usage.is_empty();
        if (asked || !has.is_empty()) && !has.iter().any(taken) {
            return Err(PathError::KeyPurpose);
        }
    }
    Ok(())
}

/// For webpki, any purpose that some anchor takes; which one counts is judged when the anchor is known.
struct Purposes<'p>(&'p [String]);

impl ExtendedKeyUsageValidator for Purposes<'_> {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let numbers = purpose?.to_decoded_oid();
            let dotted = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
            if dotted == CLIENT_AUTH || self.0.contains(&dotted) {
                return Ok(());
            }
            present.push(numbers);
        }
        let required = webpki::KeyUsage::client_auth();
        match present.is_empty() {
            true => Ok(()),
            false => Err(webpki::Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required, present })),
        }
    }
}

fn refused(error: webpki::Error) -> PathError {
    match error {
        webpki::Error::CertExpired { .. } => PathError::Expired,
        webpki::Error::CertNotValidYet { .. } => PathError::NotYetValid,
        webpki::Error::UnknownIssuer => PathError::UnknownIssuer,
        webpki::Error::RequiredEkuNotFoundContext(_) => PathError::KeyPurpose,
        other => PathError::Other(other.to_string()),
    }
}

/// Most certificates that may come along with a leaf.
pub(super) const MAX_INTERMEDIATES: usize = 8;
/// id-kp-clientAuth (RFC 5280 section 4.2.1.12).
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
    use rcgen::{KeyUsagePurpose, date_time_ymd};

    use super::*;

    pub fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params
    }

    pub fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn leaf(issuer: &CertifiedIssuer<'static, KeyPair>, purposes: &[ExtendedKeyUsagePurpose]) -> Certificate {
        let mut params = params("leaf");
        params.extended_key_usages = purposes.to_vec();
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap();
        Certificate::parse(certificate.der()).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_leads_from_a_leaf_to_its_anchor_while_all_are_valid() {
        let root = authority("root");
        let anchors = Anchors::from_der([root.der().as_ref()]).unwrap();
        let leaf = leaf(&root, &[]);
        let path = verify_path(&leaf, &[], &anchors, at("2026-06-01T00:00:00Z")).unwrap();
        assert_eq!(path.subjects().len(), 2);
        assert_eq!(path.not_after(), at("2027-01-01T00:00:00Z"));
        for (when, error) in
            [("2025-12-31T23:59:59Z", PathError::NotYetValid), ("2027-01-01T00:00:01Z", PathError::Expired)]
        {
            assert_eq!(verify_path(&leaf, &[], &anchors, at(when)).unwrap_err(), error);
        }
    }

    #[test]
    fn an_anchor_is_trusted_from_its_first_second_to_the_end_of_its_last() {
        let mut short = params("root");
        short.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (short.not_before, short.not_after) = (date_time_ymd(2026, 3, 1), date_time_ymd(2026, 9, 1));
        let root = CertifiedIssuer::self_signed(short, KeyPair::generate().unwrap()).unwrap();
        let anchors = Anchors::from_der([root.der().as_ref()]).unwrap();
        let leaf = leaf(&root, &[]);
        for (when, found) in [
            ("2026-02-28T23:59:58Z", Some(PathError::NotYetValid)),
            ("2026-02-28T23:59:59.9Z", Some(PathError::NotYetValid)),
            ("2026-03-01T00:00:00Z", None),
            ("2026-09-01T00:00:00.9Z", None),
            ("2026-09-01T00:00:01Z", Some(PathError::Expired)),
        ] {
            assert_eq!(verify_path(&leaf, &[], &anchors, at(when)).err(), found, "{when}");
        }
    }

    #[test]
    fn eight_certificates_may_come_along_and_no_more() {
        let root = authority("root");
        let anchors = Anchors::from_der([root.der().as_ref()]).unwrap();
        let (leaf, other) = (leaf(&root, &[]), Certificate::parse(authority("other").der()).unwrap());
        let judged = |count| verify_path(&leaf, &vec![other.clone(); count], &anchors, at("2026-06-01T00:00:00Z"));
        assert!(judged(8).is_ok());
        for count in [9, 10, 100] {
            assert_eq!(judged(count).unwrap_err(), PathError::TooManyIntermediates(count));
        }
    }

    #[test]
    fn each_anchor_takes_the_purposes_of_its_own_rules_and_no_others() {
        let (one, two) = (authority("one"), authority("two"));
        let mut anchors = Anchors::default();
        for (root, purpose) in [(&one, "1.2.3.1"), (&two, "1.2.3.2")] {
            let rules = PathRules { extended_key_usage: vec![purpose.to_owned()], ..PathRules::default() };
            anchors.add(vec![Certificate::parse(root.der()).unwrap()], Vec::new(), rules).unwrap();
        }
        let judged = |root, purposes: &[u64]| {
            let purposes: Vec<_> =
                purposes.iter().map(|last| ExtendedKeyUsagePurpose::Other(vec![1, 2, 3, *last])).collect();
            verify_path(&leaf(root, &purposes), &[], &anchors, at("2026-06-01T00:00:00Z")).err()
        };
        assert_eq!(judged(&one, &[1]), None);
        assert_eq!(judged(&one, &[2, 1]), None);
        assert_eq!(judged(&one, &[2]), Some(PathError::KeyPurpose));
        assert_eq!(judged(&two, &[1]), Some(PathError::KeyPurpose));
        // Where purposes are configured, a certificate names one.
        assert_eq!(judged(&one, &[]), Some(PathError::KeyPurpose));
    }

    #[test]
    fn other_anchors_other_rules_and_other_authorities_between_have_another_digest() {
        let certificate = |name| Certificate::parse(authority(name).der()).unwrap();
        let (one, two) = (certificate("one"), certificate("two"));
        let anchors = |certificates: &[&Certificate], between: &[&Certificate], rules: &PathRules| {
            let owned = |list: &[&Certificate]| list.iter().copied().cloned().collect::<Vec<_>>();
            let mut anchors = Anchors::default();
            anchors.add(owned(certificates), owned(between), rules.clone()).unwrap();
            anchors
        };
        let plain = PathRules::default();
        let strict = PathRules { policies: vec!["1.2.3".to_owned()], ..PathRules::default() };
        let all = [
            anchors(&[&one], &[], &plain),
            anchors(&[&two], &[], &plain),
            anchors(&[&one, &two], &[], &plain),
            anchors(&[&one], &[&two], &plain),
            anchors(&[&one], &[], &strict),
        ];
        let digests: std::collections::BTreeSet<_> = all.iter().map(Anchors::digest).collect();
        assert_eq!(digests.len(), all.len());
        assert_eq!(all[0].digest(), anchors(&[&one], &[], &plain).digest());
        assert_eq!((all[3].certificates().len(), all[3].intermediates().len(), all[3].issuers().count()), (1, 1, 2));
    }

    #[test]
    fn a_stranger_of_the_same_name_is_no_authority() {
        let (root, stranger) = (authority("root"), authority("root"));
        let anchors = Anchors::from_der([root.der().as_ref()]).unwrap();
        let found = verify_path(&leaf(&stranger, &[]), &[], &anchors, at("2026-06-01T00:00:00Z"));
        assert!(matches!(found, Err(PathError::UnknownIssuer | PathError::Other(_))), "{found:?}");
        assert_eq!(
            verify_path(&leaf(&root, &[]), &[], &Anchors::default(), at("2026-06-01T00:00:00Z")).unwrap_err(),
            PathError::NoAnchors
        );
    }

    #[test]
    fn an_extended_key_usage_may_be_absent_but_not_another() {
        let root = authority("root");
        let anchors = Anchors::from_der([root.der().as_ref()]).unwrap();
        let at = at("2026-06-01T00:00:00Z");
        assert!(verify_path(&leaf(&root, &[ExtendedKeyUsagePurpose::ClientAuth]), &[], &anchors, at).is_ok());
        let server = leaf(&root, &[ExtendedKeyUsagePurpose::ServerAuth]);
        assert_eq!(verify_path(&server, &[], &anchors, at).unwrap_err(), PathError::KeyPurpose);
    }
}
