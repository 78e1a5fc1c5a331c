//! `wsse:BinarySecurityToken` (WSS 1.1 section 6.3, X.509 Token Profile 1.1): a certificate in
//! the header.

use x509_cert::der::{Decode, Encode};

use super::{Error, ErrorKind};
use crate::wire::ns;
use crate::wire::shape::{self, short};
use crate::wire::x509::Certificate;
use crate::wire::xml::Element;

/// A token as it was read: bytes that claim to be certificates.
#[derive(Debug, Clone)]
pub struct BinarySecurityToken<'d> {
    pub element: Element<'d>,
    /// `wsu:Id`.
    pub id: Option<&'d str>,
    pub value_type: ValueType,
    pub content: Vec<u8>,
}

/// What the bytes claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One certificate; also meant when the attribute is absent.
    X509V3,
    /// A certification path, the leaf last.
    X509PkiPathV1,
}

impl<'d> BinarySecurityToken<'d> {
    /// Reads the element; `EncodingType` may be absent, as Mono leaves it out.
    ///
    /// # Errors
    /// When encoding or type are others than certificates in base64.
    pub fn read(element: Element<'d>) -> Result<Self, Error> {
        let value_type = Self::value_type(element)?;
        let content = shape::bytes(element, MAX_TOKEN)?;
        Ok(Self { element, id: element.attribute(ns::WSU, "Id"), value_type, content })
    }

    /// What the element claims to hold, in base64.
    ///
    /// # Errors
    /// As [`read`](Self::read); the content is not looked at.
    pub fn value_type(element: Element<'_>) -> Result<ValueType, Error> {
        match element.attribute("", "EncodingType") {
            None | Some(ns::BASE64_BINARY) => {}
            Some(other) => return Err(Error::new(ErrorKind::EncodingType(short(other)), element)),
        }
        match element.attribute("", "ValueType") {
            None | Some(ns::X509_V3) => Ok(ValueType::X509V3),
            Some(ns::X509_PKI_PATH) => Ok(ValueType::X509PkiPathV1),
            Some(other) => Err(Error::new(ErrorKind::ValueType(short(other)), element)),
        }
    }

    /// The certificates inside, the leaf first.
    ///
    /// # Errors
    /// When the bytes are not what [`ValueType`] says.
    pub fn certificates(&self) -> Result<Vec<Certificate>, Error> {
        let fail = |why: String| Error::new(ErrorKind::Certificate(why), self.element);
        let ders = match self.value_type {
            ValueType::X509V3 => vec![self.content.clone()],
            ValueType::X509PkiPathV1 => {
                let path = x509_cert::PkiPath::from_der(&self.content).map_err(|error| fail(error.to_string()))?;
                if path.is_empty() || path.len() > MAX_PATH {
                    return Err(fail(format!("a path of {} certificates; 1 to {MAX_PATH} are taken", path.len())));
                }
                let ders = path.iter().rev().map(Encode::to_der);
                ders.collect::<Result<_, _>>().map_err(|error| fail(error.to_string()))?
            }
        };
        ders.iter().map(|der| Certificate::parse(der).map_err(|error| fail(error.to_string()))).collect()
    }

    /// The leaf.
    ///
    /// # Errors
    /// As [`Self::certificates`].
    pub fn certificate(&self) -> Result<Certificate, Error> {
        let mut certificates = self.certificates()?;
        if certificates.is_empty() {
            return Err(Error::new(ErrorKind::Certificate("no certificate".to_owned()), self.element));
        }
        Ok(certificates.swap_remove(0))
    }
}

/// Longest token, in bytes.
const MAX_TOKEN: usize = 128 * 1024;
/// Most certificates of one path.
const MAX_PATH: usize = 8;

#[cfg(test)]
mod tests {
    use x509_cert::der::{Any, Encode, Tag};

    use super::*;
    use crate::wire::base64;
    use crate::wire::xml::{Document, Limits};

    #[test]
    fn a_path_has_one_to_eight_certificates_and_its_leaf_is_last() {
        let made = |name: &str| {
            let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
        };
        let (upper, leaf) = (made("upper.example"), made("leaf.example"));
        let read = |count: usize| {
            let mut path = vec![&upper; count.saturating_sub(1)];
            path.extend((count > 0).then_some(&leaf));
            let content: Vec<u8> = path.into_iter().flatten().copied().collect();
            let text = base64::encode(&Any::new(Tag::Sequence, content).unwrap().to_der().unwrap());
            let xml = format!("<t xmlns='{}' ValueType='{}'>{text}</t>", ns::WSSE, ns::X509_PKI_PATH);
            let document = Document::parse(xml, &Limits::default()).unwrap();
            let certificates = BinarySecurityToken::read(document.root()).unwrap().certificates();
            certificates.map(|all| (all.len(), all.first().map(|first| first.der() == leaf))).ok()
        };
        assert_eq!(
            [0, 1, 2, 8, 9].map(read),
            [None, Some((1, Some(true))), Some((2, Some(true))), Some((8, Some(true))), None]
        );
    }
}
