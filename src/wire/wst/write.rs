//! Writing requests and answers. The answer has the one shape that satisfies all known clients
//! (`reference/wstrust.md` 3.6): CXF's order, Lifetime always with milliseconds and `Z`, KeyType
//! always, both references, AppliesTo rebuilt from its text (`rules.md` 2.4).

use chrono::{DateTime, Utc};

use super::claims::{AUTH_2006, Claims};
use super::values::{KeyType, RequestType, TokenType, TrustVersion};
use crate::wire::ns;
use crate::wire::wsse::NewReference;
use crate::wire::xml::time::format_millis;
use crate::wire::xml::writer::{Name, Writer};

/// Whether an answer stands alone or in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// `RequestSecurityTokenResponseCollection`: WS-Trust 1.3, final answer to Issue.
    Collection,
    /// `RequestSecurityTokenResponse`: the `rsz` contract, 2005/02, Validate, Renew, Cancel.
    Single,
}

/// The service that a token is for, in the namespaces that the requester used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// The namespace of AppliesTo.
    pub policy: &'a str,
    /// The namespace of EndpointReference.
    pub addressing: &'a str,
    pub address: &'a str,
}

impl<'a> Address<'a> {
    /// In WS-Policy 2004/09 and WS-Addressing 1.0, which all servers read.
    pub fn new(address: &'a str) -> Self {
        Self { policy: ns::WSP, addressing: ns::WSA, address }
    }
}

/// An answer that hands over a token.
#[derive(Debug, Clone)]
pub struct NewResponse<'a> {
    pub version: TrustVersion,
    pub wrapping: Wrapping,
    /// `@Context` of the request.
    pub context: Option<&'a str>,
    /// The TokenType as it was asked for.
    pub token_type: &'a str,
    /// The finished token element.
    pub token: &'a [u8],
    /// `ID` of a SAML 2.0 assertion; `None` writes no references.
    pub assertion_id: Option<&'a str>,
    pub applies_to: Option<Address<'a>>,
    pub created: DateTime<Utc>,
    pub expires: DateTime<Utc>,
    pub key_type: KeyType,
}

impl NewResponse<'_> {
    /// The payload of the answer.
    pub fn write(&self) -> Vec<u8> {
        let wst = |local| Name::new("wst", self.version.namespace(), local);
        let mut writer = Writer::new();
        if self.wrapping == Wrapping::Collection {
            writer.start(wst("RequestSecurityTokenResponseCollection"));
        }
        writer.start(wst("RequestSecurityTokenResponse"));
        if let Some(context) = self.context {
            writer.attribute("Context", context);
        }
        writer.leaf(wst("TokenType"), &[], self.token_type);
        writer.start(wst("RequestedSecurityToken")).raw(self.token).end();
        if let Some(id) = self.assertion_id {
            for name in ["RequestedAttachedReference", "RequestedUnattachedReference"] {
                writer.start(wst(name));
                NewReference::Saml2(id).write_to(&mut writer);
                writer.end();
            }
        }
        if let Some(applies_to) = &self.applies_to {
            write_applies_to(&mut writer, applies_to);
        }
        write_lifetime(&mut writer, self.version, self.created, self.expires);
        writer.leaf(wst("KeyType"), &[], &self.key_type.uri(self.version));
        writer.finish()
    }

    /// The `wsa:Action` of the envelope around it.
    pub fn action(&self) -> String {
        let name = match self.wrapping {
            Wrapping::Collection => "RSTRC/IssueFinal",
            Wrapping::Single if self.version == TrustVersion::Trust13 => "RSTR/IssueFinal",
            Wrapping::Single => "RSTR/Issue",
        };
        format!("{}/{name}", self.version.namespace())
    }
}

/// A request of our own client: a token of some type for some service, bound to the signing key.
#[derive(Debug, Clone)]
pub struct NewRequest<'a> {
    pub version: TrustVersion,
    pub context: Option<&'a str>,
    /// URI; SAML 2.0 when `None`.
    pub token_type: Option<&'a str>,
    pub key_type: Option<KeyType>,
    pub applies_to: Option<Address<'a>>,
    /// The party to act for, written as a UsernameToken without password: a claim, no proof.
    pub on_behalf_of: Option<&'a str>,
    pub claims: Option<&'a Claims>,
    pub lifetime: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl NewRequest<'_> {
    /// The RequestSecurityToken, the payload of an envelope. RequestType is Issue.
    pub fn write(&self) -> Vec<u8> {
        let wst = |local| Name::new("wst", self.version.namespace(), local);
        let mut writer = Writer::new();
        writer.start(wst("RequestSecurityToken"));
        if let Some(context) = self.context {
            writer.attribute("Context", context);
        }
        writer.leaf(wst("TokenType"), &[], self.token_type.unwrap_or(ns::SAML20_TOKEN));
        let request_type = format!("{}/{}", self.version.namespace(), RequestType::Issue.as_str());
        writer.leaf(wst("RequestType"), &[], &request_type);
        if let Some(applies_to) = &self.applies_to {
            write_applies_to(&mut writer, applies_to);
        }
        if let Some(claims) = self.claims {
            write_claims(&mut writer, self.version, claims);
        }
        if let Some((created, expires)) = self.lifetime {
            write_lifetime(&mut writer, self.version, created, expires);
        }
        if let Some(party) = self.on_behalf_of {
            let wsse = |local| Name::new("wsse", ns::WSSE, local);
            writer.start(wst("OnBehalfOf")).start(wsse("UsernameToken")).leaf(wsse("Username"), &[], party).end().end();
        }
        if let Some(key_type) = &self.key_type {
            writer.leaf(wst("KeyType"), &[], &key_type.uri(self.version));
        }
        writer.finish()
    }
}

fn write_applies_to(writer: &mut Writer, applies_to: &Address<'_>) {
    let wsa = |local| Name::new("wsa", applies_to.addressing, local);
    writer.start(Name::new("wsp", applies_to.policy, "AppliesTo")).start(wsa("EndpointReference"));
    writer.leaf(wsa("Address"), &[], applies_to.address).end().end();
}

fn write_lifetime(writer: &mut Writer, version: TrustVersion, created: DateTime<Utc>, expires: DateTime<Utc>) {
    let wsu = |local| Name::new("wsu", ns::WSU, local);
    writer.start(Name::new("wst", version.namespace(), "Lifetime"));
    writer.leaf(wsu("Created"), &[], &format_millis(created)).leaf(wsu("Expires"), &[], &format_millis(expires)).end();
}

/// The namespace of the claims follows from the dialect; without one it is that of WS-Federation.
fn write_claims(writer: &mut Writer, version: TrustVersion, claims: &Claims) {
    let dialect = claims.dialect.as_deref().unwrap_or(ns::AUTH_CLAIMS);
    let namespace = match dialect {
        ns::IDENTITY_CLAIMS => ns::IDENTITY_CLAIMS,
        dialect if dialect.starts_with(AUTH_2006) => AUTH_2006,
        _ => ns::AUTH,
    };
    writer.start(Name::new("wst", version.namespace(), "Claims")).attribute("Dialect", dialect);
    for claim in &claims.claims {
        writer.start(Name::new("auth", namespace, "ClaimType")).attribute("Uri", &claim.uri);
        if claim.optional {
            writer.attribute("Optional", "true");
        }
        for value in &claim.values {
            writer.leaf(Name::new("auth", namespace, "Value"), &[], value);
        }
        writer.end();
    }
    writer.end();
}

impl TokenType {
    /// The URI that we write for a type when the requester named none.
    pub fn uri(&self) -> &str {
        match self {
            Self::Saml11 => ns::SAML11_TOKEN,
            Self::Saml20 => ns::SAML20_TOKEN,
            Self::AccessToken => super::values::ACCESS_TOKEN,
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::Status => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/Status",
            Self::Other(uri) => uri,
        }
    }
}
