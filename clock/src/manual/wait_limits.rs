//! How long an advance waits for clients that do not read, in the machine's time.

use std::time::Duration;

/// How long an advance waits for stuck clients, in the machine's time.
pub const BLOCKED_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an advance waits in all for clients that take bytes slowly, in the machine's time.
pub const SLOW_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an advance waits for a woken response to do anything at all; only a bug makes a response so silent.
const SILENT_TIME_MAX: Duration = Duration::from_secs(30);
/// How often an advance checks the limits.
pub(super) const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// How long an advance has waited, by the reason.
#[derive(Debug, Default)]
pub(super) struct WaitLimits {
    /// For stuck clients, since a turn last ended or bytes were last taken.
    blocked: Duration,
    /// For stuck and slow clients, in all: never reset.
    slow: Duration,
    /// For responses without a write or a blocked socket, since a turn last ended.
    silent: Duration,
    /// How often clients had taken bytes at the end of the last period.
    taken: u64,
}

impl WaitLimits {
    /// Notes that another [`LOOK_PERIOD`] has passed without the end of a turn. `all_blocked` tells whether all awaited
    /// connections are blocked, and `taken` how often their clients have taken bytes.
    pub(super) fn note_period(&mut self, all_blocked: bool, taken: u64) {
        // Forgives a client that takes bytes again. A limit once reached stays reached: many stuck clients cost one.
        if std::mem::replace(&mut self.taken, taken) != taken && !self.is_over_for_blocked() {
            self.blocked = Duration::ZERO;
        }
        // Counts a response at work against the limit for silence alone, even beside blocked clients.
        if all_blocked {
            self.blocked += LOOK_PERIOD;
            self.slow += LOOK_PERIOD;
        } else {
            self.silent += LOOK_PERIOD;
        }
    }

    /// Notes that a turn has ended. A limit for blocked clients that is over stays over.
    pub(super) fn note_progress(&mut self) {
        self.silent = Duration::ZERO;
        if !self.is_over_for_blocked() {
            self.blocked = Duration::ZERO;
        }
    }

    /// Returns whether the advance waits no longer for blocked connections.
    pub(super) fn is_over_for_blocked(&self) -> bool {
        self.blocked >= BLOCKED_TIME_MAX || self.slow >= SLOW_TIME_MAX
    }

    /// Returns whether the advance waits no longer for any connection.
    pub(super) fn is_over_for_all(&self) -> bool {
        self.silent >= SILENT_TIME_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(time: Duration) -> u32 {
        u32::try_from(time.as_millis() / LOOK_PERIOD.as_millis()).expect("a few thousand")
    }

    #[test]
    fn the_blocked_are_waited_for_once() {
        let mut limits = WaitLimits::default();
        for _ in 1..looks(BLOCKED_TIME_MAX) {
            limits.note_period(true, 0);
        }
        assert!(!limits.is_over_for_blocked());
        limits.note_period(true, 0);
        assert!(limits.is_over_for_blocked());
        limits.note_progress();
        assert!(limits.is_over_for_blocked() && !limits.is_over_for_all());
    }

    #[test]
    fn the_slow_are_waited_for_longer() {
        let a_turn_ends: fn(&mut WaitLimits, u32) = |limits, _| {
            limits.note_period(true, 0);
            limits.note_progress();
        };
        let something_is_taken: fn(&mut WaitLimits, u32) =
            |limits, look| limits.note_period(true, u64::from(look) / 50);
        for goes_on in [a_turn_ends, something_is_taken] {
            let mut limits = WaitLimits::default();
            for look in 1..looks(SLOW_TIME_MAX) {
                goes_on(&mut limits, look);
                assert!(!limits.is_over_for_blocked());
            }
            for look in 0..2 {
                goes_on(&mut limits, look);
                assert!(limits.is_over_for_blocked());
            }
        }
    }

    #[test]
    fn the_silent_are_given_up_and_others_given_their_time() {
        let mut limits = WaitLimits::default();
        for _ in 0..looks(SILENT_TIME_MAX) {
            assert!(!limits.is_over_for_all());
            limits.note_period(false, 0);
        }
        assert!(limits.is_over_for_all());
        limits.note_progress();
        assert!(!limits.is_over_for_all());
    }
}
