//! `vidimus demo`: the whole job on real cryptography, each step asserted on bytes from a socket.

pub mod answers;
pub mod cast;
pub mod children;
pub mod client;
pub mod folder;
pub mod https_host;
pub mod message;
pub mod pki;
pub mod refusals;
pub mod report;
pub mod rest_service;
pub mod service;
pub mod soap_service;
pub mod steps;
pub mod world;
