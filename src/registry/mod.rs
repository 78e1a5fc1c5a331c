//! Who is registered: senders (and OAuth clients), services, and the issuers whose assertions we
//! take. An immutable snapshot, replaced as a whole when the configuration changes.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Claim, KeyThumbprint, PartyId, Scope, Target, Time, TokenType};
use crate::wire::dsig::{Exception, Exceptions};

/// Whether a registered party may use its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    Suspended,
}

/// A grant that a client may use at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    TokenExchange,
    ClientCredentials,
}

/// A sending institution's program: one entry for the SOAP door and the OAuth door alike.
#[derive(Debug, Clone)]
pub struct Sender {
    pub name: String,
    pub number: Option<String>,
    pub party: PartyId,
    pub standing: Standing,
    /// Registered certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// The keys of those certificates, and bare registered keys. One key belongs to one sender.
    pub keys: Vec<KeyThumbprint>,
    /// SubjectPublicKeyInfo (DER) of each of `keys`, in the same order.
    pub public_keys: Vec<Vec<u8>>,
    /// The OAuth client of this sender, where it has one.
    pub client_id: Option<String>,
    pub grants: Vec<Grant>,
    /// The largest `exp - iat` of a client assertion (`clients.md` 3: 1 h by default).
    pub assertion_lifetime: Duration,
    /// What the registry asserts of the sender.
    pub claims: Vec<Claim>,
    /// Old algorithms that this sender may still use; each kind at most once.
    pub exceptions: Vec<Allowance>,
}

/// A dated exception (`rules.md` 4.2): one kind, some keys of one sender, for its requests' own signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    pub exception: Exception,
    /// RSA keys of 2048 bits or more.
    pub keys: Vec<KeyThumbprint>,
    /// The first instant at which it no longer counts.
    pub until: Time,
    /// The operator's own words.
    pub reason: String,
}

impl Sender {
    /// The exception of a kind for a key, whether it still counts or not.
    pub fn allowance(&self, exception: Exception, key: &KeyThumbprint) -> Option<&Allowance> {
        self.exceptions.iter().find(|allowance| allowance.exception == exception && allowance.keys.contains(key))
    }
}

/// A service that tokens are issued for.
#[derive(Debug, Clone)]
pub struct Service {
    pub audience: Target,
    pub name: String,
    pub token_types: Vec<TokenType>,
    /// The type of mandate that is needed to act here for somebody else.
    pub mandate_type: Option<String>,
    /// All scopes of the service; granted when none is asked for.
    pub scopes: Scope,
    pub assertion_lifetime: Duration,
    pub access_token_lifetime: Duration,
    /// Pairwise subjects are the same within a sector, and differ between sectors.
    pub sector: String,
}

/// Somebody whose SAML assertions we take.
#[derive(Debug, Clone)]
pub struct TokenIssuer {
    /// The `Issuer` of its assertions, compared byte for byte.
    pub issuer: String,
    /// SubjectPublicKeyInfo (DER) of its signing keys: from configuration only, never from KeyInfo.
    pub public_keys: Vec<Vec<u8>>,
    /// Audiences that we answer to in this issuer's assertions.
    pub audiences: Vec<String>,
    /// The assertions are our own.
    pub ours: bool,
    pub standing: Standing,
    /// Whether an assertion may name no audience at all (`rules.md` 1.6: `audience = "none"`).
    pub without_audience: bool,
    /// An assertion counts for no longer than this after its IssueInstant, whatever it says.
    pub maximum_lifetime: Duration,
    /// The authentication contexts that its subjects must have been authenticated in; empty: any,
    /// and no AuthnStatement is asked for.
    pub authn_contexts: Vec<String>,
}

impl TokenIssuer {
    /// An active issuer under the usual rules.
    pub fn new(issuer: String, public_keys: Vec<Vec<u8>>, audiences: Vec<String>) -> Self {
        Self {
            issuer,
            public_keys,
            audiences,
            ours: false,
            standing: Standing::Active,
            without_audience: false,
            maximum_lifetime: LONGEST_ASSERTION,
            authn_contexts: Vec::new(),
        }
    }
}

/// The longest life that an issuer of the field gives to its assertions.
pub const LONGEST_ASSERTION: Duration = Duration::from_secs(86_400);

/// The snapshot. Built by `config`, which refuses what is ambiguous.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    senders: Vec<Sender>,
    services: HashMap<Target, Service>,
    issuers: HashMap<String, TokenIssuer>,
    by_key: HashMap<KeyThumbprint, usize>,
    by_client: HashMap<String, usize>,
    /// The last end of each kind of exception, over all senders that are active.
    exceptions: Vec<(Exception, Time)>,
}

/// Two entries claim the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ambiguous {
    /// One key under two senders (`rules.md` 1.1).
    Key {
        key: KeyThumbprint,
        first: String,
        second: String,
    },
    ClientId {
        client_id: String,
        first: String,
        second: String,
    },
    Audience(String),
    Issuer(String),
}

impl Registry {
    /// Indexes the entries.
    ///
    /// # Errors
    /// When a key, client_id, audience or issuer stands twice: one of them would win by chance.
    pub fn new(senders: Vec<Sender>, services: Vec<Service>, issuers: Vec<TokenIssuer>) -> Result<Self, Ambiguous> {
        let mut registry = Self::default();
        for (index, sender) in senders.iter().enumerate() {
            for key in &sender.keys {
                if let Some(other) = registry.by_key.insert(*key, index).filter(|other| *other != index) {
                    let first = senders[other].name.clone();
                    return Err(Ambiguous::Key { key: *key, first, second: sender.name.clone() });
                }
            }
            if let Some(client_id) = &sender.client_id
                && let Some(other) = registry.by_client.insert(client_id.clone(), index)
            {
                let first = senders[other].name.clone();
                return Err(Ambiguous::ClientId { client_id: client_id.clone(), first, second: sender.name.clone() });
            }
        }
        let active = senders.iter().filter(|sender| sender.standing == Standing::Active);
        for allowance in active.flat_map(|sender| &sender.exceptions) {
            match registry.exceptions.iter_mut().find(|(exception, _)| *exception == allowance.exception) {
                Some((_, until)) => *until = (*until).max(allowance.until),
                None => registry.exceptions.push((allowance.exception, allowance.until)),
            }
        }
        registry.senders = senders;
        for service in services {
            if let Some(twice) = registry.services.insert(service.audience.clone(), service) {
                return Err(Ambiguous::Audience(twice.audience.0));
            }
        }
        for issuer in issuers {
            if let Some(twice) = registry.issuers.insert(issuer.issuer.clone(), issuer) {
                return Err(Ambiguous::Issuer(twice.issuer));
            }
        }
        Ok(registry)
    }

    pub fn sender_by_key(&self, key: &KeyThumbprint) -> Option<&Sender> {
        self.by_key.get(key).and_then(|index| self.senders.get(*index))
    }

    pub fn sender_by_client(&self, client_id: &str) -> Option<&Sender> {
        self.by_client.get(client_id).and_then(|index| self.senders.get(*index))
    }

    pub fn service(&self, audience: &Target) -> Option<&Service> {
        self.services.get(audience)
    }

    pub fn issuer(&self, issuer: &str) -> Option<&TokenIssuer> {
        self.issuers.get(issuer)
    }

    pub fn senders(&self) -> impl Iterator<Item = &Sender> {
        self.senders.iter()
    }

    /// What some active sender may use now. Whether *this* sender may is asked once it is known.
    pub fn exceptions_at(&self, now: Time) -> Exceptions {
        self.exceptions.iter().filter(|(_, until)| now < *until).map(|(exception, _)| *exception).collect()
    }

    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    pub fn issuers(&self) -> impl Iterator<Item = &TokenIssuer> {
        self.issuers.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(name: &str, keys: &[u8], client_id: Option<&str>) -> Sender {
        Sender {
            name: name.to_owned(),
            number: None,
            party: "cbe:0206731645".parse().unwrap(),
            standing: Standing::Active,
            certificates: Vec::new(),
            keys: keys.iter().map(|byte| KeyThumbprint([*byte; 32])).collect(),
            public_keys: keys.iter().map(|byte| vec![*byte]).collect(),
            client_id: client_id.map(str::to_owned),
            grants: Vec::new(),
            assertion_lifetime: Duration::from_secs(60),
            claims: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    fn issuer(name: &str) -> TokenIssuer {
        TokenIssuer::new(name.to_owned(), Vec::new(), Vec::new())
    }

    fn service(audience: &str) -> Service {
        Service {
            audience: Target(audience.to_owned()),
            name: audience.to_owned(),
            token_types: vec![TokenType::Saml2],
            mandate_type: None,
            scopes: Scope::default(),
            assertion_lifetime: Duration::from_secs(60),
            access_token_lifetime: Duration::from_secs(60),
            sector: "sector".to_owned(),
        }
    }

    #[test]
    fn a_sender_is_found_by_each_of_its_keys_and_by_its_client() {
        let senders = vec![sender("a", &[1, 2], Some("client")), sender("b", &[3], None)];
        let registry = Registry::new(senders, vec![service("urn:a")], vec![issuer("urn:i")]).unwrap();
        let name = |key| registry.sender_by_key(&KeyThumbprint([key; 32])).map(|sender| sender.name.as_str());
        assert_eq!([name(1), name(2), name(3), name(4)], [Some("a"), Some("a"), Some("b"), None]);
        assert_eq!(registry.sender_by_client("client").unwrap().name, "a");
        assert!(registry.sender_by_client("a").is_none());
        assert!(registry.service(&Target("urn:a".to_owned())).is_some());
        assert!(registry.service(&Target("urn:a/".to_owned())).is_none());
        assert!(registry.issuer("urn:i").is_some());
    }

    #[test]
    fn an_exception_counts_until_its_end_and_for_its_own_keys() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let allowance = |exception, until: &str| Allowance {
            exception,
            keys: vec![KeyThumbprint([1; 32])],
            until: at(until),
            reason: "old".to_owned(),
        };
        let mut one = sender("a", &[1, 2], None);
        one.exceptions = vec![allowance(Exception::RsaSha1Signature, "2026-01-01T00:00:00Z")];
        let mut two = sender("b", &[3], None);
        two.exceptions = vec![allowance(Exception::Sha1Digest, "2026-03-01T00:00:00Z")];
        let mut gone = sender("c", &[4], None);
        gone.exceptions = vec![allowance(Exception::InclusiveCanonicalization, "2027-01-01T00:00:00Z")];
        gone.standing = Standing::Suspended;
        assert!(one.allowance(Exception::RsaSha1Signature, &KeyThumbprint([1; 32])).is_some());
        assert!(one.allowance(Exception::RsaSha1Signature, &KeyThumbprint([2; 32])).is_none());
        let registry = Registry::new(vec![one, two, gone], vec![], vec![]).unwrap();
        let active = |now: &str| registry.exceptions_at(at(now)).iter().collect::<Vec<_>>();
        assert_eq!(active("2025-12-31T23:59:59Z"), [Exception::RsaSha1Signature, Exception::Sha1Digest]);
        assert_eq!(active("2026-01-01T00:00:00Z"), [Exception::Sha1Digest]);
        assert!(active("2026-03-01T00:00:00Z").is_empty());
    }

    #[test]
    fn one_key_under_two_senders_is_refused() {
        let refused = Registry::new(vec![sender("a", &[1], None), sender("b", &[2, 1], None)], vec![], vec![]);
        let (first, second) = ("a".to_owned(), "b".to_owned());
        assert_eq!(refused.unwrap_err(), Ambiguous::Key { key: KeyThumbprint([1; 32]), first, second });
    }

    #[test]
    fn one_key_in_two_certificates_of_a_sender_is_taken() {
        assert!(Registry::new(vec![sender("a", &[1, 1], None)], vec![], vec![]).is_ok());
    }

    #[test]
    fn one_name_for_two_things_of_a_kind_is_refused() {
        let senders = vec![sender("a", &[1], Some("c")), sender("b", &[2], Some("c"))];
        assert!(matches!(Registry::new(senders, vec![], vec![]), Err(Ambiguous::ClientId { .. })));
        let services = vec![service("urn:a"), service("urn:a")];
        assert_eq!(Registry::new(vec![], services, vec![]).unwrap_err(), Ambiguous::Audience("urn:a".to_owned()));
        let issuers = vec![issuer("urn:i"), issuer("urn:i")];
        assert_eq!(Registry::new(vec![], vec![], issuers).unwrap_err(), Ambiguous::Issuer("urn:i".to_owned()));
    }
}
