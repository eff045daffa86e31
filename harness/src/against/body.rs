//! How a body is divided into units, and how closely the units are compared.

use onbeat_wire::Head;
use serde_json::Value;

use super::facts::WriteFact;
use crate::judge::fields;

/// The kind of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// An event stream, in blocks: an event, a comment, or what else ends with an empty line.
    EventStream,
    /// Lines, such as NDJSON.
    Lines,
    /// One JSON value.
    Whole,
    /// Anything else, in pieces as written.
    Pieces,
}

/// How closely a body is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Every byte, and the boundaries of chunks.
    Chunks,
    /// Every byte, however a proxy divides the bytes into chunks.
    Bytes,
    /// What an application gets: events of an event stream, lines of other streams.
    Events,
}

impl BodyKind {
    /// Returns the kind of a recorded body.
    pub(super) fn of(head: &Head, writes: &[WriteFact]) -> Self {
        // Looks for an encoding first: encoded bytes show neither events nor lines.
        if fields::coding(head).is_some() {
            return Self::Pieces;
        }
        if fields::is_event_stream(head) {
            return Self::EventStream;
        }
        let kind = head.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if ["ndjson", "jsonl", "json-lines", "json-seq", "stream+json"].iter().any(|lines| essence.ends_with(lines)) {
            return Self::Lines;
        }
        let body: Vec<u8> = writes.iter().flat_map(|write| &write.bytes[..]).copied().collect();
        // Takes no number for JSON, since pieces of plain text may be numbers too.
        let is_json = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok_and(|value| !value.is_number());
        if is_json(&body) {
            return Self::Whole;
        }
        // Finds lines of JSON under another content type.
        let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).peekable();
        if lines.peek().is_some() && lines.all(is_json) { Self::Lines } else { Self::Pieces }
    }
}
