//! What `verify` promises, tried.

use super::*;
use crate::audit::testing::House;

/// A closed trail of 20 leaves with several checkpoints.
async fn written() -> House {
    let house = House::new();
    for round in 0..4 {
        let open = house.open();
        open.issue(1 + 10 * round, 2).await;
        open.trail.flush().await.unwrap();
        drop(open);
        let open = house.open();
        open.outcome(3 + 10 * round, "failed").await;
    }
    house
}

fn report(house: &House) -> Report {
    verify(&house.trail_folder(), &house.public(), &[]).unwrap()
}

fn segment(house: &House) -> PathBuf {
    files::segment_path(&house.trail_folder(), 0)
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

fn only(report: &Report, kind: FaultKind) -> &Fault {
    assert_eq!(report.verdict, Verdict::Broken);
    assert!(report.faults.iter().all(|fault| fault.kind == kind), "{:#?}", report.faults);
    &report.faults[0]
}

fn last_checkpoint(house: &House) -> SignedCheckpoint {
    let text = fs::read_to_string(house.trail_folder().join(CHECKPOINTS)).unwrap();
    SignedCheckpoint::parse_all(&text).last().unwrap().1.unwrap()
}

#[tokio::test]
async fn an_untouched_trail_is_consistent_and_says_how_much_that_is_worth() {
    let house = written().await;
    let alone = report(&house);
    assert_eq!(alone.verdict, Verdict::InternallyConsistentOnly, "{:#?}", alone.faults);
    assert_eq!((alone.leaves, alone.unsigned), (20, 0));
    assert!(alone.checkpoints >= 4 && alone.openings > 20);
    assert!(alone.verdict.to_string().starts_with("internally consistent only"));
    let outside = verify(&house.trail_folder(), &house.public(), &[last_checkpoint(&house)]).unwrap();
    assert_eq!((outside.verdict, outside.outside), (Verdict::ConsistentWithOutside, Some(20)));
}

#[tokio::test]
async fn one_changed_byte_is_named_with_its_leaf_and_place() {
    let house = written().await;
    let before = fs::read_to_string(segment(&house)).unwrap();
    let offset = before.match_indices('\n').nth(6).unwrap().0 as u64 + 1;
    edit(&segment(&house), |text| {
        let (head, tail) = text.split_at(offset as usize);
        format!("{head}{}", tail.replacen("\"issued\"", "\"failed\"", 1))
    });
    let report = report(&house);
    let fault = only(&report, FaultKind::LeafChanged);
    let text = fs::read_to_string(segment(&house)).unwrap();
    let line = text[fault.offset as usize..].lines().next().unwrap();
    assert!(line.contains(&format!("\"seq\":{}", fault.seq.unwrap())) && line.contains("failed"), "{line}");
    assert_eq!(report.faults.len(), 1);
}

#[tokio::test]
async fn every_changed_byte_is_found() {
    let house = written().await;
    let whole = fs::read(segment(&house)).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x04;
        fs::write(segment(&house), &bytes).unwrap();
        let report = report(&house);
        assert_eq!(report.verdict, Verdict::Broken, "byte {at}");
        assert_eq!(report.faults[0].file, segment(&house), "byte {at}");
    }
}

#[tokio::test]
async fn a_changed_seal_is_named_with_its_field() {
    let house = written().await;
    edit(&segment(&house), |text| {
        let at = text.find("\"subject\":\"hmac:").unwrap() + 16;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    });
    let report = report(&house);
    let changed = report.faults.iter().find(|fault| fault.kind == FaultKind::LeafChanged).unwrap();
    assert_eq!((changed.seq, changed.field.as_deref()), (Some(0), Some("subject")));
}

#[tokio::test]
async fn a_removed_leaf_is_missed() {
    let house = written().await;
    edit(&segment(&house), |text| {
        text.lines().enumerate().filter(|(index, _)| *index != 3).map(|(_, line)| format!("{line}\n")).collect()
    });
    let report = report(&house);
    let fault = only(&report, FaultKind::LeafOrder);
    assert_eq!(fault.seq, Some(3));
    assert!(fault.detail.contains("1 missing"), "{}", fault.detail);
}

#[tokio::test]
async fn leaves_in_another_order_are_found() {
    let house = written().await;
    edit(&segment(&house), |text| {
        let mut lines: Vec<_> = text.lines().collect();
        lines.swap(4, 5);
        lines.join("\n") + "\n"
    });
    assert_eq!(report(&house).verdict, Verdict::Broken);
}

#[tokio::test]
async fn a_trail_that_was_cut_is_held_against_its_last_checkpoint() {
    let house = written().await;
    edit(&segment(&house), |text| text.lines().take(15).map(|line| format!("{line}\n")).collect());
    let report = report(&house);
    let fault = only(&report, FaultKind::Truncated);
    assert!(fault.detail.contains("ends after 15 leaves, and 20 were signed"), "{}", fault.detail);
}

#[tokio::test]
async fn a_leaf_changed_together_with_its_derived_hash_is_found_by_the_root() {
    let house = written().await;
    edit(&segment(&house), |text| text.replacen("oasis", "other", 1));
    let first = fs::read_to_string(segment(&house)).unwrap().lines().next().unwrap().to_owned();
    let path = house.trail_folder().join(HASHES);
    let mut hashes = fs::read(&path).unwrap();
    hashes[..32].copy_from_slice(&leaf_hash(first.as_bytes()));
    fs::write(&path, hashes).unwrap();
    let report = report(&house);
    let fault = only(&report, FaultKind::RootDiffers);
    assert!(fault.detail.contains("one of 0 to"), "{}", fault.detail);
}

#[tokio::test]
async fn a_wrong_derived_file_is_told_apart_from_a_wrong_leaf() {
    let house = written().await;
    let path = house.trail_folder().join(HASHES);
    let mut hashes = fs::read(&path).unwrap();
    hashes[70] ^= 1;
    fs::write(&path, hashes).unwrap();
    assert_eq!(only(&report(&house), FaultKind::Hashes).seq, Some(2));
}

#[tokio::test]
async fn a_checkpoint_by_another_key_promises_nothing() {
    let house = written().await;
    let other = House::new().public();
    let report = verify(&house.trail_folder(), &other, &[]).unwrap();
    only(&report, FaultKind::Checkpoint);
    edit(&house.trail_folder().join(CHECKPOINTS), |text| text.replacen("\n20\n", "\n21\n", 1));
    assert_eq!(only(&self::report(&house), FaultKind::Checkpoint).seq, None);
}

#[tokio::test]
async fn a_trail_written_anew_with_the_key_is_found_only_from_outside() {
    let house = written().await;
    let outside = last_checkpoint(&house);
    let key = house.key.clone();
    let forged = House { key, ..House::new() };
    forged.open().issue(1, 10).await;
    assert_eq!(report(&forged).verdict, Verdict::InternallyConsistentOnly);
    let report = verify(&forged.trail_folder(), &forged.public(), &[outside]).unwrap();
    only(&report, FaultKind::RootDiffers);
}

#[tokio::test]
async fn a_changed_opening_is_found_and_the_leaf_is_not_blamed() {
    let house = written().await;
    let path = files::openings_files(&house.trail_folder()).unwrap().remove(&0).unwrap();
    edit(&path, |text| text.replacen("85073003328", "85073003329", 1));
    let report = report(&house);
    let fault = only(&report, FaultKind::Opening);
    assert_eq!((fault.seq, fault.field.as_deref(), report.faults.len()), (Some(0), Some("subject"), 1));
}

#[tokio::test]
async fn erasing_breaks_no_proof() {
    let house = written().await;
    let open = house.open();
    open.trail.erase(crate::model::Reference::from_bytes([1; 16])).await.unwrap();
    drop(open);
    assert_eq!(report(&house).verdict, Verdict::InternallyConsistentOnly);
}

#[tokio::test]
async fn a_line_that_is_being_written_is_no_fault() {
    let house = written().await;
    edit(&segment(&house), |text| text + "{\"v\":1,\"re");
    let report = report(&house);
    assert_eq!((report.verdict, report.torn), (Verdict::InternallyConsistentOnly, 10));
}

#[test]
fn an_empty_trail_is_consistent() {
    let house = House::new();
    fs::create_dir_all(house.trail_folder()).unwrap();
    assert_eq!((report(&house).verdict, report(&house).leaves), (Verdict::InternallyConsistentOnly, 0));
}
