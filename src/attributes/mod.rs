//! Attribute sources: what is known of a party (XACML's information point).
//!
//! To add a source:
//! 1. write `attributes/NAME.rs` that implements [`AttributeSource`];
//! 2. make a `contract::World` in its tests and assert that `contract::violations` finds none;
//! 3. name it in `config` (`[attributes]`), which alone knows implementations.

#[cfg(test)]
pub(crate) mod contract;
pub mod static_source;

use std::fmt::{self, Debug};

use async_trait::async_trait;

use crate::model::{Claim, PartyId};

/// A source did not answer. The flow refuses the request with 503: unknown is not "has none".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError(pub String);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attribute source did not answer: {}", self.0)
    }
}

impl std::error::Error for SourceError {}

/// Knows some things about some parties.
#[async_trait]
pub trait AttributeSource: Send + Sync + Debug {
    /// The source's name in the configuration; becomes [`Claim::source`].
    fn name(&self) -> &str;

    /// All claims about `of`; empty when the source knows the party not.
    ///
    /// # Errors
    /// When the source cannot answer.
    async fn claims(&self, of: &PartyId) -> Result<Vec<Claim>, SourceError>;
}
