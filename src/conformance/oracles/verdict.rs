//! What we say of a message: of its signature alone, and of the whole.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

use crate::config::profiles;
use crate::conformance::world::World;
use crate::flow::inquiry::{Inquiry, Stop, standing_still};
use crate::flow::profile::{Profile, SamlVersion};
use crate::flow::trust::Trust;
use crate::flow::verify::Terms;
use crate::flow::{authenticate, parse, verify};
use crate::model::Time;
use crate::wire::crypto::PublicKey;
use crate::wire::dsig::Signature;
use crate::wire::xml::{Document, Limits};

/// Our verifier, with a world's registry and all algorithms allowed.
#[derive(Debug)]
pub struct Ours {
    pub trust: Arc<Trust>,
    pub now: Time,
    profile: Profile,
    issuer: String,
    limits: Limits,
}

impl Ours {
    /// With the registry of a world in `corpus`.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub fn open(corpus: &Path, keys: &Path, world: &str) -> Result<Self, String> {
        let world = World::open(&corpus.join("worlds"), world, keys)?;
        let session = world.begin()?;
        let sts = session.server.sts.load_full();
        let mut profile = profiles::built_in().into_iter().next().ok_or("no built-in profile")?;
        profile.algorithms.signatures = SIGNATURES.iter().filter_map(|name| named(name)).collect();
        profile.algorithms.digests = ["sha256", "sha384", "sha512"].iter().filter_map(|name| named(name)).collect();
        profile.assertion.versions = vec![SamlVersion::Saml11, SamlVersion::Saml20];
        Ok(Self {
            trust: sts.trust.load_full(),
            now: world.clock(),
            profile,
            issuer: sts.issuer.clone(),
            limits: Limits::default(),
        })
    }

    /// Core validation (XML Signature 1.1 §3.2) of the signature at a place, with a key: what the libraries for XML
    /// signatures say something about.
    pub(super) fn signature(&self, message: &[u8], place: usize, key: &PublicKey) -> Result<(), String> {
        let document = Document::parse(message, &self.limits).map_err(|error| format!("xml {:?}", error.kind))?;
        let element = document.elements().nth(place).ok_or("no such element")?;
        let named = |error: &dyn std::fmt::Debug| {
            let text = format!("{error:?}");
            format!("signature {}", text.split([' ', '(']).next().unwrap_or_default())
        };
        let signature = Signature::parse(element, &self.limits).map_err(|error| named(&error))?;
        signature.verify_value(key, &self.limits).map_err(|error| named(&error))?;
        for reference in signature.references() {
            let computed = reference.digest(&self.limits).map_err(|error| named(&error))?;
            if !computed.matches {
                return Err("signature Digest".to_owned());
            }
        }
        Ok(())
    }

    /// The whole path up to whose key it was; an error is the reason's name, and the facts.
    pub(super) fn message(&self, message: &[u8]) -> Result<(), String> {
        let mut inquiry = Inquiry::new(Stop::First, standing_still);
        if self.walk(message, &mut inquiry).is_some() {
            return Ok(());
        }
        let reason = inquiry.refusals().first().map(|refusal| format!("{}: {:?}", refusal.reason(), refusal.facts));
        Err(reason.unwrap_or_else(|| "stopped without a reason".to_owned()))
    }

    fn walk(&self, message: &[u8], inquiry: &mut Inquiry) -> Option<()> {
        let document = parse::document(message.to_vec(), &self.limits, inquiry).ok()?;
        let envelope = parse::envelope(&document, &self.profile, inquiry).ok()?;
        let addresses = [super::plans::ADDRESS.to_owned()];
        let terms = Terms {
            trust: &self.trust,
            profile: &self.profile,
            limits: &self.limits,
            addresses: &addresses,
            now: self.now,
        };
        let message = verify::envelope(&envelope, terms, inquiry).ok()?;
        authenticate::requester(&message, terms, &self.issuer, inquiry).ok()?;
        inquiry.clean().ok()
    }
}

/// A value that profiles name so, if this version knows it.
fn named<'de, T: Deserialize<'de>>(name: &'de str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name)).ok()
}

const SIGNATURES: &[&str] = &[
    "rsa-sha256",
    "rsa-sha384",
    "rsa-sha512",
    "rsa-pss",
    "sha256-rsa-mgf1",
    "sha384-rsa-mgf1",
    "sha512-rsa-mgf1",
    "ecdsa-sha256",
    "ecdsa-sha384",
    "ecdsa-sha512",
    "eddsa-ed25519",
];
