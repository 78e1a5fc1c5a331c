//! What every attribute source must do. A source's test makes a [`World`] of what it knows and asks
//! for [`violations`]; there must be none.

use crate::attributes::AttributeSource;
use crate::model::PartyId;

/// A source, and what its author knows that it knows.
pub struct World<'a> {
    pub source: &'a dyn AttributeSource,
    pub known: PartyId,
    /// All claims about `known`, in any order.
    pub claims: Vec<(&'a str, Vec<&'a str>)>,
    /// A party of whom it knows something else.
    pub other: PartyId,
    /// A party that it does not know.
    pub unknown: PartyId,
}

/// The rules that the source breaks.
pub async fn violations(world: &World<'_>) -> Vec<&'static str> {
    let source = world.source;
    let mut broken = Vec::new();
    let mut rule = |name, kept: bool| {
        if !kept {
            broken.push(name);
        }
    };
    let found = source.claims(&world.known).await.unwrap_or_default();
    let is = |claim: &crate::model::Claim, (name, values): &(&str, Vec<&str>)| {
        claim.claim_type.0 == *name && claim.values == *values
    };
    rule(TELLS_ALL, world.claims.iter().all(|wanted| found.iter().any(|claim| is(claim, wanted))));
    rule(TELLS_NO_MORE, found.iter().all(|claim| world.claims.iter().any(|wanted| is(claim, wanted))));
    rule(NAMES_ITSELF, found.iter().all(|claim| claim.source == source.name()));
    let other = source.claims(&world.other).await.unwrap_or_default();
    rule(
        KEEPS_PARTIES_APART,
        !other.is_empty() && other.iter().all(|claim| !found.contains(claim)) || found.is_empty(),
    );
    rule(UNKNOWN_IS_EMPTY, source.claims(&world.unknown).await.is_ok_and(|claims| claims.is_empty()));
    rule(REMEMBERS_NOTHING, source.claims(&world.known).await.is_ok_and(|again| again == found));
    broken
}

pub const TELLS_ALL: &str = "all that is known of a party is told";
pub const TELLS_NO_MORE: &str = "nothing else is told";
pub const NAMES_ITSELF: &str = "each claim names its source";
pub const KEEPS_PARTIES_APART: &str = "what is known of one party is not told of another";
pub const UNKNOWN_IS_EMPTY: &str = "a party that is not known has no claims, which is no error";
pub const REMEMBERS_NOTHING: &str = "the same question has the same answer";

/// Every rule, for the test that breaks each.
pub const RULES: &[&str] =
    &[TELLS_ALL, TELLS_NO_MORE, NAMES_ITSELF, KEEPS_PARTIES_APART, UNKNOWN_IS_EMPTY, REMEMBERS_NOTHING];
