//! JSON Web Tokens. Being built.
