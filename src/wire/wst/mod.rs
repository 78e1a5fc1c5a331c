//! WS-Trust requests and answers. Being built.
