//! Checkpoints: signed notes of C2SP (`signed-note`, `tlog-checkpoint`).
//!
//! ```text
//! origin
//! size
//! base64 of the root
//!
//! — origin base64(first four bytes of SHA-256(origin ‖ 0x0A ‖ 0x01 ‖ key) ‖ Ed25519 signature)
//! ```
//! In a file, notes follow each other with an empty line between.

use std::fmt;

use super::tree::Hash;
use crate::wire::base64;
use crate::wire::crypto;
use crate::wire::crypto::{PublicKey, SignatureAlgorithm};

/// What the tree was at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, and of its key.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// A checkpoint with its signatures, as read; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub checkpoint: Checkpoint,
    body: String,
    signatures: Vec<(String, Vec<u8>)>,
}

/// A text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotACheckpoint(&'static str);

impl fmt::Display for NotACheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a checkpoint: {}", self.0)
    }
}

impl std::error::Error for NotACheckpoint {}

impl Checkpoint {
    /// The text that is signed.
    pub(super) fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64::encode(&self.root))
    }

    /// The whole note. `key` is the key that made `signature` over [`Checkpoint::body`].
    pub(super) fn note(&self, key: &PublicKey, signature: &[u8]) -> Option<String> {
        let mut blob = key_hash(&self.origin, key)?.to_vec();
        blob.extend_from_slice(signature);
        Some(format!("{}\n— {} {}\n", self.body(), self.origin, base64::encode(&blob)))
    }
}

impl SignedCheckpoint {
    /// Reads one note; of a file of many, as the trail and its copy outside are, the last whole
    /// one: it speaks for all leaves that those before it speak for.
    ///
    /// # Errors
    /// When the text holds none.
    pub fn parse(text: &str) -> Result<Self, NotACheckpoint> {
        let read = Self::parse_all(text).map(|(_, note)| note);
        read.reduce(|last, note| if note.is_ok() { note } else { last }).unwrap_or(Err(NotACheckpoint("it is empty")))
    }

    fn parse_one(text: &str) -> Result<Self, NotACheckpoint> {
        let (head, signatures) = text.split_once("\n\n").ok_or(NotACheckpoint("no empty line before the signature"))?;
        let mut lines = head.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NotACheckpoint("fewer than three lines"));
        };
        let size = canonical_number(size).ok_or(NotACheckpoint("the second line is no number"))?;
        let root = (base64::decode_xml(root).ok())
            .and_then(|root| Hash::try_from(root).ok())
            .ok_or(NotACheckpoint("the third line is no base64 of 32 bytes"))?;
        let signatures: Vec<_> = signatures.lines().filter_map(signature_line).collect();
        if origin.is_empty() || signatures.is_empty() {
            return Err(NotACheckpoint("no signature"));
        }
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
        Ok(Self { checkpoint, body: format!("{head}\n"), signatures })
    }

    /// All notes of a file, with the byte offset of each.
    pub(super) fn parse_all(text: &str) -> impl Iterator<Item = (usize, Result<Self, NotACheckpoint>)> {
        let mut rest = 0;
        std::iter::from_fn(move || {
            let start = rest + text.get(rest..)?.find(|c| c != '\n')?;
            let note = text.get(start..)?;
            // the first empty line is inside the note, the second ends it
            let inner = note.find("\n\n").map_or(note.len(), |at| at + 2);
            let end = note.get(inner..)?.find("\n\n").map_or(note.len(), |at| inner + at + 1);
            rest = start + end;
            Some((start, Self::parse_one(note.get(..end)?)))
        })
    }

    /// Whether `key` signed it under the name of the log.
    pub fn verify(&self, key: &PublicKey) -> bool {
        let Some(wanted) = key_hash(&self.checkpoint.origin, key) else { return false };
        (self.signatures.iter())
            .filter(|(name, _)| *name == self.checkpoint.origin)
            .filter_map(|(_, blob)| blob.split_first_chunk::<4>())
            .any(|(hash, signature)| {
                *hash == wanted && key.verify(SignatureAlgorithm::Ed25519, self.body.as_bytes(), signature).is_ok()
            })
    }
}

fn signature_line(line: &str) -> Option<(String, Vec<u8>)> {
    let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
    Some((name.to_owned(), base64::decode_xml(blob).ok()?))
}

/// Decimal without sign, spaces or leading zeros.
fn canonical_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// The key's hash of C2SP signed-note, for Ed25519 (algorithm byte 0x01).
fn key_hash(name: &str, key: &PublicKey) -> Option<[u8; 4]> {
    let raw = key.spki().strip_prefix(ED25519_SPKI)?;
    let mut input = name.as_bytes().to_vec();
    input.extend_from_slice(&[b'\n', 0x01]);
    input.extend_from_slice(raw);
    crypto::sha256(&input).first_chunk().copied()
}

/// The DER before the 32 key bytes in the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::crypto::{KeyKind, PrivateKey};

    fn signed(size: u64, key: &PrivateKey) -> String {
        let checkpoint = Checkpoint { origin: "example.com/audit/n1".to_owned(), size, root: [5; 32] };
        let signature = key.sign(SignatureAlgorithm::Ed25519, checkpoint.body().as_bytes()).unwrap();
        checkpoint.note(key.public(), &signature).unwrap()
    }

    #[test]
    fn a_note_is_read_back_and_verifies_under_its_key_only() {
        let (key, _) = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let (other, _) = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let note = signed(12, &key);
        let read = SignedCheckpoint::parse(&note).unwrap();
        assert_eq!((read.checkpoint.size, read.checkpoint.root), (12, [5; 32]));
        assert!(read.verify(key.public()));
        assert!(!read.verify(other.public()));
        let forged = SignedCheckpoint::parse(&note.replace("\n12\n", "\n13\n")).unwrap();
        assert!(!forged.verify(key.public()));
    }

    #[test]
    fn notes_in_a_file_are_read_one_by_one_with_their_offsets() {
        let (key, _) = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let text = format!("{}\n{}\nrubbish\n", signed(1, &key), signed(2, &key));
        let read: Vec<_> = SignedCheckpoint::parse_all(&text).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[1].0, signed(1, &key).len() + 1);
        assert!(read[..2].iter().all(|(_, note)| note.as_ref().unwrap().verify(key.public())));
        assert!(read[2].1.is_err());
        assert_eq!(SignedCheckpoint::parse(&text).unwrap().checkpoint.size, 2);
    }

    #[test]
    fn texts_that_are_no_checkpoints_are_refused() {
        for text in ["", "a\n1\n", "a\n01\nAA==\n\n— a AAAA\n", "a\n1\nAA==\n\n— a AAAA\n", "a\nb\nc\n\nd\n"] {
            assert!(SignedCheckpoint::parse(text).is_err(), "{text}");
        }
    }
}
