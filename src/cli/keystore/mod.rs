//! `vidimus keystore`: what a keystore holds, and what is wrong with it.

mod jks;
pub mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use chrono::Utc;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::credentials::password;
use super::exit;
use super::files;
use super::{Exit, Failure, Output};
use crate::model::Time;
use crate::wire::crypto::{KeyKind, PublicKey};
use crate::wire::hex;
use crate::wire::x509::Certificate;
use crate::wire::xml::time;
use store::{Entry, Store};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(&[Exit::Done, Exit::Usage], EXAMPLES))]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the entries of a keystore: PKCS#12, JKS, PEM or DER, whatever the file is called
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage], EXAMPLES))]
struct ListArgs {
    /// The keystore; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File whose first line is the password of the keystore
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// Environment variable that holds the password of the keystore
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

const EXAMPLES: [&str; 3] = [
    "vidimus keystore list sender.p12 --password-file pw",
    "vidimus keystore list client.jks --password-env STOREPASS -o json",
    "vidimus keystore list chain.pem",
];

/// # Errors
/// When the file is no keystore, or the password does not open it.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let Verb::List(args) = args.verb;
    let bytes = files::read(&args.file)?;
    let secret = if store::wants_password(&bytes) {
        password(args.password_file.as_deref(), args.password_env.as_deref(), &args.file, out)?
    } else {
        secrecy::SecretString::default()
    };
    let store = store::open(&bytes, secret.expose_secret(), &args.file)?;
    let listing = Listing::of(&store, &args.file.to_string_lossy(), Utc::now());
    if out.is_json() {
        out.json(&listing);
    } else {
        listing.lines().iter().for_each(|line| out.line(line));
    }
    Ok(Exit::Done)
}

/// What a keystore holds: `vidimus.keystore/v1`.
#[derive(Debug, Serialize)]
pub struct Listing {
    schema: &'static str,
    file: String,
    format: &'static str,
    entries: Vec<Row>,
    notes: Vec<String>,
}

/// One entry. Times in UTC; sizes in bits; thumbprints in hex.
#[derive(Debug, Serialize)]
struct Row {
    alias: Option<String>,
    /// `key` or `certificate`.
    kind: &'static str,
    subject: Option<String>,
    issuer: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    key_type: Option<&'static str>,
    key_bits: Option<usize>,
    /// SHA-256 of the certificate.
    sha256: Option<String>,
    /// SHA-256 of the public key: what a registry knows.
    spki_sha256: Option<String>,
    /// How many certificates come along.
    certificates: usize,
    /// What is wrong with it.
    problems: Vec<String>,
}

impl Listing {
    pub fn of(store: &Store, file: &str, now: Time) -> Self {
        Self {
            schema: "vidimus.keystore/v1",
            file: file.to_owned(),
            format: store.format.name(),
            entries: store.entries.iter().map(|entry| Row::of(entry, now)).collect(),
            notes: store.notes.clone(),
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let count = self.entries.len();
        let entries = if count == 1 { "entry" } else { "entries" };
        let mut lines = vec![format!("{}  {}, {count} {entries}", self.file, self.format)];
        for row in &self.entries {
            row.lines(&mut lines);
        }
        lines.extend(self.notes.iter().map(|note| format!(" – {note}")));
        lines
    }
}

impl Row {
    fn of(entry: &Entry, now: Time) -> Self {
        let certificate = entry.certificates.first().and_then(|der| Certificate::parse(der).ok());
        let own = entry.key.as_ref().and_then(|key| key.as_ref().ok()).map(|key| key.key.public());
        let shown = certificate.as_ref().and_then(|certificate| certificate.public_key().ok());
        let public: Option<&PublicKey> = own.or(shown.as_ref());
        let when = |time: fn(&Certificate) -> Time| certificate.as_ref().map(|own| time::format_millis(time(own)));
        Self {
            alias: entry.alias.clone(),
            kind: if entry.key.is_some() { "key" } else { "certificate" },
            subject: certificate.as_ref().map(|own| own.subject().to_string()),
            issuer: certificate.as_ref().map(|own| own.issuer().to_string()),
            not_before: when(Certificate::not_before),
            not_after: when(Certificate::not_after),
            key_type: public.map(|key| key_type(key.kind())),
            key_bits: public.map(PublicKey::bits),
            sha256: certificate.as_ref().map(|own| hex::encode(&own.thumbprint())),
            spki_sha256: public.map(|key| hex::encode(&key.thumbprint())),
            certificates: entry.certificates.len(),
            problems: problems(entry, certificate.as_ref(), public, now),
        }
    }

    fn lines(&self, lines: &mut Vec<String>) {
        let alias = self.alias.as_deref().unwrap_or("(no name)");
        let key = match (self.key_type, self.key_bits) {
            (Some(kind), Some(bits)) => format!("  {kind} {bits} bits"),
            _ => String::new(),
        };
        lines.push(format!(" {:<11} {alias}{key}", self.kind));
        let mut line = |name: &str, value: &Option<String>| {
            lines.extend(value.as_ref().map(|value| format!("   {name:<12} {value}")));
        };
        line("subject", &self.subject);
        line("issuer", &self.issuer);
        line("until", &self.not_after);
        line("SHA-256", &self.sha256);
        line("key SHA-256", &self.spki_sha256);
        lines.extend(self.problems.iter().map(|problem| format!("   ✘ {problem}")));
    }
}

/// What keeps an entry from being used for signing.
fn problems(entry: &Entry, certificate: Option<&Certificate>, public: Option<&PublicKey>, now: Time) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(Err(why)) = &entry.key {
        found.push(why.clone());
    }
    let Some(certificate) = certificate else {
        found.push(match entry.certificates.first() {
            Some(_) => "its certificate cannot be read".to_owned(),
            None => "it has no certificate: signatures need one beside the key".to_owned(),
        });
        return found;
    };
    if now < certificate.not_before() {
        found.push(format!("its certificate starts at {}", time::format_millis(certificate.not_before())));
    }
    if now > certificate.not_after() {
        found.push(format!("its certificate ended at {}", time::format_millis(certificate.not_after())));
    } else if now + chrono::Duration::days(SOON) > certificate.not_after() {
        found.push(format!(
            "its certificate ends soon, at {}: renew and register it",
            time::format_millis(certificate.not_after())
        ));
    }
    match public {
        None => {
            found.push("its key is of a kind that is not taken: use RSA, P-256, P-384, P-521 or Ed25519".to_owned())
        }
        Some(key) if key.kind() == KeyKind::Rsa && key.bits() < 2048 => {
            found.push(format!("its RSA key has {} bits; 2048 are asked", key.bits()));
        }
        Some(_) => {}
    }
    if entry.key.is_some()
        && !certificate.is_authority()
        && certificate.key_usage().is_some_and(|usage| !usage.may_sign())
    {
        found.push("its key usage has neither digitalSignature nor nonRepudiation".to_owned());
    }
    if entry.key.is_some() && entry.certificates.len() == 1 && !certificate.is_self_issued() {
        found.push(format!(
            "the certificates between it and its root are not in the file (issuer {})",
            certificate.issuer()
        ));
    }
    found
}

fn key_type(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa => "RSA",
        KeyKind::P256 => "EC P-256",
        KeyKind::P384 => "EC P-384",
        KeyKind::P521 => "EC P-521",
        KeyKind::Ed25519 => "Ed25519",
    }
}

/// A renewal with registration takes about so many days.
const SOON: i64 = 30;
