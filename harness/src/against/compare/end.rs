//! The end of a response.

use std::time::Duration;

use onbeat_wire::How;

use super::ExchangeTrial;
use crate::against::align::Aligned;
use crate::against::facts::{ByteTimes, EndFact};
use crate::against::times::{END, TimedLine};
use crate::judge::{Aspect, Finding, Skipped};

impl ExchangeTrial<'_, '_> {
    /// Judges how the response ends.
    pub(super) fn end(&mut self) {
        let Some(expected) = self.exchange.response.end else { return };
        let scale = u64::from(self.rules.times.scale);
        let due_ms = expected.at_ms / scale;
        let place = self.place(expected.line);
        let got = self.seen.facts.end;
        // Takes the absence of an end for a leave of the client, unless trouble explains the absence.
        let has_left = got.is_none_or(|end| end.how == How::Closed) && self.seen.trouble.is_none();
        if has_left && expected.how != How::Closed {
            // Skips an end that could still have come in time when the client left.
            if self.watched_ms < due_ms + self.tolerance_ms() {
                return self.skip([expected.line], &Skipped::NoTime);
            }
            let finding = Finding::new(
                place,
                format!("{} after {due_ms} ms", expected.how),
                format!("still open after {} ms", self.watched_ms),
                "no end",
            );
            return self.found(expected.line, Aspect::End, &finding);
        }
        self.judged([expected.line]);
        let Some(EndFact { at_ms, how, .. }) = got.filter(|_| !has_left) else {
            // Fails the end of a response that went on and on, so that the rest was not read.
            if let Some(trouble) = self.seen.trouble.clone().filter(|_| expected.how != How::Closed) {
                let wanted = format!("{} after {due_ms} ms", expected.how);
                let finding = Finding::new(place, wanted, "no end", trouble);
                self.found(expected.line, Aspect::End, &finding);
            }
            return;
        };
        let is_open = expected.how == How::Closed && at_ms >= due_ms;
        // Takes cut and reset for the same behind a proxy, which may close in another way, and in a lab.
        let breaks = |how| matches!(how, How::Cut | How::Reset);
        let may_differ = self.rules.behind_proxy || self.rules.in_lab;
        let is_same = how == expected.how || may_differ && breaks(how) && breaks(expected.how);
        if is_open || is_same && self.seen.trouble.is_none() {
            if is_same && expected.how != How::Closed {
                let at = |ms| ByteTimes { first_ms: ms, last_ms: ms };
                let (due, came) = (at(expected.at_ms), at(at_ms));
                self.move_end_behind_optional(due, came);
                let due = self.moved_times(due);
                let is_after_hole = matches!(self.result.steps.last(), Some(Aligned::Missing(_)));
                let (line, write) = (expected.line, END);
                let timed =
                    TimedLine { line, write, due, came, series: None, is_after_hole, is_joined_otherwise: false };
                self.result.came.push(timed);
            }
            return;
        }
        let wanted = match expected.how {
            How::Closed => format!("open until {due_ms} ms, when the recording ended"),
            how => format!("{how} after {due_ms} ms"),
        };
        let why = self.seen.trouble.clone().unwrap_or_else(|| "the end".to_owned());
        let finding = Finding::new(place, wanted, format!("{how} after {at_ms} ms"), why);
        let finding = finding.after(Duration::from_millis(at_ms));
        if (expected.how, how) == (How::Reset, How::Cut) {
            self.found_of_proxy(expected.line, Aspect::End, &finding);
        } else {
            self.found(expected.line, Aspect::End, &finding);
        }
    }
}
