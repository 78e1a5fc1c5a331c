//! The Security header. Being built.
