//! Things for the tests of the trail: a key, entries, a trail in a folder.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use serde_json::Value;

use super::{AuditSink, CheckpointKey, Field, FileTrail, IntentEntry, OutcomeEntry, Settings, TrailError};
use crate::model::{
    Algorithm, KeyHandle, KeyPurpose, KeyState, KeyThumbprint, RealmId, Reference, SignError, Signer, StepId, Time,
    Trace,
};
use crate::store::Store;
use crate::store::testing::Folder;
use crate::wire::crypto::{KeyKind, PrivateKey, PublicKey, SignatureAlgorithm};

#[derive(Debug)]
struct TestSigner(PrivateKey);

#[async_trait]
impl Signer for TestSigner {
    async fn sign(&self, _handle: &KeyHandle, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.0.sign(SignatureAlgorithm::Ed25519, message).map_err(|error| SignError(error.to_string()))
    }
}

/// A house: a folder with store and trail.
pub(super) struct House {
    pub(super) folder: Folder,
    pub(super) key: CheckpointKey,
}

/// An open house.
pub(super) struct Open {
    pub(super) store: Store,
    pub(super) trail: FileTrail,
}

impl House {
    pub(super) fn new() -> Self {
        let (private, _) = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        Self::with_key(Folder::new(), private)
    }

    /// The house of another process: its key lies in the folder.
    pub(super) fn shared(folder: Folder) -> Self {
        let path = folder.path().join("key.der");
        if !path.exists() {
            let (_, der) = PrivateKey::generate(KeyKind::Ed25519).unwrap();
            std::fs::write(&path, der.as_slice()).unwrap();
        }
        let private = PrivateKey::from_pkcs8_der(&std::fs::read(&path).unwrap()).unwrap();
        Self::with_key(folder, private)
    }

    fn with_key(folder: Folder, private: PrivateKey) -> Self {
        let handle = KeyHandle {
            name: "audit".to_owned(),
            purpose: KeyPurpose::Checkpoints,
            algorithm: Algorithm::Ed25519,
            state: KeyState::Active,
            thumbprint: KeyThumbprint(private.public().thumbprint()),
            chain: Vec::new(),
            spki: private.public().spki().to_vec(),
        };
        let key = CheckpointKey { signer: Arc::new(TestSigner(private)), handle };
        Self { folder, key }
    }

    /// What lies on disk now, as another process would find it after `kill -9`.
    pub(super) fn killed(&self) -> Self {
        Self { folder: self.folder.copy(), key: self.key.clone() }
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey::from_spki(&self.key.handle.spki).unwrap()
    }

    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.folder.path().join("audit"), "n1", "example.com/audit/n1");
        settings.sink = Some(self.folder.path().join("outside"));
        std::fs::create_dir_all(self.folder.path().join("outside")).unwrap();
        settings
    }

    pub(super) fn trail_folder(&self) -> std::path::PathBuf {
        self.settings().node_folder()
    }

    pub(super) fn open(&self) -> Open {
        self.try_open(self.settings()).unwrap()
    }

    pub(super) fn try_open(&self, settings: Settings) -> Result<Open, TrailError> {
        let store = Store::open(self.folder.path(), "n1", at(0)).unwrap();
        let trail = FileTrail::open(settings, &store, self.key.clone(), at(1000))?;
        Ok(Open { store, trail })
    }

    /// Lines of the first segment.
    pub(super) fn leaves(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for path in super::files::segments(&self.trail_folder()).unwrap().into_values() {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
        }
        lines
    }
}

impl Open {
    pub(super) async fn intent(&self, number: u8) -> Reference {
        let reference = Reference::from_bytes([number; 16]);
        let entry = IntentEntry {
            realm: RealmId::default(),
            reference,
            at: at(100),
            draft_hash: [number; 32],
            fields: vec![
                Field::Plain("profile", Value::from("oasis")),
                Field::Personal("subject", Value::from("ssin:85073003328")),
            ],
        };
        self.store.together(vec![self.trail.intent(entry)]).await.unwrap();
        reference
    }

    pub(super) async fn outcome(&self, number: u8, outcome: &'static str) {
        self.trail.outcome(entry(number, outcome)).await.unwrap();
    }

    /// `count` requests, numbered from `first`, each with intent and outcome, all in the files.
    pub(super) async fn issue(&self, first: u8, count: u8) {
        for number in first..first + count {
            self.intent(number).await;
            self.outcome(number, "issued").await;
        }
        self.trail.flush().await.unwrap();
    }
}

pub(super) fn entry(number: u8, outcome: &'static str) -> OutcomeEntry {
    let mut trace = Trace::default();
    trace.begin(StepId::Parse);
    OutcomeEntry {
        realm: RealmId::default(),
        reference: Reference::from_bytes([number; 16]),
        at: at(101),
        outcome,
        fields: vec![Field::Personal("client", Value::from("cbe:0206731645"))],
        trace,
        authenticated: true,
        peer: Some([127, 0, 0, 1].into()),
    }
}

pub(super) fn at(second: i64) -> Time {
    DateTime::from_timestamp(second, 0).unwrap()
}
