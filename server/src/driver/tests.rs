//! A driver, polled by hand.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

use super::*;
use crate::channel::{Channel, Event};
use crate::clock::TokioClock;
use crate::connection::BrokenOff;
use crate::endpoints::{sse, stream_text};
use crate::random::Seed;
use crate::script::{Cue, Writes, event_stream};

/// A body, polled by hand, and everything around it.
pub(super) struct Stage<S: Script> {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) channel: Arc<Channel>,
    pub(super) connection: Arc<Connection>,
    pub(super) body: Spawn<Driver<ScriptSource<S>>>,
}

fn stage<W: Writes>(writes: fn(Start) -> W, joins: bool) -> Stage<impl Script> {
    stage_at(Arc::new(TokioClock::start()), |start| event_stream(writes(start)), joins)
}

pub(super) fn stage_at<S: Script>(clock: Arc<dyn Clock>, script: impl Fn(Start) -> S, joins: bool) -> Stage<S> {
    let channel = Arc::new(Channel::new(2));
    let connection = Arc::new(Connection::new(0));
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let start = Start { epoch, at: clock.now(), seed: Seed(42), connection: 0, request: 0 };
    let subscription = joins.then(|| channel.subscribe(Arc::clone(&connection)));
    let body = Driver::new(Arc::clone(&clock), &start, script(start), subscription, Arc::clone(&connection));
    Stage { clock, channel, connection, body: task::spawn(body) }
}

impl<S: Script> Stage<S> {
    pub(super) fn poll(&mut self) -> Poll<Option<Result<Bytes, axum::Error>>> {
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
        self.channel.publish(self.clock.now(), event, |_| {});
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
async fn a_subscription_wakes_its_stream_once_for_events_that_come_together() {
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
async fn a_stream_that_is_dropped_in_the_middle_of_an_event_leaves_the_channel() {
    let mut stage = stage(sse::script, true);
    stage.due();
    stage.publish(["event: a\n", "data: 1\n\n"]);
    assert!(matches!(stage.poll(), Poll::Ready(Some(Ok(bytes))) if bytes == "event: a\n"));
    drop(stage.body);
    assert_eq!(stage.channel.subscribers(), 0);
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
    let error = assert_ready!(stage.poll()).expect("an error").expect_err("it is broken off");
    assert_eq!(error.to_string(), BrokenOff::Evicted.to_string());
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

/// A hook that changes nothing, and notes when it is told of what.
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

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.on_its_way.pop_front()
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
    let Stage { clock, channel, connection, body } = stage(sse::script, true);
    let hook = NotingHook::default();
    let noted = Arc::clone(&hook.noted);
    let body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
    let mut stage = Stage { clock, channel, connection, body };
    stage.until(10_000).await;
    stage.publish(["event: a\n", "data: 1\n\n"]);
    stage.until(31_000).await;
    assert_eq!(stage.due().len(), 4);
    // The head comes first.
    let mut expected = vec![(0, "action"), (0, "action")];
    expected.extend([(10_000, "action"), (10_000, "action"), (30_000, "action"), (31_000, "time")]);
    assert_eq!(*noted.lock(), expected);
    drop(stage);
    assert_eq!(noted.lock().last(), Some(&(0, "not complete")));
}

/// Plays these cues, each with its milliseconds, for ten seconds; returns the writes, and how the last look ended.
async fn played(cues: Vec<(u64, Action)>) -> (Stage<impl Script>, Vec<String>) {
    let script = move |_| cues.clone().into_iter().map(|(ms, action)| Cue { at: Duration::from_millis(ms), action });
    let mut stage = stage_at(Arc::new(TokioClock::start()), script, false);
    assert!(!stage.body.is_end_stream(), "a body that says so before it is asked is sent as an empty one");
    let mut writes = stage.due();
    for second in 1..=10 {
        stage.until(second * 1000).await;
        writes.extend(stage.due());
    }
    (stage, writes)
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
            let (mut stage, writes) = played(cues).await;
            assert_eq!(writes.len(), expected, "{how:?}");
            assert_eq!((stage.connection.ending(), stage.body.over), (ending, over));
            assert_eq!(stage.body.is_end_stream(), how == How::Complete);
            assert_eq!(stage.poll().is_ready(), how == How::Complete);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_its_client_is_to_close_ends_in_good_order_with_its_connection() {
    let (mut stage, _) = played(vec![(0, Action::End(How::Closed))]).await;
    assert_pending!(stage.poll());
    stage.connection.end(Ending::InGoodOrder);
    assert!(assert_ready!(stage.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_a_pause_between_two_writes() {
    let write = || (0, Action::Write(Bytes::from_static(b"x")));
    let cues = vec![write(), (0, Action::Flush), write(), (0, Action::End(How::Complete))];
    let script = move |_| cues.clone().into_iter().map(|(_, action)| Cue { at: Duration::ZERO, action });
    let mut stage = stage_at(Arc::new(TokioClock::start()), script, false);
    assert!(stage.poll().is_ready());
    assert_pending!(stage.poll());
    assert!(stage.body.is_woken());
    assert!(stage.poll().is_ready() && stage.body.is_end_stream());
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
    let mut stage = stage_at(Arc::new(TokioClock::start()), script, false);
    let mut driver = stage.body.into_inner();
    assert_eq!(driver.head().await, Some(sent));
    assert_eq!(stage.clock.now().as_millis(), 700);
    stage.body = task::spawn(driver);
    assert!(assert_ready!(stage.poll()).is_none());
}
