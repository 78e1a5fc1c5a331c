//! Every signed message of the public corpora gets a verdict: a first line that says something, JSON
//! that is whole, and never a panic.

use std::path::{Path, PathBuf};

use super::trusted::Trusted;
use super::verify::{At, judge};

fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("VIDIMUS_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        assert!(std::env::var_os("VIDIMUS_REQUIRE_VECTORS").is_none(), "VIDIMUS_VECTORS is required and not set");
        println!("skipped: VIDIMUS_VECTORS is not set");
    }
    folder
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn is_signed_xml(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('<')
        && (text.contains("SignedInfo") || text.contains("/envelope/\"") || text.contains("soap-envelope\""))
}

#[test]
fn every_signed_message_of_the_public_corpora_gets_a_verdict() {
    let Some(vectors) = vectors() else { return };
    let mut all = Vec::new();
    files(&vectors, &mut all);
    let trusted = Trusted::read(&[], &[], &[]).unwrap();
    let (mut seen, mut intact, mut explained) = (0, 0, 0);
    for path in all {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.len() > 64 * 1024 || !is_signed_xml(&bytes) {
            continue;
        }
        let verdict = judge(bytes, &trusted, None, At::Created);
        let name = path.to_string_lossy();
        let lines = verdict.lines(&name);
        let head = lines.first().unwrap().strip_prefix(&*name).unwrap().to_owned();
        let words: Vec<&str> = head.split_whitespace().collect();
        assert!(words.len() >= 3, "{name}: {head}");
        assert!(matches!(words[0], "ACCEPTED" | "INTACT" | "REFUSED"), "{name}: {head}");
        let json = verdict.json(&name);
        assert_eq!(json["schema"], "vidimus.envelope/v1", "{name}");
        // A refused message says what to do.
        assert!(words[0] != "REFUSED" || lines.iter().any(|line| line.contains("fix: ")), "{name}: {lines:#?}");
        seen += 1;
        intact += usize::from(words[0] == "INTACT");
        explained += usize::from(lines.iter().any(|line| line.contains("cause: the digest matches")));
    }
    println!("{seen} messages, {intact} intact, {explained} with a cause that was found");
    assert!(seen >= 300, "{seen}");
}
