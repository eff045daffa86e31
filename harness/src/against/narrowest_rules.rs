//! The narrowest rules for what differs between two answers to the same request.

use onbeat_wire::recording::{NumberBounds, Vary, VaryPlace, VaryRule};
use serde_json::{Number, Value};

use super::json_differences::{JsonDifference, json_differences};
use super::unit::Unit;
use crate::judge::{is_timestamp, is_uuid};

/// How two units differ.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitDifference {
    /// A rule for each value that differs: in the data, and in the fields that both units have.
    pub(super) vary: Vec<Vary>,
    /// Whether the data differs as a whole: one of the texts is no JSON, and no rule narrower than any string fits both.
    pub(super) is_another_text: bool,
}

impl UnitDifference {
    /// Compares two units.
    pub(super) fn between(one: &Unit, other: &Unit) -> Self {
        let mut difference = match [one.data(), other.data()] {
            [Some(text), Some(other)] => Self::between_texts(text, other),
            _ => Self { is_another_text: one.bytes != other.bytes, ..Self::default() },
        };
        for place in one.field_places() {
            let pairs = one.values(&place).into_iter().zip(other.values(&place));
            let rule = pairs.into_iter().find(|(value, other)| value != other);
            let rule = rule.map(|(value, other)| text_rule(text_of(&value), text_of(&other)));
            difference.vary.extend(rule.map(|rule| Vary { place, rule }));
        }
        difference
    }

    /// Compares two texts: by values, if both are JSON.
    fn between_texts(text: &str, other: &str) -> Self {
        let mut difference = Self::default();
        if text == other {
            return difference;
        }
        if let [Ok(value), Ok(other)] = [text, other].map(serde_json::from_str::<Value>) {
            // Finds nothing in the same JSON in another spelling.
            difference.vary.extend(json_differences(&value, &other).into_iter().map(rule_at));
            return difference;
        }
        match text_rule(text, other) {
            VaryRule::String | VaryRule::Any => difference.is_another_text = true,
            rule => difference.vary.push(Vary { place: VaryPlace::Pointer(String::new()), rule }),
        }
        difference
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the narrowest rule for the values at a place. Only `any` allows a value to be missing.
fn rule_at(difference: JsonDifference) -> Vary {
    let JsonDifference { pointer, first, second } = difference;
    let rule = first.zip(second).map_or(VaryRule::Any, |(first, second)| rule(first, second));
    Vary { place: VaryPlace::Pointer(pointer), rule }
}

/// Returns the narrowest rule for two values.
fn rule(first: &Value, second: &Value) -> VaryRule {
    match (first, second) {
        (Value::Number(_), Value::Number(_)) => VaryRule::Number(NumberBounds::default()),
        (Value::String(first), Value::String(second)) => {
            let both = |is_one: fn(&str) -> bool| is_one(first) && is_one(second);
            if both(is_timestamp) {
                VaryRule::Timestamp
            } else if both(is_uuid) {
                VaryRule::Uuid
            } else {
                text_and_timestamp(first, second).unwrap_or(VaryRule::String)
            }
        }
        _ => VaryRule::Any,
    }
}

/// Returns the narrowest rule for two values of a field or a header.
pub(super) fn text_rule(first: &str, second: &str) -> VaryRule {
    let value = |text: &str| text.parse::<Number>().map_or_else(|_| Value::from(text), Value::from);
    match (value(first), value(second)) {
        (first @ Value::Number(_), second @ Value::Number(_)) => rule(&first, &second),
        _ => rule(&first.into(), &second.into()),
    }
}

/// Returns the rule for two texts that begin alike and end in a timestamp, such as `ping 2025-12-01T00:00:00Z`.
fn text_and_timestamp(first: &str, second: &str) -> Option<VaryRule> {
    // Looks behind each space: the text before a timestamp ends in one.
    let starts = first.match_indices(' ').map(|(at, _)| &first[..=at]);
    let start = starts.into_iter().find(|start| {
        let stamps = [first, second].map(|text| text.strip_prefix(start).is_some_and(is_timestamp));
        stamps == [true, true]
    });
    start.map(|start| VaryRule::TextAndTimestamp(start.to_owned()))
}
