//! Exclusive canonical form of the generator's tree, written a second time.
//!
//! <http://www.w3.org/TR/xml-exc-c14n/> §3 and SOAP Message Security 1.1 §8.3, plainly: what is in scope is looked up
//! again at each element. Where this and `wire::xml::c14n` differ, no honest message is accepted.

use super::tree::{Kind, Node, Tree, declared, split};

/// What to leave out and what to list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How<'a> {
    /// The PrefixList; `#default` for the default namespace.
    pub prefixes: &'a [&'a str],
    pub omit: Option<Node>,
    /// As the STR-Transform wants a token: an apex without default namespace says so.
    pub token: bool,
}

/// The canonical form of `apex`.
pub(super) fn canonical<'t>(tree: &'t Tree, apex: Node, how: How<'t>) -> String {
    let mut out = String::with_capacity(2048);
    element(tree, apex, how, &[], true, &mut out);
    out
}

/// `rendered`: what the output has each prefix bound to, the latest last.
fn element<'t>(
    tree: &'t Tree,
    node: Node,
    how: How<'t>,
    rendered: &[(&'t str, &'t str)],
    apex: bool,
    out: &mut String,
) {
    let Some(data) = tree.element(node).filter(|_| how.omit != Some(node)) else { return };
    let bound = |prefix: &str| rendered.iter().rev().find(|(known, _)| *known == prefix).map(|(_, value)| *value);
    let mut used: Vec<&str> = vec![split(&data.name).0];
    let attributes = || data.attributes.iter().filter(|(name, _)| declared(name).is_none());
    used.extend(attributes().map(|(name, _)| split(name).0).filter(|prefix| !prefix.is_empty()));
    used.sort_unstable();
    used.dedup();
    let mut declarations: Vec<(&str, &str)> = Vec::new();
    for prefix in used.iter().copied().filter(|prefix| *prefix != "xml") {
        let value = tree.namespace(node, prefix);
        if bound(prefix).unwrap_or_default() != value {
            declarations.push((prefix, value));
        }
    }
    let listed = how.prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix });
    for prefix in listed.chain(how.token.then_some("")) {
        let value = tree.namespace(node, prefix);
        let is_new = bound(prefix).unwrap_or_default() != value;
        let known = declarations.iter().any(|(known, _)| *known == prefix);
        if is_new && !known {
            declarations.push((prefix, value));
        }
    }
    if how.token && apex && !declarations.iter().any(|(prefix, _)| prefix.is_empty()) {
        declarations.push(("", ""));
    }
    declarations.sort_unstable();

    out.extend(["<", &data.name]);
    for (prefix, value) in &declarations {
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.extend([prefix, "=\""]);
        attribute_value(value, out);
        out.push('"');
    }
    let mut sorted: Vec<(&str, &str, &str, &str)> = attributes()
        .map(|(name, value)| {
            let (prefix, local) = split(name);
            let namespace = if prefix.is_empty() { "" } else { tree.namespace(node, prefix) };
            (namespace, local, name.as_ref(), value.as_ref())
        })
        .collect();
    sorted.sort_unstable();
    for (_, _, name, value) in sorted {
        out.extend([" ", name, "=\""]);
        attribute_value(value, out);
        out.push('"');
    }
    out.push('>');
    let mut inside = rendered.to_vec();
    inside.extend(declarations);
    for child in &data.children {
        match tree.kind(*child) {
            Some(Kind::Element(_)) => element(tree, *child, how, &inside, false, out),
            Some(Kind::Text(text)) => character_data(text, out),
            Some(Kind::Comment(_)) | None => {}
        }
    }
    out.extend(["</", &data.name, ">"]);
}

fn attribute_value(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

fn character_data(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::read;
    use super::*;
    use crate::wire::xml::c14n::{self, Exclusive};
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn agrees_with_the_readers_own_canonical_form() {
        let text = r#"<s:E xmlns:s="urn:s" xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><a z="1" p:b='"' s:b="2"><c xmlns="">&#13;&lt;<p:d/></c></a><q:e><!-- x --><f xmlns="urn:f" q:g="&#10;"/></q:e></s:E>"#;
        let tree = read(text).unwrap();
        let document = Document::parse(text, &Limits::default()).unwrap();
        let ours: Vec<_> = document.elements().collect();
        let nodes = tree.elements();
        assert_eq!(ours.len(), nodes.len());
        for prefixes in [&[][..], &["p"], &["#default", "q", "unknown"]] {
            for (element, node) in ours.iter().zip(&nodes) {
                for token in [false, true] {
                    let mut wanted = Vec::new();
                    let done = if token { c14n::exclusive_of_token } else { c14n::exclusive };
                    done(*element, &Exclusive { prefixes, ..Exclusive::default() }, &mut wanted).unwrap();
                    let found = canonical(&tree, *node, How { prefixes, omit: None, token });
                    assert_eq!(found, String::from_utf8(wanted).unwrap(), "{prefixes:?} {token}");
                }
            }
        }
    }
}
