//! Reads forms out of JSON objects. An error names the field, the expected value, and the given value.

use onbeat_wire::UniqueJson;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Integers up to here are exact in the JSON of every language (RFC 8259, 6).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// How many characters are shown of a wrong value.
const SHOWN_CHARS_MAX: usize = 60;
/// The beginning of the reason against an unknown field.
pub const UNKNOWN: &str = "is not known here; expected ";

/// A form without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A field that a form cannot have, or cannot have with this value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WrongField {
    /// The path to the field, such as `from.byte`; `body` for the whole.
    pub field: String,
    /// The expected value, and the given value.
    pub reason: String,
}

impl WrongField {
    /// Returns the reason against a field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// Parses JSON; no bytes are an empty object.
///
/// # Errors
///
/// If the bytes are no JSON, which the error tells by the last field before the wrong place; or if a key stands twice in an
/// object.
pub fn parse(bytes: &[u8]) -> Result<Value, WrongField> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let wrong = |field: Option<String>, error: serde_json::Error| {
        WrongField::new(field.unwrap_or_else(|| "body".into()), format!("expected JSON: {error}"))
    };
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    // Names the field before the wrong place, since the parser knows only the place.
    let value = UniqueJson::deserialize(&mut parser).map_err(|error| wrong(last_name(bytes, &error), error))?;
    parser.end().map_err(|error| wrong(None, error))?;
    value
        .into_value()
        .map_err(|path| WrongField::new(path, "expected once in an object, got twice: delete one of the two"))
}

/// Reads a form from an object.
///
/// # Errors
///
/// If the value is no object, or the fields are not the fields of a `T`. The error names the field.
pub fn read<T: DeserializeOwned>(mut object: Value) -> Result<T, WrongField> {
    if !object.is_object() {
        return Err(WrongField::new("body", format!("expected an object, got {}", shown(&object.to_string()))));
    }
    // Reads the field and the reason out of serde's message, the only form of the problem.
    let (path, text) = match deserialize(&object) {
        Ok(form) => return Ok(form),
        Err(error) => error,
    };
    if let Some(name) = text.strip_prefix("missing field `").and_then(|name| name.strip_suffix('`')) {
        // Reads again with null in the missing field, to bring out the expected values.
        object[name] = Value::Null;
        let reason = deserialize::<T>(&object).err().map_or_else(String::new, |(_, text)| text);
        return Err(WrongField::new(name, reason.replace(", got null", ", but it is missing")));
    }
    if let Some(rest) = text.strip_prefix("unknown field `") {
        return Err(unknown(&path, rest));
    }
    Err(match text.strip_prefix("invalid type: ").and_then(|text| text.rsplit_once(", expected ")) {
        Some((got, expected)) => WrongField::new(path, format!("expected {expected}, got {got}")),
        None => WrongField::new(path, text),
    })
}

fn deserialize<T: DeserializeOwned>(object: &Value) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(object).map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// Reads a value that fits.
///
/// # Errors
///
/// If the value does not fit. The error has the expected value, and the given value.
pub fn fitting<'de, D: Deserializer<'de>, T>(
    json: D,
    expected: &str,
    fit: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(json)?;
    fit(&value).ok_or_else(|| D::Error::custom(format!("expected {expected}, got {}", shown(&value.to_string()))))
}

/// Reads a whole number within these bounds.
///
/// # Errors
///
/// If the value is no such number.
pub fn within<'de, D, T, const LEAST: u64, const MOST: u64>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    fitting(json, &format!("a whole number from {LEAST} to {MOST}"), |value| {
        let number = whole(value).filter(|number| (LEAST..=MOST).contains(number));
        T::try_from(number?).ok()
    })
}

/// Returns a number that is whole and not negative, in any spelling.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers up to 2^53 are exact")]
#[must_use]
pub fn whole(value: &Value) -> Option<u64> {
    // Takes 3e4 and 30000.0 as well, the whole numbers of some languages.
    let as_float = || {
        let float = value.as_f64()?;
        let exact = float.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&float);
        exact.then_some(float as u64)
    };
    value.as_u64().or_else(as_float)
}

/// Returns a text, or the beginning of a long text.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

/// Returns the error about a field that a form does not have.
fn unknown(path: &str, name_and_known: &str) -> WrongField {
    let no_fields = || (name_and_known.trim_end_matches("`, there are no fields"), "nothing");
    let (name, known) = name_and_known.rsplit_once("`, expected ").unwrap_or_else(no_fields);
    let known = known.strip_prefix("one of ").unwrap_or(known).replace('`', "");
    // Removes the name from the path, where serde has it only sometimes.
    let path = path.strip_suffix(name).unwrap_or(path).trim_matches('.');
    let dot = if path.is_empty() { "" } else { "." };
    WrongField::new(format!("{path}{dot}{}", shown(name)), format!("{UNKNOWN}{known}"))
}

/// Returns the name of the last field before the place where the parser stopped.
fn last_name(bytes: &[u8], error: &serde_json::Error) -> Option<String> {
    // Finds the bytes read so far by the line and the column of the error.
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').take(error.line());
    let before: usize = lines.clone().count().checked_sub(1).map(|whole| lines.take(whole).map(<[u8]>::len).sum())?;
    let read = &bytes[..bytes.len().min(before + error.column())];
    let text = String::from_utf8_lossy(read);
    let (rest, _) = text.rsplit_once("\":").or_else(|| text.rsplit_once("\" :"))?;
    let (_, name) = rest.rsplit_once('"')?;
    (!name.is_empty()).then(|| shown(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Times {
        #[serde(deserialize_with = "within::<_, _, 0, 30_000>")]
        ms: u64,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "an object")]
    struct Inner {
        #[serde(default, deserialize_with = "within::<_, _, 0, 1>")]
        bit: Option<u64>,
    }

    fn times(json: &str) -> Result<u64, WrongField> {
        parse(json.as_bytes()).and_then(read).map(|Times { ms, inner }| ms + inner.and_then(|it| it.bit).unwrap_or(0))
    }

    #[test]
    fn a_whole_number_may_be_written_in_any_way() {
        for (json, number) in [("0", 0), ("30000", 30_000), ("3e4", 30_000), ("1000.0", 1000), ("-0", 0), ("-0.0", 0)] {
            assert_eq!(times(&format!("{{\"ms\":{json}}}")), Ok(number), "{json}");
        }
    }

    #[test]
    fn what_is_no_whole_number_in_bounds_is_refused_by_its_name() {
        for json in ["-1", "1.5", "1e20", "100000000000000000000", "null", "\"1\"", "[]", "{}", "true", "30001"] {
            let wrong = times(&format!("{{\"ms\":{json}}}")).expect_err(json);
            assert_eq!(wrong.field, "ms");
            assert!(wrong.reason.starts_with("expected a whole number from 0 to 30000, got "), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_form_is_refused_with_the_path_and_the_expected_value() {
        for (json, said) in [
            ("{}", "ms: expected a whole number from 0 to 30000, but it is missing"),
            (r#"{"ms":1,"x":2}"#, "x: is not known here; expected ms or inner"),
            (r#"{"ms":1,"inner":{"x":2}}"#, "inner.x: is not known here; expected bit"),
            (r#"{"ms":1,"inner":{"bit":2}}"#, "inner.bit: expected a whole number from 0 to 1, got 2"),
            (r#"{"ms":1,"inner":7}"#, "inner: expected an object, got integer `7`"),
            (r#"{"ms":1,"ms":1}"#, "ms: expected once in an object, got twice: delete one of the two"),
            (
                r#"{"inner":{"bit":1,"bit":0}}"#,
                "inner.bit: expected once in an object, got twice: delete one of the two",
            ),
        ] {
            assert_eq!(times(json).expect_err(json).to_string(), said);
        }
        let wrong = read::<Nothing>(parse(br#"{"ms":1}"#).expect("JSON")).expect_err("no field is known");
        assert_eq!(wrong.to_string(), "ms: is not known here; expected nothing");
        assert!(parse(b"").and_then(read::<Nothing>).is_ok());
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
            let wrong = times(json).expect_err(json);
            assert_eq!(wrong.field, field, "{json}");
            assert!(wrong.reason.starts_with("expected JSON: "), "{wrong}");
        }
        for json in ["[]", "1", "null", "\"x\""] {
            let wrong = times(json).expect_err(json);
            assert!(wrong.to_string().starts_with("body: expected an object, got "), "{wrong}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err());
    }
}
