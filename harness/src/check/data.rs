//! One write held against another: in what they differ, beyond what may vary.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fixtures::format::{Aspect, Line, Rule, Vary};

/// In what a write differs from what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) aspect: Aspect,
    /// Which value, if one alone is wrong, and why.
    pub(super) what: String,
    /// What was expected, with what may vary as it came.
    pub(super) expected: String,
}

/// The differences between a write and what was expected; none if it conforms.
///
/// Clients that do not belong to the scene count as `others`; if nobody knows how many there are, a count may be larger.
pub(super) fn compare(expected: &str, vary: &[Vary], got: &[u8], others: Option<u64>) -> Vec<Difference> {
    let expected = &corrected(expected, vary, others)[..];
    let one = |aspect, what: &str| vec![Difference { aspect, what: what.into(), expected: expected.into() }];
    if expected.as_bytes() == got {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(got) else { return one(Aspect::Bytes, "not UTF-8") };
    if text.contains('\r') && text.replace("\r\n", "\n").replace('\r', "\n") == expected {
        return one(Aspect::LineEnd, "CR in the line ends");
    }
    if ["id:", "id\n"].iter().any(|field| text.starts_with(field)) {
        return one(Aspect::Id, "an id line");
    }
    let (Some(before), Some(after)) = (Object::within(expected), Object::within(text)) else {
        return one(Aspect::Bytes, "");
    };
    let differences = before.differences(&after, vary, others);
    let wanted = before.with_values_of(&after, vary, others);
    if !differences.is_empty() {
        let told = |(aspect, what)| Difference { aspect, what, expected: wanted.clone() };
        return differences.into_iter().map(told).collect();
    }
    if wanted == text {
        return Vec::new();
    }
    let aspect = match () {
        () if text.contains('\r') && text.replace("\r\n", "\n") == wanted => Aspect::LineEnd,
        () if (before.head, before.tail) == (after.head, after.tail) => Aspect::Spelling,
        () => Aspect::Bytes,
    };
    vec![Difference { aspect, what: String::new(), expected: wanted }]
}

/// Returns what is expected where so many other clients are connected: a fixture's counts leave them out.
pub(super) fn corrected(expected: &str, vary: &[Vary], others: Option<u64>) -> String {
    let (Some(others @ 1..), Some(object)) = (others, Object::within(expected)) else { return expected.into() };
    let mut text = expected.to_owned();
    for (key, value) in &object.entries {
        let counts = |vary: &&Vary| vary.rule == Rule::Count && vary.pointer.strip_prefix('/') == Some(key);
        if let (Some(_), Ok(count)) = (vary.iter().find(counts), value.get().parse::<u64>()) {
            let entry = |count: u64| format!("{}:{count}", Value::from(key.as_str()));
            text = text.replacen(&entry(count), &entry(count.saturating_add(others)), 1);
        }
    }
    text
}

/// Whether a number of clients may vary in it.
pub(super) fn counts(vary: &[Vary]) -> bool {
    vary.iter().any(|vary| vary.rule == Rule::Count)
}

/// A JSON object in a text, with its values as they are spelled.
struct Object<'a> {
    /// What comes before it.
    head: &'a str,
    entries: Vec<(String, &'a RawValue)>,
    /// The object as a whole.
    text: &'a str,
    /// What comes after it.
    tail: &'a str,
}

impl<'a> Object<'a> {
    fn within(text: &'a str) -> Option<Self> {
        let (start, end) = (text.find('{')?, text.rfind('}')? + 1);
        let inner = text.get(start..end)?;
        let Entries(entries) = serde_json::from_str(inner).ok()?;
        Some(Self { head: &text[..start], entries, text: inner, tail: &text[end..] })
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.get())
    }

    /// The aspects in which the values of `got` are wrong, and how.
    fn differences(&self, got: &Self, vary: &[Vary], others: Option<u64>) -> Vec<(Aspect, String)> {
        let mut differences = Vec::new();
        for (key, value) in &self.entries {
            let Some(came) = got.get(key) else {
                differences.push((Aspect::Bytes, format!("{key} is missing")));
                continue;
            };
            let wrong = match vary.iter().find(|vary| vary.pointer.strip_prefix('/') == Some(key)) {
                Some(vary) => breach(&vary.rule, value.get(), came, others),
                None => inequality(value.get(), came),
            };
            differences.extend(wrong.map(|(aspect, why)| (aspect, format!("{key}: {why}"))));
        }
        for (key, _) in &got.entries {
            if self.get(key).is_none() {
                differences.push((Aspect::Bytes, format!("{key} is not expected")));
            }
        }
        differences
    }

    /// The text around it and in it, with what may vary, and does so as it may, as it is in `got`.
    fn with_values_of(&self, got: &Self, vary: &[Vary], others: Option<u64>) -> String {
        let mut text = format!("{}{}{}", self.head, self.text, self.tail);
        for (key, value) in &self.entries {
            let rule = vary.iter().find(|vary| vary.pointer.strip_prefix('/') == Some(key));
            if let (Some(vary), Some(came)) = (rule, got.get(key))
                && breach(&vary.rule, value.get(), came, others).is_none()
            {
                let quoted = Value::from(key.as_str()).to_string();
                text = text.replacen(&format!("{quoted}:{}", value.get()), &format!("{quoted}:{came}"), 1);
            }
        }
        text
    }
}

/// How a value is not the one expected.
fn inequality(expected: &str, got: &str) -> Option<(Aspect, String)> {
    if expected == got {
        return None;
    }
    let (before, after): (Option<Value>, Option<Value>) =
        (serde_json::from_str(expected).ok(), serde_json::from_str(got).ok());
    let aspect = match (before, after) {
        _ if number(expected).is_some_and(|before| Some(before) == number(got)) => Aspect::Number,
        (Some(before), Some(after)) if before == after => Aspect::Spelling,
        _ => Aspect::Bytes,
    };
    Some((aspect, format!("expected {expected}, got {got}")))
}

/// A JSON number. The value of one is not asked of `serde_json`, which may be a bit off in its last place.
fn number(json: &str) -> Option<f64> {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| json.parse().ok())?
}

/// How a varying value breaks its rule.
fn breach(rule: &Rule, usual: &str, got: &str, others: Option<u64>) -> Option<(Aspect, String)> {
    // What is nested too deeply, or too large for a number, is no value that could be right.
    let value: Value = serde_json::from_str(got).unwrap_or_default();
    let told = |aspect, expected: &str| Some((aspect, format!("expected {expected}, got {got}")));
    match rule {
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

/// How many decimals a number has, spelled as ECMAScript does.
fn decimals(spelled: &str) -> i64 {
    let (digits, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
    let after_the_point = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    i64::try_from(after_the_point).unwrap_or(i64::MAX) - exponent.parse::<i64>().unwrap_or_default()
}

/// Whether `Date.prototype.toISOString` could have printed it.
fn is_timestamp(text: &str) -> bool {
    text.len() == 24 && text.parse::<jiff::Timestamp>().is_ok_and(|timestamp| format!("{timestamp:.3}") == text)
}

/// The entries of an object, in their order.
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

/// Whether a write conforms to its line, and all its timestamps are this one.
pub(crate) fn conforms_exactly(line: &Line, got: &[u8], stamp: jiff::Timestamp) -> bool {
    let stamp = format!("{stamp:.3}");
    let right = |(rule, value): &(&Rule, Value)| **rule != Rule::Timestamp || value.as_str() == Some(&stamp);
    compare(line.written(), &line.vary, got, Some(0)).is_empty() && varying(&line.vary, got).iter().all(right)
}

/// The varying values of a write as they came, with their rules.
pub(super) fn varying<'v>(vary: &'v [Vary], got: &[u8]) -> Vec<(&'v Rule, Value)> {
    let Some(object) = std::str::from_utf8(got).ok().and_then(Object::within) else { return Vec::new() };
    let value = |vary: &'v Vary| {
        let key = vary.pointer.strip_prefix('/')?;
        Some((&vary.rule, serde_json::from_str(object.get(key)?).ok()?))
    };
    vary.iter().filter_map(value).collect()
}

/// The first byte in which two texts differ, if they do.
pub(super) fn first_difference(expected: &[u8], got: &[u8]) -> Option<usize> {
    let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    (expected != got).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vary(pointer: &str, rule: Rule) -> Vary {
        Vary { pointer: pointer.into(), rule }
    }

    /// The aspects in which a measurement differs.
    fn aspects(got: &str) -> Vec<Aspect> {
        let expected = "data: {\"id\":0,\"value\":63.2,\"ts\":\"2025-12-01T00:00:01.500Z\"}\n\n";
        let percent = Rule::Number { minimum: 0, maximum: Some(100), below: None, decimals_max: Some(1) };
        let rules = [vary("/value", percent), vary("/ts", Rule::Timestamp)];
        compare(expected, &rules, got.as_bytes(), Some(0)).into_iter().map(|difference| difference.aspect).collect()
    }

    #[test]
    fn a_write_may_vary_only_where_it_may() {
        use Aspect::{Bytes, Id, LineEnd, Number, Spelling, Timestamp};
        let good = "\"2026-01-01T12:00:00.123Z\"";
        for (got, expected) in [
            (format!("data: {{\"id\":0,\"value\":7,\"ts\":{good}}}\n\n"), vec![]),
            (format!("data: {{\"id\":0,\"value\":0.1,\"ts\":{good}}}\n\n"), vec![]),
            (format!("data: {{\"id\":0,\"value\":7.0,\"ts\":{good}}}\n\n"), vec![Number]),
            (format!("data: {{\"id\":0,\"value\":\"7\",\"ts\":{good}}}\n\n"), vec![Number]),
            (format!("data: {{\"id\":0.0,\"value\":7,\"ts\":{good}}}\n\n"), vec![Number]),
            (format!("data: {{\"id\":0,\"value\":7.25,\"ts\":{good}}}\n\n"), vec![Bytes]),
            (format!("data: {{\"id\":0,\"value\":100.1,\"ts\":{good}}}\n\n"), vec![Bytes]),
            (format!("data: {{\"id\":0,\"value\":1e999,\"ts\":{good}}}\n\n"), vec![Number]),
            (
                format!("data: {{\"id\":0,\"value\":1,\"ts\":{}{}}}\n\n", "[".repeat(200), "]".repeat(200)),
                vec![Timestamp],
            ),
            (format!("data: {{\"id\":1,\"value\":7,\"ts\":{good}}}\n\n"), vec![Bytes]),
            (format!("data: {{\"value\":7,\"id\":0,\"ts\":{good}}}\n\n"), vec![Spelling]),
            (format!("data: {{\"id\": 0,\"value\":7,\"ts\":{good}}}\n\n"), vec![Spelling]),
            (format!("data: {{\"id\":0,\"value\":7,\"ts\":{good}}}\r\n\r\n"), vec![LineEnd]),
            (format!("data:{{\"id\":0,\"value\":7,\"ts\":{good}}}\n\n"), vec![Bytes]),
            (format!("data: {{\"id\":0,\"value\":7,\"ts\":{good},\"x\":1}}\n\n"), vec![Bytes]),
            ("data: {\"id\":0,\"value\":7}\n\n".into(), vec![Bytes]),
            ("data: {\"id\":0,\"value\":7,\"ts\":\"2026-01-01T20:00:00.123+08:00\"}\n\n".into(), vec![Timestamp]),
            ("data: {\"id\":0,\"value\":7,\"ts\":\"2026-01-01T12:00:00Z\"}\n\n".into(), vec![Timestamp]),
            ("data: {\"id\":0,\"value\":7,\"ts\":\"2026-02-30T12:00:00.000Z\"}\n\n".into(), vec![Timestamp]),
            ("data: {\"id\":0,\"value\":7,\"ts\":1764547201500}\n\n".into(), vec![Timestamp]),
            ("data: {\"id\":0,\"value\":7.0,\"ts\":1764547201500}\n\n".into(), vec![Number, Timestamp]),
            ("id: 1\n".into(), vec![Id]),
            ("data: soon\n\n".into(), vec![Bytes]),
            (String::new(), vec![Bytes]),
        ] {
            assert_eq!(aspects(&got), expected, "{got}");
        }
    }

    #[test]
    fn a_number_of_many_digits_is_read_to_its_last() {
        let rules = [vary("/value", Rule::Number { minimum: 0, maximum: None, below: Some(100), decimals_max: None })];
        for digits in ["92.69149114339059", "34.82544685480763", "0.000001", "1e-7", "5e-324", "99.99999999999999"] {
            assert_eq!(
                compare("{\"value\":1}", &rules, format!("{{\"value\":{digits}}}").as_bytes(), Some(0)),
                [],
                "{digits}"
            );
        }
        assert_eq!(compare("{\"value\":1}", &rules, b"{\"value\":0.0000001}", Some(0))[0].aspect, Aspect::Number);
    }

    #[test]
    fn decimals_are_those_of_the_value() {
        assert_eq!(["50", "0.1", "12.34", "1e-7", "1.5e-7", "1e+21"].map(decimals), [0, 1, 2, 7, 8, -21]);
    }

    #[test]
    fn literals_are_exact() {
        let literal = "data: {\"done\": true}\n\n";
        assert_eq!(compare(literal, &[], literal.as_bytes(), Some(0)), []);
        assert_eq!(compare(literal, &[], b"data: {\"done\":true}\n\n", Some(0))[0].aspect, Aspect::Spelling);
        assert_eq!(compare(literal, &[], b"\xff", Some(0))[0].aspect, Aspect::Bytes);
    }

    #[test]
    fn a_count_grows_by_the_clients_from_elsewhere() {
        let rules = [vary("/clients", Rule::Count)];
        let (none, some) = (Some(0), Some(3));
        for (got, others, right) in [
            ("2", none, true),
            ("5", some, true),
            ("4", some, false),
            ("2", some, false),
            ("7", None, true),
            ("2", None, true),
            ("1", None, false),
            ("\"2\"", none, false),
            ("-2", None, false),
            ("2", Some(u64::MAX), false),
        ] {
            let got = format!("{{\"ok\":true,\"clients\":{got}}}");
            let differences = compare("{\"ok\":true,\"clients\":2}", &rules, got.as_bytes(), others);
            assert_eq!(differences.is_empty(), right, "{got} with {others:?}");
        }
    }

    #[test]
    fn a_difference_shows_the_number_that_was_expected() {
        let rules = [vary("/sent", Rule::Count), vary("/clients", Rule::Count)];
        let expected = "{\"ok\":true,\"sent\":2,\"clients\":2}";
        let differences = compare(expected, &rules, b"{\"ok\":true,\"sent\":12,\"clients\":2}", Some(10));
        let [difference] = &differences[..] else { panic!("one difference, got {differences:?}") };
        assert_eq!(difference.what, "clients: expected 12, got 2");
        assert_eq!(difference.expected, "{\"ok\":true,\"sent\":12,\"clients\":12}");
    }
}
