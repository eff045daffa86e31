//! How many units of a series come: as many as the length of the stream has room for.

use super::ExchangeTrial;
use crate::against::align::Aligned;
use crate::against::series::Series;

impl ExchangeTrial<'_, '_> {
    /// Returns whether an extra unit goes on with a series, in a stream that lasts longer than the recording.
    pub(super) fn is_of_longer_stream(&self, g: usize) -> bool {
        let Some(series) = self.result.sequences.of_seen(g) else { return false };
        let (at_ms, period_ms) = (self.result.seen_units[g].times.last_ms, self.period_ms(series));
        let before_ms =
            self.times_before(series).filter(|(seen, _)| *seen < g).map(|(_, ms)| ms).last().unwrap_or_default();
        // Accepts a unit that comes early by a quarter of the period at most.
        let slack_ms = self.rules.times.steady_slack_ms().min(period_ms / 4);
        at_ms - before_ms + slack_ms >= period_ms
    }

    /// Returns whether a missing unit of a series was not due, in a stream that ended sooner than the recording: the units
    /// that came leave no room for another one.
    pub(super) fn is_of_shorter_stream(&self, e: usize) -> bool {
        let Some(series) = self.result.sequences.of_unit(e) else { return false };
        let period_ms = self.period_ms(series);
        let room_ms = period_ms + self.tolerance_ms().min(period_ms / 2);
        let Series { units, is_after_silence, .. } = self.result.sequences.series(series);
        // Begins a period before the first unit, which may be due later than a period after the request.
        let mut before_ms = if *is_after_silence { 0 } else { self.due_ms(units[0]).saturating_sub(period_ms) };
        let end_ms = self.seen.facts.end.map_or(self.watched_ms, |end| end.at_ms);
        let times = self.times_before(series).map(|(_, ms)| ms).chain([end_ms]);
        times.into_iter().all(|ms| ms.saturating_sub(std::mem::replace(&mut before_ms, ms)) <= room_ms)
    }

    /// Returns whether a missing unit is in the middle of its series: another unit that is due later came.
    pub(super) fn is_missing_in_middle(&self, e: usize) -> bool {
        self.pairs_of(self.result.sequences.of_unit(e)).any(|(later, came)| later > e && !self.is_same(e, came))
    }

    /// Returns whether an extra unit is in the middle of its series: another unit came behind.
    pub(super) fn is_extra_in_middle(&self, g: usize) -> bool {
        self.pairs_of(self.result.sequences.of_seen(g)).any(|(due, later)| later > g && !self.is_same(due, g))
    }

    /// Returns the right units of a series: expected and seen, by index.
    fn pairs_of(&self, series: Option<usize>) -> impl Iterator<Item = (usize, usize)> {
        let right = self.result.steps.iter().filter_map(|step| match *step {
            Aligned::Same(e, g) => Some((e, g)),
            _ => None,
        });
        right.filter(move |(e, _)| series.is_some() && self.result.sequences.of_unit(*e) == series)
    }

    /// Returns the seen units of a series, by index.
    pub(super) fn seen_of(&self, series: usize) -> impl Iterator<Item = usize> {
        (0..self.result.seen_units.len()).filter(move |g| self.result.sequences.of_seen(*g) == Some(series))
    }

    /// Returns the units that came, and when, from which a period of a series begins: the units of the series, or all units of
    /// the stream for a series after silence.
    fn times_before(&self, series: usize) -> impl Iterator<Item = (usize, u64)> {
        let seen = (0..).zip(&self.result.seen_units);
        let begins = move |g| {
            let of_all = &self.result.sequences;
            of_all.series(series).is_after_silence || of_all.of_seen(g) == Some(series)
        };
        let of_series = seen.filter(move |(g, _)| begins(*g));
        of_series.map(|(g, unit)| (g, unit.times.last_ms))
    }

    pub(super) fn period_ms(&self, series: usize) -> u64 {
        self.result.sequences.series(series).period_ms / u64::from(self.rules.times.scale)
    }
}
