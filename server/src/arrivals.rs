//! Counts arrivals at the server, so that a request waits until all earlier arrivals have been taken in.
//!
//! One thread reads one socket after the other, and can read a request on an open connection before an earlier arrival on
//! another socket, such as a new connection or the end of a connection. A request with an answer at once, such as a
//! broadcast, is therefore held back until all earlier arrivals have been taken in: a client that has joined gets the
//! broadcast, and a client that has left is not counted. A control request is held back until all earlier requests to the
//! world go on. With several threads the order of arrivals is unknown, and no request is held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::task::yield_now;

/// How often the runtime looks at the sockets before a held-back request goes on, though bytes still arrive, or an earlier
/// request is not whole.
const LOOKS_MAX: usize = 1000;

/// The arrivals at a server.
#[derive(Debug, Default)]
pub struct Arrivals {
    seen: AtomicU64,
    /// The number of held-back requests to the world.
    held: AtomicU64,
    /// Held by the first held-back request to the world; the others follow in order.
    asking: Mutex<()>,
    /// The same for control requests.
    driving: Mutex<()>,
}

impl Arrivals {
    /// Counts an arrival: a connection, bytes, or the end of a connection.
    pub(crate) fn note(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of arrivals.
    #[cfg(test)]
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Holds a request to the world back until all earlier arrivals have been taken in.
    pub(crate) async fn settle(self: &Arc<Self>) {
        // Counts the request before waiting for the lock, since control requests wait for all held-back requests.
        let _held = HeldBack::new(&self.held);
        let _alone = self.asking.lock().await;
        self.look(|_| true).await;
    }

    /// Holds a control request back until all earlier requests to the world go on, for a bounded number of looks.
    pub async fn settle_last(self: &Arc<Self>) {
        let _alone = self.driving.lock().await;
        self.look(|arrivals| arrivals.held.load(Ordering::Relaxed) == 0).await;
    }

    /// Holds control requests back until dropped, for [`LOOKS_MAX`] looks at most: a request to the world has not been read to
    /// the end.
    pub(crate) fn hold_back(&self) -> HeldBack<'_> {
        HeldBack::new(&self.held)
    }

    /// Lets the runtime look at all sockets until no look brings an arrival, and `enough` holds.
    async fn look(self: &Arc<Self>, enough: impl Fn(&Self) -> bool + Send + 'static) {
        let arrivals = Arc::clone(self);
        // Looks from a task of its own: hyper may poll the request again before any other task runs.
        let looked = tokio::spawn(async move {
            for _ in 0..LOOKS_MAX {
                let seen = arrivals.seen.load(Ordering::Relaxed);
                // Lets all other tasks run, and the runtime look at the sockets after that.
                yield_now().await;
                if arrivals.seen.load(Ordering::Relaxed) == seen && enough(&arrivals) {
                    return;
                }
            }
        });
        // Passes a panic of the task on; nothing cancels the task.
        looked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// Counts a request as held back until dropped.
pub(crate) struct HeldBack<'a>(&'a AtomicU64);

impl<'a> HeldBack<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex as StdMutex;
    use tokio_test::task::Spawn;

    use super::*;

    /// A few more looks than are necessary without arrivals.
    const FEW: usize = 10;

    /// Holds a request to the world back, or a control request.
    async fn settle(arrivals: &Arc<Arrivals>, drives: bool) {
        if drives {
            arrivals.settle_last().await;
        } else {
            arrivals.settle().await;
        }
    }

    /// Waits for `settled`, and returns how often all other tasks had run by then.
    async fn rounds(settled: impl Future<Output = ()>, rounds_max: usize) -> usize {
        let mut rounds = 0;
        let counted = async {
            while rounds < rounds_max {
                yield_now().await;
                rounds += 1;
            }
        };
        tokio::select! {
            biased;
            () = settled => {}
            () = counted => panic!("still held back after {rounds_max} rounds"),
        }
        rounds
    }

    /// Checks that a request is still held back when all other tasks have run a few times.
    async fn stays_held_back(held: &mut Spawn<impl Future<Output = ()>>) {
        for _ in 0..FEW {
            assert!(held.poll().is_pending());
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_asked_and_what_drives_go_on_when_all_has_been_taken_in() {
        for drives in [false, true] {
            let arrivals = Arc::new(Arrivals::default());
            let taken_in = Arc::new(AtomicU64::new(0));
            let (noting, counting) = (Arc::clone(&arrivals), Arc::clone(&taken_in));
            let newcomer = move || {
                let (noting, counting) = (Arc::clone(&noting), Arc::clone(&counting));
                async move {
                    for _ in 0..5 {
                        yield_now().await;
                        counting.fetch_add(1, Ordering::Relaxed);
                        noting.note();
                    }
                }
            };
            // One goes on before whoever looks, and one behind, in whatever order the runtime takes them.
            tokio::spawn(async move {
                tokio::spawn(newcomer());
                newcomer().await;
            });
            settle(&arrivals, drives).await;
            assert_eq!(taken_in.load(Ordering::Relaxed), 10);
        }
    }

    #[tokio::test]
    async fn what_drives_goes_on_behind_all_that_was_asked() {
        let arrivals = Arc::new(Arrivals::default());
        let went_on = Arc::new(AtomicU64::new(0));
        for _ in 0..5 {
            let (arrivals, went_on) = (Arc::clone(&arrivals), Arc::clone(&went_on));
            tokio::spawn(async move {
                arrivals.settle().await;
                went_on.fetch_add(1, Ordering::Relaxed);
            });
        }
        yield_now().await;
        arrivals.settle_last().await;
        assert_eq!(went_on.load(Ordering::Relaxed), 5);
        // Nobody is held back any more.
        assert!(rounds(arrivals.settle_last(), FEW).await < FEW);
    }

    #[tokio::test]
    async fn what_drives_waits_for_a_single_request() {
        let arrivals = Arc::new(Arrivals::default());
        let mut asks = tokio_test::task::spawn(arrivals.settle());
        assert!(asks.poll().is_pending());
        let mut drives = tokio_test::task::spawn(arrivals.settle_last());
        stays_held_back(&mut drives).await;
        drop(asks);
        assert!(rounds(drives, FEW).await < FEW);
    }

    #[tokio::test]
    async fn what_drives_waits_for_a_request_that_waits_for_another() {
        let arrivals = Arc::new(Arrivals::default());
        let [mut first, mut second] = [(); 2].map(|()| tokio_test::task::spawn(arrivals.settle()));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        drop(first);
        let mut drives = tokio_test::task::spawn(arrivals.settle_last());
        stays_held_back(&mut drives).await;
        drop(second);
        assert!(rounds(drives, FEW).await < FEW);
    }

    #[tokio::test]
    async fn all_go_on_in_the_order_in_which_they_came() {
        for drives in [false, true] {
            let arrivals = Arc::new(Arrivals::default());
            let order = Arc::new(StdMutex::new(Vec::new()));
            let tasks = (0..5).map(|n| {
                let (arrivals, order) = (Arc::clone(&arrivals), Arc::clone(&order));
                tokio::spawn(async move {
                    settle(&arrivals, drives).await;
                    order.lock().push(n);
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.expect("nobody panics");
            }
            assert_eq!(*order.lock(), [0, 1, 2, 3, 4], "drives: {drives}");
        }
    }

    #[tokio::test]
    async fn who_leaves_while_held_back_holds_up_nobody() {
        let arrivals = Arc::new(Arrivals::default());
        for _ in 0..3 {
            let mut leaver = tokio_test::task::spawn(arrivals.settle());
            assert!(leaver.poll().is_pending());
        }
        assert!(rounds(arrivals.settle_last(), FEW).await < FEW);
    }

    #[tokio::test]
    async fn nobody_is_held_back_for_ever_though_always_something_new_comes() {
        for drives in [false, true] {
            let arrivals = Arc::new(Arrivals::default());
            let noting = Arc::clone(&arrivals);
            let newcomer = move || {
                let noting = Arc::clone(&noting);
                async move {
                    loop {
                        noting.note();
                        yield_now().await;
                    }
                }
            };
            // One before whoever looks, and one behind.
            tokio::spawn(async move {
                tokio::spawn(newcomer());
                newcomer().await
            });
            assert!(
                rounds(settle(&arrivals, drives), 2 * LOOKS_MAX).await > LOOKS_MAX / 2,
                "what was new was not taken in"
            );
        }
    }
}
