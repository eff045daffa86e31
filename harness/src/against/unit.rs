//! The units of a body, compared one by one: blocks of an event stream, lines, or pieces.

use std::collections::BTreeSet;

use bytes::Bytes;
use onbeat_wire::Decoder;
use onbeat_wire::recording::VaryPlace;
use serde_json::Value;

use super::body::{BodyKind, Measure};
use super::facts::{ByteTimes, WriteFact};
use super::text::text_difference;
use super::value_places::ValuePlaces;
use crate::judge::{BodyPart, ChunkedBody, Loosening, is_empty_line, line_ends};

/// A unit of a body.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// The first and the last write with bytes of the unit, by index.
    pub(super) writes: (usize, usize),
    /// When the last write came.
    pub(super) times: ByteTimes,
    pub(super) bytes: Bytes,
    /// Where writes end within the unit, in bytes from the beginning of the unit, without its end.
    pub(super) cuts: Vec<usize>,
    /// Whether a write ends where the unit ends.
    pub(super) ends_write: bool,
    /// The unit as text; nothing for bytes that are not UTF-8.
    text: Option<UnitText>,
}

/// The text of a unit: a frame, the same each time, and values that may vary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UnitText {
    /// All but the values: names of fields, spaces and line ends.
    frame: String,
    /// The fields of an event apart from the data, by name. A comment has no name.
    fields: Vec<(String, String)>,
    data: String,
}

/// The kind of a unit: what heartbeats have in common, or events of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnitKind {
    pub(super) is_comment: bool,
    /// The text of a comment up to the first digit, as numbers and times differ.
    comment: String,
    /// The names of the fields, and the type of the event.
    fields: Vec<String>,
    event_type: String,
    /// The names in the JSON object of the data, and the text of the value `type` there.
    pub(super) names: Vec<String>,
    object_type: String,
    pub(super) is_empty: bool,
}

impl UnitKind {
    /// Returns whether this may be the other kind with a mistake: events of the same type, of which JSON has some of the names.
    pub(super) fn resembles(&self, other: &Self) -> bool {
        let is_event = |kind: &Self| !kind.is_comment && !kind.is_empty;
        let is_same_type = (&self.fields, &self.event_type, &self.object_type)
            == (&other.fields, &other.event_type, &other.object_type);
        let has_same_names = !self.event_type.is_empty() || self.names.iter().any(|name| other.names.contains(name));
        is_event(self) && is_event(other) && is_same_type && has_same_names
    }

    /// Returns whether the JSON of this kind has some of the names of the other kind, and all else is the same.
    pub(super) fn has_some_names_of(&self, other: &Self) -> bool {
        let is_part = self.names.len() < other.names.len() && self.names.iter().all(|name| other.names.contains(name));
        !self.names.is_empty() && is_part && *other == Self { names: other.names.clone(), ..self.clone() }
    }
}

/// Which types of units vary, and so tell no kinds apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VaryingType {
    /// The type of an event.
    pub(super) event: bool,
    /// The value `type` in the JSON object of the data.
    pub(super) object: bool,
}

/// Returns the units of a body.
pub(super) fn units(writes: &[WriteFact], kind: BodyKind, measure: Measure) -> Vec<Unit> {
    let body = body_of(writes);
    let ends = match kind {
        BodyKind::EventStream => block_ends(&body.bytes),
        BodyKind::Lines => memchr::memchr_iter(b'\n', &body.bytes).map(|at| at + 1).collect(),
        BodyKind::Whole => Vec::new(),
        BodyKind::Pieces => body.chunk_ends.clone(),
    };
    let units = units_at(writes, &body, &ends, kind);
    if measure == Measure::Events { units.into_iter().filter_map(|unit| unit.content(kind)).collect() } else { units }
}

/// Returns the body of these writes.
pub(super) fn body_of(writes: &[WriteFact]) -> ChunkedBody {
    ChunkedBody::of(writes.iter().map(|write| &write.bytes))
}

/// Returns the units up to each of these places, and a last unit for the rest of the body.
pub(super) fn units_at(writes: &[WriteFact], body: &ChunkedBody, ends: &[usize], kind: BodyKind) -> Vec<Unit> {
    let unit = |part: BodyPart| Unit {
        writes: part.chunks,
        // Takes the times of the last write, with which the unit is complete.
        times: writes[part.chunks.1].times,
        text: std::str::from_utf8(&part.bytes).ok().map(|text| UnitText::of(text, kind)),
        bytes: part.bytes,
        cuts: part.cuts,
        ends_write: part.ends_chunk,
    };
    body.parts(ends).into_iter().map(unit).collect()
}

/// Returns where the blocks of an event stream end: behind each empty line.
fn block_ends(body: &[u8]) -> Vec<usize> {
    let mut line_start = 0;
    let ends_block = |end: &usize| {
        let line = &body[line_start..*end];
        line_start = *end;
        is_empty_line(line)
    };
    line_ends(body).filter(ends_block).collect()
}

impl UnitText {
    fn of(text: &str, kind: BodyKind) -> Self {
        let places = ValuePlaces::find(text.as_bytes(), kind, Measure::Chunks);
        let fields = places.fields().map(|(name, at)| (name.to_owned(), text[at].to_owned()));
        Self {
            frame: places.between(text),
            fields: fields.collect(),
            data: places.data_text(text.as_bytes()).unwrap_or_default(),
        }
    }

    fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Returns whether the unit is a comment, without an event.
    fn is_comment(&self) -> bool {
        !self.fields.is_empty() && self.fields.iter().all(|(name, _)| name.is_empty()) && !self.frame.contains("data")
    }
}

impl Unit {
    /// Returns the part of the unit for an application, if any: the dispatched event, or the line without its end.
    fn content(mut self, kind: BodyKind) -> Option<Self> {
        if kind != BodyKind::EventStream {
            let content = self.bytes.trim_ascii_end().len();
            self.bytes.truncate(content);
            if let Some(text) = &mut self.text {
                text.frame.clear();
            }
            return (content > 0).then_some(self);
        }
        // Reads each unit with a new decoder, so that no unit has the id of an earlier event.
        let mut decoder = Decoder::default();
        let event = decoder.push(&self.bytes).into_iter().next();
        let retry = decoder.reconnection_time_ms();
        // Drops a block without an event and a reconnection time, such as a comment.
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
        self.bytes = (shown.collect::<String>() + "data: " + &data).into_bytes().into();
        self.text = Some(UnitText { frame: String::new(), fields, data });
        Some(self)
    }

    /// Returns the kind of the unit.
    pub(super) fn kind(&self, varying_type: VaryingType) -> UnitKind {
        let Some(text) = &self.text else { return UnitKind::default() };
        let field = |name: &str| text.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str());
        let comment = field("").and_then(|comment| comment.split(|c: char| c.is_ascii_digit()).next());
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text.data).unwrap_or_default();
        let object_type = object.get("type").and_then(serde_json::Value::as_str).filter(|_| !varying_type.object);
        let event_type = field("event").filter(|_| !varying_type.event);
        UnitKind {
            is_comment: text.is_comment(),
            comment: comment.unwrap_or_default().to_owned(),
            fields: text.field_names().map(str::to_owned).collect(),
            event_type: event_type.unwrap_or_default().to_owned(),
            names: object.keys().cloned().collect(),
            object_type: object_type.unwrap_or_default().to_owned(),
            is_empty: text.data.is_empty(),
        }
    }

    /// Returns the data of an event, or the text of another unit.
    pub(super) fn data(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.data.as_str())
    }

    /// Returns the places of the fields apart from the data, each name once.
    pub(super) fn field_places(&self) -> Vec<VaryPlace> {
        let fields = self.text.iter().flat_map(|text| &text.fields);
        let names: BTreeSet<&String> = fields.map(|(name, _)| name).collect();
        names.into_iter().map(|name| VaryPlace::Field(name.clone())).collect()
    }

    /// Returns the values at a place where values may vary.
    pub(super) fn values(&self, place: &VaryPlace) -> Vec<Value> {
        let Some(text) = &self.text else { return Vec::new() };
        let json = || serde_json::from_str::<Value>(&text.data);
        match place {
            VaryPlace::Header(_) => Vec::new(),
            VaryPlace::Field(name) => {
                let named = text.fields.iter().filter(|(known, _)| known == name);
                named.map(|(_, value)| Value::from(value.as_str())).collect()
            }
            VaryPlace::Pointer(_) if text.data.is_empty() => Vec::new(),
            // Takes the data as a whole, whether JSON or not.
            VaryPlace::Pointer(pointer) if pointer.is_empty() => {
                vec![Value::from(text.data.as_str())]
            }
            VaryPlace::Pointer(pointer) => {
                json().ok().and_then(|value| value.pointer(pointer).cloned()).into_iter().collect()
            }
        }
    }

    /// Returns whether a seen unit has the same fields, spaces and line ends, so that only values can differ.
    pub(super) fn has_frame_of(&self, got: &Self) -> bool {
        let (Some(wanted), Some(came)) = (&self.text, &got.text) else { return false };
        wanted.frame == came.frame && wanted.field_names().eq(came.field_names())
    }

    /// Returns whether a seen unit conforms.
    pub(super) fn is_same(&self, got: &Self, vary: &[Loosening]) -> bool {
        // Looks at values only where some may vary, since most units that are compared have nothing in common.
        self.bytes == got.bytes || !vary.is_empty() && self.has_frame_of(got) && self.difference(got, vary).is_none()
    }

    /// Returns how a seen unit differs from this unit; nothing if the seen unit conforms. The answer is empty if the bytes
    /// differ, and no more is known.
    pub(super) fn difference(&self, got: &Self, vary: &[Loosening]) -> Option<String> {
        if self.bytes == got.bytes {
            return None;
        }
        let (Some(wanted), Some(came)) = (&self.text, &got.text) else { return Some(String::new()) };
        // Compares the names of the fields before the values, whose pairs need the same names.
        if !wanted.field_names().eq(came.field_names()) {
            return Some(missing_field(wanted, came));
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
            match rule.map(|rule| rule.breach_of_text(other)) {
                None => differences.push(format!("{shown}: expected {value:?}, got {other:?}")),
                Some(Some(expected)) => differences.push(format!("{shown}: expected {expected}, got {other:?}")),
                Some(None) => {}
            }
        }
        differences.extend(text_difference(&wanted.data, &came.data, vary));
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// Returns whether a seen unit is most likely this unit with a mistake.
    pub(super) fn resembles(&self, got: &Self) -> bool {
        if let (Some(wanted), Some(came)) = (&self.text, &got.text)
            && !wanted.fields.is_empty()
            && wanted.fields == came.fields
        {
            return true;
        }
        let prefix = self.bytes.iter().zip(&got.bytes).take_while(|(a, b)| a == b).count();
        // Counts the common suffix only behind the common prefix.
        let room = self.bytes.len().min(got.bytes.len()) - prefix;
        let backwards = self.bytes.iter().rev().zip(got.bytes.iter().rev());
        let suffix = backwards.take(room).take_while(|(a, b)| a == b).count();
        2 * (prefix + suffix) > self.bytes.len().max(got.bytes.len())
    }

    /// Returns the write with a byte of the unit, by index.
    pub(super) fn write_at(&self, at: usize) -> usize {
        (self.writes.0 + self.cuts.partition_point(|cut| *cut <= at)).min(self.writes.1)
    }
}

fn missing_field(wanted: &UnitText, came: &UnitText) -> String {
    let named = |name: &str| if name.is_empty() { "a comment".to_owned() } else { format!("the field {name}") };
    let is_in = |text: &UnitText, name: &str| text.field_names().any(|known| known == name);
    let missing =
        wanted.field_names().find(|name| !is_in(came, name)).map(|name| format!("{} is missing", named(name)));
    let extra =
        came.field_names().find(|name| !is_in(wanted, name)).map(|name| format!("{} is not expected", named(name)));
    missing.or(extra).unwrap_or_else(|| "the fields have another order".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str, measure: Measure) -> Unit {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let write = WriteFact { line: 1, times: ByteTimes::default(), bytes, vary: Vec::new(), may: false };
        units(&[write], BodyKind::EventStream, measure).remove(0)
    }

    #[test]
    fn two_units_are_the_same_where_no_difference_is_told() {
        let rules = [
            "[]",
            r#"[{"pointer":"/n","as":"number"}]"#,
            r#"[{"pointer":"","as":"any"}]"#,
            r#"[{"field":"id","as":"any"},{"field":"","as":"any"}]"#,
        ];
        let texts = [
            "data: {\"n\":1}\n\n",
            "data: {\"n\":2}\n\n",
            "data: {\"n\":\"a\"}\n\n",
            "data: {}\n\n",
            "data:{\"n\":1}\n\n",
            "data: {\"n\":1}\r\n\r\n",
            "id: 1\ndata: a\n\n",
            "id: 2\ndata: a\n\n",
            "data: a\nid: 1\n\n",
            "data: a\ndata: b\nid: 1\n\n",
            "retry: 1\ndata: a\n\n",
            ": 1\nretry: 1\n\n",
            ": 2\nretry: 1\n\n",
        ];
        for rules in rules {
            let vary: Vec<onbeat_wire::recording::Vary> = serde_json::from_str(rules).expect(rules);
            let vary: Vec<Loosening> = vary.iter().map(|vary| Loosening::compile(vary).expect(rules)).collect();
            for measure in [Measure::Chunks, Measure::Events] {
                for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (one, other))) {
                    let (wanted, came) = (unit(one, measure), unit(other, measure));
                    let difference = wanted.difference(&came, &vary);
                    let (is_same, told) = (wanted.is_same(&came, &vary), difference.is_none());
                    assert_eq!(is_same, told, "{one:?}, {other:?}, {rules}: {difference:?}");
                }
            }
        }
    }
}
