//! Why no certification path was found.

use std::fmt;

use chrono::{DateTime, Utc};

use super::form::FormError;
use super::path::MAX_INTERMEDIATES;

/// Why no path was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// No anchor is configured.
    NoAnchors,
    /// More than [`MAX_INTERMEDIATES`] certificates came along.
    TooManyIntermediates(usize),
    Expired,
    NotYetValid,
    /// Nobody that is trusted signed it.
    UnknownIssuer,
    /// The extended key usage excludes client authentication, or has none of the configured ones.
    KeyPurpose,
    /// The leaf has none of the configured policies.
    Policy,
    /// An authority on the path may not sign certificates (keyUsage).
    AuthorityKeyUsage(String),
    /// A certificate is not as RFC 5280 section 4 wants it.
    Form(String, FormError),
    /// A certificate of the path was revoked.
    Revoked {
        subject: String,
        issuer: String,
        source: &'static str,
    },
    /// Nothing is known of a certificate of the path.
    RevocationUnknown {
        subject: String,
        issuer: String,
    },
    /// What is known is too old.
    RevocationStale {
        subject: String,
        issuer: String,
        next_update: DateTime<Utc>,
        source: &'static str,
    },
    /// All else that webpki refuses, in its words.
    Other(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchors => f.write_str("no anchor is configured"),
            Self::TooManyIntermediates(count) => {
                write!(f, "{count} intermediate certificates came along; {MAX_INTERMEDIATES} may")
            }
            Self::Expired => f.write_str("a certificate of the path has expired"),
            Self::NotYetValid => f.write_str("a certificate of the path is not valid yet"),
            Self::UnknownIssuer => f.write_str("no path leads to a configured anchor"),
            Self::KeyPurpose => f.write_str("its extended key usage is not for signing as a client"),
            Self::Policy => f.write_str("it has none of the certificate policies that its anchor asks for"),
            Self::AuthorityKeyUsage(name) => write!(f, "the key usage of `{name}` does not allow signing certificates"),
            Self::Form(name, error) => write!(f, "the certificate of `{name}` {error}"),
            Self::Revoked { subject, source, .. } => write!(f, "the certificate of `{subject}` was revoked ({source})"),
            Self::RevocationUnknown { subject, .. } => {
                write!(f, "whether the certificate of `{subject}` was revoked is not known")
            }
            Self::RevocationStale { subject, next_update, source, .. } => write!(
                f,
                "the {source} that speaks for the certificate of `{subject}` was due at {}",
                next_update.to_rfc3339()
            ),
            Self::Other(detail) => write!(f, "the path does not verify: {detail}"),
        }
    }
}

impl std::error::Error for PathError {}

impl PathError {
    /// Whether the error speaks of revocation: then there is a path otherwise.
    pub fn is_revocation(&self) -> bool {
        matches!(self, Self::Revoked { .. } | Self::RevocationUnknown { .. } | Self::RevocationStale { .. })
    }
}
