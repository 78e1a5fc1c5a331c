//! A profile: what one SOAP endpoint asks of a message, and how it answers.
//!
//! Profiles are data. A TOML file selects among the named behaviours below; a new combination is a
//! new file, a new behaviour is code. No profile's name occurs in code. The built-in files lie in
//! `config/profiles/`; an operator's own is read from where the configuration says.
//!
//! What every message is judged by stands here; what only an endpoint has, in [`door`].
//!
//! Plain values with no opinion of their own: the steps of [`crate::flow`] ask them, and never ask
//! for a profile's name.

pub mod door;

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::wire::ns;
pub use door::DoorRules;

/// Everything that a profile's file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What `[[doors.soap]] profile = …`, `envelope verify --profile` and the audit call it.
    pub name: String,
    /// One line for people: what the profile is for.
    pub title: String,
    pub soap_versions: Vec<SoapVersion>,
    /// Header blocks that are understood without being read, also under `mustUnderstand`.
    #[serde(default)]
    pub headers: Vec<KnownHeader>,
    pub coverage: Coverage,
    pub algorithms: Algorithms,
    /// The ways in which `ds:KeyInfo` may name the signing key.
    pub key_references: Vec<KeyReferenceStyle>,
    pub certificate: CertificateTrust,
    pub assertion: AssertionRules,
    pub time: TimeRules,
    /// What only an endpoint has. A profile without it is for verification only: no door can be
    /// opened with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<DoorRules>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum SoapVersion {
    #[serde(rename = "1.1")]
    Soap11,
    #[serde(rename = "1.2")]
    Soap12,
}

/// A header block of another specification that messages of this kind carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownHeader {
    /// `sbf:Framework` of the Liberty ID-WSF SOAP binding 2.0: names a version, changes nothing.
    LibertyFramework,
}

/// What the signature of a request must cover.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Parts that must be there and be signed. Without a covered `wsa:To` a message is not bound to
    /// its receiver (`rules.md` 2.1), which holder-of-key tokens alone may survive.
    pub required: Vec<Part>,
    /// The BinarySecurityToken with the sender's certificate; directly or through STR-Transform.
    pub binary_security_token: TokenCoverage,
    /// `wsa:To`, `wsa:Action`, `wsa:MessageID`, `wsa:ReplyTo` … where present.
    pub addressing: AddressingCoverage,
}

impl Coverage {
    pub fn requires(&self, part: Part) -> bool {
        self.required.contains(&part)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Body,
    Timestamp,
    /// `wsa:To`; covered, it must name this endpoint.
    To,
    /// `wsa:Action`.
    Action,
    /// `wsa:MessageID`.
    MessageId,
}

impl Part {
    /// The element's name as toolkits have it in their settings.
    pub fn local_name(self) -> &'static str {
        self.element().rsplit_once(':').map_or("", |(_, local)| local)
    }

    /// The element, as the specifications write it.
    pub fn element(self) -> &'static str {
        match self {
            Self::Body => "soap:Body",
            Self::Timestamp => "wsu:Timestamp",
            Self::To => "wsa:To",
            Self::Action => "wsa:Action",
            Self::MessageId => "wsa:MessageID",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenCoverage {
    /// The key must be named by a BinarySecurityToken, and that must be covered.
    Always,
    /// Must be covered when the key reference goes to it.
    IfReferenced,
    /// Need not be covered: the registered or path-validated certificate decides.
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressingCoverage {
    /// A header that is present and not covered refuses the message.
    SignedIfPresent,
    /// A header that is not covered is never believed (`rules.md` 2.3).
    IgnoredUnlessSigned,
}

/// What a signature may be made with. Always exclusive canonicalisation; that is no choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Algorithms {
    pub signatures: Vec<SignatureMethod>,
    pub digests: Vec<DigestMethod>,
    /// The smallest RSA modulus, in bits. At least 2048. The largest is 8192: verifying grows with the square.
    pub minimum_rsa_bits: u32,
    /// The smallest public exponent of an RSA key; odd. NIST SP 800-56B asks for more than 2^16.
    #[serde(default = "minimum_rsa_exponent")]
    pub minimum_rsa_exponent: u64,
}

fn minimum_rsa_exponent() -> u64 {
    MINIMUM_RSA_EXPONENT
}

impl Algorithms {
    /// The allowed signature method with this URI.
    pub fn signature(&self, uri: &str) -> Option<SignatureMethod> {
        self.signatures.iter().copied().find(|method| method.uri() == uri)
    }

    /// The allowed digest method with this URI.
    pub fn digest(&self, uri: &str) -> Option<DigestMethod> {
        self.digests.iter().copied().find(|method| method.uri() == uri)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureMethod {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// RSASSA-PSS with parameters, which must say one hash throughout and a salt of its length.
    RsaPss,
    #[serde(rename = "sha256-rsa-mgf1")]
    Sha256RsaMgf1,
    #[serde(rename = "sha384-rsa-mgf1")]
    Sha384RsaMgf1,
    #[serde(rename = "sha512-rsa-mgf1")]
    Sha512RsaMgf1,
    /// On P-256.
    EcdsaSha256,
    /// On P-384.
    EcdsaSha384,
    /// On P-521.
    EcdsaSha512,
    EddsaEd25519,
}

impl SignatureMethod {
    /// The `Algorithm` of `ds:SignatureMethod` (RFC 9231 §2.3).
    pub fn uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => ns::RSA_SHA256,
            Self::RsaSha384 => ns::RSA_SHA384,
            Self::RsaSha512 => ns::RSA_SHA512,
            Self::RsaPss => ns::RSA_PSS,
            Self::Sha256RsaMgf1 => ns::SHA256_RSA_MGF1,
            Self::Sha384RsaMgf1 => ns::SHA384_RSA_MGF1,
            Self::Sha512RsaMgf1 => ns::SHA512_RSA_MGF1,
            Self::EcdsaSha256 => ns::ECDSA_SHA256,
            Self::EcdsaSha384 => ns::ECDSA_SHA384,
            Self::EcdsaSha512 => ns::ECDSA_SHA512,
            Self::EddsaEd25519 => ns::EDDSA_ED25519,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestMethod {
    Sha256,
    Sha384,
    Sha512,
}

impl DigestMethod {
    /// The `Algorithm` of `ds:DigestMethod` (XML Encryption §5.8.2, RFC 6931 §2.1).
    pub fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => ns::SHA256,
            Self::Sha384 => ns::SHA384,
            Self::Sha512 => ns::SHA512,
        }
    }
}

/// A way to name the signing key inside `ds:KeyInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyReferenceStyle {
    /// STR/Reference to a BinarySecurityToken with one X.509 certificate.
    BinarySecurityToken,
    /// STR/Reference to a BinarySecurityToken with a certification path.
    PkiPath,
    /// X509IssuerSerial, in an STR or directly in X509Data.
    IssuerSerial,
    /// X509SubjectName. Names a registered certificate, if it names one only.
    SubjectName,
    /// KeyIdentifier `#X509SubjectKeyIdentifier`, or X509SKI.
    SubjectKeyIdentifier,
    /// KeyIdentifier `#ThumbprintSHA1`, or X509Digest. Names a registered certificate; proves nothing by itself.
    Thumbprint,
    /// X509Data/X509Certificate, in an STR or directly in KeyInfo; several are a chain, the leaf first.
    EmbeddedCertificate,
    /// A SAML holder-of-key assertion in the header, by KeyIdentifier `#SAMLID` or
    /// `#SAMLAssertionID`, or by Reference; of which version, says [`AssertionRules`].
    SamlAssertion,
}

/// By what right a certificate speaks for a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateTrust {
    /// Its key is registered.
    Registered,
    /// Its key is registered, and a path leads from it to an anchor.
    RegisteredAndPath,
    /// Its key is registered; a certificate that is not registered byte for byte (renewed with the
    /// same key) needs a path to an anchor.
    RegisteredOrPath,
}

/// SAML assertions in the Security header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AssertionRules {
    /// The versions of SAML that are taken.
    pub versions: Vec<SamlVersion>,
    /// Whether the message's signature must cover the assertion (`rules.md` 1.5).
    pub covered: AssertionCoverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionCoverage {
    Required,
    /// Taken uncovered when it is the sole assertion, its key signed the message, and nobody is
    /// acted for; audited as `token-uncovered`.
    AcceptMissing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum SamlVersion {
    #[serde(rename = "1.1")]
    Saml11,
    #[serde(rename = "2.0")]
    Saml20,
}

impl SamlVersion {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saml11 => "1.1",
            Self::Saml20 => "2.0",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRules {
    /// How far two clocks may differ (`rules.md` 3.1).
    #[serde(rename = "skew_seconds", with = "seconds")]
    pub skew: Duration,
    /// How long after `Created` a Timestamp is taken at most; `Expires` is clamped to it.
    #[serde(rename = "timestamp_ttl_seconds", with = "seconds")]
    pub timestamp_ttl: Duration,
}

impl Profile {
    /// Whether a message may be signed with the key of an assertion.
    pub fn takes_assertions(&self) -> bool {
        self.key_references.contains(&KeyReferenceStyle::SamlAssertion)
    }

    /// What a covered `wsa:Action` may say. `None`: the profile serves nothing of its own, so that
    /// what is asked is not judged by it.
    pub fn served_actions(&self) -> Option<&[String]> {
        self.door.as_ref().map(|door| door.actions.issue.request.as_slice())
    }

    /// What the types cannot say: combinations that no endpoint may be run with.
    ///
    /// # Errors
    /// The dotted key that is wrong, and a sentence that says what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let empty = [
            ("soap_versions", self.soap_versions.is_empty()),
            ("algorithms.signatures", self.algorithms.signatures.is_empty()),
            ("algorithms.digests", self.algorithms.digests.is_empty()),
            ("key_references", self.key_references.is_empty()),
            ("assertion.versions", self.takes_assertions() && self.assertion.versions.is_empty()),
        ];
        if let Some((key, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err((key, "the list is empty, so nothing could ever pass: name at least one".to_owned()));
        }
        if self.name.is_empty() || !self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(("name", "write lower-case letters, digits and `-` only".to_owned()));
        }
        // A signature that does not cover the Body authenticates no request (rules.md 2.2), and one
        // that covers no Timestamp can be replayed for ever.
        for part in [Part::Body, Part::Timestamp] {
            if !self.coverage.requires(part) {
                return Err((
                    "coverage.required",
                    "write `[\"body\", \"timestamp\"]` and what else: neither may be missing".to_owned(),
                ));
            }
        }
        if self.algorithms.minimum_rsa_bits < MINIMUM_RSA_BITS {
            return Err(("algorithms.minimum_rsa_bits", format!("write {MINIMUM_RSA_BITS} or more")));
        }
        let exponent = self.algorithms.minimum_rsa_exponent;
        if exponent < 3 || exponent.is_multiple_of(2) {
            return Err(("algorithms.minimum_rsa_exponent", format!("write {MINIMUM_RSA_EXPONENT}")));
        }
        if self.time.skew > MAXIMUM_SKEW {
            return Err(("time.skew_seconds", format!("write {} or less", MAXIMUM_SKEW.as_secs())));
        }
        if self.time.timestamp_ttl.is_zero() || self.time.timestamp_ttl > MAXIMUM_TIMESTAMP_TTL {
            return Err(("time.timestamp_ttl_seconds", format!("write 1 to {}", MAXIMUM_TIMESTAMP_TTL.as_secs())));
        }
        self.door.as_ref().map_or(Ok(()), DoorRules::check)
    }
}

/// Durations are whole seconds in a profile's file.
mod seconds {
    use super::{Deserialize, Deserializer, Duration};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
    }

    pub fn serialize<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }
}

/// NIST SP 800-57 part 1: 112 bits of strength.
const MINIMUM_RSA_BITS: u32 = 2048;
/// NIST SP 800-56B §6.2: odd, and more than 2^16. What follows from a smaller one is forgery by a careless reader.
const MINIMUM_RSA_EXPONENT: u64 = 65_537;
/// `rules.md` 3.1: five minutes, and only by configuration.
const MAXIMUM_SKEW: Duration = Duration::from_secs(300);
/// The replay store keeps each message for so long.
const MAXIMUM_TIMESTAMP_TTL: Duration = Duration::from_secs(3600);
