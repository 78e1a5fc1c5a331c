//! `wst:UseKey` (WS-Trust 1.3 section 9.3) in the five forms that clients send.

use super::{Error, ErrorKind};
use crate::wire::key_info::ShownKey;
use crate::wire::ns;
use crate::wire::shape::{self, MAX_ID, Shape, ShapeError};
use crate::wire::wsse::{self, BinarySecurityToken, SecurityTokenReference};
use crate::wire::xml::Element;

/// The key that the token shall be bound to, as the request names it. Naming is not proving.
#[derive(Debug, Clone)]
pub enum UseKey<'d> {
    /// `@Sig`: the key of the signature with this id; nothing inside.
    Signature(&'d str),
    /// A key shown inside: `ds:KeyInfo` with KeyValue or X509Data, or a bare BinarySecurityToken.
    Shown(ShownKey),
    /// A reference to a token of the message, or to a certificate that we know.
    Reference(SecurityTokenReference<'d>),
}

pub(super) fn read(element: Element<'_>) -> Result<UseKey<'_>, Error> {
    let fail = |error: wsse::Error| Error { at: error.at, kind: ErrorKind::UseKey(error) };
    let shape_fail = |error: ShapeError| fail(error.into());
    shape::no_text(element).map_err(shape_fail)?;
    if element.children().next().is_none() {
        return match element.attribute("", "Sig") {
            // An IDREF; vSphere writes the id, others a URI fragment.
            Some(id) if shape::is_id(id.trim_start_matches('#')) && id.len() <= MAX_ID => {
                Ok(UseKey::Signature(id.trim_start_matches('#')))
            }
            _ => Err(shape_fail(ShapeError::new(Shape::Empty, element))),
        };
    }
    let child = shape::only_child(element, "a key").map_err(shape_fail)?;
    match (child.namespace(), child.local_name()) {
        (ns::WSSE, "BinarySecurityToken") => {
            let certificate = BinarySecurityToken::read(child).and_then(|token| token.certificate()).map_err(fail)?;
            Ok(UseKey::Shown(ShownKey {
                spki: certificate.spki().to_vec(),
                certificate: Some(certificate.der().to_vec()),
            }))
        }
        (ns::WSSE, "SecurityTokenReference") => reference(SecurityTokenReference::read(child).map_err(fail)?),
        (ns::DS, "KeyInfo") => reference(SecurityTokenReference::from_key_info(child).map_err(fail)?),
        (ns::DS, "X509Data" | "KeyValue") => {
            Err(fail(wsse::Error { kind: wsse::ErrorKind::ReferenceForm(shape::name_of(child)), at: child.id() }))
        }
        _ => Err(shape_fail(ShapeError::new(Shape::Unexpected(shape::name_of(child)), child))),
    }
}

/// A reference that holds the key itself is as good as the key.
fn reference(reference: SecurityTokenReference<'_>) -> Result<UseKey<'_>, Error> {
    use crate::wire::wsse::TokenReference;
    use crate::wire::x509::Certificate;
    match reference.target {
        TokenReference::KeyValue(spki) => Ok(UseKey::Shown(ShownKey { spki, certificate: None })),
        TokenReference::Certificates(ders) => match Certificate::parse(ders.first().map_or(&[], Vec::as_slice)) {
            Ok(certificate) => Ok(UseKey::Shown(ShownKey {
                spki: certificate.spki().to_vec(),
                certificate: Some(certificate.der().to_vec()),
            })),
            Err(error) => {
                let kind = wsse::ErrorKind::Certificate(error.to_string());
                let at = reference.element.id();
                Err(Error { kind: ErrorKind::UseKey(wsse::Error { kind, at }), at })
            }
        },
        target => Ok(UseKey::Reference(SecurityTokenReference { target, ..reference })),
    }
}
