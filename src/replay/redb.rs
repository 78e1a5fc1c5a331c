//! Replay memory on redb: a table that decides, and a map in memory that answers quickly.
//!
//! Two tables: `replay_claims` (realm, kind, identity → keep-until) and `replay_expiry` (realm,
//! keep-until, kind, identity), by which expired rows are found, a few with each claim. The
//! *horizon* is the highest keep-until of all that was forgotten: a claim at or below it could be
//! one of those, so it is refused. Hence a clock that jumped ahead and came back lets nothing in
//! twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Claim, ClaimKind, ReplayGuard};
use crate::model::{RealmId, Time};
use crate::store::{Key, Store, StoreError, Table, Transaction, Write};

/// The replay guard of one node.
#[derive(Debug, Clone)]
pub struct RedbReplay {
    store: Store,
    memory: Arc<Memory>,
    capacity: usize,
}

impl RedbReplay {
    /// Loads what is spent and still counts at `now`. At most about `capacity` claims are kept
    /// (the claims of one group commit above it); beyond it everything is refused.
    ///
    /// # Errors
    /// When the store cannot be read, or holds rows that are not claims.
    pub fn open(store: &Store, realms: &[RealmId], capacity: usize, now: Time) -> Result<Self, StoreError> {
        let memory = Memory::default();
        let snapshot = store.read()?;
        for realm in realms {
            let all = Key::of(realm);
            let mut after: Option<Key> = None;
            loop {
                let rows = snapshot.scan(CLAIMS, &all.range(after.as_ref()), PAGE)?;
                for (key, value) in &rows {
                    let columns = key.get(all.as_slice().len()..).unwrap_or_default();
                    let claim = read_claim(columns, value)?;
                    memory.rows.fetch_add(1, Ordering::Relaxed);
                    if claim.keep_until_millis > now.timestamp_millis() {
                        memory.remember(realm, claim.spent, claim.keep_until_millis);
                    }
                }
                match rows.last() {
                    Some((key, _)) if rows.len() == PAGE => after = Some(Key::from_row(key)),
                    _ => break,
                }
            }
        }
        Ok(Self { store: store.clone(), memory: Arc::new(memory), capacity })
    }

    /// How many claims are stored, expired ones that were not yet removed included.
    pub fn len(&self) -> usize {
        self.memory.rows.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The number of claims kept when the configuration does not say: at 2000 messages a second with
/// two claims each, more than eight minutes' worth.
pub const DEFAULT_CAPACITY: usize = 2_000_000;

impl ReplayGuard for RedbReplay {
    fn seen(&self, realm: &RealmId, claims: &[Claim], now: Time) -> Option<Claim> {
        claims.iter().copied().find(|claim| self.memory.knows(realm, (claim.kind, claim.identity), now))
    }

    fn claim(&self, realm: &RealmId, claims: Vec<Claim>, now: Time) -> Write {
        let (memory, capacity, realm) = (Arc::clone(&self.memory), self.capacity, realm.clone());
        Write::new(move |unit| {
            let removed = forget_expired(unit, &realm, now)?;
            let kept = memory.rows.load(Ordering::Relaxed).saturating_sub(removed.len());
            if kept.saturating_add(claims.len()) > capacity {
                return Err(StoreError::Unavailable(format!("the replay memory is full: {kept} claims")));
            }
            let horizon = horizon(unit, &realm)?;
            for claim in &claims {
                spend(unit, &realm, claim, horizon)?;
            }
            unit.after_commit(move || {
                memory.rows.fetch_add(claims.len(), Ordering::Relaxed);
                memory.rows.fetch_sub(removed.len(), Ordering::Relaxed);
                removed.into_iter().for_each(|spent| memory.forget(&realm, spent));
                for claim in claims {
                    memory.remember(&realm, (claim.kind, claim.identity), claim.keep_until.timestamp_millis());
                }
            });
            Ok(())
        })
    }

    fn fresh_after(&self) -> Time {
        self.store.fresh_after()
    }
}

/// Stages one claim.
fn spend(unit: &mut Transaction<'_>, realm: &RealmId, claim: &Claim, horizon: i64) -> Result<(), StoreError> {
    let until = claim.keep_until.timestamp_millis();
    if until <= horizon {
        return Err(StoreError::Unavailable(
            "claims of that time were forgotten already: the clock stands behind where it stood before".to_owned(),
        ));
    }
    let row = claim_row(realm, (claim.kind, claim.identity));
    if unit.get(CLAIMS, &row)?.is_some() {
        return Err(StoreError::Conflict(format!("{:?} was spent before", claim.kind)));
    }
    unit.put(CLAIMS, &row, until.to_be_bytes());
    unit.put(EXPIRY, &expiry_row(realm, until, (claim.kind, claim.identity)), []);
    Ok(())
}

/// Stages the removal of some claims whose time is over, and moves the horizon behind them.
fn forget_expired(unit: &mut Transaction<'_>, realm: &RealmId, now: Time) -> Result<Vec<Spent>, StoreError> {
    let last = Key::of(realm).bytes(&ordered(now.timestamp_millis()));
    let expired = unit.scan(EXPIRY, &Key::of(realm).up_to(&last), FORGET_AT_ONCE)?;
    let mut removed = Vec::with_capacity(expired.len());
    let skip = Key::of(realm).as_slice().len();
    for (key, _) in &expired {
        let columns = key.get(skip..).unwrap_or_default();
        let (Some((until, spent)), columns) = (columns.split_first_chunk::<8>(), columns.len()) else {
            return Err(broken_row());
        };
        let spent = read_spent(spent).filter(|_| columns == 8 + 33).ok_or_else(broken_row)?;
        unit.remove(EXPIRY, key);
        unit.remove(CLAIMS, claim_row(realm, spent).as_slice());
        unit.put(HORIZON, &Key::of(realm), *until);
        removed.push(spent);
    }
    Ok(removed)
}

/// The highest keep-until of all claims that were forgotten; the rows come in that order.
fn horizon(unit: &mut Transaction<'_>, realm: &RealmId) -> Result<i64, StoreError> {
    match unit.get(HORIZON, &Key::of(realm))? {
        Some(bytes) => Ok(disordered(bytes.try_into().map_err(|_| broken_row())?)),
        None => Ok(i64::MIN),
    }
}

type Spent = (ClaimKind, [u8; 32]);

struct StoredClaim {
    spent: Spent,
    keep_until_millis: i64,
}

fn claim_row(realm: &RealmId, (kind, identity): Spent) -> Key {
    Key::of(realm).bytes(&[kind.number()]).bytes(&identity)
}

fn expiry_row(realm: &RealmId, until: i64, (kind, identity): Spent) -> Key {
    Key::of(realm).bytes(&ordered(until)).bytes(&[kind.number()]).bytes(&identity)
}

fn read_claim(columns: &[u8], value: &[u8]) -> Result<StoredClaim, StoreError> {
    let spent = read_spent(columns).ok_or_else(broken_row)?;
    let until = value.try_into().map_err(|_| broken_row())?;
    Ok(StoredClaim { spent, keep_until_millis: i64::from_be_bytes(until) })
}

fn read_spent(columns: &[u8]) -> Option<Spent> {
    let (kind, identity) = columns.split_first()?;
    Some((ClaimKind::from_number(*kind)?, identity.try_into().ok()?))
}

/// Bytes whose order is that of the number, negative ones included.
fn ordered(millis: i64) -> [u8; 8] {
    (millis ^ i64::MIN).to_be_bytes()
}

fn disordered(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

fn broken_row() -> StoreError {
    StoreError::Unavailable("a row of the replay memory is damaged".to_owned())
}

/// What is spent, by realm, in parts so that callers rarely meet.
#[derive(Debug, Default)]
struct Memory {
    shards: [Mutex<Shard>; SHARDS],
    rows: AtomicUsize,
}

type Shard = HashMap<RealmId, HashMap<Spent, i64>>;

impl Memory {
    /// The shard of an identity; identities are digests, so their first byte spreads them.
    fn shard(&self, spent: &Spent) -> MutexGuard<'_, Shard> {
        let index = usize::from(spent.1[0]) % SHARDS;
        self.shards[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn knows(&self, realm: &RealmId, spent: Spent, now: Time) -> bool {
        let shard = self.shard(&spent);
        shard.get(realm).and_then(|known| known.get(&spent)).is_some_and(|until| *until > now.timestamp_millis())
    }

    fn remember(&self, realm: &RealmId, spent: Spent, until: i64) {
        let mut shard = self.shard(&spent);
        match shard.get_mut(realm) {
            Some(known) => {
                known.insert(spent, until);
            }
            None => {
                shard.entry(realm.clone()).or_default().insert(spent, until);
            }
        }
    }

    fn forget(&self, realm: &RealmId, spent: Spent) {
        if let Some(known) = self.shard(&spent).get_mut(realm) {
            known.remove(&spent);
        }
    }
}

const CLAIMS: Table = Table("replay_claims");
const EXPIRY: Table = Table("replay_expiry");
const HORIZON: Table = Table("replay_horizon");
const SHARDS: usize = 32;

/// Rows read at once at the start.
const PAGE: usize = 4096;

/// Expired claims removed with each new one: more than a request can add, so the table shrinks.
const FORGET_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::contract;
    use crate::store::testing::Folder;
    use chrono::DateTime;

    fn at(second: i64) -> Time {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn claim(number: u8, until: i64) -> Claim {
        Claim { kind: ClaimKind::Message, identity: [number; 32], keep_until: at(until) }
    }

    fn guard(store: &Store, capacity: usize, now: i64) -> RedbReplay {
        RedbReplay::open(store, &[RealmId::default()], capacity, at(now)).unwrap()
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::all(&contract::OnStore::new(|store| Box::new(guard(store, 1000, 0)))).await;
    }

    #[tokio::test]
    async fn a_claim_is_remembered_across_a_restart() {
        let (folder, realm) = (Folder::new(), RealmId::default());
        let store = Store::open(folder.path(), "n", at(0)).unwrap();
        store.together(vec![guard(&store, 10, 0).claim(&realm, vec![claim(1, 100)], at(0))]).await.unwrap();
        drop(store);
        let store = Store::open(folder.path(), "n", at(50)).unwrap();
        let again = guard(&store, 10, 50);
        assert_eq!(again.seen(&realm, &[claim(2, 100), claim(1, 100)], at(50)), Some(claim(1, 100)));
        let outcome = store.together(vec![again.claim(&realm, vec![claim(1, 100)], at(50))]).await;
        assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_full_memory_refuses_and_forgets_nothing() {
        let (store, realm) = (Store::in_memory().unwrap(), RealmId::default());
        let guard = guard(&store, 2, 0);
        store.together(vec![guard.claim(&realm, vec![claim(1, 100), claim(2, 100)], at(0))]).await.unwrap();
        let full = store.together(vec![guard.claim(&realm, vec![claim(3, 100)], at(99))]).await;
        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        assert!(guard.seen(&realm, &[claim(1, 100)], at(99)).is_some());
        // their time is over: there is room again
        store.together(vec![guard.claim(&realm, vec![claim(3, 200)], at(101))]).await.unwrap();
        assert_eq!(guard.len(), 1);
    }

    #[tokio::test]
    async fn a_clock_that_jumped_ahead_and_came_back_lets_nothing_in_twice() {
        let (store, realm) = (Store::in_memory().unwrap(), RealmId::default());
        let guard = guard(&store, 100, 0);
        store.together(vec![guard.claim(&realm, vec![claim(1, 100)], at(0))]).await.unwrap();
        store.together(vec![guard.claim(&realm, vec![claim(2, 9100)], at(9000))]).await.unwrap();
        let back = store.together(vec![guard.claim(&realm, vec![claim(1, 100)], at(1))]).await;
        assert!(matches!(back, Err(StoreError::Unavailable(_))), "{back:?}");
        store.together(vec![guard.claim(&realm, vec![claim(3, 101)], at(2))]).await.unwrap();
    }

    #[tokio::test]
    async fn removing_what_expired_is_bounded_for_each_commit() {
        let (store, realm) = (Store::in_memory().unwrap(), RealmId::default());
        let guard = guard(&store, 1000, 0);
        let many = (0..100).map(|number| claim(number, 50)).collect();
        store.together(vec![guard.claim(&realm, many, at(0))]).await.unwrap();
        store.together(vec![guard.claim(&realm, vec![claim(200, 500)], at(60))]).await.unwrap();
        assert_eq!(guard.len(), 100 + 1 - FORGET_AT_ONCE);
    }
}
