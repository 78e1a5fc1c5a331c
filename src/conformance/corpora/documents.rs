//! Signed documents of other projects: what each says of its own files, held against our verifier.
//!
//! The closed profile takes few of them: most are older than SHA-2, and many sign the whole
//! document or an object inside the signature. So each file is judged twice: by the profile as it
//! stands, and with the three exceptions that a partner can have (`rules.md` 4.2). A file that is
//! outside must be refused as outside, whether or not its signature is good.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::Deserialize;

use super::{CorpusResult, Expected};
use crate::config::profiles;
use crate::flow::inquiry::{Inquiry, Stop, standing_still};
use crate::flow::parse;
use crate::flow::profile::Algorithms;
use crate::flow::signed_document::{self, Terms};
use crate::model::Time;
use crate::wire::base64;
use crate::wire::crypto::PublicKey;
use crate::wire::dsig::{Exception, Exceptions};
use crate::wire::ns;
use crate::wire::xml::{Document, Limits, time};

/// What a corpus says of its files; an entry of `corpora.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Judgement {
    /// Keys and certificates of the corpus, PEM or DER; `*` stands for any characters.
    pub keys: Vec<String>,
    /// Files with a good signature. The first list that matches a file counts, in this order:
    /// `invalid`, `valid`, `outside`.
    pub valid: Vec<String>,
    /// Files that must not be accepted.
    pub invalid: Vec<String>,
    /// Files about something that we do not do: encryption, no signature at all.
    pub outside: Vec<String>,
    /// A list with the columns `suite`, `expected`, `folder`, `file`, … instead.
    pub list: Option<String>,
    /// How many valid files have to be accepted, by the profile and with exceptions.
    pub floor: [usize; 2],
}

/// The judgements of all corpora, by folder.
///
/// # Errors
/// When the file cannot be read.
pub fn judgements(conformance: &Path) -> Result<BTreeMap<String, Judgement>, String> {
    let text = fs::read_to_string(conformance.join(JUDGEMENTS)).map_err(|error| format!("{JUDGEMENTS}: {error}"))?;
    toml::from_str(&text).map_err(|error| format!("{JUDGEMENTS}: {error}"))
}

/// Judges every file of a corpus twice: `NAME` by the profile, `NAME, with exceptions` as a partner
/// with all of them.
///
/// # Errors
/// When the folder or a key cannot be read.
pub fn run(vectors: &Path, name: &str, judgement: &Judgement) -> Result<[CorpusResult; 2], String> {
    let folder = vectors.join(name);
    let keys = keys(&folder, judgement)?;
    let profile = profiles::built_in().into_iter().next().ok_or("no profile is built in")?;
    let rows = match &judgement.list {
        Some(list) => listed(&folder, list)?,
        None => matching(&folder, judgement)?,
    };
    let mut results = [CorpusResult::new(name), CorpusResult::new(format!("{name}, with exceptions"))];
    let exceptions = [Exceptions::default(), Exception::ALL.into_iter().collect()];
    for (row, file, expected) in rows {
        // One row of a list is about a file that its project does not hold: nothing is accepted then either.
        let bytes = unpacked(fs::read(folder.join(&file)).unwrap_or_default());
        for (result, exceptions) in results.iter_mut().zip(exceptions) {
            let found = judged(bytes.clone(), &keys, &profile.algorithms, exceptions);
            let outside = found.as_ref().is_err_and(|why| OUTSIDE.contains(&why.as_str()));
            let expected = if outside && expected == Expected::Valid { Expected::Unsupported } else { expected };
            result.count(row.clone(), expected, found);
        }
    }
    Ok(results)
}

/// Whether every signature of the document is good and nothing of it is read that is not signed;
/// otherwise the first reason.
fn judged(bytes: Vec<u8>, known: &[PublicKey], algorithms: &Algorithms, exceptions: Exceptions) -> Result<(), String> {
    let mut inquiry = Inquiry::new(Stop::First, standing_still);
    let limits = Limits::default();
    let accepted = parse::document(bytes, &limits, &mut inquiry).and_then(|document| {
        let terms = Terms { known, algorithms, limits: &limits, now: moment(&document), exceptions };
        signed_document::verify(&document, terms, &mut inquiry).map(drop)
    });
    accepted.map_err(|_| {
        inquiry.refusals().first().map(|refusal| refusal.check.row().reason.to_owned()).unwrap_or_default()
    })
}

/// An instant at which the document's own times hold: these files are old.
fn moment(document: &Document) -> Time {
    let conditions = document
        .elements()
        .find(|element| element.local_name() == "Conditions" && matches!(element.namespace(), ns::SAML1 | ns::SAML2));
    let from = conditions.and_then(|element| element.attribute("", "NotBefore"));
    from.and_then(|text| time::parse(text).ok()).unwrap_or_default()
}

/// Some of these files are the base64 of a POST binding.
fn unpacked(bytes: Vec<u8>) -> Vec<u8> {
    let is_markup = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    let text = || std::str::from_utf8(&bytes).ok().and_then(|text| base64::decode_xml(text).ok());
    if is_markup { bytes } else { text().unwrap_or(bytes) }
}

type Rows = Vec<(String, String, Expected)>;

/// Every file in the folder and below that some list names.
fn matching(folder: &Path, judgement: &Judgement) -> Result<Rows, String> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let named = |file: &str, list: &[String]| list.iter().any(|pattern| fits(file, pattern));
    let lists = [
        (&judgement.invalid, Expected::Invalid),
        (&judgement.valid, Expected::Valid),
        (&judgement.outside, Expected::Unsupported),
    ];
    let rows = files.into_iter().filter_map(|file| {
        let (_, expected) = lists.iter().find(|(list, _)| named(&file, list))?;
        Some((file.clone(), file, *expected))
    });
    Ok(rows.collect())
}

/// The rows of a list: each is one trial, also where several are of one file.
fn listed(folder: &Path, list: &str) -> Result<Rows, String> {
    let text = fs::read_to_string(folder.join(list)).map_err(|error| format!("{list}: {error}"))?;
    let rows = text.lines().skip(1).enumerate().filter_map(|(number, line)| {
        let mut cells = line.split('\t');
        let (suite, expected) = (cells.next()?, cells.next()?);
        let (inside, file) = (cells.next()?, cells.next()?);
        let file = if inside.is_empty() { format!("{file}.xml") } else { format!("{inside}/{file}.xml") };
        let expected = match (suite, expected) {
            ("DSig", "valid") => Expected::Valid,
            (_, "invalid") => Expected::Invalid,
            _ => Expected::Unsupported,
        };
        Some((format!("{} {file}", number + 2), file, expected))
    });
    Ok(rows.collect())
}

fn collect(folder: &Path, below: &str, into: &mut Vec<String>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), into)?;
        } else {
            into.push(name);
        }
    }
    Ok(())
}

fn keys(folder: &Path, judgement: &Judgement) -> Result<Vec<PublicKey>, String> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let mut keys = Vec::new();
    for file in files.iter().filter(|file| judgement.keys.iter().any(|pattern| fits(file, pattern))) {
        let bytes = fs::read(folder.join(file)).map_err(|error| format!("{file}: {error}"))?;
        keys.extend(
            CertificateDer::pem_slice_iter(&bytes).flatten().filter_map(|der| PublicKey::from_certificate(&der).ok()),
        );
        keys.extend(
            SubjectPublicKeyInfoDer::pem_slice_iter(&bytes).flatten().filter_map(|der| PublicKey::from_spki(&der).ok()),
        );
        keys.extend(PublicKey::from_certificate(&bytes).ok());
    }
    Ok(keys)
}

/// Whether a name is one that a pattern means; `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| fits(rest, after)))
        }),
    }
}

/// The file with the judgements, in the corpus's folder.
const JUDGEMENTS: &str = "corpora.toml";
/// Reasons that say: this is outside the profile. A good signature may have them.
const OUTSIDE: [&str; 16] = [
    "signature-method-not-allowed",
    "digest-method-not-allowed",
    "canonicalization-not-allowed",
    "transform-not-allowed",
    "reference-not-same-document",
    "signature-structure",
    "key-reference-missing",
    "key-reference-not-understood",
    "key-too-small",
    "assertion-encrypted",
    "encrypted-content",
    "xml-doctype",
    "xml-processing-instruction",
    "xml-encoding",
    "limit-bytes",
    "too-many-references",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(fits("responses/valid.xml", "responses/*.xml"));
        assert!(fits("a-b-c", "a*c") && fits("abc", "*") && fits("abc", "abc*"));
        assert!(!fits("abc", "b*") && !fits("abc", "ab"));
    }
}
