//! The signature of a forged message: a skeleton, its digests, its value.
//!
//! Written apart from `wire::dsig`, so that the verifier never judges its own reading: what a
//! reference means is worked out here a second time, for honest shapes only.

use serde::Deserialize;

use super::edits::{self, Edit, Place, generous};
use super::forge::{Fold, Sign};
use super::raw_rsa::Padding;
use super::template::{Scope, folded};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
use crate::wire::ns;
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::inclusive::{self, Version};
use crate::wire::xml::{ById, Document, Element, NodeId};

/// How `ds:KeyInfo` names the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyReference {
    /// STR/Reference to a BinarySecurityToken, which is put first into the Security header.
    BinarySecurityToken,
    IssuerSerial,
    SubjectKeyIdentifier,
    Thumbprint,
    /// STR/X509Data/X509Certificate.
    EmbeddedCertificate,
    /// X509Data/X509Certificate without an STR.
    BareCertificate,
    KeyValue,
    /// STR/KeyIdentifier with the assertion's ID.
    SamlAssertion,
    /// STR/Reference to the assertion.
    SamlReference,
    None,
}

/// Signs: makes a signature where the text brings none, and fills what is empty.
pub(super) fn sign(text: &str, sign: &Sign, scope: &Scope<'_>) -> Result<String, String> {
    let mut text = text.to_owned();
    if let Some(parts) = &sign.parts {
        text = with_skeleton(&text, parts, sign, scope)?;
    }
    text = with_digests(text)?;
    with_value(text, sign, scope)
}

// ── the skeleton ───────────────────────────────────────────────────────────────────────────────

fn with_skeleton(text: &str, parts: &[String], sign: &Sign, scope: &Scope<'_>) -> Result<String, String> {
    let reference = sign.key_reference.unwrap_or(KeyReference::BinarySecurityToken);
    let mut text = text.to_owned();
    if reference == KeyReference::BinarySecurityToken && edits::apply(&text, &[touch(TOKEN)]).is_err() {
        let token = scope.fill(&format!(
            "<wsse:BinarySecurityToken EncodingType=\"{}\" ValueType=\"{}\" wsu:Id=\"X509\">${{certificate}}\
             </wsse:BinarySecurityToken>",
            ns::BASE64_BINARY,
            ns::X509_V3
        ))?;
        text = edits::apply(&text, &[Edit::Insert { text: token, place: Place::First(SECURITY.into()) }])?;
    }
    let canonicalization = sign.c14n.as_deref().unwrap_or(ns::EXC_C14N);
    let mut references = String::new();
    for part in parts {
        let transform = if part == "STR" { STR_TRANSFORM.to_owned() } else { transform(canonicalization) };
        let uri = match part.as_str() {
            "STR" => "#STR".to_owned(),
            // A reference that means no part of the table: written as it is.
            raw if raw.is_empty() || raw.starts_with('#') || raw.contains("://") => raw.to_owned(),
            part => format!("#{}", identified(&mut text, part)?),
        };
        references.push_str(&format!(
            "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transform}</ds:Transforms><ds:DigestMethod \
             Algorithm=\"{}\"/><ds:DigestValue></ds:DigestValue></ds:Reference>",
            digest_uri(sign.digest.as_deref())
        ));
    }
    let method = signature_uri(sign, scope)?;
    let method = match &sign.parameters {
        None => format!("<ds:SignatureMethod Algorithm=\"{method}\"/>"),
        Some(inside) => {
            let inside = scope.fill(inside)?;
            format!("<ds:SignatureMethod Algorithm=\"{method}\">{inside}</ds:SignatureMethod>")
        }
    };
    let key_info = scope.fill(&key_info(&text, reference)?)?;
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{}\" Id=\"SIG\"><ds:SignedInfo><ds:CanonicalizationMethod \
         Algorithm=\"{canonicalization}\"/>{method}{references}</ds:SignedInfo><ds:SignatureValue>\
         </ds:SignatureValue>{key_info}</ds:Signature>",
        ns::DS,
    );
    edits::apply(&text, &[Edit::Insert { text: signature, place: Place::Into(SECURITY.into()) }])
}

/// An edit that changes nothing, to see whether a path names something.
fn touch(path: &str) -> Edit {
    Edit::Insert { text: String::new(), place: Place::Before(path.into()) }
}

/// The id of a part; one is given to it when it has none.
fn identified(text: &mut String, part: &str) -> Result<String, String> {
    let path = match part {
        "Body" => "/s:Envelope/s:Body".to_owned(),
        "Timestamp" => format!("{SECURITY}/wsu:Timestamp"),
        "BinarySecurityToken" => TOKEN.to_owned(),
        "Assertion" if is_saml1(text) => format!("{SECURITY}/saml1:Assertion"),
        "Assertion" => format!("{SECURITY}/saml:Assertion"),
        "Framework" => "/s:Envelope/s:Header/*[1]".to_owned(),
        "To" | "Action" | "MessageID" | "ReplyTo" => format!("/s:Envelope/s:Header/wsa:{part}"),
        path if path.starts_with('/') => path.to_owned(),
        other => return Err(format!("`{other}` is no part that can be signed")),
    };
    let document = Document::parse(text.as_str(), &generous()).map_err(|error| error.to_string())?;
    let range = match super::path::find(&document, &path)? {
        super::path::Spot::Element(range) => range,
        _ => return Err(format!("`{path}` is no element")),
    };
    let element = document.elements().find(|element| element.range() == range).ok_or("the part is gone")?;
    let known = [(ns::WSU, "Id"), ("", "ID"), ("", "AssertionID"), ("", "Id")]
        .iter()
        .find_map(|(ns, name)| element.attribute(ns, name));
    if let Some(id) = known {
        return Ok(id.to_owned());
    }
    let id = element.local_name().to_owned();
    *text = edits::apply(text, &[Edit::Set { at: format!("{path}/@wsu:Id"), to: id.clone() }])?;
    Ok(id)
}

pub(super) fn key_info(text: &str, reference: KeyReference) -> Result<String, String> {
    let in_token_reference = |inside: &str, attributes: &str| {
        format!(
            "<ds:KeyInfo><wsse:SecurityTokenReference wsu:Id=\"STR\"{attributes}>{inside}\
             </wsse:SecurityTokenReference></ds:KeyInfo>"
        )
    };
    let key_identifier = |value_type: &str, inside: &str| {
        format!(
            "<wsse:KeyIdentifier EncodingType=\"{}\" ValueType=\"{value_type}\">{inside}</wsse:KeyIdentifier>",
            ns::BASE64_BINARY
        )
    };
    let (token_type, id_type) = match is_saml1(text) {
        true => (ns::SAML11_TOKEN, ns::SAML11_ASSERTION_ID),
        false => (ns::SAML20_TOKEN, ns::SAML20_ASSERTION_ID),
    };
    let saml = format!(" xmlns:wsse11=\"{}\" wsse11:TokenType=\"{token_type}\"", ns::WSSE11);
    let certificate = "<ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data>";
    Ok(match reference {
        KeyReference::BinarySecurityToken => {
            let reference = format!("<wsse:Reference URI=\"#X509\" ValueType=\"{}\"/>", ns::X509_V3);
            in_token_reference(&reference, "")
        }
        KeyReference::IssuerSerial => in_token_reference(
            "<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>${issuer}</ds:X509IssuerName>\
             <ds:X509SerialNumber>${serial}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>",
            "",
        ),
        KeyReference::SubjectKeyIdentifier => {
            in_token_reference(&key_identifier(ns::X509_SUBJECT_KEY_IDENTIFIER, "${ski}"), "")
        }
        KeyReference::Thumbprint => in_token_reference(&key_identifier(ns::THUMBPRINT_SHA1, "${thumbprint}"), ""),
        KeyReference::EmbeddedCertificate => in_token_reference(certificate, ""),
        KeyReference::BareCertificate => format!("<ds:KeyInfo>{certificate}</ds:KeyInfo>"),
        KeyReference::KeyValue => "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>${modulus}</ds:Modulus>\
             <ds:Exponent>${exponent}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
            .to_owned(),
        KeyReference::SamlAssertion => {
            let identifier =
                format!("<wsse:KeyIdentifier ValueType=\"{id_type}\">{}</wsse:KeyIdentifier>", assertion_id(text)?);
            in_token_reference(&identifier, &saml)
        }
        KeyReference::SamlReference => {
            in_token_reference(&format!("<wsse:Reference URI=\"#{}\"/>", assertion_id(text)?), &saml)
        }
        KeyReference::None => String::new(),
    })
}

fn assertion_id(text: &str) -> Result<String, String> {
    let document = Document::parse(text, &generous()).map_err(|error| error.to_string())?;
    let is = |element: &Element<'_>| element.is(ns::SAML2, "Assertion") || element.is(ns::SAML1, "Assertion");
    let assertion = document.elements().find(is);
    let id = assertion.and_then(|assertion| assertion.attribute("", "ID").or(assertion.attribute("", "AssertionID")));
    id.map(str::to_owned).ok_or_else(|| "no assertion to refer to".into())
}

/// Whether the first assertion of the message is one of SAML 1.1.
fn is_saml1(text: &str) -> bool {
    Document::parse(text, &generous()).is_ok_and(|document| {
        let mut assertions = document.elements().filter(|element| element.local_name() == "Assertion");
        assertions
            .find(|element| matches!(element.namespace(), ns::SAML1 | ns::SAML2))
            .map(|e| e.namespace() == ns::SAML1)
            == Some(true)
    })
}

fn transform(uri: &str) -> String {
    format!("<ds:Transform Algorithm=\"{uri}\"/>")
}

fn signature_uri(sign: &Sign, scope: &Scope<'_>) -> Result<String, String> {
    Ok(match sign.algorithm.as_deref() {
        None => scope.keys.private(signer(sign)?)?.default_algorithm().uri().to_owned(),
        Some("rsa-sha1") => ns::RSA_SHA1.to_owned(),
        Some("rsa-pss") => ns::RSA_PSS.to_owned(),
        Some(short) if !short.contains(':') => {
            let known = SignatureAlgorithm::ALL.into_iter().find(|a| a.uri().rsplit('#').next() == Some(short));
            known.ok_or_else(|| format!("`{short}` is no algorithm"))?.uri().to_owned()
        }
        Some(uri) => uri.to_owned(),
    })
}

fn digest_uri(name: Option<&str>) -> &str {
    match name {
        None | Some("sha256") => ns::SHA256,
        Some("sha1") => ns::SHA1,
        Some("sha384") => ns::SHA384,
        Some("sha512") => ns::SHA512,
        Some(uri) => uri,
    }
}

fn signer(sign: &Sign) -> Result<&str, String> {
    sign.key.as_deref().ok_or_else(|| "`sign` needs `key`".into())
}

// ── digests and value ──────────────────────────────────────────────────────────────────────────

/// Fills each empty DigestValue of a signature whose value is empty.
fn with_digests(mut text: String) -> Result<String, String> {
    loop {
        let document = Document::parse(text.as_str(), &generous()).map_err(|error| error.to_string())?;
        let Some(reference) = document.elements().filter(|e| e.is(ns::DS, "Reference")).find(|r| unfilled(*r)) else {
            return Ok(text);
        };
        let value = digest(&document, reference)?;
        let at = reference.child(ns::DS, "DigestValue").ok_or("a Reference without DigestValue")?;
        text = filled_element(&text, at, &value);
    }
}

fn unfilled(reference: Element<'_>) -> bool {
    reference.child(ns::DS, "DigestValue").is_some_and(|value| value.text().is_some_and(|text| text.trim().is_empty()))
}

/// `text` with the content of an element that has none.
fn filled_element(text: &str, element: Element<'_>, content: &str) -> String {
    let name = element.qualified_name();
    let range = element.range();
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    format!("{before}<{name}>{content}</{name}>{after}")
}

/// The digest that a Reference ought to have, in base64.
pub(super) fn digest(document: &Document, reference: Element<'_>) -> Result<String, String> {
    let uri = reference.attribute("", "URI").unwrap_or_default();
    let mut apex = match document.by_id(uri.trim_start_matches('#')) {
        ById::One(element) => Some(element),
        _ => None,
    };
    let mut prefixes: Vec<String> = Vec::new();
    let mut omit = None;
    let mut is_token = false;
    let mut form = None;
    let transforms = reference.child(ns::DS, "Transforms");
    for transform in transforms.into_iter().flat_map(|t| t.children()) {
        match transform.attribute("", "Algorithm").unwrap_or_default() {
            ns::ENVELOPED_SIGNATURE => {
                omit = reference.ancestors().find(|e| e.is(ns::DS, "Signature")).map(Element::id);
            }
            ns::STR_TRANSFORM => {
                apex = apex.and_then(|token_reference| token(document, token_reference));
                is_token = true;
            }
            uri => {
                form = inclusive_version(uri);
                prefixes = prefix_list(transform);
            }
        }
    }
    // A reference to nothing, on purpose: the digest of nothing.
    let mut canonical = Vec::new();
    if let Some(apex) = apex {
        let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        let how = Exclusive { prefixes: &prefixes, omit, limit: usize::MAX };
        match form {
            Some(version) => canonical = inclusively(apex, version, omit)?,
            None => {
                let done = if is_token { c14n::exclusive_of_token } else { c14n::exclusive };
                done(apex, &how, &mut canonical).map_err(|error| error.to_string())?;
            }
        }
    }
    let method = reference.child(ns::DS, "DigestMethod").and_then(|m| m.attribute("", "Algorithm"));
    let algorithm = method.and_then(digest_algorithm).unwrap_or(DigestAlgorithm::Sha256);
    Ok(base64::encode(algorithm.digest(&canonical).as_ref()))
}

fn digest_algorithm(uri: &str) -> Option<DigestAlgorithm> {
    if uri == ns::SHA1 { Some(DigestAlgorithm::Sha1) } else { DigestAlgorithm::from_uri(uri) }
}

fn inclusive_version(uri: &str) -> Option<Version> {
    match uri {
        ns::C14N => Some(Version::V1),
        ns::C14N11 => Some(Version::V1_1),
        _ => None,
    }
}

fn inclusively(apex: Element<'_>, version: Version, omit: Option<NodeId>) -> Result<Vec<u8>, String> {
    let mut canonical = Vec::new();
    inclusive::inclusive(apex, version, omit, usize::MAX, &mut canonical).map_err(|error| error.to_string())?;
    Ok(canonical)
}

/// The token that a SecurityTokenReference points to.
fn token<'d>(document: &'d Document, reference: Element<'d>) -> Option<Element<'d>> {
    let by_uri = reference.child(ns::WSSE, "Reference").and_then(|r| r.attribute("", "URI")).map(str::to_owned);
    let by_value = reference.child(ns::WSSE, "KeyIdentifier").and_then(|k| k.text()).map(|text| text.into_owned());
    let id = by_uri.or(by_value)?;
    match document.by_id(id.trim().trim_start_matches('#')) {
        ById::One(element) => Some(element),
        _ => None,
    }
}

fn prefix_list(method: Element<'_>) -> Vec<String> {
    let list = method.child(ns::EXC_C14N, "InclusiveNamespaces").and_then(|list| list.attribute("", "PrefixList"));
    list.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Fills the empty SignatureValue.
fn with_value(text: String, sign: &Sign, scope: &Scope<'_>) -> Result<String, String> {
    let document = Document::parse(text.as_str(), &generous()).map_err(|error| error.to_string())?;
    let empty = |element: &Element<'_>| {
        let value = element.child(ns::DS, "SignatureValue").and_then(Element::text);
        element.is(ns::DS, "Signature") && value.is_some_and(|text| text.trim().is_empty())
    };
    let Some(signature) = document.elements().find(empty) else {
        return Err("nothing to sign: the template has no empty SignatureValue, and no `parts` are named".into());
    };
    let signed_info = signature.child(ns::DS, "SignedInfo").ok_or("a Signature without SignedInfo")?;
    let canonical = canonical_signed_info(signed_info)?;
    let value = base64::encode(&signature_value(signed_info, &canonical, sign, scope)?);
    let value = match sign.fold {
        None => value,
        Some(Fold::Lf) => folded(&value, "\n"),
        Some(Fold::Crlf) => folded(&value, "&#13;\n"),
    };
    let at = signature.child(ns::DS, "SignatureValue").ok_or("a Signature without SignatureValue")?;
    Ok(filled_element(&text, at, &value))
}

fn canonical_signed_info(signed_info: Element<'_>) -> Result<Vec<u8>, String> {
    let method = signed_info.child(ns::DS, "CanonicalizationMethod");
    let uri = method.and_then(|method| method.attribute("", "Algorithm")).unwrap_or_default();
    if let Some(version) = inclusive_version(uri) {
        return inclusively(signed_info, version, None);
    }
    let prefixes = method.map(prefix_list).unwrap_or_default();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let mut canonical = Vec::new();
    c14n::exclusive(signed_info, &Exclusive { prefixes: &prefixes, ..Exclusive::default() }, &mut canonical)
        .map_err(|error| error.to_string())?;
    Ok(canonical)
}

fn signature_value(
    signed_info: Element<'_>,
    canonical: &[u8],
    sign: &Sign,
    scope: &Scope<'_>,
) -> Result<Vec<u8>, String> {
    let method = signed_info.child(ns::DS, "SignatureMethod");
    let uri = method.and_then(|method| method.attribute("", "Algorithm"));
    if let Some((padding, digest)) = raw(method, uri.unwrap_or_default(), sign) {
        return scope.keys.raw(signer(sign)?)?.sign(padding, digest, canonical);
    }
    let key = scope.keys.private(signer(sign)?)?;
    // An algorithm that we do not make is refused before anybody looks at the value.
    let algorithm = uri.and_then(SignatureAlgorithm::from_uri).unwrap_or(key.default_algorithm());
    key.sign(algorithm, canonical).map_err(|error| error.to_string())
}

/// What is made by the definition of RSA: SHA-1, PSS (so that its salt is the same each time), other paddings.
fn raw(method: Option<Element<'_>>, uri: &str, sign: &Sign) -> Option<(Padding, DigestAlgorithm)> {
    let said = method.into_iter().flat_map(Element::descendants).find(|element| element.is(ns::DS, "DigestMethod"));
    let digest = match uri {
        ns::RSA_SHA1 => DigestAlgorithm::Sha1,
        ns::RSA_SHA384 | ns::SHA384_RSA_MGF1 => DigestAlgorithm::Sha384,
        ns::RSA_SHA512 | ns::SHA512_RSA_MGF1 => DigestAlgorithm::Sha512,
        ns::RSA_PSS => said.and_then(|said| digest_algorithm(said.attribute("", "Algorithm")?))?,
        _ => DigestAlgorithm::Sha256,
    };
    let usual = match uri {
        ns::RSA_SHA1 => Some(Padding::Pkcs1),
        ns::SHA256_RSA_MGF1 | ns::SHA384_RSA_MGF1 | ns::SHA512_RSA_MGF1 | ns::RSA_PSS => {
            Some(Padding::PssSalt(digest.length()))
        }
        _ => None,
    };
    sign.padding.or(usual).map(|padding| (padding, digest))
}

const SECURITY: &str = "/s:Envelope/s:Header/wsse:Security";
const TOKEN: &str = "/s:Envelope/s:Header/wsse:Security/wsse:BinarySecurityToken";

const STR_TRANSFORM: &str = "<ds:Transform Algorithm=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-\
message-security-1.0#STR-Transform\"><wsse:TransformationParameters><ds:CanonicalizationMethod \
Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></wsse:TransformationParameters></ds:Transform>";
