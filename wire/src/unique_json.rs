//! JSON with each key once in an object: a JSON library would keep the last value of a key that stands twice, without a word.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A value of JSON, and the path to the first key that stands twice, if any.
#[derive(Debug)]
pub struct UniqueJson {
    value: Value,
    twice: Option<String>,
}

impl UniqueJson {
    /// Returns the value.
    ///
    /// # Errors
    ///
    /// If a key stands twice in an object: the path to the key, such as `vary[0].as`.
    pub fn into_value(self) -> Result<Value, String> {
        self.twice.map_or(Ok(self.value), Err)
    }
}

impl From<Value> for UniqueJson {
    fn from(value: Value) -> Self {
        Self { value, twice: None }
    }
}

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = UniqueJson;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<UniqueJson, E> {
        Ok(Value::Null.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_string<E>(self, value: String) -> Result<UniqueJson, E> {
        Ok(Value::from(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<UniqueJson, A::Error> {
        let (mut values, mut twice) = (Vec::new(), None);
        while let Some(UniqueJson { value, twice: within }) = elements.next_element()? {
            twice = twice.or_else(|| Some(joined(&format!("[{}]", values.len()), &within?)));
            values.push(value);
        }
        Ok(UniqueJson { value: values.into(), twice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<UniqueJson, A::Error> {
        let (mut values, mut twice) = (Map::new(), None);
        while let Some((name, UniqueJson { value, twice: within })) = entries.next_entry::<String, _>()? {
            twice = twice.or_else(|| Some(joined(&name, &within?)));
            if values.contains_key(&name) {
                twice.get_or_insert(name);
            } else {
                values.insert(name, value);
            }
        }
        Ok(UniqueJson { value: values.into(), twice })
    }
}

/// Returns the path to a place within the value of a key, or within an element.
fn joined(name: &str, within: &str) -> String {
    let dot = if within.starts_with('[') { "" } else { "." };
    format!("{name}{dot}{within}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        serde_json::from_str::<UniqueJson>(text).expect("JSON").into_value()
    }

    #[test]
    fn json_is_read_as_by_the_library() {
        for text in [
            r#"{"a":[1,-2,3.5,1e300,18446744073709551615],"b":{"a":null,"c":[true,false]},"":"x\u0000\ud83d\ude00"}"#,
            "[]",
            "7",
            r#""text""#,
        ] {
            assert_eq!(read(text), Ok(serde_json::from_str(text).expect("JSON")));
        }
    }

    #[test]
    fn the_first_key_that_stands_twice_is_named_with_its_path() {
        for (text, path) in [
            (r#"{"a":1,"b":2,"a":1}"#, "a"),
            (r#"{"a":{"b":1,"b":2},"a":1}"#, "a.b"),
            (r#"{"a":[{},[{"b":0},{"b":0,"c":1,"c":1}]]}"#, "a[1][1].c"),
            (r#"[{"a":1,"\u0061":1}]"#, "[0].a"),
        ] {
            assert_eq!(read(text), Err(path.to_owned()), "{text}");
        }
    }
}
