//! What a stranger reads of a refusal, at every door: one function, so that the doors cannot drift
//! apart (`rules.md` 7.1).

use crate::model::{Language, PublicCode, Refusal, Tell, sentence};

/// The sentence. For codes about our registers it is a constant: two refusals differ in their
/// reference and in nothing else. `full`: whether the door tells what the caller could work out from
/// his own bytes.
pub fn told(refusal: &Refusal, full: bool) -> String {
    let code = refusal.code();
    match (code.tell(), code) {
        (Tell::Bytes, _) if full => {
            let sentence = sentence(Language::English, refusal.check, &refusal.facts);
            format!("{} {}", sentence.says, sentence.fix)
        }
        (Tell::Bytes, _) => "The request was refused.".to_owned(),
        (Tell::Registers, PublicCode::Unavailable) => UNAVAILABLE.to_owned(),
        (Tell::Registers, PublicCode::Denied) => "The request is not permitted.".to_owned(),
        (Tell::Registers, _) => "The sender could not be authenticated.".to_owned(),
    }
}

/// Nothing was consumed: the same request may be sent again.
pub const UNAVAILABLE: &str = "The request cannot be answered now: try again later.";
