//! What a certificate must be for its key to speak for a sender: dates, path, usage (RFC 5280).
//!
//! Whose key it is stands in the registry and is asked in
//! [`authenticate`](crate::flow::authenticate); nothing here finds a sender.

use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::profile::CertificateTrust;
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, Refusal, Time};
use crate::wire::x509::{self, Certificate};

/// The certificate's own dates, whatever else is known of its key: the sender can read them too.
pub(super) fn validity(certificate: &Certificate, now: Time, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let said = |check| {
        Refusal::new(check)
            .with(Fact::text("subject", certificate.subject().to_string()))
            .with(Fact::time("created", certificate.not_before()))
            .with(Fact::time("expires", certificate.not_after()))
            .with(Fact::time("clock", now))
    };
    inquiry.require(certificate.not_before() <= now, || said(CheckId::CertificateStarted))?;
    inquiry.require(now <= certificate.not_after(), || said(CheckId::CertificateExpired))
}

/// By what right the certificate speaks for its key, as the profile asks.
pub(super) fn path(
    certificate: &Certificate,
    intermediates: &[Certificate],
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let registered = terms.trust.registered(certificate);
    let needed = match terms.profile.certificate {
        CertificateTrust::Registered => false,
        CertificateTrust::RegisteredAndPath => true,
        CertificateTrust::RegisteredOrPath => !registered,
    };
    if !needed {
        return Ok(());
    }
    match x509::verify_path(certificate, intermediates, &terms.trust.anchors, terms.now) {
        Ok(_) => {
            let subject = Fact::text("subject", certificate.subject().to_string());
            inquiry.passed(CheckId::CertificatePath, facts([subject]));
            Ok(())
        }
        Err(error) => inquiry.refuse(
            Refusal::new(CheckId::CertificatePath)
                .with(Fact::text("subject", certificate.subject().to_string()))
                .with(Fact::text("issuer", certificate.issuer().to_string()))
                .with(Fact::text("detail", error.to_string())),
        ),
    }
}

/// RFC 5280 §4.2.1.3: where key usage is present, it must allow signing.
pub(super) fn usage(certificate: &Certificate, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.require(certificate.key_usage().is_none_or(|usage| usage.may_sign()), || {
        Refusal::new(CheckId::CertificateUsage)
            .with(Fact::text("subject", certificate.subject().to_string()))
            .with(Fact::text("detail", "its key usage has neither digitalSignature nor nonRepudiation"))
    })
}
