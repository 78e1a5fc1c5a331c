//! What may have happened to tags: attributes and declarations that came later or were lost,
//! prefixes that were written otherwise, a Signature that was or was not left out.

use super::candidates::{Candidate, MOST_PREFIXES};
use super::canonical::Form;
use super::tree::{NodeId, Tree, split};
use crate::wire::ns;

/// Attributes and declarations of the start tag that were not there yet, or were there then.
pub fn start_tag(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let Some(tag) = tree.tag(element) else { return };
    for (prefix, namespace) in tree.in_scope(element) {
        let used = tag.attributes.iter().any(|attribute| split(&attribute.name).0 == prefix);
        let is_of_name = split(&tag.name).0 == prefix;
        if used || is_of_name {
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            let without = prefix.clone();
            all.push(
                Candidate::form("declaration-late", format!("{name} is not declared on it"), move |form| {
                    form.edits.undeclared.push(without.clone());
                })
                .means(
                    "it was digested before its prefix was declared: setAttributeNS and createElementNS declare nothing",
                    format!("Declare the prefix when the attribute or element is made: setAttributeNS(\"{}\", \"{name}\", \"{namespace}\")", ns::XMLNS),
                ),
            );
        }
    }
    for attribute in tag.attributes.iter().take(MOST_PREFIXES) {
        let name = attribute.name.clone();
        let without = name.clone();
        let prefix = split(&name).0.to_owned();
        all.push(
            Candidate::form("attribute-late", format!("it has no {name}"), move |form| {
                form.edits.absent_at_apex.push(without.clone());
            })
            .means(
                format!("it was digested before {name} was set"),
                format!(
                    "Set {name} and declare its prefix{} before signing",
                    if prefix.is_empty() { String::new() } else { format!(" {prefix}") }
                ),
            ),
        );
    }
    for (label, declared) in [
        ("xmlns:xsi", &[("xsi", ns::XSI)][..]),
        ("xmlns:xsd", &[("xsd", ns::XS)]),
        ("xmlns:xs", &[("xs", ns::XS)]),
        ("xmlns:xsi and xmlns:xsd", &[("xsi", ns::XSI), ("xsd", ns::XS)]),
        ("xmlns:wsu", &[("wsu", ns::WSU)]),
    ] {
        let lost: Vec<(String, String)> = declared.iter().map(|(p, n)| ((*p).to_owned(), (*n).to_owned())).collect();
        all.push(
            Candidate::form("declaration-lost", format!("{label} is declared on it"), move |form| {
                form.edits.declared.extend(lost.iter().cloned());
            })
            .means(
                "the declaration was lost when the message was serialised again, or was digested though it is not visibly used",
                "Digest in exclusive form, and send the bytes that were signed",
            ),
        );
    }
}

/// A Signature inside the element that was left out, or was not.
pub fn enveloped(tree: &Tree, element: NodeId, declared: &Form, signature: NodeId, all: &mut Vec<Candidate>) {
    let inside = tree.lineage(signature).skip(1).any(|above| above == element);
    if !inside {
        return;
    }
    if declared.omit.is_some() {
        all.push(
            Candidate::form("signature-not-left-out", "the Signature in it is digested too", |form| form.omit = None)
                .means(
                    "the message says enveloped-signature, and the signer left nothing out",
                    "Digest the element without its ds:Signature",
                ),
        );
    } else {
        all.push(
            Candidate::form("signature-left-out", "the Signature in it is left out", move |form| {
                form.omit = Some(signature)
            })
            .means(
                "it was digested before the Signature was put in, and the message does not say enveloped-signature",
                "Add the transform http://www.w3.org/2000/09/xmldsig#enveloped-signature before the canonicalization",
            ),
        );
    }
}

/// Prefixes that a serialiser writes otherwise.
pub fn prefixes(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for id in tree.inside(element) {
        let Some(tag) = tree.tag(id) else { continue };
        let prefix = split(&tag.name).0;
        let namespace = tree.bound(id, prefix).unwrap_or_default();
        let pair = (prefix.to_owned(), namespace.to_owned());
        if !namespace.is_empty() && seen.len() < MOST_NAMESPACES && !seen.contains(&pair) {
            seen.push(pair);
        }
    }
    for (now, namespace) in seen {
        let usual = USUAL_PREFIXES.iter().find(|(of, _)| *of == namespace).map(|(_, usual)| *usual);
        let elsewhere = tree.elements().filter_map(|id| tree.tag(id)).flat_map(|tag| &tag.declarations);
        let elsewhere = elsewhere.filter(|(_, of)| *of == namespace).map(|(prefix, _)| prefix.as_str());
        let mut tried: Vec<&str> = vec![&now];
        for before in usual.unwrap_or(OTHER_PREFIXES).iter().copied().chain(elsewhere) {
            if tried.contains(&before) || tried.len() > MOST_NAMESPACES {
                continue;
            }
            tried.push(before);
            let (of, to) = (namespace.clone(), before.to_owned());
            let called =
                |prefix: &str| if prefix.is_empty() { "no prefix".to_owned() } else { format!("prefix {prefix}") };
            all.push(
                Candidate::form("prefix-rewritten", format!("{namespace} has {}", called(before)), move |form| {
                    form.edits.renamed.push((of.clone(), to.clone()));
                })
                .means(
                    format!("something gave it {} after signing: the tree was read and written again", called(&now)),
                    "Send the bytes that were signed; do not parse and serialise them again",
                ),
            );
        }
    }
}

/// Attributes that were added inside, and values that were normalised.
pub fn attributes(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let mut names: Vec<&str> = Vec::new();
    let mut normalised = false;
    for attribute in tree.inside(element).skip(1).filter_map(|id| tree.tag(id)).flat_map(|tag| &tag.attributes) {
        normalised |= attribute.value != attribute.unnormalised;
        if names.len() < MOST_PREFIXES && !names.contains(&attribute.name.as_str()) {
            names.push(&attribute.name);
        }
    }
    for name in names {
        let without = name.to_owned();
        all.push(
            Candidate::form("attribute-added", format!("nothing in it has {name}"), move |form| {
                form.edits.absent.push(without.clone());
            })
            .means(
                format!("{name} was added after signing, by a schema-aware serialiser for example"),
                format!("Add {name} before signing, or not at all"),
            ),
        );
    }
    let own = tree.tag(element).map(|tag| tag.attributes.as_slice()).unwrap_or_default();
    if normalised || own.iter().any(|attribute| attribute.value != attribute.unnormalised) {
        all.push(
            Candidate::form("attribute-values", "line ends and tabs in attribute values are kept", |form| {
                form.edits.unnormalised = true;
            })
            .means(
                "every XML reader turns them into blanks (XML 1.0 §3.3.3), and the signer digested them as they were",
                "Write no line ends and tabs into attribute values, or as &#10; and &#9;",
            ),
        );
    }
}

const USUAL_PREFIXES: &[(&str, &[&str])] = &[
    (ns::SOAP11, &["soap", "soapenv", "SOAP-ENV", "S", "s", "env", "soap-env", "SOAP", ""]),
    (ns::SOAP12, &["soap", "soap12", "env", "s", "S", "soapenv", "SOAP-ENV", "soap-env", ""]),
    (ns::WSU, &["wsu", "u", "util", ""]),
    (ns::WSSE, &["wsse", "o", "sec", ""]),
    (ns::WSA, &["wsa", "a", "add", "wsa5", ""]),
    (ns::DS, &["ds", "dsig", "sig", ""]),
    (ns::SAML2, &["saml", "saml2", "saml2a", ""]),
    (ns::SAML1, &["saml", "saml1", ""]),
    (ns::SAML2P, &["samlp", "saml2p", ""]),
    (ns::WST13, &["wst", "trust", "t", "ns0", ""]),
];
const OTHER_PREFIXES: &[&str] = &["", "ns0", "ns1", "ns2", "tns", "a", "b", "q1"];
const MOST_NAMESPACES: usize = 12;
