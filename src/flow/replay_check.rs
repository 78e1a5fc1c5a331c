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
    remembered(sts, authenticated, inquiry)?;
    match sts.replay.seen(&sts.realm, authenticated.replay_claims(), now) {
        None => {
            inquiry.passed(CheckId::MessageFresh, Vec::new());
            Ok(())
        }
        Some(claim) => {
            let requester = authenticated.requester();
            inquiry.refuse(
                Refusal::new(seen_check(claim.kind))
                    .with(Fact::text("sender", requester.name.clone()))
                    .with(Fact::text("client", requester.client_id.clone().unwrap_or_default()))
                    .with(Fact::text("seen", "an earlier request")),
            )
        }
    }
}

/// After the store was made, or put back, nothing made before that is taken: what was spent then
/// is not known here (`rules.md` 3.3). Whole seconds are rounded down by many senders; theirs is
/// the benefit of that second.
fn remembered(sts: &Sts, authenticated: &Authenticated, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let fresh_after = sts.replay.fresh_after();
    let made_at = authenticated.made_at();
    let spends = !authenticated.replay_claims().is_empty();
    inquiry.require(!spends || made_at + chrono::Duration::seconds(1) > fresh_after, || {
        Refusal::new(CheckId::MessageRemembered)
            .with(Fact::time("created", made_at))
            .with(Fact::time("expires", fresh_after))
    })
}
