//! Signs an envelope as a client does: adds a Security header with Timestamp, token and signature.
//!
//! In: an envelope without Security header, own key and certificate, what to sign and how. Out: the
//! signed bytes; all bytes of the envelope that were there stay as they were, but for ids that the
//! signed parts are given. Specs: SOAP Message Security 1.1 §5-§8, §10; X.509 Token Profile 1.1 §3.

use chrono::{DateTime, Duration, Utc};
use clap::ValueEnum;

use crate::cli::Failure;
use crate::cli::credentials::Credentials;
use crate::wire::base64;
use crate::wire::crypto::{self, DigestAlgorithm, SignatureAlgorithm};
use crate::wire::dsig::sign::{self, How, OverParts, Part, Place, Target};
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Element, Limits, time};

/// What to sign and how.
#[derive(Debug, Clone)]
pub struct Signing {
    /// Names of parts: `Body`, `Timestamp`, `BinarySecurityToken`, or a header block's local name.
    pub parts: Vec<String>,
    /// The key's usual algorithm unless said.
    pub algorithm: Option<SignatureAlgorithm>,
    pub key_reference: KeyReference,
    /// A SAML 2.0 holder-of-key assertion to send and to refer to, in place of the certificate.
    pub assertion: Option<Assertion>,
    pub created: DateTime<Utc>,
    /// How long the message counts.
    pub life: Duration,
}

/// An assertion as it was issued.
#[derive(Debug, Clone)]
pub struct Assertion {
    bytes: Vec<u8>,
    id: String,
}

impl Assertion {
    /// # Errors
    /// When the bytes are no SAML 2.0 assertion.
    pub fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let document = super::inspect::parse(bytes.to_vec())?;
        let root = document.root();
        let id = root.attribute("", "ID").filter(|_| root.is(ns::SAML2, "Assertion")).ok_or_else(|| {
            let says = format!("{} is no SAML 2.0 assertion", root.qualified_name());
            Failure::usage(says, "Give the assertion as `vidimus token request` writes it")
        })?;
        Ok(Self { bytes: root.source().as_bytes().to_vec(), id: id.to_owned() })
    }
}

/// How the message says which key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyReference {
    /// The certificate as a BinarySecurityToken in the header
    Bst,
    /// Issuer and serial number of the certificate
    IssuerSerial,
    /// The certificate's subject key identifier
    Ski,
    /// SHA-1 of the certificate
    Thumbprint,
    /// The certificate inside ds:X509Data
    X509data,
}

/// Algorithms as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    Ed25519,
}

impl From<Algorithm> for SignatureAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::RsaSha256 => Self::RsaSha256,
            Algorithm::RsaSha384 => Self::RsaSha384,
            Algorithm::RsaSha512 => Self::RsaSha512,
            Algorithm::RsaPssSha256 => Self::RsaPssSha256,
            Algorithm::RsaPssSha384 => Self::RsaPssSha384,
            Algorithm::RsaPssSha512 => Self::RsaPssSha512,
            Algorithm::EcdsaSha256 => Self::EcdsaP256Sha256,
            Algorithm::EcdsaSha384 => Self::EcdsaP384Sha384,
            Algorithm::EcdsaSha512 => Self::EcdsaP521Sha512,
            Algorithm::Ed25519 => Self::Ed25519,
        }
    }
}

/// The signed envelope.
///
/// # Errors
/// When the bytes are no envelope or have a Security header, a part is not there, or the key cannot
/// make such a signature.
pub fn sign(envelope: Vec<u8>, signing: &Signing, credentials: &Credentials) -> Result<Vec<u8>, Failure> {
    let certificate = Certificate::parse(credentials.certificate())
        .map_err(|error| Failure::usage(format!("the own certificate cannot be read: {error}"), ""))?;
    let ids = Ids::new();
    let document = super::inspect::parse(envelope)?;
    let with_header = add_security(&document, &security(&document, signing, &certificate, &ids))?;
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    let document = Document::parse(with_header, &limits)
        .map_err(|error| Failure::unexpected(format!("the Security header does not fit in: {error}")))?;
    let security = document.elements().find(|element| element.is(ns::WSSE, "Security"));
    let security = security.ok_or_else(|| Failure::unexpected("the Security header went missing"))?;
    let parts: Result<Vec<_>, _> = signing.parts.iter().map(|name| part(&document, name, &ids)).collect();
    let key_info = match &signing.assertion {
        Some(assertion) => of_assertion(assertion, &ids),
        None => key_info(signing.key_reference, &certificate, &ids),
    }?;
    let what = OverParts {
        parts: &parts?,
        place: Place::LastIn(security.id()),
        algorithm: signing.algorithm.unwrap_or_else(|| credentials.key().default_algorithm()),
        digest: DigestAlgorithm::Sha256,
        prefixes: &[],
        id: None,
        key_info: &key_info,
    };
    sign::sign_parts(&document, &what, credentials.key())
        .map_err(|error| Failure::usage(format!("nothing was signed: {error}"), "Choose an --algorithm for this key"))
}

/// The ids that our own elements get, different for each message.
struct Ids {
    timestamp: String,
    token: String,
    reference: String,
}

impl Ids {
    fn new() -> Self {
        let random: [u8; 8] = crypto::random();
        let random = crate::wire::hex::encode(&random);
        Self { timestamp: format!("TS-{random}"), token: format!("X509-{random}"), reference: format!("STR-{random}") }
    }
}

/// The Security header, without the signature.
fn security(document: &Document, signing: &Signing, certificate: &Certificate, ids: &Ids) -> Vec<u8> {
    let root = document.root();
    // The root's own prefix, unless it is the default namespace, which attributes do not have.
    let soap = if root.prefix().is_empty() { "env" } else { root.prefix() };
    let mut writer = Writer::new();
    writer.start(wsse("Security")).attribute_of(Name::new(soap, root.namespace(), "mustUnderstand"), "1");
    writer.declare("wsu", ns::WSU);
    writer.start(wsu("Timestamp")).attribute_of(wsu("Id"), &ids.timestamp);
    writer.leaf(wsu("Created"), &[], &time::format_millis(signing.created));
    writer.leaf(wsu("Expires"), &[], &time::format_millis(signing.created + signing.life));
    writer.end();
    if let Some(assertion) = &signing.assertion {
        writer.raw(&assertion.bytes);
    } else if signing.key_reference == KeyReference::Bst {
        writer.start(wsse("BinarySecurityToken")).attribute_of(wsu("Id"), &ids.token);
        writer.attribute("EncodingType", ns::BASE64_BINARY).attribute("ValueType", ns::X509_V3);
        writer.text(&base64::encode(certificate.der())).end();
    }
    writer.finish()
}

/// `document` with `security` as the last header block; with a Header if there was none.
fn add_security(document: &Document, security: &[u8]) -> Result<Vec<u8>, Failure> {
    let root = document.root();
    let is_soap = root.local_name() == "Envelope" && matches!(root.namespace(), ns::SOAP11 | ns::SOAP12);
    let body = root.child(root.namespace(), "Body").filter(|_| is_soap);
    let body = body.ok_or_else(|| {
        Failure::usage(format!("{} is no SOAP envelope with a Body", root.qualified_name()), "Give an envelope to sign")
    })?;
    let bytes = document.bytes();
    let name =
        |local: &str| if root.prefix().is_empty() { local.to_owned() } else { format!("{}:{local}", root.prefix()) };
    let (at, skip, new) = match root.child(root.namespace(), "Header") {
        None => {
            let (open, close) = (format!("<{}>", name("Header")), format!("</{}>", name("Header")));
            let header = [open.as_bytes(), security, close.as_bytes()];
            (body.range().start, 0, header.concat())
        }
        Some(header) if header.children_named(ns::WSSE, "Security").next().is_some() => {
            return Err(Failure::usage(
                "the envelope has a wsse:Security header already",
                "Give the envelope unsigned",
            ));
        }
        Some(header) => in_header(header, security),
    };
    let (before, after) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    Ok([before, &new, after.get(skip..).unwrap_or_default()].concat())
}

/// Where the Header's content ends, how many bytes are replaced there, and by what.
fn in_header(header: Element<'_>, security: &[u8]) -> (usize, usize, Vec<u8>) {
    let end = header.range().end;
    if header.source().ends_with("/>") {
        let close = format!("</{}>", header.qualified_name());
        return (end - 2, 2, [b">", security, close.as_bytes()].concat());
    }
    let close = header.source().rfind("</").map_or(end, |offset| header.range().start + offset);
    (close, 0, security.to_vec())
}

fn part<'a>(document: &Document, name: &str, ids: &'a Ids) -> Result<Part<'a>, Failure> {
    let of = |target, how| Ok(Part { target, how, prefixes: &[] });
    match name {
        "Timestamp" => return of(Target::Id(&ids.timestamp), How::Exclusive),
        "BinarySecurityToken" => return of(Target::Id(&ids.token), How::Exclusive),
        "SecurityTokenReference" | "Assertion" => return of(Target::Id(&ids.reference), How::Token),
        _ => {}
    }
    let root = document.root();
    let found = if name == "Body" {
        root.child(root.namespace(), "Body")
    } else {
        let header = root.child(root.namespace(), "Header");
        header.and_then(|header| header.children().find(|block| block.local_name() == name))
    };
    match found {
        Some(element) => of(Target::Element(element.id()), How::Exclusive),
        None => Err(Failure::usage(
            format!("there is no `{name}` to sign"),
            "Name parts that are there: Body, Timestamp, BinarySecurityToken, SecurityTokenReference, or a header block such as To",
        )),
    }
}

fn key_info(how: KeyReference, certificate: &Certificate, ids: &Ids) -> Result<String, Failure> {
    let mut writer = Writer::new();
    writer.start(ds("KeyInfo")).start(wsse("SecurityTokenReference"));
    writer.attribute_of(wsu("Id"), &ids.reference);
    let identifier = [("EncodingType", ns::BASE64_BINARY), ("ValueType", ns::THUMBPRINT_SHA1)];
    match how {
        KeyReference::Bst => {
            let uri = format!("#{}", ids.token);
            writer.leaf(wsse("Reference"), &[("URI", &uri), ("ValueType", ns::X509_V3)], "");
        }
        KeyReference::IssuerSerial => {
            writer.start(ds("X509Data")).start(ds("X509IssuerSerial"));
            writer.leaf(ds("X509IssuerName"), &[], &certificate.issuer().to_string());
            writer.leaf(ds("X509SerialNumber"), &[], &certificate.serial().to_string());
            writer.end().end();
        }
        KeyReference::Ski => {
            let ski = certificate.subject_key_identifier().ok_or_else(|| {
                Failure::usage("the own certificate has no subject key identifier", "Choose another --key-reference")
            })?;
            let [encoding, _] = identifier;
            let attributes = [encoding, ("ValueType", ns::X509_SUBJECT_KEY_IDENTIFIER)];
            writer.leaf(wsse("KeyIdentifier"), &attributes, &base64::encode(ski));
        }
        KeyReference::Thumbprint => {
            writer.leaf(wsse("KeyIdentifier"), &identifier, &base64::encode(&certificate.thumbprint_sha1()));
        }
        KeyReference::X509data => {
            writer.start(ds("X509Data"));
            writer.leaf(ds("X509Certificate"), &[], &base64::encode(certificate.der()));
            writer.end();
        }
    }
    String::from_utf8(writer.finish()).map_err(|error| Failure::unexpected(error.to_string()))
}

/// BSP 1.1 R6611 wants the TokenType, R6604 no EncodingType.
fn of_assertion(assertion: &Assertion, ids: &Ids) -> Result<String, Failure> {
    let mut writer = Writer::new();
    writer.start(ds("KeyInfo")).start(wsse("SecurityTokenReference"));
    writer.attribute_of(wsu("Id"), &ids.reference);
    writer.attribute_of(Name::new("wsse11", ns::WSSE11, "TokenType"), ns::SAML20_TOKEN);
    writer.leaf(wsse("KeyIdentifier"), &[("ValueType", ns::SAML20_ASSERTION_ID)], &assertion.id);
    String::from_utf8(writer.finish()).map_err(|error| Failure::unexpected(error.to_string()))
}

const fn wsse(local: &str) -> Name<'_> {
    Name::new("wsse", ns::WSSE, local)
}

const fn wsu(local: &str) -> Name<'_> {
    Name::new("wsu", ns::WSU, local)
}

const fn ds(local: &str) -> Name<'_> {
    Name::new("ds", ns::DS, local)
}
