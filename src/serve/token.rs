//! `POST /oauth2/token`: the OAuth door. One token request, top to bottom.
//!
//! Specs: RFC 6749 §3.2, §4.4; RFC 8693; RFC 7523 §2.2; RFC 8705 §3; RFC 9068.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request as HttpRequest, header};
use axum::response::{IntoResponse, Response};

use crate::audit::Recorded;
use crate::flow::authenticate::{self, Authenticated, Exchange, OauthTerms};
use crate::flow::inquiry::{Inquiry, Stop, Stopped};
use crate::flow::sign::Issued;
use crate::flow::sts::Sts;
use crate::flow::{assertion_token, commit, decide, parse, replay_check, sign, token_request};
use crate::model::{Caller, Door, Reference, Time};
use crate::serve::oauth_answer::{self, OauthAnswer};
use crate::serve::outcome::{Outcome, Request, refusal_of};
use crate::serve::{Server, body};
use crate::wire::oauth::{self, MAX_BYTES, TokenBody, TokenRequest, TokenUse};

/// Answers one token request. Nothing leaves before it is written down.
pub(super) async fn post(State(server): State<Arc<Server>>, request: HttpRequest<Body>) -> Response {
    let (parts, content) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
    let Some(bytes) = body(content, MAX_BYTES).await else { return oauth_answer::too_large(MAX_BYTES).into_response() };
    let (sts, now) = (server.sts.load_full(), server.clock.now());
    let mut request = Request {
        door: Door::Token,
        endpoint: "token".to_owned(),
        reference: Reference::new(),
        caller,
        now,
        requester: None,
    };
    let mut inquiry = Inquiry::new(Stop::First, server.stopwatch);
    let outcome = match walk(&server, &sts, &parts.headers, &bytes, &mut request, &mut inquiry).await {
        Ok(issued) => Outcome::Issued(Box::new(issued)),
        Err(Stopped) => Outcome::Refused(refusal_of(&inquiry)),
    };
    match request.close(&sts, inquiry, outcome).await {
        Ok(recorded) => answer(&recorded, &parts.headers, now).into_response(),
        Err(_) => oauth_answer::unavailable().into_response(),
    }
}

/// From what is on record to the body (RFC 6749 §5, RFC 8693 §2.2).
fn answer(recorded: &Recorded<Outcome>, headers: &HeaderMap, now: Time) -> OauthAnswer {
    match recorded.outcome() {
        Outcome::Refused(refusal) => {
            let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
            oauth_answer::refused(refusal, recorded.reference(), authorization)
        }
        Outcome::Issued(issued) => {
            let terms = issued.terms();
            let expires_in = (terms.validity.not_on_or_after - now).num_seconds();
            oauth_answer::issued(&TokenBody {
                access_token: String::from_utf8_lossy(&issued.token().bytes).into_owned(),
                issued_token_type: terms.exchanged.then_some(oauth::TokenType::AccessToken.uri()),
                token_type: TokenUse::Bearer,
                expires_in: u64::try_from(expires_in).unwrap_or(0),
                scope: (!terms.scope.is_empty()).then(|| terms.scope.to_string()),
            })
        }
    }
}

/// One request, from bytes to token. The first refusal ends the walk.
async fn walk(
    server: &Server,
    sts: &Sts,
    headers: &HeaderMap,
    bytes: &[u8],
    request: &mut Request,
    inquiry: &mut Inquiry,
) -> Result<Issued, Stopped> {
    let now = request.now;
    // A form, each known parameter at most once; what is known and not supported is refused.
    token_request::content_type(content_type(headers), inquiry)?;
    let form = token_request::parse(bytes, inquiry)?;
    let mut ask = token_request::ask(&form, inquiry)?;

    // Whose key is proven: the assertion's, in the TLS handshake; or a registered one, by a JWT.
    let authenticated = authenticated(server, sts, &form, &request.caller, now, inquiry)?;
    request.requester = Some(authenticated.requester().party.to_string());
    ask.on_behalf_of = authenticated.on_behalf_of().cloned();

    // Seen before? Memory answers quickly; the durable claim below is what counts.
    replay_check::in_memory(sts, &authenticated, now, inquiry)?;

    // May this requester have this token, for this service, on whose behalf?
    let permit = decide::decide(sts, authenticated, ask, now, inquiry).await?;

    // The exact bytes, and together, durably: what is spent and what is intended. Then the key.
    let intended = commit::commit(sts, permit, request.reference, now, inquiry).await?;
    sign::sign(sts, intended, inquiry).await
}

fn authenticated(
    server: &Server,
    sts: &Sts,
    form: &TokenRequest,
    caller: &Caller,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    let trust = sts.trust.load_full();
    let terms = OauthTerms {
        trust: &trust,
        limits: &server.limits,
        issuer: &sts.issuer,
        token_endpoint: &sts.token_endpoint,
        skew: chrono::Duration::from_std(server.client_skew).unwrap_or_default(),
        now,
    };
    let client = form.client();
    let client_assertion = client.assertion.as_ref().map(|text| text.expose());
    match form {
        TokenRequest::ClientCredentials(_) => {
            authenticate::private_key_jwt(client.client_id.as_deref(), client_assertion, caller, terms, inquiry)
        }
        TokenRequest::TokenExchange(exchange) => {
            let octets = token_request::subject_token(exchange, inquiry)?;
            let document = parse::document(octets, &server.limits, inquiry)?;
            let assertion = assertion_token::read(&document, &trust, inquiry)?;
            let client_id = client.client_id.as_deref();
            let exchange = Exchange { assertion: &assertion, caller, client_id, client_assertion };
            authenticate::exchange(&exchange, terms, inquiry)
        }
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}
