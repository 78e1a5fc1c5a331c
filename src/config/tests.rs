//! A generated configuration is good; every bad one says where and what to write.

use std::path::PathBuf;

use chrono::TimeZone;

use super::init::{GivenFile, InitOptions, Mode, init};
use super::*;
use crate::model::Target;

/// A folder of its own for each test, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vidimus-config-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn config(&self) -> PathBuf {
        self.0.join("vidimus.toml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn now() -> Time {
    chrono::Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
}

fn options() -> InitOptions {
    InitOptions {
        mode: Mode::Demo,
        issuer: "https://localhost:8443".to_owned(),
        listen: "127.0.0.1:8443".to_owned(),
        settings: Vec::new(),
        files: Vec::new(),
    }
}

fn created(name: &str) -> Folder {
    let folder = Folder::new(name);
    init(&folder.0, &options(), now()).unwrap();
    folder
}

fn loaded(folder: &Folder) -> Loaded {
    load(&folder.config(), Overrides::default(), now()).unwrap_or_else(|problems| panic!("{}", listed(&problems)))
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.render(100, false)).collect()
}

#[test]
fn what_init_creates_can_be_loaded_without_a_warning() {
    let folder = created("init");
    let loaded = loaded(&folder);
    assert!(loaded.warnings.is_empty(), "{}", listed(&loaded.warnings));
    assert_eq!(loaded.settings.token_endpoint, "https://localhost:8443/oauth2/token");
    assert_eq!(loaded.settings.doors.len(), profiles::FILES.len());
    assert_eq!(loaded.settings.doors[0].endpoint, format!("https://localhost:8443{}", loaded.profiles[0].path));
    assert_eq!(loaded.registry.services().count(), 2);
    assert_eq!(loaded.pdp.name(), "cedar");
}

#[test]
fn every_key_stands_in_the_generated_file() {
    let folder = created("keys");
    let text = std::fs::read_to_string(folder.config()).unwrap();
    for setting in options::SETTINGS {
        assert!(text.contains(&format!("[{}]\n", setting.variable())), "{}", setting.key);
    }
    // and each is understood when its `#` is taken away
    let active = text.replace("\n# ", "\n#").lines().fold(String::new(), |mut all, line| {
        let set =
            line.strip_prefix('#').filter(|rest| rest.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')));
        all.push_str(set.unwrap_or(line));
        all.push('\n');
        all
    });
    std::fs::write(folder.config(), active.replace("#[[doors.soap]]", "[[doors.soap]]")).unwrap();
    let loaded = loaded(&folder);
    assert!(loaded.values.iter().all(|value| matches!(value.origin, Origin::File(_))), "{:?}", loaded.values);
}

#[test]
fn our_own_assertions_are_taken_under_our_names() {
    let loaded = loaded(&created("ours"));
    let ours = loaded.registry.issuer("https://localhost:8443").unwrap();
    assert!(ours.ours);
    assert_eq!(ours.public_keys, [loaded.keys.active(KeyPurpose::Assertions).unwrap().spki]);
    assert_eq!(ours.audiences[..2], ["https://localhost:8443", "https://localhost:8443/oauth2/token"]);
    assert!(ours.audiences.contains(&loaded.settings.doors[0].endpoint));
}

#[test]
fn init_overwrites_nothing() {
    let folder = created("twice");
    let before = std::fs::read(folder.0.join("keys/assertions.key")).unwrap();
    assert!(init(&folder.0, &options(), now()).unwrap_err().says.contains("already"));
    std::fs::remove_file(folder.config()).unwrap();
    assert!(init(&folder.0, &options(), now()).unwrap_err().says.contains("cannot be written"));
    assert_eq!(std::fs::read(folder.0.join("keys/assertions.key")).unwrap(), before);
}

#[test]
fn in_production_the_tls_certificate_is_asked_for() {
    let folder = Folder::new("production");
    let created = init(&folder.0, &InitOptions { mode: Mode::Production, ..options() }, now()).unwrap();
    assert!(created.notes.iter().any(|note| note.starts_with("TLS: not created")));
    let problems = load(&folder.config(), Overrides::default(), now()).unwrap_err();
    assert_eq!(problems.len(), 2, "{}", listed(&problems));
    assert!(problems.iter().all(|problem| problem.says.starts_with("tls.")), "{}", listed(&problems));
}

#[test]
fn files_of_the_caller_replace_the_examples() {
    let folder = Folder::new("given");
    let text = "[[service]]\naudience = \"urn:given\"\nname = \"given\"\ntoken_types = [\"saml2.0\"]\n".to_owned();
    let file = GivenFile { path: "registry/demo.toml".into(), text, secret: false };
    let settings = vec![("limits.depth".to_owned(), "32".to_owned())];
    init(&folder.0, &InitOptions { files: vec![file], settings, ..options() }, now()).unwrap();
    let loaded = loaded(&folder);
    assert_eq!(loaded.registry.services().count(), 1);
    assert!(loaded.registry.service(&Target("urn:given".to_owned())).is_some());
    assert_eq!(loaded.settings.limits.depth, 32);
}

#[test]
fn without_a_configuration_init_is_named() {
    let problems = load(Path::new("/nonexistent/vidimus.toml"), Overrides::default(), now()).unwrap_err();
    assert!(problems[0].fix.contains("vidimus init"));
}
