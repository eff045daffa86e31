//! Recurring writes in real time: as many as fall due, wherever the server's clock puts each.
//!
//! The machine decides how long a scene takes. Therefore more recurring writes may fall due than the scene has, and before
//! or after other writes than in the scene.

use onbeat_wire::Instant;
use onbeat_wire::recording::{Fact, RawRequest};

use super::Trial;
use crate::judge::pace::Periods;
use crate::judge::pieces::Piece;
use crate::judge::recurring::Recurring;
use crate::judge::responses::Expected;
use crate::judge::scene::Numbered;
use crate::player::HttpExchange;

impl Trial<'_, '_> {
    /// Judges the recurring writes, takes them out of the pieces, and returns the other writes. Where time is exact, or fewer
    /// came than the scene has, the pieces stay as they are.
    pub(super) fn apart_from_recurring<'e>(
        &mut self,
        expected: &Expected<'e>,
        got: &HttpExchange,
        pieces: &mut Vec<Piece>,
    ) -> Vec<Numbered<'e>> {
        let asks = |recurring: &Recurring| matches!(&expected.request.1.fact, Fact::RawRequest(RawRequest { text }) if text.starts_with(recurring.request));
        let is_judged_apart = |recurring: &Recurring| self.pace.periods != Periods::Exact && asks(recurring);
        let Some(recurring) = self.seen.recurring.filter(is_judged_apart) else { return expected.writes.clone() };
        let (wanted, others): (Vec<Numbered>, Vec<Numbered>) =
            expected.writes.iter().partition(|write| write.1.written() == recurring.write);
        if pieces.iter().filter(|piece| piece.bytes == recurring.write).count() < wanted.len() {
            return expected.writes.clone();
        }
        let mut number = 0;
        let mut judged = Vec::new();
        pieces.retain(|piece| {
            if piece.bytes != recurring.write {
                return true;
            }
            number += 1;
            match wanted.get(number - 1) {
                Some(write) => judged.push((*write, piece.clone())),
                // A write that is not due stays, and is one too many.
                None => return !self.is_due(&recurring, number, piece.at, got),
            }
            false
        });
        let mut last = (expected.request.1.t_ms, got.sent);
        for (write, piece) in judged {
            self.evidence.judged(&write.1.notes.cases);
            self.framing(write, &piece, got);
            self.time(expected, write, &piece, got, last);
            last = (write.1.t_ms, piece.at);
        }
        others
    }

    /// Returns whether so many recurring writes were due by then.
    fn is_due(&self, recurring: &Recurring, number: usize, at: Instant, got: &HttpExchange) -> bool {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        at + self.pace.early_max >= got.sent + self.pace.takes(recurring.period_ms) * number
    }
}
