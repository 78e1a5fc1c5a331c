//! OAuth 2.0 at the token endpoint: RFC 6749 (3.2, 4.4, 5), 7521 (4.2), 8693 (2), 8707, 8414.
//!
//! In: the bytes of a form. Out: one [`TokenRequest`], in which every parameter was looked at; and
//! the JSON bodies that go back. Whether a client may is nobody's question here.
//!
//! Unknown parameters are ignored and empty ones count as omitted (RFC 6749 3.2; zitadel always
//! sends five empty ones); what we know and do not do is refused, never silently dropped.

mod answer;
mod form;
mod metadata;
mod names;
mod request;
mod subject_token;

pub use answer::{ErrorBody, ErrorCode, TokenBody, description};
pub use form::{Form, FormFault, MAX_BYTES};
pub use metadata::{EndpointAliases, Metadata};
pub use names::{GrantType, TokenType, TokenUse};
pub use request::{ClientAuthentication, ClientCredentials, RequestError, SecretText, TokenExchange, TokenRequest};
pub use subject_token::{SubjectTokenFault, subject_token_octets};
