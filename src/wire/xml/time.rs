//! xs:dateTime (XML Schema part 2 §3.2.7), read strictly, written in one form.
//!
//! Taken: `yyyy-MM-ddTHH:mm:ss`, up to nine fraction digits, `Z` or an offset; white space around it. A time without
//! zone is no instant and is refused; so are leap seconds, 24:00:00 and years of other than four digits.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};

/// Why a text is no instant that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// Not of the form.
    Form,
    /// No such day, hour or offset.
    Range,
    /// Neither `Z` nor an offset.
    Zone,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "the time is not written as yyyy-MM-ddTHH:mm:ssZ",
            Self::Range => "the time names a day, an hour or an offset that does not exist",
            Self::Zone => "the time says neither Z nor an offset",
        })
    }
}

impl std::error::Error for TimeError {}

/// Reads an instant.
///
/// # Errors
/// When the text is not one of the forms taken, or names no instant.
pub fn parse(text: &str) -> Result<DateTime<Utc>, TimeError> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']).as_bytes();
    let (date_time, rest) = text.split_at_checked(19).ok_or(TimeError::Form)?;
    let &[y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] = date_time else {
        return Err(TimeError::Form);
    };
    let year = number(&[y1, y2, y3, y4])?;
    let (month, day) = (number(&[o1, o2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let (nanos, zone) = fraction(rest)?;
    let offset = offset(zone)?;
    i32::try_from(year)
        .ok()
        .filter(|year| *year > 0)
        .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
        .and_then(|date| date.and_hms_nano_opt(hour, minute, second, nanos))
        .and_then(|local| local.checked_sub_offset(offset))
        .map(|time| time.and_utc())
        .ok_or(TimeError::Range)
}

/// Writes `yyyy-MM-ddTHH:mm:ss.fffZ` (BSP 1.1 R3220, R3217; what every client reads).
pub fn format_millis(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The nanoseconds of `.123`, and what follows it.
fn fraction(rest: &[u8]) -> Result<(u32, &[u8]), TimeError> {
    let [b'.', behind @ ..] = rest else { return Ok((0, rest)) };
    let len = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = behind.split_at(len);
    if !(1..=9).contains(&len) {
        return Err(TimeError::Form);
    }
    let nine = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    Ok((number(nine)?, zone))
}

/// `Z`, `+hh:mm`, `-hh:mm`; at most 14 hours (XML Schema part 2 §3.2.7.3).
fn offset(zone: &[u8]) -> Result<FixedOffset, TimeError> {
    let (sign, hours, minutes) = match zone {
        [] => return Err(TimeError::Zone),
        b"Z" => (b'+', 0, 0),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (sign, number(&[h1, h2])?, number(&[m1, m2])?),
        _ => return Err(TimeError::Form),
    };
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return Err(TimeError::Range);
    }
    let seconds = i32::try_from((hours * 60 + minutes) * 60).map_err(|_| TimeError::Range)?;
    FixedOffset::east_opt(if sign == b'-' { -seconds } else { seconds }).ok_or(TimeError::Range)
}

/// The number that these decimal digits write, at most nine of them.
fn number<'d>(digits: impl IntoIterator<Item = &'d u8>) -> Result<u32, TimeError> {
    digits.into_iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + u32::from(digit - b'0')),
        _ => Err(TimeError::Form),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        for (text, wanted) in [
            ("2026-11-22T16:14:15Z", "2026-11-22T16:14:15.000Z"),
            ("2026-11-22T16:14:15.1Z", "2026-11-22T16:14:15.100Z"),
            ("2026-11-22T16:14:15.1234567Z", "2026-11-22T16:14:15.123Z"),
            ("2026-11-22T16:14:15.123456789+01:00", "2026-11-22T15:14:15.123Z"),
            ("\n 2026-11-22T00:14:15-14:00\t", "2026-11-22T14:14:15.000Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"),
        ] {
            assert_eq!(parse(text).map(format_millis).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for (text, wanted) in [
            ("", TimeError::Form),
            ("2026-11-22", TimeError::Form),
            ("2026-11-22T16:14:15", TimeError::Zone),
            ("2026-11-22T16:14:15.123", TimeError::Zone),
            ("2026-11-22T16:14:15.Z", TimeError::Form),
            ("2026-11-22T16:14:15.1234567890Z", TimeError::Form),
            ("2026-11-22t16:14:15Z", TimeError::Form),
            ("2026-11-22T16:14:15z", TimeError::Form),
            ("2026-11-22T16:14:15ZZ", TimeError::Form),
            ("2026-11-22T16:14:15+0100", TimeError::Form),
            ("2026-11-22T16:14:15+14:01", TimeError::Range),
            ("+2026-11-22T16:14:15Z", TimeError::Form),
            ("2026-02-29T16:14:15Z", TimeError::Range),
            ("2026-11-22T24:00:00Z", TimeError::Range),
            ("2026-11-22T23:59:60Z", TimeError::Range),
            ("0000-01-01T00:00:00Z", TimeError::Range),
            ("2026-11-22T16:14:1\u{661}Z", TimeError::Form),
        ] {
            assert_eq!(parse(text), Err(wanted), "{text}");
        }
    }
}
