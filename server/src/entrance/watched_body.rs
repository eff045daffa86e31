//! The body of an answer, watched: what is written of it is noted, and altered by the faults that it has met.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use onbeat_wire::{How, Instant};

use super::watch::Watch;
use crate::body::Playhead;
use crate::clock::{Turn, TurnSleep, Who};
use crate::connection::Closing;
use crate::faults::{Act, Alterations, Struck, Written};

/// A body, and who watches it.
pub(super) struct WatchedBody {
    watch: Watch,
    /// Nothing more is asked of it once it has ended or been broken off.
    inner: Option<Body>,
    /// How far it has been played, if it is a stream.
    playhead: Option<Playhead>,
    alterations: Alterations,
    written: Written,
    sleep: Option<(Instant, TurnSleep)>,
    turn: Turn,
    /// Nobody knows its length beforehand.
    is_stream: bool,
    over: Option<Over>,
}

/// What is left to be done of a body that is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Nothing.
    Complete,
    /// The connection is about to be closed.
    BrokenOff,
}

impl WatchedBody {
    pub(super) fn new(watch: Watch, inner: Body, playhead: Option<Playhead>, faults: Vec<Struck>) -> Self {
        let is_stream = playhead.is_some() || !faults.is_empty();
        let mut body = Self {
            watch,
            inner: Some(inner),
            playhead,
            alterations: Alterations::default(),
            written: Written::default(),
            sleep: None,
            turn: Turn::unawaited(),
            is_stream,
            over: None,
        };
        for struck in faults {
            body.meet(struck);
        }
        body
    }

    fn meet(&mut self, struck: Struck) {
        self.alterations.add(struck, self.written, self.since_request());
    }

    /// The time after the request up to which the answer has been played, however late that is.
    fn since_request(&self) -> Duration {
        let playing = self.playhead.as_ref().filter(|_| self.inner.is_some());
        playing.map_or_else(|| self.watch.now(), Playhead::at) - self.watch.exchange.since
    }

    fn write(&mut self, bytes: Bytes) -> Frame<Bytes> {
        self.written.count(bytes.len());
        self.watch.write(&bytes, self.written);
        if self.is_end_stream() {
            self.end();
        }
        Frame::data(bytes)
    }

    fn end(&mut self) {
        self.inner = None;
        self.over = Some(Over::Complete);
        self.watch.end(How::Complete);
    }

    /// Closes the connection when all has been sent; the body itself goes on no more.
    fn break_off(&mut self, how: Closing) {
        self.inner = None;
        self.over = Some(Over::BrokenOff);
        self.alterations.clear();
        self.watch.connection.close(how);
        self.watch.end(if how == Closing::Reset { How::Reset } else { How::Cut });
    }

    /// Waits for the next things to do. What was due before an instant goes before what a fault does at it.
    fn poll_acts(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if let Some(inner) = &mut self.inner
            && let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx)
        {
            let data = frame.transpose()?.map(Frame::into_data);
            let since = self.since_request();
            match data {
                Some(Ok(bytes)) => self.alterations.write(since, bytes),
                Some(Err(_trailers)) => {}
                None => {
                    self.inner = None;
                    self.alterations.end(since);
                }
            }
            return Poll::Ready(Ok(()));
        }
        let is_stalled = self.alterations.is_stalled();
        self.watch.exchange.update(|progress| progress.is_stalled = is_stalled);
        let is_pausing = self.playhead.as_ref().is_some_and(|playhead| !playhead.is_caught_up());
        if self.inner.is_some() && is_pausing {
            return Poll::Pending;
        }
        let since = self.since_request();
        self.alterations.look(since);
        if is_stalled && self.watch.connection.is_ending() {
            self.alterations.end_all_the_same(since);
        } else if self.inner.is_none() && !is_stalled {
            // A stall was deleted that had kept the end back.
            self.alterations.end(since);
        }
        if self.alterations.has_next() { Poll::Ready(Ok(())) } else { self.poll_deadline(cx).map(Ok) }
    }

    /// Waits for the next instant at which a fault does something.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(after) = self.alterations.deadline(self.since_request()) else {
            self.sleep = None;
            return Poll::Pending;
        };
        let deadline = self.watch.exchange.since + after;
        let sleep = match self.sleep.take() {
            Some((until, sleep)) if until == deadline => sleep,
            _ => {
                let (which, path) = (self.watch.which, self.watch.exchange.path.clone().into());
                let party = Arc::clone(self.watch.connection.party());
                let who = Who { connection: which.connection, request: which.request, path, party };
                self.watch.world.clock().turn_at(deadline, &who)
            }
        };
        self.sleep = Some((deadline, sleep));
        self.poll_turn(cx)
    }

    /// Takes the turn that it sleeps for, once it is woken: without it, time could pass before what is due has been sent.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((_, sleep)) = &mut self.sleep else { return Poll::Pending };
        self.turn = ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }

    /// All that is due has been handed over: its turn is over when that has been sent.
    fn hand_turn_on(&mut self) {
        self.watch.connection.hold(std::mem::take(&mut self.turn));
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = self.get_mut();
        body.watch.connection.register(cx.waker());
        let _ = body.poll_turn(cx);
        loop {
            match body.over {
                Some(Over::Complete) => return Poll::Ready(None),
                Some(Over::BrokenOff) => return Poll::Pending,
                None => {}
            }
            for struck in body.watch.exchange.take_late_faults() {
                body.meet(struck);
            }
            match body.alterations.next() {
                Some(Act::Write(bytes)) => return Poll::Ready(Some(Ok(body.write(bytes)))),
                Some(Act::Flush) => {
                    body.watch.connection.pause(cx.waker());
                    return Poll::Pending;
                }
                Some(Act::End) => body.end(),
                Some(Act::Cut) => body.break_off(Closing::Cut),
                Some(Act::Reset) => body.break_off(Closing::Reset),
                None => match body.poll_acts(cx)? {
                    Poll::Ready(()) => {}
                    Poll::Pending => {
                        body.hand_turn_on();
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match (self.over, &self.inner) {
            (Some(over), _) => over == Over::Complete,
            (None, Some(inner)) => inner.is_end_stream() && self.alterations.is_empty(),
            (None, None) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) if !self.is_stream => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.hand_turn_on();
        let connection = &self.watch.connection;
        let how = match connection.closing() {
            _ if self.is_end_stream() => How::Complete,
            Some(Closing::Reset) => How::Reset,
            Some(Closing::Cut | Closing::Half) => How::Cut,
            None if connection.is_aborted() => How::Cut,
            None => How::Closed,
        };
        self.watch.end(how);
    }
}
