//! The event stream decoder: the events that a conforming parser dispatches (WHATWG HTML, 9.2.5 and 9.2.6).
//!
//! The decoder shares no code with the encoder, takes bytes in pieces of any size, and reads the odd streams on which other
//! parsers fail: a BOM, CR line ends, bytes that are not UTF-8, a stream that ends in the middle.

/// An event, as dispatched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The event's type, `message` if the stream names none.
    pub event_type: String,
    /// The data, lines joined by LF.
    pub data: String,
    /// The last event ID at the time of the dispatch.
    pub last_event_id: String,
}

/// A part of a stream with a meaning for readers of the whole stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// An event, as a parser dispatches it.
    Event(Event),
    /// A comment: the text behind the colon, without one leading space. No parser shows comments.
    Comment(String),
    /// A new reconnection time in milliseconds.
    Retry(u64),
}

/// The parser's state between two pieces of a stream.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// The line being read, without the line end.
    line: Vec<u8>,
    /// Whether the last byte was a CR: a LF now ends no further line.
    after_cr: bool,
    /// Whether the first line, which may begin with a BOM, has been read.
    begun: bool,
    event_type: String,
    data: String,
    id: String,
    last_event_id: String,
    reconnection_time_ms: Option<u64>,
}

impl Decoder {
    /// Reads a piece of the stream, and returns the completed events.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let items = self.push_all(bytes).into_iter();
        items.filter_map(|item| if let StreamItem::Event(event) = item { Some(event) } else { None }).collect()
    }

    /// Reads a piece of the stream, and returns the completed events, comments and reconnection times in their order.
    pub fn push_all(&mut self, bytes: &[u8]) -> Vec<StreamItem> {
        let mut items = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                // Takes CR LF for one line end, also where a piece ends between CR and LF.
                b'\n' if after_cr => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    items.extend(self.line(&line));
                }
                _ => self.line.push(byte),
            }
        }
        items
    }

    /// Returns the reconnection time set by the stream, in milliseconds.
    #[must_use]
    pub fn reconnection_time_ms(&self) -> Option<u64> {
        self.reconnection_time_ms
    }

    /// Returns the last event ID of the stream so far; an empty text if no event had an ID.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    fn line(&mut self, line: &[u8]) -> Option<StreamItem> {
        // Removes a BOM from the first line alone: a BOM elsewhere is text.
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.dispatch().map(StreamItem::Event);
        }
        // Takes a line without a colon for a field with an empty value. A line that begins with a colon has an empty name,
        // and is a comment.
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        // Removes a single space; further spaces are part of the value.
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            // Ignores an ID with a NUL, and a reconnection time with anything but ASCII digits.
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // Saturates: digits alone can only be too large.
                let time_ms = value.parse().unwrap_or(u64::MAX);
                self.reconnection_time_ms = Some(time_ms);
                return Some(StreamItem::Retry(time_ms));
            }
            "" => return Some(StreamItem::Comment(value.to_owned())),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        // Sets the last ID even without data, but takes the type, which counts for one event only.
        self.last_event_id.clone_from(&self.id);
        let event_type = std::mem::take(&mut self.event_type);
        let mut data = std::mem::take(&mut self.data);
        // Removes the LF of the last line of data; without any data there is no LF, and no event.
        data.pop()?;
        let event_type = if event_type.is_empty() { "message".to_owned() } else { event_type };
        Some(Event { event_type, data, last_event_id: self.last_event_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events as (type, data, last event ID).
    fn events(stream: &[u8]) -> Vec<(String, String, String)> {
        let events = Decoder::default().push(stream);
        events.into_iter().map(|event| (event.event_type, event.data, event.last_event_id)).collect()
    }

    #[test]
    fn streams_are_read_as_the_standard_says() {
        for (stream, expected) in [
            // The examples of WHATWG HTML, 9.2.6.
            ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![("message", "YHOO\n+2\n10", "")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                vec![("message", "first event", "1"), ("message", "second event", ""), ("message", " third event", "")],
            ),
            ("data\n\ndata\ndata\n\ndata:", vec![("message", "", ""), ("message", "\n", "")]),
            ("data:test\n\ndata: test\n\n", vec![("message", "test", ""), ("message", "test", "")]),
            // Line ends of all kinds, also mixed.
            (
                "data: a\r\n\r\ndata: b\r\rdata: c\n\r\n",
                vec![("message", "a", ""), ("message", "b", ""), ("message", "c", "")],
            ),
            // A BOM counts once, at the start.
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec![("message", "a", "")]),
            // What is ignored: comments, unknown fields, an event without data, an id with NUL, what was not ended.
            (":\n\nheartbeat:\n\nevent: x\n\ndata: a\nid: 1\0\n\ndata: lost\n", vec![("message", "a", "")]),
            ("event: status\ndata: {}\n\ndata: b\n\n", vec![("status", "{}", ""), ("message", "b", "")]),
            ("id: 7\n\ndata: a\n\n", vec![("message", "a", "7")]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|(t, d, i)| (t.to_string(), d.to_string(), i.to_string())).collect();
            assert_eq!(events(stream.as_bytes()), expected, "{stream:?}");
        }
    }

    #[test]
    fn comments_and_reconnection_times_come_between_the_events() {
        let items = Decoder::default().push_all(b": ping\n\n:\nretry: 5000\ndata: a\n\nretry: soon\n");
        let comment = |text: &str| StreamItem::Comment(text.into());
        let event = Event { event_type: "message".into(), data: "a".into(), last_event_id: String::new() };
        assert_eq!(items, [comment("ping"), comment(""), StreamItem::Retry(5000), StreamItem::Event(event)]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_become_replacement_characters() {
        assert_eq!(events(b"data: a\xffb\xe4\xbd\n\n")[0].1, "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn only_digits_set_the_reconnection_time() {
        for (stream, expected) in [
            ("retry: 5000\n", Some(5000)),
            ("retry: 5s\n", None),
            ("retry:\n", None),
            ("retry: +1\n", None),
            ("retry: 5000\nretry: 99999999999999999999\n", Some(u64::MAX)),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(stream.as_bytes());
            assert_eq!(decoder.reconnection_time_ms(), expected, "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_how_the_bytes_were_split(
            pieces in prop::collection::vec("(data: |event: |id: |:|\u{feff}|\r|\n|\r\n|\n\n|x|你|é){0,6}", 0..12),
            cut in 0..100_usize,
        ) {
            let stream = pieces.concat().into_bytes();
            let cut = cut.min(stream.len());
            let mut decoder = Decoder::default();
            let mut split = decoder.push(&stream[..cut]);
            split.extend(decoder.push(&stream[cut..]));
            let mut bytewise = Decoder::default();
            let single: Vec<Event> = stream.chunks(1).flat_map(|byte| bytewise.push(byte)).collect();
            let whole = Decoder::default().push(&stream);
            prop_assert_eq!(&split, &whole);
            prop_assert_eq!(&single, &whole);
        }
    }
}
