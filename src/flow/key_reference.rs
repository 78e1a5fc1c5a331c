//! Which key signed: the token that `ds:KeyInfo` refers to (SOAP Message Security 1.1 §7).
//!
//! KeyInfo only *picks*: from the tokens of this Security header, or from the certificates that
//! are registered. It never brings a key that nobody judges: whose key it is, is decided in
//! [`authenticate`](crate::flow::authenticate).
//!
//! # KeyInfo is not signed
//!
//! Whoever passes a message on can write another one that names the same key: the sender stays who he
//! is, but a holder of an assertion would become the owner of a registered certificate, rid of the
//! assertion's end, its audience and whom it lets him act for; or the other way round. So what stands
//! in the Security header must say of the signing key what KeyInfo says ([`named_once`]). What the
//! signature covers cannot be taken away; what it does not cover can, unseen by anybody, and is worth
//! nothing more than its key: a certificate of the sender's own, or an assertion that narrows and
//! lets nobody be acted for (`rules.md` 1.5).

use std::sync::Arc;

use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::parse::{place, place_if};
use crate::flow::profile::KeyReferenceStyle;
use crate::flow::trust::Registered;
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, Refusal};
use crate::wire::crypto::PublicKey;
use crate::wire::dsig::Signature;
use crate::wire::ns;
use crate::wire::saml;
use crate::wire::wsse::{
    BinarySecurityToken, ErrorKind, SamlVersion, SecurityHeader, SecurityTokenReference, TokenReference, ValueType,
};
use crate::wire::x509::Certificate;
use crate::wire::xml::{Element, NodeId};

/// The key that a signature is checked with, and where it came from.
#[derive(Debug)]
pub struct SigningKey<'d> {
    pub(super) key: Arc<PublicKey>,
    pub(super) source: KeySource<'d>,
}

/// Where the signing key came from.
#[derive(Debug)]
pub(super) enum KeySource<'d> {
    /// A certificate. `token`: the BinarySecurityToken of this message that holds it.
    Certificate { certificate: Arc<Certificate>, intermediates: Vec<Certificate>, token: Option<Element<'d>> },
    /// The confirmation key of an assertion in this header; its issuer's signature is not checked
    /// yet.
    Assertion { assertion: Box<saml::Assertion<'d>> },
}

impl SigningKey<'_> {
    /// Whom the key claims to belong to, for people.
    pub(super) fn subject(&self) -> String {
        match &self.source {
            KeySource::Certificate { certificate, .. } => certificate.subject().to_string(),
            KeySource::Assertion { assertion } => format!("the holder of assertion {}", assertion.id),
        }
    }
}

/// Resolves `ds:KeyInfo`.
///
/// # Errors
/// [`Stopped`]: without a key nothing more can be checked.
pub(super) fn signing_key<'d>(
    header: &SecurityHeader<'d>,
    signature: &Signature<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let Some(key_info) = signature.key_info() else {
        return Err(inquiry.stop(Refusal::new(CheckId::KeyReferencePresent).at(place(signature.element))));
    };
    let reference = SecurityTokenReference::from_key_info(key_info).map_err(|error| {
        let at = key_info.document().element(error.at);
        let found = match &error.kind {
            ErrorKind::ReferenceForm(name) => never(name),
            _ => error.to_string(),
        };
        inquiry.stop(not_understood(found, terms).at(place(at)))
    })?;
    let style = style_of(&reference, header);
    if !style.is_some_and(|style| terms.profile.key_references.contains(&style)) {
        return Err(inquiry.stop(not_understood(never(reference.target.style()), terms).at(place(key_info))));
    }
    assertion_named(header, &reference, style, inquiry)?;
    let resolved = resolve(header, &reference, terms, inquiry)?;
    let mut found = facts([Fact::text("found", reference.target.style())]);
    if inquiry.verbose() {
        found.push(Fact::text("subject", resolved.subject()));
    }
    inquiry.passed_at(CheckId::KeyReferenceResolved, place_if(inquiry.verbose(), key_info), found);
    Ok(resolved)
}

/// An assertion stands in the Security header for its key (`rules.md` 1.5): KeyInfo names it, or the
/// message says two things about who signed. What it says of somebody else, nobody asked for.
fn assertion_named(
    header: &SecurityHeader<'_>,
    reference: &SecurityTokenReference<'_>,
    style: Option<KeyReferenceStyle>,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    match header.assertions.first() {
        Some(assertion) if style != Some(KeyReferenceStyle::SamlAssertion) => {
            inquiry.refuse(twice(reference.target.style(), *assertion))
        }
        _ => Ok(()),
    }
}

/// Each BinarySecurityToken of the header holds the very certificate that KeyInfo names, or another key
/// and the signature covers it: that one is another's business (`rules.md` 1.2). Asked once the signature
/// holds: reading certificates is work.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub(super) fn named_once(
    header: &SecurityHeader<'_>,
    signature: &Signature<'_>,
    signer: &SigningKey<'_>,
    covers: impl Fn(NodeId) -> bool,
    inquiry: &mut Inquiry,
) -> Result<(), Stopped> {
    let (named, own) = match &signer.source {
        KeySource::Certificate { token, certificate, .. } => (token.map(Element::id), Some(certificate.der())),
        KeySource::Assertion { .. } => (None, None),
    };
    for token in header.binary_security_tokens.iter().filter(|token| named != Some(token.id())) {
        let read = BinarySecurityToken::read(*token).and_then(|read| {
            // Most often it is the same certificate, named by its serial number or key identifier.
            if read.value_type == ValueType::X509V3 && own == Some(read.content.as_slice()) {
                Ok(None)
            } else {
                read.certificate().map(Some)
            }
        });
        match read {
            Ok(None) => {}
            Ok(Some(leaf)) => {
                let other_key = leaf.key_thumbprint() != signer.key.thumbprint();
                let provided_for = other_key && covers(token.id());
                inquiry.require(provided_for, || twice(signature.key_info().map_or("", style_in), *token))?;
            }
            Err(error) => inquiry.refuse(unreadable(error.to_string(), *token))?,
        }
    }
    Ok(())
}

/// In what way a KeyInfo that has been read names its key.
fn style_in(key_info: Element<'_>) -> &'static str {
    SecurityTokenReference::from_key_info(key_info).map_or("", |reference| reference.target.style())
}

fn twice(style: &str, also: Element<'_>) -> Refusal {
    Refusal::new(CheckId::KeyNamedOnce)
        .with(Fact::text("found", style))
        .with(Fact::text("element", also.qualified_name()))
        .at(place(also))
}

fn not_understood(found: String, terms: Terms<'_>) -> Refusal {
    Refusal::new(CheckId::KeyReferenceForm)
        .with(Fact::text("found", found))
        .with(Fact::list("wanted", terms.profile.key_references.iter().map(|style| style_name(*style))))
}

/// Which of the profile's styles a reference is.
fn style_of(reference: &SecurityTokenReference<'_>, header: &SecurityHeader<'_>) -> Option<KeyReferenceStyle> {
    match &reference.target {
        // A direct reference goes to whatever has the id; only the header's own tokens count.
        TokenReference::Direct { id, .. } if header.assertions.iter().any(|token| id_of(*token) == Some(*id)) => {
            Some(KeyReferenceStyle::SamlAssertion)
        }
        TokenReference::Direct { id, .. } if is_path(header, id) => Some(KeyReferenceStyle::PkiPath),
        TokenReference::Direct { .. } => Some(KeyReferenceStyle::BinarySecurityToken),
        TokenReference::IssuerSerial(_) => Some(KeyReferenceStyle::IssuerSerial),
        TokenReference::SubjectKeyIdentifier(_) => Some(KeyReferenceStyle::SubjectKeyIdentifier),
        TokenReference::ThumbprintSha1(_) | TokenReference::CertificateDigest { .. } => {
            Some(KeyReferenceStyle::Thumbprint)
        }
        TokenReference::SubjectName(_) => Some(KeyReferenceStyle::SubjectName),
        TokenReference::Certificates(_) => Some(KeyReferenceStyle::EmbeddedCertificate),
        TokenReference::Assertion { .. } => Some(KeyReferenceStyle::SamlAssertion),
        // A bare key names nobody, and an embedded token stands where no signature covers it.
        TokenReference::KeyValue(_) | TokenReference::Embedded(_) => None,
    }
}

/// Whether the token with this id says that it is a certification path.
fn is_path(header: &SecurityHeader<'_>, id: &str) -> bool {
    let mut same = header.binary_security_tokens.iter().filter(|token| token.attribute(ns::WSU, "Id") == Some(id));
    same.any(|token| token.attribute("", "ValueType") == Some(ns::X509_PKI_PATH))
}

/// What is never taken as the name of a signing key, and why.
fn never(found: &str) -> String {
    // An element's name comes with its namespace in front.
    let name = found.rsplit('}').next().unwrap_or_default();
    let why = match name {
        "KeyName" => "a name that nobody but you can resolve",
        "KeyValue" | "DEREncodedKeyValue" => "a bare key names nobody",
        "RetrievalMethod" | "KeyInfoReference" => "nothing is ever fetched",
        "EncryptedKey" | "AgreementMethod" | "DerivedKey" => "nothing is decrypted or derived",
        "Embedded" => "no signature covers what is embedded in it",
        "PGPData" | "SPKIData" | "MgmtData" => "neither PGP nor SPKI is spoken here",
        _ => return found.to_owned(),
    };
    format!("{name} ({why})")
}

fn style_name(style: KeyReferenceStyle) -> &'static str {
    match style {
        KeyReferenceStyle::BinarySecurityToken => "a Direct Reference to a BinarySecurityToken",
        KeyReferenceStyle::PkiPath => "a Direct Reference to a BinarySecurityToken with a PKIPath",
        KeyReferenceStyle::IssuerSerial => "IssuerSerial",
        KeyReferenceStyle::SubjectName => "X509SubjectName",
        KeyReferenceStyle::SubjectKeyIdentifier => "SubjectKeyIdentifier",
        KeyReferenceStyle::Thumbprint => "ThumbprintSHA1",
        KeyReferenceStyle::EmbeddedCertificate => "X509Certificate",
        KeyReferenceStyle::SamlAssertion => "a SAML assertion",
    }
}

fn resolve<'d>(
    header: &SecurityHeader<'d>,
    reference: &SecurityTokenReference<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let known = terms.trust.certificates();
    match &reference.target {
        TokenReference::Direct { id, .. } => direct(header, id, reference, terms, inquiry),
        TokenReference::Assertion { id, .. } => assertion(header, id, reference, terms, inquiry),
        TokenReference::Certificates(ders) => {
            let parsed: Result<Vec<_>, _> = ders.iter().map(|der| Certificate::parse(der)).collect();
            let parsed = parsed.map_err(|error| inquiry.stop(unreadable(error.to_string(), reference.element)))?;
            let mut parsed = parsed.into_iter();
            let Some(leaf) = parsed.next() else {
                return Err(inquiry.stop(unreadable("it holds no certificate".to_owned(), reference.element)));
            };
            of_certificate(leaf, parsed.collect(), None, reference.element, inquiry)
        }
        TokenReference::SubjectName(name) => {
            registered(known.iter().filter(|known| name.matches(known.certificate.subject())), reference, inquiry)
        }
        TokenReference::CertificateDigest { algorithm, digest } => {
            let same = |known: &&Registered| algorithm.digest(known.certificate.der()).as_ref() == digest.as_slice();
            registered(known.iter().filter(same), reference, inquiry)
        }
        TokenReference::IssuerSerial(named) => {
            registered(known.iter().filter(|known| named.names(&known.certificate)), reference, inquiry)
        }
        TokenReference::SubjectKeyIdentifier(identifier) => {
            let same = |known: &&Registered| known.certificate.subject_key_identifier() == Some(identifier.as_slice());
            registered(known.iter().filter(same), reference, inquiry)
        }
        TokenReference::ThumbprintSha1(thumbprint) => {
            let same = |known: &&Registered| known.certificate.thumbprint_sha1().as_slice() == thumbprint.as_slice();
            registered(known.iter().filter(same), reference, inquiry)
        }
        TokenReference::KeyValue(_) | TokenReference::Embedded(_) => {
            Err(inquiry.stop(not_understood(never(reference.target.style()), terms)))
        }
    }
}

/// The token of this Security header with this id. Tokens elsewhere in the message are nobody's.
fn direct<'d>(
    header: &SecurityHeader<'d>,
    id: &str,
    reference: &SecurityTokenReference<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let (at, trust) = (reference.element, terms.trust);
    if header.assertions.iter().any(|token| id_of(*token) == Some(id)) {
        return assertion(header, id, reference, terms, inquiry);
    }
    let mut same = header.binary_security_tokens.iter().filter(|token| token.attribute(ns::WSU, "Id") == Some(id));
    let nowhere =
        || Refusal::new(CheckId::KeyReferenceResolved).with(Fact::text("reference", format!("#{id}"))).at(place(at));
    let Some(token) = same.next() else { return Err(inquiry.stop(nowhere())) };
    // Two of one id would make the choice ours.
    inquiry.require(same.next().is_none(), nowhere)?;
    let value_type = BinarySecurityToken::value_type(*token);
    let value_type = value_type.map_err(|error| inquiry.stop(unreadable(error.to_string(), *token)))?;
    // Senders send the certificate that they registered: the same bytes, mostly in the same spelling, were read at start.
    let single = value_type == ValueType::X509V3;
    if single && let Some(known) = token.text().and_then(|text| trust.known_text(&text)) {
        return Ok(of_registered(known, Some(*token)));
    }
    let read = BinarySecurityToken::read(*token);
    let read = read.map_err(|error| inquiry.stop(unreadable(error.to_string(), *token)))?;
    if single && let Some(known) = trust.known(&read.content) {
        return Ok(of_registered(known, Some(*token)));
    }
    let mut certificates = read.certificates().map_err(|error| inquiry.stop(unreadable(error.to_string(), *token)))?;
    if certificates.is_empty() {
        return Err(inquiry.stop(unreadable("it holds no certificate".to_owned(), *token)));
    }
    let leaf = certificates.remove(0);
    of_certificate(leaf, certificates, Some(*token), *token, inquiry)
}

fn assertion<'d>(
    header: &SecurityHeader<'d>,
    id: &str,
    reference: &SecurityTokenReference<'d>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let at = reference.element;
    inquiry.require(header.assertions.len() == 1, || {
        Refusal::new(CheckId::AssertionSingle)
            .with(Fact::number("count", header.assertions.len()))
            .at(place(header.element))
    })?;
    let Some(element) = header.assertions.iter().copied().find(|token| id_of(*token) == Some(id)) else {
        return Err(inquiry.stop(
            Refusal::new(CheckId::KeyReferenceResolved).with(Fact::text("reference", format!("#{id}"))).at(place(at)),
        ));
    };
    let said = said_version(reference);
    let found = if element.namespace() == ns::SAML1 { SamlVersion::Saml1 } else { SamlVersion::Saml2 };
    inquiry.require(said.iter().all(|said| *said == found), || {
        let found = format!("a reference to SAML {} (the assertion is another)", version_name(said.as_slice(), found));
        not_understood(found, terms).at(place(at))
    })?;
    let assertion = crate::flow::assertion::read(element, &terms.profile.assertion.versions, terms.trust, inquiry)?;
    let key = crate::flow::assertion::confirmation_key(&assertion, terms.trust, inquiry)?;
    Ok(SigningKey { key, source: KeySource::Assertion { assertion: Box::new(assertion) } })
}

/// What the reference itself says of the assertion's version: ValueType of a KeyIdentifier, and
/// `wsse11:TokenType` (WSS SAML Token Profile 1.1 §3.4). An id that is read as one version and found
/// in another is what two readers disagree about.
fn said_version(reference: &SecurityTokenReference<'_>) -> Vec<SamlVersion> {
    let by_type = reference.token_type.and_then(|kind| match kind {
        ns::SAML11_TOKEN => Some(SamlVersion::Saml1),
        ns::SAML20_TOKEN => Some(SamlVersion::Saml2),
        _ => None,
    });
    let by_value = match &reference.target {
        TokenReference::Assertion { version, .. } => Some(*version),
        _ => None,
    };
    by_type.into_iter().chain(by_value).collect()
}

fn version_name(said: &[SamlVersion], found: SamlVersion) -> &'static str {
    match said.iter().find(|said| **said != found) {
        Some(SamlVersion::Saml1) => "1.1",
        _ => "2.0",
    }
}

/// A reference that names a certificate without bringing it means one of the registered ones.
fn registered<'t, 'd>(
    mut candidates: impl Iterator<Item = &'t Registered>,
    reference: &SecurityTokenReference<'d>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let Some(found) = candidates.next() else {
        return Err(inquiry.stop(
            Refusal::new(CheckId::KeyReferenceKnown)
                .with(Fact::text("found", reference.target.style()))
                .at(place(reference.element)),
        ));
    };
    // Two certificates of one name and different keys would make the choice ours: refuse.
    let one_key = candidates.all(|other| other.key == found.key);
    inquiry.require(one_key, || {
        Refusal::new(CheckId::KeyReferenceKnown)
            .with(Fact::text("found", format!("{}, which fits two keys", reference.target.style())))
            .at(place(reference.element))
    })?;
    Ok(of_registered(found, None))
}

fn of_registered<'d>(registered: &Registered, token: Option<Element<'d>>) -> SigningKey<'d> {
    let certificate = Arc::clone(&registered.certificate);
    let source = KeySource::Certificate { certificate, intermediates: Vec::new(), token };
    SigningKey { key: Arc::clone(&registered.key), source }
}

fn of_certificate<'d>(
    certificate: Certificate,
    intermediates: Vec<Certificate>,
    token: Option<Element<'d>>,
    at: Element<'d>,
    inquiry: &mut Inquiry,
) -> Result<SigningKey<'d>, Stopped> {
    let key = certificate.public_key().map_err(|error| inquiry.stop(unreadable(error.to_string(), at)))?;
    let source = KeySource::Certificate { certificate: Arc::new(certificate), intermediates, token };
    Ok(SigningKey { key: Arc::new(key), source })
}

/// The id of a SAML assertion of either version, whatever else it is.
fn id_of(assertion: Element<'_>) -> Option<&str> {
    assertion.attribute("", if assertion.namespace() == ns::SAML1 { "AssertionID" } else { "ID" })
}

fn unreadable(detail: String, at: Element<'_>) -> Refusal {
    Refusal::new(CheckId::TokenCertificate)
        .with(Fact::text("element", at.qualified_name()))
        .with(Fact::text("detail", detail))
        .at(place(at))
}
