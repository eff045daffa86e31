//! A recording: exchanges as lines of JSON, written, read, stored and compared in a single form.
//!
//! A line is an object. LF alone ends a line, the keys have a fixed order, and an unknown key is an error with its name:
//!
//! ```json
//! {"t_ms":0,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]]}
//! {"t_ms":0,"kind":"write","text":"retry: 5000\n\n"}
//! {"t_ms":20000,"kind":"end","how":"complete"}
//! ```
//!
//! In a recording of several exchanges the keys `connection` and `request` follow the kind. Notes of users, such as the cases
//! that a line checks, stand at the end.

mod arrival;
mod exchanges;
mod fact;
mod read;
mod recorded_exchange;
mod recorded_request;
mod vary;
mod write;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::arrival::{ArrivalNotes, Body};
pub use self::exchanges::{Exchanges, LinesOf};
pub use self::fact::{
    Close, ClosedHow, Dispatch, End, Fact, FaultAdded, FaultsDeleted, Leave, LogStart, NoKeys, Publish, Push,
    RawRequest, RecordingStart, Request, ResponseHead, RouteAdded, RoutesDeleted, Times, Write,
};
pub use self::recorded_exchange::RecordedExchange;
pub use self::recorded_request::RecordedRequest;
pub use self::vary::{NumberBounds, Vary, VaryPlace, VaryRule};
use crate::jsonl::Problem;
use crate::printable::to_json;
pub use crate::{Framing, How, LeftHow};

/// The version of the form of a recording.
pub const FORMAT: u32 = 1;

/// Returns the problem of an exchange without an end, whose last line has this time and these ordinals.
#[must_use]
pub fn missing_end(last_ms: u64, exchange: Exchange) -> Problem {
    let end = closing_line(last_ms, exchange);
    Problem::line(format_args!(
        "the end of the exchange behind this line, such as {end}: the recording breaks off here"
    ))
}

/// Returns the line that ends an exchange whose last line has this time and these ordinals.
fn closing_line(last_ms: u64, exchange: Exchange) -> String {
    to_json(&Line { exchange, ..Line::new(last_ms, End { how: How::Closed }) })
}

/// A line: a fact, and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<N = NoNotes> {
    /// The time in milliseconds since the beginning.
    pub t_ms: u64,
    /// The exchange that the line belongs to.
    pub exchange: Exchange,
    /// The fact.
    pub fact: Fact,
    /// The notes of users about the line.
    pub notes: N,
}

impl Line {
    /// Returns a line without notes, in a recording of one exchange.
    #[must_use]
    pub fn new(t_ms: u64, fact: impl Into<Fact>) -> Self {
        Self { t_ms, exchange: Exchange::default(), fact: fact.into(), notes: NoNotes {} }
    }

    /// Returns the line as a line of an exchange.
    #[must_use]
    pub fn of(self, connection: u64, request: Option<u32>) -> Self {
        Self { exchange: Exchange { connection: Some(connection), request }, ..self }
    }
}

impl<N> Line<N> {
    /// Returns the text of a write; an empty one for other facts, and for bytes that are not UTF-8.
    #[must_use]
    pub fn written(&self) -> &str {
        match &self.fact {
            Fact::Write(write) => std::str::from_utf8(&write.bytes).unwrap_or_default(),
            _ => "",
        }
    }
}

/// The ordinals of a connection and of a request on the connection. A recording of a single exchange has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The connection, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// The request on the connection, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<u32>,
}

/// Notes of users about a line, as keys at the end.
pub trait Notes: Serialize + DeserializeOwned {
    /// The names of the keys.
    const KEYS: &'static [&'static str];

    /// Checks whether the notes may stand on a line with this time and this fact.
    ///
    /// # Errors
    ///
    /// If a note is wrong there, or misplaced. The error names the key.
    fn check(&self, _t_ms: u64, _fact: &Fact) -> Result<(), Problem> {
        Ok(())
    }
}

/// No notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoNotes {}

impl Notes for NoNotes {
    const KEYS: &'static [&'static str] = &[];
}

#[cfg(test)]
mod tests;
