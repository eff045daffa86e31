//! The task that serves a connection: how to wake the task, and how a stream lets the task send first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// The task of one connection.
#[derive(Debug, Default)]
pub(crate) struct Task {
    waker: AtomicWaker,
    is_served: AtomicBool,
    is_paused: AtomicBool,
}

impl Task {
    /// Wakes the task.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Has `waker` woken from now on. Register first and look afterwards: a change in between is then not missed.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Notes whether the server resumes a stream that pauses.
    pub(super) fn set_served(&self, is_served: bool) {
        self.is_served.store(is_served, Ordering::Relaxed);
    }

    /// Lets the writes of a stream be sent before the stream goes on. Under [`crate::serving::serve`] the stream goes on in
    /// the same poll, since a stream that waited behind all others would fall behind; elsewhere `waker` is woken.
    pub(crate) fn pause(&self, waker: &Waker) {
        if self.is_served.load(Ordering::Relaxed) {
            self.is_paused.store(true, Ordering::Relaxed);
        } else {
            waker.wake_by_ref();
        }
    }

    /// Returns whether a stream has paused since the last call.
    pub(crate) fn take_pause(&self) -> bool {
        self.is_paused.swap(false, Ordering::Relaxed)
    }
}
