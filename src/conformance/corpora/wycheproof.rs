//! Wycheproof (C2SP): vectors for each primitive that a signature of ours can rest on.
//!
//! In: the folder of its `*_test.json`. Out: a [`CorpusResult`] for each file of RSASSA-PKCS1-v1_5, RSASSA-PSS, ECDSA
//! (`r || s`; the DER files are run too, and nothing in them may pass), Ed25519 and HMAC-SHA-256. What the corpus calls
//! `acceptable` is a spelling that we do not take: it counts as not valid.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{CorpusResult, Expected};
use crate::wire::crypto::{DigestAlgorithm, PublicKey, SignatureAlgorithm, constant_time_eq, hmac_sha256};

/// Runs every file in `folder` that is about one of our primitives, by name.
///
/// # Errors
/// When a file cannot be read, or is not what it was.
pub fn run(folder: &Path) -> Result<Vec<CorpusResult>, String> {
    let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = listed
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_ours(name))
        .collect();
    names.sort();
    names.iter().map(|name| file(folder, name)).collect()
}

fn is_ours(name: &str) -> bool {
    let ours = ["rsa_signature_", "rsa_pss_", "ecdsa_", "ed25519_", "hmac_sha256_"];
    ours.iter().any(|start| name.starts_with(start)) && name.ends_with("_test.json")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(rename = "type")]
    kind: String,
    public_key_der: Option<String>,
    sha: Option<String>,
    mgf_sha: Option<String>,
    s_len: Option<usize>,
    tag_size: Option<usize>,
    tests: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    tc_id: u32,
    comment: String,
    msg: String,
    key: Option<String>,
    sig: Option<String>,
    tag: Option<String>,
    result: String,
}

fn file(folder: &Path, name: &str) -> Result<CorpusResult, String> {
    let path = folder.join(name);
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file: File = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut result = CorpusResult::new(format!("wycheproof/{}", name.trim_end_matches(".json")));
    for group in &file.test_groups {
        for row in &group.tests {
            let (supported, found) = judge(group, row)?;
            let expected = match row.result.as_str() {
                _ if !supported => Expected::Unsupported,
                "valid" => Expected::Valid,
                "invalid" | "acceptable" => Expected::Invalid,
                other => return Err(format!("{name}: `{other}` is no result")),
            };
            result.count(format!("{} {}", row.tc_id, row.comment), expected, found);
        }
    }
    if result.rows != file.number_of_tests {
        return Err(format!("{name}: {} rows of {}", result.rows, file.number_of_tests));
    }
    Ok(result)
}

/// Whether the row is about something that we take, and our answer to it.
fn judge(group: &Group, row: &Row) -> Result<(bool, Result<(), String>), String> {
    if group.kind == "MacTest" {
        return mac(group, row);
    }
    let der = group.public_key_der.as_deref().ok_or("a group without publicKeyDer")?;
    let key = PublicKey::from_spki(&bytes(der)?);
    let Some((algorithm, exact)) = algorithm(group, key.as_ref().ok()) else {
        return Ok((false, Err("an algorithm that we do not have".to_owned())));
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => return Ok((false, Err(error.to_string()))),
    };
    // Not valid under another algorithm may well be valid under ours; only what is valid there cannot be.
    if !exact && row.result != "valid" {
        return Ok((false, Err("an algorithm that we do not have".to_owned())));
    }
    let signature = bytes(row.sig.as_deref().ok_or("a row without sig")?)?;
    let found = key.verify(algorithm, &bytes(&row.msg)?, &signature).map_err(|error| error.to_string());
    Ok((exact, found))
}

/// The nearest algorithm of ours, and whether it is exactly the group's. A near one is tried as well: what is made
/// with another salt, another mask or another encoding must not pass as ours.
fn algorithm(group: &Group, key: Option<&PublicKey>) -> Option<(SignatureAlgorithm, bool)> {
    let digest = match group.sha.as_deref() {
        Some("SHA-256") => Some(DigestAlgorithm::Sha256),
        Some("SHA-384") => Some(DigestAlgorithm::Sha384),
        Some("SHA-512") => Some(DigestAlgorithm::Sha512),
        _ => None,
    };
    match (group.kind.as_str(), digest) {
        ("RsassaPkcs1Verify", Some(DigestAlgorithm::Sha256)) => Some((SignatureAlgorithm::RsaSha256, true)),
        ("RsassaPkcs1Verify", Some(DigestAlgorithm::Sha384)) => Some((SignatureAlgorithm::RsaSha384, true)),
        ("RsassaPkcs1Verify", Some(DigestAlgorithm::Sha512)) => Some((SignatureAlgorithm::RsaSha512, true)),
        ("RsassaPssVerify", Some(digest)) => {
            let exact = group.mgf_sha == group.sha && group.s_len == Some(digest.length());
            SignatureAlgorithm::rsa_pss(digest).map(|algorithm| (algorithm, exact))
        }
        ("EcdsaP1363Verify" | "EcdsaVerify", Some(digest)) => {
            let mut of_curve =
                SignatureAlgorithm::ALL.into_iter().filter(|a| key.is_some_and(|k| k.kind() == a.key_kind()));
            let algorithm = of_curve.next()?;
            let goes_with_the_curve = match algorithm {
                SignatureAlgorithm::EcdsaP256Sha256 => digest == DigestAlgorithm::Sha256,
                SignatureAlgorithm::EcdsaP384Sha384 => digest == DigestAlgorithm::Sha384,
                SignatureAlgorithm::EcdsaP521Sha512 => digest == DigestAlgorithm::Sha512,
                _ => false,
            };
            Some((algorithm, goes_with_the_curve && group.kind == "EcdsaP1363Verify"))
        }
        ("EddsaVerify", _) => Some((SignatureAlgorithm::Ed25519, true)),
        _ => None,
    }
}

/// HMAC-SHA-256, which we compare in full only.
fn mac(group: &Group, row: &Row) -> Result<(bool, Result<(), String>), String> {
    let key = bytes(row.key.as_deref().ok_or("a row without key")?)?;
    let tag = bytes(row.tag.as_deref().ok_or("a row without tag")?)?;
    let same = constant_time_eq(&hmac_sha256(&key, &bytes(&row.msg)?), &tag);
    let found = if same { Ok(()) } else { Err("another tag".to_owned()) };
    Ok((group.tag_size == Some(256), found))
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let pairs = hex.as_bytes().chunks(2);
    let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
    pairs.map(|digits| pair(digits).ok_or_else(|| format!("`{hex:.20}` is not hexadecimal"))).collect()
}
