//! Values of a recording that may vary from run to run, each by a rule.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::jsonl::Object;
use crate::stringify;

/// A value that may vary: a place, and the rule for every value there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Object<VaryKeys>", into = "VaryKeys")]
pub struct Vary {
    /// The place of the value.
    pub place: VaryPlace,
    /// The rule.
    pub rule: VaryRule,
}

/// The place of a value that may vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaryPlace {
    /// A value in JSON, by JSON pointer (RFC 6901); the empty pointer means the whole text, whether JSON or not.
    Pointer(String),
    /// A field of an event other than the data, such as `id`; the empty name means a comment.
    Field(String),
    /// A header, by the name in lower case.
    Header(String),
}

/// The rule for a varying value.
#[derive(Clone, Debug, PartialEq)]
pub enum VaryRule {
    /// Any value, or none.
    Any,
    /// A string.
    String,
    /// A number within bounds, with so many decimals at most.
    Number(NumberBounds),
    /// A timestamp (RFC 3339).
    Timestamp,
    /// A text and then a timestamp.
    TextAndTimestamp(String),
    /// A UUID (RFC 9562, 4).
    Uuid,
    /// A string that matches a regular expression as a whole.
    Regex(String),
    /// A number of clients, or any other count.
    Count,
    /// A number of removed clients, or of anything else that is counted when it goes.
    Removals,
}

/// The bounds of a number; a missing bound excludes no number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberBounds {
    /// The least number.
    pub minimum: Option<f64>,
    /// The greatest number.
    pub maximum: Option<f64>,
    /// A number greater than any.
    pub below: Option<f64>,
    /// The largest number of decimals.
    pub decimals_max: Option<u32>,
}

impl NumberBounds {
    /// Returns whether a number is within the bounds, whatever the number of its decimals.
    #[must_use]
    pub fn hold(&self, number: f64) -> bool {
        self.minimum.is_none_or(|minimum| number >= minimum)
            && self.maximum.is_none_or(|maximum| number <= maximum)
            && self.below.is_none_or(|below| number < below)
    }
}

impl NumberBounds {
    /// Checks that some number is within the bounds.
    fn check(&self) -> Result<(), String> {
        let Some(minimum) = self.minimum else { return Ok(()) };
        match (self.maximum, self.below) {
            (Some(maximum), _) if minimum > maximum => {
                Err(format!("expected a minimum of at most {maximum}, the maximum, got {minimum}"))
            }
            (_, Some(below)) if minimum >= below => {
                Err(format!("expected a minimum of less than {below}, as `below` says, got {minimum}"))
            }
            _ => Ok(()),
        }
    }
}

/// The keys of a varying value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaryKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    r#as: RuleName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minimum: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decimals_max: Option<u32>,
}

/// The name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RuleName {
    Any,
    String,
    Number,
    Timestamp,
    TextAndTimestamp,
    Uuid,
    Regex,
    Count,
    Removals,
}

impl TryFrom<Object<VaryKeys>> for Vary {
    type Error = String;

    fn try_from(Object(keys): Object<VaryKeys>) -> Result<Self, Self::Error> {
        let VaryKeys { pointer, field, header, r#as, pattern, text, minimum, maximum, below, decimals_max } = keys;
        let place = match (pointer, field, header) {
            (Some(pointer), None, None) if pointer.is_empty() || pointer.starts_with('/') => {
                VaryPlace::Pointer(pointer)
            }
            (Some(_), None, None) => return Err("expected a JSON pointer, which is empty or begins with /".into()),
            // Refuses a second way to name the data.
            (None, Some(field), None) if field == "data" => {
                return Err("expected \"pointer\":\"\" for the data as a whole".into());
            }
            (None, Some(field), None) => VaryPlace::Field(field),
            (None, None, Some(header)) => VaryPlace::Header(header.to_ascii_lowercase()),
            (None, None, None) => return Err("expected one of pointer, field and header, got none".into()),
            _ => return Err("expected one of pointer, field and header, got several".into()),
        };
        let [minimum, maximum, below] = [minimum, maximum, below].map(|bound| bound.and_then(|bound| bound.as_f64()));
        let bounds = NumberBounds { minimum, maximum, below, decimals_max };
        // Refuses the keys of other rules, which would loosen nothing, against the intention.
        if pattern.is_some() != (r#as == RuleName::Regex) {
            return Err("expected a pattern for regex, and for no other rule".into());
        }
        if text.is_some() != (r#as == RuleName::TextAndTimestamp) {
            return Err("expected a text for text-and-timestamp, and for no other rule".into());
        }
        if bounds != NumberBounds::default() && r#as != RuleName::Number {
            return Err("expected bounds for number, and for no other rule".into());
        }
        bounds.check()?;
        let rule = match r#as {
            RuleName::Any => VaryRule::Any,
            RuleName::String => VaryRule::String,
            RuleName::Number => VaryRule::Number(bounds),
            RuleName::Timestamp => VaryRule::Timestamp,
            RuleName::TextAndTimestamp => VaryRule::TextAndTimestamp(text.unwrap_or_default()),
            RuleName::Uuid => VaryRule::Uuid,
            RuleName::Regex => VaryRule::Regex(pattern.unwrap_or_default()),
            RuleName::Count => VaryRule::Count,
            RuleName::Removals => VaryRule::Removals,
        };
        Ok(Self { place, rule })
    }
}

impl From<Vary> for VaryKeys {
    fn from(Vary { place, rule }: Vary) -> Self {
        let (r#as, mut pattern, mut text, mut bounds) = (rule.name(), None, None, NumberBounds::default());
        match rule {
            VaryRule::Number(given) => bounds = given,
            VaryRule::TextAndTimestamp(given) => text = Some(given),
            VaryRule::Regex(given) => pattern = Some(given),
            _ => {}
        }
        let (mut pointer, mut field, mut header) = (None, None, None);
        match place {
            VaryPlace::Pointer(name) => pointer = Some(name),
            VaryPlace::Field(name) => field = Some(name),
            VaryPlace::Header(name) => header = Some(name),
        }
        let NumberBounds { minimum, maximum, below, decimals_max } = bounds;
        let [minimum, maximum, below] = [minimum, maximum, below].map(|bound| bound.and_then(spelled));
        Self { pointer, field, header, r#as, pattern, text, minimum, maximum, below, decimals_max }
    }
}

/// Returns a number as ECMAScript spells the number: a whole one has no point.
fn spelled(bound: f64) -> Option<Number> {
    stringify(&bound).parse().ok()
}

impl VaryRule {
    fn name(&self) -> RuleName {
        match self {
            Self::Any => RuleName::Any,
            Self::String => RuleName::String,
            Self::Number(_) => RuleName::Number,
            Self::Timestamp => RuleName::Timestamp,
            Self::TextAndTimestamp(_) => RuleName::TextAndTimestamp,
            Self::Uuid => RuleName::Uuid,
            Self::Regex(_) => RuleName::Regex,
            Self::Count => RuleName::Count,
            Self::Removals => RuleName::Removals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varying_value_is_read_and_written_again() {
        for text in [
            r#"{"pointer":"/id","as":"uuid"}"#,
            r#"{"pointer":"","as":"regex","pattern":"[a-z]+"}"#,
            r#"{"pointer":"/n","as":"number","minimum":0,"below":1.5,"decimals_max":2}"#,
            r#"{"pointer":"/m","as":"text-and-timestamp","text":"at "}"#,
            r#"{"header":"x-request-id","as":"any"}"#,
            r#"{"field":"id","as":"string"}"#,
            r#"{"pointer":"/clients","as":"count"}"#,
            r#"{"pointer":"/removed","as":"removals"}"#,
            r#"{"pointer":"/at","as":"timestamp"}"#,
            r#"{"pointer":"/n","as":"number","minimum":1,"maximum":1}"#,
        ] {
            let vary: Vary = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(serde_json::to_string(&vary).expect("plain data"), text);
        }
    }

    #[test]
    fn a_wrong_varying_value_is_refused_with_what_was_expected() {
        for (text, told) in [
            (r#"{"as":"any"}"#, "expected one of pointer, field and header, got none"),
            (r#"{"pointer":"/a","header":"b","as":"any"}"#, "expected one of pointer, field and header, got several"),
            (r#"{"pointer":"id","as":"any"}"#, "expected a JSON pointer, which is empty or begins with /"),
            (r#"{"pointer":"/id","as":"uid"}"#, "unknown variant `uid`, expected one of `any`, `string`"),
            (r#"{"pointer":"/id"}"#, "missing field `as`"),
            (r#"{"pointer":"/id","as":"regex"}"#, "expected a pattern for regex"),
            (r#"{"pointer":"/id","as":"any","pattern":"a"}"#, "expected a pattern for regex"),
            (r#"{"pointer":"/id","as":"any","minimum":1}"#, "expected bounds for number"),
            (r#"{"pointer":"/id","as":"any","min":1}"#, "unknown field `min`"),
            (
                r#"{"pointer":"/n","as":"number","minimum":5,"maximum":1}"#,
                "expected a minimum of at most 1, the maximum, got 5",
            ),
            (r#"{"pointer":"/n","as":"number","minimum":1,"below":1}"#, "expected a minimum of less than 1"),
            (r#"["/id",null,null,"any"]"#, "invalid type: sequence, expected a map"),
            (r#"{"field":"data","as":"any"}"#, "expected \"pointer\":\"\" for the data"),
        ] {
            let error = serde_json::from_str::<Vary>(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
