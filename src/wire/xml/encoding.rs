//! Which encoding bytes are in: UTF-8 is read, every other is named and refused.
//!
//! XML 1.0 §4.3.3 and appendix F. Two readers that guess differently read two documents, so there is nothing to guess:
//! one encoding, with or without its byte order mark at the very start.

use super::{Error, ErrorKind};

/// The text, when it is UTF-8.
///
/// # Errors
/// [`ErrorKind::Encoding`], with the name of what was found.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, Error> {
    if let Some(name) = foreign(&bytes) {
        return Err(Error::new(ErrorKind::Encoding, 0, format!("the document is in {name}; send UTF-8")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let detail = match bytes.get(at) {
            Some(byte) => format!("the byte 0x{byte:02x} here is not UTF-8{}", guess(bytes, at)),
            None => "the document ends inside a character".to_owned(),
        };
        Error::new(ErrorKind::Encoding, at, detail)
    })
}

/// The encoding that the first bytes show, when it is none in which `<` is one byte of ASCII (appendix F.1), or UTF-7.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x00, 0x00, 0xFE, 0xFF, ..] => "UTF-32, big-endian, with its byte order mark",
        [0xFF, 0xFE, 0x00, 0x00, ..] => "UTF-32, little-endian, with its byte order mark",
        [0x00, 0x00, 0x00, _, ..] => "UTF-32, big-endian",
        [_, 0x00, 0x00, 0x00, ..] => "UTF-32, little-endian",
        [0xFE, 0xFF, ..] => "UTF-16, big-endian, with its byte order mark",
        [0xFF, 0xFE, ..] => "UTF-16, little-endian, with its byte order mark",
        [0x00, ..] => "UTF-16, big-endian",
        [_, 0x00, ..] => "UTF-16, little-endian",
        [b'+', b'/', b'v', b'8' | b'9' | b'+' | b'/', ..] => "UTF-7, with its byte order mark",
        [b'+', b'A', b'D', b'w', ..] => "UTF-7",
        [0x4C, 0x6F, 0xA7, 0x94, ..] => "EBCDIC",
        [0x0E, 0xFE, 0xFF, ..] => "SCSU",
        [0xFB, 0xEE, 0x28, ..] => "BOCU-1",
        _ => return None,
    })
}

/// What a byte that is not UTF-8 usually is.
fn guess(bytes: &[u8], at: usize) -> &'static str {
    match (bytes.get(at), bytes.get(at + 1)) {
        // RFC 3629 §3: the shortest form only, and no surrogates.
        (Some(0xC0 | 0xC1), _) | (Some(0xE0), Some(0x80..=0x9F)) | (Some(0xF0), Some(0x80..=0x8F)) => {
            ": a character is written longer than it needs to be"
        }
        (Some(0xED), Some(0xA0..=0xBF)) => ": it begins half of a surrogate pair, as CESU-8 and old Java write it",
        (Some(0xA0..=0xFF), next) if next.is_none_or(u8::is_ascii) => "; it looks like ISO-8859-1 or Windows-1252",
        (Some(0x80..=0x9F), _) => "; it looks like Windows-1252",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_encoding_is_named() {
        let text = "<a>é</a>";
        let utf16 = |swap: bool, mark: &str| -> Vec<u8> {
            let units = mark.encode_utf16().chain(text.encode_utf16());
            units.flat_map(|unit| if swap { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
        };
        let utf32 = |swap: bool, mark: &str| -> Vec<u8> {
            let chars = mark.chars().chain(text.chars()).map(u32::from);
            chars.flat_map(|c| if swap { c.to_le_bytes() } else { c.to_be_bytes() }).collect()
        };
        for (bytes, wanted) in [
            (utf16(false, "\u{feff}"), "UTF-16, big-endian, with its byte order mark"),
            (utf16(true, "\u{feff}"), "UTF-16, little-endian, with its byte order mark"),
            (utf16(false, ""), "UTF-16, big-endian;"),
            (utf16(true, ""), "UTF-16, little-endian;"),
            (utf32(false, "\u{feff}"), "UTF-32, big-endian, with its byte order mark"),
            (utf32(true, "\u{feff}"), "UTF-32, little-endian, with its byte order mark"),
            (utf32(false, ""), "UTF-32, big-endian;"),
            (utf32(true, ""), "UTF-32, little-endian;"),
            (b"+ADw-a+AD4-".to_vec(), "UTF-7;"),
            (b"+/v8APA-a+AD4-".to_vec(), "UTF-7, with"),
            (vec![0x4c, 0x6f, 0xa7, 0x94, 0x93], "EBCDIC"),
            (b"<a>\xe9</a>".to_vec(), "0xe9 here is not UTF-8; it looks like ISO-8859-1"),
            (b"<a>\x93</a>".to_vec(), "Windows-1252"),
            (b"<a>\xc0\xbc</a>".to_vec(), "longer than it needs"),
            (b"<a>\xe0\x80\xbc</a>".to_vec(), "longer than it needs"),
            (b"<a>\xed\xa0\x80</a>".to_vec(), "surrogate"),
        ] {
            let error = utf8(bytes).expect_err(wanted);
            assert!(error.to_string().contains(wanted), "{error}");
        }
        assert_eq!(utf8("\u{feff}<a>é</a>".into()).as_deref(), Ok("\u{feff}<a>é</a>"));
    }
}
