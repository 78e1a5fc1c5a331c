//! Inclusive canonical form without comments: Canonical XML 1.0 and 1.1, of an element with its content.
//!
//! Taken only under a dated exception, and tried by the search for why a digest differs; so it is written to be read
//! and not to be fast. All namespaces that are in scope at the apex are written there, used or not, and the apex
//! inherits `xml:` attributes of what stands around it (C14N 1.0 §2.4, C14N 1.1 §2.4).

use std::collections::BTreeMap;

use super::sink::{escape_text, escape_value};
use super::tree::{Kind, XML_SYMBOL};
use super::{Attribute, Element, Error, ErrorKind, NodeId};
use crate::wire::ns;

/// Which of the two recommendations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `http://www.w3.org/TR/2001/REC-xml-c14n-20010315`
    V1,
    /// `http://www.w3.org/2006/12/xml-c14n11`: `xml:id` is not inherited. Where `xml:base` would have to be put together
    /// out of several, the form is refused.
    V1_1,
}

/// Writes the canonical form of `apex` to `out`, without the element `omit`; at most `limit` bytes.
///
/// # Errors
/// When the form is longer than the limit, or an inherited `xml:base` would have to be put together.
pub fn inclusive(
    apex: Element<'_>,
    version: Version,
    omit: Option<NodeId>,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let document = apex.document();
    let nodes = &document.tree.nodes;
    let most = out.len().saturating_add(limit);
    let mut open: Vec<(u32, &str, Undo<'_>)> = Vec::new();
    // What the output has bound here, by prefix. No output has a default namespace before one is written.
    let mut rendered: BTreeMap<&str, &str> = BTreeMap::from([("", "")]);
    let end = nodes.get(apex.index as usize).map_or(apex.index, |node| node.end);
    let mut next = apex.index;
    while next < end || !open.is_empty() {
        while let Some((_, name, undo)) = open.pop_if(|(end, _, _)| *end <= next) {
            out.extend_from_slice(format!("</{name}>").as_bytes());
            for (prefix, before) in undo {
                match before {
                    Some(namespace) => rendered.insert(prefix, namespace),
                    None => rendered.remove(prefix),
                };
            }
        }
        let Some(node) = nodes.get(next as usize).filter(|_| next < end) else { break };
        if omit == Some(NodeId(next)) {
            next = node.end;
            continue;
        }
        match &node.kind {
            Kind::Text(span) => escape_text(document.resolve(*span), out),
            Kind::Element(_) => {
                let element = document.element(NodeId(next));
                let at_apex = next == apex.index;
                let declared = if at_apex { in_scope(element) } else { declared(element) };
                let inherited = if at_apex { inherited(element, version)? } else { Vec::new() };
                let mut undo = Vec::new();
                out.extend_from_slice(format!("<{}", element.qualified_name()).as_bytes());
                for (prefix, namespace) in declared {
                    if rendered.get(prefix) != Some(&namespace) {
                        undo.push((prefix, rendered.insert(prefix, namespace)));
                        let colon = if prefix.is_empty() { "" } else { ":" };
                        // Needs no escaping: `names::namespace_fault` lets no such character in.
                        out.extend_from_slice(format!(" xmlns{colon}{prefix}=\"{namespace}\"").as_bytes());
                    }
                }
                write_attributes(element.attributes().chain(inherited).collect(), out);
                out.push(b'>');
                open.push((node.end, element.qualified_name(), undo));
            }
        }
        if out.len() > most {
            let detail = "the canonical form is longer than is taken";
            return Err(Error::new(ErrorKind::LimitCanonicalForm, apex.range().start, detail));
        }
        next += 1;
    }
    Ok(())
}

/// Prefixes, and what the output had them bound to before.
type Undo<'d> = Vec<(&'d str, Option<&'d str>)>;

/// The element's own declarations, by prefix.
fn declared(element: Element<'_>) -> BTreeMap<&str, &str> {
    let document = element.document();
    let own = element.declarations().iter().filter(|declared| declared.prefix != XML_SYMBOL);
    own.map(|declared| (document.prefix(declared.prefix), document.namespace(declared.namespace))).collect()
}

/// All that is bound at the element, by prefix.
fn in_scope(element: Element<'_>) -> BTreeMap<&str, &str> {
    let mut bound = BTreeMap::new();
    for holder in std::iter::once(element).chain(element.ancestors()) {
        for (prefix, namespace) in declared(holder) {
            bound.entry(prefix).or_insert(namespace);
        }
    }
    bound
}

/// The `xml:` attributes of what stands around the apex, the nearest of each name, without those that it has itself.
fn inherited(apex: Element<'_>, version: Version) -> Result<Vec<Attribute<'_>>, Error> {
    let mut found: Vec<Attribute<'_>> = Vec::new();
    for attribute in apex.ancestors().flat_map(Element::attributes).filter(|a| a.namespace() == ns::XML) {
        let name = attribute.local_name();
        if version == Version::V1_1 && name == "base" {
            let detail = "an xml:base around the signed element would have to be put together (C14N 1.1 2.4)";
            return Err(Error::new(ErrorKind::Namespace, apex.range().start, detail));
        }
        let is_inherited = version == Version::V1 || matches!(name, "lang" | "space");
        let has = |other: &Attribute<'_>| other.namespace() == ns::XML && other.local_name() == name;
        if is_inherited && !apex.attributes().any(|own| has(&own)) && !found.iter().any(has) {
            found.push(attribute);
        }
    }
    Ok(found)
}

/// In the order of namespace name, then local name (C14N §2.2).
fn write_attributes(mut attributes: Vec<Attribute<'_>>, out: &mut Vec<u8>) {
    attributes.sort_by_key(|attribute| (attribute.namespace(), attribute.local_name()));
    for attribute in attributes {
        let prefix = attribute.prefix();
        let colon = if prefix.is_empty() { "" } else { ":" };
        out.extend_from_slice(format!(" {prefix}{colon}{}=\"", attribute.local_name()).as_bytes());
        escape_value(attribute.value(), out);
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn form(text: &str, path: &[&str], version: Version) -> String {
        let document = Document::parse(text, &Limits::default()).expect("well-formed");
        let apex = path.iter().fold(document.root(), |element, name| {
            element.children().find(|child| child.local_name() == *name).expect("on the path")
        });
        let mut out = Vec::new();
        inclusive(apex, version, None, usize::MAX, &mut out).expect("within the limit");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn all_that_is_in_scope_is_written_at_the_apex() {
        let text = r#"<r xmlns="urn:d" xmlns:p="urn:p" xml:lang="nl" xml:id="r"><a b="1"><p:c/><d xmlns=""/></a></r>"#;
        assert_eq!(
            form(text, &["a"], Version::V1),
            "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\" b=\"1\" xml:id=\"r\" xml:lang=\"nl\"><p:c></p:c><d xmlns=\"\"></d></a>"
        );
        assert_eq!(
            form(text, &["a"], Version::V1_1),
            "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\" b=\"1\" xml:lang=\"nl\"><p:c></p:c><d xmlns=\"\"></d></a>"
        );
    }

    #[test]
    fn what_is_bound_already_is_not_written_again() {
        let text = r#"<r xmlns:p="urn:1"><p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"/><p:c/></p:a>&amp;&#13;</r>"#;
        assert_eq!(
            form(text, &[], Version::V1),
            r#"<r xmlns:p="urn:1"><p:a><p:b xmlns:p="urn:2"></p:b><p:c></p:c></p:a>&amp;&#xD;</r>"#
        );
    }

    #[test]
    fn a_base_around_the_apex_is_refused_in_the_second_version() {
        let document = Document::parse(r#"<r xml:base="http://a/"><b/></r>"#, &Limits::default()).expect("well-formed");
        let apex = document.root().children().next().expect("a child");
        assert!(inclusive(apex, Version::V1_1, None, usize::MAX, &mut Vec::new()).is_err());
        assert!(inclusive(apex, Version::V1, None, usize::MAX, &mut Vec::new()).is_ok());
        assert!(inclusive(apex, Version::V1, None, 3, &mut Vec::new()).is_err());
    }
}
