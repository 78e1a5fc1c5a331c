//! LISTEN and ANSWER: HTTP on one side, our words on the other. The routing page.
//!
//! | verb and path | what it does | file |
//! |---|---|---|
//! | `POST` a profile's path | one WS-Trust request | [`soap`] |
//! | `GET` a profile's path `?wsdl`, `?xsd=` | the published contract | [`contract`] |
//! | `POST /oauth2/token` | one token request | [`token`] |
//! | `GET /oauth2/jwks` | the keys of our access tokens | [`metadata`] |
//! | `GET /.well-known/…` | what the authorization server offers | [`metadata`] |
//!
//! The admin door ([`admin`]) is another listener, on a socket of its own.

pub mod admin;
pub mod clock;
pub mod contract;
pub mod listen;
pub mod metadata;
pub mod oauth_answer;
pub mod outcome;
pub mod published;
pub mod revocation;
pub mod self_attack;
pub mod soap;
pub mod soap_answer;
pub mod soap_fault;
pub mod token;
pub mod told;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::flow::profile::{DoorRules, Profile};
use crate::flow::sts::Sts;
use crate::serve::clock::Clock;
use crate::wire::xml;

/// One SOAP endpoint.
#[derive(Debug)]
pub struct SoapDoor {
    /// What a message is judged by.
    pub profile: Profile,
    /// What may be asked here, and how it is answered: the profile's.
    pub rules: DoorRules,
    /// The path it is served at, beginning with `/`.
    pub path: String,
    /// The address that clients know, from the configuration: in the WSDL, and what a covered
    /// `wsa:To` must name.
    pub location: String,
    /// Other addresses that a covered `wsa:To` may name.
    pub aliases: Vec<String>,
}

impl SoapDoor {
    /// All addresses that mean this endpoint.
    pub fn addresses(&self) -> Vec<String> {
        std::iter::once(self.location.clone()).chain(self.aliases.iter().cloned()).collect()
    }
}

/// Everything that the doors share. Immutable but for the `Sts`, which a reload replaces.
#[derive(Debug)]
pub struct Server {
    pub sts: ArcSwap<Sts>,
    pub soap: Vec<Arc<SoapDoor>>,
    pub limits: xml::Limits,
    /// How far the clock of an OAuth client may differ from ours.
    pub client_skew: Duration,
    pub clock: Arc<dyn Clock>,
    /// The trace's stopwatch: [`clock::stopwatch`], or one that stands still.
    pub stopwatch: fn() -> u64,
}

/// The state of a SOAP door's handlers.
#[derive(Debug, Clone)]
pub struct SoapState {
    pub server: Arc<Server>,
    pub door: Arc<SoapDoor>,
}

/// All routes. Requests carry a [`crate::model::Caller`] in their extensions, put there by
/// [`listen`]; without one, the caller is unknown and shows no certificate.
pub fn router(server: &Arc<Server>) -> Router {
    let mut router = Router::new()
        .route("/oauth2/token", post(token::post))
        .route("/oauth2/jwks", get(published::jwks))
        .route("/.well-known/oauth-authorization-server", get(published::metadata))
        .route("/.well-known/openid-configuration", get(published::metadata))
        .with_state(Arc::clone(server));
    for door in &server.soap {
        let state = SoapState { server: Arc::clone(server), door: Arc::clone(door) };
        let routes = Router::new().route(&door.path, post(soap::post).get(published::contract)).with_state(state);
        router = router.merge(routes);
    }
    router.fallback(|| async { (StatusCode::NOT_FOUND, "not found\n").into_response() })
}

/// The body, if it is no longer than `limit` bytes; nothing beyond the limit is kept.
async fn body(body: Body, limit: usize) -> Option<Bytes> {
    to_bytes(body, limit).await.ok()
}

/// The answer to a body that was not read to its end.
fn too_large(limit: usize) -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes\n")).into_response()
}
