//! The sequences of a body: the rest of the stream, and each series, aligned by themselves.

use super::ExchangeTrial;
use crate::against::align::{Aligned, align};
use crate::against::series::Sequence;
use crate::against::unit::Unit;

impl ExchangeTrial<'_, '_> {
    /// Aligns each sequence, and puts the steps into the order in which the units came.
    pub(super) fn aligned(&self) -> Vec<Aligned> {
        let (expected, got, all) = (&self.result.expected_units, &self.result.seen_units, &self.result.series);
        let writes = &self.exchange.response.writes;
        if all.is_none() {
            return align(writes, expected, got);
        }
        let steps_of = |sequence: Sequence| -> Vec<Aligned> {
            let e_at: Vec<usize> = (0..expected.len()).filter(|e| all.sequence_of_unit(*e) == sequence).collect();
            let g_at: Vec<usize> = (0..got.len()).filter(|g| all.sequence_of_seen(*g) == sequence).collect();
            let picked = |units: &[Unit], at: &[usize]| at.iter().map(|at| units[*at].clone()).collect::<Vec<_>>();
            let steps = align(writes, &picked(expected, &e_at), &picked(got, &g_at));
            steps.into_iter().map(|step| step.mapped(&e_at, &g_at)).collect()
        };
        let mut steps = self.put_back(steps_of(Sequence::Stream));
        // Aligns comments by themselves: beside events that are equal by their rules, a comment on the other side of an event
        // would put off all events up to the next comment.
        for sequence in [Sequence::Comments].into_iter().chain((0..all.count()).map(Sequence::Series)) {
            for step in steps_of(sequence) {
                // Places a unit that came in the order of arrival, and a missing unit in the order of the recording.
                let is_behind = |other: &Aligned| match (step.seen(), step.expected()) {
                    (Some(g), _) => other.seen().is_some_and(|other| other > g),
                    (None, e) => other.expected() > e,
                };
                let at = steps.iter().position(is_behind).unwrap_or(steps.len());
                steps.insert(at, step);
            }
        }
        steps
    }
}
