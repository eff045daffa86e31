//! Tells when everything possible at an instant has happened.
//!
//! A paused runtime parks just when no task can run, and only then lets time pass. The runtime signals an [`Idle`] before
//! parking, and the waiting tasks run at the same instant. A test that settles therefore sees all consequences, without a
//! guess how often to yield.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The idleness of one runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle(Arc<IdleState>);

#[derive(Debug, Default)]
struct IdleState {
    idle: Notify,
    /// Whether bytes have arrived since the runtime was last idle.
    has_arrived: AtomicBool,
    idle_after_arrival: Notify,
}

impl Idle {
    /// Wakes the waiting tasks; the runtime calls the function before parking.
    pub(crate) fn signal(&self) {
        self.0.idle.notify_waiters();
        // Clears the mark before waking: an arrival caused by the woken tasks belongs to the next signal.
        if self.0.has_arrived.swap(false, Ordering::AcqRel) {
            self.0.idle_after_arrival.notify_waiters();
        }
    }

    /// Notes that bytes have arrived.
    pub(crate) fn note_arrival(&self) {
        self.0.has_arrived.store(true, Ordering::Release);
    }

    /// Waits until no other task can run at this instant.
    pub(crate) async fn wait(&self) {
        self.0.idle.notified().await;
    }

    /// Waits until bytes have arrived, and no other task can run at that instant.
    pub(crate) async fn after_arrival(&self) {
        self.0.idle_after_arrival.notified().await;
    }

    /// Returns a function that tells a test whether the state is freed.
    #[cfg(test)]
    pub(crate) fn watch(&self) -> impl Fn() -> bool + use<> {
        let state = Arc::downgrade(&self.0);
        move || state.upgrade().is_none()
    }
}
