//! The CRLs of rustls-webpki's own tests, through our reading and our question for whom a list
//! speaks.
//!
//! In: its folder `tests`. `crls/` has lists whose issuer is not there: one that could be used but for
//! its signature counts as taken. `client_auth_revocation/` has chains whose list must not speak for
//! the leaf: indirect, reason-partitioned, without a whole name.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{CorpusResult, Expected};
use crate::wire::x509::{Certificate, Crl, Revocations, Status};

/// Runs every list.
///
/// # Errors
/// When a file cannot be read.
pub fn run(folder: &Path) -> Result<CorpusResult, String> {
    let mut result = CorpusResult::new("rustls-webpki/crls");
    let lists = folder.join("crls");
    for name in names(&lists, ".der")? {
        let bytes = read(&lists.join(&name))?;
        let expected = if USABLE.contains(&name.as_str()) { Expected::Valid } else { Expected::Invalid };
        result.count(&name, expected, Crl::readable(&bytes).map(drop).map_err(|error| error.to_string()));
    }
    let chains = folder.join("client_auth_revocation");
    for (chain, list) in CHAINS {
        result.count(*list, Expected::Invalid, speaks(&chains, chain, list)?);
    }
    Ok(result)
}

/// Whether the list says that the leaf of the chain is good.
fn speaks(folder: &Path, chain: &str, list: &str) -> Result<Result<(), String>, String> {
    let certificate = |name: String| -> Result<Certificate, String> {
        Certificate::parse(&read(&folder.join(&name))?).map_err(|error| format!("{name}: {error}"))
    };
    let leaf = certificate(format!("{chain}.ee.der"))?;
    let issuer = certificate(format!("{chain}.int.a.ca.der"))?;
    let at: DateTime<Utc> = DateTime::from_timestamp(AT, 0).ok_or("a bad time")?;
    let bytes = read(&folder.join(list))?;
    Ok(match Crl::verify(&bytes, [&issuer], at) {
        Err(error) => Err(error.to_string()),
        Ok(crl) => {
            let revocations = Revocations::new(1, vec![Arc::new(crl)], Vec::new());
            match revocations.status(&leaf, (issuer.subject_der(), &issuer.key_thumbprint()), at) {
                Status::Good { .. } => Ok(()),
                other => Err(format!("{other:?}")),
            }
        }
    })
}

fn names(folder: &Path, end: &str) -> Result<Vec<String>, String> {
    let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = listed
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What webpki reads without an error; of a negative serial number, too, since some authorities made them.
const USABLE: &[&str] = &[
    "crl.valid.der",
    "crl.empty.der",
    "crl.no.entry.exts.der",
    "crl.entry.empty.ext.seq.der",
    "crl.entry.invalidity.date.der",
    "crl.idp.explicit.false.bool.der",
    "crl.idp.only_ca_certs.der",
    "crl.idp.only_user_certs.der",
    "crl.idp.valid.der",
    "crl.negative.serial.der",
    "crl.topbit.serial.der",
];
/// Chains, and the list that must not speak for their leaf.
const CHAINS: &[(&str, &str)] = &[
    ("invalid_dp_chain", "ee_dp_invalid.crl.der"),
    ("indirect_dp_chain", "ee_indirect_dp_unknown_status.crl.der"),
    ("nofullname_dp_chain", "ee_nofullname_dp_unknown_status.crl.der"),
    ("reasons_dp_chain", "ee_reasons_dp_unknown_status.crl.der"),
];
/// The time of webpki's tests.
const AT: i64 = 0x1fed_f00d;
