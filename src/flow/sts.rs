//! The parts that one server is made of. `config` builds it, `serve` holds it, the steps use it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::attributes::AttributeSource;
use crate::audit::AuditTrail;
use crate::flow::trust::Trust;
use crate::keys::KeyStore;
use crate::mandates::MandateStore;
use crate::model::{KeyPurpose, RealmId, TokenType};
use crate::pdp::DecisionPoint;
use crate::replay::ReplayGuard;
use crate::store::Store;
use crate::tokens::TokenFormat;

/// One Security Token Service. Whoever embeds the library builds their own; whoever runs the
/// program names built-ins in the configuration.
#[derive(Debug)]
pub struct Sts {
    pub realm: RealmId,
    /// Our name: `Issuer` of assertions and `iss` of JWTs. Never taken from a request.
    pub issuer: String,
    /// The token endpoint's URL as clients know it.
    pub token_endpoint: String,
    /// Replaced as a whole when something new is known of revocation. A request takes one snapshot.
    pub trust: ArcSwap<Trust>,
    pub pdp: Arc<dyn DecisionPoint>,
    pub mandates: Arc<dyn MandateStore>,
    pub attributes: Vec<Arc<dyn AttributeSource>>,
    pub replay: Arc<dyn ReplayGuard>,
    pub store: Store,
    pub trail: AuditTrail,
    pub keys: Arc<dyn KeyStore>,
    /// By token type: looked up, never asked in turn.
    pub formats: HashMap<TokenType, Arc<dyn TokenFormat>>,
}

impl Sts {
    /// The purpose of the key that signs tokens of a type. One key serves one purpose.
    pub fn key_purpose(token_type: TokenType) -> KeyPurpose {
        match token_type {
            TokenType::Saml2 => KeyPurpose::Assertions,
            TokenType::AccessToken => KeyPurpose::AccessTokens,
        }
    }
}
