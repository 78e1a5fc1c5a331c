//! A signed document that is no envelope: a SAML Response or assertion by itself, signed metadata.
//!
//! - in: the document, the keys that are at hand beside those it shows, what algorithms are taken
//! - out: for each signature, which key made it and which element it is over
//!
//! For the command line. It proves nothing to any door: no [`Message`](crate::flow::verify::Message)
//! comes of it. The checks are the doors' own: the closed profile of `wire::dsig`, the element that
//! was digested compared by node.

use crate::flow::dsig_refusal;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::parse::{place, short};
use crate::flow::profile::Algorithms;
use crate::model::{CheckId, Fact, KeyThumbprint, Refusal, StepId, Time};
use crate::wire::base64;
use crate::wire::crypto::{KeyKind, PublicKey};
use crate::wire::dsig::{Error, Exceptions, Signature};
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::{Document, Element, Limits, time};

/// A signature that holds.
#[derive(Debug)]
pub struct Sealed<'d> {
    /// What it is over: the element that it stands in, or the root.
    pub element: Element<'d>,
    pub key: PublicKey,
    /// The certificate that the signature brings.
    pub certificate: Option<Certificate>,
}

/// What judging a document needs besides it.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// Keys that are at hand: issuers' and senders'.
    pub known: &'t [PublicKey],
    pub algorithms: &'t Algorithms,
    pub limits: &'t Limits,
    pub now: Time,
    /// What is taken outside the profile: nothing, unless a partner's exceptions are asked about.
    pub exceptions: Exceptions,
}

/// Whether the document is one that is judged here: no envelope, and signed or a SAML message.
pub fn fits(document: &Document) -> bool {
    let root = document.root();
    let is_saml = matches!(root.namespace(), ns::SAML1 | ns::SAML2 | ns::SAML2P);
    // A namespace of SOAP that nobody knows is a fault of the envelope; other envelopes are none.
    let is_envelope = root.local_name() == "Envelope" && root.namespace().contains("soap");
    !is_envelope && (is_saml || document.elements().any(|element| element.is(ns::DS, "Signature")))
}

/// Verifies every signature of the document.
///
/// # Errors
/// [`Stopped`]; the inquiry has the faults.
pub fn verify<'d>(document: &'d Document, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Vec<Sealed<'d>>, Stopped> {
    inquiry.step(StepId::Verify);
    if let Some(encrypted) = document.elements().find(|element| element.local_name() == "EncryptedAssertion") {
        inquiry.refuse(Refusal::new(CheckId::AssertionEncrypted).at(place(encrypted)))?;
    }
    let signatures: Vec<Element<'d>> = document.elements().filter(|element| element.is(ns::DS, "Signature")).collect();
    if signatures.is_empty() {
        inquiry.refuse(Refusal::new(CheckId::AssertionSigned).at(place(document.root())))?;
    }
    let mut sealed = Vec::new();
    for element in signatures {
        sealed.extend(signature(element, terms, inquiry)?);
    }
    wrapped(document, &sealed, inquiry)?;
    times(document, terms.now, inquiry)?;
    inquiry.clean()?;
    Ok(sealed)
}

/// An assertion beside the signed one is the shape of signature wrapping: none may stand outside
/// what is signed.
fn wrapped(document: &Document, sealed: &[Sealed<'_>], inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let is_assertion = |element: &Element<'_>| element.is(ns::SAML2, "Assertion") || element.is(ns::SAML1, "Assertion");
    for assertion in document.elements().filter(is_assertion) {
        let signed = sealed.is_empty() || sealed.iter().any(|sealed| sealed.element.contains(assertion));
        inquiry.require(signed, || Refusal::new(CheckId::AssertionSigned).at(place(assertion)))?;
    }
    Ok(())
}

fn signature<'d>(element: Element<'d>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Option<Sealed<'d>>, Stopped> {
    let refused = |error: &Error| dsig_refusal::refusal(element, error, terms.limits);
    let signature = match Signature::parse_with(element, terms.limits, terms.exceptions) {
        Ok(signature) => signature,
        Err(error) => return inquiry.refuse(refused(&error)).map(|()| None),
    };
    let faults = signature.faults();
    let allowed = terms.algorithms;
    for fault in &faults {
        let refusal = match fault {
            Error::SignatureMethod { .. } => {
                refused(fault).with(Fact::list("wanted", allowed.signatures.iter().map(|method| short(method.uri()))))
            }
            Error::DigestMethod { .. } => {
                refused(fault).with(Fact::list("wanted", allowed.digests.iter().map(|method| short(method.uri()))))
            }
            _ => refused(fault),
        };
        inquiry.refuse(refusal)?;
    }
    if !faults.is_empty() {
        inquiry.not_run(CheckId::SignatureValue);
        return Ok(None);
    }
    let key = value(&signature, terms, inquiry)?;
    let covered = digests(&signature, terms, inquiry)?;
    let root = element.document().root();
    let own = element.parent().unwrap_or(root);
    let over = covered.iter().copied().find(|covered| *covered == own || *covered == root);
    let (Some((key, certificate)), Some(element)) = (key, over) else {
        // A digest that differs has been told; what is left is a signature over something else.
        if let (Some(first), true) = (covered.first(), covered.len() == signature.references().len()) {
            let reference = signature.references().first().and_then(|reference| reference.uri).unwrap_or_default();
            inquiry.require(over.is_some(), || {
                Refusal::new(CheckId::ReferencePosition)
                    .with(Fact::text("reference", reference))
                    .with(Fact::text("element", first.qualified_name()))
                    .with(Fact::text("place", first.path()))
                    .with(Fact::text("wanted", own.path()))
                    .at(place(*first))
            })?;
        }
        return Ok(None);
    };
    Ok(Some(Sealed { element, key, certificate }))
}

type Signer = (PublicKey, Option<Certificate>);

/// The key that made the value: one that is at hand, or of a certificate in KeyInfo.
fn value(signature: &Signature<'_>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Option<Signer>, Stopped> {
    let certificates = certificates(signature.key_info());
    let mut tried: Vec<Signer> = Vec::new();
    for certificate in certificates {
        tried.extend(certificate.public_key().ok().map(|key| (key, Some(certificate))));
    }
    tried.extend(terms.known.iter().map(|key| (key.clone(), None)));
    let algorithm = Fact::text("algorithm", short(signature.method().uri));
    let subject_of = |signer: &Signer| {
        signer.1.as_ref().map_or_else(|| "a key that you named".to_owned(), |own| own.subject().to_string())
    };
    let Some(first) = tried.first() else {
        inquiry.refuse(Refusal::new(CheckId::KeyReferencePresent).at(place(signature.element)))?;
        return Ok(None);
    };
    let first = subject_of(first);
    let small = tried.iter().map(|(key, _)| key).find(|key| is_small(key, terms.algorithms)).map(PublicKey::bits);
    let signer = tried.into_iter().find(|(key, _)| signature.verify_value(key, terms.limits).is_ok());
    let Some(signer) = signer else {
        // A small key verifies nothing here, so nobody can tell whether it made the value.
        if let Some(bits) = small {
            let refusal = Refusal::new(CheckId::KeySize)
                .with(Fact::text("algorithm", KeyKind::Rsa.as_str()))
                .with(Fact::number("found", bits))
                .with(Fact::number("wanted", terms.algorithms.minimum_rsa_bits));
            return inquiry.refuse(refusal.at(place(signature.element))).map(|()| None);
        }
        let refusal = Refusal::new(CheckId::SignatureValue).with(Fact::text("subject", first)).with(algorithm);
        return inquiry.refuse(refusal.at(place(signature.element))).map(|()| None);
    };
    let thumbprint = Fact::text("thumbprint", KeyThumbprint(signer.0.thumbprint()).to_string());
    inquiry.passed(CheckId::SignatureValue, facts([Fact::text("subject", subject_of(&signer)), algorithm, thumbprint]));
    Ok(Some(signer))
}

fn is_small(key: &PublicKey, allowed: &Algorithms) -> bool {
    key.kind() == KeyKind::Rsa && u32::try_from(key.bits()).is_ok_and(|bits| bits < allowed.minimum_rsa_bits)
}

fn certificates(key_info: Option<Element<'_>>) -> Vec<Certificate> {
    let inside = key_info.into_iter().flat_map(Element::descendants);
    let texts = inside.filter(|element| element.is(ns::DS, "X509Certificate")).filter_map(Element::text);
    texts.filter_map(|text| Certificate::parse(&base64::decode_xml(&text).ok()?).ok()).take(MOST_CERTIFICATES).collect()
}

/// The elements whose digests hold.
fn digests<'d>(
    signature: &Signature<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Vec<Element<'d>>, Stopped> {
    let mut covered = Vec::new();
    for reference in signature.references() {
        let computed = match reference.digest(terms.limits) {
            Ok(computed) => computed,
            Err(error) => {
                inquiry.refuse(dsig_refusal::refusal(signature.element, &error, terms.limits))?;
                continue;
            }
        };
        let said = vec![
            Fact::text("element", computed.covered.qualified_name()),
            Fact::text("reference", reference.uri.unwrap_or_default()),
            Fact::text("algorithm", short(reference.digest_method.uri)),
            Fact::text("wanted", base64::encode(&reference.digest_value)),
            Fact::text("found", base64::encode(computed.computed.as_ref())),
        ];
        if computed.matches {
            inquiry.passed_at(CheckId::DigestValue, place(computed.covered), said);
            covered.push(computed.covered);
        } else {
            let at = Some(place(computed.covered));
            inquiry.refuse(Refusal { check: CheckId::DigestValue, facts: said, place: at })?;
        }
    }
    Ok(covered)
}

/// What assertions say of their own time (SAML Core §2.5.1.2).
fn times(document: &Document, now: Time, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let conditions = document
        .elements()
        .filter(|element| element.local_name() == "Conditions" && matches!(element.namespace(), ns::SAML1 | ns::SAML2));
    for element in conditions {
        let read = |name| element.attribute("", name).and_then(|text| time::parse(text).ok());
        let issuer = || {
            let issuer = element.parent().and_then(|assertion| assertion.child(ns::SAML2, "Issuer"));
            issuer.and_then(Element::text).map(|text| text.into_owned()).unwrap_or_default()
        };
        let said = |check| {
            Refusal::new(check)
                .with(Fact::text("issuer", issuer()))
                .with(Fact::time("clock", now))
                .with(Fact::number("skew", 0))
                .at(place(element))
        };
        if let Some(start) = read("NotBefore") {
            inquiry.require(start <= now, || said(CheckId::AssertionStarted).with(Fact::time("created", start)))?;
        }
        if let Some(end) = read("NotOnOrAfter") {
            inquiry.require(now < end, || said(CheckId::AssertionExpired).with(Fact::time("expires", end)))?;
        }
    }
    Ok(())
}

/// A chain is shorter.
const MOST_CERTIFICATES: usize = 8;
