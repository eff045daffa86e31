//! The encoder: the event stream format of WHATWG HTML, 9.2.5 and 9.2.6, written line by line.
//!
//! The encoder is total: the output is a valid event stream for any input, and no value can begin a line. Names and values
//! of a single line are checked when made ([`FieldText`]); data may hold any text.

use std::time::Duration;

use bytes::Bytes;

/// Text without a line break, fit for the name or the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldText<'a>(&'a str);

impl<'a> FieldText<'a> {
    /// Returns `text` without a line break; `None` if there is a CR or an LF.
    #[must_use]
    pub const fn new(text: &'a str) -> Option<Self> {
        // Loops over bytes, since a constant function has no iterators.
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            if matches!(bytes[i], b'\r' | b'\n') {
                return None;
            }
            i += 1;
        }
        Some(Self(text))
    }

    /// Returns a text known when the program is written, for constants: a line break fails the build.
    ///
    /// # Panics
    ///
    /// If `text` holds a CR or an LF.
    #[must_use]
    pub const fn literal(text: &'a str) -> Self {
        Self::new(text).expect("a line holds no line break")
    }
}

/// Part of an event stream, being written: some lines, whole events or not.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Returns no lines yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a comment: a field without a name, which parsers ignore.
    #[must_use]
    pub fn comment(self, text: FieldText<'_>) -> Self {
        self.field("", text.0)
    }

    /// Adds an `event` field: the type of the event being written.
    #[must_use]
    pub fn event(self, event_type: FieldText<'_>) -> Self {
        self.field("event", event_type.0)
    }

    /// Adds an `id` field: the last event ID from now on. Parsers ignore an ID with a NUL.
    #[must_use]
    pub fn id(self, id: FieldText<'_>) -> Self {
        self.field("id", id.0)
    }

    /// Adds a `data` field for each line of `text`. CR, LF and CR LF end a line, as for parsers.
    #[must_use]
    pub fn data(self, text: &str) -> Self {
        let mut lines = self;
        let mut rest = text;
        while let Some(end) = rest.find(['\r', '\n']) {
            lines = lines.field("data", &rest[..end]);
            // Skips CR LF as one line end; CR or LF alone is one byte long.
            rest = rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]);
        }
        // Adds the last line even if empty: a line break at the end of the text is data.
        lines.field("data", rest)
    }

    /// Adds a `retry` field: the reconnection time, in whole milliseconds.
    #[must_use]
    pub fn retry(self, reconnection_time: Duration) -> Self {
        self.field("retry", &reconnection_time.as_millis().to_string())
    }

    /// Adds a field of another name, which parsers ignore. A colon ends the name.
    #[must_use]
    pub fn other(self, name: FieldText<'_>, value: FieldText<'_>) -> Self {
        self.field(name.0, value.0)
    }

    /// Ends the event with a blank line. A parser now dispatches the event.
    #[must_use]
    pub fn dispatch(mut self) -> Bytes {
        self.push(&["\n"]);
        self.0.into()
    }

    /// Returns the lines so far: the event goes on in the next write.
    #[must_use]
    pub fn to_be_continued(self) -> Bytes {
        self.0.into()
    }

    /// Adds a field with a space after the colon. Parsers remove a single space, so the value may begin with another.
    fn field(mut self, name: &str, value: &str) -> Self {
        let separator = if value.is_empty() { ":" } else { ": " };
        self.push(&[name, separator, value, "\n"]);
        self
    }

    fn push(&mut self, parts: &[&str]) {
        // Reserves one byte more, since the blank line usually follows.
        self.0.reserve(parts.iter().map(|part| part.len()).sum::<usize>() + 1);
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_written_as_the_contract_shows_it() {
        let heartbeat = FieldText::literal("heartbeat");
        let empty = FieldText::literal("");
        for (bytes, expected) in [
            (Lines::new().data(r#"{"done": true}"#).dispatch(), "data: {\"done\": true}\n\n"),
            (Lines::new().event(FieldText::literal("status")).to_be_continued(), "event: status\n"),
            (Lines::new().retry(Duration::from_secs(5)).dispatch(), "retry: 5000\n\n"),
            (Lines::new().id(FieldText::literal("七")).dispatch(), "id: 七\n\n"),
            (Lines::new().id(empty).dispatch(), "id:\n\n"),
            (Lines::new().comment(empty).dispatch(), ":\n\n"),
            (Lines::new().comment(heartbeat).dispatch(), ": heartbeat\n\n"),
            (Lines::new().other(heartbeat, empty).dispatch(), "heartbeat:\n\n"),
            (Lines::new().to_be_continued(), ""),
        ] {
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn data_of_several_lines_becomes_several_fields() {
        let bytes = Lines::new().data("a\nb\r\n\rc\n").dispatch();
        assert_eq!(bytes, "data: a\ndata: b\ndata:\ndata: c\ndata:\n\n");
    }

    #[test]
    fn a_line_has_no_line_break() {
        assert!(FieldText::new("two words").is_some());
        assert!(FieldText::new("one\nevent: two").is_none());
        assert!(FieldText::new("one\rtwo").is_none());
    }
}
