//! TAMPER: of a good message, any attack of the catalogue, for whoever tests his own service.
//!
//! - in: a [`Good`] message, an [`Attacker`]
//! - out: the bytes of the attack, and what must come of them
//!
//! Kinds are tables, a file for each family: a name, the row of the catalogue, a sentence, what the
//! receiver must do, who signs afterwards, and the edit. To add one, add a row; a test runs every
//! kind over every accepted message of the corpus and fails if one is taken (`tests/conformance.rs`).

mod addressing;
mod assertion;
mod attacker;
mod bytes;
mod good;
mod keys;
mod run;
mod signature;
mod timestamp;
mod wrapping;

pub use attacker::Attacker;
pub use good::Good;
pub use run::{Tried, messages, run};

/// Why a kind does not fit a message: what the message has not.
pub type Unfit = &'static str;

/// What the receiver must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// Refuse.
    Refuse,
    /// Refuse, or take it for what the good message says and nothing else; and after the good
    /// message refuse it as seen before.
    MeanTheSame,
}

/// Who signs after the edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// Nobody: the signature is the honest one.
    Nobody,
    /// Somebody who is not trusted. With a trusted key this is no attack.
    Stranger,
    /// Anybody: it must be refused even from a trusted key.
    Anybody,
}

/// One attack.
pub struct Kind {
    pub name: &'static str,
    /// The row of the catalogue.
    pub row: &'static str,
    /// What is done, in a sentence.
    pub says: &'static str,
    pub must: Must,
    pub signs: Signs,
    make: Make,
    encode: fn(String) -> Vec<u8>,
}

type Make = fn(&Good, &Attacker) -> Result<String, Unfit>;

impl Kind {
    /// Refused, with the honest signature.
    const fn refused(name: &'static str, row: &'static str, says: &'static str, make: Make) -> Self {
        Self { name, row, says, must: Must::Refuse, signs: Signs::Nobody, make, encode: String::into_bytes }
    }

    /// Refused when a stranger has signed it.
    const fn by_stranger(name: &'static str, row: &'static str, says: &'static str, make: Make) -> Self {
        Self { signs: Signs::Stranger, ..Self::refused(name, row, says, make) }
    }

    /// Refused whoever has signed it.
    const fn by_anybody(name: &'static str, row: &'static str, says: &'static str, make: Make) -> Self {
        Self { signs: Signs::Anybody, ..Self::refused(name, row, says, make) }
    }

    /// Of the same meaning, with the honest signature.
    const fn same(name: &'static str, row: &'static str, says: &'static str, make: Make) -> Self {
        Self { must: Must::MeanTheSame, ..Self::refused(name, row, says, make) }
    }

    const fn encoded(self, encode: fn(String) -> Vec<u8>) -> Self {
        Self { encode, ..self }
    }

    /// The attack.
    ///
    /// # Errors
    /// What the message (or the attacker) has not that the kind needs.
    pub fn tamper(&self, good: &Good, attacker: &Attacker) -> Result<Vec<u8>, Unfit> {
        let text = (self.make)(good, attacker)?;
        let text = match self.signs {
            Signs::Nobody => text,
            Signs::Stranger => attacker.resigned(&text)?,
            Signs::Anybody => attacker.resigned_as_it_says(&text).or_else(|_| attacker.resigned(&text))?,
        };
        let bytes = (self.encode)(text);
        if bytes == good.document().bytes() { Err("it would change nothing") } else { Ok(bytes) }
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}

/// All kinds, family by family.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    FAMILIES.iter().flat_map(|(_, kinds)| kinds.iter())
}

/// The families by name.
pub const FAMILIES: &[(&str, &[Kind])] = &[
    ("bytes and XML", bytes::KINDS),
    ("signature", signature::KINDS),
    ("wrapping", wrapping::KINDS),
    ("keys", keys::KINDS),
    ("timestamp", timestamp::KINDS),
    ("addressing and header", addressing::KINDS),
    ("assertion", assertion::KINDS),
];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_name_of_its_own_a_row_and_a_sentence() {
        let names: BTreeSet<&str> = kinds().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds().count());
        assert!(names.len() >= 120, "{}", names.len());
        for kind in kinds() {
            assert!(kind.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{kind:?}");
            assert!(!kind.says.starts_with(char::is_lowercase) && !kind.says.ends_with('.'), "{kind:?}");
            assert!(!kind.row.is_empty());
        }
    }
}
