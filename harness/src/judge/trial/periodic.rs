//! Recurring writes in real time: as many as fall due, wherever the server's clock puts each.
//!
//! The machine decides how long a scenario takes. Therefore more recurring writes may fall due than the scenario has, and
//! before or after other writes than in the scenario.

use onbeat_wire::Instant;
use onbeat_wire::recording::{Fact, RawRequest};

use super::{Comparison, Trial};
use crate::judge::{NumberedLine, Piece, Recurring};

impl Trial<'_, '_> {
    /// Judges the recurring writes, takes the recurring writes out of the pieces, and returns the other writes. Where time is
    /// exact, or fewer came than the scenario has, the pieces stay as before.
    pub(super) fn apart_from_recurring<'e>(
        &mut self,
        response: Comparison<'e>,
        pieces: &mut Vec<Piece>,
    ) -> Vec<NumberedLine<'e>> {
        let expected = response.expected;
        let Fact::RawRequest(RawRequest { text }) = &expected.request.1.fact else { return expected.writes.clone() };
        let asks = |recurring: &Recurring| !self.pace.is_exact && text.starts_with(recurring.request);
        let Some(recurring) = self.seen.recurring.filter(asks) else { return expected.writes.clone() };
        let (wanted, others): (Vec<NumberedLine>, Vec<NumberedLine>) =
            expected.writes.iter().partition(|write| write.1.written() == recurring.write);
        // Leaves a missing write to the alignment with all writes, which alone can say which write is missing.
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
                // Keeps a write that is not due among the pieces, where the write is extra.
                None => return !self.is_due(&recurring, number, piece.at, response.got.sent),
            }
            false
        });
        // Times recurring writes among themselves: the clock of the server does not start anew at other writes.
        let mut last = response.request_time();
        for (write, piece) in judged {
            self.evidence.judged(&write.1.notes.cases);
            self.framing(write, &piece, response.got);
            self.time(response, write, &piece, last);
            last = (write.1.t_ms, piece.at);
        }
        others
    }

    /// Returns whether so many recurring writes were due by then.
    fn is_due(&self, recurring: &Recurring, number: usize, at: Instant, sent: Instant) -> bool {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        at + self.pace.early_max >= sent + self.pace.takes(recurring.period_ms) * number
    }
}
