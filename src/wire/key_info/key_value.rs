//! `ds:KeyValue` (XML Signature 1.1 section 4.5.2): an RSA or P-256 key, shown by its numbers.

use crate::wire::crypto::{KeyError, PublicKey};
use crate::wire::ns;
use crate::wire::shape::{self, Shape, ShapeError, name_of};
use crate::wire::xml::Element;

/// Reads `ds:KeyValue`.
///
/// # Errors
/// When it holds no key, or one of another kind than RSA and P-256.
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
            if uri != P256 {
                return Err(ShapeError::value("the curve P-256", uri, "", curve));
            }
            match shape::bytes(point, MAX_NUMBER)?.split_first() {
                // SEC 1 section 2.3.4: 4 announces an uncompressed point.
                Some((4, coordinates)) if coordinates.len() == 64 => {
                    let (x, y) = coordinates.split_at(32);
                    PublicKey::from_p256(x, y)
                }
                _ => Err(KeyError::Encoding),
            }
        }
        _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child)),
    };
    key.map_err(|error| ShapeError::value("a public key", child.local_name(), error, child))
}

/// `dsig11:NamedCurve/@URI` of P-256.
pub const P256: &str = "urn:oid:1.2.840.10045.3.1.7";
/// Longest number of a key: RSA with 8192 bits, and a sign octet.
const MAX_NUMBER: usize = 1025;
