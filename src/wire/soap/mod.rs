//! The envelope and its addressing headers. Being built.
