//! Why not: a check that failed, with typed facts. Never formatted text; sentences are made of it
//! by [`super::messages`].

use serde::Serialize;

use super::{CheckId, Place, Time};

/// What a caller may be told. A released code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicCode {
    XmlMalformed,
    XmlForbidden,
    XmlLimit,
    SoapEnvelope,
    HeaderSecurity,
    HeaderAddressing,
    Encrypted,
    SignatureMissing,
    SignatureForm,
    SignatureAlgorithm,
    SignatureReference,
    SignatureCoverage,
    SignatureDigest,
    SignatureValue,
    SignatureKey,
    Time,
    Certificate,
    TokenForm,
    Request,
    OauthRequest,
    OauthClient,
    OauthTarget,
    OauthScope,
    Authentication,
    Denied,
    Unavailable,
}

/// Whether a code speaks of the caller's own bytes or of our registers (`rules.md` 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// What the caller could work out from his own message, the published profile and our clock:
    /// told precisely.
    Bytes,
    /// Who is registered, trust, issuer, key mapping, replay, proof, mandates, rules: one code,
    /// one constant sentence.
    Registers,
}

impl PublicCode {
    pub const ALL: [Self; 26] = [
        Self::XmlMalformed,
        Self::XmlForbidden,
        Self::XmlLimit,
        Self::SoapEnvelope,
        Self::HeaderSecurity,
        Self::HeaderAddressing,
        Self::Encrypted,
        Self::SignatureMissing,
        Self::SignatureForm,
        Self::SignatureAlgorithm,
        Self::SignatureReference,
        Self::SignatureCoverage,
        Self::SignatureDigest,
        Self::SignatureValue,
        Self::SignatureKey,
        Self::Time,
        Self::Certificate,
        Self::TokenForm,
        Self::Request,
        Self::OauthRequest,
        Self::OauthClient,
        Self::OauthTarget,
        Self::OauthScope,
        Self::Authentication,
        Self::Denied,
        Self::Unavailable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::XmlMalformed => "XML-MALFORMED",
            Self::XmlForbidden => "XML-FORBIDDEN",
            Self::XmlLimit => "XML-LIMIT",
            Self::SoapEnvelope => "SOAP-ENVELOPE",
            Self::HeaderSecurity => "HDR-SECURITY",
            Self::HeaderAddressing => "HDR-ADDRESSING",
            Self::Encrypted => "MSG-ENCRYPTED",
            Self::SignatureMissing => "SIG-MISSING",
            Self::SignatureForm => "SIG-FORM",
            Self::SignatureAlgorithm => "SIG-ALGORITHM",
            Self::SignatureReference => "SIG-REFERENCE",
            Self::SignatureCoverage => "SIG-COVERAGE",
            Self::SignatureDigest => "SIG-DIGEST",
            Self::SignatureValue => "SIG-VALUE",
            Self::SignatureKey => "SIG-KEY",
            Self::Time => "TIM-WINDOW",
            Self::Certificate => "CRT-TIME",
            Self::TokenForm => "TOK-FORM",
            Self::Request => "WST-REQUEST",
            Self::OauthRequest => "OAU-REQUEST",
            Self::OauthClient => "OAU-CLIENT",
            Self::OauthTarget => "OAU-TARGET",
            Self::OauthScope => "OAU-SCOPE",
            Self::Authentication => "AUTHENTICATION",
            Self::Denied => "DENIED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// The code of this text, as `explain` and cases write it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    pub fn tell(self) -> Tell {
        match self {
            Self::Authentication | Self::Denied | Self::Unavailable => Tell::Registers,
            _ => Tell::Bytes,
        }
    }
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Number(i64),
    Time(Time),
    List(Vec<String>),
}

/// One typed fact about a check: `wanted`, `found`, `element`, `reference`, `algorithm`… The names
/// are the placeholders of the sentences in `messages/`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    pub name: &'static str,
    pub value: Value,
}

impl Fact {
    pub fn text(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: Value::Text(value.into()) }
    }

    pub fn number(name: &'static str, value: impl TryInto<i64>) -> Self {
        Self { name, value: Value::Number(value.try_into().unwrap_or(i64::MAX)) }
    }

    pub fn time(name: &'static str, value: Time) -> Self {
        Self { name, value: Value::Time(value) }
    }

    pub fn list<T: Into<String>>(name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        Self { name, value: Value::List(values.into_iter().map(Into::into).collect()) }
    }
}

/// Facts in the order in which they were found.
pub type Facts = Vec<Fact>;

/// A request was understood and refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    pub check: CheckId,
    pub facts: Facts,
    /// Where in the message, when the fault has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Refusal {
    pub fn new(check: CheckId) -> Self {
        Self { check, facts: Vec::new(), place: None }
    }

    pub fn with(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub fn reason(&self) -> &'static str {
        self.check.row().reason
    }

    pub fn code(&self) -> PublicCode {
        self.check.row().code
    }
}
