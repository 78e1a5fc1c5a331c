//! The policy decision point: may this requester have this token, for this service?
//!
//! The trait is AuthZEN's question with XACML's care: an engine that cannot evaluate says so with
//! an error, and the flow refuses (an error alarms and denies; it never permits).
//!
//! To add an engine:
//! 1. write `pdp/NAME.rs` that implements [`DecisionPoint`];
//! 2. make a `contract::World` in its tests, in the engine's own policies, and assert that
//!    `contract::violations` finds none;
//! 3. name it in `config` (`[pdp] engine = "NAME"`), which alone knows implementations.

#[cfg(feature = "cedar")]
pub mod cedar;
#[cfg(test)]
pub(crate) mod contract;

use std::fmt::{self, Debug};

use async_trait::async_trait;

use crate::model::{Decision, Query};

/// The engine could not evaluate: XACML's Indeterminate. Never a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdpError(pub String);

impl fmt::Display for PdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy could not be evaluated: {}", self.0)
    }
}

impl std::error::Error for PdpError {}

/// Answers one question.
#[async_trait]
pub trait DecisionPoint: Send + Sync + Debug {
    /// The engine's name, for the trace.
    fn name(&self) -> &str;

    /// Permit or deny, with the policies that decided. No policy that applies is a deny.
    ///
    /// # Errors
    /// When any policy failed to evaluate, or the engine cannot be reached.
    async fn evaluate(&self, query: &Query) -> Result<Decision, PdpError>;
}
