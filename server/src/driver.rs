//! The driver: plays the actions of a response as the body.
//!
//! ```text
//!  script, subscription ──┐
//!                    ├── source ──► hook ──► driver ──► HTTP
//!  foreign body  ────┘       alarm: waits for the next time, and keeps the turn
//! ```
//!
//! Only the driver pauses, flushes and ends. A hook, if present, alters the actions of the source, and notes the result.

mod alarm;
mod chain;
mod hook;
mod hooked;
mod source;

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use onbeat_wire::{How, Instant};

use self::alarm::Alarm;
pub(crate) use self::hook::HookSlot;
pub use self::hook::{HeadChange, ResponseHook};
use self::hooked::Hooked;
pub(crate) use self::source::Opening;
pub use self::source::{BodySource, DueAction, ScriptSource, Source};
use crate::channel::Subscription;
use crate::connection::{Connection, Ending, end_of_dropped_response};
use crate::script::{Action, Script, Start};
use onbeat_clock::{Clock, Waiter};

/// How many bytes are handed over before a pause. Waiting writes are sent together, but hyper keeps the largest buffer of
/// all times.
const GATHERED_BYTES_MAX: usize = 2 * 1024;

/// The body of a response: each write is a frame, and so a chunk.
pub struct Driver<S: Source> {
    /// Dropped at the end of the response.
    source: Option<S>,
    hooked: Option<Box<Hooked>>,
    connection: Arc<Connection>,
    /// How many bytes were handed over since the last pause.
    gathered: usize,
    /// How many bytes are left of a body whose head tells the length.
    length_left: Option<u64>,
    /// How the response has ended; `None` while the response is under way.
    over: Option<How>,
}

impl<S: Script> Driver<ScriptSource<S>> {
    /// Plays `script` from `start` on, and the events in `subscription`, for a client on `connection`.
    pub fn new(
        clock: Arc<dyn Clock>,
        start: &Start,
        script: S,
        subscription: Option<Subscription>,
        connection: Arc<Connection>,
    ) -> Self {
        let socket = Arc::clone(connection.socket_state());
        let waiter = Waiter { connection: start.connection, request: start.request, path: "".into(), socket };
        let alarm = Alarm::new(clock, Arc::new(waiter), Arc::clone(&connection));
        Self::of(ScriptSource::new(start.at, script, subscription, alarm), connection)
    }

    /// Returns the same driver, with this path for the clock.
    #[must_use]
    pub fn at_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        if let Some(source) = &mut self.source {
            Arc::make_mut(&mut source.alarm().waiter).path = path.into();
        }
        self
    }

    /// Returns the same driver, of a body with a length, if the head tells one.
    #[must_use]
    pub(crate) fn with_length(mut self, length: Option<u64>) -> Self {
        self.length_left = length;
        self
    }

    /// Returns the same driver, with actions that pass through `hook`.
    #[must_use]
    pub fn with_hook(mut self, hook: Box<dyn ResponseHook>) -> Self {
        if let Some(source) = &mut self.source {
            // Gives the hook a second alarm, since hook and source wait for different times.
            let (alarm, started) = (source.alarm().another(), source.started());
            self.hooked = Some(Box::new(Hooked::new(hook, alarm, started)));
        }
        self
    }

    /// Waits for the first action of the script, if the first action is a head or an end without a head.
    pub(crate) async fn opening(&mut self) -> Opening {
        match &mut self.source {
            Some(source) => poll_fn(|cx| source.poll_opening(cx)).await,
            None => Opening::Body,
        }
    }
}

impl Driver<BodySource> {
    /// Plays the body of another application through `hook`, in answer to a request that was received at `started`.
    pub(crate) fn of_body(
        body: Body,
        hook: Box<dyn ResponseHook>,
        clock: &Arc<dyn Clock>,
        waiter: Arc<Waiter>,
        connection: Arc<Connection>,
        started: Instant,
    ) -> Self {
        let alarm = Alarm::new(Arc::clone(clock), waiter, Arc::clone(&connection));
        let mut driver = Self::of(BodySource { body, clock: Arc::clone(clock) }, connection);
        driver.hooked = Some(Box::new(Hooked::new(hook, alarm, started)));
        driver
    }
}

impl<S: Source> Driver<S> {
    fn of(source: S, connection: Arc<Connection>) -> Self {
        Self { source: Some(source), hooked: None, connection, gathered: 0, length_left: None, over: None }
    }

    /// Waits for the next action out of the hook, or without a hook out of the source.
    fn poll_action(&mut self, is_ending: bool, cx: &mut Context<'_>) -> Poll<Result<Action, axum::Error>> {
        loop {
            // Empties the hook before asking the source: an action can come out of the hook in pieces.
            if let Some(action) = self.hooked.as_mut().and_then(|hooked| hooked.next()) {
                return Poll::Ready(Ok(action));
            }
            // Reads the time for the hook before the source reads the time: a write that falls due in between is not passed
            // over by the hook.
            let now = self.hooked.as_ref().map(|hooked| hooked.alarm.now());
            if let Poll::Ready((at, action)) = self.poll_source(is_ending, cx)? {
                match &mut self.hooked {
                    Some(hooked) => hooked.take_in(at, action),
                    None => return Poll::Ready(Ok(action)),
                }
                continue;
            }
            // Turns to the hook's own times only when the source has nothing due.
            let of_hook = self.hooked.as_mut().zip(now);
            match of_hook.map_or(Poll::Pending, |(hooked, now)| hooked.poll_next(now, is_ending, cx)) {
                Poll::Ready(Some(action)) => return Poll::Ready(Ok(action)),
                // Asks the source again, which may be due at the deadline of the hook, and goes first.
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_source(&mut self, is_ending: bool, cx: &mut Context<'_>) -> DueAction {
        let Some(source) = &mut self.source else { return Poll::Pending };
        // Tells the source of a pushed write first: the write ends a silence, and moves the next heartbeat.
        if let Some(at) = self.hooked.as_mut().and_then(|hooked| hooked.take_pushed_at()) {
            source.note_write(at);
        }
        let polled = source.poll_action(is_ending, cx);
        // Drops the source at once, and so leaves its channels, though the hook may keep the end back.
        if let Poll::Ready(Ok((_, Action::End(_)))) = polled {
            self.source = None;
        }
        polled
    }

    /// Returns the source, if no hook alters the actions of the source.
    fn unaltered_source(&self) -> Option<&S> {
        let is_altered = self.hooked.as_ref().is_some_and(|hooked| hooked.hook.alters());
        self.source.as_ref().filter(|_| !is_altered)
    }

    /// Returns whether the response is complete: by an end before, or since nothing is left by this test of the source.
    fn is_complete(&self, is_nothing_left: fn(&S) -> bool) -> bool {
        match self.over {
            Some(how) => how == How::Complete,
            None => self.unaltered_source().is_some_and(is_nothing_left),
        }
    }

    /// Hands a write over, and with the last write the end.
    fn write(&mut self, bytes: Bytes) -> Frame<Bytes> {
        self.gathered += bytes.len();
        self.length_left = self.length_left.map(|left| left.saturating_sub(bytes.len() as u64));
        if let Some(hooked) = &mut self.hooked {
            // Notes the write before the end, the last call of a hook.
            hooked.hook.wrote(&bytes);
        }
        // Ends with the last write if nothing follows, so that hyper sends write and end together.
        if self.is_end_stream() {
            self.end(How::Complete);
        }
        Frame::data(bytes)
    }

    /// Ends the response. A complete end before all bytes of a length is a cut, as the client sees the end. After a cut or a
    /// reset the connection is closed when all writes have been sent.
    fn end(&mut self, how: How) {
        let is_whole = self.length_left.unwrap_or_default() == 0;
        let how = if how == How::Complete && !is_whole { How::Cut } else { how };
        match how {
            How::Complete | How::Closed => {}
            How::Cut => self.connection.end(Ending::Cut),
            How::Reset => self.connection.end(Ending::Reset),
        }
        self.over = Some(how);
        self.source = None;
        // Takes the hook away: `ended` is called once, also if the driver is dropped later.
        if let Some(mut hooked) = self.hooked.take() {
            hooked.hook.ended(how);
        }
    }

    /// Lets the writes so far be sent before any other write.
    fn pause(&mut self, cx: &Context<'_>) {
        self.gathered = 0;
        self.connection.task().pause(cx.waker());
    }

    /// Hands the turns on: all due writes have been handed over.
    fn hand_turns_on(&mut self) {
        if let Some(source) = &mut self.source {
            source.hand_turn_on();
        }
        if let Some(hooked) = &mut self.hooked {
            hooked.alarm.hand_turn_on();
        }
    }
}

impl<S: Source> HttpBody for Driver<S> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let driver = self.get_mut();
        // Registers before all looks: a change in between wakes the task.
        driver.connection.task().register(cx.waker());
        if let Some(hooked) = &mut driver.hooked {
            // Takes the turn of the hook even if the source has an action first: without the turn, time could pass.
            let _ = hooked.alarm.poll_turn(cx);
        }
        loop {
            let ending = driver.connection.ending();
            match (driver.over, ending) {
                (Some(How::Complete), _) => return Poll::Ready(None),
                (_, Some(Ending::BreakOff(why))) => return Poll::Ready(Some(Err(axum::Error::new(why)))),
                // Waits for the close of the connection.
                (Some(How::Closed | How::Cut | How::Reset), _) => return Poll::Pending,
                (None, _) => {}
            }
            if driver.gathered >= GATHERED_BYTES_MAX {
                driver.pause(cx);
                return Poll::Pending;
            }
            match driver.poll_action(ending == Some(Ending::InGoodOrder), cx)? {
                Poll::Ready(Action::Write(bytes)) => return Poll::Ready(Some(Ok(driver.write(bytes)))),
                Poll::Ready(Action::Flush) => {
                    driver.pause(cx);
                    return Poll::Pending;
                }
                Poll::Ready(Action::End(how)) => driver.end(how),
                // Passes over actions done elsewhere: the head went before the body, the source does the others.
                Poll::Ready(Action::Head(_) | Action::Subscribe(_) | Action::Heartbeats(_)) => {}
                Poll::Pending => {
                    driver.gathered = 0;
                    // Hands the turns on when nothing more is due: the clock waits until these writes have been sent.
                    driver.hand_turns_on();
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete(Source::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.unaltered_source().map_or_else(SizeHint::default, Source::size_hint)
    }
}

impl<S: Source> Drop for Driver<S> {
    fn drop(&mut self) {
        // Takes a response for complete if only the end was left to hand over: hyper asks an empty body for nothing.
        let is_complete = self.is_complete(Source::is_only_end_left);
        let how = if is_complete { How::Complete } else { end_of_dropped_response(self.connection.ending()) };
        if let Some(hooked) = &mut self.hooked {
            hooked.hook.ended(how);
        }
    }
}

#[cfg(test)]
mod tests;
