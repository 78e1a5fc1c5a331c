//! The specifications as types: bytes in and bytes out. No I/O, no clock, no opinion on who may.
//!
//! ```text
//! bytes ─ xml ─► Document ─ dsig ─► which elements a key has signed
//!                   │
//!                   └─ soap, wsse, saml, wst ─► what the elements say
//! ```

/// Namespaces and algorithm identifiers.
pub mod ns;

/// Checks that a test can switch off.
pub mod guard;

/// Base64 as XML writes it, and as JOSE writes it.
pub mod base64;

/// Hexadecimal letters.
pub mod hex;

/// Hashes, keys, signatures, chance. The only place beside `keys/` that names the library.
pub mod crypto;

/// The strict reader, exclusive canonical form, the canonical writer, dates.
pub mod xml;

/// What stands where in an element, how often, with what text.
pub mod shape;

/// XML Signature, one closed profile.
pub mod dsig;

/// `ds:KeyInfo`, and what names a key inside it.
pub mod key_info;

/// The envelope and its addressing headers.
pub mod soap;

/// The Security header, its tokens and references.
pub mod wsse;

/// Assertions.
pub mod saml;

/// WS-Trust requests and answers.
pub mod wst;

/// Certificates and their names.
pub mod x509;

/// JSON Web Tokens.
pub mod jwt;

/// The forms and answers of the OAuth endpoints.
pub mod oauth;

#[cfg(test)]
mod readings;
