//! A relying SOAP service: of Vidimus it uses [`crate::wire`] and nothing else.
//!
//! It knows the issuer's certificate and its own name. In: a SOAP message that carries a SAML 2.0
//! holder-of-key assertion and is signed with the key that the assertion names. Out: an employer,
//! or a fault that says what was missing. It believes what two signatures cover (the issuer's: the
//! assertion; the holder's: Body, Timestamp and assertion) and nothing else. It keeps no memory of
//! messages: a service whose calls change something must refuse those it has seen.

use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::wire::crypto::PublicKey;
use crate::wire::dsig::Signature;
use crate::wire::ns;
use crate::wire::saml::{Assertion, ConfirmationMethod};
use crate::wire::soap::Envelope;
use crate::wire::wsse::{SamlVersion, SecurityHeader, SecurityTokenReference, Timestamp, TokenReference, is_security};
use crate::wire::xml::time;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Element, Limits};

/// The service's own name: the audience of the assertions that it takes.
pub const AUDIENCE: &str = "https://employers.demo.example";

/// The namespace of its messages.
pub const NAMESPACE: &str = "urn:vidimus:demo:employers";

/// The service: whose assertions it takes.
pub struct SoapService {
    issuer: PublicKey,
    limits: Limits,
}

/// Who asks, for whom, and about which employer; all of it signed.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    subject: String,
    number: String,
}

/// Why a message is not served: a sentence for the caller.
type Refused = String;

impl SoapService {
    /// A service that takes assertions signed with the key of this certificate (PEM).
    ///
    /// # Errors
    /// A sentence, when there is no certificate.
    pub fn new(issuer_certificate: &[u8]) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(issuer_certificate);
        let certificate = certificate.map_err(|error| format!("the issuer's certificate is no PEM: {error}"))?;
        let issuer = PublicKey::from_certificate(&certificate)
            .map_err(|error| format!("the key of the issuer's certificate: {error}"))?;
        Ok(Self { issuer, limits: Limits::default() })
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            return reply(StatusCode::METHOD_NOT_ALLOWED, Vec::new());
        }
        match self.judge(request.body(), Utc::now()) {
            Ok(call) => employer(&call),
            Err(why) => reply(StatusCode::INTERNAL_SERVER_ERROR, fault("wsse:FailedCheck", &why)),
        }
    }

    /// The call in this message, when both signatures and all conditions hold.
    fn judge(&self, bytes: &[u8], now: DateTime<Utc>) -> Result<Call, Refused> {
        let document = Document::parse(bytes, &self.limits).map_err(|error| error.to_string())?;
        let envelope = Envelope::read(&document).map_err(|error| error.to_string())?;
        if let [unknown, ..] = envelope.not_understood(is_security).as_slice() {
            return Err(format!("the header {} must be understood and is not", unknown.qualified_name()));
        }
        let header = SecurityHeader::read(&envelope).map_err(|error| error.to_string())?;
        let header = header.ok_or("the message has no Security header")?;
        let assertion = only(&header.assertions, "assertion")?;
        let signature = only(&header.signatures, "signature beside the assertion")?;
        let timestamp = only(&header.timestamps, "Timestamp")?;

        let assertion = Assertion::read(assertion).map_err(|error| format!("the assertion: {error}"))?;
        self.issued(&assertion)?;
        in_force(&assertion, now)?;
        let holder = holder(&assertion)?;
        self.signed(signature, &assertion, &holder, &[envelope.body, timestamp, assertion.element])?;
        fresh(timestamp, now)?;
        call(&assertion, envelope.payload)
    }

    /// The issuer signed this assertion: one enveloped signature over the element itself.
    fn issued(&self, assertion: &Assertion<'_>) -> Result<(), Refused> {
        let signature = assertion.signature.ok_or("the assertion is not signed")?;
        let covered = self.covered(signature, &self.issuer).map_err(|why| format!("the assertion: {why}"))?;
        if covered == [assertion.element] {
            Ok(())
        } else {
            Err("the assertion's signature covers something else".to_owned())
        }
    }

    /// The holder signed these parts of the message, and named the assertion as its key.
    fn signed(
        &self,
        signature: Element<'_>,
        assertion: &Assertion<'_>,
        holder: &PublicKey,
        parts: &[Element<'_>],
    ) -> Result<(), Refused> {
        let key_info = signature.child(ns::DS, "KeyInfo").ok_or("the message's signature names no key")?;
        let reference = SecurityTokenReference::from_key_info(key_info).map_err(|error| error.to_string())?;
        let named = match &reference.target {
            TokenReference::Assertion { id, version: SamlVersion::Saml2 } => id.as_str(),
            TokenReference::Direct { id, .. } => id,
            other => return Err(format!("the message's key is named by {}, not by the assertion", other.style())),
        };
        if assertion.id != named {
            return Err(format!("the message's signature names the token {named}, the assertion is another"));
        }
        let covered = self.covered(signature, holder).map_err(|why| format!("the message: {why}"))?;
        match parts.iter().find(|part| !covered.contains(part)) {
            None => Ok(()),
            Some(part) => Err(format!("{} is not signed by the holder of the key", part.qualified_name())),
        }
    }

    /// What a signature covers, when its value holds under `key` and every digest is right.
    fn covered<'d>(&self, signature: Element<'d>, key: &PublicKey) -> Result<Vec<Element<'d>>, Refused> {
        let signature = Signature::parse(signature, &self.limits).map_err(|error| error.to_string())?;
        if signature.verify_value(key, &self.limits).is_err() {
            return Err("the signature does not hold under the key".to_owned());
        }
        let mut covered = Vec::new();
        for reference in signature.references() {
            let digest = reference.digest(&self.limits).map_err(|error| error.to_string())?;
            if !digest.matches {
                let uri = reference.uri.unwrap_or_default();
                return Err(format!("the digest of {uri} differs: it was changed after signing"));
            }
            covered.push(digest.covered);
        }
        Ok(covered)
    }
}

/// The assertion's conditions: now, for us, and none that we do not know (SAML 2.0 Core §2.5.1).
fn in_force(assertion: &Assertion<'_>, now: DateTime<Utc>) -> Result<(), Refused> {
    let conditions = &assertion.conditions;
    if conditions.not_before.is_some_and(|begins| now + SKEW < begins) {
        return Err("the assertion is not valid yet".to_owned());
    }
    let ends = conditions.not_on_or_after.ok_or("the assertion never ends")?;
    if now >= ends + SKEW {
        return Err(format!("the assertion expired at {}", time::format_millis(ends)));
    }
    if let Some(unknown) = conditions.unknown.first() {
        return Err(format!("the assertion has a condition that is unknown here: {unknown}"));
    }
    let audiences = assertion.audiences().ok_or("the assertion names no audience")?;
    if audiences.contains(&AUDIENCE) {
        Ok(())
    } else {
        Err(format!("the assertion is for {}, this service is {AUDIENCE}", audiences.join(", ")))
    }
}

/// The key that the holder must use: the assertion has one confirmation, it is holder-of-key, and
/// it shows one key. A bearer confirmation beside it would let anybody use the assertion.
fn holder(assertion: &Assertion<'_>) -> Result<PublicKey, Refused> {
    let [confirmation] = assertion.subject.confirmations.as_slice() else {
        return Err("the assertion has not just one SubjectConfirmation".to_owned());
    };
    if confirmation.method != ConfirmationMethod::HolderOfKey {
        return Err("the assertion is not holder-of-key: whoever has it could use it".to_owned());
    }
    let [key] = confirmation.keys.as_slice() else {
        return Err("the assertion has not just one holder's key".to_owned());
    };
    PublicKey::from_spki(&key.spki).map_err(|error| error.to_string())
}

/// What is asked, and by whom.
fn call(assertion: &Assertion<'_>, payload: Element<'_>) -> Result<Call, Refused> {
    if !payload.is(NAMESPACE, "GetEmployer") {
        return Err(format!("the Body holds {}, this service answers GetEmployer", payload.qualified_name()));
    }
    let number = payload.child(NAMESPACE, "Number").and_then(Element::text).ok_or("GetEmployer has no Number")?;
    let subject = assertion.subject.name_id.as_ref().ok_or("the assertion names no subject")?;
    Ok(Call { subject: subject.value.clone(), number: number.trim().to_owned() })
}

/// The message is of these minutes.
fn fresh(timestamp: Element<'_>, now: DateTime<Utc>) -> Result<(), Refused> {
    let timestamp = Timestamp::read(timestamp).map_err(|error| error.to_string())?;
    if timestamp.created > now + SKEW {
        return Err("the Timestamp lies in the future".to_owned());
    }
    let longest = timestamp.created + LIFETIME;
    let ends = timestamp.expires.map_or(longest, |expires| expires.min(longest));
    if now >= ends + SKEW { Err("the Timestamp has expired".to_owned()) } else { Ok(()) }
}

fn only<'d>(elements: &[Element<'d>], what: &str) -> Result<Element<'d>, Refused> {
    match elements {
        [one] => Ok(*one),
        [] => Err(format!("the message has no {what}")),
        more => Err(format!("the message has {} times {what}", more.len())),
    }
}

/// The answer to a caller who may.
fn employer(call: &Call) -> Response<Full<Bytes>> {
    let Some((number, name, workers)) = EMPLOYERS.iter().find(|(known, ..)| *known == call.number) else {
        let body = fault("soap:Client", &format!("no employer has the number {}", call.number));
        return reply(StatusCode::INTERNAL_SERVER_ERROR, body);
    };
    let mut writer = Writer::new();
    open(&mut writer);
    writer.start(ours("GetEmployerResponse"));
    writer.leaf(ours("Number"), &[], number);
    writer.leaf(ours("Name"), &[], name);
    writer.leaf(ours("Workers"), &[], &workers.to_string());
    writer.leaf(ours("AskedBy"), &[], &call.subject);
    writer.end().end().end();
    reply(StatusCode::OK, writer.finish())
}

/// A SOAP 1.1 fault.
fn fault(code: &str, why: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    open(&mut writer);
    writer.start(Name::new("soap", ns::SOAP11, "Fault")).declare("wsse", ns::WSSE);
    writer.leaf(Name::new("", "", "faultcode"), &[], code);
    writer.leaf(Name::new("", "", "faultstring"), &[], why);
    writer.end().end().end();
    writer.finish()
}

/// The envelope and its Body.
fn open(writer: &mut Writer) {
    writer.start(Name::new("soap", ns::SOAP11, "Envelope")).start(Name::new("soap", ns::SOAP11, "Body"));
}

fn ours(local: &str) -> Name<'_> {
    Name::new("e", NAMESPACE, local)
}

fn reply(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

/// Number, name, workers: the register that this service opens.
const EMPLOYERS: [(&str, &str, u32); 2] = [("0123456749", "Bakkerij Peeters", 12), ("0999999922", "Garage Maes", 4)];

const SKEW: TimeDelta = TimeDelta::seconds(30);
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::message::{self, Identity, Token};
    use crate::wire::base64;
    use crate::wire::crypto::{self, PrivateKey};

    /// What may differ from a good call.
    #[derive(Clone)]
    struct Recipe {
        audience: &'static str,
        method: &'static str,
        expires: &'static str,
        /// Whether the issuer's key signs the assertion; another does otherwise.
        issued: bool,
        /// Whether the holder's key signs the message; another does otherwise.
        held: bool,
    }

    const GOOD: Recipe = Recipe {
        audience: AUDIENCE,
        method: ns::SAML2_HOLDER_OF_KEY,
        expires: "2026-11-22T12:15:00Z",
        issued: true,
        held: true,
    };

    fn now() -> DateTime<Utc> {
        time::parse("2026-11-22T12:00:00Z").unwrap()
    }

    fn identity() -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        Identity {
            key: PrivateKey::from_pkcs8_der(key.serialized_der()).unwrap(),
            certificate: certificate.der().to_vec(),
        }
    }

    /// The service and one message for it.
    fn forged(recipe: &Recipe) -> (SoapService, Vec<u8>) {
        let (issuer, holder, stranger) = (identity(), identity(), identity());
        let unsigned = assertion(recipe, &holder, &[]);
        let signer = if recipe.issued { &issuer } else { &stranger };
        let signed = assertion(recipe, &holder, &enveloped(&signer.key, &unsigned));
        let mut reference = Writer::new();
        reference.start(Name::new("wsse", ns::WSSE, "SecurityTokenReference"));
        let identifier = [("ValueType", ns::SAML20_ASSERTION_ID)];
        reference.leaf(Name::new("wsse", ns::WSSE, "KeyIdentifier"), &identifier, "_a").end();
        let token = Token { id: "_a", bytes: &signed, reference: &reference.finish() };
        let signer = if recipe.held { &holder } else { &stranger };
        let message = message::call(signer, &token, "0123456749", now()).unwrap();
        let service = SoapService { issuer: issuer.key.public().clone(), limits: Limits::default() };
        (service, message)
    }

    fn assertion(recipe: &Recipe, holder: &Identity, signature: &[u8]) -> Vec<u8> {
        let saml = |local| Name::new("saml", ns::SAML2, local);
        let ds = |local| Name::new("ds", ns::DS, local);
        let mut writer = Writer::new();
        writer.start(saml("Assertion")).attribute("ID", "_a").attribute("Version", "2.0");
        writer.attribute("IssueInstant", "2026-11-22T12:00:00Z").leaf(saml("Issuer"), &[], "https://sts.example");
        writer.raw(signature);
        writer.start(saml("Subject")).leaf(saml("NameID"), &[], "cbe:0400000185");
        writer.start(saml("SubjectConfirmation")).attribute("Method", recipe.method);
        writer.start(saml("SubjectConfirmationData")).start(ds("KeyInfo")).start(ds("X509Data"));
        writer.leaf(ds("X509Certificate"), &[], &base64::encode(&holder.certificate));
        writer.end().end().end().end().end();
        writer.start(saml("Conditions")).attribute("NotOnOrAfter", recipe.expires).start(saml("AudienceRestriction"));
        writer.leaf(saml("Audience"), &[], recipe.audience).end().end().end();
        writer.finish()
    }

    fn enveloped(key: &PrivateKey, assertion: &[u8]) -> Vec<u8> {
        let ds = |local| Name::new("ds", ns::DS, local);
        let mut writer = Writer::new();
        writer.start(ds("SignedInfo"));
        writer.leaf(ds("CanonicalizationMethod"), &[("Algorithm", ns::EXC_C14N)], "");
        writer.leaf(ds("SignatureMethod"), &[("Algorithm", key.default_algorithm().uri())], "");
        writer.start(ds("Reference")).attribute("URI", "#_a").start(ds("Transforms"));
        writer.leaf(ds("Transform"), &[("Algorithm", ns::ENVELOPED_SIGNATURE)], "");
        writer.leaf(ds("Transform"), &[("Algorithm", ns::EXC_C14N)], "").end();
        writer.leaf(ds("DigestMethod"), &[("Algorithm", ns::SHA256)], "");
        writer.leaf(ds("DigestValue"), &[], &base64::encode(&crypto::sha256(assertion))).end().end();
        let signed_info = writer.finish();
        let value = key.sign(key.default_algorithm(), &signed_info).unwrap();
        let mut writer = Writer::new();
        writer.start(ds("Signature")).raw(&signed_info).leaf(ds("SignatureValue"), &[], &base64::encode(&value)).end();
        writer.finish()
    }

    #[test]
    fn serves_the_holder_of_the_key() {
        let (service, message) = forged(&GOOD);
        let call = service.judge(&message, now()).unwrap();
        assert_eq!(call, Call { subject: "cbe:0400000185".to_owned(), number: "0123456749".to_owned() });
    }

    #[test]
    fn refuses_each_thing_that_is_wrong_and_names_it() {
        for (recipe, wanted) in [
            (Recipe { audience: "https://other.example", ..GOOD }, "the assertion is for"),
            (Recipe { method: ns::SAML2_BEARER, ..GOOD }, "not holder-of-key"),
            (Recipe { expires: "2026-11-22T11:59:00Z", ..GOOD }, "expired"),
            (Recipe { issued: false, ..GOOD }, "the assertion: the signature does not hold"),
            (Recipe { held: false, ..GOOD }, "the message: the signature does not hold"),
        ] {
            let (service, message) = forged(&recipe);
            let why = service.judge(&message, now()).unwrap_err();
            assert!(why.contains(wanted), "{why}");
        }
    }

    #[test]
    fn refuses_a_message_that_was_changed_is_old_or_lost_its_signature() {
        let (service, message) = forged(&GOOD);
        let text = String::from_utf8(message.clone()).unwrap();
        let changed = text.replace("0123456749", "0999999922");
        assert!(service.judge(changed.as_bytes(), now()).unwrap_err().contains("the digest of #Body differs"));
        let later = now() + TimeDelta::minutes(6);
        assert!(service.judge(&message, later).unwrap_err().contains("Timestamp has expired"));
        let (from, to) = (text.rfind("<ds:Signature ").unwrap(), text.rfind("</ds:Signature>").unwrap());
        let unsigned = format!("{}{}", &text[..from], &text[to + "</ds:Signature>".len()..]);
        assert!(service.judge(unsigned.as_bytes(), now()).unwrap_err().contains("no signature"));
    }

    #[test]
    fn a_fault_is_an_envelope_whatever_the_sentence() {
        let document = Document::parse(fault("wsse:FailedCheck", "a < b & \"c\""), &Limits::default()).unwrap();
        assert!(Envelope::read(&document).unwrap().fault().is_some());
    }

    #[test]
    fn of_ours_it_imports_wire_only() {
        let ours = include_str!("soap_service.rs").split("#[cfg(test)]").next().unwrap();
        let paths = ours.lines().filter(|line| line.contains(["crate", "::"].concat().as_str()));
        assert!(paths.clone().count() > 5);
        assert!(paths.into_iter().all(|line| line.contains(["crate", "::wire"].concat().as_str())));
        assert!(!ours.contains("super::"));
    }
}
