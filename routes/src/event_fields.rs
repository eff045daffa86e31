//! The fields of an event, encoded as a chunk.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::{FieldText, Lines};

/// The fields of an event, not encoded yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFields {
    /// A comment before the fields.
    pub comment: Option<String>,
    /// The type.
    pub event: Option<String>,
    /// The ID.
    pub id: Option<String>,
    /// The reconnection time in milliseconds.
    pub retry_ms: Option<u64>,
    /// The data.
    pub data: Option<String>,
}

impl EventFields {
    /// Returns the event as one chunk (WHATWG HTML, 9.2.5). A comment of several lines becomes several comments; another
    /// value ends at the first line break.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut lines = Lines::new();
        // Writes the comment first, and one comment for each line: a line break in a comment would begin a field. CR LF is one
        // break.
        let comment = self.comment.as_ref().map(|comment| comment.replace("\r\n", "\n"));
        for line in comment.iter().flat_map(|comment| comment.split(['\r', '\n'])) {
            lines = lines.comment(first_line(line));
        }
        if let Some(event) = &self.event {
            lines = lines.event(first_line(event));
        }
        if let Some(id) = &self.id {
            lines = lines.id(first_line(id));
        }
        if let Some(retry_ms) = self.retry_ms {
            lines = lines.retry(Duration::from_millis(retry_ms));
        }
        if let Some(data) = &self.data {
            lines = lines.data(data);
        }
        lines.dispatch()
    }
}

fn first_line(text: &str) -> FieldText<'_> {
    // Drops the rest, since a placeholder can bring line breaks of a request: these must not add fields.
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    FieldText::new(line).expect("the text ends before its first line break")
}
