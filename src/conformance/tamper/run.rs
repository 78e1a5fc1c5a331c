//! Every kind over every accepted message of the corpus: none may be taken for what it is not.

use super::super::case::{Case, Door, Outcome};
use super::super::request::Sent;
use super::super::runner::{Corpus, Observed, Run, refused};
use super::{Attacker, Good, Kind, Must, Signs, kinds};
use crate::wire::base64;
use crate::wire::crypto::PublicKey;
use crate::wire::jwt;
use crate::wire::xml::{Document, Limits};

/// What was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Kinds that fitted the message.
    pub made: Vec<&'static str>,
    /// How many of them were sent with a trusted key's signature.
    pub trusted: usize,
    /// Of those that mean the same, how many were taken for it.
    pub taken: usize,
    /// What should not be: a kind that was accepted, an honest message that was not.
    pub faults: Vec<String>,
}

/// Whether a case has one accepted envelope, and nothing around it.
pub fn messages(case: &Case) -> bool {
    let [step] = case.written.step.as_slice() else { return false };
    let issued = step.expect.as_ref().is_some_and(|expect| expect.outcome == Outcome::Issued);
    let envelope = step.send.as_ref().is_some_and(|send| {
        send.door != Some(Door::Token) && send.form.is_empty() && (send.recipe.is_some() || send.request.is_some())
    });
    issued && envelope && step.copies.is_none()
}

/// Tries every kind on a case's message.
///
/// # Errors
/// When the case cannot be run. What was wrongly accepted is in the list.
pub async fn run(corpus: &Corpus, case: &Case, stranger: &Attacker) -> Result<Tried, String> {
    let send = case.written.step.first().and_then(|step| step.send.as_ref()).ok_or("no request to tamper with")?;
    let world = corpus.world(&case.written.world)?;
    let run = Run::begin(corpus, &world, &case.folder)?;
    let honest = run.make(send)?;
    let good = Good::read(&honest.body)?;
    let trusted = corpus_key(corpus, &good);
    let mut tried = Tried::default();
    let mut same = Vec::new();
    for kind in kinds() {
        for (who, attacker) in [("a stranger", Some(stranger)), ("the sender", trusted.as_ref())] {
            let Some(attacker) = attacker.filter(|_| who == "a stranger" || kind.signs == Signs::Anybody) else {
                continue;
            };
            let Ok(bytes) = kind.tamper(&good, attacker) else { continue };
            let sent = Sent { body: bytes, ..honest.clone() };
            match kind.must {
                Must::MeanTheSame => same.push((kind, sent)),
                Must::Refuse => {
                    let observed = run.send(&sent).await?;
                    let found = refused(&observed).into_iter();
                    tried.faults.extend(found.map(|fault| format!("{} by {who}: {fault}", kind.name)));
                }
            }
            if !tried.made.contains(&kind.name) {
                tried.made.push(kind.name);
            }
            tried.trusted += usize::from(who == "the sender");
        }
    }
    if run.send(&honest).await?.token.is_none() {
        tried.faults.push("the honest message is refused after its attacks".to_owned());
    }
    let wanted = Run::begin(corpus, &world, &case.folder)?.send(&honest).await?;
    for (kind, sent) in same {
        // Sent before: whatever it looks like, it is the same message.
        let again = run.send(&sent).await?;
        tried.faults.extend(refused(&again).into_iter().map(|fault| format!("{} sent again: {fault}", kind.name)));
        let first = Run::begin(corpus, &world, &case.folder)?.send(&sent).await?;
        judge_first(kind, &wanted, &first, &mut tried);
    }
    Ok(tried)
}

/// A kind that means the same, as the first message of a server: refused, or taken for the honest one.
fn judge_first(kind: &Kind, wanted: &Observed, first: &Observed, tried: &mut Tried) {
    if first.token.is_none() {
        tried.faults.extend(refused(first).into_iter().map(|fault| format!("{}: {fault}", kind.name)));
        return;
    }
    tried.taken += 1;
    let is_evil = first.text.contains("evil") && !wanted.text.contains("evil");
    let (meant, found) = (meaning(&wanted.body), meaning(&first.body));
    if meant != found || is_evil {
        tried.faults.push(format!("{} means another thing:\n  {meant}\n  {found}", kind.name));
    }
}

/// The texts of an answer's Body (its header answers the request's, which nobody need have signed),
/// without what differs between two answers to one request: digests and signature values.
fn meaning(answer: &[u8]) -> String {
    let Ok(document) = Document::parse(answer, &Limits::default()) else { return "no XML".to_owned() };
    let root = document.root();
    let Some(body) = root.child(root.namespace(), "Body") else { return "no Body".to_owned() };
    let own = ["DigestValue", "SignatureValue", "KeyIdentifier"];
    let texts = body.descendants().filter(|element| !own.contains(&element.local_name())).filter_map(|element| {
        let text = element.text().filter(|text| !text.trim().is_empty())?;
        let said = claims(&text).unwrap_or_else(|| text.trim().to_owned());
        Some(format!("{}={said}", element.local_name()))
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// What a JWT in a BinarySecurityToken claims, without the two that are new in each: its id and the transaction's.
fn claims(text: &str) -> Option<String> {
    let token = String::from_utf8(base64::decode_xml(text).ok()?).ok()?;
    let mut payload = jwt::inspect(&token).ok()?.payload?;
    payload.retain(|name, _| name != "jti" && name != "txn");
    serde_json::to_string(&payload).ok()
}

/// The key of the corpus that signed the message, so that a trusted sender's hand is tried too.
fn corpus_key(corpus: &Corpus, good: &Good) -> Option<Attacker> {
    let certificate = good.certificate().ok()?;
    let public = PublicKey::from_certificate(&certificate).ok()?;
    let named = super::super::pki::ENTRIES.iter().find_map(|entry| {
        let key = corpus.keys().private(entry.name).ok()?;
        (key.public().spki() == public.spki()).then_some(key)
    })?;
    Some(Attacker::with(named, certificate))
}
