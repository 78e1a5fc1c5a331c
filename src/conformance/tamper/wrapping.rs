//! Signature wrapping (security.md C; McIntosh and Austel 2005): what was signed is moved to where
//! nobody reads it, and something else is put where everybody reads.

use super::good::{Good, after, before, content, first, last, remove, replace};
use super::signature::qualified;
use super::{Kind, Unfit};
use crate::conformance::edits::end_of_tag;
use crate::wire::ns;
use crate::wire::xml::Element;

pub const KINDS: &[Kind] = &[
    Kind::refused(
        "body-to-header",
        "C01",
        "The signed Body moves into the header; an evil one with a new id stands in its place",
        |good, _| wrapped_body(good, Id::New, |good, wrapper| Ok(last(good.header()?, wrapper))),
    ),
    Kind::refused(
        "body-to-header-same-id",
        "C02",
        "The signed Body moves into the header; an evil one with the same id stands in its place",
        |good, _| wrapped_body(good, Id::Same, |good, wrapper| Ok(last(good.header()?, wrapper))),
    ),
    Kind::refused(
        "body-to-header-no-id",
        "C03",
        "The signed Body moves into the header; an evil one without id stands in its place",
        |good, _| wrapped_body(good, Id::None, |good, wrapper| Ok(last(good.header()?, wrapper))),
    ),
    Kind::refused("body-to-header-first", "C01", "The signed Body moves to the beginning of the header", |good, _| {
        wrapped_body(good, Id::New, |good, wrapper| Ok(first(good.header()?, wrapper)))
    }),
    Kind::refused("body-in-body", "C04", "The signed Body moves into the evil one", |good, _| {
        let evil = evil_body(good, &Id::New)?;
        let end = evil.rfind("</").ok_or("the Body has no end")?;
        let (head, tail) = evil.split_at_checked(end).ok_or("the Body has no end")?;
        Ok(good.with([replace(good.body()?, format!("{head}{}{tail}", wrapper(good.body()?.source())))]))
    }),
    Kind::refused("body-in-security", "C05", "The signed Body moves into wsse:Security", |good, _| {
        wrapped_body(good, Id::New, |good, wrapper| Ok(last(good.security()?, wrapper)))
    }),
    Kind::refused("body-in-object", "C06", "The signed Body moves into a ds:Object of the signature", |good, _| {
        let object = qualified(good.signature()?.prefix(), "Object");
        let hidden = format!("<{object}>{}</{object}>", good.body()?.source());
        Ok(good.with([last(good.signature()?, hidden), replace(good.body()?, evil_body(good, &Id::New)?)]))
    }),
    Kind::refused("body-in-key-info", "C06", "The signed Body moves into KeyInfo", |good, _| {
        Ok(good
            .with([last(good.key_info()?, good.body()?.source()), replace(good.body()?, evil_body(good, &Id::New)?)]))
    }),
    Kind::refused("body-in-timestamp", "C06", "The signed Body moves into the Timestamp", |good, _| {
        Ok(good
            .with([last(good.timestamp()?, good.body()?.source()), replace(good.body()?, evil_body(good, &Id::New)?)]))
    }),
    Kind::refused("body-behind", "C07", "The signed Body moves behind the evil one, in a wrapper", |good, _| {
        Ok(good.with([
            before(good.body()?, evil_body(good, &Id::New)?),
            replace(good.body()?, wrapper(good.body()?.source())),
        ]))
    }),
    Kind::refused("body-twice-evil-first", "C08", "Two Bodies, the evil one first", |good, _| {
        Ok(good.with([before(good.body()?, evil_body(good, &Id::New)?)]))
    }),
    Kind::refused("body-twice-evil-last", "C08", "Two Bodies, the evil one last", |good, _| {
        Ok(good.with([after(good.body()?, evil_body(good, &Id::New)?)]))
    }),
    Kind::refused("header-twice", "C09", "Two Headers, an empty one first", |good, _| {
        let name = format!("{}Header", good.soap());
        Ok(good.with([before(good.header()?, format!("<{name}></{name}>"))]))
    }),
    Kind::refused("header-twice-last", "C09", "Two Headers, an empty one last", |good, _| {
        let name = format!("{}Header", good.soap());
        Ok(good.with([after(good.header()?, format!("<{name}></{name}>"))]))
    }),
    Kind::refused("body-before-header", "C10", "The Body stands before the Header", |good, _| {
        Ok(good.with([before(good.header()?, good.body()?.source()), remove(good.body()?)]))
    }),
    Kind::refused(
        "body-of-other-version",
        "C11",
        "The evil Body is of the other version of SOAP, the signed one follows it",
        |good, _| {
            let other = if good.envelope().namespace() == ns::SOAP11 { ns::SOAP12 } else { ns::SOAP11 };
            let evil = format!("<other:Body xmlns:other=\"{other}\"><evil/></other:Body>");
            Ok(good.with([before(good.body()?, evil)]))
        },
    ),
    Kind::refused(
        "body-of-no-namespace",
        "C11",
        "The evil Body has no namespace, the signed one follows it",
        |good, _| Ok(good.with([before(good.body()?, "<Body xmlns=\"\"><evil/></Body>")])),
    ),
    Kind::refused(
        "timestamp-aside",
        "C12",
        "The signed Timestamp moves aside, a fresh one that nobody signed stands in its place",
        |good, _| {
            let fresh = without_id(good, good.timestamp()?)?;
            Ok(good
                .with([replace(good.timestamp()?, fresh), last(good.header()?, wrapper(good.timestamp()?.source()))]))
        },
    ),
    Kind::refused(
        "timestamp-beside",
        "C12",
        "A fresh Timestamp that nobody signed stands before the signed one",
        |good, _| Ok(good.with([before(good.timestamp()?, without_id(good, good.timestamp()?)?)])),
    ),
    Kind::refused("security-twice", "C13", "A second Security header holds another Timestamp", |good, _| {
        let times: String = good
            .timestamp()?
            .children()
            .map(|time| format!("<u:{0}>{1}</u:{0}>", time.local_name(), time.text().unwrap_or_default()))
            .collect();
        let second = format!(
            "<w:Security xmlns:w=\"{}\" xmlns:u=\"{}\"><u:Timestamp>{times}</u:Timestamp></w:Security>",
            ns::WSSE,
            ns::WSU
        );
        Ok(good.with([before(good.security()?, second)]))
    }),
    Kind::refused("security-nested", "C13", "The Security header stands inside another header block", |good, _| {
        Ok(good.with([replace(good.security()?, wrapper(good.security()?.source()))]))
    }),
    Kind::refused("to-aside", "C14", "The signed wsa:To moves aside, another one stands in its place", |good, _| {
        aside(good, "To")
    }),
    Kind::refused(
        "action-aside",
        "C14",
        "The signed wsa:Action moves aside, another one stands in its place",
        |good, _| aside(good, "Action"),
    ),
    Kind::refused(
        "message-id-aside",
        "C14",
        "The signed wsa:MessageID moves aside, another one stands in its place",
        |good, _| aside(good, "MessageID"),
    ),
    Kind::refused(
        "reply-to-aside",
        "C14",
        "The signed wsa:ReplyTo moves aside, another one stands in its place",
        |good, _| aside(good, "ReplyTo"),
    ),
    Kind::refused(
        "body-deeper",
        "C17",
        "The whole Body stands one level deeper, where only //Body finds it",
        |good, _| Ok(good.with([replace(good.body()?, wrapper(good.body()?.source()))])),
    ),
    Kind::refused("request-second", "C19", "A second request stands in the Body", |good, _| {
        let request = good.body()?.children().next().ok_or("the Body is empty")?;
        Ok(good.with([after(request, request.source())]))
    }),
    Kind::refused(
        "request-in-header",
        "C19",
        "The request is copied into the header, and the Body emptied",
        |good, _| {
            let request = good.body()?.children().next().ok_or("the Body is empty")?;
            Ok(good.with([last(good.header()?, request.source()), remove(request)]))
        },
    ),
    Kind::refused("envelope-in-body", "C20", "The signed Envelope stands in the Body of another", |good, _| {
        let soap = good.envelope().namespace();
        let inner = good.envelope().source();
        Ok(format!("<o:Envelope xmlns:o=\"{soap}\"><o:Header/><o:Body>{inner}</o:Body></o:Envelope>"))
    }),
    Kind::refused(
        "envelope-in-header",
        "C20",
        "The signed Envelope stands in the header of another with an evil Body",
        |good, _| {
            let soap = good.envelope().namespace();
            let inner = good.envelope().source();
            Ok(format!(
                "<o:Envelope xmlns:o=\"{soap}\"><o:Header>{inner}</o:Header><o:Body><evil/></o:Body></o:Envelope>"
            ))
        },
    ),
    Kind::refused(
        "envelope-security-outside",
        "C37",
        "An evil Envelope carries the signed one's Security header, the signed one hides in it",
        |good, _| {
            let soap = good.envelope().namespace();
            let security = good.security()?.source();
            let hidden = good.with([remove(good.security()?)]);
            let hidden = hidden.get(hidden.find('<').unwrap_or_default()..).unwrap_or_default();
            let hidden = hidden.split_once("?>").map_or(hidden, |(_, rest)| rest);
            let declared = declarations(good.envelope());
            let wrapped = wrapper(hidden);
            let made = format!(
                "<o:Envelope xmlns:o=\"{soap}\"{declared}><o:Header>{security}{wrapped}</o:Header><o:Body><evil/></o:Body></o:Envelope>"
            );
            match Good::read(made.as_bytes()) {
                Ok(_) => Ok(made),
                Err(_) => Err("the Security header uses prefixes from around it"),
            }
        },
    ),
    Kind::same(
        "decoys",
        "C36",
        "Elements of the header are called Signature, Assertion and Body, in other namespaces",
        |good, _| {
            let decoys = "<e:Signature xmlns:e=\"urn:evil\"/><Assertion xmlns=\"\"/><e:Body xmlns:e=\"urn:evil\"/>";
            Ok(good.with([last(good.header()?, decoys)]))
        },
    ),
    Kind::refused(
        "decoys-in-security",
        "C36",
        "The Security header holds a Signature of no namespace before the true one, which is gone",
        |good, _| Ok(good.with([replace(good.signature()?, "<Signature xmlns=\"\"/>")])),
    ),
];

enum Id {
    New,
    Same,
    None,
}

/// The signed Body goes into a wrapper where `place` says, an evil one stands in its place.
fn wrapped_body(
    good: &Good,
    id: Id,
    place: fn(&Good, String) -> Result<super::good::Change, Unfit>,
) -> Result<String, Unfit> {
    good.reference_to(good.body()?)?;
    let evil = evil_body(good, &id)?;
    Ok(good.with([place(good, wrapper(good.body()?.source()))?, replace(good.body()?, evil)]))
}

/// The Body with another text, and another id.
fn evil_body(good: &Good, id: &Id) -> Result<String, Unfit> {
    let body = good.body()?;
    let changed = good.with([content(good.leaf()?, "evil")]);
    let changed = Good::read(changed.as_bytes()).map_err(|_| "the changed message is not XML")?;
    let source = changed.body()?.source().to_owned();
    Ok(match (id, good.id(body)) {
        (Id::Same, _) | (_, Err(_)) => source,
        (Id::New, Ok(id)) => source.replacen(&format!("\"{id}\""), "\"evil-body\"", 1),
        (Id::None, Ok(_)) => without_id_text(&source),
    })
}

/// The namespace declarations of a start tag as they are written, each with a blank before it.
fn declarations(element: Element<'_>) -> String {
    let source = element.source();
    let tag = end_of_tag(source).and_then(|end| source.get(..end)).unwrap_or_default();
    let mut found = String::new();
    for (at, _) in tag.match_indices("xmlns") {
        let (before, rest) = tag.split_at_checked(at).unwrap_or_default();
        let quote = rest.find(['"', '\'']).filter(|_| before.ends_with(char::is_whitespace));
        let Some((name, value)) = quote.and_then(|quote| rest.split_at_checked(quote)) else { continue };
        let length = value.chars().next().and_then(|quote| value.get(1..)?.find(quote));
        if let Some(value) = length.and_then(|length| value.get(..length + 2)) {
            found.push_str(&format!(" {name}{value}"));
        }
    }
    found
}

pub fn wrapper(inside: &str) -> String {
    format!("<x:Wrapper xmlns:x=\"urn:vidimus:tamper\">{inside}</x:Wrapper>")
}

fn without_id(good: &Good, element: Element<'_>) -> Result<String, Unfit> {
    good.reference_to(element)?;
    Ok(without_id_text(element.source()))
}

/// A start tag without its first id.
fn without_id_text(source: &str) -> String {
    for name in ["Id", "ID", "id"] {
        for (at, _) in source.match_indices(&format!("{name}=")) {
            let before = source.get(..at).unwrap_or_default();
            let quote = source.get(at + name.len() + 1..).and_then(|rest| rest.chars().next()).unwrap_or('"');
            let value = source.get(at + name.len() + 2..).unwrap_or_default();
            let Some(end) = value.find(quote) else { continue };
            let is_attribute = before.ends_with(|c: char| c.is_whitespace() || c == ':') && !before.contains('>');
            if is_attribute {
                let kept = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == ':' || c == '-').trim_end();
                return format!("{kept}{}", value.get(end + 1..).unwrap_or_default());
            }
        }
    }
    source.to_owned()
}

/// A signed addressing header goes aside, one with another text stands in its place.
fn aside(good: &Good, name: &str) -> Result<String, Unfit> {
    let header = good.addressing(name)?;
    good.reference_to(header)?;
    let text = header.descendants().find_map(|element| element.text().filter(|text| !text.trim().is_empty()));
    let text = text.ok_or("that header has no text")?;
    let evil = without_id_text(header.source()).replacen(&*text, "urn:evil", 1);
    Ok(good.with([replace(header, evil), last(good.header()?, wrapper(header.source()))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_taken_as_they_are_written() {
        let good =
            Good::read(b"<a:b xmlns:a='urn:a'\n xmlns=\"urn:d\" k=\"xmlns\"><a:c xmlns:e=\"urn:e\"/></a:b>").unwrap();
        assert_eq!(declarations(good.envelope()), " xmlns:a='urn:a' xmlns=\"urn:d\"");
    }

    #[test]
    fn the_id_is_taken_out_of_a_start_tag() {
        for (tag, wanted) in [
            ("<a wsu:Id=\"1\" b=\"2\">Id=\"3\"</a>", "<a b=\"2\">Id=\"3\"</a>"),
            ("<a b='2' ID='1'/>", "<a b='2'/>"),
            ("<a kId=\"1\"/>", "<a kId=\"1\"/>"),
            ("<a><b Id=\"1\"/></a>", "<a><b Id=\"1\"/></a>"),
        ] {
            assert_eq!(without_id_text(tag), wanted);
        }
    }
}
