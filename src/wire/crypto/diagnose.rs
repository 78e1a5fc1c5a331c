//! By which algorithm was this signature made? For saying what a signer did, on the command line.
//!
//! Knows what is never accepted too: SHA-1, small RSA keys, ECDSA values in DER. What is found here
//! is a sentence for people and proves nothing.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};

/// An algorithm that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recognised {
    /// As RFC 9231 ends its identifiers: `rsa-sha1`.
    pub name: &'static str,
    /// An ECDSA value as DER, where XML Signature wants `r || s`.
    pub der: bool,
}

impl Recognised {
    /// The identifier in `ds:SignatureMethod/@Algorithm`.
    pub fn uri(self) -> Option<&'static str> {
        URIS.iter().find(|(name, _)| *name == self.name).map(|(_, uri)| *uri)
    }
}

/// The algorithm under which `signature` is by this key over `message`.
pub fn recognised(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<Recognised> {
    let fits = |algorithm: &'static dyn VerificationAlgorithm| {
        UnparsedPublicKey::new(algorithm, spki).verify(message, signature).is_ok()
    };
    TRIED.iter().find(|(_, _, algorithm)| fits(*algorithm)).map(|(name, der, _)| Recognised { name, der: *der })
}

type Tried = (&'static str, bool, &'static dyn VerificationAlgorithm);

static TRIED: &[Tried] = &[
    ("rsa-sha256", false, &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
    ("rsa-sha1", false, &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
    ("rsa-sha384", false, &RSA_PKCS1_2048_8192_SHA384),
    ("rsa-sha512", false, &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
    ("sha256-rsa-MGF1", false, &RSA_PSS_2048_8192_SHA256),
    ("sha384-rsa-MGF1", false, &RSA_PSS_2048_8192_SHA384),
    ("sha512-rsa-MGF1", false, &RSA_PSS_2048_8192_SHA512),
    ("ecdsa-sha256", false, &ECDSA_P256_SHA256_FIXED),
    ("ecdsa-sha384", false, &ECDSA_P384_SHA384_FIXED),
    ("ecdsa-sha512", false, &ECDSA_P521_SHA512_FIXED),
    ("ecdsa-sha256", true, &ECDSA_P256_SHA256_ASN1),
    ("ecdsa-sha384", true, &ECDSA_P256_SHA384_ASN1),
    ("ecdsa-sha256", true, &ECDSA_P384_SHA256_ASN1),
    ("ecdsa-sha384", true, &ECDSA_P384_SHA384_ASN1),
    ("ecdsa-sha512", true, &ECDSA_P521_SHA512_ASN1),
    ("eddsa-ed25519", false, &ED25519),
];

const URIS: &[(&str, &str)] = &[
    ("rsa-sha1", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
    ("rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
    ("rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"),
    ("rsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
    ("sha256-rsa-MGF1", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
    ("sha384-rsa-MGF1", "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"),
    ("sha512-rsa-MGF1", "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"),
    ("ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
    ("ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
    ("ecdsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"),
    ("eddsa-ed25519", "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"),
];
