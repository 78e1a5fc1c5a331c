//! `vidimus envelope sign FILE`: the same envelope with a Security header and a signature.

use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::cli::credentials::CredentialArgs;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};

use super::signing::{self, Algorithm, Assertion, KeyReference, Signing};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage, Exit::Refused], [
    "vidimus envelope sign message.xml --p12 own.p12 --password-file pw > signed.xml",
    "vidimus envelope sign message.xml --cert own.pem --key own.key --parts Body,Timestamp,To --key-reference issuer-serial --out signed.xml",
    "vidimus envelope sign - --p12 own.p12 --password-env PW --algorithm rsa-sha512 --ttl 60",
]))]
pub struct Args {
    /// The envelope, without a Security header; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// What to sign: Body, Timestamp, BinarySecurityToken, Assertion, SecurityTokenReference (the token by STR-Transform),
    /// or the local name of a header block (To, Action, MessageID …)
    #[arg(long, value_delimiter = ',', default_value = "Body,Timestamp")]
    parts: Vec<String>,
    /// The signature algorithm, where the key's usual one is not wanted
    #[arg(long, value_enum)]
    algorithm: Option<Algorithm>,
    /// How the message says which key signed
    #[arg(long, value_enum, default_value_t = KeyReference::Bst)]
    key_reference: KeyReference,
    /// SAML 2.0 holder-of-key assertion to send along, in place of the certificate
    #[arg(long, value_name = "FILE")]
    assertion: Option<PathBuf>,
    /// Seconds from Created to Expires
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    ttl: i64,
    /// Created, in place of now
    #[arg(long, value_name = "RFC3339")]
    created: Option<DateTime<Utc>>,
    /// Where to write the signed envelope, in place of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// # Errors
/// When a file cannot be used, or nothing can be signed as asked.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let credentials = args.credentials.load(out)?;
    let signing = Signing {
        parts: args.parts.clone(),
        algorithm: args.algorithm.map(Into::into),
        key_reference: args.key_reference,
        assertion: args.assertion.as_ref().map(|file| Assertion::read(&files::read(file)?)).transpose()?,
        created: args.created.unwrap_or_else(Utc::now),
        life: Duration::seconds(args.ttl),
    };
    let signed = signing::sign(files::read(&args.file)?, &signing, &credentials)?;
    if let Some(path) = &args.out {
        files::write(path, &signed)?;
    }
    if out.is_json() {
        let envelope = args.out.is_none().then(|| String::from_utf8_lossy(&signed));
        out.json(&json!({
            "schema": "vidimus.signed/v1", "parts": args.parts, "bytes": signed.len(),
            "out": args.out, "envelope": envelope,
        }));
    } else if args.out.is_none() {
        out.bytes(&signed);
    }
    out.note(format_args!("signed  {}  {} bytes", args.parts.join(", "), signed.len()));
    Ok(Exit::Done)
}
