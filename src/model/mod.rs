//! The words that all of Vidimus shares: who asks, for whom, for what, until when, and why not.
//!
//! Plain values that everybody may make and nobody believes: proofs live in [`crate::flow`].
//! Nothing here reads a clock, does I/O or knows a wire format; [`crate::wire`] and this module
//! never import each other.

mod caller;
mod checks;
mod claim;
mod decision;
pub mod guard;
mod key;
mod mandate;
mod messages;
mod party;
mod reference;
mod refusal;
mod requester;
mod target;
mod trace;

pub use caller::{Caller, Door};
pub use checks::{CheckId, CheckRow};
pub use claim::{Claim, ClaimType};
pub use decision::{Decision, Effect, Query};
pub use key::{Algorithm, KeyHandle, KeyPurpose, KeyState, KeyThumbprint, SignError, Signer};
pub use mandate::{Mandate, MandateId, MandateStanding, MandateStatus};
pub use messages::{Language, Sentence, rendered, sentence, sentence_from};
pub use party::{PartyId, PartyIdError, Scheme};
pub use reference::{RealmId, Reference};
pub use refusal::{Fact, Facts, PublicCode, Refusal, Tell, Value};
pub use requester::{Means, Requester};
pub use target::{Binding, Scope, Target, TokenType, Validity};
pub use trace::{Check, CheckOutcome, Place, Step, StepId, Trace};

/// An instant, in UTC. Time is an argument everywhere: only `serve` and `cli` read the clock.
pub type Time = chrono::DateTime<chrono::Utc>;
