//! AUTHENTICATE: whose key was that?
//!
//! - in: a [`Message`] (SOAP door), or the credentials of a token request (OAuth door); whom we
//!   trust; the time
//! - out: an [`Authenticated`]
//!
//! Four ways, a function each: the key of a registered certificate signed the message; the key of
//! a holder-of-key assertion signed the message; the key of a holder-of-key assertion was proven
//! in the TLS handshake; a registered key signed a client assertion. All end at the same question:
//! the one registry entry of the *proven key* (`rules.md` 1.1). Nothing is read from a certificate
//! that is neither registered byte for byte nor judged by a path.
//!
//! What is revoked or suspended in the registry counts at once, on every way in: the registry is
//! asked on each request and never cached.

use chrono::Duration;

use crate::flow::assertion::{self, Judged};
use crate::flow::certificate;
use crate::flow::client_assertion;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::key_reference::KeySource;
use crate::flow::trust::Trust;
use crate::flow::verify::{Message, Terms};
use crate::model::{
    Binding, Caller, CheckId, Fact, KeyThumbprint, Means, PartyId, Refusal, Requester, StepId, Target, Time,
};
use crate::registry::{Grant, Sender, Standing};
use crate::replay::{Claim, ClaimKind};
use crate::wire::crypto;
use crate::wire::saml::{Assertion, NAME_ID_UNSPECIFIED};
use crate::wire::x509::Certificate;
use crate::wire::xml::Limits;

/// A requester whose key was proven, with everything that the proof brings along: to what a token
/// may be bound, how long it may live, what it spends. Made by this file only.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(authenticated: vidimus::flow::authenticate::Authenticated) {
///     let _made = vidimus::flow::authenticate::Authenticated { ..authenticated };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(authenticated: vidimus::flow::authenticate::Authenticated) {
///     let _made = authenticated;
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated {
    requester: Requester,
    subject: PartyId,
    binding: Option<Binding>,
    caps: Vec<(&'static str, Time)>,
    replay_claims: Vec<Claim>,
    made_at: Time,
    on_behalf_of: Option<PartyId>,
    targets: Option<Vec<Target>>,
    exceptions: Vec<String>,
}

impl Authenticated {
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Whom a token will be about.
    pub fn subject(&self) -> &PartyId {
        &self.subject
    }

    /// The proven key, as a token will be bound to it. `None`: proven for this request only.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Ends of what the proof rests on: no token outlives them.
    pub fn caps(&self) -> &[(&'static str, Time)] {
        &self.caps
    }

    /// What this request spends: claimed durably together with the intent.
    pub fn replay_claims(&self) -> &[Claim] {
        &self.replay_claims
    }

    /// When what is spent here was made: nothing made before the store was is taken
    /// (`rules.md` 3.3).
    pub fn made_at(&self) -> Time {
        self.made_at
    }

    /// Whom the presented token already lets the requester act for.
    pub fn on_behalf_of(&self) -> Option<&PartyId> {
        self.on_behalf_of.as_ref()
    }

    /// The services that the presented token is limited to. `None`: not limited.
    pub fn targets(&self) -> Option<&[Target]> {
        self.targets.as_deref()
    }

    /// The exceptions for old algorithms that the message rests on, in words: each record shows them.
    pub fn exceptions(&self) -> &[String] {
        &self.exceptions
    }

    /// OneTimeUse (SAML 2.0 Core §2.5.1.5): the assertion is spent with the token.
    fn spend_once(&mut self, judged: &Judged<'_, '_, '_>, skew: Duration) {
        if !judged.assertion().conditions.one_time_use {
            return;
        }
        let identity = identity(&[&judged.issuer().issuer, judged.assertion().id]);
        let keep_until = judged.expires() + skew;
        self.replay_claims.push(Claim { kind: ClaimKind::Assertion, identity, keep_until });
        self.made_at = self.made_at.min(judged.assertion().issue_instant);
    }
}

/// The sender of a signed message.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn requester(
    message: &Message<'_>,
    terms: Terms<'_>,
    issuer: &str,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    inquiry.step(StepId::Authenticate);
    let mut authenticated = match &message.signer().source {
        KeySource::Certificate { certificate, intermediates, .. } => {
            by_certificate(message, certificate, intermediates, terms, inquiry)?
        }
        KeySource::Assertion { assertion } => by_assertion(message, assertion, terms, issuer, inquiry)?,
    };
    authenticated.exceptions = excepted(message, terms, inquiry)?;
    authenticated.replay_claims.extend(message_claims(message));
    authenticated.made_at = authenticated.made_at.min(message.created());
    inquiry.clean()?;
    Ok(authenticated)
}

/// The holder of an assertion who proved its key in the TLS handshake (`rules.md` 5.2, P1).
#[derive(Debug)]
pub struct Exchange<'a, 'd> {
    pub assertion: &'a Assertion<'d>,
    pub caller: &'a Caller,
    /// `client_id`, and the client assertion, where the request has them.
    pub client_id: Option<&'a str>,
    pub client_assertion: Option<&'a str>,
}

/// What the OAuth door brings to authentication.
#[derive(Debug, Clone, Copy)]
pub struct OauthTerms<'t> {
    pub trust: &'t Trust,
    pub limits: &'t Limits,
    pub issuer: &'t str,
    pub token_endpoint: &'t str,
    pub skew: Duration,
    pub now: Time,
}

/// Authenticates a token exchange.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn exchange(
    request: &Exchange<'_, '_>,
    terms: OauthTerms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    inquiry.step(StepId::Authenticate);
    let judging = assertion::Terms { trust: terms.trust, limits: terms.limits, skew: terms.skew, now: terms.now };
    let judged = assertion::judge(request.assertion, judging, inquiry)?;
    let wanted = KeyThumbprint(assertion::confirmation_key(request.assertion, terms.trust, inquiry)?.thumbprint());
    let Some(leaf) = request.caller.tls_leaf() else {
        return Err(
            inquiry.stop(Refusal::new(CheckId::ProofPresent).with(Fact::text("wanted", "a TLS client certificate")))
        );
    };
    let shown = Certificate::parse(leaf).map_err(|error| {
        inquiry.stop(Refusal::new(CheckId::ProofPresent).with(Fact::text("wanted", error.to_string())))
    })?;
    let found = KeyThumbprint(shown.key_thumbprint());
    inquiry.require(found == wanted, || {
        Refusal::new(CheckId::ProofKey)
            .with(Fact::text("wanted", wanted.to_string()))
            .with(Fact::text("found", found.to_string()))
    })?;
    inquiry.passed(CheckId::ProofKey, facts([Fact::text("found", found.to_string())]));
    certificate::standing(&shown, (terms.trust, terms.now), inquiry)?;
    let sender = holder(&judged, wanted, (terms.trust, terms.now), inquiry)?;
    may_use(sender, Grant::TokenExchange, inquiry)?;
    let client = client(request, sender, terms, inquiry)?;
    let mut authenticated =
        holding(&judged, sender, wanted, Means::SamlOverMutualTls, terms.issuer, (terms.now, inquiry))?;
    // The token is bound to the leaf that was shown: `cnf.x5t#S256` (RFC 8705 §3.1).
    authenticated.caps.push(("certificate", shown.not_after()));
    authenticated.binding = Some(Binding::Certificate { key: found, certificate: leaf.to_vec() });
    authenticated.spend_once(&judged, terms.skew);
    if let Some((claim, made_at)) = client {
        authenticated.replay_claims.push(claim);
        authenticated.made_at = authenticated.made_at.min(made_at);
    }
    inquiry.clean()?;
    Ok(authenticated)
}

/// A client that signs a client assertion with a registered key (RFC 7523 §2.2).
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn private_key_jwt(
    client_id: Option<&str>,
    client_assertion: Option<&str>,
    caller: &Caller,
    terms: OauthTerms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    inquiry.step(StepId::Authenticate);
    let Some(text) = client_assertion else {
        return Err(
            inquiry.stop(Refusal::new(CheckId::ClientAssertionPresent).with(Fact::list("wanted", ["private_key_jwt"])))
        );
    };
    let proven = client_assertion::verify(text, client_id, terms, inquiry)?;
    let sender = proven.sender;
    active(sender, inquiry)?;
    certificate::key_standing(&proven.key, (terms.trust, terms.now), inquiry)?;
    may_use(sender, Grant::ClientCredentials, inquiry)?;
    let binding = shown_binding(sender, caller, inquiry)?;
    let caps = match &binding {
        Some((_, not_after)) => vec![("certificate", *not_after)],
        None => Vec::new(),
    };
    inquiry.clean()?;
    Ok(Authenticated {
        requester: words(sender, proven.key, Means::PrivateKeyJwt, terms.now),
        subject: sender.party.clone(),
        binding: binding.map(|(binding, _)| binding),
        caps,
        replay_claims: vec![proven.claim],
        made_at: proven.made_at,
        on_behalf_of: None,
        targets: None,
        exceptions: Vec::new(),
    })
}

/// An X.509-signed message: the key's one registry entry, then what the profile asks of the
/// certificate.
fn by_certificate(
    message: &Message<'_>,
    shown: &Certificate,
    intermediates: &[Certificate],
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    let key = KeyThumbprint(message.key().thumbprint());
    certificate::validity(shown, terms.now, inquiry)?;
    let sender = registered(terms.trust, key, &shown.subject().to_string(), inquiry)?;
    active(sender, inquiry)?;
    certificate::path(shown, intermediates, terms, inquiry)?;
    certificate::usage(shown, inquiry)?;
    // What the token will show is a certificate that is registered, never one that only came along.
    let own = if terms.trust.registered(shown) { Some(shown) } else { terms.trust.certificate_of(&key) };
    let binding = match own {
        Some(certificate) => Binding::Certificate { key, certificate: certificate.der().to_vec() },
        None => Binding::Key { key, spki: message.key().spki().to_vec() },
    };
    Ok(Authenticated {
        requester: words(sender, key, Means::X509Signature, terms.now),
        subject: sender.party.clone(),
        binding: Some(binding),
        caps: vec![("certificate", shown.not_after())],
        replay_claims: Vec::new(),
        made_at: terms.now,
        on_behalf_of: None,
        targets: None,
        exceptions: Vec::new(),
    })
}

/// A message signed with the key of a holder-of-key assertion.
fn by_assertion(
    message: &Message<'_>,
    assertion: &Assertion<'_>,
    terms: Terms<'_>,
    issuer: &str,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    let skew = Duration::from_std(terms.profile.time.skew).unwrap_or(Duration::zero());
    let judging = assertion::Terms { trust: terms.trust, limits: terms.limits, skew, now: terms.now };
    let judged = assertion::judge(assertion, judging, inquiry)?;
    let key = KeyThumbprint(message.key().thumbprint());
    let sender = holder(&judged, key, (terms.trust, terms.now), inquiry)?;
    let mut authenticated = holding(&judged, sender, key, Means::SamlHolderOfKey, issuer, (terms.now, inquiry))?;
    // `rules.md` 1.5: what the message does not cover speaks for its holder only. Another assertion of the same key, for
    // another party, could have been put in its place.
    let covered = message.covered();
    inquiry.require(covered.assertion() || authenticated.on_behalf_of.is_none(), || {
        covered.without_assertion("on-behalf-of")
    })?;
    authenticated.binding = Some(match terms.trust.certificate_of(&key) {
        Some(own) => Binding::Certificate { key, certificate: own.der().to_vec() },
        None => Binding::Key { key, spki: message.key().spki().to_vec() },
    });
    authenticated.spend_once(&judged, skew);
    Ok(authenticated)
}

/// The registry entry of the assertion's key. For an assertion of ours it must still be the party
/// that we issued it to.
fn holder<'t>(
    judged: &Judged<'_, '_, '_>,
    key: KeyThumbprint,
    (trust, now): (&'t Trust, Time),
    inquiry: &mut Inquiry,
) -> Result<&'t Sender, Stopped> {
    let subject = judged.assertion().subject.name_id.as_ref().map(|name| name.value.clone()).unwrap_or_default();
    let sender = registered(trust, key, &subject, inquiry)?;
    active(sender, inquiry)?;
    certificate::key_standing(&key, (trust, now), inquiry)?;
    let same = !judged.issuer().ours || names(judged, &sender.party);
    inquiry.require(same, || {
        Refusal::new(CheckId::ClientMatches)
            .with(Fact::text("client", sender.name.clone()))
            .with(Fact::text("found", sender.party.to_string()))
            .with(Fact::text("wanted", subject.clone()))
    })?;
    Ok(sender)
}

/// Whether an assertion of ours names this party in the one way in which we name parties: value,
/// Format and qualifiers are one identity (`rules.md` 5.4).
fn names(judged: &Judged<'_, '_, '_>, party: &PartyId) -> bool {
    judged.assertion().subject.name_id.as_ref().is_some_and(|name| {
        name.value == party.to_string()
            && name.format.as_deref() == Some(NAME_ID_UNSPECIFIED)
            && name.name_qualifier.is_none()
            && name.sp_name_qualifier.is_none()
    })
}

/// What every holder of an assertion gets from it, and no more: its end, its audience, whom it
/// lets the holder act for.
fn holding(
    judged: &Judged<'_, '_, '_>,
    sender: &Sender,
    key: KeyThumbprint,
    means: Means,
    issuer: &str,
    (now, inquiry): (Time, &mut Inquiry),
) -> Result<Authenticated, Stopped> {
    let mut requester = words(sender, key, means, now);
    // AuthnInstant is copied, so that a chain of tokens never looks younger than its first proof.
    if let Some(statement) = judged.assertion().authn_statements.first() {
        requester.authenticated_at = statement.authn_instant;
    }
    let on_behalf_of = if judged.issuer().ours { represented(judged, inquiry)? } else { None };
    Ok(Authenticated {
        requester,
        subject: sender.party.clone(),
        binding: None,
        caps: vec![("assertion", judged.expires())],
        replay_claims: Vec::new(),
        made_at: now,
        on_behalf_of,
        targets: targets(judged, issuer),
        exceptions: Vec::new(),
    })
}

/// The party that one of our own assertions lets its holder act for.
fn represented(judged: &Judged<'_, '_, '_>, inquiry: &mut Inquiry) -> Result<Option<PartyId>, Stopped> {
    let unreadable = |detail: String| {
        Refusal::new(CheckId::AssertionStructure)
            .with(Fact::text("element", "saml:Attribute"))
            .with(Fact::text("detail", detail))
    };
    let attribute = match judged.assertion().attribute(ON_BEHALF_OF) {
        Ok(None) => return Ok(None),
        Ok(Some(attribute)) => attribute,
        Err(error) => return Err(inquiry.stop(unreadable(error.to_string()))),
    };
    let [value] = attribute.values.as_slice() else {
        return Err(inquiry.stop(unreadable(format!("{ON_BEHALF_OF} has {} values", attribute.values.len()))));
    };
    value.parse().map(Some).map_err(|error| inquiry.stop(unreadable(format!("{ON_BEHALF_OF}: {error}"))))
}

/// An assertion of ours names the services it is for, and us; what is made of it is for no other.
/// One that names us alone may be turned into a token for any service that the policy permits.
fn targets(judged: &Judged<'_, '_, '_>, issuer: &str) -> Option<Vec<Target>> {
    let us = &judged.issuer().audiences;
    let services: Vec<Target> = judged
        .assertion()
        .audiences()
        .unwrap_or_default()
        .into_iter()
        .filter(|audience| *audience != issuer && !us.iter().any(|own| own == audience))
        .map(|audience| Target(audience.to_owned()))
        .collect();
    (!services.is_empty()).then_some(services)
}

/// A message is itself, and, per sender, its covered MessageID (`rules.md` 3.1).
fn message_claims(message: &Message<'_>) -> Vec<Claim> {
    let keep_until = message.usable_until();
    let mut claims = vec![Claim { kind: ClaimKind::Message, identity: message.identity(), keep_until }];
    if let Some(message_id) = message.covered().message_id() {
        let key = KeyThumbprint(message.key().thumbprint()).to_string();
        let identity = identity(&[&key, message_id]);
        claims.push(Claim { kind: ClaimKind::MessageId, identity, keep_until });
    }
    claims
}

/// A client assertion that came along with an exchange must be the holder's own.
fn client(
    request: &Exchange<'_, '_>,
    sender: &Sender,
    terms: OauthTerms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Option<(Claim, Time)>, Stopped> {
    let differs = |found: &str| {
        Refusal::new(CheckId::ClientMatches)
            .with(Fact::text("client", found))
            .with(Fact::text("found", found))
            .with(Fact::text("wanted", sender.name.clone()))
    };
    if let Some(client_id) = request.client_id {
        inquiry.require(sender.client_id.as_deref() == Some(client_id), || differs(client_id))?;
    }
    let Some(text) = request.client_assertion else { return Ok(None) };
    let proven = client_assertion::verify(text, request.client_id, terms, inquiry)?;
    inquiry.require(proven.sender.name == sender.name, || differs(&proven.sender.name))?;
    certificate::key_standing(&proven.key, (terms.trust, terms.now), inquiry)?;
    Ok(Some((proven.claim, proven.made_at)))
}

/// A TLS client certificate beside a client assertion binds the token, if its key is registered
/// for this very client; any other key is refused and not ignored.
fn shown_binding(sender: &Sender, caller: &Caller, inquiry: &mut Inquiry) -> Result<Option<(Binding, Time)>, Stopped> {
    let Some(leaf) = caller.tls_leaf() else { return Ok(None) };
    let shown = Certificate::parse(leaf).map_err(|error| {
        inquiry.stop(Refusal::new(CheckId::ProofPresent).with(Fact::text("wanted", error.to_string())))
    })?;
    let key = KeyThumbprint(shown.key_thumbprint());
    inquiry.require(sender.keys.contains(&key), || {
        Refusal::new(CheckId::ProofKey)
            .with(Fact::list("wanted", sender.keys.iter().map(ToString::to_string)))
            .with(Fact::text("found", key.to_string()))
    })?;
    Ok(Some((Binding::Certificate { key, certificate: leaf.to_vec() }, shown.not_after())))
}

fn registered<'t>(
    trust: &'t Trust,
    key: KeyThumbprint,
    subject: &str,
    inquiry: &mut Inquiry,
) -> Result<&'t Sender, Stopped> {
    let said = || facts([Fact::text("subject", subject), Fact::text("thumbprint", key.to_string())]);
    let Some(sender) = trust.registry.sender_by_key(&key) else {
        return Err(inquiry.stop(Refusal { check: CheckId::KeyRegistered, facts: said(), place: None }));
    };
    let mut said = said();
    said.push(Fact::text("sender", sender.name.clone()));
    inquiry.passed(CheckId::KeyRegistered, said);
    Ok(sender)
}

/// Whether the very sender whose key signed may use what the message's signature uses (`rules.md` 4.2).
fn excepted(message: &Message<'_>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Vec<String>, Stopped> {
    let key = KeyThumbprint(message.key().thumbprint());
    let sender = terms.trust.registry.sender_by_key(&key);
    let mut used = Vec::new();
    for exception in message.exceptional() {
        let name = sender.map(|sender| sender.name.as_str()).unwrap_or_default();
        let said = |check| {
            Refusal::new(check).with(Fact::text("algorithm", exception.as_str())).with(Fact::text("sender", name))
        };
        let allowance = sender.and_then(|sender| sender.allowance(*exception, &key));
        let detail = match allowance {
            Some(allowance) if terms.now < allowance.until => {
                let until = Fact::time("expires", allowance.until);
                let said = said(CheckId::AlgorithmException).with(until).with(Fact::text("detail", &allowance.reason));
                inquiry.passed(CheckId::AlgorithmException, said.facts);
                used.push(format!("{exception} before {}: {}", allowance.until.to_rfc3339(), allowance.reason));
                continue;
            }
            Some(allowance) => format!("its exception ended at {}", allowance.until.to_rfc3339()),
            None => "it has no such exception for this key".to_owned(),
        };
        inquiry.refuse(said(CheckId::AlgorithmException).with(Fact::text("detail", detail)))?;
    }
    Ok(used)
}

fn active(sender: &Sender, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.require(sender.standing == Standing::Active, || {
        Refusal::new(CheckId::SenderActive).with(Fact::text("sender", sender.name.clone()))
    })
}

fn may_use(sender: &Sender, grant: Grant, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.require(sender.grants.contains(&grant), || {
        Refusal::new(CheckId::ClientGrant)
            .with(Fact::text("client", sender.client_id.as_deref().unwrap_or(&sender.name)))
            .with(Fact::text("found", grant_name(grant)))
            .with(Fact::list("wanted", sender.grants.iter().map(|grant| grant_name(*grant))))
    })
}

fn grant_name(grant: Grant) -> &'static str {
    match grant {
        Grant::TokenExchange => "token-exchange",
        Grant::ClientCredentials => "client_credentials",
    }
}

fn words(sender: &Sender, key: KeyThumbprint, means: Means, now: Time) -> Requester {
    Requester {
        name: sender.name.clone(),
        party: sender.party.clone(),
        sender_number: sender.number.clone(),
        client_id: Some(sender.client_id.clone().unwrap_or_else(|| sender.name.clone())),
        key,
        means,
        authenticated_at: now,
        claims: sender.claims.clone(),
    }
}

/// SHA-256 over length-prefixed parts: no two lists of parts share an identity.
pub(super) fn identity(parts: &[&str]) -> [u8; 32] {
    let mut message = Vec::new();
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    crypto::sha256(&message)
}

/// The attribute in which our assertions name whom their holder acts for.
const ON_BEHALF_OF: &str = "urn:vidimus:attribute:on-behalf-of";
