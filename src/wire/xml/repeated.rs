//! Start tags that stand in a document again, byte for byte.
//!
//! Messages repeat themselves: in the references of a signature, the attributes of an assertion, the claims of a
//! request. What a start tag means is a function of its bytes and of the namespace bindings in scope. Where both are as
//! they were once before, so is everything that was found out then, and only places differ. Tags that declare something
//! or carry an id are not remembered: they do more than make an element.

use super::scan::{Scanned, Scanner};
use super::tree::{EMPTY_TAG, ElementData, Name};
use super::whole::Prefixes;

/// The last start tags, one for each of a few places that a name's digest picks.
pub(super) struct Repeated([Seen; PLACES]);

#[derive(Clone, Copy)]
struct Seen {
    node: u32,
    /// The number of the bindings in scope.
    scope: u32,
    /// As the tag left them: what follows a tag has changed the element since.
    form: u8,
    needs: Prefixes,
}

impl Repeated {
    pub(super) fn new() -> Self {
        Self([Seen { node: 0, scope: u32::MAX, form: 0, needs: 0 }; PLACES])
    }
}

impl Scanner<'_> {
    /// Remembers the start tag of an element that has just been read, where it may be.
    #[inline]
    pub(super) fn remember(&mut self, node: u32, data: &ElementData, has_id: bool) {
        let place = self.place(data.name);
        if data.declaration_count == 0
            && !has_id
            && let Some(seen) = self.repeated.0.get_mut(place)
        {
            *seen = Seen { node, scope: self.scope.number, form: data.form, needs: data.needs };
        }
    }

    /// The element that the start tag here makes, if the same tag was read before.
    #[inline]
    pub(super) fn repeated(&mut self, start: usize, name: Name) -> Option<ElementData> {
        let seen = self.repeated.0.get(self.place(name)).filter(|seen| seen.scope == self.scope.number)?;
        let before = self.tree.element(seen.node)?;
        let tag = self.bytes.get(before.start as usize..before.content as usize)?;
        let same = self.bytes.get(start..)?.starts_with(tag);
        let (form, needs) = (seen.form, seen.needs);
        same.then_some(ElementData { form, needs, fresh: 0, ..before })
    }

    /// Puts an element as it was read `before` into the tree again, now with its start tag at `start`; returns the place
    /// behind that.
    #[inline]
    pub(super) fn repeat(&mut self, before: ElementData, start: usize, name: Name) -> Scanned<usize> {
        let by = start as u32 - before.start;
        let attributes = self.tree.attributes.len() as u32;
        for index in 0..u32::from(before.attribute_count) {
            let known = self.tree.attributes.get((before.attributes + index) as usize).copied();
            let Some(mut attribute) = known else { break };
            attribute.name.start += by;
            // A value that does not stand in the source is the same piece of text for both.
            if !attribute.value.decoded {
                attribute.value.start += by;
                attribute.value.end += by;
            }
            self.tree.attributes.push(attribute);
        }
        let content = before.content + by;
        let node = self.add_element(ElementData { name, start: start as u32, content, attributes, ..before })?;
        let bindings = self.scope.bindings();
        self.enter(node, name, bindings, content as usize, before.form & EMPTY_TAG != 0);
        Ok(content as usize)
    }

    #[inline]
    fn place(&self, name: Name) -> usize {
        let local = Name { start: name.start + u32::from(name.colon), colon: 0, len: name.len - name.colon };
        // Names that differ behind the eighth byte mostly differ in length. Multiplied by 2⁶⁴ over the golden ratio, the
        // highest bits depend on all.
        let digest = (self.key(local) ^ u64::from(name.len)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (digest >> (u64::BITS - PLACES.ilog2())) as usize
    }
}

const PLACES: usize = 32;
