//! Before it listens the server attacks itself (`rules.md` 8).
//!
//! - in: what it would serve: whom it trusts, its endpoints with their profiles, the time
//! - out: how many attacks were made, or each one that did not end as it must
//!
//! At each endpoint a good message must be accepted, by the same pure path that requests take, under
//! a sender who is registered for the occasion in a *copy* of the trust; and each hostile variation
//! of it must be refused, **for the reason that it was made for**. A server whose good message is
//! refused serves nobody; one that accepts a hostile one serves everybody. Neither starts.
//!
//! Nothing is stored, no key of ours is used, nothing leaves the process. The private keys in use are
//! made here, but for one (see [`cast`]).

mod cast;
mod message;
mod oauth;
mod soap;

use std::fmt;
use std::sync::Arc;

use chrono::Duration;

use crate::flow::authenticate::Authenticated;
use crate::flow::inquiry::{Inquiry, Stop, Stopped, standing_still};
use crate::flow::sts::Sts;
use crate::flow::trust::Trust;
use crate::model::{CheckId, Language, Time, sentence};
use crate::serve::{Server, SoapDoor};
use crate::wire::xml::Limits;

/// What is attacked.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    pub trust: &'t Trust,
    pub doors: &'t [Arc<SoapDoor>],
    pub limits: &'t Limits,
    pub issuer: &'t str,
    pub token_endpoint: &'t str,
    /// How far the clock of an OAuth client may differ from ours.
    pub client_skew: Duration,
    pub now: Time,
}

impl<'t> Target<'t> {
    /// A server as it stands.
    pub fn of(server: &'t Server, sts: &'t Sts, trust: &'t Trust, now: Time) -> Self {
        Self {
            trust,
            doors: &server.soap,
            limits: &server.limits,
            issuer: &sts.issuer,
            token_endpoint: &sts.token_endpoint,
            client_skew: Duration::from_std(server.client_skew).unwrap_or_default(),
            now,
        }
    }
}

/// Every attack ended as it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub endpoints: usize,
    /// Good messages, all accepted.
    pub accepted: usize,
    /// Hostile messages, all refused for their reason.
    pub refused: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoints, accepted, refused } = self;
        write!(
            f,
            "self-attack: {endpoints} endpoints, {accepted} good messages accepted, {refused} hostile ones refused"
        )
    }
}

/// An attack that did not end as it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The profile of a SOAP endpoint, or `token`.
    pub endpoint: String,
    /// What was sent.
    pub attack: &'static str,
    pub found: Found,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A hostile message was accepted.
    Accepted,
    /// A good message was refused: reason and sentence.
    GoodRefused { reason: &'static str, says: String },
    /// Refused, for another reason than the one that it was made for.
    AnotherReason { wanted: Vec<&'static str>, found: &'static str },
    /// The message could not be made.
    NotMade(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, attack, found } = self;
        match found {
            Found::Accepted => write!(f, "endpoint `{endpoint}` ACCEPTS {attack}"),
            Found::GoodRefused { reason, says } => {
                write!(f, "endpoint `{endpoint}` refuses {attack} ({reason}): {says}")
            }
            Found::AnotherReason { wanted, found } => {
                write!(f, "endpoint `{endpoint}` refuses {attack}, but as {found}, not as {}", wanted.join(" or "))
            }
            Found::NotMade(why) => write!(f, "endpoint `{endpoint}`: {attack} could not be made: {why}"),
        }
    }
}

/// Attacks everything that would be served.
///
/// # Errors
/// Each attack that did not end as it must: the server may not start.
pub fn run(target: Target<'_>) -> Result<Report, Vec<Fault>> {
    let mut tally = Tally::default();
    let mut endpoints = 0;
    for door in target.doors {
        tally.endpoint.clone_from(&door.profile.name);
        soap::attack(target, door, &mut tally);
        endpoints += 1;
    }
    tally.endpoint = "token".to_owned();
    oauth::attack(target, &mut tally);
    endpoints += 1;
    if tally.faults.is_empty() {
        Ok(Report { endpoints, accepted: tally.accepted, refused: tally.refused })
    } else {
        Err(tally.faults)
    }
}

/// What came of the attacks so far.
#[derive(Debug, Default)]
struct Tally {
    endpoint: String,
    accepted: usize,
    refused: usize,
    faults: Vec<Fault>,
}

/// What must come of a message.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Accepted,
    /// Refused by one of these checks.
    Refused(&'static [CheckId]),
}

impl Tally {
    /// Makes one attack: `walk` is the pure path over the message.
    fn attack(
        &mut self,
        attack: &'static str,
        wanted: Wanted,
        walk: impl FnOnce(&mut Inquiry) -> Result<Authenticated, Stopped>,
    ) {
        let mut inquiry = Inquiry::new(Stop::First, standing_still);
        let accepted = walk(&mut inquiry).is_ok();
        let refusal = inquiry.refusals().first();
        let found = match (wanted, refusal) {
            (Wanted::Accepted, None) if accepted => {
                self.accepted += 1;
                return;
            }
            (Wanted::Refused(checks), Some(refusal)) if !accepted && checks.contains(&refusal.check) => {
                self.refused += 1;
                return;
            }
            (Wanted::Refused(_), _) if accepted => Found::Accepted,
            (Wanted::Refused(checks), refusal) => Found::AnotherReason {
                wanted: checks.iter().map(|check| check.row().reason).collect(),
                found: refusal.map_or("nothing", |refusal| refusal.reason()),
            },
            (Wanted::Accepted, refusal) => Found::GoodRefused {
                reason: refusal.map_or("nothing", |refusal| refusal.reason()),
                says: refusal
                    .map_or(String::new(), |refusal| sentence(Language::English, refusal.check, &refusal.facts).says),
            },
        };
        self.faults.push(Fault { endpoint: self.endpoint.clone(), attack, found });
    }

    fn not_made(&mut self, attack: &'static str, why: String) {
        let found = Found::NotMade(why);
        self.faults.push(Fault { endpoint: self.endpoint.clone(), attack, found });
    }
}

#[cfg(test)]
mod tests;
