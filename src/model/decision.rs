//! The question that the policy decision point gets, and its answer.

use serde::{Deserialize, Serialize};

use super::{Claim, Mandate, PartyId, Scope, Target, Time, TokenType};

/// May this requester have this token, for this service, on whose behalf? (AuthZEN's subject,
/// action, resource and context, in our words.)
#[derive(Debug, Clone, Serialize)]
pub struct Query {
    /// Who asks.
    pub requester: PartyId,
    pub requester_name: String,
    /// How that was shown; see `Means::as_str`.
    pub means: &'static str,
    /// What is to be done: `issue`, `exchange` or `client-credentials`.
    pub action: &'static str,
    pub target: Target,
    pub token_type: TokenType,
    pub scope: Scope,
    /// The party that the requester acts for, when that is not itself.
    pub on_behalf_of: Option<PartyId>,
    /// The mandate of that party for the requester, of the type that the service asks for, in
    /// force now. The flow refuses by itself when one is needed and missing.
    pub mandate: Option<Mandate>,
    /// What attribute sources and the registry know of the requester.
    pub claims: Vec<Claim>,
    pub at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Permit,
    Deny,
}

/// The answer, with its reasons: which policies decided. An engine that could not evaluate gives
/// an error instead, and the flow refuses (XACML's Indeterminate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub effect: Effect,
    /// The ids of the policies that determined the effect; empty when none applied (a deny).
    pub policies: Vec<String>,
    /// Seconds that a policy caps the token's lifetime to, from an obligation.
    pub lifetime_cap: Option<u64>,
}
