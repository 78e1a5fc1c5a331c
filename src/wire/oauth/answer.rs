//! The JSON bodies that go back (RFC 6749 5.1 and 5.2, RFC 8693 2.2.1).

use serde::Serialize;

use super::TokenUse;

/// A token was issued.
#[derive(Clone, Serialize)]
pub struct TokenBody {
    pub access_token: String,
    /// Mandatory in the answer to an exchange (RFC 8693 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
    pub token_type: TokenUse,
    /// Seconds; a JSON number.
    pub expires_in: u64,
    /// One text; the scope granted, also when it is the one asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// No token. Members in the order in which people read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    pub error: ErrorCode,
    /// Made by [`description`].
    pub error_description: String,
}

/// The error codes that we send: RFC 6749 5.2, RFC 8707 2; `access_denied` at a token endpoint has
/// its precedent in RFC 8628 3.5, `temporarily_unavailable` in RFC 6749 4.1.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    InvalidRequest,
    InvalidClient,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    InvalidTarget,
    AccessDenied,
    TemporarilyUnavailable,
}

impl ErrorCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

/// `text` in the characters that `error_description` may have (RFC 6749 5.2: printable ASCII
/// without `"` and `\`), so that it is also safe inside a quoted header parameter.
pub fn description(text: &str) -> String {
    let mut written: String = text
        .chars()
        .map(|c| match c {
            '"' | '“' | '”' | '’' | '‘' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            c if c.is_whitespace() => ' ',
            _ => '?',
        })
        .take(MAX_DESCRIPTION)
        .collect();
    written.truncate(written.trim_end().len());
    written
}

/// Long enough for a sentence with two values, short enough for a header.
const MAX_DESCRIPTION: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_only_what_rfc_6749_allows() {
        let text = description("“aud” is \"x\"\r\nSet-Cookie: a\\b é \u{0}\u{7f}");
        assert_eq!(text, "'aud' is 'x'  Set-Cookie: a/b ? ??");
        assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        assert_eq!(description(&"x".repeat(5000)).len(), MAX_DESCRIPTION);
    }

    #[test]
    fn a_code_is_written_as_its_name() {
        for code in [ErrorCode::InvalidRequest, ErrorCode::UnsupportedGrantType, ErrorCode::TemporarilyUnavailable] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn a_token_answer_has_numbers_as_numbers_and_no_empty_members() {
        let body = TokenBody {
            access_token: "t".to_owned(),
            issued_token_type: None,
            token_type: TokenUse::NotApplicable,
            expires_in: 300,
            scope: None,
        };
        let json = serde_json::to_value(body).unwrap();
        assert_eq!(json, serde_json::json!({"access_token": "t", "token_type": "N_A", "expires_in": 300}));
    }
}
