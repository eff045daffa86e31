//! A connection, in small parts that the serving task, the streams and the channels share.
//!
//! ```text
//!  place     the ordinal in a world, and the number of requests there
//!  task      wakes the serving task, and lets the task send before a stream goes on
//!  answer    how far the answer to the present request has come
//!  turns     the turns that a manual clock waits for
//!  ending    how the server ends the connection, and which way wins
//! ```

mod answer;
mod ending;
mod held_turns;
mod place;
mod task;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use self::answer::AnswerState;
pub use self::answer::HeldOpen;
use self::ending::EndingState;
pub(crate) use self::ending::end_of_dropped_response;
pub use self::ending::{BrokenOff, Ending};
use self::held_turns::HeldTurns;
use self::place::Place;
use self::task::Task;
use crate::arrivals::Arrivals;
use onbeat_clock::{Clock, SocketState, Turn};

#[cfg(test)]
mod tests;

/// One client's connection.
#[derive(Default)]
pub struct Connection {
    place: Place,
    task: Task,
    answer: AnswerState,
    socket: Arc<SocketState>,
    turns: HeldTurns,
    ending: EndingState,
    /// Counts arrivals, if the server takes in all earlier arrivals before an answer.
    arrivals: Option<Arc<Arrivals>>,
}

impl Connection {
    /// Returns the connection with this ordinal in a world without others.
    #[must_use]
    pub fn new(ordinal: u64) -> Self {
        Self { place: Place::new(&Arc::new(AtomicU64::new(ordinal + 1)), ordinal), ..Self::default() }
    }

    /// Returns a connection that gets an ordinal with the first request.
    #[must_use]
    pub fn unnumbered() -> Self {
        Self::default()
    }

    /// Returns a connection without an ordinal, to a server that counts arrivals.
    #[must_use]
    pub(crate) fn among(arrivals: Option<Arc<Arrivals>>) -> Self {
        Self { arrivals, ..Self::default() }
    }

    /// Returns the next connection that `counter` counts.
    pub(crate) fn next_of(counter: &Arc<AtomicU64>) -> Self {
        Self { place: Place::new(counter, counter.fetch_add(1, Ordering::Relaxed)), ..Self::default() }
    }

    /// Returns the ordinal in the world, from 0, in the order of first requests; `None` before the first.
    #[must_use]
    pub fn ordinal(&self) -> Option<u64> {
        self.place.ordinal()
    }

    /// Returns the place in the world.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Ends the connection like this, unless a more severe way was asked for before: [`Ending`] has the order.
    pub fn end(&self, ending: Ending) {
        self.ending.ask(ending);
        self.task.wake();
    }

    /// Returns how the server ends the connection; `None` if the connection stays open.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    /// Has `waker` woken from now on, when the connection is to end or [`Connection::wake`] is called.
    pub fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Wakes the response under way, whose hook may have another action.
    pub fn wake(&self) {
        self.task.wake();
    }

    /// Wakes the response under way, whose hook has a write. A manual clock lets no time pass until the task of the connection
    /// has run, and has sent all writes.
    pub fn wake_to_write(&self, clock: &dyn Clock) {
        if let Some(turn) = clock.turn(&self.socket) {
            self.turns.expect(turn);
        }
        self.wake();
    }

    /// Holds a turn until all writes handed over so far have been sent, or the connection is closed.
    pub fn hold_until_sent(&self, turn: Turn) {
        self.turns.hold(turn);
    }

    /// Returns whether bytes are left to be written because the client takes none.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.socket.is_blocked()
    }

    /// Waits until the server has taken in all arrivals, and has begun to answer the requests among them; returns at
    /// once under a server that does not count arrivals.
    pub async fn settle_last(&self) {
        if let Some(arrivals) = &self.arrivals {
            arrivals.settle_last().await;
        }
    }

    /// Returns whether the server has closed one side, and waits for the client to close the other.
    #[must_use]
    pub fn is_half_closed(&self) -> bool {
        self.ending.is_half_closed()
    }

    /// Notes that the server closes one side now.
    pub fn note_half_closed(&self) {
        self.ending.note_half_closed();
    }

    /// Returns the task that serves the connection.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Begins to serve: from now on the server resumes a stream that pauses, and gives turns back.
    pub(crate) fn begin_serving(&self) {
        self.task.set_served(true);
        self.turns.open();
    }

    /// Stops serving: no clock waits for the connection any more.
    pub(crate) fn stop_serving(&self) {
        self.task.set_served(false);
        self.turns.close();
    }

    /// Returns how far the answer to the present request has come.
    pub(crate) fn answer(&self) -> &AnswerState {
        &self.answer
    }

    /// Keeps the connection open until the guard is dropped, though the client may send no more.
    #[must_use]
    pub fn hold_open(self: &Arc<Self>) -> HeldOpen {
        HeldOpen::new(Arc::clone(self))
    }

    /// Returns the connection as a clock sees it.
    pub(crate) fn socket_state(&self) -> &Arc<SocketState> {
        &self.socket
    }

    /// Returns the turns that a clock waits for.
    pub(crate) fn turns(&self) -> &HeldTurns {
        &self.turns
    }

    /// Returns the arrivals at the server, if counted.
    pub(crate) fn arrivals(&self) -> Option<&Arc<Arrivals>> {
        self.arrivals.as_ref()
    }

    /// Counts an arrival: bytes, or the end of the connection.
    pub(crate) fn arrived(&self) {
        self.arrivals().inspect(|arrivals| arrivals.note());
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("ordinal", &self.ordinal())
            .field("ending", &self.ending())
            .finish_non_exhaustive()
    }
}
