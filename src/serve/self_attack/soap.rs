//! The attacks on a SOAP endpoint: a good message of its profile, and what is done to it.

use chrono::Duration;

use super::cast::Cast;
use super::message::{BODY_ID, Recipe, Statement, message, source, style, version};
use super::{Tally, Target, Wanted};
use crate::flow::profile::{Part, SoapVersion, TokenCoverage};
use crate::flow::pure;
use crate::flow::trust::Trust;
use crate::flow::verify::Terms;
use crate::model::{CheckId, Time};
use crate::serve::SoapDoor;
use crate::wire::ns;

/// Attacks one endpoint.
pub(super) fn attack(target: Target<'_>, door: &SoapDoor, tally: &mut Tally) {
    let cast = match Cast::for_profile(&door.profile.algorithms, target.now) {
        Ok(cast) => cast,
        Err(why) => return tally.not_made("any message", why),
    };
    let trust = match cast.registered(target.trust, target.issuer) {
        Ok(trust) => trust,
        Err(why) => return tally.not_made("the registration of a sender", why),
    };
    let addresses = door.addresses();
    let site = Site { target, door, cast: &cast, trust: &trust, addresses: &addresses };
    if style(&door.profile).is_some() {
        site.x509(tally);
    }
    if door.profile.takes_assertions() {
        site.holder_of_key(tally);
    }
}

/// One endpoint under attack.
struct Site<'s> {
    target: Target<'s>,
    door: &'s SoapDoor,
    cast: &'s Cast,
    /// With the cast in it.
    trust: &'s Trust,
    addresses: &'s [String],
}

/// What is tried, the reasons that it may be refused for, and the assertion.
type Attack = (&'static str, &'static [CheckId], Result<Vec<u8>, String>);

impl Site<'_> {
    fn recipe(&self) -> Recipe<'_> {
        let to = self.addresses.first().map_or("", String::as_str);
        Recipe { cast: self.cast, door: self.door, now: self.target.now, to, without: "", assertion: None }
    }

    fn x509(&self, tally: &mut Tally) {
        let good = match message(&self.recipe()) {
            Ok(good) => good,
            Err(why) => return tally.not_made("a good message", why),
        };
        self.send(tally, "a good message", Wanted::Accepted, Ok(good.clone()));
        self.variations(tally, &good);
        self.other_times(tally, &good);
        self.uncovered(tally);
        // The same bytes under the trust as it is: there the sender is nobody, whatever names its key.
        let unknown = Wanted::Refused(&[CheckId::KeyRegistered, CheckId::KeyReferenceKnown]);
        self.send_under(
            self.target.trust,
            self.target.now,
            tally,
            "a good message of an unknown key",
            unknown,
            Ok(good),
        );
    }

    /// What an attacker makes of a good message without any key.
    fn variations(&self, tally: &mut Tally, good: &str) {
        // Where some sender may use an old algorithm, the claim to have used it is found out one step
        // later: nobody can sign with it here.
        let old = !self.target.trust.registry.exceptions_at(self.target.now).is_empty();
        let method: &'static [CheckId] =
            if old { &[CheckId::SignatureMethod, CheckId::SignatureValue] } else { &[CheckId::SignatureMethod] };
        let digest: &'static [CheckId] =
            if old { &[CheckId::DigestMethod, CheckId::SignatureValue] } else { &[CheckId::DigestMethod] };
        let signature = self.cast.sender.algorithm.uri();
        let attacks: [(&'static str, &'static [CheckId], Result<String, String>); 12] = [
            ("an unsigned message", &[CheckId::SignaturePresent], without(good, ns::DS, "Signature")),
            ("a changed Body", &[CheckId::DigestValue], replaced(good, ">good<", ">evil<")),
            ("a wrapped Body", &[CheckId::ReferencePosition], self.wrapped(good)),
            ("a second element with the Body's id", &[CheckId::ReferenceUnique], in_header(good, &twin())),
            ("a document type", &[CheckId::XmlDoctype], Ok(format!("<!DOCTYPE x>{good}"))),
            ("two signatures", &[CheckId::SignatureSingle], doubled(good, ns::DS, "Signature")),
            (
                "two Timestamps",
                &[CheckId::TimestampSingle, CheckId::ReferenceUnique],
                doubled(good, ns::WSU, "Timestamp"),
            ),
            ("two Security headers", &[CheckId::SecurityHeaderSingle], doubled(good, ns::WSSE, "Security")),
            ("a SHA-1 signature", method, replaced(good, signature, ns::RSA_SHA1)),
            ("an HMAC signature", &[CheckId::SignatureMethod], replaced(good, signature, HMAC)),
            ("a SHA-1 digest", digest, replaced(good, self.cast.digest.uri(), ns::SHA1)),
            ("an XSLT transform", &[CheckId::TransformAllowed], transformed(good)),
        ];
        for (name, checks, made) in attacks {
            self.send(tally, name, Wanted::Refused(checks), made);
        }
    }

    /// The good message, too late and too early.
    fn other_times(&self, tally: &mut Tally, good: &str) {
        let rules = self.door.profile.time;
        let seconds = |span: std::time::Duration| Duration::from_std(span).unwrap_or(Duration::zero());
        let late = self.target.now + seconds(rules.timestamp_ttl) + seconds(rules.skew);
        let early = self.target.now - seconds(rules.skew) - Duration::milliseconds(1);
        let expired = Wanted::Refused(&[CheckId::TimestampExpired]);
        self.send_under(self.trust, late, tally, "an expired message", expired, Ok(good.to_owned()));
        let future = Wanted::Refused(&[CheckId::TimestampFuture]);
        self.send_under(self.trust, early, tally, "a message from the future", future, Ok(good.to_owned()));
    }

    /// Signed by the right key, but not all that must be.
    fn uncovered(&self, tally: &mut Tally) {
        let coverage = &self.door.profile.coverage;
        let part = |part: Part| coverage.requires(part);
        let token = coverage.binary_security_token == TokenCoverage::Always;
        let attacks: [(bool, &'static str, &str, &'static [CheckId]); 4] = [
            (true, "a Timestamp that is not signed", "Timestamp", &[CheckId::CoverageTimestamp]),
            (true, "a Body that is not signed", "Body", &[CheckId::CoverageBody]),
            (token, "a BinarySecurityToken that is not signed", "BinarySecurityToken", &[CheckId::CoverageToken]),
            (part(Part::To), "a wsa:To that is not signed", "To", &[CheckId::CoverageAddressing]),
        ];
        for (_, name, without, checks) in attacks.into_iter().filter(|(asked, ..)| *asked) {
            self.send(tally, name, Wanted::Refused(checks), message(&Recipe { without, ..self.recipe() }));
        }
        if part(Part::To) {
            let elsewhere = message(&Recipe { to: "urn:vidimus:self-attack:elsewhere", ..self.recipe() });
            self.send(tally, "a message for another endpoint", Wanted::Refused(&[CheckId::AddressingTo]), elsewhere);
        }
    }

    /// Messages signed with the key of an assertion.
    fn holder_of_key(&self, tally: &mut Tally) {
        let good = Statement::good(self.cast, version(&self.door.profile), self.target.issuer, self.target.now);
        let with = |assertion: Result<Vec<u8>, String>| {
            assertion.and_then(|bytes| message(&Recipe { assertion: Some(&bytes), ..self.recipe() }))
        };
        self.send(tally, "a good holder-of-key message", Wanted::Accepted, with(good.signed()));
        let (sender, stranger) = (&self.cast.sender, &self.cast.stranger);
        let yesterday = self.target.now - Duration::days(1);
        let attacks: [Attack; 8] = [
            ("an assertion that nobody signed", &[CheckId::AssertionSigned], Ok(good.unsigned())),
            ("a bearer assertion", &[CheckId::AssertionConfirmation], Statement { method: "bearer", ..good }.signed()),
            (
                "a sender-vouches assertion with a key",
                &[CheckId::AssertionConfirmation],
                Statement { method: "sender-vouches", ..good }.signed(),
            ),
            (
                "an assertion of an unknown issuer",
                &[CheckId::AssertionIssuer],
                Statement { issuer: "urn:vidimus:self-attack:nobody", ..good }.signed(),
            ),
            (
                "an assertion that its holder signed",
                &[CheckId::AssertionSignature],
                Statement { signer: sender, ..good }.signed(),
            ),
            ("an assertion for another key", OTHER_KEY, Statement { holder: stranger, ..good }.signed()),
            (
                "an assertion for another audience",
                &[CheckId::AssertionAudience],
                Statement { audience: "urn:vidimus:self-attack:elsewhere", ..good }.signed(),
            ),
            ("an expired assertion", &[CheckId::AssertionExpired], Statement { issued: yesterday, ..good }.signed()),
        ];
        for (name, checks, assertion) in attacks {
            self.send(tally, name, Wanted::Refused(checks), with(assertion));
        }
    }

    /// The signed Body under a header of no meaning, another Body in its place.
    fn wrapped(&self, good: &str) -> Result<String, String> {
        let namespace = self.soap();
        let body = source(good, namespace, "Body")?.to_owned();
        let evil = body.replacen(&format!("\"{BODY_ID}\""), "\"other\"", 1).replacen(">good<", ">evil<", 1);
        let without = replaced(good, &body, &evil)?;
        in_header(&without, &format!("<v:Wrapper xmlns:v=\"urn:vidimus:self-attack\">{body}</v:Wrapper>"))
    }

    fn soap(&self) -> &'static str {
        match self.door.profile.soap_versions.first() {
            Some(SoapVersion::Soap12) => ns::SOAP12,
            _ => ns::SOAP11,
        }
    }

    fn send(&self, tally: &mut Tally, attack: &'static str, wanted: Wanted, made: Result<String, String>) {
        self.send_under(self.trust, self.target.now, tally, attack, wanted, made);
    }

    fn send_under(
        &self,
        trust: &Trust,
        now: Time,
        tally: &mut Tally,
        attack: &'static str,
        wanted: Wanted,
        made: Result<String, String>,
    ) {
        let message = match made {
            Ok(message) => message,
            Err(why) => return tally.not_made(attack, why),
        };
        let (profile, limits) = (&self.door.profile, self.target.limits);
        let terms = Terms { trust, profile, limits, addresses: self.addresses, now };
        tally.attack(attack, wanted, |inquiry| {
            pure::requester(message.into_bytes(), terms, self.target.issuer, inquiry)
        });
    }
}

/// An element with the Body's id.
fn twin() -> String {
    format!("<v:Twin xmlns:v=\"urn:vidimus:self-attack\" Id=\"{BODY_ID}\"/>")
}

fn replaced(message: &str, old: &str, new: &str) -> Result<String, String> {
    if message.contains(old) { Ok(message.replacen(old, new, 1)) } else { Err(format!("the message has no `{old}`")) }
}

fn without(message: &str, namespace: &str, local: &str) -> Result<String, String> {
    let element = source(message, namespace, local)?.to_owned();
    replaced(message, &element, "")
}

fn doubled(message: &str, namespace: &str, local: &str) -> Result<String, String> {
    let element = source(message, namespace, local)?.to_owned();
    replaced(message, &element, &format!("{element}{element}"))
}

fn in_header(message: &str, block: &str) -> Result<String, String> {
    replaced(message, "</soap:Header>", &format!("{block}</soap:Header>"))
}

/// The first reference's canonicalisation becomes a program.
fn transformed(message: &str) -> Result<String, String> {
    let honest = format!("<ds:Transform Algorithm=\"{}\">", ns::EXC_C14N);
    replaced(message, &honest, &format!("<ds:Transform Algorithm=\"{XSLT}\">"))
}

/// A key that did not sign: of another kind, or with another value.
const OTHER_KEY: &[CheckId] = &[CheckId::SignatureValue, CheckId::SignatureMethod];
const HMAC: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const XSLT: &str = "http://www.w3.org/TR/1999/REC-xslt-19991116";
