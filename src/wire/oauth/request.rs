//! What a client asks of the token endpoint, with every parameter accounted for.

use crate::wire::guard::{self, Guard};

use std::fmt;

use super::form::shown;
use super::{Form, FormFault, GrantType, TokenType};

/// Text that must not reach a log: a token or an assertion. Its `Debug` shows the length.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// How the client says who it is. Nothing here is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthentication {
    /// `client_id`, optional beside an assertion; RFC 7521 4.2: it "MUST identify the same client".
    pub client_id: Option<String>,
    /// `client_assertion`, of type `jwt-bearer`.
    pub assertion: Option<SecretText>,
}

/// RFC 8693 2.1.
#[derive(Debug, Clone)]
pub struct TokenExchange {
    pub client: ClientAuthentication,
    pub subject_token: SecretText,
    pub subject_token_type: TokenType,
    pub requested_token_type: Option<TokenType>,
    pub resources: Vec<String>,
    pub audiences: Vec<String>,
    /// Not yet taken apart: `model::Scope::parse` does.
    pub scope: Option<String>,
}

/// RFC 6749 4.4.2, with the targets of RFC 8707.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    pub client: ClientAuthentication,
    pub resources: Vec<String>,
    pub audiences: Vec<String>,
    /// Not yet taken apart: `model::Scope::parse` does.
    pub scope: Option<String>,
}

/// One request to the token endpoint.
#[derive(Debug, Clone)]
pub enum TokenRequest {
    TokenExchange(TokenExchange),
    ClientCredentials(ClientCredentials),
}

/// Why a form is not a token request; always with the parameter's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    Form(FormFault),
    Missing {
        parameter: &'static str,
    },
    /// Known to us, and not done by this server, for this grant, or beside that other parameter.
    NotSupported {
        parameter: &'static str,
    },
    TooLong {
        parameter: &'static str,
        limit: usize,
    },
    /// `grant_type` that is not offered.
    GrantType {
        found: String,
    },
    /// `subject_token_type` that is no token type.
    SubjectTokenType {
        found: String,
    },
    /// `requested_token_type` that is no token type.
    RequestedTokenType {
        found: String,
    },
    /// `client_assertion_type` other than `jwt-bearer`.
    ClientAssertionType {
        found: String,
    },
    /// `resource` that is no absolute URI without fragment (RFC 8707 2).
    Resource {
        found: String,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(fault) => fault.fmt(f),
            Self::Missing { parameter } => write!(f, "`{parameter}` is missing"),
            Self::NotSupported { parameter } => write!(f, "`{parameter}` is not supported here"),
            Self::TooLong { parameter, limit } => write!(f, "`{parameter}` is longer than {limit} bytes"),
            Self::GrantType { found } => write!(f, "`grant_type` `{found}` is not offered"),
            Self::SubjectTokenType { found } => write!(f, "`subject_token_type` `{found}` is not taken"),
            Self::RequestedTokenType { found } => write!(f, "`requested_token_type` `{found}` is not offered"),
            Self::ClientAssertionType { found } => write!(f, "`client_assertion_type` `{found}` is not taken"),
            Self::Resource { found } => write!(f, "`resource` `{found}` is not an absolute URI without fragment"),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<FormFault> for RequestError {
    fn from(fault: FormFault) -> Self {
        Self::Form(fault)
    }
}

impl TokenRequest {
    /// Reads the body of a request to the token endpoint.
    ///
    /// # Errors
    /// The first fault: of the form, then of `grant_type`, then parameter by parameter.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let form = Form::parse(body)?;
        let grant = required(&form, "grant_type", MAX_NAME)?;
        match GrantType::parse(grant).ok_or_else(|| RequestError::GrantType { found: shown(grant) })? {
            GrantType::TokenExchange => TokenExchange::read(&form).map(Self::TokenExchange),
            GrantType::ClientCredentials => ClientCredentials::read(&form).map(Self::ClientCredentials),
        }
    }

    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::TokenExchange(_) => GrantType::TokenExchange,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
        }
    }

    pub fn client(&self) -> &ClientAuthentication {
        match self {
            Self::TokenExchange(request) => &request.client,
            Self::ClientCredentials(request) => &request.client,
        }
    }
}

impl TokenExchange {
    fn read(form: &Form) -> Result<Self, RequestError> {
        refuse(form, &NEVER)?;
        let subject_token = SecretText(required(form, "subject_token", usize::MAX)?.to_owned());
        let subject_token_type = required(form, "subject_token_type", MAX_NAME)?;
        let requested = optional(form, "requested_token_type", MAX_NAME)?;
        Ok(Self {
            client: ClientAuthentication::read(form)?,
            subject_token,
            subject_token_type: TokenType::from_uri(subject_token_type)
                .ok_or_else(|| RequestError::SubjectTokenType { found: shown(subject_token_type) })?,
            requested_token_type: requested
                .map(|uri| {
                    TokenType::from_uri(uri).ok_or_else(|| RequestError::RequestedTokenType { found: shown(uri) })
                })
                .transpose()?,
            resources: resources(form)?,
            audiences: several(form, "audience")?,
            scope: optional(form, "scope", MAX_TEXT)?.map(str::to_owned),
        })
    }
}

impl ClientCredentials {
    fn read(form: &Form) -> Result<Self, RequestError> {
        refuse(form, &NEVER)?;
        // A subject token sent to the wrong grant would otherwise vanish without a word.
        refuse(form, &["subject_token", "subject_token_type", "requested_token_type"])?;
        Ok(Self {
            client: ClientAuthentication::read(form)?,
            resources: resources(form)?,
            audiences: several(form, "audience")?,
            scope: optional(form, "scope", MAX_TEXT)?.map(str::to_owned),
        })
    }
}

impl ClientAuthentication {
    fn read(form: &Form) -> Result<Self, RequestError> {
        let client_id = optional(form, "client_id", MAX_NAME)?.map(str::to_owned);
        let assertion = optional(form, "client_assertion", usize::MAX)?;
        let assertion_type = optional(form, "client_assertion_type", MAX_NAME)?;
        match (assertion, assertion_type) {
            (None, None) => Ok(Self { client_id, assertion: None }),
            (Some(_), None) => Err(RequestError::Missing { parameter: "client_assertion_type" }),
            (None, Some(_)) => Err(RequestError::Missing { parameter: "client_assertion" }),
            (Some(_), Some(other)) if other != JWT_BEARER => {
                Err(RequestError::ClientAssertionType { found: shown(other) })
            }
            (Some(assertion), Some(_)) => Ok(Self { client_id, assertion: Some(SecretText(assertion.to_owned())) }),
        }
    }
}

fn optional<'f>(form: &'f Form, parameter: &'static str, limit: usize) -> Result<Option<&'f str>, RequestError> {
    match form.get(parameter) {
        Some(value) if value.len() > limit => Err(RequestError::TooLong { parameter, limit }),
        value => Ok(value),
    }
}

fn required<'f>(form: &'f Form, parameter: &'static str, limit: usize) -> Result<&'f str, RequestError> {
    optional(form, parameter, limit)?.ok_or(RequestError::Missing { parameter })
}

fn several(form: &Form, parameter: &'static str) -> Result<Vec<String>, RequestError> {
    let values: Vec<String> = form.all(parameter).map(str::to_owned).collect();
    if values.iter().any(|value| value.len() > MAX_TEXT) {
        return Err(RequestError::TooLong { parameter, limit: MAX_TEXT });
    }
    Ok(values)
}

/// RFC 8707 2: "MUST be an absolute URI […] MUST NOT include a fragment component".
fn resources(form: &Form) -> Result<Vec<String>, RequestError> {
    let values = several(form, "resource")?;
    match values.iter().find(|value| !absolute_uri(value)) {
        Some(bad) => Err(RequestError::Resource { found: shown(bad) }),
        None => Ok(values),
    }
}

fn absolute_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    }) && text.chars().all(|c| c.is_ascii_graphic() && c != '#')
}

fn refuse(form: &Form, parameters: &[&'static str]) -> Result<(), RequestError> {
    match parameters.iter().find(|name| form.get(name).is_some()) {
        Some(_) if !guard::stands(Guard::ParameterSupported) => Ok(()),
        Some(parameter) => Err(RequestError::NotSupported { parameter }),
        None => Ok(()),
    }
}

/// Known, and refused under every grant: delegation by token, rich requests, shared secrets.
const NEVER: [&str; 6] =
    ["actor_token", "actor_token_type", "authorization_details", "client_secret", "request", "request_uri"];
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Names and type URIs.
const MAX_NAME: usize = 256;
/// Scope, and each target.
const MAX_TEXT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const EXCHANGE: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=PHNhbWw-\
        &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Asaml2";

    fn exchange(more: &str) -> Result<TokenExchange, RequestError> {
        match TokenRequest::parse(format!("{EXCHANGE}{more}").as_bytes())? {
            TokenRequest::TokenExchange(exchange) => Ok(exchange),
            TokenRequest::ClientCredentials(_) => panic!("another grant"),
        }
    }

    #[test]
    fn an_exchange_is_read_whole() {
        let read = exchange(
            "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c\
             &client_id=hr&resource=https%3A%2F%2Fa.example&audience=b&audience=c&scope=x+y&unknown=ignored\
             &requested_token_type=urn:ietf:params:oauth:token-type:access_token",
        )
        .unwrap();
        assert_eq!(read.subject_token.expose(), "PHNhbWw-");
        assert_eq!(read.subject_token_type, TokenType::Saml2);
        assert_eq!(read.requested_token_type, Some(TokenType::AccessToken));
        assert_eq!(read.client.client_id.as_deref(), Some("hr"));
        assert_eq!(read.client.assertion.as_ref().map(SecretText::expose), Some("a.b.c"));
        assert_eq!(
            (read.resources, read.audiences),
            (vec!["https://a.example".to_owned()], vec!["b".into(), "c".into()])
        );
        assert_eq!(read.scope.as_deref(), Some("x y"));
    }

    #[test]
    fn empty_parameters_count_as_omitted() {
        let read = exchange("&actor_token=&actor_token_type=&requested_token_type=&scope=&client_id=").unwrap();
        assert_eq!((read.scope, read.requested_token_type, read.client.client_id), (None, None, None));
    }

    #[test]
    fn client_credentials_are_read() {
        let read = TokenRequest::parse(b"grant_type=client_credentials&resource=urn:a:b").unwrap();
        assert_eq!(read.grant_type(), GrantType::ClientCredentials);
        assert_eq!(read.client().assertion, None);
    }

    #[test]
    fn each_fault_names_its_parameter() {
        let not_supported = |parameter| RequestError::NotSupported { parameter };
        let missing = |parameter| RequestError::Missing { parameter };
        let jwt_bearer = "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let cases = [
            ("&actor_token=x", not_supported("actor_token")),
            ("&actor_token_type=x", not_supported("actor_token_type")),
            ("&authorization_details=[]", not_supported("authorization_details")),
            ("&client_secret=x", not_supported("client_secret")),
            ("&client_assertion=x", missing("client_assertion_type")),
            (jwt_bearer, missing("client_assertion")),
            (
                "&client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
                RequestError::ClientAssertionType {
                    found: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer".to_owned(),
                },
            ),
            ("&requested_token_type=jwt", RequestError::RequestedTokenType { found: "jwt".to_owned() }),
            ("&resource=api", RequestError::Resource { found: "api".to_owned() }),
            ("&resource=https://a.example/%23x", RequestError::Resource { found: "https://a.example/#x".to_owned() }),
            ("&subject_token=x", FormFault::Repeated { parameter: "subject_token".to_owned() }.into()),
        ];
        for (more, wanted) in cases {
            assert_eq!(exchange(more).unwrap_err(), wanted, "{more}");
        }
        let whole = [
            ("", missing("grant_type")),
            ("grant_type=", missing("grant_type")),
            ("grant_type=password", RequestError::GrantType { found: "password".to_owned() }),
            ("grant_type=client_credentials&subject_token=x", not_supported("subject_token")),
            ("grant_type=urn:ietf:params:oauth:grant-type:token-exchange", missing("subject_token")),
            (
                "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x",
                missing("subject_token_type"),
            ),
            (
                "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&subject_token_type=saml2",
                RequestError::SubjectTokenType { found: "saml2".to_owned() },
            ),
        ];
        for (body, wanted) in whole {
            assert_eq!(TokenRequest::parse(body.as_bytes()).unwrap_err(), wanted, "{body}");
        }
    }

    #[test]
    fn tokens_are_not_in_the_debug_text() {
        assert!(!format!("{:?}", exchange("").unwrap()).contains("PHNhbWw"));
    }
}
