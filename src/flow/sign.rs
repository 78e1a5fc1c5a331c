//! SIGN: the signature over what was intended, and nothing else.
//!
//! - in: an [`Intended`], spent here: one commit, one signature
//! - out: an [`Issued`], the only thing that a door can answer a token from

use crate::flow::commit::{Intended, Terms};
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::sts::Sts;
use crate::model::{CheckId, Fact, Refusal, StepId};
use crate::tokens::Token;

/// A token that was permitted, recorded and signed.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(issued: vidimus::flow::sign::Issued) {
///     let _made = vidimus::flow::sign::Issued { ..issued };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(issued: vidimus::flow::sign::Issued) {
///     let _made = issued;
/// }
/// ```
#[derive(Debug)]
pub struct Issued {
    token: Token,
    terms: Terms,
}

impl Issued {
    pub fn token(&self) -> &Token {
        &self.token
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// Signs the draft and seals the token.
///
/// # Errors
/// [`Stopped`], when the key does not sign. The intent stays on record, with the outcome `failed`.
pub async fn sign(sts: &Sts, intended: Intended, inquiry: &mut Inquiry) -> Result<Issued, Stopped> {
    inquiry.step(StepId::Sign);
    let Intended { draft, key, terms, .. } = intended;
    let signature = match sts.keys.sign(&key, &draft.to_sign).await {
        Ok(signature) => signature,
        Err(error) => {
            return Err(inquiry.stop(
                Refusal::new(CheckId::KeySigns)
                    .with(Fact::text("source", key.name.clone()))
                    .with(Fact::text("detail", error.0)),
            ));
        }
    };
    inquiry.passed(CheckId::KeySigns, facts([Fact::text("key", key.name.clone())]));
    match sts.formats.get(&draft.token_type) {
        Some(format) => Ok(Issued { token: format.seal(draft, &signature), terms }),
        None => Err(inquiry.stop(Refusal::new(CheckId::KeySigns).with(Fact::text("detail", "no format writes it")))),
    }
}
