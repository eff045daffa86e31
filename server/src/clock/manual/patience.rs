//! How long an advance waits for those who do not read, in the machine's time.

use std::time::Duration;

/// How long an advance waits for a reader that takes nothing, in the machine's time.
pub const BLOCKED_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an advance waits for readers that take what they are sent, but slowly, in the machine's time and in all.
pub const SLOW_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an advance waits for a sleeper that does nothing at all: only a bug keeps one from its turn.
const SILENT_TIME_MAX: Duration = Duration::from_secs(30);
/// How often an advance looks whether it waits in vain.
pub(super) const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// How long an advance has waited, and for whom.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Readers who take nothing, since a turn last ended or something was taken.
    blocked: Duration,
    /// Readers who take little, in all.
    slow: Duration,
    /// Nobody that anything is known of, since a turn last ended.
    silent: Duration,
    /// How often something had been taken by those who are waited for, when that was last looked at.
    taken: u64,
}

impl Patience {
    /// Another [`LOOK_PERIOD`] has passed, and no turn has ended: are `all_blocked` who hold one, and how often have they
    /// `taken` something?
    pub(super) fn wait(&mut self, all_blocked: bool, taken: u64) {
        if std::mem::replace(&mut self.taken, taken) != taken && !self.is_out_with_blocked() {
            self.blocked = Duration::ZERO;
        }
        if all_blocked {
            self.blocked += LOOK_PERIOD;
            self.slow += LOOK_PERIOD;
        } else {
            self.silent += LOOK_PERIOD;
        }
    }

    /// A turn has ended: somebody reads. Once it has run out, patience with the blocked does not come back.
    pub(super) fn see_progress(&mut self) {
        self.silent = Duration::ZERO;
        if !self.is_out_with_blocked() {
            self.blocked = Duration::ZERO;
        }
    }

    /// Whether nobody waits for those who are blocked any more.
    pub(super) fn is_out_with_blocked(&self) -> bool {
        self.blocked >= BLOCKED_TIME_MAX || self.slow >= SLOW_TIME_MAX
    }

    /// Whether nobody is waited for at all.
    pub(super) fn is_out_with_all(&self) -> bool {
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
        let mut patience = Patience::default();
        for _ in 1..looks(BLOCKED_TIME_MAX) {
            patience.wait(true, 0);
        }
        assert!(!patience.is_out_with_blocked());
        patience.wait(true, 0);
        assert!(patience.is_out_with_blocked());
        patience.see_progress();
        assert!(patience.is_out_with_blocked() && !patience.is_out_with_all());
    }

    #[test]
    fn the_slow_are_waited_for_longer() {
        let a_turn_ends: fn(&mut Patience, u32) = |patience, _| {
            patience.wait(true, 0);
            patience.see_progress();
        };
        let something_is_taken: fn(&mut Patience, u32) = |patience, look| patience.wait(true, u64::from(look) / 50);
        for goes_on in [a_turn_ends, something_is_taken] {
            let mut patience = Patience::default();
            for look in 1..looks(SLOW_TIME_MAX) {
                goes_on(&mut patience, look);
                assert!(!patience.is_out_with_blocked());
            }
            for look in 0..2 {
                goes_on(&mut patience, look);
                assert!(patience.is_out_with_blocked());
            }
        }
    }

    #[test]
    fn the_silent_are_given_up_and_others_given_their_time() {
        let mut patience = Patience::default();
        for _ in 0..looks(SILENT_TIME_MAX) {
            assert!(!patience.is_out_with_all());
            patience.wait(false, 0);
        }
        assert!(patience.is_out_with_all());
        patience.see_progress();
        assert!(!patience.is_out_with_all());
    }
}
