//! The body of an answer, watched: what is written of it is noted, and altered by the faults that it has met.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::backstage::Exchange;
use crate::clock::{Instant, Turn, TurnSleep, Who};
use crate::connection::{Closing, Connection};
use crate::faults::Struck;
use crate::faults::alteration::{Act, Alterations, Written};
use crate::log::{What, Which};
use crate::world::World;

/// A body, and who watches it.
pub(super) struct WatchedBody {
    world: Arc<World>,
    connection: Arc<Connection>,
    which: Which,
    exchange: Arc<Exchange>,
    /// Nothing more is asked of it once it has ended or been broken off.
    inner: Option<Body>,
    alterations: Alterations,
    acts: VecDeque<Act>,
    written: Written,
    sleep: Option<(Instant, TurnSleep)>,
    turn: Turn,
    is_stream: bool,
    /// How it ended has been noted.
    over: bool,
}

impl WatchedBody {
    pub(super) fn new(
        world: Arc<World>,
        connection: Arc<Connection>,
        which: Which,
        exchange: Arc<Exchange>,
        inner: Body,
        faults: Vec<Struck>,
    ) -> Self {
        let mut body = Self {
            world,
            connection,
            which,
            exchange,
            inner: Some(inner),
            alterations: Alterations::default(),
            acts: VecDeque::new(),
            written: Written::default(),
            sleep: None,
            turn: Turn::unawaited(),
            is_stream: false,
            over: false,
        };
        let is_altered = !faults.is_empty();
        for struck in faults {
            body.meet(struck);
        }
        if is_altered { body.into_stream() } else { body }
    }

    /// Counts as a stream on its connection: a client who leaves is noticed whatever the body does or doesn't.
    pub(super) fn into_stream(mut self) -> Self {
        if !std::mem::replace(&mut self.is_stream, true) {
            self.connection.stream_started();
        }
        self
    }

    fn meet(&mut self, struck: Struck) {
        let acts = self.alterations.add(struck, self.written, self.since_request());
        self.acts.extend(acts);
    }

    fn now(&self) -> Instant {
        self.world.clock().now()
    }

    fn since_request(&self) -> Duration {
        self.now() - self.exchange.since
    }

    fn note(&self, what: What) {
        if let Some(backstage) = self.world.backstage() {
            backstage.log().note(self.now(), what);
        }
    }

    fn note_write(&mut self, bytes: &Bytes) {
        self.written.count(bytes.len());
        self.exchange.set_written(self.written);
        self.note(What::Write { which: self.which, bytes: bytes.clone() });
    }

    fn note_end(&mut self, how: &'static str) {
        if !std::mem::replace(&mut self.over, true) {
            self.exchange.set_over();
            self.note(What::End { which: self.which, how });
            if let Some(backstage) = self.world.backstage() {
                backstage.end_noted();
            }
        }
    }

    /// Closes the connection when all has been sent; the body itself goes on no more.
    fn break_off(&mut self, how: Closing) {
        self.inner = None;
        self.acts.clear();
        self.connection.close(how);
        self.note_end(if how == Closing::Reset { "reset" } else { "cut" });
    }

    /// Sees which faults have come, and which instants.
    fn look(&mut self, cx: &mut Context<'_>) {
        for struck in self.exchange.take_late_faults() {
            self.meet(struck);
        }
        if self.alterations.is_empty() {
            return;
        }
        // The turn comes first: without it, time could pass before what it was taken for is done.
        if let Some((_, sleep)) = &mut self.sleep
            && let Poll::Ready(turn) = sleep.as_mut().poll(cx)
        {
            self.turn = turn;
            self.sleep = None;
        }
        let acts = self.alterations.look(self.since_request());
        self.acts.extend(acts);
        while let Some(deadline) = self.alterations.deadline().map(|after| self.exchange.since + after) {
            if self.sleep.as_ref().is_none_or(|(until, _)| *until != deadline) {
                let Which { connection, request } = self.which;
                let (path, party) = (self.exchange.path.clone().into(), Arc::clone(self.connection.party()));
                let who = Who { connection, request, path, party };
                self.sleep = Some((deadline, self.world.clock().turn_at(deadline, &who)));
            }
            let Some((_, sleep)) = &mut self.sleep else { return };
            let Poll::Ready(turn) = sleep.as_mut().poll(cx) else { return };
            self.turn = turn;
            self.sleep = None;
            let acts = self.alterations.look(self.since_request());
            self.acts.extend(acts);
        }
        self.sleep = None;
    }

    /// Takes in what the body itself has to say.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        let Some(inner) = &mut self.inner else { return Poll::Pending };
        let Poll::Ready(frame) = Pin::new(&mut *inner).poll_frame(cx) else { return Poll::Pending };
        let data = frame.transpose()?.map(Frame::into_data);
        let since = self.since_request();
        match data {
            Some(Ok(bytes)) if self.alterations.is_empty() => self.acts.push_back(Act::Write(bytes)),
            Some(Ok(bytes)) => self.acts.extend(self.alterations.write(since, bytes)),
            Some(Err(_trailers)) => {}
            None => {
                self.inner = None;
                self.acts.extend(self.alterations.end(since));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = self.get_mut();
        body.connection.register(cx.waker());
        loop {
            if body.over {
                return Poll::Pending;
            }
            body.look(cx);
            match body.acts.pop_front() {
                Some(Act::Write(bytes)) => {
                    body.note_write(&bytes);
                    if body.is_end_stream() {
                        body.note_end("complete");
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Act::Flush) => {
                    body.connection.pause(cx.waker());
                    return Poll::Pending;
                }
                Some(Act::End) => {
                    body.inner = None;
                    body.note_end("complete");
                    return Poll::Ready(None);
                }
                Some(Act::Cut) => body.break_off(Closing::Cut),
                Some(Act::Reset) => body.break_off(Closing::Reset),
                None => {
                    let is_stalled = body.alterations.is_stalled();
                    body.exchange.set_stalled(is_stalled);
                    if is_stalled && body.connection.is_ending() {
                        body.note_end("complete");
                        return Poll::Ready(None);
                    }
                    if body.inner.is_none() && !is_stalled {
                        // A stall that ended after what it kept back.
                        body.acts.push_back(Act::End);
                        continue;
                    }
                    match body.poll_inner(cx)? {
                        Poll::Ready(()) => {}
                        Poll::Pending => {
                            body.connection.hold(std::mem::take(&mut body.turn));
                            return Poll::Pending;
                        }
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_over = self.inner.as_ref().is_some_and(HttpBody::is_end_stream);
        is_over && self.acts.is_empty() && self.alterations.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) if self.alterations.is_empty() && !self.is_stream => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.connection.hold(std::mem::take(&mut self.turn));
        let how = match self.connection.closing() {
            _ if self.is_end_stream() => "complete",
            Some(Closing::Reset) => "reset",
            Some(Closing::Cut | Closing::Half) => "cut",
            None if self.connection.is_aborted() => "cut",
            None => "closed",
        };
        self.note_end(how);
        if self.is_stream {
            self.connection.stream_stopped();
        }
    }
}
