//! What only an endpoint has: its path and contract, what may be asked of it, how it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::TokenType;

/// The section `[door]` of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DoorRules {
    /// The path of the endpoint, unless `[[doors.soap]] path` says otherwise. Begins with `/`.
    pub path: String,
    /// The WSDL that `?wsdl` answers with: a file name under `wsdl/`.
    pub wsdl: String,
    /// What may be asked, and under which actions.
    pub actions: Actions,
    pub request: RequestRules,
    pub token: TokenRules,
    pub answer: AnswerRules,
}

impl DoorRules {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let empty = [
            ("door.actions.issue.request", self.actions.issue.request.is_empty()),
            ("door.request.key_types", self.request.key_types.is_empty()),
            ("door.token.types", self.token.types.is_empty()),
        ];
        if let Some((key, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err((key, "the list is empty, so nothing could ever pass: name at least one".to_owned()));
        }
        if !self.path.starts_with('/') || self.path.len() < 2 || self.path.contains(['?', '#', ' ', '{', '*']) {
            return Err(("door.path", "write a path such as `/sts/name`".to_owned()));
        }
        if self.token.maximum_lifetime.is_zero() || self.token.maximum_lifetime > MAXIMUM_LIFETIME {
            return Err(("door.token.maximum_lifetime_seconds", format!("write 1 to {}", MAXIMUM_LIFETIME.as_secs())));
        }
        Ok(())
    }
}

/// The operations of the endpoint. One that is absent is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    pub issue: Action,
}

/// The URIs of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Taken in a covered `wsa:Action`, and as `SOAPAction` or `action=`.
    pub request: Vec<String>,
    /// `wsa:Action` of the answer.
    pub answer: String,
}

/// What a RequestSecurityToken may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRules {
    pub key_types: Vec<KeyType>,
    /// Whether AppliesTo may be missing (never, where the service cannot be known otherwise).
    pub applies_to: Presence,
    pub on_behalf_of: Offer,
    /// The longest `Context` that we echo, in bytes.
    pub maximum_context: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// Holder-of-key on the key that signed the request.
    PublicKey,
}

impl KeyType {
    /// `wst:KeyType` (WS-Trust 1.3 §9.2).
    pub fn uri(self) -> &'static str {
        match self {
            Self::PublicKey => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/PublicKey",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    Required,
    Optional,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    Offered,
    Refused,
}

/// The token that is issued.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRules {
    /// The types on offer; the first is issued when none is asked for.
    pub types: Vec<TokenType>,
    /// The service's lifetime is cut to this, in seconds.
    #[serde(rename = "maximum_lifetime_seconds", with = "super::seconds")]
    pub maximum_lifetime: Duration,
}

/// How the endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRules {
    pub shape: AnswerShape,
    pub signed: AnswerSignature,
    pub tell: TellRule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerShape {
    /// RequestSecurityTokenResponseCollection (WS-Trust 1.3 §3.2, §4.3).
    Collection,
    /// A bare RequestSecurityTokenResponse.
    Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerSignature {
    /// When the request carried a message signature.
    IfRequestSigned,
    Never,
    Always,
}

/// What a refused caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TellRule {
    /// All that the table of codes allows (`rules.md` 7.1): sentence, element, both values.
    Full,
    /// The public code and the reference only.
    Code,
}

const MAXIMUM_LIFETIME: Duration = Duration::from_secs(86_400);
