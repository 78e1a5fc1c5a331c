//! The members of a JWT, by name and type, and what its times mean at one instant.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::wire::base64;
use crate::wire::guard::{self, Guard};

use super::jws::fault;
use super::{ClaimFault, Error};

/// The members of a JSON object. A member of another type than asked for is an error, never
/// absent: `"exp":"9999999999"` must not become a token without end.
#[derive(Debug, Clone)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn optional_text(&self, name: &'static str, limit: usize) -> Result<Option<String>, Error> {
        self.0.get(name).map(|value| text(name, value, limit)).transpose()
    }

    pub fn text(&self, name: &'static str, limit: usize) -> Result<String, Error> {
        self.optional_text(name, limit)?.ok_or_else(|| fault(name, ClaimFault::Missing))
    }

    /// A NumericDate (RFC 7519 2) in whole seconds from 1970 to the year 9999.
    pub fn optional_time(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_i64().filter(|seconds| (0..=LAST_SECOND).contains(seconds));
        match seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
            Some(time) => Ok(Some(time)),
            None => Err(fault(name, ClaimFault::Type { wanted: "a number of whole seconds since 1970" })),
        }
    }

    pub fn time(&self, name: &'static str) -> Result<DateTime<Utc>, Error> {
        self.optional_time(name)?.ok_or_else(|| fault(name, ClaimFault::Missing))
    }

    /// `aud`: a string, or an array of strings (RFC 7519 4.1.3). `true` when it is an array.
    pub fn audience(&self) -> Result<(Vec<String>, bool), Error> {
        match self.0.get("aud") {
            None => Err(fault("aud", ClaimFault::Missing)),
            Some(Value::Array(values)) if values.is_empty() || values.len() > MAX_AUDIENCES => {
                Err(fault("aud", ClaimFault::Count { found: values.len() }))
            }
            Some(Value::Array(values)) => {
                let values = values.iter().map(|value| text("aud", value, MAX_TEXT));
                Ok((values.collect::<Result<_, _>>()?, true))
            }
            Some(value) => Ok((vec![text("aud", value, MAX_TEXT)?], false)),
        }
    }

    /// `cnf`: exactly one confirmation that we understand (RFC 7800 3.1: a token with two is not
    /// confirmed by either alone).
    pub fn confirmation(&self) -> Result<Option<Confirmation>, Error> {
        let wanted = || fault("cnf", ClaimFault::Type { wanted: "an object with `x5t#S256` or `jkt`" });
        let Some(value) = self.0.get("cnf") else { return Ok(None) };
        let members = value.as_object().ok_or_else(wanted)?;
        let mut members = members.iter();
        let (Some((name, Value::String(value))), None) = (members.next(), members.next()) else {
            return Err(wanted());
        };
        let thumbprint = base64::decode_url(value).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(wanted)?;
        match name.as_str() {
            "x5t#S256" => Ok(Some(Confirmation::Certificate(thumbprint))),
            "jkt" => Ok(Some(Confirmation::Key(thumbprint))),
            _ => Err(wanted()),
        }
    }
}

fn text(name: &'static str, value: &Value, limit: usize) -> Result<String, Error> {
    match value {
        Value::String(text) if text.is_empty() => Err(fault(name, ClaimFault::Empty)),
        Value::String(text) if text.len() > limit => Err(fault(name, ClaimFault::TooLong { limit })),
        Value::String(text) if text.chars().any(char::is_control) => {
            Err(fault(name, ClaimFault::Type { wanted: "text without control characters" }))
        }
        Value::String(text) => Ok(text.clone()),
        _ => Err(fault(name, ClaimFault::Type { wanted: "a string" })),
    }
}

/// The key that a token is bound to, by thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// `x5t#S256`: SHA-256 of a certificate (DER), RFC 8705 3.1.
    Certificate([u8; 32]),
    /// `jkt`: the RFC 7638 thumbprint of a key, RFC 9449 6.1.
    Key([u8; 32]),
}

/// The times that a JWT states. Not judged; see [`Times::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub expires_at: DateTime<Utc>,
    pub issued_at: Option<DateTime<Utc>>,
    pub not_before: Option<DateTime<Utc>>,
}

/// A JWT whose times are in order now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// `iat`; without one, the earliest instant at which it could have been made (`rules.md` 3.3).
    pub made_at: DateTime<Utc>,
    /// Until when it could be accepted again, skew included: how long its id must be remembered.
    pub keep_until: DateTime<Utc>,
}

/// Why a JWT does not hold now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFault {
    Expired {
        expires_at: DateTime<Utc>,
    },
    NotYet {
        not_before: DateTime<Utc>,
    },
    IssuedInFuture {
        issued_at: DateTime<Utc>,
    },
    /// `exp` is not after `iat`.
    EndsBeforeStart {
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    },
    /// It lives longer than `cap` from when it was made (or from now, without `iat`).
    TooLong {
        seconds: i64,
        cap: Duration,
    },
}

impl Times {
    pub(super) fn read(members: &Members) -> Result<Self, Error> {
        Ok(Self {
            expires_at: members.time("exp")?,
            issued_at: members.optional_time("iat")?,
            not_before: members.optional_time("nbf")?,
        })
    }

    /// Whether the token holds at `now`: clocks may differ by `skew`, and it may live for `cap`.
    pub fn check(&self, now: DateTime<Utc>, skew: Duration, cap: Duration) -> Result<Accepted, TimeFault> {
        match self.fault(now, skew, cap) {
            Some(fault) if guard::stands(Guard::ClientAssertionTime) => Err(fault),
            _ => Ok(Accepted {
                made_at: self.issued_at.unwrap_or_else(|| earlier(self.expires_at, cap)),
                keep_until: later(self.expires_at, skew),
            }),
        }
    }

    fn fault(&self, now: DateTime<Utc>, skew: Duration, cap: Duration) -> Option<TimeFault> {
        let (late, early) = (later(now, skew), earlier(now, skew));
        if early >= self.expires_at {
            return Some(TimeFault::Expired { expires_at: self.expires_at });
        }
        if let Some(not_before) = self.not_before.filter(|start| *start > late) {
            return Some(TimeFault::NotYet { not_before });
        }
        if let Some(issued_at) = self.issued_at {
            if issued_at > late {
                return Some(TimeFault::IssuedInFuture { issued_at });
            }
            if self.expires_at <= issued_at {
                return Some(TimeFault::EndsBeforeStart { issued_at, expires_at: self.expires_at });
            }
        }
        let start = self.issued_at.unwrap_or(late);
        let too_long = self.expires_at > later(start, cap);
        too_long.then(|| TimeFault::TooLong { seconds: (self.expires_at - start).num_seconds(), cap })
    }
}

impl fmt::Display for TimeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { expires_at } => write!(f, "expired at {expires_at}"),
            Self::NotYet { not_before } => write!(f, "does not hold before {not_before}"),
            Self::IssuedInFuture { issued_at } => write!(f, "was issued in the future, at {issued_at}"),
            Self::EndsBeforeStart { issued_at, expires_at } => {
                write!(f, "ends at {expires_at}, not after its start at {issued_at}")
            }
            Self::TooLong { seconds, cap } => write!(f, "lives {seconds} s, longer than {} s", cap.as_secs()),
        }
    }
}

fn later(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by).ok().and_then(|by| time.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn earlier(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by).ok().and_then(|by| time.checked_sub_signed(by)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
/// Identifiers and URIs.
pub(super) const MAX_TEXT: usize = 1024;
const MAX_AUDIENCES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn only_whole_seconds_within_range_are_a_time() {
        for bad in [r#""9999999999""#, "null", "-1", "1.5", "9223372036854775808", "253402300800", "[1]", "true"] {
            let members = Members::new(serde_json::from_str(&format!(r#"{{"exp":{bad}}}"#)).unwrap());
            assert!(
                matches!(members.time("exp"), Err(Error::Claim { name: "exp", fault: ClaimFault::Type { .. } })),
                "{bad}"
            );
        }
    }

    #[test]
    fn times_are_judged_to_the_second_of_the_skew() {
        let (now, skew, cap) = (at(10_000), Duration::from_secs(60), Duration::from_secs(3600));
        let times = |exp, iat: Option<i64>, nbf: Option<i64>| {
            Times { expires_at: at(exp), issued_at: iat.map(at), not_before: nbf.map(at) }.check(now, skew, cap)
        };
        assert_eq!(times(9_940, None, None), Err(TimeFault::Expired { expires_at: at(9_940) }));
        assert!(times(9_941, None, None).is_ok());
        assert!(times(10_100, None, Some(10_060)).is_ok());
        assert_eq!(times(10_100, None, Some(10_061)), Err(TimeFault::NotYet { not_before: at(10_061) }));
        assert!(times(10_100, Some(10_060), None).is_ok());
        assert_eq!(times(10_100, Some(10_061), None), Err(TimeFault::IssuedInFuture { issued_at: at(10_061) }));
        assert!(matches!(times(10_000, Some(10_000), None), Err(TimeFault::EndsBeforeStart { .. })));
        assert!(times(13_600, Some(10_000), None).is_ok());
        assert_eq!(times(13_601, Some(10_000), None), Err(TimeFault::TooLong { seconds: 3601, cap }));
        // Without `iat` the cap counts from now, the skew included.
        assert!(times(13_660, None, None).is_ok());
        assert!(matches!(times(13_661, None, None), Err(TimeFault::TooLong { .. })));
    }

    #[test]
    fn an_id_is_remembered_as_long_as_the_token_could_be_accepted() {
        let times = Times { expires_at: at(10_300), issued_at: None, not_before: None };
        let accepted = times.check(at(10_000), Duration::from_secs(60), Duration::from_secs(600)).unwrap();
        assert_eq!(accepted, Accepted { made_at: at(9_700), keep_until: at(10_360) });
    }

    #[test]
    fn a_confirmation_is_one_thumbprint() {
        let print = base64::encode_url(&[7; 32]);
        let read = |json: String| Members::new(serde_json::from_str(&json).unwrap()).confirmation();
        let good = read(format!(r#"{{"cnf":{{"x5t#S256":"{print}"}}}}"#));
        assert_eq!(good, Ok(Some(Confirmation::Certificate([7; 32]))));
        assert_eq!(read("{}".to_owned()), Ok(None));
        for bad in [
            format!(r#"{{"cnf":{{"x5t#S256":"{print}","jkt":"{print}"}}}}"#),
            format!(r#"{{"cnf":{{"x5t":"{print}"}}}}"#),
            r#"{"cnf":{"jkt":"AA"}}"#.to_owned(),
            r#"{"cnf":{}}"#.to_owned(),
            r#"{"cnf":null}"#.to_owned(),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
