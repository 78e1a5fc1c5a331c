//! Mandates on redb.
//!
//! Rows, realm first in each: `mandates` (id → the current version), `mandate_versions` (id,
//! version → that version and when it was recorded; never changed, never removed, so that later
//! one can ask "what did the register say then?"), `mandates_between` (grantor, grantee, id),
//! `mandates_of_grantee` (grantee, id), `mandate_keys` (idempotency key → id), `mandate_next` (the
//! next id).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{MandateDraft, MandateStore};
use crate::model::{Mandate, MandateId, MandateStatus, PartyId, RealmId, Time};
use crate::store::{Key, Snapshot, Store, StoreError, Table, Transaction};

/// The mandate store of one node.
#[derive(Debug, Clone)]
pub struct RedbMandates {
    store: Store,
}

impl RedbMandates {
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Reading takes a snapshot and some rows, most of them in memory; no lock, no wait for the
    /// writer.
    fn current(snapshot: &Snapshot, realm: &RealmId, id: u64) -> Result<Option<Mandate>, StoreError> {
        snapshot.get(CURRENT, &Key::of(realm).number(id))?.map(|row| read(&row)).transpose()
    }
}

#[async_trait]
impl MandateStore for RedbMandates {
    async fn between(&self, realm: &RealmId, grantor: &PartyId, grantee: &PartyId) -> Result<Vec<Mandate>, StoreError> {
        let snapshot = self.store.read()?;
        let pair = between_row(realm, grantor, grantee);
        let rows = snapshot.scan(BETWEEN, &pair.range(None), MOST_BETWEEN + 1)?;
        if rows.len() > MOST_BETWEEN {
            return Err(StoreError::Unavailable(format!("more than {MOST_BETWEEN} mandates between two parties")));
        }
        (rows.iter()).map(|(key, _)| Self::current(&snapshot, realm, id_of(key)?)?.ok_or_else(broken_row)).collect()
    }

    async fn create(&self, realm: &RealmId, draft: MandateDraft, at: Time) -> Result<Mandate, StoreError> {
        check(&draft)?;
        let realm = realm.clone();
        self.store.commit(move |unit| create(unit, &realm, draft, at)).await
    }

    async fn end(
        &self,
        realm: &RealmId,
        id: MandateId,
        expected_version: Option<u64>,
        at: Time,
    ) -> Result<Mandate, StoreError> {
        let realm = realm.clone();
        self.store.commit(move |unit| end(unit, &realm, id, expected_version, at)).await
    }

    async fn show(&self, realm: &RealmId, id: MandateId) -> Result<Option<Mandate>, StoreError> {
        Self::current(&self.store.read()?, realm, id.0)
    }

    async fn list(&self, realm: &RealmId, after: Option<MandateId>, limit: usize) -> Result<Vec<Mandate>, StoreError> {
        let after = after.map(|id| Key::of(realm).number(id.0));
        let rows = self.store.read()?.scan(CURRENT, &Key::of(realm).range(after.as_ref()), limit.min(LARGEST_PAGE))?;
        rows.iter().map(|(_, row)| read(row)).collect()
    }
}

/// A version of a mandate, and when the register learned of it: both times that a bi-temporal
/// question needs.
#[derive(Serialize, Deserialize)]
struct Version {
    recorded_at: Time,
    mandate: Mandate,
}

fn check(draft: &MandateDraft) -> Result<(), StoreError> {
    if draft.valid_until.is_some_and(|until| until <= draft.valid_from) {
        return Err(StoreError::Conflict("the period ends before it begins".to_owned()));
    }
    if draft.mandate_type.is_empty() || draft.mandate_type.len() > LONGEST_TYPE {
        return Err(StoreError::Conflict(format!("the type of a mandate has 1 to {LONGEST_TYPE} bytes")));
    }
    Ok(())
}

fn create(unit: &mut Transaction<'_>, realm: &RealmId, draft: MandateDraft, at: Time) -> Result<Mandate, StoreError> {
    let by_key = Key::of(realm).bytes(&draft.idempotency_key);
    if let Some(id) = unit.get(KEYS, &by_key)? {
        return created_before(unit, realm, id_of(&id)?, &draft);
    }
    let counter = Key::of(realm);
    let id = match unit.get(NEXT, &counter)? {
        Some(next) => id_of(&next)?,
        None => 1,
    };
    let mandate = Mandate {
        id: MandateId(id),
        version: 1,
        grantor: draft.grantor,
        grantee: draft.grantee,
        mandate_type: draft.mandate_type,
        status: MandateStatus::Active,
        valid_from: draft.valid_from,
        valid_until: draft.valid_until,
        created_at: at,
        ended_at: None,
    };
    unit.put(NEXT, &counter, (id + 1).to_be_bytes());
    unit.put(KEYS, &by_key, id.to_be_bytes());
    unit.put(BETWEEN, &between_row(realm, &mandate.grantor, &mandate.grantee).number(id), []);
    unit.put(OF_GRANTEE, &Key::of(realm).text(&mandate.grantee.to_string()).number(id), []);
    put_version(unit, realm, &mandate, at)?;
    Ok(mandate)
}

/// The same key again: the same mandate, as it stands now, if the same was asked.
fn created_before(
    unit: &mut Transaction<'_>,
    realm: &RealmId,
    id: u64,
    draft: &MandateDraft,
) -> Result<Mandate, StoreError> {
    let mandate = unit.get(CURRENT, &Key::of(realm).number(id))?.ok_or_else(broken_row)?;
    let mandate: Mandate = read(&mandate)?;
    let same = mandate.grantor == draft.grantor
        && mandate.grantee == draft.grantee
        && mandate.mandate_type == draft.mandate_type
        && mandate.valid_from == draft.valid_from
        && mandate.valid_until == draft.valid_until;
    if same { Ok(mandate) } else { Err(StoreError::Conflict(format!("the key was used for another mandate, {id}"))) }
}

fn end(
    unit: &mut Transaction<'_>,
    realm: &RealmId,
    id: MandateId,
    expected_version: Option<u64>,
    at: Time,
) -> Result<Mandate, StoreError> {
    let Some(row) = unit.get(CURRENT, &Key::of(realm).number(id.0))? else {
        return Err(StoreError::Conflict(format!("there is no mandate {id}")));
    };
    let mut mandate: Mandate = read(&row)?;
    let ended = mandate.status == MandateStatus::Ended;
    // a repeated request names the version that it saw before it ended the mandate
    let may_be = |version: u64| version == mandate.version || ended && version + 1 == mandate.version;
    if let Some(expected) = expected_version.filter(|version| !may_be(*version)) {
        return Err(StoreError::Conflict(format!("mandate {id} has version {}, not {expected}", mandate.version)));
    }
    if !ended {
        mandate.status = MandateStatus::Ended;
        mandate.ended_at = Some(at);
        mandate.version += 1;
        put_version(unit, realm, &mandate, at)?;
    }
    Ok(mandate)
}

fn put_version(unit: &mut Transaction<'_>, realm: &RealmId, mandate: &Mandate, at: Time) -> Result<(), StoreError> {
    let row = Key::of(realm).number(mandate.id.0);
    unit.put(CURRENT, &row, write(mandate)?);
    let version = Version { recorded_at: at, mandate: mandate.clone() };
    unit.put(VERSIONS, &row.number(mandate.version), write(&version)?);
    Ok(())
}

fn between_row(realm: &RealmId, grantor: &PartyId, grantee: &PartyId) -> Key {
    Key::of(realm).text(&grantor.to_string()).text(&grantee.to_string())
}

/// The number in the last eight bytes of a row.
fn id_of(bytes: &[u8]) -> Result<u64, StoreError> {
    bytes.last_chunk::<8>().map(|id| u64::from_be_bytes(*id)).ok_or_else(broken_row)
}

fn read<T: for<'a> Deserialize<'a>>(row: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(row).map_err(|_| broken_row())
}

fn write(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn broken_row() -> StoreError {
    StoreError::Unavailable("a row of the mandate store is damaged".to_owned())
}

const CURRENT: Table = Table("mandates");
const VERSIONS: Table = Table("mandate_versions");
const BETWEEN: Table = Table("mandates_between");
const OF_GRANTEE: Table = Table("mandates_of_grantee");
const KEYS: Table = Table("mandate_keys");
const NEXT: Table = Table("mandate_next");

/// Mandates between two parties that one question reads. Beyond it the answer would be cut, and a
/// cut answer is a wrong one.
const MOST_BETWEEN: usize = 1000;

/// Mandates in one page of a list.
const LARGEST_PAGE: usize = 1000;

const LONGEST_TYPE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mandates::contract;
    use crate::store::testing::Folder;
    use chrono::DateTime;

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::all(|| Box::new(RedbMandates::new(&Store::in_memory().unwrap()))).await;
    }

    #[tokio::test]
    async fn each_version_stays_with_the_time_it_was_recorded() {
        let store = Store::in_memory().unwrap();
        let (mandates, realm) = (RedbMandates::new(&store), RealmId::default());
        let made = mandates.create(&realm, contract::draft(1), contract::at(10)).await.unwrap();
        mandates.end(&realm, made.id, Some(1), contract::at(20)).await.unwrap();
        let rows = store.read().unwrap().scan(VERSIONS, &Key::of(&realm).number(1).range(None), 9).unwrap();
        let versions: Vec<Version> = rows.iter().map(|(_, row)| read(row).unwrap()).collect();
        assert_eq!(versions[0].mandate, made);
        assert_eq!(versions[1].mandate.status, MandateStatus::Ended);
        assert_eq!([versions[0].recorded_at, versions[1].recorded_at], [contract::at(10), contract::at(20)]);
    }

    #[tokio::test]
    async fn an_acknowledged_mandate_is_there_for_whoever_finds_the_disk_as_it_is() {
        let (folder, realm) = (Folder::new(), RealmId::default());
        let store = Store::open(folder.path(), "n", DateTime::UNIX_EPOCH).unwrap();
        let mandates = RedbMandates::new(&store);
        for number in 1..=20 {
            mandates.create(&realm, contract::draft(number), contract::at(0)).await.unwrap();
            let killed = folder.copy();
            let again = Store::open(killed.path(), "n", DateTime::UNIX_EPOCH).unwrap();
            let found = RedbMandates::new(&again).list(&realm, None, 100).await.unwrap();
            assert_eq!(found.len(), usize::from(number));
        }
    }
}
