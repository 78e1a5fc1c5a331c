//! Namespaces in scope (Namespaces in XML 1.0 §2-§6): what is declared where, and what a prefix means here.

use super::scan::{Scanned, Scanner};
use super::tags::{Tag, shown};
use super::tree::{Declaration, MAX_SYMBOLS, NO_SYMBOL, Name, Span, XML_SYMBOL};
use super::{Error, ErrorKind, names};
use crate::wire::guard::{self, Guard};
use crate::wire::ns;

/// How things were before a binding.
#[derive(Clone, Copy)]
struct Outside {
    prefix: u16,
    /// What the prefix was bound to.
    bound: u16,
    number: u32,
}

/// The namespace bindings in scope.
pub(super) struct Scope {
    /// By prefix symbol: see [`Scanner::key`].
    keys: Vec<u64>,
    /// By prefix symbol: the namespace that it is bound to here, or [`UNBOUND`].
    bound: Vec<u16>,
    /// The bindings in scope, innermost last.
    outside: Vec<Outside>,
    /// A number that these bindings have and no others before or later.
    pub(super) number: u32,
    last_number: u32,
    /// By namespace symbol: see [`ending`].
    endings: Vec<u64>,
}

impl Scope {
    /// With the two symbols that are there from the start.
    pub(super) fn new() -> Self {
        let mut scope = Self {
            keys: Vec::with_capacity(16),
            bound: Vec::with_capacity(16),
            outside: Vec::with_capacity(16),
            number: 0,
            last_number: 0,
            endings: Vec::with_capacity(16),
        };
        scope.keys.extend([0, XML_KEY]);
        scope.bound.extend([NO_SYMBOL, XML_SYMBOL]);
        scope.endings.extend([ending(b""), ending(ns::XML.as_bytes())]);
        scope
    }

    fn bind(&mut self, prefix: u16, namespace: u16) {
        if let Some(bound) = self.bound.get_mut(usize::from(prefix)) {
            self.outside.push(Outside { prefix, bound: *bound, number: self.number });
            *bound = namespace;
            self.last_number += 1;
            self.number = self.last_number;
        }
    }

    /// How many bindings are in scope.
    #[inline]
    pub(super) fn bindings(&self) -> u32 {
        self.outside.len() as u32
    }

    #[inline]
    pub(super) fn leave(&mut self, bindings: u32) {
        while self.outside.len() > bindings as usize {
            let Some(outside) = self.outside.pop() else { return };
            self.number = outside.number;
            if let Some(bound) = self.bound.get_mut(usize::from(outside.prefix)) {
                *bound = outside.bound;
            }
        }
    }
}

impl Scanner<'_> {
    /// Takes a namespace declaration into scope.
    pub(super) fn declare(&mut self, prefix_name: Name, written: Name, value: Span, tag: &mut Tag) -> Scanned<()> {
        let at = written.start as usize;
        let key = self.key(prefix_name);
        let known = self.known_namespace(self.span_bytes(value));
        // A name that is known has been looked at.
        let ordinary = known.is_some_and(|symbol| symbol > XML_SYMBOL) && key != XML_KEY && key != XMLNS_KEY;
        if !ordinary && !self.may_declare(prefix_name, value, at)? {
            // A canonical form does not write it.
            tag.plain = false;
            return Ok(());
        }
        let prefix = self.prefix_symbol(prefix_name, key)?;
        let namespace = match known {
            Some(known) => known,
            None => self.namespace_symbol(value, at)?,
        };
        let own = self.tree.declarations.get(tag.declarations..).unwrap_or_default();
        let twice = own.iter().any(|declared| declared.prefix == prefix);
        if twice && guard::stands(Guard::DuplicateAttribute) {
            let detail = "a prefix is declared twice on one element";
            return Err(self.fault(ErrorKind::DuplicateAttribute, at, detail));
        }
        let most = if guard::stands(Guard::LimitNamespaces) { self.limits.namespaces } else { MAX_SYMBOLS };
        if own.len() >= most || self.scope.outside.len() >= MAX_SYMBOLS {
            return Err(self.fault(ErrorKind::LimitNamespaces, at, "too many namespace declarations"));
        }
        // A canonical form has declarations in the order of their prefixes, and before the attributes.
        let in_order = match own.last() {
            None => true,
            Some(last) => self.prefix_bytes(last.prefix) < self.name_bytes(prefix_name),
        };
        tag.plain &= in_order && self.tree.attributes.len() == tag.attributes;
        self.tree.declarations.push(Declaration { prefix, namespace });
        self.scope.bind(prefix, namespace);
        Ok(())
    }

    /// Whether there is something to declare: all but `xmlns:xml`, which says what is known.
    #[cold]
    fn may_declare(&self, prefix: Name, value: Span, at: usize) -> Scanned<bool> {
        let (prefix, uri) = (self.name_text(prefix), self.span_text(value));
        let fault = match (prefix, uri) {
            ("xmlns", _) => Some("the prefix xmlns may not be declared"),
            ("xml", ns::XML) => return Ok(false),
            ("xml", _) => Some("the prefix xml may not be declared as another namespace"),
            (_, ns::XML | ns::XMLNS) => Some("the namespaces of xml and xmlns may have no other prefix"),
            ("", "") => None,
            (_, "") => Some("a prefix may not be undeclared"),
            _ => names::namespace_fault(uri),
        };
        let Some(fault) = fault.filter(|_| guard::stands(Guard::Namespace)) else { return Ok(true) };
        let detail = format!("xmlns:{}=\"{}\": {fault}", shown(prefix), shown(uri));
        Err(self.fault(ErrorKind::Namespace, at, detail))
    }

    /// The prefix that an attribute declares, as a name in the source; `None` for an attribute that declares nothing.
    #[inline]
    pub(super) fn declared_prefix(&self, name: Name) -> Option<Name> {
        let default = name.colon == 0 && name.len == 5;
        if !(default || name.colon == 6) || !self.name_bytes(name).starts_with(b"xmlns") {
            return None;
        }
        let len = if default { 0 } else { name.len - name.colon };
        Some(Name { start: name.start + u32::from(name.colon), colon: 0, len })
    }

    /// The symbols of a name's prefix, and of the namespace that it is bound to.
    #[inline]
    pub(super) fn bound(&self, name: Name) -> Scanned<(u16, u16)> {
        let prefix = Name { start: name.start, colon: 0, len: name.colon.saturating_sub(1) };
        let symbol = self.known_prefix(prefix, self.key(prefix)).unwrap_or_default();
        match self.scope.bound.get(symbol) {
            Some(namespace) if *namespace != UNBOUND && (symbol != 0 || prefix.len == 0) => {
                Ok((symbol as u16, *namespace))
            }
            _ => {
                let detail = format!("the prefix {} is not declared", shown(self.name_text(prefix)));
                Err(self.fault(ErrorKind::Namespace, name.start as usize, detail))
            }
        }
    }

    /// The symbol of a prefix that was declared before, anywhere.
    #[inline]
    fn known_prefix(&self, prefix: Name, key: u64) -> Option<usize> {
        let alike = self.scope.keys.iter().position(|known| *known == key)?;
        if prefix.len < 8 { Some(alike) } else { self.known_long_prefix(prefix) }
    }

    #[cold]
    fn known_long_prefix(&self, prefix: Name) -> Option<usize> {
        let text = self.name_bytes(prefix);
        self.tree.prefixes.iter().position(|known| self.span_bytes(*known) == text)
    }

    fn prefix_symbol(&mut self, prefix: Name, key: u64) -> Scanned<u16> {
        if let Some(known) = self.known_prefix(prefix, key) {
            return Ok(known as u16);
        }
        let (start, end) = (prefix.start, prefix.start + u32::from(prefix.len));
        if self.tree.prefixes.len() >= MAX_SYMBOLS {
            return Err(self.too_many_symbols(start as usize));
        }
        self.scope.keys.push(key);
        self.scope.bound.push(UNBOUND);
        self.tree.prefixes.push(Span { start, end, decoded: false, plain: true });
        Ok(self.tree.prefixes.len() as u16 - 1)
    }

    #[inline]
    fn known_namespace(&self, name: &[u8]) -> Option<u16> {
        let ending = ending(name);
        let mut alike = self.scope.endings.iter().enumerate().filter(|(_, known)| **known == ending);
        alike.find(|(symbol, _)| self.namespace_bytes(*symbol as u16) == name).map(|(symbol, _)| symbol as u16)
    }

    /// The symbol of a namespace that is not known.
    fn namespace_symbol(&mut self, value: Span, at: usize) -> Scanned<u16> {
        if self.tree.namespaces.len() >= MAX_SYMBOLS {
            return Err(self.too_many_symbols(at));
        }
        let ending = ending(self.span_bytes(value));
        self.scope.endings.push(ending);
        self.tree.namespaces.push(value);
        Ok(self.tree.namespaces.len() as u16 - 1)
    }

    #[cold]
    fn too_many_symbols(&self, at: usize) -> Box<Error> {
        self.fault(ErrorKind::LimitNamespaces, at, "too many different prefixes or namespaces")
    }
}

/// The last eight bytes of a namespace name and its length as a number. Most names differ in it; those that do not are
/// compared.
#[inline]
fn ending(name: &[u8]) -> u64 {
    name.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last)).wrapping_add(name.len() as u64)
}

/// The keys of the two prefixes that are bound from the start.
const XML_KEY: u64 = u64::from_le_bytes(*b"xml\0\0\0\0\0");
const XMLNS_KEY: u64 = u64::from_le_bytes(*b"xmlns\0\0\0");
/// The prefix is known, but is not declared here.
const UNBOUND: u16 = u16::MAX;
