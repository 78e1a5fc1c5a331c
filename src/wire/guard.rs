//! GUARD: whether a check of a format is made.
//!
//! In every build that anybody runs the answer is yes, known when compiling. With the feature
//! `guards`, which no release can have, a test switches one check off and looks for the hostile
//! case that is then accepted: a check that nobody would miss is a check that nobody tests.

/// A check of bytes and trees that can be switched off. Those that are not here have nothing to go
/// on with when they fail: there is no tree without well-formed tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// A referenced element has one id, under whatever name.
    TwoIds,
    /// An id stands once in the document.
    IdRepeated,
    /// A signature has nothing in it but what belongs there.
    SignatureChildren,
    /// A signature has so many references and no more.
    ReferenceCount,
    /// What was digested is not nothing.
    EmptyForm,
}

impl Guard {
    pub const ALL: [Self; 5] =
        [Self::TwoIds, Self::IdRepeated, Self::SignatureChildren, Self::ReferenceCount, Self::EmptyForm];

    /// The reason that a refusal by this check has.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TwoIds | Self::IdRepeated => "referenced-id-repeated",
            Self::SignatureChildren | Self::EmptyForm => "signature-structure",
            Self::ReferenceCount => "too-many-references",
        }
    }
}

/// Whether this check is made.
#[cfg(not(feature = "guards"))]
pub const fn stands(_check: Guard) -> bool {
    true
}

#[cfg(feature = "guards")]
pub use switched::{Off, stands};

#[cfg(feature = "guards")]
mod switched {
    use std::collections::BTreeSet;
    use std::sync::{PoisonError, RwLock};

    use super::Guard;

    static OFF: RwLock<BTreeSet<Guard>> = RwLock::new(BTreeSet::new());

    /// Whether this check is made.
    pub fn stands(check: Guard) -> bool {
        !OFF.read().unwrap_or_else(PoisonError::into_inner).contains(&check)
    }

    /// While this lives, some checks are not made, in the whole process.
    #[derive(Debug)]
    pub struct Off(());

    impl Off {
        pub fn switch(checks: impl IntoIterator<Item = Guard>) -> Self {
            *OFF.write().unwrap_or_else(PoisonError::into_inner) = checks.into_iter().collect();
            Self(())
        }
    }

    impl Drop for Off {
        fn drop(&mut self) {
            OFF.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}
