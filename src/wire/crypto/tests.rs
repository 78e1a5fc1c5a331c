//! Keys: one encoding each, one algorithm each, no way around.

use super::*;

const KINDS: [KeyKind; 5] = KeyKind::ALL;

fn key(kind: KeyKind) -> PrivateKey {
    PrivateKey::generate(kind).expect("a key").0
}

#[test]
fn a_key_verifies_only_its_own_signatures_over_the_same_message() {
    for kind in KINDS {
        let (key, stranger) = (key(kind), key(kind));
        let algorithm = key.default_algorithm();
        let signature = key.sign(algorithm, b"message").expect("signed");
        assert_eq!(key.public().verify(algorithm, b"message", &signature), Ok(()));
        assert_eq!(key.public().verify(algorithm, b"massage", &signature), Err(BadSignature));
        assert_eq!(stranger.public().verify(algorithm, b"message", &signature), Err(BadSignature));
        assert_eq!(key.public().verify(algorithm, b"message", &[]), Err(BadSignature));
        for other in SignatureAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(key.public().verify(other, b"message", &signature), Err(BadSignature), "{other:?}");
            if other.key_kind() != kind {
                assert_eq!(key.sign(other, b"message"), Err(SignError::Algorithm));
            }
        }
    }
}

#[test]
fn rsa_signs_with_each_digest() {
    let key = key(KeyKind::Rsa);
    for algorithm in SignatureAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.key_kind() == KeyKind::Rsa) {
        let signature = key.sign(algorithm, b"message").expect("signed");
        assert_eq!(key.public().verify(algorithm, b"message", &signature), Ok(()));
    }
    // SHA-1 is never signed with, whoever may still be verified.
    assert_eq!(key.sign(SignatureAlgorithm::RsaSha1, b"message"), Err(SignError::Algorithm));
}

#[test]
fn a_key_is_the_same_key_whichever_way_it_is_read() {
    for kind in KINDS {
        let (key, pkcs8) = PrivateKey::generate(kind).expect("a key");
        let public = key.public();
        let by_parts = match public.components() {
            Components::Rsa { modulus, exponent } => PublicKey::from_rsa(&[&[0, 0], modulus].concat(), exponent),
            Components::Ec { curve, x, y } => PublicKey::from_point(curve, x, y),
            Components::Ed25519 { x } => PublicKey::from_ed25519(x),
        };
        assert_eq!(by_parts.as_ref(), Ok(public));
        assert_eq!(public.thumbprint(), sha256(public.spki()));
        let bits = [(KeyKind::Rsa, 2048), (KeyKind::P384, 384), (KeyKind::P521, 521)];
        let wanted = bits.iter().find(|(of, _)| *of == kind).map_or(256, |(_, bits)| *bits);
        assert_eq!(public.bits(), wanted);
        assert_eq!(public.rsa_exponent(), (kind == KeyKind::Rsa).then_some(65_537));
        let base64 = crate::wire::base64::encode(&pkcs8);
        let pem = format!("text before\n-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
        assert_eq!(PrivateKey::from_pem(&pem).expect("a key").public(), public);
        assert!(!format!("{key:?}").contains(&base64));
    }
}

#[test]
fn the_key_of_a_certificate_is_the_one_that_was_certified() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
        let pair = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        let parameters = rcgen::CertificateParams::new(vec!["host.example".to_owned()]).expect("parameters");
        let certificate = parameters.self_signed(&pair).expect("a certificate");
        let public = PublicKey::from_certificate(certificate.der()).expect("a key");
        let private = PrivateKey::from_pkcs8_der(&pair.serialize_der()).expect("a key");
        assert_eq!(&public, private.public());
        let cut = certificate.der().get(..certificate.der().len() - 1).expect("a piece");
        assert_eq!(PublicKey::from_certificate(cut), Err(KeyError::Certificate));
        let longer = [certificate.der(), &[0][..]].concat();
        assert_eq!(PublicKey::from_certificate(&longer), Err(KeyError::Certificate));
    }
    assert_eq!(PublicKey::from_certificate(b""), Err(KeyError::Certificate));
}

#[test]
fn refuses_a_second_encoding_and_keys_that_are_none() {
    let key = key(KeyKind::P256);
    let spki = key.public().spki();
    assert_eq!(PublicKey::from_spki(&[spki, &[0]].concat()), Err(KeyError::Encoding));
    assert_eq!(PublicKey::from_spki(spki.get(1..).expect("a piece")), Err(KeyError::Encoding));
    assert_eq!(PublicKey::from_spki(b""), Err(KeyError::Encoding));
    let Components::Ec { x, y, .. } = key.public().components() else { panic!("P-256") };
    // Off the curve; the compressed point; the curve P-384.
    let mut off = y.to_vec();
    off.iter_mut().take(1).for_each(|byte| *byte ^= 1);
    assert_eq!(PublicKey::from_point(Curve::P256, x, &off), Err(KeyError::Encoding));
    let compressed = [
        &[0x30, 0x39][..],
        spki.get(2..23).expect("the algorithm"),
        &[0x03, 0x22, 0x00, 0x02 | (y.last().copied().unwrap_or(0) & 1)],
        x,
    ]
    .concat();
    assert_eq!(PublicKey::from_spki(&compressed), Err(KeyError::Encoding));
    // The point of one curve on another.
    assert_eq!(PublicKey::from_point(Curve::P384, x, y), Err(KeyError::Encoding));
    assert_eq!(PublicKey::from_rsa(&[0xff; 1025], &[1, 0, 1]), Err(KeyError::Size(8200)));
    assert!(PublicKey::from_rsa(&[], &[1, 0, 1]).is_err());
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0, 1]] {
        assert_eq!(PublicKey::from_rsa(&[0xff; 256], exponent), Err(KeyError::Exponent), "{exponent:?}");
    }
    assert!(matches!(
        PrivateKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"),
        Err(KeyError::Pem)
    ));
}

#[test]
fn a_small_rsa_key_is_read_but_verifies_nothing() {
    let mut modulus = [0xff; 128];
    modulus[127] = 0x61;
    let key = PublicKey::from_rsa(&modulus, &[1, 0, 1]).expect("a key");
    assert_eq!(key.bits(), 1024);
    assert_eq!(key.verify(SignatureAlgorithm::RsaSha256, b"message", &[0; 128]), Err(BadSignature));
}

#[test]
fn names_of_algorithms_lead_back_to_them() {
    for algorithm in SignatureAlgorithm::ALL {
        assert_eq!(SignatureAlgorithm::from_uri(algorithm.uri()), Some(algorithm));
    }
    for algorithm in SignatureAlgorithm::JOSE {
        assert_eq!(SignatureAlgorithm::from_jose_name(algorithm.jose_name()), Some(algorithm));
    }
    for algorithm in DigestAlgorithm::ALL {
        assert_eq!(DigestAlgorithm::from_uri(algorithm.uri()), Some(algorithm));
    }
    for name in ["none", "HS256", "PS256", "ES256K", "RS1", "es256", ""] {
        assert_eq!(SignatureAlgorithm::from_jose_name(name), None);
    }
}

#[test]
fn digests_are_those_of_the_standards() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hex(&sha1_thumbprint(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    // RFC 4231, test case 2.
    let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert!(constant_time_eq(b"a", b"a") && !constant_time_eq(b"a", b"b") && !constant_time_eq(b"a", b"ab"));
    assert_ne!(random::<16>(), random::<16>());
}
