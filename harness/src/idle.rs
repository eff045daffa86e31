//! Knowing when everything that can happen at an instant has happened.
//!
//! A paused runtime parks just when no task can run, and only then lets time pass. A [`Idle`] is told so first, and can
//! have one more task run at the same instant: a test that settles sees every consequence of what it did, exactly,
//! without guessing how often to yield.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// The idleness of one runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle(Arc<State>);

#[derive(Debug, Default)]
struct State {
    waiting: AtomicWaker,
    seen: AtomicBool,
}

impl Idle {
    /// To be called whenever the runtime is about to park.
    pub(crate) fn signal(&self) {
        self.0.seen.store(true, Ordering::Release);
        self.0.waiting.wake();
    }

    /// Tells a test whether it is freed.
    #[cfg(test)]
    pub(crate) fn watch(&self) -> impl Fn() -> bool + use<> {
        let state = Arc::downgrade(&self.0);
        move || state.upgrade().is_none()
    }

    /// Waits until no other task can run at this instant.
    pub(crate) async fn wait(&self) {
        self.0.seen.store(false, Ordering::Release);
        poll_fn(|cx| {
            self.0.waiting.register(cx.waker());
            if self.0.seen.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        // The runtime holds the signal, and the waker the runtime: together they would never be freed.
        drop(self.0.waiting.take());
    }
}
