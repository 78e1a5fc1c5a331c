//! The embedded engine: Cedar policies, read and validated once, evaluated in memory.
//!
//! Cedar denies by default and lets `forbid` win. Two things it does not do by itself, and this file
//! does: a policy that fails to evaluate is *skipped* by Cedar, also a `forbid`, so here any
//! evaluation error alarms and refuses the request; and Cedar has no obligations, so annotations
//! carry them (`@lifetime_cap("300")`), and an annotation that we do not know is refused at load.
//!
//! In: a [`Query`]. Out: a [`Decision`] with the ids of the policies that made it (`@id("…")`, or
//! file and number). Never: I/O, a clock, state between two questions.
//!
//! To give policies more to see: add the field to `vidimus.cedarschema` and to `question.rs`.

mod load;
mod question;

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use cedar_policy::{Authorizer, Entities, PolicyId, PolicySet, Schema};

use super::{DecisionPoint, PdpError};
use crate::model::{Decision, Effect, Query};

/// The schema that our questions follow; `vidimus init` writes it beside the policies.
pub const SCHEMA: &str = include_str!("vidimus.cedarschema");

/// One file of the policy folder, or the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// As it is to be named in messages.
    pub name: String,
    pub text: String,
}

/// What is wrong with a policy or the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's name, as given.
    pub file: String,
    /// Where in the file, in bytes.
    pub span: Option<Range<usize>>,
    pub says: String,
    /// What to write instead; may be empty.
    pub fix: String,
}

/// The engine with its policies.
#[derive(Debug)]
pub struct Cedar {
    authorizer: Authorizer,
    schema: Schema,
    policies: PolicySet,
    obligations: HashMap<PolicyId, Obligation>,
    /// The schema's actions and their groups: part of every question's entities.
    actions: Entities,
}

/// What a permit asks beside the permission.
#[derive(Debug, Clone, Copy, Default)]
struct Obligation {
    lifetime_cap: Option<u64>,
}

impl Cedar {
    /// Reads and validates everything: syntax, schema, each policy against the schema, annotations,
    /// ids, and that our own questions fit the schema.
    ///
    /// Gives the engine, and warnings (a policy that can never apply, look-alike characters).
    ///
    /// # Errors
    /// All faults of all files; then there is no engine.
    pub fn load(schema: &PolicyFile, policies: &[PolicyFile]) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let loaded = load::load(schema, policies)?;
        let engine = Self {
            authorizer: Authorizer::new(),
            schema: loaded.schema,
            policies: loaded.policies,
            obligations: loaded.obligations,
            actions: loaded.actions,
        };
        Ok((engine, loaded.warnings))
    }

    /// The number of policies.
    pub fn len(&self) -> usize {
        self.policies.num_of_policies()
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Answers one question; the whole of [`DecisionPoint::evaluate`], which never waits.
    ///
    /// # Errors
    /// When any policy fails to evaluate, or the question does not fit the operator's schema.
    pub fn decide(&self, query: &Query) -> Result<Decision, PdpError> {
        let question = question::Question::of(query, &self.schema, &self.actions)?;
        let response = self.authorizer.is_authorized(&question.request, &self.policies, &question.entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        if !errors.is_empty() {
            // Cedar went on without these policies. One of them may have been the forbid that mattered.
            let errors = errors.join("; ");
            tracing::error!(target: "vidimus::alarm", engine = NAME, audience = %query.target, %errors, "a policy failed to evaluate");
            return Err(PdpError(errors));
        }
        let determining: Vec<&PolicyId> = response.diagnostics().reason().collect();
        let effect = match response.decision() {
            cedar_policy::Decision::Allow => Effect::Permit,
            cedar_policy::Decision::Deny => Effect::Deny,
        };
        let caps = determining.iter().filter_map(|id| self.obligations.get(*id)?.lifetime_cap);
        let lifetime_cap = if effect == Effect::Permit { caps.min() } else { None };
        let mut policies: Vec<String> = determining.into_iter().map(ToString::to_string).collect();
        policies.sort_unstable();
        Ok(Decision { effect, policies, lifetime_cap })
    }
}

#[async_trait]
impl DecisionPoint for Cedar {
    fn name(&self) -> &str {
        NAME
    }

    async fn evaluate(&self, query: &Query) -> Result<Decision, PdpError> {
        self.decide(query)
    }
}

const NAME: &str = "cedar";

#[cfg(test)]
mod tests;
