//! OCSP answers, written: for the corpus and for tests. Nothing that runs as a server answers OCSP.

use chrono::{DateTime, Utc};
use x509_cert::der::asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber as DerSerial;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, ResponderId, ResponseData, RevokedInfo,
    SingleResponse, Version,
};

use super::signed::key_of;
use super::{Certificate, OcspStatus, SerialNumber};
use crate::wire::crypto;

/// What an answer says; what is wrong with it, where a test wants that.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub issuer: &'a Certificate,
    pub serial: &'a SerialNumber,
    pub status: OcspStatus,
    /// thisUpdate and producedAt.
    pub this_update: DateTime<Utc>,
    pub next_update: Option<DateTime<Utc>>,
    /// Who signs; its certificate goes along unless it is the issuer itself.
    pub responder: &'a Certificate,
    pub nonce: Option<&'a [u8]>,
}

/// The answer, signed by `sign` with RSASSA-PKCS1-v1_5 and SHA-256.
///
/// # Errors
/// When something of it cannot be written as DER, or `sign` makes no signature.
pub fn write_answer(answer: Answer<'_>, sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    let made = |data: ResponseData| -> der::Result<Option<Vec<u8>>> {
        let Some(signature) = sign(&data.to_der()?) else { return Ok(None) };
        let delegate = answer.responder != answer.issuer;
        let certs = delegate.then(|| x509_cert::Certificate::from_der(answer.responder.der()).map(|own| vec![own]));
        let basic = BasicOcspResponse {
            tbs_response_data: data,
            signature_algorithm: AlgorithmIdentifierOwned { oid: RSA_SHA256, parameters: Some(Null.into()) },
            signature: BitString::from_bytes(&signature)?,
            certs: certs.transpose()?,
        };
        OcspResponse::successful(basic)?.to_der().map(Some)
    };
    let answer = data(answer).and_then(made).map_err(|error| error.to_string())?;
    answer.ok_or_else(|| "the key does not sign".to_owned())
}

fn data(answer: Answer<'_>) -> der::Result<ResponseData> {
    let (_, key) = key_of(answer.issuer.spki())?;
    let cert_id = CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid: SHA256, parameters: Some(Null.into()) },
        issuer_name_hash: OctetString::new(crypto::sha256(answer.issuer.subject_der()))?,
        issuer_key_hash: OctetString::new(crypto::sha256(key))?,
        serial_number: DerSerial::new(answer.serial.as_bytes())?,
    };
    let cert_status = match answer.status {
        OcspStatus::Good => CertStatus::good(),
        OcspStatus::Unknown => CertStatus::unknown(),
        OcspStatus::Revoked(at) => {
            CertStatus::revoked(RevokedInfo { revocation_time: time(at)?, revocation_reason: None })
        }
    };
    let next_update = answer.next_update.map(time).transpose()?;
    let this_update = time(answer.this_update)?;
    let single = SingleResponse { cert_id, cert_status, this_update, next_update, single_extensions: None };
    let nonce = answer.nonce.map(|nonce| -> der::Result<Vec<Extension>> {
        let extn_value = OctetString::new(OctetString::new(nonce)?.to_der()?)?;
        Ok(vec![Extension { extn_id: NONCE, critical: false, extn_value }])
    });
    Ok(ResponseData {
        version: Version::V1,
        responder_id: ResponderId::ByName(Name::from_der(answer.responder.subject_der())?),
        produced_at: this_update,
        responses: vec![single],
        response_extensions: nonce.transpose()?,
    })
}

fn time(at: DateTime<Utc>) -> der::Result<OcspGeneralizedTime> {
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds)).map(OcspGeneralizedTime)
}

const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
