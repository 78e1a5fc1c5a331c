//! Keeps what is known of revocation current, in the background: no request ever waits for it.
//!
//! Each source has its own time: soon after a failure, then ever later; after a success when half of
//! its life is over, or the configured refresh. What arrives is verified before it counts; an older
//! list never takes the place of a newer one. Then the next snapshot of
//! [`Trust`](crate::flow::trust::Trust) is put in its place. What fails, goes back or grows stale
//! raises an alarm (`vidimus::alarm`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;

use crate::model::Time;
use crate::net::{Backoff, Bounds, Fetcher};
use crate::serve::Server;
use crate::serve::clock::Clock;
use crate::wire::crypto;
use crate::wire::x509::{Certificate, Collected, Crl, MAX_ANSWER, MAX_CRL, PathRules, Taken, question, verify_answer};

/// The authorities of one entry of the configuration, and where to learn of what they revoked.
#[derive(Debug)]
pub struct Authority {
    /// The first anchor's subject.
    pub name: String,
    /// Anchors and intermediates: whoever may sign a list or an answer.
    pub issuers: Vec<Certificate>,
    pub rules: PathRules,
    pub sources: Vec<Source>,
}

#[derive(Debug)]
pub struct Source {
    pub kind: SourceKind,
    /// As it was found when the configuration was read.
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceKind {
    CrlFile(PathBuf),
    CrlUrl(String),
    OcspFile(PathBuf),
    Ocsp { url: String, nonce: bool },
}

impl SourceKind {
    /// The address that it is fetched from.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::CrlUrl(url) | Self::Ocsp { url, .. } => Some(url),
            Self::CrlFile(_) | Self::OcspFile(_) => None,
        }
    }
}

impl std::fmt::Display for SourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CrlFile(path) => write!(f, "CRL {}", path.display()),
            Self::CrlUrl(url) => write!(f, "CRL {url}"),
            Self::OcspFile(path) => write!(f, "OCSP {}", path.display()),
            Self::Ocsp { url, .. } => write!(f, "OCSP {url}"),
        }
    }
}

/// What a source says, in words, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub says: String,
    pub until: Option<Time>,
}

impl State {
    pub fn of(crl: &Crl) -> Self {
        let says = format!(
            "{} revoked by {}, made {}",
            crl.len(),
            crl.issuer(),
            crl.this_update().to_rfc3339_opts(SecondsFormat::Secs, true)
        );
        Self { says, until: Some(crl.next_update()) }
    }
}

/// The file in the store's folder that keeps what was fetched, for the next start.
pub fn stored_copy(folder: &Path, url: &str) -> PathBuf {
    let name = crate::wire::hex::encode(&crypto::sha256(url.as_bytes()));
    folder.join("revocation").join(format!("{name}.crl"))
}

/// What an updater works with.
#[derive(Debug)]
pub struct UpdaterParts {
    pub server: Arc<Server>,
    pub authorities: Vec<Arc<Authority>>,
    pub collected: Collected,
    pub fetcher: Fetcher,
    pub clock: Arc<dyn Clock>,
    /// The store's folder.
    pub folder: PathBuf,
    pub deadline: Duration,
    pub refresh: Duration,
}

/// Fetches, verifies, replaces.
#[derive(Debug)]
pub struct Updater {
    parts: UpdaterParts,
    tasks: HashMap<Task, Schedule>,
}

/// One thing to fetch: a source, for OCSP for one certificate (its thumbprint).
type Task = (SourceKind, [u8; 32]);

#[derive(Debug, Default)]
struct Schedule {
    due: Option<Time>,
    backoff: Backoff,
}

/// What came of one task: until when it says something, and from when.
struct Life {
    from: Time,
    until: Time,
}

impl Updater {
    pub fn new(parts: UpdaterParts) -> Self {
        Self { parts, tasks: HashMap::new() }
    }

    /// Whether there is anything to do at all.
    pub fn has_sources(&self) -> bool {
        self.parts.authorities.iter().any(|authority| !authority.sources.is_empty())
    }

    /// Works until it is dropped.
    pub async fn run(mut self) {
        if !self.has_sources() {
            return;
        }
        loop {
            self.round().await;
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
    }

    /// Does everything that is due, once. Whether something new is known.
    pub async fn round(&mut self) -> bool {
        let mut new = false;
        for authority in self.parts.authorities.clone() {
            for source in &authority.sources {
                let subjects = match &source.kind {
                    SourceKind::Ocsp { .. } => self.subjects(&authority),
                    _ => vec![None],
                };
                for subject in subjects {
                    new |= self.task(&authority, &source.kind, subject).await;
                }
            }
        }
        if new {
            self.publish();
        }
        new
    }

    /// The certificates that an OCSP responder of the authority is asked about: the registered ones,
    /// and the authorities between.
    fn subjects(&self, authority: &Authority) -> Vec<Option<(Certificate, Certificate)>> {
        let trust = self.parts.server.sts.load().trust.load_full();
        let issued = |certificate: &Certificate| {
            let issuer = trust.anchors.issuer(certificate)?;
            (authority.issuers.contains(issuer) && issuer != certificate)
                .then(|| Some((certificate.clone(), issuer.clone())))
        };
        trust
            .certificates()
            .iter()
            .map(|known| &*known.certificate)
            .chain(&authority.issuers)
            .filter_map(issued)
            .collect()
    }

    async fn task(
        &mut self,
        authority: &Authority,
        kind: &SourceKind,
        subject: Option<(Certificate, Certificate)>,
    ) -> bool {
        let now = self.parts.clock.now();
        let name = subject.as_ref().map(|(certificate, _)| certificate.thumbprint()).unwrap_or_default();
        let task: Task = (kind.clone(), name);
        if self.tasks.get(&task).and_then(|schedule| schedule.due).is_some_and(|due| now < due) {
            return false;
        }
        let found = match (kind, &subject) {
            (SourceKind::Ocsp { url, nonce }, Some((certificate, issuer))) => {
                self.ask(url, *nonce, certificate, issuer, now).await
            }
            _ => self.read(kind, authority, now).await,
        };
        let refresh = chrono::Duration::from_std(self.parts.refresh).unwrap_or_default();
        let schedule = self.tasks.entry(task).or_default();
        match found {
            Ok((taken, life)) => {
                schedule.backoff.succeeded();
                let half = (life.until - now) / 2;
                schedule.due = Some(now + half.clamp(SOONEST, refresh.max(SOONEST)));
                if taken == Taken::Older {
                    alarm(kind, "an older one was served again: the newer one stays");
                } else if let Some(share) = aged(&life, now) {
                    alarm(kind, &format!("{share} % of its life is over, and there is no newer one"));
                }
                taken == Taken::New
            }
            Err(detail) => {
                let wait = chrono::Duration::from_std(schedule.backoff.failed()).unwrap_or_default();
                schedule.due = Some(now + wait);
                alarm(kind, &detail);
                false
            }
        }
    }

    /// A list, or an answer that lies in a file.
    async fn read(&mut self, kind: &SourceKind, authority: &Authority, now: Time) -> Result<(Taken, Life), String> {
        let bytes = match kind {
            SourceKind::CrlFile(path) | SourceKind::OcspFile(path) => {
                tokio::fs::read(path).await.map_err(|error| error.to_string())?
            }
            SourceKind::CrlUrl(url) | SourceKind::Ocsp { url, .. } => {
                let bounds = Bounds { deadline: self.parts.deadline, bytes: MAX_CRL };
                self.parts.fetcher.get(url, bounds).await.map_err(|error| error.to_string())?
            }
        };
        if matches!(kind, SourceKind::OcspFile(_)) {
            let issuers: Vec<&Certificate> = authority.issuers.iter().collect();
            return self.answers(&bytes, &issuers, None, now);
        }
        let crl = Crl::verify(&bytes, &authority.issuers, now).map_err(|error| error.to_string())?;
        let life = Life { from: crl.this_update(), until: crl.next_update() };
        let taken = self.parts.collected.crl(crl);
        if let (SourceKind::CrlUrl(url), Taken::New) = (kind, taken) {
            keep(&stored_copy(&self.parts.folder, url), bytes).await.map_err(|error| error.to_string())?;
        }
        Ok((taken, life))
    }

    async fn ask(
        &mut self,
        url: &str,
        nonce: bool,
        certificate: &Certificate,
        issuer: &Certificate,
        now: Time,
    ) -> Result<(Taken, Life), String> {
        let nonce = nonce.then(crypto::random::<16>);
        let body = question(certificate, issuer, nonce.as_ref().map(<[u8; 16]>::as_slice));
        let body = body.map_err(|error| error.to_string())?;
        let bounds = Bounds { deadline: self.parts.deadline, bytes: MAX_ANSWER };
        let bytes = self.parts.fetcher.post(url, REQUEST, body, bounds).await.map_err(|error| error.to_string())?;
        self.answers(&bytes, &[issuer], nonce.as_ref().map(<[u8; 16]>::as_slice), now)
    }

    fn answers(
        &mut self,
        bytes: &[u8],
        issuers: &[&Certificate],
        nonce: Option<&[u8]>,
        now: Time,
    ) -> Result<(Taken, Life), String> {
        let answers = verify_answer(bytes, issuers, self.parts.collected.crls(), nonce, now);
        let answers = answers.map_err(|error| error.to_string())?;
        let mut life = Life { from: now, until: now };
        let mut all = Taken::Same;
        for (index, answer) in answers.into_iter().enumerate() {
            if index == 0 || answer.until() < life.until {
                life = Life { from: answer.this_update(), until: answer.until() };
            }
            match self.parts.collected.answer(answer) {
                Taken::Same => {}
                Taken::New => all = Taken::New,
                Taken::Older if all == Taken::Same => all = Taken::Older,
                Taken::Older => {}
            }
        }
        Ok((all, life))
    }

    /// The next snapshot, in the place of the one before.
    fn publish(&self) {
        let sts = self.parts.server.sts.load();
        let before = sts.trust.load_full();
        let revocations = self.parts.collected.snapshot(before.revocations().epoch() + 1);
        sts.trust.store(Arc::new(before.with_revocations(Arc::new(revocations))));
    }
}

/// At 75 % and at 90 % of its life something is worth a word, if nothing newer came.
fn aged(life: &Life, now: Time) -> Option<i64> {
    let whole = (life.until - life.from).num_seconds().max(1);
    let share = (now - life.from).num_seconds().saturating_mul(100) / whole;
    (share >= 75).then_some(share)
}

fn alarm(kind: &SourceKind, detail: &str) {
    tracing::warn!(target: "vidimus::alarm", source = %kind, detail, "what is known of revocation may grow stale");
}

/// Whole or not at all: written beside, then put in its place.
async fn keep(path: &Path, bytes: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let beside = path.with_extension("new");
    tokio::fs::write(&beside, bytes).await?;
    tokio::fs::rename(&beside, path).await
}

/// RFC 6960 appendix A.1.
const REQUEST: &str = "application/ocsp-request";
/// How often it is looked what is due.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(5);
/// Nothing is fetched again sooner after it arrived.
const SOONEST: chrono::Duration = chrono::Duration::seconds(60);
