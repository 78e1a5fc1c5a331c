//! Which software made this message, and where its settings are.
//!
//! `features.toml` has the shapes by which a stack is recognised (`reference/clients.md` has where
//! each was seen), `settings.toml` what to set in it against each refusal. Both are data: a new
//! stack is rows, not code.

mod features;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize, Serializer};

use crate::cli::Failure;
use crate::cli::examine::Examined;
use features::Test;

/// A stack that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// What `--stack` calls it.
    pub name: String,
    pub title: String,
    /// The stack whose settings it has, where not its own.
    settings: Option<String>,
    #[serde(rename = "feature")]
    features: Vec<Feature>,
}

/// One shape that speaks for a stack, or with a negative weight against it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    weight: i32,
    says: String,
    test: Test,
}

/// How likely a stack is.
#[derive(Debug, Serialize)]
pub struct Recognised {
    #[serde(serialize_with = "name_of")]
    pub stack: &'static Stack,
    /// How much of what is known of the stack is there.
    pub percent: i32,
    /// What spoke for it.
    pub because: Vec<&'static str>,
    #[serde(skip)]
    score: i32,
}

fn name_of<S: Serializer>(stack: &&'static Stack, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&stack.name)
}

/// A setting against a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The reason or code that it is for.
    pub of: String,
    pub text: String,
}

#[derive(Debug, Default, Deserialize)]
struct Features {
    stack: Vec<Stack>,
}

static STACKS: LazyLock<Vec<Stack>> =
    LazyLock::new(|| toml::from_str::<Features>(include_str!("features.toml")).unwrap_or_default().stack);

/// By reason or code, then by stack.
type Settings = BTreeMap<String, BTreeMap<String, String>>;

static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| toml::from_str(include_str!("settings.toml")).unwrap_or_default());

/// The stacks that the message may be of, the likeliest first; none where nothing fits well.
pub fn recognise(examined: &Examined) -> Vec<Recognised> {
    let mut likely: Vec<Recognised> = STACKS.iter().map(|stack| weigh(stack, examined)).collect();
    likely.retain(|one| one.percent >= LEAST_PERCENT && one.score > 0);
    likely.sort_by_key(|one| (-one.score, -one.percent));
    likely
}

fn weigh(stack: &'static Stack, examined: &Examined) -> Recognised {
    let (mut total, mut there, mut because) = (0, 0, Vec::new());
    for feature in &stack.features {
        total += feature.weight.max(0);
        if feature.test.holds(examined) {
            there += feature.weight;
            if feature.weight > 0 {
                because.push(feature.says.as_str());
            }
        }
    }
    // What is missing speaks against it, half as loud as what is there speaks for it.
    let score = 3 * there - total;
    Recognised { stack, percent: 100 * there.max(0) / total.max(1), because, score }
}

/// The stack of this name.
///
/// # Errors
/// When there is none; the failure names those that exist.
pub fn named(name: &str) -> Result<&'static Stack, Failure> {
    let found = STACKS.iter().find(|stack| stack.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = STACKS.iter().map(|stack| stack.name.as_str()).collect();
        Failure::usage(format!("there is no stack `{name}`"), format!("Give one of {}", names.join(", ")))
    })
}

/// What to set in this stack against these faults (reason and code): each setting once.
pub fn fixes<'f>(stack: &Stack, faults: impl Iterator<Item = (&'f str, &'f str)>) -> Vec<Fix> {
    let mut found: Vec<Fix> = Vec::new();
    for (reason, code) in faults {
        let fix = [reason, code]
            .iter()
            .find_map(|of| Some(Fix { of: (*of).to_owned(), text: setting(stack, of)?.to_owned() }));
        found.extend(fix.filter(|fix| !found.contains(fix)));
    }
    found
}

/// The setting of a stack against a reason or code.
pub fn setting(stack: &Stack, of: &str) -> Option<&'static str> {
    let by_stack = SETTINGS.get(of)?;
    let own = by_stack.get(&stack.name).or_else(|| by_stack.get(stack.settings.as_ref()?));
    own.map(String::as_str)
}

/// All settings against a reason or code, by the title of the stack.
pub fn settings_of(of: &[&str]) -> Vec<(&'static str, &'static str)> {
    let by_stack = of.iter().find_map(|of| SETTINGS.get(*of));
    let all = STACKS.iter().filter_map(|stack| Some((stack.title.as_str(), by_stack?.get(&stack.name)?.as_str())));
    all.collect()
}

/// Below this a guess would mislead.
const LEAST_PERCENT: i32 = 60;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::conformance::case::Case;
    use crate::conformance::forge::{self, Target};
    use crate::conformance::runner::Corpus;
    use crate::model::{PublicCode, Tell};

    #[test]
    fn both_files_are_read_and_fit_together() {
        let features: Features = toml::from_str(include_str!("features.toml")).unwrap();
        let settings: Settings = toml::from_str(include_str!("settings.toml")).unwrap();
        for (of, by_stack) in &settings {
            let known = PublicCode::parse(of).is_some() || crate::model::CheckId::from_reason(of).is_some();
            assert!(known, "`{of}` is neither a code nor a reason");
            for (stack, text) in by_stack {
                assert!(features.stack.iter().any(|known| known.name == *stack), "{of}: no stack `{stack}`");
                assert!(text.trim().len() >= 30, "{of}.{stack} is no help: {text}");
            }
        }
        for stack in &features.stack {
            assert!(stack.features.iter().map(|feature| feature.weight.max(0)).sum::<i32>() >= 6, "{}", stack.name);
        }
    }

    /// What nobody but the operator can mend has no setting of the sender's.
    const OTHERS: &[PublicCode] = &[
        PublicCode::OauthRequest,
        PublicCode::OauthClient,
        PublicCode::OauthTarget,
        PublicCode::OauthScope,
        PublicCode::Unavailable,
    ];

    #[test]
    fn each_code_that_a_sender_can_mend_has_a_setting_for_each_common_stack() {
        for code in PublicCode::ALL {
            if code.tell() == Tell::Registers || OTHERS.contains(&code) {
                continue;
            }
            for name in ["cxf", "spring-ws", "metro", "wcf", "zeep", "node-soap", "soapui", "php"] {
                assert!(
                    setting(named(name).unwrap(), code.as_str()).is_some(),
                    "{}: nothing for {name}",
                    code.as_str()
                );
            }
        }
    }

    /// Each case of `conformance/clients` as it is sent; its folder is the stack.
    #[test]
    fn each_stack_of_the_corpus_is_recognised_first() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let corpus = Corpus::open(root.join("conformance"), root.join("keys"));
        let mut seen = 0;
        for case in corpus.cases().unwrap() {
            let case: Case = case.unwrap();
            let name = case.name.clone();
            let Some(stack) = name.strip_prefix("clients/").and_then(|rest| rest.split('/').next()) else { continue };
            let wanted = match stack {
                "dotnet" => "wcf",
                other => other,
            };
            let world = corpus.world(&case.written.world).unwrap();
            let endpoint = world.endpoint(world.profile().unwrap()).unwrap().1.to_owned();
            let target = Target { endpoint, folder: root.join("conformance"), ..Target::default() };
            let send = case.written.step[0].send.as_ref().unwrap();
            let sent = forge::forge(send.recipe.as_ref().unwrap(), corpus.keys(), world.clock(), &target).unwrap();
            let found = recognise(&Examined::read(&sent).unwrap());
            let names: Vec<_> = found.iter().map(|one| (one.stack.name.as_str(), one.percent, one.score)).collect();
            assert_eq!(names.first().map(|first| first.0), Some(wanted), "{name}: {names:?}");
            seen += 1;
        }
        assert!(seen >= 10, "{seen}");
    }

    #[test]
    fn what_no_stack_makes_is_called_nobody_s() {
        assert!(recognise(&Examined::read(b"<a><b/></a>").unwrap()).is_empty());
    }

    #[test]
    fn a_setting_is_told_once() {
        let faults =
            [("digest-method-not-allowed", "SIG-ALGORITHM"), ("signature-method-not-allowed", "SIG-ALGORITHM")];
        let all = fixes(named("zeep").unwrap(), faults.into_iter());
        let texts: std::collections::HashSet<_> = all.iter().map(|fix| (&fix.of, &fix.text)).collect();
        assert_eq!(texts.len(), all.len());
        assert!(named("zoap").unwrap_err().fix.contains("zeep"));
    }
}
