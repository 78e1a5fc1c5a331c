//! JSON Web Tokens: RFC 7515 (JWS), 7517 and 7638 (JWK), 7519 (JWT), 7523 (client assertions),
//! 9068 (access tokens), read strictly.
//!
//! In: the text of one compact JWS. Out: one *kind* of JWT. Each kind has a file, and reads in two
//! steps: `parse` gives a `Claimed`, what somebody says and nobody believes, good for choosing a
//! key; `Claimed::verify` spends it and gives the verified value, which nothing else can make.
//! A kind refuses all other kinds (`rules.md` 5.3).
//!
//! Never here: an algorithm of the sender's choosing beyond the closed list, `none`, a MAC, a key
//! out of a header (`jwk`, `jku`, `x5c`, `x5u` are not looked at), encryption, JSON serialisation,
//! the clock. A member of the wrong type is an error, never absent.

pub mod access_token;
mod claims;
pub mod client_assertion;
mod error;
mod inspect;
mod json;
pub mod jwk;
mod jws;

pub use claims::{Accepted, Confirmation, TimeFault, Times};
pub use error::{ClaimFault, Error, JsonFault, Part};
pub use inspect::{Inspection, inspect};
pub use jws::{BadSignature, compact};

#[cfg(test)]
mod tests;
