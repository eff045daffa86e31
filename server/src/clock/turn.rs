//! Turns: how a clock that waits for its sleepers knows when they are done.
//!
//! Whoever a [`ManualClock`](super::ManualClock) wakes holds a [`Turn`] until its writes have been handed over, and the
//! clock wakes nobody else until then. The other clocks wait for nobody, and their turns mean nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Who waits for a turn: one stream.
#[derive(Clone, Debug)]
pub struct Who {
    /// The ordinal of its connection.
    pub connection: u64,
    /// The ordinal of its request on that connection.
    pub request: u32,
    /// The path that was asked for.
    pub path: Cow<'static, str>,
    /// Its connection, as the clock sees it.
    pub party: Arc<Party>,
}

/// One that takes turns, such as a connection: whether it can go on.
#[derive(Debug, Default)]
pub struct Party {
    blocked: AtomicBool,
    held_up: AtomicBool,
    taken: AtomicU64,
}

impl Party {
    /// Tells whether something is left to be written that its reader does not take.
    pub fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Release);
        if !blocked {
            self.held_up.store(false, Ordering::Release);
        }
    }

    /// Whether its reader does not take what is written.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// Counts something that its reader, or the machine for it, has taken.
    pub fn note_taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something of it was taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Nobody waits for it until it is no longer blocked.
    pub(super) fn hold_up(&self) {
        self.held_up.store(true, Ordering::Release);
    }

    pub(super) fn is_held_up(&self) -> bool {
        self.held_up.load(Ordering::Acquire)
    }
}

/// The right to be waited for. It ends when this is dropped.
#[derive(Default)]
pub struct Turn(Option<Taken>);

/// Told of the end of a turn.
pub(super) trait Referee: Send + Sync {
    fn given_back(&self, number: u64, writes: u32);
}

struct Taken {
    referee: Arc<dyn Referee>,
    number: u64,
    writes: u32,
}

impl Turn {
    /// One that nobody waits for.
    #[must_use]
    pub const fn unawaited() -> Self {
        Self(None)
    }

    pub(super) fn new(referee: Arc<dyn Referee>, number: u64) -> Self {
        Self(Some(Taken { referee, number, writes: 0 }))
    }

    /// Whether a clock waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.is_some()
    }

    /// Counts a write that was due.
    pub fn count_write(&mut self) {
        if let Some(taken) = &mut self.0 {
            taken.writes += 1;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(Taken { referee, number, writes }) = self.0.take() {
            referee.given_back(number, writes);
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.0.as_ref().map(|taken| taken.number)).finish()
    }
}
