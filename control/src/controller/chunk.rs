//! A chunk of a test: an event by the fields, or bytes, unchanged.

use bytes::Bytes;
use onbeat_faults::form::{WrongField, shown};
use onbeat_routes::EventFields;
use onbeat_wire::FieldText;

/// The expected value of a field of a single line.
pub(crate) const LINE: &str = "a text without a line end";
/// The expected event ID.
pub(crate) const EVENT_ID: &str = "an event ID without a line end or NUL";

/// A chunk of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentChunk {
    /// An event.
    Event(EventFields),
    /// Bytes, at least one.
    Raw(Bytes),
}

impl SentChunk {
    /// Checks that the chunk has a byte, and that the fields of an event, except the data, are single lines.
    ///
    /// # Errors
    ///
    /// If a check fails. The error names the field.
    pub fn check(&self) -> Result<(), WrongField> {
        let fields = match self {
            Self::Event(fields) => fields,
            Self::Raw(bytes) if bytes.is_empty() => {
                return Err(WrongField::new("body", "expected at least one byte, got none"));
            }
            Self::Raw(_) => return Ok(()),
        };
        let EventFields { comment, event, id, retry_ms, data } = fields;
        if [comment, event, id, data].iter().all(|field| field.is_none()) && retry_ms.is_none() {
            return Err(WrongField::new("body", "expected a field: comment, event, id, retry or data, got none"));
        }
        // Leaves the data out, which may have any line breaks.
        check_field("comment", comment.as_deref(), is_line, LINE)?;
        check_field("event", event.as_deref(), is_line, LINE)?;
        check_field("id", id.as_deref(), is_event_id, EVENT_ID)
    }

    /// Returns the bytes of the chunk.
    #[must_use]
    pub fn bytes(self) -> Bytes {
        match self {
            Self::Event(fields) => fields.encode(),
            Self::Raw(bytes) => bytes,
        }
    }
}

/// Returns whether a text fits in one line.
pub(crate) fn is_line(text: &str) -> bool {
    FieldText::new(text).is_some()
}

/// Returns whether a text can be the `id` of an event. Parsers ignore an ID with a NUL (WHATWG HTML, 9.2.6).
pub(crate) fn is_event_id(text: &str) -> bool {
    is_line(text) && !text.contains('\0')
}

fn check_field(name: &str, text: Option<&str>, fits: fn(&str) -> bool, expected: &str) -> Result<(), WrongField> {
    match text.filter(|text| !fits(text)) {
        Some(text) => Err(WrongField::new(name, format!("expected {expected}, got {}", shown(&format!("{text:?}"))))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_an_event_but_the_data_is_one_line() {
        let text = |text: &str| Some(text.to_owned());
        let none = EventFields::default();
        for (fields, wrong) in [
            (EventFields { comment: text("a\nb"), ..none.clone() }, Some("comment")),
            (EventFields { event: text("a\rb"), ..none.clone() }, Some("event")),
            (EventFields { id: text("a\nb"), ..none.clone() }, Some("id")),
            (EventFields { id: text("a\0b"), ..none.clone() }, Some("id")),
            (EventFields { event: text("a\0b"), data: text("a\nb\r\0"), ..none.clone() }, None),
            (EventFields { comment: text(""), ..none.clone() }, None),
            (EventFields { retry_ms: Some(0), ..none.clone() }, None),
            (none, Some("body")),
        ] {
            let refused = SentChunk::Event(fields.clone()).check().err().map(|wrong| wrong.field);
            assert_eq!(refused.as_deref(), wrong, "{fields:?}");
        }
        assert!(SentChunk::Raw(Bytes::new()).check().is_err());
        assert!(SentChunk::Raw(Bytes::from_static(b"\n")).check().is_ok());
    }
}
