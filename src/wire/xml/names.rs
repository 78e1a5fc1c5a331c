//! Character classes of XML 1.0 (fifth edition) §2.2 and §2.3, and what we take as a namespace name.

/// Whether a byte may begin an NCName (ASCII only; other characters: [`starts_name`]).
pub(super) const START: u8 = 1;
/// Whether a byte may stand inside an NCName.
pub(super) const INSIDE: u8 = 2;
/// The classes of each byte.
static CLASS: [u8; 256] = classes();

/// The classes of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u8 {
    // A u8 cannot leave a table of 256.
    CLASS[usize::from(byte)]
}

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        if b.is_ascii_alphabetic() || b == b'_' {
            class |= START | INSIDE;
        }
        if b.is_ascii_digit() || b == b'-' || b == b'.' {
            class |= INSIDE;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

/// Whether a byte of a text or a value may be other than itself: markup, a reference, a line end, a control
/// character. 0xEF leads U+FFFE and U+FFFF, the two characters above ASCII that XML forbids and UTF-8 can write.
#[inline]
pub(super) fn needs_look(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'<') | (byte == b'&') | (byte == 0xEF)
}

/// How many bytes come before the first that `stops`. Without short circuits in `stops`, sixteen are looked at together.
#[inline]
pub(super) fn until(bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
    let mut passed = 0;
    for chunk in bytes.chunks_exact(16) {
        if chunk.iter().fold(0, |any, byte| any | u8::from(stops(*byte))) != 0 {
            break;
        }
        passed += 16;
    }
    let rest = bytes.get(passed..).unwrap_or_default();
    passed + rest.iter().position(|byte| stops(*byte)).unwrap_or(rest.len())
}

/// XML 1.0 §2.2 `Char`.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// XML 1.0 §2.3 `NameStartChar`, without the colon.
pub(super) fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// XML 1.0 §2.3 `NameChar`, without the colon.
pub(super) fn inside_name(c: char) -> bool {
    starts_name(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether a text can be an id: name characters and colons. Clients write ids that begin with a digit or
/// hold a colon; none of these characters means anything to an XPointer, an XPath or a URI.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == ':' || inside_name(c))
}

/// What is wrong with a namespace name, if anything.
///
/// Stricter than Namespaces in XML §2.2: an absolute URI of characters that every canonicaliser writes in one way.
/// A relative name has no canonical form (its use is deprecated and C14N fails on it), and libxml2 writes `&` in
/// a namespace name unescaped.
pub(super) fn namespace_fault(name: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = name.split_once(':') else {
        return Some("is relative; a namespace name is an absolute URI");
    };
    let mut scheme_bytes = scheme.bytes();
    if !scheme_bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        || !scheme_bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        return Some("has no URI scheme; a namespace name is an absolute URI");
    }
    if rest.is_empty() {
        return Some("has nothing behind its scheme");
    }
    if rest.bytes().filter(|b| *b == b'#').count() > 1 {
        return Some("has two fragments");
    }
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
            }
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'#' | b'@' | b'!' | b'$' | b'('..=b',' | b';' | b'=' => {
                true
            }
            _ => byte.is_ascii_alphanumeric(),
        };
        if !allowed {
            return Some("holds a character that a namespace name may not hold");
        }
    }
    None
}
