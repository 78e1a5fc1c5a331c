//! Whoever signs an attack: a key and a certificate of his own, and what he makes of others'.

use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use x509_cert::der::{Decode, Encode};

use super::Unfit;
use super::good::{Good, content, set};
use crate::conformance::signature;
use crate::wire::base64;
use crate::wire::crypto::{Components, PrivateKey, SignatureAlgorithm};
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::Element;
use crate::wire::xml::c14n::{self, Exclusive};

/// A key, its certificate, and for certificates of his own making the key once more.
pub struct Attacker {
    key: PrivateKey,
    certificate: Vec<u8>,
    maker: Option<KeyPair>,
}

impl Attacker {
    /// Somebody nobody knows: an RSA key and a self-signed certificate, made now.
    ///
    /// # Errors
    /// When the library cannot.
    pub fn stranger() -> Result<Self, String> {
        let failed = |error: rcgen::Error| error.to_string();
        let maker = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Mallory");
        params.is_ca = IsCa::ExplicitNoCa;
        let certificate = params.self_signed(&maker).map_err(failed)?.der().to_vec();
        let key = PrivateKey::from_pkcs8_der(&maker.serialize_der()).map_err(|error| error.to_string())?;
        Ok(Self { key, certificate, maker: Some(maker) })
    }

    /// Somebody with this key: a tester with his own, who is trusted, so that only the shape is wrong.
    pub fn with(key: PrivateKey, certificate: Vec<u8>) -> Self {
        Self { key, certificate, maker: None }
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificate in base64.
    pub fn certificate(&self) -> String {
        base64::encode(&self.certificate)
    }

    /// `ds:X509Data` with the certificate.
    pub fn x509_data(&self) -> String {
        format!(
            "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
            ns::DS,
            self.certificate()
        )
    }

    /// `ds:KeyValue` with the key.
    pub fn key_value(&self) -> Result<String, Unfit> {
        let Components::Rsa { modulus, exponent } = self.key.public().components() else {
            return Err("the attacker's key is not RSA");
        };
        Ok(format!(
            "<ds:KeyValue xmlns:ds=\"{}\"><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent>\
             </ds:RSAKeyValue></ds:KeyValue>",
            ns::DS,
            base64::encode(modulus),
            base64::encode(exponent)
        ))
    }

    /// A certificate that says what the victim's says, with the attacker's key.
    pub fn cloned(&self, victim: &[u8]) -> Result<String, Unfit> {
        let maker = self.maker.as_ref().ok_or("only a made-up attacker makes certificates")?;
        let issuer = Issuer::new(resembling(victim, true)?, maker);
        made(&resembling(victim, false)?, maker, &issuer)
    }

    /// A certificate with the victim's key that says something else.
    pub fn of_the_victims_key(&self, victim: &[u8]) -> Result<String, Unfit> {
        let maker = self.maker.as_ref().ok_or("only a made-up attacker makes certificates")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Mallory with your key");
        let mut authority = CertificateParams::default();
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, "Mallory CA");
        made(&params, &OthersKey::of(victim)?, &Issuer::new(authority, maker))
    }

    /// The message with the attacker's signature in the place of the honest one: algorithm, digests,
    /// value. What `KeyInfo` says is not touched.
    ///
    /// # Errors
    /// When the message has no signature to replace.
    pub fn resigned(&self, text: &str) -> Result<String, Unfit> {
        let method = self.key.default_algorithm();
        self.resigned_with(text, method.uri(), |octets| {
            self.key.sign(method, octets).map_err(|_| "the attacker's key does not sign")
        })
    }

    /// The same, keeping what the message says of its algorithms where the key can do it.
    ///
    /// # Errors
    /// As [`resigned`](Self::resigned).
    pub fn resigned_as_it_says(&self, text: &str) -> Result<String, Unfit> {
        let good = Good::read(text.as_bytes()).map_err(|_| NOT_XML)?;
        let method = method(&good)?.attribute("", "Algorithm").unwrap_or_default().to_owned();
        let known = SignatureAlgorithm::from_uri(&method).unwrap_or(self.key.default_algorithm());
        self.resigned_with(text, &method, |octets| {
            self.key.sign(known, octets).map_err(|_| "the attacker's key is of another kind")
        })
    }

    /// The same with any value.
    ///
    /// # Errors
    /// As [`resigned`](Self::resigned).
    pub fn resigned_with(
        &self,
        text: &str,
        algorithm: &str,
        value: impl FnOnce(&[u8]) -> Result<Vec<u8>, Unfit>,
    ) -> Result<String, Unfit> {
        let good = Good::read(text.as_bytes()).map_err(|_| NOT_XML)?;
        let mut changes = vec![set(method(&good)?, "Algorithm", algorithm)?];
        for reference in good.signed_info()?.children_named(ns::DS, "Reference") {
            if let Some(value) = reference.child(ns::DS, "DigestValue") {
                let digest = signature::digest(good.document(), reference).map_err(|_| "a digest cannot be made")?;
                changes.push(content(value, digest));
            }
        }
        let digested = good.with(changes);
        let good = Good::read(digested.as_bytes()).map_err(|_| NOT_XML)?;
        let octets = canonical(good.signed_info()?)?;
        let value = base64::encode(&value(&octets)?);
        Ok(good.with([content(good.signature_value()?, value)]))
    }
}

/// The canonical SignedInfo, exclusively, as its CanonicalizationMethod lists prefixes.
pub fn canonical(signed_info: Element<'_>) -> Result<Vec<u8>, Unfit> {
    let method = signed_info.child(ns::DS, "CanonicalizationMethod");
    let list = method.and_then(|method| method.child(ns::EXC_C14N, "InclusiveNamespaces"));
    let list = list.and_then(|list| list.attribute("", "PrefixList")).unwrap_or_default();
    let prefixes: Vec<&str> = list.split_whitespace().collect();
    let mut octets = Vec::new();
    c14n::exclusive(signed_info, &Exclusive { prefixes: &prefixes, ..Exclusive::default() }, &mut octets)
        .map_err(|_| "SignedInfo has no canonical form")?;
    Ok(octets)
}

fn method(good: &Good) -> Result<Element<'_>, Unfit> {
    good.signed_info()?.child(ns::DS, "SignatureMethod").ok_or("the signature names no method")
}

/// Subject (or issuer) and serial number of another certificate, as far as they can be copied.
fn resembling(victim: &[u8], as_issuer: bool) -> Result<CertificateParams, Unfit> {
    let certificate = Certificate::parse(victim).map_err(|_| NO_CERTIFICATE)?;
    let read = x509_cert::Certificate::from_der(victim).map_err(|_| NO_CERTIFICATE)?;
    let name = if as_issuer { &read.tbs_certificate.issuer } else { &read.tbs_certificate.subject };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for attribute in name.0.iter().flat_map(|relative| relative.0.iter()) {
        let Ok(value) = std::str::from_utf8(attribute.value.value()) else { continue };
        let arcs: Vec<u64> = attribute.oid.arcs().map(u64::from).collect();
        params.distinguished_name.push(DnType::CustomDnType(arcs), value);
    }
    params.serial_number = Some(rcgen::SerialNumber::from_slice(read.tbs_certificate.serial_number.as_bytes()));
    let (from, until) = (certificate.not_before(), certificate.not_after());
    let day = |time: chrono::DateTime<chrono::Utc>| {
        use chrono::Datelike;
        let (month, day) = (u8::try_from(time.month()).unwrap_or(1), u8::try_from(time.day()).unwrap_or(1));
        rcgen::date_time_ymd(time.year(), month, day)
    };
    (params.not_before, params.not_after) = (day(from), day(until));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn made(params: &CertificateParams, key: &impl PublicKeyData, issuer: &Issuer<'_, &KeyPair>) -> Result<String, Unfit> {
    let certificate = params.signed_by(key, issuer).map_err(|_| "the certificate cannot be made")?;
    Ok(base64::encode(certificate.der()))
}

/// The public key of a certificate, to be put into another one.
struct OthersKey {
    bits: Vec<u8>,
    algorithm: &'static rcgen::SignatureAlgorithm,
}

impl OthersKey {
    fn of(certificate: &[u8]) -> Result<Self, Unfit> {
        let read = x509_cert::Certificate::from_der(certificate).map_err(|_| NO_CERTIFICATE)?;
        let info = read.tbs_certificate.subject_public_key_info;
        let algorithm = info.algorithm.to_der().map_err(|_| NO_CERTIFICATE)?;
        let is = |part: &[u8]| algorithm.windows(part.len()).any(|window| window == part);
        // The identifiers of rsaEncryption, prime256v1 and Ed25519.
        let algorithm = if is(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]) {
            &PKCS_RSA_SHA256
        } else if is(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) {
            &rcgen::PKCS_ECDSA_P256_SHA256
        } else {
            return Err("the victim's key is neither RSA nor P-256");
        };
        Ok(Self { bits: info.subject_public_key.raw_bytes().to_vec(), algorithm })
    }
}

impl PublicKeyData for OthersKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.algorithm
    }
}

const NOT_XML: Unfit = "the changed message is not XML";
const NO_CERTIFICATE: Unfit = "the certificate cannot be read";
