//! The units of a body that are compared one by one: blocks of an event stream, lines, or pieces.

use onbeat_wire::Decoder;
use onbeat_wire::recording::VaryPlace;

use super::body::{BodyKind, Measure};
use super::facts::{ByteTimes, WriteFact};
use super::rule::Loosening;
use super::text::text_difference;
use crate::judge::first_difference;

/// A unit of a body.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// The first and the last write with bytes of the unit, by index.
    pub(super) writes: (usize, usize),
    /// When the last write came.
    pub(super) times: ByteTimes,
    pub(super) bytes: Vec<u8>,
    /// Where writes end within the unit, in bytes from its beginning, without the end of the unit.
    pub(super) cuts: Vec<usize>,
    /// Whether a write ends where the unit ends.
    pub(super) ends_write: bool,
    /// The unit as text; nothing for bytes that are not UTF-8.
    text: Option<UnitText>,
}

/// The text of a unit: what is the same each time, and values that may vary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UnitText {
    /// All but the values: names of fields, spaces and line ends.
    frame: String,
    /// The fields of an event apart from the data, by name. A comment has no name.
    fields: Vec<(String, String)>,
    data: String,
}

/// What the units of one kind have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) is_comment: bool,
    /// The names of the fields, and the type of the event.
    fields: Vec<String>,
    event_type: String,
    /// The names in the JSON object of the data, and the text of its `type`.
    names: Vec<String>,
    object_type: String,
    is_empty: bool,
}

/// Returns the units of a body.
pub(super) fn units(writes: &[WriteFact], kind: BodyKind, measure: Measure) -> Vec<Unit> {
    let body: Vec<u8> = writes.iter().flat_map(|write| &write.bytes[..]).copied().collect();
    let ends = match kind {
        BodyKind::EventStream => block_ends(&body),
        BodyKind::Lines => memchr::memchr_iter(b'\n', &body).map(|at| at + 1).collect(),
        BodyKind::Whole => Vec::new(),
        BodyKind::Pieces => write_ends(writes),
    };
    let units = units_at(writes, &body, &ends, kind);
    if measure == Measure::Events { units.into_iter().filter_map(|unit| unit.content(kind)).collect() } else { units }
}

/// Returns where each write ends in the body.
pub(super) fn write_ends(writes: &[WriteFact]) -> Vec<usize> {
    let mut end = 0;
    let ends = writes.iter().map(|write| {
        end += write.bytes.len();
        end
    });
    ends.collect()
}

/// Returns the units that end at these places, and a last one for the rest of the body.
pub(super) fn units_at(writes: &[WriteFact], body: &[u8], ends: &[usize], kind: BodyKind) -> Vec<Unit> {
    let write_ends = write_ends(writes);
    let (mut units, mut from) = (Vec::new(), 0);
    for to in ends.iter().copied().chain([body.len()]).filter(|to| *to <= body.len()) {
        if to <= from {
            continue;
        }
        let holder = |at: usize| write_ends.partition_point(|end| *end <= at);
        let (first, last) = (holder(from), holder(to - 1));
        let bytes = body[from..to].to_vec();
        units.push(Unit {
            writes: (first, last),
            times: writes[last].times,
            cuts: write_ends[first..last].iter().map(|end| end - from).collect(),
            ends_write: write_ends[last] == to,
            text: std::str::from_utf8(&bytes).ok().map(|text| UnitText::of(text, kind)),
            bytes,
        });
        from = to;
    }
    units
}

/// Returns where the blocks of an event stream end: behind each empty line. CR, LF and CR LF end a line.
fn block_ends(body: &[u8]) -> Vec<usize> {
    let (mut ends, mut line_start, mut at) = (Vec::new(), 0, 0);
    while at < body.len() {
        let is_line_end = matches!(body[at], b'\n' | b'\r');
        let is_empty = at == line_start;
        at += if body[at..].starts_with(b"\r\n") { 2 } else { 1 };
        if is_line_end {
            line_start = at;
            ends.extend(is_empty.then_some(at));
        }
    }
    ends
}

impl UnitText {
    fn of(text: &str, kind: BodyKind) -> Self {
        let mut unit = Self::default();
        if kind != BodyKind::EventStream {
            let content = if kind == BodyKind::Lines { text.trim_end_matches(['\r', '\n']) } else { text };
            text[content.len()..].clone_into(&mut unit.frame);
            content.clone_into(&mut unit.data);
            return unit;
        }
        let mut has_data = false;
        for line in text.split_inclusive(['\n', '\r']) {
            let content = line.trim_end_matches(['\r', '\n']);
            let (name, rest) = content.split_once(':').unwrap_or((content, ""));
            let value = rest.strip_prefix(' ').unwrap_or(rest);
            unit.frame += &content[..content.len() - value.len()];
            unit.frame += &line[content.len()..];
            match name {
                "" if content.is_empty() => {}
                "data" => {
                    unit.data += if has_data { "\n" } else { "" };
                    unit.data += value;
                    has_data = true;
                }
                _ => unit.fields.push((name.to_owned(), value.to_owned())),
            }
        }
        unit
    }
}

impl UnitText {
    /// Returns whether the unit is a comment, without an event.
    fn is_comment(&self) -> bool {
        !self.fields.is_empty() && self.fields.iter().all(|(name, _)| name.is_empty()) && !self.frame.contains("data")
    }
}

impl Unit {
    /// Returns the part of the unit that an application gets, if any: the dispatched event, or the line without its end.
    fn content(mut self, kind: BodyKind) -> Option<Self> {
        if kind != BodyKind::EventStream {
            let content = self.bytes.trim_ascii_end().len();
            self.bytes.truncate(content);
            if let Some(text) = &mut self.text {
                text.frame.clear();
            }
            return (content > 0).then_some(self);
        }
        let mut decoder = Decoder::default();
        let event = decoder.push(&self.bytes).into_iter().next();
        let retry = decoder.reconnection_time_ms();
        if event.is_none() && retry.is_none() {
            return None;
        }
        let mut fields = Vec::new();
        let mut data = String::new();
        if let Some(event) = event {
            fields.push(("event".to_owned(), event.event_type));
            fields.push(("id".to_owned(), event.last_event_id));
            data = event.data;
        }
        fields.extend(retry.map(|retry| ("retry".to_owned(), retry.to_string())));
        let shown =
            fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}\n"));
        self.bytes = (shown.collect::<String>() + "data: " + &data).into_bytes();
        self.text = Some(UnitText { frame: String::new(), fields, data });
        Some(self)
    }

    /// Returns what the unit has in common with other units of its kind.
    pub(super) fn shape(&self) -> Shape {
        let Some(text) = &self.text else { return Shape::default() };
        let event_type = text.fields.iter().find(|(name, _)| name == "event").map(|(_, value)| value.clone());
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text.data).unwrap_or_default();
        let object_type = object.get("type").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Shape {
            is_comment: text.is_comment(),
            fields: text.fields.iter().map(|(name, _)| name.clone()).collect(),
            event_type: event_type.unwrap_or_default(),
            names: object.keys().cloned().collect(),
            object_type,
            is_empty: text.data.is_empty(),
        }
    }

    /// Returns the data of an event, or the text of another unit.
    pub(super) fn data(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.data.as_str())
    }

    /// Returns how a unit that came differs from this unit; nothing if the unit that came conforms. The answer is empty where
    /// there is no more to say than that the bytes differ.
    pub(super) fn difference(&self, got: &Self, vary: &[Loosening]) -> Option<String> {
        if self.bytes == got.bytes {
            return None;
        }
        let (Some(wanted), Some(came)) = (&self.text, &got.text) else { return Some(String::new()) };
        let names = |text: &UnitText| text.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(wanted) != names(came) {
            return Some(missing_field(&names(wanted), &names(came)));
        }
        if wanted.frame != came.frame {
            let without_cr = |text: &UnitText| text.frame.replace("\r\n", "\n").replace('\r', "\n");
            let is_line_end = without_cr(wanted) == without_cr(came);
            return Some(if is_line_end { "other line ends".to_owned() } else { String::new() });
        }
        let mut differences = Vec::new();
        for ((name, value), (_, other)) in wanted.fields.iter().zip(&came.fields) {
            if value == other {
                continue;
            }
            let rule = vary.iter().find(|vary| vary.place == VaryPlace::Field(name.clone()));
            let shown = if name.is_empty() { "comment" } else { name };
            match rule.map(|rule| rule.breach(&value_of(other))) {
                None => differences.push(format!("{shown}: expected {value:?}, got {other:?}")),
                Some(Some(expected)) => differences.push(format!("{shown}: expected {expected}, got {other:?}")),
                Some(None) => {}
            }
        }
        differences.extend(text_difference(&wanted.data, &came.data, vary));
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// Returns whether the unit that came is most likely this unit with a mistake.
    pub(super) fn resembles(&self, got: &Self) -> bool {
        if let (Some(wanted), Some(came)) = (&self.text, &got.text)
            && !wanted.fields.is_empty()
            && wanted.fields == came.fields
        {
            return true;
        }
        let prefix = self.bytes.iter().zip(&got.bytes).take_while(|(a, b)| a == b).count();
        let room = self.bytes.len().min(got.bytes.len()) - prefix;
        let backwards = self.bytes.iter().rev().zip(got.bytes.iter().rev());
        let suffix = backwards.take(room).take_while(|(a, b)| a == b).count();
        2 * (prefix + suffix) > self.bytes.len().max(got.bytes.len())
    }

    /// Returns the write in which a unit that came differs, by index.
    pub(super) fn differing_write(&self, got: &Self) -> usize {
        let at = first_difference(&self.bytes, &got.bytes).unwrap_or_default();
        (self.writes.0 + self.cuts.partition_point(|cut| *cut <= at)).min(self.writes.1)
    }
}

/// Returns a field as a value of JSON: a number where the text is a number.
fn value_of(text: &str) -> serde_json::Value {
    text.parse::<serde_json::Number>().map_or_else(|_| text.into(), Into::into)
}

fn missing_field(wanted: &[String], came: &[String]) -> String {
    let named = |name: &String| if name.is_empty() { "a comment".to_owned() } else { format!("the field {name}") };
    let missing = wanted.iter().find(|name| !came.contains(name)).map(|name| format!("{} is missing", named(name)));
    let extra = came.iter().find(|name| !wanted.contains(name)).map(|name| format!("{} is not expected", named(name)));
    missing.or(extra).unwrap_or_else(|| "the fields have another order".to_owned())
}
