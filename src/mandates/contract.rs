//! What every mandate store must do, as rules that run against any implementation, and for each
//! rule an implementation that breaks exactly that one.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::DateTime;

use super::{MandateDraft, MandateStore, RedbMandates};
use crate::model::{Mandate, MandateId, MandateStanding, MandateStatus, PartyId, RealmId, Time};
use crate::store::{Store, StoreError};

/// The rules, by name.
const RULES: &[&str] = &[
    "a mandate is found between its parties",
    "a mandate does not hold the other way round",
    "the same key is the same mandate",
    "a key cannot be used for another mandate",
    "what was ended is found as ended",
    "ending asks for the version that stands",
    "ending twice changes nothing",
    "ending what does not exist is a conflict",
    "numbers are never used twice",
    "realms never meet",
    "between is oldest first",
    "list goes on behind its cursor",
    "list gives no more than its limit",
    "an empty period is refused",
    "show gives nothing for what does not exist",
];

/// Runs every rule on a fresh store of `make`; panics with the names of those that are broken.
pub(crate) async fn all(make: impl Fn() -> Box<dyn MandateStore>) {
    let broken = broken_rules(make).await;
    assert!(broken.is_empty(), "broken: {broken:?}");
}

async fn broken_rules(make: impl Fn() -> Box<dyn MandateStore>) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for rule in RULES {
        if !holds(rule, make().as_ref()).await.unwrap_or(false) {
            broken.push(*rule);
        }
    }
    broken
}

/// An error where none belongs breaks the rule.
async fn holds(rule: &str, store: &dyn MandateStore) -> Result<bool, StoreError> {
    let realm = RealmId::default();
    let first = store.create(&realm, draft(1), at(10)).await?;
    let ids = |found: &[Mandate]| found.iter().map(|mandate| mandate.id).collect::<Vec<_>>();
    Ok(match rule {
        "a mandate is found between its parties" => {
            let found = store.between(&realm, &grantor(), &grantee()).await?;
            found.len() == 1 && found[0] == first && found[0].standing(at(150)) == MandateStanding::InForce
        }
        "a mandate does not hold the other way round" => {
            store.between(&realm, &grantee(), &grantor()).await?.is_empty()
        }
        "the same key is the same mandate" => store.create(&realm, draft(1), at(11)).await? == first,
        "a key cannot be used for another mandate" => {
            let other = MandateDraft { mandate_type: "other".to_owned(), ..draft(1) };
            conflict(store.create(&realm, other, at(11)).await)
        }
        "what was ended is found as ended" => {
            let ended = store.end(&realm, first.id, None, at(20)).await?;
            let right = ended.status == MandateStatus::Ended && ended.ended_at == Some(at(20)) && ended.version == 2;
            right && store.between(&realm, &grantor(), &grantee()).await?.first() == Some(&ended)
        }
        "ending asks for the version that stands" => {
            conflict(store.end(&realm, first.id, Some(7), at(20)).await)
                && store.end(&realm, first.id, Some(1), at(21)).await?.version == 2
        }
        "ending twice changes nothing" => {
            let ended = store.end(&realm, first.id, Some(1), at(20)).await?;
            let again = [None, Some(1), Some(2)];
            let mut same = true;
            for expected in again {
                same &= store.end(&realm, first.id, expected, at(30)).await? == ended;
            }
            same
        }
        "ending what does not exist is a conflict" => conflict(store.end(&realm, MandateId(99), None, at(20)).await),
        "numbers are never used twice" => {
            store.end(&realm, first.id, None, at(20)).await?;
            store.create(&realm, draft(2), at(30)).await?.id != first.id
        }
        "realms never meet" => {
            let other: RealmId = serde_json::from_str("\"other\"").expect("a realm");
            store.between(&other, &grantor(), &grantee()).await?.is_empty()
                && store.show(&other, first.id).await?.is_none()
                && store.list(&other, None, 10).await?.is_empty()
        }
        "between is oldest first" => {
            let second = store.create(&realm, draft(2), at(5)).await?;
            ids(&store.between(&realm, &grantor(), &grantee()).await?) == [first.id, second.id]
        }
        "list goes on behind its cursor" => {
            let second = store.create(&realm, draft(2), at(11)).await?;
            ids(&store.list(&realm, Some(first.id), 10).await?) == [second.id]
        }
        "list gives no more than its limit" => {
            store.create(&realm, draft(2), at(11)).await?;
            ids(&store.list(&realm, None, 1).await?) == [first.id]
        }
        "an empty period is refused" => {
            let empty = MandateDraft { valid_until: Some(at(100)), ..draft(2) };
            conflict(store.create(&realm, empty, at(11)).await)
        }
        "show gives nothing for what does not exist" => {
            store.show(&realm, first.id).await?.as_ref() == Some(&first)
                && store.show(&realm, MandateId(99)).await?.is_none()
        }
        other => panic!("no such rule: {other}"),
    })
}

fn conflict(outcome: Result<Mandate, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Conflict(_)))
}

pub(crate) fn at(second: i64) -> Time {
    DateTime::from_timestamp(second, 0).expect("a time")
}

pub(crate) fn draft(key: u8) -> MandateDraft {
    MandateDraft {
        idempotency_key: [key; 16],
        grantor: grantor(),
        grantee: grantee(),
        mandate_type: "dmfa".to_owned(),
        valid_from: at(100),
        valid_until: Some(at(200)),
    }
}

fn grantor() -> PartyId {
    "cbe:0206731645".parse().expect("a party")
}

fn grantee() -> PartyId {
    "sender:006400".parse().expect("a party")
}

/// A right store with one fault put before it.
#[derive(Debug)]
struct Faulty {
    fault: &'static str,
    inner: RedbMandates,
    calls: Mutex<u8>,
}

impl Faulty {
    fn boxed(fault: &'static str) -> Box<dyn MandateStore> {
        let store = Store::in_memory().expect("a store in memory");
        Box::new(Self { fault, inner: RedbMandates::new(&store), calls: Mutex::new(0) })
    }

    fn has(&self, fault: &str) -> bool {
        self.fault == fault
    }

    fn realm(&self, realm: &RealmId) -> RealmId {
        if self.has("realms never meet") { RealmId::default() } else { realm.clone() }
    }
}

#[async_trait]
impl MandateStore for Faulty {
    async fn between(&self, realm: &RealmId, grantor: &PartyId, grantee: &PartyId) -> Result<Vec<Mandate>, StoreError> {
        let realm = &self.realm(realm);
        let mut found = self.inner.between(realm, grantor, grantee).await?;
        if self.has("a mandate does not hold the other way round") {
            found.extend(self.inner.between(realm, grantee, grantor).await?);
        }
        if self.has("between is oldest first") {
            found.reverse();
        }
        for mandate in &mut found {
            if self.has("a mandate is found between its parties") && mandate.status == MandateStatus::Active {
                mandate.valid_from = at(180);
            }
            if self.has("what was ended is found as ended") {
                mandate.status = MandateStatus::Active;
            }
        }
        Ok(found)
    }

    async fn create(&self, realm: &RealmId, mut draft: MandateDraft, at: Time) -> Result<Mandate, StoreError> {
        let calls = {
            let mut calls = self.calls.lock().expect("no panic");
            *calls += 1;
            *calls
        };
        let same = draft.mandate_type == "dmfa" && draft.idempotency_key == [1; 16];
        if self.has("the same key is the same mandate") && same && calls > 1 {
            draft.idempotency_key[0] = 100 + calls;
        }
        if self.has("a key cannot be used for another mandate") && !same && draft.idempotency_key == [1; 16] {
            draft.idempotency_key[0] = 100;
        }
        if self.has("an empty period is refused") && draft.valid_until <= Some(draft.valid_from) {
            draft.valid_until = None;
        }
        let mut made = self.inner.create(realm, draft, at).await?;
        if self.has("numbers are never used twice") && self.inner.show(realm, MandateId(1)).await?.is_some_and(is_ended)
        {
            made.id = MandateId(1);
        }
        Ok(made)
    }

    async fn end(
        &self,
        realm: &RealmId,
        id: MandateId,
        expected_version: Option<u64>,
        at: Time,
    ) -> Result<Mandate, StoreError> {
        if self.has("ending what does not exist is a conflict") && self.inner.show(realm, id).await?.is_none() {
            return Err(StoreError::Unavailable("no such row".to_owned()));
        }
        let again = self.inner.show(realm, id).await?.is_some_and(is_ended);
        let ignore = self.has("ending asks for the version that stands") && !again;
        let mut ended = self.inner.end(realm, id, expected_version.filter(|_| !ignore), at).await?;
        if self.has("ending twice changes nothing") && again {
            ended.ended_at = Some(at);
        }
        Ok(ended)
    }

    async fn show(&self, realm: &RealmId, id: MandateId) -> Result<Option<Mandate>, StoreError> {
        let id = if self.has("show gives nothing for what does not exist") { MandateId(1) } else { id };
        self.inner.show(&self.realm(realm), id).await
    }

    async fn list(&self, realm: &RealmId, after: Option<MandateId>, limit: usize) -> Result<Vec<Mandate>, StoreError> {
        let after = after.filter(|_| !self.has("list goes on behind its cursor"));
        let limit = if self.has("list gives no more than its limit") { 1000 } else { limit };
        self.inner.list(&self.realm(realm), after, limit).await
    }
}

fn is_ended(mandate: Mandate) -> bool {
    mandate.status == MandateStatus::Ended
}

#[tokio::test]
async fn a_store_without_fault_breaks_no_rule() {
    all(|| Faulty::boxed("none")).await;
}

#[tokio::test]
async fn each_rule_is_broken_by_exactly_the_store_with_that_fault() {
    for rule in RULES {
        assert_eq!(broken_rules(|| Faulty::boxed(rule)).await, [*rule], "by the fault `{rule}`");
    }
}
