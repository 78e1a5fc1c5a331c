//! Every signed message of the public corpora gets a verdict: a first line that says something, JSON
//! that is whole, and never a panic. Every client's message of our own corpus gets the right one.

use std::path::{Path, PathBuf};

use crate::conformance::forge::{self, Target};
use crate::conformance::runner::Corpus;

use super::trusted::Trusted;
use super::verdict::Outcome;
use super::verify::{At, judge};

fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("VIDIMUS_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        assert!(std::env::var_os("VIDIMUS_REQUIRE_VECTORS").is_none(), "VIDIMUS_VECTORS is required and not set");
        println!("skipped: VIDIMUS_VECTORS is not set");
    }
    folder
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn is_signed_xml(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('<')
        && (text.contains("SignedInfo") || text.contains("/envelope/\"") || text.contains("soap-envelope\""))
}

#[test]
fn every_signed_message_of_the_public_corpora_gets_a_verdict() {
    let Some(vectors) = vectors() else { return };
    let mut all = Vec::new();
    files(&vectors, &mut all);
    let trusted = Trusted::read(&[], &[], &[]).unwrap();
    let (mut seen, mut intact, mut explained) = (0, 0, 0);
    for path in all {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.len() > 64 * 1024 || !is_signed_xml(&bytes) {
            continue;
        }
        let verdict = judge(bytes, &trusted, None, At::Created);
        let name = path.to_string_lossy();
        let lines = verdict.lines(&name);
        let head = lines.first().unwrap().strip_prefix(&*name).unwrap().to_owned();
        let words: Vec<&str> = head.split_whitespace().collect();
        assert!(words.len() >= 3, "{name}: {head}");
        assert!(matches!(words[0], "ACCEPTED" | "INTACT" | "REFUSED"), "{name}: {head}");
        let json = verdict.json(&name);
        assert_eq!(json["schema"], "vidimus.envelope/v1", "{name}");
        // A refused message says what to do.
        assert!(words[0] != "REFUSED" || lines.iter().any(|line| line.contains("fix: ")), "{name}: {lines:#?}");
        seen += 1;
        intact += usize::from(words[0] == "INTACT");
        explained += usize::from(lines.iter().any(|line| line.contains("cause: the digest matches")));
    }
    println!("{seen} messages, {intact} intact, {explained} with a cause that was found");
    assert!(seen >= 300, "{seen}");
}

/// The messages of `conformance/clients`: folder of the stack, name of the case, bytes as sent.
fn clients() -> Vec<(String, String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus::open(root.join("conformance"), root.join("keys"));
    let mut found = Vec::new();
    for case in corpus.cases().unwrap() {
        let case = case.unwrap();
        let Some(rest) = case.name.strip_prefix("clients/") else { continue };
        let stack = rest.split('/').next().unwrap_or_default().to_owned();
        let world = corpus.world(&case.written.world).unwrap();
        let endpoint = world.endpoint(world.profile().unwrap()).unwrap().1.to_owned();
        let target = Target { endpoint, folder: root.join("conformance"), ..Target::default() };
        let step = &case.written.step[0];
        let send = step.send.as_ref().unwrap();
        let send = step.damage.as_ref().map_or_else(|| send.clone(), |damage| send.damaged(damage));
        let bytes = forge::forge(send.recipe.as_ref().unwrap(), corpus.keys(), world.clock(), &target).unwrap();
        found.push((stack, case.name.clone(), bytes));
    }
    found
}

fn hospital() -> Trusted {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let certificate = Corpus::open(root.join("conformance"), root.join("keys")).keys().certificate("hospital").unwrap();
    let file = std::env::temp_dir().join(format!("vidimus-hospital-{}.der", std::process::id()));
    std::fs::write(&file, certificate.der()).unwrap();
    Trusted::read(&[], &[file], &[]).unwrap()
}

#[test]
fn each_client_s_message_is_judged_and_mapped() {
    let trusted = hospital();
    for (stack, name, bytes) in clients() {
        let refused = name.contains("/refuses-");
        let verdict = judge(bytes, &trusted, None, At::Created);
        let text = verdict.lines("message.xml").join("\n");
        let wanted = if refused { Outcome::Refused } else { Outcome::Accepted };
        assert_eq!(verdict.outcome, wanted, "{name}\n{text}");
        // The map shows every covered element where it stands, and no digest differs.
        let [signature] = verdict.signatures.as_slice() else { panic!("{name}") };
        assert!(
            signature.references.iter().all(|covers| covers.digest == "holds"),
            "{name}: {:#?}",
            signature.references
        );
        assert!(text.contains("digest holds") && text.contains("octets"), "{name}\n{text}");
        assert!(text.contains("producer"), "{name}\n{text}");
        if refused {
            assert!(text.contains("in Metro") && text.contains("sp:Basic256Sha256"), "{stack}\n{text}");
        } else {
            assert_eq!(signature.value, "holds", "{name}");
        }
    }
}

#[test]
fn what_happens_to_a_client_s_message_on_its_way_is_found_and_its_setting_shown() {
    let trusted = hospital();
    let (_, _, bytes) = clients().into_iter().find(|(stack, ..)| stack == "spring-ws").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let indented =
        text.replace("<wst:", "\n    <wst:").replace("</wst:RequestSecurityToken>", "\n</wst:RequestSecurityToken>");
    assert_ne!(indented, text, "the template has another prefix now");
    let lines = judge(indented.into_bytes(), &trusted, None, At::Created).lines("m").join("\n");
    assert!(lines.starts_with("m  REFUSED  SIG-DIGEST  digest-differs"), "{lines}");
    assert!(lines.contains("cause: the digest matches if there is no white space between its tags"), "{lines}");
    assert!(lines.contains("in Spring-WS") && lines.contains("OutputKeys.INDENT"), "{lines}");
    assert!(lines.contains("signer, unproven") && lines.contains("without the faults it would be accepted"), "{lines}");
    let formatted = text.replace("<ds:Reference ", "\n  <ds:Reference ");
    let lines = judge(formatted.into_bytes(), &trusted, None, At::Created).lines("m").join("\n");
    assert!(lines.contains("cause: SignedInfo changed: the signature verifies if there is no white space"), "{lines}");
    let json = judge(text.replace("SAMLV2.0", "SAMLV1.1").into_bytes(), &trusted, None, At::Created).json("m");
    let differing = json.to_string().matches("\"searched\"").count() + json.to_string().matches("\"tried\"").count();
    assert_eq!(differing, 1, "{json:#}");
}

#[test]
fn the_stacks_of_public_messages_are_recognised() {
    let Some(vectors) = vectors() else { return };
    let trusted = Trusted::read(&[], &[], &[]).unwrap();
    let cxf =
        "cxf-sts/systests/ws-security/src/test/resources/org/apache/cxf/systest/ws/action/request-with-comment.xml";
    for (file, stack) in [
        (cxf, "soapui"),
        ("xml-crypto/valid_signature_with_unused_prefixes.xml", "wss4j"),
        ("ruby-saml/responses/response_with_signed_assertion_3.xml", "simplesamlphp"),
    ] {
        let verdict = judge(std::fs::read(vectors.join(file)).unwrap(), &trusted, None, At::Created);
        let found: Vec<_> = verdict.producers.iter().map(|one| (one.stack.name.as_str(), one.percent)).collect();
        assert_eq!(found.first().map(|first| first.0), Some(stack), "{file}: {found:?}");
        // The key is found too, whatever way it is named.
        assert_eq!(verdict.signatures[0].value, "holds", "{file}");
    }
}
