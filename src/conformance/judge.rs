//! JUDGE: the exact bytes of an envelope, before the verifier alone.
//!
//! - in: the bytes as they were sent, the instant, the profile, certificates of senders it may name
//! - out: intact, or the reason of the first fault
//!
//! A captured message needs no world: nobody's registry is asked who its sender is. So whatever
//! somebody's stack sent, and whoever refused it, is a case as it stands (`vidimus tap --save`).

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::case::{Expect, Outcome};
use crate::config::profiles;
use crate::flow::inquiry::{Inquiry, Stop, Stopped, standing_still};
use crate::flow::parse;
use crate::flow::profile::Profile;
use crate::flow::trust::Trust;
use crate::flow::verify::{self, Terms};
use crate::model::{CheckOutcome, KeyThumbprint, PartyId, Scheme, Time};
use crate::registry::{Registry, Sender, Standing};
use crate::wire::x509::{Anchors, Certificate};
use crate::wire::xml::Limits;

/// A step that sends nothing: an envelope is verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The file with the bytes, beside `case.toml`.
    pub request: String,
    /// The clock, RFC 3339.
    pub at: String,
    /// A built-in profile; without one, any action of any service is taken.
    pub profile: Option<String>,
    /// PEM files beside `case.toml`: certificates that the message names without bringing them.
    #[serde(default)]
    pub registered: Vec<String>,
}

impl Judge {
    /// Judges the file, and compares.
    ///
    /// # Errors
    /// What is missing; and in the list, what is not as expected.
    pub fn run(&self, folder: &Path, expect: &Expect) -> Result<Vec<String>, String> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let at: Time = self.at.parse().map_err(|error| format!("at: {error}"))?;
        let mut certificates = Vec::new();
        for file in &self.registered {
            certificates.extend(Certificate::from_pem(&read(file)?).map_err(|error| format!("{file}: {error}"))?);
        }
        let profile = self.profile.as_deref().map(built_in).transpose()?;
        let found = envelope(read(&self.request)?, at, profile, &certificates);
        Ok(match (expect.outcome, found) {
            (Outcome::Intact, Ok(())) => Vec::new(),
            (Outcome::Refused, Err(reason)) if expect.reason.as_deref().is_none_or(|wanted| wanted == reason) => {
                Vec::new()
            }
            (Outcome::Refused, Ok(())) => vec!["ACCEPTED: the envelope is intact".to_owned()],
            (_, Err(reason)) => vec![format!("refused for `{reason}`")],
            (_, Ok(())) => vec!["the envelope is intact".to_owned()],
        })
    }
}

fn built_in(name: &str) -> Result<Profile, String> {
    let found = profiles::built_in().into_iter().find(|profile| profile.name == name);
    found.ok_or_else(|| format!("`{name}` is no built-in profile"))
}

/// Verifies an envelope: structure, algorithms, signature, digests, coverage and time. Who the
/// signer is, is not asked.
///
/// # Errors
/// The reason of the first fault.
pub fn envelope(bytes: Vec<u8>, at: Time, asked: Option<Profile>, known: &[Certificate]) -> Result<(), String> {
    let mut inquiry = Inquiry::new(Stop::First, standing_still);
    let judged = steps(bytes, at, asked, known, &mut inquiry);
    let (trace, _) = inquiry.finish();
    match judged {
        Ok(()) => Ok(()),
        Err(Stopped) => {
            let mut checks = trace.steps.iter().flat_map(|step| &step.checks);
            let failed = checks.find(|check| check.outcome == CheckOutcome::Failed);
            Err(failed.map(|check| check.id.row().reason).unwrap_or_default().to_owned())
        }
    }
}

fn steps(
    bytes: Vec<u8>,
    now: Time,
    asked: Option<Profile>,
    known: &[Certificate],
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let limits = Limits::default();
    let document = parse::document(bytes, &limits, inquiry)?;
    // Without a profile any operation of any service is taken, as `envelope verify` does.
    let any = || profiles::built_in().into_iter().next().map(|profile| Profile { door: None, ..profile });
    let profile = asked.or_else(any).ok_or(Stopped)?;
    let envelope = parse::envelope(&document, &profile, inquiry)?;
    let trust = trust(known);
    let terms = Terms { trust: &trust, profile: &profile, limits: &limits, addresses: &[], now };
    verify::envelope(&envelope, terms, inquiry).map(drop)
}

/// A registry in which each certificate is a sender of its own.
fn trust(known: &[Certificate]) -> Trust {
    let sender = |(index, certificate): (usize, &Certificate)| {
        let key = certificate.public_key().ok()?;
        Some(Sender {
            name: format!("sender-{index}"),
            number: None,
            party: PartyId::new(Scheme::Uri, &format!("urn:vidimus:sender:{index}")).ok()?,
            standing: Standing::Active,
            certificates: vec![certificate.der().to_vec()],
            keys: vec![KeyThumbprint(key.thumbprint())],
            public_keys: vec![key.spki().to_vec()],
            client_id: None,
            grants: Vec::new(),
            assertion_lifetime: std::time::Duration::ZERO,
            claims: Vec::new(),
            exceptions: Vec::new(),
        })
    };
    let senders = known.iter().enumerate().filter_map(sender).collect();
    let registry = Registry::new(senders, Vec::new(), Vec::new()).unwrap_or_default();
    Trust::new(Arc::new(registry), Anchors::default())
}
