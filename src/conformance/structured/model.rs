//! What was validly signed, by whom: the generator's account, against which every acceptance is held.
//!
//! A [`Statement`] is written down whenever a key signs: the forged messages at the start, the re-signed ones in the
//! course of a trial. Acceptance is right only if one statement says all that the endpoint believes.

use std::collections::HashMap;

use chrono::{DateTime, Duration};

use super::canonical::{How, canonical};
use super::tree::{Node, Tree};
use crate::conformance::pure::{Accepted, AcceptedAssertion};
use crate::model::Time;
use crate::wire::base64;
use crate::wire::crypto::sha256;
use crate::wire::ns;
use crate::wire::x509::Certificate;

/// One signature that was made.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// SHA-256 of the SPKI.
    pub key: [u8; 32],
    /// SHA-256(SPKI ‖ canonical SignedInfo).
    pub identity: [u8; 32],
    pub parts: Vec<Part>,
}

/// What one reference covered when the signature was made.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub octets: [u8; 32],
    pub values: Values,
}

/// What a covered part says, as the generator's tree has it.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Body { target: Option<String>, on_behalf_of: Option<String>, context: Option<String> },
    Timestamp { created: Option<Time>, expires: Option<Time> },
    To(String),
    MessageId(String),
    Other,
}

/// An assertion that its issuer signed.
#[derive(Debug, Clone)]
struct Vouched {
    assertion: AcceptedAssertion,
    holder: [u8; 32],
    from: Time,
    until: Time,
}

/// Whom the generator knows to be registered, and the rules of honest endpoints.
#[derive(Debug, Clone)]
pub(super) struct Model {
    /// SHA-256 of the SPKI, and the party.
    pub registered: Vec<([u8; 32], &'static str)>,
    pub addresses: Vec<String>,
    pub now: Time,
    honest: HashMap<[u8; 32], Statement>,
    vouched: Vec<Vouched>,
}

/// What the endpoint believes and nobody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mismatch {
    /// The key, or this SignedInfo by this key, never signed.
    Signature,
    Requester,
    Subject,
    Body,
    Target,
    OnBehalfOf,
    Context,
    Created,
    Expires,
    /// The signed times are over, or not yet begun.
    Stale,
    To,
    MessageId,
    /// The signature covers another endpoint's `wsa:To`.
    OtherEndpoint,
    Assertion,
    /// The assertion is another holder's.
    Holder,
    /// All was signed, and the honest endpoint would accept it, but what was changed is signed too.
    AssertionStale,
}

impl Model {
    pub fn new(registered: Vec<([u8; 32], &'static str)>, addresses: Vec<String>, now: Time) -> Self {
        Self { registered, addresses, now, honest: HashMap::new(), vouched: Vec::new() }
    }

    /// Learns a forged message: its signature, and the assertions in it.
    pub fn learn(&mut self, tree: &Tree, statement: Statement) {
        for assertion in tree.elements().into_iter().filter(|node| is_assertion(tree, *node)) {
            self.vouched.extend(vouched(tree, assertion, statement.key));
        }
        self.honest.insert(statement.identity, statement);
    }

    /// Holds an acceptance against the statements: the learnt ones, and those of this trial.
    pub fn judge(&self, accepted: &Accepted, made: &[Statement]) -> Result<(), Mismatch> {
        let same = |statement: &&Statement| statement.identity == accepted.identity && statement.key == accepted.key;
        let statement = made.iter().find(same).or_else(|| self.honest.get(&accepted.identity).filter(same));
        let statement = statement.ok_or(Mismatch::Signature)?;
        let party = self.registered.iter().find(|(key, _)| *key == accepted.key).map(|(_, party)| *party);
        require(party == Some(accepted.party.as_str()), Mismatch::Requester)?;
        require(party == Some(accepted.subject.as_str()), Mismatch::Subject)?;
        body(statement, accepted)?;
        self.times(statement, accepted)?;
        self.addressing(statement, accepted)?;
        accepted.assertion.as_ref().map_or(Ok(()), |assertion| self.assertion(assertion, accepted))
    }

    /// SOAP Message Security 1.1 §10 with the honest profile's time to live and skew.
    fn times(&self, statement: &Statement, accepted: &Accepted) -> Result<(), Mismatch> {
        let timestamps = statement.parts.iter().filter_map(|part| match part.values {
            Values::Timestamp { created: Some(created), expires } => {
                let latest = created + Duration::seconds(TTL);
                Some((created, expires.map_or(latest, |expires| expires.min(latest))))
            }
            _ => None,
        });
        let created: Vec<_> = timestamps.filter(|(created, _)| *created == accepted.created).collect();
        require(!created.is_empty(), Mismatch::Created)?;
        let skew = Duration::seconds(SKEW);
        let same = created.iter().find(|(_, expires)| *expires + skew == accepted.usable_until);
        let (created, expires) = same.ok_or(Mismatch::Expires)?;
        require(*created <= self.now + skew && self.now < *expires + skew, Mismatch::Stale)
    }

    fn addressing(&self, statement: &Statement, accepted: &Accepted) -> Result<(), Mismatch> {
        let tos = || {
            statement.parts.iter().filter_map(|part| if let Values::To(to) = &part.values { Some(to) } else { None })
        };
        require(accepted.to.as_ref().is_none_or(|to| tos().any(|signed| signed == to)), Mismatch::To)?;
        require(tos().all(|to| self.addresses.contains(to)), Mismatch::OtherEndpoint)?;
        let said = |id: &String| {
            statement.parts.iter().any(|part| matches!(&part.values, Values::MessageId(signed) if signed == id))
        };
        require(accepted.message_id.as_ref().is_none_or(said), Mismatch::MessageId)
    }

    fn assertion(&self, assertion: &AcceptedAssertion, accepted: &Accepted) -> Result<(), Mismatch> {
        let known = self.vouched.iter().find(|vouched| vouched.assertion == *assertion).ok_or(Mismatch::Assertion)?;
        require(known.holder == accepted.key, Mismatch::Holder)?;
        let skew = Duration::seconds(SKEW);
        require(known.from <= self.now + skew && self.now < known.until + skew, Mismatch::AssertionStale)
    }
}

fn body(statement: &Statement, accepted: &Accepted) -> Result<(), Mismatch> {
    let signed = statement.parts.iter().find_map(|part| match &part.values {
        Values::Body { target, on_behalf_of, context } if part.octets == accepted.body => {
            Some((target, on_behalf_of, context))
        }
        _ => None,
    });
    let (target, on_behalf_of, context) = signed.ok_or(Mismatch::Body)?;
    require(target.as_ref() == Some(&accepted.target), Mismatch::Target)?;
    require(*on_behalf_of == accepted.on_behalf_of, Mismatch::OnBehalfOf)?;
    require(*context == accepted.context, Mismatch::Context)
}

fn require(holds: bool, otherwise: Mismatch) -> Result<(), Mismatch> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// What a covered element says.
pub(super) fn values(tree: &Tree, node: Node) -> Values {
    let text = |node: Node| tree.text(node).trim().to_owned();
    match tree.name(node) {
        (ns::SOAP11 | ns::SOAP12, "Body") => of_body(tree, node),
        (ns::WSU, "Timestamp") => {
            let instant = |local| tree.child(node, ns::WSU, local).and_then(|child| instant(&text(child)));
            Values::Timestamp { created: instant("Created"), expires: instant("Expires") }
        }
        (ns::WSA | ns::WSA04, "To") => Values::To(text(node)),
        (ns::WSA | ns::WSA04, "MessageID") => Values::MessageId(text(node)),
        _ => Values::Other,
    }
}

/// The request's own children; what SecondaryParameters repeat counts where the request says nothing.
fn of_body(tree: &Tree, body: Node) -> Values {
    let request = tree.elements_in(body).find(|child| tree.is(*child, ns::WST13, "RequestSecurityToken"));
    let children: Vec<Node> = request.map(|request| tree.elements_in(request).collect()).unwrap_or_default();
    let secondary = children.iter().find(|child| tree.is(**child, ns::WST13, "SecondaryParameters"));
    let secondary: Vec<Node> = secondary.map(|node| tree.elements_in(*node).collect()).unwrap_or_default();
    let only = |is: &dyn Fn(Node) -> bool| {
        let of = |children: &[Node]| match children.iter().copied().filter(|node| is(*node)).collect::<Vec<_>>()[..] {
            [one] => Some(one),
            _ => None,
        };
        of(&children).or_else(|| of(&secondary))
    };
    let inside = |node: Node, local: &str| tree.elements_in(node).find(|child| tree.name(*child).1 == local);
    let text = |node: Node| tree.text(node).trim().to_owned();
    let target = only(&|node| tree.name(node).1 == "AppliesTo")
        .and_then(|node| inside(node, "EndpointReference"))
        .and_then(|n| inside(n, "Address"));
    // An element of that name in another namespace asks for nothing.
    let user = only(&|node| tree.is(node, ns::WST13, "OnBehalfOf"))
        .and_then(|node| inside(node, "UsernameToken"))
        .and_then(|n| inside(n, "Username"));
    let context = request.and_then(|request| tree.attribute(request, "Context"));
    Values::Body { target: target.map(text), on_behalf_of: user.map(text), context: context.map(|c| c.as_ref().into()) }
}

fn is_assertion(tree: &Tree, node: Node) -> bool {
    tree.is(node, ns::SAML2, "Assertion") || tree.is(node, ns::SAML1, "Assertion")
}

/// A signed holder-of-key assertion of a forged message. Where it shows no certificate, its holder is who signed the
/// message.
fn vouched(tree: &Tree, assertion: Node, signer: [u8; 32]) -> Option<Vouched> {
    let signature = tree.child(assertion, ns::DS, "Signature")?;
    let said: Vec<Node> =
        tree.elements_below(assertion).into_iter().filter(|node| !tree.within(*node, signature)).collect();
    let certificate = said.iter().find(|node| tree.is(**node, ns::DS, "X509Certificate"));
    let holder = match certificate {
        None => signer,
        Some(node) => Certificate::parse(&base64::decode_xml(&tree.text(*node)).ok()?).ok()?.key_thumbprint(),
    };
    let name = said.iter().find(|node| matches!(tree.name(**node).1, "NameID" | "NameIdentifier"));
    let id = tree.attribute(assertion, "ID").or_else(|| tree.attribute(assertion, "AssertionID"))?;
    let all = tree.elements_below(assertion);
    let limits = |name| all.iter().filter_map(move |node| instant(tree.attribute(*node, name)?));
    let how = How { omit: Some(signature), ..How::default() };
    Some(Vouched {
        assertion: AcceptedAssertion {
            id: id.as_ref().to_owned(),
            name: name.map(|node| tree.text(*node)),
            content: sha256(canonical(tree, assertion, how).as_bytes()),
        },
        holder,
        from: limits("NotBefore").chain(limits("IssueInstant")).max()?,
        until: limits("NotOnOrAfter").chain(limits("SessionNotOnOrAfter")).min()?,
    })
}

fn instant(text: &str) -> Option<Time> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// The honest profile's, in seconds: written down here a second time, on purpose.
const TTL: i64 = 300;
const SKEW: i64 = 60;
