//! The only outbound connections: documents from addresses that the configuration names.
//!
//! In: a URL that stands in the configuration, byte for byte; how long and how large the answer may
//! be. Out: the body of a 200. Never: an address that a message or a certificate brought, a redirect
//! that is followed, an answer without a bound, a system's list of roots. `http` is for what is
//! signed itself (CRLs, OCSP answers); `https` needs roots of the operator's own.
//!
//! To add a user: put its addresses into [`Fetcher::new`], where `config` does it for all.

mod backoff;

use std::collections::HashSet;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

pub use backoff::Backoff;

/// Fetches from its own list of addresses, and from nowhere else.
pub struct Fetcher {
    allowed: HashSet<String>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How long and how large an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the call to the last byte.
    pub deadline: Duration,
    pub bytes: usize,
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// The address is not in the list: nothing was connected to.
    NotConfigured(String),
    /// It is no `http` or `https` address.
    Address(String),
    /// TLS cannot be set up with the given roots.
    Roots(String),
    /// No connection, or it broke.
    Connection(String),
    Deadline(Duration),
    /// Anything but 200; redirects too.
    Status(u16),
    /// More than so many bytes.
    TooLong(usize),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured(url) => write!(f, "`{url}` is not configured"),
            Self::Address(url) => write!(f, "`{url}` is no http or https address"),
            Self::Roots(detail) => write!(f, "TLS cannot be set up: {detail}"),
            Self::Connection(detail) => write!(f, "no answer: {detail}"),
            Self::Deadline(time) => write!(f, "no whole answer within {} s", time.as_secs()),
            Self::Status(status) => write!(f, "the answer has status {status}, not 200"),
            Self::TooLong(bytes) => write!(f, "the answer has more than {bytes} bytes"),
        }
    }
}

impl std::error::Error for FetchError {}

impl Fetcher {
    /// For these addresses. `roots` are for `https`; without any, only `http` can be reached.
    ///
    /// # Errors
    /// When an address cannot be used, or a root is none.
    pub fn new(
        allowed: impl IntoIterator<Item = String>,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, FetchError> {
        let allowed: HashSet<String> = allowed.into_iter().collect();
        if let Some(wrong) = allowed.iter().find(|url| address(url).is_none()) {
            return Err(FetchError::Address(wrong.clone()));
        }
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).map_err(|error| FetchError::Roots(error.to_string()))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| FetchError::Roots(error.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        // A connection is kept for nobody: these documents come once an hour.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { allowed, client })
    }

    /// The document at `url`.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(&self, url: &str, bounds: Bounds) -> Result<Vec<u8>, FetchError> {
        self.fetch(url, Request::builder(), Bytes::new(), bounds).await
    }

    /// What `url` answers to `body`.
    ///
    /// # Errors
    /// Why it answers nothing.
    pub async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
        bounds: Bounds,
    ) -> Result<Vec<u8>, FetchError> {
        let request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, content_type);
        self.fetch(url, request, Bytes::from(body), bounds).await
    }

    async fn fetch(
        &self,
        url: &str,
        request: hyper::http::request::Builder,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Vec<u8>, FetchError> {
        if !self.allowed.contains(url) {
            return Err(FetchError::NotConfigured(url.to_owned()));
        }
        let uri = address(url).ok_or_else(|| FetchError::Address(url.to_owned()))?;
        let request = request
            .uri(uri)
            .header(header::USER_AGENT, AGENT)
            .body(Full::new(body))
            .map_err(|error| FetchError::Address(error.to_string()))?;
        let exchange = self.exchange(request, bounds.bytes);
        tokio::time::timeout(bounds.deadline, exchange).await.unwrap_or(Err(FetchError::Deadline(bounds.deadline)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Vec<u8>, FetchError> {
        let answer = self.client.request(request).await.map_err(|error| FetchError::Connection(innermost(&error)))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        match body {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(FetchError::TooLong(most)),
            Err(error) => Err(FetchError::Connection(error.to_string())),
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// The address, if it can be called at all. User names in it are no way to authenticate.
pub fn address(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let plain = !uri.authority()?.as_str().contains('@');
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    (known && plain && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

/// The innermost cause is what helps: `connection refused`.
fn innermost(error: &hyper_util::client::legacy::Error) -> String {
    let mut deepest = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        deepest = cause.to_string();
        source = cause.source();
    }
    deepest
}

const AGENT: &str = concat!("vidimus/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
