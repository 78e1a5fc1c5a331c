//! The demo, run as people run it. It must succeed, and it must be able to fail: each step is broken
//! once, by spoiling its input, and the demo must fail there and nowhere else.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const STEPS: [&str; 15] = [
    "pki",
    "server",
    "mandate",
    "request",
    "verified",
    "permitted",
    "issued",
    "soap-service",
    "exchange",
    "rest-service",
    "replay",
    "change",
    "other-key",
    "mandate-ended",
    "audit",
];

/// A folder that is removed when the test is over.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("vidimus-test-{name}-{}", std::process::id())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn demo(dir: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
    command.args(["demo", "-o", "json", "--dir"]).arg(dir).args(more);
    command
}

/// Exit code, and the one object on stdout.
fn ran(dir: &Path, more: &[&str]) -> (i32, Value, String) {
    let output = demo(dir, more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code().unwrap(), object, said)
}

fn step_names(object: &Value) -> Vec<&str> {
    object["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn the_demo_succeeds_twice_in_one_folder_and_fails_exactly_where_it_is_broken() {
    let place = Place::new("break");
    let mut ca = Vec::new();
    for round in 0..2 {
        let (code, object, said) = ran(place.path(), &[]);
        assert_eq!(code, 0, "round {round}: {said}");
        assert_eq!(step_names(&object), STEPS);
        assert!(object["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true));
        ca.push(std::fs::read(place.path().join("ca.pem")).unwrap());
    }
    assert_eq!(ca[0], ca[1], "the PKI is used again");

    for (index, broken) in STEPS.iter().enumerate() {
        let (code, object, said) = ran(place.path(), &["--break", broken]);
        assert_eq!(code, 1, "broken {broken}: {said}");
        assert_eq!(step_names(&object), STEPS[..=index], "broken {broken}: {said}");
        let last = &object["steps"][index];
        assert_eq!(last["ok"], false, "broken {broken}: {said}");
        let told = |name: &str| last[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(told("expected") && told("found"), "broken {broken}: {last}");
        assert_ne!(last["expected"], last["found"], "broken {broken}");
    }
}

#[test]
fn kept_running_it_says_where_everything_is_in_one_line_and_leaves_nothing_behind() {
    let place = Place::new("keep");
    let mut running =
        demo(place.path(), &["--keep-running"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["schema"], "vidimus.demo/v1");
    for name in ["oasis", "token", "soap_service", "rest_service"] {
        let url = object["endpoints"][name].as_str().unwrap();
        TcpStream::connect(authority(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    assert!(Path::new(object["endpoints"]["admin"].as_str().unwrap()).exists());
    assert!(object["issuer"].as_str().unwrap().starts_with("https://"));
    assert_eq!(object["senders"][0]["number"], "006400");
    assert!(object["senders"].as_array().unwrap().len() >= 3);
    for sender in object["senders"].as_array().unwrap() {
        for file in ["p12", "password_file", "cert", "key"] {
            assert!(Path::new(sender[file].as_str().unwrap()).exists(), "{file}");
        }
        assert!(sender["name"].is_string() && sender["client_id"].is_string());
    }
    assert!(object["services"][0]["audience"].is_string() && object["services"][0]["scopes"].is_array());
    assert!(Path::new(object["ca"].as_str().unwrap()).exists());

    let interrupted = Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(running.wait().unwrap().success());
    for name in ["oasis", "soap_service", "rest_service"] {
        let address = authority(object["endpoints"][name].as_str().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(&address).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{name} still runs at {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_taken_port_and_a_folder_of_somebody_else_are_told_before_anything_is_done() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Place::new("usage");
    let (code, object, _) = ran(place.path(), &["--port", &port]);
    assert_eq!((code, object["schema"].as_str()), (2, Some("vidimus.error/v1")));

    let foreign = Place::new("foreign");
    std::fs::create_dir(foreign.path()).unwrap();
    std::fs::write(foreign.path().join("mine"), "").unwrap();
    let (code, ..) = ran(foreign.path(), &["--fresh"]);
    assert_eq!(code, 2);
    assert!(foreign.path().join("mine").exists());
}

fn authority(url: &str) -> String {
    url.strip_prefix("https://").unwrap().split('/').next().unwrap().replace("localhost", "127.0.0.1")
}
