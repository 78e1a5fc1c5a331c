//! The demo's own client: one request on one new connection, and what came back, with the time it
//! took. Each assertion of the demo is on an [`Answer`]: bytes that came out of a socket.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// From the first byte sent, the handshake not counted, to the last byte received.
    pub took: Duration,
}

impl Answer {
    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// TLS as one party speaks it: whom it trusts, and what it shows of itself.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts `ca` (PEM). With `own` (certificate and key, PEM) it shows that certificate.
    ///
    /// # Errors
    /// A sentence, when the PEM is none.
    pub fn new(ca: &[u8], own: Option<(&[u8], &[u8])>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| error.to_string())?;
                builder.with_client_auth_cert(certificates(chain)?, key).map_err(|error| error.to_string())?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// Sends one request to `url`.
    ///
    /// # Errors
    /// A sentence, when no answer comes.
    pub async fn send(&self, url: &str, request: Outgoing) -> Result<Answer, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = uri.host().ok_or_else(|| format!("{url} names no host"))?.to_owned();
        let port = uri.port_u16().unwrap_or(443);
        let answer = async {
            let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
            let stream = TlsConnector::from(self.0.clone()).connect(name, stream).await;
            exchange(stream.map_err(|error| error.to_string())?, &uri, request).await
        };
        in_time(answer).await.map_err(|why| format!("{url}: {why}"))
    }
}

/// Sends one request over the admin socket.
///
/// # Errors
/// A sentence, when no answer comes.
pub async fn admin(socket: &Path, path: &str, request: Outgoing) -> Result<Answer, String> {
    let uri: Uri = format!("http://localhost{path}").parse().map_err(|error| format!("{path}: {error}"))?;
    let answer = async {
        let stream = UnixStream::connect(socket).await.map_err(|error| error.to_string())?;
        exchange(stream, &uri, request).await
    };
    in_time(answer).await.map_err(|why| format!("{}: {why}", socket.display()))
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub method: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Outgoing {
    pub fn get() -> Self {
        Self { method: "GET", headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

async fn exchange<S>(stream: S, uri: &Uri, outgoing: Outgoing) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::builder().method(outgoing.method).uri(path).header("host", authority);
    for (name, value) in outgoing.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(outgoing.body))).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?.to_bytes().to_vec();
    let took = begun.elapsed();
    connection.abort();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, took })
}

async fn in_time<T>(answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(DEADLINE, answer).await.unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
