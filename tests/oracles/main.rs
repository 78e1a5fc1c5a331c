//! Others judge what we read and write.
//!
//! Where a tool is missing its tests say `skipped`; under `VIDIMUS_REQUIRE_TOOLS` they fail.

/// Other implementations on random documents and messages: `VIDIMUS_ORACLE_DOCUMENTS`, `VIDIMUS_ORACLE_SIGNATURES` say how
/// many.
mod agreement;
/// What we answer, by the schemas and by libxmlsec1.
mod answers;
