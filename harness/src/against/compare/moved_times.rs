//! Times behind optional units. An answer of more or fewer tokens is longer or shorter, and what follows the tokens moves with
//! the last token.

use super::ExchangeTrial;
use crate::against::align::may;
use crate::against::facts::ByteTimes;

/// How far the due times have moved.
#[derive(Debug, Default)]
pub(super) struct MovedTimes {
    /// By so many milliseconds; to earlier times if negative.
    by_ms: i64,
    /// When the unit before came, optional or not.
    pub(super) before: Option<ByteTimes>,
}

impl ExchangeTrial<'_, '_> {
    /// Moves the due times from a unit on, if the unit before is optional in the recording, and the unit came as long behind the
    /// seen unit before as recorded.
    pub(super) fn move_behind_optional(&mut self, e: usize, g: usize) {
        let (due, came) = (self.result.expected_units[e].times, self.result.seen_units[g].times);
        self.move_behind(e.checked_sub(1), due, came);
        self.moved.before = Some(came);
    }

    /// Moves the due time of the end in the same way.
    pub(super) fn move_end_behind_optional(&mut self, due: ByteTimes, came: ByteTimes) {
        self.move_behind(self.result.expected_units.len().checked_sub(1), due, came);
    }

    fn move_behind(&mut self, before: Option<usize>, due: ByteTimes, came: ByteTimes) {
        let optional = before.map(|e| &self.result.expected_units[e]);
        let Some(optional) = optional.filter(|unit| may(&self.exchange.response.writes, unit)) else { return };
        let scale = u64::from(self.rules.times.scale);
        let came_before = self.moved.before.or(self.seen.facts.head.as_ref().map(|head| head.times));
        let gap_ms = due.last_ms.saturating_sub(optional.times.last_ms) / scale;
        let wanted_ms = came_before.unwrap_or_default().last_ms + gap_ms;
        // Keeps the recorded time where that fits as well: most optional units, such as heartbeats, move nothing.
        let is_in_time =
            self.moved_times(due).last_ms.abs_diff(came.last_ms * scale) <= self.rules.times.steady_slack_ms() * scale;
        if !is_in_time && wanted_ms.abs_diff(came.last_ms) <= self.tolerance_ms() {
            self.moved.by_ms = wanted_ms.cast_signed() - (due.last_ms / scale).cast_signed();
        }
    }

    /// Returns due times in the recording, moved.
    pub(super) fn moved_times(&self, times: ByteTimes) -> ByteTimes {
        let by_ms = self.moved.by_ms * i64::from(self.rules.times.scale);
        let moved = |ms: u64| ms.saturating_add_signed(by_ms);
        ByteTimes { first_ms: moved(times.first_ms), last_ms: moved(times.last_ms) }
    }
}
