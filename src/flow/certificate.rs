//! What a certificate must be for its key to speak for a sender: dates, path, usage, and not revoked
//! (RFC 5280, RFC 6960).
//!
//! Whose key it is stands in the registry and is asked in
//! [`authenticate`](crate::flow::authenticate); nothing here finds a sender.

use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::profile::CertificateTrust;
use crate::flow::trust::Trust;
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, KeyThumbprint, Refusal, Time};
use crate::wire::x509::{Certificate, PathError, Standing};

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
        // Its key is registered: nothing but a revocation speaks against it.
        return standing(certificate, (terms.trust, terms.now), inquiry);
    }
    match terms.trust.path(certificate, intermediates, &terms.profile.name, terms.now) {
        Ok(standing) => {
            let subject = Fact::text("subject", certificate.subject().to_string());
            inquiry.passed(CheckId::CertificatePath, facts([subject]));
            known(&standing, inquiry);
            Ok(())
        }
        Err(error) => refuse(certificate, error, terms.now, inquiry),
    }
}

/// Whether the configured authorities above a certificate say that it was revoked, or leave it unknown
/// where they are asked.
pub(super) fn standing(
    certificate: &Certificate,
    (trust, now): (&Trust, Time),
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    match trust.standing(certificate, now) {
        Ok(standing) => {
            standing.iter().for_each(|standing| known(standing, inquiry));
            Ok(())
        }
        Err(error) => refuse(certificate, error, now, inquiry),
    }
}

/// Whether the certificates with which a key was registered still stand: what was revoked is revoked
/// on every way in. A key that was registered in several certificates needs one that stands.
pub(super) fn key_standing(
    key: &KeyThumbprint,
    (trust, now): (&Trust, Time),
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let mut refused = None;
    for certificate in trust.certificates_of(key) {
        match trust.standing(certificate, now) {
            Ok(standing) => {
                standing.iter().for_each(|standing| known(standing, inquiry));
                return Ok(());
            }
            Err(error) => refused = Some((certificate, error)),
        }
    }
    match refused {
        None => Ok(()),
        Some((certificate, error)) => refuse(certificate, error, now, inquiry),
    }
}

/// Notes what was found of revocation, and what was let pass by exception.
fn known(standing: &Standing, inquiry: &mut Inquiry) {
    for (subject, exception) in &standing.excepted {
        let excepted = [
            Fact::text("subject", subject.to_string()),
            Fact::text("exception", exception.reason.clone()),
            Fact::time("expires", exception.until),
        ];
        inquiry.passed(CheckId::RevocationKnown, facts(excepted));
    }
    if standing.judged && standing.excepted.is_empty() {
        inquiry.passed(CheckId::CertificateRevoked, facts([Fact::time("expires", standing.holds.1)]));
    }
}

fn refuse(certificate: &Certificate, error: PathError, now: Time, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let said = |check, subject: String, issuer: String| {
        Refusal::new(check).with(Fact::text("subject", subject)).with(Fact::text("issuer", issuer))
    };
    inquiry.refuse(match error {
        PathError::Revoked { subject, issuer, source } => {
            said(CheckId::CertificateRevoked, subject, issuer).with(Fact::text("source", source))
        }
        PathError::RevocationUnknown { subject, issuer } => said(CheckId::RevocationKnown, subject, issuer),
        PathError::RevocationStale { subject, issuer, next_update, source } => {
            said(CheckId::RevocationFresh, subject, issuer)
                .with(Fact::text("source", source))
                .with(Fact::time("expires", next_update))
                .with(Fact::time("clock", now))
        }
        other => said(CheckId::CertificatePath, certificate.subject().to_string(), certificate.issuer().to_string())
            .with(Fact::text("detail", other.to_string())),
    })
}

/// RFC 5280 §4.2.1.3: where key usage is present, it must allow signing.
pub(super) fn usage(certificate: &Certificate, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.require(certificate.key_usage().is_none_or(|usage| usage.may_sign()), || {
        Refusal::new(CheckId::CertificateUsage)
            .with(Fact::text("subject", certificate.subject().to_string()))
            .with(Fact::text("detail", "its key usage has neither digitalSignature nor nonRepudiation"))
    })
}
