//! x509-limbo (C2SP): certification paths, valid and not, through our own paths and revocation.
//!
//! In: the folder of `limbo.json`. Each row has its time, its roots, what came along, its CRLs. A row
//! for a TLS server asks for that purpose; whether a host's name matches is not asked, since senders
//! have none: rows about nothing else are outside of what we judge, and counted so with the reason.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use super::{CorpusResult, Expected};
use crate::wire::x509::{Anchors, Certificate, Crl, PathRules, Question, RevocationRule, Revocations, judge_path};

#[derive(Debug, Deserialize)]
struct File {
    testcases: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    features: Vec<String>,
    validation_kind: Kind,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<DateTime<Utc>>,
    expected_result: Verdict,
    crls: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Server,
    Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verdict {
    Success,
    Failure,
}

/// Runs every row.
///
/// # Errors
/// When the file cannot be read, or is not what it was.
pub fn run(folder: &Path) -> Result<CorpusResult, String> {
    let path = folder.join("limbo.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file: File = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut result = CorpusResult::new("x509-limbo");
    for row in &file.testcases {
        match (row.expected_result, row.outside()) {
            (Verdict::Success, _) => result.count(&row.id, Expected::Valid, row.judge()),
            (Verdict::Failure, None) => result.count(&row.id, Expected::Invalid, row.judge()),
            (Verdict::Failure, Some(why)) => result.count(&row.id, Expected::Unsupported, Err(why.to_owned())),
        }
    }
    Ok(result)
}

impl Row {
    /// Why a row that must fail asks something that we never ask.
    fn outside(&self) -> Option<&'static str> {
        if self.features.iter().any(|feature| feature == "max-chain-depth") {
            return Some("sets the longest path for one question; ours is fixed");
        }
        OUTSIDE.iter().find(|(start, _)| self.id.starts_with(start)).map(|(_, why)| *why)
    }

    fn judge(&self) -> Result<(), String> {
        // The corpus's certificates without a time are valid for centuries.
        let at = self.validation_time.map_or_else(|| ANY_TIME.parse().map_err(|error| format!("{error}")), Ok)?;
        let leaf = all(std::slice::from_ref(&self.peer_certificate))?;
        let leaf = leaf.first().ok_or("no certificate")?;
        let roots = all(&self.trusted_certs)?;
        let intermediates = all(&self.untrusted_intermediates)?;
        let mut lists = Vec::new();
        for crl in &self.crls {
            let der = CertificateRevocationListDer::from_pem_slice(crl.as_bytes()).map_err(|e| e.to_string())?;
            lists.push(Arc::new(Crl::verify(&der, &roots, at).map_err(|error| error.to_string())?));
        }
        let rules = PathRules {
            revocation: if lists.is_empty() { RevocationRule::Off } else { RevocationRule::Required { unknown: None } },
            extended_key_usage: match self.validation_kind {
                Kind::Server => vec![SERVER_AUTH.to_owned()],
                Kind::Client => vec![CLIENT_AUTH.to_owned()],
            },
            policies: Vec::new(),
        };
        let mut anchors = Anchors::default();
        anchors.add(roots, Vec::new(), rules).map_err(|error| error.to_string())?;
        let revocations = Revocations::new(1, lists, Vec::new());
        let (anchors, revocations, intermediates) = (&anchors, &revocations, intermediates.as_slice());
        let question = Question { leaf, intermediates, anchors, revocations, at };
        judge_path(question).map(drop).map_err(|error| error.to_string())
    }
}

fn all(texts: &[String]) -> Result<Vec<Certificate>, String> {
    let read = |text: &String| Certificate::from_pem(text.as_bytes()).map_err(|error| error.to_string());
    Ok(texts.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat())
}

const ANY_TIME: &str = "2026-06-01T00:00:00Z";
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const NAMES: &str = "asks whether the name of a host matches; senders have none";
const FORUM: &str = "a rule of the CA/Browser Forum for TLS servers, not of RFC 5280";
/// Rows that must fail for want of something that is never asked of a sender.
const OUTSIDE: &[(&str, &str)] = &[
    ("webpki::san::", NAMES),
    ("webpki::cn::", NAMES),
    ("rfc5280::san::underscore-dns", NAMES),
    ("rfc5280::san::ip-in-dns", NAMES),
    ("webpki::eku::", FORUM),
];
