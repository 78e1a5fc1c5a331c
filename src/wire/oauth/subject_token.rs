//! The octets of a SAML `subject_token`: base64url of the assertion (RFC 8693 3, RFC 7522 2.1).

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Why the text is not base64url. Each has its own sentence: this is the mistake that integrators
/// make most (`oauth.md` 2.3, step 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectTokenFault {
    /// It holds a space: a `+` of standard base64, not escaped in the form.
    PlusBecameSpace,
    /// It holds `+` or `/`: standard base64.
    StandardAlphabet,
    /// It holds line breaks: MIME base64.
    LineBreaks,
    /// It begins with `<`: the XML itself.
    Xml,
    /// Another character, or a length that base64 cannot have.
    Other,
}

impl fmt::Display for SubjectTokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlusBecameSpace => "holds a space: a `+` of standard base64 that the form did not escape",
            Self::StandardAlphabet => "is standard base64: `-` and `_` stand where it has `+` and `/`",
            Self::LineBreaks => "holds line breaks",
            Self::Xml => "is the XML itself, not encoded",
            Self::Other => "is not base64url",
        })
    }
}

impl std::error::Error for SubjectTokenFault {}

/// Decodes base64url, with its padding or without.
///
/// # Errors
/// Which of the usual mistakes it is.
pub fn subject_token_octets(text: &str) -> Result<Vec<u8>, SubjectTokenFault> {
    BASE64URL.decode(text).map_err(|_| {
        if text.trim_start().starts_with('<') {
            SubjectTokenFault::Xml
        } else if text.contains(['\r', '\n']) {
            SubjectTokenFault::LineBreaks
        } else if text.contains(' ') {
            SubjectTokenFault::PlusBecameSpace
        } else if text.contains(['+', '/']) {
            SubjectTokenFault::StandardAlphabet
        } else {
            SubjectTokenFault::Other
        }
    })
}

/// RFC 7522 2.1 asks for no padding; many encoders write it all the same.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_mistakes_are_told_apart() {
        assert_eq!(subject_token_octets("PGE-Pw").unwrap(), b"<a>?");
        assert_eq!(subject_token_octets("PGE-Pw==").unwrap(), b"<a>?");
        for (text, wanted) in [
            ("PGE Pw==", SubjectTokenFault::PlusBecameSpace),
            ("PGE+Pw==", SubjectTokenFault::StandardAlphabet),
            ("PGE-\r\nPw==", SubjectTokenFault::LineBreaks),
            ("<a>?", SubjectTokenFault::Xml),
            ("PGE-P", SubjectTokenFault::Other),
            ("PGE-Px", SubjectTokenFault::Other),
            ("PG*-Pw", SubjectTokenFault::Other),
        ] {
            assert_eq!(subject_token_octets(text), Err(wanted), "{text:?}");
        }
    }
}
