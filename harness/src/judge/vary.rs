//! What may differ in a write: values of its JSON, each by a rule.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::Aspect;

/// A value that may differ between servers, by JSON pointer (RFC 6901) into the JSON of the write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vary {
    pub(crate) pointer: String,
    #[serde(flatten)]
    pub(crate) rule: Rule,
}

/// What a varying value must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// As `Date.prototype.toISOString` prints it.
    Timestamp,
    /// A text and then a timestamp.
    TextAndTimestamp { text: String },
    /// A number as ECMAScript prints it.
    Number {
        minimum: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maximum: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decimals_max: Option<u32>,
    },
    /// A number of clients: larger by those that do not belong to the scene.
    Count,
    /// A number of clients that were removed: larger only if others were.
    Removals,
}

/// Returns the rule for a key of a write's object; nothing if its value is not to vary.
pub(crate) fn rule_of<'v>(vary: &'v [Vary], key: &str) -> Option<&'v Rule> {
    vary.iter().find(|vary| vary.pointer.strip_prefix('/') == Some(key)).map(|vary| &vary.rule)
}

impl Rule {
    /// Returns whether a value is a number with at most one decimal.
    pub(crate) fn is_rounded(&self) -> bool {
        matches!(self, Self::Number { decimals_max: Some(1), .. })
    }

    /// Returns how a value breaks the rule, in which aspect and in words; nothing if the value keeps the rule. Where nobody
    /// knows how many `others` there are, a count may be larger than usual.
    pub(crate) fn breach(&self, usual: &str, got: &str, others: Option<u64>) -> Option<(Aspect, String)> {
        // What is nested too deeply, or too large for a number, is no value that could be right.
        let value: Value = serde_json::from_str(got).unwrap_or_default();
        let told = |aspect, expected: &str| Some((aspect, format!("expected {expected}, got {got}")));
        match self {
            Rule::Timestamp => {
                let good = value.as_str().is_some_and(is_timestamp);
                if good { None } else { told(Aspect::Timestamp, "a timestamp like \"2025-12-01T00:00:01.000Z\"") }
            }
            Rule::TextAndTimestamp { text } => {
                let good = value.as_str().and_then(|value| value.strip_prefix(text.as_str())).is_some_and(is_timestamp);
                if good { None } else { told(Aspect::Bytes, &format!("{text:?} and a timestamp")) }
            }
            Rule::Number { minimum, maximum, below, decimals_max } => {
                let Some(number) = number(got) else { return told(Aspect::Number, "a number") };
                let spelled = ryu_js::Buffer::new().format(number).to_owned();
                if got != spelled {
                    return told(Aspect::Number, &spelled);
                }
                let fits = number >= f64::from(*minimum)
                    && maximum.is_none_or(|maximum| number <= f64::from(maximum))
                    && below.is_none_or(|below| number < f64::from(below));
                if !fits {
                    let end = maximum.map(|end| format!("{end}")).or(below.map(|end| format!("less than {end}")));
                    return told(Aspect::Bytes, &format!("a number from {minimum} to {}", end.unwrap_or_default()));
                }
                match decimals_max {
                    Some(max) if decimals(&spelled) > i64::from(*max) => {
                        told(Aspect::Bytes, &format!("at most {max} decimals"))
                    }
                    _ => None,
                }
            }
            Rule::Count | Rule::Removals if !got.bytes().all(|byte| byte.is_ascii_digit()) => {
                told(Aspect::Bytes, "a number of clients")
            }
            Rule::Count => {
                let more = || got.parse::<u64>().is_ok_and(|got| usual.parse().is_ok_and(|usual: u64| got >= usual));
                match others {
                    _ if got == usual => None,
                    Some(_) => told(Aspect::Count, usual),
                    None if more() => None,
                    None => told(Aspect::Count, &format!("at least {usual}")),
                }
            }
            Rule::Removals => {
                if got == usual || others != Some(0) {
                    None
                } else {
                    told(Aspect::Count, usual)
                }
            }
        }
    }
}

/// Returns the value of a JSON number. `serde_json` may be a bit off in the last place, and is not asked.
pub(crate) fn number(json: &str) -> Option<f64> {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| json.parse().ok())?
}

/// Returns how many decimals a number has in the spelling of ECMAScript.
fn decimals(spelled: &str) -> i64 {
    let (digits, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
    let after_the_point = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    i64::try_from(after_the_point).unwrap_or(i64::MAX) - exponent.parse::<i64>().unwrap_or_default()
}

/// Whether `Date.prototype.toISOString` could have printed it.
fn is_timestamp(text: &str) -> bool {
    text.len() == 24 && text.parse::<jiff::Timestamp>().is_ok_and(|timestamp| format!("{timestamp:.3}") == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_value() {
        assert_eq!(["50", "0.1", "12.34", "1e-7", "1.5e-7", "1e+21"].map(decimals), [0, 1, 2, 7, 8, -21]);
    }
}
