//! The authorities that an operator trusts, and what each asks of the certificates under it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

use super::signed::Signed;
use super::{Certificate, CertificateError};
use crate::wire::crypto;

/// The authorities that an operator trusts, with what each asks of the certificates under it.
#[derive(Clone, Default)]
pub struct Anchors {
    pub(super) certificates: Vec<Certificate>,
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) rules: Vec<Arc<PathRules>>,
    pub(super) intermediates: Vec<Certificate>,
    /// Of each intermediate, what its anchors ask.
    intermediate_rules: Vec<Arc<PathRules>>,
    pub(super) purposes: Vec<String>,
}

/// What an anchor asks of every path that leads to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathRules {
    pub revocation: RevocationRule,
    /// Dotted OIDs: the leaf must have one of them. Empty: clientAuth, where it has any.
    pub extended_key_usage: Vec<String>,
    /// Dotted OIDs: the leaf must have one of these policies. Empty: any, or none.
    pub policies: Vec<String>,
}

/// Whether revocation is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RevocationRule {
    /// By whoever wrote so in the configuration.
    #[default]
    Off,
    /// For each certificate of the path but the anchor. What is unknown is refused, but for a dated
    /// exception (`rules.md` 4.3).
    Required { unknown: Option<Exception> },
}

/// A dated exception: until then, what is unknown is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub until: DateTime<Utc>,
    pub reason: String,
}

impl Anchors {
    /// All certificates of a PEM file, each an anchor that asks nothing more.
    ///
    /// # Errors
    /// When a certificate cannot be read or cannot be an anchor.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut anchors = Self::default();
        anchors.add(Certificate::from_pem(pem)?, Vec::new(), PathRules::default())?;
        Ok(anchors)
    }

    /// DER certificates, each an anchor that asks nothing more.
    ///
    /// # Errors
    /// When a certificate cannot be read or cannot be an anchor.
    pub fn from_der<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CertificateError> {
        let mut anchors = Self::default();
        let read = certificates.into_iter().map(Certificate::parse).collect::<Result<Vec<_>, _>>()?;
        anchors.add(read, Vec::new(), PathRules::default())?;
        Ok(anchors)
    }

    /// Adds anchors that ask the same, and authorities between, which senders need not send along:
    /// those are trusted only where a path leads over them to an anchor.
    ///
    /// # Errors
    /// When a certificate cannot be an anchor.
    pub fn add(
        &mut self,
        certificates: Vec<Certificate>,
        intermediates: Vec<Certificate>,
        rules: PathRules,
    ) -> Result<(), CertificateError> {
        let anchors = certificates.iter().map(|certificate| {
            let der = CertificateDer::from(certificate.der());
            anchor_from_trusted_cert(&der)
                .map(|anchor| anchor.to_owned())
                .map_err(|error| CertificateError::Der(format!("cannot be an anchor: {error}")))
        });
        let anchors = anchors.collect::<Result<Vec<_>, _>>()?;
        self.purposes.extend(rules.extended_key_usage.iter().cloned());
        let rules = Arc::new(rules);
        self.rules.extend(anchors.iter().map(|_| Arc::clone(&rules)));
        self.anchors.extend(anchors);
        self.certificates.extend(certificates);
        self.intermediate_rules.extend(intermediates.iter().map(|_| Arc::clone(&rules)));
        self.intermediates.extend(intermediates);
        Ok(())
    }

    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// Whoever may sign a CRL or delegate to an OCSP responder.
    pub fn issuers(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().chain(&self.intermediates)
    }

    /// The anchors with their rules, in their order.
    pub fn rules(&self) -> impl Iterator<Item = (&Certificate, &PathRules)> {
        self.certificates.iter().zip(self.rules.iter().map(Arc::as_ref))
    }

    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Whether any anchor asks for revocation.
    pub fn ask_revocation(&self) -> bool {
        self.rules.iter().any(|rules| rules.revocation != RevocationRule::Off)
    }

    /// The configured authority that signed the certificate, what it asks, and whether it is an
    /// anchor.
    pub(super) fn issuer_of(&self, certificate: &Certificate) -> Option<(&Certificate, &PathRules, bool)> {
        let signed = Signed::read(certificate.der()).ok()?;
        let anchors = self.certificates.iter().zip(&self.rules).map(|(issuer, rules)| (issuer, rules, true));
        let others =
            self.intermediates.iter().zip(&self.intermediate_rules).map(|(issuer, rules)| (issuer, rules, false));
        anchors
            .chain(others)
            .filter(|(issuer, ..)| issuer.subject_der() == certificate.issuer_der())
            .find(|(issuer, ..)| signed.verify(issuer.spki()).is_ok())
            .map(|(issuer, rules, anchor)| (issuer, rules.as_ref(), anchor))
    }

    /// The certificate of the configured authority that signed `certificate`.
    pub fn issuer(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.issuer_of(certificate).map(|(issuer, ..)| issuer)
    }

    /// SHA-256 over everything that a verdict depends on: anchors, rules, authorities between.
    pub fn digest(&self) -> [u8; 32] {
        let mut all = Vec::new();
        for (certificate, rules) in self.rules() {
            all.extend_from_slice(&certificate.thumbprint());
            all.extend_from_slice(&crypto::sha256(format!("{rules:?}").as_bytes()));
        }
        all.push(0);
        self.intermediates.iter().for_each(|certificate| all.extend_from_slice(&certificate.thumbprint()));
        crypto::sha256(&all)
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}
