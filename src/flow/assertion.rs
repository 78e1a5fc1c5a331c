//! SAML assertions: whose word it is, whether it counts here and now, and for which key.
//!
//! Specs: SAML 2.0 Core §2.3-§2.5 (assertions, conditions), §5.4 (signatures); Profiles §3.1
//! (holder of key); SAML 1.1 Core §2; WSS SAML Token Profile 1.1 §3.5.
//!
//! The issuer's key comes from configuration only, never from KeyInfo. Each SubjectConfirmation is
//! judged by itself, with its own data: what one says never helps another.

use std::sync::Arc;

use chrono::Duration;

use crate::flow::dsig_refusal;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::parse::place;
use crate::flow::profile::SamlVersion;
use crate::flow::trust::Trust;
use crate::model::{CheckId, Fact, Refusal, Time};
use crate::registry::{Registry, Standing, TokenIssuer};
use crate::wire::crypto::PublicKey;
use crate::wire::dsig::{Signature, TransformKind};
use crate::wire::ns;
use crate::wire::saml::{self, Assertion, ConfirmationMethod, ErrorKind, NameId, SubjectConfirmation};
use crate::wire::xml::{Element, Limits};

/// What judging needs besides the assertion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'t> {
    pub trust: &'t Trust,
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

/// Reads an assertion of one of these versions; nothing of it is believed.
pub(super) fn read<'d>(
    element: Element<'d>,
    versions: &[SamlVersion],
    trust: &Trust,
    inquiry: &mut Inquiry,
) -> Result<Assertion<'d>, Stopped> {
    let other_version = |found: &str| {
        Refusal::new(CheckId::AssertionVersion)
            .with(Fact::text("found", found))
            .with(Fact::list("wanted", versions.iter().map(|version| version.as_str())))
    };
    let version = if element.namespace() == ns::SAML1 { SamlVersion::Saml11 } else { SamlVersion::Saml20 };
    inquiry.require(versions.contains(&version), || other_version(version.as_str()).at(place(element)))?;
    let known = |der: &[u8]| trust.known(der).map(|known| Arc::clone(&known.certificate));
    Assertion::read_any(element, &known).map_err(|error| {
        let at = element.document().element(error.at);
        let refusal = match &error.kind {
            ErrorKind::Encrypted(_) => Refusal::new(CheckId::AssertionEncrypted),
            ErrorKind::Version(found) => other_version(found),
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

/// The one key that the assertion is bound to. Each of its confirmations is a way to be meant by it,
/// so all must be holder-of-key: one that asks for less would make the others worth nothing.
pub(super) fn confirmation_key(
    assertion: &Assertion<'_>,
    trust: &Trust,
    inquiry: &mut Inquiry,
) -> Result<Arc<PublicKey>, Stopped> {
    let refuse = |found: String| {
        Refusal::new(CheckId::AssertionConfirmation)
            .with(Fact::text("found", found))
            .with(Fact::text("wanted", method_uri(assertion)))
            .at(place(assertion.element))
    };
    let confirmations = &assertion.subject.confirmations;
    let mut keys = confirmations.iter().flat_map(|confirmation| &confirmation.keys);
    let methods = || {
        let methods: Vec<String> = confirmations.iter().map(described).collect();
        refuse(if methods.is_empty() { "missing".to_owned() } else { methods.join(", ") })
    };
    let Some(first) = keys.next() else { return Err(inquiry.stop(methods())) };
    inquiry.require(confirmations.iter().all(proves_a_key), methods)?;
    let one_key = keys.all(|other| other.spki == first.spki);
    inquiry.require(one_key, || refuse("holder-of-key for two keys".to_owned()))?;
    trust
        .key(&first.spki)
        .map_err(|error| inquiry.stop(refuse(format!("holder-of-key with a key that cannot be used ({error})"))))
}

/// Holder-of-key with a key in it, and nothing beside it that cannot be judged here: an assertion
/// that answers some request, or may be shown from one address only (Core §2.4.1.2).
fn proves_a_key(confirmation: &SubjectConfirmation) -> bool {
    confirmation.method == ConfirmationMethod::HolderOfKey
        && !confirmation.keys.is_empty()
        && confirmation.in_response_to.is_none()
        && confirmation.address.is_none()
}

fn described(confirmation: &SubjectConfirmation) -> String {
    let name = confirmation.method.name();
    match confirmation {
        SubjectConfirmation { method: ConfirmationMethod::HolderOfKey, keys, .. } if keys.is_empty() => {
            format!("{name} without a key")
        }
        SubjectConfirmation { in_response_to: Some(request), .. } => format!("{name} in response to `{request}`"),
        SubjectConfirmation { address: Some(address), .. } => format!("{name} from the address `{address}` only"),
        _ => name.to_owned(),
    }
}

fn method_uri(assertion: &Assertion<'_>) -> &'static str {
    match assertion.version {
        saml::Version::Saml11 => ns::SAML1_HOLDER_OF_KEY,
        saml::Version::Saml20 => ns::SAML2_HOLDER_OF_KEY,
    }
}

/// Judges an assertion: issuer, signature, times, conditions, audience, confirmations.
pub(super) fn judge<'a, 'd, 't>(
    assertion: &'a Assertion<'d>,
    terms: Terms<'t>,
    inquiry: &mut Inquiry,
) -> Result<Judged<'a, 'd, 't>, Stopped> {
    let issuer = issuer(assertion, &terms.trust.registry, inquiry)?;
    signature(assertion, issuer, terms, inquiry)?;
    let expires = times(assertion, issuer, terms, inquiry)?;
    conditions(assertion, inquiry)?;
    audience(assertion, issuer, inquiry)?;
    authn_context(assertion, issuer, inquiry)?;
    Ok(Judged { assertion, issuer, expires })
}

/// The registered issuer of this very name. An Issuer of another format, or with qualifiers, is a
/// name of another kind that happens to read the same (Core §2.2.5, §8.3.6).
fn issuer<'t>(
    assertion: &Assertion<'_>,
    registry: &'t Registry,
    inquiry: &mut Inquiry,
) -> Result<&'t TokenIssuer, Stopped> {
    let NameId { value, format, name_qualifier, sp_name_qualifier } = &assertion.issuer;
    let plain = format.as_deref().is_none_or(|format| format == ns::SAML2_ENTITY)
        && name_qualifier.is_none()
        && sp_name_qualifier.is_none();
    let unknown = || {
        let named = if plain { value.clone() } else { format!("{value} (with a Format or qualifier)") };
        Refusal::new(CheckId::AssertionIssuer)
            .with(Fact::text("issuer", named))
            .with(Fact::list("wanted", registry.issuers().map(|issuer| issuer.issuer.clone())))
            .at(place(assertion.element))
    };
    let Some(issuer) = registry.issuer(value) else { return Err(inquiry.stop(unknown())) };
    inquiry.require(plain, unknown)?;
    inquiry.require(issuer.standing == Standing::Active, || {
        Refusal::new(CheckId::IssuerActive)
            .with(Fact::text("issuer", issuer.issuer.clone()))
            .at(place(assertion.element))
    })?;
    Ok(issuer)
}

fn holder_of_key<'a>(assertion: &'a Assertion<'_>) -> impl Iterator<Item = &'a SubjectConfirmation> {
    assertion.subject.confirmations.iter().filter(|confirmation| confirmation.method == ConfirmationMethod::HolderOfKey)
}

/// SAML 2.0 Core §5.4: one reference, to the assertion's own ID, enveloped and exclusively
/// canonicalised. The element that was digested is compared with the one that is read, by node.
fn signature(
    assertion: &Assertion<'_>,
    issuer: &TokenIssuer,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let limits = terms.limits;
    let Some(element) = assertion.signature else {
        return inquiry.refuse(Refusal::new(CheckId::AssertionSigned).at(place(assertion.element)));
    };
    let form = |detail: String| {
        Refusal::new(CheckId::AssertionSignatureForm).with(Fact::text("detail", detail)).at(place(element))
    };
    let signature = Signature::parse(element, limits).map_err(|error| inquiry.stop(form(error.to_string())))?;
    let [reference, more @ ..] = signature.references() else {
        return Err(inquiry.stop(form("it has no references".to_owned())));
    };
    inquiry.require(more.is_empty(), || form(format!("it has {} references", more.len() + 1)))?;
    // Exceptions for old algorithms are never for assertions (`rules.md` 4.2).
    if let Some(fault) = signature.faults().first() {
        inquiry.refuse(form(fault.to_string()))?;
    }
    let mut kinds = reference.transforms.iter().map(|transform| &transform.kind);
    let enveloped = matches!(
        (kinds.next(), kinds.next(), kinds.next()),
        (Some(TransformKind::Enveloped), Some(TransformKind::Exclusive(_)), None)
    );
    inquiry.require(enveloped, || form("its transforms are not enveloped-signature, then exclusive".to_owned()))?;
    inquiry.require(reference.id().ok() == Some(assertion.id), || {
        form(format!("its reference is `{}`", reference.uri.unwrap_or_default()))
    })?;
    let Some(algorithm) = signature.method().known else {
        return Err(inquiry.stop(form("its method is unknown".to_owned())));
    };
    let wrong = |detail: String| {
        Refusal::new(CheckId::AssertionSignature)
            .with(Fact::text("issuer", issuer.issuer.clone()))
            .with(Fact::text("detail", detail))
            .at(place(element))
    };
    let canonical = signature
        .canonical_signed_info(limits)
        .map_err(|error| inquiry.stop(dsig_refusal::refusal(element, &error, limits)))?;
    let keys = terms.trust.issuer_keys(&issuer.issuer);
    let holds = keys.iter().any(|key| key.verify(algorithm, &canonical, signature.value()).is_ok());
    inquiry.require(holds, || wrong("no configured key of this issuer made it".to_owned()))?;
    let computed =
        reference.digest(limits).map_err(|error| inquiry.stop(dsig_refusal::refusal(element, &error, limits)))?;
    let itself = computed.covered.id() == assertion.element.id();
    inquiry.require(computed.matches, || wrong("the assertion changed after it was signed".to_owned()))?;
    inquiry.require(itself, || form("it covers another element".to_owned()))?;
    if holds && computed.matches && itself {
        let said = [Fact::text("issuer", issuer.issuer.clone()), Fact::text("found", assertion.id)];
        inquiry.passed(CheckId::AssertionSignature, facts(said));
    }
    Ok(())
}

/// SAML 2.0 Core §2.5.1.2, and the confirmations' own windows. Returns the earliest end, which is
/// never later than the issuer's longest life after IssueInstant.
fn times(
    assertion: &Assertion<'_>,
    issuer: &TokenIssuer,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Time, Stopped> {
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
    let longest = Duration::from_std(issuer.maximum_lifetime).unwrap_or(Duration::MAX);
    let ends = assertion.issue_instant.checked_add_signed(longest).map_or(ends, |latest| ends.min(latest));
    let window = conditions.not_before.zip(conditions.not_on_or_after);
    inquiry.require(window.is_none_or(|(starts, ends)| starts < ends), || {
        Refusal::new(CheckId::AssertionStructure)
            .with(Fact::text("element", "saml:Conditions"))
            .with(Fact::text("detail", "it ends before it begins"))
            .at(place(assertion.element))
    })?;
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
/// for everybody, and so for nobody, unless its issuer is registered as one that never writes any
/// (`rules.md` 1.6).
fn audience(assertion: &Assertion<'_>, issuer: &TokenIssuer, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let restrictions = &assertion.conditions.audience_restrictions;
    let is_us = |restriction: &Vec<String>| restriction.iter().any(|audience| issuer.audiences.contains(audience));
    let recipients_fit = holder_of_key(assertion)
        .filter_map(|confirmation| confirmation.recipient.as_ref())
        .all(|recipient| issuer.audiences.contains(recipient));
    let named = !restrictions.is_empty() || issuer.without_audience;
    let for_us = named && restrictions.iter().all(is_us) && recipients_fit;
    inquiry.require(for_us, || {
        let found: Vec<&String> = restrictions.iter().flatten().collect();
        Refusal::new(CheckId::AssertionAudience)
            .with(Fact::list("found", found.into_iter().cloned()))
            .with(Fact::list("wanted", issuer.audiences.iter().cloned()))
            .at(place(assertion.element))
    })
}

/// How the subject was authenticated at the issuer, where that is asked for: by every AuthnStatement.
fn authn_context(assertion: &Assertion<'_>, issuer: &TokenIssuer, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    if issuer.authn_contexts.is_empty() {
        return Ok(());
    }
    let found: Vec<&str> = assertion
        .authn_statements
        .iter()
        .map(|statement| statement.context.as_deref().unwrap_or("an unnamed context"))
        .collect();
    let taken = |context: &&str| issuer.authn_contexts.iter().any(|wanted| wanted == context);
    inquiry.require(!found.is_empty() && found.iter().all(taken), || {
        Refusal::new(CheckId::AssertionContext)
            .with(Fact::list("found", found.iter().copied()))
            .with(Fact::text("issuer", issuer.issuer.clone()))
            .with(Fact::list("wanted", issuer.authn_contexts.iter().cloned()))
            .at(place(assertion.element))
    })
}
