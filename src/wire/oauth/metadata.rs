//! Authorization server metadata (RFC 8414 2, RFC 8705 5), and the members that OpenID clients
//! ask for in `openid-configuration` although nobody logs in here.

use serde::Serialize;

/// The document at `/.well-known/oauth-authorization-server` and
/// `/.well-known/openid-configuration`: one content for both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub issuer: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub grant_types_supported: Vec<String>,
    /// Mandatory, and empty: there is no authorization endpoint to answer from.
    pub response_types_supported: Vec<String>,
    /// Asked for by Nimbus.
    pub subject_types_supported: Vec<String>,
    /// Asked for by openidconnect (Rust), which fails without; it answers 404.
    pub authorization_endpoint: String,
    /// Asked for by openidconnect (Rust); empty, as no ID token is issued.
    pub id_token_signing_alg_values_supported: Vec<String>,
    pub token_endpoint_auth_methods_supported: Vec<String>,
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    pub tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls_endpoint_aliases: Option<EndpointAliases>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
}

/// Where the endpoints are for clients that show a certificate (RFC 8705 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointAliases {
    pub token_endpoint: String,
}
