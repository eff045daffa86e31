//! Observations: the input of the judge.

use onbeat_wire::Event;

use super::compare::{self, Difference};
use super::others::Others;
use super::pieces::Piece;
use super::recurring::Recurring;
use super::responses::got;
use super::scene::Line;
use crate::player::ClientLog;
use crate::player::HttpExchange;

/// All that clients saw of a scene.
#[derive(Clone, Copy)]
pub(crate) struct Observation<'s> {
    /// The log of each client, in the order of their appearance.
    pub(crate) logs: &'s [(String, ClientLog)],
    /// The events that an application dispatched, if there was an application.
    pub(crate) dispatched: Option<&'s Dispatched>,
    pub(crate) others: &'s dyn Others,
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

impl Observation<'_> {
    /// Returns a write of a scene as expected here: marked, and with the clients of others counted.
    pub(crate) fn wanted(&self, line: &Line) -> String {
        compare::corrected(
            &self.others.marked(line.written(), &line.notes.vary),
            &line.notes.vary,
            self.others.clients(),
        )
    }

    /// Returns the differences between a write of a scene and a piece.
    pub(crate) fn differences(&self, line: &Line, got: &[u8]) -> Vec<Difference> {
        compare::compare(
            &self.others.marked(line.written(), &line.notes.vary),
            &line.notes.vary,
            got,
            self.others.clients(),
        )
    }

    /// Returns the first response of the first client, and the pieces of the response, without those of others.
    pub(crate) fn first_response(&self) -> Option<(HttpExchange, Vec<Piece>)> {
        let response = got(&self.logs.first()?.1).into_iter().next()?;
        let mut pieces = response.pieces();
        pieces.retain(|piece| !self.others.may_have_caused(&piece.bytes));
        Some((response, pieces))
    }
}
