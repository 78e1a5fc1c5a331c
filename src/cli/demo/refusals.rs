//! What must be refused, each with the reason that is on record; and that the trail of all this is
//! whole.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};

use super::cast::{EMPLOYER, SENDERS};
use super::client::Answer;
use super::message::{self, Wanted};
use super::report::{Checked, Mismatch, Step, Told, expect, expect_equal};
use super::steps::{Progress, exchanged, mandate_id, send_soap};
use super::world::World;
use super::{answers, children, soap_service};
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

/// The trail of all this verifies, as `vidimus audit verify` reads it from the disk.
pub async fn audit(world: &World) -> Checked<Told> {
    if world.breaks(Step::Audit) {
        spoil(world)?;
    }
    let begun = Instant::now();
    let report = loop {
        let report = verification(world).await?;
        // Under load a checkpoint is signed every second: wait for the one that covers it all.
        if report["unsigned"] == 0 || begun.elapsed() > CHECKPOINT {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let count = |name: &str| report[name].as_u64().unwrap_or_default();
    let (records, checkpoints) = (count("leaves"), count("checkpoints"));
    expect(records >= RECORDS, &format!("{RECORDS} records or more"), format!("{records}"))?;
    expect(checkpoints > 0 && count("unsigned") == 0, "a signed checkpoint of all records", report.to_string())?;
    let verdict = report["verdict"].as_str().unwrap_or_default();
    let line = format!("{records} records, chain intact, {checkpoints} checkpoints signed, {verdict}");
    Ok(Told::new(line, report.clone()))
}

/// One run of `vidimus audit verify`: its report.
async fn verification(world: &World) -> Checked<Value> {
    let config = world.config();
    let ran = children::run(&["audit".as_ref(), "verify".as_ref(), "-c".as_ref(), config.as_os_str()]).await;
    let (code, object, said) = ran.map_err(|why| Mismatch::new("vidimus audit verify", why))?;
    let report = object["report"].clone();
    let fault = report["faults"][0]["detail"].as_str().unwrap_or(&said);
    expect(code == 0, "exit code 0 of `vidimus audit verify`", format!("exit code {code}: {fault}"))?;
    Ok(report)
}

/// Changes one byte of the first leaf.
fn spoil(world: &World) -> Checked<()> {
    let leaves = leaves(&world.folder.files.dir().join("data/audit"));
    let leaves = leaves.ok_or_else(|| Mismatch::new("a file of leaves", "none"))?;
    let spoiled = std::fs::read(&leaves).and_then(|mut bytes| {
        answers::change(&mut bytes, b"\"seq\":0");
        std::fs::write(&leaves, bytes)
    });
    spoiled.map_err(|error| Mismatch::new("a file of leaves that can be written", error.to_string()))
}

/// The first file of leaves under this folder.
fn leaves(folder: &Path) -> Option<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let is_leaves = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("leaves"));
        if path.is_dir() {
            found.extend(leaves(&path));
        } else if is_leaves {
            found.push(path);
        }
    }
    found.into_iter().min()
}

const CHECKPOINT: Duration = Duration::from_secs(3);
/// Start, mandate, two leaves for each token that was issued, one for each refusal of a known sender.
const RECORDS: u64 = 10;
