//! A trace in words, for `envelope verify` and `explain`: what was checked, what failed, on which
//! element with which values, and what to change. Rendered from what the pipeline recorded;
//! nothing is computed a second time.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::{Check, CheckId, CheckOutcome, Language, StepId, Trace, Value, rendered, sentence_from};

/// One check as it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The reason that the check's failure has.
    pub id: String,
    pub outcome: CheckOutcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Known>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Where>,
}

/// A fact by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub name: String,
    pub value: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Where {
    pub path: String,
    pub bytes: Range<usize>,
}

/// One step as it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stepped {
    pub id: StepId,
    pub outcome: CheckOutcome,
    #[serde(default)]
    pub micros: u64,
    #[serde(default)]
    pub checks: Vec<Checked>,
}

/// A whole trace, from the pipeline or from a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    #[serde(default)]
    pub steps: Vec<Stepped>,
}

impl From<&Trace> for Report {
    fn from(trace: &Trace) -> Self {
        let steps = trace.steps.iter().map(|step| Stepped {
            id: step.id,
            outcome: step.outcome,
            micros: step.micros,
            checks: step.checks.iter().map(Checked::from).collect(),
        });
        Self { steps: steps.collect() }
    }
}

impl From<&Check> for Checked {
    fn from(check: &Check) -> Self {
        let facts = check.facts.iter().map(|fact| Known {
            name: fact.name.to_owned(),
            value: match &fact.value {
                Value::Number(number) => (*number).into(),
                Value::List(items) => items.clone().into(),
                other => rendered(other).into(),
            },
        });
        Self {
            id: check.id.row().reason.to_owned(),
            outcome: check.outcome,
            facts: facts.collect(),
            place: check.place.as_ref().map(|place| Where { path: place.path.clone(), bytes: place.bytes.clone() }),
        }
    }
}

impl Report {
    /// All checks, in the order in which they were made.
    pub fn checks(&self) -> impl Iterator<Item = &Checked> {
        self.steps.iter().flat_map(|step| &step.checks)
    }

    /// All failed checks, root cause first: a check runs only when those it rests on have passed,
    /// so what failed first is nearest to the cause.
    pub fn faults(&self) -> impl Iterator<Item = &Checked> {
        self.checks().filter(|check| check.outcome == CheckOutcome::Failed)
    }

    /// Takes out what only follows from another fault: an element whose reference has a fault is
    /// not covered either, and that is the same fault. `target` tells which bytes a reference names.
    pub fn keep_independent(&mut self, target: &dyn Fn(&str) -> Option<Range<usize>>) {
        let about_references = self.faults().filter_map(|check| target(&check.fact("reference")?));
        let named: Vec<Range<usize>> = about_references.collect();
        let coverage = CheckId::CoverageBody..=CheckId::CoverageAddressing;
        let follows = |check: &Checked| {
            check.outcome == CheckOutcome::Failed
                && check.check().is_some_and(|check| coverage.contains(&check))
                && check.place.as_ref().is_some_and(|place| named.contains(&place.bytes))
        };
        for step in &mut self.steps {
            step.checks.retain(|check| !follows(check));
        }
    }

    /// The faults, where the same is wrong with several references as one.
    pub fn distinct_faults(&self) -> Vec<Checked> {
        let mut distinct: Vec<Checked> = Vec::new();
        for fault in self.faults() {
            // The same said of a second signature is the same.
            if !fault.facts.is_empty()
                && distinct.iter().any(|known| known.id == fault.id && known.facts == fault.facts)
            {
                continue;
            }
            match distinct.iter_mut().find(|known| known.differs_in_reference(fault)) {
                Some(known) => known.add_reference(&fault.text("reference")),
                None => distinct.push(fault.clone()),
            }
        }
        distinct
    }

    /// A line for each topic: passed ones with what was seen, each failure with its repair, and at
    /// the end what was not run.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut topics: Vec<&str> = Vec::new();
        for check in self.checks() {
            if !topics.contains(&check.topic()) {
                topics.push(check.topic());
            }
        }
        for topic in topics {
            self.topic(topic, &mut lines);
        }
        let skipped = self.checks().filter(|check| check.outcome == CheckOutcome::NotRun);
        let mut skipped: Vec<&str> = skipped.map(|check| check.id.as_str()).collect();
        skipped.dedup();
        if !skipped.is_empty() {
            lines.push(format!(" – {:<18} {}", "not run", skipped.join(", ")));
        }
        lines
    }

    fn topic(&self, topic: &'static str, lines: &mut Vec<String>) {
        let checks: Vec<&Checked> = self.checks().filter(|check| check.topic() == topic).collect();
        let of = |outcome| checks.iter().copied().filter(move |check| check.outcome == outcome);
        if topic == DIGESTS {
            lines.extend(of(CheckOutcome::Passed).map(|check| {
                format!(" ✔ {topic:<18} {} {}, unchanged", check.text("element"), check.text("reference"))
            }));
        } else if of(CheckOutcome::Failed).next().is_none() && of(CheckOutcome::Passed).next().is_some() {
            lines.push(format!(" ✔ {topic:<18} {}", seen(of(CheckOutcome::Passed))).trim_end().to_owned());
        }
        for check in self.distinct_faults().iter().filter(|check| check.topic() == topic) {
            check.fault_lines(&format!(" ✘ {topic:<18} "), lines);
        }
    }
}

impl Checked {
    pub fn check(&self) -> Option<CheckId> {
        CheckId::from_reason(&self.id)
    }

    /// The public code, or the reason itself for a reason of another version.
    pub fn code(&self) -> &str {
        self.check().map_or(self.id.as_str(), |check| check.row().code.as_str())
    }

    /// What is wrong, and what to change.
    pub fn sentence(&self) -> (String, String) {
        let Some(check) = self.check() else { return (self.id.replace('-', " "), String::new()) };
        let sentence = sentence_from(Language::English, check, &|name| self.fact(name));
        (sentence.says, sentence.fix)
    }

    /// The check with its sentence, for `-o json`.
    pub fn json(&self) -> serde_json::Value {
        let mut object = serde_json::to_value(self).unwrap_or_default();
        if self.outcome == CheckOutcome::Failed
            && let Some(object) = object.as_object_mut()
        {
            let (says, fix) = self.sentence();
            object.insert("code".to_owned(), self.code().into());
            object.insert("says".to_owned(), says.into());
            object.insert("fix".to_owned(), fix.into());
            object.insert("section".to_owned(), self.check().map(|check| check.row().section).into());
        }
        object
    }

    pub fn fact(&self, name: &str) -> Option<String> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| in_words(&fact.value))
    }

    fn text(&self, name: &str) -> String {
        self.fact(name).unwrap_or_else(|| "?".to_owned())
    }

    /// Whether `other` says the same of another reference.
    fn differs_in_reference(&self, other: &Self) -> bool {
        let rest = |check: &Self| -> Vec<Known> {
            check.facts.iter().filter(|fact| fact.name != "reference").cloned().collect()
        };
        self.id == other.id && other.fact("reference").is_some() && rest(self) == rest(other)
    }

    fn add_reference(&mut self, more: &str) {
        for fact in self.facts.iter_mut().filter(|fact| fact.name == "reference") {
            fact.value = format!("{}, {more}", in_words(&fact.value)).into();
        }
    }

    /// Three lines: what is wrong, what to change, where and by which rule.
    fn fault_lines(&self, head: &str, lines: &mut Vec<String>) {
        let (says, fix) = self.sentence();
        let indent = " ".repeat(head.chars().count());
        lines.push(format!("{head}{says}"));
        // Found by `envelope verify` alone; the pipeline does not search.
        if let Some(cause) = self.fact("cause") {
            lines.push(format!("{indent}cause: {cause}"));
        }
        if let Some(searched) = self.fact("searched") {
            lines.push(format!("{indent}cause: not found: {searched}"));
        }
        let fix = self.fact("cause_fix").unwrap_or(fix);
        if !fix.is_empty() {
            lines.push(format!("{indent}fix: {fix}"));
        }
        let mut last = format!("{indent}{}", self.id);
        if let Some(check) = self.check() {
            last.push_str(&format!(" · {}", check.row().section));
        }
        if let Some(place) = &self.place {
            last.push_str(&format!(" · {} (bytes {}–{})", place.path, place.bytes.start, place.bytes.end));
        }
        lines.push(last);
    }

    /// What the check is about. The table of checks is in order, so its sections are ranges.
    fn topic(&self) -> &'static str {
        let Some(check) = self.check() else { return "other" };
        TOPICS.iter().find(|(last, _)| check <= *last).map_or("availability", |(_, topic)| topic)
    }
}

/// What passed checks saw: each fact once, as `name value`; without facts, on which elements.
fn seen<'a>(checks: impl Iterator<Item = &'a Checked>) -> String {
    let checks: Vec<&Checked> = checks.collect();
    if checks.iter().all(|check| check.facts.is_empty()) {
        let places = checks.iter().filter_map(|check| check.place.as_ref()?.path.rsplit('/').next());
        return places.collect::<Vec<_>>().join(", ");
    }
    let mut parts: Vec<String> = Vec::new();
    for (check, fact) in checks.iter().flat_map(|check| check.facts.iter().map(move |fact| (check, fact))) {
        let value = in_words(&fact.value);
        let part = match (check.check(), fact.name.as_str()) {
            (Some(CheckId::XmlSyntax), "found") => format!("{value} bytes"),
            (Some(CheckId::SoapEnvelopeShape), "found") => format!("SOAP {value}"),
            (_, "found" | "subject" | "algorithm") => value,
            (_, name) => format!("{name} {value}"),
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(", ")
}

fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.is_empty() => "nothing".to_owned(),
        serde_json::Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

const DIGESTS: &str = "digests";

/// The last check of each topic.
const TOPICS: &[(CheckId, &str)] = &[
    (CheckId::LimitCanonicalForm, "XML"),
    (CheckId::SoapMustUnderstand, "envelope"),
    (CheckId::AddressingTo, "addressing"),
    (CheckId::EncryptionPresent, "security header"),
    (CheckId::ReferenceCount, "signature form"),
    (CheckId::KeySize, "algorithms"),
    (CheckId::ReferencePosition, "references"),
    (CheckId::TokenCertificate, "key"),
    (CheckId::SignatureValue, "signature value"),
    (CheckId::DigestValue, DIGESTS),
    (CheckId::CoverageAddressing, "coverage"),
    (CheckId::TimestampExpired, "time"),
    (CheckId::CertificateUsage, "certificate"),
    (CheckId::SenderActive, "sender"),
    (CheckId::AssertionCovered, "assertion"),
    (CheckId::JwtIdFresh, "once"),
    (CheckId::RequestClaims, "request"),
    (CheckId::TargetPresent, "request"),
    (CheckId::ClientGrant, "client"),
    (CheckId::ClientMatches, "proof of the key"),
    (CheckId::TargetTokenType, "service"),
    (CheckId::MandatePeriod, "mandate"),
    (CheckId::PolicyPermits, "policy"),
    (CheckId::LifetimeLeft, "lifetime"),
];

#[cfg(test)]
mod tests {
    use crate::model::{Fact, Place};

    use super::*;

    fn check(id: CheckId, outcome: CheckOutcome) -> Check {
        Check { id, outcome, facts: Vec::new(), place: None }
    }

    fn trace() -> Trace {
        let mut trace = Trace::default();
        trace.begin(StepId::Parse);
        trace.record(check(CheckId::XmlSyntax, CheckOutcome::Passed));
        trace.begin(StepId::Verify);
        let mut value = check(CheckId::SignatureValue, CheckOutcome::Passed);
        value.facts = vec![Fact::text("algorithm", "RSA-SHA256"), Fact::text("subject", "CN=ocmw-gent")];
        trace.record(value);
        let mut digest = check(CheckId::DigestValue, CheckOutcome::Passed);
        digest.facts = vec![Fact::text("reference", "#TS-1"), Fact::text("element", "wsu:Timestamp")];
        trace.record(digest);
        let mut body = check(CheckId::CoverageBody, CheckOutcome::Failed);
        body.facts = vec![
            Fact::text("element", "Body"),
            Fact::text("profile", "rsz"),
            Fact::list("wanted", ["Timestamp", "Body"]),
            Fact::list("parts", ["Timestamp"]),
        ];
        body.place = Some(Place { path: "/soap:Envelope/soap:Body".to_owned(), bytes: 1832..2410 });
        trace.record(body);
        trace.begin(StepId::Replay);
        trace.record(check(CheckId::MessageFresh, CheckOutcome::NotRun));
        trace
    }

    #[test]
    fn a_trace_reads_from_passed_to_failed_to_not_run() {
        let lines = Report::from(&trace()).lines();
        assert_eq!(
            lines,
            [
                " ✔ XML",
                " ✔ signature value    RSA-SHA256, CN=ocmw-gent",
                " ✔ digests            wsu:Timestamp #TS-1, unchanged",
                " ✘ coverage           Body is not signed. `rsz` wants Timestamp, Body; you signed Timestamp.",
                "                      fix: Add soap:Body to the signed parts of your client.",
                "                      body-not-signed · WSS 1.1 §8 · /soap:Envelope/soap:Body (bytes 1832–2410)",
                " – not run            message-seen-before",
            ]
        );
    }

    #[test]
    fn what_follows_from_a_fault_of_a_reference_is_not_told_twice() {
        let mut trace = trace();
        let mut refused = check(CheckId::DigestMethod, CheckOutcome::Failed);
        refused.facts = vec![Fact::text("reference", "#body")];
        trace.record(refused);
        let mut report = Report::from(&trace);
        report.keep_independent(&|reference| (reference == "#body").then_some(1832..2410));
        let faults: Vec<&str> = report.faults().map(|fault| fault.id.as_str()).collect();
        assert_eq!(faults, ["digest-method-not-allowed"]);
    }

    #[test]
    fn the_same_fault_of_several_references_is_one() {
        let mut trace = Trace::default();
        trace.begin(StepId::Verify);
        for reference in ["#a", "#b", "#c"] {
            let mut fault = check(CheckId::DigestMethod, CheckOutcome::Failed);
            fault.facts = vec![Fact::text("reference", reference), Fact::text("algorithm", "sha1")];
            trace.record(fault);
        }
        let distinct = Report::from(&trace).distinct_faults();
        assert_eq!(distinct.len(), 1);
        assert_eq!(distinct[0].fact("reference").as_deref(), Some("#a, #b, #c"));
    }

    #[test]
    fn a_recorded_trace_reads_like_the_live_one() {
        let trace = trace();
        let recorded: Report = serde_json::from_value(serde_json::to_value(&trace).unwrap()).unwrap();
        assert_eq!(recorded.lines(), Report::from(&trace).lines());
    }

    #[test]
    fn each_check_has_a_topic_and_topics_follow_the_table() {
        assert!(TOPICS.is_sorted_by_key(|(last, _)| *last));
        for check in CheckId::ALL.iter().filter(|check| **check > CheckId::LifetimeLeft) {
            assert_eq!(check.row().code.as_str(), "UNAVAILABLE", "{}", check.row().reason);
        }
    }

    #[test]
    fn json_of_a_fault_carries_its_sentence() {
        let report = Report::from(&trace());
        let fault = report.faults().next().unwrap().json();
        assert_eq!(fault["id"], "body-not-signed");
        assert_eq!(fault["code"], "SIG-COVERAGE");
        assert_eq!(fault["fix"], "Add soap:Body to the signed parts of your client.");
        assert_eq!(fault["place"]["bytes"]["start"], 1832);
    }
}
