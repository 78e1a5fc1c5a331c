//! Changes to a signed message: to what is covered, so that nobody may take it, and of any byte.

use crate::conformance::chance::Dice;
use crate::wire::ns;
use crate::wire::xml::{Document, Element, Limits};

/// A changed message.
#[derive(Debug, Clone)]
pub(super) struct Altered {
    pub kind: &'static str,
    pub detail: String,
    pub bytes: Vec<u8>,
    /// What was changed is covered by the signature, or is the signature.
    pub must_be_refused: bool,
    /// What was changed stands in the KeyInfo of a signature, which only says where to look for the key.
    pub hint: bool,
}

/// Changes what the signature is over, or the signature. `turn` goes through the kinds.
pub(super) fn covered(message: &[u8], place: usize, turn: usize, dice: &mut Dice) -> Option<Altered> {
    let document = Document::parse(message, &Limits::default()).ok()?;
    let signature = document.elements().nth(place)?;
    let body = document.root().children().find(|child| child.local_name() == "Body")?;
    let mut all: Vec<Element<'_>> = body.descendants().collect();
    let (kind, range, text): (&'static str, std::ops::Range<usize>, String) = match turn % 7 {
        0 => {
            // An element with an end tag; the Body itself has one.
            all.retain(|element| !element.source().ends_with("/>"));
            let element = dice.pick(&all).copied()?;
            let at = element.range().start + element.source().rfind("</")?;
            ("a letter put into the Body", at..at, "x".to_owned())
        }
        1 => {
            let element = dice.pick(&all).copied()?;
            let at = element.range().start + 1 + element.qualified_name().len();
            ("an attribute put into the Body", at..at, " y=\"1\"".to_owned())
        }
        2 => {
            ("a letter of the SignatureValue", letter(signature.child(ns::DS, "SignatureValue")?, dice)?, String::new())
        }
        3 => {
            let values: Vec<Element<'_>> = signature.descendants().filter(|e| e.is(ns::DS, "DigestValue")).collect();
            ("a letter of a DigestValue", letter(dice.pick(&values).copied()?, dice)?, String::new())
        }
        4 => {
            let references: Vec<Element<'_>> = signature.descendants().filter(|e| e.is(ns::DS, "Reference")).collect();
            ("a Reference taken away", dice.pick(&references)?.range(), String::new())
        }
        5 => {
            let expires = document.elements().find(|element| element.is(ns::WSU, "Expires"))?;
            let at = expires.range().start + expires.source().find('>')? + 1;
            ("another Expires", at..at + 1, "3".to_owned())
        }
        _ => {
            let method = signature.descendants().find(|e| e.is(ns::DS, "SignatureMethod"))?;
            let at = method.range().start + method.source().find("sha")? + "sha".len();
            let now = message.get(at..at + 3)?;
            ("another SignatureMethod", at..at + 3, if now == b"256" { "512" } else { "256" }.to_owned())
        }
    };
    let text = if text.is_empty() && kind.starts_with("a letter of") {
        // Another letter of base64, which changes bits that count.
        let now = *message.get(range.start)?;
        char::from(if now == b'A' { b'B' } else { b'A' }).to_string()
    } else {
        text
    };
    let detail = format!("{:?} for {:?}", text, String::from_utf8_lossy(message.get(range.clone())?));
    let mut bytes = message.to_vec();
    bytes.splice(range, text.bytes());
    (bytes != message).then_some(Altered { kind, detail, bytes, must_be_refused: true, hint: false })
}

/// One letter of a base64 text, not near its end, where bits may be left over.
fn letter(element: Element<'_>, dice: &mut Dice) -> Option<std::ops::Range<usize>> {
    let source = element.source();
    let (start, end) = (source.find('>')? + 1, source.rfind("</")?);
    let text = source.get(start..end)?;
    // A reference in it (`&#13;`) is no base64.
    let letters: Vec<usize> =
        text.bytes().enumerate().take(40).filter(|(_, b)| b.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    let at = element.range().start + start + dice.pick(&letters)?;
    Some(at..at + 1)
}

/// Changes, takes away or doubles any byte.
pub(super) fn anywhere(message: &[u8], dice: &mut Dice) -> Option<Altered> {
    let at = dice.below(message.len());
    let now = *message.get(at)?;
    let other = dice.pick(BYTES).copied()?;
    let with: Vec<u8> = match dice.below(4) {
        0 => Vec::new(),
        1 => vec![now, now],
        2 => vec![other],
        // A neighbour in the alphabet: the likeliest to be still well-formed.
        _ => vec![if now.is_ascii_alphanumeric() { now ^ 1 } else { other }],
    };
    let detail = format!("byte {at}, {:?} becomes {:?}", char::from(now), String::from_utf8_lossy(&with));
    let mut bytes = message.to_vec();
    bytes.splice(at..=at, with);
    let hint = in_key_info(message, at);
    (bytes != message).then_some(Altered { kind: "a byte", detail, bytes, must_be_refused: false, hint })
}

/// Whether the byte stands in the KeyInfo of a signature. The one in an assertion's confirmation is another matter: it is
/// the issuer's word, and signed.
fn in_key_info(message: &[u8], at: usize) -> bool {
    let Ok(document) = Document::parse(message, &Limits::default()) else { return false };
    document.elements().any(|element| {
        element.is(ns::DS, "KeyInfo")
            && element.parent().is_some_and(|parent| parent.is(ns::DS, "Signature"))
            && element.range().contains(&at)
    })
}

const BYTES: &[u8] = b"aZ09<>&\"'= /:;#\n\r\t-";
