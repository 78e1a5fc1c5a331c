//! What every decision point must do. An engine's test makes a [`World`] of its own policies and
//! asks for [`violations`]; there must be none.

use crate::model::{Effect, Query};
use crate::pdp::DecisionPoint;

/// An engine, and questions of which the engine's author knows the answer.
pub struct World<'a> {
    pub engine: &'a dyn DecisionPoint,
    /// Exactly the named policy permits.
    pub permitted: (Query, &'a str),
    /// A policy permits, and exactly the named one forbids.
    pub forbidden: (Query, &'a str),
    /// No policy speaks of it.
    pub unheard_of: Query,
    /// A policy would permit, and another fails to evaluate.
    pub failing: Query,
    /// Two policies permit, with different caps; the smaller one is given.
    pub capped: (Query, u64),
    /// As `permitted`, and the facts that the permission hangs on are changed.
    pub not_quite: Query,
}

/// The rules that the engine breaks.
pub async fn violations(world: &World<'_>) -> Vec<&'static str> {
    let engine = world.engine;
    let mut broken = Vec::new();
    let mut rule = |name, kept: bool| {
        if !kept {
            broken.push(name);
        }
    };

    let (query, policy) = &world.permitted;
    let permit = engine.evaluate(query).await;
    let named = |policies: &[String]| matches!(policies, [one] if one == policy);
    rule(PERMITS, permit.as_ref().is_ok_and(|decision| decision.effect == Effect::Permit));
    rule(NAMES_PERMIT, !permit.as_ref().is_ok_and(|d| d.effect == Effect::Permit && !named(&d.policies)));
    rule(CAPS_ONLY_WHEN_ASKED, !permit.as_ref().is_ok_and(|decision| decision.lifetime_cap.is_some()));

    let (query, policy) = &world.forbidden;
    let forbid = engine.evaluate(query).await;
    let named = |policies: &[String]| matches!(policies, [one] if one == policy);
    rule(FORBID_WINS, forbid.as_ref().is_ok_and(|decision| decision.effect == Effect::Deny));
    rule(NAMES_FORBID, !forbid.as_ref().is_ok_and(|d| d.effect == Effect::Deny && !named(&d.policies)));

    let silence = engine.evaluate(&world.unheard_of).await;
    rule(SILENCE_DENIES, silence.as_ref().is_ok_and(|decision| decision.effect == Effect::Deny));
    rule(SILENCE_NAMES_NOBODY, !silence.as_ref().is_ok_and(|d| d.effect == Effect::Deny && !d.policies.is_empty()));

    rule(ERROR_IS_ERROR, engine.evaluate(&world.failing).await.is_err());

    let (query, cap) = &world.capped;
    let capped = engine.evaluate(query).await;
    rule(SMALLEST_CAP, capped.is_ok_and(|decision| decision.lifetime_cap == Some(*cap)));

    let changed = engine.evaluate(&world.not_quite).await;
    rule(READS_THE_FACTS, changed.is_ok_and(|decision| decision.effect == Effect::Deny));
    let again = engine.evaluate(&world.permitted.0).await;
    rule(REMEMBERS_NOTHING, again == permit);
    broken
}

pub const PERMITS: &str = "a policy that applies permits";
pub const NAMES_PERMIT: &str = "a permit names exactly the policies that permitted";
pub const CAPS_ONLY_WHEN_ASKED: &str = "a permit without obligation caps nothing";
pub const FORBID_WINS: &str = "a forbid wins over a permit";
pub const NAMES_FORBID: &str = "a deny names exactly the policies that forbade";
pub const SILENCE_DENIES: &str = "no applicable policy is a deny";
pub const SILENCE_NAMES_NOBODY: &str = "a deny out of silence names no policy";
pub const ERROR_IS_ERROR: &str = "a policy that fails to evaluate is an error, whatever the others say";
pub const SMALLEST_CAP: &str = "of several caps the smallest counts";
pub const READS_THE_FACTS: &str = "the facts of the question decide";
pub const REMEMBERS_NOTHING: &str = "the same question has the same answer";

/// Every rule, for the test that breaks each.
pub const RULES: &[&str] = &[
    PERMITS,
    NAMES_PERMIT,
    CAPS_ONLY_WHEN_ASKED,
    FORBID_WINS,
    NAMES_FORBID,
    SILENCE_DENIES,
    SILENCE_NAMES_NOBODY,
    ERROR_IS_ERROR,
    SMALLEST_CAP,
    READS_THE_FACTS,
    REMEMBERS_NOTHING,
];
