//! The form of a certificate (RFC 5280 section 4): what a conforming authority never issues, and
//! webpki lets pass.
//!
//! Asked of certificates that speak by their path, not of those that are registered byte for byte:
//! a registered certificate need not be anybody's but its own.

use std::fmt;

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{self, Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    KeyUsage, NameConstraints, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::{Certificate, Version};

use crate::wire::crypto::{KeyKind, PublicKey};

/// What a certificate is on its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Leaf,
    Authority,
    Anchor,
}

/// What is wrong with the form; reads on from "the certificate of …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormError {
    Unreadable(String),
    /// Section 4.1.2.1: extensions come with version 3.
    Version,
    /// Section 4.1.2.2: positive, at most 20 octets.
    Serial(&'static str),
    /// Section 4.2: each extension once.
    Repeated(String),
    /// Section 4.2: a critical extension that nobody here understands.
    Unknown(String),
    /// An extension that must be there.
    Missing(&'static str),
    /// An extension that must be, or must not be, critical.
    Criticality(&'static str, bool),
    /// An extension that this kind of certificate must not have.
    Misplaced(&'static str),
    /// An extension whose content cannot be.
    Content(&'static str),
    /// A name that must not be empty.
    EmptyName(&'static str),
    /// An RSA key below 2048 bits, or a key of a kind that nothing here verifies with.
    Key(String),
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(detail) => write!(f, "cannot be read: {detail}"),
            Self::Version => f.write_str("is not of version 3"),
            Self::Serial(what) => write!(f, "has a serial number that {what}"),
            Self::Repeated(id) => write!(f, "has the extension {id} twice"),
            Self::Unknown(id) => write!(f, "has a critical extension that is not understood: {id}"),
            Self::Missing(what) => write!(f, "has no {what}"),
            Self::Criticality(what, true) => write!(f, "has a {what} that is not critical"),
            Self::Criticality(what, false) => write!(f, "has a critical {what}"),
            Self::Misplaced(what) => write!(f, "has {what}, which is for authorities only"),
            Self::Content(what) => write!(f, "has a {what} that cannot be"),
            Self::EmptyName(what) => write!(f, "has an empty {what}"),
            Self::Key(detail) => write!(f, "has a key that is not taken: {detail}"),
        }
    }
}

impl std::error::Error for FormError {}

/// Whether the certificate is as its role asks.
pub(super) fn check(bytes: &[u8], role: Role) -> Result<(), FormError> {
    let certificate = Certificate::from_der(bytes).map_err(unreadable)?;
    let tbs = &certificate.tbs_certificate;
    let extensions = Extensions(tbs.extensions.as_deref().unwrap_or_default());
    if tbs.version != Version::V3 {
        return Err(FormError::Version);
    }
    extensions.each_once()?;
    extensions.known_where_critical()?;
    if role != Role::Anchor {
        serial(tbs.serial_number.as_bytes())?;
    }
    key(&certificate, role)?;
    if tbs.issuer.0.is_empty() {
        return Err(FormError::EmptyName("issuer"));
    }
    identifiers(&certificate, &extensions, role)?;
    match role {
        Role::Leaf => leaf(&extensions)?,
        Role::Authority | Role::Anchor => authority(&certificate, &extensions)?,
    }
    alternative_names(&certificate, &extensions)?;
    information_access(&extensions)?;
    // Section 4.2.1.11. webpki judges no policies and refuses critical ones.
    extensions.criticality(POLICY_CONSTRAINTS, "policyConstraints", true)?;
    name_constraints(&extensions)
}

/// Sections 4.2.1.1 and 4.2.1.2.
fn identifiers(certificate: &Certificate, extensions: &Extensions<'_>, role: Role) -> Result<(), FormError> {
    const AUTHORITY: &str = "authorityKeyIdentifier";
    const SUBJECT: &str = "subjectKeyIdentifier";
    extensions.criticality(AUTHORITY_KEY_IDENTIFIER, AUTHORITY, false)?;
    extensions.criticality(SUBJECT_KEY_IDENTIFIER, SUBJECT, false)?;
    let authority = extensions.read::<AuthorityKeyIdentifier>(AUTHORITY_KEY_IDENTIFIER, AUTHORITY)?;
    let subject = extensions.read::<SubjectKeyIdentifier>(SUBJECT_KEY_IDENTIFIER, SUBJECT)?;
    if role != Role::Leaf && subject.is_none() {
        return Err(FormError::Missing(SUBJECT));
    }
    let self_issued = certificate.tbs_certificate.subject == certificate.tbs_certificate.issuer;
    match (authority, role) {
        // A self-signed certificate may leave it out.
        (None, Role::Anchor) if self_issued => Ok(()),
        (None, _) => Err(FormError::Missing(AUTHORITY)),
        (Some(id), _) if id.authority_cert_issuer.is_some() != id.authority_cert_serial_number.is_some() => {
            Err(FormError::Content(AUTHORITY))
        }
        (Some(id), Role::Anchor) if self_issued => {
            let own = subject.map(|id| id.0);
            let plain = id.key_identifier.is_some() && id.authority_cert_issuer.is_none();
            if plain && id.key_identifier == own { Ok(()) } else { Err(FormError::Content(AUTHORITY)) }
        }
        (Some(id), _) if id.key_identifier.is_none() => Err(FormError::Missing("keyIdentifier of its issuer")),
        (Some(_), _) => Ok(()),
    }
}

fn leaf(extensions: &Extensions<'_>) -> Result<(), FormError> {
    // Section 4.2.1.10.
    if extensions.find(NAME_CONSTRAINTS).is_some() {
        return Err(FormError::Misplaced("nameConstraints"));
    }
    let authority = extensions.read::<BasicConstraints>(BASIC_CONSTRAINTS, "basicConstraints")?.is_some_and(|c| c.ca);
    let usage = extensions.read::<KeyUsage>(KEY_USAGE, "keyUsage")?;
    // Section 4.2.1.3: keyCertSign needs cA.
    if !authority && usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(FormError::Misplaced("key usage keyCertSign"));
    }
    Ok(())
}

fn authority(certificate: &Certificate, extensions: &Extensions<'_>) -> Result<(), FormError> {
    const CONSTRAINTS: &str = "basicConstraints";
    // Section 4.1.2.6.
    if certificate.tbs_certificate.subject.0.is_empty() {
        return Err(FormError::EmptyName("subject"));
    }
    // Section 4.2.1.9.
    let Some(constraints) = extensions.read::<BasicConstraints>(BASIC_CONSTRAINTS, CONSTRAINTS)? else {
        return Err(FormError::Missing(CONSTRAINTS));
    };
    extensions.criticality(BASIC_CONSTRAINTS, CONSTRAINTS, true)?;
    let usage = extensions.read::<KeyUsage>(KEY_USAGE, "keyUsage")?;
    if !constraints.ca {
        return Err(FormError::Missing("cA in its basicConstraints"));
    }
    if constraints.path_len_constraint.is_some() && !usage.is_none_or(|usage| usage.key_cert_sign()) {
        return Err(FormError::Content(CONSTRAINTS));
    }
    Ok(())
}

/// Section 4.2.1.6: critical where the subject is empty; never empty itself.
fn alternative_names(certificate: &Certificate, extensions: &Extensions<'_>) -> Result<(), FormError> {
    const NAMES: &str = "subjectAltName";
    let names = extensions.read::<SubjectAltName>(SUBJECT_ALT_NAME, NAMES)?;
    if certificate.tbs_certificate.subject.0.is_empty() {
        extensions.criticality(SUBJECT_ALT_NAME, NAMES, true)?;
        return if names.is_some() { Ok(()) } else { Err(FormError::EmptyName("subject and no subjectAltName")) };
    }
    if names.is_some_and(|names| names.0.is_empty()) { Err(FormError::Content(NAMES)) } else { Ok(()) }
}

fn serial(bytes: &[u8]) -> Result<(), FormError> {
    let [first, ..] = bytes else { return Err(FormError::Serial("is empty")) };
    if first & 0x80 != 0 {
        return Err(FormError::Serial("is negative"));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(FormError::Serial("is zero"));
    }
    // A sign octet is not counted.
    if bytes.iter().skip_while(|byte| **byte == 0).count() > MAX_SERIAL {
        return Err(FormError::Serial("has more than 20 octets"));
    }
    Ok(())
}

/// The leaf's key must be one that verifies messages; webpki judges those of authorities by what they
/// sign. RSA from 2048 bits, in whole octets.
fn key(certificate: &Certificate, role: Role) -> Result<(), FormError> {
    let spki = certificate.tbs_certificate.subject_public_key_info.to_der().map_err(unreadable)?;
    let key = match (PublicKey::from_spki(&spki), role) {
        (Ok(key), _) => key,
        (Err(error), Role::Leaf) => return Err(FormError::Key(error.to_string())),
        (Err(_), _) => return Ok(()),
    };
    let small = key.bits() < MINIMUM_RSA_BITS || key.bits() % 8 != 0;
    if key.kind() == KeyKind::Rsa && small {
        return Err(FormError::Key(format!("RSA of {} bits", key.bits())));
    }
    Ok(())
}

/// Section 4.2.1.10: critical, and a limit on something; a DNS name without a dot before it.
fn name_constraints(extensions: &Extensions<'_>) -> Result<(), FormError> {
    const NAMES: &str = "nameConstraints";
    let Some(constraints) = extensions.read::<NameConstraints>(NAME_CONSTRAINTS, NAMES)? else { return Ok(()) };
    extensions.criticality(NAME_CONSTRAINTS, NAMES, true)?;
    let subtrees = || constraints.permitted_subtrees.iter().chain(&constraints.excluded_subtrees).flatten();
    let dotted = |name: &GeneralName| matches!(name, GeneralName::DnsName(name) if name.as_str().starts_with('.'));
    if subtrees().next().is_none() || subtrees().any(|subtree| dotted(&subtree.base)) {
        return Err(FormError::Content(NAMES));
    }
    Ok(())
}

/// Sections 4.2.2.1 and 4.2.2.2: never critical, readable. The addresses are never used.
fn information_access(extensions: &Extensions<'_>) -> Result<(), FormError> {
    const ACCESS: &str = "information access extension";
    for id in [AUTHORITY_INFORMATION_ACCESS, SUBJECT_INFORMATION_ACCESS] {
        extensions.criticality(id, ACCESS, false)?;
        extensions.read::<AuthorityInfoAccessSyntax>(id, ACCESS)?;
    }
    Ok(())
}

/// The extensions of one certificate.
struct Extensions<'c>(&'c [Extension]);

impl Extensions<'_> {
    fn find(&self, id: ObjectIdentifier) -> Option<&Extension> {
        self.0.iter().find(|extension| extension.extn_id == id)
    }

    fn each_once(&self) -> Result<(), FormError> {
        for (index, extension) in self.0.iter().enumerate() {
            if self.0.iter().take(index).any(|before| before.extn_id == extension.extn_id) {
                return Err(FormError::Repeated(extension.extn_id.to_string()));
            }
        }
        Ok(())
    }

    /// Section 4.2: a critical extension that is not understood refuses the certificate, an anchor's too.
    fn known_where_critical(&self) -> Result<(), FormError> {
        let unknown = self.0.iter().find(|extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id));
        unknown.map_or(Ok(()), |extension| Err(FormError::Unknown(extension.extn_id.to_string())))
    }

    /// Whether the extension, where it is there, is as critical as it must be.
    fn criticality(&self, id: ObjectIdentifier, name: &'static str, wanted: bool) -> Result<(), FormError> {
        match self.find(id) {
            Some(extension) if extension.critical != wanted => Err(FormError::Criticality(name, wanted)),
            _ => Ok(()),
        }
    }

    fn read<'e, T: Decode<'e>>(&'e self, id: ObjectIdentifier, name: &'static str) -> Result<Option<T>, FormError> {
        let Some(extension) = self.find(id) else { return Ok(None) };
        T::from_der(extension.extn_value.as_bytes()).map(Some).map_err(|_| FormError::Content(name))
    }
}

/// The whole-list URLs of cRLDistributionPoints: neither for some reasons only nor another's list.
pub(super) fn crl_distribution_points(bytes: &[u8]) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(bytes).ok()?;
    let extensions = certificate.tbs_certificate.extensions.unwrap_or_default();
    let points: CrlDistributionPoints =
        Extensions(&extensions).read(CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints").ok()??;
    let whole = points.0.into_iter().filter(|point| point.reasons.is_none() && point.crl_issuer.is_none());
    let names = whole.filter_map(|point| match point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    let uri = |name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    Some(names.flatten().filter_map(uri).collect())
}

pub(super) fn policies(bytes: &[u8]) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(bytes).ok()?;
    let extensions = certificate.tbs_certificate.extensions.unwrap_or_default();
    let policies: CertificatePolicies =
        Extensions(&extensions).read(CERTIFICATE_POLICIES, "certificatePolicies").ok()??;
    Some(policies.0.iter().map(|policy| policy.policy_identifier.to_string()).collect())
}

pub(super) fn has_extension(bytes: &[u8], id: ObjectIdentifier) -> bool {
    let Ok(certificate) = Certificate::from_der(bytes) else { return false };
    certificate.tbs_certificate.extensions.unwrap_or_default().iter().any(|extension| extension.extn_id == id)
}

fn unreadable(error: der::Error) -> FormError {
    FormError::Unreadable(error.to_string())
}

/// What may be critical.
const UNDERSTOOD: &[ObjectIdentifier] = &[
    KEY_USAGE,
    SUBJECT_ALT_NAME,
    BASIC_CONSTRAINTS,
    NAME_CONSTRAINTS,
    CRL_DISTRIBUTION_POINTS,
    CERTIFICATE_POLICIES,
    POLICY_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    // judged below, where each has its own sentence
    SUBJECT_KEY_IDENTIFIER,
    AUTHORITY_KEY_IDENTIFIER,
    AUTHORITY_INFORMATION_ACCESS,
    SUBJECT_INFORMATION_ACCESS,
];
/// Section 4.1.2.2.
const MAX_SERIAL: usize = 20;
/// NIST SP 800-57 part 1: 112 bits of strength.
const MINIMUM_RSA_BITS: usize = 2048;
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const POLICY_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.36");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const AUTHORITY_INFORMATION_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const SUBJECT_INFORMATION_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.11");

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
