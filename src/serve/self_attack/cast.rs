//! Who plays in the attack: a sender and an issuer that are registered for the occasion, and a
//! stranger.
//!
//! Keys are made anew each time. An RSA key takes longer to make than the whole attack, so where a
//! profile takes nothing but RSA, the one in `rsa.key.pem` is used. **It is not secret**: it is
//! registered nowhere but in the copy of the trust that is attacked, and that it is a stranger's
//! everywhere else is one of the attacks.

use std::sync::Arc;

use chrono::{Datelike, Duration};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::flow::profile::Algorithms;
use crate::flow::trust::Trust;
use crate::model::{KeyThumbprint, PartyId, Time};
use crate::registry::{Ambiguous, Grant, Registry, Sender, Standing, TokenIssuer};
use crate::wire::crypto::{DigestAlgorithm, KeyKind, PrivateKey, SignatureAlgorithm};
use crate::wire::x509::{Certificate, PathRules};

/// A key, its certificate, and how they sign.
pub(super) struct Actor {
    pub key: PrivateKey,
    pub certificate: Certificate,
    pub algorithm: SignatureAlgorithm,
}

/// Everybody who plays.
pub(super) struct Cast {
    pub sender: Actor,
    pub stranger: Actor,
    pub issuer: Actor,
    pub digest: DigestAlgorithm,
}

impl Cast {
    /// With keys for one of these algorithms: the quickest.
    pub fn for_profile(allowed: &Algorithms, now: Time) -> Result<Self, String> {
        let methods = allowed.signatures.iter().filter_map(|method| SignatureAlgorithm::from_uri(method.uri()));
        let algorithm = methods.min_by_key(|algorithm| cost(*algorithm)).ok_or("the profile takes no algorithm")?;
        let digest = allowed.digests.iter().find_map(|method| DigestAlgorithm::from_uri(method.uri()));
        Self::new(algorithm, digest.ok_or("the profile takes no digest")?, now)
    }

    /// With keys for client assertions.
    pub fn for_clients(now: Time) -> Result<Self, String> {
        Self::new(SignatureAlgorithm::EcdsaP256Sha256, DigestAlgorithm::Sha256, now)
    }

    fn new(algorithm: SignatureAlgorithm, digest: DigestAlgorithm, now: Time) -> Result<Self, String> {
        let elliptic = SignatureAlgorithm::EcdsaP256Sha256;
        Ok(Self {
            sender: Actor::new("self-attack sender", algorithm, now)?,
            // Somebody else's key need not be of the sender's kind to be somebody else's.
            stranger: Actor::new("self-attack stranger", elliptic, now)?,
            issuer: Actor::new("self-attack issuer", elliptic, now)?,
            digest,
        })
    }

    /// The trust with the sender and the issuer in it; the issuer's assertions are for `audience`.
    pub fn registered(&self, trust: &Trust, audience: &str) -> Result<Trust, String> {
        let party: PartyId = PARTY.parse().map_err(|error| format!("{error}"))?;
        let certificate = &self.sender.certificate;
        let sender = Sender {
            name: "self-attack".to_owned(),
            number: None,
            party,
            standing: Standing::Active,
            certificates: vec![certificate.der().to_vec()],
            keys: vec![KeyThumbprint(certificate.key_thumbprint())],
            public_keys: vec![certificate.spki().to_vec()],
            client_id: Some(CLIENT.to_owned()),
            grants: vec![Grant::TokenExchange, Grant::ClientCredentials],
            assertion_lifetime: std::time::Duration::from_secs(3600),
            claims: Vec::new(),
            exceptions: Vec::new(),
        };
        let keys = vec![self.issuer.certificate.spki().to_vec()];
        let issuer = TokenIssuer::new(ISSUER.to_owned(), keys, vec![audience.to_owned()]);
        let old = &trust.registry;
        let registry = Registry::new(
            old.senders().cloned().chain([sender]).collect(),
            old.services().cloned().collect(),
            old.issuers().cloned().chain([issuer]).collect(),
        )
        .map_err(|ambiguous| taken(&ambiguous))?;
        // Where a profile asks for a path, the sender's own certificate is the anchor at its end.
        let mut anchors = (*trust.anchors).clone();
        anchors.add(vec![certificate.clone()], Vec::new(), PathRules::default()).map_err(|error| error.to_string())?;
        Ok(trust.with(Arc::new(registry), anchors))
    }
}

fn taken(ambiguous: &Ambiguous) -> String {
    match ambiguous {
        Ambiguous::Key { first, .. } => {
            format!("sender `{first}` is registered with the public key of the self-attack, which everybody has")
        }
        other => format!("the registry takes a name of the self-attack: {other:?}"),
    }
}

impl Actor {
    fn new(name: &str, algorithm: SignatureAlgorithm, now: Time) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no key for {}: {error}", algorithm.uri());
        let (key, pkcs8) = match algorithm.key_kind() {
            KeyKind::Rsa => {
                let key = PrivateKey::from_pem(RSA).map_err(|error| failed(&error))?;
                let pair = rcgen::KeyPair::from_pem(RSA).map_err(|error| failed(&error))?;
                return Ok(Self { certificate: certificate(name, &pair, now)?, key, algorithm });
            }
            kind => PrivateKey::generate(kind).map_err(|error| failed(&error))?,
        };
        let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
        let pair = rcgen::KeyPair::try_from(&der).map_err(|error| failed(&error))?;
        Ok(Self { certificate: certificate(name, &pair, now)?, key, algorithm })
    }
}

/// A self-signed certificate that is good today.
fn certificate(name: &str, pair: &rcgen::KeyPair, now: Time) -> Result<Certificate, String> {
    let (from, until) = (now - Duration::days(2), now + Duration::days(2));
    let date = |time: Time| {
        let part = |number: u32| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(time.year(), part(time.month()), part(time.day()))
    };
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = date(from);
    params.not_after = date(until);
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    let made = params.self_signed(pair).map_err(|error| format!("no certificate: {error}"))?;
    Certificate::parse(made.der()).map_err(|error| error.to_string())
}

/// What an attack with this algorithm costs, in no unit.
fn cost(algorithm: SignatureAlgorithm) -> u8 {
    match algorithm.key_kind() {
        KeyKind::P256 => 0,
        KeyKind::Ed25519 => 1,
        KeyKind::P384 => 2,
        KeyKind::P521 => 3,
        KeyKind::Rsa => 4,
    }
}

/// The name of the issuer whose assertions are taken for the occasion.
pub(super) const ISSUER: &str = "urn:vidimus:self-attack:issuer";
pub(super) const CLIENT: &str = "urn:vidimus:self-attack:client";
const PARTY: &str = "uri:urn:vidimus:self-attack";
const RSA: &str = include_str!("rsa.key.pem");
