//! Tests a driver with a manual clock, and the turns of the driver.

use std::time::Duration;

use tokio_test::{assert_pending, assert_ready, task};

use super::*;
use crate::endpoints::sse;
use crate::script::event_stream;
use onbeat_clock::{Advance, ManualClock};

fn waiter(connection: &Connection) -> Arc<Waiter> {
    let socket = Arc::clone(connection.socket_state());
    Arc::new(Waiter { connection: 0, request: 0, path: "".into(), socket })
}

#[tokio::test(start_paused = true)]
async fn a_turn_outlasts_the_next_turn_of_an_alarm_until_its_writes_have_been_sent() {
    let (clock, connection) = (Arc::new(ManualClock::start()), Arc::new(Connection::new(0)));
    connection.begin_serving();
    let at = Instant::EPOCH + Duration::from_secs(1);
    let alarm = Alarm::new(Arc::clone(&clock) as Arc<dyn Clock>, waiter(&connection), Arc::clone(&connection));
    let mut alarm = task::spawn(alarm);
    assert_pending!(alarm.enter(|cx, mut alarm| alarm.poll(at, cx)));
    let mut advance = task::spawn(clock.advance(Advance::By(Duration::from_secs(1))));
    assert_pending!(advance.poll());
    assert_ready!(alarm.enter(|cx, mut alarm| alarm.poll(at, cx)));
    alarm.enter(|_, mut alarm| alarm.count_write());
    // The deadline has come already.
    assert_ready!(alarm.enter(|cx, mut alarm| alarm.poll(at, cx)));
    assert_pending!(advance.poll());
    connection.turns().give_back();
    assert_eq!(assert_ready!(advance.poll()).expect("long before the end of time").writes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_polled_before_its_turn_begins_waits_only_for_what_comes_next() {
    let clock = Arc::new(ManualClock::start());
    let beat = Instant::EPOCH + Duration::from_secs(30);
    let mut first = task::spawn(clock.turn_at(beat, &waiter(&Connection::new(1))));
    assert_pending!(first.poll());
    let mut polled = body_at(Arc::clone(&clock) as Arc<dyn Clock>, |start| event_stream(sse::script(start)), true);
    assert_eq!(polled.due().len(), 1);
    let mut advance = task::spawn(clock.advance(Advance::By(Duration::from_secs(30))));
    assert_pending!(advance.poll());
    // The first sleeper keeps the turn, and the stream is polled for another reason, such as an event.
    let turn = assert_ready!(first.poll());
    assert_eq!(polled.due(), ["heartbeat:\n\n"]);
    let deadlines: Vec<_> = clock.timers().1.iter().map(|timer| timer.at.as_millis()).collect();
    assert_eq!(deadlines, [60_000]);
    drop(turn);
    assert!(assert_ready!(advance.poll()).is_ok());
}
