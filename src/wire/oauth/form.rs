//! `application/x-www-form-urlencoded`, read strictly: UTF-8, whole percent escapes, no NUL,
//! limits, no parameter twice (RFC 6749 3.2, appendix B).
//!
//! The common readers are lenient: they keep a broken escape as text and put U+FFFD for bad
//! UTF-8, and then two readers disagree on what was asked.

use std::fmt;

/// The parameters of one form, decoded, in the order sent.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

/// Why bytes are not a form that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormFault {
    TooLong {
        limit: usize,
        found: usize,
    },
    TooManyParameters {
        limit: usize,
    },
    /// A `%` without two hexadecimal digits behind it, at this byte.
    Escape {
        offset: usize,
    },
    /// A name or value (of the parameter that begins at this byte) is not UTF-8.
    Encoding {
        offset: usize,
    },
    /// It holds a NUL character.
    Nul {
        offset: usize,
    },
    /// A byte that a form never holds unescaped.
    Byte {
        offset: usize,
    },
    /// Sent more than once, where once is all that is allowed.
    Repeated {
        parameter: String,
    },
}

impl fmt::Display for FormFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => write!(f, "the body has {found} bytes, more than {limit}"),
            Self::TooManyParameters { limit } => write!(f, "the body has more than {limit} parameters"),
            Self::Escape { offset } => write!(f, "the `%` at byte {offset} is not followed by two hexadecimal digits"),
            Self::Encoding { offset } => write!(f, "the parameter at byte {offset} is not UTF-8"),
            Self::Nul { offset } => write!(f, "the parameter at byte {offset} holds a NUL character"),
            Self::Byte { offset } => write!(f, "the byte at {offset} must be percent-encoded"),
            Self::Repeated { parameter } => write!(f, "`{parameter}` was sent more than once"),
        }
    }
}

impl std::error::Error for FormFault {}

impl fmt::Debug for Form {
    /// The names only: values are tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a body. Parameters without a value are as if omitted, but a name counts as sent
    /// twice whether it has values or not.
    ///
    /// # Errors
    /// The first fault, with its place in `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormFault> {
        if bytes.len() > MAX_BYTES {
            return Err(FormFault::TooLong { limit: MAX_BYTES, found: bytes.len() });
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut offset = 0;
        for pair in bytes.split(|byte| *byte == b'&') {
            let start = offset;
            offset += pair.len() + 1;
            if pair.is_empty() {
                continue;
            }
            if parameters.len() == MAX_PARAMETERS {
                return Err(FormFault::TooManyParameters { limit: MAX_PARAMETERS });
            }
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, rest) = pair.split_at(split);
            let name = decode(name, start, start)?;
            let value = decode(rest.strip_prefix(b"=").unwrap_or(rest), start + split + 1, start)?;
            parameters.push((name, value));
        }
        once(&parameters)?;
        parameters.retain(|(_, value)| !value.is_empty());
        Ok(Self(parameters))
    }

    /// The value of a parameter that was sent with one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// RFC 6749 3.2: "Request and response parameters MUST NOT be included more than once"; RFC 8693
/// 2.1 and RFC 8707 2 except two.
fn once(parameters: &[(String, String)]) -> Result<(), FormFault> {
    for (name, _) in parameters {
        let again = parameters.iter().filter(|(other, _)| other == name).nth(1).is_some();
        if again && !REPEATABLE.contains(&name.as_str()) {
            return Err(FormFault::Repeated { parameter: shown(name) });
        }
    }
    Ok(())
}

/// Decodes one name or value: `+` is a space, `%XX` a byte.
fn decode(text: &[u8], offset: usize, parameter: usize) -> Result<String, FormFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().enumerate();
    while let Some((at, byte)) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormFault::Escape { offset: offset + at }),
            },
            // Base64 and XML pasted in raw hold `=` or `<`; only what cannot be text is refused.
            0x00..=0x20 | 0x7f => return Err(FormFault::Byte { offset: offset + at }),
            plain => *plain,
        });
    }
    if bytes.contains(&0) {
        return Err(FormFault::Nul { offset: parameter });
    }
    String::from_utf8(bytes).map_err(|_| FormFault::Encoding { offset: parameter })
}

fn hex((_, byte): (usize, &u8)) -> Option<u8> {
    (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A caller's own word, short and harmless enough to be said back.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(MAX_SHOWN).collect()
}

/// A body: an assertion with its chain has some 10 KiB, in base64 and escapes 15.
pub const MAX_BYTES: usize = 256 * 1024;
const MAX_PARAMETERS: usize = 64;
const MAX_SHOWN: usize = 128;
/// May be sent more than once.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, FormFault> {
        Form::parse(text.as_bytes()).map(|form| form.0)
    }

    #[test]
    fn escapes_are_decoded() {
        let read = pairs("a=1+2%2B3&%62=%c3%A9&&c&d=&e=x=y").unwrap();
        let wanted = [("a", "1 2+3"), ("b", "é"), ("e", "x=y")];
        assert_eq!(read, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let cases = [
            ("a=%", FormFault::Escape { offset: 2 }),
            ("a=1&b=%4", FormFault::Escape { offset: 6 }),
            ("a=%zz", FormFault::Escape { offset: 2 }),
            ("a=1&b=%ff", FormFault::Encoding { offset: 4 }),
            ("a=%00", FormFault::Nul { offset: 0 }),
            ("a=x%00y", FormFault::Nul { offset: 0 }),
            ("a=1\n", FormFault::Byte { offset: 3 }),
            ("a=1&a=1", FormFault::Repeated { parameter: "a".to_owned() }),
            ("a=&a=1", FormFault::Repeated { parameter: "a".to_owned() }),
            ("a=1&%61=1", FormFault::Repeated { parameter: "a".to_owned() }),
        ];
        for (text, wanted) in cases {
            assert_eq!(pairs(text), Err(wanted), "{text:?}");
        }
    }

    #[test]
    fn only_resource_and_audience_repeat() {
        let form = Form::parse(b"resource=a&resource=b&audience=c&audience=d").unwrap();
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(form.all("audience").collect::<Vec<_>>(), ["c", "d"]);
    }

    #[test]
    fn limits_hold_to_the_byte_and_the_parameter() {
        let body = |bytes: usize| format!("a={}", "x".repeat(bytes - 2));
        assert!(pairs(&body(MAX_BYTES)).is_ok());
        assert!(matches!(pairs(&body(MAX_BYTES + 1)), Err(FormFault::TooLong { .. })));
        let many = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(pairs(&many(MAX_PARAMETERS)).is_ok());
        assert_eq!(pairs(&many(MAX_PARAMETERS + 1)), Err(FormFault::TooManyParameters { limit: MAX_PARAMETERS }));
    }

    #[test]
    fn values_are_not_in_the_debug_text() {
        let form = Form::parse(b"subject_token=very-secret").unwrap();
        assert_eq!(format!("{form:?}"), r#"["subject_token"]"#);
    }
}
