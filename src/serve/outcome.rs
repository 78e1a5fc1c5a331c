//! What comes of a request, and its record.
//!
//! Every answer about a request that reached a door's pipeline is written from
//! `Recorded<Outcome>`; [`Unrecorded`] is the only other source, and can carry no token.

use crate::audit::{Field, OutcomeEntry, Recorded};
use crate::flow::inquiry::Inquiry;
use crate::flow::sign::Issued;
use crate::flow::sts::Sts;
use crate::model::{Caller, CheckId, Door, Reference, Refusal, StepId, Time};

/// What came of a request.
#[derive(Debug)]
pub enum Outcome {
    Issued(Box<Issued>),
    Refused(Refusal),
}

/// Answers that are about no request on record, and so can carry no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrecorded {
    /// The audit trail cannot take a record, so there is no answer either.
    AuditDown,
}

/// Everything about one request that its record needs.
#[derive(Debug)]
pub struct Request {
    pub door: Door,
    /// The profile of a SOAP door; the endpoint's name otherwise.
    pub endpoint: String,
    pub reference: Reference,
    pub caller: Caller,
    pub now: Time,
    /// Who was authenticated, if anybody was.
    pub requester: Option<String>,
}

impl Request {
    /// Closes the request: the outcome goes on record, and comes back as something to answer with.
    ///
    /// # Errors
    /// [`Unrecorded::AuditDown`], when the trail cannot take it. A token is lost with it.
    pub async fn close(self, sts: &Sts, inquiry: Inquiry, outcome: Outcome) -> Result<Recorded<Outcome>, Unrecorded> {
        let (trace, _) = inquiry.finish();
        let intended = trace.steps.iter().any(|step| step.id == StepId::Sign);
        let kind = match &outcome {
            Outcome::Issued(_) => "issued",
            Outcome::Refused(_) if intended => "failed",
            Outcome::Refused(_) => "refused",
        };
        let entry = OutcomeEntry {
            realm: sts.realm.clone(),
            reference: self.reference,
            at: self.now,
            outcome: kind,
            fields: self.fields(&outcome),
            trace,
            authenticated: self.requester.is_some(),
            peer: self.caller.peer.map(|peer| peer.ip()),
        };
        sts.trail.close(entry, outcome).await.map_err(|error| {
            tracing::error!(%error, "the audit trail cannot take an outcome; the answer is 503");
            Unrecorded::AuditDown
        })
    }

    fn fields(&self, outcome: &Outcome) -> Vec<Field> {
        let mut fields = vec![
            Field::Plain("door", self.door.as_str().into()),
            Field::Plain("endpoint", self.endpoint.clone().into()),
        ];
        if let Some(requester) = &self.requester {
            fields.push(Field::Personal("requester", requester.clone().into()));
        }
        if let Some(peer) = self.caller.peer {
            fields.push(Field::Personal("peer", peer.to_string().into()));
        }
        match outcome {
            Outcome::Issued(issued) => {
                fields.push(Field::Plain("token_id", issued.terms().token_id.clone().into()));
                fields.push(Field::Plain("target", issued.terms().target.0.clone().into()));
            }
            Outcome::Refused(refusal) => {
                fields.push(Field::Plain("reason", refusal.reason().into()));
                fields.push(Field::Plain("code", refusal.code().as_str().into()));
            }
        }
        fields
    }
}

/// The refusal that a stopped inquiry is answered with: its first fault, the root cause.
pub(super) fn refusal_of(inquiry: &Inquiry) -> Refusal {
    // A step that stops has recorded why; should one ever not, the answer is still no.
    inquiry.refusals().first().cloned().unwrap_or_else(|| Refusal::new(CheckId::PolicyPermits))
}
