//! `--save DIR`: each exchange in a folder of its own: the exact bytes both ways, and where the
//! request is an envelope with a signature, a conformance case that runs as it stands.
//!
//! What is saved is what was sent, with its tokens and passwords: files are for their owner alone
//! (0600, folders 0700). The case judges the message by itself (`conformance/README.md`, `judge`),
//! so it needs nobody's registry and stays true when certificates and services are long gone.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;

use crate::cli::Failure;
use crate::cli::files;
use crate::conformance::judge;
use crate::flow::profile::Profile;
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::{Document, Limits};

use super::forward::{Came, Seen};
use super::told::{Kind, shown_target};

/// Where exchanges are saved.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    next: u64,
    /// `--profile`, when it is a built-in one: a case names it.
    profile: Option<Profile>,
    /// Certificates of `--registered`, PEM, which a message may name without bringing them.
    registered: Vec<Vec<u8>>,
}

impl Archive {
    /// Makes the folder, if it is not there; goes on behind what is there.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(folder: &Path, profile: Option<Profile>, registered: &[PathBuf]) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::unexpected(format!("`{}`: {error}", folder.display()));
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let mut next = 1;
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            let number = name.split('-').nth(1).and_then(|number| number.parse::<u64>().ok());
            next = next.max(number.map_or(0, |number| number.saturating_add(1)));
        }
        let registered = registered.iter().map(|path| files::read(path)).collect::<Result<_, _>>()?;
        Ok(Self { folder: folder.to_owned(), next, profile, registered })
    }

    /// Saves an exchange; its folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&mut self, seen: &Seen, came: Result<&Came, &str>) -> Result<PathBuf, Failure> {
        let case = self.case(seen);
        let verb = case.as_ref().map_or("exchange", |case| case.verb);
        let name = format!("{verb}-{:04}-{}", self.next, sentence(seen));
        self.next += 1;
        let folder = self.folder.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::unexpected(format!("`{}` cannot be made: {error}", folder.display())))?;
        let request = format!("request.{}", Kind::of(&seen.headers, &seen.body.bytes).ending());
        write(&folder.join(&request), &seen.body.bytes)?;
        let start = format!("{} {} HTTP/1.1", seen.method, seen.target);
        write(&folder.join("request.head"), &head(&start, &seen.headers))?;
        match came {
            Ok(came) => {
                let answer = format!("answer.{}", Kind::of(&came.headers, &came.body.bytes).ending());
                write(&folder.join(answer), &came.body.bytes)?;
                write(&folder.join("answer.head"), &head(&format!("HTTP/1.1 {}", came.status), &came.headers))?;
            }
            Err(why) => write(&folder.join("answer.none"), format!("{why}\n").as_bytes())?,
        }
        if let Some(case) = case {
            for (index, pem) in self.registered.iter().enumerate() {
                write(&folder.join(format!("registered-{index}.pem")), pem)?;
            }
            write(&folder.join("case.toml"), case.text.as_bytes())?;
        }
        Ok(folder)
    }

    /// The case, where the request is a whole envelope with a signature.
    fn case(&self, seen: &Seen) -> Option<Case> {
        let bytes = &seen.body.bytes;
        if !seen.body.complete || Kind::of(&seen.headers, bytes) != Kind::Xml {
            return None;
        }
        let unsigned = Document::parse(bytes.as_slice(), &Limits::default())
            .is_ok_and(|document| !document.elements().any(|element| element.is(ns::DS, "Signature")));
        if unsigned {
            return None;
        }
        let known: Vec<Certificate> =
            self.registered.iter().filter_map(|pem| Certificate::from_pem(pem).ok()).flatten().collect();
        // Judged as the runner will judge it: milliseconds are what the case file says.
        let at = seen.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let instant = at.parse().unwrap_or(seen.at);
        let judged = judge::envelope(bytes.clone(), instant, self.profile.clone(), &known);
        Some(Case::new(seen, &at, self.profile.as_ref(), self.registered.len(), judged))
    }
}

struct Case {
    verb: &'static str,
    text: String,
}

impl Case {
    fn new(seen: &Seen, at: &str, profile: Option<&Profile>, known: usize, judged: Result<(), String>) -> Self {
        let mut text = String::new();
        let mut line = |written: String| {
            let _infallible = writeln!(text, "{written}");
        };
        let what = format!("{} {} as it was sent at {at}", seen.method, shown_target(&seen.target));
        line(format!("title = {}", quoted(&what)));
        line("refs = [\"captured by vidimus tap\"]".to_owned());
        if judged.is_err() {
            line("repair = \"See `vidimus envelope verify request.xml --at created`.\"".to_owned());
        }
        line("\n[[step]]".to_owned());
        if judged.is_err() {
            // What is wrong with a captured message cannot be taken out of it: the repair leaves it out.
            line("damaging = true".to_owned());
        }
        line(format!("\n[step.judge]\nrequest = \"request.xml\"\nat = {}", quoted(at)));
        if let Some(profile) = profile {
            line(format!("profile = {}", quoted(&profile.name)));
        }
        if known > 0 {
            let files: Vec<String> = (0..known).map(|index| format!("\"registered-{index}.pem\"")).collect();
            line(format!("registered = [{}]", files.join(", ")));
        }
        line("\n[step.expect]".to_owned());
        match &judged {
            Ok(()) => line("outcome = \"intact\"".to_owned()),
            Err(reason) => line(format!("outcome = \"refused\"\nreason = {}", quoted(reason))),
        }
        Self { verb: if judged.is_ok() { "accepts" } else { "refuses" }, text }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The request's path as part of a file name.
fn sentence(seen: &Seen) -> String {
    let path = seen.target.split('?').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = format!("{}-{path}", seen.method).chars().take(60).map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn head(start: &str, headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = format!("{start}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A new file that its owner alone may read.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::unexpected(format!("`{}` cannot be written: {error}", path.display())))
}
