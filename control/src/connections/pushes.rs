//! The pushed writes of a test, until the response takes the writes.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use onbeat_clock::Turn;
use onbeat_wire::Instant;

/// The most pushed writes waiting for one response.
pub(crate) const WAITING_WRITES_MAX: usize = 256;
/// How many bytes of pushed writes may wait for one response when another write comes.
pub(crate) const WAITING_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A write pushed into a response by a test.
#[derive(Debug)]
pub(crate) struct PushedWrite {
    /// When the test pushed the write.
    pub(crate) at: Instant,
    pub(crate) bytes: Bytes,
    /// Ends when the write has been sent, or is lost with the response.
    pub(crate) turn: Turn,
}

/// Why a response takes no pushed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The response has ended.
    Over,
    /// The head of the response had a Content-Length.
    LengthTold,
    /// [`WAITING_WRITES_MAX`] or [`WAITING_BYTES_MAX`] is reached.
    TooManyWaiting,
}

/// The pushed writes not taken yet by a response, in order.
#[derive(Debug, Default)]
pub(super) struct PushQueue {
    writes: VecDeque<PushedWrite>,
    bytes: usize,
    closed: Option<NotTaken>,
}

impl PushQueue {
    /// Adds the write that `make` returns, if the response takes another write.
    pub(super) fn push(&mut self, make: impl FnOnce() -> PushedWrite) -> Result<(), NotTaken> {
        if let Some(reason) = self.closed {
            return Err(reason);
        }
        if self.writes.len() >= WAITING_WRITES_MAX || self.bytes >= WAITING_BYTES_MAX {
            return Err(NotTaken::TooManyWaiting);
        }
        // Makes the write only now: `make` notes the write in the log, and a refused write must leave no line.
        let write = make();
        self.bytes += write.bytes.len();
        self.writes.push_back(write);
        Ok(())
    }

    /// Takes the first write, if a test pushed the write up to this time.
    pub(super) fn take(&mut self, until: Bound<Instant>) -> Option<PushedWrite> {
        self.writes.front().filter(|first| (Bound::Unbounded, until).contains(&first.at))?;
        let first = self.writes.pop_front()?;
        self.bytes -= first.bytes.len();
        Some(first)
    }

    /// Takes no more writes from now on. Returns the waiting writes, which are lost.
    pub(super) fn close(&mut self, reason: NotTaken) -> VecDeque<PushedWrite> {
        self.closed = Some(reason);
        self.bytes = 0;
        std::mem::take(&mut self.writes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::EPOCH + Duration::from_millis(ms)
    }

    fn push(queue: &mut PushQueue, ms: u64, bytes: usize) -> Result<(), NotTaken> {
        queue.push(|| PushedWrite { at: at(ms), bytes: vec![b'x'; bytes].into(), turn: Turn::unawaited() })
    }

    fn taken(queue: &mut PushQueue, until: Bound<Instant>) -> Vec<(u64, usize)> {
        let writes = std::iter::from_fn(|| queue.take(until));
        writes.map(|write| (write.at.as_millis(), write.bytes.len())).collect()
    }

    #[test]
    fn writes_are_taken_in_order_up_to_a_time() {
        let mut queue = PushQueue::default();
        for (ms, bytes) in [(5, 1), (5, 2), (7, 3)] {
            push(&mut queue, ms, bytes).expect("there is room");
        }
        assert_eq!(taken(&mut queue, Bound::Excluded(at(5))), []);
        assert_eq!(taken(&mut queue, Bound::Included(at(5))), [(5, 1), (5, 2)]);
        assert!(!queue.is_empty());
        assert_eq!(taken(&mut queue, Bound::Unbounded), [(7, 3)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn so_many_writes_and_bytes_wait_and_no_more_until_some_are_taken() {
        for (bytes, most) in [(1, WAITING_WRITES_MAX), (WAITING_BYTES_MAX / 8, 8), (10 * WAITING_BYTES_MAX, 1)] {
            let mut queue = PushQueue::default();
            for _ in 0..3 {
                let pushed = (0..1000).take_while(|_| push(&mut queue, 0, bytes).is_ok()).count();
                assert_eq!((pushed, push(&mut queue, 0, 1)), (most, Err(NotTaken::TooManyWaiting)));
                assert_eq!(taken(&mut queue, Bound::Unbounded).len(), most);
            }
        }
    }

    #[test]
    fn a_closed_queue_tells_the_reason_and_gives_its_writes_back() {
        for reason in [NotTaken::Over, NotTaken::LengthTold] {
            let mut queue = PushQueue::default();
            push(&mut queue, 0, 1).expect("there is room");
            assert_eq!(queue.close(reason).len(), 1);
            assert!(queue.is_empty());
            assert_eq!(push(&mut queue, 0, 1), Err(reason));
        }
    }
}
