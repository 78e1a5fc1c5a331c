//! When the message was made, and until when it counts (SOAP Message Security 1.1 §10).
//!
//! One function accepts a Timestamp and says how long the message must be remembered, so that no
//! message can outlive its entry in the replay store (`rules.md` 3.1). `Expires` never counts for
//! longer than the profile's time to live after `Created`.

use chrono::Duration;

use crate::flow::inquiry::{Inquiry, Stopped, facts};
use crate::flow::parse::{place, place_if};
use crate::flow::verify::Terms;
use crate::model::{CheckId, Fact, Refusal, Time};
use crate::wire::wsse::{SecurityHeader, Timestamp};

/// The accepted window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub created: Time,
    /// The last instant at which this function would still accept the message.
    pub usable_until: Time,
}

/// Reads and judges the one Timestamp.
pub(super) fn timestamp(
    header: &SecurityHeader<'_>,
    terms: Terms<'_>,
    inquiry: &mut Inquiry,
) -> Result<Window, Stopped> {
    let [element, more @ ..] = header.timestamps.as_slice() else {
        let limit = terms.profile.time.timestamp_ttl.as_secs();
        return Err(inquiry.stop(
            Refusal::new(CheckId::TimestampPresent).with(Fact::number("limit", limit)).at(place(header.element)),
        ));
    };
    let element = *element;
    if let Some(second) = more.first() {
        inquiry.refuse(
            Refusal::new(CheckId::TimestampSingle)
                .with(Fact::number("count", header.timestamps.len()))
                .at(place(*second)),
        )?;
    }
    let read = Timestamp::read(element).map_err(|error| {
        inquiry.stop(
            Refusal::new(CheckId::TimestampForm)
                .with(Fact::text("element", "wsu:Timestamp"))
                .with(Fact::text("found", element.text().unwrap_or_default().trim().to_owned()))
                .with(Fact::text("detail", error.to_string()))
                .at(place(element)),
        )
    })?;
    let window = judge(&read, terms, inquiry)?;
    inquiry.passed_at(
        CheckId::TimestampExpired,
        place_if(inquiry.verbose(), element),
        facts([Fact::time("created", window.created), Fact::time("expires", window.usable_until)]),
    );
    Ok(window)
}

fn judge(read: &Timestamp<'_>, terms: Terms<'_>, inquiry: &mut Inquiry) -> Result<Window, Stopped> {
    let rules = terms.profile.time;
    let (skew, ttl) = (duration(rules.skew), duration(rules.timestamp_ttl));
    let created = read.created;
    let expires = read.expires.map_or(created + ttl, |expires| expires.min(created + ttl));
    let said = |check| {
        Refusal::new(check)
            .with(Fact::time("created", created))
            .with(Fact::time("expires", expires))
            .with(Fact::time("clock", terms.now))
            .with(Fact::number("skew", skew.num_seconds()))
            .at(place(read.element))
    };
    inquiry.require(expires > created, || said(CheckId::TimestampOrder))?;
    inquiry.require(created <= terms.now + skew, || said(CheckId::TimestampFuture))?;
    inquiry.require(terms.now < expires + skew, || said(CheckId::TimestampExpired))?;
    Ok(Window { created, usable_until: expires + skew })
}

fn duration(span: std::time::Duration) -> Duration {
    Duration::from_std(span).unwrap_or(Duration::zero())
}
