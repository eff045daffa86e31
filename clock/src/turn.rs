//! Turns: how a manual clock learns that a response has written everything due.
//!
//! A response woken by a [`ManualClock`](super::ManualClock) holds a [`Turn`] until the due writes have reached
//! the socket; the clock wakes no other response until then. The other clocks do not wait, and need no turns.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// A response that waits for a turn.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// The ordinal of the connection.
    pub connection: u64,
    /// The ordinal of the request on the connection.
    pub request: u32,
    /// The path of the request.
    pub path: Cow<'static, str>,
    /// The socket of the connection.
    pub socket: Arc<SocketState>,
}

/// The state of a connection's socket, as a clock sees the socket: whether the client takes bytes.
#[derive(Debug, Default)]
pub struct SocketState {
    /// Bytes are left to be written, and the client takes none.
    blocked: AtomicBool,
    /// The clock has stopped waiting for the socket.
    held_up: AtomicBool,
    /// How often the client, or the machine on behalf of the client, has taken bytes.
    taken: AtomicU64,
}

impl SocketState {
    /// Notes whether bytes are left to be written because the client takes none.
    pub fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Release);
        // Lets the clock wait for the socket again, now that the client reads.
        if !blocked {
            self.held_up.store(false, Ordering::Release);
        }
    }

    /// Returns whether bytes are left to be written because the client takes none.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// Notes that the client, or the machine on behalf of the client, has taken bytes.
    pub fn note_taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how often the client has taken bytes.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(feature = "served")]
impl SocketState {
    /// Notes that the clock stops waiting for the socket until the socket is no longer blocked.
    pub(super) fn hold_up(&self) {
        self.held_up.store(true, Ordering::Release);
    }

    /// Returns whether the clock has given up waiting for the socket.
    pub(super) fn is_held_up(&self) -> bool {
        self.held_up.load(Ordering::Acquire)
    }
}

/// Makes a manual clock wait until the turn is dropped.
#[derive(Default)]
pub struct Turn(Option<AwaitedTurn>);

/// Is told when a turn has ended.
pub(super) trait TurnListener: Send + Sync {
    fn turn_ended(&self, number: u64, writes: u32);
}

struct AwaitedTurn {
    listener: Arc<dyn TurnListener>,
    number: u64,
    writes: u32,
}

impl Turn {
    /// Returns a turn that no clock waits for.
    #[must_use]
    pub const fn unawaited() -> Self {
        Self(None)
    }

    /// Returns a turn that no clock waits for, and the end of the turn to wait for.
    #[must_use]
    pub fn watched() -> (Self, TurnEnd) {
        let end = Arc::new(WatchedEnd::default());
        (Self::new(Arc::clone(&end) as Arc<dyn TurnListener>, 0), TurnEnd(end))
    }

    pub(super) fn new(listener: Arc<dyn TurnListener>, number: u64) -> Self {
        Self(Some(AwaitedTurn { listener, number, writes: 0 }))
    }

    /// Returns whether a clock, or another task, waits for the end of the turn.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.is_some()
    }

    /// Counts a write that was due in the turn.
    pub fn count_write(&mut self) {
        if let Some(taken) = &mut self.0 {
            taken.writes += 1;
        }
    }
}

/// The end of a watched turn.
#[derive(Debug)]
pub struct TurnEnd(Arc<WatchedEnd>);

#[derive(Debug, Default)]
struct WatchedEnd(Notify);

impl TurnEnd {
    /// Waits until the turn has ended.
    pub async fn ended(self) {
        self.0.0.notified().await;
    }
}

impl TurnListener for WatchedEnd {
    fn turn_ended(&self, _number: u64, _writes: u32) {
        // Keeps the notice for a task that begins to wait only after the end.
        self.0.notify_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(AwaitedTurn { listener, number, writes }) = self.0.take() {
            listener.turn_ended(number, writes);
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.0.as_ref().map(|taken| taken.number)).finish()
    }
}
