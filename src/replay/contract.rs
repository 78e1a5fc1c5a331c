//! What every replay guard must do, as functions that run against any implementation, and for
//! each rule an implementation that breaks exactly that one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::DateTime;

use super::{Claim, ClaimKind, ReplayGuard};
use crate::model::{RealmId, Time};
use crate::store::{Store, StoreError, Write};

/// A guard, fresh and empty, with the store its writes go to.
#[async_trait]
pub(crate) trait Subject: Sync {
    fn fresh(&self) -> (Store, Box<dyn ReplayGuard>);
}

pub(crate) struct OnStore<F>(F);

impl<F: Fn(&Store) -> Box<dyn ReplayGuard> + Sync> OnStore<F> {
    pub(crate) fn new(make: F) -> Self {
        Self(make)
    }
}

impl<F: Fn(&Store) -> Box<dyn ReplayGuard> + Sync> Subject for OnStore<F> {
    fn fresh(&self) -> (Store, Box<dyn ReplayGuard>) {
        let store = Store::in_memory().expect("a store in memory");
        let guard = (self.0)(&store);
        (store, guard)
    }
}

/// The rules, by name.
const RULES: &[&str] = &[
    "a claim can be spent once",
    "of two equal claims at once, one wins",
    "claims that fail together spend nothing",
    "kinds never collide",
    "realms never collide",
    "what is spent is seen",
    "what was never spent is not seen",
    "a claim counts until its time, and not a moment less",
];

/// Runs every rule; panics with the names of those that are broken.
pub(crate) async fn all(subject: &impl Subject) {
    let broken = broken_rules(subject).await;
    assert!(broken.is_empty(), "broken: {broken:?}");
}

async fn broken_rules(subject: &impl Subject) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for rule in RULES {
        let (store, guard) = subject.fresh();
        if !holds(rule, &Bench { store, guard }).await {
            broken.push(*rule);
        }
    }
    broken
}

struct Bench {
    store: Store,
    guard: Box<dyn ReplayGuard>,
}

impl Bench {
    async fn spend(&self, claims: Vec<Claim>, now: i64) -> Result<(), StoreError> {
        self.store.together(vec![self.guard.claim(&RealmId::default(), claims, at(now))]).await
    }

    async fn conflicts(&self, claims: Vec<Claim>, now: i64) -> bool {
        matches!(self.spend(claims, now).await, Err(StoreError::Conflict(_)))
    }

    fn seen(&self, claims: &[Claim], now: i64) -> Option<Claim> {
        self.guard.seen(&RealmId::default(), claims, at(now))
    }
}

async fn holds(rule: &str, bench: &Bench) -> bool {
    let (a, b, c) = (claim(1), claim(2), claim(3));
    match rule {
        "a claim can be spent once" => bench.spend(vec![a], 0).await.is_ok() && bench.conflicts(vec![a], 1).await,
        "of two equal claims at once, one wins" => {
            let both = vec![
                bench.guard.claim(&RealmId::default(), vec![a], at(0)),
                bench.guard.claim(&RealmId::default(), vec![a], at(0)),
            ];
            // as one unit: the second sees what the first has only staged
            matches!(bench.store.together(both).await, Err(StoreError::Conflict(_)))
                && bench.spend(vec![a], 0).await.is_ok()
        }
        "claims that fail together spend nothing" => {
            let _ = bench.spend(vec![a], 0).await;
            let _ = bench.spend(vec![b, a, c], 1).await;
            bench.spend(vec![b], 2).await.is_ok() && bench.spend(vec![c], 2).await.is_ok()
        }
        "kinds never collide" => {
            let other = Claim { kind: ClaimKind::JwtId, ..a };
            bench.spend(vec![a], 0).await.is_ok() && bench.spend(vec![other], 0).await.is_ok()
        }
        "realms never collide" => {
            let write = bench.guard.claim(&other_realm(), vec![a], at(0));
            bench.spend(vec![a], 0).await.is_ok() && bench.store.together(vec![write]).await.is_ok()
        }
        "what is spent is seen" => bench.spend(vec![a], 0).await.is_ok() && bench.seen(&[a], 1) == Some(a),
        "what was never spent is not seen" => {
            let _ = bench.spend(vec![a], 0).await;
            let _ = bench.spend(vec![b, a], 1).await;
            bench.seen(&[b, c], 1).is_none()
        }
        "a claim counts until its time, and not a moment less" => {
            bench.spend(vec![a], 0).await.is_ok()
                && bench.spend(vec![Claim { keep_until: at(5000), ..b }], UNTIL - 1).await.is_ok()
                && !matches!(bench.spend(vec![a], UNTIL - 1).await, Ok(()))
        }
        other => panic!("no such rule: {other}"),
    }
}

fn at(second: i64) -> Time {
    DateTime::from_timestamp(second, 0).expect("a time")
}

fn claim(number: u8) -> Claim {
    Claim { kind: ClaimKind::Message, identity: [number; 32], keep_until: at(UNTIL) }
}

fn other_realm() -> RealmId {
    serde_json::from_str("\"other\"").expect("a realm")
}

const UNTIL: i64 = 100;

/// What one claim spends.
type Spent = (RealmId, ClaimKind, [u8; 32]);

/// A small guard in memory, right but for one fault.
#[derive(Debug, Clone)]
struct Faulty {
    fault: &'static str,
    spent: Arc<Mutex<HashMap<Spent, Time>>>,
    staged: Arc<Mutex<Vec<Spent>>>,
}

impl Faulty {
    fn new(fault: &'static str) -> Self {
        Self { fault, spent: Arc::default(), staged: Arc::default() }
    }

    fn key(&self, realm: &RealmId, claim: &Claim) -> (RealmId, ClaimKind, [u8; 32]) {
        let kind = if self.fault == "kinds never collide" { ClaimKind::Message } else { claim.kind };
        let realm = if self.fault == "realms never collide" { RealmId::default() } else { realm.clone() };
        (realm, kind, claim.identity)
    }
}

impl ReplayGuard for Faulty {
    fn seen(&self, realm: &RealmId, claims: &[Claim], _now: Time) -> Option<Claim> {
        match self.fault {
            "what is spent is seen" => None,
            "what was never spent is not seen" => claims.first().copied(),
            _ => (claims.iter().copied())
                .find(|claim| self.spent.lock().expect("no panic").contains_key(&self.key(realm, claim))),
        }
    }

    fn claim(&self, realm: &RealmId, claims: Vec<Claim>, now: Time) -> Write {
        let (guard, realm) = (self.clone(), realm.clone());
        Write::new(move |unit| {
            let mut spent = guard.spent.lock().expect("no panic");
            let mut staged = guard.staged.lock().expect("no panic");
            if guard.fault == "a claim counts until its time, and not a moment less" {
                spent.retain(|_, until| *until > now + chrono::Duration::seconds(1));
            }
            let keys: Vec<_> = claims.iter().map(|claim| (guard.key(&realm, claim), claim.keep_until)).collect();
            // the fault shows in its own rule only
            let alone_and_soon = claims.len() == 1 && now <= at(1);
            let again = |key: &(RealmId, ClaimKind, [u8; 32])| {
                spent.contains_key(key) && !(guard.fault == "a claim can be spent once" && alone_and_soon)
                    || staged.contains(key) && guard.fault != "of two equal claims at once, one wins"
            };
            if keys.iter().any(|(key, _)| again(key)) {
                staged.clear();
                if guard.fault == "claims that fail together spend nothing" && claims.len() > 2 {
                    spent.extend(keys);
                }
                return Err(StoreError::Conflict("spent".to_owned()));
            }
            staged.extend(keys.iter().map(|(key, _)| key.clone()));
            drop((spent, staged));
            let after = guard.clone();
            unit.after_commit(move || {
                after.staged.lock().expect("no panic").clear();
                after.spent.lock().expect("no panic").extend(keys);
            });
            Ok(())
        })
    }

    fn fresh_after(&self) -> Time {
        DateTime::UNIX_EPOCH
    }
}

#[tokio::test]
async fn a_guard_without_fault_breaks_no_rule() {
    all(&OnStore::new(|_| Box::new(Faulty::new("none")))).await;
}

#[tokio::test]
async fn each_rule_is_broken_by_exactly_the_guard_with_that_fault() {
    for rule in RULES {
        let broken = broken_rules(&OnStore::new(|_| Box::new(Faulty::new(rule)))).await;
        assert_eq!(broken, [*rule]);
    }
}
