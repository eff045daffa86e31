//! The place of a connection in a world: the ordinal, and the number of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The place of one connection, from the first request on.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Option<Ordinals>>);

#[derive(Debug)]
struct Ordinals {
    /// Counts the connections of a world, and tells worlds apart.
    counter: Arc<AtomicU64>,
    ordinal: u64,
    requests: u32,
}

impl Place {
    /// Returns the place with the ordinal `ordinal` among the connections of `counter`.
    pub(super) fn new(counter: &Arc<AtomicU64>, ordinal: u64) -> Self {
        Self(Mutex::new(Some(Ordinals { counter: Arc::clone(counter), ordinal, requests: 0 })))
    }

    /// Returns the ordinal, if there was a request.
    pub(super) fn ordinal(&self) -> Option<u64> {
        self.0.lock().as_ref().map(|ordinals| ordinals.ordinal)
    }

    /// Returns the ordinal in the world of `counter`: a new ordinal for a connection of another world.
    pub(crate) fn ordinal_in(&self, counter: &Arc<AtomicU64>) -> u64 {
        self.with_ordinals(counter, |ordinals| ordinals.ordinal)
    }

    /// Counts a request; returns the ordinals of the connection in the world of `counter`, and of the request, from 0.
    pub(crate) fn next_request_in(&self, counter: &Arc<AtomicU64>) -> (u64, u32) {
        self.with_ordinals(counter, |ordinals| {
            ordinals.requests += 1;
            (ordinals.ordinal, ordinals.requests - 1)
        })
    }

    fn with_ordinals<T>(&self, counter: &Arc<AtomicU64>, then: impl FnOnce(&mut Ordinals) -> T) -> T {
        let mut known = self.0.lock();
        if !known.as_ref().is_some_and(|ordinals| Arc::ptr_eq(&ordinals.counter, counter)) {
            // Numbers the connection anew with its first request in a world, so also after a reset.
            let ordinal = counter.fetch_add(1, Ordering::Relaxed);
            *known = Some(Ordinals { counter: Arc::clone(counter), ordinal, requests: 0 });
        }
        then(known.as_mut().expect("the ordinals were put there just now"))
    }
}
