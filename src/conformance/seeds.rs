//! The seeds of the fuzz targets: small, our own, made again by anybody.
//!
//! `conformance/fuzz/corpus/TARGET/NAME` holds what [`made`] makes, byte for byte (`tests/fuzz.rs` compares them), and
//! beside it `found-…`: inputs that a fuzzer once found, kept for ever.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Duration};

use super::forge::{self, Recipe, Sign, Target};
use super::keys::Keys;
use super::signature::KeyReference;
use crate::model::Time;
use crate::wire::base64;
use crate::wire::crypto::SignatureAlgorithm;
use crate::wire::jwt::compact;

/// One seed.
#[derive(Debug, Clone)]
pub struct Seed {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The seeds of a target.
///
/// # Errors
/// When a key or a template is missing, or no target has the name.
pub fn made(root: &Path, target: &str) -> Result<Vec<Seed>, String> {
    match target {
        "scanner" => Ok(literal(SCANNER)),
        "c14n" => Ok(literal(CANONICAL)),
        "envelope" => envelopes(root),
        "saml" => assertions(root),
        "certificates" => certificates(root),
        "jwt" => jwts(root),
        other => Err(format!("no fuzz target is called `{other}`")),
    }
}

fn literal(texts: &[(&str, &str)]) -> Vec<Seed> {
    texts.iter().map(|(name, text)| seed(name, text.as_bytes().to_vec())).collect()
}

fn seed(name: &str, bytes: Vec<u8>) -> Seed {
    Seed { name: name.to_owned(), bytes }
}

/// RSA alone signs here: an ECDSA signature would be another one each time.
fn envelopes(root: &Path) -> Result<Vec<Seed>, String> {
    let mut seeds = Vec::new();
    for (name, reference) in [
        ("binary-security-token", KeyReference::BinarySecurityToken),
        ("issuer-serial", KeyReference::IssuerSerial),
        ("subject-key-identifier", KeyReference::SubjectKeyIdentifier),
        ("thumbprint", KeyReference::Thumbprint),
        ("embedded-certificate", KeyReference::EmbeddedCertificate),
    ] {
        seeds.push(seed(name, forged(root, &message("hospital", reference, &["Body", "Timestamp"], &[]))?));
    }
    let token = KeyReference::BinarySecurityToken;
    let soap12 = [("soap", "http://www.w3.org/2003/05/soap-envelope"), ("addressing", "${file:parts/addressing.xml}")];
    let parts = ["Body", "Timestamp", "To", "Action", "MessageID", "ReplyTo"];
    seeds.push(seed("soap-1.2-addressing", forged(root, &message("hospital", token, &parts, &soap12))?));
    let parts = ["Body", "Timestamp", "STR"];
    seeds.push(seed("str-transform", forged(root, &message("pharmacy", token, &parts, &[]))?));
    let mut holder = message("hospital", KeyReference::SamlAssertion, &["Body", "Timestamp", "Assertion"], &[]);
    holder.values.insert("token".into(), "${assertion}".into());
    holder.tokens.insert("assertion".into(), assertion(&[]));
    seeds.push(seed("saml-holder-of-key", forged(root, &holder)?));
    for name in ["cxf", "wss4j", "zeep-signature"] {
        let recipe = Recipe {
            from: Some(format!("parts/clients/{name}.xml")),
            sign: Some(Sign { key: Some("hospital".into()), ..Sign::default() }),
            ..Recipe::default()
        };
        seeds.push(seed(name, forged(root, &recipe)?));
    }
    Ok(seeds)
}

fn assertions(root: &Path) -> Result<Vec<Seed>, String> {
    let mut seeds = literal(ASSERTIONS);
    for (name, values) in [
        ("holder-of-key", &[][..]),
        ("one-time-use", &[("conditions", "<saml2:OneTimeUse/>")][..]),
        ("proxy-restriction", &[("conditions", "<saml2:ProxyRestriction Count=\"0\"/>")][..]),
        ("bearer", &[("method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")][..]),
        ("of-the-pharmacy", &[("holder", "pharmacy"), ("ward", "")][..]),
    ] {
        seeds.push(seed(name, forged(root, &assertion(values))?));
    }
    Ok(seeds)
}

fn certificates(root: &Path) -> Result<Vec<Seed>, String> {
    let keys = Keys::open(root.join("keys"));
    let mut seeds = literal(NAMES);
    for name in CERTIFICATES {
        seeds.push(seed(name, keys.certificate(name)?.der().to_vec()));
    }
    let pem = std::fs::read(keys.folder().join("clinic.cert.pem")).map_err(|error| error.to_string())?;
    seeds.push(seed("clinic.pem", pem));
    Ok(seeds)
}

fn jwts(root: &Path) -> Result<Vec<Seed>, String> {
    let key = Keys::open(root.join("keys")).private("hospital")?;
    let access = r#""iss":"https://sts.example","sub":"cbe:0206731645","aud":"https://dmfa.example/services","client_id":"hospital-client","jti":"j-1","iat":1772366400,"exp":1772367000,"scope":"dmfa:read","cnf":{"x5t#S256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let client = r#""iss":"hospital-client","sub":"hospital-client","aud":"https://sts.example","jti":"j-2","iat":1772366400,"exp":1772366460"#;
    let mut seeds = Vec::new();
    for (name, algorithm, kind, claims) in [
        ("access-token", SignatureAlgorithm::RsaSha256, "at+jwt", access),
        ("access-token-rs512", SignatureAlgorithm::RsaSha512, "at+jwt", access),
        ("client-assertion", SignatureAlgorithm::RsaSha256, "JWT", client),
        ("client-assertion-rs384", SignatureAlgorithm::RsaSha384, "JWT", client),
        ("another-kind", SignatureAlgorithm::RsaSha256, "dpop+jwt", client),
    ] {
        let header = format!(r#"{{"alg":"{}","typ":"{kind}","kid":"k"}}"#, algorithm.jose_name());
        let payload = format!("{{{claims}}}");
        let input = format!("{}.{}", base64::encode_url(header.as_bytes()), base64::encode_url(payload.as_bytes()));
        let value = key.sign(algorithm, input.as_bytes()).map_err(|error| error.to_string())?;
        seeds.push(seed(name, compact(&input, &value).into_bytes()));
    }
    for (name, header) in [
        ("alg-none", r#"{"alg":"none","typ":"JWT"}"#),
        ("crit", r#"{"alg":"RS256","typ":"JWT","crit":["b64"],"b64":false}"#),
        ("twice", r#"{"alg":"RS256","alg":"none","typ":"at+jwt"}"#),
    ] {
        let payload = format!("{{{client}}}");
        let (header, payload) = (base64::encode_url(header.as_bytes()), base64::encode_url(payload.as_bytes()));
        seeds.push(seed(name, format!("{header}.{payload}.AA").into_bytes()));
    }
    Ok(seeds)
}

/// An honest message of the corpus's usual template.
pub(super) fn message(key: &str, reference: KeyReference, parts: &[&str], values: &[(&str, &str)]) -> Recipe {
    Recipe {
        from: Some("parts/issue.xml".into()),
        values: owned(values),
        sign: Some(Sign {
            key: Some(key.to_owned()),
            parts: Some(parts.iter().map(|part| (*part).to_owned()).collect()),
            key_reference: Some(reference),
            ..Sign::default()
        }),
        ..Recipe::default()
    }
}

/// An honest assertion of the region's identity provider.
pub(super) fn assertion(values: &[(&str, &str)]) -> Recipe {
    Recipe {
        from: Some("parts/assertion.xml".into()),
        values: owned(values),
        sign: Some(Sign { key: Some("issuer".into()), ..Sign::default() }),
        ..Recipe::default()
    }
}

fn owned(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn forged(root: &Path, recipe: &Recipe) -> Result<Vec<u8>, String> {
    forged_at(root, recipe, Duration::zero())
}

/// Forges for the hospital's world, so long after its instant.
pub(super) fn forged_at(root: &Path, recipe: &Recipe, after: Duration) -> Result<Vec<u8>, String> {
    let target = Target {
        endpoint: "https://sts.example/sts/oasis".into(),
        folder: root.join("conformance"),
        ..Target::default()
    };
    forge::forge(recipe, &Keys::open(root.join("keys")), instant(root)? + after, &target)
}

/// The instant of the hospital's world.
fn instant(root: &Path) -> Result<Time, String> {
    let path = root.join("conformance/worlds/hospital/clock");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    DateTime::parse_from_rfc3339(text.trim()).map(|time| time.to_utc()).map_err(|error| error.to_string())
}

const SCANNER: &[(&str, &str)] = &[
    ("empty-element", "<a/>"),
    ("declaration", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a></a>"),
    ("byte-order-mark", "\u{feff}<a/>"),
    ("attributes", "<a b=\"1\" c='2' d=\"&lt;&amp;&quot;\"/>"),
    ("namespaces", "<p:a xmlns:p=\"urn:p\" xmlns=\"urn:d\" p:b=\"1\"><c xmlns=\"\"/></p:a>"),
    ("text", "<a>one &amp; two &#65; &#x1F600; three</a>"),
    ("cdata", "<a>x<![CDATA[<&>]]]]><![CDATA[>]]>y</a>"),
    ("comments", "<!-- before --><a>x<!-- within -->y</a><!-- after -->"),
    ("ids", "<a Id=\"1\" xml:id=\"2\"><b ID=\"3\"/><c id=\"1\"/></a>"),
    ("line-ends", "<a b=\"x\r\ny\">\r\nz\r</a>"),
    ("time", "<t>2026-03-01T12:00:00.123456789+01:00</t>"),
    ("doctype", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"),
    ("processing-instruction", "<a><?p q?></a>"),
    ("unknown-entity", "<a>&nbsp;</a>"),
    ("same-attribute-twice", "<a xmlns:p=\"urn:x\" xmlns:q=\"urn:x\" p:b=\"1\" q:b=\"2\"/>"),
    ("undeclared-prefix", "<p:a/>"),
    ("relative-namespace", "<a xmlns=\"x\"/>"),
    ("trailing", "<a/><b/>"),
    ("unclosed", "<a><b></a>"),
    ("deep", "<a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a></a></a>"),
    ("zero", "<a>\0</a>"),
    ("surrogate", "<a>&#xD800;</a>"),
    ("end-of-cdata-in-text", "<a>]]></a>"),
    ("less-in-attribute", "<a b=\"<\"/>"),
];

const CANONICAL: &[(&str, &str)] = &[
    ("empty-element", "<a/>"),
    ("order", "<a z=\"1\" xmlns:q=\"urn:q\" q:b=\"2\" xmlns:p=\"urn:p\" p:b=\"3\" a=\"4\"/>"),
    ("undeclared", "<a xmlns=\"urn:d\"><b xmlns=\"\"><c xmlns=\"urn:d\"/></b></a>"),
    ("declared-again", "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c xmlns:p=\"urn:1\"/></p:b></p:a>"),
    ("not-used", "<a xmlns:p=\"urn:p\"><b p:c=\"1\"/><p:d/></a>"),
    ("xml-attributes", "<a xml:lang=\"nl\" xml:space=\"preserve\"><b xml:lang=\"fr\"/></a>"),
    ("carriage-return", "<a b=\"&#13;&#10;&#9;\">&#13;</a>"),
    ("quotes", "<a b='\"' c=\"'\">&gt;\"'</a>"),
    ("cdata", "<a><![CDATA[&<>]]></a>"),
    ("comments", "<a>x<!-- y -->z<b/><!-- --></a>"),
    ("white-space", "<a  b = \"1\"\n c='2' >\n <d />\n</a >"),
    ("references", "<a b=\"&#x41;&amp;\">&#65;&lt;</a>"),
    ("siblings", "<p:a xmlns:p=\"urn:p\"><p:b/><q:c xmlns:q=\"urn:q\"/><p:b/></p:a>"),
    ("prefix-like-another", "<a xmlns:ab=\"urn:1\" xmlns:a=\"urn:2\" ab:x=\"1\" a:x=\"2\"/>"),
    ("beyond-ascii", "<é xmlns:ü=\"urn:ü\" ü:ö=\"ä\">ß😀</é>"),
];

const ASSERTIONS: &[(&str, &str)] = &[
    (
        "least",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a\" IssueInstant=\"2026-03-01T12:00:00Z\" \
         Version=\"2.0\"><Issuer>urn:i</Issuer><Subject><NameID>n</NameID></Subject></Assertion>",
    ),
    (
        "version-1.1",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:1.0:assertion\" AssertionID=\"_a\" \
         IssueInstant=\"2026-03-01T12:00:00Z\" Issuer=\"urn:i\" MajorVersion=\"1\" MinorVersion=\"1\">\
         <Conditions NotBefore=\"2026-03-01T12:00:00Z\" NotOnOrAfter=\"2026-03-01T13:00:00Z\">\
         <AudienceRestrictionCondition><Audience>urn:us</Audience></AudienceRestrictionCondition></Conditions>\
         <AuthenticationStatement AuthenticationInstant=\"2026-03-01T12:00:00Z\" AuthenticationMethod=\"urn:m\">\
         <Subject><NameIdentifier>n</NameIdentifier><SubjectConfirmation><ConfirmationMethod>\
         urn:oasis:names:tc:SAML:1.0:cm:holder-of-key</ConfirmationMethod></SubjectConfirmation></Subject>\
         </AuthenticationStatement></Assertion>",
    ),
    (
        "encrypted",
        "<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"><EncryptedData \
         xmlns=\"http://www.w3.org/2001/04/xmlenc#\"/></EncryptedAssertion>",
    ),
];

/// An authority, RSA and P-256 leaves, another authority's, one without signing.
const CERTIFICATES: &[&str] = &["ca", "hospital", "clinic", "hospital-no-signing", "outsider", "server", "archive"];

const NAMES: &[(&str, &str)] = &[
    ("name-rfc2253", "CN=St Janna,O=Vidimus\\, \\\"conformance\\\",C=BE"),
    ("name-quoted", "CN=\"St Janna\", O=\"Vidimus, \"\"conformance\"\"\", C=BE"),
    ("name-numbers", "2.5.4.3=#0C0161,1.2.3=x"),
    ("name-of-several", "CN=a+SERIALNUMBER=1,DC=be"),
    ("name-escapes", "CN=\\C3\\A9\\20,O=\\ x"),
];
