//! Tags, names, attribute values: the other half of the scanner.

use super::names;
use super::scan::{Scanned, Scanner};
use super::tree::{
    AttributeData, EMPTY_TAG, ElementData, IN_ORDER, Kind, NO_NODE, NO_SYMBOL, Name, Node, PLAIN_ATTRIBUTES, PLAIN_END,
    PLAIN_START, Span, XML_SYMBOL,
};
use super::whole::{Whole, only};
use super::{Error, ErrorKind};
use crate::wire::guard::{self, Guard};
use crate::wire::ns;

/// An element whose end tag has not come yet.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) node: u32,
    name: Name,
    /// How many bindings were in scope outside.
    bindings: u32,
    pub(super) content: Whole,
}

/// A start tag while it is read.
pub(super) struct Tag {
    /// Where the element's own attributes and declarations begin in the tree.
    pub(super) attributes: usize,
    pub(super) declarations: usize,
    /// Whether a canonical form would write it just so, but for its namespaces and the slash of an empty element.
    pub(super) plain: bool,
    empty: bool,
}

impl Scanner<'_> {
    /// XML 1.0 §3.1, from `<` to `>` or `/>`.
    #[inline]
    pub(super) fn start_tag(&mut self, start: usize) -> Scanned<usize> {
        if self.open.len() >= self.limits.depth && guard::stands(Guard::LimitDepth) {
            let detail = format!("elements are nested deeper than {}", self.limits.depth);
            return Err(self.fault(ErrorKind::LimitDepth, start, detail));
        }
        let name = self.name(start + 1)?;
        if let Some(before) = self.repeated(start, name) {
            return self.repeat(before, start, name);
        }
        let bindings = self.scope.bindings();
        let (attributes, declarations) = (self.tree.attributes.len(), self.tree.declarations.len());
        let mut tag = Tag { attributes, declarations, plain: true, empty: false };
        let mut at = start + 1 + usize::from(name.len);
        while let Some(next) = self.attribute_place(at, &mut tag)? {
            at = self.attribute(next, &mut tag)?;
        }
        at = self.skip_space(at);
        tag.empty = self.byte(at) == Some(b'/');
        if tag.empty {
            at += 1;
        }
        at = self.expect(at, b'>', "a slash stands inside a tag")?;
        let empty = tag.empty;
        let node = self.element(start, name, at, tag)?;
        self.enter(node, name, bindings, at, empty);
        Ok(at)
    }

    /// Opens the element whose start tag was read; an empty one ends with it.
    #[inline]
    pub(super) fn enter(&mut self, node: u32, name: Name, bindings: u32, at: usize, empty: bool) {
        self.open.push(Open { node, name, bindings, content: Whole::NOTHING });
        if empty {
            self.close(at, false);
        }
    }

    /// `</name >`.
    #[inline]
    pub(super) fn end_tag(&mut self, start: usize) -> Scanned<usize> {
        let expected = self.open.last().map_or(&[][..], |open| self.name_bytes(open.name));
        let rest = self.bytes.get(start + 2..).unwrap_or_default();
        let behind = start + 2 + expected.len();
        if !rest.starts_with(expected) {
            return Err(self.other_end_tag(start, expected));
        }
        if self.byte(behind) == Some(b'>') {
            self.close(behind + 1, true);
            return Ok(behind + 1);
        }
        let spaced = self.skip_space(behind);
        // A longer name would go on with another byte than white space.
        if spaced == behind {
            return Err(self.other_end_tag(start, expected));
        }
        let end = self.expect(spaced, b'>', "the end tag does not end")?;
        self.close(end, false);
        Ok(end)
    }

    #[cold]
    fn other_end_tag(&self, at: usize, expected: &[u8]) -> Box<Error> {
        let expected = String::from_utf8_lossy(expected);
        self.fault(ErrorKind::Syntax, at, format!("the end tag of <{}> was expected", shown(&expected)))
    }

    /// Leaves the innermost element, which ends here.
    #[inline]
    fn close(&mut self, end: usize, plain: bool) {
        let Some(open) = self.open.pop() else { return };
        let behind = self.tree.nodes.len() as u32;
        let mut whole = Whole::NOTHING;
        if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
            node.end = behind;
            if let Kind::Element(data) = &mut node.kind {
                data.end = end as u32;
                data.form |= if plain { PLAIN_END } else { 0 };
                whole = data.end_whole(open.content);
            }
        }
        if let Some(outer) = self.open.last_mut() {
            outer.content.add(whole);
        }
        self.scope.leave(open.bindings);
    }

    /// Where the next attribute begins; `None` where the tag ends instead.
    #[inline]
    fn attribute_place(&self, at: usize, tag: &mut Tag) -> Scanned<Option<usize>> {
        if self.byte(at) == Some(b'>') {
            return Ok(None);
        }
        let spaced = self.skip_space(at);
        match self.byte(spaced) {
            Some(b'>' | b'/') => {
                tag.plain &= spaced == at;
                Ok(None)
            }
            None => Err(self.fault(ErrorKind::Syntax, spaced, "the document ends inside a tag")),
            Some(_) if spaced == at => {
                Err(self.fault(ErrorKind::Syntax, at, "white space is missing before an attribute"))
            }
            Some(_) => {
                tag.plain &= spaced == at + 1 && self.byte(at) == Some(b' ');
                Ok(Some(spaced))
            }
        }
    }

    /// Reads an attribute into the tree, or a namespace declaration into scope. What an attribute's prefix means is known
    /// at the end of the tag only.
    #[inline]
    fn attribute(&mut self, start: usize, tag: &mut Tag) -> Scanned<usize> {
        let most = self.limits.attributes + self.limits.namespaces;
        let written = self.tree.attributes.len() + self.tree.declarations.len() - tag.attributes - tag.declarations;
        if written >= most && guard::stands(Guard::LimitAttributes) {
            let detail = format!("an element has more than {most} attributes and namespace declarations");
            return Err(self.fault(ErrorKind::LimitAttributes, start, detail));
        }
        let name = self.name(start)?;
        let behind = start + usize::from(name.len);
        let mut at = behind;
        if !self.says(at, "=\"") {
            at = self.skip_space(at);
            at = self.expect(at, b'=', "an attribute has no value")?;
            at = self.skip_space(at);
        } else {
            at += 1;
        }
        tag.plain &= at == behind + 1;
        let (value, end) = self.value(at)?;
        tag.plain &= value.plain;
        match self.declared_prefix(name) {
            None => {
                let unknown = AttributeData { name, prefix: NO_SYMBOL, namespace: NO_SYMBOL, value };
                self.tree.attributes.push(unknown);
            }
            Some(prefix) => self.declare(prefix, name, value, tag)?,
        }
        Ok(end)
    }

    /// XML 1.0 §3.3.3: the value as if declared CDATA.
    #[inline]
    fn value(&mut self, at: usize) -> Scanned<(Span, usize)> {
        let Some(quote @ (b'"' | b'\'')) = self.byte(at) else {
            return Err(self.fault(ErrorKind::Syntax, at, "an attribute value has no quotes"));
        };
        let start = at + 1;
        let end = names::until(self.bytes, start, |byte| names::needs_look_in_value(byte, quote));
        let (span, end) = if self.byte(end) == Some(quote) {
            (Span { start: start as u32, end: end as u32, decoded: false, plain: quote == b'"' }, end)
        } else {
            self.decoded_value(start, end, quote)?
        };
        if end - start > MAX_VALUE && guard::stands(Guard::LimitAttributes) {
            let detail = format!("an attribute value has {} bytes; {MAX_VALUE} are taken", end - start);
            return Err(self.fault(ErrorKind::LimitAttributes, start, detail));
        }
        Ok((span, end + 1))
    }

    /// A value that needs a look at `at`; the place returned is that of its closing quote.
    #[cold]
    fn decoded_value(&mut self, start: usize, at: usize, quote: u8) -> Scanned<(Span, usize)> {
        let from = self.tree.decoded.len() as u32;
        let (mut run, mut at) = (start, at);
        loop {
            at = names::until(self.bytes, at, |byte| names::needs_look_in_value(byte, quote));
            let (c, behind) = match self.byte(at) {
                None => return Err(self.fault(ErrorKind::Syntax, at, "the document ends inside an attribute")),
                Some(byte) if byte == quote => break,
                Some(b'<') => return Err(self.fault(ErrorKind::Syntax, at, "'<' may not stand in an attribute")),
                Some(b'&') => self.reference(at)?,
                Some(b'\r') if self.says(at, "\r\n") => (' ', at + 2),
                Some(b'\t' | b'\n' | b'\r') => (' ', at + 1),
                Some(_) => {
                    at = self.permitted(at)?;
                    continue;
                }
            };
            self.tree.decoded.push_str(self.source.get(run..at).unwrap_or_default());
            self.tree.decoded.push(c);
            (run, at) = (behind, behind);
        }
        self.tree.decoded.push_str(self.source.get(run..at).unwrap_or_default());
        Ok((Span { start: from, end: self.tree.decoded.len() as u32, decoded: true, plain: false }, at))
    }

    /// Namespaces in XML §4: `NCName` or `NCName:NCName`.
    #[inline]
    fn name(&self, start: usize) -> Scanned<Name> {
        // Most names end within sixteen bytes: one look finds the colon and the end.
        let ends = self.bytes.get(start..).and_then(|rest| rest.first_chunk::<16>());
        let ends = ends.map_or(0, |chunk| names::mask(chunk, names::is_outside_names));
        let (mut colon, mut end) = (0, start + names::first(ends));
        if self.byte(end) == Some(b':') {
            colon = end + 1 - start;
            // None of the sixteen may be an end: then it is the byte behind them that is the colon.
            end = start + names::first(ends & ends.wrapping_sub(1));
        }
        let ascii = end < start + 16 && self.byte(end).is_some_and(|byte| byte.is_ascii() && byte != b':');
        let starts = |at| self.byte(at).is_some_and(names::starts);
        if ascii && starts(start) && starts(start + colon) && self.limits.name >= 16 {
            return Ok(Name { start: start as u32, colon: colon as u16, len: (end - start) as u16 });
        }
        self.other_name(start)
    }

    /// A name that is long, holds other characters than those of ASCII, or is none.
    #[inline(never)]
    fn other_name(&self, start: usize) -> Scanned<Name> {
        let mut end = self.ncname(start)?;
        let mut colon = 0;
        if self.byte(end) == Some(b':') {
            colon = end + 1 - start;
            end = self.ncname(end + 1)?;
            if self.byte(end) == Some(b':') {
                return Err(self.fault(ErrorKind::Namespace, start, "a name has two colons"));
            }
        }
        let len = end - start;
        let most = if guard::stands(Guard::LimitName) { self.limits.name } else { usize::MAX };
        if len > most.min(usize::from(u16::MAX)) {
            let detail = format!("a name has {len} bytes; {} are taken", self.limits.name);
            return Err(self.fault(ErrorKind::LimitName, start, detail));
        }
        Ok(Name { start: start as u32, colon: colon as u16, len: len as u16 })
    }

    /// The place behind the NCName that begins here.
    #[inline]
    fn ncname(&self, start: usize) -> Scanned<usize> {
        let end = names::until(self.bytes, start, names::is_outside_names);
        let starts = self.byte(start).is_some_and(names::starts);
        match self.byte(end) {
            Some(byte) if !byte.is_ascii() => self.ncname_beyond_ascii(start),
            _ if starts => Ok(end),
            _ => Err(self.fault(ErrorKind::Syntax, start, "a name was expected here")),
        }
    }

    #[cold]
    fn ncname_beyond_ascii(&self, start: usize) -> Scanned<usize> {
        let rest = self.source.get(start..).unwrap_or_default();
        let mut chars = rest.char_indices();
        if !chars.next().is_some_and(|(_, c)| names::starts_name(c)) {
            return Err(self.fault(ErrorKind::Syntax, start, "a name was expected here"));
        }
        Ok(start + chars.find(|(_, c)| !names::inside_name(*c)).map_or(rest.len(), |(len, _)| len))
    }

    /// Puts the element into the tree, and resolves its names: all its declarations are known now.
    #[inline]
    fn element(&mut self, start: usize, name: Name, content: usize, tag: Tag) -> Scanned<u32> {
        let node = self.tree.nodes.len() as u32;
        let ids = self.tree.ids.len();
        let (prefix, namespace) = self.bound(name)?;
        let mut form = PLAIN_ATTRIBUTES | IN_ORDER | if tag.plain { PLAIN_START } else { 0 };
        form |= if tag.empty { EMPTY_TAG } else { 0 };
        let mut used = only(prefix);
        for index in tag.attributes..self.tree.attributes.len() {
            form &= self.resolve_attribute(index, tag.attributes, node)?;
        }
        if form & PLAIN_ATTRIBUTES == 0 {
            for attribute in self.tree.attributes.get(tag.attributes..).unwrap_or_default() {
                // A name without prefix is in no namespace, whatever the default is.
                if attribute.prefix != NO_SYMBOL {
                    used = used.zip(only(attribute.prefix)).map(|(all, one)| all | one);
                }
            }
        }
        let mut data = ElementData {
            name,
            prefix,
            namespace,
            start: start as u32,
            content: content as u32,
            end: 0,
            attributes: tag.attributes as u32,
            declarations: tag.declarations as u32,
            attribute_count: (self.tree.attributes.len() - tag.attributes) as u16,
            declaration_count: (self.tree.declarations.len() - tag.declarations) as u16,
            form,
            needs: 0,
            fresh: 0,
        };
        data.begin_whole(used, self.tree.declarations.get(tag.declarations..).unwrap_or_default());
        self.remember(node, &data, self.tree.ids.len() > ids);
        self.add_element(data)
    }

    #[inline]
    pub(super) fn add_element(&mut self, data: ElementData) -> Scanned<u32> {
        let node = self.tree.nodes.len() as u32;
        let parent = self.open.last().map_or(NO_NODE, |open| open.node);
        self.tree.nodes.push(Node { parent, end: node + 1, kind: Kind::Element(data) });
        self.count_nodes(data.content as usize)?;
        Ok(node)
    }

    /// Resolves the attribute at `index` of the tree, of an element whose first one is at `first`, and puts it in its
    /// place among them. Returns what it leaves of the element's form.
    #[inline]
    fn resolve_attribute(&mut self, index: usize, first: usize, node: u32) -> Scanned<u8> {
        let Some(AttributeData { name, value, .. }) = self.tree.attributes.get(index).copied() else { return Ok(0) };
        let (prefix, namespace) = if name.colon == 0 { (NO_SYMBOL, NO_SYMBOL) } else { self.bound(name)? };
        let local = self.local_bytes(name);
        let before = self.tree.attributes.get(first..index).unwrap_or_default();
        // Namespaces in XML §6.3: neither the same qualified nor the same expanded name.
        let twice = before.iter().any(|other| other.namespace == namespace && self.local_bytes(other.name) == local);
        if twice && guard::stands(Guard::DuplicateAttribute) {
            let detail = format!("the attribute {} stands twice on one element", shown(self.name_text(name)));
            return Err(self.fault(ErrorKind::DuplicateAttribute, name.start as usize, detail));
        }
        if before.len() >= self.limits.attributes && guard::stands(Guard::LimitAttributes) {
            let detail = format!("an element has more than {} attributes", self.limits.attributes);
            return Err(self.fault(ErrorKind::LimitAttributes, name.start as usize, detail));
        }
        let is_id = match namespace {
            NO_SYMBOL => matches!(local, b"Id" | b"ID" | b"id" | b"AssertionID" | b"RequestID" | b"ResponseID"),
            XML_SYMBOL => local == b"id",
            _ => local == b"Id" && self.namespace_bytes(namespace) == ns::WSU.as_bytes(),
        };
        if is_id {
            self.tree.ids.push((value, node));
        }
        if let Some(attribute) = self.tree.attributes.get_mut(index) {
            (attribute.prefix, attribute.namespace) = (prefix, namespace);
        }
        let mut form = !PLAIN_ATTRIBUTES | if name.colon == 0 { PLAIN_ATTRIBUTES } else { 0 };
        let mut place = index;
        while place > first && self.comes_before(place, place - 1) {
            self.tree.attributes.swap(place, place - 1);
            place -= 1;
            form &= !IN_ORDER;
        }
        Ok(form)
    }

    /// Whether one attribute of the tree comes before another in a canonical form (C14N §2.2).
    #[inline]
    fn comes_before(&self, one: usize, other: usize) -> bool {
        let (Some(one), Some(other)) = (self.tree.attributes.get(one), self.tree.attributes.get(other)) else {
            return false;
        };
        if one.namespace != other.namespace {
            return self.namespace_bytes(one.namespace) < self.namespace_bytes(other.namespace);
        }
        self.local_bytes(one.name) < self.local_bytes(other.name)
    }

    /// The first eight bytes of a prefix (or a local name) as a number: nearly all prefixes are no longer, and are compared in one step.
    #[inline]
    pub(super) fn key(&self, prefix: Name) -> u64 {
        let (start, len) = (prefix.start as usize, u32::from(prefix.len));
        let Some(bytes) = self.bytes.get(start..).and_then(|rest| rest.first_chunk::<8>()) else {
            // So near to the end of the document stands no prefix of a well-formed one.
            return self.name_bytes(prefix).iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte));
        };
        let word = u64::from_le_bytes(*bytes);
        if len < 8 { word & !(u64::MAX << (8 * len)) } else { word }
    }

    #[inline]
    pub(super) fn name_bytes(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        self.bytes.get(start..start + usize::from(name.len)).unwrap_or_default()
    }

    #[inline]
    pub(super) fn span_bytes(&self, span: Span) -> &[u8] {
        let text = if span.decoded { self.tree.decoded.as_bytes() } else { self.bytes };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn name_text(&self, name: Name) -> &str {
        let start = name.start as usize;
        self.source.get(start..start + usize::from(name.len)).unwrap_or_default()
    }

    #[inline]
    fn local_bytes(&self, name: Name) -> &[u8] {
        self.name_bytes(name).get(usize::from(name.colon)..).unwrap_or_default()
    }

    pub(super) fn prefix_bytes(&self, symbol: u16) -> &[u8] {
        self.tree.prefixes.get(usize::from(symbol)).map_or(&[], |span| self.span_bytes(*span))
    }

    pub(super) fn namespace_bytes(&self, symbol: u16) -> &[u8] {
        match symbol {
            XML_SYMBOL => ns::XML.as_bytes(),
            _ => self.tree.namespaces.get(usize::from(symbol)).map_or(&[], |span| self.span_bytes(*span)),
        }
    }

    pub(super) fn span_text(&self, span: Span) -> &str {
        let text = if span.decoded { self.tree.decoded.as_str() } else { self.source };
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// A piece of the message for an error's text: short, control characters escaped.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

/// The longest attribute value, in bytes of the source.
const MAX_VALUE: usize = 32 * 1024;
