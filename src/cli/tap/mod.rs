//! `vidimus tap --to URL`: stands between a client and any vendor's STS or service, passes on what
//! comes unchanged, and says of each request and answer what it thinks.
//!
//! Point the client at the address that is printed. Nothing is judged before it is passed on, and
//! no verdict changes what is passed: the tap is for finding out, not for keeping out.

mod answer;
mod forward;
mod recorded;
mod save;
#[cfg(test)]
mod tests;
mod told;
mod upstream;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::credentials::CredentialArgs;
use super::envelope::trusted::Trusted;
use super::envelope::verify;
use super::exit;
use super::operator::runtime;
use super::{Exit, Failure, Output};
use crate::serve::listen;
use forward::{Answered, Passed, Seen, Tap};
use save::Archive;
use told::{Judged, Told, shown_target};
use upstream::Upstream;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage], [
    "vidimus tap --to https://sts.example/sts",
    "vidimus tap --to https://sts.example/sts --listen 127.0.0.1:8080 --save captured --profile oasis",
    "vidimus tap --to https://sts.example/oauth2/token --p12 own.p12 --password-file pw --tls-self-made tap.pem",
]))]
pub struct Args {
    /// Address of the STS or service that is really meant, of any vendor
    #[arg(long, value_name = "URL")]
    to: String,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Save each exchange here: the exact bytes, secrets included, and a conformance case
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// What to ask of requests: the name of a built-in profile, or the file of one
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Authorities that a signer's certificate must lead to: PEM, or a folder of them; may be repeated
    #[arg(long, value_name = "PEM|DIR")]
    trust: Vec<PathBuf>,
    /// Certificates of known senders; may be repeated
    #[arg(long, value_name = "PEM")]
    registered: Vec<PathBuf>,
    /// Certificates of issuers whose SAML assertions are taken; may be repeated
    #[arg(long, value_name = "PEM")]
    saml_issuer: Vec<PathBuf>,
    /// Authority that the service's certificate must lead to, in place of the system's list
    #[arg(long, visible_alias = "ca", value_name = "FILE")]
    cacert: Option<PathBuf>,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Longest wait for an answer to begin, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Listen with TLS, with this certificate (PEM, issuing ones after it)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen with TLS, with a certificate made for this run and written here for the client to trust
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    tls_self_made: Option<PathBuf>,
    /// Stop after so many exchanges
    #[arg(long, value_name = "NUMBER")]
    exchanges: Option<u64>,
}

/// # Errors
/// When a file or an address cannot be used.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let credentials = if args.credentials.are_given() { Some(args.credentials.load(out)?) } else { None };
    let timeout = Duration::from_secs(args.timeout);
    let upstream = Upstream::new(&args.to, args.cacert.as_ref(), credentials.as_ref(), timeout)?;
    let profile = args.profile.as_deref().map(verify::profile).transpose()?;
    let trusted = Trusted::read(&args.trust, &args.registered, &args.saml_issuer)?;
    let archive = args.save.as_deref().map(|folder| {
        // A case names its profile, so only a built-in one can stand in it.
        let built_in =
            profile.clone().filter(|_| args.profile.as_deref().is_some_and(|name| !Path::new(name).exists()));
        Archive::open(folder, built_in, &args.registered)
    });
    let archive = archive.transpose()?;
    let tls = listener_tls(args)?;
    runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            let says = format!("{} cannot be listened on: {error}", args.listen);
            Failure::usage(says, "Stop what listens there, or give another address with --listen")
        })?;
        let address = listener.local_addr().map_err(|error| Failure::unexpected(error.to_string()))?;
        let own = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
        let judged = Judged { trusted, profile, own, upstream: upstream.shown() };
        announce(args, &judged, &upstream, out);
        let mut teller = Teller { judged, archive, requests: HashMap::new(), left: args.exchanges };
        teller.listen(listener, upstream, tls, out).await;
        Ok(Exit::Done)
    })
}

fn announce(args: &Args, judged: &Judged, upstream: &Upstream, out: &mut Output<'_>) {
    let own = format!("{}{}", judged.own, upstream.path);
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.tap/v1", "event": "listening", "own": own, "to": args.to}));
        return;
    }
    out.line(format_args!("listening on {own}"));
    out.note(format_args!("  for      {}", args.to));
    out.note("  point the client at that address; stop with Ctrl-C");
    if let Some(folder) = &args.save {
        out.note(format_args!(
            "  saves    exact bytes, passwords and tokens included, to {} (readable by you alone)",
            folder.display()
        ));
    }
}

/// TLS of the listener, where it is asked for.
fn listener_tls(args: &Args) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
    let (chain, key) = if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let pair = CredentialArgs { cert: Some(cert.clone()), key: Some(key.clone()), ..CredentialArgs::default() };
        let (mut nothing, mut ignored) = (std::io::sink(), std::io::sink());
        let pair = pair.load(&mut Output::new(super::Format::Human, &mut nothing, &mut ignored))?;
        (pair.chain().to_vec(), pair.tls_key())
    } else if let Some(file) = &args.tls_self_made {
        self_made(args.listen, file)?
    } else {
        return Ok(None);
    };
    listen::tls(chain, key).map(Some).map_err(|error| {
        Failure::usage(format!("the listener's certificate and key: {error}"), "Check that they belong together")
    })
}

type Pair = (Vec<rustls_pki_types::CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate for this run; its key leaves the process by no way.
fn self_made(listen: SocketAddr, file: &Path) -> Result<Pair, Failure> {
    let failed = |error: rcgen::Error| Failure::unexpected(format!("no certificate can be made: {error}"));
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), listen.ip().to_string()];
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "vidimus tap");
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    let certificate = params.self_signed(&key).map_err(failed)?;
    super::files::write(file, certificate.pem().as_bytes())?;
    Ok((vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

/// Tells what passes, in the order in which it does.
struct Teller {
    judged: Judged,
    archive: Option<Archive>,
    /// Requests whose answers have not come.
    requests: HashMap<u64, Seen>,
    /// Exchanges until the end, where a number was given.
    left: Option<u64>,
}

impl Teller {
    async fn listen(
        &mut self,
        listener: TcpListener,
        upstream: Upstream,
        tls: Option<Arc<rustls::ServerConfig>>,
        out: &mut Output<'_>,
    ) {
        let (passed, mut passes) = mpsc::channel(2 * forward::MOST_EXCHANGES);
        let places = Arc::new(Semaphore::new(forward::MOST_EXCHANGES));
        let tap = Arc::new(Tap { upstream, tls, passed, places, numbers: AtomicU64::new(0) });
        let (stop, stopping) = oneshot::channel::<()>();
        let server = tokio::spawn(forward::serve(listener, tap, async {
            let _dropped = stopping.await;
        }));
        let mut interrupted = std::pin::pin!(interrupted());
        while self.left != Some(0) {
            tokio::select! {
                next = passes.recv() => match next {
                    Some(passed) => self.tell(passed, out),
                    None => break,
                },
                () = &mut interrupted => break,
            }
        }
        let _server_is_gone = stop.send(());
        // Connections finish; what passed until then is told too, then the last sender is dropped.
        let _joined = server.await;
        while let Ok(Some(passed)) = tokio::time::timeout(LAST, passes.recv()).await {
            self.tell(passed, out);
        }
        out.note("stopped");
    }

    fn tell(&mut self, passed: Passed, out: &mut Output<'_>) {
        match passed {
            Passed::Request(seen) => {
                let told = told::request(&seen, &self.judged);
                self.tell_request(&seen, &told, out);
                self.requests.insert(seen.number, seen);
            }
            Passed::Answer(answered) => {
                self.tell_answer(&answered, out);
                if let Some(seen) = self.requests.remove(&answered.number) {
                    self.save(&seen, &answered, out);
                }
                self.left = self.left.map(|left| left.saturating_sub(1));
            }
        }
    }

    fn tell_request(&self, seen: &Seen, told: &Told, out: &mut Output<'_>) {
        let target = shown_target(&seen.target);
        if out.is_json() {
            out.json(&json!({
                "schema": "vidimus.tap/v1", "event": "request", "number": seen.number, "method": seen.method,
                "target": target, "bytes": seen.body.length, "says": told.head, "more": told.more, "verdict": told.json,
            }));
            return;
        }
        let bytes = seen.body.length;
        lines(format!("#{} → {} {target}  {bytes} bytes  {}", seen.number, seen.method, told.head), told, out);
    }

    fn tell_answer(&self, answered: &Answered, out: &mut Output<'_>) {
        let millis = answered.after.as_millis();
        let number = answered.number;
        let (told, status, bytes) = match &answered.came {
            Ok(came) => (answer::answer(came, &self.judged), came.status, came.body.length),
            Err(why) => {
                let head = format!("{} did not answer: {why}; the client was told so with 502", self.judged.upstream);
                (Told { head, ..Told::default() }, 502, 0)
            }
        };
        if out.is_json() {
            out.json(&json!({
                "schema": "vidimus.tap/v1", "event": "answer", "number": number, "status": status, "bytes": bytes,
                "milliseconds": u64::try_from(millis).unwrap_or(u64::MAX), "upstream": answered.came.is_ok(),
                "says": told.head, "more": told.more, "answer": told.json,
            }));
            return;
        }
        lines(format!("#{number} ← {status}  {bytes} bytes  {millis} ms  {}", told.head), &told, out);
    }

    fn save(&mut self, seen: &Seen, answered: &Answered, out: &mut Output<'_>) {
        let Some(archive) = &mut self.archive else { return };
        let came = answered.came.as_ref().map_err(String::as_str);
        match archive.save(seen, came) {
            Ok(folder) => out.note(format_args!("#{} saved {}", seen.number, folder.display())),
            // The tap goes on: what passes is worth more than its copy.
            Err(failure) => out.note(format_args!("#{} not saved: {}", seen.number, failure.says)),
        }
    }
}

fn lines(head: String, told: &Told, out: &mut Output<'_>) {
    out.line(head);
    for more in &told.more {
        out.line(format_args!("     {more}"));
    }
}

/// Resolves at the first interrupt or SIGTERM.
async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _interrupted = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// How long to wait for copies of what has just passed.
const LAST: Duration = Duration::from_secs(1);
