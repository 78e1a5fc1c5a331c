//! The scanner: bytes in, one [`Document`] out, in one pass.
//!
//! Grammar: XML 1.0 (fifth edition) §2-§4 and Namespaces in XML 1.0 §2-§6, without DOCTYPE and processing
//! instructions. Names and start tags are in `tags`; this file holds the document, texts and references.
//!
//! Every function takes the place where it begins and returns the place behind what it read. A place that is a value
//! stays in a register; as a field it cost a third of the time of a parse. For the same reason an error is boxed here.

use super::names;
use super::repeated::Repeated;
use super::scope::Scope;
use super::tags::Open;
use super::tree::{Document, EMPTY, Kind, NO_NODE, Node, Span, Tree};
use super::{Error, ErrorKind, Limits, encoding};
use crate::wire::guard::{self, Guard};

/// Reads a whole document.
pub(super) fn scan(bytes: Vec<u8>, limits: &Limits) -> Result<Document, Error> {
    let too_long = bytes.len() > limits.bytes && guard::stands(Guard::LimitBytes);
    if too_long || bytes.len() >= u32::MAX as usize {
        let detail = format!("the document has {} bytes; {} are taken", bytes.len(), limits.bytes);
        return Err(Error::new(ErrorKind::LimitBytes, limits.bytes, detail));
    }
    let source = encoding::utf8(bytes)?;
    let mut scanner = Scanner::new(&source, limits);
    scanner.document().map_err(|error| *error)?;
    let tree = scanner.tree;
    Ok(Document { source, tree })
}

/// What a function of the scanner returns; mostly a place.
pub(super) type Scanned<T> = Result<T, Box<Error>>;

pub(super) struct Scanner<'s> {
    pub(super) source: &'s str,
    pub(super) bytes: &'s [u8],
    pub(super) limits: &'s Limits,
    pub(super) tree: Tree,
    pub(super) open: Vec<Open>,
    pub(super) scope: Scope,
    pub(super) repeated: Repeated,
    /// The text being read. It goes on behind a comment or a CDATA section.
    text: Option<Span>,
    /// Comments and CDATA sections: they make no node, but cost.
    passed: usize,
}

impl<'s> Scanner<'s> {
    fn new(source: &'s str, limits: &'s Limits) -> Self {
        // What messages have, more or less; a limit on bytes came before.
        let mut tree = Tree::default();
        tree.nodes.reserve(source.len() / 40);
        tree.attributes.reserve(source.len() / 96);
        tree.declarations.reserve(16 + source.len() / 256);
        tree.prefixes.reserve(16);
        tree.namespaces.reserve(16);
        tree.ids.reserve(8);
        tree.prefixes.extend([EMPTY, EMPTY]);
        tree.namespaces.extend([EMPTY, EMPTY]);
        Self {
            source,
            bytes: source.as_bytes(),
            limits,
            tree,
            open: Vec::with_capacity(16),
            scope: Scope::new(),
            repeated: Repeated::new(),
            text: None,
            passed: 0,
        }
    }

    fn document(&mut self) -> Scanned<()> {
        let mut at = if self.source.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        if self.says(at, "<?xml") && self.byte(at + 5).is_some_and(is_space) {
            at = self.declaration(at)?;
        }
        at = self.around_root(at)?;
        if self.byte(at) != Some(b'<') {
            return Err(self.fault(ErrorKind::Syntax, at, "there is no root element"));
        }
        at = self.start_tag(at)?;
        while !self.open.is_empty() {
            at = self.content(at)?;
        }
        at = self.around_root(at)?;
        match self.byte(at) {
            None => Ok(()),
            Some(_) if !guard::stands(Guard::Trailing) => Ok(()),
            Some(_) => Err(self.fault(ErrorKind::Trailing, at, "something follows the root element")),
        }
    }

    /// XML 1.0 §2.8: `<?xml version="1.0" encoding="utf-8" standalone="…"?>`.
    fn declaration(&mut self, start: usize) -> Scanned<usize> {
        let mut at = start + "<?xml".len();
        let end = self.source.get(start..).and_then(|rest| rest.find("?>")).filter(|len| *len < MAX_DECLARATION);
        let Some(end) = end.map(|len| start + len) else {
            return Err(self.fault(ErrorKind::Syntax, start, "the XML declaration does not end"));
        };
        for (index, name) in ["version", "encoding", "standalone"].into_iter().enumerate() {
            let spaced = self.skip_space(at);
            if !self.says(spaced, name) {
                if index == 0 {
                    return Err(self.fault(ErrorKind::Syntax, spaced, "the XML declaration names no version"));
                }
                at = spaced;
                continue;
            }
            if spaced == at {
                return Err(self.fault(ErrorKind::Syntax, at, "white space is missing in the XML declaration"));
            }
            let value;
            (value, at) = self.declared(spaced + name.len())?;
            let fault = match name {
                "version" if value != "1.0" => Some((ErrorKind::Syntax, "only XML 1.0 is read".to_owned())),
                "encoding" if !value.eq_ignore_ascii_case("utf-8") && guard::stands(Guard::Encoding) => {
                    // The bytes are UTF-8, or we would not be here: they are one thing and say another.
                    let name: String = value.chars().take(MAX_ENCODING_NAME).collect();
                    let name = name.escape_default();
                    Some((ErrorKind::Encoding, format!("the XML declaration says `{name}`, and only UTF-8 is read")))
                }
                "standalone" if value != "yes" && value != "no" => {
                    Some((ErrorKind::Syntax, "standalone is neither yes nor no".to_owned()))
                }
                _ => None,
            };
            if let Some((kind, detail)) = fault {
                return Err(self.fault(kind, spaced, detail));
            }
        }
        at = self.skip_space(at);
        if at != end {
            return Err(self.fault(ErrorKind::Syntax, at, "the XML declaration is malformed"));
        }
        Ok(end + "?>".len())
    }

    /// `= "value"` inside the XML declaration.
    fn declared(&self, at: usize) -> Scanned<(&'s str, usize)> {
        let at = self.skip_space(at);
        let at = self.expect(at, b'=', "an equals sign is missing")?;
        let at = self.skip_space(at);
        let quote = self.byte(at).filter(|b| matches!(b, b'"' | b'\''));
        let value = quote.and_then(|quote| self.source.get(at + 1..)?.split_once(char::from(quote)));
        let Some((value, _)) = value else { return Err(self.fault(ErrorKind::Syntax, at, "a quote is missing")) };
        Ok((value, at + 1 + value.len() + 1))
    }

    /// White space and comments before and behind the root element.
    fn around_root(&mut self, at: usize) -> Scanned<usize> {
        let mut at = at;
        loop {
            at = self.skip_space(at);
            if !self.says(at, "<!") && !self.says(at, "<?") {
                return Ok(at);
            }
            at = self.markup(at)?;
        }
    }

    /// One piece of content: a text, a tag, a comment, a CDATA section.
    #[inline]
    fn content(&mut self, at: usize) -> Scanned<usize> {
        match (self.byte(at), self.byte(at + 1)) {
            (Some(b'<'), Some(b'/')) => {
                self.end_text(at)?;
                self.end_tag(at)
            }
            (Some(b'<'), Some(b'!' | b'?')) => self.markup(at),
            (Some(b'<'), _) => {
                self.end_text(at)?;
                self.start_tag(at)
            }
            (Some(_), _) => self.characters(at),
            (None, _) => Err(self.fault(ErrorKind::Syntax, at, "the document ends inside an element")),
        }
    }

    /// What begins with `<!` or `<?`.
    #[cold]
    fn markup(&mut self, at: usize) -> Scanned<usize> {
        if self.says(at, "<!--") {
            return self.comment(at);
        }
        if self.says(at, "<![CDATA[") && !self.open.is_empty() {
            return self.cdata(at);
        }
        if self.says(at, "<!DOCTYPE") {
            return Err(self.fault(ErrorKind::Doctype, at, "a document type declaration is never read"));
        }
        if self.says(at, "<?") {
            return Err(self.fault(ErrorKind::ProcessingInstruction, at, "processing instructions are never read"));
        }
        Err(self.fault(ErrorKind::Syntax, at, "this markup is unknown"))
    }

    /// XML 1.0 §2.5. Dropped: what is not in the tree cannot split a text.
    fn comment(&mut self, at: usize) -> Scanned<usize> {
        let start = at + "<!--".len();
        let rest = self.source.get(start..).unwrap_or_default();
        let Some(len) = rest.find("--") else {
            return Err(self.fault(ErrorKind::Syntax, at, "the comment does not end"));
        };
        self.only_chars(start, start + len)?;
        let end = self.expect(start + len + 2, b'>', "a comment may not hold two hyphens")?;
        self.pass(end)
    }

    /// XML 1.0 §2.7. Its content is text like any other.
    fn cdata(&mut self, at: usize) -> Scanned<usize> {
        let start = at + "<![CDATA[".len();
        let rest = self.source.get(start..).unwrap_or_default();
        let Some(len) = rest.find("]]>") else {
            return Err(self.fault(ErrorKind::Syntax, at, "the CDATA section does not end"));
        };
        let end = start + len;
        self.only_chars(start, end)?;
        let mut run = start;
        while let Some(found) = self.source.get(run..end).and_then(|piece| piece.find('\r')) {
            self.add_source(run, run + found, false);
            self.add_char('\n');
            run += found + 1;
            if self.byte(run) == Some(b'\n') {
                run += 1;
            }
        }
        self.add_source(run, end, false);
        self.pass(end + "]]>".len())
    }

    /// XML 1.0 §2.4 and §2.11: character data up to the next `<`.
    #[inline]
    fn characters(&mut self, start: usize) -> Scanned<usize> {
        let (mut run, mut at) = (start, start);
        let mut plain = true;
        loop {
            at = names::until(self.bytes, at, names::needs_look_in_text);
            match self.byte(at) {
                None | Some(b'<') => break,
                Some(b'>') => {
                    // Both brackets are this text's: whatever comes before a text ends with another byte.
                    if self.bytes.get(..at).is_some_and(|before| before.ends_with(b"]]")) {
                        return Err(self.fault(ErrorKind::Syntax, at - 2, "']]>' may not stand in a text"));
                    }
                    plain = false;
                    at += 1;
                }
                Some(b'&') => {
                    self.add_source(run, at, false);
                    let c;
                    (c, at) = self.reference(at)?;
                    self.add_char(c);
                    run = at;
                }
                Some(b'\r') => {
                    self.add_source(run, at, false);
                    self.add_char('\n');
                    at += if self.says(at, "\r\n") { 2 } else { 1 };
                    run = at;
                }
                // The usual text.
                Some(b'\n' | b'\t') => at += 1,
                Some(_) => at = self.permitted(at)?,
            }
        }
        self.add_source(run, at, plain);
        Ok(at)
    }

    /// XML 1.0 §4.1: `&#10;`, `&#xA;`, or one of the five predefined entities (§4.6).
    pub(super) fn reference(&self, start: usize) -> Scanned<(char, usize)> {
        let rest = self.bytes.get(start + 1..(start + 1 + MAX_REFERENCE).min(self.bytes.len())).unwrap_or_default();
        let name = rest.iter().position(|b| *b == b';').and_then(|len| rest.get(..len));
        let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else {
            return Err(self.fault(ErrorKind::Syntax, start, "an ampersand begins a reference that does not end"));
        };
        let end = start + 1 + name.len() + 1;
        let number = match name {
            "amp" => return Ok(('&', end)),
            "lt" => return Ok(('<', end)),
            "gt" => return Ok(('>', end)),
            "quot" => return Ok(('"', end)),
            "apos" => return Ok(('\'', end)),
            _ => name.strip_prefix('#'),
        };
        let Some(number) = number else {
            let detail = format!("the entity &{}; is not predefined; others are never read", name.escape_default());
            return Err(self.fault(ErrorKind::Entity, start, detail));
        };
        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
        let well_formed = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        if !well_formed {
            return Err(self.fault(ErrorKind::Syntax, start, "a character reference is malformed"));
        }
        let character = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        match character.filter(|c| names::is_char(*c) || !guard::stands(Guard::Character)) {
            Some(character) => Ok((character, end)),
            None => {
                let detail = "a reference names a character that XML does not allow";
                Err(self.fault(ErrorKind::Character, start, detail))
            }
        }
    }

    /// Steps over the character here if it is one that XML allows.
    pub(super) fn permitted(&self, at: usize) -> Scanned<usize> {
        match self.source.get(at..).and_then(|rest| rest.chars().next()) {
            Some(c) if names::is_char(c) || !guard::stands(Guard::Character) => Ok(at + c.len_utf8()),
            _ => Err(self.fault(ErrorKind::Character, at, "a character that XML does not allow")),
        }
    }

    /// Checks a run of characters that is not looked at otherwise.
    fn only_chars(&self, start: usize, end: usize) -> Scanned<()> {
        let piece = self.source.get(start..end).unwrap_or_default();
        match piece.char_indices().find(|(_, c)| !names::is_char(*c)) {
            None => Ok(()),
            Some(_) if !guard::stands(Guard::Character) => Ok(()),
            Some((at, _)) => Err(self.fault(ErrorKind::Character, start + at, "a character that XML does not allow")),
        }
    }

    /// Adds a piece of the source to the text. `plain`: a canonical form writes it just so.
    #[inline]
    fn add_source(&mut self, start: usize, end: usize, plain: bool) {
        if start == end {
            return;
        }
        match &mut self.text {
            None => self.text = Some(Span { start: start as u32, end: end as u32, decoded: false, plain }),
            Some(_) => self.append(start, end),
        }
    }

    /// The text goes on in another piece of the source: behind a comment, a CDATA section or a reference.
    #[cold]
    fn append(&mut self, start: usize, end: usize) {
        self.decode_text();
        self.tree.decoded.push_str(self.source.get(start..end).unwrap_or_default());
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
        self.text = Some(Span { start, end: start, decoded: true, plain: false });
    }

    #[inline]
    fn end_text(&mut self, at: usize) -> Scanned<()> {
        let Some(mut span) = self.text.take() else { return Ok(()) };
        if span.decoded {
            span.end = self.tree.decoded.len() as u32;
        }
        let parent = self.open.last().map_or(NO_NODE, |open| open.node);
        let end = self.tree.nodes.len() as u32 + 1;
        if let Some(open) = self.open.last_mut() {
            open.content.plain &= span.plain;
        }
        self.tree.nodes.push(Node { parent, end, kind: Kind::Text(span) });
        self.count_nodes(at)
    }

    /// Something that stands in the source only was read.
    fn pass(&mut self, at: usize) -> Scanned<usize> {
        self.passed += 1;
        if let Some(open) = self.open.last_mut() {
            open.content.plain = false;
        }
        self.count_nodes(at)?;
        Ok(at)
    }

    #[inline]
    pub(super) fn count_nodes(&self, at: usize) -> Scanned<()> {
        if self.tree.nodes.len() + self.passed > self.limits.nodes && guard::stands(Guard::LimitNodes) {
            let detail = format!("the document has more than {} nodes", self.limits.nodes);
            return Err(self.fault(ErrorKind::LimitNodes, at, detail));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Whether this stands here.
    #[inline]
    pub(super) fn says(&self, at: usize, text: &str) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    #[inline]
    pub(super) fn expect(&self, at: usize, byte: u8, otherwise: &str) -> Scanned<usize> {
        if self.byte(at) == Some(byte) { Ok(at + 1) } else { Err(self.fault(ErrorKind::Syntax, at, otherwise)) }
    }

    #[inline]
    pub(super) fn skip_space(&self, at: usize) -> usize {
        let mut at = at;
        while self.byte(at).is_some_and(is_space) {
            at += 1;
        }
        at
    }

    #[cold]
    pub(super) fn fault(&self, kind: ErrorKind, at: usize, detail: impl Into<String>) -> Box<Error> {
        Box::new(Error::new(kind, at, detail))
    }
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The longest reference, without `&`: leading zeros are legal, but not without end.
const MAX_REFERENCE: usize = 16;
/// How much of the name of an encoding is quoted.
const MAX_ENCODING_NAME: usize = 40;
/// The longest XML declaration.
const MAX_DECLARATION: usize = 256;
