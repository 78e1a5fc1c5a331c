//! Why does a digest differ? Tries what usually happens to an element between signing and sending,
//! and says which of it gives the digest that the message has.
//!
//! Only on the command line: a search costs time, and helps the sender alone (`rules.md` 7.3). A
//! cause that fits is certain: SHA-2 does not fit by chance.

use crate::wire::dsig::{Reference, Signature, TransformKind};
use crate::wire::ns;
use crate::wire::xml::c14n::{Exclusive, exclusive};
use crate::wire::xml::{Document, Element, Limits};

/// The cause of the difference for the reference with this URI, where one of the usual ones fits.
pub fn of(document: &Document, uri: &str) -> Option<String> {
    let limits = Limits::default();
    let signatures = document.elements().filter(|element| element.is(ns::DS, "Signature"));
    let signatures: Vec<_> = signatures.filter_map(|element| Signature::parse(element, &limits).ok()).collect();
    let mut references = signatures.iter().flat_map(|signature| signature.references());
    let reference = references.find(|reference| reference.uri == Some(uri))?;
    let wanted = Wanted { reference, element: reference.target().ok()? };
    wanted.other_prefixes().or_else(|| wanted.other_bytes())
}

/// The digest that is looked for, and the element that it is said to be of.
struct Wanted<'r, 'd> {
    reference: &'r Reference<'d>,
    element: Element<'d>,
}

impl Wanted<'_, '_> {
    fn fits(&self, octets: &[u8]) -> bool {
        let algorithm = self.reference.digest_method.known;
        algorithm.is_some_and(|algorithm| algorithm.digest(octets).as_ref() == self.reference.digest_value)
    }

    fn canonical(&self, prefixes: &[&str]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        exclusive(self.element, &Exclusive { prefixes, ..Exclusive::default() }, &mut octets).ok()?;
        Some(octets)
    }

    fn fits_with(&self, prefixes: &[&str]) -> bool {
        self.canonical(prefixes).is_some_and(|octets| self.fits(&octets))
    }

    /// Another canonical form of the same element.
    fn other_prefixes(&self) -> Option<String> {
        let said = self.prefix_list();
        if !said.is_empty() && self.fits_with(&[]) {
            return Some(format!(
                "it was digested without a PrefixList, and the message says PrefixList=\"{}\": write none, or digest with it",
                said.join(" ")
            ));
        }
        let scope = self.in_scope();
        let all: Vec<&str> = scope.iter().map(String::as_str).collect();
        if let Some(one) = all.iter().find(|one| self.fits_with(&[one])) {
            return Some(format!(
                "it was digested with PrefixList=\"{one}\", and the message does not say so: write \
                 <ec:InclusiveNamespaces PrefixList=\"{one}\"/> into the transform"
            ));
        }
        self.fits_with(&all).then(|| {
            "it was digested in inclusive canonical form (all namespaces around it), and the message says exclusive: \
             canonicalize exclusively"
                .to_owned()
        })
    }

    /// The same element as it was before something changed it.
    fn other_bytes(&self) -> Option<String> {
        let prefixes: Vec<&str> = self.prefix_list();
        let octets = self.canonical(&prefixes)?;
        let text = String::from_utf8(octets).ok()?;
        let said = |text: &str| text.to_owned();
        if self.fits(text.replace('\n', "&#xD;\n").as_bytes()) {
            return Some(said("it was digested with line ends CR LF: turn them into LF before signing"));
        }
        if self.fits(without_space_between_tags(&text).as_bytes()) {
            return Some(said("white space was put between its tags after signing: do not indent what is signed"));
        }
        if self.fits(text.replace("&#xD;", "").as_bytes()) {
            return Some(said("carriage returns (&#13;) came into it after signing"));
        }
        if self.fits(self.element.source().as_bytes()) {
            return Some(said("its bytes were digested as they are written: canonicalize before digesting"));
        }
        self.changed_start_tag(&text)
    }

    /// One declaration or attribute of the start tag that was not there, or not yet, when it was digested.
    fn changed_start_tag(&self, text: &str) -> Option<String> {
        let end = text.find('>')?;
        let (tag, rest) = text.split_at_checked(end)?;
        for attribute in attributes(tag) {
            if self.fits(format!("{}{rest}", tag.replacen(attribute, "", 1)).as_bytes()) {
                let name = attribute.trim().split('=').next().unwrap_or_default();
                return Some(match name.strip_prefix("xmlns:") {
                    Some(prefix) => format!(
                        "it was digested before {name} was declared on it: declare the prefix {prefix} when the \
                         attribute is set (setAttributeNS alone declares nothing)"
                    ),
                    None => format!("it was digested before {name} was set: set it before signing"),
                });
            }
        }
        None
    }

    fn prefix_list(&self) -> Vec<&str> {
        let mut lists = self.reference.transforms.iter().filter_map(|transform| match &transform.kind {
            TransformKind::Exclusive(prefixes) => Some(prefixes.to_vec()),
            _ => None,
        });
        lists.next_back().unwrap_or_default()
    }

    /// The prefixes that are bound where the element stands; `#default` for the default namespace.
    fn in_scope(&self) -> Vec<String> {
        let source = String::from_utf8_lossy(self.element.document().bytes());
        let mut found: Vec<String> = Vec::new();
        for declaration in source.split("xmlns:").skip(1) {
            let prefix = declaration.split(['=', ' ']).next().unwrap_or_default();
            let is_new = !found.iter().any(|known| known == prefix);
            if is_new && found.len() < MOST_PREFIXES && self.element.namespace_of(prefix).is_some() {
                found.push(prefix.to_owned());
            }
        }
        if self.element.namespace_of("").is_some() {
            found.push("#default".to_owned());
        }
        found
    }
}

/// The attributes and declarations of a canonical start tag, each with the blank before it.
fn attributes(tag: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some(start) = rest.find(' ') {
        let Some((_, from)) = rest.split_at_checked(start) else { break };
        // In canonical form values stand in double quotes, and hold none.
        let Some(end) = from.match_indices('"').nth(1).map(|(at, _)| at + 1) else { break };
        let Some((attribute, after)) = from.split_at_checked(end) else { break };
        found.push(attribute);
        rest = after;
    }
    found
}

fn without_space_between_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (index, piece) in text.split('>').enumerate() {
        if index > 0 {
            kept.push('>');
        }
        kept.push_str(match piece.split_once('<') {
            Some((space, _)) if space.trim().is_empty() => piece.trim_start(),
            _ => piece,
        });
    }
    kept
}

/// More prefixes than any real message declares are not tried.
const MOST_PREFIXES: usize = 32;

#[cfg(test)]
mod tests {
    use crate::wire::base64;
    use crate::wire::crypto;

    use super::*;

    /// A message whose one reference, to the body, has the digest of `digested`.
    fn cause(body: &str, digested: &str, transform: &str) -> Option<String> {
        let digest = base64::encode(&crypto::sha256(digested.as_bytes()));
        let exclusive = ns::EXC_C14N;
        let message = format!(
            "<e:E xmlns:e=\"urn:e\" xmlns:w=\"{}\" xmlns:o=\"urn:o\">{body}<d:Signature xmlns:d=\"{}\"><d:SignedInfo>\
             <d:CanonicalizationMethod Algorithm=\"{exclusive}\"/><d:SignatureMethod Algorithm=\"{}\"/>\
             <d:Reference URI=\"#b\"><d:Transforms><d:Transform Algorithm=\"{exclusive}\">{transform}</d:Transform></d:Transforms>\
             <d:DigestMethod Algorithm=\"{}\"/><d:DigestValue>{digest}</d:DigestValue></d:Reference></d:SignedInfo>\
             <d:SignatureValue>AAAA</d:SignatureValue></d:Signature></e:E>",
            ns::WSU,
            ns::DS,
            ns::RSA_SHA256,
            ns::SHA256,
        );
        of(&Document::parse(message, &Limits::default()).unwrap(), "#b")
    }

    const BODY: &str = "<e:B w:Id=\"b\">\n <e:c>1</e:c>\n</e:B>";

    fn canonical() -> String {
        format!("<e:B xmlns:e=\"urn:e\" xmlns:w=\"{}\" w:Id=\"b\">\n <e:c>1</e:c>\n</e:B>", ns::WSU)
    }

    fn says(digested: &str, part: &str) {
        let found = cause(BODY, digested, "");
        assert!(found.as_deref().is_some_and(|cause| cause.contains(part)), "{part}: {found:?}");
    }

    #[test]
    fn finds_what_usually_happens_to_an_element() {
        let canonical = canonical();
        says(&canonical.replace('\n', "&#xD;\n"), "CR LF");
        says(&canonical.replace("\n ", "").replace("\n<", "<"), "do not indent");
        says(BODY, "as they are written");
        says(&canonical.replace(&format!(" xmlns:w=\"{}\"", ns::WSU), ""), "declare the prefix w");
        says(&canonical.replace(" w:Id=\"b\"", ""), "before w:Id was set");
        says(&canonical.replace(" xmlns:w", " xmlns:o=\"urn:o\" xmlns:w"), "PrefixList=\"o\"");
    }

    #[test]
    fn finds_a_prefix_list_that_was_written_and_not_used() {
        let list = format!("<i:InclusiveNamespaces xmlns:i=\"{}\" PrefixList=\"o\"/>", ns::EXC_C14N);
        let found = cause(BODY, &canonical(), &list);
        assert!(found.as_deref().is_some_and(|cause| cause.contains("without a PrefixList")), "{found:?}");
    }

    #[test]
    fn says_nothing_where_nothing_fits() {
        assert_eq!(cause(BODY, "something else", ""), None);
    }
}
