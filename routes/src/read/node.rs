//! A tree of values, each with its place, out of TOML or JSON.

use std::fmt;

use onbeat_faults::form::shown;
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
    pub(super) content: NodeValue,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    /// Text, a boolean, a number or, in JSON, null.
    Plain(Value),
    Array(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// A value without a use in any key, such as a date of TOML, as text.
    Other(String),
}

impl Place {
    /// Returns the place of a key below this place.
    pub(super) fn key(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{}", self.path, shown(name)), ..self.clone() }
    }

    /// Returns the path without the numbers of items, as a header in TOML has the path: `route.response`.
    pub(super) fn names(&self) -> String {
        self.path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".")
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
                NodeValue::Array(items.map(|(number, item)| Self::of_json(item, place.item(number))).collect())
            }
            Value::Object(keys) => {
                let keys = keys.into_iter();
                NodeValue::Table(
                    keys.map(|(key, value)| (key.clone(), Self::of_json(value, place.key(&key)))).collect(),
                )
            }
            plain => NodeValue::Plain(plain),
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
            DeValue::String(text) => NodeValue::Plain(text.as_ref().into()),
            DeValue::Boolean(is) => NodeValue::Plain((*is).into()),
            DeValue::Integer(integer) => {
                // Removes the underscores of `1_000`, which Rust's parser refuses.
                let text = integer.as_str().replace('_', "");
                let number = i64::from_str_radix(&text, integer.radix()).ok().map(Value::from);
                number.map_or(NodeValue::Other(text), NodeValue::Plain)
            }
            DeValue::Float(float) => {
                // Keeps a number outside of JSON, such as `nan`, as text for the message.
                let text = float.as_str().replace('_', "");
                let number = text.parse().ok().and_then(serde_json::Number::from_f64);
                number.map_or(NodeValue::Other(text), |number| NodeValue::Plain(number.into()))
            }
            DeValue::Datetime(datetime) => NodeValue::Other(datetime.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(number, item)| {
                    let place = place.item(number).at_line(lines.of(item.span().start));
                    Self::of_toml_value(item, place, lines)
                });
                NodeValue::Array(items.collect())
            }
            DeValue::Table(table) => table_of_toml(table, &place, lines),
        };
        Self { place, content }
    }

    /// Returns the value as JSON.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            NodeValue::Plain(value) => value.clone(),
            NodeValue::Array(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Table(keys) => {
                Value::Object(keys.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
            NodeValue::Other(text) => Value::String(text.clone()),
        }
    }

    /// Returns whether the value is a table without keys.
    pub(super) fn is_empty_table(&self) -> bool {
        matches!(&self.content, NodeValue::Table(keys) if keys.is_empty())
    }

    /// Returns the value of a key; `None` if the value is no table, or has no such key.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let NodeValue::Table(keys) = &self.content else { return None };
        keys.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// Returns the text, if the value is a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let NodeValue::Plain(Value::String(text)) = &self.content { Some(text) } else { None }
    }

    /// Returns the node at a path below this node, such as `from.byte`, or else the nearest node above.
    pub(super) fn below(&self, path: &str) -> &Self {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        self.get(first).map_or(self, |node| node.below(rest))
    }
}

fn table_of_toml(table: &DeTable<'_>, place: &Place, lines: &Lines) -> NodeValue {
    let mut keys: Vec<_> = table.iter().collect();
    // Restores the order of the file, since the parser's table sorts the keys.
    keys.sort_by_key(|(key, _)| key.span().start);
    let node = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let place = place.key(key.get_ref()).at_line(lines.of(key.span().start));
        (key.get_ref().to_string(), Node::of_toml_value(value, place, lines))
    };
    NodeValue::Table(keys.into_iter().map(node).collect())
}

impl fmt::Display for Node {
    /// Shows the beginning of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            NodeValue::Array(items) => write!(f, "an array of {}", items.len()),
            NodeValue::Table(_) => f.write_str("a table"),
            NodeValue::Other(text) => f.write_str(&shown(text)),
            NodeValue::Plain(value) => f.write_str(&shown(&value.to_string())),
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
