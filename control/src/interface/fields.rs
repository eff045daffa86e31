//! What was asked for: the fields of a JSON object, taken out one by one.
//!
//! What is taken out is checked; what is left over at the end is a field that nobody knows.

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::refusal::Refusal;

/// Integers up to here are exact in every language's JSON (RFC 8259, 6).
pub(super) const INTEGER_MAX: u64 = (1 << 53) - 1;
/// How much of a wrong value is shown.
const SHOWN_MAX: usize = 60;

/// The fields of an object that have not been taken out yet.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// What the names are prefixed with: the path to the object.
    prefix: String,
    fields: Map<String, Value>,
}

impl Fields {
    /// The fields of the object in `bytes`; none if there are no bytes.
    ///
    /// # Errors
    ///
    /// If this is no JSON object.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let refuse = |field: Option<String>, error: serde_json::Error| {
            Refusal::field(field.unwrap_or_else(|| "body".into()), format!("expected JSON: {error}"))
        };
        let mut parser = serde_json::Deserializer::from_slice(bytes);
        // The parser knows only where; the name before it is what the client knows.
        let value = Value::deserialize(&mut parser).map_err(|error| refuse(last_name(bytes, &error), error))?;
        parser.end().map_err(|error| refuse(None, error))?;
        Self::of_object(String::new(), value)
    }

    /// The fields of an object that has been parsed already.
    ///
    /// # Errors
    ///
    /// If this is no object.
    pub fn from_value(value: Value) -> Result<Self, Refusal> {
        Self::of_object(String::new(), value)
    }

    fn of_object(prefix: String, value: Value) -> Result<Self, Refusal> {
        match value {
            Value::Object(fields) => Ok(Self { prefix, fields }),
            other => {
                let name = if prefix.is_empty() { "body" } else { prefix.trim_end_matches('.') };
                Err(Refusal::field(name, format!("expected an object, got {}", shown(&other.to_string()))))
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A refusal of this field.
    pub(super) fn wrong(&self, name: &str, reason: impl Into<String>) -> Refusal {
        Refusal::field(format!("{}{name}", self.prefix), reason)
    }

    fn unexpected(&self, name: &str, expected: &str, value: &Value) -> Refusal {
        self.wrong(name, format!("expected {expected}, got {}", shown(&value.to_string())))
    }

    fn missing(&self, name: &str, expected: &str) -> Refusal {
        self.wrong(name, format!("expected {expected}, but it is missing"))
    }

    /// A whole number within these bounds, if the field is there.
    pub(super) fn integer(&mut self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.fields.remove(name) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => whole(number).filter(|number| (least..=most).contains(number)),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.unexpected(name, &format!("a whole number from {least} to {most}"), &value))
    }

    pub(super) fn needed_integer(&mut self, name: &str, least: u64, most: u64) -> Result<u64, Refusal> {
        let integer = self.integer(name, least, most)?;
        integer.ok_or_else(|| self.missing(name, &format!("a whole number from {least} to {most}")))
    }

    pub(super) fn needed_count(&mut self, name: &str, least: usize, most: usize) -> Result<usize, Refusal> {
        let count = self.needed_integer(name, least as u64, most as u64)?;
        Ok(usize::try_from(count).expect("it is no more than `most`"))
    }

    /// A text that is `fit`, if the field is there.
    pub(super) fn text<T>(
        &mut self,
        name: &str,
        expected: &str,
        fit: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.fields.remove(name) else { return Ok(None) };
        let text = value.as_str().and_then(fit);
        text.map(Some).ok_or_else(|| self.unexpected(name, expected, &value))
    }

    pub(super) fn needed_text<T>(
        &mut self,
        name: &str,
        expected: &str,
        fit: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Refusal> {
        let text = self.text(name, expected, fit)?;
        text.ok_or_else(|| self.missing(name, expected))
    }

    /// An object, if the field is there.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        let prefix = format!("{}{name}.", self.prefix);
        self.fields.remove(name).map(|value| Self::of_object(prefix, value)).transpose()
    }

    /// All has been taken out.
    pub(super) fn done(self, known: &str) -> Result<(), Refusal> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.wrong(&shown(name), format!("is not known here; expected {known}"))),
        }
    }
}

/// The number, if it is a whole one that is not negative, however it is written.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers up to 2^53 are exact")]
fn whole(number: &Number) -> Option<u64> {
    let as_float = || {
        let float = number.as_f64()?;
        let exact = float.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&float);
        exact.then_some(float as u64)
    };
    number.as_u64().or_else(as_float)
}

/// The name of the last field before the place where the parser stopped.
fn last_name(bytes: &[u8], error: &serde_json::Error) -> Option<String> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').take(error.line());
    let before: usize = lines.clone().count().checked_sub(1).map(|whole| lines.take(whole).map(<[u8]>::len).sum())?;
    let read = &bytes[..bytes.len().min(before + error.column())];
    let text = String::from_utf8_lossy(read);
    let (rest, _) = text.rsplit_once("\":").or_else(|| text.rsplit_once("\" :"))?;
    let (_, name) = rest.rsplit_once('"')?;
    (!name.is_empty()).then(|| shown(name))
}

/// A text that is no longer than it needs to be.
pub(super) fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::from_json(json.as_bytes()).expect(json)
    }

    #[test]
    fn a_whole_number_may_be_written_in_any_way() {
        for (json, number) in [("0", 0), ("30000", 30_000), ("3e4", 30_000), ("1000.0", 1000), ("-0", 0), ("-0.0", 0)] {
            let taken = fields(&format!("{{\"ms\":{json}}}")).needed_integer("ms", 0, 30_000);
            assert_eq!(taken, Ok(number), "{json}");
        }
    }

    #[test]
    fn what_is_no_whole_number_in_bounds_is_refused_by_its_name() {
        for json in ["-1", "1.5", "1e20", "100000000000000000000", "null", "\"1\"", "[]", "{}", "true", "30001"] {
            let refusal = fields(&format!("{{\"ms\":{json}}}")).needed_integer("ms", 0, 30_000).expect_err(json);
            assert_eq!(refusal.field, "ms");
            assert!(refusal.reason.starts_with("expected a whole number from 0 to 30000, got "), "{refusal}");
        }
        let refusal = fields("{}").needed_integer("ms", 0, 9).expect_err("missing");
        assert_eq!(refusal.to_string(), "ms: expected a whole number from 0 to 9, but it is missing");
    }

    #[test]
    fn what_is_no_json_is_refused_by_the_name_of_the_last_field() {
        let deep = format!("{{\"ms\":{}", "[".repeat(500));
        for (json, field) in [
            ("{\"ms\":NaN}", "ms"),
            ("{\"ms\":Infinity}", "ms"),
            ("{\n\"a\":1,\n\"ms\":1e999}", "ms"),
            ("{\"ms\":1", "ms"),
            ("{", "body"),
            ("{\"ms\":1} x", "body"),
            ("ms=1", "body"),
            ("\u{feff}{}", "body"),
            (&deep, "ms"),
        ] {
            let refusal = Fields::from_json(json.as_bytes()).expect_err(json);
            assert_eq!((refusal.status, refusal.field.as_str()), (StatusCode::BAD_REQUEST, field), "{json}");
            assert!(refusal.reason.starts_with("expected JSON: "), "{refusal}");
        }
        for json in ["[]", "1", "null", "\"x\""] {
            let refusal = Fields::from_json(json.as_bytes()).expect_err(json);
            assert!(refusal.to_string().starts_with("body: expected an object, got "), "{refusal}");
        }
        assert!(Fields::from_json(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn what_is_left_over_is_not_known() {
        let mut some = fields(r#"{"from":{"ms":1,"x":2}}"#);
        let mut from = some.object("from").expect("an object").expect("there");
        assert_eq!(from.integer("ms", 0, 1), Ok(Some(1)));
        let refusal = from.done("ms").expect_err("x is left");
        assert_eq!(refusal.to_string(), "from.x: is not known here; expected ms");
        assert_eq!(some.done("from"), Ok(()));
    }
}
