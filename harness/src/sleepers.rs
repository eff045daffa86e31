//! The clock of a lab: tokio's clock, with a count of the waits. A timer without a stream is a leak.

use std::sync::Arc;

use onbeat_clock::{Clock, Sleep};
use onbeat_wire::Instant;

/// A clock that counts its sleepers.
#[derive(Debug)]
pub(crate) struct CountedClock {
    clock: Arc<dyn Clock>,
    sleepers: Sleepers,
}

/// The number of waits for a clock. Each wait holds a clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sleepers(Arc<()>);

impl Sleepers {
    /// Returns a clock with these sleepers.
    pub(crate) fn count_on(&self, clock: Arc<dyn Clock>) -> CountedClock {
        CountedClock { clock, sleepers: self.clone() }
    }

    /// Returns how many wait, without the clock and the caller.
    pub(crate) fn count(&self) -> usize {
        // Counts the clones: each wait holds a clone, which is dropped with the wait.
        Arc::strong_count(&self.0) - 2
    }
}

impl Clock for CountedClock {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let (sleep, sleeper) = (self.clock.sleep_until(deadline), self.sleepers.clone());
        Box::pin(async move {
            sleep.await;
            drop(sleeper);
        })
    }
}
