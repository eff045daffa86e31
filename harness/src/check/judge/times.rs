//! When each write came.

use onbeat_server::clock::Instant;

use super::{Trial, ms};
use crate::check::evidence::Finding;
use crate::check::responses::{Expected, Got, Numbered};
use crate::fixtures::format::Aspect;
use crate::transcript::visible;

impl Trial<'_, '_> {
    /// Judges when a write came, from the one before it and from what caused it.
    pub(super) fn time(&mut self, expected: &Expected, write: Numbered, at: Instant, got: &Got, last: (u64, Instant)) {
        let (number, line) = write;
        let cause = self.causes.range(..number).next_back().map(|(_, cause)| *cause);
        let after = |(then_ms, then): (u64, Instant)| then + self.pace.takes(line.at_ms.saturating_sub(then_ms));
        let due = cause.map_or(after(last), |cause| after(cause).max(after(last)));
        // Of the requests of that instant any may be the cause.
        let caused = self.causes.range(..number).map(|(_, cause)| *cause).find(|(then_ms, _)| *then_ms == line.at_ms);
        let earliest = caused.map_or(after((expected.request.1.at_ms, got.sent)), |(_, then)| then);
        let heard = self.seen.is_noise(line.written().as_bytes());
        if heard {
            return;
        }
        if at + self.pace.early_max < earliest {
            self.untimely(write, at, earliest, got, "early");
        }
        let late = at - due;
        self.evidence.late(&line.cases, late);
        if late > self.pace.late_max + self.stalls.within(due, at) {
            self.untimely(write, at, due, got, "late");
        }
        let gap_ms = line.at_ms - last.0;
        if gap_ms > 0 {
            for case in &line.cases {
                self.gaps.entry((case.clone(), gap_ms)).or_default().push(at - last.1);
            }
        }
    }

    fn untimely(&mut self, write: Numbered, at: Instant, due: Instant, got: &Got, how: &str) {
        let written = visible(write.1.written().as_bytes());
        let when = |at: Instant| format!("{written} {:.1} ms after the request", ms(at - got.sent));
        let by = ms(at - due).max(ms(due - at));
        let mut finding = self.finding(write, when(due), when(at), format!("{by:.1} ms too {how}"));
        finding.t_ms = Some(ms(at - got.sent));
        self.evidence.found(&write.1.cases, Aspect::Time, &finding);
        self.evidence.found(&write.1.cases, Aspect::Period, &finding);
    }

    /// Judges each period by its median.
    pub(super) fn periods(&mut self) {
        for ((case, period_ms), mut gaps) in std::mem::take(&mut self.gaps) {
            if let Some(median) = self.pace.median_off(period_ms, &mut gaps) {
                let finding = Finding {
                    place: self.scene.path.into(),
                    t_ms: None,
                    expected: format!("{:.1} ms", ms(self.pace.takes(period_ms))),
                    actual: format!("{:.1} ms, the median of {}", ms(median), gaps.len()),
                    first_differing_byte: None,
                    why: "the period".into(),
                };
                self.evidence.found(&[case], Aspect::Period, &finding);
            }
        }
    }
}
