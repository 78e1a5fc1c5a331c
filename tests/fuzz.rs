//! The fuzz targets on a stable toolchain: the committed corpus, then mutants of it without guidance.
//!
//! `VIDIMUS_FUZZ_SECONDS=60 cargo test --release --test fuzz` mutates for so long per target; without it a few hundred
//! mutants are tried. The same seed gives the same mutants. `UPDATE=1` makes seeds that are missing. Coverage-guided,
//! on a nightly: `conformance/fuzz/Cargo.toml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use vidimus::conformance::fuzz::{TARGETS, Target, Until};
use vidimus::conformance::seeds;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The committed inputs of a target, by name.
fn corpus(target: &Target) -> BTreeMap<String, Vec<u8>> {
    target.corpus(&root()).unwrap_or_default()
}

#[test]
fn every_committed_seed_is_one_that_we_make() {
    for target in TARGETS {
        let made = seeds::made(&root(), target.name).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            let folder = root().join("conformance/fuzz/corpus").join(target.name);
            fs::create_dir_all(&folder).unwrap();
            made.iter().for_each(|seed| fs::write(folder.join(&seed.name), &seed.bytes).unwrap());
        }
        let mut committed = corpus(target);
        committed.retain(|name, _| !name.starts_with("found-"));
        for seed in &made {
            let found = committed.remove(&seed.name);
            assert!(found.as_ref() == Some(&seed.bytes), "{}/{}: `UPDATE=1` makes it", target.name, seed.name);
        }
        assert!(committed.is_empty(), "{}: nobody makes {:?}", target.name, committed.keys());
        assert!(made.len() >= 8, "{} has {} seeds", target.name, made.len());
    }
}

#[test]
fn every_target_returns_for_its_whole_corpus() {
    for target in TARGETS {
        for (name, bytes) in corpus(target) {
            println!("{}/{name}", target.name);
            (target.body)(&bytes);
        }
    }
}

#[test]
fn every_target_returns_for_mutants_of_its_corpus() {
    let seconds = std::env::var("VIDIMUS_FUZZ_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    let mut failed = Vec::new();
    // As many at a time as there are processors, so that each has its seconds for itself.
    for targets in TARGETS.chunks(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)) {
        let until = seconds.map_or(Until::Executions(300), Until::Seconds);
        let run = |target: &'static Target| std::thread::spawn(move || target.mutate(&corpus(target), until));
        let threads: Vec<_> = targets.iter().map(run).collect();
        for (target, thread) in targets.iter().zip(threads) {
            match thread.join() {
                Ok(executions) => println!("{}: {executions} executions, no crash", target.name),
                Err(_) => failed.push(target.name),
            }
        }
    }
    assert!(failed.is_empty(), "crashed: {failed:?}; the inputs are above, as \\x");
}
