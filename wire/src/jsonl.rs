//! Lines of JSON from a file, which may have been cut or edited. An error names the line and the field.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;

use crate::UniqueJson;
use crate::printable::printable;

/// The number of characters shown of a line without JSON.
const SHOWN_CHARS_MAX: usize = 60;

/// The beginning of the message about a line that is no JSON.
const NO_JSON: &str = "expected JSON: ";

/// With more changed characters a name is no near one.
const CHANGES_MAX: usize = 2;

/// A line with a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {}", self.field(), .problem.why)]
pub struct WrongLine {
    line: usize,
    problem: Problem,
}

/// A problem of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path to the field, such as `history.clients[0].again`; empty for the line as a whole.
    field: String,
    why: String,
}

impl Problem {
    /// Returns the problem of a field other than `expected`.
    pub fn field(name: impl Into<String>, expected: impl fmt::Display) -> Self {
        Self { field: name.into(), why: format!("expected {expected}") }
    }

    /// Returns the problem of a line other than `expected` as a whole.
    pub fn line(expected: impl fmt::Display) -> Self {
        Self::field("", expected)
    }

    /// Returns the problem of a line from a ready text `why`, with the expectation and the value that came.
    pub fn told(why: impl Into<String>) -> Self {
        Self { field: String::new(), why: why.into() }
    }

    /// Returns the problem of a missing field.
    #[must_use]
    pub fn missing(name: &str) -> Self {
        Self { field: String::new(), why: format!("missing field `{name}`") }
    }

    /// Returns the problem as a problem of a field within the field `name`.
    #[must_use]
    pub fn within(self, name: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        Self { field: format!("{name}{dot}{}", self.field), ..self }
    }

    /// Returns the problem, and adds the nearest key if the problem is an unknown key of the line: one of `names`, or of the
    /// keys that the problem lists.
    #[must_use]
    pub fn with_nearest(self, names: &[&str]) -> Self {
        let Some((unknown, expected)) = self.why.strip_prefix("unknown field `").and_then(|why| why.split_once('`'))
        else {
            return self;
        };
        // Takes the names between the backticks of the message.
        let expected = expected.split('`').skip(1).step_by(2);
        let changes = |name| (strsim::damerau_levenshtein(name, unknown), name);
        let nearest = names.iter().copied().chain(expected).map(changes).min();
        let is_near =
            |(changes, name): &(usize, &str)| (1..=CHANGES_MAX).contains(changes) && 2 * changes <= name.len();
        match nearest.filter(is_near).filter(|_| self.field == unknown) {
            Some((_, name)) => Self { why: format!("{}; the nearest key is `{name}`", self.why), ..self },
            None => self,
        }
    }

    /// Returns the problem with a hint at the end, if the line is no JSON.
    #[must_use]
    pub fn with_hint_if_no_json(self, hint: &str) -> Self {
        if self.why.starts_with(NO_JSON) { Self { why: self.why + hint, ..self } } else { self }
    }

    /// Returns the problem with the number of the line, from 1.
    #[must_use]
    pub fn at(self, line: usize) -> WrongLine {
        WrongLine { line, problem: self }
    }
}

impl WrongLine {
    fn field(&self) -> String {
        let field = &self.problem.field;
        if field.is_empty() { String::new() } else { format!(", field \"{field}\"") }
    }
}

/// Returns the non-empty lines with their numbers, from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

/// Reads a line, which is an object.
///
/// # Errors
///
/// If the line is no object, a key stands twice in an object, or the fields are not the fields of a `T`. The error names the
/// field.
pub fn read<T: DeserializeOwned>(line: &str) -> Result<T, Problem> {
    // Looks at the brace first: serde's message about other text would tell of a struct.
    if !line.trim_start().starts_with('{') {
        return Err(Problem::line(format_args!("a JSON object, got {}", printable(line.trim(), SHOWN_CHARS_MAX))));
    }
    let mut json = serde_json::Deserializer::from_str(line);
    let value: UniqueJson = deserialize(&mut json)?;
    // Refuses anything but white space behind the object.
    json.end().map_err(|error| Problem { field: String::new(), why: why(&error) })?;
    let twice = |path| Problem::field(path, "the key once in an object, got it twice: delete one of the two");
    deserialize(value.into_value().map_err(twice)?)
}

/// Reads a parsed value.
///
/// # Errors
///
/// If the value is no `T`. The error names the field.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    deserialize(value)
}

/// A `T` out of an object alone: the structs of serde are read out of arrays as well.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries)).map(Object)
    }
}

fn deserialize<'de, T: DeserializeOwned>(
    json: impl Deserializer<'de, Error = serde_json::Error>,
) -> Result<T, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let field = match error.inner().classify() {
            // Leaves out the path of the whole line.
            _ if path == "." => "",
            Category::Data => &path,
            // Keeps only the first name where the JSON itself is wrong: the column says more than a path, which may be
            // very deep. A line that breaks off in the middle of a name has no path.
            _ => path.split(['.', '[']).next().filter(|name| *name != "?").unwrap_or_default(),
        };
        Problem { field: field.into(), why: why(error.inner()) }
    })
}

/// Returns the message of serde in the words of this crate, without the line number of serde.
fn why(error: &serde_json::Error) -> String {
    // Removes serde's place: its line number is always 1, since each line is read alone.
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&text);
    if error.classify() != Category::Data {
        return format!("{NO_JSON}{text}, at column {}", error.column());
    }
    if let Some((length, expected)) =
        text.strip_prefix("invalid length ").and_then(|text| text.split_once(", expected "))
    {
        return format!("expected {}, got {length}", in_json(expected));
    }
    // Turns "invalid type: string "x", expected u64" into "expected a whole number from 0 on, got string "x"".
    let out_of_range = text.strip_prefix("invalid value: ");
    let parts = text.strip_prefix("invalid type: ").or(out_of_range);
    match parts.and_then(|parts| parts.rsplit_once(", expected ")) {
        Some((got, number @ ("u8" | "u16" | "u32"))) if out_of_range.is_some() => {
            format!("expected a whole number from 0 to {}, got {got}", largest(number))
        }
        Some((got, "u8" | "u16" | "u32" | "u64" | "usize")) => format!("expected a whole number from 0 on, got {got}"),
        Some((got, expected)) => format!("expected {}, got {}", in_json(expected), in_json(got)),
        None => text.to_owned(),
    }
}

/// Returns the name in JSON for a type that serde names differently.
fn in_json(name: &str) -> &str {
    match name {
        "a sequence" | "sequence" => "an array",
        "a map" | "map" => "an object",
        // Names pairs in both cases: no line has other tuples.
        "a tuple of size 2" | "fewer elements in array" => "an array of 2",
        // Hides the name of a type, which is in no line.
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Returns the largest number of a type of serde.
fn largest(number: &str) -> u32 {
    match number {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        _ => u32::MAX,
    }
}

/// Checks a number against its bounds.
///
/// # Errors
///
/// If the number is out of bounds. The error names the field and the bounds.
pub fn within(field: impl Into<String>, number: u64, bounds: RangeInclusive<u64>) -> Result<(), Problem> {
    let expected = format_args!("a whole number from {} to {}, got {number}", bounds.start(), bounds.end());
    ensure(bounds.contains(&number), field, expected)
}

/// Checks a condition of a field.
///
/// # Errors
///
/// If the condition does not hold. The error names the field and the expectation.
pub fn ensure(condition: bool, field: impl Into<String>, expected: impl fmt::Display) -> Result<(), Problem> {
    if condition { Ok(()) } else { Err(Problem::field(field, expected)) }
}
