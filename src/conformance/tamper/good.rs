//! A good message, with its parts at hand, and the changes that an attack is made of.
//!
//! Parts are found as an honest receiver finds them: the Security header that holds the signature,
//! the Body by its position. Changes are ranges of bytes with what comes in their place, so that
//! whatever an attack does not touch stays as it was signed.

use std::ops::Range;

use super::Unfit;
use crate::conformance::edits::{end_of_tag, generous};
use crate::wire::ns;
use crate::wire::xml::{ById, Document, Element};

/// Bytes, and what comes in their place.
pub type Change = (Range<usize>, String);

/// A message that is accepted as it stands.
pub struct Good {
    document: Document,
}

impl Good {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is not XML.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let document = Document::parse(bytes, &generous()).map_err(|error| error.to_string())?;
        Ok(Self { document })
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn text(&self) -> &str {
        self.document.root().document().bytes().utf8()
    }

    pub fn envelope(&self) -> Element<'_> {
        self.document.root()
    }

    /// The prefix of SOAP with its colon, or nothing.
    pub fn soap(&self) -> String {
        let prefix = self.envelope().prefix();
        if prefix.is_empty() { String::new() } else { format!("{prefix}:") }
    }

    pub fn header(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.envelope(), self.envelope().namespace(), "Header").ok_or("the message has no Header")
    }

    pub fn body(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.envelope(), self.envelope().namespace(), "Body").ok_or("the message has no Body")
    }

    /// The message's own signature, not one inside a token.
    pub fn signature(&self) -> Result<Element<'_>, Unfit> {
        let in_security = |element: &Element<'_>| {
            element.is(ns::DS, "Signature") && element.parent().is_some_and(|parent| parent.is(ns::WSSE, "Security"))
        };
        self.document.elements().find(in_security).ok_or("no wsse:Security header has a ds:Signature")
    }

    /// The Security header with the signature.
    pub fn security(&self) -> Result<Element<'_>, Unfit> {
        self.signature()?.parent().ok_or("the signature stands nowhere")
    }

    pub fn signed_info(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.signature()?, ns::DS, "SignedInfo").ok_or("the signature has no SignedInfo")
    }

    pub fn signature_value(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.signature()?, ns::DS, "SignatureValue").ok_or("the signature has no SignatureValue")
    }

    pub fn key_info(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.signature()?, ns::DS, "KeyInfo").ok_or("the signature has no KeyInfo")
    }

    pub fn references(&self) -> Result<Vec<Element<'_>>, Unfit> {
        let all: Vec<_> = self.signed_info()?.children_named(ns::DS, "Reference").collect();
        if all.is_empty() { Err("the signature has no Reference") } else { Ok(all) }
    }

    pub fn first_reference(&self) -> Result<Element<'_>, Unfit> {
        self.references()?.into_iter().next().ok_or("the signature has no Reference")
    }

    /// The reference that covers an element directly.
    pub fn reference_to(&self, element: Element<'_>) -> Result<Element<'_>, Unfit> {
        let names = |reference: &Element<'_>| {
            let uri = reference.attribute("", "URI").unwrap_or_default();
            self.document.ids_of(element).any(|id| uri.strip_prefix('#') == Some(id))
        };
        self.references()?.into_iter().find(names).ok_or("that part is not signed")
    }

    pub fn timestamp(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.security()?, ns::WSU, "Timestamp").ok_or("the Security header has no Timestamp")
    }

    /// `Created` or `Expires`.
    pub fn time(&self, name: &str) -> Result<Element<'_>, Unfit> {
        self.child(self.timestamp()?, ns::WSU, name).ok_or("the Timestamp lacks that time")
    }

    pub fn token(&self) -> Result<Element<'_>, Unfit> {
        let token = self.child(self.security()?, ns::WSSE, "BinarySecurityToken");
        token.ok_or("the Security header has no BinarySecurityToken")
    }

    /// The assertion in the header.
    pub fn assertion(&self) -> Result<Element<'_>, Unfit> {
        let assertion = self.child(self.security()?, ns::SAML2, "Assertion");
        assertion.ok_or("the Security header has no SAML 2.0 assertion")
    }

    pub fn assertion_signature(&self) -> Result<Element<'_>, Unfit> {
        self.child(self.assertion()?, ns::DS, "Signature").ok_or("the assertion is not signed")
    }

    /// An addressing header.
    pub fn addressing(&self, name: &str) -> Result<Element<'_>, Unfit> {
        self.child(self.header()?, ns::WSA, name).ok_or("the message has no such addressing header")
    }

    /// The first element in the Body that holds text.
    pub fn leaf(&self) -> Result<Element<'_>, Unfit> {
        let has_text = |element: &Element<'_>| element.text().is_some_and(|text| !text.trim().is_empty());
        self.body()?.descendants().find(has_text).ok_or("nothing in the Body holds text")
    }

    /// The id of an element.
    pub fn id(&self, element: Element<'_>) -> Result<&str, Unfit> {
        self.document.ids_of(element).next().ok_or("that element has no id")
    }

    /// The X.509 certificate that the message brings along, DER.
    pub fn certificate(&self) -> Result<Vec<u8>, Unfit> {
        let holds = |element: &Element<'_>| {
            element.is(ns::WSSE, "BinarySecurityToken") || element.is(ns::DS, "X509Certificate")
        };
        let text = self.security()?.descendants().find(holds).and_then(Element::text);
        let text = text.ok_or("the message brings no certificate along")?;
        crate::wire::base64::decode_xml(&text).map_err(|_| "the certificate is not base64")
    }

    /// The message with these changes; those that overlap an earlier one are left out.
    pub fn with(&self, changes: impl IntoIterator<Item = Change>) -> String {
        spliced(self.text(), changes)
    }

    fn child<'d>(&'d self, parent: Element<'d>, namespace: &str, name: &str) -> Option<Element<'d>> {
        parent.child(namespace, name)
    }

    /// Whether an id is the message's already.
    pub fn has_id(&self, id: &str) -> bool {
        !matches!(self.document.by_id(id), ById::None)
    }
}

/// The bytes of a document are UTF-8: the reader has seen to it.
trait Utf8 {
    fn utf8(&self) -> &str;
}

impl Utf8 for [u8] {
    fn utf8(&self) -> &str {
        std::str::from_utf8(self).unwrap_or_default()
    }
}

pub fn spliced(text: &str, changes: impl IntoIterator<Item = Change>) -> String {
    let mut changes: Vec<Change> = changes.into_iter().collect();
    // Stable: what is put at one place keeps its order.
    changes.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, with) in changes {
        if range.start < from {
            continue;
        }
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(&with);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

// ── changes ────────────────────────────────────────────────────────────────────────────────────

pub fn remove(element: Element<'_>) -> Change {
    (element.range(), String::new())
}

pub fn replace(element: Element<'_>, with: impl Into<String>) -> Change {
    (element.range(), with.into())
}

pub fn before(element: Element<'_>, text: impl Into<String>) -> Change {
    let at = element.range().start;
    (at..at, text.into())
}

pub fn after(element: Element<'_>, text: impl Into<String>) -> Change {
    let at = element.range().end;
    (at..at, text.into())
}

/// As the first child.
pub fn first(element: Element<'_>, text: impl Into<String>) -> Change {
    match inside(element) {
        Inside::Empty(range) => (range, format!(">{}</{}>", text.into(), element.qualified_name())),
        Inside::Content(range) => (range.start..range.start, text.into()),
    }
}

/// As the last child.
pub fn last(element: Element<'_>, text: impl Into<String>) -> Change {
    match inside(element) {
        Inside::Empty(range) => (range, format!(">{}</{}>", text.into(), element.qualified_name())),
        Inside::Content(range) => (range.end..range.end, text.into()),
    }
}

/// All that stands inside becomes this.
pub fn content(element: Element<'_>, text: impl Into<String>) -> Change {
    match inside(element) {
        Inside::Empty(range) => (range, format!(">{}</{}>", text.into(), element.qualified_name())),
        Inside::Content(range) => (range, text.into()),
    }
}

/// Something more in the start tag.
pub fn attribute(element: Element<'_>, written: &str) -> Change {
    let at = element.range().start + 1 + element.qualified_name().len();
    (at..at, format!(" {written}"))
}

/// The value of an attribute, by its name as written.
pub fn set(element: Element<'_>, name: &str, value: &str) -> Result<Change, Unfit> {
    let source = element.source();
    let tag = end_of_tag(source).and_then(|end| source.get(..end)).unwrap_or_default();
    let missing = "an attribute is missing";
    for quote in ['"', '\''] {
        if let Some(found) = tag.find(&format!(" {name}={quote}")) {
            let start = found + name.len() + 3;
            let length = tag.get(start..).and_then(|rest| rest.find(quote)).ok_or(missing)?;
            let from = element.range().start + start;
            return Ok((from..from + length, value.to_owned()));
        }
    }
    Err(missing)
}

/// An attribute with the white space before it.
pub fn without_attribute(element: Element<'_>, name: &str) -> Result<Change, Unfit> {
    let (value, _) = set(element, name, "")?;
    Ok((value.start - name.len() - 3..value.end + 1, String::new()))
}

enum Inside {
    /// The `/>` of an empty element.
    Empty(Range<usize>),
    Content(Range<usize>),
}

fn inside(element: Element<'_>) -> Inside {
    let (source, range) = (element.source(), element.range());
    let open = end_of_tag(source).unwrap_or(source.len());
    if open == source.len() && source.ends_with("/>") {
        return Inside::Empty(range.end - 2..range.end);
    }
    let close = source.rfind("</").unwrap_or(source.len());
    Inside::Content(range.start + open..range.start + close)
}
