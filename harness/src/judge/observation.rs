//! Observations: what clients saw of a scenario, and what other users of the server may have caused.

use onbeat_wire::Event;
use onbeat_wire::recording::Vary;

use super::compare::{self, WriteDifference};
use super::{Piece, ScenarioLine};
use crate::player::{ClientLog, HttpExchange};

/// All that clients saw of a scenario.
pub(crate) struct Observation {
    /// The log of each client, in the order of appearance.
    pub(crate) logs: Vec<(String, ClientLog)>,
    /// The client that could not connect, if any. The other clients without a log had no turn.
    pub(crate) unconnected: Option<String>,
    /// The events that an application dispatched, if there was an application.
    pub(crate) dispatched: Option<Dispatched>,
    pub(crate) others: Box<dyn Others>,
    /// A write that the server repeats by a clock of its own.
    pub(crate) recurring: Option<Recurring>,
}

/// The events that an application's parser has dispatched, and why no more follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dispatched {
    pub(crate) events: Vec<Event>,
    /// Why the stream can't be read any further.
    pub(crate) failed: Option<String>,
    /// Why the parser gave up. The server is not to blame.
    pub(crate) gave_up: Option<String>,
}

/// Other users of the server during a check. By default there are none.
pub(crate) trait Others {
    /// Returns the number of clients of other users; none if the number is unknown.
    fn clients(&self) -> Option<u64> {
        Some(0)
    }

    /// Returns a write with the mark that a check puts into the messages of the check.
    fn marked(&self, write: &str, _vary: &[Vary]) -> String {
        write.to_owned()
    }

    /// Returns whether other users may have caused a piece of a response.
    fn may_have_caused(&self, _piece: &[u8]) -> bool {
        false
    }

    /// Returns whether other users may have caused an event that an application dispatched.
    fn may_have_caused_event(&self, _event: &Event) -> bool {
        false
    }

    /// Returns whether the scenario has none of the pieces that other users may have caused.
    fn are_left_out(&self) -> bool {
        false
    }
}

/// No other user.
impl Others for () {}

/// A write that a stream repeats by a clock of its own, wherever the clock puts the write among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recurring {
    /// The beginning of a request for the stream.
    pub(crate) request: &'static str,
    pub(crate) write: &'static str,
    /// The time from the request to the first write, and from each write to the next.
    pub(crate) period_ms: u64,
}

impl Observation {
    /// Returns a write of a scenario as expected here: marked, and with the clients of other users counted.
    pub(super) fn wanted(&self, line: &ScenarioLine) -> String {
        let (vary, others) = (&line.notes.vary, &self.others);
        compare::corrected(&others.marked(line.written(), vary), vary, others.clients())
    }

    /// Returns the differences between a write of a scenario and a piece.
    pub(super) fn differences(&self, line: &ScenarioLine, got: &[u8]) -> Vec<WriteDifference> {
        let (vary, others) = (&line.notes.vary, &self.others);
        compare::compare(&others.marked(line.written(), vary), vary, got, others.clients())
    }

    /// Returns whether a piece conforms to a write of a scenario.
    pub(crate) fn conforms(&self, line: &ScenarioLine, got: &[u8]) -> bool {
        self.differences(line, got).is_empty()
    }

    /// Returns the first response of the first client, and the pieces of the response, without those of other users.
    pub(crate) fn first_response(&self) -> Option<(HttpExchange, Vec<Piece>)> {
        let response = self.logs.first()?.1.answers().into_iter().next()?;
        let mut pieces = response.pieces();
        pieces.retain(|piece| !self.others.may_have_caused(&piece.bytes));
        Some((response, pieces))
    }
}
