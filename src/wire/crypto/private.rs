//! Private keys: read, made, used to sign. Nothing gets one out again; `Debug` shows the public half.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::{Curve, KeyError, KeyKind, PublicKey, SignatureAlgorithm};

/// A private key that can sign. The library wipes its memory when it is dropped.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Curve, Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl PrivateKey {
    /// Reads an unencrypted PKCS#8 key, DER.
    ///
    /// # Errors
    /// When it is not an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Self::ed25519(pair);
        }
        for curve in Curve::ALL {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing(curve), der) {
                return Self::ec(curve, pair);
            }
        }
        Self::rsa(RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Kind)?)
    }

    /// Reads the first unencrypted key of a PEM text: PKCS#8, SEC 1 or PKCS#1.
    ///
    /// # Errors
    /// When there is none, or it is none of those kinds.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        match PrivateKeyDer::from_pem_slice(pem.as_ref()).map_err(|_| KeyError::Pem)? {
            PrivateKeyDer::Pkcs8(key) => Self::from_pkcs8_der(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => {
                Self::rsa(RsaKeyPair::from_der(key.secret_pkcs1_der()).map_err(|_| KeyError::Encoding)?)
            }
            PrivateKeyDer::Sec1(key) => {
                let read = |curve| EcdsaKeyPair::from_private_key_der(signing(curve), key.secret_sec1_der());
                let found = Curve::ALL.into_iter().find_map(|curve| Some((curve, read(curve).ok()?)));
                let (curve, pair) = found.ok_or(KeyError::Kind)?;
                Self::ec(curve, pair)
            }
            _ => Err(KeyError::Pem),
        }
    }

    /// Makes a key (RSA: 2048 bits), and its PKCS#8 encoding, DER.
    ///
    /// # Errors
    /// When the library cannot.
    pub fn generate(kind: KeyKind) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let failed = |_| KeyError::Encoding;
        let pkcs8 = match kind {
            KeyKind::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            KeyKind::P256 => ec_pkcs8(Curve::P256)?,
            KeyKind::P384 => ec_pkcs8(Curve::P384)?,
            KeyKind::P521 => ec_pkcs8(Curve::P521)?,
            KeyKind::Ed25519 => {
                // Version 1, as OpenSSL writes and reads it.
                let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(failed)?;
                Zeroizing::new(document.as_ref().to_vec())
            }
        };
        Ok((Self::from_pkcs8_der(&pkcs8)?, pkcs8))
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm that this key signs with unless another is asked for.
    pub fn default_algorithm(&self) -> SignatureAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::Ec(curve, _) => of_curve(curve),
            Pair::Ed25519(_) => SignatureAlgorithm::Ed25519,
        }
    }

    /// Signs a message (not its digest). ECDSA signatures are `r || s`.
    ///
    /// # Errors
    /// When the algorithm is none for this key.
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match (&self.pair, algorithm) {
            (Pair::Rsa(pair), SignatureAlgorithm::RsaSha256) => rsa_sign(pair, &RSA_PKCS1_SHA256, message),
            (Pair::Rsa(pair), SignatureAlgorithm::RsaSha384) => rsa_sign(pair, &RSA_PKCS1_SHA384, message),
            (Pair::Rsa(pair), SignatureAlgorithm::RsaSha512) => rsa_sign(pair, &RSA_PKCS1_SHA512, message),
            (Pair::Rsa(pair), SignatureAlgorithm::RsaPssSha256) => rsa_sign(pair, &RSA_PSS_SHA256, message),
            (Pair::Rsa(pair), SignatureAlgorithm::RsaPssSha384) => rsa_sign(pair, &RSA_PSS_SHA384, message),
            (Pair::Rsa(pair), SignatureAlgorithm::RsaPssSha512) => rsa_sign(pair, &RSA_PSS_SHA512, message),
            (Pair::Ec(curve, pair), _) if algorithm == of_curve(*curve) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SignError::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            (Pair::Ed25519(pair), SignatureAlgorithm::Ed25519) => {
                Ok(pair.try_sign(message).map_err(|_| SignError::Failed)?.as_ref().to_vec())
            }
            _ => Err(SignError::Algorithm),
        }
    }

    fn rsa(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Encoding)?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        Ok(Self { pair: Pair::Rsa(Box::new(pair)), public })
    }

    fn ec(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Encoding)?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        Ok(Self { pair: Pair::Ec(curve, Box::new(pair)), public })
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::from_ed25519(pair.public_key().as_ref())?;
        Ok(Self { pair: Pair::Ed25519(Box::new(pair)), public })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey of {:?}", self.public)
    }
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn of_curve(curve: Curve) -> SignatureAlgorithm {
    match curve {
        Curve::P256 => SignatureAlgorithm::EcdsaP256Sha256,
        Curve::P384 => SignatureAlgorithm::EcdsaP384Sha384,
        Curve::P521 => SignatureAlgorithm::EcdsaP521Sha512,
    }
}

fn ec_pkcs8(curve: Curve) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let document = EcdsaKeyPair::generate_pkcs8(signing(curve), &SystemRandom::new());
    Ok(Zeroizing::new(document.map_err(|_| KeyError::Encoding)?.as_ref().to_vec()))
}

fn rsa_sign(
    pair: &RsaKeyPair,
    padding: &'static dyn aws_lc_rs::signature::RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, SignError> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(|_| SignError::Failed)?;
    Ok(signature)
}

/// Why a key did not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignError {
    /// The algorithm is none for this key.
    Algorithm,
    /// The library failed.
    Failed,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "the algorithm does not fit the key",
            Self::Failed => "the key could not sign",
        })
    }
}

impl std::error::Error for SignError {}
