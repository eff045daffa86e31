//! A stream that hears a channel: woken once, in the order of times, and gone when it is dropped.

use std::time::Duration;

use tokio_test::{assert_pending, assert_ready};

use super::*;
use crate::channel::Beginning;
use crate::connection::BrokenOff;
use crate::endpoints::sse;
use crate::heartbeats::{Heartbeats, MakeHeartbeat};
use crate::script::{Cue, Subscribing};
use onbeat_clock::TokioClock;

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
async fn a_late_reader_gets_the_history_as_of_the_time_of_the_subscription() {
    let channel = Arc::new(Channel::with_history(2, 1));
    channel.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"old")]), |_| {});
    let script = move |_| {
        let make: MakeHeartbeat = Box::new(|at| Bytes::from(format!("beat {}", at.as_millis())));
        let every = Duration::from_millis(10);
        let heartbeats = Heartbeats { every, after_silence: true, times: None, make };
        let subscribing = Subscribing { channel: Arc::clone(&channel), beginning: Beginning::Oldest };
        let (begin, subscribe) = (Action::Heartbeats(Arc::new(heartbeats)), Action::Subscribe(Box::new(subscribing)));
        [(0, begin), (5, subscribe)].map(|(ms, action)| Cue { at: Duration::from_millis(ms), action }).into_iter()
    };
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    polled.until(24).await;
    assert_eq!(polled.due(), ["old", "beat 15"]);
}

#[tokio::test(start_paused = true)]
async fn of_one_instant_the_history_goes_before_an_event_of_an_earlier_subscription() {
    let history = Arc::new(Channel::with_history(2, 1));
    history.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"old")]), |_| {});
    for reads_in_time in [true, false] {
        let script = |_| {
            let subscribing = Subscribing { channel: Arc::clone(&history), beginning: Beginning::Oldest };
            let action = Action::Subscribe(Box::new(subscribing));
            [Cue { at: Duration::from_millis(10), action }].into_iter()
        };
        let mut polled = body_at(Arc::new(TokioClock::start()), script, true);
        polled.until(10).await;
        let mut writes = if reads_in_time { polled.due() } else { Vec::new() };
        polled.publish(["event: a\n", "data: 1\n\n"]);
        writes.extend(polled.due());
        assert_eq!(writes, ["old", "event: a\n", "data: 1\n\n"], "{reads_in_time}");
    }
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
