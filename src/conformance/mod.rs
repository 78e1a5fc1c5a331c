//! The conformance corpus: cases as recipes over worlds, and what runs them.
//!
//! ```text
//! recipe ─ forge ─► bytes ─ runner ─► the real router of a world ─► answer ─► as expected?
//! ```
//!
//! A library, so that tests, the command line and the start-up self-attack all forge the same
//! bytes. It only ever holds keys that are not secret.

pub mod across;
pub mod case;
pub mod catalogue;
pub mod chance;
pub mod corpora;
pub mod edits;
pub mod forge;
pub mod fuzz;
#[cfg(feature = "guards")]
pub mod guards;
pub mod hostility;
pub mod judge;
pub mod keys;
pub mod lists;
pub mod mutants;
pub mod mutated_code;
pub mod mutation;
pub mod oracles;
mod path;
pub mod pki;
pub mod pure;
mod raw_rsa;
pub mod report;
mod request;
pub mod runner;
pub mod seeds;
mod signature;
pub mod structured;
pub mod tamper;
mod template;
pub mod world;

pub use raw_rsa::Padding;
pub use request::Sent;
pub use signature::KeyReference;
