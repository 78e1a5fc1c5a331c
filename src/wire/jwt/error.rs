//! Why a text is not the JWT that was asked for: facts of the caller's own bytes, told precisely.

use std::fmt;

/// The parts of a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl Part {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        }
    }
}

/// Why bytes are not the one JSON object that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFault {
    /// Not JSON, or more than one value.
    Syntax(String),
    /// JSON, but no object.
    NotAnObject,
    /// A member stands twice: readers would disagree on which one counts (RFC 8725 2.4).
    Duplicate(String),
    TooDeep {
        limit: usize,
    },
    TooManyValues {
        limit: usize,
    },
}

/// What is wrong with a claim or header parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimFault {
    Missing,
    /// Of another JSON type, or a number outside its range.
    Type {
        wanted: &'static str,
    },
    Empty,
    TooLong {
        limit: usize,
    },
    /// An array of other than one value, where one is asked for.
    Count {
        found: usize,
    },
}

/// Why a text is not the JWT that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    TooLong {
        limit: usize,
        found: usize,
    },
    /// Not three parts: five are an encrypted token, which we do not read.
    Parts {
        found: usize,
    },
    /// Not base64url without padding (RFC 7515 2).
    Encoding(Part),
    Json {
        part: Part,
        fault: JsonFault,
    },
    /// `alg` is not on our list; `found` is empty when there is none.
    Algorithm {
        found: String,
    },
    /// `crit` (or RFC 7797's `b64`) asks for an extension, and we understand none (RFC 7515 4.1.11).
    Critical {
        found: &'static str,
    },
    /// `typ` or `cty` says that it is another kind of JWT (RFC 8725 3.11).
    Kind {
        wanted: &'static str,
        found: String,
    },
    Claim {
        name: &'static str,
        fault: ClaimFault,
    },
    /// A client assertion whose `iss` is not its `sub` (RFC 7523 3), or an access token whose is.
    IssuerAndSubject {
        issuer: String,
        subject: String,
    },
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(why) => write!(f, "is not JSON: {why}"),
            Self::NotAnObject => f.write_str("is not a JSON object"),
            Self::Duplicate(name) => write!(f, "has the member `{name}` twice"),
            Self::TooDeep { limit } => write!(f, "is nested deeper than {limit} levels"),
            Self::TooManyValues { limit } => write!(f, "holds more than {limit} values"),
        }
    }
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Type { wanted } => write!(f, "is not {wanted}"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { limit } => write!(f, "is longer than {limit} bytes"),
            Self::Count { found } => write!(f, "holds {found} values where one is asked for"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => write!(f, "the token has {found} bytes, more than {limit}"),
            Self::Parts { found: 5 } => f.write_str("the token is encrypted (five parts); send a signed one"),
            Self::Parts { found } => write!(f, "the token has {found} parts between dots, not three"),
            Self::Encoding(part) => write!(f, "the {} is not base64url without padding", part.as_str()),
            Self::Json { part, fault } => write!(f, "the {} {fault}", part.as_str()),
            Self::Algorithm { found } if found.is_empty() => f.write_str("`alg` is missing"),
            Self::Algorithm { found } => write!(f, "`alg` `{found}` is not taken here"),
            Self::Critical { found } => {
                write!(f, "the header asks for an extension with `{found}`; none is understood")
            }
            Self::Kind { wanted, found } => write!(f, "the header says `{found}` where {wanted} is read"),
            Self::Claim { name, fault } => write!(f, "`{name}` {fault}"),
            Self::IssuerAndSubject { issuer, subject } => {
                write!(f, "`iss` `{issuer}` and `sub` `{subject}` do not go together in this kind of token")
            }
        }
    }
}

impl std::error::Error for Error {}
