//! A Fault that somebody sent us: code, reason, and the text of its detail. For our own client
//! side; nothing here decides.

use super::{Envelope, Version};
use crate::wire::ns;
use crate::wire::shape::{self, short};
use crate::wire::xml::Element;

/// A Fault as it was read. Missing parts are empty: a broken Fault still tells something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// SOAP 1.1 `faultcode`; in SOAP 1.2 the innermost `Subcode`, else the `Code`.
    pub code: String,
    pub reason: String,
    /// All texts inside the detail, joined by blanks.
    pub detail: String,
}

pub(super) fn read(envelope: &Envelope<'_>) -> Option<Fault> {
    let fault = envelope.payload;
    if !fault.is(envelope.version.namespace(), "Fault") {
        return None;
    }
    let text = |element: Option<Element<'_>>| {
        element.and_then(|element| shape::text(element, MAX_TEXT).ok()).unwrap_or_default()
    };
    let (code, reason, detail) = match envelope.version {
        Version::Soap11 => {
            (text(fault.child("", "faultcode")), text(fault.child("", "faultstring")), fault.child("", "detail"))
        }
        Version::Soap12 => {
            let mut code = fault.child(ns::SOAP12, "Code");
            while let Some(inner) = code.and_then(|code| code.child(ns::SOAP12, "Subcode")) {
                code = Some(inner);
            }
            let reason = fault.child(ns::SOAP12, "Reason").and_then(|reason| reason.child(ns::SOAP12, "Text"));
            (
                text(code.and_then(|code| code.child(ns::SOAP12, "Value"))),
                text(reason),
                fault.child(ns::SOAP12, "Detail"),
            )
        }
    };
    let mut texts = Vec::new();
    if let Some(detail) = detail {
        collect(detail, &mut texts);
    }
    Some(Fault { code, reason, detail: texts.join(" ") })
}

fn collect(element: Element<'_>, texts: &mut Vec<String>) {
    if let Some(text) = element.text() {
        let text = text.trim();
        if !text.is_empty() && texts.len() < MAX_TEXTS {
            texts.push(short(text));
        }
    }
    element.children().for_each(|child| collect(child, texts));
}

/// Longest code or reason that is read, in bytes.
const MAX_TEXT: usize = 4096;
/// Most texts of a detail that are read.
const MAX_TEXTS: usize = 64;
