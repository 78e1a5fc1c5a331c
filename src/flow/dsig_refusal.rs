//! What is wrong with a signature, as a refusal: the translation from `wire::dsig` to our words.

use crate::flow::parse::{place, short};
use crate::model::{CheckId, Fact, Refusal};
use crate::wire::dsig::Error;
use crate::wire::ns;
use crate::wire::xml::{Element, ErrorKind, Limits};

/// The refusal of a fault in the signature at `signature`.
pub(super) fn refusal(signature: Element<'_>, error: &Error, limits: &Limits) -> Refusal {
    let at = error.element().map_or(signature, |id| signature.document().element(id));
    let reference = reference_of(at);
    let refusal = match error {
        Error::Structure { detail, .. } => structure(at, detail),
        Error::Base64 { .. } => structure(at, "its value is not base64"),
        Error::TooManyReferences { limit, .. } => Refusal::new(CheckId::ReferenceCount)
            .with(Fact::text("found", "more"))
            .with(Fact::number("limit", *limit))
            .with(Fact::text("wanted", "soap:Body, wsu:Timestamp")),
        Error::Canonicalization { uri, .. } => Refusal::new(CheckId::Canonicalization)
            .with(Fact::text("element", at.parent().map_or("ds:SignedInfo", Element::qualified_name)))
            .with(Fact::text("algorithm", short(uri)))
            .with(Fact::text("wanted", ns::EXC_C14N)),
        Error::SignatureMethod { uri, .. } => {
            Refusal::new(CheckId::SignatureMethod).with(Fact::text("algorithm", short(uri)))
        }
        Error::DigestMethod { uri, .. } => Refusal::new(CheckId::DigestMethod)
            .with(Fact::text("reference", reference))
            .with(Fact::text("algorithm", short(uri))),
        Error::Parameter { name, found, wanted, .. } => Refusal::new(CheckId::SignatureParameter)
            .with(Fact::text("parameter", *name))
            .with(Fact::text("found", found.clone()))
            .with(Fact::text("wanted", short(wanted))),
        Error::Transform { uri, .. } => transform(&reference, &short(uri)),
        Error::InclusiveByDefault { .. } => {
            transform(&reference, "inclusive canonicalization (it names none, which means that one)")
        }
        Error::ReferenceForm { uri, .. } => Refusal::new(CheckId::ReferenceForm)
            .with(Fact::text("reference", uri.clone().unwrap_or_else(|| "(no URI)".to_owned()))),
        Error::ReferenceMissing { id, .. } => {
            Refusal::new(CheckId::ReferenceResolved).with(Fact::text("reference", format!("#{id}")))
        }
        Error::ReferenceRepeated { id, count, .. } => Refusal::new(CheckId::ReferenceUnique)
            .with(Fact::text("reference", format!("#{id}")))
            .with(Fact::number("count", *count)),
        Error::TwoIds { id, other, .. } => Refusal::new(CheckId::ReferenceUnique)
            .with(Fact::text("reference", format!("#{id} (also #{other})")))
            .with(Fact::text("count", "Differently named")),
        Error::TokenReference { detail, .. } => structure(at, detail),
        Error::Empty { .. } => structure(at, "what it signs is empty"),
        Error::Limit(error) if error.kind == ErrorKind::LimitCanonicalForm => Refusal::new(CheckId::LimitCanonicalForm)
            .with(Fact::text("element", at.qualified_name()))
            .with(Fact::number("limit", limits.canonical)),
        Error::Limit(error) => structure(at, &error.to_string()),
        Error::Value { .. } => Refusal::new(CheckId::SignatureValue),
    };
    refusal.at(place(at))
}

/// The URI of the `ds:Reference` that an element stands in.
fn reference_of(at: Element<'_>) -> String {
    std::iter::once(at)
        .chain(at.ancestors())
        .find(|element| element.is(ns::DS, "Reference"))
        .and_then(|reference| reference.attribute("", "URI"))
        .unwrap_or("(no URI)")
        .to_owned()
}

fn structure(at: Element<'_>, detail: &str) -> Refusal {
    Refusal::new(CheckId::SignatureStructure)
        .with(Fact::text("element", at.qualified_name()))
        .with(Fact::text("detail", detail))
}

fn transform(reference: &str, algorithm: &str) -> Refusal {
    Refusal::new(CheckId::TransformAllowed)
        .with(Fact::text("reference", reference))
        .with(Fact::text("algorithm", algorithm))
        .with(Fact::list("wanted", ["exclusive canonicalization", "enveloped-signature", "STR-Transform"]))
}
