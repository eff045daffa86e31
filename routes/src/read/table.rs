//! Reads the values of a table by key. A wrong value becomes a problem, and the reading goes on.

use std::ops::RangeInclusive;
use std::time::Duration;

use onbeat_faults::form::{shown, whole};
use onbeat_wire::TIME_MS_MAX;
use serde_json::Value;

use super::node::{Node, NodeValue, Place};
use super::problems::Problems;
use crate::nearest_name::nearest;
use crate::template::Template;

/// The keys whose texts often are JSON.
const JSON_TEXTS: [&str; 3] = [".data", ".body", ".send"];

/// A table whose keys are known.
pub(super) struct Table<'a> {
    pub(super) place: &'a Place,
    keys: &'a [(String, Node)],
}

impl<'a> Table<'a> {
    /// Reads a table with some of these keys.
    pub(super) fn read(node: &'a Node, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let NodeValue::Table(keys) = &node.content else {
            problems.add(&node.place, format!("expected a table, got {node}"));
            return None;
        };
        for (key, value) in keys {
            if !known.contains(&key.as_str()) {
                // Points at the line of the key and the path of the table.
                let place = Place { line: value.place.line, ..node.place.clone() };
                problems.add(&place, unknown(key, known));
            }
        }
        Some(Self { place: &node.place, keys })
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.keys.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// Returns whether a key is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns the keys of the table among `names`.
    pub(super) fn present<'n>(&self, names: &'n [&'n str]) -> Vec<&'n str> {
        names.iter().copied().filter(|name| self.has(name)).collect()
    }

    /// Returns a text.
    pub(super) fn text(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        text(self.get(name)?, problems)
    }

    /// Returns a text with placeholders.
    pub(super) fn template(&self, name: &str, problems: &mut Problems) -> Option<Template> {
        template(self.get(name)?, problems)
    }

    /// Returns a whole number within bounds.
    pub(super) fn whole(&self, name: &str, bounds: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        let node = self.get(name)?;
        let number = if let NodeValue::Plain(value) = &node.content { whole(value) } else { None };
        let within = number.filter(|number| bounds.contains(number));
        if within.is_none() {
            let (least, most) = bounds.into_inner();
            let range =
                if least == most { least.to_string() } else { format!("a whole number from {least} to {most}") };
            problems.add(&node.place, format!("expected {range}, got {node}"));
        }
        within
    }

    /// Returns a time in milliseconds.
    pub(super) fn ms(&self, name: &str, least: u64, problems: &mut Problems) -> Option<Duration> {
        self.whole(name, least..=TIME_MS_MAX, problems).map(Duration::from_millis)
    }

    /// Returns one of some words.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let node = self.get(name)?;
        let word = if let NodeValue::Plain(Value::String(word)) = &node.content { word } else { "" };
        // Takes a value other than text for an unknown word, as one problem.
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(known, _)| format!("\"{known}\"")).collect();
            let known = match known.split_last() {
                Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
                _ => known.join(""),
            };
            problems.add(&node.place, format!("expected {known}, got {node}"));
        }
        found
    }

    /// Returns the items of an array with at least one item and at most `most`.
    pub(super) fn items(&self, name: &str, most: usize, problems: &mut Problems) -> &'a [Node] {
        let Some(node) = self.get(name) else { return &[] };
        match &node.content {
            NodeValue::Array(items) if (1..=most).contains(&items.len()) => items,
            content => {
                // Shows the way out of the usual slip in TOML: `[route]` in place of `[[route]]`.
                let is_slip = matches!(content, NodeValue::Table(_)) && node.place.line.is_some();
                let hint = if is_slip {
                    format!(": write [[{}]], or [ and ] around the table", node.place.names())
                } else {
                    String::new()
                };
                problems.add(&node.place, format!("expected an array with 1 to {most} items, got {node}{hint}"));
                &[]
            }
        }
    }

    /// Returns the keys and values of a table.
    pub(super) fn entries(&self, name: &str, problems: &mut Problems) -> &'a [(String, Node)] {
        let Some(node) = self.get(name) else { return &[] };
        if let NodeValue::Table(keys) = &node.content {
            return keys;
        }
        problems.add(&node.place, format!("expected a table, got {node}"));
        &[]
    }
}

/// Returns a text.
pub(super) fn text<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    let text = node.as_text();
    if text.is_none() {
        let is_nested = matches!(node.content, NodeValue::Table(_) | NodeValue::Array(_));
        let is_content = JSON_TEXTS.iter().any(|key| node.place.path.ends_with(key));
        let hint = if is_nested && is_content { ": write JSON as a text in quotes" } else { "" };
        problems.add(&node.place, format!("expected a text, got {node}{hint}"));
    }
    text
}

/// Checks that a value is JSON all through: a request has no dates, and no numbers such as `nan`.
pub(super) fn check_json(node: &Node, problems: &mut Problems) {
    match &node.content {
        NodeValue::Plain(_) => {}
        NodeValue::Array(items) => items.iter().for_each(|item| check_json(item, problems)),
        NodeValue::Table(keys) => keys.iter().for_each(|(_, value)| check_json(value, problems)),
        NodeValue::Other(_) => {
            problems.add(&node.place, format!("expected a value that JSON has, such as a text in quotes, got {node}"));
        }
    }
}

/// Returns a text with placeholders.
pub(super) fn template(node: &Node, problems: &mut Problems) -> Option<Template> {
    match Template::parse(text(node, problems)?) {
        Ok(template) => Some(template),
        Err(error) => {
            problems.add(&node.place, error.to_string());
            None
        }
    }
}

/// Returns the problem of an unknown key.
pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    let name = shown(name);
    match nearest(&name, known.iter().copied()) {
        Some(nearest) => format!("expected a known key, got {name}: did you mean {nearest}?"),
        None => format!("expected one of {}, got {name}", known.join(", ")),
    }
}
