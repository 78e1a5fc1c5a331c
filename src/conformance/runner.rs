//! RUNNER: a case, step by step, through the real router of its world, in process.
//!
//! Where a request is refused is part of the result: a bad signature must not be caught by luck in
//! the policy. Whatever is refused leaves no intent behind and gives out nothing. A case that
//! refuses is run a second time without its damage, and then everything must be issued.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use serde_json::Value;
use tower::ServiceExt;

use super::case::{Case, Expect, Outcome, Send, Step};
use super::keys::Keys;
use super::request::{Sent, Workshop};
use super::world::{Session, World};
use crate::audit::{Field, OutcomeEntry};
use crate::mandates::MandateDraft;
use crate::model::{CheckId, CheckOutcome, Language, MandateId, PartyId, RealmId, Tell, Time, Trace, sentence};
use crate::serve::clock::Clock;
use crate::wire::base64;
use crate::wire::ns;
use crate::wire::xml::{Document, Limits};

/// The corpus: its cases, its worlds, its keys.
#[derive(Debug)]
pub struct Corpus {
    folder: PathBuf,
    keys: Keys,
    worlds: Mutex<HashMap<String, Arc<World>>>,
}

/// How a case is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    AsWritten,
    /// Without its damage: everything must be issued.
    Repaired,
}

/// What came of one request.
#[derive(Debug)]
pub struct Observed {
    pub status: u16,
    /// The answer as it came.
    pub body: Vec<u8>,
    /// The answer's body, and the claims of a JWT in it.
    pub text: String,
    /// The token that was given out.
    pub token: Option<String>,
    /// How many signatures were intended.
    pub intents: usize,
    pub outcome: Option<OutcomeEntry>,
    /// The reason of a refusal, and the step whose check failed; empty for none.
    pub failure: (String, String),
    /// Accepted where there is no door to give a token.
    pub verified: bool,
}

impl Observed {
    /// Why it was refused: the reason of the trail's outcome, empty where there is none.
    pub fn reason(&self) -> String {
        self.outcome.as_ref().map(failure).unwrap_or_default().0
    }
}

impl Corpus {
    /// The corpus in `folder` (`conformance/`), with the keys in `keys`.
    pub fn open(folder: impl Into<PathBuf>, keys: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keys: Keys::open(keys), worlds: Mutex::default() }
    }

    /// All cases, by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn cases(&self) -> Result<Vec<Result<Case, String>>, String> {
        Case::all(&self.folder)
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// `conformance/`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A world, read once.
    ///
    /// # Errors
    /// When its configuration is refused.
    pub fn world(&self, name: &str) -> Result<Arc<World>, String> {
        let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(world) = worlds.get(name) {
            return Ok(Arc::clone(world));
        }
        let world = Arc::new(World::open(&self.folder.join("worlds"), name, self.keys.folder())?);
        worlds.insert(name.to_owned(), Arc::clone(&world));
        Ok(world)
    }

    /// Whether the first message of a case is made twice with the same bytes. ECDSA signatures
    /// differ each time, and nothing else does.
    ///
    /// Bytes that are committed beside the recipe are compared too; `update` makes them where they
    /// are missing.
    ///
    /// # Errors
    /// When it is not.
    pub fn forges_the_same(&self, case: &Case, update: bool) -> Result<(), String> {
        if case.only_judges() {
            return Ok(());
        }
        let world = self.world(&case.written.world)?;
        let run = Run::begin(self, &world, &case.folder)?;
        let Some(step) = case.written.step.iter().find(|step| step.send.is_some()) else { return Ok(()) };
        let (send, damage) = (step.send.clone().unwrap_or_default(), step.damage.clone().unwrap_or_default());
        let send = Send { request: None, ..send.damaged(&damage) };
        if send.client_assertion.is_some() || send.resend.is_some() {
            return Ok(());
        }
        let made = || run.make(&send).map(|sent| without_ecdsa_values(&sent.body));
        if made()? != made()? {
            return Err("the same recipe gave other bytes".into());
        }
        let Some(file) = step.send.as_ref().and_then(|send| send.request.as_deref()) else { return Ok(()) };
        let committed = case.folder.join(file);
        if update && !committed.exists() {
            let bytes = run.make(&send)?.body;
            std::fs::write(&committed, bytes).map_err(|error| format!("{}: {error}", committed.display()))?;
        }
        let bytes = std::fs::read(&committed).map_err(|error| format!("{}: {error}", committed.display()))?;
        if without_ecdsa_values(&bytes) == made()? {
            Ok(())
        } else {
            Err(format!("`{file}` is not what the recipe makes"))
        }
    }

    /// What a refused sender reads of each case's last refusal, with all that may differ masked:
    /// `None` where nothing is refused, or what is told is about the sender's own bytes.
    ///
    /// # Errors
    /// When the case cannot be run.
    pub async fn told(&self, case: &Case) -> Result<Option<(String, String)>, String> {
        if case.only_judges() {
            return Ok(None);
        }
        let world = self.world(&case.written.world)?;
        let mut run = Run::begin(self, &world, &case.folder)?;
        let mut told = None;
        for step in &case.written.step {
            run.step(step, Variant::AsWritten).await?;
            let Some(observed) = &run.last else { continue };
            let check = observed.outcome.as_ref().and_then(|outcome| CheckId::from_reason(&failure(outcome).0));
            let code = check.map(|check| check.row().code).filter(|code| code.tell() == Tell::Registers);
            told = code.map(|code| (format!("{} {}", case.written.world, code.as_str()), masked(&observed.text)));
        }
        Ok(told)
    }

    /// Each request of a case as written, and what came of it. Nothing is judged.
    ///
    /// # Errors
    /// When the case cannot be run.
    pub async fn exchanges(&self, case: &Case) -> Result<Vec<(Sent, Observed)>, String> {
        if case.only_judges() {
            return Ok(Vec::new());
        }
        let world = self.world(&case.written.world)?;
        let mut run = Run::begin(self, &world, &case.folder)?;
        let mut exchanges = Vec::new();
        for step in &case.written.step {
            run.step(step, Variant::AsWritten).await?;
            let sent = run.sent.last().cloned().flatten();
            exchanges.extend(sent.zip(run.last.take()));
        }
        Ok(exchanges)
    }

    /// Runs a case.
    ///
    /// # Errors
    /// Each thing that is not as it should be.
    pub async fn run(&self, case: &Case, variant: Variant) -> Result<(), String> {
        if case.only_judges() {
            return judged_alone(case, variant);
        }
        let world = self.world(&case.written.world)?;
        let mut run = Run::begin(self, &world, &case.folder)?;
        let mut faults = Vec::new();
        for (index, step) in case.written.step.iter().enumerate() {
            let found = run.step(step, variant).await.unwrap_or_else(|error| vec![error]);
            faults.extend(found.into_iter().map(|fault| format!("step {}: {fault}", index + 1)));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }
}

/// A case of judged envelopes: no server, no clock but the steps' own.
fn judged_alone(case: &Case, variant: Variant) -> Result<(), String> {
    let mut faults = Vec::new();
    for (index, step) in case.written.step.iter().enumerate() {
        let left_out = step.damaging && variant == Variant::Repaired;
        if let (Some(judge), Some(expect), false) = (&step.judge, &step.expect, left_out) {
            let found = judge.run(&case.folder, expect).unwrap_or_else(|error| vec![error]);
            faults.extend(found.into_iter().map(|fault| format!("step {}: {fault}", index + 1)));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// A run in progress: the server, and what the steps so far gave.
pub(super) struct Run<'a> {
    corpus: &'a Corpus,
    world: &'a World,
    case: &'a Path,
    pub session: Session,
    values: BTreeMap<String, String>,
    sent: Vec<Option<Sent>>,
    /// What came of the last request.
    last: Option<Observed>,
    admin: u8,
}

impl<'a> Run<'a> {
    pub fn begin(corpus: &'a Corpus, world: &'a World, case: &'a Path) -> Result<Self, String> {
        let session = world.begin()?;
        Ok(Self { corpus, world, case, session, values: BTreeMap::new(), sent: Vec::new(), last: None, admin: 0 })
    }

    async fn step(&mut self, step: &Step, variant: Variant) -> Result<Vec<String>, String> {
        self.sent.push(None);
        if step.damaging && variant == Variant::Repaired {
            return Ok(Vec::new());
        }
        if let Some(millis) = step.advance {
            self.session.clock.advance(millis);
        }
        if let Some(verb) = &step.admin {
            self.admin(verb).await?;
        }
        if let (Some(judge), Some(expect)) = (&step.judge, &step.expect) {
            return judge.run(self.case, expect);
        }
        let (Some(send), Some(expect)) = (&step.send, &step.expect) else { return Ok(Vec::new()) };
        let send = match (&step.damage, variant) {
            (Some(damage), Variant::AsWritten) => send.damaged(damage),
            _ => send.clone(),
        };
        let sent = self.make(&send)?;
        if let Some(copies) = step.copies {
            return self.at_once(&sent, copies).await;
        }
        let observed = self.send(&sent).await?;
        if let Some(token) = &observed.token {
            self.values.insert(format!("step{}.token", self.sent.len()), token.clone());
        }
        if let Some(last) = self.sent.last_mut() {
            *last = Some(sent);
        }
        let faults = match (variant, expect.outcome) {
            (Variant::Repaired, Outcome::Refused) => issued(&observed),
            (Variant::Repaired, _) | (Variant::AsWritten, _) => judged(expect, &observed),
        };
        self.last = Some(observed);
        Ok(faults)
    }

    /// The bytes of a request, new or of an earlier step.
    pub fn make(&self, send: &Send) -> Result<Sent, String> {
        if let Some(step) = send.resend {
            let earlier = step.checked_sub(1).and_then(|index| self.sent.get(index));
            let mut sent = earlier.cloned().flatten().ok_or_else(|| format!("step {step} sent nothing"))?;
            // The same bytes at another endpoint.
            if let Some(path) = send.query.as_ref().filter(|path| path.starts_with('/')) {
                sent.path.clone_from(path);
            }
            if send.twin {
                sent.body = twin(&sent.body)?;
            }
            return Ok(sent);
        }
        let workshop = Workshop {
            world: self.world,
            keys: &self.corpus.keys,
            corpus: &self.corpus.folder,
            case: self.case,
            clock: self.session.clock.now(),
            values: &self.values,
        };
        workshop.make(send)
    }

    /// The address of the SOAP endpoint that a request goes to.
    pub fn endpoint(&self, send: &Send) -> String {
        let profile = send.profile.as_deref().or(self.world.profile()).unwrap_or_default();
        self.world.endpoint(profile).map(|(_, address)| address.to_owned()).unwrap_or_default()
    }

    /// Sends, and looks at everything that came of it.
    pub async fn send(&self, sent: &Sent) -> Result<Observed, String> {
        if let Some(profile) = &sent.profile {
            return self.verify(profile, sent);
        }
        self.session.trail.take();
        let router = self.session.router.clone();
        let response = router.oneshot(sent.request()?).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), LARGEST_ANSWER).await.map_err(|error| error.to_string())?;
        let mut text = String::from_utf8_lossy(&body).into_owned();
        let token = token(&text);
        if let Some(token) = &token {
            text.push_str(&decoded(token));
        }
        let mut records = self.session.trail.take();
        let (intents, outcome) = (records.intents, records.outcomes.pop());
        let failure = outcome.as_ref().map(failure).unwrap_or_default();
        Ok(Observed { status, body: body.into(), text, token, intents, outcome, failure, verified: false })
    }

    /// Judges without a door. What the sender would be told is the text.
    fn verify(&self, profile: &str, sent: &Sent) -> Result<Observed, String> {
        let judged = self.session.verify(self.world, profile, sent.body.clone())?;
        let mut observed = Observed {
            status: 200,
            body: Vec::new(),
            text: String::new(),
            token: None,
            intents: 0,
            outcome: None,
            failure: Default::default(),
            verified: judged.is_ok(),
        };
        if let Err((trace, refusals)) = judged {
            let refusal = refusals.first().ok_or("refused without a refusal")?;
            let said = sentence(Language::English, refusal.check, &refusal.facts);
            observed.status = 400;
            observed.text = format!("{} {} [{}]", said.says, said.fix, refusal.code().as_str());
            observed.failure = (refusal.reason().to_owned(), failed_step(&trace));
        }
        Ok(observed)
    }

    /// One message, at most one token: also when all copies arrive before any is answered.
    async fn at_once(&self, sent: &Sent, copies: usize) -> Result<Vec<String>, String> {
        self.session.trail.take();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..copies {
            let (router, request) = (self.session.router.clone(), sent.request()?);
            tasks.spawn(router.oneshot(request));
        }
        let mut answered = 0;
        while let Some(answer) = tasks.join_next().await {
            let answer = answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            answered += usize::from(answer.status().is_success());
        }
        let records = self.session.trail.take();
        let seen = |outcome: &&OutcomeEntry| failure(outcome).0 == "message-seen-before";
        let (issued, seen) = (
            records.outcomes.iter().filter(|outcome| outcome.outcome == "issued").count(),
            records.outcomes.iter().filter(seen).count(),
        );
        if (answered, issued, seen) == (1, 1, copies.saturating_sub(1)) {
            return Ok(Vec::new());
        }
        Ok(vec![format!("of {copies} copies {answered} were answered, {issued} issued, {seen} seen before")])
    }

    /// The verbs of the admin door that cases use.
    async fn admin(&mut self, verb: &toml::Table) -> Result<(), String> {
        self.admin += 1;
        let now = self.session.clock.now();
        let text = |name: &str| verb.get(name).and_then(toml::Value::as_str);
        let party = |name: &str| -> Result<PartyId, String> {
            text(name).ok_or_else(|| format!("`{name}` is missing"))?.parse().map_err(|e| format!("{name}: {e}"))
        };
        let time = |name: &str| -> Result<Option<Time>, String> {
            text(name).map(|text| text.parse().map_err(|error| format!("{name}: {error}"))).transpose()
        };
        let realm = RealmId::default();
        let done = match text("verb") {
            Some("mandate-create") => {
                let draft = MandateDraft {
                    idempotency_key: [self.admin; 16],
                    grantor: party("grantor")?,
                    grantee: party("grantee")?,
                    mandate_type: text("type").unwrap_or_default().to_owned(),
                    valid_from: time("valid_from")?.unwrap_or(now),
                    valid_until: time("valid_until")?,
                };
                self.session.mandates.create(&realm, draft, now).await
            }
            Some("mandate-end") => {
                let id = verb.get("id").and_then(toml::Value::as_integer).and_then(|id| u64::try_from(id).ok());
                let id = MandateId(id.ok_or("`mandate-end` needs `id`")?);
                self.session.mandates.end(&realm, id, None, now).await
            }
            // The store was put back from a backup: what was spent before now is not known any more.
            Some("store-restored") => {
                return self.session.server.sts.load().store.refuse_made_before(now).map_err(|error| error.to_string());
            }
            other => return Err(format!("`{}` is no verb", other.unwrap_or_default())),
        };
        done.map(drop).map_err(|error| error.to_string())
    }
}

/// The message with its P-256 signature value (r, s) replaced by (r, n - s).
fn twin(message: &[u8]) -> Result<Vec<u8>, String> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let text = String::from_utf8(message.to_vec()).map_err(|error| error.to_string())?;
    let value = text.split("SignatureValue>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    let decoded = base64::decode_xml(value).map_err(|error| error.to_string())?;
    let Some((r, s)) = decoded.split_at_checked(32).filter(|(_, s)| s.len() == 32) else {
        return Err("the message has no P-256 signature value".into());
    };
    let mut borrow = false;
    let mut other = Vec::with_capacity(32);
    for (n, s) in ORDER.iter().zip(s).rev() {
        let (first, under) = n.overflowing_sub(*s);
        let (second, again) = first.overflowing_sub(u8::from(borrow));
        borrow = under || again;
        other.push(second);
    }
    other.reverse();
    Ok(text.replacen(value, &base64::encode(&[r, &other].concat()), 1).into_bytes())
}

/// The message with its ECDSA signature values left out.
fn without_ecdsa_values(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let is_ecdsa = |piece: &str| {
        let value = piece.split('<').next().unwrap_or_default();
        base64::decode_xml(value).is_ok_and(|value| matches!(value.len(), 64 | 96 | 132))
    };
    text.split("SignatureValue>").filter(|piece| !is_ecdsa(piece)).collect()
}

/// An answer with its references masked, and the addressing headers that repeat the request's.
fn masked(text: &str) -> String {
    let is_reference = |word: &str| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
    let mut masked: String = text
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .map(|word| {
            let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_reference(end) { word.replace(end, "REF") } else { word.to_owned() }
        })
        .collect();
    if let (Some(from), Some(to)) = (masked.find("<soap:Header>"), masked.find("</soap:Header>")) {
        masked.replace_range(from..to + "</soap:Header>".len(), "");
    }
    masked
}

/// What is not as a token's giving out should be.
fn issued(observed: &Observed) -> Vec<String> {
    let mut faults = Vec::new();
    if observed.verified {
        return faults;
    }
    if observed.status != 200 || observed.token.is_none() {
        faults.push(format!("not issued, but {}", described(observed)));
    }
    if observed.intents != 1 {
        faults.push(format!("{} intents for one token", observed.intents));
    }
    if observed.outcome.as_ref().map(|outcome| outcome.outcome) != Some("issued") {
        faults.push("the trail does not say `issued`".into());
    }
    faults
}

/// What is not as a refusal should be, whatever its reason.
pub(super) fn refused(observed: &Observed) -> Vec<String> {
    let mut faults = Vec::new();
    if observed.verified || observed.token.is_some() || observed.status < 400 {
        // Unexpected success is the worst that can be found; it stands first.
        faults.push(format!("ACCEPTED: {}", described(observed)));
    }
    if observed.intents != 0 {
        faults.push(format!("{} intents for a refusal", observed.intents));
    }
    faults
}

fn judged(expect: &Expect, observed: &Observed) -> Vec<String> {
    let mut faults = match expect.outcome {
        Outcome::Issued => issued(observed),
        Outcome::Refused => refused(observed),
        Outcome::Published | Outcome::Intact => Vec::new(),
        Outcome::Verified if observed.verified => Vec::new(),
        Outcome::Verified => vec![format!("not verified, but {}", described(observed))],
    };
    let mut differs = |what: &str, wanted: &str, found: &str| {
        if wanted != found {
            faults.push(format!("{what}: wanted `{wanted}`, found `{found}`; {}", described(observed)));
        }
    };
    let (reason, at) = &observed.failure;
    if let Some(wanted) = &expect.reason {
        differs("reason", wanted, reason);
    }
    if let Some(wanted) = &expect.at {
        differs("at", wanted, at);
    }
    if let Some(wanted) = expect.status {
        differs("status", &wanted.to_string(), &observed.status.to_string());
    }
    if let Some(code) = &expect.code
        && !observed.text.contains(&format!("[{code}]"))
    {
        faults.push(format!("the answer does not say [{code}]: {}", described(observed)));
    }
    if let Some(fault) = &expect.fault
        && !says_fault(&observed.text, fault)
    {
        faults.push(format!("the answer's fault is not `{fault}`: {}", described(observed)));
    }
    for text in &expect.contains {
        if !observed.text.contains(text.as_str()) {
            faults.push(format!("the answer lacks `{text}`: {}", described(observed)));
        }
    }
    for text in &expect.lacks {
        if observed.text.contains(text.as_str()) {
            faults.push(format!("the answer has `{text}`: {}", described(observed)));
        }
    }
    faults
}

/// The reason of an outcome, and the step whose check failed.
fn failure(outcome: &OutcomeEntry) -> (String, String) {
    let reason = outcome.fields.iter().find_map(|field| match field {
        Field::Plain("reason", value) => value.as_str().map(str::to_owned),
        _ => None,
    });
    (reason.unwrap_or_default(), failed_step(&outcome.trace))
}

fn failed_step(trace: &Trace) -> String {
    let step = trace.steps.iter().find(|step| step.outcome == CheckOutcome::Failed);
    step.map(|step| step.id.as_str().to_owned()).unwrap_or_default()
}

fn says_fault(text: &str, fault: &str) -> bool {
    if let Ok(answer) = serde_json::from_str::<Value>(text) {
        return answer.get("error").and_then(Value::as_str) == Some(fault);
    }
    let local = fault.rsplit(':').next().unwrap_or(fault);
    text.contains(&format!(":{local}<"))
}

/// The token in an answer: the assertion of a SOAP answer, the access token of an OAuth one.
fn token(text: &str) -> Option<String> {
    if let Ok(answer) = serde_json::from_str::<Value>(text) {
        return answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
    }
    let document = Document::parse(text, &Limits::default()).ok()?;
    if let Some(assertion) = document.elements().find(|element| element.is(ns::SAML2, "Assertion")) {
        return Some(assertion.source().to_owned());
    }
    // A JWT is handed over in a BinarySecurityToken.
    let requested = document.elements().find(|element| element.is(ns::WST13, "RequestedSecurityToken"))?;
    let jwt = base64::decode_xml(&requested.child(ns::WSSE, "BinarySecurityToken")?.text()?).ok()?;
    String::from_utf8(jwt).ok()
}

/// The readable parts of a JWT; nothing of an assertion, which is readable.
fn decoded(token: &str) -> String {
    let parts = token.split('.').filter_map(|part| base64::decode_url(part).ok());
    parts.map(|part| String::from_utf8_lossy(&part).into_owned()).collect()
}

fn described(observed: &Observed) -> String {
    let (reason, at) = &observed.failure;
    let text: String = observed.text.chars().take(700).collect();
    format!("status {}, reason `{reason}` at `{at}`, answer {text}", observed.status)
}

const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
