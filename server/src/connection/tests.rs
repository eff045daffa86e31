use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;
use onbeat_clock::{Clock, ManualClock};

/// Reads the state of a connection, as another thread may, at the very moment at which the task is woken.
struct StateProbe {
    connection: Arc<Connection>,
    /// Counts the wake-ups at which the connection had this ending.
    ending: Option<Ending>,
    seen: AtomicUsize,
}

impl Wake for StateProbe {
    fn wake(self: Arc<Self>) {
        self.seen.fetch_add(usize::from(self.connection.ending() == self.ending), Ordering::Relaxed);
    }
}

#[test]
fn an_ending_wakes_the_task_of_a_connection_and_is_seen_by_it_at_once() {
    let broken_off = [BrokenOff::Evicted, BrokenOff::EndNotTaken, BrokenOff::AnswerNotRead].map(Ending::BreakOff);
    for ending in [Ending::InGoodOrder, Ending::Cut, Ending::HalfClose, Ending::Reset].into_iter().chain(broken_off) {
        let connection = Arc::new(Connection::new(0));
        assert_eq!(connection.ending(), None);
        let probe = StateProbe { connection: Arc::clone(&connection), ending: Some(ending), seen: AtomicUsize::new(0) };
        let probe = Arc::new(probe);
        connection.task().register(&Arc::clone(&probe).into());
        connection.end(ending);
        assert_eq!(probe.seen.load(Ordering::Relaxed), 1, "{ending:?}");
    }
}

#[test]
fn requests_are_counted_from_0_and_anew_in_each_world() {
    let worlds: [Arc<AtomicU64>; 2] = Default::default();
    let (one, two) = (Connection::unnumbered(), Connection::unnumbered());
    assert_eq!(one.ordinal(), None);
    // Numbers the connections by their first requests, and the requests of each connection apart.
    for request in 0..4 {
        assert_eq!(two.place().next_request_in(&worlds[0]), (0, request));
        assert_eq!(one.place().next_request_in(&worlds[0]), (1, request));
    }
    assert_eq!(one.place().next_request_in(&worlds[1]), (0, 0));
    assert_eq!(two.place().next_request_in(&worlds[1]), (1, 0));
    assert_eq!((one.place().ordinal_in(&worlds[1]), one.place().next_request_in(&worlds[1])), (0, (0, 1)));
}

#[test]
fn a_pause_is_told_once_where_somebody_serves_the_connection_and_else_wakes_the_stream() {
    let connection = Arc::new(Connection::new(0));
    let probe = Arc::new(StateProbe { connection: Arc::clone(&connection), ending: None, seen: AtomicUsize::new(0) });
    let task = Arc::clone(&probe).into();
    connection.task().pause(&task);
    assert!(!connection.task().take_pause());
    assert_eq!(probe.seen.load(Ordering::Relaxed), 1);
    connection.begin_serving();
    connection.task().pause(&task);
    assert_eq!([connection.task().take_pause(), connection.task().take_pause()], [true, false]);
    assert_eq!(probe.seen.load(Ordering::Relaxed), 1);
    connection.stop_serving();
    connection.task().pause(&task);
    assert_eq!(probe.seen.load(Ordering::Relaxed), 2);
}

#[test]
fn no_clock_waits_for_a_connection_that_nobody_serves() {
    let (clock, connection) = (ManualClock::start(), Connection::new(0));
    let turn = || clock.turn(connection.socket_state()).expect("it is held up by nobody");
    // Serves the connection twice: after the first end turns must be kept again.
    for _ in 0..2 {
        connection.begin_serving();
        connection.turns().hold(turn());
        connection.turns().expect(turn());
        assert_eq!(clock.awaited(), 2);
        connection.stop_serving();
        assert_eq!(clock.awaited(), 0);
        connection.turns().expect(turn());
        assert_eq!(clock.awaited(), 0);
    }
}

#[tokio::test]
async fn a_write_of_a_hook_keeps_time_from_passing_until_the_task_has_run_and_all_has_been_sent() {
    let (clock, connection) = (ManualClock::start(), Connection::new(0));
    connection.begin_serving();
    let probe = StateProbe { connection: Arc::new(Connection::new(1)), ending: None, seen: AtomicUsize::new(0) };
    let probe = Arc::new(probe);
    connection.register(&Arc::clone(&probe).into());
    connection.wake_to_write(&clock);
    assert_eq!((probe.seen.load(Ordering::Relaxed), clock.awaited()), (1, 1));
    connection.turns().give_back();
    assert_eq!(clock.awaited(), 1);
    connection.turns().take_up();
    // Now the hook hands its write over.
    let (turn, end) = Turn::watched();
    let mut sent = tokio_test::task::spawn(end.ended());
    connection.hold_until_sent(turn);
    assert!(sent.poll().is_pending());
    connection.turns().give_back();
    assert!(sent.is_woken() && sent.poll().is_ready());
    assert_eq!(clock.awaited(), 0);
}

#[test]
fn nobody_waits_for_a_write_to_a_connection_that_is_closed() {
    let connection = Connection::new(0);
    let (turn, end) = Turn::watched();
    connection.hold_until_sent(turn);
    assert!(tokio_test::task::spawn(end.ended()).poll().is_ready());
}
