//! The pace: which times are in time, on clocks of every kind.

use std::num::NonZeroU32;
use std::time::Duration;

/// How times are judged, and how long a check waits.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// How many times as fast as the contract's time the target's time runs.
    pub(crate) speed: NonZeroU32,
    /// How much too early a write may seem, by the grain of clocks.
    pub(crate) early_max: Duration,
    /// How late a write may be.
    pub(crate) late_max: Duration,
    /// Whether periods and timestamps are kept to the nanosecond. In real time the median of a period counts, and timers
    /// on a busy machine get some slack.
    pub(crate) is_exact: bool,
    /// Whether each stream begins at the epoch of the fixtures, so that each timestamp is known.
    pub(crate) is_epoch_known: bool,
}

/// A line that a timer brings is given up so long after the line was due.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The median of fewer gaps is less exact.
const FEW: usize = 10;

impl Pace {
    /// Returns the pace of virtual time in a world of its own: everything is exact, and each timestamp is known.
    pub(crate) fn exact() -> Self {
        let (early_max, late_max) = (Duration::ZERO, Duration::ZERO);
        Self { speed: NonZeroU32::MIN, early_max, late_max, is_exact: true, is_epoch_known: true }
    }

    /// Returns the pace of virtual time for an application with any epoch.
    pub(crate) fn exact_since_any_epoch() -> Self {
        Self { is_epoch_known: false, ..Self::exact() }
    }

    /// Returns the pace of real time, for a server on the same machine or near.
    #[cfg(any(test, feature = "live"))]
    pub(crate) fn real(speed: NonZeroU32, late_max: Duration) -> Self {
        Self { speed, early_max: Duration::from_millis(5), late_max, is_exact: false, is_epoch_known: false }
    }

    /// Returns how long after the request a line that a request brings is given up.
    pub(crate) fn patience_for_effects(&self) -> Duration {
        Duration::from_secs(2) + self.late_max
    }

    /// Returns how long the server's answer to a half-close is waited for.
    pub(crate) fn patience_for_half_close(&self) -> Duration {
        if self.is_exact { Duration::from_millis(1) } else { self.patience_for_effects() }
    }

    /// Returns how long so much of the contract's time takes the target.
    pub(crate) fn takes(&self, ms: u64) -> Duration {
        Duration::from_millis(ms) / self.speed.get()
    }

    /// Returns whether so few gaps make a median that a busy machine may make them short, by a delay before them.
    pub(crate) fn are_few(gaps: usize) -> bool {
        gaps < FEW
    }

    /// Returns how far a timestamp may be from the time that passed, in the target's time.
    pub(crate) fn stamp_off_max(&self) -> Duration {
        if self.is_exact { Duration::ZERO } else { Duration::from_secs(1) + self.late_max * self.speed.get() }
    }

    /// Returns the median of `gaps`, if the median is too far from a period of so many ms. On a busy machine three quarters of
    /// the gaps have to be too far.
    pub(crate) fn median_off(&self, period_ms: u64, gaps: &mut [Duration], busy: bool) -> Option<Duration> {
        gaps.sort_unstable();
        let last = gaps.len().checked_sub(1)?;
        let median = gaps[last / 2];
        let period = self.takes(period_ms);
        // Allows for timers, which drift by a part of the period, and fire some milliseconds late.
        let slack = Duration::from_millis(if Self::are_few(gaps.len()) { 26 } else { 6 });
        let slack = if self.is_exact { Duration::ZERO } else { period * 4 / 100 + slack };
        // Takes, on a busy machine, the time between the quartiles that is nearest to the period.
        let nearest = if busy { period.clamp(gaps[last / 4], gaps[last - last / 4]) } else { median };
        (nearest.abs_diff(period) > slack).then_some(median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Returns whether a server whose gaps take `gap` ms, apart from these hiccups, keeps the period.
    fn keeps(period: u64, gap: u64, count: usize, hiccups: &[u64]) -> bool {
        let pace = Pace::real(NonZeroU32::MIN, ms(250));
        let mut gaps: Vec<_> = (0..count).map(|n| ms(gap + hiccups.get(n).unwrap_or(&0))).collect();
        pace.median_off(period, &mut gaps, false).is_none()
    }

    #[test]
    fn a_period_is_kept_in_spite_of_hiccups_but_not_if_it_is_another() {
        assert!(keeps(50, 51, 70, &[900, 400, 30]));
        assert!(!keeps(50, 60, 70, &[]));
        assert!(!keeps(50, 40, 70, &[]));
        assert!(keeps(1000, 1028, 20, &[200]));
        assert!(!keeps(1000, 1100, 20, &[]));
        assert!(!keeps(1500, 1600, 50, &[]));
        assert!(!keeps(200, 300, 4, &[]));
        assert!(!keeps(200, 100, 4, &[]));
        assert!(keeps(200, 215, 4, &[60]));
    }

    #[test]
    fn on_a_busy_machine_a_period_is_off_if_three_quarters_of_its_gaps_are() {
        let pace = Pace::real(NonZeroU32::MIN, ms(250));
        let off = |gaps: [u64; 8], busy| pace.median_off(1000, &mut gaps.map(ms), busy).is_some();
        let delayed = [1001, 1004, 1020, 1090, 1100, 1120, 1150, 1400];
        assert!(off(delayed, false) && !off(delayed, true));
        let other = [1040, 1105, 1110, 1110, 1120, 1130, 1150, 1400];
        assert!(off(other, false) && off(other, true));
    }

    #[test]
    fn in_virtual_time_a_period_is_exact() {
        let off = |gap| Pace::exact().median_off(50, &mut [ms(gap)], false);
        assert_eq!((off(49), off(50), off(51)), (Some(ms(49)), None, Some(ms(51))));
    }

    #[test]
    fn a_fast_target_has_short_periods() {
        let pace = Pace::real(NonZeroU32::new(100).expect("not zero"), ms(250));
        assert_eq!(pace.takes(1500), ms(15));
    }
}
