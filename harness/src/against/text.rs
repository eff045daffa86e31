//! Two texts, compared exactly except for the values that may vary.

use std::collections::BTreeMap;
use std::ops::Range;

use onbeat_wire::printable::clipped;
use onbeat_wire::recording::VaryPlace;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json_differences::{JsonDifference, json_differences};
use crate::judge::Loosening;

/// The largest number of characters of a value in a message.
const VALUE_CHARS_MAX: usize = 80;
/// The largest number of values in a message.
const VALUES_MAX: usize = 3;

/// The reason where there is no more to say than that two texts differ.
pub(super) const ANOTHER_TEXT: &str = "another text";

/// Returns how a text differs from the expected text; nothing if both are the same, except for values that may vary.
pub(super) fn text_difference(expected: &str, got: &str, vary: &[Loosening]) -> Option<String> {
    if expected == got {
        return None;
    }
    let pointers: Vec<(&str, &Loosening)> = vary
        .iter()
        .filter_map(|vary| match &vary.place {
            VaryPlace::Pointer(pointer) => Some((pointer.as_str(), vary)),
            _ => None,
        })
        .collect();
    // Decides by the rule for the whole text alone, if there is such a rule.
    if let Some((_, whole)) = pointers.iter().find(|(pointer, _)| pointer.is_empty()) {
        return whole.breach_of_data(got).map(|rule| format!("expected {rule}"));
    }
    // Says no more about plain text.
    let Ok(mut before) = serde_json::from_str::<Value>(expected) else { return Some(ANOTHER_TEXT.to_owned()) };
    let mut after: Value = match serde_json::from_str(got) {
        Ok(after) => after,
        // Expects JSON only in the place of an object or an array, since plain text may be a number too.
        Err(error) if before.is_object() || before.is_array() => return Some(format!("no JSON: {error}")),
        Err(_) => return Some(ANOTHER_TEXT.to_owned()),
    };
    let differences = varying_differences(&pointers, &before, &after);
    if !differences.is_empty() {
        return Some(differences.join("; "));
    }
    // Blanks the values that may vary: each has kept the rule by now.
    let mut is_one_sided = false;
    for (pointer, vary) in &pointers {
        is_one_sided |= vary.allows_absence() && before.pointer(pointer).is_some() != after.pointer(pointer).is_some();
        blank(&mut before, pointer, vary.allows_absence());
        blank(&mut after, pointer, vary.allows_absence());
    }
    let mut differences: Vec<String> = json_differences(&before, &after).iter().map(told).collect();
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(VALUES_MAX);
        differences.truncate(VALUES_MAX);
        differences.extend((more > 0).then(|| format!("and {more} more")));
        return Some(differences.join("; "));
    }
    // Compares the spelling of right values, but only where both texts have the same keys.
    let is_same = is_one_sided || blanked(expected, &pointers) == blanked(got, &pointers);
    (!is_same).then(|| "the same JSON in another spelling".to_owned())
}

/// Returns how the values that may vary break the rules.
fn varying_differences(pointers: &[(&str, &Loosening)], before: &Value, after: &Value) -> Vec<String> {
    let difference = |(pointer, vary): &(&str, &Loosening)| match (before.pointer(pointer), after.pointer(pointer)) {
        (_, Some(came)) => vary.breach(came).map(|rule| format!("{pointer}: expected {rule}, got {}", shown(came))),
        (Some(_), None) if !vary.allows_absence() => Some(format!("{pointer} is missing")),
        _ => None,
    };
    pointers.iter().filter_map(difference).collect()
}

/// Returns a difference in words.
fn told(difference: &JsonDifference) -> String {
    let pointer = &difference.pointer;
    match (difference.first, difference.second) {
        (Some(expected), Some(got)) => {
            let at = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
            format!("{at}expected {}, got {}", shown(expected), shown(got))
        }
        (Some(_), None) => format!("{pointer} is missing"),
        (None, _) => format!("{pointer} is not expected"),
    }
}

fn shown(value: &Value) -> String {
    clipped(value.to_string(), VALUE_CHARS_MAX)
}

/// Replaces the value at a pointer by null, or removes a value that may be missing.
fn blank(value: &mut Value, pointer: &str, is_removed: bool) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    if let (true, Some(Value::Object(fields))) = (is_removed, value.pointer_mut(parent)) {
        fields.remove(&unescaped(key));
    } else if let Some(value) = value.pointer_mut(pointer) {
        *value = Value::Null;
    }
}

/// Returns the text of JSON with the values at the pointers left out.
fn blanked(text: &str, pointers: &[(&str, &Loosening)]) -> String {
    let mut spans: Vec<Range<usize>> = pointers.iter().filter_map(|(pointer, _)| span(text, pointer)).collect();
    // Puts the longer of two spans with the same start first.
    spans.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let (mut blanked, mut from) = (String::with_capacity(text.len()), 0);
    // Passes over a span within another span, which is left out with the other.
    for span in spans {
        if span.start >= from {
            blanked += &text[from..span.start];
            from = span.end;
        }
    }
    blanked + &text[from..]
}

/// Returns where the value at a pointer stands in the text of JSON.
pub(super) fn span(text: &str, pointer: &str) -> Option<Range<usize>> {
    let mut value = text.trim();
    for key in pointer.split('/').skip(1).map(unescaped) {
        value = if value.starts_with('{') {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(value).ok()?.get(&key)?.get()
        } else {
            serde_json::from_str::<Vec<&RawValue>>(value).ok()?.get(key.parse::<usize>().ok()?)?.get()
        };
    }
    // Subtracts addresses, since a raw value is a part of the text.
    let start = value.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + value.len())
}

/// Returns where the entry of an object at a pointer stands in the text of JSON: the key, the value, and one comma.
pub(super) fn entry(text: &str, pointer: &str) -> Option<Range<usize>> {
    let value = span(text, pointer)?;
    let (_, key) = pointer.rsplit_once('/')?;
    let key = Value::from(unescaped(key)).to_string();
    let before = text[..value.start].trim_end().strip_suffix(':')?.trim_end().strip_suffix(&key)?;
    if let Some(rest) = text[value.end..].trim_start().strip_prefix(',') {
        return Some(before.len()..text.len() - rest.trim_start().len());
    }
    // Takes the comma before the last entry.
    let start = before.trim_end().strip_suffix(',').map_or(before.len(), str::len);
    Some(start..value.end)
}

/// Returns a key of a pointer without escapes (RFC 6901, 4).
fn unescaped(key: &str) -> String {
    // Replaces `~0` last, since `~01` stands for `~1`.
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(expected: &str, got: &str, vary: &str) -> Option<String> {
        let vary: Vec<onbeat_wire::recording::Vary> = serde_json::from_str(vary).expect(vary);
        let vary: Vec<Loosening> = vary.iter().map(|vary| Loosening::compile(vary).expect("a rule")).collect();
        text_difference(expected, got, &vary)
    }

    #[test]
    fn json_is_compared_to_the_byte_except_for_what_may_vary() {
        let vary =
            r#"[{"pointer":"/id","as":"string"},{"pointer":"/c/0/n","as":"number"},{"pointer":"/x","as":"any"}]"#;
        let expected = r#"{"id":"a","c":[{"n":1,"t":"hi"}]}"#;
        for (got, told) in [
            (r#"{"id":"bcd","c":[{"n":22,"t":"hi"}]}"#, None),
            (r#"{"id":"b","c":[{"n":2,"t":"hi"}],"x":[1]}"#, None),
            (r#"{"id":"b","c":[{"n":2,"t":"ho"}]}"#, Some(r#"/c/0/t: expected "hi", got "ho""#)),
            (r#"{"id":5,"c":[{"n":2,"t":"ho"}]}"#, Some("/id: expected a string, got 5")),
            (r#"{"c":[{"n":2,"t":"hi"}]}"#, Some("/id is missing")),
            (r#"{"id":"b","c":[{"n":2,"t":"hi"}],"y":1}"#, Some("/y is not expected")),
            (r#"{"id":"b","c":[]}"#, Some("/c/0/n is missing")),
            (r#"{"id": "b","c":[{"n":2,"t":"hi"}]}"#, Some("the same JSON in another spelling")),
            (r#"{"c":[{"n":2,"t":"hi"}],"id":"b"}"#, Some("the same JSON in another spelling")),
            ("done", Some("no JSON: expected value at line 1 column 1")),
            (r#"{"id":"b","c":[{"n":2,"t":"hi"}}"#, Some("no JSON: expected `,` or `]` at line 1 column 32")),
        ] {
            assert_eq!(difference(expected, got, vary).as_deref(), told, "{got}");
        }
        assert_eq!(difference("[DONE]", "[END]", vary).as_deref(), Some("another text"));
        assert_eq!(difference("5", "five", vary).as_deref(), Some("another text"));
        assert_eq!(difference("1", "2", "[]").as_deref(), Some("expected 1, got 2"));
    }

    #[test]
    fn a_text_as_a_whole_may_vary() {
        let vary = r#"[{"pointer":"","as":"regex","pattern":"took \\d+ ms"}]"#;
        assert_eq!(difference("took 5 ms", "took 17 ms", vary), None);
        assert!(difference("took 5 ms", "took long", vary).is_some());
        let uuid = r#"[{"pointer":"","as":"uuid"}]"#;
        assert_eq!(difference("a", "0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f", uuid), None);
        assert_eq!(difference("a", "\"0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f\"", uuid), None);
    }

    #[test]
    fn deep_json_is_compared_as_text() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(
            difference(&deep("1"), &deep("2"), r#"[{"pointer":"/0","as":"any"}]"#).as_deref(),
            Some("another text")
        );
    }
}
