//! The structure of a `ds:Signature` (XML Signature 1.1 §4), read strictly: each element once, in order, nothing else.
//!
//! Two SignedInfo, or a DigestValue of two parts, have each been a way to show one thing to the verifier and another
//! to the reader. An algorithm outside the profile is no fault of structure: its name is kept.

use super::{
    Algorithm, Canonical, Error, Exception, Exceptions, Prefixes, Reference, Signature, Transform, TransformKind, pss,
};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
use crate::wire::guard::{self, Guard};
use crate::wire::ns;
use crate::wire::xml::inclusive::Version;
use crate::wire::xml::{Children, Element, Limits};

impl<'d> Signature<'d> {
    /// Reads the structure of a signature.
    ///
    /// # Errors
    /// When it is not the one of the profile. Unknown algorithms are kept, see [`Signature::faults`].
    pub fn parse(element: Element<'d>, limits: &Limits) -> Result<Self, Error> {
        Self::parse_with(element, limits, Exceptions::default())
    }

    /// The same; the algorithms of `exceptions` are known too.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(element: Element<'d>, limits: &Limits, exceptions: Exceptions) -> Result<Self, Error> {
        if !element.is(ns::DS, "Signature") {
            return Err(structure(element, "this is not a ds:Signature"));
        }
        let mut parts = Parts::of(element)?;
        let signed_info = parts.one("SignedInfo")?;
        let value = parts.one("SignatureValue")?;
        let key_info = parts.optional("KeyInfo");
        parts.end()?;

        let mut info = Parts::of(signed_info)?;
        let canonicalization = canonicalization(info.one("CanonicalizationMethod")?, limits, exceptions)?;
        let method = signature_method(info.one("SignatureMethod")?, exceptions)?;
        let mut references = Vec::with_capacity(4);
        while let Some(found) = info.optional("Reference") {
            if references.len() >= limits.references && guard::stands(Guard::ReferenceCount) {
                return Err(Error::TooManyReferences { element: signed_info.id(), limit: limits.references });
            }
            references.push(reference(found, element, limits, exceptions)?);
        }
        info.end()?;
        if references.is_empty() {
            return Err(structure(signed_info, "the signature has no reference"));
        }
        Ok(Self { element, signed_info, canonicalization, method, references, value: decoded(value)?, key_info })
    }
}

fn reference<'d>(
    element: Element<'d>,
    signature: Element<'d>,
    limits: &Limits,
    exceptions: Exceptions,
) -> Result<Reference<'d>, Error> {
    if element.attribute("", "Type").is_some_and(|kind| kind == MANIFEST || kind == OBJECT) {
        return Err(structure(element, "a reference to a ds:Manifest or ds:Object is never taken"));
    }
    let mut parts = Parts::of(element)?;
    let transforms = match parts.optional("Transforms") {
        Some(element) => transforms(element, limits, exceptions)?,
        None => Vec::new(),
    };
    let digest_method = algorithm(parts.one("DigestMethod")?, |uri| match uri {
        ns::SHA1 if exceptions.contains(Exception::Sha1Digest) => Some(DigestAlgorithm::Sha1),
        _ => DigestAlgorithm::from_uri(uri),
    })?;
    let digest_value = decoded(parts.one("DigestValue")?)?;
    parts.end()?;
    let uri = element.attribute("", "URI");
    Ok(Reference { element, uri, transforms, digest_method, digest_value, signature, exceptions })
}

fn transforms<'d>(element: Element<'d>, limits: &Limits, exceptions: Exceptions) -> Result<Vec<Transform<'d>>, Error> {
    let mut parts = Parts::of(element)?;
    let mut transforms = Vec::with_capacity(2);
    while let Some(found) = parts.optional("Transform") {
        if transforms.len() >= MAX_TRANSFORMS {
            return Err(structure(element, "a reference has more than three transforms"));
        }
        transforms.push(transform(found, limits, exceptions)?);
    }
    parts.end()?;
    if transforms.is_empty() {
        return Err(structure(element, "ds:Transforms is empty"));
    }
    Ok(transforms)
}

fn transform<'d>(element: Element<'d>, limits: &Limits, exceptions: Exceptions) -> Result<Transform<'d>, Error> {
    let uri = named(element)?;
    let kind = match uri {
        ns::EXC_C14N => TransformKind::Exclusive(prefixes(element, limits)?),
        ns::ENVELOPED_SIGNATURE => {
            Parts::of(element)?.end()?;
            TransformKind::Enveloped
        }
        ns::STR_TRANSFORM => {
            // WSS 1.1 §8.3: the canonicalisation is a parameter.
            let mut parts = Parts::of(element)?;
            let parameters = parts.one_of(ns::WSSE, "TransformationParameters")?;
            parts.end()?;
            let mut parts = Parts::of(parameters)?;
            let method = parts.one("CanonicalizationMethod")?;
            parts.end()?;
            TransformKind::Token(canonicalization(method, limits, Exceptions::default())?)
        }
        _ => match inclusive(element, uri, exceptions)? {
            Some(version) => TransformKind::Inclusive(version),
            None => TransformKind::Unknown,
        },
    };
    Ok(Transform { element, uri, kind })
}

fn canonicalization<'d>(
    element: Element<'d>,
    limits: &Limits,
    exceptions: Exceptions,
) -> Result<Algorithm<'d, Canonical<'d>>, Error> {
    let uri = named(element)?;
    let known = if uri == ns::EXC_C14N {
        Some(Canonical::Exclusive(prefixes(element, limits)?))
    } else {
        inclusive(element, uri, exceptions)?.map(Canonical::Inclusive)
    };
    Ok(Algorithm { element, uri, known })
}

/// Inclusive canonicalisation, where an exception lets it in; it has no parameters.
fn inclusive(element: Element<'_>, uri: &str, exceptions: Exceptions) -> Result<Option<Version>, Error> {
    let version = match uri {
        ns::C14N => Version::V1,
        ns::C14N11 => Version::V1_1,
        _ => return Ok(None),
    };
    if !exceptions.contains(Exception::InclusiveCanonicalization) {
        return Ok(None);
    }
    Parts::of(element)?.end()?;
    Ok(Some(version))
}

/// RSASSA-PSS is named in two ways: with its digest, or with parameters (RFC 9231 §2.3.9, §2.3.10).
fn signature_method(element: Element<'_>, exceptions: Exceptions) -> Result<Algorithm<'_, SignatureAlgorithm>, Error> {
    if named(element)? == ns::RSA_PSS {
        return Ok(Algorithm { element, uri: ns::RSA_PSS, known: Some(pss::parameters(element)?) });
    }
    algorithm(element, |uri| match uri {
        ns::RSA_SHA1 if exceptions.contains(Exception::RsaSha1Signature) => Some(SignatureAlgorithm::RsaSha1),
        _ => SignatureAlgorithm::from_uri(uri),
    })
}

/// The PrefixList inside an exclusive canonicalisation (exc-c14n §4). None is an empty one.
fn prefixes<'d>(element: Element<'d>, limits: &Limits) -> Result<Prefixes<'d>, Error> {
    let mut parts = Parts::of(element)?;
    let Some(list) = parts.optional_of(ns::EXC_C14N, "InclusiveNamespaces") else {
        parts.end()?;
        return Ok(Vec::new());
    };
    parts.end()?;
    Parts::of(list)?.end()?;
    let Some(text) = list.attribute("", "PrefixList") else {
        return Err(structure(list, "ec:InclusiveNamespaces has no PrefixList"));
    };
    let prefixes: Prefixes<'d> = text.split_ascii_whitespace().take(limits.prefixes + 1).collect();
    if prefixes.len() > limits.prefixes {
        return Err(structure(list, format!("a PrefixList has more than {} prefixes", limits.prefixes)));
    }
    Ok(prefixes)
}

/// An algorithm without parameters.
fn algorithm<'d, T>(element: Element<'d>, find: impl Fn(&str) -> Option<T>) -> Result<Algorithm<'d, T>, Error> {
    let uri = named(element)?;
    let known = find(uri);
    if known.is_some() {
        // Also keeps out HMACOutputLength, and PSS parameters where the name says all (BSP 1.1 R5401).
        Parts::of(element)?.end()?;
    }
    Ok(Algorithm { element, uri, known })
}

pub(super) fn named(element: Element<'_>) -> Result<&str, Error> {
    element
        .attribute("", "Algorithm")
        .ok_or_else(|| structure(element, format!("ds:{} names no Algorithm", element.local_name())))
}

fn decoded(element: Element<'_>) -> Result<Vec<u8>, Error> {
    let Some(text) = element.text() else {
        return Err(structure(element, format!("ds:{} has elements inside", element.local_name())));
    };
    base64::decode_xml(&text).map_err(|_| Error::Base64 { element: element.id() })
}

/// The children of an element, taken one after the other; text between them is refused.
pub(super) struct Parts<'d> {
    parent: Element<'d>,
    children: Children<'d>,
}

impl<'d> Parts<'d> {
    pub(super) fn of(parent: Element<'d>) -> Result<Self, Error> {
        if parent.has_character_data() {
            return Err(structure(parent, format!("ds:{} has text inside", parent.local_name())));
        }
        Ok(Self { parent, children: parent.children() })
    }

    pub(super) fn one(&mut self, local_name: &str) -> Result<Element<'d>, Error> {
        self.one_of(ns::DS, local_name)
    }

    fn one_of(&mut self, namespace: &str, local_name: &str) -> Result<Element<'d>, Error> {
        self.optional_of(namespace, local_name).ok_or_else(|| {
            let parent = self.parent.local_name();
            structure(self.parent, format!("{parent} has no {local_name} where it should be"))
        })
    }

    pub(super) fn optional(&mut self, local_name: &str) -> Option<Element<'d>> {
        self.optional_of(ns::DS, local_name)
    }

    /// Takes the next child if it is this one.
    pub(super) fn optional_of(&mut self, namespace: &str, local_name: &str) -> Option<Element<'d>> {
        let next = self.children.clone().next().filter(|child| child.is(namespace, local_name))?;
        self.children.next();
        Some(next)
    }

    pub(super) fn end(mut self) -> Result<(), Error> {
        match self.children.next() {
            None => Ok(()),
            Some(_) if !guard::stands(Guard::SignatureChildren) => Ok(()),
            Some(extra) => {
                let detail = format!("{} may not stand here in {}", extra.local_name(), self.parent.local_name());
                Err(structure(extra, detail))
            }
        }
    }
}

pub(super) fn structure(element: Element<'_>, detail: impl Into<String>) -> Error {
    Error::Structure { element: element.id(), detail: detail.into() }
}

const MANIFEST: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";
const OBJECT: &str = "http://www.w3.org/2000/09/xmldsig#Object";
const MAX_TRANSFORMS: usize = 3;
