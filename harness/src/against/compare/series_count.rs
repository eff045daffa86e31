//! How many units of a series come: as many as the length of the stream has room for.

use super::ExchangeTrial;
use crate::against::series::Series;

impl ExchangeTrial<'_, '_> {
    /// Returns whether an extra unit goes on with a series, in a stream that lasts longer than the recording.
    pub(super) fn is_of_longer_stream(&self, g: usize) -> bool {
        let Some(series) = self.series_of_seen(g) else { return false };
        let at_ms = self.result.seen_units[g].times.last_ms;
        let before_ms =
            self.times_of(series).filter(|(seen, _)| *seen < g).map(|(_, ms)| ms).last().unwrap_or_default();
        let slack_ms = self.rules.times.steady_slack_ms().min(self.period_ms(series) / 4);
        at_ms - before_ms + slack_ms >= self.period_ms(series)
    }

    /// Returns whether a missing unit of a series was not due, in a stream that ended sooner than the recording: the units
    /// that came leave no room for another one.
    pub(super) fn is_of_shorter_stream(&self, e: usize) -> bool {
        let Some(series) = self.result.series.series_of(e) else { return false };
        let end_ms = self.seen.facts.end.map_or(self.watched_ms, |end| end.at_ms);
        let slack_ms = self.tolerance_ms().min(self.period_ms(series) / 2);
        let room_ms = self.period_ms(series) + slack_ms;
        // The first unit may come later than a period after the request.
        let first_ms = self.result.expected_units[series.units[0]].times.last_ms / u64::from(self.rules.times.scale);
        let mut before_ms = first_ms.saturating_sub(self.period_ms(series));
        let mut times: Vec<u64> = self.times_of(series).map(|(_, ms)| ms).collect();
        times.push(end_ms);
        times.into_iter().all(|ms| ms.saturating_sub(std::mem::replace(&mut before_ms, ms)) <= room_ms)
    }

    /// Returns the seen units of a series, and when they came.
    fn times_of(&self, series: &Series) -> impl Iterator<Item = (usize, u64)> {
        let seen = (0..).zip(&self.result.seen_units);
        seen.filter(|(g, _)| self.is_of(series, *g)).map(|(g, unit)| (g, unit.times.last_ms))
    }

    fn series_of_seen(&self, g: usize) -> Option<&Series> {
        self.result.series.series.iter().find(|series| self.is_of(series, g))
    }

    fn is_of(&self, series: &Series, g: usize) -> bool {
        series.units.iter().any(|e| self.is_same(*e, g))
    }

    fn period_ms(&self, series: &Series) -> u64 {
        series.period_ms / u64::from(self.rules.times.scale)
    }
}
