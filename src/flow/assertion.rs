//! SAML 2.0 assertions: whose word it is, whether it counts here and now, and for which key.
//!
//! Specs: SAML 2.0 Core §2.3-§2.5 (assertions, conditions), §5.4 (signatures); Profiles §3.1
//! (holder of key); WSS SAML Token Profile 1.1 §3.5.
//!
//! The issuer's key comes from configuration only, never from KeyInfo. Each SubjectConfirmation is
//! judged by itself, with its own data: what one says never helps another.

use chrono::Duration;

use crate::flow::dsig_refusal;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::parse::place;
use crate::model::{CheckId, Fact, Refusal, Time};
use crate::registry::{Registry, TokenIssuer};
use crate::wire::crypto::PublicKey;
use crate::wire::dsig::{Signature, TransformKind};
use crate::wire::ns;
use crate::wire::saml::{Assertion, ConfirmationMethod, ErrorKind, SubjectConfirmation};
use crate::wire::xml::{Element, Limits};

/// What judging needs besides the assertion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'t> {
    pub registry: &'t Registry,
    pub limits: &'t Limits,
    pub skew: Duration,
    pub now: Time,
}

/// An assertion that its issuer signed, that counts now, and is for us. Made by [`judge`] only.
#[derive(Debug)]
pub(super) struct Judged<'a, 'd, 't> {
    assertion: &'a Assertion<'d>,
    issuer: &'t TokenIssuer,
    expires: Time,
}

impl<'a, 'd, 't> Judged<'a, 'd, 't> {
    pub fn assertion(&self) -> &'a Assertion<'d> {
        self.assertion
    }

    pub fn issuer(&self) -> &'t TokenIssuer {
        self.issuer
    }

    /// The earliest end of all that the assertion says of its own life.
    pub fn expires(&self) -> Time {
        self.expires
    }
}

/// Reads an assertion; nothing of it is believed.
pub(super) fn read<'d>(element: Element<'d>, inquiry: &mut Inquiry) -> Result<Assertion<'d>, Stopped> {
    Assertion::read(element).map_err(|error| {
        let at = element.document().element(error.at);
        let refusal = match &error.kind {
            ErrorKind::Encrypted(_) => Refusal::new(CheckId::AssertionEncrypted),
            ErrorKind::Version(found) => Refusal::new(CheckId::AssertionVersion)
                .with(Fact::text("found", found.clone()))
                .with(Fact::text("wanted", "2.0")),
            ErrorKind::NotAnAssertion(_) if element.namespace() == ns::SAML1 => Refusal::new(CheckId::AssertionVersion)
                .with(Fact::text("found", "1.1"))
                .with(Fact::text("wanted", "2.0")),
            ErrorKind::SignaturePosition => {
                Refusal::new(CheckId::AssertionSignatureForm).with(Fact::text("detail", error.to_string()))
            }
            _ => Refusal::new(CheckId::AssertionStructure)
                .with(Fact::text("element", at.qualified_name()))
                .with(Fact::text("detail", error.to_string())),
        };
        inquiry.stop(refusal.at(place(at)))
    })
}

/// The one key that the assertion's holder-of-key confirmations name. Other confirmations are no
/// way in: holder-of-key in means proof of that key, whatever else the assertion offers.
pub(super) fn confirmation_key(assertion: &Assertion<'_>, inquiry: &mut Inquiry) -> Result<PublicKey, Stopped> {
    let refuse = |found: String| {
        Refusal::new(CheckId::AssertionConfirmation)
            .with(Fact::text("found", found))
            .with(Fact::text("wanted", ns::SAML2_HOLDER_OF_KEY))
            .at(place(assertion.element))
    };
    let mut keys = holder_of_key(assertion).flat_map(|confirmation| &confirmation.keys);
    let Some(first) = keys.next() else {
        let methods: Vec<String> =
            assertion.subject.confirmations.iter().map(|confirmation| method_name(&confirmation.method)).collect();
        let found = if methods.is_empty() { "missing".to_owned() } else { methods.join(", ") };
        return Err(inquiry.stop(refuse(found)));
    };
    if keys.any(|other| other.spki != first.spki) {
        return Err(inquiry.stop(refuse("holder-of-key for two keys".to_owned())));
    }
    PublicKey::from_spki(&first.spki)
        .map_err(|error| inquiry.stop(refuse(format!("holder-of-key with a key that cannot be used ({error})"))))
}

/// Judges an assertion: issuer, signature, times, conditions, audience, confirmations.
pub(super) fn judge<'a, 'd, 't>(
    assertion: &'a Assertion<'d>,
    terms: Terms<'t>,
    inquiry: &mut Inquiry,
) -> Result<Judged<'a, 'd, 't>, Stopped> {
    let named = &assertion.issuer.value;
    let Some(issuer) = terms.registry.issuer(named) else {
        return Err(inquiry.stop(
            Refusal::new(CheckId::AssertionIssuer)
                .with(Fact::text("issuer", named.clone()))
                .with(Fact::list("wanted", terms.registry.issuers().map(|issuer| issuer.issuer.clone())))
                .at(place(assertion.element)),
        ));
    };
    signature(assertion, issuer, terms.limits, inquiry)?;
    let expires = times(assertion, terms, inquiry)?;
    conditions(assertion, inquiry)?;
    audience(assertion, issuer, inquiry)?;
    Ok(Judged { assertion, issuer, expires })
}

fn holder_of_key<'a>(assertion: &'a Assertion<'_>) -> impl Iterator<Item = &'a SubjectConfirmation> {
    assertion.subject.confirmations.iter().filter(|confirmation| confirmation.method == ConfirmationMethod::HolderOfKey)
}

fn method_name(method: &ConfirmationMethod) -> String {
    match method {
        ConfirmationMethod::HolderOfKey => "holder-of-key without a key".to_owned(),
        ConfirmationMethod::SenderVouches => "sender-vouches".to_owned(),
        ConfirmationMethod::Bearer => "bearer".to_owned(),
        ConfirmationMethod::Other(uri) => uri.clone(),
    }
}

/// SAML 2.0 Core §5.4: one reference, to the assertion's own ID, enveloped and exclusively
/// canonicalised. The element that was digested is compared with the one that is read, by node.
fn signature(
    assertion: &Assertion<'_>,
    issuer: &TokenIssuer,
    limits: &Limits,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let Some(element) = assertion.signature else {
        return Err(inquiry.stop(Refusal::new(CheckId::AssertionSigned).at(place(assertion.element))));
    };
    let form = |detail: String| {
        Refusal::new(CheckId::AssertionSignatureForm).with(Fact::text("detail", detail)).at(place(element))
    };
    let signature = Signature::parse(element, limits).map_err(|error| inquiry.stop(form(error.to_string())))?;
    let [reference] = signature.references() else {
        return Err(inquiry.stop(form(format!("it has {} references", signature.references().len()))));
    };
    // Exceptions for old algorithms are never for assertions (`rules.md` 4.2).
    if let Some(fault) = signature.faults().first() {
        return Err(inquiry.stop(form(fault.to_string())));
    }
    let mut kinds = reference.transforms.iter().map(|transform| &transform.kind);
    let enveloped = matches!(
        (kinds.next(), kinds.next(), kinds.next()),
        (Some(TransformKind::Enveloped), Some(TransformKind::Exclusive(_)), None)
    );
    let Some(algorithm) = signature.method().known.filter(|_| enveloped) else {
        return Err(inquiry.stop(form("its transforms are not enveloped-signature, then exclusive".to_owned())));
    };
    if reference.id().ok() != Some(assertion.id) {
        return Err(inquiry.stop(form(format!("its reference is `{}`", reference.uri.unwrap_or_default()))));
    }
    let wrong = |detail: String| {
        Refusal::new(CheckId::AssertionSignature)
            .with(Fact::text("issuer", issuer.issuer.clone()))
            .with(Fact::text("detail", detail))
            .at(place(element))
    };
    let canonical = signature
        .canonical_signed_info(limits)
        .map_err(|error| inquiry.stop(dsig_refusal::refusal(element, &error, limits)))?;
    let holds = issuer
        .public_keys
        .iter()
        .filter_map(|spki| PublicKey::from_spki(spki).ok())
        .any(|key| key.verify(algorithm, &canonical, signature.value()).is_ok());
    if !holds {
        return Err(inquiry.stop(wrong("no configured key of this issuer made it".to_owned())));
    }
    match reference.digest(limits, &mut Vec::new()) {
        Ok(computed) if computed.matches && computed.covered.id() == assertion.element.id() => {
            let said = [Fact::text("issuer", issuer.issuer.clone()), Fact::text("found", assertion.id)];
            inquiry.passed(CheckId::AssertionSignature, facts(said));
            Ok(())
        }
        Ok(computed) if computed.matches => Err(inquiry.stop(form("it covers another element".to_owned()))),
        Ok(_) => Err(inquiry.stop(wrong("the assertion changed after it was signed".to_owned()))),
        Err(error) => Err(inquiry.stop(dsig_refusal::refusal(element, &error, limits))),
    }
}

/// SAML 2.0 Core §2.5.1.2, and the confirmations' own windows. Returns the earliest end.
fn times(assertion: &Assertion<'_>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Time, Stopped> {
    let conditions = &assertion.conditions;
    let starts = holder_of_key(assertion)
        .filter_map(|confirmation| confirmation.not_before)
        .chain(conditions.not_before)
        .chain([assertion.issue_instant])
        .max();
    let ends = holder_of_key(assertion)
        .filter_map(|confirmation| confirmation.not_on_or_after)
        .chain(conditions.not_on_or_after)
        .chain(assertion.authn_statements.iter().filter_map(|statement| statement.session_not_on_or_after))
        .min();
    // An assertion without an end would be a key for ever: what cannot be judged is refused.
    let Some(ends) = ends else {
        return Err(inquiry.stop(
            Refusal::new(CheckId::AssertionStructure)
                .with(Fact::text("element", "saml:Conditions"))
                .with(Fact::text("detail", "NotOnOrAfter is missing, so the assertion would never end"))
                .at(place(assertion.element)),
        ));
    };
    let skew = Fact::number("skew", terms.skew.num_seconds());
    if let Some(starts) = starts {
        inquiry.require(starts <= terms.now + terms.skew, || {
            Refusal::new(CheckId::AssertionStarted)
                .with(Fact::time("created", starts))
                .with(Fact::time("clock", terms.now))
                .with(skew.clone())
                .at(place(assertion.element))
        })?;
    }
    inquiry.require(terms.now < ends + terms.skew, || {
        Refusal::new(CheckId::AssertionExpired)
            .with(Fact::time("expires", ends))
            .with(Fact::time("clock", terms.now))
            .with(skew.clone())
            .at(place(assertion.element))
    })?;
    inquiry.passed(CheckId::AssertionExpired, facts([Fact::time("expires", ends)]));
    Ok(ends)
}

/// SAML 2.0 Core §2.5.1: a condition that is not understood makes the assertion undecidable, and
/// what cannot be decided is refused. ProxyRestriction 0 forbids what we are asked to do.
fn conditions(assertion: &Assertion<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let proxy = assertion.conditions.proxy_restriction.as_ref();
    let unknown =
        assertion.conditions.unknown.first().cloned().or_else(|| proxy.map(|_| "saml:ProxyRestriction".to_owned()));
    inquiry.require(unknown.is_none(), || {
        Refusal::new(CheckId::AssertionCondition)
            .with(Fact::text("element", unknown.unwrap_or_default()))
            .at(place(assertion.element))
    })
}

/// SAML 2.0 Core §2.5.1.4: we must be in every AudienceRestriction; an assertion without one is
/// for everybody, and so for nobody (`rules.md` 1.6).
fn audience(assertion: &Assertion<'_>, issuer: &TokenIssuer, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let restrictions = &assertion.conditions.audience_restrictions;
    let is_us = |restriction: &Vec<String>| restriction.iter().any(|audience| issuer.audiences.contains(audience));
    let recipients_fit = holder_of_key(assertion)
        .filter_map(|confirmation| confirmation.recipient.as_ref())
        .all(|recipient| issuer.audiences.contains(recipient));
    let for_us = !restrictions.is_empty() && restrictions.iter().all(is_us) && recipients_fit;
    inquiry.require(for_us, || {
        let found: Vec<&String> = restrictions.iter().flatten().collect();
        Refusal::new(CheckId::AssertionAudience)
            .with(Fact::list("found", found.into_iter().cloned()))
            .with(Fact::list("wanted", issuer.audiences.iter().cloned()))
            .at(place(assertion.element))
    })
}
