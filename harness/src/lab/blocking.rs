//! The threads of a runtime for blocking work, counted.
//!
//! tokio lets no paused time pass while such a thread works, but a runtime with nothing else to do parks, and looks idle. The
//! runtime names each new thread, in the call to `spawn_blocking`, and tells when a thread ends. A thread without work ends at
//! once, so that the threads between the two are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use tokio::sync::Notify;

use crate::idle::Idle;

/// The threads of one runtime for blocking work.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockingThreads(Arc<ThreadCount>);

#[derive(Debug, Default)]
struct ThreadCount {
    begun: AtomicUsize,
    ended: AtomicUsize,
    changed: Notify,
}

impl BlockingThreads {
    /// Counts a new thread.
    pub(super) fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts the end of a thread.
    pub(super) fn end(&self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }

    /// Returns how many threads are at work.
    pub(super) fn at_work(&self) -> usize {
        // Reads the ends first: a thread that ends in between counts as at work, and not as an end too many.
        let ended = self.0.ended.load(Ordering::Acquire);
        self.0.begun.load(Ordering::Acquire).saturating_sub(ended)
    }

    /// Waits until no thread works, and no task can run then.
    pub(super) async fn wait(&self, idle: &Idle) {
        if self.0.begun.load(Ordering::Acquire) == 0 {
            return;
        }
        // Holds a thread of its own at work, so that no time passes between the end of the others and the return.
        let (release, released) = mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || released.recv().is_err());
        loop {
            // Registers before looking at the count, so that an end in between is not missed.
            let changed = self.0.changed.notified();
            idle.wait().await;
            // Stops when the holder alone is at work.
            if self.at_work() <= 1 {
                break;
            }
            changed.await;
        }
        drop((release, holder));
    }
}
