//! The keys of a line, each once: a JSON library would keep the last value of a key that stands twice, without a word.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::jsonl::Problem;

/// The keys of a line, and the first key that stands twice, if any.
pub(super) struct UniqueKeys {
    keys: Map<String, Value>,
    twice: Option<String>,
}

impl UniqueKeys {
    /// Returns the keys.
    ///
    /// # Errors
    ///
    /// If a key stands twice. The error names the key.
    pub(super) fn into_keys(self) -> Result<Map<String, Value>, Problem> {
        match self.twice {
            None => Ok(self.keys),
            Some(name) => Err(Problem::field(name, "the key once in a line, got it twice: delete one of the two")),
        }
    }
}

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
        let (mut keys, mut twice) = (Map::new(), None);
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if keys.contains_key(&name) {
                twice.get_or_insert(name);
            } else {
                keys.insert(name, value);
            }
        }
        Ok(UniqueKeys { keys, twice })
    }
}
