//! Our reader and quick-xml on the same documents: each must report the same names, values and texts.

use proptest::prelude::*;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::tree::{Kind, Tree};
use super::{Document, Limits, random};

/// What a reader saw, in order: `<ns|name`, `@ns|name=value` (sorted), text, `>`.
fn ours(document: &Document) -> Vec<String> {
    let tree: &Tree = &document.tree;
    let mut seen = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    for (index, node) in tree.nodes.iter().enumerate() {
        while open.pop_if(|end| *end as usize <= index).is_some() {
            seen.push(">".to_owned());
        }
        match &node.kind {
            Kind::Text(span) => seen.push(document.resolve(*span).to_owned()),
            Kind::Element(_) => {
                let element = document.element(super::NodeId(index as u32));
                seen.push(format!("<{}|{}", element.namespace(), element.local_name()));
                let mut attributes: Vec<String> = element
                    .attributes()
                    .map(|a| format!("@{}|{}={}", a.namespace(), a.local_name(), a.value()))
                    .collect();
                attributes.sort();
                seen.extend(attributes);
                open.push(node.end);
            }
        }
    }
    seen.extend(open.iter().map(|_| ">".to_owned()));
    seen
}

fn theirs(text: &str) -> Vec<String> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut seen = Vec::new();
    let mut run = String::new();
    let mut depth = 0;
    loop {
        let event = reader.read_event().expect("quick-xml reads it");
        match &event {
            Event::Text(text) if depth > 0 => run.push_str(&text.xml10_content()),
            Event::CData(text) => run.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().expect("a reference") {
                Some(c) => run.push(c),
                None => run.push_str(match &*reference.xml10_content() {
                    "lt" => "<",
                    "gt" => ">",
                    _ => "&",
                }),
            },
            _ => {}
        }
        if matches!(event, Event::Start(_) | Event::End(_)) && !run.is_empty() {
            seen.push(std::mem::take(&mut run));
        }
        match event {
            Event::Start(tag) => {
                depth += 1;
                let (namespace, local) = reader.resolver().resolve_element(tag.name());
                seen.push(format!("<{}|{}", name_of(namespace), local.as_ref()));
                let mut attributes = Vec::new();
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    if attribute.key.as_namespace_binding().is_some() {
                        continue;
                    }
                    let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).expect("a value");
                    attributes.push(format!("@{}|{}={}", name_of(namespace), local.as_ref(), value));
                }
                attributes.sort();
                seen.extend(attributes);
            }
            Event::End(_) => {
                depth -= 1;
                seen.push(">".to_owned());
            }
            Event::Eof => return seen,
            _ => {}
        }
    }
}

fn name_of(namespace: ResolveResult<'_>) -> String {
    match namespace {
        ResolveResult::Bound(Namespace(name)) => name.to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(prefix) => panic!("unbound {prefix:?}"),
    }
}

/// The canonical form of the root.
fn form(document: &Document) -> String {
    let mut out = Vec::new();
    super::c14n::exclusive(document.root(), &super::c14n::Exclusive::default(), &mut out).expect("within the limit");
    String::from_utf8(out).expect("UTF-8")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn reads_what_quick_xml_reads(entropy in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = random::document(&entropy);
        let document = Document::parse(text.as_str(), &Limits::default()).expect("well-formed");
        prop_assert_eq!(ours(&document), theirs(&text));
    }

    #[test]
    fn a_canonical_form_is_its_own_canonical_form(entropy in prop::collection::vec(any::<u8>(), 0..400)) {
        let document = Document::parse(random::document(&entropy), &Limits::default()).expect("well-formed");
        let once = form(&document);
        let again = Document::parse(once.as_str(), &Limits::default()).expect("well-formed");
        prop_assert_eq!(&form(&again), &once);
        prop_assert_eq!(ours(&again), ours(&document));
    }

    #[test]
    fn reads_any_bytes_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), entropy in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let mut damaged = random::document(&entropy).into_bytes();
        let at = at.index(damaged.len());
        damaged.splice(at..at, bytes.iter().copied().take(3));
        for input in [bytes, damaged] {
            if let Ok(document) = Document::parse(input, &Limits::default()) {
                let _ = form(&document);
                for element in document.elements() {
                    prop_assert!(element.source().starts_with('<') && element.source().ends_with('>'));
                    let _ = (element.path(), element.text(), element.namespace_of("p"));
                }
            }
        }
    }
}
