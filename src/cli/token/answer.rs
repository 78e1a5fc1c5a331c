//! What a token endpoint answered: the token on stdout and nothing else, or why not.

use serde_json::{Map, Value, json};

use crate::cli::http::Answer;
use crate::cli::{Exit, Failure, Output};

/// Writes the answer of an OAuth token endpoint (RFC 6749 5, RFC 8693 2.2).
///
/// # Errors
/// When the answer is not one of an OAuth server.
pub fn oauth(answer: &Answer, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let Ok(Value::Object(body)) = serde_json::from_slice(&answer.body) else {
        return Err(not_oauth(answer));
    };
    match body.get("access_token").and_then(Value::as_str) {
        Some(token) if answer.status == 200 => {
            issued(token, &body, out);
            Ok(Exit::Done)
        }
        _ if body.contains_key("error") => Ok(refused(answer.status, &body, out)),
        _ => Err(not_oauth(answer)),
    }
}

fn issued(token: &str, body: &Map<String, Value>, out: &mut Output<'_>) {
    if out.is_json() {
        let mut object = body.clone();
        object.insert("schema".to_owned(), "vidimus.issued/v1".into());
        out.json(&object);
    } else {
        out.bytes(format!("{token}\n").as_bytes());
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let seconds = body.get("expires_in").and_then(Value::as_u64);
    let expires = seconds.map(|seconds| format!("  expires in {seconds} s")).unwrap_or_default();
    let scope = if text("scope").is_empty() { String::new() } else { format!("  scope {}", text("scope")) };
    out.note(format_args!("issued  {}{scope}{expires}", text("token_type")));
}

/// The server understood and denied, or cannot decide now.
fn refused(status: u16, body: &Map<String, Value>, out: &mut Output<'_>) -> Exit {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if out.is_json() {
        let mut object = body.clone();
        object.insert("schema".to_owned(), "vidimus.refusal/v1".into());
        object.insert("status".to_owned(), status.into());
        out.json(&object);
    }
    out.note(format_args!("refused  {}  {}  (HTTP {status})", text("error"), text("error_description")));
    exit_of(status)
}

/// A server that fails has not denied.
pub fn exit_of(status: u16) -> Exit {
    if matches!(status, 429 | 502..=504) { Exit::Indeterminate } else { Exit::Refused }
}

fn not_oauth(answer: &Answer) -> Failure {
    let start: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
    Failure::unexpected(format!(
        "the server answered HTTP {} with `{}`, which is no answer of a token endpoint: {start}",
        answer.status, answer.content_type
    ))
}

/// Name and value of each parameter, encoded as a form.
pub fn form(parameters: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into_bytes()
}

/// The command that `--curl` prints.
pub fn command(command: &str, out: &mut Output<'_>) -> Exit {
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.curl/v1", "command": command}));
    } else {
        out.bytes(format!("{command}\n").as_bytes());
    }
    Exit::Done
}

#[cfg(test)]
mod tests {
    use crate::cli::Format;

    use super::*;

    fn written(status: u16, body: &str, format: Format) -> (Result<Exit, Failure>, String, String) {
        let answer = Answer { status, content_type: "application/json".to_owned(), body: body.as_bytes().to_vec() };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let exit = oauth(&answer, &mut Output::new(format, &mut result, &mut notes));
        (exit, String::from_utf8(result).unwrap(), String::from_utf8(notes).unwrap())
    }

    #[test]
    fn stdout_is_the_token_and_nothing_else() {
        let body = r#"{"access_token":"eyJ.x.y","token_type":"Bearer","expires_in":600,"scope":"dmfa:read"}"#;
        let (exit, result, notes) = written(200, body, Format::Human);
        assert_eq!((exit, result.as_str()), (Ok(Exit::Done), "eyJ.x.y\n"));
        assert_eq!(notes, "issued  Bearer  scope dmfa:read  expires in 600 s\n");
    }

    #[test]
    fn a_refusal_leaves_stdout_empty_for_the_next_in_the_pipe() {
        let body = r#"{"error":"invalid_grant","error_description":"AUTHENTICATION ref 1\u001b[2J"}"#;
        let (exit, result, notes) = written(400, body, Format::Human);
        assert_eq!((exit, result.as_str()), (Ok(Exit::Refused), ""));
        assert_eq!(notes, "refused  invalid_grant  AUTHENTICATION ref 1\\u{1b}[2J  (HTTP 400)\n");
        let (_, result, _) = written(400, body, Format::Json);
        assert!(result.contains(r#""schema":"vidimus.refusal/v1""#), "{result}");
    }

    #[test]
    fn a_server_that_cannot_decide_has_not_denied() {
        let (exit, ..) = written(503, r#"{"error":"temporarily_unavailable"}"#, Format::Human);
        assert_eq!(exit, Ok(Exit::Indeterminate));
    }

    #[test]
    fn another_kind_of_server_is_told_apart() {
        assert_eq!(written(200, "<html>", Format::Human).0.unwrap_err().exit, Exit::Unexpected);
    }
}
