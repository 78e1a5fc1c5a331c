//! A generated configuration is good; every bad one says where and what to write.

use std::os::unix::fs::PermissionsExt;
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
    let with_door = loaded.profiles.iter().filter(|profile| profile.door.is_some()).count();
    assert_eq!((loaded.settings.doors.len(), with_door), (1, 1), "the others are for verification");
    let path = &loaded.profiles[0].door.as_ref().unwrap().path;
    assert_eq!(loaded.settings.doors[0].endpoint, format!("https://localhost:8443{path}"));
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

// ── bad configurations: `testdata/config/bad` ──────────────────────────────────────────────────
//
// NAME.toml or NAME.cedar is one file of an otherwise good configuration; NAME.expect is what is
// said of it. The first lines direct: `as: PATH` is where the file goes; `set: KEY=VALUE` is a flag;
// `from: built-in` begins with the first built-in profile, `replace: A -> B` changes it. The file is
// laid as it is, its directions too. VIDIMUS_BLESS=1 writes what is said now.

struct Case {
    path: PathBuf,
    flags: Vec<(String, String)>,
    text: String,
}

fn case(text: &str) -> Case {
    let mut case = Case { path: PathBuf::new(), flags: Vec::new(), text: text.to_owned() };
    for line in text.lines() {
        let line = line.trim_start_matches(['#', '/']).trim_start();
        match line.split_once(": ") {
            Some(("as", path)) => case.path = path.into(),
            Some(("set", pair)) => case.flags.extend(pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))),
            Some(("from", "built-in")) => case.text = profiles::FILES[0].1.to_owned(),
            Some(("replace", change)) => {
                let (from, to) = change.split_once(" -> ").unwrap();
                assert!(case.text.contains(from), "{from}");
                case.text = case.text.replace(from, to);
            }
            _ => break,
        }
    }
    assert!(!case.path.as_os_str().is_empty(), "the first line says `as: PATH`");
    case
}

/// A certificate of a new key, and the key.
fn certified(name: &str, until: i32) -> (String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn authority() -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "An authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
}

/// A good configuration, with files for bad ones to name.
fn world() -> Folder {
    let folder = Folder::new("bad");
    let (base, _) = certified("base", 2100);
    let (other, other_key) = certified("other", 2100);
    let (expired, _) = certified("expired", 2021);
    let ca = rcgen::KeyPair::generate().unwrap();
    let ca = authority().self_signed(&ca).unwrap().pem();
    let file = |path: &str, text: &str, secret| GivenFile { path: path.into(), text: text.to_owned(), secret };
    let registry = "[[sender]]\nname = \"base\"\nnumber = \"006400\"\nparty = \"cbe:0206731645\"\n\
        certificates = [\"senders/base.pem\"]\nclient_id = \"base-client\"\ngrants = [\"token-exchange\"]\n\n\
        [[service]]\naudience = \"urn:example:employer-file\"\nname = \"employer file\"\ntoken_types = [\"saml2.0\"]\n";
    let files = vec![
        file("registry/base.toml", registry, false),
        file("senders/base.pem", &base, false),
        file("senders/other.pem", &other, false),
        file("senders/small.pem", include_str!("../../keys/rsa-1024.cert.pem"), false),
        file("senders/rsa.pem", include_str!("../../keys/hospital.cert.pem"), false),
        file("senders/other.key", &other_key, true),
        file("senders/open.key", &other_key, false),
        file("senders/chain.pem", &format!("{other}{base}"), false),
        file("senders/expired.pem", &expired, false),
        file("senders/ca.pem", &ca, false),
    ];
    let issuer = "https://sts.example.org".to_owned();
    init(&folder.0, &InitOptions { issuer, files, ..options() }, now()).unwrap();
    std::fs::set_permissions(folder.0.join("senders/open.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    folder
}

/// What is said, without the folder's name.
fn said(problems: &[Problem], folder: &Folder) -> String {
    let prefix = format!("{}/", folder.0.display());
    let mut text = String::new();
    for problem in problems {
        let kind = if problem.warning { "warning" } else { "error" };
        text.push_str(&format!("{kind}: {}\n", problem.headline()));
        if let Some(place) = problem.place.as_ref().filter(|place| !place.span.is_empty()) {
            let marked = &place.source.inner()[place.span.clone()];
            text.push_str(&format!("  marks: {}\n", marked.lines().next().unwrap_or_default()));
        }
        text.push_str(&format!("  fix: {}\n", problem.fix));
    }
    text.replace(&prefix, "")
}

#[test]
fn each_bad_configuration_is_told_where_and_what_to_write() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config/bad");
    let folder = world();
    loaded(&folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end != "expect"));
    paths.sort();
    assert!(paths.len() >= 50, "{}", paths.len());
    let mut different = Vec::new();
    for path in paths {
        let case = case(&std::fs::read_to_string(&path).unwrap());
        let place = folder.0.join(&case.path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        let before = std::fs::read(&place).ok();
        std::fs::write(&place, &case.text).unwrap();
        let over = Overrides { environment: &[], flags: &case.flags };
        let problems = match load(&folder.config(), over, now()) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        match before {
            Some(before) => std::fs::write(&place, before).unwrap(),
            None => std::fs::remove_file(&place).unwrap(),
        }
        let said = said(&problems, &folder);
        let expect = path.with_extension("expect");
        if std::env::var_os("VIDIMUS_BLESS").is_some() {
            std::fs::write(&expect, &said).unwrap();
        } else if said.is_empty() || std::fs::read_to_string(&expect).unwrap_or_default() != said {
            different.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_problem_is_shown_with_its_line_and_a_caret() {
    let folder = created("caret");
    std::fs::write(folder.config(), "issuer = \"https://a.example\"\n\n[limits]\nbodi = 3\n").unwrap();
    let problems = load(&folder.config(), Overrides::default(), now()).unwrap_err();
    let shown = problems[0].render(100, false);
    for part in ["vidimus.toml:4:1", "4 │ bodi = 3", "unknown key `limits.bodi`", "Did you mean `limits.body`?"] {
        assert!(shown.contains(part), "{part} in:\n{shown}");
    }
}

#[test]
fn an_unknown_variable_is_a_warning_with_a_suggestion() {
    let folder = created("variable");
    let environment =
        [("VIDIMUS_LIMIT_BODY".to_owned(), "1".to_owned()), ("VIDIMUS_OUTPUT".to_owned(), "json".to_owned())];
    let over = Overrides { environment: &environment, flags: &[] };
    let loaded = load(&folder.config(), over, now()).unwrap();
    let [warning] = loaded.warnings.as_slice() else { panic!("{}", listed(&loaded.warnings)) };
    assert_eq!(warning.fix, "Did you mean `VIDIMUS_LIMITS_BODY`?");
}

#[test]
fn a_services_lifetime_is_cut_to_the_doors() {
    let folder = created("lifetime");
    let flags = [("oauth.maximum_lifetime_seconds".to_owned(), "120".to_owned())];
    let loaded = load(&folder.config(), Overrides { environment: &[], flags: &flags }, now()).unwrap();
    assert!(loaded.registry.services().all(|service| service.access_token_lifetime == Duration::from_secs(120)));
}
