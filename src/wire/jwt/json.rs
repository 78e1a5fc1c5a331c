//! JSON objects, read strictly: no member twice, a limit on depth and on the number of values.
//!
//! `serde_json` alone keeps the last of two equal members; another reader keeps the first, and the
//! two then disagree on what was signed (RFC 8725 2.4).

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::JsonFault;

/// Reads `bytes` as exactly one JSON object.
///
/// # Errors
/// What is wrong with the bytes; nothing of their values but the name of a repeated member.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let budget = Budget { values: Cell::new(MAX_VALUES), fault: RefCell::new(None) };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Strict { depth: MAX_DEPTH, budget: &budget }.deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    match (read, budget.fault.into_inner()) {
        (Ok(Value::Object(members)), _) => Ok(members),
        (Ok(_), _) => Err(JsonFault::NotAnObject),
        (Err(_), Some(fault)) => Err(fault),
        (Err(error), None) => Err(JsonFault::Syntax(syntax(&error))),
    }
}

/// Where and of which class, without the reader's own words (they may quote the input).
fn syntax(error: &serde_json::Error) -> String {
    let class = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "unexpected text or number",
    };
    format!("{class} at line {} column {}", error.line(), error.column())
}

/// What one document may still hold, and the fault that ended the reading.
struct Budget {
    values: Cell<usize>,
    fault: RefCell<Option<JsonFault>>,
}

impl Budget {
    fn stop<E: serde::de::Error>(&self, fault: JsonFault) -> E {
        self.fault.replace(Some(fault));
        E::custom("refused")
    }

    fn spend<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.values.get().checked_sub(1) {
            Some(left) => {
                self.values.set(left);
                Ok(())
            }
            None => Err(self.stop(JsonFault::TooManyValues { limit: MAX_VALUES })),
        }
    }
}

/// Reads one value, at most `depth` levels down.
#[derive(Clone, Copy)]
struct Strict<'b> {
    depth: usize,
    budget: &'b Budget,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.budget.stop(JsonFault::TooDeep { limit: MAX_DEPTH })),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.budget.stop(JsonFault::Duplicate(name)));
            }
            let value = members.next_value_seed(inner).map_err(A::Error::custom)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Levels of objects and arrays. A client assertion has two, an access token with a mandate five.
const MAX_DEPTH: usize = 16;
/// Values of any type in one document.
const MAX_VALUES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_object() {
        let read = object(br#" {"a":[1,-2,1.5,null,true],"b":{"c":"d"}} "#).unwrap();
        assert_eq!(Value::Object(read), serde_json::json!({"a": [1, -2, 1.5, null, true], "b": {"c": "d"}}));
    }

    #[test]
    fn refuses_a_member_that_stands_twice_at_any_level() {
        for text in [r#"{"alg":1,"alg":2}"#, r#"{"a":[{"b":1,"b":1}]}"#, r#"{"a":1,"\u0061":1}"#] {
            assert!(matches!(object(text.as_bytes()), Err(JsonFault::Duplicate(_))), "{text}");
        }
    }

    #[test]
    fn refuses_depth_and_size_beyond_the_limits() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(object(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonFault::TooDeep { limit: MAX_DEPTH }));
        assert_eq!(object(nested(10_000).as_bytes()), Err(JsonFault::TooDeep { limit: MAX_DEPTH }));
        let many = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(MAX_VALUES));
        assert_eq!(object(many.as_bytes()), Err(JsonFault::TooManyValues { limit: MAX_VALUES }));
    }

    #[test]
    fn refuses_what_is_not_one_json_object() {
        let cases: [&[u8]; 9] = [
            b"",
            b"{",
            b"{} {}",
            b"{}x",
            b"{\"a\":01}",
            b"{\"a\":1e400}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{a:1}",
        ];
        for bytes in cases {
            assert!(matches!(object(bytes), Err(JsonFault::Syntax(_))), "{}", String::from_utf8_lossy(bytes));
        }
        for bytes in [b"[]".as_slice(), b"1", b"\"a\"", b"null"] {
            assert_eq!(object(bytes), Err(JsonFault::NotAnObject));
        }
    }
}
