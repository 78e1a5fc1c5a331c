//! `vidimus envelope verify FILE`: is this envelope good, and if not, what is wrong with it?
//!
//! Runs the very steps that the server runs, over a file, with whom one trusts given on the command
//! line, and lists all independent faults, root cause first. Needs no server and no configuration.
//!
//! Three outcomes: `accepted` (the signer is trusted as asked), `intact` (nobody was named to judge
//! the signer by), `refused`. What is told beside the verdict (coverage map, causes, the sender's
//! stack and its settings) is in [`verdict`](super::verdict).

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::cli::examine::Examined;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::report::Report;
use crate::cli::stacks;
use crate::cli::{Exit, Failure, Output};
use crate::config::profiles;
use crate::flow::authenticate;
use crate::flow::inquiry::{Inquiry, Stop, Stopped};
use crate::flow::parse;
use crate::flow::profile::Profile;
use crate::flow::signed_document;
use crate::flow::verify::{self, Terms};
use crate::model::{CheckId, Time};
use crate::wire::dsig::Exceptions;
use crate::wire::ns;
use crate::wire::xml::{ById, Document, Limits, time};

pub use super::verdict::{Outcome, Verdict};

use super::trusted::Trusted;

#[derive(Debug, clap::Args)]
#[command(long_about = super::verdict::JSON, after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus envelope verify message.xml --trust root.pem --crl root.crl",
    "vidimus envelope verify message.xml --registered sender.pem --at created -o json",
    "vidimus envelope verify - --any-signer --at 2026-11-21T16:06:10Z",
]))]
pub struct Args {
    /// The envelope; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Authorities that the signer's certificate must lead to: PEM, or a folder of them; may be repeated
    #[arg(long, value_name = "PEM|DIR")]
    trust: Vec<PathBuf>,
    /// Certificates of known senders; may be repeated
    #[arg(long, value_name = "PEM")]
    registered: Vec<PathBuf>,
    /// Certificates of issuers whose SAML assertions are taken; may be repeated
    #[arg(long, value_name = "PEM")]
    saml_issuer: Vec<PathBuf>,
    /// CRLs of the authorities of --trust; what they list is refused, and so is what nothing is known of; may be repeated
    #[arg(long, value_name = "FILE", requires = "trust")]
    crl: Vec<PathBuf>,
    /// OCSP answers of the authorities of --trust; may be repeated
    #[arg(long, value_name = "FILE", requires = "trust")]
    ocsp: Vec<PathBuf>,
    /// The time to judge at: RFC 3339, `now`, or `created` (what the message's Timestamp says)
    #[arg(long, value_name = "TIME", default_value = "now")]
    at: At,
    /// What to ask of the message: the name of a built-in profile, or the file of one
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Be content with an intact message, whoever signed it
    #[arg(long)]
    any_signer: bool,
    /// Take more or less than usual: body, depth, nodes, attributes, namespaces, name, references, prefixes, canonical;
    /// may be repeated
    #[arg(long, value_name = "NAME=NUMBER")]
    limit: Vec<String>,
    /// Show the settings of this stack, whatever the message looks like: cxf, spring-ws, metro, wcf, zeep, node-soap,
    /// soapui, php …
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// When to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Now,
    Created,
    Instant(Time),
}

impl std::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "now" => Ok(Self::Now),
            "created" => Ok(Self::Created),
            _ => DateTime::parse_from_rfc3339(text)
                .map(|time| Self::Instant(time.to_utc()))
                .map_err(|_| "give `now`, `created` or a time such as 2026-01-31T09:30:00Z".to_owned()),
        }
    }
}

/// # Errors
/// When a file cannot be used.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let bytes = files::read(&args.file)?;
    let now = if let At::Instant(time) = args.at { time } else { Utc::now() };
    let trusted = Trusted::read(&args.trust, &args.registered, &args.saml_issuer)?;
    let trusted = trusted.with_revocation(&args.crl, &args.ocsp, now)?;
    let profile = args.profile.as_deref().map(profile).transpose()?;
    let limits = super::limits::read(&args.limit)?;
    let mut verdict = judge_within(bytes, &trusted, profile, args.at, &limits);
    if let Some(name) = &args.stack {
        verdict.stack = Some(stacks::named(name)?);
    }
    let name = if files::is_stdin(&args.file) { "stdin".into() } else { args.file.to_string_lossy() };
    if out.is_json() {
        out.json(&verdict.json(&name));
    } else {
        verdict.lines(&name).iter().for_each(|line| out.line(line));
    }
    Ok(match verdict.outcome {
        Outcome::Accepted => Exit::Done,
        Outcome::Intact if args.any_signer => Exit::Done,
        Outcome::Intact | Outcome::Refused => Exit::Refused,
    })
}

/// Judges an envelope, or a signed document, by whom one trusts; without a profile, any operation
/// of any service.
pub fn judge(bytes: Vec<u8>, trusted: &Trusted, asked: Option<Profile>, at: At) -> Verdict {
    judge_within(bytes, trusted, asked, at, &Limits::default())
}

fn judge_within(bytes: Vec<u8>, trusted: &Trusted, asked: Option<Profile>, at: At, limits: &Limits) -> Verdict {
    let mut inquiry = Inquiry::new(Stop::Never, microseconds);
    let mut profile = asked.clone().or_else(|| profiles::built_in().into_iter().next());
    let mut now = Utc::now();
    let mut judged = Err(Stopped);
    let examined = Examined::read(&bytes);
    let document = parse::document(bytes, limits, &mut inquiry).ok();
    if let (Some(document), Some(profile)) = (&document, &mut profile) {
        now = moment(document, at, now);
        if asked.is_none() {
            // Without a profile of one's own any operation of any service is looked at.
            profile.door = None;
        }
        judged = steps(document, trusted, profile, limits, now, &mut inquiry);
    }
    let (trace, _) = inquiry.finish();
    let outcome = judged.unwrap_or(Outcome::Refused);
    let mut report = Report::from(&trace);
    if let Some(document) = &document {
        report.keep_independent(&|reference| match document.by_id(reference.strip_prefix('#')?) {
            ById::One(element) => Some(element.range()),
            ById::None | ById::Repeated(_) => None,
        });
    }
    if !trusted.names_senders() {
        // The signer's key was registered for the occasion: that answers nothing.
        report
            .steps
            .iter_mut()
            .for_each(|step| step.checks.retain(|check| check.check() != Some(CheckId::KeyRegistered)));
    }
    let profile_name = profile.as_ref().map(|profile| profile.name.clone()).unwrap_or_default();
    let mut verdict = Verdict::new(outcome, report, now, profile_name);
    if let Some(examined) = &examined {
        verdict.look_into(examined, profile.as_ref(), trusted);
    }
    verdict
}

/// The steps of the server up to the signer, whose judgement needs somebody named.
fn steps(
    document: &Document,
    trusted: &Trusted,
    profile: &mut Profile,
    limits: &Limits,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Outcome, Stopped> {
    if signed_document::fits(document) {
        return bare(document, trusted, profile, limits, now, inquiry);
    }
    let envelope = parse::envelope(document, profile, inquiry)?;
    let known = trusted.senders();
    let terms = Terms { trust: &known, profile, limits, addresses: &[], now };
    let message = verify::envelope(&envelope, terms, inquiry)?;
    if trusted.names_nobody() {
        return Ok(Outcome::Intact);
    }
    let judging = trusted.judging(message.key(), document);
    profile.certificate = trusted.certificate_rule();
    let terms = Terms { trust: &judging, profile, limits, addresses: &[], now };
    authenticate::requester(&message, terms, "", inquiry)?;
    Ok(Outcome::Accepted)
}

/// A SAML Response or assertion by itself, or other signed XML.
fn bare(
    document: &Document,
    trusted: &Trusted,
    profile: &Profile,
    limits: &Limits,
    now: Time,
    inquiry: &mut Inquiry,
) -> Result<Outcome, Stopped> {
    let known = trusted.keys();
    let terms = signed_document::Terms {
        known: &known,
        algorithms: &profile.algorithms,
        limits,
        now,
        exceptions: Exceptions::default(),
    };
    let sealed = signed_document::verify(document, terms, inquiry)?;
    if trusted.names_nobody() {
        return Ok(Outcome::Intact);
    }
    for sealed in &sealed {
        if let Err(refusal) = trusted.vouch(&sealed.key, sealed.certificate.as_ref(), now) {
            inquiry.refuse(*refusal)?;
        }
    }
    inquiry.clean()?;
    Ok(Outcome::Accepted)
}

/// When to judge. `created`: the Timestamp's; without one, the IssueInstant of a SAML message.
fn moment(document: &Document, at: At, now: Time) -> Time {
    match at {
        At::Now => now,
        At::Instant(time) => time,
        At::Created => {
            let created = document.elements().find(|element| element.is(ns::WSU, "Created"));
            let issued = || document.elements().find_map(|element| element.attribute("", "IssueInstant"));
            let text = created.and_then(|created| created.text()).or_else(|| issued().map(Into::into));
            text.and_then(|text| time::parse(text.trim()).ok()).unwrap_or(now)
        }
    }
}

/// A built-in profile by its name, or the file of one.
///
/// # Errors
/// When there is none, or the file is none.
pub fn profile(named: &str) -> Result<Profile, Failure> {
    let built_in = profiles::built_in();
    if let Some(profile) = built_in.iter().find(|profile| profile.name == named) {
        return Ok(profile.clone());
    }
    let names: Vec<&str> = built_in.iter().map(|profile| profile.name.as_str()).collect();
    let path = Path::new(named);
    if !path.exists() {
        let fix = format!("Give one of {}, or the path of a profile's file", names.join(", "));
        return Err(Failure::usage(format!("there is no profile `{named}`"), fix));
    }
    toml::from_str(&files::read_text(path)?).map_err(|error| {
        Failure::usage(format!("`{named}` is no profile: {}", error.message()), "Compare it with a built-in profile")
    })
}

/// Microseconds since the program began.
fn microseconds() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use crate::cli::credentials::{self, Credentials};
    use crate::cli::envelope::signing::{self, KeyReference, Signing};

    use super::*;

    const MESSAGE: &str = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
        <a:To xmlns:a=\"http://www.w3.org/2005/08/addressing\">urn:there</a:To></s:Header>\
        <s:Body><x xmlns=\"urn:x\">0123456749</x></s:Body></s:Envelope>";

    /// A self-signed sender in a folder of its own.
    struct Sender {
        credentials: Credentials,
        pem: PathBuf,
    }

    fn sender(name: &str) -> Sender {
        let folder = std::env::temp_dir().join(format!("vidimus-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let cert = params.self_signed(&key).unwrap();
        let (pem, key_pem) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&pem, cert.pem()).unwrap();
        std::fs::write(&key_pem, key.serialize_pem()).unwrap();
        let args = credentials::CredentialArgs { cert: Some(pem.clone()), key: Some(key_pem), ..Default::default() };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let mut out = Output::new(crate::cli::Format::Human, &mut result, &mut notes);
        Sender { credentials: args.load(&mut out).unwrap(), pem }
    }

    fn signed(sender: &Sender, parts: &[&str], key_reference: KeyReference) -> Vec<u8> {
        let signing = Signing {
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
            algorithm: None,
            key_reference,
            assertion: None,
            created: Utc::now(),
            life: Duration::seconds(300),
        };
        signing::sign(MESSAGE.as_bytes().to_vec(), &signing, &sender.credentials).unwrap()
    }

    fn verdict(bytes: Vec<u8>, registered: &[&Sender]) -> Verdict {
        let files: Vec<PathBuf> = registered.iter().map(|sender| sender.pem.clone()).collect();
        judge(bytes, &Trusted::read(&[], &files, &[]).unwrap(), None, At::Created)
    }

    fn faults(verdict: &Verdict) -> Vec<&str> {
        verdict.report.faults().map(|fault| fault.id.as_str()).collect()
    }

    #[test]
    fn accepts_what_a_registered_sender_signed_whatever_names_the_key() {
        let gent = sender("gent");
        for how in [KeyReference::Bst, KeyReference::IssuerSerial, KeyReference::Thumbprint, KeyReference::X509data] {
            let verdict = verdict(signed(&gent, &["Body", "Timestamp", "To"], how), &[&gent]);
            assert_eq!((verdict.outcome, faults(&verdict)), (Outcome::Accepted, Vec::<&str>::new()), "{how:?}");
        }
    }

    #[test]
    fn without_anybody_named_a_good_message_is_intact() {
        let gent = sender("gent-intact");
        let parts = ["Body", "Timestamp", "SecurityTokenReference", "BinarySecurityToken"];
        let verdict = verdict(signed(&gent, &parts, KeyReference::Bst), &[]);
        assert_eq!((verdict.outcome, faults(&verdict)), (Outcome::Intact, vec![]));
        assert_eq!(verdict.signer("subject").as_deref(), Some("CN=gent-intact"));
        assert_eq!(verdict.json("f")["covered"].as_array().map(Vec::len), Some(4));
    }

    #[test]
    fn another_sender_s_message_is_refused() {
        let (gent, other) = (sender("gent-1"), sender("other-1"));
        let verdict = verdict(signed(&gent, &["Body", "Timestamp"], KeyReference::Bst), &[&other]);
        assert_eq!((verdict.outcome, faults(&verdict)), (Outcome::Refused, vec!["key-not-registered"]));
    }

    #[test]
    fn one_changed_character_is_one_fault() {
        let gent = sender("gent-2");
        let text = String::from_utf8(signed(&gent, &["Body", "Timestamp"], KeyReference::Bst)).unwrap();
        let verdict = verdict(text.replace("0123456749", "0123456748").into_bytes(), &[&gent]);
        assert_eq!((verdict.outcome, faults(&verdict)), (Outcome::Refused, vec!["digest-differs"]));
        let lines = verdict.lines("msg.xml");
        assert_eq!(lines[0], "msg.xml  REFUSED  SIG-DIGEST  digest-differs");
        assert!(lines.iter().any(|line| line.starts_with(" ✘ digests            s:Body (reference #")), "{lines:#?}");
    }

    #[test]
    fn an_indented_body_is_called_indented() {
        let gent = sender("gent-5");
        let text = String::from_utf8(signed(&gent, &["Body", "Timestamp"], KeyReference::Bst)).unwrap();
        let verdict = verdict(text.replace("<x ", "\n  <x ").replace("</x>", "</x>\n").into_bytes(), &[&gent]);
        let lines = verdict.lines("msg.xml");
        assert!(
            lines.iter().any(|line| line
                .trim_start()
                .contains("cause: the digest matches if there is no white space between its tags")),
            "{lines:#?}"
        );
    }

    #[test]
    fn an_old_message_gets_the_hint_to_judge_it_at_its_own_time() {
        let gent = sender("gent-3");
        let bytes = signed(&gent, &["Body", "Timestamp"], KeyReference::Bst);
        let later = At::Instant(Utc::now() + Duration::hours(1));
        let verdict = judge(bytes, &Trusted::read(&[], &[], &[]).unwrap(), None, later);
        assert_eq!(faults(&verdict), ["timestamp-expired"]);
        assert!(verdict.lines("m").last().is_some_and(|line| line.contains("--at created")));
    }

    #[test]
    fn independent_faults_are_all_told() {
        let gent = sender("gent-4");
        let bytes = signed(&gent, &["To"], KeyReference::Bst);
        let later = At::Instant(Utc::now() + Duration::hours(1));
        let verdict = judge(bytes, &Trusted::read(&[], &[], &[]).unwrap(), None, later);
        assert_eq!(faults(&verdict), ["body-not-signed", "timestamp-not-signed", "timestamp-expired"]);
    }

    #[test]
    fn times_are_words_or_instants() {
        assert_eq!("created".parse(), Ok(At::Created));
        assert!("2026-11-21T16:06:10Z".parse::<At>().is_ok());
        assert!("yesterday".parse::<At>().is_err());
    }
}
