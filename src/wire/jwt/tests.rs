//! Whole tokens: what each kind takes, the swap matrix, and the vectors of others.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::wire::base64;
use crate::wire::crypto::{KeyKind, PrivateKey, PublicKey};

use super::jws::{Jws, MAX_BYTES};
use super::*;

/// A token of this header and payload, signed by `key` whatever they say.
fn signed(header: &Value, payload: &Value, key: &PrivateKey) -> String {
    let part = |value: &Value| base64::encode_url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(payload));
    let signature = key.sign(key.default_algorithm(), input.as_bytes()).unwrap();
    compact(&input, &signature)
}

fn p256() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256).unwrap().0
}

fn assertion() -> Value {
    json!({"iss": "hr", "sub": "hr", "aud": "https://sts.example", "jti": "1", "iat": 1000, "exp": 1060})
}

fn token() -> Value {
    json!({"iss": "https://sts.example", "sub": "p-1", "aud": ["https://a.example"], "client_id": "hr",
           "jti": "1", "iat": 1000, "exp": 1300})
}

fn changed(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

#[test]
fn a_client_assertion_of_ours_is_read_and_verified() {
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa] {
        let key = PrivateKey::generate(kind).unwrap().0;
        let claims = client_assertion::NewClaims {
            issuer: "hr".to_owned(),
            subject: "hr".to_owned(),
            audience: "https://sts.example".to_owned(),
            jwt_id: "1".to_owned(),
            issued_at: 1000,
            expires_at: 1060,
        };
        let input = client_assertion::signing_input(&claims, key.default_algorithm(), Some("k1")).unwrap();
        let text = compact(&input, &key.sign(key.default_algorithm(), input.as_bytes()).unwrap());

        let claimed = client_assertion::parse(&text).unwrap();
        assert_eq!((claimed.unverified().client_id.as_str(), claimed.key_id()), ("hr", Some("k1")));
        let verified = claimed.verify(&[p256().public().clone(), key.public().clone()]).unwrap();
        assert_eq!(verified.key(), key.public().thumbprint());
        assert_eq!(verified.claims().audience, "https://sts.example");

        let another = client_assertion::parse(&text).unwrap().verify(&[p256().public().clone()]);
        assert_eq!(another.unwrap_err(), BadSignature);
        assert_eq!(client_assertion::parse(&text).unwrap().verify(&[]).unwrap_err(), BadSignature);
    }
}

#[test]
fn an_audience_is_a_string_or_an_array_of_one() {
    let key = p256();
    let read = |audience: Value| {
        let text = signed(&json!({"alg": "ES256"}), &changed(assertion(), "aud", audience), &key);
        client_assertion::parse(&text).map(|claimed| claimed.unverified().audience_form)
    };
    assert_eq!(read(json!("a")), Ok(client_assertion::AudienceForm::String));
    assert_eq!(read(json!(["a"])), Ok(client_assertion::AudienceForm::ArrayOfOne));
    let count = |found| Err(Error::Claim { name: "aud", fault: ClaimFault::Count { found } });
    assert_eq!(read(json!([])), count(0));
    assert_eq!(read(json!(["a", "b"])), count(2));
    assert!(read(json!([["a"]])).is_err());
    assert!(read(json!({"a": 1})).is_err());
    assert!(read(json!("")).is_err());
}

#[test]
fn a_claim_that_is_missing_or_of_another_type_is_an_error() {
    let key = p256();
    for name in ["iss", "sub", "aud", "exp", "jti", "iat", "nbf"] {
        for bad in [json!(null), json!(true), json!([1]), json!({}), json!("\u{0}"), json!(-1), json!(1.5)] {
            if matches!(name, "iat" | "nbf") && bad.is_null() {
                continue;
            }
            let text = signed(&json!({"alg": "ES256"}), &changed(assertion(), name, bad.clone()), &key);
            assert!(client_assertion::parse(&text).is_err(), "{name}: {bad}");
        }
    }
    for name in ["iss", "sub", "aud", "exp", "jti", "iat", "client_id"] {
        let text = signed(&json!({"alg": "ES256", "typ": "at+jwt"}), &changed(token(), name, json!(null)), &key);
        match access_token::parse(&text).unwrap_err() {
            Error::Claim { name: found, fault } => assert_eq!((found, fault), (name, ClaimFault::Missing)),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_header_decides_nothing() {
    let key = p256();
    let read = |header: Value| client_assertion::parse(&signed(&header, &assertion(), &key));
    for algorithm in ["none", "None", "nOnE", "HS256", "HS512", "es256", "ES256K", "PS256", "RSA1_5", "dir"] {
        let error = read(json!({"alg": algorithm})).unwrap_err();
        assert_eq!(error, Error::Algorithm { found: algorithm.to_owned() });
    }
    assert_eq!(read(json!({})).unwrap_err(), Error::Algorithm { found: String::new() });
    for bad in [json!(["ES256"]), json!(""), json!(null), json!(1)] {
        assert!(matches!(read(json!({"alg": bad})), Err(Error::Claim { name: "alg", .. })));
    }
    for crit in [json!(["b64"]), json!([]), json!(["exp"]), json!(null)] {
        assert_eq!(read(json!({"alg": "ES256", "crit": crit})).unwrap_err(), Error::Critical { found: "crit" });
    }
    assert_eq!(read(json!({"alg": "ES256", "b64": false})).unwrap_err(), Error::Critical { found: "b64" });
    assert!(matches!(read(json!({"alg": "ES256", "cty": "JWT"})), Err(Error::Kind { .. })));
    assert!(matches!(read(json!({"alg": "ES256", "kid": "x".repeat(257)})), Err(Error::Claim { name: "kid", .. })));

    // Another algorithm than the key's: the signature is good, the header lies.
    let lying = read(json!({"alg": "RS256"})).unwrap();
    assert_eq!(lying.verify(&[key.public().clone()]).unwrap_err(), BadSignature);

    // A key of the sender's own in the header is not looked at.
    let own = jwk::published(key.public(), "k", "ES256", &[]);
    let carried = read(json!({"alg": "ES256", "jwk": own, "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}));
    assert_eq!(carried.unwrap().verify(&[p256().public().clone()]).unwrap_err(), BadSignature);
}

#[test]
fn only_the_compact_form_is_read() {
    let key = p256();
    let good = signed(&json!({"alg": "ES256"}), &assertion(), &key);
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let parts = |found| Error::Parts { found };
    let cases = [
        (String::new(), parts(1)),
        (format!("{header}.{payload}"), parts(2)),
        (format!("{good}.x"), parts(4)),
        (format!("{good}.x.y"), parts(5)),
        (format!(" {good}"), Error::Encoding(Part::Header)),
        (format!("{header}=.{payload}.{signature}"), Error::Encoding(Part::Header)),
        (format!("{header}.{payload} .{signature}"), Error::Encoding(Part::Payload)),
        (format!("{good}="), Error::Encoding(Part::Signature)),
        (format!("{good}\n"), Error::Encoding(Part::Signature)),
        ("x".repeat(MAX_BYTES + 1), Error::TooLong { limit: MAX_BYTES, found: MAX_BYTES + 1 }),
    ];
    for (text, wanted) in cases {
        assert_eq!(client_assertion::parse(&text).unwrap_err(), wanted, "{text:.60}");
    }
    let flat = json!({"protected": header, "payload": payload, "signature": signature}).to_string();
    assert!(client_assertion::parse(&flat).is_err());
    // No signature at all is base64url of nothing: it parses, and no key ever made it.
    let unsigned = client_assertion::parse(&format!("{header}.{payload}.")).unwrap();
    assert_eq!(unsigned.verify(&[key.public().clone()]).unwrap_err(), BadSignature);
}

#[test]
fn a_changed_part_is_not_verified() {
    let key = p256();
    let good = signed(&json!({"alg": "ES256"}), &assertion(), &key);
    let (_, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let other = signed(&json!({"alg": "ES256"}), &changed(assertion(), "jti", json!("2")), &key);
    let (signed_part, _) = other.rsplit_once('.').unwrap();
    let mixed = client_assertion::parse(&format!("{signed_part}.{signature}")).unwrap();
    assert_eq!(mixed.verify(&[key.public().clone()]).unwrap_err(), BadSignature);
}

/// Each kind of JWT in each slot (`rules.md` 5.3): all are signed by the one key that both slots
/// would take, so nothing but the kind tells them apart.
#[test]
fn the_swap_matrix() {
    let key = p256();
    let both = changed(changed(assertion(), "client_id", json!("hr")), "sub", json!("hr"));
    let (nobody, client, access) = ([false, false], [true, false], [false, true]);
    let table = [
        ("client assertion", "", assertion(), client),
        ("client assertion", "JWT", assertion(), client),
        ("client assertion", "jwt", assertion(), client),
        ("client assertion", "client-authentication+jwt", assertion(), client),
        ("client assertion", "application/client-authentication+jwt", assertion(), client),
        ("access token", "at+jwt", token(), access),
        ("access token", "AT+JWT", token(), access),
        ("access token", "application/at+jwt", token(), access),
        ("access token without its typ", "", token(), nobody),
        ("access token without its typ", "JWT", token(), nobody),
        ("access token as a client assertion", "client-authentication+jwt", token(), nobody),
        ("client assertion as an access token", "at+jwt", assertion(), nobody),
        ("client assertion with client_id as an access token", "at+jwt", both.clone(), nobody),
        ("both at once, as client assertion", "JWT", both, client),
        ("DPoP proof", "dpop+jwt", assertion(), nobody),
        ("DPoP proof", "dpop+jwt", token(), nobody),
        ("introspection answer", "token-introspection+jwt", token(), nobody),
        ("logout token", "logout+jwt", token(), nobody),
        ("security event", "secevent+jwt", assertion(), nobody),
        ("signed metadata", "oauth-authorization-server+jwt", assertion(), nobody),
        ("request object", "oauth-authz-req+jwt", assertion(), nobody),
        ("nothing but a prefix", "application/", assertion(), nobody),
        ("look-alike", "at+jwt ", token(), nobody),
        ("look-alike", "x/at+jwt", token(), nobody),
    ];
    for (kind, typ, claims, wanted) in table {
        let header = if typ.is_empty() { json!({"alg": "ES256"}) } else { json!({"alg": "ES256", "typ": typ}) };
        let text = signed(&header, &claims, &key);
        let keys = [key.public().clone()];
        let as_client = client_assertion::parse(&text).is_ok_and(|claimed| claimed.verify(&keys).is_ok());
        let as_access = access_token::parse(&text).is_ok_and(|claimed| claimed.verify(&keys).is_ok());
        assert_eq!([as_client, as_access], wanted, "{kind}, `{typ}`");
    }
}

#[test]
fn an_inspection_shows_any_token_and_believes_none() {
    let shown = inspect(&signed(&json!({"alg": "none", "typ": "x"}), &token(), &p256())).unwrap();
    assert_eq!(shown.header["alg"], "none");
    assert_eq!(shown.payload.unwrap()["client_id"], "hr");
    assert_eq!(shown.signature_length, 64);
    assert_eq!(inspect("a.b").unwrap_err(), Error::Parts { found: 2 });
}

// ── vectors of others ──────────────────────────────────────────────────────────────────────────

/// The file under `$VIDIMUS_VECTORS`, or why the test is skipped.
fn vectors(path: &str) -> Option<Value> {
    let Some(root) = std::env::var_os("VIDIMUS_VECTORS").map(PathBuf::from) else {
        let required = std::env::var_os("VIDIMUS_REQUIRE_VECTORS").is_some_and(|value| value == "1");
        assert!(!required, "VIDIMUS_REQUIRE_VECTORS is set and VIDIMUS_VECTORS is not");
        println!("skipped: VIDIMUS_VECTORS is not set");
        return None;
    };
    let file = root.join(path);
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Some(serde_json::from_slice(&bytes).unwrap())
}

fn verifies(text: &str, key: &PublicKey) -> bool {
    Jws::parse(text).is_ok_and(|jws| jws.verify(std::slice::from_ref(key)).is_ok())
}

#[test]
fn wycheproof_finds_nothing_that_verifies_and_should_not() {
    let Some(file) = vectors("wycheproof/json_web_signature_test.json") else { return };
    let (mut taken, mut refused) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key = group.get("public").or_else(|| group.get("private")).and_then(Value::as_object).unwrap();
        let readable = jwk::read(key);
        let named = key.get("alg").and_then(Value::as_str);
        for test in group["tests"].as_array().unwrap() {
            let text = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let verified = readable.as_ref().is_ok_and(|key| verifies(&text, key));
            let says = &test["result"];
            if says == "valid" && readable.is_ok() && algorithm_is_the_keys(&text, named) {
                assert!(verified, "{}: {}", test["tcId"], test["comment"]);
                taken += 1;
            } else if says != "valid" {
                assert!(!verified, "{}: {}", test["tcId"], test["comment"]);
                refused += 1;
            }
        }
    }
    assert!(taken >= 15 && refused >= 300, "{taken} taken, {refused} refused");
}

/// Some cases of the file carry a signature by another algorithm than their key names.
fn algorithm_is_the_keys(text: &str, named: Option<&str>) -> bool {
    let header = inspect(text).map(|shown| shown.header);
    header.is_ok_and(|header| header.get("alg").and_then(Value::as_str) == named || named.is_none())
}

#[test]
fn the_cookbook_verifies() {
    for (path, ours) in [
        ("jose-cookbook/jws/4_1.rsa_v15_signature.json", true),
        ("jose-cookbook/jws/4_2.rsa-pss_signature.json", false),
        ("jose-cookbook/jws/4_3.ecdsa_signature.json", true),
        ("jose-cookbook/jws/4_4.hmac-sha2_integrity_protection.json", false),
        ("jose-cookbook/curve25519/jws.json", true),
    ] {
        let Some(example) = vectors(path) else { return };
        let mut key = example["input"]["key"].as_object().unwrap().clone();
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            key.remove(private);
        }
        let text = example["output"]["compact"].as_str().unwrap();
        assert_eq!(jwk::read(&key).is_ok_and(|key| verifies(text, &key)), ours, "{path}");
    }
}
