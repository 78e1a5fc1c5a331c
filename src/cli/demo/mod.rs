//! `vidimus demo`: the whole job on real cryptography, each step asserted on bytes from a socket.

pub mod https_host;
pub mod rest_service;
pub mod service;
