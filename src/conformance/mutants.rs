//! Mutants for free: of each accepted message, the ones that must not be accepted.
//!
//! A letter changed in every signed part; every signed part taken away; every referenced id given
//! to a second element; the signature taken away; the clock moved past the end. All are refused,
//! nothing is intended, and the honest message passes right after: a refusal consumes nothing.

use super::case::{Case, Outcome};
use super::edits::{self, Edit, Place, flipped, generous};
use super::request::Sent;
use super::runner::{Corpus, Run, refused};
use crate::wire::ns;
use crate::wire::xml::{ById, Document, Element};

/// Whether mutants are made of a case: one accepted SOAP message, and nothing around it.
pub fn fits(case: &Case) -> bool {
    let [step] = case.written.step.as_slice() else { return false };
    let issued = step.expect.as_ref().is_some_and(|expect| expect.outcome == Outcome::Issued);
    let message = step.send.as_ref().is_some_and(|send| send.recipe.is_some() && send.form.is_empty());
    case.written.mutants && issued && message
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
    let mutants = mutants(&text)?;
    let mut faults = Vec::new();
    for (what, mutant) in &mutants {
        let sent = Sent { body: mutant.clone().into_bytes(), ..honest.clone() };
        let observed = run.send(&sent).await?;
        faults.extend(refused(&observed).into_iter().map(|fault| format!("{what}: {fault}")));
    }
    if run.send(&honest).await?.token.is_none() {
        faults.push("the honest message is refused after its mutants".into());
    }
    let late = Run::begin(corpus, &world, &case.folder)?;
    late.session.clock.advance(A_DAY);
    faults.extend(refused(&late.send(&honest).await?).into_iter().map(|fault| format!("a day later: {fault}")));
    if faults.is_empty() { Ok(mutants.len() + 1) } else { Err(faults.join("\n")) }
}

/// The mutants of one message, each with what was done to it.
fn mutants(text: &str) -> Result<Vec<(String, String)>, String> {
    let document = Document::parse(text, &generous()).map_err(|error| error.to_string())?;
    let mut mutants = Vec::new();
    let references = document.elements().filter(|element| element.is(ns::DS, "Reference"));
    for reference in references {
        let uri = reference.attribute("", "URI").unwrap_or_default();
        let id = uri.trim_start_matches('#');
        let ById::One(part) = document.by_id(id) else { return Err(format!("`{uri}` is not one element")) };
        let range = part.range();
        mutants.push((
            format!("{uri} taken away"),
            [slice(text, 0, range.start), slice(text, range.end, text.len())].concat(),
        ));
        for leaf in leaves(part) {
            let within = leaf.range();
            let offset = leaf.source().find('>').unwrap_or_default() + 1;
            if let Ok(mutant) = flipped(text, within.start + offset..within.end, 0) {
                mutants.push((format!("{uri}: a letter of {} changed", leaf.path()), mutant));
            }
        }
        let twin = format!("<x:Twin xmlns:x=\"urn:vidimus:conformance:wrapper\" Id=\"{id}\"/>");
        let edit = Edit::Insert { text: twin, place: Place::Into("/s:Envelope/s:Header".into()) };
        mutants.push((format!("{uri} given to a second element"), edits::apply(text, &[edit])?));
    }
    let unsigned = Edit::Remove { at: "/s:Envelope/s:Header/wsse:Security/ds:Signature".into() };
    mutants.push(("the signature taken away".into(), edits::apply(text, &[unsigned])?));
    Ok(mutants)
}

/// The elements inside that hold text and no elements; a part without text counts as one.
fn leaves(part: Element<'_>) -> Vec<Element<'_>> {
    part.descendants().filter(|element| element.text().is_some_and(|text| !text.trim().is_empty())).collect()
}

fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

const A_DAY: i64 = 86_400_000;
