//! The HTTPS shell around a sample service: a listener, TLS, one function that answers.
//!
//! It asks for a client certificate and takes any: the handshake shows that the caller holds the
//! key, and the service judges what that is worth. It imports nothing of Vidimus either.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// TLS with the service's own certificate and key (PEM).
///
/// # Errors
/// A sentence, when the PEM cannot be read or the two do not belong together.
pub fn tls(certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("the service's certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the service's key: {error}"))?;
    let builder = ServerConfig::builder();
    let verifier = PossessionOnly(builder.crypto_provider().clone());
    let mut config = builder
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .map_err(|error| format!("the service's certificate and key: {error}"))?;
    // No resumption: each connection shows its certificate anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Answers connections for ever, each request with `answer(request, client certificate)`.
pub async fn serve<A, F>(listener: TcpListener, tls: Arc<ServerConfig>, answer: A) -> Infallible
where
    A: Fn(Request<Bytes>, Option<CertificateDer<'static>>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, acceptor.clone(), answer.clone()))),
            // Out of file descriptors, most likely: wait for some to be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection<A, F>(stream: TcpStream, acceptor: TlsAcceptor, answer: A)
where
    A: Fn(Request<Bytes>, Option<CertificateDer<'static>>) -> F + Send + Sync,
    F: Future<Output = Response<Full<Bytes>>> + Send,
{
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        return;
    };
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|leaf| leaf.clone().into_owned());
    let each = |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let (leaf, answer) = (leaf.clone(), &answer);
        async move {
            let response = match Limited::new(body, BODY_BYTES).collect().await {
                Ok(body) => answer(Request::from_parts(parts, body.to_bytes()), leaf).await,
                Err(_) => too_large(),
            };
            Ok::<_, Infallible>(response)
        }
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A connection that breaks is the caller's affair.
    drop(http.serve_connection(TokioIo::new(stream), service_fn(each)).await);
}

fn too_large() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
}

/// Takes any client certificate, after its CertificateVerify: possession of a key, no identity.
#[derive(Debug)]
struct PossessionOnly(Arc<CryptoProvider>);

impl ClientCertVerifier for PossessionOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

const HANDSHAKE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);
const BODY_BYTES: usize = 512 * 1024;
