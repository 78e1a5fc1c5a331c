//! What the signature covers, by the nodes themselves, at their own places.
//!
//! A reference may cover: the envelope's own Body; in our Security header the Timestamp, the
//! token, the assertion; any header block that is a child of the Header. Whatever else is covered
//! is the shape of signature wrapping (McIntosh & Austel 2005) and refuses the message, even when
//! everything that we need is covered as well.

use crate::flow::dsig_refusal;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::key_reference::{KeySource, SigningKey};
use crate::flow::parse::{Envelope, place, place_if, short};
use crate::flow::profile::{AddressingCoverage, AssertionCoverage, Part, TokenCoverage};
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, Refusal};
use crate::wire::base64;
use crate::wire::dsig::{Reference, Signature};
use crate::wire::ns;
use crate::wire::soap::addressing::AddressingHeader;
use crate::wire::wsse::SecurityHeader;
use crate::wire::xml::{Element, NodeId};

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
    let mut elements = Vec::with_capacity(signature.references().len());
    let mut octets = Vec::with_capacity(envelope.soap.element.range().len());
    for reference in signature.references() {
        if let Some(element) = digest(reference, signature, terms, &mut octets, inquiry)?
            && position(envelope, header, element, reference, inquiry)?
        {
            elements.push(element);
        }
    }
    let set = Set(&elements);
    required_parts(envelope, header, set, terms, inquiry)?;
    let token = token(header, signer, set, terms, inquiry)?;
    let assertion = assertion(header, signer, set, terms, inquiry)?;
    let (to, message_id) = addressing(envelope, set, terms, inquiry)?;
    Ok(Covered { to, message_id, assertion, token, elements })
}

/// The elements covered so far, asked by node.
#[derive(Clone, Copy)]
struct Set<'a, 'd>(&'a [Element<'d>]);

impl Set<'_, '_> {
    fn has(self, node: NodeId) -> bool {
        self.0.iter().any(|element| element.id() == node)
    }

    fn names(self) -> Vec<String> {
        self.0.iter().map(|element| element.qualified_name().to_owned()).collect()
    }
}

/// One reference: the element that it covers, when the digest holds.
fn digest<'d>(
    reference: &Reference<'d>,
    signature: &Signature<'d>,
    terms: Terms<'_>,
    octets: &mut Vec<u8>,
    inquiry: &mut Inquiry,
) -> Result<Option<Element<'d>>, Stopped> {
    let uri = reference.uri.unwrap_or_default();
    let computed = match reference.digest(terms.limits, octets) {
        Ok(computed) => computed,
        // Algorithms and forms have been listed by `verify`; say each fault once.
        Err(error) if signature.faults().contains(&error) => return Ok(None),
        Err(error) => {
            inquiry.refuse(dsig_refusal::refusal(signature.element, &error, terms.limits))?;
            return Ok(None);
        }
    };
    let element = computed.covered;
    let said = |found: &str| {
        vec![
            Fact::text("element", element.qualified_name()),
            Fact::text("reference", uri),
            Fact::text("algorithm", short(reference.digest_method.uri)),
            Fact::text("wanted", base64::encode(&reference.digest_value)),
            Fact::text("found", found),
        ]
    };
    let found = base64::encode(computed.computed.as_ref());
    if !computed.matches {
        inquiry.refuse(Refusal { check: CheckId::DigestValue, facts: said(&found), place: Some(place(element)) })?;
        return Ok(None);
    }
    let facts = if inquiry.verbose() {
        said(&found)
    } else {
        facts([Fact::text("reference", uri), Fact::text("element", element.qualified_name())])
    };
    inquiry.passed_at(CheckId::DigestValue, place_if(inquiry.verbose(), element), facts);
    Ok(Some(element))
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
    set: Set<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    for part in &terms.profile.coverage.required {
        let (check, element) = match part {
            Part::Body => (CheckId::CoverageBody, Some(envelope.soap.body)),
            Part::Timestamp => (CheckId::CoverageTimestamp, header.timestamps.first().copied()),
        };
        // A Timestamp that is missing is refused as missing, by `freshness`.
        let Some(element) = element else { continue };
        let signed = set.has(element.id());
        inquiry.require(signed, || Refusal::new(check).with(Fact::list("parts", set.names())).at(place(element)))?;
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
    set: Set<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<bool, Stopped> {
    let KeySource::Certificate { token, .. } = &signer.source else { return Ok(false) };
    let signed = token.is_some_and(|token| set.has(token.id()));
    let needed = match terms.profile.coverage.binary_security_token {
        TokenCoverage::Always => true,
        TokenCoverage::IfReferenced => token.is_some(),
        TokenCoverage::No => false,
    };
    inquiry.require(signed || !needed, || {
        Refusal::new(CheckId::CoverageToken)
            .with(Fact::text("element", "wsse:BinarySecurityToken"))
            .with(Fact::list("parts", set.names()))
            .at(place(token.unwrap_or(header.element)))
    })?;
    Ok(signed)
}

/// The assertion whose key signed. Uncovered only where the profile says so, and it stands alone
/// (`rules.md` 1.5); what else that excludes is seen to where the request is read.
fn assertion(
    header: &SecurityHeader<'_>,
    signer: &SigningKey<'_>,
    set: Set<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<bool, Stopped> {
    let KeySource::Assertion { assertion } = &signer.source else { return Ok(false) };
    let signed = set.has(assertion.element.id());
    let excused = terms.profile.assertion.covered == AssertionCoverage::AcceptMissing && header.assertions.len() == 1;
    inquiry.require(signed || excused, || {
        Refusal::new(CheckId::AssertionCovered).with(Fact::list("parts", set.names())).at(place(assertion.element))
    })?;
    let fact = Fact::text("found", if signed { "covered" } else { "token-uncovered" });
    inquiry.passed(CheckId::AssertionCovered, facts([fact]));
    Ok(signed)
}

/// Addressing headers: believed only when covered (`rules.md` 2.3).
fn addressing(
    envelope: &Envelope<'_>,
    set: Set<'_, '_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<(Option<String>, Option<String>), Stopped> {
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
            Refusal::new(CheckId::CoverageAddressing)
                .with(Fact::list("missing", missing))
                .with(Fact::list("parts", set.names()))
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
    inquiry.require(to.is_some() || !terms.profile.coverage.to_required, || {
        Refusal::new(CheckId::CoverageAddressing)
            .with(Fact::list("missing", ["wsa:To"]))
            .with(Fact::list("parts", set.names()))
    })?;
    for header in [&headers.reply_to, &headers.fault_to].into_iter().flatten() {
        answers_here(header, set, inquiry)?;
    }
    if let Some(action) = action {
        let served = &terms.profile.actions.issue.request;
        inquiry.require(served.contains(&action), || {
            Refusal::new(CheckId::AddressingAction)
                .with(Fact::text("found", action.clone()))
                .with(Fact::list("wanted", served.iter().cloned()))
        })?;
    }
    Ok((to, believed(&headers.message_id)))
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

/// A part's name for people.
pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::Body => "soap:Body",
        Part::Timestamp => "wsu:Timestamp",
    }
}
