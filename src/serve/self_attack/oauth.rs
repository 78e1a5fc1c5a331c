//! The attacks on the token endpoint: a good client assertion, a good exchange, and what is done to
//! them.

use chrono::Duration;

use super::cast::{Actor, CLIENT, Cast};
use super::message::Statement;
use super::{Tally, Target, Wanted};
use crate::flow::assertion_token;
use crate::flow::authenticate::{self, Exchange, OauthTerms};
use crate::flow::parse;
use crate::flow::profile::SamlVersion;
use crate::flow::trust::Trust;
use crate::model::{Caller, CheckId};
use crate::wire::base64;
use crate::wire::jwt::client_assertion::{NewClaims, signing_input};
use crate::wire::jwt::compact;

/// Attacks the token endpoint.
pub(super) fn attack(target: Target<'_>, tally: &mut Tally) {
    let cast = match Cast::for_clients(target.now) {
        Ok(cast) => cast,
        Err(why) => return tally.not_made("any request", why),
    };
    match cast.registered(target.trust, target.issuer) {
        Ok(trust) => {
            let site = Site { target, cast: &cast, trust: &trust };
            site.client_assertions(tally);
            site.exchanges(tally);
        }
        Err(why) => tally.not_made("the registration of a client", why),
    }
}

struct Site<'s> {
    target: Target<'s>,
    cast: &'s Cast,
    /// With the cast in it.
    trust: &'s Trust,
}

/// What is tried, the reasons that it may be refused for, the assertion, and who shows a certificate.
type TriedExchange<'a> = (&'static str, &'static [CheckId], Result<Vec<u8>, String>, Option<&'a Actor>);

impl Site<'_> {
    fn terms<'t>(&'t self, trust: &'t Trust) -> OauthTerms<'t> {
        let Target { limits, issuer, token_endpoint, client_skew: skew, now, .. } = self.target;
        OauthTerms { trust, limits, issuer, token_endpoint, skew, now }
    }

    fn client_assertions(&self, tally: &mut Tally) {
        let sender = &self.cast.sender;
        let now = self.target.now.timestamp();
        let good = NewClaims {
            issuer: CLIENT.to_owned(),
            subject: CLIENT.to_owned(),
            audience: self.target.token_endpoint.to_owned(),
            jwt_id: "self-attack".to_owned(),
            issued_at: now,
            expires_at: now + 60,
        };
        let over = now - self.target.client_skew.num_seconds() - 60;
        let jwt = |claims: &NewClaims, by: &Actor| {
            let input = signing_input(claims, sender.algorithm, None).map_err(|error| error.to_string())?;
            let signature = by.key.sign(sender.algorithm, input.as_bytes()).map_err(|error| error.to_string())?;
            Ok(compact(&input, &signature))
        };
        let honest = jwt(&good, sender);
        self.present(tally, "a good client assertion", Wanted::Accepted, honest.clone(), self.trust);
        let unregistered = honest.clone();
        let attacks: [(&'static str, &'static [CheckId], Result<String, String>); 7] = [
            ("a client assertion with alg none", &[CheckId::ClientAssertionAlgorithm], restyled(&honest, "none")),
            ("a client assertion with an HMAC", &[CheckId::ClientAssertionAlgorithm], restyled(&honest, "HS256")),
            (
                "a client assertion of another key",
                &[CheckId::ClientAssertionSignature],
                jwt(&good, &self.cast.stranger),
            ),
            (
                "a client assertion with a changed letter",
                &[CheckId::ClientAssertionSignature],
                jwt(&NewClaims { jwt_id: "other".to_owned(), ..good.clone() }, sender)
                    .and_then(|other| mixed(&honest, &other)),
            ),
            (
                "a client assertion for another audience",
                &[CheckId::ClientAssertionAudience],
                jwt(&NewClaims { audience: "urn:vidimus:self-attack:elsewhere".to_owned(), ..good.clone() }, sender),
            ),
            (
                "an expired client assertion",
                &[CheckId::ClientAssertionTime],
                jwt(&NewClaims { issued_at: over - 60, expires_at: over, ..good.clone() }, sender),
            ),
            (
                "a client assertion about somebody else",
                &[CheckId::ClientAssertionForm],
                jwt(&NewClaims { subject: "urn:vidimus:self-attack:other".to_owned(), ..good.clone() }, sender),
            ),
        ];
        for (name, checks, made) in attacks {
            self.present(tally, name, Wanted::Refused(checks), made, self.trust);
        }
        let unknown = Wanted::Refused(&[CheckId::ClientKnown]);
        self.present(tally, "a client assertion of an unknown client", unknown, unregistered, self.target.trust);
    }

    fn present(
        &self,
        tally: &mut Tally,
        attack: &'static str,
        wanted: Wanted,
        made: Result<String, String>,
        trust: &Trust,
    ) {
        let jwt = match made {
            Ok(jwt) => jwt,
            Err(why) => return tally.not_made(attack, why),
        };
        tally.attack(attack, wanted, |inquiry| {
            authenticate::private_key_jwt(None, Some(&jwt), &Caller::default(), self.terms(trust), inquiry)
        });
    }

    fn exchanges(&self, tally: &mut Tally) {
        let good = Statement::good(self.cast, SamlVersion::Saml20, self.target.issuer, self.target.now);
        let (sender, stranger) = (&self.cast.sender, &self.cast.stranger);
        self.exchange(tally, "a good exchange", Wanted::Accepted, good.signed(), Some(sender));
        let yesterday = self.target.now - Duration::days(1);
        let attacks: [TriedExchange<'_>; 9] = [
            ("an exchange without a proven key", &[CheckId::ProofPresent], good.signed(), None),
            ("an exchange with another proven key", &[CheckId::ProofKey], good.signed(), Some(stranger)),
            (
                "an assertion for another key",
                &[CheckId::ProofKey],
                Statement { holder: stranger, ..good }.signed(),
                Some(sender),
            ),
            ("an assertion that nobody signed", &[CheckId::AssertionSigned], Ok(good.unsigned()), Some(sender)),
            (
                "a bearer assertion",
                &[CheckId::AssertionConfirmation],
                Statement { method: "bearer", ..good }.signed(),
                Some(sender),
            ),
            (
                "an assertion of an unknown issuer",
                &[CheckId::AssertionIssuer],
                Statement { issuer: "urn:vidimus:self-attack:nobody", ..good }.signed(),
                Some(sender),
            ),
            (
                "an assertion that its holder signed",
                &[CheckId::AssertionSignature],
                Statement { signer: sender, ..good }.signed(),
                Some(sender),
            ),
            (
                "an assertion for another audience",
                &[CheckId::AssertionAudience],
                Statement { audience: "urn:vidimus:self-attack:elsewhere", ..good }.signed(),
                Some(sender),
            ),
            (
                "an expired assertion",
                &[CheckId::AssertionExpired],
                Statement { issued: yesterday, ..good }.signed(),
                Some(sender),
            ),
        ];
        for (name, checks, assertion, shown) in attacks {
            self.exchange(tally, name, Wanted::Refused(checks), assertion, shown);
        }
    }

    fn exchange(
        &self,
        tally: &mut Tally,
        attack: &'static str,
        wanted: Wanted,
        made: Result<Vec<u8>, String>,
        shown: Option<&Actor>,
    ) {
        let octets = match made {
            Ok(octets) => octets,
            Err(why) => return tally.not_made(attack, why),
        };
        let tls_chain = shown.map(|actor| actor.certificate.der().to_vec()).into_iter().collect();
        let caller = Caller { peer: None, tls_chain };
        tally.attack(attack, wanted, |inquiry| {
            let document = parse::document(octets, self.target.limits, inquiry)?;
            let assertion = assertion_token::read(&document, self.trust, inquiry)?;
            let exchange = Exchange { assertion: &assertion, caller: &caller, client_id: None, client_assertion: None };
            authenticate::exchange(&exchange, self.terms(self.trust), inquiry)
        });
    }
}

/// The same claims under a header that names another algorithm.
fn restyled(honest: &Result<String, String>, algorithm: &str) -> Result<String, String> {
    let honest = honest.as_ref().map_err(Clone::clone)?;
    let claims = honest.split('.').nth(1).ok_or("no claims")?;
    let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"client-authentication+jwt\"}}");
    let signature = if algorithm == "none" { String::new() } else { base64::encode_url(&[1; 32]) };
    Ok(format!("{}.{claims}.{signature}", base64::encode_url(header.as_bytes())))
}

/// The claims of one and the signature of another.
fn mixed(honest: &Result<String, String>, other: &str) -> Result<String, String> {
    let honest = honest.as_ref().map_err(Clone::clone)?;
    let (_, signature) = honest.rsplit_once('.').ok_or("no signature")?;
    let (input, _) = other.rsplit_once('.').ok_or("no signature")?;
    Ok(format!("{input}.{signature}"))
}
