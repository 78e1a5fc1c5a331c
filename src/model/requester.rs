//! Who asks.

use super::{Claim, KeyThumbprint, PartyId, Time};

/// How the requester showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// An X.509 key that signed the message.
    X509Signature,
    /// A SAML holder-of-key assertion, and a message signed by its key.
    SamlHolderOfKey,
    /// A SAML holder-of-key assertion, and a TLS client certificate with its key.
    SamlOverMutualTls,
    /// A client assertion signed by a registered key (RFC 7523).
    PrivateKeyJwt,
}

impl Means {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X509Signature => "x509-signature",
            Self::SamlHolderOfKey => "saml-holder-of-key",
            Self::SamlOverMutualTls => "saml-holder-of-key-over-mutual-tls",
            Self::PrivateKeyJwt => "private-key-jwt",
        }
    }
}

/// The party behind a request. Plain words: only [`crate::flow`]'s `Authenticated` is proof.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The registry's name of the sender or client.
    pub name: String,
    pub party: PartyId,
    /// The sender number, where the registry has one.
    pub sender_number: Option<String>,
    pub client_id: Option<String>,
    /// The key that was proven.
    pub key: KeyThumbprint,
    pub means: Means,
    pub authenticated_at: Time,
    /// What the registry, or a token that we issued, says of the party.
    pub claims: Vec<Claim>,
}
