//! Elements that stand in the source, with all they hold, just as an exclusive canonical form writes them.
//!
//! Nothing in such an element is written otherwise (its tags and texts are plain), and each namespace declaration in it
//! stands where the form has it: on an element that uses the prefix, with the prefix not rendered around it already.
//! Whether that is so depends on what is rendered around the element, and on nothing else; [`Whole`] is what it depends
//! on. Where it holds the canonicaliser takes the element as one piece of the source and never looks inside.

use super::tree::{Declaration, ElementData, IN_ORDER, NO_SYMBOL, PLAIN_END, PLAIN_START, WHOLE, XML_SYMBOL};

/// Prefix symbols, as a set. Those that are too many for it are in none: an element that uses one is not whole.
pub(super) type Prefixes = u32;

/// The set of one prefix; `None` when no set can hold it. Nothing depends on `xml`, which is never declared.
#[inline]
pub(super) fn only(prefix: u16) -> Option<Prefixes> {
    if prefix == XML_SYMBOL { Some(0) } else { 1u32.checked_shl(u32::from(prefix)) }
}

/// What is said of an element, or of the content of one that is still being read.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    /// Whether it is as described above, given the two sets.
    pub(super) plain: bool,
    /// Has to be rendered around it, as it is bound around it.
    pub(super) needs: Prefixes,
    /// Is declared inside, and may not be rendered around it.
    pub(super) fresh: Prefixes,
}

impl Whole {
    /// No content.
    pub(super) const NOTHING: Self = Self { plain: true, needs: 0, fresh: 0 };

    /// One more child of this content.
    #[inline]
    pub(super) fn add(&mut self, child: Self) {
        self.plain &= child.plain;
        self.needs |= child.needs;
        self.fresh |= child.fresh;
    }
}

impl ElementData {
    /// Notes of a start tag what can be said before its content is known. `used`: the prefixes of its names; `None` when
    /// one of them is in no set.
    #[inline]
    pub(super) fn begin_whole(&mut self, used: Option<Prefixes>, declared: &[Declaration]) {
        let mut own = 0;
        let mut plain = self.form & (PLAIN_START | IN_ORDER) == PLAIN_START | IN_ORDER;
        for declaration in declared {
            // Where nothing is undeclared, the default namespace of the output can only be one that was declared.
            plain &= declaration.namespace != NO_SYMBOL;
            let one = only(declaration.prefix).unwrap_or_default();
            plain &= one & used.unwrap_or_default() != 0;
            own |= one;
        }
        (self.needs, self.fresh) = (used.unwrap_or_default() & !own, own);
        self.form |= if plain && used.is_some() { WHOLE } else { 0 };
    }

    /// Ends it: its content is known, and its end tag.
    #[inline]
    pub(super) fn end_whole(&mut self, content: Whole) -> Whole {
        let both = WHOLE | PLAIN_END;
        // What is rendered here is rendered around the content.
        let plain = self.form & both == both && content.plain && content.fresh & (self.needs | self.fresh) == 0;
        self.form &= if plain { !0 } else { !WHOLE };
        self.needs |= content.needs & !self.fresh;
        self.fresh |= content.fresh;
        Whole { plain, needs: self.needs, fresh: self.fresh }
    }

    /// Whether it stands in the source as a canonical form writes it, where these prefixes are rendered as they are bound,
    /// and those not at all.
    #[inline]
    pub(super) fn stands(&self, rendered: Prefixes, absent: Prefixes) -> bool {
        self.form & WHOLE != 0 && self.needs & !rendered == 0 && self.fresh & !absent == 0
    }
}
