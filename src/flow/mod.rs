//! The path of one request, a file for each step; each step takes what the step before proved.
//!
//! | step | takes | gives | |
//! |---|---|---|---|
//! | [`parse`] | bytes, limits | [`parse::Envelope`] | received, not believed |
//! | [`verify`] | envelope, trust, profile, now | [`verify::Message`] | the signed parts |
//! | [`authenticate`] | message (or token request) | [`authenticate::Authenticated`] | whose key it was |
//! | [`replay_check`] | | | seen before? from memory |
//! | [`decide`] | authenticated, ask | [`decide::Permit`] | who may |
//! | [`commit`] | permit | [`commit::Intended`] | claim and intent are on disk |
//! | [`sign`] | intended | [`sign::Issued`] | the token |
//!
//! Up to the decision everything is a pure function of bytes, caller, [`trust::Trust`] and the
//! time: no I/O, no clock. Each proof is made by one file only, and is neither `Clone` nor
//! `Default` nor deserialisable.

pub mod parse;

pub mod transport;

pub mod verify;

/// A signed document that is no envelope, for the command line.
pub mod signed_document;

mod key_reference;

pub mod coverage;

mod freshness;

mod dsig_refusal;

pub mod authenticate;

mod certificate;

mod assertion;

pub mod assertion_token;

mod client_assertion;

pub mod pure;

pub mod replay_check;

pub mod issue_request;

pub mod token_request;

pub mod decide;

pub mod commit;

pub mod sign;

/// How checks are made and remembered.
pub mod inquiry;

/// What one endpoint asks of a message, as data.
pub mod profile;

/// The parts that one server is made of.
pub mod sts;

/// Whom we trust.
pub mod trust;

mod path_cache;
