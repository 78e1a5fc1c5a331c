//! `vidimus envelope redact FILE`: the same message without what it says of anybody: fit to be shown
//! to a vendor, a forum, a bug report.
//!
//! Masked unless known to be harmless: a value is kept only when it is one of the words of the
//! specifications, a time, or white space. Structure, names, namespaces and white space stay byte
//! for byte, and what was equal stays equal, so that questions about the shape (which parts, which
//! ids, which algorithms, which prefixes) have the same answers. Signatures do not hold any more.

mod certificate;
mod pseudonym;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::json;

use super::inspect::parse;
use super::source::{Piece, Written, pieces, replaced};
use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::wire::base64;
use crate::wire::crypto;
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::{Document, Element, Limits, time};
use pseudonym::Pseudonyms;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused], [
    "vidimus envelope redact message.xml > to-show.xml",
    "vidimus envelope redact message.xml --keep-certificates --out to-show.xml",
    "vidimus envelope redact answer.xml --secret-file secret -o json",
]))]
pub struct Args {
    /// The envelope, or any XML; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Keep certificates as they are, with the names in them
    #[arg(long)]
    keep_certificates: bool,
    /// A secret of yours: the same one gives the same pseudonyms; without it they differ each time
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where to write the message, in place of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// # Errors
/// When the file cannot be read or written.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let document = parse(files::read(&args.file)?)?;
    let random: [u8; 32] = crypto::random();
    let secret = match &args.secret_file {
        Some(file) => files::read(file)?,
        None => random.to_vec(),
    };
    let redacted = redact(&document, &secret, args.keep_certificates)?;
    if let Some(path) = &args.out {
        files::write(path, redacted.text.as_bytes())?;
    }
    let kept: BTreeMap<&str, usize> = redacted.kept.clone();
    if out.is_json() {
        let envelope = args.out.is_none().then_some(&redacted.text);
        out.json(&json!({
            "schema": "vidimus.redacted/v1", "masked": redacted.masked, "kept": kept, "out": args.out, "envelope": envelope,
        }));
    } else if args.out.is_none() {
        out.bytes(redacted.text.as_bytes());
    }
    let said: Vec<String> = kept.iter().map(|(what, count)| format!("{count} {what}")).collect();
    out.note(format_args!("masked  {} values; the signature does not hold any more", redacted.masked));
    out.note(format_args!("kept    element and attribute names, namespaces, white space, {}", said.join(", ")));
    out.note("look through it before you show it: names of elements and namespaces may tell who made it");
    Ok(Exit::Done)
}

/// A message that may be shown.
#[derive(Debug)]
struct Redacted {
    text: String,
    masked: usize,
    /// What was kept, by kind.
    kept: BTreeMap<&'static str, usize>,
    #[cfg(test)]
    names: Pseudonyms,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept(&'static str),
    Masked,
    /// Masked so that it decodes.
    Base64,
    Certificate,
}

/// A value where it stands.
struct Value {
    range: Range<usize>,
    /// CDATA has no references.
    is_literal: bool,
    fate: Fate,
}

fn redact(document: &Document, secret: &[u8], keep_certificates: bool) -> Result<Redacted, Failure> {
    let text = String::from_utf8_lossy(document.bytes()).into_owned();
    let values = values(document, &text, keep_certificates);
    let mut names = Pseudonyms::new(secret);
    let raw = |value: &Value| text.get(value.range.clone()).unwrap_or_default();
    for value in &values {
        let decoded = decoded(raw(value), value.is_literal);
        match value.fate {
            Fate::Masked | Fate::Base64 => names.note(&decoded),
            Fate::Certificate => {
                if let Ok(der) = base64::decode_xml(&decoded) {
                    certificate::note(&der, &mut names);
                }
            }
            Fate::Kept(_) => {}
        }
    }
    let mut known = BTreeMap::new();
    let mut stand_ins = BTreeMap::new();
    for value in values.iter().filter(|value| value.fate == Fate::Certificate) {
        let decoded = decoded(raw(value), value.is_literal);
        if let Ok(der) = base64::decode_xml(&decoded) {
            let made = certificate::stand_in(&der, &mut names);
            facts(&der, &made, &mut known);
            stand_ins.insert(value.range.start, folded_like(&decoded, &base64::encode(&made)));
        }
    }
    let mut changes = Vec::new();
    let (mut kept, mut masked) = (BTreeMap::new(), 0);
    for value in &values {
        if let Fate::Kept(what) = value.fate {
            *kept.entry(what).or_insert(0) += 1;
            continue;
        }
        masked += 1;
        let with = match stand_ins.remove(&value.range.start) {
            Some(stand_in) => stand_in,
            None => masked_value(raw(value), value, &known, &mut names),
        };
        changes.push((value.range.clone(), with));
    }
    let made = replaced(&text, changes);
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    Document::parse(made.as_str(), &limits)
        .map_err(|error| Failure::unexpected(format!("what is left is not XML any more: {error}")))?;
    Ok(Redacted {
        text: made,
        masked,
        kept,
        #[cfg(test)]
        names,
    })
}

/// Every attribute, text and comment, with what becomes of it.
fn values(document: &Document, text: &str, keep_certificates: bool) -> Vec<Value> {
    let mut found = Vec::new();
    let mut elements = document.elements();
    let mut open: Vec<Element<'_>> = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Open { attributes, empty, .. } => {
                let Some(element) = elements.next() else { break };
                found.extend(attributes.iter().map(|attribute| of_attribute(element, attribute, text)));
                if !empty {
                    open.push(element);
                }
            }
            Piece::Close(_) => drop(open.pop()),
            Piece::Text(range) => found.extend(of_text(open.last().copied(), range, text, false, keep_certificates)),
            Piece::Cdata(range) => found.extend(of_text(open.last().copied(), range, text, true, keep_certificates)),
            Piece::Comment(range) => found.push(Value { range, is_literal: true, fate: Fate::Masked }),
            Piece::Declaration(_) => {}
        }
    }
    found
}

fn of_attribute(element: Element<'_>, attribute: &Written, text: &str) -> Value {
    let name = text.get(attribute.name.clone()).unwrap_or_default();
    let value = decoded(text.get(attribute.value.clone()).unwrap_or_default(), false);
    let local = name.rsplit(':').next().unwrap_or(name);
    let fate = if name == "xmlns" || name.starts_with("xmlns:") {
        Fate::Kept("namespace declarations")
    } else if name == "xsi:type" || (KEPT_ATTRIBUTES.contains(&local) && is_specified(element)) {
        Fate::Kept("attributes of the specifications")
    } else {
        harmless(&value).map_or(Fate::Masked, Fate::Kept)
    };
    Value { range: attribute.value.clone(), is_literal: false, fate }
}

fn of_text(
    element: Option<Element<'_>>,
    range: Range<usize>,
    text: &str,
    is_literal: bool,
    keep_certificates: bool,
) -> Option<Value> {
    let value = decoded(text.get(range.clone()).unwrap_or_default(), is_literal);
    if value.trim().is_empty() {
        return None;
    }
    let is = |namespace, name| element.is_some_and(|element| element.is(namespace, name));
    let kind = element.and_then(|element| element.attribute("", "ValueType"));
    let is_certificate =
        is(ns::DS, "X509Certificate") || (is(ns::WSSE, "BinarySecurityToken") && kind == Some(ns::X509_V3));
    let fate = if is_certificate && keep_certificates {
        Fate::Kept("certificates")
    } else if is_certificate {
        Fate::Certificate
    } else if let Some(what) = harmless(&value) {
        Fate::Kept(what)
    } else if base64::decode_xml(&value).is_ok() && element.is_some_and(is_specified) {
        Fate::Base64
    } else {
        Fate::Masked
    };
    Some(Value { range, is_literal, fate })
}

/// Whether an element is of a specification whose attributes say how, and not who.
fn is_specified(element: Element<'_>) -> bool {
    SPECIFIED.contains(&element.namespace())
}

/// What a value is, if it tells nothing of anybody.
fn harmless(value: &str) -> Option<&'static str> {
    let value = value.trim();
    if value.is_empty() || matches!(value, "true" | "false" | "0" | "1" | "1.0" | "1.1" | "2.0") {
        return Some("plain values");
    }
    if time::parse(value).is_ok() {
        return Some("times");
    }
    if STANDARD.contains(&value) || STANDARD_PREFIXES.iter().any(|prefix| value.starts_with(prefix)) {
        return Some("identifiers of the specifications");
    }
    None
}

/// What other values may say of a certificate: number, thumbprint, key identifier.
fn facts(was: &[u8], made: &[u8], known: &mut BTreeMap<String, String>) {
    let (Ok(was), Ok(is)) = (Certificate::parse(was), Certificate::parse(made)) else { return };
    known.insert(was.serial().to_string(), is.serial().to_string());
    known.insert(base64::encode(&was.thumbprint_sha1()), base64::encode(&is.thumbprint_sha1()));
    if let (Some(was), Some(is)) = (was.subject_key_identifier(), is.subject_key_identifier()) {
        known.insert(base64::encode(was), base64::encode(is));
    }
}

fn masked_value(raw: &str, value: &Value, known: &BTreeMap<String, String>, names: &mut Pseudonyms) -> String {
    let text = decoded(raw, value.is_literal);
    let solid: String = text.split_whitespace().collect();
    if let Some(fact) = known.get(&solid) {
        return folded_like(&text, fact);
    }
    let mut masked = names.masked(&text);
    if value.fate == Fate::Base64 {
        masked = decodable(masked);
    }
    if value.is_literal || !raw.contains('&') {
        return masked;
    }
    as_written(raw, &text, &masked)
}

/// Base64 whose last character before the padding has no bits that decode to nothing.
fn decodable(text: String) -> String {
    let end = text.trim_end();
    let bare = end.trim_end_matches('=');
    let allowed = match end.len() - bare.len() {
        0 => return text,
        1 => "AEIMQUYcgkosw048",
        _ => "AQgw",
    };
    let Some(last) = bare.chars().next_back().filter(|last| !allowed.contains(*last)) else { return text };
    let head = bare.len() - last.len_utf8();
    let number = u32::from(last) as usize % allowed.len();
    let (before, behind) = (bare.get(..head).unwrap_or_default(), text.get(bare.len()..).unwrap_or_default());
    format!("{before}{}{behind}", allowed.get(number..=number).unwrap_or("A"))
}

/// `solid` with white space where `text` has it.
fn folded_like(text: &str, solid: &str) -> String {
    let mut characters = solid.chars();
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\r' {
            out.push_str("&#13;");
        } else if character.is_whitespace() {
            out.push(character);
        } else {
            out.extend(characters.next());
        }
    }
    out.extend(characters);
    out
}

/// The masked text, with references where the raw one has them.
fn as_written(raw: &str, text: &str, masked: &str) -> String {
    let units = units(raw);
    if units.len() != masked.chars().count() || units.len() != text.chars().count() {
        return escaped(masked);
    }
    let mut out = String::with_capacity(raw.len());
    for ((written, was), is) in units.iter().zip(masked.chars()) {
        if *was == is {
            out.push_str(written);
        } else if written.starts_with('&') {
            out.push_str(&format!("&#x{:X};", u32::from(is)));
        } else {
            out.push(is);
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#13;")
}

/// The characters of a raw value, each with how it is written. The reader took it: every reference is
/// one of the five, or a number.
fn units(raw: &str) -> Vec<(&str, char)> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let end = if first == '&' { rest.find(';').map_or(rest.len(), |at| at + 1) } else { first.len_utf8() };
        let (written, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        found.push((written, if first == '&' { referenced(written) } else { first }));
        rest = after;
    }
    found
}

fn referenced(written: &str) -> char {
    let name = written.trim_start_matches('&').trim_end_matches(';');
    let number = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix('x') {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
            None => digits.parse().ok(),
        },
        None => None,
    };
    match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => number.and_then(char::from_u32).unwrap_or('?'),
    }
}

fn decoded(raw: &str, is_literal: bool) -> String {
    if is_literal || !raw.contains('&') {
        return raw.to_owned();
    }
    units(raw).into_iter().map(|(_, character)| character).collect()
}

/// Attributes that say how a thing is made, by local name.
const KEPT_ATTRIBUTES: &[&str] = &[
    "Algorithm",
    "EncodingType",
    "Encoding",
    "MajorVersion",
    "MinorVersion",
    "PrefixList",
    "TokenType",
    "ValueType",
    "Version",
    "mustUnderstand",
];

/// Where those attributes mean that.
const SPECIFIED: &[&str] = &[
    ns::SOAP11,
    ns::SOAP12,
    ns::WSA,
    ns::WSSE,
    ns::WSSE11,
    ns::WSU,
    ns::DS,
    ns::DS11,
    ns::EXC_C14N,
    ns::XENC,
    ns::SAML1,
    ns::SAML2,
    ns::WST13,
    ns::WST14,
    ns::WST05,
];

/// Words of WS-Trust and SAML that stand alone.
const STANDARD: &[&str] = &["AccountOperators", "NoProofKey"];

/// What specifications call things; nobody's own names begin like that.
const STANDARD_PREFIXES: &[&str] = &[
    "http://docs.oasis-open.org/",
    "http://schemas.xmlsoap.org/soap/",
    "http://schemas.xmlsoap.org/ws/",
    "http://www.w3.org/",
    "urn:oasis:names:tc:SAML:",
    "urn:oasis:names:specification:",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(text: &str, keep: bool) -> Redacted {
        redact(&Document::parse(text, &Limits::default()).unwrap(), b"secret", keep).unwrap()
    }

    /// The paths of all elements: the structure.
    fn structure(text: &str) -> Vec<String> {
        Document::parse(text, &Limits::default()).unwrap().elements().map(|element| element.path()).collect()
    }

    #[test]
    fn values_are_masked_and_the_shape_stays() {
        let text = format!(
            "<s:E xmlns:s=\"urn:s\" xmlns:d=\"{}\" xmlns:u=\"{}\"><d:Reference URI=\"#body-7\"><d:Transform Algorithm=\"urn:odd\"/>\
             <d:DigestValue>AAECAwQFBgc=</d:DigestValue></d:Reference>\n <u:Created>2026-01-02T03:04:05Z</u:Created>\
             <!-- Jan --><b u:Id=\"body-7\" mustUnderstand=\"1\">Jan &amp; &#80;eeters<![CDATA[Jan]]></b></s:E>",
            ns::DS,
            ns::WSU
        );
        let made = redacted(&text, false);
        assert_eq!(structure(&made.text), structure(&text));
        for gone in ["Jan", "eeters", "body", "AAEC"] {
            assert!(!made.text.contains(gone), "{gone}: {}", made.text);
        }
        for stays in [
            "Algorithm=\"urn:odd\"",
            ">2026-01-02T03:04:05Z<",
            "mustUnderstand=\"1\"",
            " &amp; &#x",
            "<![CDATA[",
            "\n <u:",
        ] {
            assert!(made.text.contains(stays), "{stays}: {}", made.text);
        }
        let document = Document::parse(made.text.as_str(), &Limits::default()).unwrap();
        let reference = document.elements().find(|element| element.local_name() == "Reference").unwrap();
        let id = document.elements().find_map(|element| element.attribute(ns::WSU, "Id")).unwrap();
        assert_eq!(reference.attribute("", "URI"), Some(format!("#{id}").as_str()));
        let digest = document.elements().find(|element| element.local_name() == "DigestValue").unwrap();
        assert_eq!(base64::decode_xml(&digest.text().unwrap()).unwrap().len(), 8);
    }

    #[test]
    fn a_signed_message_keeps_its_shape_and_loses_its_sender() {
        let pem = std::fs::read("keys/hospital.cert.pem").unwrap();
        let certificate = Certificate::from_pem(&pem).unwrap().remove(0);
        let der = base64::encode(certificate.der());
        let folded: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let text = format!(
            "<d:X509Data xmlns:d=\"{}\"><d:X509Certificate>{}</d:X509Certificate><d:X509IssuerSerial><d:X509IssuerName>{}\
             </d:X509IssuerName><d:X509SerialNumber>{}</d:X509SerialNumber></d:X509IssuerSerial></d:X509Data>",
            ns::DS,
            folded.join("&#13;\n"),
            certificate.issuer(),
            certificate.serial()
        );
        let made = redacted(&text, false);
        let document = Document::parse(made.text.as_str(), &Limits::default()).unwrap();
        let text_of = |name: &str| {
            document.elements().find(|element| element.local_name() == name).unwrap().text().unwrap().into_owned()
        };
        assert!(made.text.contains("&#13;\n"));
        let stand_in = Certificate::parse(&base64::decode_xml(&text_of("X509Certificate")).unwrap()).unwrap();
        // What was equal stays equal: the issuer's words and the number are those of the stand-in.
        assert_eq!(text_of("X509SerialNumber"), stand_in.serial().to_string());
        assert_eq!(text_of("X509IssuerName"), stand_in.issuer().to_string());
        assert!(!made.text.contains("conformance") && !made.text.contains(&der[100..140]));
        assert!(redacted(&text, true).text.contains(folded[3]));
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9]{1,12}",
            "[0-9]{4,10}",
            "[a-z\u{e9}\u{4e2d}]{3,6}",
            "[A-Za-z0-9+/]{20,60}",
            "[\u{1f600}-\u{1f610}]{1,5}"
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        let separator =
            prop_oneof![Just(" "), Just("-"), Just("@"), Just("&amp;"), Just("\n"), Just("://"), Just("&#13;")];
        proptest::collection::vec((word(), separator, any::<bool>()), 1..5).prop_map(|words| {
            words
                .into_iter()
                .map(|(word, separator, as_numbers)| {
                    let word =
                        if as_numbers { word.chars().map(|c| format!("&#{};", u32::from(c))).collect() } else { word };
                    format!("{word}{separator}")
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn nothing_that_is_masked_is_in_the_result(values in proptest::collection::vec((value(), value(), value()), 1..8)) {
            let mut text = "<r xmlns=\"urn:r\">".to_owned();
            for (attribute, element, comment) in &values {
                let comment = decoded(comment, false).replace('-', " ");
                text.push_str(&format!("<e k='{attribute}'>{element}<!--{comment}--><f/>{element}</e>"));
            }
            text.push_str("</r>");
            // Some words are no words to XML: what the reader refuses is nobody's message.
            prop_assume!(Document::parse(text.as_str(), &Limits::default()).is_ok());
            let made = redacted(&text, false);
            prop_assert_eq!(structure(&made.text), structure(&text));
            let document = Document::parse(made.text.as_str(), &Limits::default()).unwrap();
            for value in super::values(&document, &made.text, false) {
                if value.fate == Fate::Masked {
                    let shown = decoded(&made.text[value.range.clone()], value.is_literal);
                    prop_assert!(!made.names.leaks(&shown), "{}\n{}", text, made.text);
                }
            }
        }
    }
}
