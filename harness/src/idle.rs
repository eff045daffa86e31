//! Tells when everything has happened that can happen at an instant.
//!
//! A paused runtime parks just when no task can run, and only then lets time pass. The runtime signals an [`Idle`] before
//! parking, and the waiting task runs at the same instant. A test that settles therefore sees all consequences, without a
//! guess how often to yield.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// The idleness of one runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle(Arc<IdleState>);

#[derive(Debug, Default)]
struct IdleState {
    waiting: AtomicWaker,
    is_signalled: AtomicBool,
}

impl Idle {
    /// Wakes the waiting task; the runtime calls the function before parking.
    pub(crate) fn signal(&self) {
        self.0.is_signalled.store(true, Ordering::Release);
        self.0.waiting.wake();
    }

    /// Returns a function that tells a test whether the state is freed.
    #[cfg(test)]
    pub(crate) fn watch(&self) -> impl Fn() -> bool + use<> {
        let state = Arc::downgrade(&self.0);
        move || state.upgrade().is_none()
    }

    /// Waits until no other task can run at this instant.
    pub(crate) async fn wait(&self) {
        self.0.is_signalled.store(false, Ordering::Release);
        poll_fn(|cx| {
            self.0.waiting.register(cx.waker());
            if self.0.is_signalled.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        // The runtime holds the state, and the waker the runtime: this circle would never be freed.
        drop(self.0.waiting.take());
    }
}
