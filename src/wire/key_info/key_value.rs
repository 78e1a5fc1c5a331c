//! `ds:KeyValue` (XML Signature 1.1 section 4.5.2): an RSA or ECDSA key, shown by its numbers.

use crate::wire::crypto::{Curve, KeyError, PublicKey};
use crate::wire::ns;
use crate::wire::shape::{self, Shape, ShapeError, name_of};
use crate::wire::xml::Element;

/// Reads `ds:KeyValue`.
///
/// # Errors
/// When it holds no key, or one of another kind than RSA and ECDSA on a named curve.
pub fn key_value(element: Element<'_>) -> Result<PublicKey, ShapeError> {
    let child = shape::only_child(element, "ds:RSAKeyValue or dsig11:ECKeyValue")?;
    shape::no_text(child)?;
    let key = match (child.namespace(), child.local_name()) {
        (ns::DS, "RSAKeyValue") => {
            let modulus = shape::one(child, ns::DS, "Modulus", "ds:Modulus")?;
            let exponent = shape::one(child, ns::DS, "Exponent", "ds:Exponent")?;
            PublicKey::from_rsa(&shape::bytes(modulus, MAX_NUMBER)?, &shape::bytes(exponent, MAX_NUMBER)?)
        }
        (ns::DS11, "ECKeyValue") => {
            let curve = shape::one(child, ns::DS11, "NamedCurve", "dsig11:NamedCurve")?;
            let point = shape::one(child, ns::DS11, "PublicKey", "dsig11:PublicKey")?;
            let uri = shape::attribute(curve, "URI", "dsig11:NamedCurve/@URI")?;
            let Some(curve) = Curve::ALL.into_iter().find(|curve| curve.uri() == uri) else {
                return Err(ShapeError::value("one of the curves P-256, P-384 and P-521", uri, "", curve));
            };
            match shape::bytes(point, MAX_NUMBER)?.split_first() {
                // SEC 1 section 2.3.4: 4 announces an uncompressed point.
                Some((4, coordinates)) if coordinates.len() == 2 * curve.coordinate() => {
                    let (x, y) = coordinates.split_at(curve.coordinate());
                    PublicKey::from_point(curve, x, y)
                }
                _ => Err(KeyError::Encoding),
            }
        }
        _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child)),
    };
    key.map_err(|error| ShapeError::value("a public key", child.local_name(), error, child))
}

/// Longest number of a key: RSA with 8192 bits, and a sign octet.
const MAX_NUMBER: usize = 1025;
