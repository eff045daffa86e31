//! The event stream in a response, read as the response comes.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::{Decoder, Instant, StreamItem};

/// An event, and the time at which the last byte came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The time since the beginning of the lab.
    pub at: Duration,
    /// The last event ID at that time: of this event, or of an earlier one; empty if there is none.
    pub id: String,
    /// The type: the field `event`, or `message`.
    pub kind: String,
    /// The data, lines joined by LF.
    pub data: String,
}

impl Event {
    /// Returns the time since the beginning of the lab, in milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        Instant::as_millis(Instant::EPOCH + self.at)
    }
}

/// A comment, and the time at which the last byte came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comment {
    /// The time since the beginning of the lab.
    pub at: Duration,
    /// The text behind the colon, without one leading space.
    pub text: String,
}

/// The event stream of a response so far (WHATWG HTML, 9.2).
#[derive(Debug, Default)]
pub(super) struct EventStream {
    decoder: Decoder,
    /// Whether the head has said that the body is an event stream.
    pub(super) is_known: bool,
    /// How many writes of the response have been read.
    pub(super) writes_read: usize,
    pub(super) events: Vec<Event>,
    pub(super) comments: Vec<Comment>,
    pub(super) retries: Vec<(Duration, u64)>,
}

impl EventStream {
    /// Reads the writes that have come since the last call.
    pub(super) fn read_on(&mut self, writes: &[(Instant, Bytes)]) {
        for (at, bytes) in &writes[self.writes_read..] {
            let at = at.since_epoch();
            for item in self.decoder.push_all(bytes) {
                match item {
                    StreamItem::Event(onbeat_wire::Event { event_type, data, last_event_id }) => {
                        self.events.push(Event { at, id: last_event_id, kind: event_type, data });
                    }
                    StreamItem::Comment(text) => self.comments.push(Comment { at, text }),
                    StreamItem::Retry(ms) => self.retries.push((at, ms)),
                }
            }
        }
        self.writes_read = writes.len();
    }
}
