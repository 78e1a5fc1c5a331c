//! What the connection tells about who is calling, before a single byte of the message is read.

use std::net::SocketAddr;

/// The door a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The WS-Trust endpoint of one profile.
    Soap,
    /// `POST /oauth2/token`.
    Token,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soap => "soap",
            Self::Token => "token",
        }
    }
}

/// The peer of one connection. A TLS client certificate here yields *possession of a key*
/// (CertificateVerify was checked in the handshake) and no identity: path, status and
/// registration are judged in `flow`, for each request (`rules.md` 1.8).
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The socket's other end; `None` in process and offline.
    pub peer: Option<SocketAddr>,
    /// DER certificates as shown in the handshake, leaf first; empty without a client certificate.
    pub tls_chain: Vec<Vec<u8>>,
}

impl Caller {
    /// The DER of the leaf certificate whose key the peer proved to hold.
    pub fn tls_leaf(&self) -> Option<&[u8]> {
        self.tls_chain.first().map(Vec::as_slice)
    }
}
