//! The world `hospital` as an operator has it: a folder with configuration, keys and data, which is
//! removed at the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use vidimus::config::build::{self, Parts, System};
use vidimus::config::{self, Loaded, Overrides};
use vidimus::conformance::keys::Keys;
use vidimus::conformance::world::Recorder;
use vidimus::model::Time;
use vidimus::serve;
use vidimus::serve::clock::{FrozenClock, SystemClock, stopwatch};
use vidimus::store::Store;
use vidimus::wire::crypto::PrivateKey;

/// The kinds of our own keys for assertions and for SOAP answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Own {
    Rsa,
    P256Assertions,
    P256,
}

pub struct Site {
    folder: PathBuf,
    pub loaded: Loaded,
    pub keys: Keys,
    /// Where templates are.
    pub corpus: PathBuf,
    pub now: Time,
    names: Names,
}

/// Key files, without their extension.
struct Names {
    assertions: &'static str,
    answers: &'static str,
}

impl Site {
    pub fn new(own: Own) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("vidimus-bench-{}-{number}", std::process::id()));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("conformance/worlds/hospital"), &folder);
        copy(&root.join("keys"), &folder.join("keys"));
        let schema = root.join("src/pdp/cedar/vidimus.cedarschema");
        fs::copy(schema, folder.join("policies/vidimus.cedarschema")).expect("the schema");
        let names = Names {
            assertions: if own == Own::Rsa { "sts-assertions" } else { "bench-assertions" },
            answers: if own == Own::P256 { "bench-answers" } else { "sts-answers" },
        };
        let main = folder.join("vidimus.toml");
        let text = fs::read_to_string(&main).expect("the world's configuration");
        let text = text.replace("keys/sts-assertions", &format!("keys/{}", names.assertions));
        fs::write(&main, text.replace("keys/sts-answers", &format!("keys/{}", names.answers))).expect("written");
        for name in ["bench-assertions", "bench-answers"] {
            p256(&folder.join("keys"), name);
        }
        let now = chrono::Utc::now();
        let loaded = config::load(&main, Overrides::default(), now).unwrap_or_else(|problems| panic!("{problems:?}"));
        Self { keys: Keys::open(folder.join("keys")), folder, loaded, corpus: root.join("conformance"), now, names }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("vidimus.toml")
    }

    /// Path and address of the SOAP door.
    pub fn soap(&self) -> (&str, &str) {
        let door = self.loaded.settings.doors.first().expect("one SOAP door");
        (&door.path, &door.endpoint)
    }

    pub fn assertion_key(&self) -> PrivateKey {
        self.keys.private(self.names.assertions).expect("our assertion key")
    }

    pub fn answer_key(&self) -> PrivateKey {
        self.keys.private(self.names.answers).expect("our answer key")
    }

    /// The doors over a store and a trail in memory: what is left is our own work.
    pub fn in_memory(&self) -> (Router, Arc<Recorder>) {
        let trail = Arc::new(Recorder::default());
        let clock = Arc::new(FrozenClock::at(self.now));
        let store = Store::in_memory().expect("a store in memory");
        let parts = Parts { store, sink: trail.clone(), clock, stopwatch };
        let (server, _) = build::assemble(&self.loaded, parts).expect("a server");
        (serve::router(&server), trail)
    }

    /// The doors as `vidimus serve` has them: the store and the audit trail are on disk.
    pub fn on_disk(&self) -> (Router, System) {
        let system = build::build(&self.loaded, Arc::new(SystemClock)).expect("a system");
        (serve::router(&system.server), system)
    }

    /// Bytes of all files of the audit trail.
    pub fn audit_bytes(&self) -> u64 {
        bytes(&self.loaded.settings.audit_dir)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _in_the_temporary_folder = fs::remove_dir_all(&self.folder);
    }
}

fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}

fn p256(folder: &Path, name: &str) {
    let key = rcgen::KeyPair::generate().expect("a P-256 key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    for (kind, pem) in [("key", key.serialize_pem()), ("cert", certificate.pem())] {
        let path = folder.join(format!("{name}.{kind}.pem"));
        fs::write(&path, pem).expect("written");
        owner_only(&path);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copied");
            owner_only(&target);
        }
    }
}

fn owner_only(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("0600");
}
