//! GUARD: whether a check is made.
//!
//! In every build that anybody runs the answer is yes, known when compiling. With the feature
//! `guards`, which no release can have, a test switches one check off and looks for the hostile
//! case that is then accepted: a check that nobody would miss is a check that nobody tests.

use super::CheckId;

/// Whether this check is made.
#[cfg(not(feature = "guards"))]
pub const fn stands(_check: CheckId) -> bool {
    true
}

#[cfg(feature = "guards")]
pub use switched::{Off, stands};

#[cfg(feature = "guards")]
mod switched {
    use std::collections::BTreeSet;
    use std::sync::{PoisonError, RwLock};

    use super::CheckId;

    static OFF: RwLock<BTreeSet<CheckId>> = RwLock::new(BTreeSet::new());

    /// Whether this check is made.
    pub fn stands(check: CheckId) -> bool {
        !OFF.read().unwrap_or_else(PoisonError::into_inner).contains(&check)
    }

    /// While this lives, some checks are not made, in the whole process.
    #[derive(Debug)]
    pub struct Off(());

    impl Off {
        pub fn switch(checks: impl IntoIterator<Item = CheckId>) -> Self {
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
