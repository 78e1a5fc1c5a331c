//! What is known of revoked certificates: a snapshot of verified lists and answers, and the status
//! that follows from it. No I/O: whoever fetches them builds the next snapshot.
//!
//! A certificate that any verified source lists is revoked, also when that source is stale by now.
//! It is good only when a fresh source says so and none says otherwise. All else is unknown.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::{Certificate, Crl, OcspAnswer, OcspStatus};

/// An immutable snapshot. The epoch names it: no verdict of one epoch is used in another.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    epoch: u64,
    crls: Vec<Arc<Crl>>,
    answers: HashMap<Vec<u8>, Vec<OcspAnswer>>,
}

/// What is known of one certificate at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not revoked, as far as is known until then.
    Good {
        until: DateTime<Utc>,
        source: &'static str,
    },
    Revoked {
        source: &'static str,
    },
    /// Nothing speaks for it, or the responder does not know it.
    Unknown,
    /// What speaks for it is too old.
    Stale {
        next_update: DateTime<Utc>,
        source: &'static str,
    },
}

impl Revocations {
    pub fn new(epoch: u64, crls: Vec<Arc<Crl>>, answers: Vec<OcspAnswer>) -> Self {
        let mut known: HashMap<Vec<u8>, Vec<OcspAnswer>> = HashMap::new();
        for answer in answers {
            known.entry(answer.serial().as_bytes().to_vec()).or_default().push(answer);
        }
        Self { epoch, crls, answers: known }
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn crls(&self) -> &[Arc<Crl>] {
        &self.crls
    }

    pub fn answers(&self) -> impl Iterator<Item = &OcspAnswer> {
        self.answers.values().flatten()
    }

    /// The status of `certificate`, whose issuer is the authority with that name and key.
    pub fn status(&self, certificate: &Certificate, issuer: (&[u8], &[u8; 32]), at: DateTime<Utc>) -> Status {
        let mut said = Said::default();
        for crl in self.crls.iter().filter(|crl| crl.speaks_for(certificate, issuer.0, issuer.1)) {
            said.revoked = said.revoked.or(crl.lists(certificate.serial()).then_some(CRL));
            said.good(crl.this_update(), crl.next_update(), CRL, at);
        }
        let answers = self.answers.get(certificate.serial().as_bytes()).into_iter().flatten();
        for answer in answers.filter(|answer| answer.speaks_of(certificate.serial(), issuer.0, issuer.1)) {
            match answer.status() {
                OcspStatus::Revoked(_) => said.revoked = Some(OCSP),
                OcspStatus::Unknown => said.unknown = true,
                OcspStatus::Good => said.good(answer.this_update(), answer.until(), OCSP, at),
            }
        }
        said.status()
    }
}

/// What was collected from all sources, to make the next snapshot of. The newest of each stays: an
/// older list or answer, however well signed, never takes the place of a newer one.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    crls: Vec<Arc<Crl>>,
    answers: Vec<OcspAnswer>,
}

/// What came of offering something to [`Collected`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    New,
    /// It is what was there.
    Same,
    /// It is older than what was there, which stays: somebody may be hiding a revocation.
    Older,
}

impl Collected {
    pub fn crl(&mut self, crl: Crl) -> Taken {
        match self.crls.iter_mut().find(|known| known.same_scope(&crl)) {
            Some(known) if known.digest() == crl.digest() => Taken::Same,
            Some(known) if !crl.follows(known) => Taken::Older,
            Some(known) => {
                *known = Arc::new(crl);
                Taken::New
            }
            None => {
                self.crls.push(Arc::new(crl));
                Taken::New
            }
        }
    }

    pub fn answer(&mut self, answer: OcspAnswer) -> Taken {
        match self.answers.iter_mut().find(|known| known.same_certificate(&answer)) {
            Some(known) if known.this_update() == answer.this_update() && known.status() == answer.status() => {
                Taken::Same
            }
            Some(known) if !answer.follows(known) => Taken::Older,
            Some(known) => {
                *known = answer;
                Taken::New
            }
            None => {
                self.answers.push(answer);
                Taken::New
            }
        }
    }

    pub fn crls(&self) -> &[Arc<Crl>] {
        &self.crls
    }

    pub fn snapshot(&self, epoch: u64) -> Revocations {
        Revocations::new(epoch, self.crls.clone(), self.answers.clone())
    }
}

/// What the sources say, taken together.
#[derive(Default)]
struct Said {
    revoked: Option<&'static str>,
    unknown: bool,
    fresh: Option<(DateTime<Utc>, &'static str)>,
    stale: Option<(DateTime<Utc>, &'static str)>,
}

impl Said {
    fn good(&mut self, from: DateTime<Utc>, until: DateTime<Utc>, source: &'static str, at: DateTime<Utc>) {
        let found = Some((until, source));
        // The one that lasts longest of each.
        if at + CLOCK_SKEW < from {
            return;
        }
        if at < until {
            self.fresh = self.fresh.max(found);
        } else {
            self.stale = self.stale.max(found);
        }
    }

    fn status(self) -> Status {
        match self {
            Self { revoked: Some(source), .. } => Status::Revoked { source },
            Self { unknown: true, .. } => Status::Unknown,
            Self { fresh: Some((until, source)), .. } => Status::Good { until, source },
            Self { stale: Some((next_update, source)), .. } => Status::Stale { next_update, source },
            _ => Status::Unknown,
        }
    }
}

/// How far the clock of an authority may be ahead of ours: a list is often fetched in the second in
/// which it was made. Its end is never stretched.
pub const CLOCK_SKEW: Duration = Duration::seconds(60);
const CRL: &str = "CRL";
const OCSP: &str = "OCSP";
