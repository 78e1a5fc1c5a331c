//! What is asked for: a token of some type, for some service, with some rights, for some time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{KeyThumbprint, Time};

/// The service a token is for: WS-Trust `AppliesTo`, OAuth `resource` and `audience`. Compared
/// byte for byte with a configured string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Target(pub String);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The token types that we read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TokenType {
    #[serde(rename = "saml2.0")]
    Saml2,
    #[serde(rename = "access_token")]
    AccessToken,
}

impl TokenType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saml2 => "saml2.0",
            Self::AccessToken => "access_token",
        }
    }
}

/// To what a token is bound. There is no bearer variant: holder-of-key never becomes bearer
/// (`rules.md` 5.1), and nothing else is issued yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// To a key, shown in this certificate (DER): SAML holder-of-key, or `cnf.x5t#S256`.
    Certificate { key: KeyThumbprint, certificate: Vec<u8> },
    /// To a key that came without certificate: SAML holder-of-key with a KeyValue.
    Key { key: KeyThumbprint, spki: Vec<u8> },
}

impl Binding {
    pub fn key(&self) -> KeyThumbprint {
        match self {
            Self::Certificate { key, .. } | Self::Key { key, .. } => *key,
        }
    }
}

/// OAuth scope: a set of scope tokens (RFC 6749 3.3), kept in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub Vec<String>);

impl Scope {
    /// Scope tokens separated by single spaces; repeated ones count once.
    ///
    /// # Errors
    /// The offending token, when it holds a character outside RFC 6749 appendix A.4.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens: Vec<String> = Vec::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            let legal = token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            if !legal {
                return Err(token.to_owned());
            }
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
        }
        Ok(Self(tokens))
    }

    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| known == token)
    }

    /// The tokens of both: a right never grows.
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|token| other.contains(token)).cloned().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// A period: from `not_before` (inclusive) to `not_on_or_after` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    pub not_before: Time,
    pub not_on_or_after: Time,
}
