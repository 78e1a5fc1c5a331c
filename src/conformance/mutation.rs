//! Byte edits: what a fuzzer does without guidance, and what structured edits end with now and then.

use super::chance::Dice;

/// A copy of one of several inputs with one to eight byte edits; empty where there is none.
pub fn mutated(several: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(several).cloned().unwrap_or_default();
    for _ in 0..=dice.below(8) {
        let other = dice.pick(several).cloned().unwrap_or_default();
        edit(&mut bytes, &other, dice);
    }
    bytes
}

/// One byte edit. `other` is what pieces are taken from.
pub fn edit(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let piece = at..(at + 1 + dice.below(LONGEST_PIECE)).min(bytes.len());
    match dice.below(9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = ODD.get(dice.below(ODD.len())).copied().unwrap_or_default();
            }
        }
        2 => drop(bytes.drain(piece)),
        3 => {
            let copy = bytes.get(piece).unwrap_or_default().to_vec();
            let to = dice.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        4 => {
            let word = dice.pick(WORDS).copied().unwrap_or_default();
            bytes.splice(at..at, word.bytes());
        }
        5 => {
            let word = dice.pick(WORDS).copied().unwrap_or_default();
            bytes.splice(piece, word.bytes());
        }
        6 => {
            let from = dice.below(other.len() + 1);
            let to = (from + 1 + dice.below(LONGEST_PIECE)).min(other.len());
            bytes.splice(at..at, other.get(from..to).unwrap_or_default().to_vec());
        }
        7 => {
            let tail = other.get(dice.below(other.len() + 1)..).unwrap_or_default().to_vec();
            bytes.truncate(at);
            bytes.extend(tail);
        }
        _ => bytes.truncate(at),
    }
    bytes.truncate(MOST);
}

const LONGEST_PIECE: usize = 64;
/// Longer inputs are no better.
const MOST: usize = 1 << 16;

/// Bytes that mean something to one format or another.
const ODD: &[u8] = b"<>&'\"=/: \t\r\n\0!?-[]#;.,+\\{}\xFF\x80\xC0\x30\x82";

const WORDS: &[&str] = &[
    "<a>",
    "</a>",
    "<a/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!DOCTYPE a [",
    "<!ENTITY",
    "&amp;",
    "&lt;",
    "&#13;",
    "&#x0;",
    "&#xD800;",
    "xmlns=\"\"",
    " xmlns:p=\"urn:p\"",
    " p:a=\"1\"",
    "xml:",
    "xmlns:",
    " Id=\"Body\"",
    " ID=\"_assertion-1\"",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "eyJhbGciOiJub25lIn0",
    ".",
    "==",
    "\"alg\":\"none\",",
    "-----BEGIN CERTIFICATE-----",
    "CN=",
    "2.5.4.3=#",
    "9999-12-31T23:59:59Z",
    "-1",
    "18446744073709551616",
];
