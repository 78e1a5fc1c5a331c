//! `POST` a profile's path: the WS-Trust door. One request, top to bottom.
//!
//! Specs: WS-Trust 1.3 §3, §4; SOAP Message Security 1.1; SOAP 1.1 §6, SOAP 1.2 part 2 §7.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request as HttpRequest, header};
use axum::response::Response;
use chrono::Duration;

use crate::flow::inquiry::{Inquiry, Stop, Stopped};
use crate::flow::sign::Issued;
use crate::flow::sts::Sts;
use crate::flow::verify::Terms;
use crate::flow::{authenticate, commit, decide, issue_request, parse, replay_check, sign, transport, verify};
use crate::model::{Caller, Door, Reference};
use crate::serve::outcome::{Outcome, Request, refusal_of};
use crate::serve::soap_answer::{self, Reply};
use crate::serve::{SoapDoor, SoapState, body, too_large};

/// Answers one WS-Trust request.
///
/// Nothing leaves before it is written down: the answer is made of a `Recorded`, and only the
/// audit trail can make one. If the trail cannot take it, the caller gets a fault and no token.
pub(super) async fn post(State(state): State<SoapState>, request: HttpRequest<Body>) -> Response {
    let SoapState { server, door } = state;
    let (parts, content) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
    let Some(bytes) = body(content, server.limits.bytes).await else { return too_large(server.limits.bytes) };
    let (sts, now) = (server.sts.load_full(), server.clock.now());
    let mut request = Request {
        door: Door::Soap,
        endpoint: door.profile.name.clone(),
        reference: Reference::new(),
        caller,
        now,
        requester: None,
    };
    let mut reply = Reply::to(content_type(&parts.headers));
    let mut inquiry = Inquiry::new(Stop::First, server.stopwatch);
    let mut walk = Walk { sts: &sts, door: &door, limits: &server.limits, request: &mut request, reply: &mut reply };
    let outcome = match walk.run(&parts.headers, bytes.into(), &mut inquiry).await {
        Ok(issued) => Outcome::Issued(Box::new(issued)),
        Err(Stopped) => Outcome::Refused(refusal_of(&inquiry)),
    };
    match request.close(&sts, inquiry, outcome).await {
        Ok(recorded) => soap_answer::recorded(&recorded, &reply, &sts, &door, now).await,
        Err(unrecorded) => soap_answer::unrecorded(unrecorded, &reply),
    }
}

/// What one walk works on.
struct Walk<'w> {
    sts: &'w Sts,
    door: &'w SoapDoor,
    limits: &'w crate::wire::xml::Limits,
    request: &'w mut Request,
    reply: &'w mut Reply,
}

impl Walk<'_> {
    /// One request, from bytes to token. The first refusal ends the walk; each step takes what
    /// the step before proved, so leaving one out does not compile.
    async fn run(&mut self, headers: &HeaderMap, bytes: Vec<u8>, inquiry: &mut Inquiry) -> Result<Issued, Stopped> {
        let (sts, door, now) = (self.sts, self.door, self.request.now);
        let addresses = door.addresses();
        let trust = sts.trust.load_full();

        // Bytes become an envelope. Nothing in it is believed yet, not even its message id.
        let document = parse::document(bytes, self.limits, inquiry)?;
        transport::not_compressed(field(headers, header::CONTENT_ENCODING), inquiry)?;
        let envelope = parse::envelope(&document, &door.profile, inquiry)?;
        self.reply.read(&envelope);
        transport::content_type(content_type(headers), envelope.version(), inquiry)?;

        // The profile says what must be signed. From here on we speak of signed parts only.
        let terms = Terms { trust: &trust, profile: &door.profile, limits: self.limits, addresses: &addresses, now };
        let message = verify::envelope(&envelope, terms, inquiry)?;

        // Whose key was that? A registered one, or the key of an assertion that we take.
        let authenticated = authenticate::requester(&message, terms, &sts.issuer, inquiry)?;
        self.request.requester = Some(authenticated.requester().party.to_string());

        // Seen before? Memory answers quickly; the durable claim below is what counts.
        replay_check::in_memory(sts, &authenticated, now, inquiry)?;

        // What is asked, and: may this requester have it, for this service, on whose behalf?
        let skew = Duration::from_std(door.profile.time.skew).unwrap_or_default();
        let (ask, echo) = issue_request::read(&message, &authenticated, &door.rules, skew, now, inquiry)?;
        self.reply.echo = Some(echo);
        let permit = decide::decide(sts, authenticated, ask, now, inquiry).await?;

        // The exact bytes, and together, durably: what is spent and what is intended. Then the
        // key, once.
        let intended = commit::commit(sts, permit, self.request.reference, now, inquiry).await?;
        sign::sign(sts, intended, inquiry).await
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    field(headers, header::CONTENT_TYPE)
}

/// A header field; one that is no text counts as unknown, not as absent.
fn field(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("not text"))
}
