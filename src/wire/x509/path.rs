//! Certification paths (RFC 5280 section 6), by rustls-webpki: signatures, times, basic and name
//! constraints, path length. Roots that a message brings are never anchors; SHA-1 and MD5 sign
//! nothing; the extended key usage, where a certificate has one, must allow client authentication.

use std::fmt;

use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use super::{Certificate, CertificateError, DistinguishedName, KeyUsage};

/// The authorities that an operator trusts.
#[derive(Clone, Default)]
pub struct Anchors {
    certificates: Vec<Certificate>,
    anchors: Vec<TrustAnchor<'static>>,
}

impl Anchors {
    /// All certificates of a PEM file, each an anchor.
    ///
    /// # Errors
    /// When a certificate cannot be read or cannot be an anchor.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        Self::new(Certificate::from_pem(pem)?)
    }

    /// DER certificates, each an anchor.
    ///
    /// # Errors
    /// When a certificate cannot be read or cannot be an anchor.
    pub fn from_der<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CertificateError> {
        Self::new(certificates.into_iter().map(Certificate::parse).collect::<Result<_, _>>()?)
    }

    fn new(certificates: Vec<Certificate>) -> Result<Self, CertificateError> {
        let anchors = certificates.iter().map(|certificate| {
            let der = CertificateDer::from(certificate.der());
            anchor_from_trusted_cert(&der)
                .map(|anchor| anchor.to_owned())
                .map_err(|error| CertificateError::Der(format!("cannot be an anchor: {error}")))
        });
        Ok(Self { anchors: anchors.collect::<Result<_, _>>()?, certificates })
    }

    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}

/// A path that was verified: leaf, the authorities between, and the anchor's name. Made by
/// [`verify_path`] only.
#[derive(Debug)]
pub struct Path {
    subjects: Vec<DistinguishedName>,
    not_after: DateTime<Utc>,
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
}

/// Why no path was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// No anchor is configured.
    NoAnchors,
    /// More than [`MAX_INTERMEDIATES`] certificates came along.
    TooManyIntermediates(usize),
    Expired,
    NotYetValid,
    /// Nobody that is trusted signed it.
    UnknownIssuer,
    /// The extended key usage excludes client authentication.
    KeyPurpose,
    /// An authority on the path may not sign certificates (keyUsage).
    AuthorityKeyUsage(String),
    /// All else that webpki refuses, in its words.
    Other(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchors => f.write_str("no anchor is configured"),
            Self::TooManyIntermediates(count) => {
                write!(f, "{count} intermediate certificates came along; {MAX_INTERMEDIATES} may")
            }
            Self::Expired => f.write_str("a certificate of the path has expired"),
            Self::NotYetValid => f.write_str("a certificate of the path is not valid yet"),
            Self::UnknownIssuer => f.write_str("no path leads to a configured anchor"),
            Self::KeyPurpose => f.write_str("the extended key usage excludes client authentication"),
            Self::AuthorityKeyUsage(name) => write!(f, "the key usage of `{name}` does not allow signing certificates"),
            Self::Other(detail) => write!(f, "the path does not verify: {detail}"),
        }
    }
}

impl std::error::Error for PathError {}

/// Looks for a path from `leaf` over `intermediates` to one of `anchors` that holds at `at`.
///
/// # Errors
/// Why there is none.
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &Anchors,
    at: DateTime<Utc>,
) -> Result<Path, PathError> {
    if anchors.is_empty() {
        return Err(PathError::NoAnchors);
    }
    if intermediates.len() > MAX_INTERMEDIATES {
        return Err(PathError::TooManyIntermediates(intermediates.len()));
    }
    let leaf_der = CertificateDer::from(leaf.der());
    let between: Vec<_> = intermediates.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
    let end = EndEntityCert::try_from(&leaf_der).map_err(refused)?;
    let at = u64::try_from(at.timestamp()).map_err(|_| PathError::NotYetValid)?;
    let verified = end
        .verify_for_usage(
            ALGORITHMS,
            &anchors.anchors,
            &between,
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(at)),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(refused)?;

    let mut path = Path { subjects: vec![leaf.subject().clone()], not_after: leaf.not_after() };
    for used in verified.intermediate_certificates() {
        let der = used.der();
        let Some(authority) = intermediates.iter().find(|certificate| certificate.der() == der.as_ref()) else {
            return Err(PathError::Other("a certificate of the path was not given".to_owned()));
        };
        // RFC 5280 section 6.1.4 (n); webpki leaves keyUsage to its caller.
        if !authority.key_usage().is_none_or(KeyUsage::key_cert_sign) {
            return Err(PathError::AuthorityKeyUsage(authority.subject().to_string()));
        }
        path.subjects.push(authority.subject().clone());
        path.not_after = path.not_after.min(authority.not_after());
    }
    let anchor = verified.anchor();
    let found = anchors.anchors.iter().position(|known| known == anchor);
    if let Some(anchor) = found.and_then(|index| anchors.certificates.get(index)) {
        path.subjects.push(anchor.subject().clone());
        path.not_after = path.not_after.min(anchor.not_after());
    }
    Ok(path)
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
const MAX_INTERMEDIATES: usize = 8;

/// What may sign certificates: RSA from 2048 bits, ECDSA and Ed25519, with SHA-2.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
];

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
    use rcgen::{KeyUsagePurpose, date_time_ymd};

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
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
