//! The pure half of the path in one call: bytes, whom we trust, the time; nothing else.
//!
//! For whoever asks of a message what the server would find, without being a server: the
//! conformance corpus, and the server's attack on itself before it listens.

use crate::flow::authenticate::{self, Authenticated};
use crate::flow::inquiry::{Inquiry, Stopped};
use crate::flow::parse;
use crate::flow::verify::{self, Terms};

/// Whose message is it? `issuer` is what we are called in our own assertions.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn requester(
    bytes: Vec<u8>,
    terms: Terms<'_>,
    issuer: &str,
    inquiry: &mut Inquiry,
) -> Result<Authenticated, Stopped> {
    let document = parse::document(bytes, terms.limits, inquiry)?;
    let envelope = parse::envelope(&document, terms.profile, inquiry)?;
    let message = verify::envelope(&envelope, terms, inquiry)?;
    authenticate::requester(&message, terms, issuer, inquiry)
}
