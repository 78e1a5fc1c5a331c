//! What a signed RequestSecurityToken asks for, in our words (WS-Trust 1.3 §3.1, §4).
//!
//! - in: a [`Message`] and the [`Authenticated`] who signed it; what the door offers
//! - out: an [`Ask`] for the decision, and an [`Echo`] for the answer
//!
//! What would change the meaning of the request and is not offered is refused, never dropped: a
//! client that asked for one thing must not believe that it got it. Wishes that change nothing
//! (Entropy with a public key, KeySize, Renewing) are left alone.

use chrono::Duration;

use crate::flow::authenticate::Authenticated;
use crate::flow::decide::{Action, Ask};
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::key_reference::KeySource;
use crate::flow::parse::place;
use crate::flow::profile::DoorRules;
use crate::flow::profile::door::{KeyType, Offer, Presence};
use crate::flow::verify::Message;
use crate::model::{CheckId, Fact, PartyId, Refusal, StepId, Target, Time, TokenType};
use crate::wire::ns;
use crate::wire::wsse::{SecurityTokenReference, TokenReference};
use crate::wire::wst::{self, ErrorKind, OnBehalfOf, RequestSecurityToken, RequestType, TrustVersion, UseKey};
use crate::wire::xml::{ById, Element};

/// What the answer repeats of the request: values, rebuilt as text, never a copied subtree
/// (`rules.md` 2.4).
#[derive(Debug, Clone)]
pub struct Echo {
    pub context: Option<String>,
    /// The namespace of the request's AppliesTo, and its address.
    pub applies_to: Option<(String, String)>,
    /// The TokenType as it was written; `None` when the request named none.
    pub token_type: Option<String>,
}

/// Reads the request.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn read(
    message: &Message<'_>,
    authenticated: &Authenticated,
    door: &DoorRules,
    skew: Duration,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<(Ask, Echo), Stopped> {
    inquiry.step(StepId::Decide);
    let payload = message.payload();
    let request = RequestSecurityToken::read(payload).map_err(|error| inquiry.stop(unreadable(payload, &error)))?;
    operation(&request, inquiry)?;
    let token_type = token_type(&request, door, inquiry)?;
    receiver(token_type, message, inquiry)?;
    key_type(&request, door, inquiry)?;
    use_key(&request, message, inquiry)?;
    unserved(&request, inquiry)?;
    let target = target(&request, door, inquiry)?;
    let context = context(&request, door, inquiry)?;
    let lifetime = lifetime(&request, door, (skew, now), inquiry)?;
    let on_behalf_of = on_behalf_of(&request, message, authenticated, door, inquiry)?;
    let ask = Ask {
        action: Action::Issue,
        target,
        token_type,
        scope: None,
        scope_may_narrow: false,
        on_behalf_of,
        lifetime,
        longest: Some(door.token.maximum_lifetime),
    };
    let echo = Echo {
        context,
        applies_to: request.applies_to.map(|to| (to.element.namespace().to_owned(), to.address)),
        token_type: request.token_type.map(|(_, spelling)| spelling),
    };
    Ok((ask, echo))
}

fn operation(request: &RequestSecurityToken<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.require(request.version == TrustVersion::Trust13, || {
        Refusal::new(CheckId::RequestShape)
            .with(Fact::text("found", format!("a request of {}", request.version.namespace())))
            .with(Fact::text("wanted", "WS-Trust 1.3"))
            .at(place(request.element))
    })?;
    inquiry.require(request.request_type == RequestType::Issue, || {
        Refusal::new(CheckId::RequestType)
            .with(Fact::text("found", request.request_type.as_str()))
            .with(Fact::list("wanted", [format!("{}/Issue", ns::WST13)]))
            .at(place(request.element))
    })
}

fn token_type(
    request: &RequestSecurityToken<'_>,
    door: &DoorRules,
    inquiry: &mut Inquiry,
) -> Result<TokenType, Stopped> {
    let offered = &door.token.types;
    let asked = match &request.token_type {
        None => offered.first().copied(),
        Some((wst::TokenType::Saml20, _)) => Some(TokenType::Saml2),
        Some((wst::TokenType::AccessToken, _)) => Some(TokenType::AccessToken),
        Some(_) => None,
    };
    let refusal = || {
        let found = request.token_type.as_ref().map_or("", |(_, spelling)| spelling.as_str());
        Refusal::new(CheckId::RequestTokenType)
            .with(Fact::text("found", found))
            .with(Fact::list("wanted", offered.iter().map(|offered| uri(*offered))))
            .at(place(request.element))
    };
    let Some(asked) = asked else { return Err(inquiry.stop(refusal())) };
    inquiry.require(offered.contains(&asked), refusal)?;
    Ok(asked)
}

/// A message that names no receiver can be relayed by whoever gets it. What it asks for must be
/// worthless to the relay: a token that is bound to the signing key, never an access token, which
/// the answer's reader could use (`rules.md` 2.1).
fn receiver(token_type: TokenType, message: &Message<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let bound = token_type == TokenType::Saml2 || message.covered().to().is_some();
    inquiry.require(bound, || {
        Refusal::new(CheckId::RequestReceiver)
            .with(Fact::text("found", uri(token_type)))
            .with(Fact::list("parts", message.covered().elements().iter().map(|element| element.local_name())))
            .at(place(message.payload()))
    })
}

/// The TokenType URI of what we issue (WSS SAML Token Profile 1.1 §3.2; RFC 8693 §3).
pub fn uri(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Saml2 => ns::SAML20_TOKEN,
        TokenType::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
    }
}

fn key_type(request: &RequestSecurityToken<'_>, door: &DoorRules, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let asked = match &request.key_type {
        None | Some(wst::KeyType::PublicKey) => Some(KeyType::PublicKey),
        Some(_) => None,
    };
    let offered = &door.request.key_types;
    inquiry.require(asked.is_some_and(|asked| offered.contains(&asked)), || {
        let found = request.key_type.as_ref().map(|kind| kind.uri(request.version)).unwrap_or_default();
        Refusal::new(CheckId::RequestKeyType)
            .with(Fact::text("found", found))
            .with(Fact::list("wanted", offered.iter().map(|offered| offered.uri())))
            .at(place(request.element))
    })
}

/// The token is bound to the key that signed the request (`rules.md` 1.2, 1.3). UseKey may name
/// that key; any other would have to be proven, and nothing offers that yet.
fn use_key(request: &RequestSecurityToken<'_>, message: &Message<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let Some(use_key) = &request.use_key else { return Ok(()) };
    let own = match use_key {
        // Whoever puts a second element of this id into the message would say which one is meant.
        UseKey::Signature(id) => {
            let one = matches!(message.payload().document().by_id(id), ById::One(_));
            one && message.signature_id() == Some(*id)
        }
        UseKey::Shown(shown) => shown.spki == message.key().spki(),
        UseKey::Reference(reference) => refers_to_signer(reference, message),
    };
    inquiry.require(own, || {
        let found = match use_key {
            UseKey::Signature(id) => format!("the signature `{id}`, not the one that signed the request"),
            UseKey::Shown(_) => "another key than the one that signed the request".to_owned(),
            UseKey::Reference(reference) => format!("another token ({})", reference.target.style()),
        };
        Refusal::new(CheckId::RequestUseKey).with(Fact::text("found", found)).at(place(request.element))
    })
}

fn refers_to_signer(reference: &SecurityTokenReference<'_>, message: &Message<'_>) -> bool {
    match (&message.signer().source, &reference.target) {
        (KeySource::Certificate { token: Some(token), .. }, TokenReference::Direct { id, .. }) => {
            token.attribute(ns::WSU, "Id") == Some(*id)
        }
        (KeySource::Certificate { certificate, .. }, TokenReference::IssuerSerial(named)) => named.names(certificate),
        (KeySource::Certificate { certificate, .. }, TokenReference::ThumbprintSha1(thumbprint)) => {
            certificate.thumbprint_sha1().as_slice() == thumbprint.as_slice()
        }
        (KeySource::Certificate { certificate, .. }, TokenReference::SubjectKeyIdentifier(identifier)) => {
            certificate.subject_key_identifier() == Some(identifier.as_slice())
        }
        (KeySource::Assertion { assertion }, TokenReference::Assertion { id, .. }) => assertion.id == id,
        (KeySource::Assertion { assertion }, TokenReference::Direct { id, .. }) => assertion.id == *id,
        _ => false,
    }
}

/// Children that would change what is asked and are not served.
fn unserved(request: &RequestSecurityToken<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    for element in [request.participants, request.target].into_iter().flatten() {
        inquiry.refuse(
            Refusal::new(CheckId::RequestChild)
                .with(Fact::text("element", element.qualified_name()))
                .at(place(element)),
        )?;
    }
    if request.act_as.is_some() {
        inquiry.refuse(not_understood("wst:ActAs", "a token", "nothing: ActAs is not offered", request.element))?;
    }
    if let Some(claims) = &request.claims {
        let demanded: Vec<&str> =
            claims.claims.iter().filter(|claim| !claim.optional).map(|claim| claim.uri.as_str()).collect();
        inquiry.require(demanded.is_empty() && claims.unknown.is_empty(), || {
            Refusal::new(CheckId::RequestClaims)
                .with(Fact::list("found", demanded.clone()))
                .with(Fact::text("algorithm", claims.dialect.clone().unwrap_or_default()))
                .with(Fact::text("wanted", "none"))
                .at(place(request.element))
        })?;
    }
    Ok(())
}

fn target(request: &RequestSecurityToken<'_>, door: &DoorRules, inquiry: &mut Inquiry) -> Result<Target, Stopped> {
    match &request.applies_to {
        Some(applies_to) => Ok(Target(applies_to.address.clone())),
        None => {
            debug_assert!(door.request.applies_to == Presence::Required, "no profile knows a default service");
            Err(inquiry.stop(Refusal::new(CheckId::RequestAppliesTo).at(place(request.element))))
        }
    }
}

fn context(
    request: &RequestSecurityToken<'_>,
    door: &DoorRules,
    inquiry: &mut Inquiry,
) -> Result<Option<String>, Stopped> {
    let Some(context) = request.context else { return Ok(None) };
    inquiry.require(context.len() <= door.request.maximum_context, || {
        Refusal::new(CheckId::RequestContext)
            .with(Fact::number("found", context.len()))
            .with(Fact::number("limit", door.request.maximum_context))
            .at(place(request.element))
    })?;
    Ok(Some(context.to_owned()))
}

/// The asked lifetime, counted from now: it may shorten, and starts now.
fn lifetime(
    request: &RequestSecurityToken<'_>,
    door: &DoorRules,
    (skew, now): (Duration, Time),
    inquiry: &mut Inquiry,
) -> Result<Option<std::time::Duration>, Stopped> {
    let Some(asked) = request.lifetime else { return Ok(None) };
    let created = asked.created.unwrap_or(now);
    let usable = created <= now + skew && asked.expires.is_none_or(|expires| expires > now && expires > created);
    inquiry.require(usable, || {
        let refusal = Refusal::new(CheckId::RequestLifetime)
            .with(Fact::time("created", created))
            .with(Fact::time("clock", now))
            .with(Fact::number("limit", door.token.maximum_lifetime.as_secs()))
            .at(place(request.element));
        match asked.expires {
            Some(expires) => refusal.with(Fact::time("expires", expires)),
            None => refusal.with(Fact::text("expires", "no end")),
        }
    })?;
    Ok(asked.expires.and_then(|expires| (expires - now).to_std().ok()))
}

/// Whom the requester acts for. A `Claimed` name (`rules.md` 1.7): a UsernameToken without
/// password whose Username is a party identifier; it counts only under a mandate that names both,
/// which the decision sees to. What the presented assertion already says cannot be exchanged for
/// another party.
fn on_behalf_of(
    request: &RequestSecurityToken<'_>,
    message: &Message<'_>,
    authenticated: &Authenticated,
    door: &DoorRules,
    inquiry: &mut Inquiry,
) -> Result<Option<PartyId>, Stopped> {
    let Some(asked) = &request.on_behalf_of else { return Ok(authenticated.on_behalf_of().cloned()) };
    let wanted = "a wsse:UsernameToken whose Username is an identifier such as cbe:0206731645";
    if door.request.on_behalf_of != Offer::Offered {
        let nothing = "nothing: OnBehalfOf is not offered";
        return Err(inquiry.stop(not_understood("wst:OnBehalfOf", "a token", nothing, request.element)));
    }
    // `rules.md` 1.5: an assertion that the message does not cover speaks for its holder only.
    let uncovered = matches!(message.signer().source, KeySource::Assertion { .. }) && !message.covered().assertion();
    inquiry.require(!uncovered, || message.covered().without_assertion("OnBehalfOf"))?;
    let party = match asked {
        OnBehalfOf::Token(token) if token.is(ns::WSSE, "UsernameToken") => named_party(*token),
        OnBehalfOf::Token(token) | OnBehalfOf::Named(token) => Err(token.qualified_name().to_owned()),
        OnBehalfOf::Reference(reference) => Err(format!("a reference to a token ({})", reference.target.style())),
    };
    let party =
        party.map_err(|found| inquiry.stop(not_understood("wst:OnBehalfOf", &found, wanted, request.element)))?;
    if let Some(already) = authenticated.on_behalf_of()
        && *already != party
    {
        let found = format!("{party}, while the presented assertion is on behalf of {already}");
        return Err(inquiry.stop(not_understood("wst:OnBehalfOf", &found, "the same party", request.element)));
    }
    inquiry.passed(CheckId::RequestOnBehalfOf, facts([Fact::text("found", party.to_string())]));
    Ok(Some(party))
}

fn named_party(token: Element<'_>) -> Result<PartyId, String> {
    let mut children = token.children();
    let (Some(username), None) = (children.next(), children.next()) else {
        return Err("a UsernameToken with more than a Username".to_owned());
    };
    if !username.is(ns::WSSE, "Username") {
        return Err(username.qualified_name().to_owned());
    }
    let text = username.text().unwrap_or_default();
    text.trim().parse().map_err(|error| format!("a Username that names no party ({error})"))
}

fn not_understood(element: &str, found: &str, wanted: &str, at: Element<'_>) -> Refusal {
    Refusal::new(CheckId::RequestOnBehalfOf)
        .with(Fact::text("element", element))
        .with(Fact::text("found", found))
        .with(Fact::text("wanted", wanted))
        .at(place(at))
}

fn unreadable(payload: Element<'_>, error: &wst::Error) -> Refusal {
    let at = payload.document().element(error.at);
    let shape = |found: String, wanted: &str| {
        Refusal::new(CheckId::RequestShape).with(Fact::text("found", found)).with(Fact::text("wanted", wanted))
    };
    let refusal = match &error.kind {
        ErrorKind::NotARequest(found) | ErrorKind::NotAnAnswer(found) => {
            shape(found.clone(), "wst:RequestSecurityToken")
        }
        ErrorKind::UnknownChild(name) => Refusal::new(CheckId::RequestChild).with(Fact::text("element", name.clone())),
        ErrorKind::MixedVersions(_) | ErrorKind::Repeated(_) | ErrorKind::Shape(_) => {
            shape(error.to_string(), "a request with each child once, all of one version of WS-Trust")
        }
        ErrorKind::ContextTooLong(bytes) => Refusal::new(CheckId::RequestContext)
            .with(Fact::number("found", *bytes))
            .with(Fact::number("limit", wst::MAX_CONTEXT)),
        ErrorKind::AppliesTo(detail) => Refusal::new(CheckId::RequestAppliesToForm)
            .with(Fact::text("found", at.qualified_name()))
            .with(Fact::text("detail", detail.to_string())),
        ErrorKind::Lifetime(detail) => shape(format!("a Lifetime that cannot be read: {detail}"), "xs:dateTime"),
        ErrorKind::UseKey(detail) => Refusal::new(CheckId::RequestUseKey)
            .with(Fact::text("found", format!("a key that cannot be read ({detail})"))),
        ErrorKind::OnBehalfOf(detail) => {
            return not_understood("wst:OnBehalfOf", &detail.to_string(), "a party or a token", at);
        }
        ErrorKind::Claims(detail) => Refusal::new(CheckId::RequestClaims)
            .with(Fact::text("found", detail.to_string()))
            .with(Fact::text("algorithm", ""))
            .with(Fact::text("wanted", "none")),
    };
    refusal.at(place(at))
}
