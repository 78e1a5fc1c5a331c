//! The corpus, run through the real router in process: `cargo test --test conformance -- dsig/wrapping`.
//!
//! | trial | what it shows |
//! |---|---|
//! | `SPEC/TOPIC/SENTENCE` | the case as written |
//! | `… (repaired)` | the refused case without its damage is accepted |
//! | `… (forged again)` | its messages are made again byte for byte |
//! | `… (mutants)` | no message near an accepted one is accepted |
//! | `… (tampered)` | every attack that `envelope tamper` makes of its message is refused, or means the same |
//! | `tampered` | every kind of attack fits some message |
//! | `runner/…` | the runner notices what it is there to notice |
//! | `told alike` | refusals about our registers differ in their reference and in nothing else |
//! | `keys/NAME` | each certificate is what `src/conformance/pki.rs` says |
//!
//! `UPDATE=1` makes keys, certificates and committed requests that are missing, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use vidimus::conformance::case::{Case, Expect, Step};
use vidimus::conformance::runner::{Corpus, Variant};
use vidimus::conformance::tamper::{self, Attacker, Tried};
use vidimus::conformance::{lists, mutants, pki};

fn main() {
    let arguments = Arguments::from_args();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let keys = root.join("keys");
    if std::env::var_os("UPDATE").is_some() {
        pki::write(&keys).expect("the keys can be written");
    }
    let corpus = Arc::new(Corpus::open(root.join("conformance"), &keys));
    let mut trials: Vec<Trial> = pki::ENTRIES.iter().map(|entry| certificate(&keys, entry)).collect();
    trials.extend(lists::LISTS.iter().map(|entry| list(&keys, entry.file, move |keys| lists::list(keys, entry))));
    trials.extend(lists::SAID.iter().map(|entry| list(&keys, entry.file, move |keys| lists::answer(keys, entry))));
    match corpus.cases() {
        Err(error) => trials.push(failed("corpus".into(), error)),
        Ok(cases) => {
            trials.push(enough(cases.iter().flatten()));
            trials.extend(of_the_runner(&corpus, cases.iter().flatten()));
            trials.push(told_alike(&corpus, cases.iter().flatten().cloned().collect()));
            trials.extend(tampered(&corpus, cases.iter().flatten()));
            for case in cases {
                match case {
                    Ok(case) => trials.extend(of_case(&corpus, case)),
                    Err(error) => trials.push(failed(error.split(':').next().unwrap_or("case").into(), error)),
                }
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn of_case(corpus: &Arc<Corpus>, case: Case) -> Vec<Trial> {
    let case = Arc::new(case);
    let trial = |name: String, variant: Variant| {
        let (corpus, case) = (Arc::clone(corpus), Arc::clone(&case));
        Trial::test(name, move || block_on(corpus.run(&case, variant)).map_err(Failed::from))
    };
    let mut trials = vec![trial(case.name.clone(), Variant::AsWritten)];
    if case.refuses() {
        trials.push(trial(format!("{} (repaired)", case.name), Variant::Repaired));
    }
    if mutants::fits(&case) {
        let (corpus, case) = (Arc::clone(corpus), Arc::clone(&case));
        let name = format!("{} (mutants)", case.name);
        trials.push(Trial::test(name, move || block_on(mutants::run(&corpus, &case)).map(drop).map_err(Failed::from)));
    }
    let (corpus, name) = (Arc::clone(corpus), format!("{} (forged again)", case.name));
    let update = std::env::var_os("UPDATE").is_some();
    trials.push(Trial::test(name, move || corpus.forges_the_same(&case, update).map_err(Failed::from)));
    trials
}

/// The corpus is not emptied by a wrong path or a bad merge.
fn enough<'c>(cases: impl Iterator<Item = &'c Case>) -> Trial {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases {
        if case.refuses() { refused += 1 } else { accepted += 1 }
    }
    Trial::test("corpus", move || {
        if accepted >= 100 && refused >= 350 {
            return Ok(());
        }
        Err(format!("{accepted} cases that accept and {refused} that refuse: some are lost").into())
    })
}

/// `rules.md` 7.1: whoever is refused for what stands in our registers cannot tell why, whichever of
/// the reasons it was.
fn told_alike(corpus: &Arc<Corpus>, cases: Vec<Case>) -> Trial {
    let corpus = Arc::clone(corpus);
    Trial::test("told alike", move || {
        let mut told: BTreeMap<(String, bool, bool), BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for case in &cases {
            if let Some((code, text)) = block_on(corpus.told(case))? {
                let key = (code, text.starts_with('{'), text.contains("soap-envelope"));
                told.entry(key).or_default().entry(text).or_default().push(case.name.clone());
            }
        }
        assert!(told.len() >= 4, "both codes at both doors: {:?}", told.keys());
        let differing: Vec<_> = told.iter().filter(|(_, texts)| texts.len() > 1).collect();
        if differing.is_empty() { Ok(()) } else { Err(format!("{differing:#?}").into()) }
    })
}

/// Each accepted envelope under every attack; and that no attack is left without an envelope.
fn tampered<'c>(corpus: &Arc<Corpus>, cases: impl Iterator<Item = &'c Case>) -> Vec<Trial> {
    let stranger = Arc::new(OnceLock::new());
    let cases: Vec<Arc<Case>> = cases.filter(|case| tamper::messages(case)).cloned().map(Arc::new).collect();
    let all = |cases: Vec<Arc<Case>>| {
        let (corpus, stranger) = (Arc::clone(corpus), Arc::clone(&stranger));
        move || -> Result<Vec<Tried>, Failed> {
            let stranger = stranger.get_or_init(Attacker::stranger).as_ref().map_err(String::clone)?;
            let mut tried = Vec::new();
            for case in &cases {
                let one = block_on(tamper::run(&corpus, case, stranger))?;
                if !one.faults.is_empty() {
                    return Err(format!("{}\n{}", case.name, one.faults.join("\n")).into());
                }
                tried.push(one);
            }
            Ok(tried)
        }
    };
    let mut trials: Vec<Trial> = Vec::new();
    for case in &cases {
        let run = all(vec![Arc::clone(case)]);
        trials.push(Trial::test(format!("{} (tampered)", case.name), move || run().map(drop)));
    }
    // One message of each kind: X.509, a token by its reference, a SAML token, everything signed, ECDSA.
    let broad = ["everything-signed", "ecdsa-p256", "accepts-a-covered-assertion", "signed-addressing", "by-reference"];
    let broad = cases.into_iter().filter(|case| broad.iter().any(|part| case.name.contains(part))).collect();
    let run = all(broad);
    trials.push(Trial::test("tampered", move || {
        let tried = run()?;
        let unmade: Vec<&str> = tamper::kinds()
            .map(|kind| kind.name)
            .filter(|name| !tried.iter().any(|one| one.made.contains(name)))
            .collect();
        let (trusted, taken): (usize, usize) =
            (tried.iter().map(|t| t.trusted).sum(), tried.iter().map(|t| t.taken).sum());
        if unmade.is_empty() && trusted > 100 && taken > 10 {
            return Ok(());
        }
        Err(format!(
            "{trusted} by trusted keys, {taken} of equal meaning taken; these kinds fit no message: {unmade:?}"
        )
        .into())
    }));
    trials
}

/// The name of a spoilt case, how its step is spoilt, and what the runner must say.
type Spoilt = (&'static str, fn(&mut Step), &'static str);

/// The test of the test: a good case, spoilt, must fail.
fn of_the_runner<'c>(corpus: &Arc<Corpus>, cases: impl Iterator<Item = &'c Case>) -> Vec<Trial> {
    let Some(good) = cases.into_iter().find(|case| case.name == "dsig/references/refuses-a-changed-body") else {
        return vec![failed("runner".into(), "the case that it is tried with is gone".into())];
    };
    let spoilt: [Spoilt; 5] = [
        ("notices what is accepted", |step| step.damage = None, "ACCEPTED"),
        ("notices another reason", |step| expect(step).reason = Some("signature-value-wrong".into()), "reason"),
        ("notices another step", |step| expect(step).at = Some("decide".into()), "at"),
        ("notices another fault", |step| expect(step).fault = Some("wst:RequestFailed".into()), "fault"),
        ("notices what is missing", |step| expect(step).contains.push("no such text".into()), "lacks"),
    ];
    let trial = |(name, spoil, says): Spoilt| {
        let (corpus, mut case) = (Arc::clone(corpus), good.clone());
        case.written.step.iter_mut().for_each(spoil);
        Trial::test(format!("runner/{name}"), move || match block_on(corpus.run(&case, Variant::AsWritten)) {
            Err(fault) if fault.contains(says) => Ok(()),
            other => Err(format!("{other:?}").into()),
        })
    };
    spoilt.into_iter().map(trial).collect()
}

fn expect(step: &mut Step) -> &mut Expect {
    step.expect.as_mut().expect("a step that expects")
}

fn certificate(keys: &Path, entry: &'static pki::Entry) -> Trial {
    let keys = keys.to_owned();
    Trial::test(format!("keys/{}", entry.name), move || {
        let Some(made) = pki::certificate(&keys, entry)? else { return Ok(()) };
        let path = keys.join(format!("{}.cert.pem", entry.name));
        let found = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let plain = |pem: &str| pem.replace('\r', "");
        if plain(&found) == plain(&made) {
            return Ok(());
        }
        Err("the certificate is not what the table says; UPDATE=1 makes it again".into())
    })
}

fn list(
    keys: &Path,
    file: &'static str,
    made: impl FnOnce(&Path) -> Result<Vec<u8>, String> + Send + 'static,
) -> Trial {
    let keys = keys.to_owned();
    Trial::test(format!("keys/{file}"), move || {
        let path = keys.join(file);
        let found = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if found == made(&keys)? {
            Ok(())
        } else {
            Err("it is not what the table says; UPDATE=1 makes it again".into())
        }
    })
}

fn failed(name: String, error: String) -> Trial {
    Trial::test(name, move || Err(error.into()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
