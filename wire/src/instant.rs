//! The time in a world, counted from the epoch of the world.

use std::ops::{Add, Sub};
use std::time::Duration;

/// The last time in a world: a century after the epoch.
pub const TIME_MAX: Instant = Instant(Duration::from_millis(TIME_MS_MAX));

/// The same in milliseconds.
pub const TIME_MS_MAX: u64 = 36_525 * 86_400_000;

/// A point in the time of a world: the duration since the epoch of the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The world's epoch.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// Returns the whole milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the time since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        // Saturates, so that no sum of times panics; the caller compares with `TIME_MAX`.
        Self(self.0.saturating_add(after))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_its_ends() {
        let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
        assert_eq!(at(1) - at(5), Duration::ZERO);
        assert_eq!((at(1) + Duration::MAX) - Instant::EPOCH, Duration::MAX);
    }
}
