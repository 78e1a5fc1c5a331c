//! Time (security.md E): when was it said, and does it still count.

use chrono::Duration;

use super::good::{Good, after, content, first, last, remove};
use super::signature::qualified;
use super::{Kind, Unfit};
use crate::wire::xml::time;

pub const KINDS: &[Kind] = &[
    Kind::by_anybody("timestamp-removed", "E01", "The Timestamp is taken away, with its Reference", |good, _| {
        let timestamp = good.timestamp()?;
        Ok(good.with([remove(good.reference_to(timestamp)?), remove(timestamp)]))
    }),
    Kind::refused("timestamp-unsigned", "E01", "The Timestamp is replaced by one that nobody signed", |good, _| {
        Ok(good.with([content(good.time("Created")?, shifted(good, 1)?)]))
    }),
    Kind::by_anybody(
        "timestamp-reference-removed",
        "E24",
        "The Timestamp stays, its Reference is taken away",
        |good, _| Ok(good.with([remove(good.reference_to(good.timestamp()?)?)])),
    ),
    Kind::by_anybody("body-reference-removed", "E24", "The Body stays, its Reference is taken away", |good, _| {
        Ok(good.with([remove(good.reference_to(good.body()?)?)]))
    }),
    Kind::by_anybody("created-twice", "E01", "The Timestamp has two Created", |good, _| {
        let created = good.time("Created")?;
        Ok(good.with([after(created, created.source())]))
    }),
    Kind::by_anybody("created-removed", "E01", "The Timestamp has no Created", |good, _| {
        Ok(good.with([remove(good.time("Created")?)]))
    }),
    Kind::by_anybody("expires-first", "E01", "Expires lies before Created", |good, _| {
        Ok(good.with([content(good.time("Expires")?, shifted(good, -3600)?)]))
    }),
    Kind::by_anybody(
        "timestamp-foreign-child",
        "E01",
        "The Timestamp holds an element of its own invention",
        |good, _| Ok(good.with([last(good.timestamp()?, "<evil/>")])),
    ),
    Kind::by_anybody("timestamp-old", "E02", "The message was made yesterday", |good, _| moved(good, -86_400)),
    Kind::by_anybody("timestamp-future", "E02", "The message is made tomorrow", |good, _| moved(good, 86_400)),
    Kind::refused("expires-extended", "E03", "Expires is put off without signing anew", |good, _| {
        Ok(good.with([content(good.time("Expires")?, "2099-01-01T00:00:00Z")]))
    }),
    Kind::by_anybody("created-no-zone", "E04", "Created says no time zone", |good, _| {
        written(good, |time| time.replace('Z', ""))
    }),
    Kind::by_anybody("created-leap-second", "E04", "Created is at second 60", |good, _| {
        written(good, |time| format!("{}:60Z", time.get(..16).unwrap_or_default()))
    }),
    Kind::by_anybody("created-thai", "E04", "Created is written in Thai digits", |good, _| {
        written(good, |time| {
            let thai = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(0x0e50 + digit)).unwrap_or(c);
            time.chars().map(thai).collect()
        })
    }),
    Kind::by_anybody("created-year-zero", "E04", "Created is in the year 0000", |good, _| {
        written(good, |time| format!("0000{}", time.get(4..).unwrap_or_default()))
    }),
    Kind::by_anybody("created-negative", "E04", "Created is before Christ", |good, _| {
        written(good, |time| format!("-{time}"))
    }),
    Kind::by_anybody("created-far", "E04", "Created is in the year 10000", |good, _| {
        written(good, |time| format!("10000{}", time.get(4..).unwrap_or_default()))
    }),
    Kind::by_anybody("created-date-only", "E04", "Created is a date without time", |good, _| {
        written(good, |time| time.get(..10).unwrap_or_default().to_owned())
    }),
    Kind::by_anybody("created-empty", "E04", "Created is empty", |good, _| written(good, |_| String::new())),
    Kind::by_anybody("created-with-element", "E04", "Created holds an element beside its text", |good, _| {
        Ok(good.with([first(good.time("Created")?, "<x/>")]))
    }),
    Kind::by_anybody("created-value-type", "E01", "Created says of itself that it is a string", |good, _| {
        Ok(good.with([super::good::attribute(good.time("Created")?, "ValueType=\"xs:string\"")]))
    }),
    Kind::by_anybody("expires-twice", "E01", "The Timestamp has two Expires", |good, _| {
        let name = qualified(good.timestamp()?.prefix(), "Expires");
        let one = format!("<{name}>{}</{name}>", shifted(good, 60)?);
        Ok(good.with([last(good.timestamp()?, one.repeat(2))]))
    }),
];

fn created(good: &Good) -> Result<chrono::DateTime<chrono::Utc>, Unfit> {
    let text = good.time("Created")?.text().unwrap_or_default().trim().to_owned();
    time::parse(&text).map_err(|_| "Created is no time")
}

fn shifted(good: &Good, seconds: i64) -> Result<String, Unfit> {
    Ok(time::format_millis(created(good)? + Duration::seconds(seconds)))
}

/// Created and Expires, by so many seconds.
fn moved(good: &Good, seconds: i64) -> Result<String, Unfit> {
    let mut changes = vec![content(good.time("Created")?, shifted(good, seconds)?)];
    if let Ok(expires) = good.time("Expires") {
        changes.push(content(expires, shifted(good, seconds + 300)?));
    }
    Ok(good.with(changes))
}

fn written(good: &Good, change: impl Fn(&str) -> String) -> Result<String, Unfit> {
    Ok(good.with([content(good.time("Created")?, change(&shifted(good, 0)?))]))
}
