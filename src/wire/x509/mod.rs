//! X.509 certificates (RFC 5280): what one says, and whether a path leads from it to an anchor.
//!
//! In: DER or PEM. Out: names, times, key, identifiers. A certificate that was read is not a
//! certificate that is trusted: [`verify_path`] shows a path, and only the registry says who the
//! holder is. Revocation is judged by what was fetched before ([`Revocations`]); nothing is fetched
//! here.

mod anchors;
mod crl;
mod form;
mod name;
mod ocsp;
mod ocsp_write;
mod path;
mod path_error;
mod revocation;
mod signed;

use std::fmt;

use chrono::{DateTime, Utc};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectKeyIdentifier};

pub use anchors::{Anchors, Exception, PathRules, RevocationRule};
pub use crl::{Crl, CrlError, MAX_CRL};
pub use form::FormError;
pub use name::{DistinguishedName, NameAttribute, NameError, NameErrorKind, NameValue};
pub use ocsp::{MAX_ANSWER, OcspAnswer, OcspError, OcspStatus, question, verify_answer};
pub use ocsp_write::{Answer, write_answer};
pub use path::{Path, Question, Standing, judge_path, judge_standing, verify_path};
pub use path_error::PathError;
pub use revocation::{CLOCK_SKEW, Collected, Revocations, Status, Taken};

use crate::wire::crypto;

/// A certificate as it was read. Says nothing of trust.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    subject: DistinguishedName,
    subject_der: Vec<u8>,
    issuer: DistinguishedName,
    issuer_der: Vec<u8>,
    serial: SerialNumber,
    subject_key_identifier: Option<Vec<u8>>,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
    spki: Vec<u8>,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Vec<String>,
    authority: bool,
}

/// Why bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// More than [`MAX_CERTIFICATE`] bytes.
    TooLong(usize),
    /// Not DER, or not of the structure of RFC 5280 section 4.1.
    Der(String),
    /// A date that no calendar has.
    Date,
    /// PEM without, or with a broken, `CERTIFICATE` section.
    Pem(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(f, "{bytes} bytes are more than the {MAX_CERTIFICATE} that a certificate may have")
            }
            Self::Der(detail) => write!(f, "not a DER certificate: {detail}"),
            Self::Date => f.write_str("a date of the certificate does not exist"),
            Self::Pem(detail) => write!(f, "not a PEM certificate: {detail}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl Certificate {
    /// Reads one DER certificate; nothing may follow it.
    ///
    /// # Errors
    /// When the bytes are too many, not DER, or not an X.509 certificate.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLong(der.len()));
        }
        let certificate = x509_cert::Certificate::from_der(der).map_err(|e| CertificateError::Der(e.to_string()))?;
        let tbs = &certificate.tbs_certificate;
        let key_usage = extension::<x509_cert::ext::pkix::KeyUsage>(tbs)?;
        Ok(Self {
            der: der.to_vec(),
            subject: DistinguishedName::from_name(&tbs.subject),
            subject_der: tbs.subject.to_der().map_err(|e| CertificateError::Der(e.to_string()))?,
            issuer: DistinguishedName::from_name(&tbs.issuer),
            issuer_der: tbs.issuer.to_der().map_err(|e| CertificateError::Der(e.to_string()))?,
            serial: SerialNumber::from_bytes(tbs.serial_number.as_bytes()),
            subject_key_identifier: extension::<SubjectKeyIdentifier>(tbs)?.map(|id| id.0.as_bytes().to_vec()),
            not_before: time(tbs.validity.not_before)?,
            not_after: time(tbs.validity.not_after)?,
            spki: tbs.subject_public_key_info.to_der().map_err(|e| CertificateError::Der(e.to_string()))?,
            key_usage: key_usage.map(KeyUsage),
            extended_key_usage: extension::<ExtendedKeyUsage>(tbs)?
                .map(|usage| usage.0.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            authority: extension::<BasicConstraints>(tbs)?.is_some_and(|constraints| constraints.ca),
        })
    }

    /// Reads all certificates of a PEM file, in its order; at least one.
    ///
    /// # Errors
    /// When there is none, or one of them cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let certificates: Vec<Self> = CertificateDer::pem_slice_iter(pem)
            .map(|der| Self::parse(&der.map_err(|error| CertificateError::Pem(error.to_string()))?))
            .collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(CertificateError::Pem("no CERTIFICATE section".to_owned()));
        }
        Ok(certificates)
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// The subject as it stands in the certificate: how a CRL or an OCSP answer names an issuer.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The issuer as it stands in the certificate.
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer_der
    }

    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The SubjectKeyIdentifier extension. Never computed: RFC 5280 leaves its making open.
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.subject_key_identifier.as_deref()
    }

    /// The first second of validity.
    pub fn not_before(&self) -> DateTime<Utc> {
        self.not_before
    }

    /// The last second of validity (RFC 5280 section 4.1.2.5: inclusive).
    pub fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the certificate: `x5t#S256` of RFC 8705.
    pub fn thumbprint(&self) -> [u8; 32] {
        crypto::sha256(&self.der)
    }

    /// SHA-1 of the certificate. Names it in a `ThumbprintSHA1` reference and proves nothing.
    pub fn thumbprint_sha1(&self) -> [u8; 20] {
        crypto::sha1_thumbprint(&self.der)
    }

    /// SHA-256 of the SubjectPublicKeyInfo: how a key is named, whatever certificate it came in.
    pub fn key_thumbprint(&self) -> [u8; 32] {
        crypto::sha256(&self.spki)
    }

    /// The keyUsage extension; `None` when absent, which allows all uses.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// The purposes of the extendedKeyUsage extension, dotted OIDs; empty when absent.
    pub fn extended_key_usage(&self) -> &[String] {
        &self.extended_key_usage
    }

    /// The URLs of the cRLDistributionPoints extension that name a whole list (RFC 5280 section
    /// 4.2.1.13). They only select among configured sources; nothing is ever fetched from them.
    pub fn crl_distribution_points(&self) -> Vec<String> {
        form::crl_distribution_points(&self.der).unwrap_or_default()
    }

    /// The policies of the certificatePolicies extension, dotted OIDs; empty when absent.
    pub fn policies(&self) -> Vec<String> {
        form::policies(&self.der).unwrap_or_default()
    }

    fn has_extension(&self, id: x509_cert::der::asn1::ObjectIdentifier) -> bool {
        form::has_extension(&self.der, id)
    }

    /// Whether basicConstraints says that this is an authority.
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether subject and issuer are one name. No proof that the signature is its own.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `at` lies in the period of validity, both ends included.
    pub fn is_valid_at(&self, at: DateTime<Utc>) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// The key, ready to verify with.
    ///
    /// # Errors
    /// When the key is of a kind that nothing here verifies with.
    pub fn public_key(&self) -> Result<crypto::PublicKey, crypto::KeyError> {
        crypto::PublicKey::from_spki(&self.spki)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject.to_string())
            .field("issuer", &self.issuer.to_string())
            .field("serial", &self.serial.to_string())
            .finish_non_exhaustive()
    }
}

/// The keyUsage bits (RFC 5280 section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(x509_cert::ext::pkix::KeyUsage);

impl KeyUsage {
    pub fn digital_signature(self) -> bool {
        self.0.digital_signature()
    }

    /// nonRepudiation, called contentCommitment since 2005.
    pub fn non_repudiation(self) -> bool {
        self.0.non_repudiation()
    }

    pub fn key_cert_sign(self) -> bool {
        self.0.key_cert_sign()
    }

    pub fn crl_sign(self) -> bool {
        self.0.crl_sign()
    }

    /// Whether a message may be signed with the key.
    pub fn may_sign(self) -> bool {
        self.digital_signature() || self.non_repudiation()
    }
}

/// A serial number: the magnitude of the INTEGER, big-endian, without leading zeros. Written in
/// decimal, as `ds:X509SerialNumber` has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().skip_while(|byte| *byte == 0).collect())
    }

    /// Reads decimal digits, white space around them allowed.
    pub fn from_decimal(text: &str) -> Option<Self> {
        let digits = text.trim();
        let plain =
            !digits.is_empty() && digits.len() <= MAX_SERIAL_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        if !plain {
            return None;
        }
        // Little-endian while it grows: multiply by ten, add the digit.
        let mut number: Vec<u8> = Vec::new();
        for digit in digits.bytes() {
            let mut carry = u16::from(digit - b'0');
            for byte in &mut number {
                carry += u16::from(*byte) * 10;
                *byte = carry.to_le_bytes()[0];
                carry >>= 8;
            }
            if carry > 0 {
                number.push(carry.to_le_bytes()[0]);
            }
        }
        number.reverse();
        Some(Self(number))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Little-endian decimal digits: multiply by 256, add the byte.
        let mut digits: Vec<u8> = vec![0];
        for byte in &self.0 {
            let mut carry = u32::from(*byte);
            for digit in &mut digits {
                carry += u32::from(*digit) * 256;
                *digit = (carry % 10).to_le_bytes()[0];
                carry /= 10;
            }
            while carry > 0 {
                digits.push((carry % 10).to_le_bytes()[0]);
                carry /= 10;
            }
        }
        digits.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

fn extension<'a, T>(tbs: &'a x509_cert::TbsCertificate) -> Result<Option<T>, CertificateError>
where
    T: Decode<'a> + x509_cert::der::oid::AssociatedOid,
{
    let found = tbs.get::<T>().map_err(|error| CertificateError::Der(error.to_string()))?;
    Ok(found.map(|(_critical, value)| value))
}

fn time(time: x509_cert::time::Time) -> Result<DateTime<Utc>, CertificateError> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| CertificateError::Date)?;
    DateTime::from_timestamp(seconds, 0).ok_or(CertificateError::Date)
}

/// Longest certificate, in bytes; real ones have one to three thousand.
pub const MAX_CERTIFICATE: usize = 32 * 1024;
/// Most digits of a serial number: 20 octets make 49.
const MAX_SERIAL_DIGITS: usize = 64;

#[cfg(test)]
mod revocation_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_the_same_in_decimal_and_in_bytes() {
        for (bytes, decimal) in [
            (&[0][..], "0"),
            (&[0, 255], "255"),
            (&[1, 0, 0], "65536"),
            (&[0xff; 8], "18446744073709551615"),
            (&[0x80; 16], "170808403787765189503184116671632670848"),
        ] {
            let serial = SerialNumber::from_bytes(bytes);
            assert_eq!(serial.to_string(), decimal);
            assert_eq!(SerialNumber::from_decimal(&format!(" {decimal}\n")), Some(serial));
        }
        for wrong in ["", "-1", "0x1f", "1 2", &"9".repeat(65)] {
            assert_eq!(SerialNumber::from_decimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_certificate_is_read_with_all_that_names_it() {
        let made = path::tests::authority("Test CA");
        let certificate = Certificate::parse(made.der()).unwrap();
        assert_eq!(certificate.subject().common_name(), Some("Test CA"));
        assert!(certificate.is_authority() && certificate.is_self_issued());
        assert!(certificate.key_usage().is_some_and(KeyUsage::key_cert_sign));
        assert_eq!(certificate.subject_key_identifier().map(<[u8]>::len), Some(20));
        assert!(certificate.issuer().matches(&DistinguishedName::parse("CN = Test CA").unwrap()));
        assert_eq!(certificate.thumbprint_sha1(), crypto::sha1_thumbprint(made.der()));
        assert_eq!(certificate.thumbprint(), crypto::sha256(made.der()));
    }

    #[test]
    fn each_bit_of_the_key_usage_says_one_thing() {
        use rcgen::KeyUsagePurpose as Purpose;
        let issuer = path::tests::authority("Test CA");
        for (purpose, wanted) in [
            (Purpose::DigitalSignature, [true, false, false, false, true]),
            (Purpose::ContentCommitment, [false, true, false, false, true]),
            (Purpose::KeyCertSign, [false, false, true, false, false]),
            (Purpose::CrlSign, [false, false, false, true, false]),
            (Purpose::KeyEncipherment, [false; 5]),
        ] {
            let mut params = rcgen::CertificateParams::default();
            params.key_usages = vec![purpose];
            let made = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap();
            let certificate = Certificate::parse(made.der()).unwrap();
            let usage = certificate.key_usage().unwrap();
            let found = [
                usage.digital_signature(),
                usage.non_repudiation(),
                usage.key_cert_sign(),
                usage.crl_sign(),
                usage.may_sign(),
            ];
            assert_eq!(found, wanted, "{purpose:?}");
            assert!(!certificate.is_self_issued() && !certificate.is_authority());
        }
    }

    #[test]
    fn a_certificate_of_twenty_thousand_bytes_is_read() {
        let mut params = rcgen::CertificateParams::default();
        params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0; 20_000])];
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert!(Certificate::parse(made.der()).is_ok());
    }

    #[test]
    fn trailing_bytes_and_huge_input_are_refused() {
        let mut der = path::tests::authority("Test CA").der().to_vec();
        der.push(0);
        assert!(matches!(Certificate::parse(&der), Err(CertificateError::Der(_))));
        assert_eq!(
            Certificate::parse(&vec![0x30; MAX_CERTIFICATE + 1]),
            Err(CertificateError::TooLong(MAX_CERTIFICATE + 1))
        );
        assert!(matches!(Certificate::from_pem(b"nothing"), Err(CertificateError::Pem(_))));
    }
}
