//! The heartbeats of `/sse` in real time: as many as fall due, wherever the clock puts them among the events.
//!
//! How long a scene takes is up to the machine, so that more heartbeats may fall due than the fixture has, and an event may
//! come on the other side of one.

use onbeat_wire::Instant;

use super::Trial;
use crate::check::lines_seen::HEARTBEAT;
use crate::check::pace::Periods;
use crate::check::pieces::Piece;
use crate::check::responses::{Expected, Numbered};
use crate::fixtures::format::Kind;
use crate::player::HttpExchange;

/// A heartbeat comes so long after the one before, and the first so long after the request.
const PERIOD_MS: u64 = 30_000;

impl Trial<'_, '_> {
    /// Judges the heartbeats, and takes them out of the pieces; returns the other writes. Where time is exact, or fewer
    /// came than were expected, they are left where they are.
    pub(super) fn apart_from_heartbeats<'e>(
        &mut self,
        expected: &Expected<'e>,
        got: &HttpExchange,
        pieces: &mut Vec<Piece>,
    ) -> Vec<Numbered<'e>> {
        let is_heartbeat = |write: &Numbered| write.1.written() == HEARTBEAT;
        let (heartbeats, others): (Vec<Numbered>, Vec<Numbered>) =
            expected.writes.iter().partition(|it| is_heartbeat(it));
        let came = pieces.iter().filter(|piece| piece.bytes == HEARTBEAT).count();
        if self.pace.periods == Periods::Exact || !is_of_sse(expected) || came < heartbeats.len() {
            return expected.writes.clone();
        }
        let mut number = 0;
        let mut last = (expected.request.1.at_ms, got.sent);
        let mut judged = Vec::new();
        pieces.retain(|piece| {
            if piece.bytes != HEARTBEAT {
                return true;
            }
            number += 1;
            match heartbeats.get(number - 1) {
                Some(write) => judged.push((*write, piece.clone())),
                // What is not due stays, and is one too many.
                None => return !self.is_due(number, piece.at, got),
            }
            false
        });
        for (write, piece) in judged {
            self.evidence.judged(&write.1.cases);
            self.framing(write, &piece, got);
            self.time(expected, write, &piece, got, last);
            last = (write.1.at_ms, piece.at);
        }
        others
    }

    /// Whether so many heartbeats were due by then.
    fn is_due(&self, number: usize, at: Instant, got: &HttpExchange) -> bool {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        at + self.pace.early_max >= got.sent + self.pace.takes(PERIOD_MS) * number
    }
}

/// Whether it is the response to a request for `/sse`.
fn is_of_sse(expected: &Expected) -> bool {
    matches!(&expected.request.1.kind, Kind::Request { text } if text.starts_with("GET /sse "))
}
