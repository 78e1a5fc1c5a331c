//! Vidimus: reads signed SOAP envelopes and signed tokens, decides, and issues tokens of its own.
//!
//! One request, in order. Each step is a file in [`flow`]; each gives the next one its proof.
//!
//! ```text
//!  bytes ─ parse ─► Envelope ─ verify ─► Message ─ authenticate ─► Authenticated
//!                                                                        │
//!                                              pdp, mandates, attributes ▼
//!  answer ◄─ Recorded ◄─ audit ◄─ Issued ◄─ sign ◄─ Intended ◄─ commit ◄─ Permit
//! ```
//!
//! Modules, in reading order. Imports point down only (`tests/layers.rs` keeps it):
//! `cli, config → serve → flow → the extension points → store, net → wire, model`.

#![forbid(unsafe_code)]

#[cfg(all(feature = "guards", not(debug_assertions)))]
compile_error!("`guards` lets checks be switched off: it is for tests, and no release may have it");

/// The words that all share.
pub mod model;

/// The specifications as types: bytes in, bytes out; no I/O, no clock, no opinion.
pub mod wire;

/// The path of one request, a file for each step.
pub mod flow;

/// Who decides.
pub mod pdp;

/// Who may act for whom.
pub mod mandates;

/// What is known of whom.
pub mod attributes;

/// What we can mint.
pub mod tokens;

/// Our own keys.
pub mod keys;

/// Seen before?
pub mod replay;

/// What happened, provably.
pub mod audit;

/// Who is registered: senders, services, clients, issuers.
pub mod registry;

/// The engine under replay, mandates and audit: one file, group commit.
pub mod store;

/// The only outbound connections.
pub mod net;

/// Listen and answer.
pub mod serve;

/// What an operator can say; the only place that names implementations.
pub mod config;

/// The command line, one file for each verb.
pub mod cli;

/// The conformance corpus: forge, edits and runner as a library.
pub mod conformance;
