//! Public corpora, run against our code: what others know to be valid or not, row by row.
//!
//! In: a folder of vectors (`$VIDIMUS_VECTORS`; none of it is committed). Out: a [`CorpusResult`] for each file or
//! corpus. A divergence may only be a row that is valid and refused, with its reason; a row that is not valid and was
//! accepted is a hole.

/// Lists of revoked certificates.
pub mod crl;
/// Signed XML documents.
pub mod documents;
pub mod wycheproof;
/// Certification paths.
pub mod x509_limbo;

use serde::Serialize;

/// What came of one corpus, or of one file of it. Every row is counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CorpusResult {
    /// The corpus and the file, e.g. `wycheproof/ed25519_test`.
    pub corpus: String,
    pub rows: usize,
    /// Valid, and accepted.
    pub agreed_valid: usize,
    /// Not valid, and refused.
    pub agreed_invalid: usize,
    /// Outside of what we take, valid or not, and refused as such.
    pub unsupported: usize,
    /// Valid and inside of what we take, but refused: the row, and why.
    pub refused_valid: Vec<(String, String)>,
    /// Not valid, or outside of what we take, and accepted. Must be empty.
    pub wrongly_accepted: Vec<String>,
}

/// What the corpus says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Valid,
    Invalid,
    /// Something that we do not take at all.
    Unsupported,
}

impl CorpusResult {
    pub fn new(corpus: impl Into<String>) -> Self {
        Self { corpus: corpus.into(), ..Self::default() }
    }

    /// Counts a row. `found` is our answer: accepted, or refused with a reason.
    pub fn count(&mut self, row: impl Into<String>, expected: Expected, found: Result<(), String>) {
        self.rows += 1;
        match (expected, found) {
            (Expected::Valid, Ok(())) => self.agreed_valid += 1,
            (Expected::Valid, Err(why)) => self.refused_valid.push((row.into(), why)),
            (Expected::Invalid, Err(_)) => self.agreed_invalid += 1,
            (Expected::Unsupported, Err(_)) => self.unsupported += 1,
            (Expected::Invalid | Expected::Unsupported, Ok(())) => self.wrongly_accepted.push(row.into()),
        }
    }

    /// Whether nothing was accepted that must not be.
    pub fn is_sound(&self) -> bool {
        self.wrongly_accepted.is_empty()
    }
}

/// One line for people.
impl std::fmt::Display for CorpusResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} rows, {} agreed valid, {} agreed invalid, {} unsupported, {} valid but refused, {} WRONGLY ACCEPTED",
            self.corpus,
            self.rows,
            self.agreed_valid,
            self.agreed_invalid,
            self.unsupported,
            self.refused_valid.len(),
            self.wrongly_accepted.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_counted_once() {
        let mut result = CorpusResult::new("test");
        for expected in [Expected::Valid, Expected::Invalid, Expected::Unsupported] {
            result.count("accepted", expected, Ok(()));
            result.count("refused", expected, Err("why".to_owned()));
        }
        let counted = result.agreed_valid
            + result.agreed_invalid
            + result.unsupported
            + result.refused_valid.len()
            + result.wrongly_accepted.len();
        assert_eq!((result.rows, counted), (6, 6));
        assert_eq!(result.wrongly_accepted, ["accepted", "accepted"]);
        assert!(!result.is_sound());
    }
}
