//! The URIs of OAuth: grant types (RFC 6749 4.4, RFC 8693 2.1) and token types (RFC 8693 3).

/// What a client may ask for with `grant_type`, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantType {
    TokenExchange,
    ClientCredentials,
}

impl GrantType {
    pub const ALL: [Self; 2] = [Self::TokenExchange, Self::ClientCredentials];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::ClientCredentials => "client_credentials",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// The token type identifiers of RFC 8693 3 that we know. Which of them are taken is for the
/// caller to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    AccessToken,
    Jwt,
    Saml1,
    Saml2,
    IdToken,
    RefreshToken,
}

impl TokenType {
    pub const ALL: [Self; 6] =
        [Self::AccessToken, Self::Jwt, Self::Saml1, Self::Saml2, Self::IdToken, Self::RefreshToken];

    pub fn uri(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::Saml1 => "urn:ietf:params:oauth:token-type:saml1",
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|token_type| token_type.uri() == uri)
    }
}

/// `token_type` of an answer: how the token is used (RFC 6749 7.1, RFC 8693 2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum TokenUse {
    /// Sent as `Authorization: Bearer`; with a `cnf` claim it is worthless without the key.
    Bearer,
    /// Not an access token: a SAML assertion.
    #[serde(rename = "N_A")]
    NotApplicable,
}
