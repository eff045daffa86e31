//! The progress of the answer to the present request: HTTP/1.1 answers one request of a connection at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::Connection;

#[cfg(test)]
mod tests;

/// How often the other tasks may run, before a handler counts as one that waits, and its client as one that has left.
const LAST_TURNS_MAX: u32 = 16;

/// The answer that a connection is busy with, if it is busy.
#[derive(Debug, Default)]
pub(crate) struct AnswerState {
    /// A handler is at work, and has not returned the head.
    is_handled: AtomicBool,
    /// The body has been pending at least once: it is a stream, and not an answer that is there at once.
    is_streamed: AtomicBool,
    /// A handler may still read the body of the request.
    reads_body: AtomicBool,
    /// The body of the request was dropped before its end.
    left_body: AtomicBool,
    /// How many turns the handler has had since its client sent no more.
    last_turns: AtomicU32,
    /// How many [`HeldOpen`] there are.
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

    /// Notes that nobody reads the body of the request any more, and whether there is more of it.
    pub(crate) fn end_request(&self, has_more: bool) {
        self.reads_body.store(false, Ordering::Relaxed);
        self.left_body.store(has_more, Ordering::Relaxed);
    }

    /// Whether the handler has not returned, and nobody has promised that the answer comes soon.
    pub(crate) fn waits_for_handler(&self) -> bool {
        self.is_handled.load(Ordering::Relaxed) && !self.is_held_open()
    }

    /// Gives the handler another turn, though its client sends no more. Returns whether it has had few enough.
    pub(crate) fn give_last_turn(&self) -> bool {
        self.last_turns.fetch_add(1, Ordering::Relaxed) < LAST_TURNS_MAX
    }

    /// Whether the answer is a stream.
    pub(crate) fn is_streamed(&self) -> bool {
        self.is_streamed.load(Ordering::Relaxed) && !self.is_held_open()
    }

    /// Whether a handler may still read the body of the request.
    pub(crate) fn reads_body(&self) -> bool {
        self.reads_body.load(Ordering::Relaxed)
    }

    /// Whether the body of the request was not read to its end.
    pub(crate) fn left_body(&self) -> bool {
        self.left_body.load(Ordering::Relaxed)
    }

    fn is_held_open(&self) -> bool {
        self.held_open.load(Ordering::Relaxed) > 0
    }
}

/// Keeps a connection open though its client sends no more (FIN), for an answer that waits but is sure to come soon.
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
