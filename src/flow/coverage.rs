//! What the signature covers, by the nodes themselves, at their own places.
//!
//! A reference may cover: the envelope's own Body; in our Security header the Timestamp, the
//! token, the assertion; any header block that is a child of the Header. Whatever else is covered
//! is the shape of signature wrapping (McIntosh & Austel 2005) and refuses the message, even when
//! everything that we need is covered as well.

use crate::flow::dsig_refusal;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::key_reference::{self, KeySource, SigningKey};
use crate::flow::parse::{Envelope, place, place_if, short};
use crate::flow::profile::{AddressingCoverage, AssertionCoverage, Part, Profile, TokenCoverage};
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, Refusal};
use crate::wire::base64;
use crate::wire::dsig::{Computed, Reference, Signature};
use crate::wire::ns;
use crate::wire::soap::addressing::AddressingHeader;
use crate::wire::wsse::{BinarySecurityToken, SecurityHeader, ValueType};
use crate::wire::x509::Certificate;
use crate::wire::xml::{Element, Limits, NodeId};

/// The covered elements, and what of the addressing headers may be believed.
#[derive(Debug)]
pub struct Covered<'d> {
    elements: Vec<Element<'d>>,
    to: Option<String>,
    message_id: Option<String>,
    assertion: bool,
    token: bool,
}

impl<'d> Covered<'d> {
    /// All covered elements, in the order of the references.
    pub fn elements(&self) -> &[Element<'d>] {
        &self.elements
    }

    /// `wsa:To`, when covered. It has been compared with this endpoint's addresses.
    pub fn to(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// `wsa:MessageID`, when covered.
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Whether the assertion whose key signed is covered.
    pub fn assertion(&self) -> bool {
        self.assertion
    }

    /// Whether the BinarySecurityToken whose key signed is covered.
    pub fn token(&self) -> bool {
        self.token
    }

    /// What refuses a message that asks for something that only a covered assertion allows (`rules.md` 1.5).
    pub(super) fn without_assertion(&self, asked: &str) -> Refusal {
        not_covered(CheckId::AssertionCovered, ASSERTION, asked, &[ASSERTION], Set(&self.elements))
    }
}

/// Checks every reference, then that all that must be covered is.
pub(super) fn covered<'d>(
    envelope: &Envelope<'d>,
    header: &SecurityHeader<'d>,
    signature: &Signature<'d>,
    signer: &SigningKey<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Covered<'d>, Stopped> {
    signed_once(envelope, signature, inquiry)?;
    let mut elements = Vec::with_capacity(signature.references().len());
    // One budget for all of them: what grows when it is canonicalised grows once.
    let mut limits = terms.limits.clone();
    for reference in signature.references() {
        let Some(computed) = digest(reference, signature, (terms, &limits), inquiry)? else { continue };
        limits.canonical = limits.canonical.saturating_sub(computed.octets);
        if computed.matches && position(envelope, header, computed.covered, reference, inquiry)? {
            elements.push(computed.covered);
        }
    }
    let set = Set(&elements);
    key_reference::named_once(header, signature, signer, |node| set.has(node), inquiry)?;
    let asked = Asked { set, signer, profile: terms.profile };
    required_parts(envelope, header, &asked, terms, inquiry)?;
    let token = token(header, signer, &asked, terms, inquiry)?;
    let assertion = assertion(header, signer, &asked, terms, inquiry)?;
    let (to, message_id) = addressing(envelope, &asked, terms, inquiry)?;
    Ok(Covered { to, message_id, assertion, token, elements })
}

/// All references together cover no more than the envelope: who signs a large part again and again has us digest it
/// as often, for a message that says no more than the honest one. A small part may be covered twice; some toolkits do.
fn signed_once(envelope: &Envelope<'_>, signature: &Signature<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let references = signature.references();
    // What a reference lacks that cannot be followed, is said when it is digested.
    let covers = references.iter().filter_map(|reference| reference.covers().ok());
    let weight: usize = covers.map(|element| element.range().len()).sum();
    let whole = envelope.soap.element.range().len();
    inquiry.require(weight <= whole, || {
        Refusal::new(CheckId::ReferenceWeight)
            .with(Fact::number("count", references.len()))
            .with(Fact::number("found", weight))
            .with(Fact::number("limit", whole))
            .at(place(signature.element))
    })
}

/// The elements covered so far, asked by node.
#[derive(Clone, Copy)]
struct Set<'a, 'd>(&'a [Element<'d>]);

impl Set<'_, '_> {
    fn has(self, node: NodeId) -> bool {
        self.0.iter().any(|element| element.id() == node)
    }

    fn names(self) -> Vec<String> {
        self.0.iter().map(|element| element.local_name().to_owned()).collect()
    }
}

/// What a refusal for want of coverage says: what the profile wants, and what was signed.
struct Asked<'a, 'd> {
    set: Set<'a, 'd>,
    signer: &'a SigningKey<'d>,
    profile: &'a Profile,
}

impl Asked<'_, '_> {
    fn refusal(&self, check: CheckId, element: &str) -> Refusal {
        not_covered(check, element, &self.profile.name, &wanted(self.signer, self.profile), self.set)
    }
}

fn not_covered(check: CheckId, element: &str, profile: &str, wanted: &[&str], set: Set<'_, '_>) -> Refusal {
    Refusal::new(check)
        .with(Fact::text("element", element))
        .with(Fact::text("profile", profile))
        .with(Fact::list("wanted", wanted.iter().copied()))
        .with(Fact::list("parts", set.names()))
}

/// All that the profile wants signed of a message with such a key.
fn wanted(signer: &SigningKey<'_>, profile: &Profile) -> Vec<&'static str> {
    let coverage = &profile.coverage;
    let token = match (&signer.source, coverage.binary_security_token) {
        (KeySource::Certificate { .. }, TokenCoverage::Always)
        | (KeySource::Certificate { token: Some(_), .. }, TokenCoverage::IfReferenced) => Some(TOKEN),
        (KeySource::Assertion { .. }, _) if profile.assertion.covered == AssertionCoverage::Required => Some(ASSERTION),
        _ => None,
    };
    let (headers, parts): (Vec<_>, Vec<_>) = coverage.required.iter().partition(|part| **part == Part::Timestamp);
    let names = |parts: Vec<Part>| parts.into_iter().map(Part::local_name);
    names(headers).chain(token).chain(names(parts)).collect()
}

/// One reference: what it covers, when it can be followed; a digest that differs is refused here.
fn digest<'d>(
    reference: &Reference<'d>,
    signature: &Signature<'d>,
    (terms, limits): (Terms<'_>, &Limits),
    inquiry: &mut Inquiry,
) -> Result<Option<Computed<'d>>, Stopped> {
    let uri = reference.uri.unwrap_or_default();
    let computed = match reference.digest(limits) {
        Ok(computed) => computed,
        // Algorithms and forms have been listed by `verify`; say each fault once.
        Err(error) if signature.faults().contains(&error) => return Ok(None),
        Err(error) => {
            inquiry.refuse(dsig_refusal::refusal(signature.element, &error, terms.limits))?;
            return Ok(None);
        }
    };
    let element = computed.covered;
    let said = || {
        vec![
            Fact::text("element", element.qualified_name()),
            Fact::text("reference", uri),
            Fact::text("algorithm", short(reference.digest_method.uri)),
            Fact::text("wanted", base64::encode(&reference.digest_value)),
            Fact::text("found", base64::encode(computed.computed.as_ref())),
        ]
    };
    if !computed.matches {
        inquiry.refuse(Refusal { check: CheckId::DigestValue, facts: said(), place: Some(place(element)) })?;
        return Ok(Some(computed));
    }
    let facts = if inquiry.verbose() {
        said()
    } else {
        facts([Fact::text("reference", uri), Fact::text("element", element.qualified_name())])
    };
    inquiry.passed_at(CheckId::DigestValue, place_if(inquiry.verbose(), element), facts);
    Ok(Some(computed))
}

/// Whether the covered element stands where an element of its name is read.
fn position(
    envelope: &Envelope<'_>,
    header: &SecurityHeader<'_>,
    element: Element<'_>,
    reference: &Reference<'_>,
    inquiry: &mut Inquiry,
) -> Result<bool, Stopped> {
    let parent = element.parent().map(Element::id);
    let in_header = envelope.soap.header.is_some_and(|own| parent == Some(own.id()));
    let in_security = parent == Some(header.element.id());
    let is_body = element.id() == envelope.soap.body.id();
    // A Body in a header is nobody's, whatever covers it.
    let is_soap = element.namespace() == envelope.soap.version.namespace();
    // The Security header itself cannot be covered by a signature inside it, and must not seem so.
    let elsewhere = (in_header && element.id() != header.element.id()) || in_security;
    let legal = is_body || (elsewhere && !is_soap);
    inquiry.require(legal, || {
        let wanted = match element.local_name() {
            "Body" => "/soap:Envelope/soap:Body",
            "Timestamp" | "BinarySecurityToken" | "Assertion" => "/soap:Envelope/soap:Header/wsse:Security",
            _ => "/soap:Envelope/soap:Header",
        };
        Refusal::new(CheckId::ReferencePosition)
            .with(Fact::text("reference", reference.uri.unwrap_or_default()))
            .with(Fact::text("element", element.qualified_name()))
            .with(Fact::text("place", element.path()))
            .with(Fact::text("wanted", wanted))
            .at(place(element))
    })?;
    Ok(legal)
}

fn required_parts(
    envelope: &Envelope<'_>,
    header: &SecurityHeader<'_>,
    asked: &Asked<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    for part in &terms.profile.coverage.required {
        let (check, element) = match part {
            Part::Body => (CheckId::CoverageBody, Some(envelope.soap.body)),
            Part::Timestamp => (CheckId::CoverageTimestamp, header.timestamps.first().copied()),
            // Those are looked at together, in `addressing`.
            Part::To | Part::Action | Part::MessageId => continue,
        };
        // A Timestamp that is missing is refused as missing, by `freshness`.
        let Some(element) = element else { continue };
        let signed = asked.set.has(element.id());
        inquiry.require(signed, || asked.refusal(check, part.local_name()).at(place(element)))?;
        if signed {
            inquiry.passed_at(check, place_if(inquiry.verbose(), element), Vec::new());
        }
    }
    Ok(())
}

/// The BinarySecurityToken, as the profile asks. Coverage through STR-Transform counts
/// (`rules.md` 4.4): what such a reference covers *is* the token.
fn token(
    header: &SecurityHeader<'_>,
    signer: &SigningKey<'_>,
    asked: &Asked<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<bool, Stopped> {
    let KeySource::Certificate { token, certificate, .. } = &signer.source else { return Ok(false) };
    let signed = match token {
        Some(token) => asked.set.has(token.id()),
        None => named_otherwise(header, certificate, asked.set),
    };
    let needed = match terms.profile.coverage.binary_security_token {
        TokenCoverage::Always => true,
        TokenCoverage::IfReferenced => token.is_some(),
        TokenCoverage::No => false,
    };
    inquiry.require(signed || !needed, || {
        asked.refusal(CheckId::CoverageToken, TOKEN).at(place(token.unwrap_or(header.element)))
    })?;
    Ok(signed)
}

/// Whether a covered token of this header holds the very certificate that KeyInfo named in another
/// way (by serial number or key identifier): then the key's certificate is signed all the same.
fn named_otherwise(header: &SecurityHeader<'_>, certificate: &Certificate, set: Set<'_, '_>) -> bool {
    let covered = header.binary_security_tokens.iter().filter(|token| set.has(token.id()));
    covered
        .filter_map(|token| BinarySecurityToken::read(*token).ok())
        .any(|token| token.value_type == ValueType::X509V3 && token.content == certificate.der())
}

/// The assertion whose key signed. Uncovered only where the profile says so, and it stands alone
/// (`rules.md` 1.5); what else that excludes is seen to where the request is read.
fn assertion(
    header: &SecurityHeader<'_>,
    signer: &SigningKey<'_>,
    asked: &Asked<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<bool, Stopped> {
    let KeySource::Assertion { assertion } = &signer.source else { return Ok(false) };
    let signed = asked.set.has(assertion.element.id());
    let excused = terms.profile.assertion.covered == AssertionCoverage::AcceptMissing && header.assertions.len() == 1;
    inquiry.require(signed || excused, || {
        asked.refusal(CheckId::AssertionCovered, ASSERTION).at(place(assertion.element))
    })?;
    let fact = Fact::text("found", if signed { "covered" } else { "token-uncovered" });
    inquiry.passed(CheckId::AssertionCovered, facts([fact]));
    Ok(signed)
}

/// Addressing headers: believed only when covered (`rules.md` 2.3).
fn addressing(
    envelope: &Envelope<'_>,
    asked: &Asked<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(Option<String>, Option<String>), Stopped> {
    let set = asked.set;
    let headers = &envelope.addressing;
    let believed = |header: &Option<AddressingHeader<'_>>| {
        header.as_ref().filter(|header| set.has(covered_node(header))).map(|header| header.value.clone())
    };
    if terms.profile.coverage.addressing == AddressingCoverage::SignedIfPresent {
        let missing: Vec<String> = headers
            .headers()
            .filter(|header| !set.has(covered_node(header)))
            .map(|header| header.element.qualified_name().to_owned())
            .collect();
        inquiry.require(missing.is_empty(), || {
            asked.refusal(CheckId::CoverageAddressing, "wsa:*").with(Fact::list("missing", missing))
        })?;
    }
    let (to, action) = (believed(&headers.to), believed(&headers.action));
    if let Some(to) = &to {
        inquiry.require(terms.addresses.is_empty() || terms.addresses.contains(to), || {
            Refusal::new(CheckId::AddressingTo)
                .with(Fact::text("found", to.clone()))
                .with(Fact::list("wanted", terms.addresses.iter().cloned()))
        })?;
    }
    let (has_to, has_action, message_id) = (to.is_some(), action.is_some(), believed(&headers.message_id));
    let lacks = |part: &Part| match part {
        Part::To => !has_to,
        Part::Action => !has_action,
        Part::MessageId => message_id.is_none(),
        Part::Body | Part::Timestamp => false,
    };
    let lacking: Vec<Part> = terms.profile.coverage.required.iter().copied().filter(lacks).collect();
    inquiry.require(lacking.is_empty(), || {
        asked
            .refusal(CheckId::CoverageAddressing, "wsa:*")
            .with(Fact::list("missing", lacking.iter().map(|part| part.element())))
    })?;
    for header in [&headers.reply_to, &headers.fault_to].into_iter().flatten() {
        answers_here(header, set, inquiry)?;
    }
    if let (Some(action), Some(served)) = (action, terms.profile.served_actions()) {
        inquiry.require(served.contains(&action), || {
            Refusal::new(CheckId::AddressingAction)
                .with(Fact::text("found", action.clone()))
                .with(Fact::list("wanted", served.iter().cloned()))
        })?;
    }
    Ok((to, message_id))
}

/// An answer goes to its asker only. Whoever signs another address would wait for it there
/// (WS-Addressing 1.0 SOAP §5.1: a fault of its own); who cannot sign it is not believed.
fn answers_here(header: &AddressingHeader<'_>, set: Set<'_, '_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let here = [ns::WSA_ANONYMOUS, ns::WSA04_ANONYMOUS].contains(&header.value.as_str());
    inquiry.require(here || !set.has(covered_node(header)), || {
        Refusal::new(CheckId::AddressingReplyTo)
            .with(Fact::text("element", header.element.qualified_name()))
            .with(Fact::text("found", header.value.clone()))
            .with(Fact::text("wanted", ns::WSA_ANONYMOUS))
            .at(place(header.element))
    })
}

/// The header block: what a signature covers is the block, also where the value stands deeper.
fn covered_node(header: &AddressingHeader<'_>) -> NodeId {
    header.element.id()
}

/// Elements as toolkits call them in their settings: without prefix.
const TOKEN: &str = "BinarySecurityToken";
const ASSERTION: &str = "Assertion";
