//! What a signature says about which elements: canonical forms, digests, the signature value.
//!
//! The caller verifies SignedInfo first ([`Signature::verify_value`]); only then is it worth the cost to look at what
//! the references name (XML Signature 1.1 §3.2, in the other order: a reference of a stranger is work for nothing).

use super::parse::structure;
use super::{Algorithm, Canonical, Error, Exception, Reference, Signature, Transform, TransformKind};
use crate::wire::crypto::{Digest, DigestAlgorithm, Digester, PublicKey, SignatureAlgorithm, constant_time_eq};
use crate::wire::guard::{self, Guard};
use crate::wire::ns;
use crate::wire::xml::c14n::{self, Exclusive, Sink};
use crate::wire::xml::inclusive::{Version, inclusive};
use crate::wire::xml::{ById, Element, Limits, NodeId, is_id};

/// A reference, followed and digested.
#[derive(Clone)]
pub struct Computed<'d> {
    /// What the digest covers: the referenced element, or the token of an STR-Transform.
    pub covered: Element<'d>,
    /// The digest of its canonical form.
    pub computed: Digest,
    /// The length of that form, in bytes.
    pub octets: usize,
    /// Whether that is the DigestValue.
    pub matches: bool,
}

impl<'d> Signature<'d> {
    /// All that is outside the profile, in document order: algorithms, transforms, forms of references. Empty is the
    /// precondition of every verification below, each of which checks its own part again.
    pub fn faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        faults.extend(known(&self.canonicalization).err());
        if self.method.known.is_none() {
            faults.push(Error::SignatureMethod { element: self.method.element.id(), uri: self.method.uri.into() });
        }
        for reference in &self.references {
            faults.extend(reference.id().err());
            faults.extend(reference.plan().err());
            faults.extend(reference.digest_algorithm().err());
        }
        faults
    }

    /// What this signature uses that only an exception allows: each with the first element that names it.
    pub fn exceptional(&self) -> Vec<(Exception, Element<'d>)> {
        let mut used = Vec::new();
        if self.method.known == Some(SignatureAlgorithm::RsaSha1) {
            used.push((Exception::RsaSha1Signature, self.method.element));
        }
        let old_digest = |reference: &&Reference<'d>| reference.digest_method.known == Some(DigestAlgorithm::Sha1);
        if let Some(reference) = self.references.iter().find(old_digest) {
            used.push((Exception::Sha1Digest, reference.digest_method.element));
        }
        let inclusive_info = matches!(self.canonicalization.known, Some(Canonical::Inclusive(_)));
        let inclusive_reference = || self.references.iter().find(|reference| reference.is_inclusive());
        if inclusive_info {
            used.push((Exception::InclusiveCanonicalization, self.canonicalization.element));
        } else if let Some(reference) = inclusive_reference() {
            used.push((Exception::InclusiveCanonicalization, reference.element));
        }
        used
    }

    /// The octets that the signature value is over. They identify the message (with the key): unlike an ECDSA
    /// value they cannot be varied.
    ///
    /// # Errors
    /// When the canonicalisation is outside the profile, or the form exceeds its limit.
    pub fn canonical_signed_info(&self, limits: &Limits) -> Result<Vec<u8>, Error> {
        let mut octets = Vec::with_capacity(self.signed_info.range().len() + 256);
        match known(&self.canonicalization)? {
            Canonical::Exclusive(prefixes) => {
                let how = Exclusive { prefixes, omit: None, limit: limits.canonical };
                c14n::exclusive(self.signed_info, &how, &mut octets).map(drop)
            }
            Canonical::Inclusive(version) => inclusive(self.signed_info, *version, None, limits.canonical, &mut octets),
        }
        .map_err(Error::Limit)?;
        Ok(octets)
    }

    /// Checks the signature value, and returns the canonical SignedInfo that it is over.
    ///
    /// # Errors
    /// When an algorithm is outside the profile, or the value is not by this key.
    pub fn verify_value(&self, key: &PublicKey, limits: &Limits) -> Result<Vec<u8>, Error> {
        let Some(algorithm) = self.method.known else {
            return Err(Error::SignatureMethod { element: self.method.element.id(), uri: self.method.uri.into() });
        };
        let octets = self.canonical_signed_info(limits)?;
        key.verify(algorithm, &octets, &self.value).map_err(|_| Error::Value { element: self.element.id() })?;
        Ok(octets)
    }
}

impl<'d> Reference<'d> {
    /// The id of a same-document reference `#id` (XML Signature 1.1 §4.4.3.2). An id is name characters and
    /// colons, so no XPointer, no escape and no query passes.
    ///
    /// # Errors
    /// [`Error::ReferenceForm`] for every other form.
    pub fn id(&self) -> Result<&'d str, Error> {
        self.uri
            .and_then(|uri| uri.strip_prefix('#'))
            .filter(|id| is_id(id))
            .ok_or_else(|| Error::ReferenceForm { element: self.element.id(), uri: self.uri.map(Into::into) })
    }

    /// The element that the reference names.
    ///
    /// # Errors
    /// When there is none, more than one, or it carries another id as well, by which others may know it.
    pub fn target(&self) -> Result<Element<'d>, Error> {
        let id = self.id()?;
        let target = unique(self.element, id)?;
        match self.element.document().ids_of(target).find(|other| *other != id) {
            None => Ok(target),
            Some(_) if !guard::stands(Guard::TwoIds) => Ok(target),
            Some(other) => Err(Error::TwoIds { element: target.id(), id: id.into(), other: other.into() }),
        }
    }

    /// The element whose canonical form is digested: the target, or the token of an STR-Transform. Nothing is digested.
    ///
    /// # Errors
    /// When a transform is outside the profile, or the target is not one element.
    pub fn covers(&self) -> Result<Element<'d>, Error> {
        match self.plan()?.form {
            Form::Exclusive(_) | Form::Inclusive(_) => self.target(),
            Form::Token(_) => token(self.target()?),
        }
    }

    /// Writes what is digested into `octets`, which is emptied first, and returns the element that it covers.
    ///
    /// # Errors
    /// When a transform is outside the profile, the target is not one element, or the form is empty or too long.
    pub fn canonical(&self, limits: &Limits, octets: &mut Vec<u8>) -> Result<Element<'d>, Error> {
        octets.clear();
        self.write_canonical(limits, octets).map(|(covered, _)| covered)
    }

    /// Follows the reference and digests what it names, without putting the canonical form together.
    ///
    /// # Errors
    /// As [`canonical`](Self::canonical), and when the digest method is outside the profile. A digest that differs is no
    /// error: see [`Computed::matches`].
    pub fn digest(&self, limits: &Limits) -> Result<Computed<'d>, Error> {
        let mut digester = Digester::new(self.digest_algorithm()?);
        let (covered, octets) = self.write_canonical(limits, &mut digester)?;
        let computed = digester.finish();
        let matches = constant_time_eq(computed.as_ref(), &self.digest_value);
        Ok(Computed { covered, computed, octets, matches })
    }

    /// Writes what is digested; the element that it covers, and the length of its form.
    fn write_canonical(&self, limits: &Limits, out: &mut impl Sink) -> Result<(Element<'d>, usize), Error> {
        let plan = self.plan()?;
        let target = self.target()?;
        let exclusive = |prefixes| Exclusive { prefixes, omit: plan.omit, limit: limits.canonical };
        let (covered, written) = match plan.form {
            Form::Exclusive(prefixes) => (target, c14n::exclusive(target, &exclusive(prefixes), out)),
            Form::Inclusive(version) => {
                let mut octets = Vec::new();
                let written = inclusive(target, version, plan.omit, limits.canonical, &mut octets);
                out.write(&octets);
                (target, written.map(|()| octets.len()))
            }
            Form::Token(prefixes) => {
                let token = token(target)?;
                (token, c14n::exclusive_of_token(token, &exclusive(prefixes), out))
            }
        };
        let written = written.map_err(Error::Limit)?;
        if written == 0 {
            return Err(Error::Empty { element: self.element.id() });
        }
        Ok((covered, written))
    }

    fn is_inclusive(&self) -> bool {
        self.plan().is_ok_and(|plan| matches!(plan.form, Form::Inclusive(_)))
    }

    fn digest_algorithm(&self) -> Result<DigestAlgorithm, Error> {
        let method = &self.digest_method;
        method.known.ok_or_else(|| Error::DigestMethod { element: method.element.id(), uri: method.uri.into() })
    }

    /// What the transforms ask for: `enveloped-signature?`, then one that yields octets.
    fn plan(&self) -> Result<Plan<'_>, Error> {
        let mut omit = None;
        let mut ending: Option<Form<'_>> = None;
        for transform in &self.transforms {
            let out_of_order = |detail| Err(refused(transform, detail));
            if ending.is_some() {
                return out_of_order("follows a canonicalisation");
            }
            match &transform.kind {
                TransformKind::Enveloped if omit.is_some() => return out_of_order("stands twice"),
                // Where the Signature is not inside the target this leaves nothing out (node-soap sends it so).
                TransformKind::Enveloped => omit = Some(self.signature.id()),
                TransformKind::Exclusive(prefixes) => ending = Some(Form::Exclusive(prefixes)),
                TransformKind::Inclusive(version) => ending = Some(Form::Inclusive(*version)),
                TransformKind::Token(_) if omit.is_some() => return out_of_order("follows enveloped-signature"),
                TransformKind::Token(method) => match known(method)? {
                    Canonical::Exclusive(prefixes) => ending = Some(Form::Token(prefixes)),
                    Canonical::Inclusive(_) => return out_of_order("asks for inclusive canonicalisation"),
                },
                TransformKind::Unknown => return out_of_order("is not taken"),
            }
        }
        match ending {
            Some(form) => Ok(Plan { omit, form }),
            // XML Signature 1.1 §4.4.3.2: octets are needed, and Canonical XML 1.0 makes them.
            None if self.exceptions.contains(Exception::InclusiveCanonicalization) => {
                Ok(Plan { omit, form: Form::Inclusive(Version::V1) })
            }
            None => Err(Error::InclusiveByDefault { element: self.element.id() }),
        }
    }
}

impl Sink for Digester {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        self.update(octets);
    }
}

/// What to digest of the target.
struct Plan<'p> {
    omit: Option<NodeId>,
    form: Form<'p>,
}

enum Form<'p> {
    Exclusive(&'p [&'p str]),
    Inclusive(Version),
    /// The token that the target refers to, with these prefixes.
    Token(&'p [&'p str]),
}

fn known<'a, 'd>(method: &'a Algorithm<'d, Canonical<'d>>) -> Result<&'a Canonical<'d>, Error> {
    method
        .known
        .as_ref()
        .ok_or_else(|| Error::Canonicalization { element: method.element.id(), uri: method.uri.into() })
}

fn refused(transform: &Transform<'_>, detail: &'static str) -> Error {
    Error::Transform { element: transform.element.id(), uri: transform.uri.into(), detail }
}

/// The one element with this id. `at` is who asks.
fn unique<'d>(at: Element<'d>, id: &str) -> Result<Element<'d>, Error> {
    match at.document().by_id(id) {
        ById::One(element) => Ok(element),
        ById::None => Err(Error::ReferenceMissing { element: at.id(), id: id.into() }),
        ById::Repeated(count) => Err(Error::ReferenceRepeated { element: at.id(), id: id.into(), count }),
    }
}

/// The token that a SecurityTokenReference names (WSS 1.1 §8.3): a BinarySecurityToken or an assertion of this
/// message. Key references that name a token outside the message have no octets we could digest.
fn token(reference: Element<'_>) -> Result<Element<'_>, Error> {
    let fault = |detail| Error::TokenReference { element: reference.id(), detail };
    if !reference.is(ns::WSSE, "SecurityTokenReference") {
        return Err(structure(reference, "an STR-Transform is applied to another than a SecurityTokenReference"));
    }
    // BSP 1.1 R3061: one key reference.
    let mut children = reference.children();
    let (Some(child), None) = (children.next(), children.next()) else {
        return Err(fault("a SecurityTokenReference holds not exactly one reference"));
    };
    let id = if child.is(ns::WSSE, "Reference") {
        let uri = child.attribute("", "URI").unwrap_or_default();
        uri.strip_prefix('#').map(str::to_owned)
    } else if child.is(ns::WSSE, "KeyIdentifier") && names_assertion(child) {
        child.text().map(|text| text.trim_ascii().to_owned())
    } else {
        None
    };
    let id = id.filter(|id| is_id(id)).ok_or_else(|| fault("the SecurityTokenReference names no token by its id"))?;
    let token = unique(child, &id)?;
    let is_token = token.is(ns::WSSE, "BinarySecurityToken")
        || token.is(ns::SAML2, "Assertion")
        || token.is(ns::SAML1, "Assertion");
    if is_token { Ok(token) } else { Err(fault("the SecurityTokenReference names an element that is no token")) }
}

fn names_assertion(key_identifier: Element<'_>) -> bool {
    let kind = key_identifier.attribute("", "ValueType");
    kind == Some(ns::SAML20_ASSERTION_ID) || kind == Some(ns::SAML11_ASSERTION_ID)
}
