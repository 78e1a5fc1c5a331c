//! DECIDE: may this requester have this token, for this service, on whose behalf?
//!
//! - in: an [`Authenticated`]; an [`Ask`], what the request wants in our words, not believed
//! - out: a [`Permit`], or a refusal
//!
//! The facts are gathered here (service, mandate, claims); the policy decision point answers. A
//! mandate that is needed and missing is refused before the engine is asked, whatever its rules
//! say. An engine, store or source that does not answer is a 503, which is not a deny: nothing has
//! been consumed, and the same message may be sent again.
//!
//! Nothing of this is cached beyond the request: an ended mandate is refused in the next one.

use std::time::Duration;

use crate::flow::authenticate::Authenticated;
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::sts::Sts;
use crate::model::{
    CheckId, Claim, Decision, Effect, Fact, Mandate, MandateStanding, PartyId, Query, Refusal, Scope, StepId, Target,
    Time, TokenType,
};
use crate::registry::Service;

/// What is to be done; the policy's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// WS-Trust Issue.
    Issue,
    /// RFC 8693 token exchange.
    Exchange,
    /// RFC 6749 4.4.
    ClientCredentials,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Exchange => "exchange",
            Self::ClientCredentials => "client-credentials",
        }
    }
}

/// What the request wants. Plain words: everybody may make one, nobody believes it.
#[derive(Debug, Clone)]
pub struct Ask {
    pub action: Action,
    pub target: Target,
    pub token_type: TokenType,
    /// `None`: all that may be had. Never widened.
    pub scope: Option<Scope>,
    /// Whether scope that cannot be granted refuses the request (client_credentials) or is left
    /// out (exchange): oauthlib raises when the granted scope differs (`clients.md` 3).
    pub scope_may_narrow: bool,
    pub on_behalf_of: Option<PartyId>,
    /// The asked lifetime; only ever shortens.
    pub lifetime: Option<Duration>,
    /// The door's own longest lifetime.
    pub longest: Option<Duration>,
}

/// The decision point said yes to this requester and this ask. Spent by `commit`.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(permit: vidimus::flow::decide::Permit) {
///     let _made = vidimus::flow::decide::Permit { ..permit };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(permit: vidimus::flow::decide::Permit) {
///     let _made = permit;
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    pub(super) authenticated: Authenticated,
    pub(super) ask: Ask,
    pub(super) service: Service,
    pub(super) scope: Scope,
    pub(super) mandate: Option<Mandate>,
    pub(super) claims: Vec<Claim>,
    pub(super) decision: Decision,
    at: Time,
}

impl Permit {
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    pub fn at(&self) -> Time {
        self.at
    }
}

/// Gathers the facts and asks the decision point.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub async fn decide(
    sts: &Sts,
    authenticated: Authenticated,
    ask: Ask,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Permit, Stopped> {
    inquiry.step(StepId::Decide);
    let service = service(sts, &ask, inquiry)?;
    within(&authenticated, &ask, inquiry)?;
    let scope = scope(&service, &ask, inquiry)?;
    let mandate = mandate(sts, &authenticated, &ask, &service, now, inquiry).await?;
    let claims = claims(sts, &authenticated, inquiry).await?;
    let query = query(&authenticated, &ask, &scope, mandate.clone(), claims.clone(), now);
    let decision = evaluate(sts, &query, inquiry).await?;
    inquiry.clean()?;
    Ok(Permit { authenticated, ask, service, scope, mandate, claims, decision, at: now })
}

/// The registered service of that exact name; `AppliesTo`, `resource` and `audience` are compared
/// byte for byte.
fn service(sts: &Sts, ask: &Ask, inquiry: &mut Inquiry) -> Result<Service, Stopped> {
    let trust = sts.trust.load();
    let Some(service) = trust.registry.service(&ask.target) else {
        return Err(
            inquiry.stop(Refusal::new(CheckId::TargetKnown).with(Fact::text("service", ask.target.to_string())))
        );
    };
    inquiry.passed(CheckId::TargetKnown, facts([Fact::text("service", ask.target.to_string())]));
    inquiry.require(service.token_types.contains(&ask.token_type), || {
        Refusal::new(CheckId::TargetTokenType)
            .with(Fact::text("service", ask.target.to_string()))
            .with(Fact::text("found", ask.token_type.as_str()))
            .with(Fact::list("wanted", service.token_types.iter().map(|kind| kind.as_str())))
    })?;
    Ok(service.clone())
}

/// What is made of a token is for no other service than that token was.
fn within(authenticated: &Authenticated, ask: &Ask, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let Some(targets) = authenticated.targets() else { return Ok(()) };
    inquiry.require(targets.contains(&ask.target), || {
        Refusal::new(CheckId::TargetWithin)
            .with(Fact::text("service", ask.target.to_string()))
            .with(Fact::list("wanted", targets.iter().map(ToString::to_string)))
    })
}

/// Scope is what the service has and the request asks for: never more than either.
fn scope(service: &Service, ask: &Ask, inquiry: &mut Inquiry) -> Result<Scope, Stopped> {
    let Some(asked) = &ask.scope else { return Ok(service.scopes.clone()) };
    let granted = asked.intersection(&service.scopes);
    let lost = granted.0.len() < asked.0.len();
    inquiry.require(!granted.is_empty() && (ask.scope_may_narrow || !lost), || {
        Refusal::new(CheckId::ScopeGranted)
            .with(Fact::text("service", ask.target.to_string()))
            .with(Fact::text("found", asked.to_string()))
            .with(Fact::text("wanted", service.scopes.to_string()))
    })?;
    Ok(granted)
}

/// Acting for somebody else needs a mandate of theirs for the requester, of the type that the
/// service asks for, in force now.
async fn mandate(
    sts: &Sts,
    authenticated: &Authenticated,
    ask: &Ask,
    service: &Service,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Option<Mandate>, Stopped> {
    let requester = authenticated.requester();
    let Some(grantor) = ask.on_behalf_of.as_ref().filter(|grantor| **grantor != requester.party) else {
        return Ok(None);
    };
    let all = match sts.mandates.between(&sts.realm, grantor, &requester.party).await {
        Ok(all) => all,
        Err(error) => {
            let refusal = Refusal::new(CheckId::MandatesAnswer)
                .with(Fact::text("source", "mandates"))
                .with(Fact::text("detail", error.to_string()));
            return Err(inquiry.stop(refusal));
        }
    };
    let wanted = service.mandate_type.as_deref();
    let fitting = || all.iter().filter(|mandate| wanted == Some(mandate.mandate_type.as_str()));
    if let Some(mandate) = fitting().find(|mandate| mandate.standing(now) == MandateStanding::InForce) {
        inquiry.passed(CheckId::MandateInForce, mandate_facts(mandate));
        return Ok(Some(mandate.clone()));
    }
    let last = fitting().next_back();
    inquiry.refuse(match last {
        Some(mandate) => standing_refusal(mandate, now),
        None => Refusal::new(CheckId::MandateFound)
            .with(Fact::text("mandator", grantor.to_string()))
            .with(Fact::text("mandatary", requester.party.to_string()))
            .with(Fact::text("service", ask.target.to_string()))
            .with(Fact::text("wanted", wanted.unwrap_or("no mandate is taken for this service")))
            .with(Fact::list("found", all.iter().map(|mandate| mandate.mandate_type.clone()))),
    })?;
    Ok(last.cloned())
}

fn standing_refusal(mandate: &Mandate, now: Time) -> Refusal {
    let check = match mandate.standing(now) {
        MandateStanding::Ended => CheckId::MandateInForce,
        MandateStanding::NotYet | MandateStanding::Expired | MandateStanding::InForce => CheckId::MandatePeriod,
    };
    Refusal { check, facts: mandate_facts(mandate), place: None }.with(Fact::time("clock", now))
}

fn mandate_facts(mandate: &Mandate) -> Vec<Fact> {
    let mut facts = vec![
        Fact::number("mandate", mandate.id.0),
        Fact::number("version", mandate.version),
        Fact::text("mandator", mandate.grantor.to_string()),
        Fact::text("mandatary", mandate.grantee.to_string()),
        Fact::text("type", mandate.mandate_type.clone()),
        Fact::time("created", mandate.valid_from),
    ];
    match mandate.ended_at.or(mandate.valid_until) {
        Some(end) => facts.push(Fact::time("expires", end)),
        None => facts.push(Fact::text("expires", "its end, which is open")),
    }
    facts
}

/// What the registry and the attribute sources know of the requester.
async fn claims(sts: &Sts, authenticated: &Authenticated, inquiry: &mut Inquiry) -> Result<Vec<Claim>, Stopped> {
    let requester = authenticated.requester();
    let mut claims = requester.claims.clone();
    for source in &sts.attributes {
        match source.claims(&requester.party).await {
            Ok(known) => claims.extend(known),
            Err(error) => {
                return Err(inquiry.stop(
                    Refusal::new(CheckId::AttributesAnswer)
                        .with(Fact::text("source", source.name()))
                        .with(Fact::text("detail", error.to_string())),
                ));
            }
        }
    }
    Ok(claims)
}

fn query(
    authenticated: &Authenticated,
    ask: &Ask,
    scope: &Scope,
    mandate: Option<Mandate>,
    claims: Vec<Claim>,
    now: Time,
) -> Query {
    let requester = authenticated.requester();
    Query {
        requester: requester.party.clone(),
        requester_name: requester.name.clone(),
        means: requester.means.as_str(),
        action: ask.action.as_str(),
        target: ask.target.clone(),
        token_type: ask.token_type,
        scope: scope.clone(),
        on_behalf_of: ask.on_behalf_of.clone(),
        mandate,
        claims,
        at: now,
    }
}

async fn evaluate(sts: &Sts, query: &Query, inquiry: &mut Inquiry) -> Result<Decision, Stopped> {
    let decision = match sts.pdp.evaluate(query).await {
        Ok(decision) => decision,
        Err(error) => {
            let refusal = Refusal::new(CheckId::PolicyAnswers)
                .with(Fact::text("source", sts.pdp.name()))
                .with(Fact::text("detail", error.to_string()));
            return Err(inquiry.stop(refusal));
        }
    };
    let said = facts([
        Fact::text("source", sts.pdp.name()),
        Fact::text("sender", query.requester_name.clone()),
        Fact::text("service", query.target.to_string()),
        Fact::list("rule", decision.policies.iter().cloned()),
    ]);
    if decision.effect == Effect::Deny {
        inquiry.refuse(Refusal { check: CheckId::PolicyPermits, facts: said, place: None })?;
        return Ok(decision);
    }
    inquiry.passed(CheckId::PolicyPermits, said);
    Ok(decision)
}
