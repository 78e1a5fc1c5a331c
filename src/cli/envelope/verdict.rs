//! What came of judging a message, told: the checks, the coverage map, why a digest differs, who
//! made the message, which setting mends it.
//!
//! The checks and the outcome are the pipeline's; all else is a second look for people
//! ([`examine`](crate::cli::examine)), and proves nothing.

use serde_json::{Value, json};

use crate::cli::examine::map::{self, REQUIRED, Row};
use crate::cli::examine::{Examined, Search, Shown};
use crate::cli::report::{Checked, Known, Report};
use crate::cli::stacks::{self, Recognised, Stack};
use crate::flow::profile::{AddressingCoverage, AssertionCoverage, Part, Profile, TokenCoverage};
use crate::model::{CheckId, CheckOutcome, Time};
use crate::wire::ns;
use crate::wire::xml::time;

use super::trusted::Trusted;

/// What `-o json` writes: `vidimus envelope verify --help` shows it.
pub const JSON: &str = "\
Judge an envelope, or a signed SAML Response or assertion by itself: what is wrong, where, with which values, what \
changed it, and what to set in the software that made it.

With -o json, one object on one line, schema vidimus.envelope/v1:
  outcome          accepted, intact (nobody was named to judge the signer by) or refused
  code, reason     of the first fault, which is nearest to the cause; absent faults: null
  at, profile      when it was judged, and what was asked of it
  signer           subject, spki_sha256, algorithm; null where the signature value does not hold
  signer_unproven  who it would be without the faults; proves nothing
  covered          element, reference and place of all that is signed and unchanged
  checks           all checks in order: id, outcome, facts, place {path, bytes}; a failed one with code, says, fix, section;
                   a digest or signature value that differs has the facts cause, cause_fix and cause_names, or searched
  signatures       each ds:Signature as it stands: key, value (holds, differs, unknown), references with element, bytes,
                   line, column, transforms, octets (size of the canonical form), digest (holds, differs, unknown)
  map              the elements of the message in order with level, bytes, line, column, state, and wanted where one is not
                   covered and should be
  producers        stack, percent and because: which software the shapes of the message speak for
  fixes            settings of that stack (or of --stack) against the faults
Exit code 0 for accepted (with --any-signer also intact), 3 otherwise.";

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Intact,
    Refused,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Intact => "intact",
            Self::Refused => "refused",
        }
    }
}

/// The outcome with everything that it rests on.
pub struct Verdict {
    pub outcome: Outcome,
    pub report: Report,
    pub at: Time,
    pub profile: String,
    /// Each signature with what it covers.
    pub signatures: Vec<Shown>,
    pub map: Vec<Row>,
    /// Who may have made the message, the likeliest first.
    pub producers: Vec<Recognised>,
    /// The stack whose settings are shown, where it was named.
    pub stack: Option<&'static Stack>,
    /// Who it would be, if the message had no faults.
    would_be: Option<String>,
}

impl Verdict {
    pub fn new(outcome: Outcome, report: Report, at: Time, profile: String) -> Self {
        Self {
            outcome,
            report,
            at,
            profile,
            signatures: Vec::new(),
            map: Vec::new(),
            producers: Vec::new(),
            stack: None,
            would_be: None,
        }
    }

    /// The second look.
    pub fn look_into(&mut self, examined: &Examined, profile: Option<&Profile>, trusted: &Trusted) {
        self.signatures = examined.show(&trusted.examined_keys());
        self.map = map::draw(examined, &self.signatures, &|namespace, name| wanted(profile?, namespace, name));
        self.producers = stacks::recognise(examined);
        self.add_causes();
        if self.outcome == Outcome::Refused && self.signer("subject").is_some() {
            self.would_be = self.who_it_would_be(examined, trusted);
        }
    }

    /// Says of each element that changed, and of a value that does not hold, what happened.
    fn add_causes(&mut self) {
        let checks = self.report.steps.iter_mut().flat_map(|step| &mut step.checks);
        for check in checks.filter(|check| check.outcome == CheckOutcome::Failed) {
            let search = match check.check() {
                Some(CheckId::DigestValue) => {
                    let reference = check.fact("reference").unwrap_or_default();
                    let all = self.signatures.iter_mut().flat_map(|signature| &mut signature.references);
                    let mut differing = all.filter(|covers| covers.digest != "holds" && covers.reference == reference);
                    differing.find_map(|covers| covers.search.take())
                }
                Some(CheckId::SignatureValue) => {
                    let at = check.place.as_ref().map(|place| place.bytes.start);
                    let own = |shown: &&mut Shown| shown.place.as_ref().map(|place| place.bytes.start) == at;
                    self.signatures.iter_mut().find(own).and_then(|signature| signature.search.take())
                }
                // A value that is no base64 is a fault of structure.
                Some(CheckId::SignatureStructure) => self.signatures.iter_mut().find_map(unreadable),
                _ => None,
            };
            check.facts.extend(search.iter().flat_map(told));
        }
    }

    /// Who the signer would be. Proves nothing: said with the faults, never instead of them.
    fn who_it_would_be(&self, examined: &Examined, trusted: &Trusted) -> Option<String> {
        if trusted.names_nobody() {
            return None;
        }
        let thumbprint = self.signer("thumbprint")?;
        let keys = examined.shown.iter().chain(&trusted.examined_keys()).cloned().collect::<Vec<_>>();
        let same = |spki: &[u8]| crate::wire::hex::encode(&crate::wire::crypto::sha256(spki)) == thumbprint;
        let key = keys.iter().find(|key| same(&key.spki))?;
        let subject = self.signer("subject")?;
        Some(match trusted.would_vouch(&key.spki, key.certificate(), self.at) {
            Ok(how) => format!("{subject} signed, {how}; without the faults it would be accepted"),
            Err(why) => format!("{subject} signed; {why}"),
        })
    }

    /// For people.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let mut head = format!("{name}  {}", self.outcome.as_str().to_uppercase());
        match self.report.faults().next() {
            Some(fault) => head.push_str(&format!("  {}  {}", fault.code(), fault.id)),
            None => head.push_str(&format!("  signed by {}", self.signer("subject").unwrap_or_default())),
        }
        let mut lines = vec![head];
        let faults = self.report.distinct_faults();
        if faults.len() > 1 {
            lines.push(format!(" {} faults; the first is nearest to the cause", faults.len()));
        }
        lines.extend(self.report.lines());
        lines.push(format!(" – {:<18} at {}, profile {}", "judged", time::format_millis(self.at), self.profile));
        self.signer_lines(&mut lines);
        self.map_lines(&mut lines);
        self.producer_lines(&faults, &mut lines);
        let mut faults = self.report.faults().peekable();
        if faults.peek().is_some() && faults.all(|fault| matches!(fault.code(), "TIM-WINDOW") || is_time(fault)) {
            lines.push(" only the time is wrong: to judge an old message, add --at created".to_owned());
        }
        lines
    }

    fn signer_lines(&self, lines: &mut Vec<String>) {
        if self.outcome == Outcome::Intact {
            lines.push(
                " – signer             not judged: name whom you trust with --trust, --registered or --saml-issuer"
                    .to_owned(),
            );
        }
        if let Some(who) = &self.would_be {
            lines.push(format!(" – {:<18} {who}", "signer, unproven"));
        }
        if self.report.faults().any(|fault| fault.check() == Some(CheckId::KeyReferenceKnown)) {
            lines.push(" here, certificates are known by --registered PEM".to_owned());
        }
    }

    fn map_lines(&self, lines: &mut Vec<String>) {
        if self.map.is_empty() || self.signatures.is_empty() {
            return;
        }
        lines.push(String::new());
        lines.push(
            " coverage             line:column and bytes in the file; transforms, size of the canonical form, digest"
                .to_owned(),
        );
        lines.extend(map::lines(&self.map));
        // What no check of the pipeline carries: signatures outside the profile.
        for signature in &self.signatures {
            let of_value = signature.search.iter().map(|search| ("the signature value", search));
            let of_digests = signature
                .references
                .iter()
                .filter_map(|covers| Some((covers.reference.as_str(), covers.search.as_ref()?)));
            for (what, search) in of_value.chain(of_digests) {
                if let Some(cause) = &search.cause {
                    lines.push(format!("   {what}: {}", cause.says));
                    lines.push(format!("     fix: {}", cause.fix));
                }
            }
        }
    }

    fn producer_lines(&self, faults: &[Checked], lines: &mut Vec<String>) {
        if let (None, Some(first)) = (self.stack, self.producers.first()) {
            lines.push(String::new());
            lines.push(format!(
                " producer             {} ({} %): {}",
                first.stack.title,
                first.percent,
                first.because.join("; ")
            ));
            if let Some(second) = self.producers.get(1).filter(|second| second.percent * 4 > first.percent * 3) {
                lines.push(format!("                      or {} ({} %)", second.stack.title, second.percent));
            }
        }
        let Some(stack) = self.shown_stack() else { return };
        for (index, fix) in
            stacks::fixes(stack, faults.iter().map(|fault| (fault.id.as_str(), fault.code()))).iter().enumerate()
        {
            if index == 0 {
                lines.push(format!(" in {}", stack.title));
            }
            lines.push(format!("   for {}:", fix.of));
            lines.extend(fix.text.trim_end().lines().map(|line| format!("     {line}")));
        }
    }

    /// The named stack, or the recognised one.
    fn shown_stack(&self) -> Option<&'static Stack> {
        self.stack.or_else(|| self.producers.first().map(|first| first.stack))
    }

    /// For programs: the members that [`JSON`] tells.
    pub fn json(&self, name: &str) -> Value {
        let fault = self.report.faults().next();
        let faults = self.report.distinct_faults();
        let covered = self.report.checks().filter(|check| is_digest(check, CheckOutcome::Passed)).map(|check| {
            json!({"element": check.fact("element"), "reference": check.fact("reference"), "place": check.place})
        });
        let fixes = self.shown_stack().map(|stack| {
            let of = faults.iter().map(|fault| (fault.id.as_str(), fault.code()));
            json!({"stack": stack.name, "settings": stacks::fixes(stack, of)})
        });
        json!({
            "schema": "vidimus.envelope/v1",
            "file": name,
            "outcome": self.outcome.as_str(),
            "code": fault.map(Checked::code),
            "reason": fault.map(|fault| &fault.id),
            "at": time::format_millis(self.at),
            "profile": self.profile,
            "signer": self.signer("subject").map(|subject| {
                json!({"subject": subject, "spki_sha256": self.signer("thumbprint"), "algorithm": self.signer("algorithm")})
            }),
            "signer_unproven": self.would_be,
            "covered": covered.collect::<Vec<_>>(),
            "checks": self.report.checks().map(Checked::json).collect::<Vec<_>>(),
            "signatures": self.signatures,
            "map": self.map,
            "producers": self.producers,
            "fixes": fixes,
        })
    }

    /// What the check of the signature value saw of the signer.
    pub fn signer(&self, fact: &str) -> Option<String> {
        let value = self.report.checks().find(|check| check.check() == Some(CheckId::SignatureValue));
        value.filter(|check| check.outcome == CheckOutcome::Passed)?.fact(fact)
    }
}

/// The search for a value that could not be read at all.
fn unreadable(signature: &mut Shown) -> Option<Search> {
    let of_digest = signature.references.iter_mut().filter(|covers| covers.digest == "unknown");
    let mut searches = of_digest.map(|covers| &mut covers.search).chain([&mut signature.search]);
    searches
        .find_map(|search| search.take_if(|search| search.cause.as_ref().is_some_and(|cause| is_form(&cause.found))))
}

fn is_form(found: &[&str]) -> bool {
    found.iter().any(|name| {
        matches!(*name, "digest-encoding" | "digest-value-form" | "value-encoding" | "signature-value-form")
    })
}

/// A search as facts of the check that it explains.
fn told(search: &Search) -> Vec<Known> {
    let known = |name: &str, value: Value| Known { name: name.to_owned(), value };
    match &search.cause {
        Some(cause) => vec![
            known("cause", cause.says.clone().into()),
            known("cause_fix", cause.fix.clone().into()),
            known("cause_names", cause.found.clone().into()),
        ],
        None => {
            let cut = if search.cut { "; the search was cut, so combinations remain untried" } else { "" };
            vec![known("searched", format!("{} usual accidents were tried, none fits{cut}", search.tried).into())]
        }
    }
}

/// Why an element that no reference covers should be, or what that means for it.
fn wanted(profile: &Profile, namespace: &str, name: &str) -> Option<String> {
    let coverage = &profile.coverage;
    let by = |required: bool, otherwise: &str| {
        Some(if required { format!("{REQUIRED} by profile {}", profile.name) } else { otherwise.to_owned() })
    };
    match (namespace, name) {
        (ns::SOAP11 | ns::SOAP12, "Body") => by(coverage.requires(Part::Body), "read"),
        (ns::WSU, "Timestamp") => by(coverage.requires(Part::Timestamp), "read"),
        (ns::WSSE, "BinarySecurityToken") => by(
            coverage.binary_security_token != TokenCoverage::No,
            "read to find the key; its certificate is judged by itself",
        ),
        (ns::SAML2 | ns::SAML1, "Assertion") => by(
            profile.assertion.covered == AssertionCoverage::Required,
            "read; its issuer's signature is judged by itself",
        ),
        (ns::WSA | ns::WSA04, _) => {
            let named = match name {
                "To" => coverage.requires(Part::To),
                "Action" => coverage.requires(Part::Action),
                "MessageID" => coverage.requires(Part::MessageId),
                _ => false,
            };
            by(
                named || coverage.addressing == AddressingCoverage::SignedIfPresent,
                "read for routing, and not believed",
            )
        }
        (ns::DS, _) => None,
        _ => Some("not read".to_owned()),
    }
}

fn is_digest(check: &Checked, outcome: CheckOutcome) -> bool {
    check.check() == Some(CheckId::DigestValue) && check.outcome == outcome
}

fn is_time(check: &Checked) -> bool {
    matches!(check.check(), Some(CheckId::AssertionStarted | CheckId::AssertionExpired))
}
