//! Character classes of XML 1.0 (fifth edition) §2.2 and §2.3, and what we take as a namespace name.

/// Whether an ASCII character may begin an NCName; for others: [`starts_name`].
#[inline]
pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// All bits set, or none. Conditions on a byte are joined as such masks, never with short circuits: then vector units
/// look at sixteen bytes at once (see [`mask`]), which is twice as fast as words and six times as fast as a loop.
#[inline]
fn when(holds: bool) -> u8 {
    u8::from(holds).wrapping_neg()
}

/// Bytes that may be other than themselves in a text or a value: markup, a reference, a control character. 0xEF leads
/// U+FFFE and U+FFFF, the two characters above ASCII that XML forbids and UTF-8 can write.
#[inline]
fn needs_look(byte: u8) -> u8 {
    when(byte < 0x20) | when(byte == b'&') | when(byte == 0xEF)
}

/// As above, in a text. `<` ends it; `>` may end what a text may not hold, and a canonical form writes it otherwise.
#[inline]
pub(super) fn needs_look_in_text(byte: u8) -> u8 {
    // The two differ in one bit.
    needs_look(byte) | when(byte | 2 == b'>')
}

/// As above, in a value between these quotes.
#[inline]
pub(super) fn needs_look_in_value(byte: u8, quote: u8) -> u8 {
    needs_look(byte) | when(byte == b'<') | when(byte == quote)
}

/// Bytes that are no ASCII character of an NCName.
#[inline]
pub(super) fn is_outside_names(byte: u8) -> u8 {
    let letter = when((byte | 0x20).wrapping_sub(b'a') < 26);
    let digit = when(byte.wrapping_sub(b'0') < 10);
    !(letter | digit | when(byte == b'-') | when(byte == b'.') | when(byte == b'_'))
}

/// The highest bit of each byte that `stops`, the first byte lowest.
#[inline]
pub(super) fn mask(chunk: &[u8; 16], stops: impl Fn(u8) -> u8) -> u128 {
    // No `map`: it is not always inlined.
    let mut stopping = [0; 16];
    stopping.iter_mut().zip(chunk).for_each(|(stopping, byte)| *stopping = stops(*byte));
    u128::from_le_bytes(stopping) & u128::from_le_bytes([0x80; 16])
}

/// Which byte is the first in a mask; 16 when none is.
#[inline]
pub(super) fn first(mask: u128) -> usize {
    (mask.trailing_zeros() / 8) as usize
}

/// Where, from `at` on, the first byte stands that `stops`; the end if there is none.
#[inline]
pub(super) fn until(bytes: &[u8], at: usize, stops: impl Fn(u8) -> u8) -> usize {
    let (start, mut at) = (at, at);
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let found = mask(chunk, &stops);
        if found != 0 {
            return at + first(found);
        }
        at += chunk.len();
        if at == start + LONG {
            at = beyond(bytes, at, &stops);
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| stops(*byte) != 0).unwrap_or(rest.len())
}

/// What goes on for long, as a document in base64 does, is looked at in larger pieces: the place of the first one, from
/// `at` on, that has a byte that `stops`.
#[inline(never)]
fn beyond(bytes: &[u8], at: usize, stops: impl Fn(u8) -> u8) -> usize {
    let mut at = at;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<64>()) {
        let mut stopping = [0; 64];
        stopping.iter_mut().zip(chunk).for_each(|(stopping, byte)| *stopping = stops(*byte));
        let (sixteens, _) = stopping.as_chunks::<16>();
        if sixteens.iter().fold(0, |any, part| any | u128::from_le_bytes(*part)) != 0 {
            break;
        }
        at += chunk.len();
    }
    at
}

/// How long a run may be that is looked at in small pieces.
const LONG: usize = 64;

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
    // Nearly all names have no others than these, which are looked at together.
    let others = |byte: u8| is_outside_names(byte) & !(when(byte == b'/') | when(byte == b':'));
    let usual = until(rest.as_bytes(), 0, others);
    if rest.len() == usual {
        return None;
    }
    if rest.bytes().filter(|b| *b == b'#').count() > 1 {
        return Some("has two fragments");
    }
    let mut bytes = rest.bytes().skip(usual);
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
