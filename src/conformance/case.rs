//! CASE: a folder `conformance/SPEC/TOPIC/SENTENCE/` with a `case.toml`.
//!
//! A case is a list of steps over a world. What is wrong in it stands in `damage`, apart from the
//! rest: without its damage the case is its own **repair**, and everything in it must be issued. So
//! a refusal is never an accident of something else that is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::forge::Recipe;
use super::judge::Judge;
use crate::model::{CheckId, PublicCode};

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// `SPEC/TOPIC/SENTENCE`.
    pub name: String,
    pub folder: PathBuf,
    pub written: Written,
}

/// What `case.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// One sentence: what is shown.
    pub title: String,
    /// Sections, papers, CVEs, rows of our own rules.
    pub refs: Vec<String>,
    /// The folder under `worlds/`. A case that only judges envelopes has none.
    #[serde(default)]
    pub world: String,
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// What the sender has to change, in one sentence. The runner does it: it leaves `damage` out.
    pub repair: Option<String>,
    /// Whether the automatic mutants are made of this case; accepted cases with one message only.
    #[serde(default = "yes")]
    pub mutants: bool,
    pub step: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    Security,
    /// The shape of a real client's message.
    Interop,
}

/// One thing that is done. Exactly one of `send`, `advance`, `admin`, `judge`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub send: Option<Send>,
    /// The request is sent so many times at once: one is issued, all others were seen before.
    pub copies: Option<usize>,
    /// Moves the clock, in milliseconds.
    pub advance: Option<i64>,
    /// A verb of the admin door.
    pub admin: Option<toml::Table>,
    /// An envelope, before the verifier alone.
    pub judge: Option<Judge>,
    /// This step is the damage: the repair leaves it out.
    pub damaging: bool,
    /// What is wrong with this request: laid over `send`.
    pub damage: Option<Send>,
    pub expect: Option<Expect>,
}

/// A request. In a `damage`, what is said here replaces what `send` says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Send {
    /// `soap`, `token` or `verify`.
    pub door: Option<Door>,
    /// The profile of the SOAP endpoint, or the one to verify by.
    pub profile: Option<String>,
    pub recipe: Option<Recipe>,
    /// The exact bytes, a file beside `case.toml`. With a recipe too, they are what the recipe made
    /// once: an ECDSA signature differs each time.
    pub request: Option<String>,
    /// The bytes of an earlier step, as they were sent. Counted from 1.
    pub resend: Option<usize>,
    /// With `resend`: the signature value's ECDSA twin (r, n - s) in its place, which is as good.
    pub twin: bool,
    /// `get` instead of POST.
    pub method: Option<String>,
    /// Appended to the endpoint's path.
    pub query: Option<String>,
    /// Header fields; an empty value leaves one out.
    pub headers: BTreeMap<String, String>,
    /// Re-encodes the message: `utf-16`, `utf-7`, `latin-1` and others, see `request.rs`.
    pub encoding: Option<String>,
    /// The certificate that the connection shows; empty for none.
    pub client_certificate: Option<String>,
    /// Parameters of the token endpoint; an empty list leaves one out, several values repeat it.
    pub form: BTreeMap<String, OneOrMany>,
    /// An assertion that is forged for the form: the value `token`.
    pub assertion: Option<Recipe>,
    /// A client assertion (RFC 7523), put into the form.
    pub client_assertion: Option<ClientAssertion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    Soap,
    Token,
    /// No door: the message is judged by a profile, as `envelope verify` does it, under the world's
    /// trust and clock.
    Verify,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A signed JWT. Without more it is a good one: `iss` = `sub` = the client, `aud` the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientAssertion {
    pub key: Option<String>,
    pub client_id: Option<String>,
    /// Header members, over `alg` and `typ`.
    pub header: toml::Table,
    /// Claims; `"@now+60"` is a number of seconds; an empty string leaves one out.
    pub claims: toml::Table,
    /// The signature is made by this key instead, and the header says what it said.
    pub forged_by: Option<String>,
}

/// What must come of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub outcome: Outcome,
    /// The code that the caller is told. Follows from `reason`; say it where it is the point.
    pub code: Option<String>,
    /// Ours: the reason of the check that fails.
    pub reason: Option<String>,
    /// Ours: the step that refuses.
    pub at: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The fault's code (`wsse:FailedCheck`), or the OAuth `error`.
    pub fault: Option<String>,
    /// Texts that the answer has; of a token, its decoded claims.
    #[serde(default)]
    pub contains: Vec<String>,
    /// Texts that it does not have.
    #[serde(default)]
    pub lacks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Issued,
    Refused,
    /// Answered without a token, and not about one: a published document.
    Published,
    /// Accepted without a door, and so without a token.
    Verified,
    /// Judged without a fault. Who the signer is, was not asked.
    Intact,
}

impl Send {
    /// This request with what is wrong with it.
    pub fn damaged(&self, damage: &Self) -> Self {
        let mut sent = self.clone();
        let replace = |old: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        sent.door = damage.door.or(sent.door);
        replace(&mut sent.profile, &damage.profile);
        replace(&mut sent.request, &damage.request);
        replace(&mut sent.method, &damage.method);
        replace(&mut sent.query, &damage.query);
        replace(&mut sent.encoding, &damage.encoding);
        replace(&mut sent.client_certificate, &damage.client_certificate);
        sent.resend = damage.resend.or(sent.resend);
        sent.twin |= damage.twin;
        sent.headers.extend(damage.headers.clone());
        sent.form.extend(damage.form.clone());
        if let Some(change) = &damage.recipe {
            sent.recipe = Some(sent.recipe.unwrap_or_default().changed(change));
        }
        if let Some(change) = &damage.assertion {
            sent.assertion = Some(sent.assertion.unwrap_or_default().changed(change));
        }
        if let Some(change) = &damage.client_assertion {
            let honest = sent.client_assertion.unwrap_or_default();
            sent.client_assertion = Some(honest.changed(change));
        }
        sent
    }
}

impl ClientAssertion {
    fn changed(mut self, change: &Self) -> Self {
        let change = change.clone();
        self.header.extend(change.header);
        self.claims.extend(change.claims);
        Self {
            key: change.key.or(self.key),
            client_id: change.client_id.or(self.client_id),
            forged_by: change.forged_by.or(self.forged_by),
            ..self
        }
    }
}

impl Case {
    /// Reads the case in `folder`, and checks what can be checked without running it.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn load(root: &Path, folder: &Path) -> Result<Self, String> {
        let name = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
        let path = folder.join("case.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let written: Written = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        let case = Self { name, folder: folder.to_owned(), written };
        let faults = case.faults();
        if faults.is_empty() { Ok(case) } else { Err(format!("{}: {}", case.name, faults.join("; "))) }
    }

    /// All cases under `root`, by name.
    ///
    /// # Errors
    /// When a folder cannot be read. A case that cannot be read is an `Err` in the list.
    pub fn all(root: &Path) -> Result<Vec<Result<Self, String>>, String> {
        let mut folders = Vec::new();
        collect(root, &mut folders).map_err(|error| format!("{}: {error}", root.display()))?;
        folders.sort();
        Ok(folders.iter().map(|folder| Self::load(root, folder)).collect())
    }

    /// Whether some request of the case is refused.
    pub fn refuses(&self) -> bool {
        self.written.step.iter().filter_map(|step| step.expect.as_ref()).any(|e| e.outcome == Outcome::Refused)
    }

    /// Whether the case only judges envelopes, and needs no world.
    pub fn only_judges(&self) -> bool {
        self.written.step.iter().all(|step| step.judge.is_some())
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let sentence = self.name.rsplit('/').next().unwrap_or_default();
        let says_refuses = sentence.starts_with("refuses-");
        if !says_refuses && !["accepts-", "issues-", "publishes-"].iter().any(|verb| sentence.starts_with(verb)) {
            faults.push("the folder's name begins with `accepts-`, `issues-`, `publishes-` or `refuses-`".into());
        }
        if says_refuses != self.refuses() {
            faults.push("the folder's name and `expect` disagree on whether anything is refused".into());
        }
        if says_refuses && self.written.repair.as_deref().unwrap_or_default().is_empty() {
            faults.push("a case that refuses says its `repair`".into());
        }
        let damage = self.written.step.iter().any(|step| step.damage.is_some() || step.damaging);
        if says_refuses != damage {
            faults.push("a case that refuses, and no other, has `damage`".into());
        }
        if self.written.world.is_empty() && !self.only_judges() {
            faults.push("`world` is empty: where does this happen?".into());
        }
        if self.written.refs.is_empty() {
            faults.push("`refs` is empty: who asks for this?".into());
        }
        for (index, step) in self.written.step.iter().enumerate() {
            faults.extend(step.faults().into_iter().map(|fault| format!("step {}: {fault}", index + 1)));
        }
        faults
    }
}

impl Step {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let kinds = [self.send.is_some(), self.advance.is_some(), self.admin.is_some(), self.judge.is_some()];
        if kinds.iter().filter(|is| **is).count() != 1 {
            faults.push("one of `send`, `advance`, `admin`, `judge`".into());
        }
        if (self.send.is_some() || self.judge.is_some()) != self.expect.is_some() {
            faults.push("`send` and `judge` have `expect`, and nothing else has".into());
        }
        if let Some(expect) = &self.expect {
            faults.extend(expect.faults());
        }
        faults
    }
}

impl Expect {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.outcome != Outcome::Refused {
            return faults;
        }
        let check = self.reason.as_deref().map(CheckId::from_reason);
        if let (Some(reason), Some(None)) = (&self.reason, check) {
            faults.push(format!("`{reason}` is no reason of src/model/checks.rs"));
        }
        if let Some(code) = &self.code {
            let wanted = check.flatten().map(|check| check.row().code);
            match PublicCode::parse(code) {
                None => faults.push(format!("`{code}` is no public code")),
                Some(code) if wanted.is_some_and(|wanted| wanted != code) => {
                    faults.push(format!("the reason's code is not `{}`", code.as_str()));
                }
                Some(_) => {}
            }
        }
        if self.reason.is_none() && self.status.is_none() {
            faults.push("a refusal says its `reason`, or its `status` where no pipeline is reached".into());
        }
        faults
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if folder.join("case.toml").exists() {
        into.push(folder.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        }
    }
    Ok(())
}

fn yes() -> bool {
    true
}
