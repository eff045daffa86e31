//! A connection, as its streams and the hub see it: who it is, and whether it still has a future.

mod answer;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};

use self::answer::AnswerState;
pub(crate) use self::answer::HeldOpen;
use self::turns::Turns;
use crate::arrivals::Arrivals;
use crate::clock::{Party, Turn};

#[cfg(test)]
mod tests;

/// One client's connection. The task that serves it, its streams and the hub share it.
#[derive(Default)]
pub struct Connection {
    place: Mutex<Option<Place>>,
    party: Arc<Party>,
    turns: Turns,
    closing: Mutex<Option<Closing>>,
    answer: AnswerState,
    ending: AtomicBool,
    streams_ending: AtomicBool,
    aborted: AtomicBool,
    half_closed: AtomicBool,
    served: AtomicBool,
    paused: AtomicBool,
    task: AtomicWaker,
    /// What reaches its server, if that is to be taken in before anything is answered.
    arrivals: Option<Arc<Arrivals>>,
}

/// How the server closes a connection in the middle of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It is closed (FIN) without the last chunk.
    Cut,
    /// The server sends a FIN without the last chunk, and waits for the client to close its side.
    Half,
    /// It is reset (RST).
    Reset,
}

/// Where a connection stands in a world.
struct Place {
    /// Counts the world's connections, and so tells one world from another.
    counter: Arc<AtomicU64>,
    ordinal: u64,
    requests: u32,
}

impl Connection {
    /// The connection with this ordinal in a world of its own.
    #[must_use]
    pub fn new(ordinal: u64) -> Self {
        Self::in_world(&Arc::new(AtomicU64::new(ordinal + 1)), ordinal)
    }

    /// A connection that gets its ordinal with its first request.
    #[must_use]
    pub fn unnumbered() -> Self {
        Self::default()
    }

    /// The same, one of those to a server that takes in what arrives before it answers.
    #[must_use]
    pub(crate) fn among(arrivals: Option<Arc<Arrivals>>) -> Self {
        Self { arrivals, ..Self::default() }
    }

    /// Something of it has been taken in.
    pub(crate) fn arrived(&self) {
        self.arrivals().inspect(|arrivals| arrivals.note());
    }

    /// What reaches its server, if that is to be taken in before anything is answered.
    pub(crate) fn arrivals(&self) -> Option<&Arc<Arrivals>> {
        self.arrivals.as_ref()
    }

    /// The next connection that `counter` counts.
    pub(crate) fn next_of(counter: &Arc<AtomicU64>) -> Self {
        Self::in_world(counter, counter.fetch_add(1, Ordering::Relaxed))
    }

    fn in_world(counter: &Arc<AtomicU64>, ordinal: u64) -> Self {
        let place = Place { counter: Arc::clone(counter), ordinal, requests: 0 };
        Self { place: Mutex::new(Some(place)), ..Self::default() }
    }

    /// Its ordinal in its world, from 0, in the order of the first requests; nothing before there was one.
    #[must_use]
    pub fn ordinal(&self) -> Option<u64> {
        lock(&self.place).as_ref().map(|place| place.ordinal)
    }

    /// Its ordinal in the world that `counter` counts the connections of: a new one if it was of another world.
    pub(crate) fn ordinal_in(&self, counter: &Arc<AtomicU64>) -> u64 {
        self.with_place(counter, |place| place.ordinal)
    }

    /// Counts a request, and tells the ordinals of the connection in that world, and of the request on it, from 0.
    pub(crate) fn next_request_in(&self, counter: &Arc<AtomicU64>) -> (u64, u32) {
        self.with_place(counter, |place| {
            place.requests += 1;
            (place.ordinal, place.requests - 1)
        })
    }

    fn with_place<T>(&self, counter: &Arc<AtomicU64>, then: impl FnOnce(&mut Place) -> T) -> T {
        let mut known = lock(&self.place);
        if !known.as_ref().is_some_and(|place| Arc::ptr_eq(&place.counter, counter)) {
            let ordinal = counter.fetch_add(1, Ordering::Relaxed);
            *known = Some(Place { counter: Arc::clone(counter), ordinal, requests: 0 });
        }
        then(known.as_mut().expect("it was put there just now"))
    }

    /// Ends it in good order, its streams after what is due already.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.wake();
    }

    /// Ends its streams in good order, after what is due already; further requests are welcome. Holds until
    /// [`Connection::welcome_streams`].
    pub(crate) fn end_streams(&self) {
        self.streams_ending.store(true, Ordering::Release);
        self.wake();
    }

    /// New streams may be played again.
    pub(crate) fn welcome_streams(&self) {
        self.streams_ending.store(false, Ordering::Release);
    }

    /// Breaks it off at once, with whatever has not been sent yet.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.wake();
    }

    /// Closes it in the middle of an answer: a reset at once, else when what was written has been sent. What was asked for
    /// first counts, but for a reset, which is never too late.
    pub fn close(&self, how: Closing) {
        let mut closing = lock(&self.closing);
        if closing.is_none() || how == Closing::Reset {
            *closing = Some(how);
        }
        drop(closing);
        self.wake();
    }

    /// Whether its streams are to end.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_closing_in_good_order() || self.streams_ending.load(Ordering::Acquire)
    }

    /// Whether it is to be closed when its streams have ended.
    pub(crate) fn is_closing_in_good_order(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Whether it is to be broken off.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// How it is to be closed in the middle of an answer, if it is.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        *lock(&self.closing)
    }

    /// Whether the server has closed its side, and waits for the client to close its own.
    #[must_use]
    pub fn is_half_closed(&self) -> bool {
        self.half_closed.load(Ordering::Relaxed)
    }

    pub(crate) fn note_half_closed(&self) {
        self.half_closed.store(true, Ordering::Relaxed);
    }

    /// Wakes the task that serves it.
    pub fn wake(&self) {
        self.task.wake();
    }

    /// Has `task` woken from now on. Register first and look afterwards: what happens in between is then not missed.
    pub fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Somebody serves it from now on: who asks [`Connection::is_paused`], and goes on at once if it is, and gives its
    /// turns back.
    pub(crate) fn begin_serving(&self) {
        self.served.store(true, Ordering::Relaxed);
        self.turns.open();
    }

    /// Nobody serves it any more, or waits for it.
    pub(crate) fn stop_serving(&self) {
        self.served.store(false, Ordering::Relaxed);
        self.turns.close();
    }

    /// Whether somebody serves it.
    pub(crate) fn is_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// Lets what was handed over be sent, before its stream goes on. A stream that had to wait for its turn among all
    /// others would fall behind, so it is woken only where nobody serves it who would resume it.
    pub(crate) fn pause(&self, task: &Waker) {
        if self.is_served() {
            self.paused.store(true, Ordering::Relaxed);
        } else {
            task.wake_by_ref();
        }
    }

    /// Whether its stream has paused since this was last asked.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.swap(false, Ordering::Relaxed)
    }

    /// How far the answer to its request of the moment has come.
    pub(crate) fn answer(&self) -> &AnswerState {
        &self.answer
    }

    /// Keeps the connection open until the guard is dropped, though its client may send no more.
    pub(crate) fn hold_open(self: &Arc<Self>) -> HeldOpen {
        HeldOpen::new(Arc::clone(self))
    }

    /// The connection, as a clock sees it.
    pub(crate) fn party(&self) -> &Arc<Party> {
        &self.party
    }

    /// Keeps the turn of a stream that has handed all over, until it has been sent.
    pub(crate) fn hold(&self, turn: Turn) {
        self.turns.hold(turn);
    }

    /// Keeps a turn that somebody else took for it, until it has been woken, and what it then writes has been sent.
    pub(crate) fn expect(&self, turn: Turn) {
        self.turns.expect(turn);
    }

    /// The task is polled: it sees why turns were taken for it.
    pub(crate) fn take_up_turns(&self) {
        self.turns.take_up();
    }

    /// The task has been polled, and nothing is left to be sent: its turns are over.
    pub(crate) fn give_turns_back(&self) {
        self.turns.give_back();
    }
}

/// No code that holds a lock can panic half-way through a change, so a poisoned lock is still in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("ordinal", &self.ordinal())
            .field("ending", &self.is_ending())
            .field("aborted", &self.is_aborted())
            .finish_non_exhaustive()
    }
}
