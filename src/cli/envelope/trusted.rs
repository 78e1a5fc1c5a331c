//! Whom the command line trusts, put in the words that the flow asks for.
//!
//! The server has a registry; here files are named. Where no sender is named, only the authorities
//! or issuers judge: then the key that signed stands in the registry under the name `signer`, so
//! that registration is a question that answers itself, and the path or the issuer decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use crate::cli::Failure;
use crate::cli::credentials;
use crate::cli::examine::keys::Key;
use crate::cli::files;
use crate::flow::profile::CertificateTrust;
use crate::flow::trust::Trust;
use crate::model::{CheckId, Fact, KeyThumbprint, PartyId, Refusal, Time};
use crate::registry::{Registry, Sender, Standing, TokenIssuer};
use crate::wire::crypto::PublicKey;
use crate::wire::ns;
use crate::wire::x509::{
    Anchors, Certificate, Collected, Crl, PathRules, RevocationRule, Revocations, verify_answer, verify_path,
};
use crate::wire::xml::{Document, Element, time};

/// Files that were named, read.
pub struct Trusted {
    anchors: Vec<Vec<u8>>,
    senders: Vec<Sender>,
    issuer_keys: Vec<Vec<u8>>,
    /// What was given of revocation. Without any, revocation is not judged.
    revocation: Option<Arc<Revocations>>,
}

impl Trusted {
    /// Reads the files.
    ///
    /// # Errors
    /// When one holds no certificate.
    pub fn read(trust: &[PathBuf], registered: &[PathBuf], issuers: &[PathBuf]) -> Result<Self, Failure> {
        let mut anchors = Vec::new();
        for path in trust {
            for file in files_in(path)? {
                anchors.extend(certificates(&file)?);
            }
        }
        Anchors::from_der(anchors.iter().map(Vec::as_slice))
            .map_err(|error| Failure::usage(format!("--trust: {error}"), "Give certificates of authorities"))?;
        let mut senders = Vec::new();
        for path in registered {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            senders.push(sender(name, certificates(path)?)?);
        }
        let mut issuer_keys = Vec::new();
        for path in issuers {
            for certificate in certificates(path)? {
                issuer_keys.push(key_of(&certificate, path)?.spki().to_vec());
            }
        }
        Ok(Self { anchors, senders, issuer_keys, revocation: None })
    }

    /// With CRLs and OCSP answers from files, signed by the authorities of `--trust`: then every
    /// certificate of a path is asked about, and what is unknown at the time of judging is refused.
    ///
    /// # Errors
    /// When a file holds neither, or none of the authorities signed it.
    pub fn with_revocation(mut self, crl: &[PathBuf], ocsp: &[PathBuf], now: Time) -> Result<Self, Failure> {
        if crl.is_empty() && ocsp.is_empty() {
            return Ok(self);
        }
        let refused = |path: &Path, error: &dyn std::fmt::Display| {
            let fix = "Give the authority that signed it with --trust, and the file as DER or PEM";
            Failure::usage(format!("`{}` cannot be used: {error}", path.display()), fix)
        };
        let anchors = Anchors::from_der(self.anchors.iter().map(Vec::as_slice)).unwrap_or_default();
        let mut collected = Collected::default();
        for path in crl {
            let bytes = files::read(path)?;
            let der = CertificateRevocationListDer::from_pem_slice(&bytes).map_or(bytes, |list| list.to_vec());
            // When it is judged, a list that begins later says nothing.
            let found = Crl::verify(&der, anchors.issuers(), Time::MAX_UTC - chrono::Duration::days(1));
            collected.crl(found.map_err(|error| refused(path, &error))?);
        }
        let issuers: Vec<_> = anchors.issuers().collect();
        for path in ocsp {
            let found = verify_answer(&files::read(path)?, &issuers, collected.crls(), None, now);
            for answer in found.map_err(|error| refused(path, &error))? {
                collected.answer(answer);
            }
        }
        self.revocation = Some(Arc::new(collected.snapshot(1)));
        Ok(self)
    }

    /// Whether nobody was named, so that a signer cannot be judged.
    pub fn names_nobody(&self) -> bool {
        self.anchors.is_empty() && self.senders.is_empty() && self.issuer_keys.is_empty()
    }

    /// Whether known senders were named, so that the signer must be one of them.
    pub fn names_senders(&self) -> bool {
        !self.senders.is_empty()
    }

    /// By what right a certificate speaks: as many of the two ways as were given.
    pub fn certificate_rule(&self) -> CertificateTrust {
        match (self.senders.is_empty(), self.anchors.is_empty()) {
            (true, _) => CertificateTrust::RegisteredAndPath,
            (false, true) => CertificateTrust::Registered,
            (false, false) => CertificateTrust::RegisteredOrPath,
        }
    }

    /// The senders that were named: whom IssuerSerial, SKI and thumbprint can mean.
    pub fn senders(&self) -> Trust {
        self.trust(self.senders.clone(), Vec::new())
    }

    /// For judging a message that is signed with `key`.
    pub fn judging(&self, key: &PublicKey, document: &Document) -> Trust {
        let mut senders = self.senders.clone();
        if senders.is_empty() {
            senders.extend(PartyId::new(crate::model::Scheme::Uri, "urn:vidimus:signer").ok().map(|party| Sender {
                keys: vec![KeyThumbprint(key.thumbprint())],
                public_keys: vec![key.spki().to_vec()],
                ..unnamed("signer".to_owned(), party)
            }));
        }
        self.trust(senders, self.issuers(document))
    }

    /// All keys that were named: of senders and of issuers.
    pub fn keys(&self) -> Vec<PublicKey> {
        let senders = self.senders.iter().flat_map(|sender| &sender.public_keys);
        senders.chain(&self.issuer_keys).filter_map(|spki| PublicKey::from_spki(spki).ok()).collect()
    }

    /// The certificates of named senders, for a second look.
    pub fn examined_keys(&self) -> Vec<Key> {
        let certificates = self.senders.iter().flat_map(|sender| {
            sender
                .certificates
                .iter()
                .filter_map(|der| Key::of_certificate(der, &format!("--registered {}", sender.name), None))
        });
        certificates.collect()
    }

    /// Whether this key may sign a document: named itself, or by a certificate that leads to a named
    /// authority.
    ///
    /// # Errors
    /// The refusal that says why not.
    pub fn vouch(&self, key: &PublicKey, certificate: Option<&Certificate>, at: Time) -> Result<(), Box<Refusal>> {
        if self.by_name(key.spki()).is_some() {
            return Ok(());
        }
        let subject = certificate.map(|own| own.subject().to_string()).unwrap_or_default();
        let (Some(certificate), false) = (certificate, self.anchors.is_empty()) else {
            return Err(Box::new(
                Refusal::new(CheckId::KeyRegistered)
                    .with(Fact::text("subject", subject))
                    .with(Fact::text("thumbprint", KeyThumbprint(key.thumbprint()).to_string())),
            ));
        };
        let anchors = Anchors::from_der(self.anchors.iter().map(Vec::as_slice)).unwrap_or_default();
        match verify_path(certificate, &[], &anchors, at) {
            Ok(_) => Ok(()),
            Err(error) => Err(Box::new(
                Refusal::new(CheckId::CertificatePath)
                    .with(Fact::text("subject", subject))
                    .with(Fact::text("issuer", certificate.issuer().to_string()))
                    .with(Fact::text("detail", error.to_string())),
            )),
        }
    }

    /// The same as a sentence, for a message that has faults.
    ///
    /// # Errors
    /// Why the signer would be refused too.
    pub fn would_vouch(&self, spki: &[u8], certificate: Option<&[u8]>, at: Time) -> Result<String, String> {
        let certificate = certificate.and_then(|der| Certificate::parse(der).ok());
        if let Some(own) = certificate.as_ref().filter(|own| !own.is_valid_at(at)) {
            let (from, to) = (time::format_millis(own.not_before()), time::format_millis(own.not_after()));
            return Err(format!("its certificate counts from {from} to {to}, which is another fault"));
        }
        if let Some(name) = self.by_name(spki) {
            return Ok(format!("known as {name}"));
        }
        let key = PublicKey::from_spki(spki).map_err(|error| error.to_string())?;
        match self.vouch(&key, certificate.as_ref(), at) {
            Ok(()) => Ok("with a certificate that leads to an authority of --trust".to_owned()),
            Err(refusal) if refusal.check == CheckId::KeyRegistered => {
                Err("that is none of those that you named".to_owned())
            }
            Err(_) => Err("its certificate leads to no authority of --trust".to_owned()),
        }
    }

    /// Under which name a key was given.
    fn by_name(&self, spki: &[u8]) -> Option<&str> {
        let sender = self.senders.iter().find(|sender| sender.public_keys.iter().any(|own| own == spki));
        let issuer = self.issuer_keys.iter().any(|own| own == spki).then_some("an issuer of --saml-issuer");
        sender.map(|sender| sender.name.as_str()).or(issuer)
    }

    fn trust(&self, senders: Vec<Sender>, issuers: Vec<TokenIssuer>) -> Trust {
        // Two files with one key are one sender twice: the first stands.
        let registry = Registry::new(senders.clone(), Vec::new(), issuers.clone())
            .or_else(|_| Registry::new(senders.into_iter().take(1).collect(), Vec::new(), issuers))
            .unwrap_or_default();
        let certificates = self.anchors.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
        let revocation = match self.revocation {
            Some(_) => RevocationRule::Required { unknown: None },
            None => RevocationRule::Off,
        };
        let mut anchors = Anchors::default();
        // Each was an anchor when it was read.
        let _read_before = anchors.add(certificates, Vec::new(), PathRules { revocation, ..PathRules::default() });
        let trust = Trust::new(Arc::new(registry), anchors);
        match &self.revocation {
            Some(known) => trust.with_revocations(Arc::clone(known)),
            None => trust,
        }
    }

    /// The issuer that the message's assertion names, with the keys that were given: its audience
    /// is not judged here.
    fn issuers(&self, document: &Document) -> Vec<TokenIssuer> {
        if self.issuer_keys.is_empty() {
            return Vec::new();
        }
        let is = |element: &Element<'_>, local: &str| {
            matches!(element.namespace(), ns::SAML1 | ns::SAML2) && element.local_name() == local
        };
        let Some(assertion) = document.elements().find(|element| is(element, "Assertion")) else { return Vec::new() };
        let issuer = match assertion.namespace() {
            ns::SAML1 => assertion.attribute("", "Issuer").map(str::to_owned),
            _ => assertion.child(ns::SAML2, "Issuer").and_then(text_of),
        };
        let audiences = assertion.descendants().filter(|element| is(element, "Audience")).filter_map(text_of).collect();
        let issuer = issuer.map(|issuer| TokenIssuer {
            without_audience: true,
            ..TokenIssuer::new(issuer, self.issuer_keys.clone(), audiences)
        });
        issuer.into_iter().collect()
    }
}

fn text_of(element: Element<'_>) -> Option<String> {
    element.text().map(|text| text.into_owned())
}

fn sender(name: String, certificates: Vec<Vec<u8>>) -> Result<Sender, Failure> {
    let mut keys = Vec::new();
    let mut public_keys = Vec::new();
    // The own certificate stands first; what follows are its issuers.
    for certificate in certificates.iter().take(1) {
        let key = key_of(certificate, Path::new(&name))?;
        keys.push(KeyThumbprint(key.thumbprint()));
        public_keys.push(key.spki().to_vec());
    }
    let party = PartyId::new(crate::model::Scheme::Uri, &format!("urn:vidimus:file:{name}"))
        .or_else(|_| PartyId::new(crate::model::Scheme::Uri, "urn:vidimus:file"))
        .map_err(|error| Failure::unexpected(error.to_string()))?;
    Ok(Sender { certificates: certificates.into_iter().take(1).collect(), keys, public_keys, ..unnamed(name, party) })
}

fn unnamed(name: String, party: PartyId) -> Sender {
    Sender {
        name,
        number: None,
        party,
        standing: Standing::Active,
        certificates: Vec::new(),
        keys: Vec::new(),
        public_keys: Vec::new(),
        client_id: None,
        grants: Vec::new(),
        assertion_lifetime: std::time::Duration::ZERO,
        claims: Vec::new(),
        exceptions: Vec::new(),
    }
}

fn key_of(certificate: &[u8], path: &Path) -> Result<PublicKey, Failure> {
    PublicKey::from_certificate(certificate).map_err(|error| {
        Failure::usage(format!("the key in `{}` is of no kind that is read here: {error}", path.display()), "")
    })
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let found = credentials::certificates(&files::read(path)?, path)?;
    Ok(found.into_iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

/// The file, or the files of the folder that look like certificates.
fn files_in(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error| Failure::usage(format!("`{}` cannot be read: {error}", path.display()), "");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let kind = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if matches!(kind, "pem" | "crt" | "cer" | "der") {
            found.push(file);
        }
    }
    found.sort();
    if found.is_empty() {
        let says = format!("`{}` holds no .pem, .crt, .cer or .der file", path.display());
        return Err(Failure::usage(says, "Give another folder, or a file"));
    }
    Ok(found)
}
