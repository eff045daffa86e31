//! The time of each write, and of the gaps between writes: early, late, or at another period.

use std::time::Duration;

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;

use super::{Comparison, Trial};
use crate::judge::milliseconds::duration_ms;
use crate::judge::{Aspect, Finding, NumberedLine, Pace, Piece};
use crate::player::HttpExchange;

/// A stall of a longer part of the period hides whether a gap is too short.
const SHORT_PARTS: u32 = 4;

/// The time between two writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    from: Instant,
    to: Instant,
    /// How long the machine was held up at times that matter for either write.
    held_up: Duration,
}

impl Gap {
    /// Returns how long the gap would have been on an idle machine, as near to the period as possible.
    fn as_by(&self, period: Duration) -> Duration {
        let gap = self.to - self.from;
        if gap > period { gap.saturating_sub(self.held_up).max(period) } else { (gap + self.held_up).min(period) }
    }

    /// Returns the same where the machine was held up for a short time. A longer stall would excuse any gap, so that the gap
    /// stays as seen.
    fn as_told_by(&self, period: Duration) -> Duration {
        let gap = self.to - self.from;
        // Believes less of a gap that is too short: only a write that was late itself can make the gap behind it short.
        let held_up_max = if gap < period { period / SHORT_PARTS } else { period };
        if self.held_up <= held_up_max { self.as_by(period) } else { gap }
    }
}

impl Trial<'_, '_> {
    /// Judges the time of a write, counted from the write before and from the request that caused the write.
    pub(super) fn time(&mut self, response: Comparison, write: NumberedLine, piece: &Piece, last: (u64, Instant)) {
        let ((number, line), at, got) = (write, piece.at, response.got);
        let cause = self.causes.range(..number).next_back().map(|(_, cause)| *cause);
        let after = |(then_ms, then): (u64, Instant)| then + self.pace.takes(line.t_ms.saturating_sub(then_ms));
        // Takes the later time: a write is due a gap after the write before, and not before the request allows.
        let due = cause.map_or(after(last), |cause| after(cause).max(after(last)));
        // Counts stalls from the request if the server's timer started then: the request may have been read late.
        let since = cause.filter(|cause| after(*cause) == due || last.1 == got.sent).map_or(due, |cause| cause.1);
        // Passes over a write that other users may have caused, at any time.
        if self.seen.others.may_have_caused(line.written().as_bytes()) {
            return;
        }
        let earliest = self.earliest(response, write);
        if at + self.pace.early_max < earliest {
            self.untimely(write, piece, earliest, got, "early");
        }
        self.evidence.late(&line.notes.cases, at - due);
        if at - due > self.pace.late_max + self.stalls.within(since, at) {
            self.untimely(write, piece, due, got, "late");
        }
        self.gap(response, write, at, last);
    }

    /// Keeps the gap between a write and the write before for the judgement of periods.
    fn gap(&mut self, response: Comparison, (_, line): NumberedLine, at: Instant, last: (u64, Instant)) {
        let gap_ms = line.t_ms - last.0;
        if gap_ms == 0 {
            return;
        }
        let period = self.pace.takes(gap_ms);
        let since = if at > last.1 + period {
            // Counts stalls that make a gap long: at the end, or from the request for a gap that begins with the request.
            if last.1 == response.got.sent { last.1 } else { last.1 + period }
        } else {
            // Counts stalls that make a gap short: at the beginning.
            let (asked_ms, sent) = response.request_time();
            sent + self.pace.takes(line.t_ms.saturating_sub(2 * gap_ms + asked_ms))
        };
        let gap = Gap { from: last.1, to: at, held_up: self.stalls.within(since, at) };
        for case in &line.notes.cases {
            self.gaps.entry((case.clone(), gap_ms)).or_default().push(gap);
        }
    }

    /// Returns the earliest time at which a write can come.
    pub(super) fn earliest(&self, response: Comparison, (number, line): NumberedLine) -> Instant {
        // Takes the first request of the same instant, any of which may be the cause.
        let caused = self.causes.range(..number).map(|(_, cause)| *cause).find(|(then_ms, _)| *then_ms == line.t_ms);
        let (asked_ms, sent) = response.request_time();
        caused.map_or_else(|| sent + self.pace.takes(line.t_ms.saturating_sub(asked_ms)), |(_, then)| then)
    }

    fn untimely(&mut self, write: NumberedLine, piece: &Piece, due: Instant, got: &HttpExchange, how: &str) {
        let when = |text: &[u8], at: Instant| {
            format!("{} {:.1} ms after the request", visible(text), duration_ms(at - got.sent))
        };
        // Takes the larger difference, since the other is zero: instants have no negative difference.
        let by = duration_ms(piece.at - due).max(duration_ms(due - piece.at));
        let (wanted, actual) = (when(self.seen.wanted(write.1).as_bytes(), due), when(&piece.bytes, piece.at));
        let finding = self.finding(write, wanted, actual, format!("{by:.1} ms too {how}")).after(piece.at - got.sent);
        // Doubts only lateness: a machine can make a write late, but never early.
        if piece.at > due {
            self.evidence.found_in_doubt(&write.1.notes.cases, &[Aspect::Time, Aspect::Period], &finding);
        } else {
            self.evidence.found(&write.1.notes.cases, Aspect::Time, &finding);
            self.evidence.found(&write.1.notes.cases, Aspect::Period, &finding);
        }
    }

    /// Judges each period by the median of the gaps. A case stays undecided if only long stalls excuse the gaps.
    pub(super) fn periods(&mut self) {
        for ((case, period_ms), spans) in std::mem::take(&mut self.gaps) {
            let (Some(first), Some(last)) = (spans.first(), spans.last()) else { continue };
            // Looks at the jitter of the machine for as long as the gaps lasted.
            let busy = !self.stalls.jitter(first.from, last.to).is_zero();
            let period = self.pace.takes(period_ms);
            let median_off = |gap: fn(&Gap, Duration) -> Duration| {
                let mut gaps: Vec<Duration> = spans.iter().map(|span| gap(span, period)).collect();
                self.pace.median_off(period_ms, &mut gaps, busy)
            };
            if let Some(median) = median_off(Gap::as_by) {
                let (wanted, actual) =
                    (duration_ms(period), format!("{:.1} ms, the median of {}", duration_ms(median), spans.len()));
                let finding = Finding::new(&self.scenario.path, format!("{wanted:.1} ms"), actual, "the period");
                // Doubts a long median, and any median of few gaps: an unseen delay makes a gap long, and the next short.
                if median > period || Pace::are_few(spans.len()) {
                    self.evidence.found_in_doubt(&[case], &[Aspect::Period], &finding);
                } else {
                    self.evidence.found(&[case], Aspect::Period, &finding);
                }
            } else if median_off(Gap::as_told_by).is_some() {
                self.evidence.undecided(&case);
            }
        }
    }
}
