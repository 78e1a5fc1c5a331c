//! What the readers make of the fuzz seeds, and of each seed with one byte changed, written down: `testdata/readings.tsv`
//! has a digest of it for each seed. Whoever changes what is read, or where a reader says that a fault is, changes a line
//! there and has to mean it: `UPDATE=1 cargo test --lib readings` writes them again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::dsig::Signature;
use super::key_info::none_known;
use super::saml::Assertion;
use super::soap::Envelope;
use super::wsse::{BinarySecurityToken, SecurityHeader, SecurityTokenReference, Timestamp};
use super::x509::{Certificate, DistinguishedName};
use super::xml::c14n::{self, Exclusive};
use super::xml::inclusive::{self, inclusive};
use super::xml::{Content, Document, Element, Limits};
use super::{crypto, hex, ns};

#[test]
fn what_is_read_of_each_seed_is_what_was_read_before() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for target in ["c14n", "certificates", "envelope", "saml", "scanner"] {
        let folder = root.join("conformance/fuzz/corpus").join(target);
        for entry in fs::read_dir(&folder).expect("seeds") {
            let path = entry.expect("a seed").path();
            let name = format!("{target}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            let seed = fs::read(&path).expect("a seed");
            found.insert(name, (reading(&seed), edited(&seed).map(|bytes| reading(&bytes)).collect::<String>()));
        }
    }
    assert!(found.len() >= 70, "{} seeds", found.len());
    let digest = |text: &str| hex::encode(crypto::sha256(text.as_bytes()).get(..12).unwrap_or_default());
    let line =
        |(name, (own, edited)): (&String, &(String, String))| format!("{name}\t{}\t{}\n", digest(own), digest(edited));
    let now: String = found.iter().map(line).collect();
    let file = root.join("testdata/readings.tsv");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &now).expect("written");
    }
    let before = fs::read_to_string(&file).expect("testdata/readings.tsv");
    for (now, before) in now.lines().zip(before.lines()) {
        let name = now.split('\t').next().unwrap_or_default();
        assert_eq!(now, before, "{}", found.get(name).map(|(own, _)| own.as_str()).unwrap_or_default());
    }
    assert_eq!(now, before);
}

/// The seed with one byte changed, in some ways that are the same each time.
fn edited(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    (0..EDITS).map(move |_| {
        let (at, with) = (next(seed.len()), BYTES[next(BYTES.len())]);
        let mut bytes = seed.to_vec();
        match next(3) {
            0 => bytes.insert(at, with),
            1 => drop(bytes.remove(at)),
            _ => bytes[at] = with,
        }
        bytes
    })
}

macro_rules! say {
    ($said:expr, $($what:tt)*) => {
        writeln!($said, $($what)*).expect("a String takes all")
    };
}

/// All that all readers say of these bytes.
fn reading(bytes: &[u8]) -> String {
    let mut said = String::new();
    match Document::parse(bytes, &Limits::default()) {
        Err(error) => say!(said, "{error:?}"),
        Ok(document) => {
            elements(&document, &mut said);
            forms(&document, &mut said);
            assertions(&document, &mut said);
            envelope(&document, &mut said);
        }
    }
    certificates(bytes, &mut said);
    said
}

fn elements(document: &Document, said: &mut String) {
    for element in document.elements() {
        let above = element.parent().map(Element::id);
        say!(said, "{} {:?} {above:?} {:?}", element.path(), element.id(), element.range());
        say!(said, " {} {} {}", element.prefix(), element.namespace(), element.qualified_name());
        for attribute in element.attributes() {
            say!(said, " {attribute:?} {} {:?}", attribute.prefix(), attribute.value());
        }
        let texts = element.content().filter_map(|content| match content {
            Content::Text(text) => Some(text),
            Content::Element(_) => None,
        });
        let texts: Vec<_> = texts.collect();
        say!(said, " {texts:?} {:?} {}", element.text(), element.has_character_data());
        let around: Vec<_> = element.ancestors().map(Element::id).collect();
        say!(said, " {around:?} {:?} {:?}", element.namespace_of("ds"), element.namespace_of(""));
        for id in document.ids_of(element) {
            say!(said, "  {id}: {:?}", document.by_id(id));
        }
    }
    let declared = [ns::DS, ns::WSSE, ns::SAML2, ns::XENC].map(|namespace| document.declares(namespace));
    say!(said, "{declared:?}");
}

fn forms(document: &Document, said: &mut String) {
    let mut add = |name: &str, written: Result<usize, super::xml::Error>, form: Vec<u8>| {
        say!(said, "{name} {written:?} {}", String::from_utf8_lossy(&form));
    };
    for apex in document.elements().take(4) {
        let inside = apex.descendants().nth(2).map(Element::id);
        for (omit, prefixes) in [(None, &[][..]), (None, &["ds", "wsu", "#default", "zz"][..]), (inside, &[][..])] {
            let how = Exclusive { prefixes, omit, limit: 20_000 };
            let mut form = Vec::new();
            let written = c14n::exclusive(apex, &how, &mut form);
            let length = form.len();
            add("exclusive", written, form);
            let mut form = Vec::new();
            add("token", c14n::exclusive_of_token(apex, &how, &mut form), form);
            let short = Exclusive { limit: length.saturating_sub(1), ..how };
            add("too long", c14n::exclusive(apex, &short, &mut Vec::new()), Vec::new());
        }
        for version in [inclusive::Version::V1, inclusive::Version::V1_1] {
            for limit in [20_000, 50] {
                let mut form = Vec::new();
                let written = inclusive(apex, version, inside, limit, &mut form);
                add("inclusive", written.map(|()| form.len()), form);
            }
        }
    }
}

fn assertions(document: &Document, said: &mut String) {
    for element in document.elements().filter(|element| element.local_name() == "Assertion") {
        match Assertion::read_any(element, &none_known) {
            Err(error) => say!(said, "{error:?} {error}"),
            Ok(assertion) => {
                say!(said, "{assertion:?} {:?}", assertion.audiences());
                for attribute in &assertion.attributes {
                    say!(said, "{:?}", assertion.attribute(&attribute.name));
                }
            }
        }
        say!(said, "{:?}", Assertion::read(element).map(|assertion| assertion.version));
    }
}

fn envelope(document: &Document, said: &mut String) {
    let signed = document.elements().filter(|element| element.is(ns::DS, "Signature"));
    signed.for_each(|element| signature(element, said));
    let envelope = match Envelope::read(document) {
        Ok(envelope) => envelope,
        Err(error) => return say!(said, "{error:?} {error}"),
    };
    say!(said, "{envelope:?} {:?} {:?}", envelope.addressing(), envelope.fault());
    say!(said, "{:?} {:?}", envelope.our_blocks().count(), envelope.not_understood(super::wsse::is_security));
    match SecurityHeader::read(&envelope) {
        Err(error) => say!(said, "{error:?} {error}"),
        Ok(None) => said.push_str("no Security header\n"),
        Ok(Some(header)) => {
            say!(said, "{header:?}");
            for token in &header.binary_security_tokens {
                let read = BinarySecurityToken::read(*token);
                say!(said, "{read:?} {:?}", read.as_ref().map(BinarySecurityToken::certificates));
                say!(said, "{:?}", read.as_ref().map(BinarySecurityToken::certificate));
            }
            header.timestamps.iter().for_each(|stamp| say!(said, "{:?}", Timestamp::read(*stamp)));
        }
    }
}

fn signature(element: Element<'_>, said: &mut String) {
    let limits = Limits::default();
    let signature = match Signature::parse(element, &limits) {
        Ok(signature) => signature,
        Err(error) => return say!(said, "{error:?} {error} {:?}", error.element()),
    };
    let octets =
        signature.canonical_signed_info(&limits).map(|octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned());
    say!(said, "{signature:?} {octets:?} {:?}", signature.value());
    signature.faults().iter().for_each(|fault| say!(said, "{fault:?} {fault} {:?}", fault.element()));
    let exceptional: Vec<_> = signature.exceptional().into_iter().map(|(what, at)| (what, at.id())).collect();
    say!(said, "{exceptional:?}");
    for reference in signature.references() {
        say!(said, "{:?} {:?} {:?}", reference.id(), reference.target(), reference.covers());
        let digest = reference.digest(&limits);
        let digest = digest.map(|own| (own.covered.id(), own.octets, own.matches, hex::encode(own.computed.as_ref())));
        say!(said, "{digest:?}");
    }
    if let Some(key_info) = signature.key_info() {
        let read = SecurityTokenReference::from_key_info(key_info);
        say!(said, "{read:?} {:?}", read.as_ref().map(|reference| reference.target.style()));
    }
}

fn certificates(bytes: &[u8], said: &mut String) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.len() < 2000
    {
        let name = DistinguishedName::parse(text);
        say!(said, "{name:?} {:?}", name.as_ref().map(ToString::to_string));
    }
    let pem = Certificate::from_pem(bytes);
    say!(said, "{pem:?}");
    match Certificate::parse(bytes) {
        Err(error) => say!(said, "{error:?}"),
        Ok(own) => {
            let usage = own.key_usage().map(|usage| (usage.may_sign(), usage.key_cert_sign(), usage.crl_sign()));
            say!(said, "{own:?} {:?} {:?}", own.not_before(), own.not_after());
            say!(said, "{usage:?} {:?} {}", own.extended_key_usage(), own.is_authority());
            say!(said, "{:?} {:?}", own.subject_key_identifier(), own.serial().as_bytes());
            say!(said, "{:?} {:?}", own.crl_distribution_points(), own.policies());
            say!(said, "{} {:?}", own.is_self_issued(), own.public_key().map(|key| (key.kind(), key.bits())));
        }
    }
}

const EDITS: usize = 16;
const BYTES: &[u8] = b" aZ09<>&\"'=/:;#-!?[]{}\n\r\t\x00\x7F\x80\xC3\xFF\x30\x06\x02";
