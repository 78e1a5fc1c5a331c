//! The other end of the tap: the STS or service that is really meant, and how it is reached.
//!
//! Unlike the verbs that send a message of one's own, the tap takes the system's list of
//! authorities where none is named: it must reach what the client would have reached. A server
//! that is not trusted is not called; there is no option to call it all the same.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::cli::Failure;
use crate::cli::credentials::{self, Credentials};
use crate::cli::files;

use super::recorded::Recorded;

/// What calls the upstream server.
pub type Caller = Client<HttpsConnector<HttpConnector>, Recorded>;

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub scheme: Scheme,
    pub authority: Authority,
    /// The path of `--to`, for the address that the client is told to call.
    pub path: String,
    pub caller: Caller,
    /// Longest wait for the head of an answer.
    pub timeout: Duration,
}

impl Upstream {
    /// Reads the address, and prepares the way there.
    ///
    /// # Errors
    /// When the address names no host, or an authority's file cannot be used.
    pub fn new(
        to: &str,
        cacert: Option<&PathBuf>,
        client: Option<&Credentials>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let wrong = |says: &str| {
            Failure::usage(
                format!("--to `{to}` {says}"),
                "Give the service's full address, as in https://host:8443/sts",
            )
        };
        let uri: Uri = to.parse().map_err(|_| wrong("is not an address"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or_else(|| wrong("begins with neither https:// nor http://"))?;
        let authority = parts.authority.ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds a user's name"));
        }
        let path = parts.path_and_query.map(|path| path.path().to_owned()).unwrap_or_default();
        let tls = tls(cacert, client, scheme == Scheme::HTTPS)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let caller = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_preserve_header_case(true)
            .build(connector);
        Ok(Self { scheme, authority, path, caller, timeout })
    }

    /// The upstream address of a request's path and query.
    ///
    /// # Errors
    /// When the two make no address.
    pub fn address(&self, request: &Uri) -> Result<Uri, String> {
        let path = request.path_and_query().map_or("/", |path| path.as_str());
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|error| error.to_string())
    }

    pub fn shown(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

fn tls(cacert: Option<&PathBuf>, client: Option<&Credentials>, is_needed: bool) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match cacert {
        Some(path) => {
            for certificate in credentials::certificates(&files::read(path)?, path)? {
                roots.add(certificate).map_err(|error| {
                    let says = format!("`{}` cannot be a root: {error}", path.display());
                    Failure::usage(says, "Give the authority's certificate")
                })?;
            }
        }
        None if is_needed => {
            let (added, _) = roots.add_parsable_certificates(system_authorities());
            if added == 0 {
                return Err(Failure::usage(
                    "this system has no list of certificate authorities where it is looked for",
                    "Add --cacert FILE with the authority (PEM) that issued the service's certificate, or set SSL_CERT_FILE",
                ));
            }
        }
        None => {}
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::unexpected(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots);
    let Some(client) = client else { return Ok(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(client.chain().to_vec(), client.tls_key()).map_err(|error| {
        let says = format!("key and certificate cannot be used for TLS: {error}");
        Failure::usage(says, "Check that they belong together")
    })
}

/// The system's authorities: `SSL_CERT_FILE`, or the first bundle that is where systems keep it.
fn system_authorities() -> Vec<CertificateDer<'static>> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = BUNDLES.iter().map(PathBuf::from);
    let bundle = named.into_iter().chain(usual).find_map(|path| std::fs::read(path).ok());
    let bundle = bundle.unwrap_or_default();
    CertificateDer::pem_slice_iter(&bundle).filter_map(Result::ok).collect()
}

/// Debian, Fedora, SUSE, Alpine and macOS, as OpenSSL is built there.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
