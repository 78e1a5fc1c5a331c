//! Each accident, made on purpose, is found and named.

use super::*;
use crate::wire::base64;
use crate::wire::crypto::{self, DigestAlgorithm};
use crate::wire::ns;

const BODY: &str = "<e:B w:Id=\"b\" a=\"1\">\n <e:c>caf\u{e9}</e:c><e:d></e:d>\n</e:B>";

fn canonical() -> String {
    BODY.replace(
        "<e:B w:Id=\"b\" a=\"1\">",
        &format!("<e:B xmlns:e=\"urn:e\" xmlns:w=\"{}\" a=\"1\" w:Id=\"b\">", ns::WSU),
    )
}

/// A message whose one reference, to the body, has this DigestValue.
fn message(body: &str, digest_value: &str, transform: &str) -> String {
    let exclusive = ns::EXC_C14N;
    format!(
        "<e:E xmlns:e=\"urn:e\" xmlns:w=\"{}\" xmlns:o=\"urn:o\">{body}<e:other w:Id=\"o\">x</e:other><d:Signature xmlns:d=\"{}\">\
         <d:SignedInfo><d:CanonicalizationMethod Algorithm=\"{exclusive}\"/><d:SignatureMethod Algorithm=\"{}\"/>\
         <d:Reference URI=\"#b\"><d:Transforms><d:Transform Algorithm=\"{exclusive}\">{transform}</d:Transform></d:Transforms>\
         <d:DigestMethod Algorithm=\"{}\"/><d:DigestValue>{digest_value}</d:DigestValue></d:Reference></d:SignedInfo>\
         <d:SignatureValue>AAAA</d:SignatureValue></d:Signature></e:E>",
        ns::WSU,
        ns::DS,
        ns::RSA_SHA256,
        ns::SHA256,
    )
}

fn covers(message: &str) -> Covers {
    let examined = Examined::read(message.as_bytes()).unwrap();
    examined.show(&[]).remove(0).references.remove(0)
}

fn found_in(body: &str, digested: &[u8], transform: &str) -> Vec<&'static str> {
    let shown = covers(&message(body, &base64::encode(&crypto::sha256(digested)), transform));
    shown.search.and_then(|search| search.cause).map(|cause| cause.found).unwrap_or_default()
}

fn found(digested: impl AsRef<[u8]>) -> Vec<&'static str> {
    found_in(BODY, digested.as_ref(), "")
}

#[test]
fn a_digest_that_holds_needs_no_cause() {
    let shown = covers(&message(BODY, &base64::encode(&crypto::sha256(canonical().as_bytes())), ""));
    assert_eq!((shown.digest, shown.search, shown.octets), ("holds", None, Some(canonical().len())));
    assert_eq!(shown.element.unwrap().path, "/e:E/e:B");
}

#[test]
fn white_space_and_line_ends_are_found() {
    let form = canonical();
    assert_eq!(found(form.replace('\n', "&#xD;\n")), ["line-ends-cr-lf"]);
    assert_eq!(found(form.replace("\n ", "").replace("\n<", "<")), ["no-space-between-tags"]);
    assert_eq!(found(format!("{form}\n")), ["trailing-newline"]);
    let indented = form.replace("\n ", "\n  ").replace("</e:c>", "</e:c>\n  ");
    assert_eq!(found(indented), ["indented"]);
    assert_eq!(found_in(&BODY.replace('\n', "&#13;\n"), form.as_bytes(), ""), ["no-carriage-returns"]);
}

#[test]
fn a_proxy_that_rewrites_line_ends_is_named_so() {
    let shown =
        covers(&message(BODY, &base64::encode(&crypto::sha256(canonical().replace('\n', "&#xD;\n").as_bytes())), ""));
    let says = shown.search.unwrap().cause.unwrap().says;
    assert_eq!(says, "the digest matches if line ends are CR LF: something between signer and us rewrote them");
}

#[test]
fn encodings_and_escapes_are_found() {
    let form = canonical();
    assert_eq!(found([b"\xef\xbb\xbf", form.as_bytes()].concat()), ["byte-order-mark"]);
    assert_eq!(found(form.replace('\u{e9}', "\u{c3}\u{a9}")), ["doubly-encoded"]);
    assert_eq!(found(form.replace('\u{e9}', "&#xE9;")), ["hexadecimal-references"]);
    assert_eq!(found(form.replace('\u{e9}', "?")), ["question-marks"]);
    let latin1: Vec<u8> = form.chars().map(|c| c as u8).collect();
    assert_eq!(found(latin1), ["latin-1"]);
    assert_eq!(found(form.replace("<e:d></e:d>", "<e:d/>")), ["empty-elements"]);
    assert_eq!(found_in(&BODY.replace('\u{e9}', "\u{c3}\u{a9}"), form.as_bytes(), ""), ["re-encoded"]);
}

#[test]
fn other_canonical_forms_are_found() {
    let form = canonical();
    let with = |extra: &str| form.replace(" xmlns:w", &format!(" {extra} xmlns:w"));
    assert_eq!(found(with("xmlns:o=\"urn:o\"")), ["canonicalization"], "inclusive and PrefixList=o are one here");
    assert_eq!(found(BODY), ["as-written"]);
    let list = format!("<i:InclusiveNamespaces xmlns:i=\"{}\" PrefixList=\"o\"/>", ns::EXC_C14N);
    assert_eq!(found_in(BODY, form.as_bytes(), &list), ["prefix-list-none"]);
    let comment = BODY.replace("<e:d>", "<!--x--><e:d>");
    assert_eq!(found_in(&comment, form.replace("<e:d>", "<!--x--><e:d>").as_bytes(), ""), ["canonicalization"]);
}

#[test]
fn start_tags_that_changed_are_found() {
    let form = canonical();
    assert_eq!(found(form.replace(&format!(" xmlns:w=\"{}\"", ns::WSU), "")), ["declaration-late"]);
    assert_eq!(
        found(form.replace(" w:Id=\"b\"", "").replace(&format!(" xmlns:w=\"{}\"", ns::WSU), "")),
        ["attribute-late"]
    );
    let xsi = format!(" xmlns:w=\"{}\" xmlns:xsi=\"{}\"", ns::WSU, ns::XSI);
    assert_eq!(found(form.replace(&format!(" xmlns:w=\"{}\"", ns::WSU), &xsi)), ["declaration-lost"]);
    let renamed = form.replace("<e:", "<ns0:").replace("</e:", "</ns0:").replace("xmlns:e=", "xmlns:ns0=");
    assert_eq!(found(renamed), ["prefix-rewritten"]);
    assert_eq!(found_in(&BODY.replace("<e:c>", "<e:c z=\"1\">"), form.as_bytes(), ""), ["attribute-added"]);
}

#[test]
fn attribute_values_that_readers_normalise_are_found() {
    let body = BODY.replace("a=\"1\"", "a=\"1\n2\"");
    let digested = canonical().replace("a=\"1\"", "a=\"1&#xA;2\"");
    assert_eq!(found_in(&body, digested.as_bytes(), ""), ["attribute-values"]);
}

#[test]
fn another_element_with_this_digest_is_named() {
    let other = format!("<e:other xmlns:e=\"urn:e\" xmlns:w=\"{}\" w:Id=\"o\">x</e:other>", ns::WSU);
    assert_eq!(found(other), ["another-element"]);
}

#[test]
fn odd_values_and_algorithms_are_found() {
    let form = canonical();
    let cause = |value: &str| covers(&message(BODY, value, "")).search.unwrap().cause.unwrap();
    let sha256 = crypto::sha256(form.as_bytes());
    let letters: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(cause(&letters).found, ["digest-encoding"]);
    assert_eq!(cause(&base64::encode(letters.as_bytes())).found, ["digest-encoding"]);
    let sha512 = base64::encode(DigestAlgorithm::Sha512.digest(form.as_bytes()).as_ref());
    let found = cause(&sha512);
    assert_eq!(found.found, ["digest-algorithm"]);
    assert!(found.says.contains("made with SHA-512, and the message says sha256"), "{}", found.says);
    let sha1 = base64::encode(&crypto::sha1_thumbprint(form.as_bytes()));
    assert_eq!(cause(&sha1).found, ["digest-algorithm"]);
    assert_eq!(cause("no digest").found, ["digest-value-form"]);
}

#[test]
fn two_things_at_once_are_found() {
    let form = canonical().replace('\n', "&#xD;\n").replace(&format!(" xmlns:w=\"{}\"", ns::WSU), "");
    assert_eq!(found(form), ["declaration-late", "line-ends-cr-lf"]);
}

#[test]
fn what_nothing_explains_is_searched_and_said_so() {
    let shown = covers(&message(BODY, &base64::encode(&crypto::sha256(b"something else")), ""));
    let search = shown.search.unwrap();
    assert_eq!((search.cause, search.cut), (None, false));
    assert!(search.tried > 500, "{}", search.tried);
}

#[test]
fn a_long_search_is_cut_and_says_so() {
    let long = BODY.replace("caf\u{e9}", &"word \u{e9} ".repeat(12_000));
    let shown = covers(&message(&long, &base64::encode(&crypto::sha256(b"something else")), ""));
    assert!(shown.search.unwrap().cut);
}

mod values {
    use super::*;
    use crate::wire::crypto::{KeyKind, PrivateKey, SignatureAlgorithm};

    struct Signed {
        message: String,
        key: Key,
    }

    /// A message that `sign` signs: given the canonical SignedInfo, it returns SignatureValue.
    fn signed(kind: KeyKind, method: &str, sign: impl Fn(&PrivateKey, &str) -> String) -> Signed {
        let (private, _) = PrivateKey::generate(kind).unwrap();
        let digest = base64::encode(&crypto::sha256(canonical().as_bytes()));
        let text = message(BODY, &digest, "").replace(ns::RSA_SHA256, method);
        let examined = Examined::read(text.as_bytes()).unwrap();
        let info = &examined.signatures[0];
        let form = canonical::canonical(&examined.tree, info.signed_info, &info.form).unwrap();
        let value = sign(&private, &form);
        let key = Key::for_tests(private.public().spki().to_vec());
        Signed { message: text.replace("AAAA", &value), key }
    }

    fn cause(signed: &Signed, named: bool) -> Vec<&'static str> {
        let examined = Examined::read(signed.message.as_bytes()).unwrap();
        let (key, others) = if named { (Some(&signed.key), vec![]) } else { (None, vec![signed.key.clone()]) };
        let search = value::cause(&examined.tree, &examined.signatures[0], key, &others);
        search.cause.map(|cause| cause.found).unwrap_or_default()
    }

    fn rsa(key: &PrivateKey, algorithm: SignatureAlgorithm, form: &str) -> Vec<u8> {
        key.sign(algorithm, form.as_bytes()).unwrap()
    }

    #[test]
    fn accidents_of_rsa_values_are_found() {
        let good = |key: &PrivateKey, form: &str| rsa(key, SignatureAlgorithm::RsaSha256, form);
        let of = |sign: &dyn Fn(&PrivateKey, &str) -> String| cause(&signed(KeyKind::Rsa, ns::RSA_SHA256, sign), true);
        assert_eq!(
            of(&|key, form| base64::encode(&good(key, form).into_iter().rev().collect::<Vec<_>>())),
            ["value-reversed"]
        );
        assert_eq!(
            of(&|key, form| good(key, form).iter().map(|byte| format!("{byte:02X}")).collect()),
            ["value-encoding"]
        );
        assert_eq!(
            of(&|key, form| base64::encode(&rsa(key, SignatureAlgorithm::RsaSha512, form))),
            ["signature-algorithm"]
        );
        assert_eq!(of(&|key, form| base64::encode(&good(key, &form.replace("><", ">\n  <")))), Vec::<&str>::new());
        assert_eq!(
            of(&|key, form| base64::encode(&good(key, &form.replace("></d:CanonicalizationMethod>", "/>")))),
            Vec::<&str>::new()
        );
        assert_eq!(of(&|key, form| base64::encode(&good(key, &format!("{form}\n")))), ["trailing-newline"]);
        assert_eq!(of(&|_, _| "not base64!".to_owned()), ["signature-value-form"]);
    }

    #[test]
    fn a_value_of_another_key_that_is_at_hand_is_found() {
        let signed = signed(KeyKind::Rsa, ns::RSA_SHA256, |key, form| {
            base64::encode(&rsa(key, SignatureAlgorithm::RsaSha256, form))
        });
        assert_eq!(cause(&signed, false), ["another-key"]);
        let examined = Examined::read(signed.message.as_bytes()).unwrap();
        assert!(value::holds(&examined.tree, &examined.signatures[0], &signed.key));
    }

    #[test]
    fn an_ecdsa_value_in_der_is_found() {
        let der = |key: &PrivateKey, form: &str| {
            let fixed = rsa(key, SignatureAlgorithm::EcdsaP256Sha256, form);
            let integer = |bytes: &[u8]| {
                let mut number: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
                if number[0] >= 0x80 {
                    number.insert(0, 0);
                }
                [&[2, u8::try_from(number.len()).unwrap()][..], &number].concat()
            };
            let inner = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
            base64::encode(&[&[0x30, u8::try_from(inner.len()).unwrap()][..], &inner].concat())
        };
        assert_eq!(cause(&signed(KeyKind::P256, ns::ECDSA_SHA256, der), true), ["value-der"]);
    }
}
