//! The client library `eventsource-stream`, fed line by line.
//!
//! The library takes time quadratic in the length of a piece, and therefore gets a single line at a time. Events do not
//! depend on pieces: a network cuts a stream anywhere. Version 0.2.3 also panics at a byte order mark that ends a piece or
//! comes twice, so that the mark is taken off before.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{self, TryRecvError};
use std::task::{Context, Poll, Waker};

use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::{Stream, stream};
use onbeat_wire::Event;

use super::lines::Lines;

/// Why the library stopped reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The stream can't be read.
    ByStream(String),
    /// The library gave up: the library panicked, or would work for ever.
    ByLibrary(String),
}

/// The library copies the last event ID at each empty line: so many bytes in all, and no more.
const COPIED_BYTES_MAX: usize = 64 << 20;

type Events = dyn Stream<Item = Result<eventsource_stream::Event, EventStreamError<Infallible>>> + Send;

/// The library, reading one stream.
pub(super) struct Library {
    lines: Lines,
    /// Hands the next line to the library; none after the end of the stream.
    feed: Option<mpsc::Sender<Vec<u8>>>,
    events: Pin<Box<Events>>,
    id_bytes: usize,
    copied_bytes: usize,
}

impl Default for Library {
    fn default() -> Self {
        let (feed, fed) = mpsc::channel::<Vec<u8>>();
        let chunks = stream::poll_fn(move |_| match fed.try_recv() {
            Ok(line) => Poll::Ready(Some(Ok(line))),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
        });
        // Begins with a comment, since the library looks for a byte order mark in the first line.
        feed.send(b":\n".to_vec()).expect("the receiver is in the stream");
        let events = Box::pin(chunks.eventsource());
        Self { lines: Lines::default(), feed: Some(feed), events, id_bytes: 0, copied_bytes: 0 }
    }
}

impl Library {
    /// Reads a piece of the stream, and adds the events that the library dispatches.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Stopped> {
        let mut lines = std::mem::take(&mut self.lines);
        let outcome = lines.push(bytes).try_for_each(|line| self.line(line, events));
        self.lines = lines;
        outcome
    }

    /// Ends the stream, and adds the events that the library dispatches then.
    pub(super) fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Stopped> {
        let rest = self.lines.take();
        self.line(rest, events)?;
        self.feed = None;
        self.poll(events)
    }

    fn line(&mut self, line: Vec<u8>, events: &mut Vec<Event>) -> Result<(), Stopped> {
        if line.starts_with(b"id") {
            self.id_bytes = line.len();
        }
        self.copied_bytes += self.id_bytes;
        if self.copied_bytes > COPIED_BYTES_MAX {
            return Err(Stopped::by_library(&format!("it copies an id of {} bytes again and again", self.id_bytes)));
        }
        if let Some(feed) = &self.feed {
            feed.send(line).expect("the receiver is in the stream");
        }
        self.poll(events)
    }

    fn poll(&mut self, events: &mut Vec<Event>) -> Result<(), Stopped> {
        // Wakes no task, since all lines are there already.
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(event)) = self.events.as_mut().poll_next(&mut context) {
            let event = event.map_err(|error| Stopped::ByStream(error.to_string()))?;
            events.push(Event { event_type: event.event, data: event.data, last_event_id: event.id });
        }
        Ok(())
    }
}

impl Stopped {
    fn by_library(why: &str) -> Self {
        Self::ByLibrary(format!("the client library eventsource-stream gave up: {why}"))
    }
}

/// Returns the events that `read` adds, and why `read` stopped. A panic in `read` is a panic of the library.
pub(super) fn guarded(read: impl FnOnce(&mut Vec<Event>) -> Result<(), Stopped>) -> (Vec<Event>, Result<(), Stopped>) {
    let mut events = Vec::new();
    // Ignores the state of the library, which reads no more after a panic.
    let outcome = catch_unwind(AssertUnwindSafe(|| read(&mut events)));
    (events, outcome.unwrap_or_else(|panic| Err(Stopped::by_library(&message(&*panic)))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a message"))
}
