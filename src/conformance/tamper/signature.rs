//! The core of XML Signature (security.md B): what stands in ds:Signature, which references, which
//! algorithms.

use super::good::{Good, after, attribute, before, content, first, last, remove, replace, set, without_attribute};
use super::{Attacker, Kind, Unfit};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, hmac_sha256, sha256};
use crate::wire::ns;
use crate::wire::xml::Element;

pub const KINDS: &[Kind] = &[
    Kind::refused("signature-removed", "B01", "The signature is taken away", |good, _| {
        Ok(good.with([remove(good.signature()?)]))
    }),
    Kind::refused(
        "signature-removed-body-changed",
        "B01",
        "The signature is taken away and the Body changed",
        |good, _| Ok(good.with([remove(good.signature()?), content(good.leaf()?, "evil")])),
    ),
    Kind::refused("body-changed", "B41", "A text of the signed Body is another one", |good, _| {
        Ok(good.with([content(good.leaf()?, "evil")]))
    }),
    Kind::by_anybody("references-none", "B02", "SignedInfo has no Reference, and so none that fails", |good, _| {
        Ok(good.with(good.references()?.into_iter().map(remove)))
    }),
    Kind::refused(
        "signed-info-evil-first",
        "B03",
        "A SignedInfo over a changed Body stands before the signed one",
        |good, _| {
            let evil = evil_signed_info(good)?;
            Ok(good.with([before(good.signed_info()?, evil), content(good.leaf()?, "evil")]))
        },
    ),
    Kind::refused(
        "signed-info-evil-second",
        "B03",
        "A SignedInfo over a changed Body stands behind the signed one",
        |good, _| {
            let evil = evil_signed_info(good)?;
            Ok(good.with([after(good.signed_info()?, evil), content(good.leaf()?, "evil")]))
        },
    ),
    Kind::refused(
        "signed-info-in-object",
        "B04",
        "The signed SignedInfo hides in a ds:Object, an evil one stands in its place",
        |good, _| {
            let prefix = good.signature()?.prefix();
            let object = qualified(prefix, "Object");
            let hidden = format!("<{object}>{}</{object}>", good.signed_info()?.source());
            Ok(good.with([
                replace(good.signed_info()?, evil_signed_info(good)?),
                last(good.signature()?, hidden),
                content(good.leaf()?, "evil"),
            ]))
        },
    ),
    Kind::refused(
        "signed-info-in-key-info",
        "B04",
        "The signed SignedInfo hides in KeyInfo, an evil one stands in its place",
        |good, _| {
            Ok(good.with([
                replace(good.signed_info()?, evil_signed_info(good)?),
                last(good.key_info()?, good.signed_info()?.source()),
                content(good.leaf()?, "evil"),
            ]))
        },
    ),
    Kind::refused("signature-value-twice", "B05", "SignatureValue stands twice", |good, _| {
        twice(good, good.signature_value()?)
    }),
    Kind::by_anybody("signature-method-twice", "B05", "SignatureMethod stands twice", |good, _| {
        twice(good, in_signed_info(good, "SignatureMethod")?)
    }),
    Kind::by_anybody("canonicalization-method-twice", "B05", "CanonicalizationMethod stands twice", |good, _| {
        twice(good, in_signed_info(good, "CanonicalizationMethod")?)
    }),
    Kind::by_anybody("digest-method-twice", "B05", "DigestMethod stands twice", |good, _| {
        twice(good, in_reference(good, "DigestMethod")?)
    }),
    Kind::refused("digest-value-twice", "B05", "DigestValue stands twice, the evil one first", |good, _| {
        let value = in_reference(good, "DigestValue")?;
        let evil = value.source().replacen(&*value.text().unwrap_or_default(), &evil_digest(good)?, 1);
        Ok(good.with([before(value, evil), content(good.leaf()?, "evil")]))
    }),
    Kind::refused(
        "comment-in-digest-value",
        "B06",
        "The digest of a changed Body stands in a comment in DigestValue",
        |good, _| {
            let value = digest_value(good, good.body()?)?;
            let old = value.text().unwrap_or_default().into_owned();
            Ok(good
                .with([content(value, format!("<!--{}-->{old}", evil_digest(good)?)), content(good.leaf()?, "evil")]))
        },
    ),
    Kind::refused(
        "element-in-digest-value",
        "B06",
        "The digest of a changed Body stands in an element in DigestValue",
        |good, _| {
            let value = digest_value(good, good.body()?)?;
            let old = value.text().unwrap_or_default().into_owned();
            Ok(good
                .with([content(value, format!("<x>{}</x>{old}", evil_digest(good)?)), content(good.leaf()?, "evil")]))
        },
    ),
    Kind::refused(
        "cdata-in-digest-value",
        "B06",
        "The digest of a changed Body stands as CDATA before DigestValue's text",
        |good, _| {
            let value = digest_value(good, good.body()?)?;
            let old = value.text().unwrap_or_default().into_owned();
            Ok(good.with([
                content(value, format!("<![CDATA[{}]]>{old}", evil_digest(good)?)),
                content(good.leaf()?, "evil"),
            ]))
        },
    ),
    Kind::same(
        "comment-in-signature-value",
        "B06",
        "A comment stands in SignatureValue, which stays what it was",
        |good, _| Ok(good.with([first(good.signature_value()?, "<!-- c -->")])),
    ),
    Kind::refused("element-in-signature-value", "B06", "An element stands in SignatureValue", |good, _| {
        Ok(good.with([first(good.signature_value()?, "<x/>")]))
    }),
    Kind::refused(
        "digest-value-elsewhere",
        "B07",
        "A Reference with the digest of a changed Body stands outside SignedInfo",
        |good, _| {
            let reference = good.reference_to(good.body()?)?;
            let value = reference.child(ns::DS, "DigestValue").and_then(Element::text).unwrap_or_default().into_owned();
            let evil = reference.source().replacen(&value, &evil_digest(good)?, 1);
            Ok(good.with([before(good.signed_info()?, evil), content(good.leaf()?, "evil")]))
        },
    ),
    Kind::by_anybody("uri-none", "B08", "A Reference has no URI", |good, _| {
        Ok(good.with([without_attribute(good.first_reference()?, "URI")?]))
    }),
    Kind::by_anybody("uri-empty", "B08", "A Reference means the whole document (URI=\"\")", |good, _| {
        uri(good, |_| String::new())
    }),
    Kind::by_anybody("uri-hash", "B08", "A Reference's URI is # alone", |good, _| uri(good, |_| "#".to_owned())),
    Kind::by_anybody("uri-query", "B08", "A Reference's URI is a query", |good, _| uri(good, |_| "?x".to_owned())),
    Kind::by_anybody("uri-xpointer-root", "B09", "A Reference means the root by XPointer", |good, _| {
        uri(good, |_| "#xpointer(/)".to_owned())
    }),
    Kind::by_anybody("uri-xpointer-id", "B09", "A Reference means an id by XPointer", |good, _| {
        uri(good, |id| format!("#xpointer(id('{id}'))"))
    }),
    Kind::by_anybody("uri-element-scheme", "B09", "A Reference means a position, element(/1/2)", |good, _| {
        uri(good, |_| "#element(/1/2)".to_owned())
    }),
    Kind::by_anybody("uri-percent", "B10", "A Reference's id is percent-encoded", |good, _| {
        uri(good, |id| format!("#{}", id.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>()))
    }),
    Kind::by_anybody("uri-nul", "B10", "A Reference's id ends in %00", |good, _| uri(good, |id| format!("#{id}%00"))),
    Kind::by_anybody("uri-xpath-injection", "B10", "A Reference's id holds a piece of XPath", |good, _| {
        uri(good, |id| format!("#{id}'] | //*[@x='"))
    }),
    Kind::by_anybody("uri-http", "B11", "A Reference is to be fetched by HTTP", |good, _| {
        uri(good, |_| "http://127.0.0.1:1/x".to_owned())
    }),
    Kind::by_anybody("uri-file", "B11", "A Reference is to be read from a file", |good, _| {
        uri(good, |_| "file:///etc/passwd".to_owned())
    }),
    Kind::by_anybody("uri-attachment", "B11", "A Reference means an attachment", |good, _| {
        uri(good, |_| "cid:x".to_owned())
    }),
    Kind::by_anybody("uri-data", "B11", "A Reference brings its own data", |good, _| {
        uri(good, |_| "data:,x".to_owned())
    }),
    Kind::by_anybody(
        "uri-of-nothing",
        "B12",
        "A Reference means an id that is not there, with the digest of nothing",
        |good, _| uri(good, |_| "#nothing-has-this-id".to_owned()),
    ),
    Kind::refused("id-twice", "B13", "A second element has a signed id", |good, _| decoy(good, "Id")),
    Kind::refused("id-twice-upper-case", "B14", "A second element has a signed id as ID", |good, _| decoy(good, "ID")),
    Kind::refused("id-twice-lower-case", "B14", "A second element has a signed id as id", |good, _| decoy(good, "id")),
    Kind::refused("id-twice-xml", "B14", "A second element has a signed id as xml:id", |good, _| decoy(good, "xml:id")),
    Kind::refused("id-twice-assertion", "B14", "A second element has a signed id as AssertionID", |good, _| {
        decoy(good, "AssertionID")
    }),
    Kind::refused("id-twice-utility", "B14", "A second element has a signed id as wsu:Id", |good, _| {
        let id = good.id(signed(good)?)?;
        Ok(good.with([first(good.header()?, format!("<x xmlns:u=\"{}\" u:Id=\"{id}\"/>", ns::WSU))]))
    }),
    Kind::same(
        "id-of-no-type",
        "B15",
        "An element of the header has a signed id in an attribute that is no id",
        |good, _| {
            let id = good.id(signed(good)?)?;
            Ok(good.with([first(good.header()?, format!("<x xmlns:evil=\"urn:evil\" evil:ID=\"{id}\"/>"))]))
        },
    ),
    Kind::by_anybody("id-second", "B16", "A signed element has a second id", |good, _| {
        Ok(good.with([attribute(signed(good)?, "AssertionID=\"a-second-id\"")]))
    }),
    Kind::refused(
        "hmac-certificate",
        "B17",
        "The method is HMAC, its key the bytes of the certificate",
        |good, attacker| hmac(good, attacker, &good.certificate()?),
    ),
    Kind::refused(
        "hmac-certificate-text",
        "B17",
        "The method is HMAC, its key the certificate in base64",
        |good, attacker| hmac(good, attacker, base64::encode(&good.certificate()?).as_bytes()),
    ),
    Kind::refused("hmac-public-key", "B17", "The method is HMAC, its key the public key", |good, attacker| {
        let certificate = crate::wire::x509::Certificate::parse(&good.certificate()?);
        let key = certificate.ok().and_then(|certificate| certificate.public_key().ok().map(|key| key.spki().to_vec()));
        hmac(good, attacker, &key.ok_or("the certificate cannot be read")?)
    }),
    Kind::refused("hmac-empty", "B17", "The method is HMAC with an empty key", |good, attacker| {
        hmac(good, attacker, b"")
    }),
    Kind::refused("hmac-truncated", "B18", "The method is HMAC, of whose value eight bits count", |good, attacker| {
        let text = attacker.resigned_with(good.text(), HMAC, |octets| Ok(hmac_sha256(b"", octets)[..1].to_vec()))?;
        let changed = Good::read(text.as_bytes()).map_err(|_| "the changed message is not XML")?;
        let prefix = changed.signature()?.prefix();
        let length = qualified(prefix, "HMACOutputLength");
        Ok(changed.with([content(in_signed_info(&changed, "SignatureMethod")?, format!("<{length}>8</{length}>"))]))
    }),
    Kind::by_anybody("method-rsa-sha1", "B19", "The method is RSA with SHA-1", |good, _| method(good, ns::RSA_SHA1)),
    Kind::by_anybody("method-rsa-md5", "B19", "The method is RSA with MD5", |good, _| {
        method(good, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5")
    }),
    Kind::by_anybody("method-dsa-sha1", "B19", "The method is DSA with SHA-1", |good, _| {
        method(good, "http://www.w3.org/2000/09/xmldsig#dsa-sha1")
    }),
    Kind::by_anybody("method-unknown", "B19", "The method is one that does not exist", |good, _| {
        method(good, "urn:none")
    }),
    Kind::by_anybody("digest-sha1", "B19", "A digest is SHA-1", |good, _| digest_method(good, ns::SHA1)),
    Kind::by_anybody("digest-md5", "B19", "A digest is MD5", |good, _| {
        digest_method(good, "http://www.w3.org/2001/04/xmldsig-more#md5")
    }),
    Kind::refused("digest-of-nothing", "A36", "DigestValue is the digest of the empty string", |good, _| {
        Ok(good.with([
            content(digest_value(good, good.body()?)?, base64::encode(&sha256(b""))),
            content(good.leaf()?, "evil"),
        ]))
    }),
    Kind::refused("ecdsa-zero", "B23", "The method is ECDSA, r and s are zero", |good, attacker| {
        attacker.resigned_with(good.text(), ns::ECDSA_SHA256, |_| Ok(vec![0; 64]))
    }),
    Kind::refused("ecdsa-order", "B23", "The method is ECDSA, r and s are the order of the curve", |good, attacker| {
        attacker.resigned_with(good.text(), ns::ECDSA_SHA256, |_| Ok([P256_ORDER, P256_ORDER].concat()))
    }),
    Kind::same("ecdsa-other-s", "B24", "Of an ECDSA value (r, s) it is (r, n-s), which verifies as well", |good, _| {
        let method = in_signed_info(good, "SignatureMethod")?.attribute("", "Algorithm");
        let value = good.signature_value()?;
        let octets = base64::decode_xml(&value.text().unwrap_or_default()).unwrap_or_default();
        let (r, s) = octets.split_at_checked(32).filter(|(_, s)| s.len() == 32).unwrap_or_default();
        if method != Some(ns::ECDSA_SHA256) || s.is_empty() {
            return Err("the message is not signed with ECDSA on P-256");
        }
        Ok(good.with([content(value, base64::encode(&[r, &order_minus(s)].concat()))]))
    }),
    Kind::by_anybody("canonicalization-identity", "B26", "SignedInfo is to be digested as it is written", |good, _| {
        canonicalization(good, "urn:identity")
    }),
    Kind::by_anybody(
        "canonicalization-comments",
        "B26",
        "SignedInfo is to be canonicalized with its comments",
        |good, _| canonicalization(good, ns::EXC_C14N_WITH_COMMENTS),
    ),
    Kind::by_anybody(
        "canonicalization-inclusive",
        "B26",
        "SignedInfo is to be canonicalized inclusively",
        |good, _| canonicalization(good, ns::C14N),
    ),
    Kind::by_anybody(
        "canonicalization-inclusive-1-1",
        "B26",
        "SignedInfo is to be canonicalized inclusively (1.1)",
        |good, _| canonicalization(good, ns::C14N11),
    ),
    Kind::by_anybody("transform-xslt", "B27", "A transform is a program (XSLT)", |good, _| {
        let program = "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"><xsl:template match=\"/\">\
            <x/></xsl:template></xsl:stylesheet>";
        transform(good, "http://www.w3.org/TR/1999/REC-xslt-19991116", program)
    }),
    Kind::by_anybody("transform-xpath", "B27", "A transform selects by XPath", |good, _| {
        let prefix = good.signature()?.prefix();
        let xpath = qualified(prefix, "XPath");
        transform(good, "http://www.w3.org/TR/1999/REC-xpath-19991116", &format!("<{xpath}>not(self::evil)</{xpath}>"))
    }),
    Kind::by_anybody("transform-xpath-filter", "B27", "A transform selects by XPath Filter 2", |good, _| {
        let filter =
            "<f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"subtract\">//evil</f:XPath>";
        transform(good, "http://www.w3.org/2002/06/xmldsig-filter2", filter)
    }),
    Kind::by_anybody("transform-base64", "B27", "A transform decodes base64", |good, _| {
        transform(good, "http://www.w3.org/2000/09/xmldsig#base64", "")
    }),
    Kind::by_anybody("transform-decrypt", "B27", "A transform decrypts", |good, _| {
        transform(good, "http://www.w3.org/2002/07/decrypt#XML", "")
    }),
    Kind::by_anybody("transform-inclusive", "B26", "A transform canonicalizes inclusively", |good, _| {
        transform(good, ns::C14N, "")
    }),
    Kind::by_anybody("transform-unknown", "B27", "A transform is one that does not exist", |good, _| {
        transform(good, "urn:none", "")
    }),
    Kind::by_anybody("transforms-six", "B28", "A Reference has six transforms", |good, _| {
        let transforms = transforms(good)?;
        let one = transforms.children().next().ok_or("there is no transform")?.source().to_owned();
        Ok(good.with([content(transforms, one.repeat(6))]))
    }),
    Kind::by_anybody(
        "transforms-none",
        "B28",
        "A Reference has no transforms, which means inclusive canonicalization",
        |good, _| Ok(good.with([remove(transforms(good)?)])),
    ),
    Kind::by_anybody(
        "transform-enveloped-last",
        "B28",
        "The enveloped-signature transform follows the canonicalization",
        |good, _| {
            let transforms = transforms(good)?;
            let name = qualified(transforms.prefix(), "Transform");
            Ok(good.with([last(transforms, format!("<{name} Algorithm=\"{}\"/>", ns::ENVELOPED_SIGNATURE))]))
        },
    ),
    Kind::by_anybody("references-many", "B29", "SignedInfo has a hundred References", |good, _| {
        let one = good.first_reference()?;
        Ok(good.with([after(one, one.source().repeat(99))]))
    }),
    Kind::refused(
        "reference-wrong-first",
        "B30",
        "A Reference that does not hold stands before the good ones",
        |good, _| Ok(good.with([before(good.first_reference()?, wrong_reference(good)?)])),
    ),
    Kind::refused(
        "reference-wrong-last",
        "B30",
        "A Reference that does not hold stands behind the good ones",
        |good, _| Ok(good.with([last(good.signed_info()?, wrong_reference(good)?)])),
    ),
    Kind::by_anybody(
        "manifest",
        "B31",
        "A Reference means a ds:Manifest, whose own references nobody checks",
        |good, _| {
            let prefix = good.signature()?.prefix();
            let (object, manifest) = (qualified(prefix, "Object"), qualified(prefix, "Manifest"));
            let reference = good.first_reference()?;
            let uri = reference.attribute("", "URI").unwrap_or_default();
            let evil = reference.source().replacen(uri, "#manifest", 1);
            let evil = evil.replacen("URI=", &format!("Type=\"{}Manifest\" URI=", ns::DS), 1);
            Ok(good.with([
                last(good.signed_info()?, evil),
                last(
                    good.signature()?,
                    format!("<{object}><{manifest} Id=\"manifest\">{}</{manifest}></{object}>", reference.source()),
                ),
            ]))
        },
    ),
    Kind::refused("object", "B32", "The signature holds a ds:Object", |good, _| {
        let object = qualified(good.signature()?.prefix(), "Object");
        Ok(good.with([last(good.signature()?, format!("<{object}><evil/></{object}>"))]))
    }),
    Kind::refused("signature-in-key-info", "B33", "KeyInfo holds a second signature", |good, _| {
        Ok(good.with([last(good.key_info()?, good.signature()?.source())]))
    }),
    Kind::refused(
        "signature-beside",
        "B35",
        "A stranger's signature over a changed Body stands before the honest one",
        |good, attacker| beside(good, attacker, true),
    ),
    Kind::refused(
        "signature-beside-last",
        "B37",
        "A stranger's signature over a changed Body stands behind the honest one",
        |good, attacker| beside(good, attacker, false),
    ),
    Kind::refused("signature-twice", "B37", "The signature stands twice", |good, _| {
        Ok(good.with([after(good.signature()?, good.signature()?.source())]))
    }),
    Kind::same("base64-folded", "B39", "SignatureValue is written in lines", |good, _| {
        let value = good.signature_value()?;
        let text: String = value.text().unwrap_or_default().split_whitespace().collect();
        let lines: Vec<String> =
            text.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        Ok(good.with([content(value, format!("\n{}\n", lines.join("\n")))]))
    }),
    Kind::refused("base64-no-padding", "B39", "SignatureValue lacks its padding", |good, _| {
        let value = good.signature_value()?;
        let text = value.text().unwrap_or_default().into_owned();
        let bare = text.trim_end().trim_end_matches('=');
        if bare == text.trim_end() { Err("the value has no padding") } else { Ok(good.with([content(value, bare)])) }
    }),
    Kind::refused("base64-garbage", "B39", "SignatureValue holds a character that is not base64", |good, _| {
        Ok(good.with([first(good.signature_value()?, "*")]))
    }),
    Kind::refused(
        "base64-spare-bits",
        "B39",
        "SignatureValue says one value in another way, by bits that decode to nothing",
        |good, _| {
            let value = good.signature_value()?;
            let text: String = value.text().unwrap_or_default().split_whitespace().collect();
            let bare = text.trim_end_matches('=');
            let (head, end) = bare.split_at_checked(bare.len().saturating_sub(1)).ok_or("the value is empty")?;
            let next = BASE64.find(end).and_then(|at| BASE64.get(at + 1..at + 2)).filter(|_| bare != text);
            let next = next.ok_or("the value has no padding")?;
            Ok(good.with([content(value, format!("{head}{next}{}", "=".repeat(text.len() - bare.len())))]))
        },
    ),
    Kind::refused("value-of-another", "B01", "SignatureValue is that of another text", |good, _| {
        let value = good.signature_value()?;
        let text = value.text().unwrap_or_default().into_owned();
        let flipped: String = text.chars().rev().collect();
        Ok(good.with([content(
            value,
            flipped.trim_start_matches('=').to_owned() + &"=".repeat(text.matches('=').count()),
        )]))
    }),
];

// ── edits ──────────────────────────────────────────────────────────────────────────────────────

pub fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

fn twice(good: &Good, element: Element<'_>) -> Result<String, Unfit> {
    Ok(good.with([after(element, element.source())]))
}

fn in_signed_info<'g>(good: &'g Good, name: &str) -> Result<Element<'g>, Unfit> {
    good.signed_info()?.child(ns::DS, name).ok_or("SignedInfo lacks that element")
}

fn in_reference<'g>(good: &'g Good, name: &str) -> Result<Element<'g>, Unfit> {
    good.reference_to(good.body()?)?.child(ns::DS, name).ok_or("the Reference lacks that element")
}

fn digest_value<'g>(good: &'g Good, covered: Element<'_>) -> Result<Element<'g>, Unfit> {
    good.reference_to(covered)?.child(ns::DS, "DigestValue").ok_or("the Reference has no DigestValue")
}

fn transforms(good: &Good) -> Result<Element<'_>, Unfit> {
    good.first_reference()?.child(ns::DS, "Transforms").ok_or("the Reference has no Transforms")
}

/// The part that the first Reference means.
fn signed(good: &Good) -> Result<Element<'_>, Unfit> {
    let uri = good.first_reference()?.attribute("", "URI").unwrap_or_default();
    match good.document().by_id(uri.trim_start_matches('#')) {
        crate::wire::xml::ById::One(element) => Ok(element),
        _ => Err("the first Reference means no element"),
    }
}

/// The digest that the Body has once its first text is `evil`, as its Reference digests.
fn evil_digest(good: &Good) -> Result<String, Unfit> {
    let changed = good.with([content(good.leaf()?, "evil")]);
    let changed = Good::read(changed.as_bytes()).map_err(|_| "the changed message is not XML")?;
    let mut octets = Vec::new();
    crate::wire::xml::c14n::exclusive(changed.body()?, &crate::wire::xml::c14n::Exclusive::default(), &mut octets)
        .map_err(|_| "the Body has no canonical form")?;
    Ok(base64::encode(DigestAlgorithm::Sha256.digest(&octets).as_ref()))
}

/// SignedInfo with the digest of the changed Body.
fn evil_signed_info(good: &Good) -> Result<String, Unfit> {
    let old = digest_value(good, good.body()?)?.text().unwrap_or_default().into_owned();
    Ok(good.signed_info()?.source().replacen(&old, &evil_digest(good)?, 1))
}

fn wrong_reference(good: &Good) -> Result<String, Unfit> {
    let reference = good.first_reference()?;
    let value = reference.child(ns::DS, "DigestValue").and_then(Element::text).unwrap_or_default().into_owned();
    Ok(reference.source().replacen(&value, &base64::encode(&sha256(b"evil")), 1))
}

/// The first Reference with another URI, made of its id.
fn uri(good: &Good, change: impl Fn(&str) -> String) -> Result<String, Unfit> {
    let reference = good.first_reference()?;
    let id = reference.attribute("", "URI").unwrap_or_default().trim_start_matches('#');
    Ok(good.with([set(reference, "URI", &change(id))?]))
}

fn decoy(good: &Good, attribute: &str) -> Result<String, Unfit> {
    let id = good.id(signed(good)?)?;
    Ok(good.with([first(good.header()?, format!("<x {attribute}=\"{id}\"/>"))]))
}

fn hmac(good: &Good, attacker: &Attacker, key: &[u8]) -> Result<String, Unfit> {
    attacker.resigned_with(good.text(), HMAC, |octets| Ok(hmac_sha256(key, octets).to_vec()))
}

fn method(good: &Good, uri: &str) -> Result<String, Unfit> {
    Ok(good.with([set(in_signed_info(good, "SignatureMethod")?, "Algorithm", uri)?]))
}

fn digest_method(good: &Good, uri: &str) -> Result<String, Unfit> {
    let method = good.first_reference()?.child(ns::DS, "DigestMethod").ok_or("the Reference has no DigestMethod")?;
    Ok(good.with([set(method, "Algorithm", uri)?]))
}

fn canonicalization(good: &Good, uri: &str) -> Result<String, Unfit> {
    let method = in_signed_info(good, "CanonicalizationMethod")?;
    Ok(good.with([set(method, "Algorithm", uri)?]))
}

/// The first Reference with one transform.
fn transform(good: &Good, uri: &str, inside: &str) -> Result<String, Unfit> {
    let transforms = transforms(good)?;
    let name = qualified(transforms.prefix(), "Transform");
    Ok(good.with([content(transforms, format!("<{name} Algorithm=\"{uri}\">{inside}</{name}>"))]))
}

/// A changed Body with a whole signature of the attacker beside the honest one.
fn beside(good: &Good, attacker: &Attacker, is_first: bool) -> Result<String, Unfit> {
    let changed = good.with([content(good.leaf()?, "evil"), content(good.key_info()?, attacker.x509_data())]);
    let changed = attacker.resigned(&changed)?;
    let forged = Good::read(changed.as_bytes()).map_err(|_| "the changed message is not XML")?;
    let signature = forged.signature()?.source();
    // A second Id would be found out as a twin.
    let signature = match forged.signature()?.attribute("", "Id") {
        Some(id) => signature.replacen(&format!("Id=\"{id}\""), "Id=\"evil-signature\"", 1),
        None => signature.to_owned(),
    };
    let place = if is_first { before(good.signature()?, signature) } else { after(good.signature()?, signature) };
    Ok(good.with([place, content(good.leaf()?, "evil")]))
}

/// n - s, on P-256.
fn order_minus(s: &[u8]) -> Vec<u8> {
    let mut borrow = 0i16;
    let mut out: Vec<u8> = Vec::with_capacity(32);
    for (n, s) in P256_ORDER.iter().rev().zip(s.iter().rev()) {
        let difference = i16::from(*n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        out.push(u8::try_from(difference.rem_euclid(256)).unwrap_or_default());
    }
    out.reverse();
    out
}

const HMAC: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The order of the group of P-256 (SP 800-186 §3.2.1.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_minus_s_and_s_are_n_together() {
        let s: Vec<u8> = (1..=32).collect();
        assert_eq!(order_minus(&order_minus(&s)), s);
        assert_eq!(order_minus(&P256_ORDER), [0; 32]);
    }
}
