//! Base64 (RFC 4648) in the two forms of our formats: as XML writes it, folded anywhere, and as JOSE writes it.
//!
//! Both refuse padding that is missing or wrong and bits that decode to nothing: one value has one encoding, so
//! nothing remembered by its text can come back in another spelling.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The text is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

impl fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not base64")
    }
}

impl std::error::Error for NotBase64 {}

/// Decodes xs:base64Binary (XML Schema part 2 §3.2.16): white space may stand anywhere, also the carriage returns
/// that Java's encoders write as `&#13;`.
///
/// # Errors
/// When what is left is not canonical base64.
pub fn decode_xml(text: &str) -> Result<Vec<u8>, NotBase64> {
    // Most values stand on one line. Where the decoder meets another character, it may be white space.
    if let Ok(bytes) = STANDARD.decode(text) {
        return Ok(bytes);
    }
    let solid: Vec<u8> = text.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r')).collect();
    STANDARD.decode(solid).map_err(|_| NotBase64)
}

/// Encodes on one line, padded.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes base64url without padding (RFC 7515 §2): no white space, no `=`.
///
/// # Errors
/// When the text is anything else.
pub fn decode_url(text: &str) -> Result<Vec<u8>, NotBase64> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64)
}

/// Encodes as base64url without padding.
pub fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_folded_base64_with_carriage_returns() {
        assert_eq!(decode_xml("\r\n aGVs\r\nbG8=\t\n").as_deref(), Ok(&b"hello"[..]));
        assert_eq!(decode_xml("").as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn refuses_a_second_spelling_of_the_same_bytes() {
        for text in ["aGVsbG8", "aGVsbG9=", "aGVsbG8==", "aGVsbG8=x", "aGVs=bG8", "aGVsbG8-", "aGVs\u{a0}bG8="] {
            assert_eq!(decode_xml(text), Err(NotBase64), "{text}");
        }
        for text in ["-_8=", "-_ 8", "+/8", "-_9"] {
            assert_eq!(decode_url(text), Err(NotBase64), "{text}");
        }
        assert_eq!(decode_url("-_8").as_deref(), Ok(&[0xfb, 0xff][..]));
    }
}
