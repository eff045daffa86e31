//! How many units of a series come: as many as the length of the stream has room for.

use super::ExchangeTrial;

impl ExchangeTrial<'_, '_> {
    /// Returns whether an extra unit goes on with a series, in a stream that lasts longer than the recording.
    pub(super) fn is_of_longer_stream(&self, g: usize) -> bool {
        let Some(series) = self.result.series.of_seen(g) else { return false };
        let (at_ms, period_ms) = (self.result.seen_units[g].times.last_ms, self.period_ms(series));
        let before_ms =
            self.times_of(series).filter(|(seen, _)| *seen < g).map(|(_, ms)| ms).last().unwrap_or_default();
        // Accepts a unit that comes early by a quarter of the period at most.
        let slack_ms = self.rules.times.steady_slack_ms().min(period_ms / 4);
        at_ms - before_ms + slack_ms >= period_ms
    }

    /// Returns whether a missing unit of a series was not due, in a stream that ended sooner than the recording: the units
    /// that came leave no room for another one.
    pub(super) fn is_of_shorter_stream(&self, e: usize) -> bool {
        let Some(series) = self.result.series.of_unit(e) else { return false };
        let period_ms = self.period_ms(series);
        let room_ms = period_ms + self.tolerance_ms().min(period_ms / 2);
        // Begins a period before the first unit, which may be due later than a period after the request.
        let first = self.result.series.series(series).units[0];
        let mut before_ms = self.due_ms(first).saturating_sub(period_ms);
        let end_ms = self.seen.facts.end.map_or(self.watched_ms, |end| end.at_ms);
        let times = self.times_of(series).map(|(_, ms)| ms).chain([end_ms]);
        times.into_iter().all(|ms| ms.saturating_sub(std::mem::replace(&mut before_ms, ms)) <= room_ms)
    }

    /// Returns the units of a series that came, and when.
    fn times_of(&self, series: usize) -> impl Iterator<Item = (usize, u64)> {
        let seen = (0..).zip(&self.result.seen_units);
        let of_series = seen.filter(move |(g, _)| self.result.series.of_seen(*g) == Some(series));
        of_series.map(|(g, unit)| (g, unit.times.last_ms))
    }

    fn period_ms(&self, series: usize) -> u64 {
        self.result.series.series(series).period_ms / u64::from(self.rules.times.scale)
    }
}
