//! Mutants for free: of each accepted message, the ones that must not be accepted.
//!
//! A letter changed in every signed part; every signed part taken away; every referenced id given
//! to a second element; the signature taken away; the clock moved past the end. All are refused,
//! nothing is intended, and the honest message passes right after: a refusal consumes nothing.

use super::case::{Case, Outcome};
use super::edits::{self, Edit, Place, flipped, generous};
use super::request::Sent;
use super::runner::{Corpus, Run, refused};
use crate::wire::base64;
use crate::wire::ns;
use crate::wire::xml::{ById, Document, Element};

/// Whether mutants are made of a case: one accepted message, or one accepted exchange of a forged
/// assertion, and nothing around it.
pub fn fits(case: &Case) -> bool {
    let [step] = case.written.step.as_slice() else { return false };
    let accepted = |outcome| matches!(outcome, Outcome::Issued | Outcome::Verified);
    let issued = step.expect.as_ref().is_some_and(|expect| accepted(expect.outcome));
    let signed = step.send.as_ref().is_some_and(|send| send.recipe.is_some() || send.assertion.is_some());
    case.written.mutants && issued && signed
}

/// Makes the mutants of a case and sends them; gives their number.
///
/// # Errors
/// Each mutant that was accepted.
pub async fn run(corpus: &Corpus, case: &Case) -> Result<usize, String> {
    let send = case.written.step.first().and_then(|step| step.send.as_ref()).ok_or("no request to mutate")?;
    let world = corpus.world(&case.written.world)?;
    let run = Run::begin(corpus, &world, &case.folder)?;
    let honest = run.make(send)?;
    let text = String::from_utf8(honest.body.clone()).map_err(|error| error.to_string())?;
    let mutants = match &send.assertion {
        Some(_) => exchanges(&text)?,
        None => mutants(&text)?,
    };
    let mut faults = Vec::new();
    for (what, mutant) in &mutants {
        let sent = Sent { body: mutant.clone().into_bytes(), ..honest.clone() };
        let observed = run.send(&sent).await?;
        faults.extend(refused(&observed).into_iter().map(|fault| format!("{what}: {fault}")));
    }
    let again = run.send(&honest).await?;
    if again.token.is_none() && !again.verified {
        faults.push("the honest message is refused after its mutants".into());
    }
    let late = Run::begin(corpus, &world, &case.folder)?;
    late.session.clock.advance(A_DAY);
    faults.extend(refused(&late.send(&honest).await?).into_iter().map(|fault| format!("a day later: {fault}")));
    if faults.is_empty() { Ok(mutants.len() + 1) } else { Err(faults.join("\n")) }
}

/// The mutants of a token request: the form with each mutant of its subject token.
fn exchanges(form: &str) -> Result<Vec<(String, String)>, String> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let token = pairs.iter().find(|(name, _)| name == SUBJECT_TOKEN).ok_or("a form without subject_token")?;
    let token = base64::decode_url(&token.1).map_err(|_| "a subject_token that is no base64url")?;
    let token = String::from_utf8(token).map_err(|error| error.to_string())?;
    let with = |mutant: &str| {
        let value = base64::encode_url(mutant.as_bytes());
        let changed = pairs.iter().map(|(name, old)| (name, if name == SUBJECT_TOKEN { &value } else { old }));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(changed).finish()
    };
    Ok(mutants(&token)?.into_iter().map(|(what, mutant)| (what, with(&mutant))).collect())
}

/// The mutants of one message, or of one assertion, each with what was done to it.
fn mutants(text: &str) -> Result<Vec<(String, String)>, String> {
    let document = Document::parse(text, &generous()).map_err(|error| error.to_string())?;
    let is_message = document.root().local_name() == "Envelope";
    let mut mutants = Vec::new();
    let references = document.elements().filter(|element| element.is(ns::DS, "Reference"));
    for reference in references {
        let uri = reference.attribute("", "URI").unwrap_or_default();
        let id = uri.trim_start_matches('#');
        let ById::One(part) = document.by_id(id) else { return Err(format!("`{uri}` is not one element")) };
        if part != document.root() {
            let range = part.range();
            let without = [slice(text, 0, range.start), slice(text, range.end, text.len())].concat();
            mutants.push((format!("{uri} taken away"), without));
        }
        for leaf in leaves(part) {
            let within = leaf.range();
            let offset = leaf.source().find('>').unwrap_or_default() + 1;
            if let Ok(mutant) = flipped(text, within.start + offset..within.end, 0) {
                mutants.push((format!("{uri}: a letter of {} changed", leaf.path()), mutant));
            }
        }
        let twin = format!("<x:Twin xmlns:x=\"urn:vidimus:conformance:wrapper\" Id=\"{id}\"/>");
        let place = Place::Into(if is_message { "/s:Envelope/s:Header".into() } else { "//saml:Subject".into() });
        let edit = Edit::Insert { text: twin, place };
        mutants.push((format!("{uri} given to a second element"), edits::apply(text, &[edit])?));
    }
    let signature = if is_message { "/s:Envelope/s:Header/wsse:Security/ds:Signature" } else { "//ds:Signature" };
    let unsigned = Edit::Remove { at: signature.into() };
    mutants.push(("the signature taken away".into(), edits::apply(text, &[unsigned])?));
    Ok(mutants)
}

/// The elements inside that hold text and no elements; a part without text counts as one. The KeyInfo
/// of an enveloped signature is neither signed nor read: what it says is nobody's word.
fn leaves(part: Element<'_>) -> Vec<Element<'_>> {
    let of_a_signature = |element: &Element<'_>| {
        let key_info = std::iter::once(*element).chain(element.ancestors()).find(|e| e.is(ns::DS, "KeyInfo"));
        key_info.and_then(|found| found.parent()).is_some_and(|parent| parent.is(ns::DS, "Signature") && parent != part)
    };
    let has_text = |element: &Element<'_>| element.text().is_some_and(|text| !text.trim().is_empty());
    part.descendants().filter(has_text).filter(|element| !of_a_signature(element)).collect()
}

fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

const SUBJECT_TOKEN: &str = "subject_token";
const A_DAY: i64 = 86_400_000;
