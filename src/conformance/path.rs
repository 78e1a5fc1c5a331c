//! Where an edit happens: a small path language over one document.
//!
//! ```text
//! /s:Envelope/s:Header/wsse:Security     from the root, each step a child
//! //wsu:Timestamp                        anywhere, the first in document order
//! //ds:Reference[2]                      the second that the step finds
//! /s:Envelope/s:Body/@wsu:Id             an attribute, there or to be made
//! /                                      the whole document: before and after it
//! ```
//!
//! Prefixes are those of [`PREFIXES`], whatever the document calls them; `s` is either SOAP
//! version. `*` is any element.

use std::ops::Range;

use crate::wire::ns;
use crate::wire::xml::{Document, Element};

/// The prefixes of paths. `s` stands for both versions of SOAP.
const PREFIXES: &[(&str, &str)] = &[
    ("wsse", ns::WSSE),
    ("wsse11", ns::WSSE11),
    ("wsu", ns::WSU),
    ("ds", ns::DS),
    ("ec", ns::EXC_C14N),
    ("wsa", ns::WSA),
    ("wst", ns::WST13),
    ("saml", ns::SAML2),
    ("saml1", ns::SAML1),
    ("xenc", ns::XENC),
    ("xml", ns::XML),
    ("xsi", ns::XSI),
    ("x", "urn:vidimus:conformance:wrapper"),
];

/// What a path names in one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// The document itself.
    Whole,
    Element(Range<usize>),
    /// An attribute of the element that begins at `element`. Its name is as it is to be written.
    Attribute {
        element: Range<usize>,
        name: String,
    },
}

/// Finds the spot that `path` names.
///
/// # Errors
/// What is wrong with the path, or that nothing is there.
pub(super) fn find(document: &Document, path: &str) -> Result<Spot, String> {
    if path == "/" {
        return Ok(Spot::Whole);
    }
    let (elements, attribute) = match path.rsplit_once("/@") {
        Some((elements, attribute)) => (elements, Some(attribute)),
        None => (path, None),
    };
    let element = walk(document, elements)?;
    match attribute {
        None => Ok(Spot::Element(element.range())),
        Some(name) => Ok(Spot::Attribute { element: element.range(), name: written(element, name)? }),
    }
}

fn walk<'d>(document: &'d Document, path: &str) -> Result<Element<'d>, String> {
    let mut here: Option<Element<'d>> = None;
    let mut rest = path;
    while let Some(after) = rest.strip_prefix('/') {
        let (anywhere, after) = after.strip_prefix('/').map_or((false, after), |after| (true, after));
        let end = after.find('/').unwrap_or(after.len());
        let (step, remaining) = after.split_at_checked(end).unwrap_or((after, ""));
        let (name, position) = step_parts(step)?;
        let found = match (here, anywhere) {
            (None, true) => document.elements().filter(|e| matches(*e, name)).nth(position),
            (None, false) => Some(document.root()).filter(|e| matches(*e, name)),
            (Some(parent), true) => parent.descendants().filter(|e| *e != parent && matches(*e, name)).nth(position),
            (Some(parent), false) => parent.children().filter(|e| matches(*e, name)).nth(position),
        };
        here = Some(found.ok_or_else(|| format!("nothing is at `{path}` (no `{step}`)"))?);
        rest = remaining;
    }
    match here {
        Some(element) if rest.is_empty() => Ok(element),
        _ => Err(format!("`{path}` is not a path: it begins with `/`")),
    }
}

/// A step's name, and its position counted from 0.
fn step_parts(step: &str) -> Result<(&str, usize), String> {
    let Some((name, position)) = step.strip_suffix(']').and_then(|step| step.split_once('[')) else {
        return Ok((step, 0));
    };
    match position.parse::<usize>() {
        Ok(position @ 1..) => Ok((name, position - 1)),
        _ => Err(format!("`[{position}]` is not a position: they are counted from 1")),
    }
}

fn matches(element: Element<'_>, name: &str) -> bool {
    match name.split_once(':') {
        None => name == "*" || (element.namespace().is_empty() && element.local_name() == name),
        Some(("s", local)) => element.is(ns::SOAP11, local) || element.is(ns::SOAP12, local),
        Some((prefix, local)) => namespace(prefix).is_some_and(|namespace| element.is(namespace, local)),
    }
}

fn namespace(prefix: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, namespace)| *namespace)
}

/// The attribute's name as the document writes it: with the prefix that is in scope there.
fn written(element: Element<'_>, name: &str) -> Result<String, String> {
    let Some((prefix, local)) = name.split_once(':') else {
        return Ok(name.to_owned());
    };
    if prefix == "xmlns" {
        return Ok(name.to_owned());
    }
    let wanted = namespace(prefix).ok_or_else(|| format!("`{prefix}` is no prefix of the path language"))?;
    if let Some(attribute) = element.attributes().find(|a| a.namespace() == wanted && a.local_name() == local) {
        return Ok(format!("{}:{local}", attribute.prefix()));
    }
    let in_scope = [prefix, "u"].into_iter().find(|prefix| element.namespace_of(prefix) == Some(wanted));
    in_scope
        .map(|prefix| format!("{prefix}:{local}"))
        .ok_or_else(|| format!("no usual prefix for `{wanted}` is declared at {}", element.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::Limits;

    const TEXT: &str = r#"<a xmlns:u="urn:x"><b/><b><c k="1"/></b></a>"#;

    fn at(path: &str) -> Result<Spot, String> {
        find(&Document::parse(TEXT, &Limits::default()).unwrap(), path)
    }

    fn source(path: &str) -> Option<&'static str> {
        match at(path).ok()? {
            Spot::Element(range) => TEXT.get(range),
            _ => None,
        }
    }

    #[test]
    fn finds_elements_by_step_position_and_anywhere() {
        assert_eq!(source("/a/b"), Some("<b/>"));
        assert_eq!(source("/a/b[2]/c"), Some(r#"<c k="1"/>"#));
        assert_eq!(source("//c"), Some(r#"<c k="1"/>"#));
        assert_eq!(source("/a/*[2]/*"), Some(r#"<c k="1"/>"#));
        assert_eq!(at("/"), Ok(Spot::Whole));
    }

    #[test]
    fn refuses_a_path_that_names_nothing() {
        for path in ["/b", "/a/b[3]", "/a/b[0]", "a/b", "", "/a/c", "/a/@wsu:Id"] {
            assert!(at(path).is_err(), "{path}");
        }
    }
}
