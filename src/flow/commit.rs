//! COMMIT: the exact bytes to be signed, and the durable record that they will be.
//!
//! - in: a [`Permit`]
//! - out: an [`Intended`]: replay claims and audit intent are on disk, in one commit
//!
//! The order is the promise: no token without a durable record of the intent, made before the
//! signature; one message, at most one token. When the commit fails nothing was consumed and the
//! answer is 503.

use chrono::Duration;

use crate::audit::{Field, IntentEntry};
use crate::flow::decide::{Action, Permit};
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::sts::Sts;
use crate::model::{
    CheckId, Fact, KeyHandle, Reference, Refusal, Scope, StepId, Target, Time, TokenType, Validity, guard,
};
use crate::replay::{Claim, ClaimKind};
use crate::store::StoreError;
use crate::tokens::{Draft, Grant};
use crate::wire::base64;
use crate::wire::crypto;
use crate::wire::hex;

/// The intent is on disk: these bytes may now be signed, once.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(intended: vidimus::flow::commit::Intended) {
///     let _made = vidimus::flow::commit::Intended { ..intended };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(intended: vidimus::flow::commit::Intended) {
///     let _made = intended;
/// }
/// ```
#[derive(Debug)]
pub struct Intended {
    pub(super) draft: Draft,
    pub(super) key: KeyHandle,
    pub(super) terms: Terms,
    /// Nothing, and nobody else's to write down.
    _committed: (),
}

/// What the answer says about the token besides the token.
#[derive(Debug, Clone)]
pub struct Terms {
    pub token_id: String,
    pub token_type: TokenType,
    pub target: Target,
    pub scope: Scope,
    pub validity: Validity,
    /// Made of another token (RFC 8693): the answer says of what type it is.
    pub exchanged: bool,
}

/// Writes the draft down and commits to it.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub async fn commit(
    sts: &Sts,
    permit: Permit,
    reference: Reference,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Intended, Stopped> {
    inquiry.step(StepId::Draft);
    let validity = validity(&permit, now, inquiry)?;
    let grant = grant(sts, &permit, validity, reference, now);
    let (draft, key) = draft(sts, &permit, &grant, inquiry)?;

    inquiry.step(StepId::Commit);
    let spent = permit.authenticated.replay_claims().iter();
    let claims: Vec<Claim> = spent.filter(|claim| guard::stands(seen_check(claim.kind))).cloned().collect();
    let intent = intent(sts, &permit, &grant, &draft, &key, reference, now);
    let writes = vec![sts.replay.claim(&sts.realm, claims.clone(), now), sts.trail.intent(intent)];
    if let Err(error) = sts.store.together(writes).await {
        return Err(inquiry.stop(commit_refusal(sts, &error, &claims, now)));
    }
    inquiry.passed(CheckId::AuditWrites, Vec::new());
    let terms = Terms {
        token_id: grant.token_id,
        token_type: permit.ask.token_type,
        target: permit.ask.target,
        scope: permit.scope,
        validity,
        exchanged: permit.ask.action == Action::Exchange,
    };
    Ok(Intended { draft, key, terms, _committed: () })
}

/// The minimum rule: a token lives no longer than anything that it rests on. Every cap is one of:
/// the service's terms, the asked lifetime, the policy, the mandate's end, and what the
/// authentication rests on (assertion, certificate).
fn validity(permit: &Permit, now: Time, inquiry: &mut Inquiry) -> Result<Validity, Stopped> {
    let service = match permit.ask.token_type {
        TokenType::Saml2 => permit.service.assertion_lifetime,
        TokenType::AccessToken => permit.service.access_token_lifetime,
    };
    let after = |lifetime: std::time::Duration| now + Duration::from_std(lifetime).unwrap_or(Duration::zero());
    let mut caps = vec![("service", after(service))];
    caps.extend(permit.ask.lifetime.map(|asked| ("request", after(asked))));
    caps.extend(permit.ask.longest.map(|longest| ("profile", after(longest))));
    caps.extend(permit.decision.lifetime_cap.map(|cap| ("policy", after(std::time::Duration::from_secs(cap)))));
    caps.extend(permit.mandate.as_ref().and_then(|mandate| mandate.valid_until).map(|until| ("mandate", until)));
    caps.extend(permit.authenticated.caps().iter().copied());
    let (capped_by, end) = caps.into_iter().min_by_key(|(_, end)| *end).unwrap_or(("service", now));
    // Whole seconds, downwards: a JWT's `exp` has no fraction, and both tokens should agree.
    let end = end - Duration::nanoseconds(i64::from(end.timestamp_subsec_nanos()));
    let said = || facts([Fact::text("capped", capped_by), Fact::time("expires", end), Fact::time("clock", now)]);
    inquiry.require(end > now, || Refusal { check: CheckId::LifetimeLeft, facts: said(), place: None })?;
    inquiry.passed(CheckId::LifetimeLeft, said());
    Ok(Validity { not_before: now, not_on_or_after: end })
}

fn grant(sts: &Sts, permit: &Permit, validity: Validity, reference: Reference, now: Time) -> Grant {
    let requester = permit.authenticated.requester();
    let subject = permit.authenticated.subject();
    // An xs:ID may not begin with a digit; 128 random bits (SAML 2.0 Core 1.3.4).
    let random: [u8; 16] = crypto::random();
    let token_id = format!("_{}", hex::encode(&random));
    Grant {
        issuer: sts.issuer.clone(),
        token_id,
        transaction: reference.to_string(),
        issued_at: now,
        validity,
        subject: subject.clone(),
        pairwise_subject: pairwise(sts, &permit.service.sector, &subject.to_string()),
        sender_number: requester.sender_number.clone(),
        client_id: requester.client_id.clone(),
        audience: audience(sts, permit),
        scope: permit.scope.clone(),
        binding: permit.authenticated.binding().cloned(),
        means: requester.means,
        authenticated_at: requester.authenticated_at,
        on_behalf_of: permit.ask.on_behalf_of.clone(),
        mandate: permit.mandate.clone(),
        claims: permit.claims.clone(),
    }
}

/// The service; and, in an assertion, ourselves, so that its holder can bring it to the exchange.
fn audience(sts: &Sts, permit: &Permit) -> Vec<Target> {
    let mut audience = vec![permit.ask.target.clone()];
    if permit.ask.token_type == TokenType::Saml2 && permit.ask.target.0 != sts.issuer {
        audience.push(Target(sts.issuer.clone()));
    }
    audience
}

/// Subject key = length-prefixed (issuer, Format, NameQualifier, SPNameQualifier, value), MACed
/// per sector (`rules.md` 5.4), so that two sectors cannot join what they know of a party.
fn pairwise(sts: &Sts, sector: &str, subject: &str) -> String {
    let mut message = Vec::new();
    for part in ["vidimus pairwise subject v1", sector, &sts.issuer, "", "", "", subject] {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    base64::encode_url(&sts.keys.pseudonym(&message))
}

fn draft(sts: &Sts, permit: &Permit, grant: &Grant, inquiry: &mut Inquiry) -> Result<(Draft, KeyHandle), Stopped> {
    let token_type = permit.ask.token_type;
    let unavailable =
        |why: String| Refusal::new(CheckId::KeySigns).with(Fact::text("source", "")).with(Fact::text("detail", why));
    let Some(format) = sts.formats.get(&token_type) else {
        return Err(inquiry.stop(unavailable(format!("no format writes {}", token_type.as_str()))));
    };
    let Some(key) = sts.keys.active(Sts::key_purpose(token_type)) else {
        return Err(inquiry.stop(unavailable(format!("no active key signs {}", token_type.as_str()))));
    };
    match format.draft(grant, &key) {
        Ok(draft) => Ok((draft, key)),
        Err(error) => Err(inquiry.stop(unavailable(error.0))),
    }
}

fn intent(
    sts: &Sts,
    permit: &Permit,
    grant: &Grant,
    draft: &Draft,
    key: &KeyHandle,
    reference: Reference,
    now: Time,
) -> IntentEntry {
    let requester = permit.authenticated.requester();
    let mut fields = vec![
        Field::Plain("action", permit.ask.action.as_str().into()),
        Field::Plain("target", permit.ask.target.0.clone().into()),
        Field::Plain("token_type", permit.ask.token_type.as_str().into()),
        Field::Plain("token_id", grant.token_id.clone().into()),
        Field::Plain("signing_key", key.name.clone().into()),
        Field::Plain("means", requester.means.as_str().into()),
        Field::Plain("policies", permit.decision.policies.clone().into()),
        Field::Personal("requester", requester.party.to_string().into()),
        Field::Personal("requester_key", requester.key.to_string().into()),
    ];
    if !permit.authenticated.exceptions().is_empty() {
        fields.push(Field::Plain("exceptions", permit.authenticated.exceptions().into()));
    }
    if let Some(party) = &permit.ask.on_behalf_of {
        fields.push(Field::Personal("on_behalf_of", party.to_string().into()));
    }
    if let Some(mandate) = &permit.mandate {
        fields.push(Field::Plain("mandate", format!("{}/{}", mandate.id, mandate.version).into()));
    }
    IntentEntry { realm: sts.realm.clone(), reference, at: now, draft_hash: crypto::sha256(&draft.to_sign), fields }
}

/// A conflict is somebody's earlier message; anything else is ours, and consumed nothing.
fn commit_refusal(sts: &Sts, error: &StoreError, claims: &[crate::replay::Claim], now: Time) -> Refusal {
    let StoreError::Conflict(why) = error else {
        return Refusal::new(CheckId::StoreAnswers)
            .with(Fact::text("source", "redb"))
            .with(Fact::text("detail", error.to_string()));
    };
    let kind = sts.replay.seen(&sts.realm, claims, now).map_or(ClaimKind::Message, |claim| claim.kind);
    Refusal::new(seen_check(kind)).with(Fact::text("detail", why.clone()))
}

/// The check that a spent identity fails.
pub(super) fn seen_check(kind: ClaimKind) -> CheckId {
    match kind {
        ClaimKind::Message => CheckId::MessageFresh,
        ClaimKind::MessageId => CheckId::MessageIdFresh,
        ClaimKind::Assertion => CheckId::AssertionFresh,
        ClaimKind::JwtId => CheckId::JwtIdFresh,
    }
}
