//! Being built.

pub mod metadata;
pub mod oauth_answer;
