//! Anchors, and what each asks: `trust.anchors`, `trust.revocation`, `[[trust.authority]]`.
//!
//! Every anchor says how revocation is judged under it: by sources, or `revocation = "off"` in so
//! many words. Neither is an error; nothing is inferred off.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde_spanned::Spanned;

use super::files;
use super::problem::{Place, Problem};
use super::values::Values;
use crate::model::Time;
use crate::net;
use crate::serve::revocation::{Authority, Source, SourceKind, State, stored_copy};
use crate::wire::x509::{
    Anchors, Certificate, Collected, Crl, Exception, PathRules, RevocationRule, Revocations, verify_answer,
};

/// One `[[trust.authority]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuthority {
    anchors: Spanned<Vec<String>>,
    #[serde(default)]
    intermediates: Vec<Spanned<String>>,
    revocation: Option<RawRevocation>,
    #[serde(default)]
    crl_files: Vec<Spanned<String>>,
    #[serde(default)]
    crl_urls: Vec<Spanned<String>>,
    #[serde(default)]
    ocsp_files: Vec<Spanned<String>>,
    ocsp_url: Option<Spanned<String>>,
    #[serde(default)]
    ocsp_nonce: bool,
    unknown: Option<Spanned<RawException>>,
    #[serde(default)]
    extended_key_usage: Vec<Spanned<String>>,
    #[serde(default)]
    policies: Vec<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRevocation {
    Required,
    Off,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawException {
    accept_until: Spanned<String>,
    reason: Spanned<String>,
}

/// Whom we trust, and what is known of revocation so far.
#[derive(Debug)]
pub struct TrustSettings {
    pub anchors: Anchors,
    pub authorities: Vec<Arc<Authority>>,
    /// From files and from the copies of what was fetched before.
    pub collected: Collected,
}

impl TrustSettings {
    /// The first snapshot.
    pub fn revocations(&self) -> Revocations {
        self.collected.snapshot(1)
    }
}

/// Reads it all.
pub(super) fn load(values: &Values, now: Time, problems: &mut Vec<Problem>) -> TrustSettings {
    let mut reader = Reader {
        values,
        now,
        store: values.path("store.dir"),
        problems,
        settings: TrustSettings {
            anchors: Anchors::default(),
            authorities: Vec::new(),
            collected: Collected::default(),
        },
    };
    values.authorities.iter().for_each(|raw| reader.authority(raw));
    reader.other_anchors();
    reader.settings
}

struct Reader<'a> {
    values: &'a Values,
    now: Time,
    store: PathBuf,
    problems: &'a mut Vec<Problem>,
    settings: TrustSettings,
}

impl Reader<'_> {
    fn authority(&mut self, raw: &RawAuthority) {
        let span = raw.anchors.span();
        let mut anchors = Vec::new();
        for pattern in raw.anchors.get_ref() {
            anchors.extend(self.authorities(pattern, span.clone(), true));
        }
        let known = anchors.iter().find(|anchor| self.settings.anchors.certificates().contains(anchor));
        if let Some(twice) = known.map(|anchor| anchor.subject().to_string()) {
            self.wrong(span.clone(), format!("the anchor {twice} stands in two entries"), "Name it in one of them");
            return;
        }
        let mut intermediates = Vec::new();
        for pattern in &raw.intermediates {
            intermediates.extend(self.authorities(pattern.get_ref(), pattern.span(), false));
        }
        let sources = self.sources(raw);
        let revocation = self.rule(raw, &sources);
        let rules = PathRules {
            revocation,
            extended_key_usage: raw.extended_key_usage.iter().filter_map(|word| self.purpose(word)).collect(),
            policies: raw.policies.iter().filter_map(|policy| self.oid(policy)).collect(),
        };
        let Some(name) = anchors.first().map(|anchor| anchor.subject().to_string()) else {
            self.wrong(span, "the entry names no anchor".to_owned(), "Write e.g. `anchors = [\"trust/root.pem\"]`");
            return;
        };
        let issuers: Vec<Certificate> = anchors.iter().chain(&intermediates).cloned().collect();
        if let Err(error) = self.settings.anchors.add(anchors, intermediates, rules.clone()) {
            self.wrong(span, error.to_string(), "Give the root's own certificate");
            return;
        }
        let sources = sources.into_iter().map(|(kind, span)| self.source(kind, span, &issuers)).collect();
        self.settings.authorities.push(Arc::new(Authority { name, issuers, rules, sources }));
    }

    /// Anchors that stand in no entry: `trust.revocation` says what is asked of them.
    fn other_anchors(&mut self) {
        let mut others: Vec<Certificate> = Vec::new();
        for path in super::listed(self.values, ANCHORS, self.problems) {
            match files::certificates(&path) {
                Ok(found) => {
                    if let Some(leaf) = found.iter().find(|certificate| !certificate.is_authority()) {
                        let says = format!("`{}`: {} is no certification authority", path.display(), named(leaf));
                        let fix = "Anchors are roots; a sender's certificate belongs to its registry entry";
                        self.problems.push(self.values.problem(ANCHORS, says, fix));
                    }
                    others.extend(found.into_iter().filter(Certificate::is_authority));
                }
                Err((says, fix)) => self.problems.push(self.values.problem(ANCHORS, says, fix)),
            }
        }
        others.retain(|certificate| !self.settings.anchors.certificates().contains(certificate));
        let Some(name) = others.first().map(named) else { return };
        if self.values.text("trust.revocation") == "required" {
            let says = format!("nothing says how to learn of what {name} has revoked");
            self.problems.push(self.values.problem(ANCHORS, says, NO_SOURCE));
        }
        let issuers = others.clone();
        match self.settings.anchors.add(others, Vec::new(), PathRules::default()) {
            Ok(()) => self.settings.authorities.push(Arc::new(Authority {
                name: issuers.iter().map(named).collect::<Vec<_>>().join("; "),
                issuers,
                rules: PathRules::default(),
                sources: Vec::new(),
            })),
            Err(error) => {
                self.problems.push(self.values.problem(ANCHORS, error, "Give the root's own certificate"));
            }
        }
    }

    /// The authorities of a pattern's files.
    fn authorities(&mut self, pattern: &str, span: Range<usize>, anchors: bool) -> Vec<Certificate> {
        let paths = files::list(&self.values.dir, pattern).unwrap_or_else(|(says, fix)| {
            self.wrong(span.clone(), says, &fix);
            Vec::new()
        });
        let mut all = Vec::new();
        for path in paths {
            match files::certificates(&path) {
                Ok(found) => all.extend(found),
                Err((says, fix)) => self.wrong(span.clone(), says, &fix),
            }
        }
        if let Some(leaf) = all.iter().find(|certificate| !certificate.is_authority()).map(named) {
            let what = if anchors { "Anchors are roots" } else { "Intermediates are authorities between" };
            let fix = format!("{what}; a sender's certificate belongs to its registry entry");
            self.wrong(span, format!("{leaf} is no certification authority"), &fix);
        }
        all
    }

    fn sources(&mut self, raw: &RawAuthority) -> Vec<(SourceKind, Range<usize>)> {
        let mut sources = Vec::new();
        for (patterns, kind) in [
            (&raw.crl_files, SourceKind::CrlFile as fn(PathBuf) -> SourceKind),
            (&raw.ocsp_files, SourceKind::OcspFile),
        ] {
            for pattern in patterns {
                match files::list(&self.values.dir, pattern.get_ref()) {
                    Ok(paths) => sources.extend(paths.into_iter().map(|path| (kind(path), pattern.span()))),
                    Err((says, fix)) => self.wrong(pattern.span(), says, &fix),
                }
            }
        }
        for url in &raw.crl_urls {
            if self.address(url) {
                sources.push((SourceKind::CrlUrl(url.get_ref().clone()), url.span()));
            }
        }
        if let Some(url) = &raw.ocsp_url
            && self.address(url)
        {
            sources.push((SourceKind::Ocsp { url: url.get_ref().clone(), nonce: raw.ocsp_nonce }, url.span()));
        }
        sources
    }

    fn rule(&mut self, raw: &RawAuthority, sources: &[(SourceKind, Range<usize>)]) -> RevocationRule {
        let unknown = raw.unknown.as_ref().and_then(|unknown| self.exception(unknown));
        match raw.revocation {
            Some(RawRevocation::Off) if !sources.is_empty() || raw.unknown.is_some() => {
                let says = "revocation is off, and yet the entry says how to learn of it".to_owned();
                self.wrong(raw.anchors.span(), says, "Leave out `revocation = \"off\"`, or the sources");
                RevocationRule::Off
            }
            Some(RawRevocation::Off) => RevocationRule::Off,
            _ if sources.is_empty() => {
                let says = "revocation is judged under these anchors, and no source is configured".to_owned();
                self.wrong(raw.anchors.span(), says, NO_SOURCE);
                RevocationRule::Required { unknown }
            }
            _ => RevocationRule::Required { unknown },
        }
    }

    fn exception(&mut self, raw: &Spanned<RawException>) -> Option<Exception> {
        let RawException { accept_until, reason } = raw.get_ref();
        let Some(until) = instant(accept_until.get_ref()) else {
            let says = format!("`{}` is no date", accept_until.get_ref());
            self.wrong(accept_until.span(), says, "Write e.g. `accept_until = \"2026-12-31\"`");
            return None;
        };
        if reason.get_ref().trim().is_empty() {
            self.wrong(reason.span(), "an exception without a reason".to_owned(), "Write why, and who decided it");
        }
        if until - self.now > LONGEST_EXCEPTION {
            let says = format!("an exception until {} is no exception", accept_until.get_ref());
            self.wrong(accept_until.span(), says, "Write a date within a year");
        }
        let (says, fix) = if until <= self.now {
            ("the exception has ended: what is unknown is refused", "Leave `unknown` out")
        } else {
            ("certificates of unknown revocation status are taken", "Configure a source, and leave `unknown` out")
        };
        let place = Place::new(&self.values.source, raw.span());
        self.problems.push(Problem::new(says, fix).warning().at(Some(place)));
        Some(Exception { until, reason: reason.get_ref().clone() })
    }

    /// What a source says today: files are read, of what is fetched there may be a copy.
    fn source(&mut self, kind: SourceKind, span: Range<usize>, issuers: &[Certificate]) -> Source {
        let state = match &kind {
            SourceKind::CrlFile(path) => {
                let found = std::fs::read(path)
                    .map_err(|error| error.to_string())
                    .and_then(|bytes| Crl::verify(&bytes, issuers, self.now).map_err(|error| error.to_string()));
                let found = found.map(|crl| self.crl(crl));
                self.file(path, span, "CRL", found)
            }
            SourceKind::OcspFile(path) => {
                let issuers: Vec<&Certificate> = issuers.iter().collect();
                let crls = self.settings.collected.crls().to_vec();
                let found = std::fs::read(path).map_err(|error| error.to_string()).and_then(|bytes| {
                    verify_answer(&bytes, &issuers, &crls, None, self.now).map_err(|error| error.to_string())
                });
                let found = found.map(|answers| {
                    let until = answers.iter().map(crate::wire::x509::OcspAnswer::until).min();
                    let count = answers.len();
                    for answer in answers {
                        self.settings.collected.answer(answer);
                    }
                    State { says: format!("answers for {count} certificates"), until }
                });
                self.file(path, span, "OCSP answer", found)
            }
            SourceKind::CrlUrl(url) => match std::fs::read(stored_copy(&self.store, url)) {
                Err(_) => State { says: "not fetched yet".to_owned(), until: None },
                Ok(bytes) => match Crl::verify(&bytes, issuers, self.now) {
                    Ok(crl) => self.crl(crl),
                    Err(error) => State { says: format!("the copy cannot be used: {error}"), until: None },
                },
            },
            SourceKind::Ocsp { .. } => State { says: "asked by the running server".to_owned(), until: None },
        };
        Source { kind, state }
    }

    fn crl(&mut self, crl: Crl) -> State {
        let state = State::of(&crl);
        self.settings.collected.crl(crl);
        state
    }

    fn file(&mut self, path: &Path, span: Range<usize>, what: &str, found: Result<State, String>) -> State {
        match found {
            Ok(state) => {
                if let Some(until) = state.until.filter(|until| *until <= self.now) {
                    let says = format!("the {what} in `{}` was due at {}", path.display(), until.to_rfc3339());
                    let fix = "Put the current one there: until then its certificates are refused";
                    let place = Place::new(&self.values.source, span);
                    self.problems.push(Problem::new(says, fix).warning().at(Some(place)));
                }
                state
            }
            Err(detail) => {
                let says = format!("`{}` is no {what} that can be used: {detail}", path.display());
                let fix = "Give DER, signed by an authority of this entry; name its certificate under `intermediates`";
                self.wrong(span, says, fix);
                State { says: detail, until: None }
            }
        }
    }

    fn address(&mut self, url: &Spanned<String>) -> bool {
        let Some(address) = net::address(url.get_ref()) else {
            let says = format!("`{}` cannot be fetched from", url.get_ref());
            self.wrong(url.span(), says, "Write an http:// or https:// address");
            return false;
        };
        if address.scheme_str() == Some("https") && self.values.texts("net.roots").is_empty() {
            let says = format!("`{}` is https, and no root is configured for it", url.get_ref());
            self.wrong(url.span(), says, "Write `[net] roots = [\"…pem\"]`, or http: CRLs and OCSP answers are signed");
        }
        true
    }

    fn purpose(&mut self, word: &Spanned<String>) -> Option<String> {
        let known = PURPOSES.iter().find(|(name, _)| name == word.get_ref());
        known.map(|(_, oid)| (*oid).to_owned()).or_else(|| self.oid(word))
    }

    fn oid(&mut self, text: &Spanned<String>) -> Option<String> {
        let arcs: Vec<&str> = text.get_ref().split('.').collect();
        let plain = arcs.len() > 1 && arcs.iter().all(|arc| arc.parse::<u64>().is_ok_and(|n| n.to_string() == *arc));
        if !plain {
            let says = format!("`{}` is no object identifier", text.get_ref());
            self.wrong(text.span(), says, "Write it in dots, e.g. `2.16.56.1.1.1.2.2`, or `clientAuth`");
        }
        plain.then(|| text.get_ref().clone())
    }

    fn wrong(&mut self, span: Range<usize>, says: impl fmt::Display, fix: &str) {
        self.problems.push(Problem::new(says.to_string(), fix).at(Some(Place::new(&self.values.source, span))));
    }
}

fn named(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    subject.common_name().map_or_else(|| subject.to_string(), str::to_owned)
}

/// A day counts to its end.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let day = text.parse::<NaiveDate>().ok()?.succ_opt()?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

const ANCHORS: &str = "trust.anchors";
const NO_SOURCE: &str = "Write a [[trust.authority]] with `crl_files`, `crl_urls` or `ocsp_url`; or, to take certificates \
    that were revoked, `revocation = \"off\"`";
const LONGEST_EXCEPTION: chrono::Duration = chrono::Duration::days(366);
/// RFC 5280 section 4.2.1.12, RFC 9336.
const PURPOSES: &[(&str, &str)] = &[
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
    ("codeSigning", "1.3.6.1.5.5.7.3.3"),
    ("emailProtection", "1.3.6.1.5.5.7.3.4"),
    ("documentSigning", "1.3.6.1.5.5.7.3.36"),
];
