//! What the authorities of the corpus revoke: CRLs and OCSP answers in `keys/`. Like the
//! certificates, each is a function of this table and the committed keys.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Datelike, Utc};
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd};

use super::keys::Keys;
use super::pki::{self, key, named, params};
use crate::wire::crypto::SignatureAlgorithm;
use crate::wire::x509::{Answer, OcspStatus, write_answer};

/// A CRL: its file, its issuer, its number, whom it lists, its last midnight.
#[derive(Debug)]
pub struct List {
    pub file: &'static str,
    issuer: &'static str,
    number: u64,
    revoked: &'static [&'static str],
    next_update: &'static str,
}

/// An OCSP answer: its file, who signs, of whom it speaks, what it says.
#[derive(Debug)]
pub struct Said {
    pub file: &'static str,
    responder: &'static str,
    certificate: &'static str,
    status: Word,
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Good,
    Revoked,
    Unknown,
}

/// All CRLs.
pub const LISTS: &[List] = &[
    List { file: "root.crl", issuer: "root", number: 3, revoked: &["withdrawn"], next_update: "2026-06-01T00:00:00Z" },
    List {
        file: "issuing.crl",
        issuer: "issuing",
        number: 7,
        revoked: &["hospital-revoked", "pharmacy-revoked"],
        next_update: "2026-04-01T00:00:00Z",
    },
    List { file: "withdrawn.crl", issuer: "withdrawn", number: 1, revoked: &[], next_update: "2026-04-01T00:00:00Z" },
];

/// All OCSP answers.
pub const SAID: &[Said] = &[
    Said { file: "answered.ocsp", responder: "responder", certificate: "hospital-answered", status: Word::Good },
    Said {
        file: "answered-revoked.ocsp",
        responder: "answering",
        certificate: "hospital-answered-revoked",
        status: Word::Revoked,
    },
    Said {
        file: "answered-unknown.ocsp",
        responder: "responder",
        certificate: "hospital-answered-unknown",
        status: Word::Unknown,
    },
];

/// The bytes of a CRL, made anew.
///
/// # Errors
/// When a key cannot be read.
pub fn list(folder: &Path, list: &List) -> Result<Vec<u8>, String> {
    let issuer = named(list.issuer)?;
    let day = |text: &str| -> Result<_, String> {
        let at: DateTime<Utc> = text.parse().map_err(|error| format!("{text}: {error}"))?;
        let small = |number: u32| u8::try_from(number).unwrap_or(1);
        Ok(date_time_ymd(at.year(), small(at.month()), small(at.day())))
    };
    let made = day(THIS_UPDATE)?;
    let revoked = |name: &&str| -> Result<RevokedCertParams, String> {
        Ok(RevokedCertParams {
            serial_number: SerialNumber::from(pki::serial(named(name)?)),
            revocation_time: made,
            reason_code: None,
            invalidity_date: None,
        })
    };
    let list = CertificateRevocationListParams {
        this_update: made,
        next_update: day(list.next_update)?,
        crl_number: SerialNumber::from(list.number),
        issuing_distribution_point: None,
        revoked_certs: list.revoked.iter().map(revoked).collect::<Result<_, _>>()?,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let issuing = Issuer::new(params(issuer)?, key(folder, issuer)?);
    list.signed_by(&issuing).map(|crl| crl.der().to_vec()).map_err(|error| error.to_string())
}

/// The bytes of an OCSP answer, made anew.
///
/// # Errors
/// When a key or a certificate cannot be read.
pub fn answer(folder: &Path, said: &Said) -> Result<Vec<u8>, String> {
    let keys = Keys::open(folder);
    let (issuer, responder) = (keys.certificate("answering")?, keys.certificate(said.responder)?);
    let asked = keys.certificate(said.certificate)?;
    let time = |text: &str| text.parse::<DateTime<Utc>>().map_err(|error| format!("{text}: {error}"));
    let this_update = time(THIS_UPDATE)?;
    let answer = Answer {
        issuer: &issuer,
        serial: asked.serial(),
        status: match said.status {
            Word::Good => OcspStatus::Good,
            Word::Revoked => OcspStatus::Revoked(this_update),
            Word::Unknown => OcspStatus::Unknown,
        },
        this_update,
        next_update: Some(time("2026-04-01T00:00:00Z")?),
        responder: &responder,
        nonce: None,
    };
    let key = keys.private(said.responder)?;
    write_answer(answer, |message| key.sign(SignatureAlgorithm::RsaSha256, message).ok())
}

/// Writes all of them.
///
/// # Errors
/// When a file cannot be written or read.
pub fn write(folder: &Path) -> Result<(), String> {
    let written = |file: &str, bytes: Vec<u8>| {
        let path = folder.join(file);
        fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    };
    for list in LISTS {
        written(list.file, self::list(folder, list)?)?;
    }
    for said in SAID {
        written(said.file, answer(folder, said)?)?;
    }
    Ok(())
}

const THIS_UPDATE: &str = "2026-02-20T00:00:00Z";
