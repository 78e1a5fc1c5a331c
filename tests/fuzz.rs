//! The fuzz targets on a stable toolchain: the committed corpus, then mutants of it without guidance.
//!
//! `VIDIMUS_FUZZ_SECONDS=60 cargo test --release --test fuzz` mutates for so long per target; without it a few hundred
//! mutants are tried. The same seed gives the same mutants. `UPDATE=1` makes seeds that are missing. Coverage-guided,
//! on a nightly: `conformance/fuzz/Cargo.toml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vidimus::conformance::chance::Dice;
use vidimus::conformance::fuzz::{TARGETS, Target};
use vidimus::conformance::{mutation, seeds};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The committed inputs of a target, by name.
fn corpus(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("conformance/fuzz/corpus").join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
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
        let run = |target: &'static Target| std::thread::spawn(move || mutate(target, seconds));
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

/// Mutates until the time is up; returns how often the target ran.
fn mutate(target: &Target, seconds: Option<u64>) -> u64 {
    let corpus: Vec<Vec<u8>> = corpus(target).into_values().collect();
    let begun = Instant::now();
    let mut executions = 0;
    let more = |executions: u64| match seconds {
        Some(seconds) => executions % 64 != 0 || begun.elapsed() < Duration::from_secs(seconds),
        None => executions < 300,
    };
    while more(executions) {
        let input = mutation::mutated(&corpus, &mut Dice::of(SEED, executions));
        let shown = Shown { target: target.name, input: &input };
        (target.body)(&input);
        std::mem::forget(shown);
        executions += 1;
    }
    executions
}

const SEED: u64 = 20_261_122;

/// Prints the input when the target panics.
struct Shown<'i> {
    target: &'static str,
    input: &'i [u8],
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("{} crashed on {}", self.target, self.input.escape_ascii());
    }
}
