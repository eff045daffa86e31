//! Values of a write's JSON that may differ between servers, each by a rule.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Aspect;

/// A value that may differ between servers, by JSON pointer (RFC 6901) into the JSON of the write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vary {
    pub(crate) pointer: String,
    #[serde(flatten)]
    pub(crate) rule: Rule,
}

/// The rule for a varying value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// A timestamp as `Date.prototype.toISOString` prints.
    Timestamp,
    /// A text and then a timestamp.
    TextAndTimestamp { text: String },
    /// A number as ECMAScript prints.
    Number {
        minimum: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maximum: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decimals_max: Option<u32>,
    },
    /// A number of clients: larger by the clients that do not belong to the scenario.
    Count,
    /// A number of removed clients: larger only if other clients were removed.
    Removals,
}

/// Returns the rule for a key of a write's object; none if the value is not to vary.
pub(super) fn rule_of<'v>(vary: &'v [Vary], key: &str) -> Option<&'v Rule> {
    vary.iter().find(|vary| vary.pointer.strip_prefix('/') == Some(key)).map(|vary| &vary.rule)
}

impl Rule {
    /// Returns how a value breaks the rule, as an aspect and in words; none if the value keeps the rule. Where the number of
    /// `others` is unknown, a count may be larger than usual.
    pub(super) fn breach(&self, usual: &str, got: &str, others: Option<u64>) -> Option<(Aspect, String)> {
        // JSON that is nested too deeply, or a number that is too large, reads as null, which breaks each rule.
        let value: Value = serde_json::from_str(got).unwrap_or_default();
        let (holds, aspect, expected) = match self {
            Rule::Timestamp => {
                let holds = value.as_str().is_some_and(is_timestamp);
                (holds, Aspect::Timestamp, "a timestamp like \"2025-12-01T00:00:01.000Z\"".to_owned())
            }
            Rule::TextAndTimestamp { text } => {
                let stamp = value.as_str().and_then(|value| value.strip_prefix(text.as_str()));
                (stamp.is_some_and(is_timestamp), Aspect::Bytes, format!("{text:?} and a timestamp"))
            }
            Rule::Number { .. } => self.number_breach(got)?,
            Rule::Count | Rule::Removals if !got.bytes().all(|byte| byte.is_ascii_digit()) => {
                (false, Aspect::Bytes, "a number of clients".into())
            }
            Rule::Count if others.is_none() => {
                let more = got.parse::<u64>().is_ok_and(|got| usual.parse().is_ok_and(|usual: u64| got >= usual));
                (got == usual || more, Aspect::Count, format!("at least {usual}"))
            }
            Rule::Count => (got == usual, Aspect::Count, usual.into()),
            Rule::Removals => (got == usual || others != Some(0), Aspect::Count, usual.into()),
        };
        (!holds).then(|| (aspect, format!("expected {expected}, got {got}")))
    }

    /// Returns `false`, an aspect and the expectation, if a text is not a number in the spelling, the range and the precision
    /// of the rule.
    fn number_breach(&self, got: &str) -> Option<(bool, Aspect, String)> {
        let Rule::Number { minimum, maximum, below, decimals_max } = self else { return None };
        let Some(number) = number(got) else { return Some((false, Aspect::Number, "a number".into())) };
        let spelled = ryu_js::Buffer::new().format(number).to_owned();
        if got != spelled {
            return Some((false, Aspect::Number, spelled));
        }
        let fits = number >= f64::from(*minimum)
            && maximum.is_none_or(|maximum| number <= f64::from(maximum))
            && below.is_none_or(|below| number < f64::from(below));
        if !fits {
            let end = maximum.map(|end| format!("{end}")).or(below.map(|end| format!("less than {end}")));
            let range = format!("a number from {minimum} to {}", end.unwrap_or_default());
            return Some((false, Aspect::Bytes, range));
        }
        let max = decimals_max.filter(|max| decimals(&spelled) > i64::from(*max))?;
        Some((false, Aspect::Bytes, format!("at most {max} decimals")))
    }
}

/// Returns the value of a JSON number. The float parser of `serde_json` may be off in the last place, and is not used.
pub(super) fn number(json: &str) -> Option<f64> {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| json.parse().ok())?
}

/// Returns how many decimals a number has in the spelling of ECMAScript.
pub(crate) fn decimals(spelled: &str) -> i64 {
    let (digits, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
    let after_the_point = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    i64::try_from(after_the_point).unwrap_or(i64::MAX) - exponent.parse::<i64>().unwrap_or_default()
}

/// Returns whether `Date.prototype.toISOString` could have printed the text.
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
