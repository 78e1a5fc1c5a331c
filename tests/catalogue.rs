//! The attack catalogue holds: every row is shown by a case or a test, or deferred with a reason,
//! and no built-in profile accepts what must be refused. `UPDATE=1` writes the derived columns.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use vidimus::conformance::across;
use vidimus::conformance::case::Case;
use vidimus::conformance::catalogue::{CATALOGUE, Catalogue};
use vidimus::conformance::runner::Corpus;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn corpus() -> (Corpus, Vec<Case>) {
    let corpus = Corpus::open(root().join("conformance"), root().join("keys"));
    let cases = corpus.cases().unwrap().into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    (corpus, cases)
}

#[test]
fn every_row_is_shown_and_no_profile_accepts_what_must_be_refused() {
    let (corpus, cases) = corpus();
    let written = Catalogue::read(corpus.folder()).unwrap();
    let verdicts = across::verdicts(&corpus, &cases).unwrap();
    let derived = written.derived(&cases, &verdicts);
    let file = corpus.folder().join(CATALOGUE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, derived.text()).unwrap();
    }
    let faults = derived.faults(&cases, |file| fs::read_to_string(root().join(Path::new(file))).ok());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let committed = fs::read_to_string(&file).unwrap();
    assert_eq!(committed, derived.text(), "{CATALOGUE} is not what the cases say: UPDATE=1 writes it");
}

#[test]
fn each_profile_speaks_on_most_rows_about_messages() {
    let (corpus, cases) = corpus();
    let verdicts = across::verdicts(&corpus, &cases).unwrap();
    for (profile, by_case) in verdicts {
        let speaks = by_case.values().filter(|verdict| verdict.as_str() != "-").count();
        assert!(speaks >= 60, "`{profile}` speaks on {speaks} cases only: see conformance/manners.toml");
    }
}
