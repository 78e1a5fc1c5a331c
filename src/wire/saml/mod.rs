//! Assertions. Being built.
