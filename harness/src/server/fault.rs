//! A fault: an alteration of responses, with a place and a number of times.

use std::time::Duration;

use onbeat_wire::whole_ms;
use serde_json::{Map, Value, json};

/// An alteration of responses: [`Server::fault`](super::Server::fault) adds one for a path,
/// [`Connection::fault`](super::Connection::fault) one for a connection.
///
/// ```
/// # use onbeat::Server;
/// # use onbeat::server::Fault;
/// # let server = Server::start().wait()?;
/// // The next three answers are 503, and the one after them is cut in the middle of an event.
/// server.fault("/feed", Fault::status(503).times(3)).wait()?;
/// server.fault("/feed", Fault::cut().after_bytes(40)).wait()?;
/// # Ok::<(), onbeat::server::ServerError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a fault strikes when added: `server.fault(path, fault)`"]
pub struct Fault(Map<String, Value>);

/// The line ends that an event stream may have, beside LF (WHATWG HTML, 9.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// CR.
    Cr,
    /// CR LF.
    Crlf,
}

impl Fault {
    /// Answers with this status, in place of the route: 204, a redirection, 4xx or 5xx.
    pub fn status(status: u16) -> Self {
        Self::of("status").with("status", status)
    }

    /// Answers with another `Content-Type`.
    pub fn content_type(content_type: &str) -> Self {
        Self::of("content-type").with("content_type", content_type)
    }

    /// Closes the connection without the last chunk.
    pub fn cut() -> Self {
        Self::of("cut")
    }

    /// Resets the connection (RST).
    pub fn reset() -> Self {
        Self::of("reset")
    }

    /// Ends the response in good order.
    pub fn end() -> Self {
        Self::of("end")
    }

    /// Writes nothing more, and leaves the connection open.
    pub fn stall() -> Self {
        Self::of("stall")
    }

    /// Splits each write into pieces of at most so many bytes, from 1 to 65 536. One byte splits every UTF-8 character.
    pub fn split(bytes: usize) -> Self {
        Self::of("split").with("bytes", bytes)
    }

    /// Makes so many writes into one, from 2 to 1000.
    pub fn coalesce(writes: usize) -> Self {
        Self::of("coalesce").with("writes", writes)
    }

    /// Writes one write twice.
    pub fn duplicate() -> Self {
        Self::of("duplicate")
    }

    /// Puts the byte 0xFF before the first line end of one write.
    pub fn invalid_utf8() -> Self {
        Self::of("invalid-utf8")
    }

    /// Puts a byte order mark before one write.
    pub fn bom() -> Self {
        Self::of("bom")
    }

    /// Replaces each LF by another line end.
    pub fn line_ends(ends: LineEnds) -> Self {
        let name = match ends {
            LineEnds::Cr => "cr",
            LineEnds::Crlf => "crlf",
        };
        Self::of("line-ends").with("ends", name)
    }

    /// Gives one write another reconnection time, in whole milliseconds.
    pub fn retry(time: Duration) -> Self {
        Self::of("retry").with("retry_ms", whole_ms(time))
    }

    /// Gives one write an event ID. An empty one resets the last event ID of a client.
    pub fn id(event_id: &str) -> Self {
        Self::of("id").with("event_id", event_id)
    }

    /// Adds a `Location` to a [`Fault::status`] that redirects.
    pub fn location(self, location: &str) -> Self {
        self.with("location", location)
    }

    /// Adds a `Retry-After` to a [`Fault::status`] of 4xx or 5xx, in whole seconds.
    pub fn retry_after(self, time: Duration) -> Self {
        self.with("retry_after_s", time.as_secs())
    }

    /// Begins after so many writes of the body; after none without it.
    pub fn after_writes(self, writes: u64) -> Self {
        self.with("from", json!({ "write": writes }))
    }

    /// Begins after so many bytes of the body, perhaps in the middle of an event, or of a character.
    pub fn after_bytes(self, bytes: u64) -> Self {
        self.with("from", json!({ "byte": bytes }))
    }

    /// Begins with what is due so long after the request, in whole milliseconds of the server's time.
    pub fn after(self, time: Duration) -> Self {
        self.with("from", json!({ "ms": whole_ms(time) }))
    }

    /// Strikes so many responses, from 1 to 1 000 000; one without it.
    pub fn times(self, times: u64) -> Self {
        self.with("times", times)
    }

    fn of(kind: &str) -> Self {
        Self(Map::new()).with("kind", kind)
    }

    /// Returns the fault with another key.
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the form in JSON, whose reader finds wrong values.
    pub(super) fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_of_fault_can_be_made_and_is_read_back() {
        let second = Duration::from_secs(1);
        let faults = [
            Fault::status(503).retry_after(second),
            Fault::status(307).location("/other"),
            Fault::content_type("text/html"),
            Fault::cut().after_bytes(3),
            Fault::reset().after_writes(2),
            Fault::end().after(second),
            Fault::stall().times(2),
            Fault::split(1),
            Fault::coalesce(2),
            Fault::duplicate(),
            Fault::invalid_utf8(),
            Fault::bom(),
            Fault::line_ends(LineEnds::Cr),
            Fault::line_ends(LineEnds::Crlf),
            Fault::retry(second),
            Fault::id(""),
        ];
        let mut kinds = BTreeSet::new();
        for fault in faults {
            let form = fault.with("path", "/feed").into_json();
            kinds.insert(form["kind"].as_str().expect("a name").to_owned());
            assert!(onbeat_faults::Fault::from_json(form.clone()).is_ok(), "{form}");
        }
        let known: BTreeSet<_> = onbeat_faults::Kind::NAMES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(kinds, known);
    }
}
