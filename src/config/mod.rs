//! What an operator can say; the only place that names implementations.

pub mod profiles;
