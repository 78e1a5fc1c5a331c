//! Certificate revocation lists (RFC 5280 section 5).
//!
//! In: DER. Out: a [`Crl`] whose signature was verified with its issuer's key, which says of a
//! serial number whether it is listed, and for which certificates it speaks at all. Refused: delta,
//! indirect and reason-partitioned lists, lists without nextUpdate or number, and critical
//! extensions that nobody here knows. A list that names distribution points speaks only for
//! certificates that name one of them too.

use std::fmt;

use chrono::{DateTime, Utc};
use webpki::BorrowedCertRevocationList;
use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag, TagNumber};
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::{Extension, Extensions};

use super::signed::{SignatureError, Signed};
use super::{Certificate, DistinguishedName, SerialNumber, time};
use crate::wire::crypto;

/// A list whose issuer's signature was verified. Made by [`Crl::verify`] only.
#[derive(Clone)]
pub struct Crl {
    issuer: DistinguishedName,
    issuer_name: Vec<u8>,
    issuer_key: [u8; 32],
    this_update: DateTime<Utc>,
    next_update: DateTime<Utc>,
    number: Vec<u8>,
    scope: Scope,
    serials: Vec<Packed>,
    digest: [u8; 32],
}

/// For which certificates of its issuer a list speaks (issuingDistributionPoint).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    All,
    Part { users: bool, authorities: bool, points: Vec<String> },
}

/// A serial number in a fixed place, so that a list of half a million is one allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Packed([u8; MAX_SERIAL + 1]);

/// Why a list is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrlError {
    /// More than [`MAX_CRL`] bytes.
    TooLong(usize),
    /// Not a list of RFC 5280, or one of a kind that is not read: webpki's words.
    Form(String),
    /// The CRLNumber extension is missing or critical (section 5.2.3).
    Number,
    /// No given certificate has the issuer's name.
    IssuerUnknown(String),
    /// The issuer's certificate may not sign lists (keyUsage without cRLSign).
    IssuerUsage(String),
    /// The algorithm is not taken: SHA-1, MD5, a small key.
    Algorithm(String),
    /// It was not signed with the key of its issuer.
    Signature(String),
    /// It begins after the given time.
    Future(DateTime<Utc>),
}

impl fmt::Display for CrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "{bytes} bytes are more than the {MAX_CRL} that a CRL may have"),
            Self::Form(detail) => write!(f, "not a CRL that can be used: {detail}"),
            Self::Number => f.write_str("the CRL has no number (or a critical one), so nobody can tell old from new"),
            Self::IssuerUnknown(name) => write!(f, "no certificate of its issuer `{name}` is configured"),
            Self::IssuerUsage(name) => write!(f, "the key usage of its issuer `{name}` does not allow signing CRLs"),
            Self::Algorithm(name) => write!(f, "it is signed by `{name}` with an algorithm that is not taken"),
            Self::Signature(name) => write!(f, "its signature is not by the key of its issuer `{name}`"),
            Self::Future(this_update) => write!(f, "its thisUpdate {} lies in the future", this_update.to_rfc3339()),
        }
    }
}

impl std::error::Error for CrlError {}

impl Crl {
    /// Reads a list and verifies it with the one of `issuers` that signed it.
    ///
    /// # Errors
    /// Why the list says nothing.
    pub fn verify<'c>(
        bytes: &[u8],
        issuers: impl IntoIterator<Item = &'c Certificate>,
        now: DateTime<Utc>,
    ) -> Result<Self, CrlError> {
        if bytes.len() > MAX_CRL {
            return Err(CrlError::TooLong(bytes.len()));
        }
        let known = BorrowedCertRevocationList::from_der(bytes).map_err(form)?;
        let head = Head::read(bytes)?;
        let issuer = DistinguishedName::from_name(&head.issuer);
        let name = issuer.to_string();
        let signed = Signed::read(bytes).map_err(|error| CrlError::Form(error.to_string()))?;
        // Two certificates may have the issuer's name, one of them with another key.
        let mut why = CrlError::IssuerUnknown(name.clone());
        let mut signer = None;
        for candidate in issuers.into_iter().filter(|candidate| candidate.subject_der() == head.issuer_name) {
            if !candidate.key_usage().is_none_or(super::KeyUsage::crl_sign) {
                why = CrlError::IssuerUsage(name.clone());
                continue;
            }
            match signed.verify(candidate.spki()) {
                Ok(()) => {
                    signer = Some(candidate);
                    break;
                }
                Err(SignatureError::Algorithm) => why = CrlError::Algorithm(name.clone()),
                Err(SignatureError::Wrong) => why = CrlError::Signature(name.clone()),
            }
        }
        let signer = signer.ok_or(why)?;
        if head.this_update > now + super::CLOCK_SKEW {
            return Err(CrlError::Future(head.this_update));
        }
        // Only now: what a stranger wrote costs no more than its signature.
        let serials = serials(&known)?;
        Ok(Self {
            issuer,
            issuer_name: head.issuer_name.to_vec(),
            issuer_key: signer.key_thumbprint(),
            this_update: head.this_update,
            next_update: head.next_update,
            number: head.number,
            scope: head.scope,
            serials,
            digest: crypto::sha256(bytes),
        })
    }

    /// Whether the list could be used if its signature verified: how many certificates it lists.
    ///
    /// # Errors
    /// Why it could not.
    pub fn readable(bytes: &[u8]) -> Result<usize, CrlError> {
        if bytes.len() > MAX_CRL {
            return Err(CrlError::TooLong(bytes.len()));
        }
        let known = BorrowedCertRevocationList::from_der(bytes).map_err(form)?;
        Head::read(bytes)?;
        serials(&known).map(|serials| serials.len())
    }

    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    pub fn this_update(&self) -> DateTime<Utc> {
        self.this_update
    }

    /// When the next one is due. From then on this one is stale.
    pub fn next_update(&self) -> DateTime<Utc> {
        self.next_update
    }

    /// The CRLNumber, big-endian without leading zeros.
    pub fn number(&self) -> &[u8] {
        &self.number
    }

    /// How many certificates are listed.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// SHA-256 of the list.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether both speak for the same certificates, so that one may take the other's place.
    pub fn same_scope(&self, other: &Self) -> bool {
        self.issuer_key == other.issuer_key && self.issuer_name == other.issuer_name && self.scope == other.scope
    }

    /// Whether this list may take the place of `other`: neither its number nor its date goes back.
    pub fn follows(&self, other: &Self) -> bool {
        let order = |number: &[u8]| (number.len(), number.to_vec());
        order(&self.number) >= order(&other.number) && self.this_update >= other.this_update
    }

    /// Whether the list speaks for a certificate of the authority with that name and key.
    pub(super) fn speaks_for(&self, certificate: &Certificate, issuer_name: &[u8], issuer_key: &[u8; 32]) -> bool {
        if self.issuer_name != issuer_name || self.issuer_key != *issuer_key {
            return false;
        }
        let Scope::Part { users, authorities, points } = &self.scope else { return true };
        let fits = if certificate.is_authority() { !users } else { !authorities };
        // RFC 5280 section 6.3.3 (b)(2)(i): a name of the list's must be one of the certificate's.
        fits && certificate.crl_distribution_points().iter().any(|point| points.contains(point))
    }

    pub(super) fn lists(&self, serial: &SerialNumber) -> bool {
        Packed::new(serial.as_bytes()).is_some_and(|serial| self.serials.binary_search(&serial).is_ok())
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer.to_string())
            .field("this_update", &self.this_update)
            .field("next_update", &self.next_update)
            .field("listed", &self.serials.len())
            .finish_non_exhaustive()
    }
}

impl Packed {
    fn new(bytes: &[u8]) -> Option<Self> {
        let significant = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |at| bytes.get(at..).unwrap_or(&[]));
        let mut packed = [0; MAX_SERIAL + 1];
        let start = packed.len().checked_sub(significant.len()).filter(|start| *start > 0)?;
        packed.get_mut(start..)?.copy_from_slice(significant);
        Some(Self(packed))
    }
}

fn form(error: webpki::Error) -> CrlError {
    CrlError::Form(error.to_string())
}

/// All entries; one that cannot be read refuses the list.
fn serials(list: &BorrowedCertRevocationList<'_>) -> Result<Vec<Packed>, CrlError> {
    let mut serials = Vec::new();
    for revoked in list {
        serials.push(Packed::new(revoked.map_err(form)?.serial_number).ok_or(CrlError::Form(LONG_SERIAL.into()))?);
    }
    serials.sort_unstable();
    serials.dedup();
    Ok(serials)
}

/// What webpki reads and does not tell.
struct Head<'a> {
    issuer: x509_cert::name::Name,
    issuer_name: &'a [u8],
    this_update: DateTime<Utc>,
    next_update: DateTime<Utc>,
    number: Vec<u8>,
    scope: Scope,
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, CrlError> {
        let form = |error: der::Error| CrlError::Form(error.to_string());
        let signed = Signed::read(bytes).map_err(form)?;
        let (issuer_name, this_update, next_update, extensions) = fields(signed.content).map_err(form)?;
        let date = |value| time(value).map_err(|error| CrlError::Form(error.to_string()));
        let number = extension(&extensions, CRL_NUMBER)
            .filter(|number| !number.critical)
            .and_then(|number| UintRef::from_der(number.extn_value.as_bytes()).ok())
            .ok_or(CrlError::Number)?;
        Ok(Self {
            issuer: x509_cert::name::Name::from_der(issuer_name).map_err(form)?,
            issuer_name,
            this_update: date(this_update)?,
            next_update: date(next_update)?,
            number: number.as_bytes().to_vec(),
            scope: match extension(&extensions, ISSUING_DISTRIBUTION_POINT) {
                None => Scope::All,
                Some(point) => scope(point.extn_value.as_bytes()).map_err(form)?,
            },
        })
    }
}

type Fields<'a> = (&'a [u8], x509_cert::time::Time, x509_cert::time::Time, Extensions);

/// TBSCertList (section 5.1.2), whose entries are skipped here.
fn fields(content: &[u8]) -> der::Result<Fields<'_>> {
    let outer = AnyRef::from_der(content)?;
    let mut reader = SliceReader::new(outer.value())?;
    let _version = reader.tlv_bytes()?;
    let _algorithm = reader.tlv_bytes()?;
    let issuer = reader.tlv_bytes()?;
    let this_update = x509_cert::time::Time::decode(&mut reader)?;
    let next_update = x509_cert::time::Time::decode(&mut reader)?;
    if !reader.is_finished() && reader.peek_tag()? == Tag::Sequence {
        let _revoked = reader.tlv_bytes()?;
    }
    let extensions = ContextSpecific::<Extensions>::decode_explicit(&mut reader, TagNumber::N0)?;
    let extensions = reader.finish(extensions)?.map(|tagged| tagged.value).unwrap_or_default();
    Ok((issuer, this_update, next_update, extensions))
}

fn extension(extensions: &Extensions, id: ObjectIdentifier) -> Option<&Extension> {
    extensions.iter().find(|extension| extension.extn_id == id)
}

/// Section 5.2.5. webpki has refused indirect lists and lists for some reasons only.
fn scope(bytes: &[u8]) -> der::Result<Scope> {
    let point = IssuingDistributionPoint::from_der(bytes)?;
    if point.indirect_crl || point.only_some_reasons.is_some() || point.only_contains_attribute_certs {
        return Err(Tag::Sequence.value_error());
    }
    let names = match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => names.as_slice(),
        _ => &[],
    };
    let uri = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    Ok(Scope::Part {
        users: point.only_contains_user_certs,
        authorities: point.only_contains_ca_certs,
        points: names.iter().filter_map(uri).collect(),
    })
}

/// Longest list, in bytes: half a million entries.
pub const MAX_CRL: usize = 20 * 1024 * 1024;
/// Octets of a serial number; 20 and a sign (RFC 5280 section 4.1.2.2).
const MAX_SERIAL: usize = 21;
const LONG_SERIAL: &str = "a serial number has more than 20 octets";
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
