//! The text of a document in pieces, each with its place: tags with their attributes, texts, comments.
//!
//! The tree of `wire::xml` drops comments and does not say where a value stands; the commands that
//! rewrite a file need both. Only for text that the strict reader has taken: nothing is judged here.

use std::ops::Range;

/// One piece. All ranges are bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A start tag, or the tag of an empty element.
    Open {
        range: Range<usize>,
        attributes: Vec<Written>,
        empty: bool,
    },
    Close(Range<usize>),
    /// Character data as it is written, with its references.
    Text(Range<usize>),
    /// What stands inside `<![CDATA[` and `]]>`.
    Cdata(Range<usize>),
    /// What stands inside `<!--` and `-->`.
    Comment(Range<usize>),
    /// The XML declaration.
    Declaration(Range<usize>),
}

/// An attribute or a namespace declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub name: Range<usize>,
    /// Between the quotes.
    pub value: Range<usize>,
}

/// The pieces of `text`, in order. What is not well-formed becomes text to the end.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let (piece, next) = piece(rest, at).unwrap_or((Piece::Text(at..text.len()), text.len()));
        found.push(piece);
        at = next.max(at + 1);
    }
    found
}

/// The piece that `rest`, which begins at `at`, begins with, and where the next one begins.
fn piece(rest: &str, at: usize) -> Option<(Piece, usize)> {
    let between = |open: &str, close: &str| {
        let inside = rest.strip_prefix(open)?;
        let end = inside.find(close)?;
        let from = at + open.len();
        Some((from..from + end, from + end + close.len()))
    };
    if !rest.starts_with('<') {
        let end = at + rest.find('<').unwrap_or(rest.len());
        return Some((Piece::Text(at..end), end));
    }
    if rest.starts_with("<!--") {
        return between("<!--", "-->").map(|(range, next)| (Piece::Comment(range), next));
    }
    if rest.starts_with("<![CDATA[") {
        return between("<![CDATA[", "]]>").map(|(range, next)| (Piece::Cdata(range), next));
    }
    if rest.starts_with("<?") {
        return between("<?", "?>").map(|(_, next)| (Piece::Declaration(at..next), next));
    }
    if rest.starts_with("</") {
        let end = at + rest.find('>')? + 1;
        return Some((Piece::Close(at..end), end));
    }
    open(rest, at)
}

fn open(rest: &str, at: usize) -> Option<(Piece, usize)> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let mut here = rest.find(|c| is_space(c) || matches!(c, '/' | '>'))?;
    let mut attributes = Vec::new();
    loop {
        let behind = rest.get(here..)?;
        here += behind.len() - behind.trim_start_matches(is_space).len();
        let behind = rest.get(here..)?;
        if behind.starts_with('>') {
            return Some((Piece::Open { range: at..at + here + 1, attributes, empty: false }, at + here + 1));
        }
        if behind.starts_with("/>") {
            return Some((Piece::Open { range: at..at + here + 2, attributes, empty: true }, at + here + 2));
        }
        let equals = behind.find('=')?;
        let name = behind.get(..equals)?.trim_end_matches(is_space).len();
        let after = behind.get(equals + 1..)?;
        let open_quote = equals + 1 + (after.len() - after.trim_start_matches(is_space).len());
        let quote = behind.get(open_quote..)?.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let length = behind.get(open_quote + 1..)?.find(quote)?;
        let value = at + here + open_quote + 1;
        attributes.push(Written { name: at + here..at + here + name, value: value..value + length });
        here += open_quote + 1 + length + 1;
    }
}

/// `text` with each range replaced. Ranges that overlap an earlier one are left out.
pub fn replaced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, with) in changes.into_iter() {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\"?>\n<a x:b = '>' c=\"1\"\n><!-- <d> -->t<![CDATA[<e>]]><f/></a>";

    #[test]
    fn each_byte_belongs_to_one_piece() {
        let shown: Vec<String> = pieces(TEXT)
            .into_iter()
            .map(|piece| match piece {
                Piece::Open { range, attributes, empty } => {
                    let values =
                        attributes.iter().map(|a| format!("[{}|{}]", &TEXT[a.name.clone()], &TEXT[a.value.clone()]));
                    format!("open {}{} {empty}", &TEXT[range], values.collect::<String>())
                }
                Piece::Close(range) => format!("close {}", &TEXT[range]),
                Piece::Text(range) => format!("text {}", &TEXT[range]),
                Piece::Cdata(range) => format!("cdata {}", &TEXT[range]),
                Piece::Comment(range) => format!("comment {}", &TEXT[range]),
                Piece::Declaration(range) => format!("declaration {}", &TEXT[range]),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "declaration <?xml version=\"1.0\"?>",
                "text \n",
                "open <a x:b = '>' c=\"1\"\n>[x:b|>][c|1] false",
                "comment  <d> ",
                "text t",
                "cdata <e>",
                "open <f/> true",
                "close </a>",
            ]
        );
    }

    #[test]
    fn what_is_broken_ends_as_text() {
        for text in ["<a", "<a b", "<a b=>", "<!-- x", "<", "a<b c='"] {
            assert!(matches!(pieces(text).last(), Some(Piece::Text(_))), "{text}");
        }
    }

    #[test]
    fn ranges_are_replaced_from_left_to_right() {
        let changes =
            vec![(4..5, "X".to_owned()), (0..2, "YY".to_owned()), (1..3, "lost".to_owned()), (5..5, "Z".into())];
        assert_eq!(replaced("abcdef", changes), "YYcdXZf");
    }
}
