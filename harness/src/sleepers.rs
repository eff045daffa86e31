//! The clock of a lab: tokio's, and a count of who waits for it. A timer that outlives its stream is a leak.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use onbeat_server::clock::{Clock, Sleep};
use onbeat_wire::Instant;

/// A clock that counts its sleepers.
#[derive(Debug)]
pub(crate) struct Counted {
    clock: Arc<dyn Clock>,
    sleepers: Sleepers,
}

/// How many wait for a clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sleepers(Arc<AtomicUsize>);

impl Sleepers {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counted {
    pub(crate) fn new(clock: Arc<dyn Clock>, sleepers: Sleepers) -> Self {
        Self { clock, sleepers }
    }
}

impl Clock for Counted {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.sleepers.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(Sleeper { sleep: self.clock.sleep_until(deadline), sleepers: self.sleepers.clone() })
    }
}

struct Sleeper {
    sleep: Sleep,
    sleepers: Sleepers,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().sleep.as_mut().poll(cx)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.sleepers.0.fetch_sub(1, Ordering::Relaxed);
    }
}
