//! The progress of the answer to the present request: HTTP/1.1 answers one request of a connection at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::Connection;

#[cfg(test)]
mod tests;

/// How often the other tasks may run before the server takes a handler for waiting, and a half-closed client for gone.
const LAST_TURNS_MAX: u32 = 16;

/// The progress of the answer under way, if any.
#[derive(Debug, Default)]
pub(crate) struct AnswerState {
    /// Whether a handler is at work, and has not returned the head.
    is_handled: AtomicBool,
    /// Whether the body has been pending at least once, and so is a stream rather than an answer complete at once.
    is_streamed: AtomicBool,
    /// Whether a handler may still read the body of the request.
    reads_body: AtomicBool,
    /// Whether the body of the request was dropped before the end.
    left_body: AtomicBool,
    /// How many turns the handler has had since the FIN of the client.
    last_turns: AtomicU32,
    /// How many [`HeldOpen`] guards exist.
    held_open: AtomicU32,
}

impl AnswerState {
    /// Notes that a handler has got a request, perhaps with a body.
    pub(crate) fn begin(&self, has_body: bool) {
        self.is_handled.store(true, Ordering::Relaxed);
        self.reads_body.store(has_body, Ordering::Relaxed);
        self.left_body.store(false, Ordering::Relaxed);
        self.last_turns.store(0, Ordering::Relaxed);
    }

    /// Notes that the handler has returned.
    pub(crate) fn note_head(&self) {
        self.is_handled.store(false, Ordering::Relaxed);
    }

    /// Notes that the body of the answer has nothing to send for the moment.
    pub(crate) fn note_pending_body(&self) {
        self.is_streamed.store(true, Ordering::Relaxed);
    }

    /// Notes that the body of the answer is over, or was dropped.
    pub(crate) fn end(&self) {
        self.is_streamed.store(false, Ordering::Relaxed);
    }

    /// Notes that no handler reads the body of the request any more, and whether the body `has_more` bytes.
    pub(crate) fn end_request(&self, has_more: bool) {
        self.reads_body.store(false, Ordering::Relaxed);
        self.left_body.store(has_more, Ordering::Relaxed);
    }

    /// Returns whether the handler has not returned, and no guard promises an answer soon.
    pub(crate) fn waits_for_handler(&self) -> bool {
        self.is_handled.load(Ordering::Relaxed) && !self.is_held_open()
    }

    /// Gives the handler another turn after the FIN of the client. Returns whether the handler has had few enough turns.
    pub(crate) fn give_last_turn(&self) -> bool {
        self.last_turns.fetch_add(1, Ordering::Relaxed) < LAST_TURNS_MAX
    }

    /// Returns whether the answer is a stream, and no guard holds the connection open.
    pub(crate) fn is_streamed(&self) -> bool {
        self.is_streamed.load(Ordering::Relaxed) && !self.is_held_open()
    }

    /// Returns whether a handler may still read the body of the request.
    pub(crate) fn reads_body(&self) -> bool {
        self.reads_body.load(Ordering::Relaxed)
    }

    /// Returns whether the body of the request was not read to the end.
    pub(crate) fn left_body(&self) -> bool {
        self.left_body.load(Ordering::Relaxed)
    }

    fn is_held_open(&self) -> bool {
        self.held_open.load(Ordering::Relaxed) > 0
    }
}

/// Keeps the connection of a half-closed client (FIN) open, for an answer sure to come soon.
pub struct HeldOpen(Arc<Connection>);

impl HeldOpen {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        connection.answer.held_open.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for HeldOpen {
    fn drop(&mut self) {
        self.0.answer.held_open.fetch_sub(1, Ordering::Relaxed);
    }
}
