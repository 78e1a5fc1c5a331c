//! Public corpora against our code. They come by `$VIDIMUS_VECTORS`; without it a test says `skipped`, and fails under
//! `VIDIMUS_REQUIRE_VECTORS`.

use std::path::PathBuf;

use vidimus::conformance::corpora::{CorpusResult, crl, documents, wycheproof, x509_limbo};

/// The corpus's folder, or why the test is skipped.
fn folder(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("VIDIMUS_VECTORS").map(PathBuf::from) else {
        let required = std::env::var_os("VIDIMUS_REQUIRE_VECTORS").is_some();
        assert!(!required, "VIDIMUS_REQUIRE_VECTORS is set and VIDIMUS_VECTORS is not");
        println!("skipped: VIDIMUS_VECTORS is not set");
        return None;
    };
    Some(root.join(name))
}

fn all_of(results: &[CorpusResult], count: impl Fn(&CorpusResult) -> usize) -> usize {
    results.iter().map(count).sum()
}

#[test]
fn wycheproof_finds_no_signature_that_verifies_and_should_not() {
    let Some(folder) = folder("wycheproof") else { return };
    let results = wycheproof::run(&folder).expect("the corpus is there");
    results.iter().for_each(|result| println!("{result}"));
    for result in &results {
        assert_eq!(result.wrongly_accepted, Vec::<String>::new(), "{}", result.corpus);
        // Every valid row that is ours is taken: no primitive is stricter than it says.
        assert_eq!(result.refused_valid, Vec::<(String, String)>::new(), "{}", result.corpus);
    }
    let primitives = ["rsa_signature_", "rsa_pss_", "p1363", "ed25519", "hmac_sha256"];
    for primitive in primitives {
        assert!(
            results.iter().any(|result| result.corpus.contains(primitive) && result.agreed_valid > 0),
            "no valid row of {primitive}"
        );
    }
    // Floors: fewer rows mean that a file is gone, or that something is no longer taken.
    assert!(all_of(&results, |result| result.agreed_valid) >= 1_300, "agreed valid");
    assert!(all_of(&results, |result| result.agreed_invalid) >= 2_900, "agreed invalid");
}

#[test]
fn signed_documents_of_other_projects_are_accepted_only_by_right() {
    let Some(vectors) = folder("") else { return };
    let conformance = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance");
    for (name, judgement) in documents::judgements(&conformance).expect("the judgements can be read") {
        let results = documents::run(&vectors, &name, &judgement).expect("the corpus is there");
        for (result, floor) in results.iter().zip(judgement.floor) {
            println!("{result}");
            result.refused_valid.iter().for_each(|(row, why)| println!("    valid but refused: {row}: {why}"));
            assert_eq!(result.wrongly_accepted, Vec::<String>::new(), "{}", result.corpus);
            assert!(result.agreed_valid >= floor, "{}: {} agreed valid", result.corpus, result.agreed_valid);
        }
    }
}

#[test]
fn x509_limbo_finds_no_path_that_holds_and_should_not() {
    let Some(folder) = folder("x509-limbo") else { return };
    let result = x509_limbo::run(&folder).expect("the corpus is there");
    println!("{result}");
    result.refused_valid.iter().for_each(|(row, why)| println!("  {row}: {why}"));
    assert_eq!(result.wrongly_accepted, Vec::<String>::new());
    assert_eq!(result.rows, 208);
    assert!(result.agreed_valid >= 50, "agreed valid");
    assert!(result.agreed_invalid >= 110, "agreed invalid");
    assert!(result.refused_valid.len() <= 13, "what is valid and refused, with its reason: {:?}", result.refused_valid);
}

#[test]
fn no_list_of_webpki_s_that_cannot_be_used_is_used() {
    let Some(folder) = folder("rustls-webpki") else { return };
    let result = crl::run(&folder).expect("the corpus is there");
    println!("{result}");
    assert_eq!(result.wrongly_accepted, Vec::<String>::new());
    assert_eq!(result.refused_valid, Vec::<(String, String)>::new());
    assert!(result.agreed_valid >= 9, "agreed valid");
    assert!(result.agreed_invalid >= 23, "agreed invalid");
}
