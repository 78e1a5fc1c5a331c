//! A small HTTPS client for the verbs that call a server: one request, one answer, a time limit,
//! a size limit, no redirects, no cookies, no system trust store: the operator says with
//! `--cacert` whom he trusts.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use super::credentials::{self, Credentials};
use super::files;
use super::{Exit, Failure};

/// The server that is called.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// Full address of the endpoint, of any vendor's server
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Certificate authority that the server's certificate must lead to, as PEM
    #[arg(long, visible_alias = "ca", value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Longest wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Print the equivalent curl command instead of sending
    #[arg(long)]
    pub curl: bool,
}

/// A POST.
#[derive(Debug, Clone)]
pub struct Post {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl ServerArgs {
    /// Sends `post`, with a client certificate where there is one.
    ///
    /// # Errors
    /// [`Exit::Usage`] when address or CA file cannot be used, [`Exit::Unreachable`] when no answer
    /// came. An answer with a status of 400 or 500 is an answer.
    pub fn send(&self, post: Post, client: Option<&Credentials>) -> Result<Answer, Failure> {
        let uri = self.uri()?;
        let tls = self.tls(&uri, client)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::unexpected(format!("no runtime: {error}")))?;
        runtime.block_on(async {
            match tokio::time::timeout(Duration::from_secs(self.timeout), exchange(uri, tls, post)).await {
                Ok(answer) => answer.map_err(|cause| self.unreachable(&cause)),
                Err(_) => Err(self.unreachable(&format!("no answer within {} s", self.timeout))),
            }
        })
    }

    /// The command that sends the same with curl.
    pub fn as_curl(&self, post: &Post, client: &[String]) -> String {
        let mut command = "curl --silent --show-error".to_owned();
        if let Some(cacert) = &self.cacert {
            let _infallible = write!(command, " --cacert {}", quoted(&cacert.display().to_string()));
        }
        for word in client {
            let _infallible = write!(command, " {}", quoted(word));
        }
        for (name, value) in &post.headers {
            let _infallible = write!(command, " --header {}", quoted(&format!("{name}: {value}")));
        }
        let body = String::from_utf8_lossy(&post.body);
        let _infallible = write!(command, " --data-binary {} {}", quoted(&body), quoted(&self.server));
        command
    }

    fn uri(&self) -> Result<Uri, Failure> {
        let wrong = |says: &str| {
            Failure::usage(
                format!("--server `{}` {says}", self.server),
                "Give the full address, as in https://host:8443/sts",
            )
        };
        let uri: Uri = self.server.parse().map_err(|_| wrong("is not an address"))?;
        let host = uri.host().ok_or_else(|| wrong("names no host"))?;
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if local => Ok(uri),
            _ => Err(wrong("is not https")),
        }
    }

    fn tls(&self, uri: &Uri, client: Option<&Credentials>) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.cacert {
            for certificate in credentials::certificates(&files::read(path)?, path)? {
                roots.add(certificate).map_err(|error| {
                    Failure::usage(
                        format!("`{}` cannot be a root: {error}", path.display()),
                        "Give the authority's certificate",
                    )
                })?;
            }
        } else if uri.scheme_str() == Some("https") {
            return Err(Failure::usage(
                "no certificate authority is given for the server",
                "Add --cacert FILE with the authority (PEM) that issued the server's certificate; the system's list is not used",
            ));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::unexpected(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots);
        let Some(client) = client else { return Ok(builder.with_no_client_auth()) };
        builder.with_client_auth_cert(client.chain().to_vec(), client.tls_key()).map_err(|error| {
            Failure::usage(
                format!("key and certificate cannot be used for TLS: {error}"),
                "Check that they belong together",
            )
        })
    }

    fn unreachable(&self, cause: &str) -> Failure {
        let fix = if cause.contains("UnknownIssuer") {
            "Give the authority that issued the server's certificate with --cacert; the server may have changed it"
        } else if cause.contains("NotValidForName") {
            "Call the server by a name that its certificate has"
        } else if cause.contains("CaUsedAsEndEntity") {
            "Give the server a certificate that an authority issued; a self-signed CA certificate cannot serve"
        } else {
            "Check the address, the network and that the server runs"
        };
        Failure::new(Exit::Unreachable, format!("{} cannot be reached: {cause}", self.server), fix)
    }
}

async fn exchange(uri: Uri, tls: ClientConfig, post: Post) -> Result<Answer, String> {
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = hyper::Request::post(uri);
    for (name, value) in post.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::from(post.body)).map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| causes(&error))?;
    let status = answer.status().as_u16();
    let content_type = answer.headers().get(hyper::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| format!("the answer broke off: {error}"))?.to_bytes().to_vec();
    Ok(Answer { status, content_type, body })
}

/// The innermost cause is what helps: `connection refused`, `invalid peer certificate: …`.
fn causes(error: &hyper_util::client::legacy::Error) -> String {
    let mut deepest = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        deepest = cause.to_string();
        source = cause.source();
    }
    deepest
}

/// `word` so that a POSIX shell reads it as one word.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An answer with one token is a few kilobytes.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> ServerArgs {
        ServerArgs { server: url.to_owned(), cacert: None, timeout: 1, curl: false }
    }

    fn post() -> Post {
        Post { headers: vec![("Content-Type", "text/xml; charset=utf-8".to_owned())], body: b"<a/>".to_vec() }
    }

    #[test]
    fn an_address_that_cannot_be_called_is_a_usage_error() {
        for url in ["", "nonsense", "ftp://x/y", "http://example.be/sts"] {
            assert_eq!(server(url).send(post(), None).unwrap_err().exit, Exit::Usage, "{url}");
        }
    }

    #[test]
    fn without_a_trusted_authority_it_says_which_option_is_missing() {
        let failure = server("https://127.0.0.1:1/sts").send(post(), None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.fix.contains("--cacert"), "{failure:?}");
    }

    #[test]
    fn nobody_there_is_unreachable() {
        let failure = server("http://127.0.0.1:1/sts").send(post(), None).unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable, "{failure:?}");
    }

    #[test]
    fn the_curl_command_is_complete() {
        let command = server("https://h/sts?a=1&b").as_curl(&post(), &["--cert".to_owned(), "my key.pem".to_owned()]);
        assert_eq!(
            command,
            "curl --silent --show-error --cert 'my key.pem' --header 'Content-Type: text/xml; charset=utf-8' \
             --data-binary '<a/>' 'https://h/sts?a=1&b'"
        );
    }
}
