//! Registry files: `[[sender]]`, `[[service]]`, `[[issuer]]`. Read, checked, and made one snapshot.
//!
//! Refused: what would be decided by chance (one key, client_id, audience or issuer twice) and what
//! could be taken for something else (one name used as client_id, audience and issuer, `rules.md` 5.3).

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::exceptions::{self, RawException, Remark};
use super::files;
use super::problem::{Place, Problem, SourceText, source_text};
use crate::model::{Claim, ClaimType, KeyThumbprint, PartyId, Scope, Target, Time, TokenType};
use crate::registry::{Grant, Sender, Service, Standing, TokenIssuer};
use crate::wire::x509::Certificate;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    sender: Vec<RawSender>,
    service: Vec<RawService>,
    issuer: Vec<RawIssuer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSender {
    name: Spanned<String>,
    number: Option<Spanned<String>>,
    party: Spanned<String>,
    #[serde(default)]
    status: RawStatus,
    #[serde(default)]
    certificates: Vec<Spanned<String>>,
    client_id: Option<Spanned<String>>,
    #[serde(default)]
    grants: Vec<RawGrant>,
    assertion_lifetime_seconds: Option<Spanned<u32>>,
    #[serde(default)]
    claims: Vec<RawClaim>,
    #[serde(default)]
    exceptions: Vec<Spanned<RawException>>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawStatus {
    #[default]
    Active,
    Suspended,
}

impl From<RawStatus> for Standing {
    fn from(status: RawStatus) -> Self {
        match status {
            RawStatus::Active => Self::Active,
            RawStatus::Suspended => Self::Suspended,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawGrant {
    TokenExchange,
    ClientCredentials,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    #[serde(rename = "type")]
    claim_type: String,
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    audience: Spanned<String>,
    name: Spanned<String>,
    token_types: Spanned<Vec<TokenType>>,
    mandate_type: Option<String>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    assertion_lifetime_seconds: Option<Spanned<u32>>,
    access_token_lifetime_seconds: Option<Spanned<u32>>,
    sector: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    issuer: Spanned<String>,
    certificates: Spanned<Vec<String>>,
    audiences: Option<Spanned<Vec<String>>>,
    /// `none`: its assertions name no audience.
    audience: Option<Audience>,
    #[serde(default)]
    status: RawStatus,
    maximum_lifetime_seconds: Option<Spanned<u32>>,
    #[serde(default)]
    authn_contexts: Vec<String>,
}

/// What an issuer's assertions say of whom they are for, where they never name us.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Audience {
    None,
}

/// All entries of all files.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub senders: Vec<Sender>,
    pub services: Vec<Service>,
    pub issuers: Vec<TokenIssuer>,
    /// Which names are taken, by whom: client_ids, audiences and issuers share one space.
    names: HashMap<String, String>,
    keys: HashMap<KeyThumbprint, String>,
}

/// Reads files into [`Entries`]; what is wrong is collected.
pub(super) struct Reader<'p> {
    pub entries: Entries,
    dir: &'p Path,
    now: Time,
    /// How many days before its end an exception is warned of.
    warn_days: u64,
    source: SourceText,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Reader<'p> {
    /// `dir`: what paths in the files begin from. `now`, and how many days before its end an exception is warned of. `taken`: keys and names that are ours.
    pub fn new(
        dir: &'p Path,
        (now, warn_days): (Time, u64),
        own_keys: &HashMap<KeyThumbprint, &'static str>,
        own_names: &[String],
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        let mut entries = Entries::default();
        entries.names.extend(own_names.iter().map(|name| (name.clone(), "ours".to_owned())));
        entries.keys.extend(own_keys.iter().map(|(key, purpose)| (*key, format!("our own key for {purpose}"))));
        Self { entries, dir, now, warn_days, source: source_text(dir, ""), problems }
    }

    pub fn read(&mut self, path: &Path) {
        let text = match files::text(path) {
            Ok(text) => text,
            Err((says, fix)) => return self.problems.push(Problem::new(says, fix)),
        };
        self.source = source_text(path, text.clone());
        match toml::from_str::<RawFile>(&text) {
            Err(error) => self.problems.push(Problem::toml(&self.source, &error)),
            Ok(file) => {
                file.sender.into_iter().for_each(|raw| self.sender(raw));
                file.service.into_iter().for_each(|raw| self.service(raw));
                file.issuer.into_iter().for_each(|raw| self.issuer(raw));
            }
        }
    }

    fn sender(&mut self, raw: RawSender) {
        let name = raw.name.get_ref().clone();
        if let Some(twice) = self.entries.senders.iter().find(|sender| sender.name == name) {
            let says = format!("the sender `{}` stands twice", twice.name);
            self.wrong(raw.name.span(), says, "Give each sender a name of its own: policies and audit speak of it");
        }
        let Some(party) = self.party(&raw.party) else { return };
        if let Some(number) = &raw.number {
            self.number(number);
        }
        let certificates: Vec<Certificate> =
            raw.certificates.iter().filter_map(|file| self.certificate(&name, file)).collect();
        if certificates.is_empty() && raw.certificates.is_empty() {
            let fix = "Write `certificates = [\"senders/name.pem\"]`: its key is what a sender is known by";
            self.wrong(raw.name.span(), format!("the sender `{name}` has no certificate"), fix);
        }
        if let Some(client_id) = &raw.client_id {
            self.name(client_id, format!("the client of sender `{name}`"));
        } else if !raw.grants.is_empty() {
            let says = format!("the sender `{name}` has grants and no client_id");
            self.wrong(raw.name.span(), says, "Add `client_id`, or leave `grants` out");
        }
        let grants = raw.grants.iter().map(|grant| match grant {
            RawGrant::TokenExchange => Grant::TokenExchange,
            RawGrant::ClientCredentials => Grant::ClientCredentials,
        });
        let claims = raw.claims.into_iter().map(|claim| Claim {
            claim_type: ClaimType(claim.claim_type),
            values: claim.values,
            source: REGISTRY.to_owned(),
        });
        let mut remarks = Vec::new();
        let clock = (self.now, self.warn_days);
        let exceptions = exceptions::read(&name, &raw.exceptions, &certificates, clock, &mut remarks);
        remarks.into_iter().for_each(|remark| self.remark(remark));
        let sender = Sender {
            party,
            number: raw.number.map(Spanned::into_inner),
            standing: raw.status.into(),
            keys: certificates.iter().map(|certificate| KeyThumbprint(certificate.key_thumbprint())).collect(),
            public_keys: certificates.iter().map(|certificate| certificate.spki().to_owned()).collect(),
            certificates: certificates.iter().map(|certificate| certificate.der().to_owned()).collect(),
            client_id: raw.client_id.map(Spanned::into_inner),
            grants: grants.collect(),
            assertion_lifetime: self.seconds(raw.assertion_lifetime_seconds, CLIENT_ASSERTION),
            claims: claims.collect(),
            exceptions,
            name,
        };
        self.entries.senders.push(sender);
    }

    fn service(&mut self, raw: RawService) {
        let name = raw.name.get_ref().clone();
        self.name(&raw.audience, format!("the audience of service `{name}`"));
        if raw.token_types.get_ref().is_empty() {
            let fix = "Write `[\"saml2.0\"]`, `[\"access_token\"]` or both";
            self.wrong(raw.token_types.span(), format!("the service `{name}` takes no token"), fix);
        }
        let mut scopes = Scope::default();
        for scope in &raw.scopes {
            match Scope::parse(scope.get_ref()) {
                Ok(read) if read.0.len() == 1 && !scopes.contains(scope.get_ref()) => scopes.0.extend(read.0),
                Ok(read) if read.0.len() == 1 => {
                    self.wrong(scope.span(), format!("the scope `{}` stands twice", scope.get_ref()), "Leave one out");
                }
                _ => {
                    let says = format!("`{}` is no scope token", scope.get_ref());
                    self.wrong(scope.span(), says, "Write one word without spaces and quotes (RFC 6749 §3.3)");
                }
            }
        }
        let service = Service {
            audience: Target(raw.audience.into_inner()),
            token_types: raw.token_types.into_inner(),
            mandate_type: raw.mandate_type,
            scopes,
            assertion_lifetime: self.seconds(raw.assertion_lifetime_seconds, TOKEN),
            access_token_lifetime: self.seconds(raw.access_token_lifetime_seconds, TOKEN),
            sector: raw.sector.unwrap_or_else(|| name.clone()),
            name,
        };
        self.entries.services.push(service);
    }

    fn issuer(&mut self, raw: RawIssuer) {
        self.name(&raw.issuer, "an issuer of assertions".to_owned());
        let span = raw.audiences.as_ref().map_or(raw.issuer.span(), Spanned::span);
        let audiences = raw.audiences.map(Spanned::into_inner).unwrap_or_default();
        if audiences.is_empty() && raw.audience.is_none() {
            let fix =
                "Name the audience that this issuer writes for us; if it writes none at all: `audience = \"none\"`";
            self.wrong(span, "an issuer without audiences is never taken".to_owned(), fix);
        }
        let owner = format!("issuer `{}`", raw.issuer.get_ref());
        let mut public_keys = Vec::new();
        for file in raw.certificates.get_ref() {
            match files::certificates(&self.dir.join(file)) {
                Err((says, fix)) => self.wrong(raw.certificates.span(), says, &fix),
                // each certificate names a key that signs; a chain beside it would be trusted too
                Ok(found) if found.len() > 1 => {
                    let says = format!("`{file}` holds {} certificates", found.len());
                    self.wrong(raw.certificates.span(), says, "Give the signing certificate only, a file for each key");
                }
                Ok(found) => {
                    for certificate in &found {
                        self.key(certificate, &owner, raw.certificates.span());
                        self.expiry(certificate, file, raw.certificates.span());
                        public_keys.push(certificate.spki().to_owned());
                    }
                }
            }
        }
        if raw.certificates.get_ref().is_empty() {
            let fix = "Write `certificates = [\"issuers/name.pem\"]`: keys come from configuration only";
            self.wrong(raw.certificates.span(), format!("the {owner} has no key"), fix);
        }
        let maximum_lifetime = self.seconds(raw.maximum_lifetime_seconds, ISSUER_ASSERTION);
        self.entries.issuers.push(TokenIssuer {
            standing: raw.status.into(),
            without_audience: matches!(raw.audience, Some(Audience::None)),
            maximum_lifetime,
            authn_contexts: raw.authn_contexts,
            ..TokenIssuer::new(raw.issuer.into_inner(), public_keys, audiences)
        });
    }

    fn party(&mut self, text: &Spanned<String>) -> Option<PartyId> {
        match text.get_ref().parse() {
            Ok(party) => Some(party),
            Err(error) => {
                self.wrong(text.span(), format!("{error}"), "Write e.g. `cbe:0206731645`");
                None
            }
        }
    }

    fn number(&mut self, number: &Spanned<String>) {
        if let Err(error) = format!("sender:{}", number.get_ref()).parse::<PartyId>() {
            self.wrong(number.span(), error.to_string(), "Write six digits, e.g. `number = \"006400\"`");
        }
        let twice = self.entries.senders.iter().find(|sender| sender.number.as_ref() == Some(number.get_ref()));
        if let Some(other) = twice.map(|sender| sender.name.clone()) {
            let says = format!("the sender number {} is `{other}`'s", number.get_ref());
            self.wrong(number.span(), says, "Give each sender its own number");
        }
    }

    /// The one certificate of a file: a CA's certificate beside it would register the CA as sender.
    fn certificate(&mut self, sender: &str, file: &Spanned<String>) -> Option<Certificate> {
        let found = match files::certificates(&self.dir.join(file.get_ref())) {
            Ok(found) => found,
            Err((says, fix)) => {
                self.wrong(file.span(), says, &fix);
                return None;
            }
        };
        if found.len() > 1 {
            let says = format!("`{}` holds {} certificates", file.get_ref(), found.len());
            self.wrong(file.span(), says, "Give the sender's own certificate only; issuers belong to `trust.anchors`");
            return None;
        }
        let certificate = found.into_iter().next()?;
        match certificate.public_key() {
            Ok(key) if key.bits() < MINIMUM_RSA_BITS && key.kind() == crate::wire::crypto::KeyKind::Rsa => {
                let says = format!("`{}`: an RSA key of {} bits is too small", file.get_ref(), key.bits());
                self.wrong(file.span(), says, "Ask the sender for a key of 2048 bits or more");
            }
            Ok(_) => {}
            Err(error) => {
                let says = format!("`{}`: {error}", file.get_ref());
                self.wrong(file.span(), says, "Ask the sender for an RSA or P-256 certificate");
            }
        }
        self.key(&certificate, &format!("sender `{sender}`"), file.span());
        self.expiry(&certificate, file.get_ref(), file.span());
        Some(certificate)
    }

    /// One key belongs to one owner (`rules.md` 1.1); a second certificate of the same owner for
    /// the same key (renewal) is fine.
    fn key(&mut self, certificate: &Certificate, owner: &str, span: Range<usize>) {
        let key = KeyThumbprint(certificate.key_thumbprint());
        if let Some(other) = self.entries.keys.insert(key, owner.to_owned()).filter(|other| other != owner) {
            let says = format!("the key of this certificate belongs to {other} already");
            self.wrong(span, says, "One key belongs to one owner: whoever signs with it must be one");
        }
    }

    fn expiry(&mut self, certificate: &Certificate, file: &str, span: Range<usize>) {
        if self.now >= certificate.not_after() {
            let says = format!("the certificate in `{file}` has expired on {}", certificate.not_after().to_rfc3339());
            let problem = Problem::new(says, "Replace it: messages signed with it are refused").warning();
            self.problems.push(problem.at(Some(Place::new(&self.source, span))));
        }
    }

    /// Takes a name in the one space of client_ids, audiences and issuers.
    fn name(&mut self, name: &Spanned<String>, owner: String) {
        if name.get_ref().is_empty() || name.get_ref().chars().any(|c| c.is_control() || c == ' ') {
            self.wrong(name.span(), format!("{owner} has an unusable name"), "Write it without spaces");
        }
        if let Some(other) = self.entries.names.insert(name.get_ref().clone(), owner.clone()) {
            let says = format!("`{}` names two things: {other}, and {owner}", name.get_ref());
            self.wrong(name.span(), says, "Client ids, audiences and issuers are compared as names: give each its own");
        }
    }

    fn seconds(&mut self, written: Option<Spanned<u32>>, (default, most): (u32, u32)) -> Duration {
        let seconds = match written {
            Some(written) if *written.get_ref() == 0 || *written.get_ref() > most => {
                self.wrong(
                    written.span(),
                    format!("{} seconds is out of range", written.get_ref()),
                    &format!("Write 1 to {most}"),
                );
                default
            }
            Some(written) => written.into_inner(),
            None => default,
        };
        Duration::from_secs(seconds.into())
    }

    fn remark(&mut self, remark: Remark) {
        let problem = Problem::new(remark.says, remark.fix).at(Some(Place::new(&self.source, remark.span)));
        self.problems.push(if remark.warning { problem.warning() } else { problem });
    }

    fn wrong(&mut self, span: Range<usize>, says: impl fmt::Display, fix: &str) {
        self.problems.push(Problem::new(says.to_string(), fix).at(Some(Place::new(&self.source, span))));
    }
}

/// [`Claim::source`] of what the registry asserts.
const REGISTRY: &str = "registry";
/// Seconds by default, and at most. `clients.md` 3: libraries ask for an hour.
const CLIENT_ASSERTION: (u32, u32) = (3600, 86_400);
const TOKEN: (u32, u32) = (900, 86_400);
/// As `registry::LONGEST_ASSERTION`; an issuer of long sessions may be given a month.
const ISSUER_ASSERTION: (u32, u32) = (86_400, 31 * 86_400);
const MINIMUM_RSA_BITS: usize = 2048;
