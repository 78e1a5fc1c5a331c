//! `wst:RequestSecurityTokenResponse` (WS-Trust 1.3 section 3.2), alone or in a collection: what a
//! client gets. Reads what a client needs and leaves the rest.

use super::request::{Lifetime, applies_to, lifetime};
use super::values::TrustVersion;
use super::{Error, ErrorKind};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of};
use crate::wire::xml::c14n::{Exclusive, exclusive};
use crate::wire::xml::{Document, Element, Limits};

/// An answer as it was read.
#[derive(Debug, Clone)]
pub struct RequestSecurityTokenResponse<'d> {
    pub element: Element<'d>,
    pub version: TrustVersion,
    pub context: Option<&'d str>,
    pub token_type: Option<String>,
    /// The element inside RequestedSecurityToken.
    pub token: Option<Element<'d>>,
    pub lifetime: Lifetime,
    /// The address of AppliesTo.
    pub applies_to: Option<String>,
    /// The URI of KeyType.
    pub key_type: Option<String>,
}

impl<'d> RequestSecurityTokenResponse<'d> {
    /// Reads the payload of an answer: a RequestSecurityTokenResponse, or a collection of one.
    ///
    /// # Errors
    /// When it is neither, or a part of it cannot be read.
    pub fn read(payload: Element<'d>) -> Result<Self, Error> {
        let not_an_answer = |element| Error::new(ErrorKind::NotAnAnswer(name_of(element)), element);
        let version = TrustVersion::from_namespace(payload.namespace()).ok_or_else(|| not_an_answer(payload))?;
        let element = match payload.local_name() {
            "RequestSecurityTokenResponse" => payload,
            "RequestSecurityTokenResponseCollection" => shape::only_child(payload, "wst:RequestSecurityTokenResponse")?,
            _ => return Err(not_an_answer(payload)),
        };
        if !element.is(version.namespace(), "RequestSecurityTokenResponse") {
            return Err(not_an_answer(element));
        }
        let trust = |local| shape::at_most_one(element, version.namespace(), local);
        let text = |local| trust(local)?.map(|child| shape::some_text(child, MAX_URI)).transpose();
        let token = trust("RequestedSecurityToken")?.map(|holder| shape::only_child(holder, "a token")).transpose()?;
        let policies = [ns::WSP, ns::WSP15, ns::WSP06, ns::WSP02];
        let target =
            element.children().find(|child| child.local_name() == "AppliesTo" && policies.contains(&child.namespace()));
        Ok(Self {
            element,
            version,
            context: element.attribute("", "Context"),
            token_type: text("TokenType")?,
            token,
            lifetime: trust("Lifetime")?.map(lifetime).transpose()?.unwrap_or_default(),
            applies_to: target.map(applies_to).transpose()?.map(|target| target.address),
            key_type: text("KeyType")?,
        })
    }

    /// The token's bytes, ready to stand alone: cut out as they are when they declare what they use,
    /// else in exclusive canonical form, which keeps an enveloped signature valid.
    ///
    /// # Errors
    /// When there is no token, or it is too large.
    pub fn token_bytes(&self) -> Result<Vec<u8>, Error> {
        let missing = || ShapeError::new(Shape::Missing("wst:RequestedSecurityToken"), self.element);
        let token = self.token.ok_or_else(missing)?;
        let source = token.source();
        if Document::parse(source, &Limits::default()).is_ok() {
            return Ok(source.as_bytes().to_vec());
        }
        let mut bytes = Vec::new();
        exclusive(token, &Exclusive::default(), &mut bytes)
            .map_err(|error| ShapeError::value("a token", "", error, token))?;
        Ok(bytes)
    }
}
