//! The scanner: bytes in, one [`Document`] out, in one pass.
//!
//! Grammar: XML 1.0 (fifth edition) §2-§4 and Namespaces in XML 1.0 §2-§6, without DOCTYPE and processing
//! instructions. Names and start tags are in `tags`; this file holds the document, texts and references.

use super::names;
use super::tags::{Open, Scope};
use super::tree::{Document, EMPTY, Kind, NO_NODE, Node, Span, Tree};
use super::{Error, ErrorKind, Limits};

/// Reads a whole document.
pub(super) fn scan(bytes: Vec<u8>, limits: &Limits) -> Result<Document, Error> {
    if bytes.len() > limits.bytes || bytes.len() >= u32::MAX as usize {
        let detail = format!("the document has {} bytes; {} are taken", bytes.len(), limits.bytes);
        return Err(Error::new(ErrorKind::LimitBytes, limits.bytes, detail));
    }
    if let Some(detail) = foreign_encoding(&bytes) {
        return Err(Error::new(ErrorKind::Encoding, 0, detail));
    }
    let source = String::from_utf8(bytes).map_err(|error| {
        Error::new(ErrorKind::Encoding, error.utf8_error().valid_up_to(), "the bytes here are not UTF-8")
    })?;
    let mut scanner = Scanner::new(&source, limits);
    scanner.document()?;
    let tree = scanner.tree;
    Ok(Document { source, tree })
}

/// What the first bytes say of an encoding other than UTF-8 (XML 1.0 appendix F).
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => {
            Some("the document begins with the byte order mark of UTF-16; send UTF-8")
        }
        [0, ..] | [_, 0, ..] => Some("the document looks like UTF-16 or UTF-32; send UTF-8"),
        _ => None,
    }
}

pub(super) struct Scanner<'s> {
    pub(super) source: &'s str,
    pub(super) bytes: &'s [u8],
    pub(super) position: usize,
    pub(super) limits: &'s Limits,
    pub(super) tree: Tree,
    pub(super) open: Vec<Open>,
    pub(super) scope: Scope,
    /// The text being read. It goes on behind a comment or a CDATA section.
    text: Option<Span>,
    /// Comments and CDATA sections: they make no node, but cost.
    passed: usize,
}

impl<'s> Scanner<'s> {
    fn new(source: &'s str, limits: &'s Limits) -> Self {
        let mut tree = Tree { prefixes: vec![EMPTY, EMPTY], namespaces: vec![EMPTY, EMPTY], ..Tree::default() };
        tree.nodes.reserve(source.len() / 32);
        tree.attributes.reserve(source.len() / 96);
        Self {
            source,
            bytes: source.as_bytes(),
            position: 0,
            limits,
            tree,
            open: Vec::with_capacity(16),
            scope: Scope::default(),
            text: None,
            passed: 0,
        }
    }

    fn document(&mut self) -> Result<(), Error> {
        if self.source.starts_with('\u{FEFF}') {
            self.position = '\u{FEFF}'.len_utf8();
        }
        if self.at("<?xml") && self.bytes.get(self.position + 5).copied().is_some_and(is_space) {
            self.declaration()?;
        }
        self.around_root()?;
        if self.peek() != Some(b'<') {
            return Err(self.fault(ErrorKind::Syntax, "there is no root element"));
        }
        self.start_tag()?;
        while !self.open.is_empty() {
            self.content()?;
        }
        self.around_root()?;
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(ErrorKind::Trailing, "something follows the root element")),
        }
    }

    /// XML 1.0 §2.8: `<?xml version="1.0" encoding="utf-8" standalone="…"?>`.
    fn declaration(&mut self) -> Result<(), Error> {
        let start = self.position;
        self.position += "<?xml".len();
        let end = self.source.get(start..).and_then(|rest| rest.find("?>")).filter(|len| *len < MAX_DECLARATION);
        let Some(end) = end.map(|len| start + len) else {
            return Err(Error::new(ErrorKind::Syntax, start, "the XML declaration does not end"));
        };
        for (index, name) in ["version", "encoding", "standalone"].into_iter().enumerate() {
            let spaced = self.skip_space();
            if !self.at(name) {
                if index == 0 {
                    return Err(self.fault(ErrorKind::Syntax, "the XML declaration names no version"));
                }
                continue;
            }
            if !spaced {
                return Err(self.fault(ErrorKind::Syntax, "white space is missing in the XML declaration"));
            }
            let at = self.position;
            self.position += name.len();
            let value = self.declared()?;
            let fault = match name {
                "version" if value != "1.0" => Some((ErrorKind::Syntax, "only XML 1.0 is read")),
                "encoding" if !value.eq_ignore_ascii_case("utf-8") => {
                    Some((ErrorKind::Encoding, "the XML declaration names an encoding other than UTF-8"))
                }
                "standalone" if value != "yes" && value != "no" => {
                    Some((ErrorKind::Syntax, "standalone is neither yes nor no"))
                }
                _ => None,
            };
            if let Some((kind, detail)) = fault {
                return Err(Error::new(kind, at, detail));
            }
        }
        self.skip_space();
        if self.position != end {
            return Err(self.fault(ErrorKind::Syntax, "the XML declaration is malformed"));
        }
        self.position += "?>".len();
        Ok(())
    }

    /// `= "value"` inside the XML declaration.
    fn declared(&mut self) -> Result<&'s str, Error> {
        self.skip_space();
        self.expect(b'=', "an equals sign is missing")?;
        self.skip_space();
        let quote = self.peek().filter(|b| matches!(b, b'"' | b'\''));
        let Some(quote) = quote else { return Err(self.fault(ErrorKind::Syntax, "a quote is missing")) };
        self.position += 1;
        let rest = self.source.get(self.position..).unwrap_or_default();
        let Some((value, _)) = rest.split_once(char::from(quote)) else {
            return Err(self.fault(ErrorKind::Syntax, "a quote is missing"));
        };
        self.position += value.len() + 1;
        Ok(value)
    }

    /// White space and comments before and behind the root element.
    fn around_root(&mut self) -> Result<(), Error> {
        loop {
            self.skip_space();
            if !self.at("<!") && !self.at("<?") {
                return Ok(());
            }
            self.markup()?;
        }
    }

    /// One piece of content: a text, a tag, a comment, a CDATA section.
    fn content(&mut self) -> Result<(), Error> {
        match (self.peek(), self.bytes.get(self.position + 1)) {
            (Some(b'<'), Some(b'/')) => {
                self.end_text()?;
                self.end_tag()
            }
            (Some(b'<'), Some(b'!' | b'?')) => self.markup(),
            (Some(b'<'), _) => {
                self.end_text()?;
                self.start_tag()
            }
            (Some(_), _) => self.characters(),
            (None, _) => Err(self.fault(ErrorKind::Syntax, "the document ends inside an element")),
        }
    }

    /// What begins with `<!` or `<?`.
    fn markup(&mut self) -> Result<(), Error> {
        if self.at("<!--") {
            return self.comment();
        }
        if self.at("<![CDATA[") && !self.open.is_empty() {
            return self.cdata();
        }
        if self.at("<!DOCTYPE") {
            return Err(self.fault(ErrorKind::Doctype, "a document type declaration is never read"));
        }
        if self.at("<?") {
            return Err(self.fault(ErrorKind::ProcessingInstruction, "processing instructions are never read"));
        }
        Err(self.fault(ErrorKind::Syntax, "this markup is unknown"))
    }

    /// XML 1.0 §2.5. Dropped: what is not in the tree cannot split a text.
    fn comment(&mut self) -> Result<(), Error> {
        let start = self.position + "<!--".len();
        let rest = self.source.get(start..).unwrap_or_default();
        let Some(len) = rest.find("--") else {
            return Err(self.fault(ErrorKind::Syntax, "the comment does not end"));
        };
        self.only_chars(start, start + len)?;
        self.position = start + len + 2;
        self.expect(b'>', "a comment may not hold two hyphens")?;
        self.pass()
    }

    /// XML 1.0 §2.7. Its content is text like any other.
    fn cdata(&mut self) -> Result<(), Error> {
        let start = self.position + "<![CDATA[".len();
        let rest = self.source.get(start..).unwrap_or_default();
        let Some(len) = rest.find("]]>") else {
            return Err(self.fault(ErrorKind::Syntax, "the CDATA section does not end"));
        };
        let end = start + len;
        self.only_chars(start, end)?;
        let mut run = start;
        while let Some(found) = self.source.get(run..end).and_then(|piece| piece.find('\r')) {
            self.add_source(run, run + found);
            self.add_char('\n');
            run += found + 1;
            if self.bytes.get(run) == Some(&b'\n') {
                run += 1;
            }
        }
        self.add_source(run, end);
        self.position = end + "]]>".len();
        self.pass()
    }

    /// XML 1.0 §2.4 and §2.11: character data up to the next `<`.
    fn characters(&mut self) -> Result<(), Error> {
        let mut run = self.position;
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            // White space is the usual text: a line feed and a tab are themselves here.
            let stops = |b: u8| (names::needs_look(b) & (b != b'\n') & (b != b'\t')) | (b == b']');
            self.position += names::until(rest, stops);
            match self.peek() {
                None | Some(b'<') => break,
                Some(b']') if self.at("]]>") => {
                    return Err(self.fault(ErrorKind::Syntax, "']]>' may not stand in a text"));
                }
                Some(b'&') => {
                    self.add_source(run, self.position);
                    let c = self.reference()?;
                    self.add_char(c);
                    run = self.position;
                }
                Some(b'\r') => {
                    self.add_source(run, self.position);
                    self.add_char('\n');
                    self.position += if self.at("\r\n") { 2 } else { 1 };
                    run = self.position;
                }
                Some(b']') => self.position += 1,
                Some(_) => self.permitted()?,
            }
        }
        self.add_source(run, self.position);
        Ok(())
    }

    /// XML 1.0 §4.1: `&#10;`, `&#xA;`, or one of the five predefined entities (§4.6).
    pub(super) fn reference(&mut self) -> Result<char, Error> {
        let start = self.position;
        let rest = self.bytes.get(start + 1..(start + 1 + MAX_REFERENCE).min(self.bytes.len())).unwrap_or_default();
        let name = rest.iter().position(|b| *b == b';').and_then(|len| rest.get(..len));
        let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else {
            return Err(self.fault(ErrorKind::Syntax, "an ampersand begins a reference that does not end"));
        };
        self.position = start + 1 + name.len() + 1;
        let character = match name {
            "amp" => return Ok('&'),
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => name.strip_prefix('#'),
        };
        let Some(number) = character else {
            let detail = format!("the entity &{}; is not predefined; others are never read", name.escape_default());
            return Err(Error::new(ErrorKind::Entity, start, detail));
        };
        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
        let well_formed = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        if !well_formed {
            return Err(Error::new(ErrorKind::Syntax, start, "a character reference is malformed"));
        }
        u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|c| names::is_char(*c)).ok_or_else(
            || Error::new(ErrorKind::Character, start, "a reference names a character that XML does not allow"),
        )
    }

    /// Steps over the byte here if the character it begins is one that XML allows.
    pub(super) fn permitted(&mut self) -> Result<(), Error> {
        match self.source.get(self.position..).and_then(|rest| rest.chars().next()) {
            Some(c) if names::is_char(c) => {
                self.position += c.len_utf8();
                Ok(())
            }
            _ => Err(self.fault(ErrorKind::Character, "a character that XML does not allow")),
        }
    }

    /// Checks a run of characters that is not looked at otherwise.
    fn only_chars(&self, start: usize, end: usize) -> Result<(), Error> {
        let piece = self.source.get(start..end).unwrap_or_default();
        match piece.char_indices().find(|(_, c)| !names::is_char(*c)) {
            None => Ok(()),
            Some((at, _)) => Err(Error::new(ErrorKind::Character, start + at, "a character that XML does not allow")),
        }
    }

    fn add_source(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        match &mut self.text {
            None => self.text = Some(Span { start: start as u32, end: end as u32, decoded: false }),
            Some(text) if !text.decoded && text.end as usize == start => text.end = end as u32,
            Some(_) => {
                self.decode_text();
                self.tree.decoded.push_str(self.source.get(start..end).unwrap_or_default());
            }
        }
    }

    fn add_char(&mut self, c: char) {
        self.decode_text();
        self.tree.decoded.push(c);
    }

    /// Moves the text being read into `decoded`, where it can grow. Nothing else is written there meanwhile.
    fn decode_text(&mut self) {
        let begun = self.text.unwrap_or(EMPTY);
        if begun.decoded {
            return;
        }
        let start = self.tree.decoded.len() as u32;
        let piece = self.source.get(begun.start as usize..begun.end as usize).unwrap_or_default();
        self.tree.decoded.push_str(piece);
        self.text = Some(Span { start, end: start, decoded: true });
    }

    fn end_text(&mut self) -> Result<(), Error> {
        let Some(mut span) = self.text.take() else { return Ok(()) };
        if span.decoded {
            span.end = self.tree.decoded.len() as u32;
        }
        let parent = self.open.last().map_or(NO_NODE, |open| open.node);
        let end = self.tree.nodes.len() as u32 + 1;
        self.tree.nodes.push(Node { parent, end, kind: Kind::Text(span) });
        self.count_nodes()
    }

    fn pass(&mut self) -> Result<(), Error> {
        self.passed += 1;
        self.count_nodes()
    }

    pub(super) fn count_nodes(&self) -> Result<(), Error> {
        if self.tree.nodes.len() + self.passed > self.limits.nodes {
            let detail = format!("the document has more than {} nodes", self.limits.nodes);
            return Err(self.fault(ErrorKind::LimitNodes, detail));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn at(&self, text: &str) -> bool {
        self.bytes.get(self.position..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    pub(super) fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.fault(ErrorKind::Syntax, otherwise));
        }
        self.position += 1;
        Ok(())
    }

    /// Whether there was any.
    pub(super) fn skip_space(&mut self) -> bool {
        let start = self.position;
        while self.peek().is_some_and(is_space) {
            self.position += 1;
        }
        self.position != start
    }

    pub(super) fn fault(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, self.position, detail)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The longest reference, without `&`: leading zeros are legal, but not without end.
const MAX_REFERENCE: usize = 16;
/// The longest XML declaration.
const MAX_DECLARATION: usize = 256;
