//! The good messages, and the assertions in them. Hostile ones are made of them elsewhere.

use chrono::Duration;

use super::cast::{Actor, Cast, ISSUER};
use crate::flow::profile::{KeyReferenceStyle, Part as Covered, Profile, SamlVersion, SoapVersion, TokenCoverage};
use crate::model::Time;
use crate::serve::SoapDoor;
use crate::wire::base64;
use crate::wire::dsig::sign::{How, OverParts, Part, Place, Target, sign_parts};
use crate::wire::ns;
use crate::wire::soap::{self, NewAddressing, NewEnvelope, Version};
use crate::wire::wsse::{NewBinarySecurityToken, NewReference, NewSecurityHeader, NewTimestamp};
use crate::wire::xml::time::format_millis;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Element, Limits};

/// How a message is made; all else follows from the profile.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub cast: &'a Cast,
    pub door: &'a SoapDoor,
    pub now: Time,
    pub to: &'a str,
    /// The local name of a part that is left unsigned.
    pub without: &'a str,
    /// The finished assertion whose key signs; without one, the sender's certificate names the key.
    pub assertion: Option<&'a [u8]>,
}

/// Makes and signs the message.
pub(super) fn message(recipe: &Recipe<'_>) -> Result<String, String> {
    let (profile, sender) = (&recipe.door.profile, &recipe.cast.sender);
    let version = match profile.soap_versions.first() {
        Some(SoapVersion::Soap12) => Version::Soap12,
        _ => Version::Soap11,
    };
    let style = style(profile);
    let x509 = recipe.assertion.is_none();
    let shows_token = style == Some(KeyReferenceStyle::BinarySecurityToken)
        || profile.coverage.binary_security_token == TokenCoverage::Always;
    let life = Duration::from_std(profile.time.timestamp_ttl).unwrap_or(Duration::seconds(60));
    let security = NewSecurityHeader {
        version,
        timestamp: Some(NewTimestamp { id: "TS", created: recipe.now, expires: recipe.now + life }),
        binary_security_token: (x509 && shows_token)
            .then(|| NewBinarySecurityToken { id: "X509", certificate: sender.certificate.der() }),
        assertion: recipe.assertion,
    }
    .write();
    let action = profile.served_actions().and_then(|actions| actions.first());
    let addressed =
        [Covered::To, Covered::Action, Covered::MessageId].iter().any(|part| profile.coverage.requires(*part));
    let envelope = NewEnvelope {
        version,
        addressing: addressed.then_some(NewAddressing {
            action: action.map_or("urn:vidimus:self-attack", String::as_str),
            message_id: "urn:uuid:00000000-0000-4000-8000-000000000000",
            to: recipe.to,
            relates_to: None,
            with_ids: true,
        }),
        security: Some(&security),
        body_id: Some(BODY_ID),
        payload: PAYLOAD.as_bytes(),
    }
    .write();
    let key_info = match recipe.assertion {
        Some(_) => saml_reference(profile),
        None => key_info(style.ok_or("the profile lets no key be named by a certificate")?, sender)?,
    };
    signed(envelope, &key_info, recipe)
}

fn signed(envelope: Vec<u8>, key_info: &str, recipe: &Recipe<'_>) -> Result<String, String> {
    let document = Document::parse(envelope, &generous()).map_err(|error| error.to_string())?;
    let envelope = soap::Envelope::read(&document).map_err(|error| error.to_string())?;
    let header = envelope.header.ok_or("no header")?;
    let security = header.child(ns::WSSE, "Security").ok_or("no Security header")?;
    let nodes = security
        .children()
        .chain(header.children().filter(|block| block.namespace() == ns::WSA))
        .chain([envelope.body])
        .filter(|element| element.local_name() != recipe.without);
    let parts: Vec<Part<'_>> = nodes
        .map(|element| Part { target: Target::Element(element.id()), how: How::Exclusive, prefixes: &[] })
        .collect();
    let what = OverParts {
        parts: &parts,
        place: Place::LastIn(security.id()),
        algorithm: recipe.cast.sender.algorithm,
        digest: recipe.cast.digest,
        prefixes: &[],
        id: Some("SIG"),
        key_info,
    };
    let bytes = sign_parts(&document, &what, &recipe.cast.sender.key).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The first of the profile's ways to name a certificate.
pub(super) fn style(profile: &Profile) -> Option<KeyReferenceStyle> {
    let by_certificate = |style: &&KeyReferenceStyle| **style != KeyReferenceStyle::SamlAssertion;
    let preferred = Some(KeyReferenceStyle::BinarySecurityToken).filter(|style| profile.key_references.contains(style));
    preferred.or_else(|| profile.key_references.iter().find(by_certificate).copied())
}

fn key_info(style: KeyReferenceStyle, sender: &Actor) -> Result<String, String> {
    let certificate = &sender.certificate;
    let ds = |local| Name::new("ds", ns::DS, local);
    let mut writer = Writer::new();
    writer.start(ds("KeyInfo"));
    let mut identifier = |value_type: &str, value: &[u8]| {
        writer.start(Name::new("wsse", ns::WSSE, "SecurityTokenReference"));
        writer.start(Name::new("wsse", ns::WSSE, "KeyIdentifier"));
        writer.attribute("EncodingType", ns::BASE64_BINARY).attribute("ValueType", value_type);
        writer.text(&base64::encode(value)).end().end();
    };
    match style {
        KeyReferenceStyle::SubjectKeyIdentifier => {
            identifier(ns::X509_SUBJECT_KEY_IDENTIFIER, certificate.subject_key_identifier().unwrap_or_default());
        }
        KeyReferenceStyle::Thumbprint => identifier(ns::THUMBPRINT_SHA1, &certificate.thumbprint_sha1()),
        KeyReferenceStyle::IssuerSerial => {
            let (issuer, serial) = (certificate.issuer().to_string(), certificate.serial().to_string());
            NewReference::IssuerSerial { issuer: &issuer, serial: &serial }.write_to(&mut writer);
        }
        KeyReferenceStyle::EmbeddedCertificate => {
            writer.start(ds("X509Data"));
            writer.leaf(ds("X509Certificate"), &[], &base64::encode(certificate.der())).end();
        }
        _ => NewReference::BinarySecurityToken("X509").write_to(&mut writer),
    }
    String::from_utf8(writer.finish()).map_err(|error| error.to_string())
}

/// A reference to the assertion, in the version that the profile takes first.
fn saml_reference(profile: &Profile) -> String {
    let (token_type, id_type) = match version(profile) {
        SamlVersion::Saml11 => (ns::SAML11_TOKEN, ns::SAML11_ASSERTION_ID),
        SamlVersion::Saml20 => (ns::SAML20_TOKEN, ns::SAML20_ASSERTION_ID),
    };
    let mut writer = Writer::new();
    writer.start(Name::new("ds", ns::DS, "KeyInfo"));
    writer.start(Name::new("wsse", ns::WSSE, "SecurityTokenReference"));
    writer.attribute_of(Name::new("wsse11", ns::WSSE11, "TokenType"), token_type);
    writer.leaf(Name::new("wsse", ns::WSSE, "KeyIdentifier"), &[("ValueType", id_type)], ASSERTION_ID);
    String::from_utf8(writer.finish()).unwrap_or_default()
}

/// The version of SAML that the profile takes first.
pub(super) fn version(profile: &Profile) -> SamlVersion {
    profile.assertion.versions.first().copied().unwrap_or(SamlVersion::Saml20)
}

/// What an assertion says.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub version: SamlVersion,
    pub issuer: &'a str,
    pub audience: &'a str,
    /// `holder-of-key` or another method's name.
    pub method: &'a str,
    pub holder: &'a Actor,
    pub signer: &'a Actor,
    pub issued: Time,
}

impl<'a> Statement<'a> {
    /// The good one: the cast's issuer says it of the sender's key.
    pub fn good(cast: &'a Cast, version: SamlVersion, audience: &'a str, now: Time) -> Self {
        let (holder, signer) = (&cast.sender, &cast.issuer);
        Self { version, issuer: ISSUER, audience, method: "holder-of-key", holder, signer, issued: now }
    }

    /// The assertion without signature.
    pub fn unsigned(&self) -> Vec<u8> {
        match self.version {
            SamlVersion::Saml11 => self.saml11(),
            SamlVersion::Saml20 => self.saml20(),
        }
    }

    /// The assertion with its issuer's signature.
    pub fn signed(&self) -> Result<Vec<u8>, String> {
        let document = Document::parse(self.unsigned(), &generous()).map_err(|error| error.to_string())?;
        let root = document.root();
        let place = match root.child(ns::SAML2, "Issuer") {
            Some(issuer) => Place::After(issuer.id()),
            None => Place::LastIn(root.id()),
        };
        let what = OverParts {
            parts: &[Part { target: Target::Element(root.id()), how: How::Enveloped, prefixes: &[] }],
            place,
            algorithm: self.signer.algorithm,
            digest: crate::wire::crypto::DigestAlgorithm::Sha256,
            prefixes: &[],
            id: None,
            key_info: "",
        };
        sign_parts(&document, &what, &self.signer.key).map_err(|error| error.to_string())
    }

    fn saml20(&self) -> Vec<u8> {
        let saml = |local| Name::new("saml", ns::SAML2, local);
        let (issued, ends) = (format_millis(self.issued), format_millis(self.issued + LIFE));
        let mut writer = Writer::new();
        writer.start(saml("Assertion")).attribute("ID", ASSERTION_ID).attribute("IssueInstant", &issued);
        writer.attribute("Version", "2.0").leaf(saml("Issuer"), &[], self.issuer);
        writer.start(saml("Subject")).leaf(saml("NameID"), &[], "self-attack");
        let method = format!("urn:oasis:names:tc:SAML:2.0:cm:{}", self.method);
        writer.start(saml("SubjectConfirmation")).attribute("Method", &method);
        writer.start(saml("SubjectConfirmationData"));
        self.key_info(&mut writer);
        writer.end().end().end();
        writer.start(saml("Conditions")).attribute("NotOnOrAfter", &ends);
        writer.start(saml("AudienceRestriction")).leaf(saml("Audience"), &[], self.audience).end().end();
        writer.finish()
    }

    fn saml11(&self) -> Vec<u8> {
        let saml = |local| Name::new("saml", ns::SAML1, local);
        let (issued, ends) = (format_millis(self.issued), format_millis(self.issued + LIFE));
        let mut writer = Writer::new();
        writer.start(saml("Assertion")).attribute("AssertionID", ASSERTION_ID).attribute("IssueInstant", &issued);
        writer.attribute("Issuer", self.issuer).attribute("MajorVersion", "1").attribute("MinorVersion", "1");
        writer.start(saml("Conditions")).attribute("NotOnOrAfter", &ends);
        writer.start(saml("AudienceRestrictionCondition")).leaf(saml("Audience"), &[], self.audience).end().end();
        writer.start(saml("AuthenticationStatement")).attribute("AuthenticationInstant", &issued);
        writer.attribute("AuthenticationMethod", "urn:oasis:names:tc:SAML:1.0:am:X509-PKI");
        writer.start(saml("Subject")).leaf(saml("NameIdentifier"), &[], "self-attack");
        let method = format!("urn:oasis:names:tc:SAML:1.0:cm:{}", self.method);
        writer.start(saml("SubjectConfirmation")).leaf(saml("ConfirmationMethod"), &[], &method);
        self.key_info(&mut writer);
        writer.end().end().end();
        writer.finish()
    }

    fn key_info(&self, writer: &mut Writer) {
        let ds = |local| Name::new("ds", ns::DS, local);
        writer.start(ds("KeyInfo")).start(ds("X509Data"));
        writer.leaf(ds("X509Certificate"), &[], &base64::encode(self.holder.certificate.der())).end().end();
    }
}

/// The text of the element with this name, as it stands in the message.
pub(super) fn source<'m>(message: &'m str, namespace: &str, local: &str) -> Result<&'m str, String> {
    let document = Document::parse(message, &generous()).map_err(|error| error.to_string())?;
    let range = document.elements().find(|element| element.is(namespace, local)).map(Element::range);
    range.and_then(|range| message.get(range)).ok_or_else(|| format!("the message has no {local}"))
}

/// We made it: no limit of the configuration is meant for it.
fn generous() -> Limits {
    Limits { bytes: usize::MAX, ..Limits::default() }
}

pub(super) const BODY_ID: &str = "Body";
pub(super) const ASSERTION_ID: &str = "_self-attack";
/// What the Body says; the part that an attacker would like to say otherwise.
pub(super) const PAYLOAD: &str = "<v:Say xmlns:v=\"urn:vidimus:self-attack\">good</v:Say>";
const LIFE: Duration = Duration::hours(1);
