//! Tests the end of a response: drops the source, and calls the hook.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio_test::{assert_pending, assert_ready, task};

use super::*;
use crate::connection::BrokenOff;
use crate::heartbeats::{Heartbeats, MakeHeartbeat};
use crate::script::{Cue, ResponseHead};
use onbeat_clock::{Advance, ManualClock, TokioClock};

/// Replaces the actions of the source by `actions`, and notes the end of the response.
#[derive(Default)]
struct ReplacingHook {
    actions: VecDeque<Action>,
    ended: Arc<Mutex<Vec<How>>>,
}

impl ResponseHook for ReplacingHook {
    fn change_head(&mut self) -> HeadChange {
        HeadChange::None
    }

    fn alters(&self) -> bool {
        false
    }

    fn take_in(&mut self, _: Instant, _: Action) {}

    fn pass_time(&mut self, _: Instant) {}

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, how: How) {
        self.ended.lock().push(how);
    }
}

/// Returns a body with a subscription, and with a script of a write and the end `how`, both due at once.
fn joined(how: How) -> PolledBody<impl Script> {
    let script = move |_| {
        let actions = [Action::Write(Bytes::from_static(b"x")), Action::End(how)];
        actions.map(|action| Cue { at: Duration::ZERO, action }).into_iter()
    };
    body_at(Arc::new(TokioClock::start()), script, true)
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_over_leaves_its_channel_before_the_body_is_dropped() {
    for how in [How::Complete, How::Cut, How::Reset] {
        let mut polled = joined(how);
        assert_eq!((polled.due(), polled.channel.subscribers()), (vec!["x".to_owned()], 0), "{how:?}");

        // The same for a hook that ends the response before the script.
        let PolledBody { clock, channel, connection, body } = joined(How::Closed);
        let hook = ReplacingHook { actions: [Action::End(how)].into(), ..ReplacingHook::default() };
        let body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
        let mut polled = PolledBody { clock, channel, connection, body };
        assert_eq!((polled.due().len(), polled.channel.subscribers()), (0, 0), "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_ended_is_dropped_though_a_hook_keeps_the_end_back() {
    let PolledBody { clock, channel, connection, body } = joined(How::Complete);
    let body = task::spawn(body.into_inner().with_hook(Box::new(ReplacingHook::default())));
    let mut polled = PolledBody { clock, channel, connection, body };
    assert_pending!(polled.poll());
    assert_eq!((polled.body.over, polled.channel.subscribers()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_told_how_a_response_ended_whose_body_was_dropped() {
    let broken_off = Ending::BreakOff(BrokenOff::Evicted);
    for (ending, how) in [
        (None, How::Closed),
        (Some(Ending::InGoodOrder), How::Closed),
        (Some(Ending::HalfClose), How::Cut),
        (Some(Ending::Cut), How::Cut),
        (Some(broken_off), How::Cut),
        (Some(Ending::Reset), How::Reset),
    ] {
        let PolledBody { connection, body, .. } = joined(How::Closed);
        let hook = ReplacingHook::default();
        let ended = Arc::clone(&hook.ended);
        let driver = body.into_inner().with_hook(Box::new(hook));
        if let Some(ending) = ending {
            connection.end(ending);
        }
        drop(driver);
        assert_eq!(*ended.lock(), [how], "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_another_application_is_complete_without_a_look_only_if_there_is_nothing_in_it() {
    for (body, how) in [(Body::empty(), How::Complete), (Body::from("x"), How::Closed)] {
        let hook = ReplacingHook::default();
        let ended = Arc::clone(&hook.ended);
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let connection = Arc::new(Connection::new(0));
        let socket = Arc::clone(connection.socket_state());
        let waiter = Arc::new(Waiter { connection: 0, request: 0, path: "".into(), socket });
        drop(Driver::of_body(body, Box::new(hook), &clock, waiter, connection, Instant::EPOCH));
        assert_eq!(*ended.lock(), [how]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_a_hook_ends_with_its_head_ends_before_time_passes() {
    let ms = Duration::from_millis;
    let script = move |_| {
        let head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
        let write = Action::Write(Bytes::from_static(b"x"));
        let cues = [(10, Action::Head(Box::new(head))), (100, write)];
        cues.map(|(at_ms, action)| Cue { at: ms(at_ms), action }).into_iter()
    };
    let clock = Arc::new(ManualClock::start());
    let PolledBody { channel, connection, mut body, .. } = body_at(Arc::clone(&clock) as Arc<dyn Clock>, script, false);
    connection.begin_serving();
    assert_pending!(body.enter(|cx, mut body| body.source.as_mut().expect("not over").poll_opening(cx)));
    let mut advance = task::spawn(clock.advance(Advance::By(ms(400))));
    assert_pending!(advance.poll());
    assert_ready!(body.enter(|cx, mut body| body.source.as_mut().expect("not over").poll_opening(cx)));
    let hook = ReplacingHook { actions: [Action::End(How::Cut)].into(), ..ReplacingHook::default() };
    let body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
    let mut polled = PolledBody { clock: Arc::clone(&clock) as Arc<dyn Clock>, channel, connection, body };
    assert_pending!(polled.poll());
    assert_eq!((polled.body.over, clock.now()), (Some(How::Cut), Instant::EPOCH + ms(10)));
    assert_pending!(advance.poll());
    polled.connection.turns().give_back();
    assert_eq!(assert_ready!(advance.poll()).expect("long before the end of time").to, Instant::EPOCH + ms(400));
}

#[tokio::test(start_paused = true)]
async fn a_script_without_a_body_is_complete_though_nobody_asks_for_the_end() {
    for (end_ms, how) in [(0, How::Complete), (1, How::Closed)] {
        let script =
            move |_| [Cue { at: Duration::from_millis(end_ms), action: Action::End(How::Complete) }].into_iter();
        let PolledBody { body, .. } = body_at(Arc::new(TokioClock::start()), script, false);
        let hook = ReplacingHook::default();
        let ended = Arc::clone(&hook.ended);
        drop(body.into_inner().with_hook(Box::new(hook)));
        assert_eq!(*ended.lock(), [how], "{end_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_response_is_not_complete_with_an_event_or_a_heartbeat_left_that_was_due_before_the_end() {
    for (joins, beats, how) in [(false, 0, How::Complete), (true, 0, How::Closed), (false, 2, How::Closed)] {
        let script = move |_| {
            let make: MakeHeartbeat = Box::new(|_| Bytes::from_static(b"beat"));
            let every = Duration::from_millis(10);
            let heartbeats = Heartbeats { every, after_silence: false, times: Some(beats), make };
            let begin = (beats > 0).then(|| (0, Action::Heartbeats(Arc::new(heartbeats))));
            let actions = begin.into_iter().chain([(25, Action::End(How::Complete))]);
            actions.map(|(ms, action)| Cue { at: Duration::from_millis(ms), action })
        };
        let mut polled = body_at(Arc::new(TokioClock::start()), script, joins);
        assert_pending!(polled.poll());
        polled.until(15).await;
        polled.publish(["a", "b"]);
        polled.until(30).await;
        let hook = ReplacingHook::default();
        let ended = Arc::clone(&hook.ended);
        drop(polled.body.into_inner().with_hook(Box::new(hook)));
        assert_eq!(*ended.lock(), [how], "joins: {joins}, {beats} heartbeats");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_due_later_does_not_come_with_the_last_write() {
    let script = |_| {
        let end = Cue { at: Duration::from_secs(1), action: Action::End(How::Complete) };
        [Cue { at: Duration::ZERO, action: Action::Write(Bytes::from_static(b"x")) }, end].into_iter()
    };
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    assert_eq!(polled.due(), ["x"]);
    assert!(!polled.body.is_end_stream());
    assert_pending!(polled.poll());
    polled.clock.sleep_until(Instant::EPOCH + Duration::from_secs(1)).await;
    assert!(assert_ready!(polled.poll()).is_none());
}
