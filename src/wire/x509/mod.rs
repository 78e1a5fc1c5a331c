//! Certificates. Being built.
