//! LISTEN: connections, and what each tells about its peer.
//!
//! An accept loop of our own, for three reasons: the handshake has a deadline and a number of
//! places (an attacker who opens connections and says nothing costs a place for seconds, not a
//! thread); the client's certificate chain goes into every request's extensions as a [`Caller`];
//! and shutdown waits for the requests that are under way.
//!
//! A client certificate is asked for and never required, with empty root hints (Java sends no
//! self-signed certificate otherwise, `clients.md` 3). The handshake proves possession of its key
//! and nothing else (`rules.md` 1.8).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::DigitallySignedStruct;
use rustls::DistinguishedName;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::model::Caller;

/// What a listener is made of.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Handshakes under way at once; further connections wait in the kernel's queue.
    pub handshakes: usize,
    /// Seconds that a handshake may take.
    pub handshake_timeout: Duration,
    /// Seconds that a request's head may take to arrive.
    pub header_timeout: Duration,
    /// Connections open at once.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 200,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            connections: 4096,
        }
    }
}

/// The server's TLS configuration: our chain and key; a client certificate is asked for, never
/// required, and only its key is proven.
///
/// # Errors
/// When the key does not fit the certificate, or either cannot be used.
pub fn tls(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(PossessionOnly { provider }))
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves `router` on `listener` until `stop` resolves, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let handshakes = Arc::new(Semaphore::new(limits.handshakes));
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(open) = Arc::clone(&connections).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: wait for connections to close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = Connection {
            acceptor: acceptor.clone(),
            router: router.clone(),
            handshakes: Arc::clone(&handshakes),
            graceful: graceful.watcher(),
            limits: limits.clone(),
        };
        tokio::spawn(async move {
            connection.run(stream, peer).await;
            drop(open);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN, graceful.shutdown()).await;
}

/// How long requests under way may take to finish once we stop.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// One connection's share of the listener.
struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    handshakes: Arc<Semaphore>,
    graceful: Watcher,
    limits: Limits,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let Ok(place) = self.handshakes.acquire().await else { return };
        let handshake = tokio::time::timeout(self.limits.handshake_timeout, self.acceptor.accept(stream));
        let Ok(Ok(stream)) = handshake.await else { return };
        drop(place);
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let tls_chain = chain.iter().map(|certificate| certificate.as_ref().to_vec()).collect();
        let caller = Caller { peer: Some(peer), tls_chain };
        let service = self.router.map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(caller.clone());
            request
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let _ = self.graceful.watch(served).await;
    }
}

/// Takes any chain: what it proves is possession of the leaf's key, by CertificateVerify.
#[derive(Debug)]
struct PossessionOnly {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for PossessionOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
