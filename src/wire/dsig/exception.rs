//! What is outside the profile and can be taken all the same, where a dated exception says so (`rules.md` 4.2).
//!
//! Nothing here is on by itself: [`Signature::parse`](super::Signature::parse) knows no exception, so whoever does not
//! ask for one by name ([`Signature::parse_with`](super::Signature::parse_with)) cannot get one.

use std::fmt;

/// One thing that an exception can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exception {
    /// RSASSA-PKCS1-v1_5 with SHA-1 over SignedInfo. Digests stay SHA-2: what Metro and an unconfigured CXF send.
    RsaSha1Signature,
    /// SHA-1 as the digest of a reference.
    Sha1Digest,
    /// Inclusive canonicalisation 1.0 or 1.1, without comments, of SignedInfo or of a reference.
    InclusiveCanonicalization,
}

impl Exception {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RsaSha1Signature, Self::Sha1Digest, Self::InclusiveCanonicalization];

    /// Its name in configuration, audit and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha1Signature => "rsa-sha1-signature",
            Self::Sha1Digest => "sha1-digest",
            Self::InclusiveCanonicalization => "inclusive-c14n",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::RsaSha1Signature => 1,
            Self::Sha1Digest => 2,
            Self::InclusiveCanonicalization => 4,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of them; empty by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exceptions(u8);

impl Exceptions {
    pub fn contains(self, exception: Exception) -> bool {
        self.0 & exception.bit() != 0
    }

    pub fn insert(&mut self, exception: Exception) {
        self.0 |= exception.bit();
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Exception> {
        Exception::ALL.into_iter().filter(move |exception| self.contains(*exception))
    }
}

impl FromIterator<Exception> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Exception>>(iter: I) -> Self {
        let mut set = Self::default();
        iter.into_iter().for_each(|exception| set.insert(exception));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let mut set = Exceptions::default();
        assert!(set.is_empty() && set.iter().next().is_none());
        for (count, exception) in Exception::ALL.into_iter().enumerate() {
            assert!(!set.contains(exception));
            set.insert(exception);
            assert!(set.contains(exception) && !set.is_empty());
            assert_eq!(set.iter().collect::<Vec<_>>(), Exception::ALL[..=count]);
        }
        assert_eq!(Exception::ALL.into_iter().collect::<Exceptions>(), set);
    }
}
