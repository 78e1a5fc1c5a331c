//! The canonical form of an element under any of the four usual settings, for people who compare.
//!
//! A signature is judged by the pipeline, which knows one form without comments. Here all settings
//! are wanted: inclusive or exclusive, with a PrefixList, with comments. Exclusive with every prefix
//! listed is inclusive (exc-c14n §3), but for the `xml:` attributes that an apex inherits, which are
//! written onto it; comments ride along as elements of a name that nobody else has.

use crate::cli::{Exit, Failure};
use crate::wire::dsig::{Reference, Signature, TransformKind};
use crate::wire::ns;
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::{ById, Document, Element, Limits};

use super::source::{Piece, pieces, replaced};

/// How to canonicalise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pub inclusive: bool,
    pub comments: bool,
    /// The PrefixList; `#default` names the default namespace. Of no use to the inclusive form.
    pub prefixes: Vec<String>,
}

impl Form {
    /// As people say it.
    pub fn describe(&self) -> String {
        let mut text = if self.inclusive { "inclusive" } else { "exclusive" }.to_owned();
        if self.comments {
            text.push_str(" with comments");
        }
        if !self.prefixes.is_empty() {
            text.push_str(&format!(", PrefixList=\"{}\"", self.prefixes.join(" ")));
        }
        text
    }
}

/// The canonical form of `element` and all inside it.
///
/// # Errors
/// When it is larger than anything that is read here.
pub fn of(element: Element<'_>, form: &Form) -> Result<Vec<u8>, Failure> {
    let document = element.document();
    if !form.inclusive && !form.comments {
        return plain(element, &form.prefixes);
    }
    let text = String::from_utf8_lossy(document.bytes()).into_owned();
    let index = document.elements().position(|other| other == element).unwrap_or_default();
    let mark = unused_name(&text);
    let mut changes = Vec::new();
    if form.inclusive {
        let name_end = element.range().start + 1 + element.qualified_name().len();
        let inherited: String = inherited_xml_attributes(element).concat();
        changes.push((name_end..name_end, inherited));
    }
    let mut comments = Vec::new();
    if form.comments {
        let root = document.root().range();
        for piece in pieces(&text) {
            // Comments outside the root are no part of any element.
            if let Piece::Comment(inside) = piece
                && root.contains(&inside.start)
            {
                comments.push(text.get(inside.clone()).unwrap_or_default().replace("\r\n", "\n").replace('\r', "\n"));
                changes.push((inside.start - "<!--".len()..inside.end + "-->".len(), format!("<{mark}/>")));
            }
        }
    }
    let changed = replaced(&text, changes);
    let limits = Limits { bytes: usize::MAX, nodes: usize::MAX, attributes: 80, ..Limits::default() };
    let changed = Document::parse(changed, &limits).map_err(|error| Failure::unexpected(error.to_string()))?;
    let is_comment = |element: &Element<'_>| element.local_name() == mark;
    let apex = changed.elements().filter(|element| !is_comment(element)).nth(index);
    let apex = apex.ok_or_else(|| Failure::unexpected("the element is gone"))?;
    let first = changed.elements().take_while(|element| element.range().start < apex.range().start);
    let skipped = first.filter(is_comment).count();
    let prefixes = if form.inclusive { all_prefixes(apex) } else { form.prefixes.clone() };
    let octets = plain(apex, &prefixes)?;
    Ok(with_comments(&octets, &mark, comments.iter().skip(skipped)))
}

/// The whole document: the root, and with comments those around it, each on its line (C14N §2.3).
///
/// # Errors
/// As [`of`].
pub fn of_document(document: &Document, form: &Form) -> Result<Vec<u8>, Failure> {
    let root = document.root();
    let mut octets = of(root, form)?;
    if form.comments {
        let text = String::from_utf8_lossy(document.bytes()).into_owned();
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for piece in pieces(&text) {
            if let Piece::Comment(inside) = piece {
                let comment = format!("<!--{}-->", text.get(inside.clone()).unwrap_or_default().replace("\r\n", "\n"));
                if inside.start < root.range().start {
                    before.extend_from_slice(format!("{comment}\n").as_bytes());
                } else if inside.start >= root.range().end {
                    behind.extend_from_slice(format!("\n{comment}").as_bytes());
                }
            }
        }
        octets = [before, octets, behind].concat();
    }
    Ok(octets)
}

/// Octets (or why there are none), how they were made, and the digest that was sent.
pub type Referenced = (Result<Vec<u8>, Failure>, String, Vec<u8>);

/// What the one reference to this id digests, and how it says so. `None` where no signature refers to it.
///
/// # Errors
/// What is wrong with the reference.
pub fn as_referenced(document: &Document, id: &str) -> Option<Referenced> {
    let limits = Limits { canonical: usize::MAX, ..Limits::default() };
    let uri = format!("#{id}");
    let signatures = document.elements().filter(|element| element.is(ns::DS, "Signature"));
    for signature in signatures.filter_map(|element| Signature::parse(element, &limits).ok()) {
        let Some(reference) = signature.references().iter().find(|reference| reference.uri == Some(&uri)) else {
            continue;
        };
        let mut octets = Vec::new();
        let done = reference.canonical(&limits, &mut octets).map(|_| octets).map_err(|error| {
            let says = format!("the signature's reference {uri} has no canonical form here: {error}");
            Failure::new(Exit::Refused, says, "Give the form yourself: --inclusive, --with-comments or --prefix-list")
        });
        return Some((done, transforms(reference), reference.digest_value.clone()));
    }
    None
}

fn transforms(reference: &Reference<'_>) -> String {
    let of = |kind: &TransformKind<'_>, uri: &str| match kind {
        TransformKind::Exclusive(prefixes) if prefixes.is_empty() => "exclusive".to_owned(),
        TransformKind::Exclusive(prefixes) => format!("exclusive, PrefixList=\"{}\"", prefixes.join(" ")),
        TransformKind::Enveloped => "without its signature".to_owned(),
        TransformKind::Token(_) => "the token by STR-Transform".to_owned(),
        _ => uri.to_owned(),
    };
    let said: Vec<String> = reference.transforms.iter().map(|one| of(&one.kind, one.uri)).collect();
    if said.is_empty() { "inclusive (no transform is named)".to_owned() } else { said.join(", ") }
}

/// The element that `--ref` or `--element` names.
///
/// # Errors
/// [`Exit::NotFound`] when there is none, or more than one.
pub fn element<'d>(document: &'d Document, id: Option<&str>, path: Option<&str>) -> Result<Element<'d>, Failure> {
    let missing = |says: String| Failure::new(Exit::NotFound, says, "`vidimus envelope inspect` lists ids and paths");
    if let Some(id) = id {
        let id = id.trim_start_matches('#');
        return match document.by_id(id) {
            ById::One(element) => Ok(element),
            ById::None => Err(missing(format!("no element has the id `{id}`"))),
            ById::Repeated(count) => Err(missing(format!("{count} elements have the id `{id}`"))),
        };
    }
    let Some(path) = path else { return Ok(document.root()) };
    let found: Vec<Element<'_>> = document.elements().filter(|element| is_at(*element, path)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(missing(format!("no element is at `{path}`"))),
        several => {
            let paths: Vec<String> = several.iter().take(8).map(|element| element.path()).collect();
            Err(missing(format!("{} elements are at `{path}`: {}", several.len(), paths.join(", "))))
        }
    }
}

/// A whole path as `inspect` writes it, one without prefixes, or a bare name.
fn is_at(element: Element<'_>, path: &str) -> bool {
    if !path.contains('/') {
        return element.local_name() == path || element.qualified_name() == path;
    }
    let whole = element.path();
    let bare: String = whole
        .split('/')
        .filter(|step| !step.is_empty())
        .map(|step| format!("/{}", step.split_once(':').map_or(step, |(_, local)| local)))
        .collect();
    whole == path || bare == path
}

fn plain(element: Element<'_>, prefixes: &[String]) -> Result<Vec<u8>, Failure> {
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let how = Exclusive { prefixes: &prefixes, omit: None, limit: LARGEST };
    let mut octets = Vec::new();
    c14n::exclusive(element, &how, &mut octets).map_err(|error| Failure::new(Exit::Refused, error.to_string(), ""))?;
    Ok(octets)
}

/// Every prefix that is declared on the element, around it or inside it.
pub fn all_prefixes(element: Element<'_>) -> Vec<String> {
    let text = String::from_utf8_lossy(element.document().bytes()).into_owned();
    let mut found = vec!["#default".to_owned()];
    for piece in pieces(&text) {
        let Piece::Open { attributes, .. } = piece else { continue };
        for attribute in attributes {
            let name = text.get(attribute.name).unwrap_or_default();
            if let Some(prefix) = name.strip_prefix("xmlns:")
                && !found.iter().any(|known| known == prefix)
            {
                found.push(prefix.to_owned());
            }
        }
    }
    found
}

/// The `xml:` attributes around the element that it does not have itself (C14N 1.0 §2.4), nearest first.
fn inherited_xml_attributes(element: Element<'_>) -> Vec<String> {
    let mut names: Vec<&str> =
        element.attributes().filter(|a| a.namespace() == ns::XML).map(|attribute| attribute.local_name()).collect();
    let mut written = Vec::new();
    for ancestor in element.ancestors() {
        for attribute in ancestor.attributes().filter(|attribute| attribute.namespace() == ns::XML) {
            // An id names one element, and is nobody's heritage as far as comparing goes: C14N 1.0 does copy it.
            if !names.contains(&attribute.local_name()) {
                names.push(attribute.local_name());
                written.push(format!(" xml:{}=\"{}\"", attribute.local_name(), escaped(attribute.value())));
            }
        }
    }
    written
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}

/// A name that the text does not contain.
fn unused_name(text: &str) -> String {
    let mut name = "comment".to_owned();
    while text.contains(&name) {
        name.push('_');
    }
    name
}

/// Canonical octets with each `<mark …></mark>` turned back into its comment.
fn with_comments<'c>(octets: &[u8], mark: &str, comments: impl Iterator<Item = &'c String>) -> Vec<u8> {
    let text = String::from_utf8_lossy(octets);
    let (open, close) = (format!("<{mark}"), format!("</{mark}>"));
    let mut rest: &str = &text;
    let mut out = String::with_capacity(text.len());
    for comment in comments {
        let Some((before, behind)) = rest.split_once(open.as_str()) else { break };
        let Some((_, behind)) = behind.split_once(close.as_str()) else { break };
        out.push_str(before);
        out.push_str(&format!("<!--{comment}-->"));
        rest = behind;
    }
    out.push_str(rest);
    out.into_bytes()
}

/// Larger than the canonical form of any file that is read here.
const LARGEST: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<!-- a --><r xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" xmlns=\"urn:d\" xml:lang=\"nl\"><!-- b -->\
        <p:c z=\"1\" a=\"2\">x<!-- c\r\n -->y</p:c></r><!-- e -->";

    fn form(name: &str, form: &Form) -> String {
        let document = Document::parse(TEXT, &Limits::default()).unwrap();
        let octets = match name {
            "" => of_document(&document, form).unwrap(),
            _ => of(element(&document, None, Some(name)).unwrap(), form).unwrap(),
        };
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn the_four_forms_differ_as_the_specifications_say() {
        let with = |inclusive, comments, prefixes: &[&str]| Form {
            inclusive,
            comments,
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
        };
        let exclusive = "<p:c xmlns:p=\"urn:p\" a=\"2\" z=\"1\">xy</p:c>";
        assert_eq!(form("c", &with(false, false, &[])), exclusive);
        assert_eq!(form("/r/c", &with(false, false, &["q"])), exclusive.replace(" a=", " xmlns:q=\"urn:q\" a="));
        assert_eq!(form("/r/p:c", &with(false, true, &[])), exclusive.replace("xy", "x<!-- c\n -->y"));
        let inclusive =
            "<p:c xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" a=\"2\" z=\"1\" xml:lang=\"nl\">xy</p:c>";
        assert_eq!(form("p:c", &with(true, false, &[])), inclusive);
        assert_eq!(form("p:c", &with(true, true, &[])), inclusive.replace("xy", "x<!-- c\n -->y"));
        let whole = form("", &with(true, true, &[]));
        assert!(
            whole.starts_with("<!-- a -->\n<r xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" xml:lang"),
            "{whole}"
        );
        assert!(whole.ends_with("</r>\n<!-- e -->"), "{whole}");
        assert!(!form("", &with(true, false, &[])).contains("<!--"));
    }

    #[test]
    fn an_element_is_named_by_id_path_or_name_and_must_be_one() {
        let document = Document::parse("<a><b Id=\"x\"/><b/><c/></a>", &Limits::default()).unwrap();
        assert_eq!(element(&document, Some("#x"), None).unwrap().path(), "/a/b[1]");
        assert_eq!(element(&document, None, Some("/a/b[2]")).unwrap().path(), "/a/b[2]");
        assert_eq!(element(&document, None, Some("c")).unwrap().path(), "/a/c");
        for (id, path) in [(Some("y"), None), (None, Some("b")), (None, Some("/a/d"))] {
            assert_eq!(element(&document, id, path).unwrap_err().exit, Exit::NotFound);
        }
    }
}
