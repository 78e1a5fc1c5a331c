//! Pseudonyms: each word becomes another of the same length and kind, the same one wherever it stands.
//!
//! A word is a run of letters and digits; what separates words stays, so that the shape of a value
//! (an address, a name, base64 in lines) can still be seen. Two different words never become one,
//! so ids that differ go on to differ. No four characters in a row of a word that is masked occur in
//! any pseudonym: what was masked cannot be found in the result, not even by chance.

use std::collections::{BTreeMap, HashSet};

use crate::wire::crypto::hmac_sha256;

/// The pseudonyms of one document.
#[derive(Debug)]
pub struct Pseudonyms {
    secret: Vec<u8>,
    /// Four characters in a row of words that are masked.
    forbidden: HashSet<[char; GRAM]>,
    words: BTreeMap<String, String>,
    taken: HashSet<String>,
}

impl Pseudonyms {
    /// With a secret, so that nobody can try words: the same secret gives the same pseudonyms for
    /// the same document.
    pub fn new(secret: &[u8]) -> Self {
        Self { secret: secret.to_vec(), forbidden: HashSet::new(), words: BTreeMap::new(), taken: HashSet::new() }
    }

    /// Takes note of a text that will be masked. All must be noted before the first is masked.
    pub fn note(&mut self, text: &str) {
        for word in words(text) {
            if !is_kept(word) {
                let characters: Vec<char> = word.chars().collect();
                self.forbidden.extend(characters.windows(GRAM).filter_map(|gram| <[char; GRAM]>::try_from(gram).ok()));
            }
        }
    }

    /// The text with each word masked.
    pub fn masked(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_word) {
            let (before, behind) = rest.split_at_checked(start).unwrap_or((rest, ""));
            let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
            let (word, after) = behind.split_at_checked(end).unwrap_or((behind, ""));
            out.push_str(before);
            if is_kept(word) {
                out.push_str(word)
            } else {
                out.push_str(&self.word(word))
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// As many bytes, other ones: for what is no text.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let name = hmac_sha256(&self.secret, bytes);
        for block in 0..=bytes.len() / name.len() {
            out.extend_from_slice(&hmac_sha256(&name, &block.to_be_bytes()));
        }
        out.truncate(bytes.len());
        out
    }

    /// Whether a text holds four characters of anything that is masked.
    #[cfg(test)]
    pub fn leaks(&self, text: &str) -> bool {
        words(text).any(|word| {
            let characters: Vec<char> = word.chars().collect();
            characters
                .windows(GRAM)
                .any(|gram| <[char; GRAM]>::try_from(gram).is_ok_and(|gram| self.forbidden.contains(&gram)))
        })
    }

    fn word(&mut self, word: &str) -> String {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let mut made = String::new();
        for attempt in 0..ATTEMPTS {
            made = self.attempt(word, attempt);
            let is_new = !self.taken.contains(&made);
            if is_new && (made != word || word.chars().count() < GRAM) {
                break;
            }
        }
        // Short words may run out of others: a free one is looked for in order, letters and digits alike.
        if self.taken.contains(&made) {
            made = self.free(word.chars().count());
        }
        self.taken.insert(made.clone());
        self.words.insert(word.to_owned(), made.clone());
        made
    }

    fn attempt(&self, word: &str, attempt: u32) -> String {
        let seed = hmac_sha256(&self.secret, word.as_bytes());
        let mut made: Vec<char> = Vec::new();
        for (index, character) in word.chars().enumerate() {
            let mut number = (u64::from(attempt) << 32) | index as u64;
            let mut chosen = None;
            for _ in 0..TRIES {
                let candidate = like(character, &hmac_sha256(&seed, &number.to_be_bytes()));
                number = number.wrapping_add(1 << 48);
                if !self.ends_in_forbidden(&made, candidate) {
                    chosen = Some(candidate);
                    break;
                }
            }
            // Every character of the kind would make something that is masked: one of another kind, then.
            let spare = || ('a'..='z').chain('A'..='Z').chain('0'..='9').find(|c| !self.ends_in_forbidden(&made, *c));
            made.push(chosen.or_else(spare).unwrap_or('\u{e6}'));
        }
        made.into_iter().collect()
    }

    fn ends_in_forbidden(&self, made: &[char], candidate: char) -> bool {
        let Some([one, two, three]) = made.last_chunk::<3>() else { return false };
        self.forbidden.contains(&[*one, *two, *three, candidate])
    }

    /// A word of this length that is no pseudonym yet.
    fn free(&self, length: usize) -> String {
        let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
        let mut number = 0usize;
        loop {
            let mut rest = number;
            let made: String = (0..length.max(1))
                .map(|_| {
                    let digit = rest % alphabet.len();
                    rest /= alphabet.len();
                    alphabet.get(digit).copied().unwrap_or('a')
                })
                .collect();
            if !self.taken.contains(&made) {
                return made;
            }
            // Longer once all of this length are taken.
            if rest > 0 {
                return format!("{made}{number}");
            }
            number += 1;
        }
    }
}

/// A character of the same kind.
fn like(character: char, random: &[u8; 32]) -> char {
    let number = random.iter().take(4).fold(0u32, |number, byte| (number << 8) | u32::from(*byte));
    let pick = |from: char, count: u32| char::from_u32(u32::from(from) + number % count).unwrap_or(from);
    match character {
        'a'..='z' => pick('a', 26),
        'A'..='Z' => pick('A', 26),
        '0'..='9' => pick('0', 10),
        // As many bytes of UTF-8: encodings are a question of shape.
        other if other.len_utf8() == 2 => pick('\u{e0}', 23),
        other if other.len_utf8() == 3 => pick('\u{4e00}', 1000),
        _ => pick('\u{1f600}', 64),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// Everything that says something: all but the punctuation of ASCII and white space.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || (!character.is_ascii() && !character.is_whitespace())
}

/// Words that say how a value is built and nothing of anybody.
fn is_kept(word: &str) -> bool {
    KEPT.contains(&word)
}

/// Schemes of addresses, and the names of a DN's parts (RFC 4514 §3 and what tools write beside).
const KEPT: &[&str] = &[
    "http",
    "https",
    "urn",
    "uuid",
    "cid",
    "CN",
    "OU",
    "O",
    "C",
    "L",
    "ST",
    "DC",
    "UID",
    "STREET",
    "SERIALNUMBER",
    "EMAILADDRESS",
    "emailAddress",
    "serialNumber",
];

/// So many characters in a row are a leak.
const GRAM: usize = 4;
const ATTEMPTS: u32 = 64;
const TRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_length_and_kind_and_is_the_same_everywhere() {
        let mut names = Pseudonyms::new(b"secret");
        let text = "Jan Peeters, 0123.456.749 (jan@gent.be) \u{e9}\u{4e2d}";
        names.note(text);
        let masked = names.masked(text);
        assert_eq!(masked.len(), text.len());
        let kind = |text: &str| -> String {
            let of = |c: char| match c {
                'a'..='z' => 'a',
                'A'..='Z' => 'A',
                '0'..='9' => '0',
                other if other.is_ascii() => other,
                other => {
                    if other.len_utf8() == 2 {
                        '2'
                    } else {
                        '3'
                    }
                }
            };
            text.chars().map(of).collect()
        };
        assert_eq!(kind(&masked), kind(text));
        assert_eq!(names.masked("Peeters"), masked.split([' ', ',']).nth(1).unwrap());
        assert_eq!(names.masked("https://gent.be").split_once(':').unwrap().0, "https");
    }

    #[test]
    fn different_words_stay_different_even_when_they_are_short() {
        let mut names = Pseudonyms::new(b"secret");
        let words: Vec<String> =
            (0..10).map(|digit| digit.to_string()).chain((0..100).map(|n| format!("{n:02}"))).collect();
        words.iter().for_each(|word| names.note(word));
        let masked: HashSet<String> = words.iter().map(|word| names.masked(word)).collect();
        assert_eq!(masked.len(), words.len());
    }
}
