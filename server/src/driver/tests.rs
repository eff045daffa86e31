//! A driver, polled by hand.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

use super::chain::Chain;
use super::*;
use crate::channel::{Channel, Event};
use crate::connection::BrokenOff;
use crate::endpoints::{sse, stream_text};
use crate::heartbeats::{Heartbeats, MakeHeartbeat};
use crate::random::Seed;
use crate::script::{Cue, ResponseHead, Writes, event_stream};
use onbeat_clock::TokioClock;

/// A body, polled by hand, with the clock, channel and connection of the body.
pub(super) struct PolledBody<S: Script> {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) channel: Arc<Channel>,
    pub(super) connection: Arc<Connection>,
    pub(super) body: Spawn<Driver<ScriptSource<S>>>,
}

fn body_of<W: Writes>(writes: fn(Start) -> W, joins: bool) -> PolledBody<impl Script> {
    body_at(Arc::new(TokioClock::start()), |start| event_stream(writes(start)), joins)
}

pub(super) fn body_at<S: Script>(clock: Arc<dyn Clock>, script: impl Fn(Start) -> S, joins: bool) -> PolledBody<S> {
    let channel = Arc::new(Channel::new(2));
    let connection = Arc::new(Connection::new(0));
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let start = Start { epoch, at: clock.now(), seed: Seed(42), connection: 0, request: 0 };
    let subscription = joins.then(|| channel.subscribe(Arc::clone(&connection)));
    let body = Driver::new(Arc::clone(&clock), &start, script(start), subscription, Arc::clone(&connection));
    PolledBody { clock, channel, connection, body: task::spawn(body) }
}

impl<S: Script> PolledBody<S> {
    pub(super) fn poll(&mut self) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let frame = self.body.enter(|cx, body| body.poll_frame(cx));
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().expect("data frames only"))))
    }

    /// Returns the writes that are due now, over all pauses of the stream.
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
        self.channel.publish(self.clock.now(), event, |_| {});
    }

    async fn until(&self, ms: u64) {
        self.clock.sleep_until(Instant::EPOCH + Duration::from_millis(ms)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_pending_between_its_writes_and_woken_once_for_each() {
    let mut polled = body_of(stream_text::script, false);
    assert_eq!(polled.due().len(), 1);
    for ms in [50, 100, 150] {
        assert_pending!(polled.poll());
        assert!(!polled.body.is_woken());
        polled.until(ms - 1).await;
        assert!(!polled.body.is_woken());
        polled.until(ms).await;
        assert!(polled.body.is_woken());
        assert_eq!(polled.due().len(), 1);
        assert!(!polled.body.is_woken());
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_wakes_its_stream_once_for_events_that_come_together() {
    let mut polled = body_of(sse::script, true);
    assert_eq!(polled.due().len(), 1);
    assert_pending!(polled.poll());
    assert!(!polled.body.is_woken());
    polled.publish(["event: a\n", "data: 1\n\n"]);
    polled.publish(["event: a\n", "data: 2\n\n"]);
    assert!(polled.body.is_woken());
    assert_eq!(polled.due(), ["event: a\n", "data: 1\n\n", "event: a\n", "data: 2\n\n"]);
    assert!(!polled.body.is_woken());
    assert_pending!(polled.poll());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_in_the_middle_of_an_event_leaves_the_channel() {
    let mut polled = body_of(sse::script, true);
    polled.due();
    polled.publish(["event: a\n", "data: 1\n\n"]);
    assert!(matches!(polled.poll(), Poll::Ready(Some(Ok(bytes))) if bytes == "event: a\n"));
    drop(polled.body);
    assert_eq!(polled.channel.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_reader_gets_heartbeats_and_events_in_the_order_of_their_times() {
    let mut polled = body_of(sse::script, true);
    polled.until(30_000).await;
    polled.publish(["event: at 30 s\n", "data: 1\n\n"]);
    polled.until(59_999).await;
    polled.publish(["event: before 60 s\n", "data: 2\n\n"]);
    polled.until(95_000).await;
    let greeting = "data: {\"message\": \"连接成功\"}\n\n";
    let (beat, first, second) = ("heartbeat:\n\n", "event: at 30 s\n", "event: before 60 s\n");
    assert_eq!(polled.due(), [greeting, beat, first, "data: 1\n\n", second, "data: 2\n\n", beat, beat]);
}

#[tokio::test(start_paused = true)]
async fn a_late_reader_gets_heartbeats_after_silence_where_there_was_silence() {
    let ten = Duration::from_millis(10);
    let script = move |_| {
        let make: MakeHeartbeat = Box::new(|at| Bytes::from(format!("beat {}", at.as_millis())));
        let heartbeats = Heartbeats { every: ten, after_silence: true, times: None, make };
        [Cue { at: Duration::ZERO, action: Action::Heartbeats(Arc::new(heartbeats)) }].into_iter()
    };
    let mut polled = body_at(Arc::new(TokioClock::start()), script, true);
    polled.until(5).await;
    polled.publish(["a", "b"]);
    // Of one instant the heartbeat goes before the event.
    polled.until(15).await;
    polled.publish(["c", "d"]);
    polled.until(24).await;
    assert_eq!(polled.due(), ["a", "b", "beat 15", "c", "d"]);
    assert_pending!(polled.poll());
    polled.until(34).await;
    assert!(polled.body.is_woken());
    assert_eq!(polled.due(), ["beat 25"]);
}

#[tokio::test(start_paused = true)]
async fn an_ending_stream_first_hands_over_what_is_due() {
    let mut polled = body_of(sse::script, true);
    polled.due();
    polled.publish(["event: a\n", "data: 1\n\n"]);
    polled.until(30_000).await;
    polled.connection.end(Ending::InGoodOrder);
    assert_eq!(polled.due(), ["event: a\n", "data: 1\n\n", "heartbeat:\n\n"]);
    assert!(assert_ready!(polled.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_evicted_stream_breaks_off() {
    let mut polled = body_of(sse::script, true);
    polled.due();
    assert_pending!(polled.poll());
    for _ in 0..3 {
        polled.publish(["event: a\n", "data: 1\n\n"]);
    }
    assert!(polled.body.is_woken());
    let error = assert_ready!(polled.poll()).expect("an error").expect_err("it is broken off");
    assert_eq!(error.to_string(), BrokenOff::Evicted.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_finite_stream_says_so_with_its_last_write() {
    let mut polled = body_of(stream_text::script, false);
    polled.until(4799).await;
    assert_eq!(polled.due().len(), 81);
    assert!(!polled.body.is_end_stream());
    polled.until(4800).await;
    assert_eq!(polled.due(), ["data: {\"done\": true}\n\n"]);
    assert!(polled.body.is_end_stream());
    assert!(assert_ready!(polled.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_much_to_write_pauses_again_and_again_and_loses_nothing() {
    let mut polled = body_of(stream_text::script, false);
    polled.until(4800).await;
    let (mut bytes, mut since_pause, mut pauses) = (0, 0, 0);
    loop {
        match polled.poll() {
            Poll::Ready(Some(Ok(write))) => {
                bytes += write.len();
                // A pause comes with the first write beyond the limit.
                assert!(since_pause < GATHERED_BYTES_MAX, "{since_pause} bytes without a pause");
                since_pause += write.len();
            }
            Poll::Pending if polled.body.is_woken() => (since_pause, pauses) = (0, pauses + 1),
            Poll::Ready(None) => break,
            other => panic!("expected a write, got {other:?}"),
        }
    }
    // Expects a pause for each full 2 KiB.
    assert_eq!((bytes, pauses), (5243, 2));
}

/// A hook that alters no action, and notes each call with the time.
#[derive(Default)]
struct NotingHook {
    noted: Arc<Mutex<Vec<(u64, &'static str)>>>,
    on_its_way: VecDeque<Action>,
}

impl NotingHook {
    fn note(&self, at: Instant, what: &'static str) {
        self.noted.lock().push((at.as_millis(), what));
    }
}

impl ResponseHook for NotingHook {
    fn change_head(&mut self) -> HeadChange {
        HeadChange::None
    }

    fn alters(&self) -> bool {
        false
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.note(at, "action");
        self.on_its_way.push_back(action);
    }

    fn pass_time(&mut self, now: Instant) {
        self.note(now, "time");
    }

    fn next(&mut self, at: Instant) -> Option<Action> {
        let next = self.on_its_way.pop_front()?;
        self.note(at, "next");
        Some(next)
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, how: How) {
        self.noted.lock().push((0, if how == How::Complete { "complete" } else { "not complete" }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_told_when_an_action_was_due_and_of_the_time_only_when_all_was_handed_over() {
    let PolledBody { clock, channel, connection, body } = body_of(sse::script, true);
    let hook = NotingHook::default();
    let noted = Arc::clone(&hook.noted);
    let body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
    let mut polled = PolledBody { clock, channel, connection, body };
    polled.until(10_000).await;
    polled.publish(["event: a\n", "data: 1\n\n"]);
    polled.until(31_000).await;
    assert_eq!(polled.due().len(), 4);
    // The head comes first.
    let times = [0, 0, 10_000, 10_000, 30_000];
    let mut expected: Vec<_> = times.into_iter().flat_map(|ms| [(ms, "action"), (ms, "next")]).collect();
    expected.push((31_000, "time"));
    assert_eq!(*noted.lock(), expected);
    drop(polled);
    assert_eq!(noted.lock().last(), Some(&(0, "not complete")));
}

/// Plays these cues, each with the milliseconds, for ten seconds. Returns the polled body and the writes.
async fn played(cues: Vec<(u64, Action)>) -> (PolledBody<impl Script>, Vec<String>) {
    let script = move |_| cues.clone().into_iter().map(|(ms, action)| Cue { at: Duration::from_millis(ms), action });
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    assert!(!polled.body.is_end_stream(), "a body that says so before it is asked is sent as an empty one");
    let mut writes = polled.due();
    for second in 1..=10 {
        polled.until(second * 1000).await;
        writes.extend(polled.due());
    }
    (polled, writes)
}

#[tokio::test(start_paused = true)]
async fn a_script_says_how_its_response_ends_and_when() {
    let write = |ms| (ms, Action::Write(Bytes::from_static(b"x")));
    for (how, ending, over) in [
        (How::Complete, None, Some(How::Complete)),
        (How::Cut, Some(Ending::Cut), Some(How::Cut)),
        (How::Reset, Some(Ending::Reset), Some(How::Reset)),
        // The client is to close the connection.
        (How::Closed, None, None),
    ] {
        for cues in [vec![(5000, Action::End(how))], vec![write(0), write(3000), (3000, Action::End(how)), write(4000)]]
        {
            let expected = cues.iter().filter(|cue| cue.0 < 4000 && matches!(cue.1, Action::Write(_))).count();
            let (mut polled, writes) = played(cues).await;
            assert_eq!(writes.len(), expected, "{how:?}");
            assert_eq!((polled.connection.ending(), polled.body.over), (ending, over));
            assert_eq!(polled.body.is_end_stream(), how == How::Complete);
            assert_eq!(polled.poll().is_ready(), how == How::Complete);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_its_client_is_to_close_ends_in_good_order_with_its_connection() {
    let (mut polled, _) = played(vec![(0, Action::End(How::Closed))]).await;
    assert_pending!(polled.poll());
    polled.connection.end(Ending::InGoodOrder);
    assert!(assert_ready!(polled.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_a_pause_between_two_writes() {
    let write = || (0, Action::Write(Bytes::from_static(b"x")));
    let cues = vec![write(), (0, Action::Flush), write(), (0, Action::End(How::Complete))];
    let script = move |_| cues.clone().into_iter().map(|(_, action)| Cue { at: Duration::ZERO, action });
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    assert!(polled.poll().is_ready());
    assert_pending!(polled.poll());
    assert!(polled.body.is_woken());
    assert!(polled.poll().is_ready() && polled.body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_due_later_is_waited_for() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let head = ResponseHead { status: StatusCode::ACCEPTED, headers };
    let sent = head.clone();
    let script = move |_| {
        let at = Duration::from_millis(700);
        [Action::Head(Box::new(head.clone())), Action::End(How::Complete)].map(|action| Cue { at, action }).into_iter()
    };
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    let mut driver = polled.body.into_inner();
    assert!(matches!(driver.opening().await, Opening::Head(head) if head == sent));
    assert_eq!(polled.clock.now().as_millis(), 700);
    polled.body = task::spawn(driver);
    assert!(assert_ready!(polled.poll()).is_none());
}

/// A hook that alters no action, into which a test has pushed writes.
struct PushedHook {
    pushed: VecDeque<(Instant, Bytes)>,
    on_its_way: VecDeque<Action>,
}

impl ResponseHook for PushedHook {
    fn change_head(&mut self) -> HeadChange {
        HeadChange::None
    }

    fn alters(&self) -> bool {
        !self.pushed.is_empty() || !self.on_its_way.is_empty()
    }

    fn take_in(&mut self, _: Instant, action: Action) {
        self.on_its_way.push_back(action);
    }

    fn pushed(&mut self, until: Bound<Instant>) -> Option<(Instant, Bytes)> {
        self.pushed.front().filter(|(at, _)| (Bound::Unbounded, until).contains(at))?;
        self.pushed.pop_front()
    }

    fn pass_time(&mut self, _: Instant) {}

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.on_its_way.pop_front()
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, _: How) {}
}

/// Returns the polled body of a script that writes each of the texts at its milliseconds and ends at 20 ms, with these pushed
/// writes. The body passes through two hooks, of which the second has the writes.
fn pushed_into(pushed: &[(u64, &'static str)]) -> PolledBody<impl Script> {
    let script = |_| {
        let writes = [5, 10, 15].map(|ms| (ms, Action::Write(format!("{ms}").into())));
        let cues = writes.into_iter().chain([(20, Action::End(How::Complete))]);
        cues.map(|(ms, action)| Cue { at: Duration::from_millis(ms), action })
    };
    let PolledBody { clock, channel, connection, body } = body_at(Arc::new(TokioClock::start()), script, false);
    let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
    let pushed = pushed.iter().map(|(ms, text)| (at(*ms), Bytes::from_static(text.as_bytes()))).collect();
    let hook = PushedHook { pushed, on_its_way: VecDeque::new() };
    let chain = Chain::new(Box::new(NotingHook::default()), Box::new(hook));
    let body = task::spawn(body.into_inner().with_hook(Box::new(chain)));
    PolledBody { clock, channel, connection, body }
}

#[tokio::test(start_paused = true)]
async fn pushed_writes_go_by_their_times_however_late_the_body_is_polled() {
    let mut polled = pushed_into(&[(10, "a"), (12, "b"), (20, "c"), (30, "lost")]);
    polled.until(40).await;
    assert!(!polled.body.is_end_stream());
    assert_eq!(polled.due(), ["5", "10", "a", "b", "15", "c"]);
    assert!(polled.body.is_end_stream());
    // Where all is polled in time, the order is the same.
    let mut polled = pushed_into(&[(10, "a"), (12, "b"), (20, "c")]);
    let mut writes = Vec::new();
    for ms in 1..=20 {
        polled.until(ms).await;
        writes.extend(polled.due());
    }
    assert_eq!(writes, ["5", "10", "a", "b", "15", "c"]);
}
