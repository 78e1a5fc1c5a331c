//! Keys, KeyInfo, certificates (security.md D): whose key is it, and who says so.

use super::good::{Change, Good, after, attribute, content, first, last, remove, set};
use super::signature::qualified;
use super::{Kind, Unfit};
use crate::wire::base64;
use crate::wire::ns;
use crate::wire::xml::Element;

pub const KINDS: &[Kind] = &[
    Kind::by_stranger("key-strangers", "D01", "A stranger signs, with his own certificate", |good, attacker| {
        Ok(good.with(strangers_key(good, &attacker.certificate())?))
    }),
    Kind::by_stranger(
        "certificate-cloned",
        "D01",
        "A stranger signs, with a certificate that says what the sender's says",
        |good, attacker| {
            let cloned = attacker.cloned(&good.certificate()?)?;
            Ok(good.with(strangers_key(good, &cloned)?))
        },
    ),
    Kind::by_stranger("key-value", "D02", "A stranger signs, and KeyInfo holds his bare key", |good, attacker| {
        Ok(good.with([content(good.key_info()?, attacker.key_value()?)]))
    }),
    Kind::by_stranger("key-info-none", "D02", "A stranger signs, and there is no KeyInfo", |good, _| {
        Ok(good.with([remove(good.key_info()?)]))
    }),
    Kind::by_stranger("key-name", "D02", "A stranger signs, and KeyInfo names a key by a name", |good, _| {
        let name = qualified(good.key_info()?.prefix(), "KeyName");
        Ok(good.with([content(good.key_info()?, format!("<{name}>admin</{name}>"))]))
    }),
    Kind::by_stranger(
        "key-value-der",
        "D02",
        "A stranger signs, and KeyInfo holds his key as DEREncodedKeyValue",
        |good, attacker| {
            let key = base64::encode(attacker.key().public().spki());
            let value = format!("<d:DEREncodedKeyValue xmlns:d=\"{}\">{key}</d:DEREncodedKeyValue>", ns::DS11);
            Ok(good.with([content(good.key_info()?, value)]))
        },
    ),
    Kind::by_stranger(
        "key-info-honest",
        "D01",
        "A stranger signs, and KeyInfo names the sender's certificate",
        |good, _| {
            // Nothing but the signature is another.
            Ok(good.text().to_owned())
        },
    ),
    Kind::by_stranger(
        "certificate-twice",
        "D03",
        "A stranger signs, his certificate and the sender's stand beside each other",
        |good, attacker| {
            let honest = base64::encode(&good.certificate()?);
            let data = format!(
                "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{}</ds:X509Certificate><ds:X509Certificate>{honest}\
             </ds:X509Certificate></ds:X509Data>",
                ns::DS,
                attacker.certificate()
            );
            Ok(good.with([content(good.key_info()?, in_token_reference(&data))]))
        },
    ),
    Kind::by_stranger(
        "certificate-and-key-value",
        "D03",
        "A stranger signs, KeyInfo holds the sender's certificate and his own key",
        |good, attacker| {
            let honest = base64::encode(&good.certificate()?);
            let data = format!(
                "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{honest}</ds:X509Certificate></ds:X509Data>{}",
                ns::DS,
                attacker.key_value()?
            );
            Ok(good.with([content(good.key_info()?, data)]))
        },
    ),
    Kind::refused(
        "key-info-second",
        "D03",
        "KeyInfo holds a second reference, to a stranger's key",
        |good, attacker| Ok(good.with([last(good.key_info()?, attacker.x509_data())])),
    ),
    Kind::refused("key-info-twice", "D03", "The signature has two KeyInfo", |good, _| {
        Ok(good.with([after(good.key_info()?, good.key_info()?.source())]))
    }),
    Kind::by_stranger("retrieval-http", "D05", "KeyInfo is to be fetched by HTTP", |good, _| {
        retrieval(good, "http://127.0.0.1:1/key")
    }),
    Kind::by_stranger("retrieval-file", "D05", "KeyInfo is to be read from a file", |good, _| {
        retrieval(good, "file:///etc/passwd")
    }),
    Kind::by_stranger("retrieval-itself", "D05", "KeyInfo is to be found in itself, without end", |good, _| {
        let text = retrieval(good, "#itself")?;
        let changed = Good::read(text.as_bytes()).map_err(|_| "the changed message is not XML")?;
        Ok(changed.with([attribute(changed.key_info()?, "Id=\"itself\"")]))
    }),
    Kind::by_stranger("token-reference-http", "D06", "The token is to be fetched by HTTP", |good, _| {
        token_reference(good, "<wsse:Reference URI=\"http://127.0.0.1:1/token\"/>")
    }),
    Kind::by_stranger(
        "token-reference-chain",
        "D06",
        "The token reference means another token reference",
        |good, _| {
            token_reference(
                good,
                "<wsse:Reference URI=\"#chain\"/></wsse:SecurityTokenReference><wsse:SecurityTokenReference \
             xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" u:Id=\"chain\">\
             <wsse:Reference URI=\"#nothing\"/>",
            )
        },
    ),
    Kind::by_stranger("token-reference-embedded", "D06", "The token reference embeds the token", |good, attacker| {
        let token = format!(
            "<wsse:Embedded><wsse:BinarySecurityToken ValueType=\"{}\" EncodingType=\"{}\">{}</wsse:BinarySecurityToken>\
             </wsse:Embedded>",
            ns::X509_V3,
            ns::BASE64_BINARY,
            attacker.certificate()
        );
        token_reference(good, &token)
    }),
    Kind::by_stranger("token-reference-empty", "D06", "The token reference names nothing", |good, _| {
        token_reference(good, "")
    }),
    Kind::refused("token-reference-two", "D06", "The token reference names two tokens", |good, _| {
        let reference =
            good.key_info()?.child(ns::WSSE, "SecurityTokenReference").ok_or("KeyInfo has no token reference")?;
        let child = reference.children().next().ok_or("the token reference is empty")?;
        Ok(good.with([after(child, child.source())]))
    }),
    Kind::refused(
        "token-reference-elsewhere",
        "C16",
        "KeyInfo names a stranger's token, the signature is the sender's",
        |good, attacker| {
            let wsse = format!("xmlns:wsse=\"{}\" xmlns:wsu=\"{}\"", ns::WSSE, ns::WSU);
            let token = format!(
                "<wsse:BinarySecurityToken {wsse} wsu:Id=\"evil-token\" ValueType=\"{}\" EncodingType=\"{}\">{}\
             </wsse:BinarySecurityToken>",
                ns::X509_V3,
                ns::BASE64_BINARY,
                attacker.certificate()
            );
            let reference = format!("<wsse:Reference URI=\"#evil-token\" ValueType=\"{}\"/>", ns::X509_V3);
            Ok(good.with([first(good.security()?, token), content(good.key_info()?, in_token_reference(&reference))]))
        },
    ),
    Kind::same(
        "token-same-key",
        "C15",
        "The certificate that comes along is another one with the same key",
        |good, attacker| {
            let other = attacker.of_the_victims_key(&good.certificate()?)?;
            Ok(good.with([content(good.token()?, other)]))
        },
    ),
    Kind::refused("token-other-key", "C15", "The certificate that comes along is a stranger's", |good, attacker| {
        Ok(good.with([content(good.token()?, attacker.certificate())]))
    }),
    Kind::refused("token-removed", "C15", "The token that KeyInfo means is not there", |good, _| {
        let token = good.token()?;
        let id = good.id(token)?;
        if !good.key_info()?.source().contains(&format!("#{id}")) {
            return Err("KeyInfo does not mean the token");
        }
        Ok(good.with([remove(token)]))
    }),
    Kind::refused("token-no-certificate", "D14", "The token is no certificate", |good, _| {
        Ok(good.with([content(good.token()?, "AAAA")]))
    }),
    Kind::refused("token-large", "D14", "The token is a megabyte", |good, _| {
        Ok(good.with([content(good.token()?, "A".repeat(1 << 20))]))
    }),
    Kind::refused("token-as-path", "D08", "The token says that it is a path of certificates", |good, _| {
        let token = good.token()?;
        Ok(good.with([set(token, "ValueType", ns::X509_PKI_PATH)?]))
    }),
    Kind::refused("token-as-pkcs7", "D08", "The token says that it is PKCS#7", |good, _| {
        Ok(good.with([set(good.token()?, "ValueType", ns::X509_PKCS7)?]))
    }),
    Kind::by_stranger(
        "token-path-of-roots",
        "D08",
        "A stranger brings a chain along whose root he made",
        |good, attacker| {
            let wsse = format!("xmlns:wsse=\"{}\" xmlns:wsu=\"{}\"", ns::WSSE, ns::WSU);
            let token = format!(
                "<wsse:BinarySecurityToken {wsse} wsu:Id=\"evil-path\" ValueType=\"{}\" EncodingType=\"{}\">{}\
             </wsse:BinarySecurityToken>",
                ns::X509_PKI_PATH,
                ns::BASE64_BINARY,
                path_of(&attacker.certificate())?
            );
            let reference = format!("<wsse:Reference URI=\"#evil-path\" ValueType=\"{}\"/>", ns::X509_PKI_PATH);
            Ok(good.with([first(good.security()?, token), content(good.key_info()?, in_token_reference(&reference))]))
        },
    ),
    Kind::by_stranger(
        "encrypted-key-reference",
        "D07",
        "KeyInfo means a symmetric key that comes along encrypted",
        |good, _| {
            token_reference(
                good,
                "<wsse:KeyIdentifier ValueType=\"http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKeySHA1\" \
             EncodingType=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary\">\
             AAAAAAAAAAAAAAAAAAAAAAAAAAA=</wsse:KeyIdentifier>",
            )
        },
    ),
    Kind::by_stranger("derived-key", "E23", "KeyInfo means a derived key of enormous length", |good, _| {
        let token = "<wsc:DerivedKeyToken xmlns:wsc=\"http://docs.oasis-open.org/ws-sx/ws-secureconversation/200512\" Id=\"derived\">\
            <wsc:Offset>-1</wsc:Offset><wsc:Length>2147483648</wsc:Length></wsc:DerivedKeyToken>";
        let text = token_reference(good, "<wsse:Reference URI=\"#derived\"/>")?;
        let changed = Good::read(text.as_bytes()).map_err(|_| "the changed message is not XML")?;
        Ok(changed.with([first(changed.security()?, token)]))
    }),
    Kind::by_stranger(
        "security-context",
        "E23",
        "KeyInfo means a security context that nobody agreed on",
        |good, _| {
            let token = "<wsc:SecurityContextToken xmlns:wsc=\"http://docs.oasis-open.org/ws-sx/ws-secureconversation/200512\" \
            Id=\"context\"><wsc:Identifier>urn:x</wsc:Identifier></wsc:SecurityContextToken>";
            let text = token_reference(good, "<wsse:Reference URI=\"#context\"/>")?;
            let changed = Good::read(text.as_bytes()).map_err(|_| "the changed message is not XML")?;
            Ok(changed.with([first(changed.security()?, token)]))
        },
    ),
    Kind::same(
        "key-info-restyled",
        "E07",
        "KeyInfo names the same certificate in another way, on a message sent before",
        |good, _| {
            if good.security()?.children().any(|token| token.local_name() == "Assertion") {
                return Err("KeyInfo may name the assertion, which is more than a key");
            }
            let certificate = base64::encode(&good.certificate()?);
            let data = format!(
                "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>",
                ns::DS
            );
            if good.key_info()?.source().contains("STR") && good.signed_info()?.source().contains("STR") {
                return Err("the token reference is signed");
            }
            Ok(good.with([content(good.key_info()?, in_token_reference(&data))]))
        },
    ),
    Kind::refused(
        "key-info-of-the-certificate",
        "N09",
        "KeyInfo names the certificate of the assertion's key, and no longer the assertion",
        |good, _| {
            let data = format!(
                "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
                ns::DS,
                holders_certificate(good)?
            );
            Ok(good.with([content(good.key_info()?, in_token_reference(&data))]))
        },
    ),
    Kind::refused(
        "token-beside-the-assertion",
        "N09",
        "The certificate of the assertion's key stands in the header, beside the assertion that KeyInfo names",
        |good, _| {
            let token = format!(
                "<wsse:BinarySecurityToken xmlns:wsse=\"{}\" EncodingType=\"{}\" ValueType=\"{}\">{}\
                 </wsse:BinarySecurityToken>",
                ns::WSSE,
                ns::BASE64_BINARY,
                ns::X509_V3,
                holders_certificate(good)?
            );
            Ok(good.with([first(good.security()?, &token)]))
        },
    ),
    Kind::same(
        "key-info-white-space",
        "E07",
        "The certificate's base64 is written in lines, on a message sent before",
        |good, _| {
            let token = good.token()?;
            if good.reference_to(token).is_ok() || good.signed_info()?.source().contains("STR-Transform") {
                return Err("the token is signed");
            }
            let text = token.text().unwrap_or_default().into_owned();
            let (one, other) = text.split_at_checked(text.len() / 2).ok_or("the token is not ASCII")?;
            Ok(good.with([content(token, format!("\n{one}\n{other}\n"))]))
        },
    ),
];

/// The certificate, in base64, of the key to which the assertion in the header is bound.
fn holders_certificate(good: &Good) -> Result<String, Unfit> {
    let security = good.security()?;
    let assertion =
        security.children().find(|token| token.local_name() == "Assertion").ok_or("there is no assertion")?;
    let confirmation = assertion.descendants().find(|element| element.local_name() == "SubjectConfirmation");
    let certificate = confirmation.and_then(|own| own.descendants().find(|e| e.is(ns::DS, "X509Certificate")));
    let text = certificate.and_then(Element::text).ok_or("the assertion's key comes without certificate")?;
    Ok(text.into_owned())
}

/// What makes a stranger's certificate the one that KeyInfo means.
pub fn strangers_key(good: &Good, certificate: &str) -> Result<Vec<Change>, Unfit> {
    let by_token = good.token().ok().filter(|token| {
        let id = good.id(*token).unwrap_or_default();
        good.key_info().is_ok_and(|info| info.source().contains(&format!("#{id}\"")))
    });
    if let Some(token) = by_token {
        return Ok(vec![content(token, certificate)]);
    }
    let data = format!(
        "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>",
        ns::DS
    );
    Ok(vec![content(good.key_info()?, in_token_reference(&data))])
}

fn in_token_reference(inside: &str) -> String {
    format!("<wsse:SecurityTokenReference xmlns:wsse=\"{}\">{inside}</wsse:SecurityTokenReference>", ns::WSSE)
}

fn token_reference(good: &Good, inside: &str) -> Result<String, Unfit> {
    Ok(good.with([content(good.key_info()?, in_token_reference(inside))]))
}

fn retrieval(good: &Good, uri: &str) -> Result<String, Unfit> {
    let name = qualified(good.key_info()?.prefix(), "RetrievalMethod");
    Ok(good.with([content(good.key_info()?, format!("<{name} URI=\"{uri}\"/>"))]))
}

/// PkiPath: a SEQUENCE of certificates (X.509 Token Profile 1.1 §3.1).
fn path_of(certificate: &str) -> Result<String, Unfit> {
    let der = base64::decode_xml(certificate).map_err(|_| "the certificate is not base64")?;
    let both = [der.as_slice(), &der].concat();
    let length = u16::try_from(both.len()).map_err(|_| "the certificate is too long")?.to_be_bytes();
    Ok(base64::encode(&[&[0x30, 0x82], length.as_slice(), &both].concat()))
}
