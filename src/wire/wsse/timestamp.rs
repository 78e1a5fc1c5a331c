//! `wsu:Timestamp` (WSS 1.1 section 10): when a message was made, and until when it counts.

use chrono::{DateTime, Utc};

use super::Error;
use crate::wire::ns;
use crate::wire::shape::{self, Shape, ShapeError, name_of};
use crate::wire::xml::Element;

/// A Timestamp as it was read. Whether it is now, is not asked here.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp<'d> {
    pub element: Element<'d>,
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
}

impl<'d> Timestamp<'d> {
    /// Reads one Created and at most one Expires, in that order, and nothing else (BSP 1.1 R3203,
    /// R3221, R3222, R3224 to R3227).
    ///
    /// # Errors
    /// When Created is missing, something is there twice or is no time.
    pub fn read(element: Element<'d>) -> Result<Self, Error> {
        shape::no_text(element)?;
        let (mut created, mut expires) = (None, None);
        for child in element.children() {
            let slot = match (child.namespace(), child.local_name()) {
                // Expires before Created is a violation of BSP R3221 that no known client commits.
                (ns::WSU, "Created") if expires.is_none() => &mut created,
                (ns::WSU, "Expires") => &mut expires,
                _ => return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child).into()),
            };
            if child.attribute("", "ValueType").is_some() {
                return Err(ShapeError::new(Shape::Unexpected("ValueType".to_owned()), child).into());
            }
            if slot.replace(shape::instant(child)?).is_some() {
                return Err(ShapeError::new(Shape::Repeated(name_of(child)), child).into());
            }
        }
        let created = created.ok_or_else(|| ShapeError::new(Shape::Missing("wsu:Created"), element))?;
        Ok(Self { element, created, expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn read(inside: &str) -> Result<(String, Option<String>), String> {
        let xml = format!("<u:Timestamp xmlns:u='{}'>{inside}</u:Timestamp>", ns::WSU);
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let timestamp = Timestamp::read(document.root()).map_err(|error| error.to_string())?;
        Ok((timestamp.created.to_rfc3339(), timestamp.expires.map(|time| time.to_rfc3339())))
    }

    #[test]
    fn seconds_fractions_and_a_missing_expires_are_taken() {
        let created = "2026-11-22T10:00:00+00:00".to_owned();
        assert_eq!(read("<u:Created>2026-11-22T10:00:00Z</u:Created>"), Ok((created, None)));
        let (_, expires) =
            read("<u:Created>2026-11-22T10:00:00.123Z</u:Created>\n<u:Expires> 2026-11-22T10:05:00.123Z </u:Expires>")
                .unwrap();
        assert_eq!(expires.as_deref(), Some("2026-11-22T10:05:00.123+00:00"));
    }

    #[test]
    fn refuses_each_timestamp_of_another_shape() {
        let (created, expires) =
            ("<u:Created>2026-11-22T10:00:00Z</u:Created>", "<u:Expires>2026-11-22T10:05:00Z</u:Expires>");
        for (inside, wanted) in [
            (String::new(), "wsu:Created is missing"),
            (expires.to_owned(), "wsu:Created is missing"),
            (format!("{created}{created}"), "more than once"),
            (format!("{created}{expires}{expires}"), "more than once"),
            (format!("{expires}{created}"), "no place"),
            (format!("{created}<x/>"), "no place"),
            (format!("{created}x"), "text stands"),
            ("<u:Created>tomorrow</u:Created>".to_owned(), "xs:dateTime"),
            ("<u:Created ValueType='x'>2026-11-22T10:00:00Z</u:Created>".to_owned(), "ValueType"),
        ] {
            let error = read(&inside).unwrap_err();
            assert!(error.contains(wanted), "{inside}: {error}");
        }
    }
}
