//! A JSON object within a text, with the spelling of each value.

use std::fmt;

use onbeat_wire::recording::{Vary, VaryRule};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Aspect;
use super::vary::{breach, number, vary_of};

/// The number of unexpected keys that are listed.
const UNEXPECTED_MAX: usize = 10;

/// A JSON object in a text.
pub(super) struct Object<'a> {
    /// The text before the object.
    pub(super) head: &'a str,
    pub(super) entries: Vec<(String, &'a RawValue)>,
    /// The text of the object as a whole.
    text: &'a str,
    /// The text after the object.
    pub(super) tail: &'a str,
}

impl<'a> Object<'a> {
    /// Finds the object that begins with the first brace of a text and ends with the last.
    pub(super) fn within(text: &'a str) -> Option<Self> {
        let (start, end) = (text.find('{')?, text.rfind('}')? + 1);
        let inner = text.get(start..end)?;
        let Entries(entries) = serde_json::from_str(inner).ok()?;
        Some(Self { head: &text[..start], entries, text: inner, tail: &text[end..] })
    }

    /// Returns the value of a key as the text spells the value.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.get())
    }

    /// Returns the aspects in which the values of `got` are wrong, and how.
    pub(super) fn differences(&self, got: &Self, vary: &[Vary], others: Option<u64>) -> Vec<(Aspect, String)> {
        let mut differences = Vec::new();
        // Ignores the order of keys, which is a matter of spelling.
        for (key, value) in &self.entries {
            let Some(came) = got.get(key) else {
                differences.push((Aspect::Bytes, format!("{key} is missing")));
                continue;
            };
            let wrong = match vary_of(vary, key) {
                Some(vary) => breach(vary, value.get(), came, others),
                None => inequality(value.get(), came),
            };
            differences.extend(wrong.map(|(aspect, why)| (aspect, format!("{key}: {why}"))));
        }
        // Lists few of the keys, since a hostile object may have a hundred thousand.
        let unexpected = got.entries.iter().map(|(key, _)| key).filter(|key| self.get(key).is_none());
        let unexpected = unexpected.take(UNEXPECTED_MAX).map(|key| (Aspect::Bytes, format!("{key} is not expected")));
        differences.extend(unexpected);
        differences
    }

    /// Returns the whole text with the values of `got` where values may vary and keep the rule.
    pub(super) fn with_values_of(&self, got: &Self, vary: &[Vary], others: Option<u64>) -> String {
        self.with_values(vary, |vary, key, value| {
            got.get(key).filter(|came| breach(vary, value, came, others).is_none()).map(str::to_owned)
        })
    }

    /// Returns the whole text with so many clients more in each count.
    pub(super) fn with_more_clients(&self, others: u64, vary: &[Vary]) -> String {
        self.with_values(vary, |vary, _, value| {
            let count: u64 = value.parse().ok().filter(|_| vary.rule == VaryRule::Count)?;
            Some(count.saturating_add(others).to_string())
        })
    }

    /// Returns the whole text with new values for keys that may vary; `new` gets the place and the rule, the key, and the old
    /// value.
    fn with_values(&self, vary: &[Vary], new: impl Fn(&Vary, &str, &str) -> Option<String>) -> String {
        let mut text = format!("{}{}{}", self.head, self.text, self.tail);
        for (key, value) in &self.entries {
            if let Some(new) = vary_of(vary, key).and_then(|vary| new(vary, key, value.get())) {
                let key = Value::from(key.as_str());
                text = text.replacen(&format!("{key}:{value}"), &format!("{key}:{new}"), 1);
            }
        }
        text
    }
}

/// Returns how a value differs from the expected value; none if both are spelled alike.
fn inequality(expected: &str, got: &str) -> Option<(Aspect, String)> {
    if expected == got {
        return None;
    }
    let (before, after): (Option<Value>, Option<Value>) =
        (serde_json::from_str(expected).ok(), serde_json::from_str(got).ok());
    // Distinguishes equal numbers in two spellings, such as 50 and 50.0, which differ for readers of other languages.
    let aspect = match (before, after) {
        _ if number(expected).is_some_and(|before| Some(before) == number(got)) => Aspect::Number,
        (Some(before), Some(after)) if before == after => Aspect::Spelling,
        _ => Aspect::Bytes,
    };
    Some((aspect, format!("expected {expected}, got {got}")))
}

/// The entries of an object in the order of the text, which a map of `serde_json` would lose.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
