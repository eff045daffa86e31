//! A connection, as its streams and the hub see it: who it is, and whether it still has a future.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// One client's connection. The task that serves it, its streams and the hub share it.
pub struct Connection {
    ordinal: u64,
    requests: AtomicU32,
    streams: AtomicU32,
    ending: AtomicBool,
    aborted: AtomicBool,
    resumes: AtomicBool,
    paused: AtomicBool,
    task: AtomicWaker,
}

impl Connection {
    /// The connection with this ordinal in its world, from 0.
    #[must_use]
    pub fn new(ordinal: u64) -> Self {
        Self {
            ordinal,
            requests: AtomicU32::new(0),
            streams: AtomicU32::new(0),
            ending: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            resumes: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// Its ordinal in its world, from 0, in the order of accepting.
    #[must_use]
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// Counts a request, and tells its ordinal on this connection, from 0.
    pub fn next_request(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends its streams in good order, after what is due already.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.wake();
    }

    /// Breaks it off at once, with whatever has not been sent yet.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether its streams are to end.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Whether it is to be broken off.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Whether a stream is being answered on it.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    /// Wakes the task that serves it.
    pub fn wake(&self) {
        self.task.wake();
    }

    /// Has `task` woken from now on. Register first and look afterwards: what happens in between is then not missed.
    pub fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Promises that whoever serves it asks [`Connection::is_paused`], and goes on at once if it is.
    pub(crate) fn resumes(&self) {
        self.resumes.store(true, Ordering::Relaxed);
    }

    /// Lets what was handed over be sent, before its stream goes on. A stream that had to wait for its turn among all
    /// others would fall behind, so it is woken only where nobody has promised to resume it.
    pub(crate) fn pause(&self, task: &Waker) {
        if self.resumes.load(Ordering::Relaxed) {
            self.paused.store(true, Ordering::Relaxed);
        } else {
            task.wake_by_ref();
        }
    }

    /// Whether its stream has paused since this was last asked.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn stream_started(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_stopped(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("ordinal", &self.ordinal)
            .field("ending", &self.is_ending())
            .field("aborted", &self.is_aborted())
            .finish_non_exhaustive()
    }
}
