//! The texts of a body that two recordings are compared by, each with its line.

use std::collections::BTreeMap;

use onbeat_wire::recording::Fact;
use onbeat_wire::{Decoder, Event};
use serde_json::Value;

use super::RecordedLine;

/// A text to compare as a whole, and the line with the last byte of the text.
pub(super) struct ComparedText {
    /// The number of the line, from 1.
    pub(super) line: usize,
    pub(super) text: String,
    /// The type of the event; empty for other texts.
    pub(super) event_type: String,
}

impl ComparedText {
    fn new(line: usize, text: impl Into<String>) -> Self {
        Self { line, text: text.into(), event_type: String::new() }
    }
}

/// Returns the texts of a body: the data of the events of an event stream, one JSON value, or else the lines.
pub(super) fn compared_texts(lines: &[RecordedLine]) -> Vec<ComparedText> {
    if is_event_stream(lines) {
        return event_data(lines);
    }
    let texts = text_lines(lines, |byte| byte == b'\n');
    if texts.len() < 2 {
        return texts;
    }
    // Takes JSON printed over several lines for a single value.
    let whole: String = texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n");
    let is_one_value = serde_json::from_str::<Value>(&whole).is_ok();
    let line = texts.last().map_or(0, |text| text.line);
    if is_one_value { vec![ComparedText::new(line, whole)] } else { texts }
}

/// Returns the values of each field of an event stream apart from the data, by name. A comment has no name.
pub(super) fn compared_fields(lines: &[RecordedLine]) -> BTreeMap<String, Vec<ComparedText>> {
    let mut fields: BTreeMap<String, Vec<ComparedText>> = BTreeMap::new();
    if !is_event_stream(lines) {
        return fields;
    }
    // Ends a line at CR, LF and CR LF: the empty line between CR and LF has no field.
    for line in text_lines(lines, |byte| matches!(byte, b'\n' | b'\r')) {
        let Some((name, value)) = line.text.split_once(':') else { continue };
        if name != "data" {
            let text = value.strip_prefix(' ').unwrap_or(value);
            fields.entry(name.to_owned()).or_default().push(ComparedText::new(line.line, text));
        }
    }
    fields
}

fn is_event_stream(lines: &[RecordedLine]) -> bool {
    lines.iter().any(|line| match &line.fact {
        Fact::Head(head) => head
            .headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.to_ascii_lowercase().starts_with("text/event-stream")),
        _ => false,
    })
}

fn event_data(lines: &[RecordedLine]) -> Vec<ComparedText> {
    let mut events = Decoder::default();
    let mut texts = Vec::new();
    for (number, line) in (1..).zip(lines) {
        if let Fact::Write(write) = &line.fact {
            let dispatched = events.push(&write.bytes).into_iter();
            let text = |event: Event| ComparedText { line: number, text: event.data, event_type: event.event_type };
            texts.extend(dispatched.map(text));
        }
    }
    texts
}

/// Returns the lines of a body without their ends. Joins a line over several writes, and counts the line to the write with the
/// line end.
fn text_lines(lines: &[RecordedLine], is_end: impl Fn(u8) -> bool) -> Vec<ComparedText> {
    let mut texts = Vec::new();
    let mut rest = Vec::new();
    let mut last = 0;
    for (number, line) in (1..).zip(lines) {
        let Fact::Write(write) = &line.fact else { continue };
        last = number;
        for piece in write.bytes.split_inclusive(|byte| is_end(*byte)) {
            rest.extend_from_slice(piece);
            if rest.last().is_some_and(|byte| is_end(*byte)) {
                texts.push(ComparedText::new(last, String::from_utf8_lossy(&rest).trim_end()));
                rest.clear();
            }
        }
    }
    if !rest.is_empty() {
        texts.push(ComparedText::new(last, String::from_utf8_lossy(&rest)));
    }
    texts
}
