//! `ds:KeyInfo` (XML Signature 1.1 section 4.5): the ways in which it names or shows a key.
//!
//! A KeyInfo is a hint and proves nothing: it says with which key to try. What names two keys at
//! once is refused. RetrievalMethod, KeyName, PGPData and the like are not read, so nothing can
//! be fetched.

mod key_value;

use std::sync::Arc;

use crate::wire::crypto::DigestAlgorithm;
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of};
use crate::wire::x509::{Certificate, DistinguishedName, MAX_CERTIFICATE, SerialNumber};
use crate::wire::xml::Element;

pub use key_value::key_value;

/// `ds:X509Data`: certificates, and what names one. Each list in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct X509Data {
    /// DER.
    pub certificates: Vec<Vec<u8>>,
    pub issuer_serials: Vec<IssuerSerial>,
    pub subject_key_identifiers: Vec<Vec<u8>>,
    pub subject_names: Vec<DistinguishedName>,
    /// `dsig11:X509Digest`, with a digest that needs no exception.
    pub digests: Vec<(DigestAlgorithm, Vec<u8>)>,
}

impl X509Data {
    /// How many names of a certificate stand here.
    pub fn names(&self) -> usize {
        self.issuer_serials.len() + self.subject_key_identifiers.len() + self.subject_names.len() + self.digests.len()
    }

    /// Whether every name that stands here is this certificate's.
    pub fn all_name(&self, certificate: &Certificate) -> bool {
        let identifier = certificate.subject_key_identifier();
        self.issuer_serials.iter().all(|named| named.names(certificate))
            && self.subject_key_identifiers.iter().all(|named| identifier == Some(named.as_slice()))
            && self.subject_names.iter().all(|named| named.matches(certificate.subject()))
            && self.digests.iter().all(|(algorithm, digest)| algorithm.digest(certificate.der()).as_ref() == digest)
    }
}

/// `ds:X509IssuerSerial`, compared by its parts and never as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSerial {
    pub issuer: DistinguishedName,
    pub serial: SerialNumber,
}

impl IssuerSerial {
    /// Whether this names the certificate.
    pub fn names(&self, certificate: &Certificate) -> bool {
        self.serial == *certificate.serial() && self.issuer.matches(certificate.issuer())
    }

    /// Reads `ds:X509IssuerSerial`.
    ///
    /// # Errors
    /// When the serial is not decimal or the name cannot be read in one way.
    pub fn read(element: Element<'_>) -> Result<Self, ShapeError> {
        shape::no_text(element)?;
        let issuer = shape::one(element, ns::DS, "X509IssuerName", "ds:X509IssuerName")?;
        let serial = shape::one(element, ns::DS, "X509SerialNumber", "ds:X509SerialNumber")?;
        let number = shape::some_text(serial, MAX_URI)?;
        Ok(Self {
            issuer: name(issuer)?,
            serial: SerialNumber::from_decimal(&number)
                .ok_or_else(|| ShapeError::value("a decimal serial number", &number, "", serial))?,
        })
    }
}

/// Reads `ds:X509Data`.
///
/// # Errors
/// When it is empty, holds something else than what [`X509Data`] has, or too much of it.
pub fn x509_data(element: Element<'_>) -> Result<X509Data, ShapeError> {
    shape::no_text(element)?;
    let mut data = X509Data::default();
    let mut count = 0;
    for child in element.children() {
        count += 1;
        if count > MAX_ITEMS {
            return Err(ShapeError::new(Shape::TooLong { most: MAX_ITEMS }, element));
        }
        match (child.namespace(), child.local_name()) {
            (ns::DS, "X509Certificate") => data.certificates.push(shape::bytes(child, MAX_CERTIFICATE)?),
            (ns::DS, "X509IssuerSerial") => data.issuer_serials.push(IssuerSerial::read(child)?),
            (ns::DS, "X509SKI") => data.subject_key_identifiers.push(shape::bytes(child, MAX_IDENTIFIER)?),
            (ns::DS, "X509SubjectName") => data.subject_names.push(name(child)?),
            (ns::DS11, "X509Digest") => data.digests.push(digest(child)?),
            _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child)),
        }
    }
    if count == 0 {
        return Err(ShapeError::new(Shape::Empty, element));
    }
    Ok(data)
}

/// A distinguished name in text.
fn name(element: Element<'_>) -> Result<DistinguishedName, ShapeError> {
    let text = shape::some_text(element, MAX_NAME)?;
    DistinguishedName::parse(&text).map_err(|error| ShapeError::value("a distinguished name", &text, error, element))
}

/// `dsig11:X509Digest` (XML Signature 1.1 section 4.5.4.1).
fn digest(element: Element<'_>) -> Result<(DigestAlgorithm, Vec<u8>), ShapeError> {
    let uri = shape::attribute(element, "Algorithm", "dsig11:X509Digest/@Algorithm")?;
    let algorithm = DigestAlgorithm::from_uri(uri)
        .ok_or_else(|| ShapeError::value("SHA-256, SHA-384 or SHA-512", uri, "", element))?;
    Ok((algorithm, shape::bytes(element, MAX_IDENTIFIER)?))
}

/// A key that a KeyInfo shows: alone, or in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// The certificate it came in, DER.
    pub certificate: Option<Vec<u8>>,
}

/// Certificates that were read before, by their bytes: to read one again costs more than all that is done with it.
pub type Known<'k> = dyn Fn(&[u8]) -> Option<Arc<Certificate>> + 'k;

/// For whoever has read none before.
pub fn none_known(_der: &[u8]) -> Option<Arc<Certificate>> {
    None
}

/// Reads a `ds:KeyInfo` that must show one key by itself, as a holder-of-key confirmation does
/// (SAML 2.0 Profiles section 3.1): one certificate, a KeyValue, or both with the same key.
///
/// # Errors
/// When it shows no key, two keys, or holds anything else.
pub fn shown_key(key_info: Element<'_>, known: &Known<'_>) -> Result<ShownKey, ShapeError> {
    shape::no_text(key_info)?;
    let mut shown: Option<ShownKey> = None;
    for child in key_info.children() {
        let next = match (child.namespace(), child.local_name()) {
            (ns::DS, "X509Data") => from_x509_data(child, known)?,
            (ns::DS, "KeyValue") => ShownKey { spki: key_value(child)?.spki().to_vec(), certificate: None },
            _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child)),
        };
        shown = Some(match shown {
            None => next,
            Some(known) if known.spki == next.spki && (known.certificate.is_none() || next.certificate.is_none()) => {
                ShownKey { certificate: known.certificate.or(next.certificate), ..next }
            }
            Some(_) => return Err(ShapeError::new(Shape::Repeated("a key".to_owned()), child)),
        });
    }
    shown.ok_or_else(|| ShapeError::new(Shape::Missing("ds:X509Data or ds:KeyValue"), key_info))
}

fn from_x509_data(element: Element<'_>, known: &Known<'_>) -> Result<ShownKey, ShapeError> {
    let data = x509_data(element)?;
    let [der] = data.certificates.as_slice() else {
        let kind = match data.certificates.len() {
            0 => Shape::Missing("ds:X509Certificate"),
            _ => Shape::Repeated("ds:X509Certificate".to_owned()),
        };
        return Err(ShapeError::new(kind, element));
    };
    let certificate = match known(der) {
        Some(certificate) => certificate,
        None => Certificate::parse(der)
            .map(Arc::new)
            .map_err(|error| ShapeError::value("a certificate", "", error, element))?,
    };
    if !data.all_name(&certificate) {
        return Err(ShapeError::new(Shape::Repeated("a key".to_owned()), element));
    }
    Ok(ShownKey { spki: certificate.spki().to_vec(), certificate: Some(der.clone()) })
}

/// Longest distinguished name, in bytes.
const MAX_NAME: usize = 4096;
/// Most children of one `ds:X509Data`.
const MAX_ITEMS: usize = 8;
/// Longest key identifier, in bytes.
const MAX_IDENTIFIER: usize = 64;
