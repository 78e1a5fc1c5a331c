//! xmlsec1 (libxmlsec1, libxml2) as the judge: it verifies what we sign, and we verify what it signs, over random
//! documents. Runs where xmlsec1 is installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::Signature;
use super::sign::{self, How, OverParts, Part, Place, Target};
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, KeyKind, PrivateKey, SignatureAlgorithm, random};
use crate::wire::ns;
use crate::wire::xml::{Document, Limits, random as documents};

const ROUNDS: usize = 20;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vidimus-oracle-{:x}", u64::from_be_bytes(random())));
        fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("written");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A random document, signed over its root (enveloped) and two of its elements.
fn message(key: &PrivateKey) -> Vec<u8> {
    let entropy: [u8; 600] = random();
    let document = Document::parse(documents::document(&entropy), &Limits::default()).expect("well-formed");
    let count = document.elements().count();
    let lists: [&[&str]; 4] = [&[], &["p"], &["#default", "q"], &["q", "p", "unknown"]];
    let list = |index: usize| lists[usize::from(entropy[index]) % 4];
    let parts: Vec<Part<'_>> = [0, count / 2, count - 1]
        .into_iter()
        .enumerate()
        .map(|(turn, index)| Part {
            target: Target::Element(document.elements().nth(index).expect("an element").id()),
            // The root will hold the Signature.
            how: if index == 0 { How::Enveloped } else { How::Exclusive },
            prefixes: list(turn),
        })
        .collect();
    let what = OverParts {
        parts: &parts,
        place: Place::LastIn(document.root().id()),
        algorithm: key.default_algorithm(),
        digest: DigestAlgorithm::ALL[usize::from(entropy[9]) % 3],
        prefixes: list(8),
        id: None,
        key_info: "",
    };
    sign::sign_parts(&document, &what, key).expect("signed")
}

fn xmlsec1(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new("xmlsec1");
    command.arg(arguments[0]);
    for name in ["a", "b", "\u{e9}l", "x-1.y"] {
        for namespace in ["", "urn:1:", "urn:2:", "urn:3:", "http://x.example/a?b=c#d:"] {
            command.args(["--id-attr:Id", &format!("{namespace}{name}")]);
        }
    }
    command.args(&arguments[1..]).output().expect("xmlsec1 runs")
}

fn installed() -> bool {
    let found = Command::new("xmlsec1").arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("VIDIMUS_REQUIRE_TOOLS").is_none(), "xmlsec1 is required and not installed");
        println!("skipped: xmlsec1 is not installed");
    }
    found
}

fn verifies(message: &[u8], key: &PrivateKey) -> bool {
    let limits = Limits::default();
    let document = Document::parse(message, &limits).expect("well-formed");
    let element = document.elements().find(|e| e.is(ns::DS, "Signature")).expect("a Signature");
    let signature = Signature::parse(element, &limits).expect("a structure");
    signature.verify_value(key.public(), &limits).is_ok()
        && signature.references().iter().all(|r| r.digest(&limits).is_ok_and(|c| c.matches))
}

#[test]
fn xmlsec1_verifies_what_we_sign() {
    if !installed() {
        return;
    }
    let folder = Folder::new();
    let keys = [KeyKind::P256, KeyKind::Rsa].map(|kind| PrivateKey::generate(kind).expect("a key").0);
    for key in keys.iter().cycle().take(ROUNDS) {
        let public = folder.put("key.der", key.public().spki());
        let message = message(key);
        assert!(verifies(&message, key));
        let file = folder.put("message.xml", &message);
        let output = xmlsec1(&["--verify", "--pubkey-der", &public, &file]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&message));
    }
}

#[test]
fn we_verify_what_xmlsec1_signs() {
    if !installed() {
        return;
    }
    let folder = Folder::new();
    let (key, pkcs8) = PrivateKey::generate(KeyKind::Rsa).expect("a key");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64::encode(&pkcs8));
    let private = folder.put("key.pem", pem.as_bytes());
    assert_eq!(key.default_algorithm(), SignatureAlgorithm::RsaSha256);
    for _ in 0..ROUNDS {
        let template = emptied(&String::from_utf8(message(&key)).expect("UTF-8"));
        let file = folder.put("template.xml", template.as_bytes());
        let output = xmlsec1(&["--sign", "--privkey-pem", &private, &file]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{template}");
        assert!(verifies(&output.stdout, &key), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The message without its digests and signature value.
fn emptied(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(at) = rest.find("Value>").filter(|_| rest.contains("</ds:")) {
        let (head, tail) = rest.split_at(at + "Value>".len());
        out.push_str(head);
        let skip = if head.ends_with("<ds:DigestValue>") || head.ends_with("<ds:SignatureValue>") {
            tail.find('<')
        } else {
            None
        };
        rest = tail.get(skip.unwrap_or(0)..).unwrap_or_default();
    }
    out + rest
}
