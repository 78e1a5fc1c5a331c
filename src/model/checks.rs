//! The table of checks: everything that can be wrong with a request, one row each.
//!
//! `CheckId -> (reason, PublicCode, section of the spec, guard, page)`. The reason is what audit,
//! `explain`, `envelope verify` and `case.toml` say; the public code is what a caller is told. The
//! row's sentence is the entry of the same name in `messages/en.toml`; its page is
//! `vidimus explain CODE`. The guard of a check is the check's own name.

use serde::{Serialize, Serializer};

use super::PublicCode;

/// One row of the table.
#[derive(Debug)]
pub struct CheckRow {
    pub id: CheckId,
    /// The stable name of the failure.
    pub reason: &'static str,
    pub code: PublicCode,
    /// The section that asks for the check; `ours` where no specification does.
    pub section: &'static str,
}

macro_rules! checks {
    ($( $id:ident $reason:literal $code:ident $section:literal )*) => {
        /// A check that the pipeline makes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CheckId { $( $id, )* }

        impl CheckId {
            /// All checks, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$id, )* ];

            /// What is known of this check.
            pub fn row(self) -> &'static CheckRow {
                match self {
                    $( Self::$id => &CheckRow {
                        id: Self::$id, reason: $reason, code: PublicCode::$code, section: $section,
                    }, )*
                }
            }
        }
    };
}

checks! {
    // ── bytes and XML ──────────────────────────────────────────────────────────────────────────
    XmlEncoding              "xml-encoding"                 XmlMalformed        "XML 1.0 §4.3.3"
    XmlSyntax                "xml-syntax"                   XmlMalformed        "XML 1.0 §2"
    XmlCharacter             "xml-character"                XmlMalformed        "XML 1.0 §2.2"
    XmlNamespace             "xml-namespace"                XmlMalformed        "Namespaces in XML §2-§6"
    XmlDuplicateAttribute    "xml-duplicate-attribute"      XmlMalformed        "Namespaces in XML §6.3"
    XmlTrailing              "xml-trailing-content"         XmlMalformed        "XML 1.0 §2.1"
    XmlDoctype               "xml-doctype"                  XmlForbidden        "SOAP 1.1 §3, SOAP 1.2 §5"
    XmlEntity                "xml-entity"                   XmlForbidden        "SOAP 1.1 §3, SOAP 1.2 §5"
    XmlProcessingInstruction "xml-processing-instruction"   XmlForbidden        "SOAP 1.1 §3, SOAP 1.2 §5"
    LimitBytes               "limit-bytes"                  XmlLimit            "ours"
    LimitDepth               "limit-depth"                  XmlLimit            "ours"
    LimitNodes               "limit-nodes"                  XmlLimit            "ours"
    LimitAttributes          "limit-attributes"             XmlLimit            "ours"
    LimitNamespaces          "limit-namespaces"             XmlLimit            "ours"
    LimitName                "limit-name"                   XmlLimit            "ours"
    LimitCanonicalForm       "limit-canonical-form"         XmlLimit            "ours"

    // ── SOAP ───────────────────────────────────────────────────────────────────────────────────
    SoapContentType          "soap-content-type"            SoapEnvelope        "SOAP 1.1 §6, SOAP 1.2 part 2 §7"
    SoapEnvelopeShape        "not-a-soap-envelope"          SoapEnvelope        "SOAP 1.1 §4, SOAP 1.2 §5"
    SoapVersion              "soap-version-not-offered"     SoapEnvelope        "SOAP 1.1 §4.4, SOAP 1.2 §5.4.6"
    SoapBody                 "soap-body-shape"              SoapEnvelope        "SOAP 1.1 §4.3, SOAP 1.2 §5.3"
    SoapMustUnderstand       "header-not-understood"        SoapEnvelope        "SOAP 1.1 §4.2.3, SOAP 1.2 §5.2.3"
    AddressingRepeated       "addressing-header-repeated"   HeaderAddressing    "WS-Addressing 1.0 SOAP §3.2"
    AddressingAction         "action-not-served-here"       HeaderAddressing    "WS-Addressing 1.0 Core §3.1"
    AddressingReplyTo        "answer-asked-elsewhere"       HeaderAddressing    "WS-Addressing 1.0 SOAP §5.1"
    AddressingTo             "to-names-another-endpoint"    HeaderAddressing    "WS-Addressing 1.0 Core §3.1"

    // ── the Security header and its signature ──────────────────────────────────────────────────
    SecurityHeader           "security-header-missing"      HeaderSecurity      "WSS 1.1 §5"
    SecurityHeaderSingle     "security-header-repeated"     HeaderSecurity      "WSS 1.1 §5"
    SecurityHeaderContent    "security-header-content"      HeaderSecurity      "WSS 1.1 §5"
    EncryptionPresent        "encrypted-content"            Encrypted           "ours"
    SignaturePresent         "signature-missing"            SignatureMissing    "WSS 1.1 §8"
    SignatureSingle          "signature-repeated"           SignatureForm       "ours"
    SignatureStructure       "signature-structure"          SignatureForm       "XML Signature 1.1 §4"
    ReferenceCount           "too-many-references"          SignatureForm       "ours"
    ReferenceWeight          "parts-signed-repeatedly"      SignatureForm       "ours"
    Canonicalization         "canonicalization-not-allowed" SignatureAlgorithm  "BSP 1.1 R5404"
    TransformAllowed         "transform-not-allowed"        SignatureAlgorithm  "BSP 1.1 R5423"
    SignatureMethod          "signature-method-not-allowed" SignatureAlgorithm  "BSP 1.1 R5421"
    SignatureParameter       "signature-parameter-not-allowed" SignatureAlgorithm "RFC 9231 §2.3.9"
    DigestMethod             "digest-method-not-allowed"    SignatureAlgorithm  "BSP 1.1 R5420"
    AlgorithmException       "algorithm-not-excepted"       SignatureAlgorithm  "rules.md 4.2"
    KeySize                  "key-too-small"                SignatureAlgorithm  "ours"
    KeyExponent              "key-exponent-too-small"       SignatureAlgorithm  "NIST SP 800-56B §6.2"
    ReferenceForm            "reference-not-same-document"  SignatureReference  "XML Signature 1.1 §4.4.3.2"
    ReferenceResolved        "reference-points-nowhere"     SignatureReference  "XML Signature 1.1 §4.4.3.2"
    ReferenceUnique          "referenced-id-repeated"       SignatureReference  "XML Signature 1.1 §4.4.3.2"
    ReferencePosition        "signed-element-elsewhere"     SignatureCoverage   "McIntosh & Austel 2005"
    KeyReferencePresent      "key-reference-missing"        SignatureKey        "WSS 1.1 §7"
    KeyReferenceForm         "key-reference-not-understood" SignatureKey        "WSS 1.1 §7"
    KeyReferenceResolved     "key-reference-points-nowhere" SignatureKey        "WSS 1.1 §7"
    KeyReferenceKnown        "key-reference-unknown"        Authentication      "WSS X.509 Token Profile 1.1 §3.2"
    KeyNamedOnce             "key-named-twice"              SignatureKey        "rules.md 1.5"
    TokenCertificate         "certificate-unreadable"       SignatureKey        "WSS X.509 Token Profile 1.1 §3.1"
    SignatureValue           "signature-value-wrong"        SignatureValue      "XML Signature 1.1 §3.2.2"
    DigestValue              "digest-differs"               SignatureDigest     "XML Signature 1.1 §3.2.1"
    CoverageBody             "body-not-signed"              SignatureCoverage   "WSS 1.1 §8"
    CoverageTimestamp        "timestamp-not-signed"         SignatureCoverage   "WSS 1.1 §8, §10"
    CoverageToken            "token-not-signed"             SignatureCoverage   "WS-SecurityPolicy 1.2 §6.5"
    CoverageAddressing       "addressing-not-signed"        SignatureCoverage   "WS-SecurityPolicy 1.2 §4.1.1"

    // ── time ───────────────────────────────────────────────────────────────────────────────────
    TimestampPresent         "timestamp-missing"            Time                "WSS 1.1 §10"
    TimestampSingle          "timestamp-repeated"           HeaderSecurity      "WSS 1.1 §10"
    TimestampForm            "timestamp-unreadable"         Time                "WSS 1.1 §10, BSP 1.1 R3217"
    TimestampOrder           "timestamp-ends-before-start"  Time                "WSS 1.1 §10"
    TimestampFuture          "timestamp-in-the-future"      Time                "WSS 1.1 §10"
    TimestampExpired         "timestamp-expired"            Time                "WSS 1.1 §10"

    // ── certificates, keys, registry ───────────────────────────────────────────────────────────
    CertificateStarted       "certificate-not-yet-valid"    Certificate         "RFC 5280 §4.1.2.5"
    CertificateExpired       "certificate-expired"          Certificate         "RFC 5280 §4.1.2.5"
    CertificatePath          "certificate-not-trusted"      Authentication      "RFC 5280 §6"
    CertificateUsage         "certificate-usage"            Authentication      "RFC 5280 §4.2.1.3"
    CertificateRevoked       "certificate-revoked"          Authentication      "RFC 5280 §6.3, RFC 6960 §2.2"
    RevocationKnown          "revocation-unknown"           Authentication      "rules.md 4.3"
    RevocationFresh          "revocation-stale"             Authentication      "RFC 5280 §5.1.2.5, RFC 6960 §4.2.2.1"
    KeyRegistered            "key-not-registered"           Authentication      "rules.md 1.1"
    SenderActive             "sender-suspended"             Authentication      "ours"

    // ── SAML ───────────────────────────────────────────────────────────────────────────────────
    AssertionSingle          "assertion-repeated"           TokenForm           "WSS SAML Token Profile 1.1 §3.3"
    AssertionEncrypted       "assertion-encrypted"          Encrypted           "ours"
    AssertionStructure       "assertion-structure"          TokenForm           "SAML 2.0 Core §2"
    AssertionVersion         "assertion-version"            TokenForm           "SAML 2.0 Core §2.3.3"
    AssertionSigned          "assertion-not-signed"         TokenForm           "SAML 2.0 Core §5"
    AssertionSignatureForm   "assertion-signature-form"     TokenForm           "SAML 2.0 Core §5.4"
    AssertionIssuer          "assertion-issuer-unknown"     Authentication      "SAML 2.0 Core §2.2.5"
    IssuerActive             "issuer-suspended"             Authentication      "ours"
    AssertionSignature       "assertion-signature-wrong"    Authentication      "SAML 2.0 Core §5.4"
    AssertionStarted         "assertion-not-yet-valid"      Authentication      "SAML 2.0 Core §2.5.1.2"
    AssertionExpired         "assertion-expired"            Authentication      "SAML 2.0 Core §2.5.1.2"
    AssertionCondition       "assertion-condition-unknown"  Authentication      "SAML 2.0 Core §2.5.1"
    AssertionAudience        "assertion-for-another"        Authentication      "SAML 2.0 Core §2.5.1.4"
    AssertionContext         "assertion-authn-context"      Authentication      "SAML 2.0 Core §2.7.2"
    AssertionConfirmation    "assertion-not-holder-of-key"  Authentication      "SAML 2.0 Profiles §3.1"
    AssertionCovered         "assertion-not-signed-with-message" SignatureCoverage "rules.md 1.5"

    // ── once ───────────────────────────────────────────────────────────────────────────────────
    MessageRemembered        "message-older-than-records"   Authentication      "rules.md 3.3"
    MessageFresh             "message-seen-before"          Authentication      "rules.md 3.1"
    MessageIdFresh           "message-id-seen-before"       Authentication      "rules.md 3.1"
    AssertionFresh           "assertion-seen-before"        Authentication      "SAML 2.0 Core §2.5.1.5"
    JwtIdFresh               "jwt-id-seen-before"           Authentication      "RFC 7523 §3"

    // ── WS-Trust ───────────────────────────────────────────────────────────────────────────────
    RequestShape             "request-not-understood"       Request             "WS-Trust 1.3 §3.1"
    RequestChild             "request-child-unknown"        Request             "rules.md 2.5"
    RequestType              "request-type-not-offered"     Request             "WS-Trust 1.3 §3.1"
    RequestTokenType         "token-type-not-offered"       Request             "WS-Trust 1.3 §3.1"
    RequestReceiver          "receiver-not-signed"          Request             "rules.md 2.1"
    RequestKeyType           "key-type-not-offered"         Request             "WS-Trust 1.3 §9.2"
    RequestUseKey            "use-key-not-proven"           Request             "WS-Trust 1.3 §9.3, rules.md 1.2"
    RequestAppliesTo         "applies-to-missing"           Request             "WS-Trust 1.3 §4.2.1"
    RequestAppliesToForm     "applies-to-unreadable"        Request             "WS-Trust 1.3 §4.2.1"
    RequestLifetime          "lifetime-unusable"            Request             "WS-Trust 1.3 §4.1"
    RequestContext           "context-too-long"             Request             "ours"
    RequestOnBehalfOf        "on-behalf-of-not-understood"  Request             "WS-Trust 1.3 §9.1"
    RequestClaims            "claims-not-understood"        Request             "WS-Trust 1.3 §9.3"

    // ── OAuth ──────────────────────────────────────────────────────────────────────────────────
    FormEncoding             "form-unreadable"              OauthRequest        "RFC 6749 §3.2"
    FormParameterSingle      "parameter-repeated"           OauthRequest        "RFC 6749 §3.2"
    FormParameterPresent     "parameter-missing"            OauthRequest        "RFC 6749 §5.2"
    FormParameterSupported   "parameter-not-supported"      OauthRequest        "RFC 8693 §2.1"
    GrantType                "grant-type-not-offered"       OauthRequest        "RFC 6749 §5.2"
    SubjectTokenType         "subject-token-type-not-taken" OauthRequest        "RFC 8693 §2.1"
    SubjectTokenEncoding     "subject-token-encoding"       OauthRequest        "RFC 8693 §3"
    RequestedTokenType       "requested-token-type-not-offered" OauthRequest    "RFC 8693 §2.1"
    ScopeForm                "scope-unreadable"             OauthScope          "RFC 6749 §3.3"
    ScopeGranted             "scope-not-grantable"          OauthScope          "RFC 6749 §3.3"
    TargetPresent            "target-missing"               OauthTarget         "RFC 8707 §2"
    ClientAssertionPresent   "client-authentication-missing" OauthClient        "RFC 7523 §2.2"
    ClientAssertionForm      "client-assertion-unreadable"  OauthClient         "RFC 7523 §3"
    ClientAssertionAlgorithm "client-assertion-algorithm"   OauthClient         "RFC 7518 §3.1"
    ClientAssertionTime      "client-assertion-time"        OauthClient         "RFC 7523 §3"
    ClientAssertionAudience  "client-assertion-audience"    OauthClient         "RFC 7523 §3, rules.md 5.6"
    ClientKnown              "client-not-registered"        Authentication      "RFC 6749 §3.2.1"
    ClientAssertionSignature "client-assertion-signature"   Authentication      "RFC 7515 §5.2"
    ClientGrant              "client-may-not-use-grant"     Denied              "RFC 6749 §5.2"
    ProofPresent             "key-not-proven"               Authentication      "rules.md 5.2"
    ProofKey                 "proven-key-differs"           Authentication      "rules.md 5.2"
    ClientMatches            "client-is-not-the-holder"     Authentication      "rules.md 5.2"

    // ── who may ────────────────────────────────────────────────────────────────────────────────
    TargetKnown              "service-not-registered"       Denied              "WS-Trust 1.3 §4.2.1"
    TargetWithin             "service-outside-subject-token" Denied             "RFC 8693 §2.1, rules.md 5.1"
    TargetTokenType          "service-takes-other-token"    Denied              "ours"
    MandateFound             "mandate-missing"              Denied              "ours"
    MandateInForce           "mandate-ended"                Denied              "ours"
    MandatePeriod            "mandate-outside-period"       Denied              "ours"
    PolicyPermits            "policy-denies"                Denied              "ours"
    LifetimeLeft             "no-lifetime-left"             Denied              "rules.md 5.1"

    // ── ours ───────────────────────────────────────────────────────────────────────────────────
    PolicyAnswers            "policy-unavailable"           Unavailable         "ours"
    MandatesAnswer           "mandates-unavailable"         Unavailable         "ours"
    AttributesAnswer         "attributes-unavailable"       Unavailable         "ours"
    StoreAnswers             "store-unavailable"            Unavailable         "ours"
    AuditWrites              "audit-unavailable"            Unavailable         "ours"
    KeySigns                 "key-unavailable"              Unavailable         "ours"
}

impl CheckId {
    /// The check whose failure has this reason.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.row().reason == reason)
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.row().reason)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_is_used_once() {
        let mut seen = HashSet::new();
        for check in CheckId::ALL {
            assert!(seen.insert(check.row().reason), "{}", check.row().reason);
            assert_eq!(CheckId::from_reason(check.row().reason), Some(*check));
        }
    }
}
