//! Messages made by `sign`, damaged one way each, and what the verifier says of them.

use super::sign::{self, Enveloped, How, OverParts, Part, Place, Target};
use super::{Error, Exception, Exceptions, Signature};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, KeyKind, PrivateKey, SignatureAlgorithm};
use crate::wire::ns;
use crate::wire::xml::writer::{Name, Writer};
use crate::wire::xml::{Document, Limits};

fn key(kind: KeyKind) -> PrivateKey {
    PrivateKey::generate(kind).expect("a key").0
}

fn parsed(bytes: impl Into<Vec<u8>>) -> Document {
    Document::parse(bytes, &Limits::default()).expect("well-formed")
}

fn envelope() -> String {
    format!(
        "<s:Envelope xmlns:s=\"{}\" xmlns:unused=\"urn:u\"><s:Header><wsse:Security xmlns:wsse=\"{}\" xmlns:wsu=\"{}\">\
         <wsse:BinarySecurityToken wsu:Id=\"bst\">QUJD</wsse:BinarySecurityToken>\
         <wsu:Timestamp><wsu:Created>x</wsu:Created></wsu:Timestamp></wsse:Security></s:Header>\n\
         <s:Body><a>1 &gt; 0</a></s:Body></s:Envelope>",
        ns::SOAP11,
        ns::WSSE,
        ns::WSU
    )
}

const KEY_INFO: &str = "<ds:KeyInfo><wsse:SecurityTokenReference wsu:Id=\"str\"><wsse:Reference URI=\"#bst\"/>\
                        </wsse:SecurityTokenReference></ds:KeyInfo>";

/// The envelope, signed over Body, Timestamp and (by STR-Transform) the token.
fn signed(key: &PrivateKey) -> String {
    let document = parsed(envelope());
    let header = document.root().child(ns::SOAP11, "Header").expect("Header");
    let security = header.child(ns::WSSE, "Security").expect("Security");
    let body = document.root().child(ns::SOAP11, "Body").expect("Body");
    let timestamp = security.child(ns::WSU, "Timestamp").expect("Timestamp");
    let parts = [
        Part { target: Target::Element(body.id()), how: How::Exclusive, prefixes: &[] },
        Part { target: Target::Element(timestamp.id()), how: How::Enveloped, prefixes: &["wsse", "s"] },
        Part { target: Target::Id("str"), how: How::Token, prefixes: &[] },
    ];
    let what = OverParts {
        parts: &parts,
        place: Place::LastIn(security.id()),
        algorithm: key.default_algorithm(),
        digest: DigestAlgorithm::Sha256,
        prefixes: &["s"],
        id: Some("SIG-1"),
        key_info: KEY_INFO,
    };
    String::from_utf8(sign::sign_parts(&document, &what, key).expect("signed")).expect("UTF-8")
}

fn signature_of(document: &Document) -> Result<Signature<'_>, Error> {
    let element = document.elements().find(|e| e.is(ns::DS, "Signature")).expect("a Signature");
    Signature::parse(element, &Limits::default())
}

/// Everything that verification says of a message: the paths covered, or the first error.
fn verdict(message: &str, key: &PrivateKey) -> Result<Vec<String>, Error> {
    let limits = Limits::default();
    let document = parsed(message);
    let signature = signature_of(&document)?;
    if let Some(fault) = signature.faults().into_iter().next() {
        return Err(fault);
    }
    signature.verify_value(key.public(), &limits)?;
    let mut covered = Vec::new();
    for reference in signature.references() {
        let computed = reference.digest(&limits)?;
        covered.push(format!("{}{}", if computed.matches { "" } else { "!" }, computed.covered.path()));
    }
    Ok(covered)
}

#[test]
fn what_is_signed_verifies_under_every_algorithm() {
    for kind in [KeyKind::Rsa, KeyKind::P256, KeyKind::Ed25519] {
        let key = key(kind);
        let message = signed(&key);
        assert!(!message.contains('\r') && !message.contains("&#"));
        let covered = verdict(&message, &key).expect("verifies");
        let security = "/s:Envelope/s:Header/wsse:Security";
        assert_eq!(
            covered,
            [
                "/s:Envelope/s:Body".to_owned(),
                format!("{security}/wsu:Timestamp"),
                format!("{security}/wsse:BinarySecurityToken")
            ]
        );
        let stranger = self::key(kind);
        assert!(matches!(verdict(&message, &stranger), Err(Error::Value { .. })));
    }
}

#[test]
fn every_change_of_a_covered_part_shows_in_its_own_digest() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    for (from, to, position) in [("1 &gt; 0", "1 &gt; 1", 0), (">x<", "> x<", 1), ("QUJD", "QUJE", 2)] {
        let covered = verdict(&message.replacen(from, to, 1), &key).expect("verifies");
        let differing: Vec<bool> = covered.iter().map(|path| path.starts_with('!')).collect();
        assert_eq!(differing, (0..3).map(|index| index == position).collect::<Vec<_>>(), "{from}");
    }
    // Not in the canonical form: the same message.
    for (from, to) in [("&gt; 0", "&#62; 0"), (">x<", "><!-- y -->x<"), ("<a>", "<a  >"), ("1 ", "<![CDATA[1 ]]>")] {
        let covered = verdict(&message.replacen(from, to, 1), &key).expect("verifies");
        assert!(covered.iter().all(|path| path.starts_with('/')), "{from}: {covered:?}");
    }
}

#[test]
fn base64_may_be_folded_and_hold_carriage_returns_and_comments() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    let at = message.find("<ds:SignatureValue>").expect("a value") + "<ds:SignatureValue>".len() + 20;
    let (head, tail) = message.split_at(at);
    let folded = format!("{head}&#13;\r\n  <!-- fold -->{tail}");
    assert!(verdict(&folded, &key).expect("verifies").iter().all(|path| path.starts_with('/')));
}

#[test]
fn refuses_a_structure_that_is_not_the_one() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    let info = {
        let from = message.find("<ds:SignedInfo>").expect("SignedInfo");
        let to = message.find("</ds:SignedInfo>").expect("SignedInfo") + "</ds:SignedInfo>".len();
        message.get(from..to).expect("SignedInfo").to_owned()
    };
    let digest_end = "</ds:DigestValue>";
    for (name, from, to) in [
        ("two SignedInfo", "<ds:SignatureValue>", format!("{info}<ds:SignatureValue>")),
        ("SignedInfo elsewhere", "<ds:KeyInfo>", format!("<ds:KeyInfo>{info}</ds:KeyInfo><ds:KeyInfo>")),
        ("Object", "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>".into()),
        ("two KeyInfo", "</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>".into()),
        ("two digests", digest_end, format!("{digest_end}<ds:DigestValue/>")),
        ("element in a digest", digest_end, format!("<x/>{digest_end}")),
        ("text in SignedInfo", "<ds:SignedInfo>", "<ds:SignedInfo>x".into()),
        ("Manifest", "<ds:Reference ", "<ds:Reference Type=\"http://www.w3.org/2000/09/xmldsig#Manifest\" ".into()),
        ("no Algorithm", "<ds:SignatureMethod Algorithm", "<ds:SignatureMethod X".into()),
        ("another namespace", "<ds:SignatureValue>", "<ds:SignatureValue xmlns:ds=\"urn:x\">".into()),
        (
            "HMACOutputLength",
            "</ds:SignatureMethod>",
            "<ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>".into(),
        ),
        ("no Reference at all", info.as_str(), {
            let head = info.find("<ds:Reference").expect("a Reference");
            format!("{}</ds:SignedInfo>", info.get(..head).expect("a head"))
        }),
    ] {
        let damaged = message.replacen(from, &to, 1);
        assert_ne!(damaged, message, "{name}");
        assert!(
            matches!(verdict(&damaged, &key), Err(Error::Structure { .. })),
            "{name}: {:?}",
            verdict(&damaged, &key)
        );
    }
    let garbage = message.replacen(digest_end, &format!("=={digest_end}"), 1);
    assert!(matches!(verdict(&garbage, &key), Err(Error::Base64 { .. })));
}

#[test]
fn names_every_fault_of_the_profile_at_once() {
    let key = key(KeyKind::P256);
    let message = signed(&key)
        .replacen(ns::EXC_C14N, ns::C14N, 1)
        .replacen(ns::ECDSA_SHA256, "http://www.w3.org/2000/09/xmldsig#hmac-sha1", 1)
        .replacen(
            "Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Transform Algorithm=\"urn:xslt\"",
            1,
        )
        .replacen(ns::SHA256, ns::SHA1, 1)
        .replacen("URI=\"#str\"", "URI=\"#xpointer(/)\"", 1);
    let document = parsed(message);
    let faults = signature_of(&document).expect("a structure").faults();
    assert!(
        matches!(
            faults.as_slice(),
            [
                Error::Canonicalization { .. },
                Error::SignatureMethod { .. },
                Error::Transform { .. },
                Error::DigestMethod { .. },
                Error::ReferenceForm { .. }
            ]
        ),
        "{faults:?}"
    );
}

#[test]
fn takes_only_references_of_the_form_hash_id() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    for uri in [
        "",
        "#",
        "?x",
        "str",
        "#xpointer(/)",
        "#element(/1/3)",
        "#%61",
        "#a b",
        "#a'",
        "#a]",
        "##str",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "cid:1",
    ] {
        let damaged = message.replacen("URI=\"#str\"", &format!("URI=\"{uri}\""), 1);
        assert!(matches!(verdict(&damaged, &key), Err(Error::ReferenceForm { .. })), "{uri}");
    }
    let damaged = message.replacen("URI=\"#str\"", "", 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::ReferenceForm { uri: None, .. })));
}

#[test]
fn refuses_transforms_out_of_order() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    let exclusive = format!("<ds:Transform Algorithm=\"{}\"></ds:Transform>", ns::EXC_C14N);
    let enveloped = format!("<ds:Transform Algorithm=\"{}\"></ds:Transform>", ns::ENVELOPED_SIGNATURE);
    for (to, open) in [
        (format!("{exclusive}{exclusive}"), false),
        (format!("{exclusive}{enveloped}"), false),
        (format!("{enveloped}{enveloped}{exclusive}"), false),
        (enveloped.clone(), true),
    ] {
        let damaged = message.replacen(&exclusive, &to, 1);
        match verdict(&damaged, &key) {
            Err(Error::Transform { .. }) if !open => {}
            Err(Error::InclusiveByDefault { .. }) if open => {}
            other => panic!("{to}: {other:?}"),
        }
    }
    let damaged = message.replacen(&format!("<ds:Transforms>{exclusive}</ds:Transforms>"), "", 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::InclusiveByDefault { .. })));
    // Whom a dated exception allows inclusive forms says so without a transform, too.
    let document = parsed(damaged.as_str());
    let element = document.elements().find(|e| e.is(ns::DS, "Signature")).expect("a Signature");
    let open = Exceptions::from_iter([Exception::InclusiveCanonicalization]);
    let signature = Signature::parse_with(element, &Limits::default(), open).expect("a structure");
    assert!(signature.faults().is_empty(), "{:?}", signature.faults());
    let damaged = message.replacen(&exclusive, &exclusive.repeat(4), 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::Structure { .. })));
}

/// Adds what only a reference's target shows; SignedInfo stays as it was signed.
#[test]
fn refuses_a_target_that_is_not_one_element() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    for decoy in ["wsu:Id", "Id", "ID", "id", "AssertionID", "xml:id"] {
        let damaged = message.replacen("<wsu:Created", &format!("<wsu:Created {decoy}=\"str\""), 1);
        let refusal = verdict(&damaged, &key);
        assert!(matches!(refusal, Err(Error::ReferenceRepeated { count: 2, .. })), "{decoy}: {refusal:?}");
    }
    let damaged = message.replacen("<wsse:SecurityTokenReference wsu:Id=\"str\"", "<wsse:SecurityTokenReference", 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::ReferenceMissing { .. })));
    let damaged = message.replacen("wsu:Id=\"str\"", "wsu:Id=\"str\" Id=\"other\"", 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::TwoIds { .. })));
    // An id that nobody refers to may stand twice: payloads do that.
    let twice = message.replacen("<ds:KeyInfo>", "<ds:KeyInfo Id=\"SIG-1\">", 1);
    assert!(verdict(&twice, &key).is_ok());
}

#[test]
fn an_str_transform_leads_to_a_token_of_this_message_or_nowhere() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    let reference = "<wsse:Reference URI=\"#bst\"/>";
    for to in [
        "<wsse:Reference URI=\"#SIG-1\"/>",
        "<wsse:Reference URI=\"http://x/\"/>",
        "<wsse:Reference URI=\"#str\"/>",
        "<wsse:KeyIdentifier ValueType=\"urn:x\">bst</wsse:KeyIdentifier>",
        "<wsse:Embedded/>",
        "<ds:X509Data/>",
        "<wsse:Reference URI=\"#bst\"/><wsse:Reference URI=\"#bst\"/>",
        "",
    ] {
        let damaged = message.replacen(reference, to, 1);
        assert!(matches!(verdict(&damaged, &key), Err(Error::TokenReference { .. })), "{to}");
    }
    let elsewhere = message.replacen("URI=\"#str\"", "URI=\"#bst\"", 1);
    let document = parsed(elsewhere);
    let signature = signature_of(&document).expect("a structure");
    let reference = signature.references().last().expect("a reference");
    let refusal = reference.canonical(&Limits::default(), &mut Vec::new());
    assert!(matches!(refusal, Err(Error::Structure { .. })));
}

#[test]
fn refuses_too_many_references_and_prefixes() {
    let key = key(KeyKind::P256);
    let message = signed(&key);
    let from = message.find("<ds:Reference ").expect("a Reference");
    let to = message.find("</ds:Reference>").expect("a Reference") + "</ds:Reference>".len();
    let reference = message.get(from..to).expect("a Reference");
    let damaged = message.replacen(reference, &reference.repeat(15), 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::TooManyReferences { limit: 16, .. })));
    let list = (0..33).map(|n| format!("p{n} ")).collect::<String>();
    let damaged = message.replacen("PrefixList=\"s\"", &format!("PrefixList=\"{list}\""), 1);
    assert!(matches!(verdict(&damaged, &key), Err(Error::Structure { .. })));
}

fn assertion(key: &PrivateKey) -> Vec<u8> {
    let saml = |local| Name::new("saml2", ns::SAML2, local);
    let mut writer = Writer::new();
    writer.start(saml("Assertion")).attribute("ID", "_a").declare("xs", ns::XS);
    writer.leaf(saml("Issuer"), &[], "urn:issuer");
    let insert_at = writer.position();
    writer.start(saml("AttributeValue")).attribute_of(Name::new("xsi", ns::XSI, "type"), "xs:string").text("v&<\u{e9}");
    let element = writer.finish();
    let draft = sign::draft_enveloped(&Enveloped {
        element: &element,
        id: "_a",
        insert_at,
        algorithm: SignatureAlgorithm::EcdsaP256Sha256,
        digest: DigestAlgorithm::Sha256,
        prefixes: &["xs"],
        key_info: b"<ds:KeyInfo><ds:KeyName>k</ds:KeyName></ds:KeyInfo>",
    });
    let value = key.sign(SignatureAlgorithm::EcdsaP256Sha256, draft.to_sign()).expect("signed");
    draft.seal(&value)
}

#[test]
fn an_enveloped_signature_verifies_alone_and_inside_a_message() {
    let key = key(KeyKind::P256);
    let alone = String::from_utf8(assertion(&key)).expect("UTF-8");
    assert_eq!(verdict(&alone, &key).as_deref(), Ok(&["/saml2:Assertion".to_owned()][..]));
    let inside = format!("<r xmlns=\"urn:r\" xmlns:xs=\"urn:other\" xmlns:ds=\"urn:third\">\n{alone}</r>");
    assert_eq!(verdict(&inside, &key).as_deref(), Ok(&["/r/saml2:Assertion".to_owned()][..]));
}

#[test]
fn an_enveloped_signature_leaves_only_itself_out() {
    let key = key(KeyKind::P256);
    let alone = String::from_utf8(assertion(&key)).expect("UTF-8");
    let foreign = format!("<ds:Signature xmlns:ds=\"{}\"/></saml2:Assertion>", ns::DS);
    let doubled = alone.replacen("</saml2:Assertion>", &foreign, 1);
    assert_eq!(verdict(&doubled, &key).as_deref(), Ok(&["!/saml2:Assertion".to_owned()][..]));
}

#[test]
fn refuses_to_digest_nothing() {
    let key = key(KeyKind::P256);
    let alone = String::from_utf8(assertion(&key)).expect("UTF-8");
    // The Signature itself as the target of its enveloped-signature transform leaves nothing.
    let void = alone.replacen("ID=\"_a\"", "", 1).replacen("<ds:Signature ", "<ds:Signature Id=\"_a\" ", 1);
    let document = parsed(void);
    let signature = signature_of(&document).expect("a structure");
    let reference = signature.references().first().expect("a reference");
    assert!(matches!(reference.canonical(&Limits::default(), &mut Vec::new()), Err(Error::Empty { .. })));
}

#[test]
fn a_signature_goes_where_it_is_told() {
    let key = key(KeyKind::P256);
    for (text, wanted) in [
        ("<r><h/><b/></r>", "<r><h><ds:Signature"),
        ("<r><h a='>' ></h><b/></r>", "<r><h a='>' ><ds:Signature"),
        ("<r><h> <i/></h><b/></r>", "<r><h><ds:Signature"),
        ("<r><h a='x>y' ></h><b/></r>", "<r><h a='x>y' ><ds:Signature"),
        ("<r><header/><b/></r>", "<r><header><ds:Signature"),
    ] {
        let document = parsed(text);
        let [h, b] = [0, 1].map(|index| document.root().children().nth(index).expect("a child").id());
        let parts = [Part { target: Target::Element(b), how: How::Exclusive, prefixes: &[] }];
        let what = |place| OverParts {
            parts: &parts,
            place,
            algorithm: SignatureAlgorithm::EcdsaP256Sha256,
            digest: DigestAlgorithm::Sha512,
            prefixes: &[],
            id: None,
            key_info: "",
        };
        for place in [Place::FirstIn(h), Place::LastIn(h), Place::Before(b), Place::After(b)] {
            let signed = sign::sign_parts(&document, &what(place), &key).expect("signed");
            let signed = String::from_utf8(signed).expect("UTF-8");
            assert_eq!(verdict(&signed, &key).as_deref(), Ok(&["/r/b".to_owned()][..]), "{signed}");
            if matches!(place, Place::FirstIn(_)) {
                assert!(signed.starts_with(wanted), "{signed}");
            }
            let (octets, before, after) = sign::draft_parts(&document, &what(place)).expect("a draft").into_parts();
            let value = base64::encode(&key.sign(what(place).algorithm, &octets).expect("signed"));
            let sealed = String::from_utf8([before, value.into_bytes(), after].concat()).expect("UTF-8");
            assert_eq!(verdict(&sealed, &key).as_deref(), Ok(&["/r/b".to_owned()][..]), "{sealed}");
        }
    }
}
