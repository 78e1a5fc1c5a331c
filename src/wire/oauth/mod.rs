//! OAuth forms and answers. Being built.
