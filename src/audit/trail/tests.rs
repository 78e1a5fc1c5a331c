//! What `trail` promises, tried.

use std::fs;
use std::io::Write as _;

use super::*;
use crate::audit::testing::{House, at, entry};
use crate::store::Write;
use crate::store::testing::{Folder, blocker};

fn kinds(house: &House) -> Vec<String> {
    let text = |leaf: &serde_json::Value, name: &str| leaf[name].as_str().unwrap_or_default().to_owned();
    house.leaves().iter().map(|leaf| format!("{}{}", text(leaf, "kind"), text(leaf, "outcome"))).collect()
}

#[tokio::test]
async fn intent_and_outcome_become_numbered_leaves() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 2).await;
    drop(open);
    assert_eq!(kinds(&house), ["intent", "outcomeissued", "intent", "outcomeissued"]);
    let seqs: Vec<_> = house.leaves().iter().map(|leaf| leaf["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [0, 1, 2, 3]);
}

#[tokio::test]
async fn an_intent_whose_company_fails_uses_up_no_number() {
    let house = House::new();
    let open = house.open();
    let entry = IntentEntry {
        realm: RealmId::default(),
        reference: Reference::new(),
        at: at(1),
        draft_hash: [0; 32],
        fields: Vec::new(),
    };
    let spent = Write::refused(StoreError::Conflict("spent".to_owned()));
    open.store.together(vec![open.trail.intent(entry), spent]).await.unwrap_err();
    open.issue(1, 1).await;
    assert_eq!(kinds(&house), ["intent", "outcomeissued"]);
}

#[tokio::test]
async fn a_killed_process_loses_no_intent_and_closes_each() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 1).await;
    open.intent(9).await;
    let killed = house.killed();
    drop(killed.open());
    assert_eq!(kinds(&killed), ["intent", "outcomeissued", "intent", "outcomeinterrupted"]);
    drop(killed.open());
    assert_eq!(kinds(&killed).len(), 4, "a second start adds nothing");
}

#[tokio::test]
async fn a_torn_last_line_is_written_again_from_the_journal() {
    let house = House::new();
    let mut settings = house.settings();
    settings.checkpoint_every = Duration::from_secs(3600);
    let open = house.try_open(settings).unwrap();
    open.issue(1, 5).await;
    let whole = fs::read(files::segment_path(&house.trail_folder(), 0)).unwrap();
    for cut in [1, 40, 300] {
        let killed = house.killed();
        let path = files::segment_path(&killed.trail_folder(), 0);
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len((whole.len() - cut) as u64).unwrap();
        drop(killed.open());
        assert_eq!(fs::read(&path).unwrap(), whole, "{cut} bytes cut");
    }
}

#[tokio::test]
async fn leaves_that_were_synced_and_are_gone_stop_the_start() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 5).await;
    drop(open);
    let path = files::segment_path(&house.trail_folder(), 0);
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 10).unwrap();
    let error = house.try_open(house.settings()).err().unwrap();
    assert!(error.to_string().contains("leaves were removed"), "{error}");
}

#[tokio::test]
async fn a_lost_store_goes_on_behind_the_trail_and_refuses_what_it_may_have_forgotten() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 2).await;
    open.intent(7).await;
    drop(open);
    fs::remove_file(house.folder.path().join("vidimus.redb")).unwrap();
    let open = house.open();
    assert_eq!(open.store.fresh_after(), at(1060));
    open.issue(3, 1).await;
    drop(open);
    let seqs: Vec<_> = house.leaves().iter().map(|leaf| leaf["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(kinds(&house)[5], "outcomeinterrupted");
}

#[tokio::test]
async fn a_trail_that_was_removed_does_not_begin_anew() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 1).await;
    drop(open);
    fs::remove_dir_all(house.trail_folder()).unwrap();
    fs::remove_file(house.folder.path().join("vidimus.redb")).unwrap();
    let error = house.try_open(house.settings()).err().unwrap();
    assert!(error.to_string().contains("the trail has 0"), "{error}");
}

#[tokio::test]
async fn lost_hashes_are_made_again() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 3).await;
    drop(open);
    let path = house.trail_folder().join(files::HASHES);
    let before = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    drop(house.open());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_trail_of_many_segments_goes_on() {
    let house = House::new();
    let mut settings = house.settings();
    settings.segment_bytes = 1000;
    for round in 0..3 {
        let open = house.try_open(settings.clone()).unwrap();
        for number in 0..5 {
            open.issue(1 + round * 5 + number, 1).await;
        }
    }
    assert!(files::segments(&house.trail_folder()).unwrap().len() > 5);
    assert_eq!(house.leaves().len(), 30);
}

#[tokio::test]
async fn a_checkpoint_of_all_leaves_stands_here_and_outside_after_closing() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 4).await;
    drop(open);
    let here = fs::read_to_string(house.trail_folder().join(CHECKPOINTS)).unwrap();
    let last = SignedCheckpoint::parse_all(&here).last().unwrap().1.unwrap();
    assert_eq!(last.checkpoint.size, 8);
    assert!(last.verify(&house.public()));
    let outside = fs::read_to_string(house.folder.path().join("outside/n1.checkpoints")).unwrap();
    assert_eq!(outside, here);
}

#[tokio::test]
async fn a_checkpoint_that_is_asked_for_covers_everything_until_then() {
    let house = House::new();
    let open = house.open();
    open.intent(1).await;
    open.outcome(1, "issued").await;
    open.trail.checkpoint().await.unwrap();
    let report = crate::audit::verify(&house.trail_folder(), &house.public(), &[]).unwrap();
    assert_eq!((report.leaves, report.unsigned), (2, 0));
}

#[tokio::test]
async fn personal_values_are_in_the_openings_until_they_are_erased() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 2).await;
    let openings = || {
        let paths = files::openings_files(&house.trail_folder()).unwrap();
        paths.into_values().map(|path| fs::read_to_string(path).unwrap()).collect::<String>()
    };
    let leaves = house.leaves();
    assert!(!format!("{leaves:?}").contains("85073003328"));
    assert_eq!(openings().matches("85073003328").count(), 2);
    assert_eq!(open.trail.erase(Reference::from_bytes([1; 16])).await.unwrap(), 3);
    assert_eq!(openings().matches("85073003328").count(), 1);
    open.issue(3, 1).await;
    assert_eq!(openings().matches("85073003328").count(), 2);
    assert_eq!(house.leaves()[..4], leaves[..]);
}

#[tokio::test]
async fn strangers_fill_their_own_log_and_one_leaf_of_numbers() {
    let house = House::new();
    let mut settings = house.settings();
    settings.strangers.burst = 3;
    let open = house.try_open(settings).unwrap();
    for number in 0..200 {
        let refusal = OutcomeEntry { authenticated: false, ..entry(number, "refused") };
        open.trail.outcome(refusal).await.unwrap();
    }
    drop(open);
    let [log, _] = strangers::paths(&house.trail_folder());
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 3);
    assert_eq!(kinds(&house), ["aggregate"]);
    assert_eq!(house.leaves()[0]["counts"]["strangers"], 197);
}

#[tokio::test]
async fn refusals_of_known_senders_are_leaves_or_counted_never_lost() {
    let house = House::new();
    let open = house.open();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let (running, wait) = std::sync::mpsc::channel::<()>();
    let store = open.store.clone();
    let blocker = std::thread::spawn(move || store.together_blocking(vec![blocker(running, hold)]));
    wait.recv().unwrap();
    for _ in 0..REFUSALS_WAITING + 50 {
        open.trail.outcome(entry(1, "refused")).await.unwrap();
    }
    release.send(()).unwrap();
    blocker.join().unwrap().unwrap();
    drop(open);
    let leaves = house.leaves();
    let counted: u64 = leaves.iter().filter_map(|leaf| leaf["counts"]["refusals"].as_u64()).sum();
    let written = leaves.iter().filter(|leaf| leaf["kind"] == "outcome").count();
    assert_eq!(counted + written as u64, REFUSALS_WAITING as u64 + 50);
    assert!(counted > 0);
}

#[tokio::test]
async fn no_intent_is_taken_while_the_files_cannot_be_written() {
    let house = House::new();
    let open = house.open();
    open.trail.flush().await.unwrap();
    assert!(open.trail.healthy());
    // The keeper may be about to find the files in order again, which they are: then once more.
    let mut outcome = Ok(());
    for _ in 0..100 {
        let entry = IntentEntry {
            realm: RealmId::default(),
            reference: Reference::new(),
            at: at(1),
            draft_hash: [0; 32],
            fields: Vec::new(),
        };
        let intent = open.trail.intent(entry);
        open.trail.shared.healthy.store(false, Ordering::Release);
        outcome = open.store.together(vec![intent]).await;
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn rubbish_behind_the_known_end_is_reported_not_swallowed() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 1).await;
    drop(open);
    let path = files::segment_path(&house.trail_folder(), 0);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"v\":1,\"seq\":77}\n").unwrap();
    let error = house.try_open(house.settings()).err().unwrap();
    assert!(error.to_string().contains("there is no leaf 2"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_that_was_cut_short_is_made_again() {
    let house = House::new();
    let open = house.open();
    open.issue(1, 1).await;
    drop(open);
    let path = house.trail_folder().join(CHECKPOINTS);
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 20).unwrap();
    drop(house.open());
    let text = fs::read_to_string(&path).unwrap();
    assert!(SignedCheckpoint::parse_all(&text).all(|(_, note)| note.unwrap().verify(&house.public())));
}

/// Names the folder in which [`victim`] works.
const VICTIM: &str = "VIDIMUS_TEST_VICTIM";

/// The process that is killed: prints the number of each request whose intent is committed.
#[tokio::test]
async fn victim() {
    let Ok(folder) = std::env::var(VICTIM) else { return };
    let house = House::shared(Folder::of_another(folder));
    let open = house.open();
    for number in 0..u8::MAX {
        open.intent(number).await;
        println!("\nacknowledged {number}");
        if number % 3 > 0 {
            open.outcome(number, "issued").await;
        }
    }
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_process_killed_at_any_time_loses_nothing_that_was_acknowledged() {
    use std::io::{BufRead, BufReader};
    for wait_for in [1, 20, 90] {
        let house = House::shared(Folder::new());
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "audit::trail::tests::victim", "--nocapture"])
            .env(VICTIM, house.folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Some(number) = line.unwrap().strip_prefix("acknowledged ").map(|number| number.parse::<u8>().unwrap())
            else {
                continue;
            };
            acknowledged.push(number);
            if acknowledged.len() == wait_for {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        drop(house.open());
        let leaves = house.leaves();
        let of = |number: u8, kind: &str| {
            let reference = Reference::from_bytes([number; 16]).to_string();
            leaves.iter().filter(|leaf| leaf["ref"] == reference.as_str() && leaf["kind"] == kind).count()
        };
        for number in &acknowledged {
            assert_eq!((of(*number, "intent"), of(*number, "outcome")), (1, 1), "request {number}");
        }
        let report = crate::audit::verify(&house.trail_folder(), &house.public(), &[]).unwrap();
        assert!(report.faults.is_empty(), "{:#?}", report.faults);
        assert_eq!(report.leaves as usize, leaves.len());
    }
}
