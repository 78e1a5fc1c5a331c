//! The values of WS-Trust that are URIs, with the aliases and the slips of real clients
//! (`reference/wstrust.md` 3.1 and 3.4, item 14). Compared byte for byte otherwise.

use crate::wire::ns;

/// The version of WS-Trust that a message speaks, by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrustVersion {
    /// WS-Trust 1.3 and 1.4.
    Trust13,
    /// The submission of February 2005.
    Trust2005,
}

impl TrustVersion {
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Trust13 => ns::WST13,
            Self::Trust2005 => ns::WST05,
        }
    }

    pub fn from_namespace(namespace: &str) -> Option<Self> {
        match namespace {
            ns::WST13 => Some(Self::Trust13),
            ns::WST05 => Some(Self::Trust2005),
            _ => None,
        }
    }
}

/// What is asked to be done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestType {
    Issue,
    Validate,
    Renew,
    Cancel,
    Other(String),
}

impl RequestType {
    pub fn from_uri(uri: &str) -> Self {
        let name = local(uri, &[ns::WST13, ns::WST05]);
        match name {
            Some("Issue") => Self::Issue,
            Some("Validate") => Self::Validate,
            Some("Renew") => Self::Renew,
            Some("Cancel") => Self::Cancel,
            _ => Self::Other(uri.to_owned()),
        }
    }

    /// The last part of the URI; for others the whole.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Issue => "Issue",
            Self::Validate => "Validate",
            Self::Renew => "Renew",
            Self::Cancel => "Cancel",
            Self::Other(uri) => uri,
        }
    }

    /// The `wsa:Action` and `SOAPAction` of a request of this type.
    pub fn action(&self, version: TrustVersion) -> String {
        format!("{}/RST/{}", version.namespace(), self.as_str())
    }
}

/// The type of token that is asked for. Aliases mean the same; the answer repeats the spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenType {
    Saml11,
    Saml20,
    /// RFC 8693 `access_token`.
    AccessToken,
    Jwt,
    /// Validate: only a status is wanted.
    Status,
    Other(String),
}

impl TokenType {
    pub fn from_uri(uri: &str) -> Self {
        match uri {
            ns::SAML20_TOKEN | ns::SAML2 | "oasis:names:tc:SAML:2.0:assertion" => Self::Saml20,
            ns::SAML11_TOKEN | ns::SAML1 | "oasis:names:tc:SAML:1.0:assertion" => Self::Saml11,
            ACCESS_TOKEN => Self::AccessToken,
            "urn:ietf:params:oauth:token-type:jwt" => Self::Jwt,
            _ if local(uri, &[ns::WST13, ns::WST05]) == Some("RSTR/Status") => Self::Status,
            _ => Self::Other(uri.to_owned()),
        }
    }
}

/// How the issued token is to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyType {
    PublicKey,
    SymmetricKey,
    Bearer,
    Other(String),
}

impl KeyType {
    /// Reads the URI, also with the missing hyphen of all known eHealth clients and with another
    /// case of its last part.
    pub fn from_uri(uri: &str) -> Self {
        if uri == ns::WST05_BEARER {
            return Self::Bearer;
        }
        let name = local(uri, &[ns::WST13, ns::WST05, WST13_WITHOUT_HYPHEN]).unwrap_or_default();
        if name.eq_ignore_ascii_case("PublicKey") {
            Self::PublicKey
        } else if name.eq_ignore_ascii_case("SymmetricKey") {
            Self::SymmetricKey
        } else if name.eq_ignore_ascii_case("Bearer") {
            Self::Bearer
        } else {
            Self::Other(uri.to_owned())
        }
    }

    /// The URI in a version; for others as it was read.
    pub fn uri(&self, version: TrustVersion) -> String {
        let namespace = version.namespace();
        match (self, version) {
            (Self::PublicKey, _) => format!("{namespace}/PublicKey"),
            (Self::SymmetricKey, _) => format!("{namespace}/SymmetricKey"),
            (Self::Bearer, TrustVersion::Trust13) => format!("{namespace}/Bearer"),
            (Self::Bearer, TrustVersion::Trust2005) => ns::WST05_BEARER.to_owned(),
            (Self::Other(uri), _) => uri.clone(),
        }
    }
}

/// What follows `namespace/`.
fn local<'u>(uri: &'u str, namespaces: &[&str]) -> Option<&'u str> {
    namespaces.iter().find_map(|namespace| uri.strip_prefix(namespace)?.strip_prefix('/'))
}

/// RFC 8693 section 3.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const WST13_WITHOUT_HYPHEN: &str = "http://docs.oasis-open.org/ws-sx/wstrust/200512";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_known_slips_mean_what_they_should() {
        for uri in [ns::SAML20_TOKEN, "urn:oasis:names:tc:SAML:2.0:assertion", "oasis:names:tc:SAML:2.0:assertion"] {
            assert_eq!(TokenType::from_uri(uri), TokenType::Saml20);
        }
        assert_eq!(
            TokenType::from_uri(&ns::SAML20_TOKEN.to_lowercase()),
            TokenType::Other(ns::SAML20_TOKEN.to_lowercase())
        );
        for uri in [
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/PublicKey",
            "http://docs.oasis-open.org/ws-sx/wstrust/200512/PublicKey",
            "http://schemas.xmlsoap.org/ws/2005/02/trust/PublicKey",
        ] {
            assert_eq!(KeyType::from_uri(uri), KeyType::PublicKey);
        }
        assert_eq!(KeyType::from_uri(ns::WST05_BEARER), KeyType::Bearer);
        assert_eq!(KeyType::from_uri("http://docs.oasis-open.org/ws-sx/ws-trust/200512/bearer"), KeyType::Bearer);
        assert_eq!(KeyType::from_uri("PublicKey"), KeyType::Other("PublicKey".to_owned()));
        assert_eq!(RequestType::from_uri("http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue"), RequestType::Issue);
        assert_eq!(
            RequestType::Issue.action(TrustVersion::Trust13),
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue"
        );
    }
}
