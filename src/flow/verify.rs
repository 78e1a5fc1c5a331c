//! VERIFY: which parts of this envelope did the sender sign?
//!
//! - in: an [`Envelope`], parsed and not believed; whom we trust; the profile; the time
//! - out: a [`Message`], which speaks of signed parts and nothing else
//!
//! Specs: SOAP Message Security 1.1 §5 (header), §7 (token references), §8 (signatures), §10
//! (timestamps); XML Signature 1.1 §3.2 (core validation); WS-I Basic Security Profile 1.1.
//!
//! # The order
//!
//! Structure and algorithms before any cryptography; the signature over SignedInfo before any
//! reference; references before coverage; coverage before time. A stranger's message costs one
//! public-key operation and no more.
//!
//! # How it stays honest
//!
//! We walk from the root to the parts we use, and ask of *that very node* whether it was digested
//! ([`coverage`](crate::flow::coverage)). We never follow `URI="#id"` to some node and then use
//! what stands there: signature wrapping lives on that shortcut.
//!
//! # What this module never does
//!
//! It does not ask whose key it was. A perfect signature by a stranger passes here and fails in
//! [`authenticate`](crate::flow::authenticate). It reads no clock and does no I/O.
//!
//! # Out of spec
//!
//! WSS lets a header hold many signatures. We accept one: with two, "signed by whom" has no single
//! answer (`rules.md` 1.2 allows a second one for another key; nothing offers that yet).

use crate::flow::coverage::{self, Covered};
use crate::flow::dsig_refusal;
use crate::flow::freshness;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::key_reference::{self, KeySource, SigningKey};
use crate::flow::parse::{Envelope, place, place_if, short};
use crate::flow::profile::Profile;
use crate::flow::trust::Trust;
use crate::model::{CheckId, Fact, KeyThumbprint, Refusal, StepId, Time};
use crate::wire::crypto::{self, DigestAlgorithm, PublicKey, SignatureAlgorithm};
use crate::wire::dsig::{Error, Exception, Signature};
use crate::wire::saml;
use crate::wire::soap;
use crate::wire::wsse::SecurityHeader;
use crate::wire::xml::{Element, Limits};

/// The signed parts of an envelope. Made by [`envelope`] only.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(message: vidimus::flow::verify::Message<'_>) {
///     let _made = vidimus::flow::verify::Message { ..message };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(message: vidimus::flow::verify::Message<'_>) {
///     let _made = message;
/// }
/// ```
#[derive(Debug)]
pub struct Message<'d> {
    version: soap::Version,
    payload: Element<'d>,
    signer: SigningKey<'d>,
    covered: Covered<'d>,
    created: Time,
    usable_until: Time,
    identity: [u8; 32],
    signature_id: Option<&'d str>,
    claimed_message_id: Option<String>,
    exceptional: Vec<Exception>,
}

impl<'d> Message<'d> {
    pub fn version(&self) -> soap::Version {
        self.version
    }

    /// The one element in the signed Body.
    pub fn payload(&self) -> Element<'d> {
        self.payload
    }

    pub(super) fn signer(&self) -> &SigningKey<'d> {
        &self.signer
    }

    /// What the signature covers.
    pub fn covered(&self) -> &Covered<'d> {
        &self.covered
    }

    pub fn key(&self) -> &PublicKey {
        &self.signer.key
    }

    /// The assertion whose key signed, where it was one. Whose word it is, is judged in
    /// [`authenticate`](crate::flow::authenticate).
    pub fn assertion(&self) -> Option<&saml::Assertion<'d>> {
        match &self.signer.source {
            KeySource::Assertion { assertion } => Some(assertion),
            KeySource::Certificate { .. } => None,
        }
    }

    pub fn created(&self) -> Time {
        self.created
    }

    /// Until when this message could still be accepted, skew included: how long it is remembered.
    pub fn usable_until(&self) -> Time {
        self.usable_until
    }

    /// SHA-256(SPKI ‖ canonical SignedInfo): one space for all endpoints, profiles and doors. Not
    /// over the signature value, which is malleable for ECDSA (`rules.md` 3.1).
    pub fn identity(&self) -> [u8; 32] {
        self.identity
    }

    /// `ds:Signature/@Id`.
    pub(super) fn signature_id(&self) -> Option<&'d str> {
        self.signature_id
    }

    /// What the signature uses that only an exception of its sender allows.
    pub(super) fn exceptional(&self) -> &[Exception] {
        &self.exceptional
    }

    /// For echoing in `RelatesTo`: covered or not, it is only the caller's own word given back.
    pub fn claimed_message_id(&self) -> Option<&str> {
        self.claimed_message_id.as_deref()
    }
}

/// What verification needs besides the envelope.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    pub trust: &'t Trust,
    pub profile: &'t Profile,
    pub limits: &'t Limits,
    /// The addresses that a covered `wsa:To` may name: this endpoint's. Empty offline: any.
    pub addresses: &'t [String],
    pub now: Time,
}

/// Verifies structure, algorithms, signature, digests, coverage and time.
///
/// # Errors
/// [`Stopped`]; the inquiry has the faults.
pub fn envelope<'d>(envelope: &Envelope<'d>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Message<'d>, Stopped> {
    inquiry.step(StepId::Verify);
    let header = security_header(envelope, inquiry)?;
    let signature = signature(&header, terms, inquiry)?;
    let algorithm = algorithms(&signature, terms, inquiry)?;
    let signer = key_reference::signing_key(&header, &signature, terms, inquiry)?;
    let identity = signature_value(&signature, &signer, algorithm, terms, inquiry)?;
    let covered = coverage::covered(envelope, &header, &signature, &signer, terms, inquiry)?;
    let window = freshness::timestamp(&header, terms, inquiry)?;
    inquiry.clean()?;
    Ok(Message {
        version: envelope.soap.version,
        payload: envelope.soap.payload,
        signer,
        covered,
        created: window.created,
        usable_until: window.usable_until,
        identity,
        signature_id: signature.element.attribute("", "Id"),
        claimed_message_id: envelope.claimed_message_id().map(str::to_owned),
        exceptional: signature.exceptional().into_iter().map(|(exception, _)| exception).collect(),
    })
}

fn security_header<'d>(envelope: &Envelope<'d>, inquiry: &mut Inquiry) -> Result<SecurityHeader<'d>, Stopped> {
    let stray = match SecurityHeader::read(&envelope.soap) {
        Ok(Some(header)) => return Ok(header),
        Ok(None) => "no header".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(inquiry.stop(
        Refusal::new(CheckId::SecurityHeaderContent)
            .with(Fact::text("found", stray))
            .with(Fact::list("wanted", ["wsu:Timestamp", "wsse:BinarySecurityToken", "ds:Signature", "saml:Assertion"]))
            .at(place(envelope.security)),
    ))
}

/// The one signature, built as XML Signature demands.
fn signature<'d>(
    header: &SecurityHeader<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Signature<'d>, Stopped> {
    let [element, more @ ..] = header.signatures.as_slice() else {
        let wanted = terms.profile.coverage.required.iter().map(|part| part.element());
        return Err(inquiry.stop(
            Refusal::new(CheckId::SignaturePresent).with(Fact::list("wanted", wanted)).at(place(header.element)),
        ));
    };
    let element = *element;
    if let Some(second) = more.first() {
        inquiry.refuse(
            Refusal::new(CheckId::SignatureSingle)
                .with(Fact::number("count", header.signatures.len()))
                .at(place(*second)),
        )?;
    }
    // What no sender may use now is as unknown as what nobody ever may (`rules.md` 4.2).
    let exceptions = terms.trust.registry.exceptions_at(terms.now);
    Signature::parse_with(element, terms.limits, exceptions)
        .map_err(|error| inquiry.stop(dsig_refusal::refusal(element, &error, terms.limits)))
}

/// What the signature is made with, against what the profile allows. All faults are listed: each
/// is one line of the sender's configuration.
fn algorithms(
    signature: &Signature<'_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Option<SignatureAlgorithm>, Stopped> {
    let allowed = &terms.profile.algorithms;
    let methods = || Fact::list("wanted", allowed.signatures.iter().map(|method| short(method.uri())));
    let digests = || Fact::list("wanted", allowed.digests.iter().map(|method| short(method.uri())));
    let faults = signature.faults();
    for fault in &faults {
        let mut refusal = dsig_refusal::refusal(signature.element, fault, terms.limits);
        match fault {
            Error::SignatureMethod { .. } => refusal.facts.push(methods()),
            Error::DigestMethod { .. } => refusal.facts.push(digests()),
            _ => {}
        }
        inquiry.refuse(refusal)?;
    }
    // Known to us is not yet allowed by the profile. What an exception let in is judged once the sender is known.
    let exceptional = signature.exceptional();
    let excepted = |exception| exceptional.iter().any(|(used, _)| *used == exception);
    let method = signature.method();
    let allowed_method =
        method.known.filter(|_| allowed.signature(method.uri).is_some() || excepted(Exception::RsaSha1Signature));
    if method.known.is_some() {
        let said = Fact::text("algorithm", short(method.uri));
        inquiry.require(allowed_method.is_some(), || {
            Refusal::new(CheckId::SignatureMethod).with(said.clone()).with(methods()).at(place(method.element))
        })?;
    }
    for digest in signature.references().iter().map(|reference| &reference.digest_method) {
        let old = digest.known == Some(DigestAlgorithm::Sha1);
        inquiry.require(digest.known.is_none() || old || allowed.digest(digest.uri).is_some(), || {
            dsig_refusal::refusal(
                signature.element,
                &Error::DigestMethod { element: digest.element.id(), uri: digest.uri.into() },
                terms.limits,
            )
            .with(digests())
        })?;
    }
    if let Some(known) = allowed_method {
        inquiry.passed(CheckId::SignatureMethod, facts([Fact::text("algorithm", short(known.uri()))]));
    }
    for (exception, element) in &exceptional {
        let said = facts([Fact::text("algorithm", exception.as_str()), Fact::text("found", "used")]);
        inquiry.passed_at(CheckId::AlgorithmException, place_if(inquiry.verbose(), *element), said);
    }
    // With the canonicalisation outside the profile there are no octets to check a value over.
    Ok(allowed_method.filter(|_| signature.canonicalization().known.is_some()))
}

/// The signature over the canonical SignedInfo. Until it holds, no reference is looked at.
fn signature_value(
    signature: &Signature<'_>,
    signer: &SigningKey<'_>,
    algorithm: Option<SignatureAlgorithm>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<[u8; 32], Stopped> {
    let Some(algorithm) = algorithm else {
        inquiry.not_run(CheckId::SignatureValue);
        return Ok([0; 32]);
    };
    let key = &signer.key;
    key_fits(key, algorithm, terms, inquiry)?;
    let canonical = signature
        .canonical_signed_info(terms.limits)
        .map_err(|error| inquiry.stop(dsig_refusal::refusal(signature.element, &error, terms.limits)))?;
    let made_with = || Fact::text("algorithm", short(algorithm.uri()));
    let said = || {
        let thumbprint = KeyThumbprint(key.thumbprint()).to_string();
        facts([Fact::text("subject", signer.subject()), made_with(), Fact::text("thumbprint", thumbprint)])
    };
    let holds = key.verify(algorithm, &canonical, signature.value()).is_ok();
    inquiry.require(holds, || Refusal {
        check: CheckId::SignatureValue,
        facts: said(),
        place: Some(place(signature.element)),
    })?;
    if holds {
        let facts = if inquiry.verbose() { said() } else { facts([made_with()]) };
        inquiry.passed(CheckId::SignatureValue, facts);
    }
    Ok(crypto::sha256_of([key.spki(), &canonical]))
}

/// Key before maths: the key's kind must be the method's, and RSA keys large enough.
fn key_fits(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let minimum = terms.profile.algorithms.minimum_rsa_bits as usize;
    if algorithm.key_kind() != key.kind() {
        return inquiry.refuse(
            Refusal::new(CheckId::SignatureMethod)
                .with(Fact::text("algorithm", short(algorithm.uri())))
                .with(Fact::text("wanted", format!("a method for the {} key of the certificate", key.kind().as_str()))),
        );
    }
    inquiry.require(key.kind() != crypto::KeyKind::Rsa || key.bits() >= minimum, || {
        Refusal::new(CheckId::KeySize)
            .with(Fact::text("algorithm", key.kind().as_str()))
            .with(Fact::number("found", key.bits()))
            .with(Fact::number("wanted", minimum))
    })?;
    let minimum = terms.profile.algorithms.minimum_rsa_exponent;
    inquiry.require(key.rsa_exponent().is_none_or(|exponent| exponent >= minimum), || {
        Refusal::new(CheckId::KeyExponent)
            .with(Fact::text("found", key.rsa_exponent().unwrap_or_default().to_string()))
            .with(Fact::text("wanted", minimum.to_string()))
    })
}
