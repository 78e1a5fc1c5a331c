//! Canonical forms of all kinds, and of elements as they may have been before somebody changed them.
//!
//! The strict reader writes one form, the exclusive one (`wire::xml::c14n`); here are the others
//! that signers use by mistake: inclusive (Canonical XML 1.0 and 1.1), with comments, with another
//! PrefixList. Good for finding causes; nothing is accepted on the ground of what is written here.

use super::tree::{Attribute, Kind, NodeId, Tag, Tree, split};

/// What is canonicalised how.
#[derive(Debug, Clone)]
pub struct Form {
    pub method: Method,
    /// `InclusiveNamespaces/@PrefixList`.
    pub prefixes: Vec<String>,
    pub comments: bool,
    /// Left out with all inside.
    pub omit: Option<NodeId>,
    /// The apex says `xmlns=""` (STR-Transform, WSS 1.1 §8.3).
    pub token: bool,
    pub edits: Edits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Exclusive,
    /// Canonical XML 1.0.
    Inclusive,
    /// Canonical XML 1.1.
    Inclusive11,
}

/// How the element may have differed when it was digested.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    pub space: Space,
    /// The prefix that a namespace had.
    pub renamed: Vec<(String, String)>,
    /// Attributes, by name as written, that were not there: on the apex only, or everywhere.
    pub absent_at_apex: Vec<String>,
    pub absent: Vec<String>,
    /// Prefixes whose declaration on the apex was not there though it is needed.
    pub undeclared: Vec<String>,
    /// Declarations that the apex had.
    pub declared: Vec<(String, String)>,
    /// Attribute values were digested without their normalisation.
    pub unnormalised: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Space {
    #[default]
    AsItIs,
    /// No white space between tags.
    None,
    /// Pretty-printed, so much more for each level.
    Indented(&'static str),
    /// Without white space at both ends of texts.
    Trimmed,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            method: Method::Exclusive,
            prefixes: Vec::new(),
            comments: false,
            omit: None,
            token: false,
            edits: Edits::default(),
        }
    }
}

/// The canonical form of an element; `None` when it exceeds [`MOST_OCTETS`].
pub fn canonical(tree: &Tree, apex: NodeId, form: &Form) -> Option<String> {
    let mut writer = Writer { tree, form, apex, rendered: Vec::new(), out: String::new() };
    writer.element(apex, 0)?;
    Some(writer.out)
}

struct Writer<'t, 'f> {
    tree: &'t Tree,
    form: &'f Form,
    apex: NodeId,
    /// Prefix and namespace, as the output has them bound; the last of a prefix counts.
    rendered: Vec<(String, String)>,
    out: String,
}

impl<'t> Writer<'t, '_> {
    fn element(&mut self, id: NodeId, level: usize) -> Option<()> {
        if self.form.omit == Some(id) {
            return Some(());
        }
        let tag = self.tree.tag(id)?;
        let before = self.rendered.len();
        let attributes = self.attributes(id, tag);
        let mut declarations = self.declarations(id, tag, &attributes);
        declarations.sort();
        let name = self.renamed(id, &tag.name);
        self.out.push('<');
        self.out.push_str(&name);
        for (prefix, namespace) in &declarations {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            escape(namespace, VALUE, &mut self.out);
            self.out.push('"');
        }
        for (_, _, name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(&name);
            self.out.push_str("=\"");
            escape(&value, VALUE, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
        self.content(id, level)?;
        self.out.push_str("</");
        self.out.push_str(&name);
        self.out.push('>');
        self.rendered.truncate(before);
        (self.out.len() <= MOST_OCTETS).then_some(())
    }

    fn content(&mut self, id: NodeId, level: usize) -> Option<()> {
        let mixed = self.tree.child_elements(id).next().is_some();
        let space = &self.form.edits.space;
        let mut has_elements = false;
        for child in self.tree.children(id) {
            match &self.tree.node(*child)?.kind {
                Kind::Element(_) => {
                    if let Space::Indented(unit) = space {
                        self.out.push('\n');
                        (0..=level).for_each(|_| self.out.push_str(unit));
                    }
                    has_elements = true;
                    self.element(*child, level + 1)?;
                }
                Kind::Text(text) => {
                    let blank = text.trim_matches(SPACE).is_empty();
                    let kept = match space {
                        Space::AsItIs => text.as_str(),
                        Space::Indented(_) | Space::None if mixed && blank => "",
                        Space::Indented(_) | Space::None => text.as_str(),
                        Space::Trimmed => text.trim_matches(SPACE),
                    };
                    escape(kept, TEXT, &mut self.out);
                }
                Kind::Comment(text) if self.form.comments => self.out.push_str(text),
                Kind::Comment(_) => {}
                Kind::Instruction(text) => self.out.push_str(text),
            }
        }
        if let (Space::Indented(unit), true) = (space, has_elements) {
            self.out.push('\n');
            (0..level).for_each(|_| self.out.push_str(unit));
        }
        Some(())
    }

    /// Namespace, local name, name and value of each attribute, in canonical order.
    fn attributes(&self, id: NodeId, tag: &'t Tag) -> Vec<(String, String, String, String)> {
        let edits = &self.form.edits;
        let mut all: Vec<&Attribute> = tag.attributes.iter().collect();
        if id == self.apex && self.form.method != Method::Exclusive {
            all.extend(self.inherited(id, tag));
        }
        let is_absent =
            |name: &String| edits.absent.contains(name) || (id == self.apex && edits.absent_at_apex.contains(name));
        let mut written: Vec<_> = all
            .into_iter()
            .filter(|attribute| !is_absent(&attribute.name))
            .map(|attribute| {
                let (prefix, local) = split(&attribute.name);
                let namespace = match prefix {
                    "" => "",
                    "xml" => crate::wire::ns::XML,
                    _ => self.tree.bound(id, prefix).unwrap_or_default(),
                };
                let value = if edits.unnormalised { &attribute.unnormalised } else { &attribute.value };
                let name = if prefix.is_empty() { attribute.name.clone() } else { self.renamed(id, &attribute.name) };
                (namespace.to_owned(), local.to_owned(), name, value.clone())
            })
            .collect();
        written.sort();
        written
    }

    /// `xml:` attributes of the ancestors (Canonical XML 1.0 §2.4; 1.1 leaves `xml:id` where it is).
    fn inherited(&self, id: NodeId, tag: &Tag) -> Vec<&'t Attribute> {
        let mut found: Vec<&Attribute> = Vec::new();
        for attribute in
            self.tree.lineage(id).skip(1).filter_map(|id| self.tree.tag(id)).flat_map(|tag| &tag.attributes)
        {
            let new = !found.iter().any(|known| known.name == attribute.name)
                && !tag.attributes.iter().any(|own| own.name == attribute.name);
            let taken = self.form.method == Method::Inclusive || attribute.name != "xml:id";
            if attribute.name.starts_with("xml:") && new && taken {
                found.push(attribute);
            }
        }
        found
    }

    fn declarations(
        &mut self,
        id: NodeId,
        tag: &Tag,
        attributes: &[(String, String, String, String)],
    ) -> Vec<(String, String)> {
        let mut wanted: Vec<(String, String)> = Vec::new();
        let mut want = |prefix: &str, namespace: &str| {
            if prefix != "xml" && !wanted.iter().any(|(known, _)| known == prefix) {
                wanted.push((prefix.to_owned(), namespace.to_owned()));
            }
        };
        let bound = |prefix: &str| self.tree.bound(id, prefix).unwrap_or_default();
        if self.form.method == Method::Exclusive {
            let (prefix, _) = split(&tag.name);
            want(split(&self.renamed(id, &tag.name)).0, bound(prefix));
            for (namespace, _, name, _) in attributes.iter().filter(|(namespace, ..)| !namespace.is_empty()) {
                want(split(name).0, namespace);
            }
            for listed in &self.form.prefixes {
                let prefix = if listed == "#default" { "" } else { listed };
                let own = tag.declarations.iter().any(|(declared, _)| declared == prefix);
                if (own || id == self.apex) && self.tree.bound(id, prefix).is_some() {
                    want(prefix, bound(prefix));
                }
            }
        } else if id == self.apex {
            self.tree
                .in_scope(id)
                .iter()
                .for_each(|(prefix, namespace)| want(&self.prefix(prefix, namespace), namespace));
        } else {
            tag.declarations.iter().for_each(|(prefix, namespace)| want(&self.prefix(prefix, namespace), namespace));
        }
        if id == self.apex {
            self.form.edits.declared.iter().for_each(|(prefix, namespace)| want(prefix, namespace));
        }
        let mut written = Vec::new();
        for (prefix, namespace) in wanted {
            let known = self.rendered.iter().rev().find(|(known, _)| *known == prefix).map(|(_, name)| name.as_str());
            let token_default = self.form.token && id == self.apex && prefix.is_empty();
            if known.unwrap_or_default() != namespace || token_default {
                self.rendered.push((prefix.clone(), namespace.clone()));
                if !(id == self.apex && self.form.edits.undeclared.contains(&prefix)) {
                    written.push((prefix, namespace));
                }
            }
        }
        if self.form.token && id == self.apex && !written.iter().any(|(prefix, _)| prefix.is_empty()) {
            written.push((String::new(), String::new()));
        }
        written
    }

    /// The prefix that the namespace had.
    fn prefix(&self, prefix: &str, namespace: &str) -> String {
        let renamed = self.form.edits.renamed.iter().find(|(of, _)| of == namespace);
        renamed.map_or_else(|| prefix.to_owned(), |(_, to)| to.clone())
    }

    fn renamed(&self, id: NodeId, name: &str) -> String {
        if self.form.edits.renamed.is_empty() {
            return name.to_owned();
        }
        let (prefix, local) = split(name);
        match self.prefix(prefix, self.tree.bound(id, prefix).unwrap_or_default()).as_str() {
            "" => local.to_owned(),
            prefix => format!("{prefix}:{local}"),
        }
    }
}

type Replaced = &'static [(char, &'static str)];

const TEXT: Replaced = &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('\r', "&#xD;")];
const VALUE: Replaced =
    &[('&', "&amp;"), ('<', "&lt;"), ('"', "&quot;"), ('\t', "&#x9;"), ('\n', "&#xA;"), ('\r', "&#xD;")];

fn escape(text: &str, replaced: Replaced, out: &mut String) {
    for character in text.chars() {
        match replaced.iter().find(|(from, _)| *from == character) {
            Some((_, to)) => out.push_str(to),
            None => out.push(character),
        }
    }
}

pub const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// One form, in bytes.
pub const MOST_OCTETS: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::c14n::{Exclusive, exclusive};
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn the_exclusive_form_is_that_of_the_strict_writer() {
        let text = r#"<r xmlns:p="urn:1" xmlns:q="urn:q" xmlns="urn:d" xml:lang="nl"><a q:z="1" b="&quot;&#9;" a="2"><p:b xmlns:p="urn:2"><p:c xmlns=""><d/></p:c></p:b>&#13;&lt;<d xmlns=""/></a></r>"#;
        let tree = Tree::read(text.as_bytes()).unwrap();
        let document = Document::parse(text, &Limits::default()).unwrap();
        for prefixes in [&[][..], &["p"], &["#default", "q"]] {
            for (element, id) in document.elements().zip(tree.elements()) {
                let mut strict = Vec::new();
                exclusive(element, &Exclusive { prefixes, ..Exclusive::default() }, &mut strict).unwrap();
                let form = Form { prefixes: prefixes.iter().map(|p| (*p).to_owned()).collect(), ..Form::default() };
                assert_eq!(canonical(&tree, id, &form).unwrap(), String::from_utf8(strict).unwrap());
            }
        }
    }

    #[test]
    fn the_inclusive_form_takes_the_context_along() {
        let text =
            r#"<r xmlns:p="urn:1" xmlns="urn:d" xml:lang="nl" xml:id="i"><!--c--><a><!--c--><b xmlns=""/></a></r>"#;
        let tree = Tree::read(text.as_bytes()).unwrap();
        let a = tree.child(tree.root().unwrap(), "urn:d", "a").unwrap();
        let form = |method, comments| canonical(&tree, a, &Form { method, comments, ..Form::default() }).unwrap();
        assert_eq!(
            form(Method::Inclusive, true),
            r#"<a xmlns="urn:d" xmlns:p="urn:1" xml:id="i" xml:lang="nl"><!--c--><b xmlns=""></b></a>"#
        );
        assert_eq!(
            form(Method::Inclusive11, false),
            r#"<a xmlns="urn:d" xmlns:p="urn:1" xml:lang="nl"><b xmlns=""></b></a>"#
        );
    }
}
