//! OCSP (RFC 6960): what to ask a responder, and what its answer proves.
//!
//! In: DER, and the authorities whose certificates are asked about. Out: an [`OcspAnswer`] for each
//! certificate, signed by that certificate's issuer or by a responder to whom this very issuer
//! delegated (id-kp-OCSPSigning, section 4.2.2.2). Who else signs, answers nothing.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use x509_cert::der::asn1::{AnyRef, Null, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, OcspResponseStatus, Request,
    ResponderId, ResponseData, SingleResponse, TbsRequest,
};

use super::signed::{SignatureError, Signed, key_of};
use super::{CLOCK_SKEW, Certificate, Crl, SerialNumber};
use crate::wire::crypto;

/// What a responder proved of one certificate. Made by [`verify_answer`] only.
#[derive(Debug, Clone)]
pub struct OcspAnswer {
    issuer_name: [u8; 32],
    issuer_key: [u8; 32],
    serial: SerialNumber,
    status: OcspStatus,
    this_update: DateTime<Utc>,
    until: DateTime<Utc>,
    responder: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcspStatus {
    Good,
    Revoked(DateTime<Utc>),
    /// The responder does not know the certificate: whoever asks must not take it.
    Unknown,
}

/// Why an answer says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OcspError {
    /// More than [`MAX_ANSWER`] bytes.
    TooLong(usize),
    Form(String),
    /// The responder did not answer the question: `tryLater`, `unauthorized` …
    Status(&'static str),
    /// It speaks of no certificate that was asked about.
    OtherCertificate,
    /// It was signed neither by the issuer nor by a delegate of its own.
    Responder(String),
    /// Another nonce than the one that was sent, or none.
    Nonce,
    /// It begins after the given time.
    Future(DateTime<Utc>),
}

impl fmt::Display for OcspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(f, "{bytes} bytes are more than the {MAX_ANSWER} that an OCSP answer may have")
            }
            Self::Form(detail) => write!(f, "not an OCSP answer that can be used: {detail}"),
            Self::Status(status) => write!(f, "the responder said `{status}`"),
            Self::OtherCertificate => f.write_str("the answer speaks of no certificate that was asked about"),
            Self::Responder(detail) => write!(f, "the answer is not by who may give it: {detail}"),
            Self::Nonce => f.write_str("the answer does not repeat the nonce that was sent"),
            Self::Future(date) => write!(f, "the answer's date {} lies in the future", date.to_rfc3339()),
        }
    }
}

impl std::error::Error for OcspError {}

impl OcspAnswer {
    pub fn status(&self) -> OcspStatus {
        self.status
    }

    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    pub fn this_update(&self) -> DateTime<Utc> {
        self.this_update
    }

    /// When the answer is stale: its nextUpdate, or an hour after its thisUpdate where it has none;
    /// never later than the end of the delegate's certificate.
    pub fn until(&self) -> DateTime<Utc> {
        self.until
    }

    /// The subject of whoever signed it.
    pub fn responder(&self) -> &str {
        &self.responder
    }

    /// Whether both speak of the same certificate.
    pub fn same_certificate(&self, other: &Self) -> bool {
        self.issuer_key == other.issuer_key && self.issuer_name == other.issuer_name && self.serial == other.serial
    }

    /// Whether this answer may take the place of `other`: it is no older.
    pub fn follows(&self, other: &Self) -> bool {
        self.this_update >= other.this_update
    }

    pub(super) fn speaks_of(&self, serial: &SerialNumber, issuer_name: &[u8], issuer_key: &[u8; 32]) -> bool {
        self.serial == *serial && self.issuer_key == *issuer_key && self.issuer_name == crypto::sha256(issuer_name)
    }
}

/// The question whether `certificate`, issued by `issuer`, is good. With SHA-1 as the name of the
/// issuer, since many responders know no other (RFC 5019 section 2.1.1); it proves nothing.
///
/// # Errors
/// Never for certificates that were read; DER says so of what cannot be written.
pub fn question(certificate: &Certificate, issuer: &Certificate, nonce: Option<&[u8]>) -> Result<Vec<u8>, OcspError> {
    let made = || -> der::Result<Vec<u8>> {
        let (_, key) = key_of(issuer.spki())?;
        let req_cert = CertId {
            hash_algorithm: AlgorithmIdentifierOwned { oid: SHA1, parameters: Some(Null.into()) },
            issuer_name_hash: OctetString::new(crypto::sha1_thumbprint(certificate.issuer_der()))?,
            issuer_key_hash: OctetString::new(crypto::sha1_thumbprint(key))?,
            serial_number: x509_cert::serial_number::SerialNumber::new(certificate.serial().as_bytes())?,
        };
        let request_extensions = nonce
            .map(|nonce| -> der::Result<Extensions> {
                let inner = OctetString::new(nonce)?.to_der()?;
                Ok(vec![Extension { extn_id: NONCE, critical: false, extn_value: OctetString::new(inner)? }])
            })
            .transpose()?;
        let request_list = vec![Request { req_cert, single_request_extensions: None }];
        let tbs_request = TbsRequest { request_list, request_extensions, ..TbsRequest::default() };
        OcspRequest { tbs_request, optional_signature: None }.to_der()
    };
    made().map_err(|error| OcspError::Form(error.to_string()))
}

/// Reads an answer and verifies it: for certificates of `issuers`, at `now`.
///
/// `crls` tell whether a delegate was revoked that does not say ocsp-nocheck. `nonce` is what was
/// sent with the question, if anything was.
///
/// # Errors
/// Why the answer says nothing.
pub fn verify_answer(
    bytes: &[u8],
    issuers: &[&Certificate],
    crls: &[std::sync::Arc<Crl>],
    nonce: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<Vec<OcspAnswer>, OcspError> {
    if bytes.len() > MAX_ANSWER {
        return Err(OcspError::TooLong(bytes.len()));
    }
    let basic = basic(bytes)?;
    let form = |error: der::Error| OcspError::Form(error.to_string());
    let response = BasicOcspResponse::from_der(&basic).map_err(form)?;
    let signed = Signed::read(&basic).map_err(form)?;
    let data = &response.tbs_response_data;
    if data.responses.len() > MAX_RESPONSES {
        return Err(OcspError::Form(format!("{} certificates are answered at once", data.responses.len())));
    }
    unknown_critical(data.response_extensions.as_ref())?;
    if let Some(sent) = nonce
        && data.nonce().is_none_or(|repeated| repeated.0.as_bytes() != sent)
    {
        return Err(OcspError::Nonce);
    }
    let produced_at = date(data.produced_at)?;
    if produced_at > now + CLOCK_SKEW {
        return Err(OcspError::Future(produced_at));
    }
    let delegates = certificates(signed.rest).map_err(form)?;
    let mut answers = Vec::new();
    let mut why = OcspError::OtherCertificate;
    for single in &data.responses {
        let Some(issuer) = issuers.iter().find(|issuer| names(&single.cert_id, issuer)) else { continue };
        match responder(&signed, data, issuer, &delegates, crls, now) {
            Ok(responder) => answers.push(answer(single, issuer, &responder, now)?),
            Err(error) => why = error,
        }
    }
    if answers.is_empty() { Err(why) } else { Ok(answers) }
}

/// The BasicOCSPResponse (section 4.2.1).
fn basic(bytes: &[u8]) -> Result<Vec<u8>, OcspError> {
    let response = OcspResponse::from_der(bytes).map_err(|error| OcspError::Form(error.to_string()))?;
    match response.response_status {
        OcspResponseStatus::Successful => {}
        OcspResponseStatus::MalformedRequest => return Err(OcspError::Status("malformedRequest")),
        OcspResponseStatus::InternalError => return Err(OcspError::Status("internalError")),
        OcspResponseStatus::TryLater => return Err(OcspError::Status("tryLater")),
        OcspResponseStatus::SigRequired => return Err(OcspError::Status("sigRequired")),
        OcspResponseStatus::Unauthorized => return Err(OcspError::Status("unauthorized")),
    }
    let Some(content) = response.response_bytes.filter(|content| content.response_type == BASIC) else {
        return Err(OcspError::Form("no basic response is in it".to_owned()));
    };
    Ok(content.response.into_bytes())
}

/// Whoever signed: its name, and when its right to do so ends.
struct Responder {
    name: String,
    not_after: DateTime<Utc>,
}

/// Section 4.2.2.2: the issuer itself, or one to whom it delegated directly.
fn responder(
    signed: &Signed<'_>,
    data: &ResponseData,
    issuer: &Certificate,
    delegates: &[Certificate],
    crls: &[std::sync::Arc<Crl>],
    now: DateTime<Utc>,
) -> Result<Responder, OcspError> {
    let refused = |detail: &str| OcspError::Responder(detail.to_owned());
    let verified = |certificate: &Certificate| match signed.verify(certificate.spki()) {
        Ok(()) => Ok(Responder { name: certificate.subject().to_string(), not_after: certificate.not_after() }),
        Err(SignatureError::Algorithm) => Err(refused("its signature algorithm is not taken")),
        Err(SignatureError::Wrong) => Err(refused("its signature does not verify")),
    };
    if identifies(&data.responder_id, issuer) {
        return verified(issuer);
    }
    let Some(delegate) = delegates.iter().find(|delegate| identifies(&data.responder_id, delegate)) else {
        return Err(refused("it names a responder whose certificate did not come along"));
    };
    let issued = delegate.issuer_der() == issuer.subject_der()
        && Signed::read(delegate.der()).is_ok_and(|certificate| certificate.verify(issuer.spki()).is_ok());
    if !issued {
        return Err(refused("the responder's certificate is not from the issuer of the certificate asked about"));
    }
    if !delegate.extended_key_usage().iter().any(|purpose| purpose == OCSP_SIGNING) {
        return Err(refused("the responder's certificate is not for OCSP signing"));
    }
    if !delegate.key_usage().is_none_or(super::KeyUsage::may_sign) {
        return Err(refused("the key usage of the responder's certificate does not allow signing"));
    }
    if !delegate.is_valid_at(now) {
        return Err(refused("the responder's certificate is not valid now"));
    }
    if !delegate.has_extension(NO_CHECK) {
        // Section 4.2.2.2.1: without ocsp-nocheck its own status is asked.
        let key = issuer.key_thumbprint();
        let known = crls
            .iter()
            .filter(|crl| crl.speaks_for(delegate, issuer.subject_der(), &key))
            .filter(|crl| now < crl.next_update())
            .map(|crl| crl.lists(delegate.serial()));
        match known.fold(None, |listed: Option<bool>, found| Some(listed.unwrap_or(false) || found)) {
            Some(false) => {}
            Some(true) => return Err(refused("the responder's certificate was revoked")),
            None => return Err(refused("whether the responder's certificate was revoked is not known")),
        }
    }
    verified(delegate)
}

fn answer(
    single: &SingleResponse,
    issuer: &Certificate,
    responder: &Responder,
    now: DateTime<Utc>,
) -> Result<OcspAnswer, OcspError> {
    unknown_critical(single.single_extensions.as_ref())?;
    let this_update = date(single.this_update)?;
    if this_update > now + CLOCK_SKEW {
        return Err(OcspError::Future(this_update));
    }
    let next_update = match single.next_update {
        Some(next_update) => date(next_update)?,
        None => this_update + WITHOUT_NEXT_UPDATE,
    };
    Ok(OcspAnswer {
        issuer_name: crypto::sha256(issuer.subject_der()),
        issuer_key: issuer.key_thumbprint(),
        serial: SerialNumber::from_bytes(single.cert_id.serial_number.as_bytes()),
        status: match single.cert_status {
            CertStatus::Good(_) => OcspStatus::Good,
            CertStatus::Revoked(info) => OcspStatus::Revoked(date(info.revocation_time)?),
            CertStatus::Unknown(_) => OcspStatus::Unknown,
        },
        this_update,
        until: next_update.min(responder.not_after),
        responder: responder.name.clone(),
    })
}

/// Whether a CertID means certificates of this issuer: name and key, by SHA-1 or SHA-256.
fn names(id: &CertId, issuer: &Certificate) -> bool {
    let Ok((_, key)) = key_of(issuer.spki()) else { return false };
    let (name, key): (Vec<u8>, Vec<u8>) = match id.hash_algorithm.oid {
        SHA1 => (crypto::sha1_thumbprint(issuer.subject_der()).to_vec(), crypto::sha1_thumbprint(key).to_vec()),
        SHA256 => (crypto::sha256(issuer.subject_der()).to_vec(), crypto::sha256(key).to_vec()),
        _ => return false,
    };
    id.issuer_name_hash.as_bytes() == name && id.issuer_key_hash.as_bytes() == key
}

fn identifies(id: &ResponderId, certificate: &Certificate) -> bool {
    match id {
        ResponderId::ByName(name) => name.to_der().is_ok_and(|name| name == certificate.subject_der()),
        ResponderId::ByKey(hash) => {
            key_of(certificate.spki()).is_ok_and(|(_, key)| crypto::sha1_thumbprint(key) == hash.as_bytes())
        }
    }
}

/// The certificates that came along, as they stand in the bytes; one that cannot be read is no
/// delegate.
fn certificates(rest: &[u8]) -> der::Result<Vec<Certificate>> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let tagged = AnyRef::from_der(rest)?;
    let list = AnyRef::from_der(tagged.value())?;
    list.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(list.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        let certificate = reader.tlv_bytes()?;
        if found.len() < MAX_CERTIFICATES {
            found.extend(Certificate::parse(certificate).ok());
        }
    }
    Ok(found)
}

fn unknown_critical(extensions: Option<&Extensions>) -> Result<(), OcspError> {
    let unknown = extensions.into_iter().flatten().find(|extension| extension.critical && extension.extn_id != NONCE);
    match unknown {
        None => Ok(()),
        Some(extension) => Err(OcspError::Form(format!("the critical extension {} is not known", extension.extn_id))),
    }
}

fn date(time: OcspGeneralizedTime) -> Result<DateTime<Utc>, OcspError> {
    super::time(x509_cert::time::Time::GeneralTime(time.0)).map_err(|error| OcspError::Form(error.to_string()))
}

/// Longest answer, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;
/// Most certificates that one answer speaks of, and most that come along with it.
const MAX_RESPONSES: usize = 256;
const MAX_CERTIFICATES: usize = 8;
/// Ours: RFC 6960 section 4.2.2.1 says of an answer without nextUpdate only that newer ones are
/// always to be had.
const WITHOUT_NEXT_UPDATE: Duration = Duration::hours(1);
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nonce_may_be_critical() {
        let extension = |extn_id, critical| x509_cert::ext::Extension {
            extn_id,
            critical,
            extn_value: OctetString::new([5, 0]).unwrap(),
        };
        let taken = |extensions: Extensions| unknown_critical(Some(&extensions)).is_ok();
        assert_eq!(unknown_critical(None), Ok(()));
        assert!(taken(vec![extension(NONCE, true), extension(NO_CHECK, false)]));
        assert!(!taken(vec![extension(NONCE, true), extension(NO_CHECK, true)]));
    }
}
