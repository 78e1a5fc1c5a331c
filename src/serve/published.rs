//! What everybody may read: contract, keys, metadata. Written from the configuration alone.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::model::KeyPurpose;
use crate::serve::contract;
use crate::serve::metadata::{self, Endpoints};
use crate::serve::{Server, SoapState};

/// `GET /oauth2/jwks`.
pub(super) async fn jwks(State(server): State<Arc<Server>>) -> Response {
    let sts = server.sts.load();
    json(&metadata::jwks(&sts.keys.published(KeyPurpose::AccessTokens)))
}

/// `GET /.well-known/oauth-authorization-server`, and the OpenID place for clients that read no
/// other (`clients.md` 3).
pub(super) async fn metadata(State(server): State<Arc<Server>>) -> Response {
    let sts = server.sts.load();
    let base = sts.token_endpoint.strip_suffix("/token").unwrap_or(&sts.token_endpoint);
    let (jwks, authorization) = (format!("{base}/jwks"), format!("{base}/authorize"));
    let endpoints = Endpoints {
        issuer: &sts.issuer,
        token: &sts.token_endpoint,
        jwks: &jwks,
        authorization: &authorization,
        token_with_certificate: None,
        documentation: None,
    };
    let scopes: Vec<_> = sts.trust.load().registry.services().map(|service| service.scopes.clone()).collect();
    json(&metadata::metadata(&endpoints, scopes.iter()))
}

/// `GET` a SOAP endpoint: `?wsdl`, `?xsd=NAME`.
pub(super) async fn contract(State(state): State<SoapState>, RawQuery(query): RawQuery) -> Response {
    let door = &state.door;
    let query = query.unwrap_or_default();
    let document = if query.eq_ignore_ascii_case("wsdl") {
        contract::wsdl(&door.rules.wsdl, &door.location)
    } else {
        query.strip_prefix("xsd=").and_then(|name| contract::schema(name, &door.location))
    };
    match document {
        Some(document) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response(),
        None => (StatusCode::NOT_FOUND, "this endpoint takes POST; its contract is at ?wsdl\n").into_response(),
    }
}

fn json(content: &impl Serialize) -> Response {
    match metadata::document(content) {
        Ok(document) => {
            let headers = [
                (header::CONTENT_TYPE, metadata::CONTENT_TYPE.to_owned()),
                (header::CACHE_CONTROL, metadata::CACHE_CONTROL.to_owned()),
                (header::ETAG, document.etag),
            ];
            (headers, document.body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
