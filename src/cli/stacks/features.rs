//! The tests that `features.toml` names: questions on the shape of a message.

use serde::Deserialize;

use crate::cli::examine::Examined;
use crate::cli::examine::tree::{NodeId, Tree, split};
use crate::wire::ns;
use crate::wire::xml::time;

/// A question. Elements are meant by their local names; in `like`, `*` stands for anything.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Test {
    /// An element of this name has an id like this.
    Id {
        element: String,
        like: String,
    },
    /// The first element of a namespace has this prefix (empty: none). `of`: soap, wsse, wsu, ds, wsa.
    Prefix {
        of: String,
        is: String,
    },
    /// The Security header has its children in this order, and no others.
    Order {
        children: Vec<String>,
    },
    /// In the Security header this comes before that.
    Before {
        first: String,
        then: String,
    },
    /// These bytes stand in the message.
    Source {
        has: String,
    },
    /// The message begins so.
    Starts {
        with: String,
    },
    /// A PrefixList inside the element, or of the reference to it: this one, or any.
    PrefixList {
        of: String,
        is: Option<String>,
    },
    /// An element of this name has this attribute (as written), with a value like this.
    Attribute {
        element: String,
        name: String,
        like: Option<String>,
    },
    /// There is such an element, and it lacks this attribute.
    NoAttribute {
        element: String,
        name: String,
    },
    /// An element has such a child.
    Child {
        of: String,
        is: String,
    },
    Has {
        element: String,
    },
    Lacks {
        element: String,
    },
    /// The text of an element is like this.
    Text {
        element: String,
        like: String,
    },
    /// A reference has a transform of this short name.
    Transform {
        like: String,
    },
    /// The Timestamp lives so many seconds.
    Life {
        seconds: i64,
    },
    /// Empty elements in the Signature are written so: `<a />`, `<a/>` or `<a></a>`.
    Empties {
        style: Style,
    },
    /// In the start tag the namespace declarations stand behind the attributes.
    DeclaresLast {
        element: String,
    },
    /// The Envelope declares this prefix.
    EnvelopeDeclares {
        prefix: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    Blank,
    Short,
    Long,
}

impl Test {
    pub fn holds(&self, examined: &Examined) -> bool {
        let tree = &examined.tree;
        match self {
            Self::Id { element, like } => all(tree, element).any(|id| tree.ids(id).any(|own| alike(own, like))),
            Self::Prefix { of, is } => first_of(tree, namespaces(of)).is_some_and(|id| split(tree.name(id)).0 == is),
            Self::Order { children } => security(tree) == children.iter().map(String::as_str).collect::<Vec<_>>(),
            Self::Before { first, then } => {
                let children = security(tree);
                let place = |name: &str| children.iter().position(|child| *child == name);
                place(first).zip(place(then)).is_some_and(|(first, then)| first < then)
            }
            Self::Source { has } => tree.source.contains(has),
            Self::Starts { with } => tree.source.starts_with(with),
            Self::PrefixList { of, is } => {
                prefix_lists(examined, of).iter().any(|list| is.as_ref().map_or(!list.is_empty(), |is| *is == *list))
            }
            Self::Attribute { element, name, like } => all(tree, element)
                .filter_map(|id| tree.attribute(id, name))
                .any(|value| like.as_ref().is_none_or(|like| alike(value, like))),
            Self::NoAttribute { element, name } => {
                let mut found = all(tree, element).peekable();
                let is_name = |own: &str| own == name || split(own).1 == name;
                found.peek().is_some()
                    && !found
                        .filter_map(|id| tree.tag(id))
                        .flat_map(|tag| &tag.attributes)
                        .any(|own| is_name(&own.name))
            }
            Self::Child { of, is } => {
                all(tree, of).any(|id| tree.child_elements(id).any(|child| local(tree, child) == is))
            }
            Self::Has { element } => all(tree, element).next().is_some(),
            Self::Lacks { element } => all(tree, element).next().is_none(),
            Self::Text { element, like } => all(tree, element).any(|id| alike(&tree.text(id), like)),
            Self::Transform { like } => {
                references(examined).any(|transforms| transforms.iter().any(|own| alike(own, like)))
            }
            Self::Life { seconds } => life(tree) == Some(*seconds),
            Self::Empties { style } => empties(examined) == Some(*style),
            Self::DeclaresLast { element } => all(tree, element).any(|id| declares_last(tree.written(id))),
            Self::EnvelopeDeclares { prefix } => all(tree, "Envelope")
                .filter_map(|id| tree.tag(id))
                .any(|tag| tag.declarations.iter().any(|(own, _)| own == prefix)),
        }
    }
}

fn local(tree: &Tree, id: NodeId) -> &str {
    split(tree.name(id)).1
}

fn all<'t>(tree: &'t Tree, name: &'t str) -> impl Iterator<Item = NodeId> + 't {
    tree.elements().filter(move |id| local(tree, *id) == name)
}

fn namespaces(of: &str) -> &'static [&'static str] {
    match of {
        "soap" => &[ns::SOAP11, ns::SOAP12],
        "wsse" => &[ns::WSSE],
        "wsu" => &[ns::WSU],
        "ds" => &[ns::DS],
        "wsa" => &[ns::WSA, ns::WSA04],
        _ => &[],
    }
}

/// The first element of the header (or root) in one of the namespaces.
fn first_of(tree: &Tree, namespaces: &[&str]) -> Option<NodeId> {
    tree.elements().find(|id| {
        let prefix = split(tree.name(*id)).0;
        namespaces.contains(&tree.bound(*id, prefix).unwrap_or_default())
    })
}

/// The children of the Security header, by local name.
fn security(tree: &Tree) -> Vec<&str> {
    let header = all(tree, "Security").next();
    header.into_iter().flat_map(|id| tree.child_elements(id)).map(|id| local(tree, id)).collect()
}

fn references(examined: &Examined) -> impl Iterator<Item = &Vec<String>> {
    examined.signatures.iter().flat_map(|signature| &signature.references).map(|reference| &reference.transforms)
}

/// The PrefixList of CanonicalizationMethod, or of the references to elements of this name.
fn prefix_lists(examined: &Examined, of: &str) -> Vec<String> {
    let tree = &examined.tree;
    let signatures = &examined.signatures;
    if of == "CanonicalizationMethod" {
        return signatures.iter().map(|signature| signature.form.prefixes.join(" ")).collect();
    }
    let references = signatures.iter().flat_map(|signature| &signature.references);
    let to = references.filter(|reference| reference.target.as_ref().is_ok_and(|id| local(tree, *id) == of));
    to.filter_map(|reference| Some(reference.form.as_ref().ok()?.prefixes.join(" "))).collect()
}

fn life(tree: &Tree) -> Option<i64> {
    let stamp = all(tree, "Timestamp").next()?;
    let read = |name| {
        let id = tree.child_elements(stamp).find(|id| local(tree, *id) == name)?;
        time::parse(tree.text(id).trim()).ok()
    };
    Some((read("Expires")? - read("Created")?).num_seconds())
}

/// How the empty elements of the first Signature are written; `None` where they differ.
fn empties(examined: &Examined) -> Option<Style> {
    let tree = &examined.tree;
    let signature = examined.signatures.first()?.node;
    let mut style = None;
    let leaves = tree.inside(signature).filter(|id| tree.children(*id).is_empty());
    for id in leaves {
        let written = tree.written(id);
        // What the signer filled in is no empty element of the template.
        if matches!(local(tree, id), "DigestValue" | "SignatureValue") {
            continue;
        }
        let own = if written.ends_with(" />") {
            Style::Blank
        } else if written.ends_with("/>") {
            Style::Short
        } else {
            Style::Long
        };
        if style.is_some_and(|known| known != own) {
            return None;
        }
        style = Some(own);
    }
    style
}

fn declares_last(written: &str) -> bool {
    let tag = written.split('>').next().unwrap_or_default();
    let Some(declaration) = tag.find(" xmlns") else { return false };
    let first = tag.find(' ').unwrap_or_default();
    first < declaration
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn alike(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    match last {
        None => rest.is_empty(),
        Some(last) => text.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_they_read() {
        for (text, pattern, fits) in [
            ("X509-1", "X509-*", true),
            ("X509", "X509-*", false),
            ("a:b", "*:*", true),
            ("ab", "*:*", false),
            ("ts", "ts", true),
            ("ts1", "ts", false),
            ("uuid-1-2", "uuid-*-*", true),
            ("abc", "*c", true),
        ] {
            assert_eq!(alike(text, pattern), fits, "{text} {pattern}");
        }
    }
}
