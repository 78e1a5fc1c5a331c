//! The one table from refusals to OAuth errors, and the answers of the token endpoint.
//!
//! Always JSON whatever `Accept` says, never cached. What speaks of our registers is one error,
//! one sentence for each code: an unknown client, a wrong key and a spent assertion differ in
//! their reference and in nothing else (`rules.md` 7.1). So `AUTHENTICATION` is `invalid_client`
//! for assertions too, where `oauth.md` 2.3 has `invalid_request`.

use axum::http::StatusCode;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::model::{CheckId, PublicCode, Reference, Refusal};
use crate::serve::told::{UNAVAILABLE, told};
use crate::wire::oauth::{ErrorBody, ErrorCode, TokenBody, description};

/// An answer of the token endpoint, to be sent as it is.
#[derive(Debug, Clone)]
pub struct OauthAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl IntoResponse for OauthAnswer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// The answer with a token (RFC 6749 5.1, RFC 8693 2.2.1).
pub fn issued(body: &TokenBody) -> OauthAnswer {
    answer(StatusCode::OK, body)
}

/// The answer to a refusal. `authorization` is the request's `Authorization` header, if it had
/// one: only then is there a challenge (RFC 6749 5.2), because some clients read nothing else.
pub fn refused(refusal: &Refusal, reference: Reference, authorization: Option<&str>) -> OauthAnswer {
    let (status, error) = row(refusal);
    let said = words(refusal, reference);
    let mut answer = failed(status, error, &said);
    if let (StatusCode::UNAUTHORIZED, Some(used)) = (status, authorization) {
        challenge(&mut answer, used, error, &said);
    }
    answer
}

/// The body is larger than what is read.
pub fn too_large(limit: usize) -> OauthAnswer {
    let said = format!("The body is larger than {limit} bytes.");
    failed(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::InvalidRequest, &said)
}

/// The body is announced as something other than a form.
pub fn not_a_form() -> OauthAnswer {
    let said = "The body must be application/x-www-form-urlencoded.";
    failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::InvalidRequest, said)
}

/// RFC 6749 3.2: "The client MUST use the HTTP POST method".
pub fn not_a_post() -> OauthAnswer {
    let mut answer =
        failed(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest, "The token endpoint takes POST.");
    answer.headers.insert(ALLOW, HeaderValue::from_static("POST"));
    answer
}

/// No answer can be put on record, or there is no room: nothing is known of the request.
pub fn unavailable() -> OauthAnswer {
    failed(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TemporarilyUnavailable, UNAVAILABLE)
}

/// The table. No `_` over codes: a new code does not compile until somebody has decided what a
/// stranger may know.
fn row(refusal: &Refusal) -> (StatusCode, ErrorCode) {
    match refusal.code() {
        // The subject token's own bytes (RFC 8693 2.2.2).
        PublicCode::XmlMalformed
        | PublicCode::XmlForbidden
        | PublicCode::XmlLimit
        | PublicCode::Encrypted
        | PublicCode::SignatureMissing
        | PublicCode::SignatureForm
        | PublicCode::SignatureAlgorithm
        | PublicCode::SignatureReference
        | PublicCode::SignatureCoverage
        | PublicCode::SignatureDigest
        | PublicCode::SignatureValue
        | PublicCode::SignatureKey
        | PublicCode::Time
        | PublicCode::Certificate
        | PublicCode::TokenForm => (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
        // Codes of the other door; should one ever come by this one, it is still a bad request.
        PublicCode::SoapEnvelope | PublicCode::HeaderSecurity | PublicCode::HeaderAddressing | PublicCode::Request => {
            (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest)
        }
        PublicCode::OauthRequest => match refusal.check {
            // RFC 6749 5.2.
            CheckId::GrantType => (StatusCode::BAD_REQUEST, ErrorCode::UnsupportedGrantType),
            _ => (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
        },
        PublicCode::OauthClient | PublicCode::Authentication => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient),
        PublicCode::OauthTarget => (StatusCode::BAD_REQUEST, ErrorCode::InvalidTarget),
        PublicCode::OauthScope => (StatusCode::BAD_REQUEST, ErrorCode::InvalidScope),
        PublicCode::Denied => (StatusCode::BAD_REQUEST, ErrorCode::AccessDenied),
        PublicCode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TemporarilyUnavailable),
    }
}

/// What the caller reads: a sentence, the code, the reference; in characters that a quoted header
/// parameter may have.
fn words(refusal: &Refusal, reference: Reference) -> String {
    // The code and the reference are never what a long sentence pushes out.
    format!("{} [{}] ref {reference}", description(&told(refusal, true)), refusal.code().as_str())
}

/// `WWW-Authenticate` in the scheme that the client used, with the body's members repeated.
fn challenge(answer: &mut OauthAnswer, used: &str, error: ErrorCode, said: &str) {
    let basic = used.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
    let scheme = if basic { "Basic" } else { "Bearer" };
    let error = error.as_str();
    let text = format!(r#"{scheme} realm="{REALM}", error="{error}", error_description="{said}""#);
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers.insert(WWW_AUTHENTICATE, value);
    }
}

/// `said` is one of our constants, or made by [`words`].
fn failed(status: StatusCode, error: ErrorCode, said: &str) -> OauthAnswer {
    let mut answer = answer(status, &ErrorBody { error, error_description: said.to_owned() });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    answer
}

fn answer(status: StatusCode, body: &impl Serialize) -> OauthAnswer {
    let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    // These bodies are strings and numbers, which always have a JSON form.
    let body = serde_json::to_string(body).unwrap_or_else(|_| r#"{"error":"temporarily_unavailable"}"#.to_owned());
    OauthAnswer { status, headers: HeaderMap::from_iter(headers), body }
}

/// RFC 6749 5.1: "The authorization server MUST include" both of the latter.
const HEADERS: [(HeaderName, &str); 3] =
    [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
const REALM: &str = "oauth2";
/// Seconds: a store or decision point that was restarted answers by then.
const RETRY_SECONDS: &str = "5";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::{Fact, Tell, Time};
    use crate::wire::oauth::TokenUse;

    fn reference() -> Reference {
        Reference::from_bytes([7; 16])
    }

    fn body(answer: &OauthAnswer) -> Value {
        serde_json::from_str(&answer.body).unwrap()
    }

    #[test]
    fn refusals_about_our_registers_differ_in_nothing_but_their_reference() {
        for code in PublicCode::ALL.into_iter().filter(|code| code.tell() == Tell::Registers) {
            let of_code = CheckId::ALL.iter().filter(|check| check.row().code == code);
            let answers: Vec<(StatusCode, HeaderMap, String)> = of_code
                .map(|check| refused(&Refusal::new(*check).with(Fact::text("client", "secret")), reference(), None))
                .map(|answer| (answer.status, answer.headers, answer.body))
                .collect();
            assert!(!answers.is_empty() && answers.windows(2).all(|pair| pair[0] == pair[1]), "{code:?}");
            assert!(!answers[0].2.contains("secret"));
        }
    }

    #[test]
    fn each_check_has_its_status_and_error() {
        for (check, status, error) in [
            (CheckId::FormParameterSingle, 400, "invalid_request"),
            (CheckId::SubjectTokenEncoding, 400, "invalid_request"),
            (CheckId::XmlDoctype, 400, "invalid_request"),
            (CheckId::GrantType, 400, "unsupported_grant_type"),
            (CheckId::ScopeGranted, 400, "invalid_scope"),
            (CheckId::TargetPresent, 400, "invalid_target"),
            (CheckId::ClientAssertionPresent, 401, "invalid_client"),
            (CheckId::ClientAssertionAudience, 401, "invalid_client"),
            (CheckId::ClientKnown, 401, "invalid_client"),
            (CheckId::AssertionSignature, 401, "invalid_client"),
            (CheckId::ProofKey, 401, "invalid_client"),
            (CheckId::PolicyPermits, 400, "access_denied"),
            (CheckId::TargetKnown, 400, "access_denied"),
            (CheckId::MandateInForce, 400, "access_denied"),
            (CheckId::AuditWrites, 503, "temporarily_unavailable"),
        ] {
            let answer = refused(&Refusal::new(check), reference(), None);
            assert_eq!((answer.status.as_u16(), &body(&answer)["error"]), (status, &Value::from(error)), "{check:?}");
        }
    }

    #[test]
    fn every_refusal_is_json_that_is_not_cached_and_carries_code_and_reference() {
        for check in CheckId::ALL {
            let refusal = Refusal::new(*check)
                .with(Fact::text("found", "\"x\"\\\r\nSet-Cookie: a=b"))
                .with(Fact::text("detail", "é".repeat(5_000)))
                .with(Fact::time("clock", Time::UNIX_EPOCH));
            let answer = refused(&refusal, reference(), None);
            assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
            assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
            assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
            assert_eq!(answer.headers.contains_key(RETRY_AFTER), answer.status == StatusCode::SERVICE_UNAVAILABLE);
            let said = body(&answer)["error_description"].as_str().unwrap().to_owned();
            assert!(said.ends_with(&format!("[{}] ref {}", check.row().code.as_str(), reference())), "{said}");
            // RFC 6749 5.2: the characters that error_description may have.
            assert!(said.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{said}");
        }
    }

    #[test]
    fn a_fault_of_the_callers_bytes_is_told_with_what_to_do() {
        let refusal = Refusal::new(CheckId::FormParameterPresent).with(Fact::text("parameter", "subject_token"));
        let said = body(&refused(&refusal, reference(), None))["error_description"].as_str().unwrap().to_owned();
        assert_eq!(
            said,
            "Parameter subject_token is missing, or empty. Add subject_token. [OAU-REQUEST] ref \
             07070707-0707-0707-0707-070707070707"
        );
    }

    #[test]
    fn a_challenge_answers_a_used_authorization_header_and_repeats_the_error() {
        let refusal = Refusal::new(CheckId::ClientAssertionPresent).with(Fact::text("wanted", "a \"b\""));
        let answer = refused(&refusal, reference(), Some("basic aHI6eA=="));
        let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
        let said = body(&answer)["error_description"].as_str().unwrap().to_owned();
        assert_eq!(challenge, format!(r#"Basic realm="oauth2", error="invalid_client", error_description="{said}""#));
        // Not for other statuses, whatever the client sent.
        let other = refused(&Refusal::new(CheckId::GrantType), reference(), Some("Basic x"));
        assert!(!other.headers.contains_key(WWW_AUTHENTICATE));
        // A scheme of the client's own is not said back.
        let odd = refused(&refusal, reference(), Some("Evil x=\"y\""));
        assert!(odd.headers[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer realm"));
    }

    #[test]
    fn answers_outside_the_pipeline_are_json_too() {
        for (answer, status) in [(too_large(9), 413), (not_a_form(), 415), (not_a_post(), 405), (unavailable(), 503)] {
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
            assert!(body(&answer)["error"].is_string());
        }
        assert_eq!(not_a_post().headers[ALLOW], "POST");
    }

    #[test]
    fn a_token_is_answered_with_numbers_as_numbers() {
        let answer = issued(&TokenBody {
            access_token: "t".to_owned(),
            issued_token_type: Some("urn:ietf:params:oauth:token-type:access_token"),
            token_type: TokenUse::Bearer,
            expires_in: 300,
            scope: Some("read".to_owned()),
        });
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!((&body(&answer)["expires_in"], &body(&answer)["token_type"]), (&300.into(), &"Bearer".into()));
    }
}
