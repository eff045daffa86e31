//! Values of a write's JSON that may differ between servers, as the contract judges the values: spelled as ECMAScript spells
//! them, and counted with the clients of other users.

use onbeat_wire::recording::{NumberBounds, Vary, VaryPlace, VaryRule};
use serde_json::Value;

use super::Aspect;
use super::loosening::{Loosening, decimals};

/// Returns the key of a value that may vary, in the object of a write.
pub(super) fn key_of(vary: &Vary) -> Option<&str> {
    if let VaryPlace::Pointer(pointer) = &vary.place { pointer.strip_prefix('/') } else { None }
}

/// Returns how the value of a key may vary; none if the value is not to vary.
pub(super) fn vary_of<'v>(vary: &'v [Vary], key: &str) -> Option<&'v Vary> {
    vary.iter().find(|vary| key_of(vary) == Some(key))
}

/// Returns how a value breaks the rule, as an aspect and in words; none if the value keeps the rule. Where the number of
/// `others` is unknown, a count may be larger than usual.
pub(super) fn breach(vary: &Vary, usual: &str, got: &str, others: Option<u64>) -> Option<(Aspect, String)> {
    // Reads JSON that is nested too deeply, or a number that is too large, as null, which breaks each rule.
    let value: Value = serde_json::from_str(got).unwrap_or_default();
    let (holds, aspect, expected) = match &vary.rule {
        VaryRule::Timestamp => {
            let holds = value.as_str().is_some_and(is_timestamp);
            (holds, Aspect::Timestamp, "a timestamp like \"2025-12-01T00:00:01.000Z\"".to_owned())
        }
        VaryRule::TextAndTimestamp(text) => {
            let stamp = value.as_str().and_then(|value| value.strip_prefix(text.as_str()));
            (stamp.is_some_and(is_timestamp), Aspect::Bytes, format!("{text:?} and a timestamp"))
        }
        VaryRule::Number(bounds) => number_breach(bounds, got)?,
        VaryRule::Count | VaryRule::Removals if !got.bytes().all(|byte| byte.is_ascii_digit()) => {
            (false, Aspect::Bytes, "a number of clients".into())
        }
        VaryRule::Count if others.is_none() => {
            let more = got.parse::<u64>().is_ok_and(|got| usual.parse().is_ok_and(|usual: u64| got >= usual));
            (got == usual || more, Aspect::Count, format!("at least {usual}"))
        }
        VaryRule::Count => (got == usual, Aspect::Count, usual.into()),
        VaryRule::Removals => (got == usual || others != Some(0), Aspect::Count, usual.into()),
        // Judges as in a recording, since these rules have no stricter form in a contract.
        VaryRule::Any | VaryRule::String | VaryRule::Uuid | VaryRule::Regex(_) => {
            let expected = Loosening::compile(vary).map_or_else(Some, |rule| rule.breach(&value))?;
            (false, Aspect::Bytes, expected)
        }
    };
    (!holds).then(|| (aspect, format!("expected {expected}, got {got}")))
}

/// Returns `false`, an aspect and the expectation, if a text is not a number in the spelling of ECMAScript and within the
/// bounds.
fn number_breach(bounds: &NumberBounds, got: &str) -> Option<(bool, Aspect, String)> {
    let NumberBounds { minimum, maximum, below, decimals_max } = bounds;
    let Some(number) = number(got) else { return Some((false, Aspect::Number, "a number".into())) };
    let spelled = ryu_js::Buffer::new().format(number).to_owned();
    if got != spelled {
        return Some((false, Aspect::Number, spelled));
    }
    if !bounds.hold(number) {
        let end = maximum.map(|end| format!("{end}")).or(below.map(|end| format!("less than {end}")));
        let range = format!("a number from {} to {}", minimum.unwrap_or_default(), end.unwrap_or_default());
        return Some((false, Aspect::Bytes, range));
    }
    let max = decimals_max.filter(|max| decimals(&spelled) > i64::from(*max))?;
    Some((false, Aspect::Bytes, format!("at most {max} decimals")))
}

/// Returns the value of a JSON number. The float parser of `serde_json` may be off in the last place, and is not used.
pub(super) fn number(json: &str) -> Option<f64> {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| json.parse().ok())?
}

/// Returns whether `Date.prototype.toISOString` could have printed the text.
fn is_timestamp(text: &str) -> bool {
    text.len() == 24 && text.parse::<jiff::Timestamp>().is_ok_and(|timestamp| format!("{timestamp:.3}") == text)
}
