//! Forwarding: each request goes on as it came, each answer comes back as it was given.
//!
//! Changed are only what belongs to one connection and not to the message (RFC 9110 §7.6.1), and
//! `Host`, which names the upstream server. Method, path, query, all other fields with the case of
//! their names, status, and every byte of both bodies pass; bodies pass while they come.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

use super::recorded::{Copied, Kept, Recorded};
use super::upstream::Upstream;

/// What passed, in the order of each exchange: its request, then its answer.
#[derive(Debug)]
pub enum Passed {
    Request(Seen),
    Answer(Answered),
}

/// A request that went on.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Counted from 1.
    pub number: u64,
    pub method: String,
    /// Path and query, as it was sent.
    pub target: String,
    /// Names as they were sent where the library kept them, in lower case otherwise.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Kept,
    /// The certificate that the client showed to the tap, DER.
    pub client_certificate: Option<Vec<u8>>,
    pub at: chrono::DateTime<chrono::Utc>,
}

/// What came back, or that nothing did.
#[derive(Debug)]
pub struct Answered {
    pub number: u64,
    pub after: Duration,
    pub came: Result<Came, String>,
    /// Released when this was told: so many exchanges are under way at once, and no more.
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Clone)]
pub struct Came {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Kept,
}

/// One tap.
#[derive(Debug)]
pub struct Tap {
    pub upstream: Upstream,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub passed: mpsc::Sender<Passed>,
    pub places: Arc<Semaphore>,
    pub numbers: AtomicU64,
}

/// Serves until `stop` resolves; then requests under way may finish.
pub async fn serve(listener: TcpListener, tap: Arc<Tap>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, mostly: wait for connections to close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // One connection too many is closed at once, rather than left to wait.
        let Ok(open) = Arc::clone(&connections).try_acquire_owned() else { continue };
        let (tap, watcher) = (Arc::clone(&tap), graceful.watcher());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tap.tls.clone() {
                None => connection(stream, None, tap, watcher).await,
                Some(tls) => secured(stream, tls, tap, watcher).await,
            }
            drop(open);
        });
    }
    drop(listener);
    let _unfinished = tokio::time::timeout(SHUTDOWN, graceful.shutdown()).await;
}

async fn secured(
    stream: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    tap: Arc<Tap>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
    let shown = shown.map(|certificate| certificate.as_ref().to_vec());
    connection(stream, shown, tap, watcher).await;
}

async fn connection<S>(
    stream: S,
    certificate: Option<Vec<u8>>,
    tap: Arc<Tap>,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (tap, certificate) = (Arc::clone(&tap), certificate.clone());
        async move { Ok::<_, Infallible>(exchange(&tap, request, certificate).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER).preserve_header_case(true).auto_date_header(false);
    // A connection that breaks is the client's affair.
    let _broken = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
}

type Answer = Response<Either<Recorded, Full<Bytes>>>;

async fn exchange(tap: &Arc<Tap>, request: Request<Incoming>, client_certificate: Option<Vec<u8>>) -> Answer {
    let Ok(place) = Arc::clone(&tap.places).acquire_owned().await else { return plainly("the tap is being stopped") };
    let number = tap.numbers.fetch_add(1, Ordering::Relaxed) + 1;
    let began = Instant::now();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let method = request.method().to_string();
    let headers = listed(request.headers());
    let (request, copy) = forwarded(tap, request);
    let seen =
        Seen { number, method, target, headers, body: Kept::default(), client_certificate, at: chrono::Utc::now() };
    let called = match request {
        Ok(request) => called(tap, request).await,
        Err(why) => Err(why),
    };
    let passed = tap.passed.clone();
    let (answer, status, headers_back, copy_back) = match called {
        Ok(answer) => given_back(answer),
        Err(why) => {
            // What was to be sent is told all the same, and a client that is still sending is heard out.
            let body = match copy.await {
                Ok(copied) => tokio::time::timeout(HEADER, copied.drained()).await.unwrap_or_default(),
                Err(_) => Kept::default(),
            };
            let answer = plainly(&format!("{} did not answer: {why}", tap.upstream.shown()));
            let answered = Answered { number, after: began.elapsed(), came: Err(why), _place: place };
            // Nobody listens any more when the tap stops.
            let _stopped = passed.send(Passed::Request(Seen { body, ..seen })).await;
            let _stopped = passed.send(Passed::Answer(answered)).await;
            return answer;
        }
    };
    tokio::spawn(async move {
        let body = copy.await.map(|copied| copied.kept).unwrap_or_default();
        let _stopped = passed.send(Passed::Request(Seen { body, ..seen })).await;
        let body = copy_back.await.map(|copied| copied.kept).unwrap_or_default();
        let came = Ok(Came { status, headers: headers_back, body });
        let answered = Answered { number, after: began.elapsed(), came, _place: place };
        let _stopped = passed.send(Passed::Answer(answered)).await;
    });
    answer
}

/// The request as it goes on, and the copy of its body.
fn forwarded(
    tap: &Tap,
    request: Request<Incoming>,
) -> (Result<Request<Recorded>, String>, tokio::sync::oneshot::Receiver<Copied>) {
    let (mut parts, body) = request.into_parts();
    let (body, copy) = Recorded::new(body, KEPT);
    let address = match tap.upstream.address(&parts.uri) {
        Ok(address) => address,
        Err(why) => return (Err(why), copy),
    };
    parts.uri = address;
    parts.version = hyper::Version::HTTP_11;
    without_connection(&mut parts.headers);
    match HeaderValue::from_str(tap.upstream.authority.as_str()) {
        Ok(host) => drop(parts.headers.insert(header::HOST, host)),
        Err(error) => return (Err(error.to_string()), copy),
    }
    (Ok(Request::from_parts(parts, body)), copy)
}

async fn called(tap: &Tap, request: Request<Recorded>) -> Result<Response<Incoming>, String> {
    match tokio::time::timeout(tap.upstream.timeout, tap.upstream.caller.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(innermost(&error)),
        Err(_) => Err(format!("nothing came within {} s", tap.upstream.timeout.as_secs())),
    }
}

type GivenBack = (Answer, u16, Vec<(String, Vec<u8>)>, tokio::sync::oneshot::Receiver<Copied>);

fn given_back(answer: Response<Incoming>) -> GivenBack {
    let (mut parts, body) = answer.into_parts();
    let headers = listed(&parts.headers);
    let status = parts.status.as_u16();
    without_connection(&mut parts.headers);
    let (body, copy) = Recorded::new(body, KEPT);
    (Response::from_parts(parts, Either::Left(body)), status, headers, copy)
}

/// What the tap says itself, when there is no answer to give back.
fn plainly(says: &str) -> Answer {
    let mut answer = Response::new(Either::Right(Full::from(format!("vidimus tap: {says}\n"))));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// Takes out what belongs to one connection, with what `Connection` names (RFC 9110 §7.6.1).
fn without_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(*name);
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The innermost cause is what helps: `connection refused`, `invalid peer certificate: …`.
fn innermost(error: &hyper_util::client::legacy::Error) -> String {
    let mut deepest = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        deepest = cause.to_string();
        source = cause.source();
    }
    deepest
}

const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The most that is kept of one body; more of it passes unjudged.
const KEPT: usize = 8 * 1024 * 1024;
const MOST_CONNECTIONS: usize = 256;
/// Exchanges under way at once, those included that were not told yet.
pub const MOST_EXCHANGES: usize = 64;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADER: Duration = Duration::from_secs(30);
/// How long requests under way may take to finish once we stop.
const SHUTDOWN: Duration = Duration::from_secs(5);
