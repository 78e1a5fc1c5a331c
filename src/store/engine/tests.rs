//! What `engine` promises, tried.

use super::*;
use crate::model::RealmId;
use crate::store::testing::{Folder, blocker};

const ROWS: Table = Table("rows");

fn row(name: &str) -> Key {
    Key::of(&RealmId::default()).text(name)
}

/// Takes a name once.
fn take(name: &'static str) -> Write {
    Write::new(move |unit| {
        if unit.get(ROWS, &row(name))?.is_some() {
            return Err(StoreError::Conflict(name.to_owned()));
        }
        unit.put(ROWS, &row(name), "taken");
        Ok(())
    })
}

fn taken(store: &Store, name: &str) -> bool {
    store.read().unwrap().get(ROWS, &row(name)).unwrap().is_some()
}

fn at(second: i64) -> Time {
    DateTime::from_timestamp(second, 0).unwrap()
}

#[tokio::test]
async fn a_unit_whose_last_write_fails_writes_nothing() {
    let store = Store::in_memory().unwrap();
    let outcome = store.together(vec![take("a"), take("b"), take("a")]).await;
    assert_eq!(outcome, Err(StoreError::Conflict("a".to_owned())));
    assert!(!taken(&store, "a") && !taken(&store, "b"));
    store.together(vec![take("a"), take("b")]).await.unwrap();
    assert!(taken(&store, "a") && taken(&store, "b"));
}

#[tokio::test]
async fn of_two_equal_units_in_one_group_the_second_conflicts() {
    let store = Store::in_memory().unwrap();
    let before = store.epoch();
    // the writer is held inside a write until both units wait, so that they share a group
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let blocker = store.enqueue(vec![blocker(std::sync::mpsc::channel().0, hold)]);
    let first = store.enqueue(vec![take("a"), take("first")]).unwrap();
    let second = store.enqueue(vec![take("second"), take("a")]).unwrap();
    release.send(()).unwrap();
    blocker.unwrap().await.unwrap().unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(second.await.unwrap(), Err(StoreError::Conflict("a".to_owned())));
    assert!(taken(&store, "first") && !taken(&store, "second"));
    assert!(store.epoch() <= before + 2, "three units, at most two commits");
}

#[tokio::test]
async fn callers_in_flight_share_commits() {
    let folder = Folder::new();
    let store = Store::open(folder.path(), "n1", at(0)).unwrap();
    let before = store.epoch();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let blocker = store.enqueue(vec![blocker(std::sync::mpsc::channel().0, hold)]);
    let waiting: Vec<_> = (0..64).map(|_| store.enqueue(vec![Write::nothing()]).unwrap()).collect();
    release.send(()).unwrap();
    blocker.unwrap().await.unwrap().unwrap();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert!(store.epoch() - before <= 2, "{} commits for 65 units", store.epoch() - before);
}

#[tokio::test]
async fn a_write_that_panics_fails_alone() {
    let store = Store::in_memory().unwrap();
    let outcome = store.together(vec![take("a"), Write::new(|_| panic!("a bug"))]).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(!taken(&store, "a"));
    store.together(vec![take("a")]).await.unwrap();
}

#[tokio::test]
async fn what_is_handed_over_for_later_is_there_after_the_store_is_closed() {
    let folder = Folder::new();
    let store = Store::open(folder.path(), "n1", at(0)).unwrap();
    store.later(vec![take("a")]).unwrap();
    drop(store);
    let store = Store::open(folder.path(), "n1", at(9)).unwrap();
    assert!(taken(&store, "a"));
    assert_eq!(store.epoch(), 1);
    assert_eq!(store.fresh_after(), at(0));
}

#[tokio::test]
async fn a_scan_sees_what_its_own_unit_has_staged() {
    let store = Store::in_memory().unwrap();
    store.together(vec![take("a"), take("c"), take("e")]).await.unwrap();
    let rows = (store.commit(|unit| {
        unit.put(ROWS, &row("b"), "new");
        unit.put(ROWS, &row("c"), "changed");
        unit.remove(ROWS, row("a").as_slice());
        unit.scan(ROWS, &Key::of(&RealmId::default()).range(None), 2)
    }))
    .await
    .unwrap();
    let values: Vec<_> = rows.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
    assert_eq!(values, ["new", "changed"]);
}

#[test]
fn a_second_opening_is_told_that_a_server_holds_it() {
    let folder = Folder::new();
    let _held = Store::open(folder.path(), "n1", at(0)).unwrap();
    let error = Store::open(folder.path(), "n1", at(0)).unwrap_err();
    assert!(matches!(error, OpenError::Held(_)));
    assert!(error.to_string().contains("held by a server"), "{error}");
}

#[test]
fn a_store_of_another_node_is_refused() {
    let folder = Folder::new();
    drop(Store::open(folder.path(), "n1", at(0)).unwrap());
    assert!(matches!(Store::open(folder.path(), "n2", at(0)), Err(OpenError::Node { found, .. }) if found == "n1"));
}

#[test]
fn a_store_put_back_from_a_backup_moves_fresh_after_forward_only() {
    let folder = Folder::new();
    let store = Store::open(folder.path(), "n1", at(50)).unwrap();
    store.refuse_made_before(at(70)).unwrap();
    store.refuse_made_before(at(60)).unwrap();
    drop(store);
    assert_eq!(Store::open(folder.path(), "n1", at(99)).unwrap().fresh_after(), at(70));
}

#[test]
fn rows_of_two_columns_cannot_be_read_as_one() {
    let realm = RealmId::default();
    assert_ne!(Key::of(&realm).text("ab").text("c"), Key::of(&realm).text("a").text("bc"));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = Store::open(folder.path(), "n1", at(0)).unwrap();
    let mode = std::fs::metadata(store.path().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
