//! The subject token of an exchange: one SAML 2.0 assertion, and nothing around it.

use crate::flow::assertion;
use crate::flow::inquiry::{Inquiry, Stopped};
use crate::flow::profile::SamlVersion;
use crate::flow::trust::Trust;
use crate::wire::saml::Assertion;
use crate::wire::xml::Document;

/// Reads the root element as an assertion. Nothing of it is believed.
///
/// # Errors
/// [`Stopped`]; the inquiry has the refusal.
pub fn read<'d>(document: &'d Document, trust: &Trust, inquiry: &mut Inquiry) -> Result<Assertion<'d>, Stopped> {
    // The token type of RFC 8693 that is offered means SAML 2.0.
    assertion::read(document.root(), &[SamlVersion::Saml20], trust, inquiry)
}
