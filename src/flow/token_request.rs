//! What a token request asks for, in our words (RFC 6749 §3.2, RFC 8693 §2.1, RFC 8707 §2).
//!
//! - in: the form of `POST /oauth2/token`
//! - out: an [`Ask`] with the credentials that came along; nothing is believed

use crate::flow::decide::{Action, Ask};
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::model::{CheckId, Fact, Refusal, Scope, StepId, Target, TokenType};
use crate::wire::oauth::{self, FormFault, GrantType, RequestError, TokenRequest};

/// Reads the form.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn parse(body: &[u8], inquiry: &mut Inquiry) -> Result<TokenRequest, Stopped> {
    let request = TokenRequest::parse(body).map_err(|error| inquiry.stop(refusal(&error)))?;
    let grant = Fact::text("found", request.grant_type().as_str());
    inquiry.passed(CheckId::GrantType, facts([grant]));
    Ok(request)
}

/// RFC 6749 §3.2: the request is a form. Parameters of the media type do not matter.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn content_type(found: Option<&str>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    inquiry.step(StepId::Parse);
    let media_type = found.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    inquiry.require(media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded"), || {
        Refusal::new(CheckId::FormEncoding)
            .with(Fact::text("detail", format!("the Content-Type is `{}`", media_type.escape_default())))
    })
}

/// The octets of the subject token: base64url of a SAML 2.0 assertion (RFC 8693 §3).
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn subject_token(exchange: &oauth::TokenExchange, inquiry: &mut Inquiry) -> Result<Vec<u8>, Stopped> {
    inquiry.require(exchange.subject_token_type == oauth::TokenType::Saml2, || {
        Refusal::new(CheckId::SubjectTokenType)
            .with(Fact::text("found", exchange.subject_token_type.uri()))
            .with(Fact::list("wanted", [oauth::TokenType::Saml2.uri()]))
    })?;
    oauth::subject_token_octets(exchange.subject_token.expose()).map_err(|fault| {
        inquiry.stop(Refusal::new(CheckId::SubjectTokenEncoding).with(Fact::text("detail", fault.to_string())))
    })
}

/// What is asked for.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn ask(request: &TokenRequest, inquiry: &mut Inquiry) -> Result<Ask, Stopped> {
    let (action, resources, audiences, scope) = match request {
        TokenRequest::TokenExchange(exchange) => {
            requested_type(exchange.requested_token_type, inquiry)?;
            (Action::Exchange, &exchange.resources, &exchange.audiences, &exchange.scope)
        }
        TokenRequest::ClientCredentials(credentials) => {
            (Action::ClientCredentials, &credentials.resources, &credentials.audiences, &credentials.scope)
        }
    };
    let scope = match scope.as_deref().map(Scope::parse) {
        None => None,
        Some(Ok(scope)) => Some(scope).filter(|scope| !scope.is_empty()),
        Some(Err(token)) => {
            let detail = format!("`{}` holds a character that a scope may not have", token.escape_default());
            return Err(inquiry.stop(Refusal::new(CheckId::ScopeForm).with(Fact::text("detail", detail))));
        }
    };
    Ok(Ask {
        action,
        target: target(resources, audiences, inquiry)?,
        token_type: TokenType::AccessToken,
        scope,
        scope_may_narrow: action == Action::Exchange,
        on_behalf_of: None,
        lifetime: None,
        longest: None,
    })
}

/// One service. A token for two would let each use it at the other; resource and audience are two
/// spellings of one question, so both may be sent when they say the same.
fn target(resources: &[String], audiences: &[String], inquiry: &mut Inquiry) -> Result<Target, Stopped> {
    let mut named = resources.iter().chain(audiences);
    let Some(first) = named.next() else {
        return Err(inquiry.stop(Refusal::new(CheckId::TargetPresent)));
    };
    inquiry.require(named.all(|other| other == first), || {
        Refusal::new(CheckId::FormParameterSingle)
            .with(Fact::text("parameter", "resource"))
            .with(Fact::number("count", resources.len() + audiences.len()))
    })?;
    Ok(Target(first.clone()))
}

fn requested_type(asked: Option<oauth::TokenType>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    // RFC 8693 §3: both names fit what we write, an access token that is a JWT.
    let offered = [oauth::TokenType::AccessToken, oauth::TokenType::Jwt];
    inquiry.require(asked.is_none_or(|asked| offered.contains(&asked)), || {
        Refusal::new(CheckId::RequestedTokenType)
            .with(Fact::text("found", asked.map_or("", oauth::TokenType::uri)))
            .with(Fact::list("wanted", offered.map(oauth::TokenType::uri)))
    })
}

fn refusal(error: &RequestError) -> Refusal {
    let parameter = |check, parameter: &str| Refusal::new(check).with(Fact::text("parameter", parameter));
    match error {
        RequestError::Form(FormFault::Repeated { parameter: name }) => {
            parameter(CheckId::FormParameterSingle, name).with(Fact::text("count", "several"))
        }
        RequestError::Form(fault) => Refusal::new(CheckId::FormEncoding).with(Fact::text("detail", fault.to_string())),
        RequestError::Missing { parameter: name } => parameter(CheckId::FormParameterPresent, name),
        RequestError::NotSupported { parameter: name } => parameter(CheckId::FormParameterSupported, name),
        RequestError::TooLong { .. } => {
            Refusal::new(CheckId::FormEncoding).with(Fact::text("detail", error.to_string()))
        }
        RequestError::GrantType { found } => Refusal::new(CheckId::GrantType)
            .with(Fact::text("found", found.clone()))
            .with(Fact::list("wanted", GrantType::ALL.map(GrantType::as_str))),
        RequestError::SubjectTokenType { found } => Refusal::new(CheckId::SubjectTokenType)
            .with(Fact::text("found", found.clone()))
            .with(Fact::list("wanted", [oauth::TokenType::Saml2.uri()])),
        RequestError::RequestedTokenType { found } => Refusal::new(CheckId::RequestedTokenType)
            .with(Fact::text("found", found.clone()))
            .with(Fact::list("wanted", [oauth::TokenType::AccessToken.uri()])),
        RequestError::ClientAssertionType { .. } => parameter(CheckId::FormParameterSupported, "client_assertion_type"),
        RequestError::Resource { found } => Refusal::new(CheckId::FormEncoding)
            .with(Fact::text("detail", format!("resource `{found}` is not an absolute URI without fragment"))),
    }
}
