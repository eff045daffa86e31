//! The driver: plays a script, and a mailbox beside it, as the body of a response.
//!
//! The two are merged by time, so that the bytes never depend on how fast the client reads: a write of the script goes
//! before an event that happened at the same instant or later, whenever the body is asked.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::clock::{Clock, Instant, Sleep};
use crate::connection::Connection;
use crate::hub::Mailbox;
use crate::script::{Script, Start, Write};

/// The client did not read, its mailbox was full, and the connection is broken off.
#[derive(Debug, thiserror::Error)]
#[error("the client was evicted: its mailbox is full")]
pub struct Evicted;

/// The body of a stream: each write is a frame, and so a chunk.
pub struct EventStream<S> {
    clock: Arc<dyn Clock>,
    started: Instant,
    script: S,
    next: Option<Write>,
    sleep: Option<Sleep>,
    mailbox: Option<Mailbox>,
    connection: Arc<Connection>,
}

impl<S: Script> EventStream<S> {
    /// Plays `script` from `start` on, and the events in `mailbox`, for a client on `connection`.
    pub fn new(
        clock: Arc<dyn Clock>,
        start: &Start,
        mut script: S,
        mailbox: Option<Mailbox>,
        connection: Arc<Connection>,
    ) -> Self {
        connection.stream_started();
        let next = script.next();
        Self { clock, started: start.at, script, next, sleep: None, mailbox, connection }
    }

    /// The next write, if it is time for one.
    fn due(&mut self) -> Option<Bytes> {
        if let Some(write) = self.mailbox.as_mut().and_then(Mailbox::go_on) {
            return Some(write);
        }
        let scripted = self.next.as_ref().map(|write| self.started + write.at);
        if let Some(mailbox) = &mut self.mailbox
            && let Some(happened) = mailbox.oldest()
            && scripted.is_none_or(|scripted| happened < scripted)
        {
            mailbox.take();
            return mailbox.go_on();
        }
        if self.clock.now() < scripted? {
            return None;
        }
        let write = std::mem::replace(&mut self.next, self.script.next());
        write.map(|write| write.bytes)
    }

    /// Waits for the next write of the script; ready at once if there is one due.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = &self.next else { return Poll::Pending };
        let deadline = self.started + next.at;
        let sleep = self.sleep.get_or_insert_with(|| self.clock.sleep_until(deadline));
        let woken = sleep.as_mut().poll(cx);
        if woken.is_ready() {
            self.sleep = None;
        }
        woken
    }

    fn is_over(&self) -> bool {
        self.next.is_none() && self.mailbox.is_none()
    }
}

impl<S: Script> Body for EventStream<S> {
    type Data = Bytes;
    type Error = Evicted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Evicted>>> {
        let stream = self.get_mut();
        stream.connection.register(cx.waker());
        loop {
            if stream.connection.is_aborted() {
                return Poll::Ready(Some(Err(Evicted)));
            }
            if let Some(bytes) = stream.due() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if stream.is_over() || stream.connection.is_ending() {
                return Poll::Ready(None);
            }
            if stream.poll_sleep(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }
}

impl<S> Drop for EventStream<S> {
    fn drop(&mut self) {
        self.connection.stream_stopped();
    }
}
