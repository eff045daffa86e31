//! The sequences of a body: the rest of the stream, and each series, aligned by themselves.

use super::ExchangeTrial;
use super::shifts::insert_by_arrival;
use crate::against::align::{Aligned, align};
use crate::against::sequences::Sequence;
use crate::against::unit::{Unit, UnitKind};

impl ExchangeTrial<'_, '_> {
    /// Aligns each sequence, and puts the steps into the order in which the units came. Returns as well the units whose order is
    /// in doubt.
    pub(super) fn aligned(&self) -> (Vec<Aligned>, Vec<(usize, usize)>) {
        let (expected, got, all) = (&self.result.expected_units, &self.result.seen_units, &self.result.sequences);
        let writes = &self.exchange.response.writes;
        if all.is_none() {
            return (align(writes, expected, got, |_| UnitKind::default(), |unit| self.is_beyond(unit)), Vec::new());
        }
        let steps_of = |sequence: Sequence| -> Vec<Aligned> {
            let e_at: Vec<usize> = (0..expected.len()).filter(|e| all.sequence_of_unit(*e) == sequence).collect();
            let g_at: Vec<usize> = (0..got.len()).filter(|g| all.sequence_of_seen(*g) == sequence).collect();
            let picked = |units: &[Unit], at: &[usize]| at.iter().map(|at| units[*at].clone()).collect::<Vec<_>>();
            let (wanted, came) = (picked(expected, &e_at), picked(got, &g_at));
            let steps = align(writes, &wanted, &came, |unit| all.kind(unit), |unit| self.is_beyond(unit));
            steps.into_iter().map(|step| step.mapped(&e_at, &g_at)).collect()
        };
        let (steps, in_doubt) = self.without_shifts(steps_of(Sequence::Stream));
        let mut steps = self.put_back(steps);
        // Aligns comments by themselves: beside events that are equal by their rules, a comment on the other side of an event
        // would put off all events up to the next comment.
        for sequence in [Sequence::Comments].into_iter().chain((0..all.series_count()).map(Sequence::Series)) {
            for step in steps_of(sequence) {
                insert_by_arrival(&mut steps, step);
            }
        }
        (steps, in_doubt)
    }
}
