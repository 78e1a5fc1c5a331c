//! Why does a signature value not verify? Tries other canonical forms of SignedInfo, other hash
//! functions, other encodings of the value, and the other keys that are at hand.

use super::candidates::{self, Candidate};
use super::keys::Key;
use super::signature::{Signature, short};
use super::tree::Tree;
use super::why::{self, Cause, Search, applied, shortened};
use crate::wire::base64;
use crate::wire::crypto::diagnose::{self, Recognised};
use crate::wire::hex;

/// Whether the value verifies as the message says it is made, with this key.
pub fn holds(tree: &Tree, signature: &Signature, key: &Key) -> bool {
    let octets = applied(tree, signature.signed_info, &signature.form, &[]);
    let value = base64::decode_xml(&signature.value);
    let (Some(octets), Ok(value)) = (octets, value) else { return false };
    diagnose::recognised(&key.spki, &octets, &value).is_some_and(|found| as_declared(signature, found))
}

fn as_declared(signature: &Signature, found: Recognised) -> bool {
    found.uri() == Some(signature.method.as_str()) && !found.der
}

/// Searches the cause. `named`: the key that KeyInfo names; `others`: all further ones.
pub fn cause(tree: &Tree, signature: &Signature, named: Option<&Key>, others: &[Key]) -> Search {
    let mut search = Search::default();
    if signature.value.trim().is_empty() {
        let (says, fix) = ("its SignatureValue is empty: nobody signed it", "Sign the message: this is a template");
        search.cause = Some(Cause { found: vec!["signature-value-form"], says: says.to_owned(), fix: fix.to_owned() });
        return search;
    }
    let values = encodings(&signature.value);
    if values.is_empty() {
        let says = format!("the SignatureValue `{}` is neither base64 nor hexadecimal", shortened(&signature.value));
        let fix = "Write the signature as base64 of its bytes".to_owned();
        search.cause = Some(Cause { found: vec!["signature-value-form"], says, fix });
        return search;
    }
    let further: Vec<&Key> = others.iter().filter(|key| named.is_none_or(|named| named.spki != key.spki)).collect();
    let mut forms: Vec<Option<Candidate>> = vec![None];
    forms.extend(candidates::of(tree, signature.signed_info, &signature.form, signature.node).into_iter().map(Some));
    // The named key under every form first; another key of the message only explains what that cannot.
    for keys in [named.into_iter().collect::<Vec<_>>(), further] {
        for form in &forms {
            let changes: Vec<&Candidate> = form.iter().collect();
            let Some(octets) = applied(tree, signature.signed_info, &signature.form, &changes) else { continue };
            for (key, value) in keys.iter().flat_map(|key| values.iter().map(move |value| (key, value))) {
                if search.tried >= MOST_TRIALS {
                    search.cut = true;
                    return search;
                }
                search.tried += 1;
                if let Some(found) = diagnose::recognised(&key.spki, &octets, &value.octets) {
                    let other = named.is_none_or(|named| named.spki != key.spki).then_some(*key);
                    search.cause = told(signature, form.as_ref(), other, value, found, named);
                    return search;
                }
            }
        }
    }
    search
}

/// A way to read the value.
struct Encoding {
    name: &'static str,
    octets: Vec<u8>,
}

fn encodings(text: &str) -> Vec<Encoding> {
    let solid: String = text.split_whitespace().collect();
    let mut found = Vec::new();
    let plain = base64::decode_xml(&solid).ok();
    let mut add = |name, octets: Option<Vec<u8>>| {
        found.extend(octets.filter(|octets| !octets.is_empty()).map(|octets| Encoding { name, octets }));
    };
    let reversed = plain.clone().map(|mut octets| {
        octets.reverse();
        octets
    });
    let inner = plain.as_ref().and_then(|octets| hexadecimal(std::str::from_utf8(octets).ok()?));
    let twice = plain.as_ref().and_then(|octets| base64::decode_xml(std::str::from_utf8(octets).ok()?).ok());
    add("", plain);
    add("reversed", reversed);
    add("hexadecimal", hexadecimal(&solid));
    add("base64 of hexadecimal letters", inner);
    add("base64 twice", twice);
    add("base64url", base64::decode_url(solid.trim_end_matches('=')).ok());
    found
}

/// Hexadecimal letters, as many as a signature has at least.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).filter(|octets| octets.len() >= 32)
}

fn told(
    signature: &Signature,
    form: Option<&Candidate>,
    other: Option<&Key>,
    value: &Encoding,
    found: Recognised,
    named: Option<&Key>,
) -> Option<Cause> {
    let mut causes = Vec::new();
    if let Some(key) = other {
        let instead = named.map(|named| format!(", and KeyInfo names {}", named.whose)).unwrap_or_default();
        causes.push(Cause {
            found: vec!["another-key"],
            says: format!("the signature was made with another key, that of {}{instead}", key.whose),
            fix: "Send the certificate of the key that signs, and let KeyInfo refer to it: after a renewal, change both in the keystore".to_owned(),
        });
    }
    let canonical = form.and_then(|form| why::told("the signature verifies", &[form]));
    causes.extend(canonical.map(|cause| Cause { says: format!("SignedInfo changed: {}", cause.says), ..cause }));
    match value.name {
        "" => {}
        "reversed" => causes.push(Cause {
            found: vec!["value-reversed"],
            says: "the SignatureValue stands in reversed byte order, as Windows CryptoAPI (CryptSignHash) returns it".to_owned(),
            fix: "Reverse the bytes before encoding them, or sign with RSACng or RSA.SignData, which give big-endian values".to_owned(),
        }),
        name => causes.push(Cause {
            found: vec!["value-encoding"],
            says: format!("the SignatureValue is written as {name}"),
            fix: "Write SignatureValue as base64 of the signature's bytes".to_owned(),
        }),
    }
    if found.der {
        causes.push(Cause {
            found: vec!["value-der"],
            says: "the ECDSA SignatureValue is a DER SEQUENCE; XML Signature wants r and s side by side (XML Signature 1.1 §6.4.3)".to_owned(),
            fix: "Convert it: Java SHA256withECDSAinP1363Format, OpenSSL: take r and s out of ECDSA_SIG and pad both to the curve's size".to_owned(),
        });
    }
    if found.uri() != Some(signature.method.as_str()) {
        causes.push(Cause {
            found: vec!["signature-algorithm"],
            says: format!(
                "the signature was made with {}, and SignatureMethod says {}",
                found.name,
                short(&signature.method)
            ),
            fix: format!("Sign with what SignatureMethod names ({}), or name what is used", short(&signature.method)),
        });
    }
    let says = |cause: &Cause| cause.says.clone();
    Some(Cause {
        found: causes.iter().flat_map(|cause| cause.found.clone()).collect(),
        says: causes.iter().map(says).collect::<Vec<_>>().join("; and "),
        fix: causes.iter().map(|cause| cause.fix.clone()).collect::<Vec<_>>().join(". "),
    })
    .filter(|cause| !cause.found.is_empty())
}

/// Some 30 µs each for RSA, ten algorithms inside: half a second.
const MOST_TRIALS: usize = 2_500;
