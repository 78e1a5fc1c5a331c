//! WS-Addressing: the header blocks that say what a message is, where it goes and what it answers.
//!
//! Reads version 1.0 (2005/08) and the submission of 2004/08; version 1.0 is written. A header
//! that no signature covers is never believed (`rules.md` 2.3); that is for `flow` to see to.

use super::{Envelope, Error, ErrorKind};
use crate::wire::guard::{self, Guard};
use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, name_of};
use crate::wire::xml::Element;

/// The addressing headers for us, each at most once.
#[derive(Debug, Clone, Default)]
pub struct Addressing<'d> {
    /// [`ns::WSA`] or [`ns::WSA04`]; `None` when there is no addressing header at all.
    pub namespace: Option<&'static str>,
    pub action: Option<AddressingHeader<'d>>,
    pub message_id: Option<AddressingHeader<'d>>,
    pub to: Option<AddressingHeader<'d>>,
    pub relates_to: Option<AddressingHeader<'d>>,
    /// Its Address.
    pub reply_to: Option<AddressingHeader<'d>>,
    /// Its Address.
    pub fault_to: Option<AddressingHeader<'d>>,
    /// Its Address.
    pub from: Option<AddressingHeader<'d>>,
}

/// A header with its URI, white space and line breaks around it removed.
#[derive(Debug, Clone)]
pub struct AddressingHeader<'d> {
    pub element: Element<'d>,
    pub value: String,
}

/// The namespace of the addressing headers among `element`'s versions, when it is one.
pub fn is_addressing(element: Element<'_>) -> bool {
    matches!(element.namespace(), ns::WSA | ns::WSA04)
}

impl<'d> Addressing<'d> {
    /// All headers that are there.
    pub fn headers(&self) -> impl Iterator<Item = &AddressingHeader<'d>> {
        [&self.action, &self.message_id, &self.to, &self.relates_to, &self.reply_to, &self.fault_to, &self.from]
            .into_iter()
            .flatten()
    }

    fn slot(&mut self, local: &str) -> Option<&mut Option<AddressingHeader<'d>>> {
        match local {
            "Action" => Some(&mut self.action),
            "MessageID" => Some(&mut self.message_id),
            "To" => Some(&mut self.to),
            "RelatesTo" => Some(&mut self.relates_to),
            "ReplyTo" => Some(&mut self.reply_to),
            "FaultTo" => Some(&mut self.fault_to),
            "From" => Some(&mut self.from),
            _ => None,
        }
    }
}

pub(super) fn read<'d>(envelope: &Envelope<'d>) -> Result<Addressing<'d>, Error> {
    let mut addressing = Addressing::default();
    for block in envelope.our_blocks() {
        let element = block.element;
        let namespace = match element.namespace() {
            ns::WSA => ns::WSA,
            ns::WSA04 => ns::WSA04,
            _ => continue,
        };
        let Some(slot) = addressing.slot(element.local_name()) else { continue };
        // WS-Addressing 1.0 SOAP binding section 3.2: each once; RelatesTo may be repeated for
        // several relationships, which no request to us has.
        if slot.is_some() && guard::stands(Guard::AddressingRepeated) {
            return Err(Error::new(ErrorKind::AddressingRepeated(name_of(element)), element));
        }
        *slot = Some(AddressingHeader { element, value: value(element, namespace)? });
        if *addressing.namespace.get_or_insert(namespace) != namespace {
            return Err(Error::new(ErrorKind::AddressingMixed, element));
        }
    }
    Ok(addressing)
}

/// The URI of a header: its text, or for an endpoint reference the text of its Address.
fn value(element: Element<'_>, namespace: &str) -> Result<String, Error> {
    let holder = match element.local_name() {
        "ReplyTo" | "FaultTo" | "From" => shape::one(element, namespace, "Address", "wsa:Address"),
        _ => Ok(element),
    };
    holder
        .and_then(|holder| shape::text(holder, MAX_URI))
        .map_err(|error| Error { at: error.at, kind: ErrorKind::Addressing(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn with_headers(headers: &str) -> Document {
        let xml = format!(
            "<s:Envelope xmlns:s='{}' xmlns:wsa='{}' xmlns:old='{}'><s:Header>{headers}</s:Header><s:Body><a/></s:Body></s:Envelope>",
            ns::SOAP11,
            ns::WSA,
            ns::WSA04
        );
        Document::parse(xml, &Limits::default()).unwrap()
    }

    #[test]
    fn the_headers_of_metro_are_read_with_their_line_breaks() {
        let document = with_headers(
            "<To xmlns='http://www.w3.org/2005/08/addressing'>https://sts/soap</To>\
             <wsa:Action>urn:issue</wsa:Action><ReplyTo xmlns='http://www.w3.org/2005/08/addressing'>\n    \
             <Address>http://www.w3.org/2005/08/addressing/anonymous</Address>\n</ReplyTo>\
             <wsa:MessageID>\nuuid:1\n</wsa:MessageID>",
        );
        let addressing = Envelope::read(&document).unwrap().addressing().unwrap();
        let values: Vec<_> = addressing.headers().map(|header| header.value.as_str()).collect();
        assert_eq!(values, ["urn:issue", "uuid:1", "https://sts/soap", ns::WSA_ANONYMOUS]);
        assert_eq!(addressing.namespace, Some(ns::WSA));
    }

    #[test]
    fn repeated_mixed_and_unreadable_headers_are_refused() {
        for (headers, wanted) in [
            ("<wsa:To>a</wsa:To><wsa:To>a</wsa:To>", "stands there twice"),
            ("<wsa:To>a</wsa:To><old:Action>a</old:Action>", "two versions"),
            ("<wsa:To><a/></wsa:To>", "only text may"),
            ("<wsa:ReplyTo/>", "wsa:Address is missing"),
        ] {
            let document = with_headers(headers);
            let error = Envelope::read(&document).unwrap().addressing().unwrap_err();
            assert!(error.to_string().contains(wanted), "{headers}: {error}");
        }
    }

    #[test]
    fn headers_for_another_role_are_not_ours() {
        let document = with_headers("<wsa:To s:actor='urn:other'>a</wsa:To>");
        assert!(Envelope::read(&document).unwrap().addressing().unwrap().to.is_none());
    }
}
