//! Memory that requests from many clients share: all of them together hold no more than a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many bytes, to be held by whoever needs some.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Bytes>);

#[derive(Debug)]
struct Bytes {
    most: usize,
    held: AtomicUsize,
}

/// A share of a budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Bytes { most, held: AtomicUsize::new(0) }))
    }

    /// Returns a share of so many bytes; none if they are not left.
    pub(super) fn share(&self, bytes: usize) -> Option<Share> {
        let mut share = Share { budget: self.clone(), bytes: 0 };
        share.grow(bytes).then_some(share)
    }
}

impl Share {
    /// Grows by so many bytes, if they are left; returns whether they were.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Bytes { most, held } = &*self.budget.0;
        let grown = |held: usize| held.checked_add(bytes).filter(|held| held <= most);
        let has_grown = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        self.bytes += if has_grown { bytes } else { 0 };
        has_grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_no_more_than_the_budget_and_come_back() {
        let budget = Budget::new(10);
        let mut share = budget.share(4).expect("room");
        assert!(share.grow(5) && !share.grow(2));
        assert!(budget.share(2).is_none());
        let last = budget.share(1).expect("room");
        drop(share);
        assert!(budget.share(10).is_none() && budget.share(9).is_some());
        drop(last);
        assert!(budget.share(10).is_some());
    }
}
