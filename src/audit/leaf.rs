//! The bytes of a leaf. This format is for ever: a leaf is hashed as it was written and never
//! written again.
//!
//! ```text
//! {"v":1,"realm":R,"node":N,"seq":S,"ref":U,"kind":K,"at":T, … ,"fields":{…},"sealed":{…}}
//!   kind intent     "draft":"sha256:B"            SHA-256 of the bytes to be signed
//!   kind outcome    "outcome":"issued|refused|failed|interrupted"
//!   kind admin      "action":A
//!   kind aggregate  "since":T,"counts":{…}        what was counted instead of written
//! ```
//! The leaf is the line without its line end. `fields` are values as they are; `sealed` are
//! `"name":"hmac:B"`, B = base64url(HMAC-SHA-256(key, JSON text of the value)), each with 32 random
//! bytes of its own as key. Empty `fields` and `sealed` are left out. Times are RFC 3339 in UTC
//! with milliseconds. Openings are lines of their own, in another file:
//!
//! ```text
//! {"ref":U,"seq":S,"field":"name","key":"B","value":JSON}
//! ```
//! `value` stands last and runs to the closing brace: those bytes are what was MACed.

use chrono::SecondsFormat;
use serde_json::Value;

use super::{AdminEntry, Field, IntentEntry, OutcomeEntry};
use crate::model::{RealmId, Reference, Time};
use crate::wire::base64;
use crate::wire::crypto;

/// A leaf but for its number, which it gets inside the commit.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) reference: Reference,
    head: String,
    tail: String,
    openings: Vec<Opening>,
}

/// What opens one sealed value.
#[derive(Debug)]
struct Opening {
    field: String,
    key: [u8; 32],
    value: String,
}

impl Draft {
    pub(super) fn intent(node: &str, entry: &IntentEntry) -> Self {
        let digest = base64::encode_url(&entry.draft_hash);
        Self::new(node, &entry.realm, entry.reference, "intent", entry.at)
            .with("draft", &Value::String(format!("sha256:{digest}")))
            .fields(&entry.fields, None)
    }

    pub(super) fn outcome(node: &str, entry: &OutcomeEntry) -> Self {
        let trace = serde_json::to_value(&entry.trace).unwrap_or(Value::Null);
        Self::new(node, &entry.realm, entry.reference, "outcome", entry.at)
            .with("outcome", &Value::from(entry.outcome))
            .fields(&entry.fields, Some(&trace))
    }

    /// The outcome of an intent that nobody closed: the process ended in between. Whether a token
    /// left the house is not known.
    pub(super) fn interrupted(node: &str, realm: &RealmId, reference: Reference, at: Time) -> Self {
        Self::new(node, realm, reference, "outcome", at).with("outcome", &Value::from("interrupted")).fields(&[], None)
    }

    pub(super) fn admin(node: &str, entry: &AdminEntry) -> Self {
        Self::new(node, &entry.realm, entry.reference, "admin", entry.at)
            .with("action", &Value::from(entry.action))
            .fields(&entry.fields, None)
    }

    /// Numbers of what was counted from `since` to `at` instead of written.
    pub(super) fn aggregate(node: &str, since: Time, at: Time, counts: &[(&str, u64)]) -> Self {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), Value::from(*count))).collect();
        Self::new(node, &RealmId::default(), Reference::new(), "aggregate", at)
            .with("since", &Value::String(time(since)))
            .with("counts", &Value::Object(counts))
            .fields(&[], None)
    }

    fn new(node: &str, realm: &RealmId, reference: Reference, kind: &str, at: Time) -> Self {
        let head = format!("{{\"v\":1,\"realm\":{},\"node\":{},\"seq\":", json(realm.as_str()), json(node));
        let tail = format!(",\"ref\":\"{reference}\",\"kind\":\"{kind}\",\"at\":\"{}\"", time(at));
        Self { reference, head, tail, openings: Vec::new() }
    }

    fn with(mut self, name: &str, value: &Value) -> Self {
        self.tail.push_str(&format!(",\"{name}\":{value}"));
        self
    }

    fn fields(mut self, fields: &[Field], trace: Option<&Value>) -> Self {
        let mut plain = String::new();
        let mut sealed = String::new();
        for field in fields {
            match field {
                Field::Plain(name, value) => member(&mut plain, name, &bounded(value, LARGEST_FIELD)),
                Field::Personal(name, value) => {
                    let mac = self.seal(name, bounded(value, LARGEST_FIELD));
                    member(&mut sealed, name, &mac);
                }
            }
        }
        if let Some(trace) = trace {
            let mac = self.seal(TRACE, bounded(trace, LARGEST_TRACE));
            member(&mut sealed, TRACE, &mac);
        }
        for (name, members) in [("fields", plain), ("sealed", sealed)] {
            if !members.is_empty() {
                self.tail.push_str(&format!(",\"{name}\":{{{members}}}"));
            }
        }
        self.tail.push('}');
        self
    }

    /// The JSON text that stands in the leaf for `value`; its opening is kept aside.
    fn seal(&mut self, field: &str, value: String) -> String {
        let key = crypto::random::<32>();
        let mac = base64::encode_url(&crypto::hmac_sha256(&key, value.as_bytes()));
        self.openings.push(Opening { field: field.to_owned(), key, value });
        format!("\"hmac:{mac}\"")
    }

    /// The leaf with number `seq`.
    pub(super) fn line(&self, seq: u64) -> String {
        format!("{}{seq}{}", self.head, self.tail)
    }

    /// The openings of leaf `seq`, a line each, with line ends.
    pub(super) fn openings(&self, seq: u64) -> String {
        let lines = self.openings.iter().map(|opening| {
            format!(
                "{{\"ref\":\"{}\",\"seq\":{seq},\"field\":{},\"key\":\"{}\",\"value\":{}}}\n",
                self.reference,
                json(&opening.field),
                base64::encode_url(&opening.key),
                opening.value
            )
        });
        lines.collect()
    }
}

/// The name under which the trace is sealed.
pub(super) const TRACE: &str = "trace";

/// Whether `mac`, as it stands in a leaf, seals `value`, the JSON text of an opening.
pub(super) fn opens(mac: &str, key: &[u8], value: &str) -> bool {
    let sealed = mac.strip_prefix("hmac:").and_then(|mac| base64::decode_url(mac).ok());
    sealed.is_some_and(|sealed| crypto::constant_time_eq(&sealed, &crypto::hmac_sha256(key, value.as_bytes())))
}

pub(super) fn time(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn member(members: &mut String, name: &str, value: &str) {
    if !members.is_empty() {
        members.push(',');
    }
    members.push_str(&json(name));
    members.push(':');
    members.push_str(value);
}

fn json(text: &str) -> String {
    Value::from(text).to_string()
}

/// The JSON text of a value; of one that is too large only its size and digest, so that nobody
/// can fill the trail with what he sends.
fn bounded(value: &Value, limit: usize) -> String {
    let text = value.to_string();
    if text.len() <= limit {
        return text;
    }
    let digest = base64::encode_url(&crypto::sha256(text.as_bytes()));
    format!("{{\"omitted\":{},\"sha256\":\"{digest}\"}}", text.len())
}

/// Bytes of JSON that one field may have.
const LARGEST_FIELD: usize = 16 << 10;

/// Bytes of JSON that a trace may have.
const LARGEST_TRACE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Time {
        chrono::DateTime::from_timestamp_millis(1_700_000_000_123).unwrap()
    }

    fn intent(fields: Vec<Field>) -> Draft {
        let reference = Reference::from_bytes([7; 16]);
        let entry = IntentEntry { realm: RealmId::default(), reference, at: at(), draft_hash: [1; 32], fields };
        Draft::intent("n\"1", &entry)
    }

    #[test]
    fn an_intent_is_these_bytes_for_ever() {
        let line = intent(vec![Field::Plain("sender", Value::from("a\nb"))]).line(12);
        assert_eq!(
            line,
            "{\"v\":1,\"realm\":\"default\",\"node\":\"n\\\"1\",\"seq\":12,\
             \"ref\":\"07070707-0707-0707-0707-070707070707\",\"kind\":\"intent\",\"at\":\"2023-11-14T22:13:20.123Z\",\
             \"draft\":\"sha256:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\",\"fields\":{\"sender\":\"a\\nb\"}}"
        );
    }

    #[test]
    fn an_aggregate_is_these_bytes_for_ever_but_for_its_reference() {
        let line = Draft::aggregate("n1", at(), at(), &[("strangers", 3)]).line(0);
        assert!(line.starts_with("{\"v\":1,\"realm\":\"default\",\"node\":\"n1\",\"seq\":0,\"ref\":\""), "{line}");
        let tail = "\",\"kind\":\"aggregate\",\"at\":\"2023-11-14T22:13:20.123Z\",\
                    \"since\":\"2023-11-14T22:13:20.123Z\",\"counts\":{\"strangers\":3}}";
        assert!(line.ends_with(tail), "{line}");
    }

    #[test]
    fn a_personal_value_stands_in_no_leaf_and_its_opening_opens_it() {
        let draft = intent(vec![Field::Personal("subject", Value::from("ssin:85073003328"))]);
        let (leaf, opening) = (draft.line(3), draft.openings(3));
        assert!(!leaf.contains("85073003328"));
        let leaf: Value = serde_json::from_str(&leaf).unwrap();
        let opening: Value = serde_json::from_str(opening.trim_end()).unwrap();
        let key = base64::decode_url(opening["key"].as_str().unwrap()).unwrap();
        let mac = leaf["sealed"]["subject"].as_str().unwrap();
        assert!(opens(mac, &key, &opening["value"].to_string()));
        assert!(!opens(mac, &key, "\"ssin:85073003329\""));
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        let one = || intent(vec![Field::Personal("subject", Value::from("x"))]).line(0);
        assert_ne!(one(), one());
    }

    #[test]
    fn a_huge_value_leaves_only_its_size_and_digest() {
        let line = intent(vec![Field::Plain("text", Value::from("x".repeat(LARGEST_FIELD)))]).line(0);
        assert!(line.len() < 500 && line.contains("\"omitted\":16386"), "{}", line.len());
    }
}
