//! ACROSS: the same attack under each built-in profile.
//!
//! A case is written for one endpoint. Here its message is made again as each profile wants it (its
//! *manner*, `manners.toml`: SOAP version, which parts are signed, how the key is named), honest and
//! damaged, and judged by the pure path: parse, verify, authenticate. Where the honest message is
//! none of the profile's, or where the case is about more than one message, the profile is silent.

use std::collections::BTreeMap;
use std::fs;

use super::case::{Case, Door, Outcome, Send, Step};
use super::catalogue::Verdict;
use super::forge::Recipe;
use super::runner::{Corpus, Run};
use super::world::Session;
use crate::config::profiles;
use crate::flow::inquiry::{Inquiry, Stop, standing_still};
use crate::flow::profile::{CertificateTrust, Profile};
use crate::flow::pure;
use crate::flow::verify::Terms;
use crate::serve::clock::Clock as _;
use crate::wire::xml::Limits;

/// What each profile answers to each case: profile → case → verdict.
///
/// # Errors
/// When a world or the manners cannot be read. A message that cannot be made in a profile's manner
/// is not an error: then the profile is silent.
pub fn verdicts(corpus: &Corpus, cases: &[Case]) -> Result<BTreeMap<String, BTreeMap<String, Verdict>>, String> {
    let manners = manners(corpus)?;
    let mut profiles = Vec::new();
    for profile in profiles::built_in() {
        let manner = manners.get(&profile.name).ok_or_else(|| format!("{MANNERS} has no `{}`", profile.name))?;
        profiles.push((profile, manner));
    }
    let mut verdicts: BTreeMap<String, BTreeMap<String, Verdict>> = BTreeMap::new();
    for case in cases {
        let message = only_message(case);
        // One world for all profiles: judging leaves nothing behind in it.
        let world = corpus.world(&case.written.world)?;
        let run = message.map(|_| Run::begin(corpus, &world, &case.folder)).transpose()?;
        for (profile, manner) in &profiles {
            let verdict = match (&run, message) {
                (Some(run), Some((step, send))) => verdict(run, step, send, profile, manner),
                _ => Verdict::Silent,
            };
            verdicts.entry(profile.name.clone()).or_default().insert(case.name.clone(), verdict);
        }
    }
    Ok(verdicts)
}

/// How each profile's messages are made, by its name: laid over a case's recipe.
fn manners(corpus: &Corpus) -> Result<BTreeMap<String, Recipe>, String> {
    let text = fs::read_to_string(corpus.folder().join(MANNERS)).map_err(|error| format!("{MANNERS}: {error}"))?;
    toml::from_str(&text).map_err(|error| format!("{MANNERS}: {error}"))
}

fn verdict(run: &Run<'_>, step: &Step, send: &Send, profile: &Profile, manner: &Recipe) -> Verdict {
    let Some(honest) = send.recipe.as_ref().filter(|_| asks(profile, step) && signs_as_much(manner, send)) else {
        return Verdict::Silent;
    };
    let honest = Send { recipe: Some(honest.changed(manner)), request: None, ..send.clone() };
    let judged = |send: &Send| Some(accepts(run.make(send).ok()?.body, profile, &run.session, run.endpoint(send)));
    if judged(&honest) != Some(true) {
        return Verdict::Silent;
    }
    let Some(damage) = &step.damage else { return Verdict::Accept };
    match judged(&Send { request: None, ..honest.damaged(damage) }) {
        Some(true) => Verdict::Accept,
        Some(false) => Verdict::Refuse,
        None => Verdict::Silent,
    }
}

/// Whether the profile asks at all what the case is refused for: one by which a registered key is
/// enough asks for no path, and one without a door serves no actions.
fn asks(profile: &Profile, step: &Step) -> bool {
    let reason = step.expect.as_ref().and_then(|expect| expect.reason.as_deref()).unwrap_or_default();
    match reason {
        "certificate-not-trusted" | "certificate-usage" => profile.certificate != CertificateTrust::Registered,
        "action-not-served-here" => profile.door.is_some(),
        _ => true,
    }
}

/// Whether all that the case signs is signed in the profile's manner too: a part that is not signed
/// is not believed, so moving or changing it is no attack.
fn signs_as_much(manner: &Recipe, send: &Send) -> bool {
    let parts = |recipe: &Recipe| recipe.sign.as_ref().and_then(|sign| sign.parts.clone());
    match (parts(manner), send.recipe.as_ref().and_then(parts)) {
        (Some(manner), Some(own)) => own.iter().all(|part| manner.contains(part)),
        _ => true,
    }
}

/// The one SOAP message of a case that is judged before anything is looked up or decided.
fn only_message(case: &Case) -> Option<(&Step, &Send)> {
    let [step] = case.written.step.as_slice() else { return None };
    let (send, expect) = (step.send.as_ref()?, step.expect.as_ref()?);
    let by_the_pure_path = match expect.outcome {
        Outcome::Issued | Outcome::Verified => true,
        Outcome::Refused => expect.at.as_deref().is_some_and(|at| PURE.contains(&at)),
        Outcome::Published | Outcome::Intact => false,
    };
    // What the connection or the HTTP fields say is judged elsewhere.
    let only_bytes = step.damage.as_ref().is_none_or(|damage| damage.headers.is_empty() && damage.encoding.is_none());
    let soap = send.door.is_none_or(|door| door == Door::Soap) && send.form.is_empty();
    (by_the_pure_path && only_bytes && soap && step.copies.is_none()).then_some((step, send))
}

/// Whether the pure path takes a message under a profile.
fn accepts(bytes: Vec<u8>, profile: &Profile, session: &Session, endpoint: String) -> bool {
    let sts = session.server.sts.load_full();
    let (limits, addresses) = (Limits::default(), [endpoint]);
    let trust = sts.trust.load_full();
    let terms = Terms { trust: &trust, profile, limits: &limits, addresses: &addresses, now: session.clock.now() };
    pure::requester(bytes, terms, &sts.issuer, &mut Inquiry::new(Stop::First, standing_still)).is_ok()
}

/// The file with the manners, in the corpus's folder.
const MANNERS: &str = "manners.toml";
/// The steps of the pure path.
const PURE: [&str; 3] = ["parse", "verify", "authenticate"];
