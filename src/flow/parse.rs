//! PARSE: bytes become an envelope, of which nothing is believed yet.
//!
//! - in: the bytes as received, limits, the profile of the endpoint
//! - out: an [`Envelope`]: one SOAP envelope, one Security header for us, nothing encrypted
//!
//! Specs: XML 1.0, Namespaces in XML 1.0; SOAP 1.1 §4, SOAP 1.2 part 1 §5; SOAP Message Security
//! 1.1 §5 (header); WS-Addressing 1.0 SOAP binding §3.
//!
//! One parse: everything after this reads the tree that is made here.

use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::profile::{KnownHeader, Profile, SoapVersion};
use crate::model::{CheckId, Fact, Place, Refusal, StepId};
use crate::wire::ns;
use crate::wire::soap;
use crate::wire::xml::{Document, Element, Error, ErrorKind, Limits};

/// An envelope as received. Made by [`envelope`] only; believed by nobody.
///
/// Nobody else can write one down:
///
/// ```compile_fail
/// fn make(envelope: vidimus::flow::parse::Envelope<'_>) {
///     let _made = vidimus::flow::parse::Envelope { ..envelope };
/// }
/// ```
///
/// What can be done with one is to take it, and look at it:
///
/// ```
/// fn make(envelope: vidimus::flow::parse::Envelope<'_>) {
///     let _made = envelope;
/// }
/// ```
#[derive(Debug)]
pub struct Envelope<'d> {
    pub(super) soap: soap::Envelope<'d>,
    pub(super) addressing: soap::Addressing<'d>,
    pub(super) security: Element<'d>,
    /// Nothing, and nobody else's to write down.
    _parsed: (),
}

impl<'d> Envelope<'d> {
    pub fn version(&self) -> soap::Version {
        self.soap.version
    }

    pub fn security(&self) -> Element<'d> {
        self.security
    }

    pub fn has_addressing(&self) -> bool {
        self.addressing.namespace.is_some()
    }

    /// What the sender says the message's id is; for echoing in `RelatesTo` only.
    pub fn claimed_message_id(&self) -> Option<&str> {
        self.addressing.message_id.as_ref().map(|header| header.value.as_str())
    }
}

/// Reads the bytes as XML.
///
/// # Errors
/// [`Stopped`]: no tree, nothing more to say.
pub fn document(bytes: Vec<u8>, limits: &Limits, inquiry: &mut Inquiry) -> Result<Document, Stopped> {
    inquiry.step(StepId::Parse);
    let size = bytes.len();
    match Document::parse(bytes, limits) {
        Ok(document) => {
            inquiry.passed(CheckId::XmlSyntax, facts([Fact::number("found", size)]));
            Ok(document)
        }
        Err(error) => Err(inquiry.stop(xml_refusal(&error, limits, size))),
    }
}

/// Reads the document as an envelope with one Security header for us.
///
/// # Errors
/// [`Stopped`], when it is no such envelope.
pub fn envelope<'d>(document: &'d Document, profile: &Profile, inquiry: &mut Inquiry) -> Result<Envelope<'d>, Stopped> {
    let soap = soap::Envelope::read(document).map_err(|error| inquiry.stop(soap_refusal(document, &error)))?;
    version(&soap, profile, inquiry)?;
    refuse_encryption(&soap, inquiry)?;
    let security = security_header(&soap, inquiry)?;
    understood(&soap, profile, inquiry)?;
    let addressing = soap.addressing().map_err(|error| inquiry.stop(soap_refusal(document, &error)))?;
    Ok(Envelope { soap, addressing, security, _parsed: () })
}

fn version(soap: &soap::Envelope<'_>, profile: &Profile, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let version = match soap.version {
        soap::Version::Soap11 => SoapVersion::Soap11,
        soap::Version::Soap12 => SoapVersion::Soap12,
    };
    inquiry.require(profile.soap_versions.contains(&version), || {
        let offered = profile.soap_versions.iter().map(|version| match version {
            SoapVersion::Soap11 => "SOAP 1.1",
            SoapVersion::Soap12 => "SOAP 1.2",
        });
        Refusal::new(CheckId::SoapVersion)
            .with(Fact::text("found", soap.version.namespace()))
            .with(Fact::list("wanted", offered))
    })?;
    inquiry.passed(CheckId::SoapEnvelopeShape, facts([Fact::text("found", soap.version.as_str())]));
    Ok(())
}

/// Nothing from strangers is decrypted: what is encrypted is refused by name, not by a digest that
/// does not match.
fn refuse_encryption(soap: &soap::Envelope<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    // Most messages declare none of these: then no element is in one.
    let document = soap.element.document();
    if ![ns::XENC, ns::XENC11, ns::WSSE11, ns::SAML2].into_iter().any(|namespace| document.declares(namespace)) {
        return Ok(());
    }
    let Some(element) = soap.element.descendants().find(|element| is_encrypted(*element)) else { return Ok(()) };
    if element.namespace() == ns::SAML2 {
        return inquiry.refuse(Refusal::new(CheckId::AssertionEncrypted).at(place(element)));
    }
    let inside = |name: &str| element.ancestors().any(|ancestor| ancestor.local_name() == name);
    let (stands_in, detail) = if element.is(ns::WSSE11, "EncryptedHeader") {
        ("soap:Header", "the encryption of header blocks (sp:Header in sp:EncryptedParts)")
    } else if inside("SubjectConfirmation") || inside("SubjectConfirmationData") {
        ("the assertion's confirmation", "KeyType SymmetricKey: ask for a token with KeyType PublicKey")
    } else if inside("Body") {
        ("soap:Body", "the encryption of the Body (sp:EncryptedParts, sp:ContentEncryptedElements, action Encrypt)")
    } else if inside("Security") {
        ("wsse:Security", "message encryption (sp:EncryptedParts, sp:EncryptSignature, action Encrypt)")
    } else {
        ("soap:Header", "the encryption of header blocks")
    };
    inquiry.refuse(
        Refusal::new(CheckId::EncryptionPresent)
            .with(Fact::text("element", element.qualified_name()))
            .with(Fact::text("place", stands_in))
            .with(Fact::text("detail", detail))
            .at(place(element)),
    )
}

/// XML Encryption 1.1, WSS 1.1 §9, SAML 2.0 Core §2.2.4, §2.3.4, §2.7.3.2. A ReferenceList alone encrypts nothing.
fn is_encrypted(element: Element<'_>) -> bool {
    match element.namespace() {
        ns::XENC | ns::XENC11 => element.local_name() != "ReferenceList",
        ns::WSSE11 => element.local_name() == "EncryptedHeader",
        ns::SAML2 => matches!(element.local_name(), "EncryptedAssertion" | "EncryptedID" | "EncryptedAttribute"),
        _ => false,
    }
}

/// Exactly one Security header for us (SOAP Message Security 1.1 §5). Two with the same role are
/// an error there; a header for another role is none of ours.
fn security_header<'d>(soap: &soap::Envelope<'d>, inquiry: &mut Inquiry) -> Result<Element<'d>, Stopped> {
    let mut ours = soap.our_blocks().map(|block| block.element).filter(|block| block.is(ns::WSSE, "Security"));
    let Some(security) = ours.next() else {
        let found: Vec<String> = soap.blocks.iter().map(|block| block.element.qualified_name().to_owned()).collect();
        return Err(inquiry.stop(
            Refusal::new(CheckId::SecurityHeader)
                .with(Fact::text("wanted", "none, or the ultimate receiver"))
                .with(Fact::list("found", found)),
        ));
    };
    let more = ours.count();
    inquiry.require(more == 0, || {
        Refusal::new(CheckId::SecurityHeaderSingle).with(Fact::number("count", more + 1)).at(place(security))
    })?;
    inquiry.passed_at(CheckId::SecurityHeader, place_if(inquiry.verbose(), security), Vec::new());
    Ok(security)
}

/// Blocks that must be understood and are not (SOAP 1.1 §4.2.3, SOAP 1.2 §5.2.3).
fn understood(soap: &soap::Envelope<'_>, profile: &Profile, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let named = |block: Element<'_>| {
        profile.headers.iter().any(|known| match known {
            KnownHeader::LibertyFramework => {
                block.is(ns::LIBERTY_SB, "Framework") && block.attribute("", "version") == Some("2.0")
            }
        })
    };
    let known =
        |block: Element<'_>| block.is(ns::WSSE, "Security") || soap::addressing::is_addressing(block) || named(block);
    for block in soap.not_understood(known) {
        inquiry.refuse(
            Refusal::new(CheckId::SoapMustUnderstand)
                .with(Fact::text("element", block.qualified_name()))
                .at(place(block)),
        )?;
    }
    Ok(())
}

fn xml_refusal(error: &Error, limits: &Limits, size: usize) -> Refusal {
    let (check, limit) = match error.kind {
        ErrorKind::Encoding => (CheckId::XmlEncoding, 0),
        ErrorKind::Syntax => (CheckId::XmlSyntax, 0),
        ErrorKind::Character => (CheckId::XmlCharacter, 0),
        ErrorKind::Namespace => (CheckId::XmlNamespace, 0),
        ErrorKind::DuplicateAttribute => (CheckId::XmlDuplicateAttribute, 0),
        ErrorKind::Trailing => (CheckId::XmlTrailing, 0),
        ErrorKind::Doctype => (CheckId::XmlDoctype, 0),
        ErrorKind::Entity => (CheckId::XmlEntity, 0),
        ErrorKind::ProcessingInstruction => (CheckId::XmlProcessingInstruction, 0),
        ErrorKind::LimitBytes => (CheckId::LimitBytes, limits.bytes),
        ErrorKind::LimitDepth => (CheckId::LimitDepth, limits.depth),
        ErrorKind::LimitNodes => (CheckId::LimitNodes, limits.nodes),
        ErrorKind::LimitAttributes => (CheckId::LimitAttributes, limits.attributes),
        ErrorKind::LimitNamespaces => (CheckId::LimitNamespaces, limits.namespaces),
        ErrorKind::LimitName => (CheckId::LimitName, limits.name),
        ErrorKind::LimitCanonicalForm => (CheckId::LimitCanonicalForm, limits.canonical),
    };
    let mut refusal = Refusal::new(check)
        .with(Fact::number("offset", error.offset))
        .with(Fact::text("detail", error.detail.clone()))
        .with(Fact::number("found", size));
    if limit > 0 {
        refusal = refusal.with(Fact::number("limit", limit));
    }
    refusal
}

fn soap_refusal(document: &Document, error: &soap::Error) -> Refusal {
    use soap::ErrorKind as Kind;
    let at = document.element(error.at);
    let shape = |found: String, wanted: &str| {
        Refusal::new(CheckId::SoapEnvelopeShape).with(Fact::text("found", found)).with(Fact::text("wanted", wanted))
    };
    let refusal = match &error.kind {
        Kind::NotAnEnvelope(found) => shape(found.clone(), "soap:Envelope"),
        Kind::UnknownVersion(found) => Refusal::new(CheckId::SoapVersion)
            .with(Fact::text("found", found.clone()))
            .with(Fact::list("wanted", ["SOAP 1.1", "SOAP 1.2"])),
        Kind::HeaderRepeated => shape("a second soap:Header".to_owned(), "soap:Body"),
        Kind::HeaderAfterBody => shape("soap:Header after soap:Body".to_owned(), "the end of the envelope"),
        Kind::BodyMissing => shape("the end of the envelope".to_owned(), "soap:Body"),
        Kind::BodyRepeated => shape("a second soap:Body".to_owned(), "the end of the envelope"),
        Kind::Unexpected(found) => shape(found.clone(), "soap:Header or soap:Body"),
        Kind::StrayText => shape("text".to_owned(), "an element"),
        Kind::MustUnderstand(found) => shape(format!("mustUnderstand=\"{found}\""), "0 or 1"),
        Kind::BodyContent { elements } => Refusal::new(CheckId::SoapBody)
            .with(Fact::number("count", *elements))
            .with(Fact::list("found", at.children().take(8).map(|child| child.qualified_name())))
            .with(Fact::text("wanted", "one request")),
        Kind::AddressingRepeated(found) => Refusal::new(CheckId::AddressingRepeated)
            .with(Fact::text("element", found.clone()))
            .with(Fact::number("count", 2)),
        Kind::AddressingMixed => Refusal::new(CheckId::AddressingRepeated)
            .with(Fact::text("element", "WS-Addressing, in two versions,"))
            .with(Fact::number("count", 2)),
        Kind::Addressing(shape_error) => shape(shape_error.to_string(), "an addressing header with one URI"),
    };
    refusal.at(place(at))
}

/// Where an element stands.
pub(super) fn place(element: Element<'_>) -> Place {
    Place { path: element.path(), bytes: element.range() }
}

/// Where an element stands; the path is spelled out for people only.
pub(super) fn place_if(verbose: bool, element: Element<'_>) -> Place {
    let path = if verbose { element.path() } else { String::new() };
    Place { path, bytes: element.range() }
}

/// The short name of an algorithm that has one: the URI's fragment, `rsa-sha256`.
pub(super) fn short(uri: &str) -> String {
    match uri.rsplit_once('#') {
        Some((_, name)) if !name.is_empty() => name.to_owned(),
        Some((base, _)) => base.rsplit('/').next().unwrap_or(uri).to_owned(),
        None => uri.to_owned(),
    }
}
