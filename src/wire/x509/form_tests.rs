//! The rules of a certificate's form, each with a certificate that breaks it. Signatures are not looked at there, so a
//! good certificate is taken apart and put together again with one change.

use rcgen::{BasicConstraints as Constraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};
use x509_cert::der::asn1::{BitString, OctetString};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::{Certificate, TbsCertificate, Version};

use super::super::path::tests::{authority, params};
use super::*;

/// What is changed of a good certificate.
type Change = fn(&mut TbsCertificate);

/// One good certificate of each role, as a conforming authority issues them.
struct Good {
    leaf: Vec<u8>,
    authority: Vec<u8>,
    anchor: Vec<u8>,
}

impl Good {
    fn made() -> Self {
        let root = authority("root");
        let signed =
            |params: CertificateParams| params.signed_by(&KeyPair::generate().unwrap(), &root).unwrap().der().to_vec();
        let mut leaf = params("leaf");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.subject_alt_names = vec![SanType::DnsName("leaf.example".try_into().unwrap())];
        let mut between = params("between");
        between.is_ca = IsCa::Ca(Constraints::Unconstrained);
        between.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self { leaf: signed(leaf), authority: signed(between), anchor: root.der().to_vec() }
    }

    /// What is said of the certificate of that role, changed.
    fn judged(&self, role: Role, change: impl FnOnce(&mut TbsCertificate)) -> Result<(), FormError> {
        let bytes = match role {
            Role::Leaf => &self.leaf,
            Role::Authority => &self.authority,
            Role::Anchor => &self.anchor,
        };
        let mut certificate = Certificate::from_der(bytes).unwrap();
        change(&mut certificate.tbs_certificate);
        check(&certificate.to_der().unwrap(), role)
    }
}

fn without(tbs: &mut TbsCertificate, id: ObjectIdentifier) {
    tbs.extensions.as_mut().unwrap().retain(|extension| extension.extn_id != id);
}

fn set(tbs: &mut TbsCertificate, id: ObjectIdentifier, critical: bool, value: &[u8]) {
    without(tbs, id);
    let extn_value = OctetString::new(value).unwrap();
    tbs.extensions.as_mut().unwrap().push(Extension { extn_id: id, critical, extn_value });
}

fn critical(tbs: &mut TbsCertificate, id: ObjectIdentifier, wanted: bool) {
    let found = tbs.extensions.as_mut().unwrap().iter_mut().find(|extension| extension.extn_id == id);
    found.unwrap().critical = wanted;
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    Any::new(tag.try_into().unwrap(), content).unwrap().to_der().unwrap()
}

/// Makes the key an RSA key whose modulus has so many bits.
fn rsa(tbs: &mut TbsCertificate, bits: usize) {
    let mut modulus = vec![0; bits.div_ceil(8)];
    modulus[0] = 1 << ((bits - 1) % 8);
    *modulus.last_mut().unwrap() |= 1;
    if modulus[0] & 0x80 != 0 {
        modulus.insert(0, 0);
    }
    let key = der(0x30, &[der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat());
    let spki = &mut tbs.subject_public_key_info;
    spki.algorithm.oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    spki.algorithm.parameters = Some(Any::null());
    spki.subject_public_key = BitString::from_bytes(&key).unwrap();
}

/// `keyCertSign`, `digitalSignature`; `cA`, no `cA`, `cA` with a length of path; a key identifier.
const KEY_CERT_SIGN: &[u8] = &[0x03, 0x02, 0x02, 0x04];
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];
const CA: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xFF];
const NO_CA: &[u8] = &[0x30, 0x00];
const CA_OF_LENGTH_1: &[u8] = &[0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x01];
const ISSUER_BY_KEY: &[u8] = &[0x30, 0x06, 0x80, 0x04, 1, 2, 3, 4];
const ISSUER_BY_KEY_AND_SERIAL: &[u8] = &[0x30, 0x09, 0x80, 0x04, 1, 2, 3, 4, 0x82, 0x01, 0x01];
const ISSUER_BY_NOTHING: &[u8] = &[0x30, 0x00];
/// Permits, or excludes, one DNS name.
const PERMITS_EXAMPLE: &[u8] =
    &[0x30, 0x0D, 0xA0, 0x0B, 0x30, 0x09, 0x82, 0x07, b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
const EXCLUDES_DOTTED: &[u8] =
    &[0x30, 0x0D, 0xA1, 0x0B, 0x30, 0x09, 0x82, 0x07, b'.', b'x', b'a', b'm', b'p', b'l', b'e'];
const UNHEARD_OF: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.1");

#[test]
fn a_certificate_of_each_role_is_as_its_role_asks() {
    let good = Good::made();
    for role in [Role::Leaf, Role::Authority, Role::Anchor] {
        assert_eq!(good.judged(role, |_| {}), Ok(()), "{role:?}");
    }
}

#[test]
fn what_may_be_otherwise_is_taken() {
    let good = Good::made();
    let taken: &[(&str, Role, Change)] = &[
        ("an extension that nobody knows, not critical", Role::Leaf, |tbs| set(tbs, UNHEARD_OF, false, NO_CA)),
        ("a critical list of policies", Role::Leaf, |tbs| set(tbs, CERTIFICATE_POLICIES, true, NO_CA)),
        ("no subjectKeyIdentifier of a leaf", Role::Leaf, |tbs| without(tbs, SUBJECT_KEY_IDENTIFIER)),
        ("a leaf that is an authority", Role::Leaf, |tbs| {
            set(tbs, BASIC_CONSTRAINTS, true, CA);
            set(tbs, KEY_USAGE, true, KEY_CERT_SIGN);
        }),
        ("a leaf without keyUsage", Role::Leaf, |tbs| without(tbs, KEY_USAGE)),
        ("20 octets of a serial number", Role::Leaf, |tbs| {
            tbs.serial_number = SerialNumber::new(&[0x7F; 20]).unwrap();
        }),
        ("an empty subject, with names that are critical", Role::Leaf, |tbs| {
            tbs.subject = Name::default();
            critical(tbs, SUBJECT_ALT_NAME, true);
        }),
        ("an RSA key of 2048 bits", Role::Leaf, |tbs| rsa(tbs, 2048)),
        ("an RSA key of 3072 bits", Role::Leaf, |tbs| rsa(tbs, 3072)),
        ("a key that nothing here verifies with, of an authority", Role::Authority, |tbs| {
            tbs.subject_public_key_info.algorithm.oid = UNHEARD_OF;
        }),
        ("a length of path, with keyCertSign", Role::Authority, |tbs| {
            set(tbs, BASIC_CONSTRAINTS, true, CA_OF_LENGTH_1);
        }),
        ("a length of path, without keyUsage", Role::Authority, |tbs| {
            set(tbs, BASIC_CONSTRAINTS, true, CA_OF_LENGTH_1);
            without(tbs, KEY_USAGE);
        }),
        ("critical nameConstraints", Role::Authority, |tbs| set(tbs, NAME_CONSTRAINTS, true, PERMITS_EXAMPLE)),
        ("an anchor that does not name its issuer's key", Role::Anchor, |tbs| without(tbs, AUTHORITY_KEY_IDENTIFIER)),
        ("the serial number of an anchor", Role::Anchor, |tbs| tbs.serial_number = SerialNumber::new(&[0]).unwrap()),
        ("an anchor that another one signed", Role::Anchor, |tbs| {
            tbs.issuer = "CN=another".parse().unwrap();
            set(tbs, AUTHORITY_KEY_IDENTIFIER, false, ISSUER_BY_KEY);
        }),
    ];
    for (what, role, change) in taken {
        assert_eq!(good.judged(*role, change), Ok(()), "{what}");
    }
}

/// Holds each change against the error that it must give.
fn each_is_refused(rows: &[(Role, Change, FormError)]) {
    let good = Good::made();
    for (place, (role, change, error)) in rows.iter().enumerate() {
        assert_eq!(good.judged(*role, change), Err(error.clone()), "row {place}: {error:?}");
    }
}

#[test]
fn version_extensions_serial_number_issuer_and_key_are_as_the_standard_has_them() {
    each_is_refused(&[
        (Role::Leaf, |tbs| (tbs.version, tbs.extensions) = (Version::V1, None), FormError::Version),
        (Role::Leaf, |tbs| tbs.version = Version::V2, FormError::Version),
        (
            Role::Leaf,
            |tbs| {
                let twice = tbs.extensions.as_ref().unwrap()[0].clone();
                tbs.extensions.as_mut().unwrap().push(twice);
            },
            FormError::Repeated(AUTHORITY_KEY_IDENTIFIER.to_string()),
        ),
        (Role::Leaf, |tbs| set(tbs, UNHEARD_OF, true, NO_CA), FormError::Unknown(UNHEARD_OF.to_string())),
        (Role::Anchor, |tbs| set(tbs, UNHEARD_OF, true, NO_CA), FormError::Unknown(UNHEARD_OF.to_string())),
        (Role::Leaf, |tbs| tbs.serial_number = SerialNumber::new(&[0]).unwrap(), FormError::Serial("is zero")),
        (Role::Authority, |tbs| tbs.serial_number = SerialNumber::new(&[0]).unwrap(), FormError::Serial("is zero")),
        (Role::Leaf, |tbs| tbs.issuer = Name::default(), FormError::EmptyName("issuer")),
        (Role::Leaf, |tbs| rsa(tbs, 1024), FormError::Key("RSA of 1024 bits".to_owned())),
        (Role::Leaf, |tbs| rsa(tbs, 2047), FormError::Key("RSA of 2047 bits".to_owned())),
        (Role::Leaf, |tbs| rsa(tbs, 2049), FormError::Key("RSA of 2049 bits".to_owned())),
        (Role::Authority, |tbs| rsa(tbs, 1024), FormError::Key("RSA of 1024 bits".to_owned())),
    ]);
}

#[test]
fn the_identifiers_of_keys_are_there_where_they_must_be_and_say_whose() {
    const AUTHORITY_KEY: &str = "authorityKeyIdentifier";
    const SUBJECT_KEY: &str = "subjectKeyIdentifier";
    each_is_refused(&[
        (Role::Leaf, |tbs| critical(tbs, AUTHORITY_KEY_IDENTIFIER, true), FormError::Criticality(AUTHORITY_KEY, false)),
        (
            Role::Leaf,
            |tbs| set(tbs, SUBJECT_KEY_IDENTIFIER, true, &[0x04, 0x01, 0x01]),
            FormError::Criticality(SUBJECT_KEY, false),
        ),
        (Role::Leaf, |tbs| set(tbs, SUBJECT_KEY_IDENTIFIER, false, CA), FormError::Content(SUBJECT_KEY)),
        (Role::Authority, |tbs| without(tbs, SUBJECT_KEY_IDENTIFIER), FormError::Missing(SUBJECT_KEY)),
        (Role::Anchor, |tbs| without(tbs, SUBJECT_KEY_IDENTIFIER), FormError::Missing(SUBJECT_KEY)),
        (Role::Leaf, |tbs| without(tbs, AUTHORITY_KEY_IDENTIFIER), FormError::Missing(AUTHORITY_KEY)),
        (
            Role::Anchor,
            |tbs| {
                tbs.issuer = "CN=another".parse().unwrap();
                without(tbs, AUTHORITY_KEY_IDENTIFIER);
            },
            FormError::Missing(AUTHORITY_KEY),
        ),
        (
            Role::Leaf,
            |tbs| set(tbs, AUTHORITY_KEY_IDENTIFIER, false, ISSUER_BY_KEY_AND_SERIAL),
            FormError::Content(AUTHORITY_KEY),
        ),
        (
            Role::Leaf,
            |tbs| set(tbs, AUTHORITY_KEY_IDENTIFIER, false, ISSUER_BY_NOTHING),
            FormError::Missing("keyIdentifier of its issuer"),
        ),
        (
            Role::Anchor,
            |tbs| set(tbs, AUTHORITY_KEY_IDENTIFIER, false, ISSUER_BY_KEY),
            FormError::Content(AUTHORITY_KEY),
        ),
        (
            Role::Anchor,
            |tbs| set(tbs, AUTHORITY_KEY_IDENTIFIER, false, ISSUER_BY_NOTHING),
            FormError::Content(AUTHORITY_KEY),
        ),
        (
            Role::Anchor,
            |tbs| {
                let extensions = Extensions(tbs.extensions.as_deref().unwrap());
                let own =
                    extensions.read::<SubjectKeyIdentifier>(SUBJECT_KEY_IDENTIFIER, SUBJECT_KEY).unwrap().unwrap();
                let issuer = der(0xA1, &der(0xA4, &tbs.issuer.to_der().unwrap()));
                let by_all = der(0x30, &[der(0x80, own.0.as_bytes()), issuer, der(0x82, &[1])].concat());
                set(tbs, AUTHORITY_KEY_IDENTIFIER, false, &by_all);
            },
            FormError::Content(AUTHORITY_KEY),
        ),
    ]);
}

#[test]
fn a_leaf_does_not_say_that_it_certifies_others() {
    each_is_refused(&[
        (Role::Leaf, |tbs| set(tbs, NAME_CONSTRAINTS, true, PERMITS_EXAMPLE), FormError::Misplaced("nameConstraints")),
        (Role::Leaf, |tbs| set(tbs, KEY_USAGE, true, KEY_CERT_SIGN), FormError::Misplaced("key usage keyCertSign")),
        (Role::Leaf, |tbs| set(tbs, KEY_USAGE, true, CA), FormError::Content("keyUsage")),
        (Role::Leaf, |tbs| set(tbs, BASIC_CONSTRAINTS, true, KEY_CERT_SIGN), FormError::Content("basicConstraints")),
    ]);
}

#[test]
fn an_authority_says_that_it_is_one() {
    each_is_refused(&[
        (Role::Authority, |tbs| tbs.subject = Name::default(), FormError::EmptyName("subject")),
        (Role::Authority, |tbs| without(tbs, BASIC_CONSTRAINTS), FormError::Missing("basicConstraints")),
        (Role::Anchor, |tbs| without(tbs, BASIC_CONSTRAINTS), FormError::Missing("basicConstraints")),
        (
            Role::Authority,
            |tbs| critical(tbs, BASIC_CONSTRAINTS, false),
            FormError::Criticality("basicConstraints", true),
        ),
        (
            Role::Authority,
            |tbs| set(tbs, BASIC_CONSTRAINTS, true, NO_CA),
            FormError::Missing("cA in its basicConstraints"),
        ),
        (
            Role::Authority,
            |tbs| {
                set(tbs, BASIC_CONSTRAINTS, true, CA_OF_LENGTH_1);
                set(tbs, KEY_USAGE, true, DIGITAL_SIGNATURE);
            },
            FormError::Content("basicConstraints"),
        ),
    ]);
}

#[test]
fn names_and_what_limits_them_are_there_and_say_something() {
    each_is_refused(&[
        (Role::Leaf, |tbs| set(tbs, SUBJECT_ALT_NAME, false, NO_CA), FormError::Content("subjectAltName")),
        (Role::Leaf, |tbs| tbs.subject = Name::default(), FormError::Criticality("subjectAltName", true)),
        (
            Role::Leaf,
            |tbs| {
                tbs.subject = Name::default();
                without(tbs, SUBJECT_ALT_NAME);
            },
            FormError::EmptyName("subject and no subjectAltName"),
        ),
        (
            Role::Authority,
            |tbs| set(tbs, NAME_CONSTRAINTS, false, PERMITS_EXAMPLE),
            FormError::Criticality("nameConstraints", true),
        ),
        (Role::Authority, |tbs| set(tbs, NAME_CONSTRAINTS, true, NO_CA), FormError::Content("nameConstraints")),
        (
            Role::Authority,
            |tbs| set(tbs, NAME_CONSTRAINTS, true, EXCLUDES_DOTTED),
            FormError::Content("nameConstraints"),
        ),
    ]);
}

#[test]
fn extensions_of_access_and_policy_are_as_critical_as_they_must_be_and_readable() {
    const ACCESS: &str = "information access extension";
    each_is_refused(&[
        (Role::Leaf, |tbs| set(tbs, AUTHORITY_INFORMATION_ACCESS, true, NO_CA), FormError::Criticality(ACCESS, false)),
        (Role::Leaf, |tbs| set(tbs, SUBJECT_INFORMATION_ACCESS, false, CA), FormError::Content(ACCESS)),
        (
            Role::Authority,
            |tbs| set(tbs, POLICY_CONSTRAINTS, false, NO_CA),
            FormError::Criticality("policyConstraints", true),
        ),
    ]);
}

#[test]
fn a_key_that_nothing_verifies_with_is_no_leafs() {
    let good = Good::made();
    let found = good.judged(Role::Leaf, |tbs| tbs.subject_public_key_info.algorithm.oid = UNHEARD_OF);
    assert!(matches!(found, Err(FormError::Key(_))), "{found:?}");
    assert!(matches!(check(b"no certificate", Role::Leaf), Err(FormError::Unreadable(_))));
}

/// The library that reads certificates takes no serial number that is empty, negative or longer; others may.
#[test]
fn a_serial_number_is_positive_and_has_at_most_20_octets() {
    assert_eq!(serial(&[]), Err(FormError::Serial("is empty")));
    assert_eq!(serial(&[0x80]), Err(FormError::Serial("is negative")));
    assert_eq!(serial(&[0, 0]), Err(FormError::Serial("is zero")));
    assert_eq!(serial(&[0x7F; 21]), Err(FormError::Serial("has more than 20 octets")));
    assert_eq!(serial(&[0x7F; 20]), Ok(()));
    assert_eq!(serial(&[[0].as_slice(), &[0xFF; 20]].concat()), Ok(()));
    assert_eq!(serial(&[0x7F]), Ok(()));
}

#[test]
fn policies_and_the_places_of_whole_lists_are_read_from_their_extensions() {
    let good = Good::made();
    let bytes = |change: Change| {
        let mut certificate = Certificate::from_der(&good.leaf).unwrap();
        change(&mut certificate.tbs_certificate);
        certificate.to_der().unwrap()
    };
    let plain = bytes(|_| {});
    assert_eq!((policies(&plain), crl_distribution_points(&plain)), (None, None));
    assert!(has_extension(&plain, KEY_USAGE) && !has_extension(&plain, CERTIFICATE_POLICIES));
    assert!(!has_extension(b"no certificate", KEY_USAGE));

    let with_policies = bytes(|tbs| {
        let policy = |id: &str| der(0x30, &ObjectIdentifier::new_unwrap(id).to_der().unwrap());
        set(tbs, CERTIFICATE_POLICIES, false, &der(0x30, &[policy("1.2.3.4"), policy("2.16.56.1")].concat()));
    });
    assert_eq!(policies(&with_policies), Some(vec!["1.2.3.4".to_owned(), "2.16.56.1".to_owned()]));

    let with_lists = bytes(|tbs| {
        let name = |uri: &str| der(0xA0, &der(0xA0, &der(0x86, uri.as_bytes())));
        let some_reasons = der(0x81, &[0x01, 0x40]);
        let of_another = der(0xA2, &der(0x82, b"another.example"));
        let whole = der(0x30, &name("http://one.example/whole.crl"));
        let partly = der(0x30, &[name("http://one.example/part.crl"), some_reasons].concat());
        let indirect = der(0x30, &[name("http://one.example/other.crl"), of_another].concat());
        set(tbs, CRL_DISTRIBUTION_POINTS, false, &der(0x30, &[whole, partly, indirect].concat()));
    });
    assert_eq!(crl_distribution_points(&with_lists), Some(vec!["http://one.example/whole.crl".to_owned()]));
}
