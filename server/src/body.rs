//! The driver: plays a script, and a mailbox beside it, as the body of a response.
//!
//! The two are merged by time, so that the bytes never depend on how fast the client reads: a write of the script goes
//! before an event that happened at the same instant or later, whenever the body is asked.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};

use crate::clock::{Clock, Turn, TurnSleep, Who};
use crate::connection::{BrokenOff, Connection, Ending};
use crate::hub::Mailbox;
use crate::script::{Script, Start, Write};

/// Writes that wait are sent together, but no more than this at a time: hyper keeps the room that it once needed.
const GATHERED_BYTES_MAX: usize = 2 * 1024;

/// How far a stream has been played, for somebody who watches it: a stream whose client reads slowly is behind the clock.
#[derive(Clone, Debug, Default)]
pub struct Playhead(Arc<Mutex<Place>>);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    at: Instant,
    is_caught_up: bool,
}

impl Playhead {
    /// When the last write was due; or, where all has been handed over that was due, when that was so.
    pub(crate) fn at(&self) -> Instant {
        self.place().at
    }

    /// Whether all that was due had been handed over when the stream was last asked.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.place().is_caught_up
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock()
    }
}

/// The body of a stream: each write is a frame, and so a chunk.
pub struct EventStream<S> {
    clock: Arc<dyn Clock>,
    started: Instant,
    script: S,
    next: Option<Write>,
    who: Who,
    sleep: Option<TurnSleep>,
    turn: Turn,
    mailbox: Option<Mailbox>,
    connection: Arc<Connection>,
    playhead: Option<Playhead>,
    /// Handed over since it last paused.
    gathered: usize,
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
        let next = script.next();
        let party = Arc::clone(connection.party());
        let who = Who { connection: start.connection, request: start.request, path: "".into(), party };
        let (started, turn) = (start.at, Turn::unawaited());
        Self { clock, started, script, next, who, sleep: None, turn, mailbox, connection, playhead: None, gathered: 0 }
    }

    /// The same, telling the clock what path was asked for.
    #[must_use]
    pub fn at_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.who.path = path.into();
        self
    }

    /// The same, telling how far it has been played.
    #[must_use]
    pub fn with_playhead(mut self, playhead: Option<Playhead>) -> Self {
        self.playhead = playhead;
        self
    }

    fn move_playhead(&self, at: Instant, is_caught_up: bool) {
        if let Some(playhead) = &self.playhead {
            *playhead.place() = Place { at, is_caught_up };
        }
    }

    /// The next write, if it is time for one.
    fn due(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        if let Some(write) = self.mailbox.as_mut().and_then(Mailbox::go_on) {
            return Some(write);
        }
        let scripted = self.next.as_ref().map(|write| self.started + write.at);
        if let Some(mailbox) = &mut self.mailbox
            && let Some(happened) = mailbox.oldest()
            && scripted.is_none_or(|scripted| happened < scripted)
        {
            mailbox.take();
            let write = mailbox.go_on();
            self.move_playhead(happened, false);
            return write;
        }
        let scripted = scripted?;
        if self.clock.now() < scripted {
            return None;
        }
        self.move_playhead(scripted, false);
        // A turn is taken with the first write of its instant, since the last write may be the end of the body.
        if let Some(mut sleep) = self.sleep.take()
            && let Poll::Ready(turn) = sleep.as_mut().poll(cx)
        {
            self.turn = turn;
        }
        self.turn.count_write();
        let write = std::mem::replace(&mut self.next, self.script.next());
        write.map(|write| write.bytes)
    }

    /// Waits for the next write of the script; ready at once if there is one due.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = &self.next else { return Poll::Pending };
        let deadline = self.started + next.at;
        let sleep = self.sleep.get_or_insert_with(|| self.clock.turn_at(deadline, &self.who));
        sleep.as_mut().poll(cx).map(|turn| {
            self.turn = turn;
            self.sleep = None;
        })
    }

    /// All that is due has been handed over: its turn is over when that has been sent.
    fn hand_turn_on(&mut self) {
        self.connection.turns().hold(std::mem::take(&mut self.turn));
    }

    fn is_over(&self) -> bool {
        self.next.is_none() && self.mailbox.is_none()
    }
}

impl<S: Script> Body for EventStream<S> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let stream = self.get_mut();
        stream.connection.task().register(cx.waker());
        loop {
            let ending = stream.connection.ending();
            if let Some(Ending::BreakOff(why)) = ending {
                return Poll::Ready(Some(Err(why)));
            }
            if stream.gathered >= GATHERED_BYTES_MAX {
                stream.gathered = 0;
                stream.connection.task().pause(cx.waker());
                return Poll::Pending;
            }
            if let Some(bytes) = stream.due(cx) {
                stream.gathered += bytes.len();
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if stream.is_over() || ending == Some(Ending::InGoodOrder) {
                return Poll::Ready(None);
            }
            if stream.poll_sleep(cx).is_pending() {
                stream.gathered = 0;
                stream.move_playhead(stream.clock.now(), true);
                stream.hand_turn_on();
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
        // Its last write may not have been sent yet.
        self.connection.turns().hold(std::mem::take(&mut self.turn));
    }
}

#[cfg(test)]
mod between_looks;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_test::task::{self, Spawn};
    use tokio_test::{assert_pending, assert_ready};

    use super::*;
    use crate::clock::TokioClock;
    use crate::endpoints::{sse, stream_text};
    use crate::hub::{Event, Hub};
    use crate::random::Seed;

    /// A body, polled by hand, and everything around it.
    pub(super) struct Stage<S> {
        pub(super) clock: Arc<dyn Clock>,
        pub(super) hub: Arc<Hub>,
        pub(super) connection: Arc<Connection>,
        pub(super) body: Spawn<EventStream<S>>,
    }

    pub(super) fn stage<S: Script>(script: fn(Start) -> S, joins: bool) -> Stage<S> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let hub = Arc::new(Hub::new(2));
        let connection = Arc::new(Connection::new(0));
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let start = Start { epoch, at: clock.now(), seed: Seed(42), connection: 0, request: 0 };
        let mailbox = joins.then(|| hub.join(Arc::clone(&connection)));
        let body = EventStream::new(Arc::clone(&clock), &start, script(start), mailbox, Arc::clone(&connection));
        Stage { clock, hub, connection, body: task::spawn(body) }
    }

    impl<S: Script> Stage<S> {
        pub(super) fn poll(&mut self) -> Poll<Option<Result<Bytes, BrokenOff>>> {
            let frame = self.body.enter(|cx, body| body.poll_frame(cx));
            frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().expect("data frames only"))))
        }

        /// The writes that are due now, however often the stream pauses between them.
        pub(super) fn due(&mut self) -> Vec<String> {
            let mut writes = Vec::new();
            loop {
                match self.poll() {
                    Poll::Ready(Some(Ok(bytes))) => writes.push(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
                    Poll::Pending if self.body.is_woken() => {}
                    _ => return writes,
                }
            }
        }

        fn publish(&self, writes: [&'static str; 2]) {
            let event = Event::from(writes.map(|write| Bytes::from_static(write.as_bytes())));
            self.hub.publish(self.clock.now(), event, |_| {});
        }

        async fn until(&self, ms: u64) {
            self.clock.sleep_until(Instant::EPOCH + Duration::from_millis(ms)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_pending_between_its_writes_and_woken_once_for_each() {
        let mut stage = stage(stream_text::script, false);
        assert_eq!(stage.due().len(), 1);
        for ms in [50, 100, 150] {
            assert_pending!(stage.poll());
            assert!(!stage.body.is_woken());
            stage.until(ms - 1).await;
            assert!(!stage.body.is_woken());
            stage.until(ms).await;
            assert!(stage.body.is_woken());
            assert_eq!(stage.due().len(), 1);
            assert!(!stage.body.is_woken());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mailbox_wakes_its_stream_once_for_events_that_come_together() {
        let mut stage = stage(sse::script, true);
        assert_eq!(stage.due().len(), 1);
        assert_pending!(stage.poll());
        assert!(!stage.body.is_woken());
        stage.publish(["event: a\n", "data: 1\n\n"]);
        stage.publish(["event: a\n", "data: 2\n\n"]);
        assert!(stage.body.is_woken());
        assert_eq!(stage.due(), ["event: a\n", "data: 1\n\n", "event: a\n", "data: 2\n\n"]);
        assert!(!stage.body.is_woken());
        assert_pending!(stage.poll());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_dropped_in_the_middle_of_an_event_leaves_the_hub() {
        let mut stage = stage(sse::script, true);
        stage.due();
        stage.publish(["event: a\n", "data: 1\n\n"]);
        assert!(matches!(stage.poll(), Poll::Ready(Some(Ok(bytes))) if bytes == "event: a\n"));
        drop(stage.body);
        assert_eq!(stage.hub.clients(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_reader_gets_heartbeats_and_events_in_the_order_of_their_times() {
        let mut stage = stage(sse::script, true);
        stage.until(30_000).await;
        stage.publish(["event: at 30 s\n", "data: 1\n\n"]);
        stage.until(59_999).await;
        stage.publish(["event: before 60 s\n", "data: 2\n\n"]);
        stage.until(95_000).await;
        let greeting = "data: {\"message\": \"连接成功\"}\n\n";
        let (beat, first, second) = ("heartbeat:\n\n", "event: at 30 s\n", "event: before 60 s\n");
        assert_eq!(stage.due(), [greeting, beat, first, "data: 1\n\n", second, "data: 2\n\n", beat, beat]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_ending_stream_first_hands_over_what_is_due() {
        let mut stage = stage(sse::script, true);
        stage.due();
        stage.publish(["event: a\n", "data: 1\n\n"]);
        stage.until(30_000).await;
        stage.connection.end(Ending::InGoodOrder);
        assert_eq!(stage.due(), ["event: a\n", "data: 1\n\n", "heartbeat:\n\n"]);
        assert!(assert_ready!(stage.poll()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_evicted_stream_breaks_off() {
        let mut stage = stage(sse::script, true);
        stage.due();
        assert_pending!(stage.poll());
        for _ in 0..3 {
            stage.publish(["event: a\n", "data: 1\n\n"]);
        }
        assert!(stage.body.is_woken());
        assert!(matches!(stage.poll(), Poll::Ready(Some(Err(BrokenOff::Evicted)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_finite_stream_says_so_with_its_last_write() {
        let mut stage = stage(stream_text::script, false);
        stage.until(4799).await;
        assert_eq!(stage.due().len(), 81);
        assert!(!stage.body.is_end_stream());
        stage.until(4800).await;
        assert_eq!(stage.due(), ["data: {\"done\": true}\n\n"]);
        assert!(stage.body.is_end_stream());
        assert!(assert_ready!(stage.poll()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_much_to_write_pauses_again_and_again_and_loses_nothing() {
        let mut stage = stage(stream_text::script, false);
        stage.until(4800).await;
        let (mut bytes, mut since_pause, mut pauses) = (0, 0, 0);
        loop {
            match stage.poll() {
                Poll::Ready(Some(Ok(write))) => {
                    bytes += write.len();
                    // A pause comes with the first write that makes it too much.
                    assert!(since_pause < GATHERED_BYTES_MAX, "{since_pause} bytes without a pause");
                    since_pause += write.len();
                }
                Poll::Pending if stage.body.is_woken() => (since_pause, pauses) = (0, pauses + 1),
                Poll::Ready(None) => break,
                other => panic!("expected a write, got {other:?}"),
            }
        }
        assert_eq!((bytes, pauses), (5243, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_playhead_is_where_the_last_write_was_due_or_where_all_has_been_handed_over() {
        let mut stage = stage(sse::script, true);
        let playhead = Playhead::default();
        stage.body.playhead = Some(playhead.clone());
        stage.until(10_000).await;
        stage.publish(["event: a\n", "data: 1\n\n"]);
        stage.until(31_000).await;
        for (at, is_caught_up) in [(0, false), (10_000, false), (10_000, false), (30_000, false), (31_000, true)] {
            assert_eq!(stage.poll().is_pending(), is_caught_up);
            assert_eq!((playhead.at().as_millis(), playhead.is_caught_up()), (at, is_caught_up));
        }
    }
}
