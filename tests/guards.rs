//! Each check is missed when it is switched off: `cargo test --features guards --test guards`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use vidimus::conformance::case::Case;
use vidimus::conformance::guards::{self, Verdict};
use vidimus::conformance::runner::Corpus;

#[test]
fn every_check_that_is_switched_off_lets_a_hostile_case_in() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus::open(root.join("conformance"), root.join("keys"));
    let cases: Vec<Case> = corpus.cases().unwrap().into_iter().collect::<Result<_, _>>().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let findings = runtime.block_on(guards::survey(&corpus, &cases)).unwrap();
    for finding in &findings {
        let with = finding.together_with.join(", ");
        let case = finding.case.as_deref().unwrap_or_default();
        println!("{:<36} {:>3} cases  {:?}  {case}  {with}", finding.check, finding.cases, finding.verdict);
        if finding.verdict == Verdict::Survived {
            finding.ended.iter().for_each(|ended| println!("    {ended}"));
        }
    }
    if let Some(folder) = std::env::var_os("VIDIMUS_REPORT_PARTS") {
        guards::part(&findings).save(Path::new(&folder)).unwrap();
    }
    let survivors: Vec<&str> =
        findings.iter().filter(|f| f.verdict == Verdict::Survived).map(|f| f.check.as_str()).collect();
    assert!(survivors.is_empty(), "{} checks that nobody would miss: {}", survivors.len(), survivors.join(", "));
}
