//! GUARD: whether a check of a format is made.
//!
//! In every build that anybody runs the answer is yes, known when compiling. With the feature
//! `guards`, which no release can have, a test switches one check off and looks for the hostile
//! case that is then accepted: a check that nobody would miss is a check that nobody tests.

/// A check of bytes and trees that can be switched off. Those that are not here have nothing to go
/// on with when they fail: there is no tree without well-formed tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// An envelope has one Header, then one Body, and nothing else.
    EnvelopeChildren,
    /// A Body has one element.
    BodyContent,
    /// An addressing header stands once.
    AddressingRepeated,
    /// One Security header is for us.
    SecurityHeaderRepeated,
    /// A signature has nothing in it but what belongs there.
    SignatureChildren,
    /// A signature has so many references and no more.
    ReferenceCount,
    /// A referenced element has one id, under whatever name.
    TwoIds,
}

impl Guard {
    pub const ALL: [Self; 7] = [
        Self::EnvelopeChildren,
        Self::BodyContent,
        Self::AddressingRepeated,
        Self::SecurityHeaderRepeated,
        Self::SignatureChildren,
        Self::ReferenceCount,
        Self::TwoIds,
    ];

    /// The reason that a refusal by this check has.
    pub fn reason(self) -> &'static str {
        match self {
            Self::EnvelopeChildren => "not-a-soap-envelope",
            Self::BodyContent => "soap-body-shape",
            Self::AddressingRepeated => "addressing-header-repeated",
            Self::SecurityHeaderRepeated => "security-header-content",
            Self::SignatureChildren => "signature-structure",
            Self::ReferenceCount => "too-many-references",
            Self::TwoIds => "referenced-id-repeated",
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
