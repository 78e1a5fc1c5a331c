//! Where a canonical form goes, and how its smallest pieces are written (C14N §2.3).

use super::tree::{Document, NO_SYMBOL};

/// Takes what is written, piece by piece.
pub trait Sink {
    fn write(&mut self, octets: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// Where the form is written, and how much was.
pub(super) struct Counted<'o, S> {
    pub(super) sink: &'o mut S,
    pub(super) written: usize,
}

impl<S: Sink> Sink for Counted<'_, S> {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        self.written += octets.len();
        self.sink.write(octets);
    }
}

/// Writes a namespace node (C14N §2.3).
pub(super) fn declare(document: &Document, (prefix, namespace): (u16, u16), out: &mut impl Sink) {
    if prefix == NO_SYMBOL {
        out.write(b" xmlns=\"");
    } else {
        out.write(b" xmlns:");
        out.write(document.prefix(prefix).as_bytes());
        out.write(b"=\"");
    }
    // Needs no escaping: `names::namespace_fault` lets no such character in.
    out.write(document.namespace(namespace).as_bytes());
    out.write(b"\"");
}

/// Writes character data (C14N §2.3, text nodes).
pub(super) fn escape_text(text: &str, out: &mut impl Sink) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// Writes an attribute value (C14N §2.3, attribute nodes).
pub(super) fn escape_value(text: &str, out: &mut impl Sink) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

#[inline]
fn escape(text: &str, out: &mut impl Sink, written: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| written(*byte).is_some()) {
        let (plain, special) = rest.split_at(at);
        out.write(plain);
        let Some((first, behind)) = special.split_first() else { return };
        out.write(written(*first).unwrap_or_default().as_bytes());
        rest = behind;
    }
    out.write(rest);
}
