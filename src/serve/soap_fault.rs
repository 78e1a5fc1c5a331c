//! The one table from refusals to SOAP faults, and the words that a caller reads.
//!
//! Everything about keys, trust, replay, mandates and rules is one of two codes on purpose: a
//! caller who can tell an unknown issuer from a wrong key can ask us questions about both
//! (`rules.md` 7.1). What a caller could work out from his own bytes is told precisely.

use crate::model::{CheckId, PublicCode, Reference, Refusal};
use crate::serve::told::told;
use crate::wire::ns;

/// A fault code: the QName of WS-Trust 1.3 §11, SOAP Message Security 1.1 §12, or SOAP itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultCode {
    pub namespace: &'static str,
    pub prefix: &'static str,
    pub local: &'static str,
    /// Whose fault it is: the sender's (Client, Sender) or ours (Server, Receiver).
    pub ours: bool,
}

/// The fault code of a refusal. No `_`: a new code does not compile until somebody has decided
/// what a stranger may know.
pub fn code(refusal: &Refusal) -> FaultCode {
    match refusal.code() {
        PublicCode::XmlMalformed | PublicCode::XmlForbidden | PublicCode::XmlLimit => wst("InvalidRequest"),
        PublicCode::SoapEnvelope => match refusal.check {
            // SOAP 1.1 §4.4, SOAP 1.2 §5.4.6: these two have codes of their own.
            CheckId::SoapVersion => soap("VersionMismatch"),
            CheckId::SoapMustUnderstand => soap("MustUnderstand"),
            _ => wst("InvalidRequest"),
        },
        PublicCode::HeaderAddressing => match refusal.check {
            CheckId::AddressingAction => wsa("ActionNotSupported"),
            CheckId::AddressingReplyTo => wsa("OnlyAnonymousAddressSupported"),
            _ => wsa("InvalidAddressingHeader"),
        },
        PublicCode::HeaderSecurity | PublicCode::SignatureMissing | PublicCode::SignatureForm => {
            wsse("InvalidSecurity")
        }
        PublicCode::Encrypted => match refusal.check {
            CheckId::AssertionEncrypted => wsse("InvalidSecurityToken"),
            _ => wsse("InvalidSecurity"),
        },
        PublicCode::SignatureAlgorithm => wsse("UnsupportedAlgorithm"),
        PublicCode::SignatureReference
        | PublicCode::SignatureCoverage
        | PublicCode::SignatureDigest
        | PublicCode::SignatureValue => wsse("FailedCheck"),
        PublicCode::SignatureKey => wsse("SecurityTokenUnavailable"),
        PublicCode::Time => wsse("MessageExpired"),
        PublicCode::Certificate | PublicCode::TokenForm => wsse("InvalidSecurityToken"),
        PublicCode::Authentication => wsse("FailedAuthentication"),
        PublicCode::Request => match refusal.check {
            CheckId::RequestLifetime => wst("InvalidTimeRange"),
            CheckId::RequestAppliesTo | CheckId::RequestAppliesToForm => wst("InvalidScope"),
            CheckId::RequestChild | CheckId::RequestClaims => wst("BadRequest"),
            _ => wst("InvalidRequest"),
        },
        PublicCode::Denied => wst("RequestFailed"),
        // Codes of the other door; should one ever come by this one, it says the least.
        PublicCode::OauthRequest | PublicCode::OauthClient | PublicCode::OauthTarget | PublicCode::OauthScope => {
            wst("RequestFailed")
        }
        PublicCode::Unavailable => FaultCode { ours: true, ..wst("RequestFailed") },
    }
}

/// What the caller reads: a sentence, the code, the reference.
pub fn words(refusal: &Refusal, reference: Reference, full: bool) -> String {
    format!("{} [{}] ref {reference}", told(refusal, full), refusal.code().as_str())
}

fn wst(local: &'static str) -> FaultCode {
    FaultCode { namespace: ns::WST13, prefix: "wst", local, ours: false }
}

fn wsse(local: &'static str) -> FaultCode {
    FaultCode { namespace: ns::WSSE, prefix: "wsse", local, ours: false }
}

fn wsa(local: &'static str) -> FaultCode {
    FaultCode { namespace: ns::WSA, prefix: "wsa", local, ours: false }
}

/// A code of SOAP itself: its namespace is the envelope's.
fn soap(local: &'static str) -> FaultCode {
    FaultCode { namespace: "", prefix: "s", local, ours: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fact;

    #[test]
    fn refusals_about_our_registers_differ_in_nothing_but_their_reference() {
        let reference = Reference::from_bytes([7; 16]);
        for code in [PublicCode::Authentication, PublicCode::Denied, PublicCode::Unavailable] {
            let said: Vec<String> = CheckId::ALL
                .iter()
                .filter(|check| check.row().code == code)
                .map(|check| words(&Refusal::new(*check).with(Fact::text("sender", "secret")), reference, true))
                .collect();
            assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
            assert!(!said[0].contains("secret"));
        }
    }

    #[test]
    fn a_fault_of_the_callers_bytes_is_told_with_both_values() {
        let refusal = Refusal::new(CheckId::DigestMethod)
            .with(Fact::text("reference", "#body"))
            .with(Fact::text("algorithm", "sha1"))
            .with(Fact::list("wanted", ["sha256"]));
        let said = words(&refusal, Reference::from_bytes([7; 16]), true);
        assert!(said.contains("#body") && said.contains("sha1") && said.contains("sha256"), "{said}");
        assert!(said.contains("[SIG-ALGORITHM] ref "), "{said}");
    }
}
