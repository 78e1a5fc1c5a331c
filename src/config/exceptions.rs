//! Exceptions for old algorithms, in a sender's entry (`rules.md` 4.2):
//!
//! ```toml
//! exceptions = [{ kind = "rsa-sha1-signature", until = "2027-06-30", reason = "Metro cannot sign with SHA-256" }]
//! ```
//!
//! Each has an end and a reason, and is for RSA keys of 2048 bits or more: whoever changed to elliptic curves can
//! change the digest too.

use std::ops::Range;

use chrono::{Days, NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_spanned::Spanned;

use super::suggest;
use crate::model::{KeyThumbprint, Time};
use crate::registry::Allowance;
use crate::wire::crypto::KeyKind;
use crate::wire::dsig::Exception;
use crate::wire::x509::Certificate;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawException {
    kind: Spanned<String>,
    /// The last day, in UTC.
    until: Option<Spanned<String>>,
    reason: Option<Spanned<String>>,
}

/// What is wrong with an exception, or worth a look.
pub(super) struct Remark {
    pub span: Range<usize>,
    pub says: String,
    pub fix: String,
    pub warning: bool,
}

/// Reads the exceptions of the sender `name`.
pub(super) fn read(
    name: &str,
    raw: &[Spanned<RawException>],
    certificates: &[Certificate],
    (now, warn_days): (Time, u64),
    remarks: &mut Vec<Remark>,
) -> Vec<Allowance> {
    let mut allowances: Vec<Allowance> = Vec::new();
    for entry in raw {
        let Some(allowance) = one(name, entry, certificates, (now, warn_days), remarks) else { continue };
        if allowances.iter().any(|other| other.exception == allowance.exception) {
            let says = format!("sender `{name}` has the exception `{}` twice", allowance.exception);
            remarks.push(wrong(entry.span(), says, "Leave one of the two out: it would be unclear which end counts"));
            continue;
        }
        allowances.push(allowance);
    }
    allowances
}

fn one(
    name: &str,
    entry: &Spanned<RawException>,
    certificates: &[Certificate],
    (now, warn_days): (Time, u64),
    remarks: &mut Vec<Remark>,
) -> Option<Allowance> {
    let raw = entry.get_ref();
    let exception = kind(&raw.kind, remarks);
    let reason = raw.reason.as_ref().map(|reason| reason.get_ref().trim().to_owned()).filter(|text| !text.is_empty());
    if reason.is_none() {
        let says = format!("the exception of sender `{name}` has no reason");
        remarks.push(wrong(entry.span(), says, "Write `reason = \"…\"`: who reads the audit trail will ask"));
    }
    let keys: Vec<KeyThumbprint> = certificates
        .iter()
        .filter(|certificate| {
            certificate.public_key().is_ok_and(|key| key.kind() == KeyKind::Rsa && key.bits() >= LEAST)
        })
        .map(|certificate| KeyThumbprint(certificate.key_thumbprint()))
        .collect();
    if keys.is_empty() && !certificates.is_empty() {
        let says = format!("sender `{name}` has no RSA key of {LEAST} bits or more, and exceptions are for those only");
        remarks.push(wrong(entry.span(), says, "Leave the exception out: such a client can sign with SHA-256"));
    }
    let Some(until) = &raw.until else {
        let says = format!("the exception of sender `{name}` has no end");
        remarks.push(wrong(entry.span(), says, "Write `until = \"2027-06-30\"`: the last day on which it counts"));
        return None;
    };
    let Some(end) = NaiveDate::parse_from_str(until.get_ref(), "%Y-%m-%d").ok().and_then(end_of) else {
        let says = format!("`{}` is no day", until.get_ref());
        remarks.push(wrong(until.span(), says, "Write year, month and day, e.g. `until = \"2027-06-30\"`"));
        return None;
    };
    let left = end - now;
    let days = left.num_days();
    if left > chrono::Duration::days(LONGEST_DAYS) {
        let says = format!("the exception of sender `{name}` would count for {days} days");
        let fix = format!("Write a day within {LONGEST_DAYS} days: an exception is there to end");
        remarks.push(wrong(until.span(), says, &fix));
    } else if left <= chrono::Duration::zero() {
        let says = format!("the exception of sender `{name}` ended with {}", until.get_ref());
        remarks.push(warning(until.span(), says, "Take it out; what the sender signs that way is refused"));
    } else if u64::try_from(days).is_ok_and(|days| days < warn_days) {
        let says = format!("the exception of sender `{name}` ends with {}, in {days} days", until.get_ref());
        remarks.push(warning(until.span(), says, "Ask the sender to change its algorithms before that day"));
    }
    Some(Allowance { exception: exception?, keys, until: end, reason: reason? })
}

fn kind(written: &Spanned<String>, remarks: &mut Vec<Remark>) -> Option<Exception> {
    let found = Exception::ALL.into_iter().find(|exception| exception.as_str() == written.get_ref());
    if found.is_none() {
        let words = || Exception::ALL.into_iter().map(Exception::as_str);
        let fix = match suggest::nearest(written.get_ref(), words()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("Write one of: {}", words().collect::<Vec<_>>().join(", ")),
        };
        remarks.push(wrong(written.span(), format!("there is no exception `{}`", written.get_ref()), &fix));
    }
    found
}

/// The first instant behind the day.
fn end_of(day: NaiveDate) -> Option<Time> {
    Some(day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc())
}

fn wrong(span: Range<usize>, says: String, fix: &str) -> Remark {
    Remark { span, says, fix: fix.to_owned(), warning: false }
}

fn warning(span: Range<usize>, says: String, fix: &str) -> Remark {
    Remark { warning: true, ..wrong(span, says, fix) }
}

/// `rules.md` 4.2.
const LEAST: usize = 2048;
/// Three years: longer than a migration takes, shorter than anybody forgets.
const LONGEST_DAYS: i64 = 3 * 366;
