//! Values that may vary, each with a rule that is ready for use.

use onbeat_wire::recording::{NumberBounds, Vary, VaryPlace, VaryRule};
use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};

/// The largest size of a compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A value that may vary: a place, and the rule for the value.
#[derive(Clone, Debug)]
pub(crate) struct Loosening {
    pub(crate) place: VaryPlace,
    rule: VaryRule,
    /// The regular expression of the rule.
    whole: Option<Regex>,
}

impl Loosening {
    /// Returns the rule of a recording, ready for use.
    ///
    /// # Errors
    ///
    /// If the regular expression is wrong.
    pub(crate) fn compile(vary: &Vary) -> Result<Self, String> {
        let Vary { place, rule } = vary.clone();
        let whole = if let VaryRule::Regex(pattern) = &rule { Some(whole(pattern)?) } else { None };
        Ok(Self { place, rule, whole })
    }

    /// Returns whether the rule is for a text of any content, such as an id.
    pub(crate) fn is_for_text(&self) -> bool {
        matches!(self.rule, VaryRule::String | VaryRule::Uuid | VaryRule::Regex(_))
    }

    /// Returns whether the value may be missing.
    pub(crate) fn allows_absence(&self) -> bool {
        matches!(self.rule, VaryRule::Any)
    }

    /// Returns the expectation in words, if a value breaks the rule.
    pub(crate) fn breach(&self, value: &Value) -> Option<String> {
        let text = value.as_str();
        let (holds, expected) = match &self.rule {
            VaryRule::Any => (true, String::new()),
            VaryRule::String => (text.is_some(), "a string".to_owned()),
            VaryRule::Number(bounds) => (is_within(value, bounds), described(bounds)),
            VaryRule::Timestamp => (text.is_some_and(is_timestamp), "a timestamp like 2025-12-01T00:00:00Z".to_owned()),
            VaryRule::TextAndTimestamp(start) => {
                let stamp = text.and_then(|text| text.strip_prefix(start.as_str()));
                (stamp.is_some_and(is_timestamp), format!("{start:?} and a timestamp"))
            }
            VaryRule::Uuid => (text.is_some_and(is_uuid), "a UUID".to_owned()),
            VaryRule::Regex(pattern) => {
                let matches = |text: &str| self.whole.as_ref().is_some_and(|whole| whole.is_match(text));
                let holds = text.map_or_else(|| matches(&value.to_string()), matches);
                (holds, format!("a text like {pattern}"))
            }
            VaryRule::Count | VaryRule::Removals => (value.as_u64().is_some(), "a whole number from 0 on".to_owned()),
        };
        (!holds).then_some(expected)
    }

    /// Returns the expectation in words, if the value at the place of the rule breaks the rule. A header, a field of an event and
    /// the data as a whole are texts.
    pub(crate) fn breach_in_place(&self, value: &Value) -> Option<String> {
        match (&self.place, value.as_str()) {
            (VaryPlace::Pointer(pointer), Some(data)) if pointer.is_empty() => self.breach_of_data(data),
            (VaryPlace::Header(_) | VaryPlace::Field(_), Some(text)) => self.breach_of_text(text),
            _ => self.breach(value),
        }
    }

    /// Returns the expectation in words, if the data of an event as a whole breaks the rule: as a text, and also as JSON.
    pub(crate) fn breach_of_data(&self, data: &str) -> Option<String> {
        let expected = self.breach_of_text(data)?;
        let is_right_json = serde_json::from_str(data).is_ok_and(|value: Value| self.breach(&value).is_none());
        (!is_right_json).then_some(expected)
    }

    /// Returns the expectation in words, if a text breaks the rule, such as the value of a header: as a string, and also as a
    /// number, where the text is a number.
    pub(crate) fn breach_of_text(&self, text: &str) -> Option<String> {
        let expected = self.breach(&Value::from(text))?;
        let number = text.parse::<Number>().map(Value::from);
        let is_right_number = number.is_ok_and(|number| self.breach(&number).is_none());
        (!is_right_number).then_some(expected)
    }
}

/// Returns an expression that matches a text as a whole.
fn whole(pattern: &str) -> Result<Regex, String> {
    // Compiles the pattern alone first, so that the message shows the pattern as written.
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
    let compiled = compile(pattern).and_then(|_| compile(&format!("^(?:{pattern})$")));
    compiled.map_err(|error| {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("a regular expression, got {pattern:?}: {why}")
    })
}

/// Returns whether a text is a timestamp (RFC 3339).
pub(crate) fn is_timestamp(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// Returns whether a text is a UUID (RFC 9562, 4).
pub(crate) fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let has_lengths = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]);
    has_lengths && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_within(value: &Value, bounds: &NumberBounds) -> bool {
    let Some(number) = value.as_f64() else { return false };
    bounds.hold(number) && bounds.decimals_max.is_none_or(|max| decimals(&value.to_string()) <= i64::from(max))
}

/// Returns how many decimals a number has in the spelling of ECMAScript.
pub(super) fn decimals(spelled: &str) -> i64 {
    let (digits, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
    let after_the_point = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    i64::try_from(after_the_point).unwrap_or(i64::MAX) - exponent.parse::<i64>().unwrap_or_default()
}

fn described(bounds: &NumberBounds) -> String {
    let parts = [
        bounds.minimum.map(|minimum| format!(" from {minimum}")),
        bounds.maximum.map(|maximum| format!(" to {maximum}")),
        bounds.below.map(|below| format!(" below {below}")),
        bounds.decimals_max.map(|max| format!(" with at most {max} decimals")),
    ];
    format!("a number{}", parts.into_iter().flatten().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(rule: &str, value: &str) -> bool {
        let vary: Vary = serde_json::from_str(&format!("{{\"pointer\":\"/a\",{rule}}}")).expect(rule);
        let value: Value = serde_json::from_str(value).expect(value);
        Loosening::compile(&vary).expect(rule).breach(&value).is_none()
    }

    #[test]
    fn decimals_are_those_of_the_value() {
        assert_eq!(["50", "0.1", "12.34", "1e-7", "1.5e-7", "1e+21"].map(decimals), [0, 1, 2, 7, 8, -21]);
    }

    #[test]
    fn a_value_keeps_or_breaks_a_rule() {
        for (rule, kept, broken) in [
            (r#""as":"any""#, &["1", "null", "{}"][..], &[][..]),
            (r#""as":"string""#, &[r#""""#], &["1", "null"]),
            (r#""as":"number""#, &["1", "-1.5e3"], &[r#""1""#, "true"]),
            (r#""as":"number","minimum":0,"below":1"#, &["0", "0.99"], &["-0.1", "1"]),
            (r#""as":"number","maximum":10,"decimals_max":1"#, &["10", "9.5"], &["10.1", "9.55"]),
            (
                r#""as":"timestamp""#,
                &[r#""2025-12-01T00:00:00Z""#, r#""2025-12-01T08:00:00.123456+08:00""#],
                &["1", r#""now""#],
            ),
            (r#""as":"text-and-timestamp","text":"at ""#, &[r#""at 2025-12-01T00:00:00Z""#], &[r#""at""#]),
            (
                r#""as":"uuid""#,
                &[r#""0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f""#],
                &[r#""0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5""#, r#""zb8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f""#],
            ),
            (r#""as":"regex","pattern":"chatcmpl-\\w+|x""#, &[r#""chatcmpl-1a""#, r#""x""#], &[r#""a x""#, r#""xx""#]),
            (r#""as":"regex","pattern":"\\d+""#, &["12"], &["1.5"]),
            (r#""as":"count""#, &["0", "7"], &["-1", "1.5", r#""1""#]),
            (r#""as":"removals""#, &["0", "7"], &["-1", "1.5", r#""1""#]),
        ] {
            for (values, expected) in [(kept, true), (broken, false)] {
                for value in values {
                    assert_eq!(keeps(rule, value), expected, "{rule} {value}");
                }
            }
        }
    }

    #[test]
    fn the_value_of_a_header_is_a_string_and_may_be_a_number() {
        let keeps = |rule: &str, text: &str| {
            let vary: Vary = serde_json::from_str(&format!("{{\"header\":\"a\",{rule}}}")).expect(rule);
            Loosening::compile(&vary).expect(rule).breach_of_text(text).is_none()
        };
        assert!(keeps(r#""as":"string""#, "17") && keeps(r#""as":"number""#, "17") && keeps(r#""as":"count""#, "17"));
        assert!(!keeps(r#""as":"number""#, "a17") && !keeps(r#""as":"number","maximum":9"#, "17"));
    }

    #[test]
    fn a_wrong_expression_is_told_as_it_was_written() {
        let rule = |pattern: &str| Vary {
            place: VaryPlace::Pointer(String::new()),
            rule: VaryRule::Regex(pattern.to_owned()),
        };
        let told = Loosening::compile(&rule("a)|(b")).expect_err("no expression");
        assert!(told.starts_with("a regular expression, got \"a)|(b\": unopened group"), "{told}");
        assert!(Loosening::compile(&rule("(((a{99}){99}){99}){99}")).is_err());
    }
}
