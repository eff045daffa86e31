//! Compares a write with the expected write, apart from values that may vary.

use onbeat_wire::recording::{Vary, VaryRule};
use serde_json::Value;

use super::Aspect;
use super::object::Object;
use super::vary::key_of;

/// A difference between a write and the expected write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WriteDifference {
    pub(super) aspect: Aspect,
    /// The wrong value and the reason, if a single value is wrong.
    pub(super) what: String,
    /// The expected write, with the values that came where values may vary.
    pub(super) expected: String,
}

/// Returns the differences between a write and the expected write; none if the write conforms.
///
/// Clients that do not belong to the scenario count as `others`; if the number of others is unknown, a count may be larger.
pub(super) fn compare(expected: &str, vary: &[Vary], got: &[u8], others: Option<u64>) -> Vec<WriteDifference> {
    let expected = &corrected(expected, vary, others)[..];
    let one = |aspect, what: &str| vec![WriteDifference { aspect, what: what.into(), expected: expected.into() }];
    if expected.as_bytes() == got {
        return Vec::new();
    }
    // Looks for the most telling differences first: bytes that are no text, line ends, a field for ids.
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
    // Compares JSON value by value, each by the rule of the value.
    let differences = before.differences(&after, vary, others);
    let wanted = before.with_values_of(&after, vary, others);
    if !differences.is_empty() {
        let difference = |(aspect, what)| WriteDifference { aspect, what, expected: wanted.clone() };
        return differences.into_iter().map(difference).collect();
    }
    if wanted == text {
        return Vec::new();
    }
    // Names the spelling, since all values are right.
    let aspect = match () {
        () if text.contains('\r') && text.replace("\r\n", "\n") == wanted => Aspect::LineEnd,
        () if (before.head, before.tail) == (after.head, after.tail) => Aspect::Spelling,
        () => Aspect::Bytes,
    };
    vec![WriteDifference { aspect, what: String::new(), expected: wanted }]
}

/// Returns the expected write where so many other clients are connected: the counts of a scenario leave others out.
pub(super) fn corrected(expected: &str, vary: &[Vary], others: Option<u64>) -> String {
    // Returns early for most checks, which have no other clients: JSON takes long to read.
    let Some(others @ 1..) = others else { return expected.into() };
    Object::within(expected).map_or_else(|| expected.into(), |object| object.with_more_clients(others, vary))
}

/// Returns whether a number of clients is among the values that may vary.
pub(super) fn counts(vary: &[Vary]) -> bool {
    vary.iter().any(|vary| vary.rule == VaryRule::Count)
}

/// Returns whether a write conforms to the line, and has the given timestamp in each place of a timestamp.
#[cfg(feature = "simulate")]
pub(crate) fn conforms_exactly(line: &super::ScenarioLine, got: &[u8], stamp: jiff::Timestamp) -> bool {
    let stamp = format!("{stamp:.3}");
    let right = |(rule, value): &(&VaryRule, Value)| **rule != VaryRule::Timestamp || value.as_str() == Some(&stamp);
    compare(line.written(), &line.notes.vary, got, Some(0)).is_empty()
        && varying(&line.notes.vary, got).iter().all(right)
}

/// Returns the varying values of a write as they came, with their rules.
pub(super) fn varying<'v>(vary: &'v [Vary], got: &[u8]) -> Vec<(&'v VaryRule, Value)> {
    let Some(object) = std::str::from_utf8(got).ok().and_then(Object::within) else { return Vec::new() };
    let value = |vary: &'v Vary| Some((&vary.rule, serde_json::from_str(object.get(key_of(vary)?)?).ok()?));
    vary.iter().filter_map(value).collect()
}

/// Returns the first byte in which two texts differ; nothing if they are the same.
pub(crate) fn first_difference(expected: &[u8], got: &[u8]) -> Option<usize> {
    let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    (expected != got).then_some(same)
}

/// Returns how many characters two texts have in common at the beginning.
pub(crate) fn same_chars(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::{NumberBounds, VaryPlace};

    use super::*;

    fn vary(pointer: &str, rule: VaryRule) -> Vary {
        Vary { place: VaryPlace::Pointer(pointer.into()), rule }
    }

    fn number(bounds: NumberBounds) -> VaryRule {
        VaryRule::Number(NumberBounds { minimum: Some(0.0), ..bounds })
    }

    /// The aspects in which a measurement differs.
    fn aspects(got: &str) -> Vec<Aspect> {
        let expected = "data: {\"id\":0,\"value\":63.2,\"ts\":\"2025-12-01T00:00:01.500Z\"}\n\n";
        let percent = number(NumberBounds { maximum: Some(100.0), decimals_max: Some(1), ..NumberBounds::default() });
        let rules = [vary("/value", percent), vary("/ts", VaryRule::Timestamp)];
        compare(expected, &rules, got.as_bytes(), Some(0)).into_iter().map(|difference| difference.aspect).collect()
    }

    #[test]
    fn of_a_hundred_thousand_unexpected_keys_few_are_listed() {
        let keys: Vec<_> = (0..100_000).map(|key| format!("\"k{key}\":1")).collect();
        let differences = compare("data: {}\n\n", &[], format!("data: {{{}}}\n\n", keys.join(",")).as_bytes(), Some(0));
        let what: Vec<_> = differences.iter().map(|difference| &difference.what[..]).collect();
        assert_eq!((what.len(), what[9]), (10, "k9 is not expected"));
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
        let rules = [vary("/value", number(NumberBounds { below: Some(100.0), ..NumberBounds::default() }))];
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
    fn literals_are_exact() {
        let literal = "data: {\"done\": true}\n\n";
        assert_eq!(compare(literal, &[], literal.as_bytes(), Some(0)), []);
        assert_eq!(compare(literal, &[], b"data: {\"done\":true}\n\n", Some(0))[0].aspect, Aspect::Spelling);
        assert_eq!(compare(literal, &[], b"\xff", Some(0))[0].aspect, Aspect::Bytes);
    }

    #[test]
    fn a_count_grows_by_the_clients_from_elsewhere() {
        let rules = [vary("/clients", VaryRule::Count)];
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
        let rules = [vary("/sent", VaryRule::Count), vary("/clients", VaryRule::Count)];
        let expected = "{\"ok\":true,\"sent\":2,\"clients\":2}";
        let differences = compare(expected, &rules, b"{\"ok\":true,\"sent\":12,\"clients\":2}", Some(10));
        let [difference] = &differences[..] else { panic!("one difference, got {differences:?}") };
        assert_eq!(difference.what, "clients: expected 12, got 2");
        assert_eq!(difference.expected, "{\"ok\":true,\"sent\":12,\"clients\":12}");
    }
}
