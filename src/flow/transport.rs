//! What the HTTP binding says of a message, against what the message is (SOAP 1.1 §6, SOAP 1.2
//! part 2 §7.1).

use crate::flow::inquiry::{Inquiry, Stopped};
use crate::model::{CheckId, Fact, Refusal};
use crate::wire::soap::Version;

/// The media type must be the envelope's, and its charset UTF-8 or unsaid. Content that is
/// announced as one thing and is another is what two readers disagree about.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn content_type(found: Option<&str>, version: Version, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let found = found.unwrap_or_default();
    let mut parts = found.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let utf8 = charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"));
    inquiry.require(media_type.eq_ignore_ascii_case(version.media_type()) && utf8, || {
        Refusal::new(CheckId::SoapContentType)
            .with(Fact::text("found", found.escape_default().to_string()))
            .with(Fact::text("wanted", format!("{} in UTF-8 for SOAP {}", version.media_type(), version.as_str())))
    })
}

/// Nothing is inflated: what a small body grows to would be the sender's to decide.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn not_compressed(encoding: Option<&str>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let encoding = encoding.map(str::trim).unwrap_or_default();
    inquiry.require(encoding.is_empty() || encoding.eq_ignore_ascii_case("identity"), || {
        Refusal::new(CheckId::SoapContentType)
            .with(Fact::text("found", format!("Content-Encoding: {}", encoding.escape_default())))
            .with(Fact::text("wanted", "no Content-Encoding"))
    })
}
