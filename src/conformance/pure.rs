//! The pure half of one endpoint, as a function: bytes in; out what would be decided on, or where it was refused.
//!
//! parse → verify → authenticate → what is asked, with the world's trust, profile, limits and clock, and no store, no
//! network, no thread. What structured edits, fuzzing and the cost of hostility run, a hundred thousand times.

use std::path::Path;
use std::sync::Arc;

use chrono::Duration;

use super::world::World;
use crate::flow::inquiry::{Inquiry, Stop, standing_still};
use crate::flow::profile::{DoorRules, Profile};
use crate::flow::trust::Trust;
use crate::flow::verify::{Message, Terms};
use crate::flow::{authenticate, issue_request, parse, verify};
use crate::model::{CheckId, StepId, Time};
use crate::wire::crypto;
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::{Document, Element, Limits, NodeId};

/// Everything that the answer of the pure half depends on, besides the bytes.
#[derive(Debug, Clone)]
pub struct Pure {
    pub trust: Arc<Trust>,
    pub profile: Profile,
    pub rules: DoorRules,
    pub limits: Limits,
    /// The endpoint's addresses: what a covered `wsa:To` may name.
    pub addresses: Vec<String>,
    /// Our name.
    pub issuer: String,
    pub now: Time,
}

/// What would be decided on: every value that anything later believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The registered party, and whom a token would be about.
    pub party: String,
    pub subject: String,
    /// SHA-256 of the SPKI that signed.
    pub key: [u8; 32],
    /// SHA-256(SPKI ‖ canonical SignedInfo).
    pub identity: [u8; 32],
    /// SHA-256 of the canonical Body that the request was read from.
    pub body: [u8; 32],
    pub created: Time,
    pub usable_until: Time,
    /// `wsa:To` and `wsa:MessageID`, where they are believed.
    pub to: Option<String>,
    pub message_id: Option<String>,
    /// AppliesTo.
    pub target: String,
    pub on_behalf_of: Option<String>,
    pub context: Option<String>,
    pub assertion: Option<AcceptedAssertion>,
}

/// The assertion whose key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedAssertion {
    pub id: String,
    /// The NameID of its subject.
    pub name: Option<String>,
    /// SHA-256 of its canonical form without its signature.
    pub content: [u8; 32],
}

/// Where and why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refused {
    pub step: StepId,
    /// `None` when the inquiry stopped without a refusal, which must not happen.
    pub check: Option<CheckId>,
}

impl Pure {
    /// The first SOAP endpoint of a world of the corpus in `root` (which holds `conformance/` and `keys/`).
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn open(root: &Path, world: &str) -> Result<Self, String> {
        let world = World::open(&root.join("conformance/worlds"), world, &root.join("keys"))?;
        let session = world.begin()?;
        let sts = session.server.sts.load_full();
        let door = session.server.soap.first().ok_or("a world without SOAP endpoint")?;
        Ok(Self {
            trust: sts.trust.load_full(),
            profile: door.profile.clone(),
            rules: door.rules.clone(),
            limits: session.server.limits.clone(),
            addresses: door.addresses(),
            issuer: sts.issuer.clone(),
            now: world.clock(),
        })
    }

    /// Runs the pure half, to the first fault or to the end.
    ///
    /// # Errors
    /// Where it was refused.
    pub fn run(&self, bytes: Vec<u8>, stop: Stop) -> Result<Accepted, Refused> {
        let mut inquiry = Inquiry::new(stop, standing_still);
        self.walk(bytes, &mut inquiry).ok_or_else(|| Refused {
            step: inquiry.trace().steps.last().map_or(StepId::Parse, |step| step.id),
            check: inquiry.refusals().first().map(|refusal| refusal.check),
        })
    }

    fn walk(&self, bytes: Vec<u8>, inquiry: &mut Inquiry) -> Option<Accepted> {
        let document = parse::document(bytes, &self.limits, inquiry).ok()?;
        let envelope = parse::envelope(&document, &self.profile, inquiry).ok()?;
        let terms = Terms {
            trust: &self.trust,
            profile: &self.profile,
            limits: &self.limits,
            addresses: &self.addresses,
            now: self.now,
        };
        let message = verify::envelope(&envelope, terms, inquiry).ok()?;
        let authenticated = authenticate::requester(&message, terms, &self.issuer, inquiry).ok()?;
        let skew = Duration::from_std(self.profile.time.skew).unwrap_or_default();
        let asked = issue_request::read(&message, &authenticated, &self.rules, skew, self.now, inquiry);
        let (ask, echo) = asked.ok()?;
        inquiry.clean().ok()?;
        Some(Accepted {
            party: authenticated.requester().party.to_string(),
            subject: authenticated.subject().to_string(),
            key: authenticated.requester().key.0,
            identity: message.identity(),
            body: digest(message.payload().parent()?, None)?,
            created: message.created(),
            usable_until: message.usable_until(),
            to: message.covered().to().map(str::to_owned),
            message_id: message.covered().message_id().map(str::to_owned),
            target: ask.target.0,
            on_behalf_of: ask.on_behalf_of.map(|party| party.to_string()),
            context: echo.context,
            assertion: assertion(&message),
        })
    }

    /// The bytes as a document within this endpoint's limits.
    pub fn document(&self, bytes: Vec<u8>) -> Option<Document> {
        Document::parse(bytes, &self.limits).ok()
    }
}

fn assertion(message: &Message<'_>) -> Option<AcceptedAssertion> {
    let assertion = message.assertion()?;
    Some(AcceptedAssertion {
        id: assertion.id.to_owned(),
        name: assertion.subject.name_id.as_ref().map(|name| name.value.clone()),
        content: digest(assertion.element, assertion.signature.map(Element::id))?,
    })
}

/// SHA-256 of the canonical form; `None` beyond the limit of canonical forms.
fn digest(apex: Element<'_>, omit: Option<NodeId>) -> Option<[u8; 32]> {
    let mut octets = Vec::new();
    c14n::exclusive(apex, &Exclusive { omit, ..Exclusive::default() }, &mut octets).ok()?;
    Some(crypto::sha256(&octets))
}
