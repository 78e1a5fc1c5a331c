//! xs:dateTime (XML Schema part 2 §3.2.7), read strictly, written in one form.
//!
//! Taken: `yyyy-MM-ddTHH:mm:ss`, up to nine fraction digits, `Z` or an offset; white space around it. A time without
//! zone is no instant and is refused; so are leap seconds, 24:00:00 and years of other than four digits.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, TimeZone, Utc};

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
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let (date_time, rest) = text.split_at_checked(19).ok_or(TimeError::Form)?;
    let shape_fits = date_time.bytes().zip(*b"0000-00-00T00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    if !shape_fits {
        return Err(TimeError::Form);
    }
    let (nanos, zone) = fraction(rest)?;
    let offset = offset(zone)?;
    let number = |from: usize, to: usize| date_time.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let fields = [number(0, 4), number(5, 7), number(8, 10), number(11, 13), number(14, 16), number(17, 19)];
    let [Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)] = fields else {
        return Err(TimeError::Form);
    };
    let local = i32::try_from(year)
        .ok()
        .filter(|year| *year > 0)
        .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
        .and_then(|date| date.and_hms_nano_opt(hour, minute, second, nanos))
        .ok_or(TimeError::Range)?;
    offset.from_local_datetime(&local).single().map(|time| time.to_utc()).ok_or(TimeError::Range)
}

/// Writes `yyyy-MM-ddTHH:mm:ss.fffZ` (BSP 1.1 R3220, R3217; what every client reads).
pub fn format_millis(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The nanoseconds of `.123`, and what follows it.
fn fraction(rest: &str) -> Result<(u32, &str), TimeError> {
    let Some(behind) = rest.strip_prefix('.') else { return Ok((0, rest)) };
    let len = behind.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = behind.split_at(len);
    if !(1..=9).contains(&len) {
        return Err(TimeError::Form);
    }
    format!("{digits:0<9}").parse().map(|nanos| (nanos, zone)).map_err(|_| TimeError::Form)
}

/// `Z`, `+hh:mm`, `-hh:mm`; at most 14 hours (XML Schema part 2 §3.2.7.3).
fn offset(zone: &str) -> Result<FixedOffset, TimeError> {
    if zone.is_empty() {
        return Err(TimeError::Zone);
    }
    if zone == "Z" {
        return FixedOffset::east_opt(0).ok_or(TimeError::Range);
    }
    let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone.as_bytes() else { return Err(TimeError::Form) };
    let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|digit| i32::try_from(digit).ok());
    let (Some(h1), Some(h2), Some(m1), Some(m2)) = (digit(h1), digit(h2), digit(m1), digit(m2)) else {
        return Err(TimeError::Form);
    };
    let (hours, minutes) = (h1 * 10 + h2, m1 * 10 + m2);
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return Err(TimeError::Range);
    }
    let seconds = (hours * 60 + minutes) * 60;
    FixedOffset::east_opt(if sign == b'-' { -seconds } else { seconds }).ok_or(TimeError::Range)
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
