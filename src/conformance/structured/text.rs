//! The generator's tree from text, and back.

use std::sync::Arc;

use super::tree::{Element, Kind, Node, Tree};

/// Reads a message that we forged: no DOCTYPE, no CDATA, nothing malformed. `None` for anything else.
pub(super) fn read(text: &str) -> Option<Tree> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    let declaration = rest.starts_with("<?xml");
    if declaration {
        rest = rest.split_once("?>")?.1.trim_start();
    }
    let mut tree: Option<Tree> = None;
    let mut open: Vec<Node> = Vec::new();
    while !rest.is_empty() {
        let Some(markup) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let (text, after) = rest.split_at_checked(end)?;
            if let (Some(tree), Some(parent)) = (&mut tree, open.last()) {
                let text = tree.add(Kind::Text(decoded(text)?.into()));
                tree.put(*parent, usize::MAX, text);
            }
            rest = after;
            continue;
        };
        if let Some(comment) = markup.strip_prefix("!--") {
            let (comment, after) = comment.split_once("-->")?;
            if let (Some(tree), Some(parent)) = (&mut tree, open.last()) {
                let comment = tree.add(Kind::Comment(comment.into()));
                tree.put(*parent, usize::MAX, comment);
            }
            rest = after;
        } else if let Some(end_tag) = markup.strip_prefix('/') {
            rest = end_tag.split_once('>')?.1;
            open.pop()?;
        } else {
            let (element, short, after) = start_tag(markup)?;
            let node = match &mut tree {
                None => {
                    tree = Some(Tree::new(element));
                    0
                }
                Some(tree) => {
                    let node = tree.add(Kind::Element(element));
                    tree.put(*open.last()?, usize::MAX, node);
                    node
                }
            };
            if !short {
                open.push(node);
            }
            rest = after;
        }
    }
    let mut tree = tree.filter(|_| open.is_empty())?;
    tree.style.declaration = declaration;
    Some(tree)
}

/// An element without its children, whether it is `<a/>`, and what follows.
fn start_tag(markup: &str) -> Option<(Element, bool, &str)> {
    let name_end = markup.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))?;
    let (name, mut rest) = markup.split_at_checked(name_end)?;
    let mut element = Element { name: name.into(), ..Element::default() };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return Some((element, true, after));
        }
        if let Some(after) = rest.strip_prefix('>') {
            return Some((element, false, after));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = after.strip_prefix(quote)?.split_once(quote)?;
        // White space in a value is a space (XML 1.0 §3.3.3), unless it is written as a reference.
        let value = value.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
        element.attributes.push((Arc::from(name.trim()), decoded(&value)?.into()));
        rest = after;
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';')?;
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Writes the tree in its style.
pub(super) fn write(tree: &Tree) -> String {
    let mut out = String::with_capacity(8192);
    if tree.style.declaration {
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }
    node(tree, tree.root, &mut out);
    out
}

fn node(tree: &Tree, at: Node, out: &mut String) {
    let element = match tree.kind(at) {
        Some(Kind::Element(element)) => element,
        Some(Kind::Text(text)) => return escape(text, &['&', '<', '>', '\r'], out),
        Some(Kind::Comment(comment)) => {
            out.extend(["<!--", comment, "-->"]);
            return;
        }
        None => return,
    };
    let quote = if tree.style.single_quotes { "'" } else { "\"" };
    out.extend(["<", &element.name]);
    for (name, value) in &element.attributes {
        out.extend([" ", name, "=", quote]);
        escape(value, &['&', '<', '"', '\'', '\t', '\n', '\r'], out);
        out.push_str(quote);
    }
    if tree.style.spaced {
        out.push(' ');
    }
    if tree.style.short && element.children.is_empty() {
        return out.push_str("/>");
    }
    out.push('>');
    element.children.iter().for_each(|child| node(tree, *child, out));
    out.extend(["</", &element.name, ">"]);
}

fn escape(text: &str, special: &[char], out: &mut String) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_again() {
        for text in [
            r#"<a xmlns="urn:a" b="1"><c></c>x<!-- y --><p:d xmlns:p="urn:p" p:e="2">z</p:d></a>"#,
            r#"<a>&#38;&#60;&#62;&#13;</a>"#,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a></a>",
            r#"<a b="&#9;&#10;&#13;"></a>"#,
        ] {
            assert_eq!(read(text).map(|tree| write(&tree)).as_deref(), Some(text));
        }
        let spaced = read("<a b=\"1\t2\r\n3\n4\"></a>").map(|tree| write(&tree));
        assert_eq!(spaced.as_deref(), Some(r#"<a b="1 2 3 4"></a>"#));
        for text in ["", "<a>", "<a></a></b>", "<a>&nbsp;</a>", "<a b></a>"] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_style_changes_the_writing_only() {
        let mut tree = read(r#"<a b='"'><c/></a>"#).unwrap();
        tree.style = super::super::tree::Style { declaration: false, short: true, single_quotes: true, spaced: true };
        assert_eq!(write(&tree), "<a b='&#34;' ><c /></a>");
    }
}
