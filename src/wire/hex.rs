//! Hexadecimal letters: how digests, thumbprints and random names are written for people.

/// Two small letters for each byte.
pub fn encode(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// The bytes of such a text, in letters of either case; `None` when it is no such text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_in_either_case() {
        assert_eq!(encode(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(decode("000fA0ff"), Some(vec![0, 0x0f, 0xa0, 0xff]));
        assert_eq!(decode(""), Some(Vec::new()));
    }

    #[test]
    fn half_bytes_signs_and_other_letters_are_no_hexadecimal() {
        for text in ["0", "0g", "+1", " 1", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
