//! What must be refused, each with the reason that is on record; and that the trail of all this is
//! whole.

use std::time::Instant;

use chrono::Utc;
use serde_json::{Value, json};

use super::cast::{EMPLOYER, SENDERS};
use super::client::Answer;
use super::message::{self, Wanted};
use super::report::{Checked, Mismatch, Step, Told, expect, expect_equal};
use super::steps::{Progress, exchanged, mandate_id, send_soap};
use super::world::World;
use super::{answers, soap_service};
use crate::serve::admin::Verb;

/// The same bytes a second time.
pub async fn replay(world: &World, progress: &Progress) -> Checked<Told> {
    let fresh = if world.breaks(Step::Replay) { Some(again(world)?) } else { None };
    let bytes = fresh.as_ref().unwrap_or(&progress.request);
    let answer = send_soap(world, &world.oasis(), bytes).await?;
    refused(world, &answer, "AUTHENTICATION", "message-seen-before").await
}

/// One digit of the employer's number, after signing.
pub async fn change(world: &World) -> Checked<Told> {
    let mut bytes = again(world)?;
    if !world.breaks(Step::Change) {
        answers::change(&mut bytes, EMPLOYER.as_bytes());
    }
    let answer = send_soap(world, &world.oasis(), &bytes).await?;
    let told = refused(world, &answer, "SIG-DIGEST", "digest-differs").await?;
    // It concerns the caller's own bytes, so the caller is told which part it is.
    let sentence = answers::summary(&answer);
    expect(sentence.contains("#Body"), "a sentence that names the reference #Body", sentence)?;
    Ok(told)
}

/// Another registered client proves its own key, which is not the one that the assertion names.
/// The right key succeeds right after, so nothing was spent or locked.
pub async fn other_key(world: &World, progress: &Progress) -> Checked<Told> {
    let other = if world.breaks(Step::OtherKey) { 0 } else { 1 };
    let answer = exchanged(world, progress, Some(other)).await?;
    answers::status(&answer, 401)?;
    expect_equal("error", "invalid_client", answer.json()["error"].as_str().unwrap_or_default())?;
    let told = refused(world, &answer, "AUTHENTICATION", "proven-key-differs").await?;
    let right = exchanged(world, progress, Some(0)).await?;
    answers::status(&right, 200)?;
    Ok(told.and(format!("{} was refused; right after, {} got its token", SENDERS[1].name, SENDERS[0].name)))
}

/// An ended mandate counts for nothing in the very next request.
pub async fn mandate_ended(world: &World, progress: &Progress) -> Checked<Told> {
    let begun = Instant::now();
    if !world.breaks(Step::MandateEnded) {
        let end = Verb::MandateEnd { id: mandate_id(progress), expected_version: None };
        let answer = answers::got(world.admin(&end).await)?;
        answers::status(&answer, 200)?;
        expect_equal("standing", "ended", answer.json()["standing"].as_str().unwrap_or_default())?;
    }
    let answer = send_soap(world, &world.oasis(), &again(world)?).await?;
    let since = begun.elapsed();
    let told = refused(world, &answer, "DENIED", "mandate-ended").await?;
    Ok(told.and(format!("mandate #{} was ended {} ms before", progress.mandate, since.as_millis())))
}

/// A fresh request like the first one.
fn again(world: &World) -> Checked<Vec<u8>> {
    let identity = world.identity(&SENDERS[0]).map_err(|why| Mismatch::new("a key and its certificate", why))?;
    let to = world.oasis();
    let wanted = Wanted { to: &to, applies_to: soap_service::AUDIENCE, on_behalf_of: Some(EMPLOYER) };
    message::request(&identity, wanted, Utc::now()).map_err(|why| Mismatch::new("a signed message", why))
}

/// The answer is a refusal with this code, and on record stands this reason.
async fn refused(world: &World, answer: &Answer, code: &str, reason: &str) -> Checked<Told> {
    let summary = answers::summary(answer);
    let expected = format!("a refusal with [{code}]");
    expect(answer.status >= 400, &expected, format!("{} {}", answer.status, summary))?;
    expect(answer.text().contains(&format!("[{code}]")), &expected, summary.clone())?;
    let reference = answers::reference(answer)?;
    let record = world.record(Some(reference)).await;
    let record = record.map_err(|why| Mismatch::new("a record of the refusal", why))?;
    let reasons = answers::reasons(&record);
    expect(reasons.iter().any(|found| found == reason), &format!("the reason {reason} on record"), reasons.join(", "))?;
    let facts = json!({ "status": answer.status, "code": code, "reason": reason, "reference": reference });
    let line = format!("refused  {code}  on record: {reason}");
    Ok(Told::new(line, facts).and(summary).took(answer.took))
}

/// What `vidimus audit verify` says of the trail that these steps wrote.
#[derive(Debug)]
pub struct Verified(pub Value);
