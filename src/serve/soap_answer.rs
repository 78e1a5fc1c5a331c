//! ANSWER at the SOAP door: from `Recorded<Outcome>` to bytes.
//!
//! One answer shape for all known clients (`reference/wstrust.md` 3.6): every namespace declared
//! on the assertion, no CR anywhere, Lifetime and KeyType always, references attached and
//! unattached, addressing headers when the request had any. An issued token comes in a signed
//! envelope when the request was signed and the profile says so; faults are not signed.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Duration;

use crate::audit::Recorded;
use crate::flow::issue_request::{Echo, uri};
use crate::flow::parse::Envelope;
use crate::flow::profile::door::{AnswerShape, AnswerSignature, TellRule};
use crate::flow::sign::Issued;
use crate::flow::sts::Sts;
use crate::model::{Algorithm, KeyPurpose, Reference, Refusal, Time, TokenType};
use crate::serve::SoapDoor;
use crate::serve::outcome::{Outcome, Unrecorded};
use crate::serve::soap_fault::{self, FaultCode};
use crate::tokens::Token;
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
use crate::wire::dsig::sign::{How, OverParts, Part, Place, Target, draft_parts};
use crate::wire::ns;
use crate::wire::soap::{self, NewAddressing, NewEnvelope, NewFault, Version};
use crate::wire::wsse::{NewBinarySecurityToken, NewReference, NewSecurityHeader, NewTimestamp};
use crate::wire::wst::{Address, KeyType, NewResponse, TrustVersion, Wrapping};
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Limits};

/// What the answer must know of the request, as far as it was read.
#[derive(Debug)]
pub struct Reply {
    version: Version,
    /// The request had addressing headers, so the answer has.
    addressing: bool,
    relates_to: Option<String>,
    pub echo: Option<Echo>,
}

impl Reply {
    /// Before anything is read, the Content-Type tells which SOAP to answer in.
    pub fn to(content_type: Option<&str>) -> Self {
        let soap12 = content_type.is_some_and(|found| found.trim_start().starts_with("application/soap+xml"));
        let version = if soap12 { Version::Soap12 } else { Version::Soap11 };
        Self { version, addressing: false, relates_to: None, echo: None }
    }

    /// The envelope is read: its own version and message id count.
    pub fn read(&mut self, envelope: &Envelope<'_>) {
        self.version = envelope.version();
        self.addressing = envelope.has_addressing();
        self.relates_to = envelope.claimed_message_id().map(str::to_owned);
    }
}

/// The answer to a request whose outcome is on record.
pub(super) async fn recorded(
    recorded: &Recorded<Outcome>,
    reply: &Reply,
    sts: &Sts,
    door: &SoapDoor,
    now: Time,
) -> Response {
    match recorded.outcome() {
        Outcome::Refused(refusal) => refused(refusal, recorded.reference(), reply, door),
        Outcome::Issued(token) => match issued(token, reply, sts, door, now).await {
            Some(bytes) => answer(StatusCode::OK, reply.version, bytes),
            None => unrecorded(Unrecorded::AuditDown, reply),
        },
    }
}

/// The answer when nothing can be put on record: nothing is known of the request.
pub(super) fn unrecorded(unrecorded: Unrecorded, reply: &Reply) -> Response {
    let Unrecorded::AuditDown = unrecorded;
    let code = FaultCode { namespace: "", prefix: "soap", local: "Server", ours: true };
    let words = "The request cannot be answered now: try again later. [UNAVAILABLE]";
    let mut response = fault(StatusCode::SERVICE_UNAVAILABLE, &code, words, None, reply);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn refused(refusal: &Refusal, reference: Reference, reply: &Reply, door: &SoapDoor) -> Response {
    let code = soap_fault::code(refusal);
    let full = door.rules.answer.tell == TellRule::Full;
    let words = soap_fault::words(refusal, reference, full);
    let detail = detail(refusal, reference);
    let status = match (code.ours, reply.version) {
        (true, _) => StatusCode::SERVICE_UNAVAILABLE,
        // SOAP 1.1 §6.2: a fault is always 500. SOAP 1.2 part 2 §7.5.2: the sender's are 400.
        (false, Version::Soap11) => StatusCode::INTERNAL_SERVER_ERROR,
        (false, Version::Soap12) if matches!(code.local, "MustUnderstand" | "VersionMismatch") => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        (false, Version::Soap12) => StatusCode::BAD_REQUEST,
    };
    let mut response = fault(status, &code, &words, Some(&detail), reply);
    if code.ours {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn fault(status: StatusCode, code: &FaultCode, words: &str, detail: Option<&[u8]>, reply: &Reply) -> Response {
    let who = match (code.local, code.ours) {
        ("MustUnderstand", _) => soap::FaultCode::MustUnderstand,
        ("VersionMismatch", _) => soap::FaultCode::VersionMismatch,
        (_, true) => soap::FaultCode::Receiver,
        (_, false) => soap::FaultCode::Sender,
    };
    let subcode = (!code.namespace.is_empty()).then(|| Name::new(code.prefix, code.namespace, code.local));
    let payload =
        NewFault { version: reply.version, code: who, subcode, reason: words, language: "en", detail }.write();
    let message_id = message_id();
    let action = if code.namespace == ns::WSA { ns::WSA_FAULT } else { ns::WSA_SOAP_FAULT };
    let envelope = NewEnvelope {
        version: reply.version,
        addressing: addressing(reply, action, &message_id, false),
        security: None,
        body_id: None,
        payload: &payload,
    };
    answer(status, reply.version, envelope.write())
}

/// Code and reference for programs; the words are in the reason.
fn detail(refusal: &Refusal, reference: Reference) -> Vec<u8> {
    let name = |local| Name::new("v", "urn:vidimus:fault:1", local);
    let mut writer = Writer::new();
    writer.start(name("Refusal"));
    writer.leaf(name("Code"), &[], refusal.code().as_str());
    writer.leaf(name("Reference"), &[], &reference.to_string());
    writer.finish()
}

/// `None` when the answer had to be signed and could not be: then no token leaves.
async fn issued(issued: &Issued, reply: &Reply, sts: &Sts, door: &SoapDoor, now: Time) -> Option<Vec<u8>> {
    let payload = response(issued, reply, door);
    let sign = match door.rules.answer.signed {
        AnswerSignature::Never => false,
        // Every request that got this far was signed: nothing else is taken.
        AnswerSignature::IfRequestSigned | AnswerSignature::Always => true,
    };
    let message_id = message_id();
    let answer_action = door.rules.actions.issue.answer.as_str();
    let key = if sign { Some(sts.keys.active(KeyPurpose::SoapAnswers)?) } else { None };
    let security = NewSecurityHeader {
        version: reply.version,
        timestamp: Some(NewTimestamp { id: "TS-1", created: now, expires: now + ANSWER_LIFETIME }),
        binary_security_token: key
            .as_ref()
            .and_then(|key| key.chain.first())
            .map(|certificate| NewBinarySecurityToken { id: "X509-1", certificate }),
        assertion: None,
    }
    .write();
    let envelope = NewEnvelope {
        version: reply.version,
        addressing: addressing(reply, answer_action, &message_id, sign),
        security: Some(&security),
        body_id: sign.then_some("Body-1"),
        payload: &payload,
    }
    .write();
    let Some(key) = key else { return Some(envelope) };
    let algorithm = match key.algorithm {
        Algorithm::RsaSha256 => SignatureAlgorithm::RsaSha256,
        Algorithm::EcdsaP256Sha256 => SignatureAlgorithm::EcdsaP256Sha256,
        Algorithm::Ed25519 => SignatureAlgorithm::Ed25519,
    };
    let draft = draft(envelope, algorithm)?;
    match sts.keys.sign(&key, draft.to_sign()).await {
        Ok(signature) => Some(draft.seal(&signature)),
        Err(error) => {
            tracing::error!(%error, "an answer could not be signed; its token stays here");
            None
        }
    }
}

/// The signature over Timestamp, Body and addressing headers, after the token that it refers to
/// (BSP 1.1 R5205).
fn draft(envelope: Vec<u8>, algorithm: SignatureAlgorithm) -> Option<crate::wire::dsig::sign::Draft> {
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    let document = Document::parse(envelope, &limits).ok()?;
    let envelope = soap::Envelope::read(&document).ok()?;
    let security = envelope.our_blocks().map(|block| block.element).find(|block| block.is(ns::WSSE, "Security"))?;
    let timestamp = security.child(ns::WSU, "Timestamp")?;
    let mut nodes = vec![timestamp.id(), envelope.body.id()];
    let addressing = envelope.our_blocks().map(|block| block.element).filter(|block| block.namespace() == ns::WSA);
    nodes.extend(addressing.map(|block| block.id()));
    let parts: Vec<Part<'_>> = nodes
        .into_iter()
        .map(|node| Part { target: Target::Element(node), how: How::Exclusive, prefixes: &[] })
        .collect();
    let mut key_info = Writer::new();
    key_info.start(Name::new("ds", ns::DS, "KeyInfo"));
    NewReference::BinarySecurityToken("X509-1").write_to(&mut key_info);
    let key_info = String::from_utf8(key_info.finish()).ok()?;
    let what = OverParts {
        parts: &parts,
        place: Place::LastIn(security.id()),
        algorithm,
        digest: DigestAlgorithm::Sha256,
        prefixes: &[],
        id: Some("SIG-1"),
        key_info: &key_info,
    };
    draft_parts(&document, &what)
        .inspect_err(|error| tracing::error!(%error, "an answer could not be drafted; its token stays here"))
        .ok()
}

fn response(issued: &Issued, reply: &Reply, door: &SoapDoor) -> Vec<u8> {
    let terms = issued.terms();
    let echo = reply.echo.as_ref();
    let token_type = echo.and_then(|echo| echo.token_type.as_deref()).unwrap_or(uri(terms.token_type));
    let applies_to = echo.and_then(|echo| echo.applies_to.as_ref());
    NewResponse {
        version: TrustVersion::Trust13,
        wrapping: match door.rules.answer.shape {
            AnswerShape::Collection => Wrapping::Collection,
            AnswerShape::Single => Wrapping::Single,
        },
        context: echo.and_then(|echo| echo.context.as_deref()),
        token_type,
        token: &element(issued.token()),
        assertion_id: (terms.token_type == TokenType::Saml2).then_some(terms.token_id.as_str()),
        applies_to: applies_to.map(|(policy, address)| Address { policy, addressing: ns::WSA, address }),
        created: terms.validity.not_before,
        expires: terms.validity.not_on_or_after,
        key_type: KeyType::PublicKey,
    }
    .write()
}

/// The token as RequestedSecurityToken holds it: one element (WS-Trust 1.3 §3.2). A JWT is text, so it travels in a
/// BinarySecurityToken, as WIF writes and reads it.
fn element(token: &Token) -> Cow<'_, [u8]> {
    match token.token_type {
        TokenType::Saml2 => Cow::Borrowed(&token.bytes),
        TokenType::AccessToken => {
            let mut writer = Writer::new();
            writer.start(Name::new("wsse", ns::WSSE, "BinarySecurityToken"));
            writer.attribute("EncodingType", ns::BASE64_BINARY).attribute("ValueType", JWT);
            writer.attribute_of(Name::new("wsu", ns::WSU, "Id"), "Token-1");
            writer.text(&base64::encode(&token.bytes));
            Cow::Owned(writer.finish())
        }
    }
}

fn addressing<'a>(reply: &'a Reply, action: &'a str, message_id: &'a str, with_ids: bool) -> Option<NewAddressing<'a>> {
    reply.addressing.then_some(NewAddressing {
        action,
        message_id,
        to: ns::WSA_ANONYMOUS,
        relates_to: reply.relates_to.as_deref(),
        with_ids,
    })
}

fn message_id() -> String {
    format!("urn:uuid:{}", Reference::new())
}

fn answer(status: StatusCode, version: Version, bytes: Vec<u8>) -> Response {
    let content_type = match version {
        Version::Soap11 => "text/xml; charset=utf-8",
        Version::Soap12 => "application/soap+xml; charset=utf-8",
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, bytes).into_response()
}

/// How long a signed answer counts.
const ANSWER_LIFETIME: Duration = Duration::seconds(300);
/// RFC 7519 §10.2.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_travels_as_an_element_and_an_assertion_as_it_is() {
        let token = |token_type, bytes: &[u8]| Token { token_type, token_id: "_1".into(), bytes: bytes.into() };
        let assertion = token(TokenType::Saml2, b"<a></a>");
        assert_eq!(*element(&assertion), *assertion.bytes);
        let jwt = token(TokenType::AccessToken, b"e30.e30.AA");
        let document = Document::parse(element(&jwt).into_owned(), &Limits::default()).unwrap();
        let root = document.root();
        assert!(root.is(ns::WSSE, "BinarySecurityToken"));
        assert_eq!(root.attribute("", "ValueType"), Some(JWT));
        assert_eq!(base64::decode_xml(&root.text().unwrap()).unwrap(), jwt.bytes);
    }
}
