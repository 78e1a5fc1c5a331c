//! Whom we trust: an immutable snapshot, replaced as a whole.
//!
//! The pure half of the path (parse, verify, authenticate) is a function of bytes, caller, this
//! snapshot and the time. What is known of revocation is part of it, with an epoch: the background
//! fetches, and makes the next snapshot. The snapshot remembers verdicts on certificates, which
//! changes how long an answer takes and never what it is.

use std::collections::HashMap;
use std::sync::Arc;

use crate::flow::path_cache::{Asked, PathCache, Purpose};
use crate::model::{KeyThumbprint, Time};
use crate::registry::{Registry, TokenIssuer};
use crate::wire::base64;
use crate::wire::crypto::{KeyError, PublicKey};
use crate::wire::x509::{self, Anchors, Certificate, PathError, Question, Revocations, Standing};

/// The registry, the anchors, what is known of revocation, and every registered certificate and issuer's key read once:
/// the library prepares an RSA key with its first signature, which costs a quarter of one.
#[derive(Debug)]
pub struct Trust {
    pub registry: Arc<Registry>,
    /// Anchors for certificates that profiles judge by path, with what each asks.
    pub anchors: Arc<Anchors>,
    revocations: Arc<Revocations>,
    anchors_digest: [u8; 32],
    certificates: Arc<Certificates>,
    issuer_keys: Arc<HashMap<String, Vec<PublicKey>>>,
    paths: Arc<PathCache>,
}

/// The registered certificates.
#[derive(Debug)]
struct Certificates {
    all: Vec<Registered>,
    by_key: HashMap<KeyThumbprint, Vec<usize>>,
    /// In the order of their bytes.
    by_der: Vec<usize>,
    /// Their bytes in base64, on one line, in order.
    by_text: Vec<(String, usize)>,
    /// By their key's SubjectPublicKeyInfo.
    by_spki: HashMap<Vec<u8>, Arc<PublicKey>>,
}

/// A registered certificate with its key.
#[derive(Debug)]
pub struct Registered {
    pub certificate: Arc<Certificate>,
    pub key: Arc<PublicKey>,
}

impl Trust {
    /// Reads the registered certificates and the issuers' keys; what cannot be read is left out, and with it the sender
    /// or issuer who needs it (`config check` has refused it before). Nothing is known of revocation.
    pub fn new(registry: Arc<Registry>, anchors: Anchors) -> Self {
        let keys = |issuer: &TokenIssuer| {
            let keys = issuer.public_keys.iter().filter_map(|spki| PublicKey::from_spki(spki).ok()).collect();
            (issuer.issuer.clone(), keys)
        };
        Self {
            anchors_digest: anchors.digest(),
            anchors: Arc::new(anchors),
            revocations: Arc::default(),
            certificates: Arc::new(Certificates::of(&registry)),
            issuer_keys: Arc::new(registry.issuers().map(keys).collect()),
            registry,
            paths: Arc::default(),
        }
    }

    /// The next snapshot: the same, with what is known of revocation now.
    #[must_use]
    pub fn with_revocations(&self, revocations: Arc<Revocations>) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            anchors: Arc::clone(&self.anchors),
            revocations,
            anchors_digest: self.anchors_digest,
            certificates: Arc::clone(&self.certificates),
            issuer_keys: Arc::clone(&self.issuer_keys),
            paths: Arc::clone(&self.paths),
        }
    }

    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// This trust with another registry and other anchors; what is known of revocation stays.
    #[must_use]
    pub fn with(&self, registry: Arc<Registry>, anchors: Anchors) -> Self {
        Self { revocations: Arc::clone(&self.revocations), ..Self::new(registry, anchors) }
    }

    /// All registered certificates: what IssuerSerial, SKI and thumbprint references can mean.
    pub fn certificates(&self) -> &[Registered] {
        &self.certificates.all
    }

    /// The configured signing keys of an issuer.
    pub fn issuer_keys(&self, issuer: &str) -> &[PublicKey] {
        self.issuer_keys.get(issuer).map_or(&[], Vec::as_slice)
    }

    /// The registered certificate with this key, if the key was registered with one.
    pub fn certificate_of(&self, key: &KeyThumbprint) -> Option<&Certificate> {
        self.certificates_of(key).last()
    }

    /// All registered certificates with this key, in the order of the registry.
    pub fn certificates_of(&self, key: &KeyThumbprint) -> impl Iterator<Item = &Certificate> {
        let indices = self.certificates.by_key.get(key).into_iter().flatten();
        indices.filter_map(|index| self.certificates.all.get(*index)).map(|registered| &*registered.certificate)
    }

    /// The registered certificate of these very bytes, read already.
    pub fn known(&self, der: &[u8]) -> Option<&Registered> {
        self.certificates.known(der)
    }

    /// The registered certificate that this base64, on one line, is the text of.
    pub fn known_text(&self, base64: &str) -> Option<&Registered> {
        self.certificates.known_text(base64)
    }

    /// The key of this SubjectPublicKeyInfo: a registered one, which is prepared, or the one that is read here.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki`].
    pub fn key(&self, spki: &[u8]) -> Result<Arc<PublicKey>, KeyError> {
        match self.certificates.by_spki.get(spki) {
            Some(known) => Ok(Arc::clone(known)),
            None => PublicKey::from_spki(spki).map(Arc::new),
        }
    }

    /// Whether this very certificate, byte for byte, is registered.
    pub fn registered(&self, certificate: &Certificate) -> bool {
        self.known(certificate.der()).is_some()
    }

    /// Whether a path leads from the certificate to an anchor, with all that the anchor asks.
    ///
    /// # Errors
    /// Why none does.
    pub fn path(
        &self,
        leaf: &Certificate,
        intermediates: &[Certificate],
        profile: &str,
        at: Time,
    ) -> Result<Standing, PathError> {
        let asked = self.asked(leaf, intermediates, Purpose::Path, profile);
        self.remembered(asked, at, || {
            let question = Question { leaf, intermediates, anchors: &self.anchors, revocations: &self.revocations, at };
            x509::judge_path(question).map(|path| path.standing().clone())
        })
    }

    /// Whether a registered certificate was revoked, as far as the configured authorities above it
    /// ask for that.
    ///
    /// # Errors
    /// Only what speaks of revocation.
    pub fn standing(&self, certificate: &Certificate, at: Time) -> Result<Option<Standing>, PathError> {
        if !self.anchors.ask_revocation() {
            return Ok(None);
        }
        let asked = self.asked(certificate, &[], Purpose::Standing, "");
        self.remembered(asked, at, || x509::judge_standing(certificate, &self.anchors, &self.revocations, at)).map(Some)
    }

    fn asked<'a>(
        &'a self,
        leaf: &'a Certificate,
        intermediates: &'a [Certificate],
        purpose: Purpose,
        profile: &'a str,
    ) -> Asked<'a> {
        let epoch = self.revocations.epoch();
        Asked { leaf, intermediates, anchors: &self.anchors_digest, purpose, profile, epoch }
    }

    fn remembered(
        &self,
        asked: Asked<'_>,
        at: Time,
        judge: impl FnOnce() -> Result<Standing, PathError>,
    ) -> Result<Standing, PathError> {
        let key = asked.key();
        if let Some(standing) = self.paths.get(&key, at) {
            return Ok(standing);
        }
        let standing = judge()?;
        for (subject, exception) in &standing.excepted {
            // Each time that it is judged anew, not each time that it is asked: an alarm, not a flood.
            tracing::warn!(
                target: "vidimus::alarm", %subject, until = %exception.until, reason = exception.reason,
                "a certificate of unknown revocation status is taken by exception"
            );
        }
        self.paths.put(key, standing.clone(), at);
        Ok(standing)
    }
}

impl Certificates {
    fn of(registry: &Registry) -> Self {
        let read = |der: &Vec<u8>| {
            let certificate = Certificate::parse(der).ok()?;
            let key = certificate.public_key().ok()?;
            Some(Registered { certificate: Arc::new(certificate), key: Arc::new(key) })
        };
        let all: Vec<Registered> =
            registry.senders().flat_map(|sender| &sender.certificates).filter_map(read).collect();
        let mut by_key: HashMap<KeyThumbprint, Vec<usize>> = HashMap::new();
        for (index, registered) in all.iter().enumerate() {
            by_key.entry(KeyThumbprint(registered.key.thumbprint())).or_default().push(index);
        }
        let mut by_der: Vec<usize> = (0..all.len()).collect();
        by_der.sort_by_key(|index| all.get(*index).map(|registered| registered.certificate.der()));
        let text = |(index, known): (usize, &Registered)| (base64::encode(known.certificate.der()), index);
        let mut by_text: Vec<(String, usize)> = all.iter().enumerate().map(text).collect();
        by_text.sort_unstable();
        let key = |known: &Registered| (known.key.spki().to_vec(), Arc::clone(&known.key));
        let by_spki = all.iter().map(key).collect();
        Self { all, by_key, by_der, by_text, by_spki }
    }

    /// Found by its bytes: a digest of them would cost more than the search.
    fn known(&self, der: &[u8]) -> Option<&Registered> {
        let at = |index: &usize| self.all.get(*index);
        let place =
            self.by_der.binary_search_by(|index| at(index).map(|known| known.certificate.der()).cmp(&Some(der)));
        self.by_der.get(place.ok()?).and_then(at)
    }

    fn known_text(&self, base64: &str) -> Option<&Registered> {
        let place = self.by_text.binary_search_by(|(text, _)| text.as_str().cmp(base64));
        self.by_text.get(place.ok()?).and_then(|(_, index)| self.all.get(*index))
    }
}
