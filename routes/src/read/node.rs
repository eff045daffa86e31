//! A tree of values, each with its place, out of TOML or JSON.

use std::fmt;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value stands: the line of a file, from 1, and the path from the root, such as `route[0].steps[2].data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: Option<usize>,
    pub(super) path: String,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Text, a boolean, a number or, in JSON, null.
    Plain(Value),
    Array(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// A value that no key takes, such as a date of TOML, by its text.
    Other(String),
}

impl Place {
    /// Returns the place of a key below this place.
    pub(super) fn key(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{name}", self.path), ..self.clone() }
    }

    fn item(&self, number: usize) -> Self {
        Self { path: format!("{}[{number}]", self.path), ..self.clone() }
    }

    fn at_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl Node {
    /// Returns the tree of a JSON value.
    pub(super) fn of_json(value: Value, place: Place) -> Self {
        let content = match value {
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Content::Array(items.map(|(number, item)| Self::of_json(item, place.item(number))).collect())
            }
            Value::Object(keys) => {
                let keys = keys.into_iter();
                Content::Table(keys.map(|(key, value)| (key.clone(), Self::of_json(value, place.key(&key)))).collect())
            }
            plain => Content::Plain(plain),
        };
        Self { place, content }
    }

    /// Returns the tree of a TOML document.
    pub(super) fn of_toml(table: &Spanned<DeTable<'_>>, lines: &Lines) -> Self {
        let place = Place::default().at_line(1);
        Self { content: table_of_toml(table.get_ref(), &place, lines), place }
    }

    fn of_toml_value(value: &Spanned<DeValue<'_>>, place: Place, lines: &Lines) -> Self {
        let content = match value.get_ref() {
            DeValue::String(text) => Content::Plain(text.as_ref().into()),
            DeValue::Boolean(is) => Content::Plain((*is).into()),
            DeValue::Integer(integer) => {
                let text = integer.as_str().replace('_', "");
                let number = i64::from_str_radix(&text, integer.radix()).ok().map(Value::from);
                number.map_or(Content::Other(text), Content::Plain)
            }
            DeValue::Float(float) => {
                // A number that JSON does not have, such as `nan`, is no value of any key.
                let text = float.as_str().replace('_', "");
                let number = text.parse().ok().and_then(serde_json::Number::from_f64);
                number.map_or(Content::Other(text), |number| Content::Plain(number.into()))
            }
            DeValue::Datetime(datetime) => Content::Other(datetime.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(number, item)| {
                    let place = place.item(number).at_line(lines.of(item.span().start));
                    Self::of_toml_value(item, place, lines)
                });
                Content::Array(items.collect())
            }
            DeValue::Table(table) => table_of_toml(table, &place, lines),
        };
        Self { place, content }
    }

    /// Returns the value as JSON.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Plain(value) => value.clone(),
            Content::Array(items) => items.iter().map(Self::to_json).collect(),
            Content::Table(keys) => {
                Value::Object(keys.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
            Content::Other(text) => Value::String(text.clone()),
        }
    }

    /// Returns whether the value is a table without keys.
    pub(super) fn is_empty_table(&self) -> bool {
        matches!(&self.content, Content::Table(keys) if keys.is_empty())
    }

    /// Returns the node at a path below this node, such as `from.byte`, or else the nearest node above.
    pub(super) fn below(&self, path: &str) -> &Self {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        match &self.content {
            Content::Table(keys) => match keys.iter().find(|(key, _)| key == first) {
                Some((_, node)) => node.below(rest),
                None => self,
            },
            _ => self,
        }
    }
}

fn table_of_toml(table: &DeTable<'_>, place: &Place, lines: &Lines) -> Content {
    let mut keys: Vec<_> = table.iter().collect();
    // In the order of the file.
    keys.sort_by_key(|(key, _)| key.span().start);
    let node = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let place = place.key(key.get_ref()).at_line(lines.of(key.span().start));
        (key.get_ref().to_string(), Node::of_toml_value(value, place, lines))
    };
    Content::Table(keys.into_iter().map(node).collect())
}

impl fmt::Display for Node {
    /// Shows the beginning of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Array(items) => write!(f, "an array of {}", items.len()),
            Content::Table(_) => f.write_str("a table"),
            Content::Other(text) => f.write_str(&onbeat_faults::form::shown(text)),
            Content::Plain(value) => f.write_str(&onbeat_faults::form::shown(&value.to_string())),
        }
    }
}

/// The places of the line ends in a text.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// Returns the line with the byte at this place, from 1.
    pub(super) fn of(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}
