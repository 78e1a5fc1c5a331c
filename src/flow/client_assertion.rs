//! Client assertions: a client proves itself with a JWT signed by a registered key.
//!
//! Specs: RFC 7523 §2.2, §3; RFC 7521 §4.2; `rules.md` 5.6 (audience). The keys come from the
//! registry, found by what the assertion *claims*; nothing else of it is believed before the
//! signature holds.

use crate::flow::authenticate::{OauthTerms, identity};
use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::model::{CheckId, Fact, KeyThumbprint, Refusal, Time};
use crate::registry::Sender;
use crate::replay::{Claim, ClaimKind};
use crate::wire::crypto::PublicKey;
use crate::wire::jwt::client_assertion::{self, Claims};
use crate::wire::jwt::{Accepted, Error, TimeFault};

/// A client whose assertion was signed by a registered key. Made by [`verify`] only.
#[derive(Debug)]
pub(super) struct Proven<'t> {
    pub sender: &'t Sender,
    pub key: KeyThumbprint,
    /// The assertion's `jti`, to be spent with the token.
    pub claim: Claim,
    /// `iat`, or the earliest instant at which it could have been made.
    pub made_at: Time,
}

/// Verifies a client assertion.
pub(super) fn verify<'t>(
    text: &str,
    client_id: Option<&str>,
    terms: OauthTerms<'t>,
    inquiry: &mut Inquiry,
) -> Result<Proven<'t>, Stopped> {
    let claimed = client_assertion::parse(text).map_err(|error| inquiry.stop(unreadable(&error)))?;
    let claims = claimed.unverified().clone();
    audience(&claims, terms, inquiry)?;
    // RFC 7521 §4.2: client_id is optional, and must name the same client.
    inquiry.require(client_id.is_none_or(|named| named == claims.client_id), || {
        Refusal::new(CheckId::ClientAssertionForm)
            .with(Fact::text("detail", "client_id names another client than iss and sub"))
    })?;
    let Some(sender) = terms.trust.registry.sender_by_client(&claims.client_id) else {
        return Err(
            inquiry.stop(Refusal::new(CheckId::ClientKnown).with(Fact::text("client", claims.client_id.clone())))
        );
    };
    let keys: Vec<PublicKey> = sender.public_keys.iter().filter_map(|spki| PublicKey::from_spki(spki).ok()).collect();
    let kid = claimed.key_id().unwrap_or("none").to_owned();
    let verified = claimed.verify(&keys).map_err(|_| {
        inquiry.stop(
            Refusal::new(CheckId::ClientAssertionSignature)
                .with(Fact::text("client", claims.client_id.clone()))
                .with(Fact::text("found", kid)),
        )
    })?;
    let accepted = times(verified.claims(), sender, terms, inquiry)?;
    inquiry.passed(
        CheckId::ClientAssertionSignature,
        facts([
            Fact::text("client", claims.client_id.clone()),
            Fact::text("algorithm", verified.algorithm().jose_name()),
        ]),
    );
    let identity = identity(&[&claims.client_id, &claims.jwt_id]);
    let claim = Claim { kind: ClaimKind::JwtId, identity, keep_until: accepted.keep_until };
    Ok(Proven { sender, key: KeyThumbprint(verified.key()), claim, made_at: accepted.made_at })
}

/// One audience, which is our issuer or our token endpoint: configured strings, never the Host
/// header's. Half of the field sends the one, half the other (`clients.md` 3).
fn audience(claims: &Claims, terms: OauthTerms<'_>, inquiry: &mut Inquiry) -> Result<(), Stopped> {
    let ours = [terms.issuer, terms.token_endpoint];
    inquiry.require(ours.contains(&claims.audience.as_str()), || {
        Refusal::new(CheckId::ClientAssertionAudience)
            .with(Fact::text("found", claims.audience.clone()))
            .with(Fact::list("wanted", ours))
    })
}

fn times(claims: &Claims, sender: &Sender, terms: OauthTerms<'_>, inquiry: &mut Inquiry) -> Result<Accepted, Stopped> {
    let skew = terms.skew.to_std().unwrap_or_default();
    let cap = sender.assertion_lifetime;
    claims.times.check(terms.now, skew, cap).map_err(|fault| {
        let created = claims.times.issued_at.or(claims.times.not_before).unwrap_or(terms.now);
        let detail = match fault {
            TimeFault::Expired { .. } => "expired",
            TimeFault::NotYet { .. } | TimeFault::IssuedInFuture { .. } => "not-yet",
            TimeFault::EndsBeforeStart { .. } => "ends-before-start",
            TimeFault::TooLong { .. } => "too-long",
        };
        inquiry.stop(
            Refusal::new(CheckId::ClientAssertionTime)
                .with(Fact::time("created", created))
                .with(Fact::time("expires", claims.times.expires_at))
                .with(Fact::time("clock", terms.now))
                .with(Fact::number("skew", skew.as_secs()))
                .with(Fact::number("limit", cap.as_secs()))
                .with(Fact::text("detail", detail)),
        )
    })
}

fn unreadable(error: &Error) -> Refusal {
    match error {
        Error::Algorithm { found } => Refusal::new(CheckId::ClientAssertionAlgorithm)
            .with(Fact::text("algorithm", found.clone()))
            .with(Fact::list("wanted", ["ES256", "RS256", "RS384", "RS512", "EdDSA"])),
        other => Refusal::new(CheckId::ClientAssertionForm).with(Fact::text("detail", other.to_string())),
    }
}
