//! How a signature says which key made it: `ds:KeyInfo` with a `wsse:SecurityTokenReference`, in
//! all the styles that clients use (`reference/wstrust.md` 3.4, item 7).
//!
//! One reference names one token (BSP 1.1 R3061). The exception that real clients need: X509Data
//! with a certificate and its own issuer and serial (zeep).

use super::{Error, ErrorKind};
use crate::wire::crypto::DigestAlgorithm;
use crate::wire::key_info::{self, IssuerSerial};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_ID, Shape, ShapeError, name_of, short};
use crate::wire::x509::{Certificate, DistinguishedName, MAX_CERTIFICATE};
use crate::wire::xml::Element;

/// What a KeyInfo or SecurityTokenReference points at.
#[derive(Debug, Clone)]
pub struct SecurityTokenReference<'d> {
    /// The SecurityTokenReference; the KeyInfo when there is none inside.
    pub element: Element<'d>,
    /// `wsse11:TokenType`.
    pub token_type: Option<&'d str>,
    pub target: TokenReference<'d>,
}

/// The ways to point at a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenReference<'d> {
    /// `wsse:Reference`: the element of the message with this id.
    Direct { id: &'d str, value_type: Option<&'d str> },
    /// `ds:X509IssuerSerial`: a certificate that we know or that came along.
    IssuerSerial(IssuerSerial),
    /// `wsse:KeyIdentifier` or `ds:X509SKI`: a SubjectKeyIdentifier.
    SubjectKeyIdentifier(Vec<u8>),
    /// `wsse:KeyIdentifier`: SHA-1 of a certificate.
    ThumbprintSha1(Vec<u8>),
    /// `ds:X509SubjectName`.
    SubjectName(DistinguishedName),
    /// `dsig11:X509Digest`: a digest of a certificate.
    CertificateDigest { algorithm: DigestAlgorithm, digest: Vec<u8> },
    /// The certificate itself, DER, and behind it those that issued it: `wsse:KeyIdentifier` of type X509v3 or
    /// `ds:X509Certificate`. Never empty.
    Certificates(Vec<Vec<u8>>),
    /// An assertion of the message, by its `ID` or `AssertionID`.
    Assertion { id: String, version: SamlVersion },
    /// `ds:KeyValue`: the bare key, as SubjectPublicKeyInfo (DER).
    KeyValue(Vec<u8>),
    /// `wsse:Embedded`: the token inside the reference. Taken where a token is handed over, never
    /// as a signing key.
    Embedded(Element<'d>),
}

impl TokenReference<'_> {
    /// The style, for traces and messages.
    pub fn style(&self) -> &'static str {
        match self {
            Self::Direct { .. } => "Reference",
            Self::IssuerSerial(_) => "IssuerSerial",
            Self::SubjectKeyIdentifier(_) => "SubjectKeyIdentifier",
            Self::ThumbprintSha1(_) => "ThumbprintSHA1",
            Self::SubjectName(_) => "X509SubjectName",
            Self::CertificateDigest { .. } => "X509Digest",
            Self::Certificates(_) => "X509Certificate",
            Self::Assertion { version: SamlVersion::Saml1, .. } => "SAMLAssertionID",
            Self::Assertion { version: SamlVersion::Saml2, .. } => "SAMLID",
            Self::KeyValue(_) => "KeyValue",
            Self::Embedded(_) => "Embedded",
        }
    }
}

/// SAML 1.x or 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamlVersion {
    Saml1,
    Saml2,
}

impl<'d> SecurityTokenReference<'d> {
    /// Reads a `ds:KeyInfo`: one SecurityTokenReference, X509Data or KeyValue.
    ///
    /// # Errors
    /// When it names no token, two, or one in a way that is not taken.
    pub fn from_key_info(key_info: Element<'d>) -> Result<Self, Error> {
        let child = shape::only_child(key_info, "wsse:SecurityTokenReference")?;
        if child.is(ns::WSSE, "SecurityTokenReference") {
            return Self::read(child);
        }
        Ok(Self { element: key_info, token_type: None, target: plain(child)? })
    }

    /// Reads a `wsse:SecurityTokenReference`.
    ///
    /// # Errors
    /// When it names no token, two, or one in a way that is not taken.
    pub fn read(element: Element<'d>) -> Result<Self, Error> {
        shape::no_text(element)?;
        let mut children = element.children();
        let child = match (children.next(), children.next()) {
            (Some(child), None) => child,
            (None, _) => return Err(ShapeError::new(Shape::Empty, element).into()),
            (Some(_), Some(second)) => return Err(Error::new(ErrorKind::ReferenceAmbiguous, second)),
        };
        let target = match (child.namespace(), child.local_name()) {
            (ns::WSSE, "Reference") => direct(child)?,
            (ns::WSSE, "KeyIdentifier") => key_identifier(child)?,
            (ns::WSSE, "Embedded") => TokenReference::Embedded(shape::only_child(child, "a token")?),
            _ => plain(child)?,
        };
        Ok(Self { element, token_type: element.attribute(ns::WSSE11, "TokenType"), target })
    }
}

fn direct(reference: Element<'_>) -> Result<TokenReference<'_>, Error> {
    let uri = shape::attribute(reference, "URI", "wsse:Reference/@URI")?;
    match uri.strip_prefix('#') {
        Some(id) if shape::is_id(id) => {
            Ok(TokenReference::Direct { id, value_type: reference.attribute("", "ValueType") })
        }
        _ => Err(Error::new(ErrorKind::NotSameDocument(short(uri)), reference)),
    }
}

fn key_identifier(identifier: Element<'_>) -> Result<TokenReference<'_>, Error> {
    let value_type = shape::attribute(identifier, "ValueType", "wsse:KeyIdentifier/@ValueType")?;
    let assertion = |version| -> Result<TokenReference<'_>, Error> {
        let id = shape::some_text(identifier, MAX_ID)?;
        Ok(TokenReference::Assertion { id, version })
    };
    match value_type {
        ns::SAML20_ASSERTION_ID => return assertion(SamlVersion::Saml2),
        ns::SAML11_ASSERTION_ID => return assertion(SamlVersion::Saml1),
        _ => {}
    }
    match identifier.attribute("", "EncodingType") {
        None | Some(ns::BASE64_BINARY) => {}
        Some(other) => return Err(Error::new(ErrorKind::EncodingType(short(other)), identifier)),
    }
    match value_type {
        ns::X509_SUBJECT_KEY_IDENTIFIER => {
            Ok(TokenReference::SubjectKeyIdentifier(shape::bytes(identifier, MAX_IDENTIFIER)?))
        }
        ns::THUMBPRINT_SHA1 => Ok(TokenReference::ThumbprintSha1(shape::bytes(identifier, MAX_IDENTIFIER)?)),
        ns::X509_V3 => Ok(TokenReference::Certificates(vec![shape::bytes(identifier, MAX_CERTIFICATE)?])),
        other => Err(Error::new(ErrorKind::ReferenceForm(format!("KeyIdentifier `{}`", short(other))), identifier)),
    }
}

/// What may stand in a KeyInfo without SecurityTokenReference, and in one all the same.
fn plain(child: Element<'_>) -> Result<TokenReference<'_>, Error> {
    match (child.namespace(), child.local_name()) {
        (ns::DS, "X509Data") => x509_data(child),
        (ns::DS, "X509IssuerSerial") => Ok(TokenReference::IssuerSerial(IssuerSerial::read(child)?)),
        (ns::DS, "KeyValue") => Ok(TokenReference::KeyValue(key_info::key_value(child)?.spki().to_vec())),
        _ => Err(Error::new(ErrorKind::ReferenceForm(name_of(child)), child)),
    }
}

/// A certificate wins over what names it, when all of it names that one. Several are taken as a chain, the leaf first,
/// each issued by the next; any other two are two tokens, and so are two names without a certificate.
fn x509_data(element: Element<'_>) -> Result<TokenReference<'_>, Error> {
    let mut data = key_info::x509_data(element)?;
    let ambiguous = || Error::new(ErrorKind::ReferenceAmbiguous, element);
    if !data.certificates.is_empty() {
        let read = |der: &Vec<u8>| {
            Certificate::parse(der).map_err(|error| Error::new(ErrorKind::Certificate(error.to_string()), element))
        };
        let certificates: Vec<Certificate> = data.certificates.iter().map(read).collect::<Result<_, _>>()?;
        let issued = |pair: &[Certificate]| match pair {
            [one, next] => next.is_authority() && one.issuer().matches(next.subject()) && one != next,
            _ => true,
        };
        let named = certificates.first().is_some_and(|leaf| data.all_name(leaf));
        if !named || !certificates.windows(2).all(issued) {
            return Err(ambiguous());
        }
        return Ok(TokenReference::Certificates(data.certificates));
    }
    if data.names() != 1 {
        return Err(ambiguous());
    }
    let issuer_serial = data.issuer_serials.pop().map(TokenReference::IssuerSerial);
    let identifier = data.subject_key_identifiers.pop().map(TokenReference::SubjectKeyIdentifier);
    let subject = data.subject_names.pop().map(TokenReference::SubjectName);
    let digest = data.digests.pop().map(|(algorithm, digest)| TokenReference::CertificateDigest { algorithm, digest });
    issuer_serial.or(identifier).or(subject).or(digest).ok_or_else(ambiguous)
}

/// Longest key identifier, in bytes.
const MAX_IDENTIFIER: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn read(inside: &str) -> Result<String, String> {
        let xml = format!(
            "<ds:KeyInfo xmlns:ds='{}' xmlns:wsse='{}' xmlns:k='{}'>{inside}</ds:KeyInfo>",
            ns::DS,
            ns::WSSE,
            ns::WSSE11
        );
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let reference = SecurityTokenReference::from_key_info(document.root()).map_err(|error| error.to_string())?;
        Ok(match reference.target {
            TokenReference::Direct { id, .. } => format!("Direct {id}"),
            TokenReference::Assertion { id, version } => format!("{version:?} {id}"),
            other => other.style().to_owned(),
        })
    }

    fn reference(inside: &str) -> Result<String, String> {
        read(&format!("<wsse:SecurityTokenReference>{inside}</wsse:SecurityTokenReference>"))
    }

    fn key_identifier(value_type: &str, value: &str) -> Result<String, String> {
        reference(&format!("<wsse:KeyIdentifier ValueType='{value_type}'>{value}</wsse:KeyIdentifier>"))
    }

    fn digest(algorithm: &str) -> String {
        format!("<d:X509Digest xmlns:d='{}' Algorithm='{algorithm}'>AQID</d:X509Digest>", ns::DS11)
    }

    #[test]
    fn reads_every_style_that_clients_use() {
        let issuer_serial = "<ds:X509IssuerSerial><ds:X509IssuerName>CN=Test CA, O=\"x, y\"</ds:X509IssuerName>\
                             <ds:X509SerialNumber>12</ds:X509SerialNumber></ds:X509IssuerSerial>";
        let key_value = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>ANEB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\
                         </ds:RSAKeyValue></ds:KeyValue>";
        for (found, wanted) in [
            (reference("<wsse:Reference URI='#X509-1'/>"), "Direct X509-1"),
            (reference(&format!("<ds:X509Data>{issuer_serial}</ds:X509Data>")), "IssuerSerial"),
            (read(&format!("<ds:X509Data>{issuer_serial}</ds:X509Data>")), "IssuerSerial"),
            (reference(issuer_serial), "IssuerSerial"),
            (key_identifier(ns::X509_SUBJECT_KEY_IDENTIFIER, "AQID"), "SubjectKeyIdentifier"),
            (key_identifier(ns::THUMBPRINT_SHA1, "AQID"), "ThumbprintSHA1"),
            (key_identifier(ns::X509_V3, "AQID"), "X509Certificate"),
            (read("<ds:X509Data><ds:X509SubjectName>CN=a</ds:X509SubjectName></ds:X509Data>"), "X509SubjectName"),
            (read(&format!("<ds:X509Data>{}</ds:X509Data>", digest(ns::SHA256))), "X509Digest"),
            (key_identifier(ns::SAML20_ASSERTION_ID, "_a1"), "Saml2 _a1"),
            (key_identifier(ns::SAML11_ASSERTION_ID, "_a1"), "Saml1 _a1"),
            (read(key_value), "KeyValue"),
            (reference("<wsse:Embedded><a/></wsse:Embedded>"), "Embedded"),
        ] {
            assert_eq!(found.as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn certificates_that_did_not_issue_each_other_are_two_tokens() {
        let made = |name: &str, authority: bool| {
            let mut parameters = rcgen::CertificateParams::default();
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
            if authority {
                parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
            crate::wire::base64::encode(parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der())
        };
        let shown = |all: &[&String]| {
            let all: String = all.iter().map(|one| format!("<ds:X509Certificate>{one}</ds:X509Certificate>")).collect();
            read(&format!("<ds:X509Data>{all}</ds:X509Data>"))
        };
        let (leaf, stranger) = (made("a", false), made("b", true));
        let (of_its_name, no_authority) = (made("a", true), made("a", false));
        assert_eq!(shown(&[&leaf]).as_deref(), Ok("X509Certificate"));
        assert_eq!(shown(&[&leaf, &of_its_name]).as_deref(), Ok("X509Certificate"));
        for two in [[&leaf, &stranger], [&leaf, &no_authority], [&of_its_name, &of_its_name]] {
            assert!(shown(&two).is_err_and(|why| why.contains("in two ways")));
        }
    }

    #[test]
    fn refuses_what_points_outside_twice_or_at_nothing() {
        for (found, wanted) in [
            (reference("<wsse:Reference URI='http://example.org/x'/>"), "does not point into"),
            (reference("<wsse:Reference URI='#a b'/>"), "does not point into"),
            (reference("<wsse:Reference/>"), "@URI is missing"),
            (reference(""), "empty"),
            (reference("<wsse:Reference URI='#a'/><wsse:Reference URI='#a'/>"), "in two ways"),
            (key_identifier("urn:x", "a"), "no way to refer"),
            (read("<ds:KeyName>k</ds:KeyName>"), "no way to refer"),
            (read("<ds:RetrievalMethod URI='#a'/>"), "no way to refer"),
            (read(&format!("<ds:X509Data>{}</ds:X509Data>", digest(ns::SHA1))), "SHA-256"),
            (
                read(
                    "<ds:X509Data><ds:X509SubjectName>CN=a</ds:X509SubjectName><ds:X509SKI>AQ==</ds:X509SKI></ds:X509Data>",
                ),
                "in two ways",
            ),
            (read(""), "is missing"),
            (read("<ds:KeyName>k</ds:KeyName><ds:KeyName>k</ds:KeyName>"), "no place"),
            (
                read(
                    "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=\"a \"b\" c\"</ds:X509IssuerName>\
                     <ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>",
                ),
                "unescaped quotation mark",
            ),
        ] {
            let error = found.unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
