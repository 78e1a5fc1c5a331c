//! Seen before? The quick answer, from memory (`rules.md` 3).
//!
//! It spares a decision and a disk for the usual replay. That a message is new is not proven here
//! but by the durable claim in [`commit`](crate::flow::commit).

use crate::flow::authenticate::Authenticated;
use crate::flow::commit::seen_check;
use crate::flow::inquiry::{Inquiry, Stopped};
use crate::flow::sts::Sts;
use crate::model::{CheckId, Fact, Refusal, StepId, Time};

/// Refuses what is known to be spent.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn in_memory(sts: &Sts, authenticated: &Authenticated, now: Time, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.step(StepId::Replay);
    match sts.replay.seen(&sts.realm, authenticated.replay_claims(), now) {
        None => {
            inquiry.passed(CheckId::MessageFresh, Vec::new());
            Ok(())
        }
        Some(claim) => {
            let requester = authenticated.requester();
            Err(inquiry.stop(
                Refusal::new(seen_check(claim.kind))
                    .with(Fact::text("sender", requester.name.clone()))
                    .with(Fact::text("client", requester.client_id.clone().unwrap_or_default()))
                    .with(Fact::text("seen", "an earlier request")),
            ))
        }
    }
}
