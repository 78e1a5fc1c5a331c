//! The bodies of the fuzz targets, and what every input must leave true.
//!
//! `conformance/fuzz/` runs them under coverage guidance (nightly); `tests/fuzz.rs` replays the committed corpus and
//! mutates it without guidance (stable). A target returns for every input; what it asserts is a property of *our*
//! functions, never of the input.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::chance::Dice;
use super::pure::Pure;
use super::{mutation, seeds};
use crate::flow::inquiry::Stop;
use crate::wire::crypto::PublicKey;
use crate::wire::jwt::{self, access_token, client_assertion};
use crate::wire::saml::Assertion;
use crate::wire::x509::{Certificate, DistinguishedName, verify_path};
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::{Document, Element, Limits, line_and_column, time};

/// One target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its folder under `conformance/fuzz/corpus` and of its file under `conformance/fuzz/fuzz_targets`.
    pub name: &'static str,
    pub body: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "scanner", body: scanner },
    Target { name: "c14n", body: canonical },
    Target { name: "envelope", body: envelope },
    Target { name: "saml", body: saml },
    Target { name: "certificates", body: certificates },
    Target { name: "jwt", body: jwt },
];

/// When a run without guidance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Seconds(u64),
    Executions(u64),
}

impl Target {
    /// The committed inputs, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn corpus(&self, root: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let folder = root.join("conformance/fuzz/corpus").join(self.name);
        let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut inputs = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inputs.insert(name, fs::read(&path).map_err(unreadable)?);
        }
        Ok(inputs)
    }

    /// Runs on mutants of the inputs, the same ones each time; returns on how many. An input that crashes the target
    /// is printed.
    pub fn mutate(&self, inputs: &BTreeMap<String, Vec<u8>>, until: Until) -> u64 {
        let inputs: Vec<Vec<u8>> = inputs.values().cloned().collect();
        let begun = Instant::now();
        let mut executions = 0;
        let more = |executions: u64| match until {
            Until::Seconds(seconds) => !executions.is_multiple_of(64) || begun.elapsed() < Duration::from_secs(seconds),
            Until::Executions(most) => executions < most,
        };
        while more(executions) {
            let input = mutation::mutated(&inputs, &mut Dice::of(SEED, executions));
            let shown = Shown { target: self.name, input: &input };
            (self.body)(&input);
            std::mem::forget(shown);
            executions += 1;
        }
        executions
    }
}

/// Prints the input when the target panics.
struct Shown<'i> {
    target: &'static str,
    input: &'i [u8],
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("{} crashed on {}", self.target, self.input.escape_ascii());
    }
}

const SEED: u64 = 20_261_122;

/// The XML reader: what it says of places and values agrees with the bytes.
pub fn scanner(data: &[u8]) {
    let document = match Document::parse(data, &Limits::default()) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.offset <= data.len(), "an error behind the end: {error:?}");
            let (line, column) = line_and_column(data, error.offset);
            assert!(line > 0 && column > 0);
            return;
        }
    };
    for element in document.elements().take(SOME) {
        let source = element.source();
        assert!(source.starts_with('<') && source.ends_with('>'), "{element:?} is not where it says");
        assert!(element.path().ends_with(']') || element.path().ends_with(element.qualified_name()));
        assert!(element.parent().is_none_or(|parent| parent.contains(element)));
        let named = element.attributes().map(|attribute| (attribute.namespace(), attribute.local_name()));
        let names: Vec<(&str, &str)> = named.collect();
        let distinct: HashSet<&(&str, &str)> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "two attributes of one name in {element:?}");
        if let Some(text) = element.text() {
            // Whoever reads a time reads it from some text; both must return.
            let _ = time::parse(&text);
        }
    }
}

/// Canonical forms are fixed points: c14n(parse(c14n(x))) = c14n(x), from any apex.
pub fn canonical(data: &[u8]) {
    let Ok(document) = Document::parse(data, &Limits::default()) else { return };
    let how = Exclusive::default();
    let mut elements: Vec<Element<'_>> = document.elements().take(SOME).collect();
    // The root, the deepest of the first, and those between.
    elements.truncate(APEXES);
    for apex in elements {
        let mut once = Vec::new();
        if c14n::exclusive(apex, &how, &mut once).is_err() {
            continue;
        }
        assert!(!once.is_empty(), "{apex:?} has an empty canonical form");
        let again = match Document::parse(once.as_slice(), &roomy()) {
            Ok(again) => again,
            Err(error) => broken(&String::from_utf8_lossy(&once), &error.to_string()),
        };
        let mut twice = Vec::new();
        let done = c14n::exclusive(again.root(), &Exclusive { limit: usize::MAX, ..how }, &mut twice);
        assert!(done.is_ok() && once == twice, "not a fixed point: {}", String::from_utf8_lossy(&once));
    }
}

/// The whole pure half with fixed trust: accepted is only what the seeds' signers signed, and going on after a fault
/// never turns a refusal into an acceptance.
pub fn envelope(data: &[u8]) {
    let world = &*WORLD;
    let first = world.pure.run(data.to_vec(), Stop::First);
    let never = world.pure.run(data.to_vec(), Stop::Never);
    assert_eq!(first.is_ok(), never.is_ok(), "{first:?} is not {never:?}");
    match first {
        Ok(accepted) => {
            let body = (accepted.identity, accepted.body);
            assert!(world.signed.contains(&body), "accepted, and never signed: {accepted:?}");
        }
        Err(refused) => assert!(refused.check.is_some(), "refused without a reason: {refused:?}"),
    }
}

/// Assertions, with and without an envelope around.
pub fn saml(data: &[u8]) {
    let Ok(document) = Document::parse(data, &Limits::default()) else { return };
    let Ok(assertion) = Assertion::read(document.root()) else { return };
    assert_eq!(assertion.element, document.root());
    assert!(assertion.signature.is_none_or(|signature| signature.parent() == Some(assertion.element)));
    let _ = assertion.audiences();
    for attribute in &assertion.attributes {
        let _ = assertion.attribute(&attribute.name);
    }
}

/// Certificates, names and paths. Nobody's certificate leads to an anchor by chance.
pub fn certificates(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(name) = DistinguishedName::parse(text)
    {
        let written = name.to_string();
        let Ok(again) = DistinguishedName::parse(&written) else { broken(&written, "is no name") };
        assert!(name.matches(&again), "{name} is not {again}");
    }
    let _ = Certificate::from_pem(data);
    let Ok(certificate) = Certificate::parse(data) else { return };
    let _ = (certificate.subject().to_string(), certificate.issuer().to_string(), certificate.key_usage());
    let _ = certificate.subject().matches(certificate.issuer());
    if let Ok(key) = certificate.public_key() {
        let again = PublicKey::from_spki(key.spki());
        assert!(again.is_ok_and(|again| again.thumbprint() == certificate.key_thumbprint()));
    }
    let world = &*WORLD;
    let path = verify_path(&certificate, &[], &world.pure.trust.anchors, world.pure.now);
    assert!(path.is_err() || world.certified.contains(certificate.der()), "a path for a changed certificate");
}

/// JWTs of every kind; none verifies that the seeds' signers did not sign.
pub fn jwt(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = jwt::inspect(text);
    let world = &*WORLD;
    let signed = |verified: bool| !verified || world.tokens.contains(text);
    if let Ok(claimed) = access_token::parse(text) {
        assert!(client_assertion::parse(text).is_err(), "two kinds at once");
        assert!(signed(claimed.verify(&world.keys).is_ok()), "an access token that nobody signed");
    }
    if let Ok(claimed) = client_assertion::parse(text) {
        assert!(signed(claimed.verify(&world.keys).is_ok()), "a client assertion that nobody signed");
    }
}

/// What stays the same over all inputs.
struct Fixed {
    pure: Pure,
    /// The identities and Body digests of the good messages.
    signed: HashSet<([u8; 32], [u8; 32])>,
    certified: HashSet<Vec<u8>>,
    tokens: HashSet<String>,
    keys: Vec<PublicKey>,
}

/// Opened from the sources, where the corpus is too. Where it cannot be opened a target would look at nothing.
static WORLD: LazyLock<Fixed> = LazyLock::new(|| {
    Fixed::open(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(|error| broken("the fixed world", &error))
});

impl Fixed {
    fn open(root: &Path) -> Result<Self, String> {
        let pure = Pure::open(root, "hospital")?;
        let of = |target: &str| seeds::made(root, target);
        let accepted = of("envelope")?.into_iter().filter_map(|seed| pure.run(seed.bytes, Stop::First).ok());
        let signed: HashSet<_> = accepted.map(|accepted| (accepted.identity, accepted.body)).collect();
        if signed.is_empty() {
            return Err("none of the good messages is accepted".to_owned());
        }
        let keys = super::keys::Keys::open(root.join("keys"));
        Ok(Self {
            signed,
            certified: of("certificates")?.into_iter().map(|seed| seed.bytes).collect(),
            tokens: of("jwt")?.into_iter().filter_map(|seed| String::from_utf8(seed.bytes).ok()).collect(),
            keys: ["clinic", "hospital", "sts-tokens"]
                .iter()
                .filter_map(|name| keys.private(name).ok().map(|key| key.public().clone()))
                .collect(),
            pure,
        })
    }
}

/// A canonical form may need more room than its document: prefixes are declared again where they are used.
fn roomy() -> Limits {
    let many = 1 << 24;
    Limits {
        bytes: many,
        depth: many,
        nodes: many,
        attributes: many,
        namespaces: many,
        name: many,
        ..Limits::default()
    }
}

#[expect(clippy::panic, reason = "a fuzz target fails by panicking")]
fn broken(ours: &str, why: &str) -> ! {
    panic!("what is ours cannot be read: {why}: {ours}")
}

/// Elements that are looked at in one input.
const SOME: usize = 2000;
const APEXES: usize = 8;
