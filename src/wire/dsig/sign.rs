//! Makes signatures of the one shape we emit: prefix `ds`, exclusive canonicalisation, SHA-2, no white space, no CR.
//!
//! Two steps, so that the key may be anywhere: a [`Draft`] holds the octets to sign and takes the signature. What is
//! drafted over a message is read back with the reader and digested with the verifier of this module.

use std::fmt;

use super::{Error, Reference, Signature};
use crate::wire::base64;
use crate::wire::crypto::{self, DigestAlgorithm, PrivateKey, SignatureAlgorithm};
use crate::wire::ns;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{self, Document, Element, Limits, NodeId};

/// Bytes that lack nothing but the signature value.
#[derive(Debug)]
pub struct Draft {
    signed_info: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Draft {
    /// The canonical SignedInfo: what the key signs.
    pub fn to_sign(&self) -> &[u8] {
        &self.signed_info
    }

    /// The octets to sign, and the bytes before and behind the (base64) signature value.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        (self.signed_info, self.before, self.after)
    }

    /// The signed bytes. `signature` is as the algorithm makes it; ECDSA as `r || s`.
    pub fn seal(self, signature: &[u8]) -> Vec<u8> {
        [self.before, base64::encode(signature).into_bytes(), self.after].concat()
    }
}

/// A signature over an assertion, to stand inside it.
#[derive(Debug, Clone, Copy)]
pub struct Enveloped<'a> {
    /// The assertion, in exclusive canonical form under `prefixes`: the output of a [`Writer`].
    pub element: &'a [u8],
    /// Its `ID`.
    pub id: &'a str,
    /// Where in `element` the Signature goes: behind the Issuer (SAML 2.0 Core §2.3.3).
    pub insert_at: usize,
    pub algorithm: SignatureAlgorithm,
    pub digest: DigestAlgorithm,
    /// Prefixes that only values use, such as `xs`; the assertion must declare them on itself.
    pub prefixes: &'a [&'a str],
    /// A whole `ds:KeyInfo` in canonical form, or nothing.
    pub key_info: &'a [u8],
}

/// Drafts an enveloped signature. Parses nothing.
pub fn draft_enveloped(what: &Enveloped<'_>) -> Draft {
    let digest = base64::encode(what.digest.digest(what.element).as_ref());
    let reference = Line { id: what.id, how: How::Enveloped, prefixes: what.prefixes, digest: &digest };
    let info = Info { algorithm: what.algorithm, digest: what.digest, prefixes: &[], lines: &[reference] };

    let mut standalone = Writer::new();
    info.write(&mut standalone);
    let mut writer = Writer::new();
    writer.start(DS_SIGNATURE);
    info.write(&mut writer);
    writer.start(ds("SignatureValue"));
    let value_at = writer.position();
    writer.end();
    writer.raw(what.key_info);
    let signature = writer.finish();

    let (head, tail) = what.element.split_at_checked(what.insert_at).unwrap_or((what.element, &[]));
    let (open, close) = signature.split_at_checked(value_at).unwrap_or((&signature, &[]));
    Draft { signed_info: standalone.finish(), before: [head, open].concat(), after: [close, tail].concat() }
}

/// A signature over parts of a message.
#[derive(Debug, Clone, Copy)]
pub struct OverParts<'a> {
    pub parts: &'a [Part<'a>],
    pub place: Place,
    pub algorithm: SignatureAlgorithm,
    pub digest: DigestAlgorithm,
    /// The PrefixList of `ds:CanonicalizationMethod`; empty for none.
    pub prefixes: &'a [&'a str],
    /// `ds:Signature/@Id`.
    pub id: Option<&'a str>,
    /// A whole `ds:KeyInfo`, or nothing. Its prefixes are declared in it or where it will stand.
    pub key_info: &'a str,
}

/// One reference of [`OverParts`].
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    pub target: Target<'a>,
    pub how: How,
    /// The PrefixList; empty for none.
    pub prefixes: &'a [&'a str],
}

/// What a reference names.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// An element of the document; it is given a `wsu:Id` if it has no id.
    Element(NodeId),
    /// The element that has this id, also inside the `key_info`.
    Id(&'a str),
}

/// The transforms of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Exclusive canonicalisation.
    Exclusive,
    /// enveloped-signature, then exclusive canonicalisation.
    Enveloped,
    /// STR-Transform: the target is a SecurityTokenReference, its token is signed.
    Token,
}

/// Where the Signature goes.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    FirstIn(NodeId),
    LastIn(NodeId),
    Before(NodeId),
    After(NodeId),
}

/// Drafts a signature over parts of a document.
///
/// # Errors
/// When the KeyInfo is not well-formed where it stands, or a part cannot be referenced.
pub fn draft_parts(document: &Document, what: &OverParts<'_>) -> Result<Draft, SignError> {
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    let mut edits = Vec::new();
    let mut ids = Vec::with_capacity(what.parts.len());
    for part in what.parts {
        ids.push(match part.target {
            Target::Id(id) => id.to_owned(),
            Target::Element(node) => id_of(document.element(node), &mut edits),
        });
    }
    let at = place(document, what.place, unsigned(what, &ids), &mut edits);
    let (bytes, start) = apply(document.bytes(), edits, at);

    // First with empty digests: what is digested may stand inside the new Signature (its KeyInfo).
    let document = Document::parse(bytes, &limits)?;
    let signature = Signature::parse(at_offset(&document, start), &limits)?;
    let mut digests = Vec::with_capacity(ids.len());
    for reference in signature.references() {
        let computed = reference.digest(&limits)?.computed;
        digests.push(Edit::insert(digest_end(reference), base64::encode(computed.as_ref())));
    }
    let (bytes, _) = apply(document.bytes(), digests, 0);

    let document = Document::parse(bytes, &limits)?;
    let signature = Signature::parse(at_offset(&document, start), &limits)?;
    let value = signature.element.child(ns::DS, "SignatureValue").map_or(0, |value| value.range().end);
    let split = value.saturating_sub("</ds:SignatureValue>".len());
    let (before, after) = document.bytes().split_at_checked(split).unwrap_or_default();
    let signed_info = signature.canonical_signed_info(&limits)?;
    Ok(Draft { signed_info, before: before.to_vec(), after: after.to_vec() })
}

/// Signs parts of a document with a key at hand.
///
/// # Errors
/// As [`draft_parts`], and when the algorithm is none for the key.
pub fn sign_parts(document: &Document, what: &OverParts<'_>, key: &PrivateKey) -> Result<Vec<u8>, SignError> {
    let draft = draft_parts(document, what)?;
    let signature = key.sign(what.algorithm, draft.to_sign())?;
    Ok(draft.seal(&signature))
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignError {
    /// The result would not be well-formed.
    Xml(xml::Error),
    /// The result would not be a signature of the profile.
    Signature(Error),
    Key(crypto::SignError),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SignError {}

impl From<xml::Error> for SignError {
    fn from(error: xml::Error) -> Self {
        Self::Xml(error)
    }
}

impl From<Error> for SignError {
    fn from(error: Error) -> Self {
        Self::Signature(error)
    }
}

impl From<crypto::SignError> for SignError {
    fn from(error: crypto::SignError) -> Self {
        Self::Key(error)
    }
}

/// The content of a `ds:SignedInfo`.
struct Info<'a> {
    algorithm: SignatureAlgorithm,
    digest: DigestAlgorithm,
    prefixes: &'a [&'a str],
    lines: &'a [Line<'a>],
}

/// The content of a `ds:Reference`.
struct Line<'a> {
    id: &'a str,
    how: How,
    prefixes: &'a [&'a str],
    digest: &'a str,
}

impl Info<'_> {
    fn write(&self, writer: &mut Writer) {
        writer.start(ds("SignedInfo"));
        exclusive(writer, "CanonicalizationMethod", self.prefixes);
        writer.leaf(ds("SignatureMethod"), &[("Algorithm", self.algorithm.uri())], "");
        for line in self.lines {
            writer.start(ds("Reference")).attribute("URI", &format!("#{}", line.id)).start(ds("Transforms"));
            if line.how == How::Enveloped {
                writer.leaf(ds("Transform"), &[("Algorithm", ns::ENVELOPED_SIGNATURE)], "");
            }
            if line.how == How::Token {
                writer.start(ds("Transform")).attribute("Algorithm", ns::STR_TRANSFORM);
                writer.start(Name::new("wsse", ns::WSSE, "TransformationParameters"));
                exclusive(writer, "CanonicalizationMethod", line.prefixes);
                writer.end().end();
            } else {
                exclusive(writer, "Transform", line.prefixes);
            }
            writer.end().leaf(ds("DigestMethod"), &[("Algorithm", self.digest.uri())], "");
            writer.leaf(ds("DigestValue"), &[], line.digest).end();
        }
        writer.end();
    }
}

fn exclusive(writer: &mut Writer, element: &str, prefixes: &[&str]) {
    writer.start(ds(element)).attribute("Algorithm", ns::EXC_C14N);
    if !prefixes.is_empty() {
        let list = Name::new("ec", ns::EXC_C14N, "InclusiveNamespaces");
        writer.leaf(list, &[("PrefixList", &prefixes.join(" "))], "");
    }
    writer.end();
}

/// The Signature with empty digests and an empty value.
fn unsigned(what: &OverParts<'_>, ids: &[String]) -> String {
    let lines: Vec<Line<'_>> = what
        .parts
        .iter()
        .zip(ids)
        .map(|(part, id)| Line { id, how: part.how, prefixes: part.prefixes, digest: "" })
        .collect();
    let info = Info { algorithm: what.algorithm, digest: what.digest, prefixes: what.prefixes, lines: &lines };
    let mut writer = Writer::new();
    writer.start(DS_SIGNATURE);
    if let Some(id) = what.id {
        writer.attribute("Id", id);
    }
    info.write(&mut writer);
    writer.leaf(ds("SignatureValue"), &[], "").raw(what.key_info.as_bytes());
    // A writer writes what it was given as text.
    String::from_utf8(writer.finish()).unwrap_or_default()
}

/// The id of an element; one without is given a `wsu:Id`.
fn id_of(element: Element<'_>, edits: &mut Vec<Edit>) -> String {
    if let Some(id) = element.document().ids_of(element).next() {
        return id.to_owned();
    }
    let id = format!("id-{:032x}", u128::from_be_bytes(crypto::random()));
    // A prefix that nothing in the document can have bound otherwise, unless `wsu` is free or ours here.
    let (prefix, declaration) = match element.namespace_of("wsu") {
        Some(ns::WSU) => ("wsu", String::new()),
        None => ("wsu", format!(" xmlns:wsu=\"{}\"", ns::WSU)),
        Some(_) => ("wsu-utility", format!(" xmlns:wsu-utility=\"{}\"", ns::WSU)),
    };
    let offset = element.range().start + 1 + element.qualified_name().len();
    edits.push(Edit::insert(offset, format!("{declaration} {prefix}:Id=\"{id}\"")));
    id
}

/// Adds the edit that puts `text` into its place; the offset at which it will stand, before other edits.
fn place(document: &Document, place: Place, text: String, edits: &mut Vec<Edit>) -> usize {
    let element = |node| document.element(node);
    let edit = match place {
        Place::Before(node) => Edit::insert(element(node).range().start, text),
        Place::After(node) => Edit::insert(element(node).range().end, text),
        Place::FirstIn(node) | Place::LastIn(node) => {
            let parent = element(node);
            let range = parent.range();
            let (tag, empty) = start_tag(parent.source());
            if empty {
                // `<a/>` becomes `<a>text</a>`.
                let whole = format!(">{text}</{}>", parent.qualified_name());
                edits.push(Edit { offset: range.start + tag - 2, delete: 2, insert: whole });
                return range.start + tag - 1;
            }
            let last = parent.source().rfind("</").unwrap_or(tag);
            let at = if matches!(place, Place::FirstIn(_)) { tag } else { last };
            Edit::insert(range.start + at, text)
        }
    };
    let offset = edit.offset;
    edits.push(edit);
    offset
}

/// The length of the start tag that `source` begins with, and whether it is the whole element.
fn start_tag(source: &str) -> (usize, bool) {
    let mut quote = None;
    for (at, byte) in source.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return (at + 1, source.as_bytes().get(at.saturating_sub(1)) == Some(&b'/')),
            _ => {}
        }
    }
    (source.len(), false)
}

struct Edit {
    offset: usize,
    delete: usize,
    insert: String,
}

impl Edit {
    fn insert(offset: usize, insert: String) -> Self {
        Self { offset, delete: 0, insert }
    }
}

/// Applies edits that do not overlap; the bytes, and where `at` is now.
fn apply(bytes: &[u8], mut edits: Vec<Edit>, at: usize) -> (Vec<u8>, usize) {
    edits.sort_by_key(|edit| edit.offset);
    let mut out = Vec::with_capacity(bytes.len() + edits.iter().map(|edit| edit.insert.len()).sum::<usize>());
    let mut from = 0;
    let mut moved = at;
    for edit in edits {
        out.extend_from_slice(bytes.get(from..edit.offset).unwrap_or_default());
        out.extend_from_slice(edit.insert.as_bytes());
        from = edit.offset + edit.delete;
        if edit.offset < at && edit.delete == 0 {
            moved += edit.insert.len();
        }
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    (out, moved)
}

fn at_offset(document: &Document, offset: usize) -> Element<'_> {
    document.elements().find(|element| element.range().start == offset).unwrap_or_else(|| document.root())
}

/// Where a digest is written: before the end tag of the empty DigestValue.
fn digest_end(reference: &Reference<'_>) -> usize {
    let value = reference.element.child(ns::DS, "DigestValue").map_or(0, |value| value.range().end);
    value.saturating_sub("</ds:DigestValue>".len())
}

const fn ds(local: &str) -> Name<'_> {
    Name::new("ds", ns::DS, local)
}

const DS_SIGNATURE: Name<'static> = ds("Signature");
