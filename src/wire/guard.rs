//! GUARD: whether a check of a format is made.
//!
//! In every build that anybody runs the answer is yes, known when compiling. With the feature
//! `guards`, which no release can have, a test switches one check off and looks for the hostile
//! case that is then accepted: a check that nobody would miss is a check that nobody tests.

macro_rules! guards {
    ($($(#[$doc:meta])* $guard:ident $reason:literal)*) => {
        /// A check of bytes and trees that can be switched off. Those that are not here have nothing to go
        /// on with when they fail: there is no tree without well-formed tags.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Guard {
            $($(#[$doc])* $guard,)*
        }

        impl Guard {
            pub const ALL: &[Self] = &[$(Self::$guard),*];

            /// The reason that a refusal by this check has.
            pub fn reason(self) -> &'static str {
                match self {
                    $(Self::$guard => $reason,)*
                }
            }
        }
    };
}

guards! {
    /// An XML declaration names the encoding in which the bytes are.
    Encoding "xml-encoding"
    /// Only the characters that XML allows.
    Character "xml-character"
    /// Prefixes are declared, and namespaces have names.
    Namespace "xml-namespace"
    /// An attribute stands once.
    DuplicateAttribute "xml-duplicate-attribute"
    /// Nothing follows the root element.
    Trailing "xml-trailing-content"
    LimitBytes "limit-bytes"
    LimitDepth "limit-depth"
    LimitNodes "limit-nodes"
    LimitAttributes "limit-attributes"
    LimitNamespaces "limit-namespaces"
    LimitName "limit-name"
    /// An envelope has one Header, then one Body, and nothing else.
    EnvelopeChildren "not-a-soap-envelope"
    /// A Body has one element.
    BodyContent "soap-body-shape"
    /// An addressing header stands once.
    AddressingRepeated "addressing-header-repeated"
    /// One Security header is for us, and no text stands in it.
    SecurityHeaderContent "security-header-content"
    /// A signature has nothing in it but what belongs there.
    SignatureChildren "signature-structure"
    /// A signature has so many references and no more.
    ReferenceCount "too-many-references"
    /// A referenced element has one id, under whatever name.
    TwoIds "referenced-id-repeated"
    /// Parameters that would change what is asked.
    ParameterSupported "parameter-not-supported"
    /// A client assertion was made, and has not ended.
    ClientAssertionTime "client-assertion-time"
    /// A registered key signed a client assertion.
    ClientAssertionSignature "client-assertion-signature"
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
