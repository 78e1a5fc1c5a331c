//! Being built.

pub mod profile;
