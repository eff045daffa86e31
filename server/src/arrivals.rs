//! What has reached the server, and whether all of it has been taken in.
//!
//! One thread looks at one socket after the other, and hears whoever asks on an open connection before whoever has just
//! come, or left, on another. What is answered at once, such as a broadcast, is therefore held back until everything has
//! been taken in that had arrived by then: who has joined hears it, and who has left is not counted. What drives the world
//! comes after all that was asked of it. With several threads nobody can say what came first, and nothing is held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::task::yield_now;

/// How often the sockets are looked at, while always something new comes, until what was held back goes on.
const LOOKS_MAX: usize = 1000;

/// What has reached a server.
#[derive(Debug, Default)]
pub struct Arrivals {
    seen: AtomicU64,
    /// How many requests to the world are held back.
    held: AtomicU64,
    /// Those who are held back go on in the order in which they came.
    asking: Mutex<()>,
    driving: Mutex<()>,
}

impl Arrivals {
    /// Something has been taken in: a connection, bytes, or the end of them.
    pub(crate) fn note(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// Holds a request to the world back until all has been taken in that has arrived.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let _held = Held::new(&self.held);
        let _alone = self.asking.lock().await;
        self.look(|_| true).await;
    }

    /// Holds a request that drives the world back, until also those to the world go on that have arrived.
    pub(crate) async fn settle_last(self: &Arc<Self>) {
        let _alone = self.driving.lock().await;
        self.look(|arrivals| arrivals.held.load(Ordering::Relaxed) == 0).await;
    }

    /// Looks at all sockets until that brings nothing new, and `enough` has been done.
    async fn look(self: &Arc<Self>, enough: impl Fn(&Self) -> bool + Send + 'static) {
        let arrivals = Arc::clone(self);
        // In a task of its own, since hyper may poll a request again before anybody else goes on.
        let looked = tokio::spawn(async move {
            for _ in 0..LOOKS_MAX {
                let seen = arrivals.seen.load(Ordering::Relaxed);
                // Everybody else goes on, then the sockets are looked at.
                yield_now().await;
                if arrivals.seen.load(Ordering::Relaxed) == seen && enough(&arrivals) {
                    return;
                }
            }
        });
        looked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// Counts one that is held back, as long as it is.
struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
