//! `wst:RequestSecurityToken` (WS-Trust 1.3 section 3.1): what is asked for.
//!
//! Children come in any order. Each counts once; what SecondaryParameters say counts where the
//! request itself is silent (section 4.3; CXF puts TokenType and KeyType only there).

use chrono::{DateTime, Utc};

use super::claims::{self, Claims};
use super::use_key::{self, UseKey};
use super::values::{KeyType, RequestType, TokenType, TrustVersion};
use super::write::Address;
use super::{Error, ErrorKind, MAX_CONTEXT};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of};
use crate::wire::wsse::SecurityTokenReference;
use crate::wire::xml::Element;

/// A request as it was read: what the requester says, nothing more.
#[derive(Debug, Clone)]
pub struct RequestSecurityToken<'d> {
    pub element: Element<'d>,
    pub version: TrustVersion,
    /// `@Context`, to be echoed as text.
    pub context: Option<&'d str>,
    pub request_type: RequestType,
    /// The type, and the URI as it was written, for the echo.
    pub token_type: Option<(TokenType, String)>,
    pub key_type: Option<KeyType>,
    pub key_size: Option<u32>,
    pub applies_to: Option<AppliesTo<'d>>,
    pub lifetime: Option<Lifetime>,
    pub use_key: Option<UseKey<'d>>,
    pub on_behalf_of: Option<OnBehalfOf<'d>>,
    pub act_as: Option<OnBehalfOf<'d>>,
    pub claims: Option<Claims>,
    pub renewing: Option<Renewing>,
    pub entropy: Option<Element<'d>>,
    pub participants: Option<Element<'d>>,
    /// ValidateTarget, RenewTarget or CancelTarget.
    pub target: Option<Element<'d>>,
    /// Children of WS-Trust that were recognised and are not read; each is a wish, none a demand.
    pub not_read: Vec<Element<'d>>,
    /// Children of other namespaces.
    pub foreign: Vec<Element<'d>>,
}

/// `wsp:AppliesTo` with the address of its endpoint reference, as text.
#[derive(Debug, Clone)]
pub struct AppliesTo<'d> {
    pub element: Element<'d>,
    /// The namespace of the EndpointReference.
    pub addressing: &'d str,
    pub address: String,
}

impl AppliesTo<'_> {
    /// What an answer repeats: the text, in the requester's namespaces.
    pub fn echo(&self) -> Address<'_> {
        Address { policy: self.element.namespace(), addressing: self.addressing, address: &self.address }
    }
}

/// `wst:Lifetime`; either end may be left to the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetime {
    pub created: Option<DateTime<Utc>>,
    pub expires: Option<DateTime<Utc>>,
}

/// `wst:Renewing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewing {
    pub allow: bool,
    /// After expiry too.
    pub ok: bool,
}

/// `wst:OnBehalfOf` and `wst14:ActAs`: a token, or a reference to one.
#[derive(Debug, Clone)]
pub enum OnBehalfOf<'d> {
    /// The token itself: an assertion, a BinarySecurityToken, a UsernameToken…
    Token(Element<'d>),
    Reference(SecurityTokenReference<'d>),
    /// An endpoint reference or other element that names a party without being a token.
    Named(Element<'d>),
}

impl OnBehalfOf<'_> {
    /// The name in a UsernameToken without password, the form in which our own client writes a
    /// party. A claim, no proof (`rules.md` 1.7).
    pub fn claimed_name(&self) -> Option<String> {
        let Self::Token(token) = self else { return None };
        if !token.is(ns::WSSE, "UsernameToken") {
            return None;
        }
        let username = shape::only_child(*token, "wsse:Username").ok()?;
        let named = username.is(ns::WSSE, "Username").then(|| shape::some_text(username, MAX_URI));
        named.and_then(Result::ok)
    }
}

impl<'d> RequestSecurityToken<'d> {
    /// Reads a `wst:RequestSecurityToken`.
    ///
    /// # Errors
    /// When it is something else, has an unknown child of WS-Trust, or a child twice or unreadable.
    pub fn read(element: Element<'d>) -> Result<Self, Error> {
        let version = TrustVersion::from_namespace(element.namespace())
            .filter(|_| element.local_name() == "RequestSecurityToken")
            .ok_or_else(|| Error::new(ErrorKind::NotARequest(name_of(element)), element))?;
        let context = element.attribute("", "Context");
        if let Some(long) = context.filter(|context| context.len() > MAX_CONTEXT) {
            return Err(Error::new(ErrorKind::ContextTooLong(long.len()), element));
        }
        let children = Children::sort(element, version)?;
        let request_type = children.text("RequestType")?;
        let request_type = request_type.ok_or_else(|| ShapeError::new(Shape::Missing("wst:RequestType"), element))?;
        Ok(Self {
            element,
            version,
            context,
            request_type: RequestType::from_uri(&request_type),
            token_type: children.text("TokenType")?.map(|uri| (TokenType::from_uri(&uri), uri)),
            key_type: children.text("KeyType")?.map(|uri| KeyType::from_uri(&uri)),
            key_size: children.get("KeySize").map(key_size).transpose()?,
            applies_to: children.get("AppliesTo").map(applies_to).transpose()?,
            lifetime: children.get("Lifetime").map(lifetime).transpose()?,
            use_key: children.get("UseKey").map(use_key::read).transpose()?,
            on_behalf_of: children.get("OnBehalfOf").map(on_behalf_of).transpose()?,
            act_as: children.get("ActAs").map(on_behalf_of).transpose()?,
            claims: children.get("Claims").map(read_claims).transpose()?,
            renewing: children.get("Renewing").map(renewing).transpose()?,
            entropy: children.get("Entropy"),
            participants: children.get("Participants"),
            target: TARGETS.iter().find_map(|name| children.get(name)),
            not_read: children.not_read(),
            foreign: children.foreign,
        })
    }
}

/// The children by local name, those of SecondaryParameters behind the others.
struct Children<'d> {
    known: Vec<Element<'d>>,
    secondary: Vec<Element<'d>>,
    foreign: Vec<Element<'d>>,
}

impl<'d> Children<'d> {
    fn sort(element: Element<'d>, version: TrustVersion) -> Result<Self, Error> {
        shape::no_text(element)?;
        let mut children = Self { known: Vec::new(), secondary: Vec::new(), foreign: Vec::new() };
        sort_into(element, version, &mut children.known, &mut children.foreign)?;
        if let Some(parameters) = children.get("SecondaryParameters") {
            shape::no_text(parameters)?;
            sort_into(parameters, version, &mut children.secondary, &mut children.foreign)?;
        }
        Ok(children)
    }

    fn get(&self, local: &str) -> Option<Element<'d>> {
        self.known.iter().chain(&self.secondary).find(|child| child.local_name() == local).copied()
    }

    fn text(&self, local: &str) -> Result<Option<String>, Error> {
        Ok(self.get(local).map(|child| shape::some_text(child, MAX_URI)).transpose()?)
    }

    fn not_read(&self) -> Vec<Element<'d>> {
        self.known
            .iter()
            .chain(&self.secondary)
            .filter(|child| NOT_READ.contains(&child.local_name()))
            .copied()
            .collect()
    }
}

fn sort_into<'d>(
    parent: Element<'d>,
    version: TrustVersion,
    known: &mut Vec<Element<'d>>,
    foreign: &mut Vec<Element<'d>>,
) -> Result<(), Error> {
    for child in parent.children() {
        let local = child.local_name();
        let is_known = match child.namespace() {
            namespace if namespace == version.namespace() => READ.contains(&local) || NOT_READ.contains(&local),
            ns::WST14 => READ_14.contains(&local),
            ns::WST13 | ns::WST05 => return Err(Error::new(ErrorKind::MixedVersions(name_of(child)), child)),
            ns::WSP | ns::WSP15 | ns::WSP06 | ns::WSP02 if local == "AppliesTo" => true,
            _ => {
                foreign.push(child);
                continue;
            }
        };
        if !is_known {
            return Err(Error::new(ErrorKind::UnknownChild(name_of(child)), child));
        }
        // Two AppliesTo of two policy namespaces are two all the same.
        if known.iter().any(|other| other.local_name() == local) {
            return Err(Error::new(ErrorKind::Repeated(name_of(child)), child));
        }
        known.push(child);
    }
    Ok(())
}

fn key_size(element: Element<'_>) -> Result<u32, Error> {
    let text = shape::some_text(element, MAX_URI)?;
    text.parse().map_err(|_| ShapeError::value("a number of bits", &text, "", element).into())
}

/// `AppliesTo/EndpointReference/Address`, of either addressing version; nothing else of the
/// endpoint reference counts (`rules.md` 2.4).
pub(super) fn applies_to(element: Element<'_>) -> Result<AppliesTo<'_>, Error> {
    let fail = |error: ShapeError| Error { at: error.at, kind: ErrorKind::AppliesTo(error) };
    let reference = shape::only_child(element, "wsa:EndpointReference").map_err(fail)?;
    let namespace = reference.namespace();
    if reference.local_name() != "EndpointReference" || !matches!(namespace, ns::WSA | ns::WSA04) {
        return Err(fail(ShapeError::new(Shape::Unexpected(name_of(reference)), reference)));
    }
    let address = shape::one(reference, namespace, "Address", "wsa:Address").map_err(fail)?;
    Ok(AppliesTo { element, addressing: namespace, address: shape::some_text(address, MAX_URI).map_err(fail)? })
}

pub(super) fn lifetime(element: Element<'_>) -> Result<Lifetime, Error> {
    let fail = |error: ShapeError| Error { at: error.at, kind: ErrorKind::Lifetime(error) };
    shape::no_text(element).map_err(fail)?;
    let mut lifetime = Lifetime::default();
    for child in element.children() {
        let slot = match (child.namespace(), child.local_name()) {
            (ns::WSU, "Created") => &mut lifetime.created,
            (ns::WSU, "Expires") => &mut lifetime.expires,
            _ => return Err(fail(ShapeError::new(Shape::Unexpected(name_of(child)), child))),
        };
        if slot.replace(shape::instant(child).map_err(fail)?).is_some() {
            return Err(fail(ShapeError::new(Shape::Repeated(name_of(child)), child)));
        }
    }
    Ok(lifetime)
}

fn on_behalf_of(element: Element<'_>) -> Result<OnBehalfOf<'_>, Error> {
    let fail = |error: crate::wire::wsse::Error| Error { at: error.at, kind: ErrorKind::OnBehalfOf(error) };
    let child = shape::only_child(element, "a token").map_err(|error| fail(error.into()))?;
    Ok(match (child.namespace(), child.local_name()) {
        (ns::WSSE, "SecurityTokenReference") => {
            let reference = SecurityTokenReference::read(child).map_err(fail)?;
            match reference.target {
                crate::wire::wsse::TokenReference::Embedded(token) => OnBehalfOf::Token(token),
                _ => OnBehalfOf::Reference(reference),
            }
        }
        (ns::SAML1 | ns::SAML2, "Assertion") | (ns::WSSE, _) => OnBehalfOf::Token(child),
        _ => OnBehalfOf::Named(child),
    })
}

fn read_claims(element: Element<'_>) -> Result<Claims, Error> {
    claims::read(element).map_err(|error| Error { at: error.at, kind: ErrorKind::Claims(error) })
}

fn renewing(element: Element<'_>) -> Result<Renewing, Error> {
    let flag = |local, absent| match element.attribute("", local).map(str::trim) {
        None => Ok(absent),
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(ShapeError::value("true or false", other, "", element)),
    };
    Ok(Renewing { allow: flag("Allow", true)?, ok: flag("OK", false)? })
}

const TARGETS: &[&str] = &["ValidateTarget", "RenewTarget", "CancelTarget"];

/// Children that are read.
const READ: &[&str] = &[
    "RequestType",
    "TokenType",
    "KeyType",
    "KeySize",
    "Lifetime",
    "UseKey",
    "OnBehalfOf",
    "Claims",
    "Renewing",
    "Entropy",
    "Participants",
    "ValidateTarget",
    "RenewTarget",
    "CancelTarget",
    "SecondaryParameters",
];

/// Children of WS-Trust 1.4 that are read.
const READ_14: &[&str] = &["ActAs"];

/// Children of WS-Trust that are known and have no say here.
const NOT_READ: &[&str] = &[
    "AllowPostdating",
    "AuthenticationType",
    "BinaryExchange",
    "CanonicalizationAlgorithm",
    "ComputedKeyAlgorithm",
    "DelegateTo",
    "Delegatable",
    "Encryption",
    "EncryptionAlgorithm",
    "EncryptWith",
    "Forwardable",
    "Issuer",
    "KeyWrapAlgorithm",
    "ProofEncryption",
    "SignatureAlgorithm",
    "SignChallenge",
    "SignWith",
];
