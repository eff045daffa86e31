use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;
use crate::clock::{Clock, ManualClock};

/// Looks at a connection, as another thread may, at the very moment at which its task is woken.
struct Looks {
    connection: Arc<Connection>,
    sees: fn(&Connection) -> bool,
    seen: AtomicUsize,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.seen.fetch_add(usize::from((self.sees)(&self.connection)), Ordering::Relaxed);
    }
}

/// What can be asked of a connection, and how its task sees that.
type Asked = (&'static str, fn(&Connection), fn(&Connection) -> bool);

const ALL: [Asked; 6] = [
    (
        "end",
        |connection| connection.end(),
        |connection| connection.is_ending() && connection.is_closing_in_good_order(),
    ),
    (
        "end_streams",
        |connection| connection.end_streams(),
        |connection| connection.is_ending() && !connection.is_closing_in_good_order(),
    ),
    ("abort", |connection| connection.abort(), |connection| connection.is_aborted()),
    ("cut", |connection| connection.close(Closing::Cut), |connection| connection.closing() == Some(Closing::Cut)),
    ("half", |connection| connection.close(Closing::Half), |connection| connection.closing() == Some(Closing::Half)),
    ("reset", |connection| connection.close(Closing::Reset), |connection| connection.closing() == Some(Closing::Reset)),
];

#[test]
fn what_is_asked_of_a_connection_wakes_its_task_and_is_seen_by_it_at_once() {
    for (name, ask, sees) in ALL {
        let connection = Arc::new(Connection::new(0));
        assert!(!sees(&connection), "{name}");
        let looks = Arc::new(Looks { connection: Arc::clone(&connection), sees, seen: AtomicUsize::new(0) });
        connection.register(&Arc::clone(&looks).into());
        ask(&connection);
        assert_eq!(looks.seen.load(Ordering::Relaxed), 1, "{name}");
    }
}

#[test]
fn streams_are_welcome_again_after_they_were_ended_but_not_where_the_connection_ends() {
    let connection = Connection::new(0);
    connection.end_streams();
    connection.welcome_streams();
    assert!(!connection.is_ending());
    connection.end();
    connection.welcome_streams();
    assert!(connection.is_ending());
}

#[test]
fn the_first_way_to_close_counts_but_a_reset_is_never_too_late() {
    let connection = Connection::new(0);
    for (asked, counts) in [
        (Closing::Cut, Closing::Cut),
        (Closing::Half, Closing::Cut),
        (Closing::Reset, Closing::Reset),
        (Closing::Half, Closing::Reset),
    ] {
        connection.close(asked);
        assert_eq!(connection.closing(), Some(counts), "after {asked:?}");
    }
}

#[test]
fn requests_are_counted_from_0_and_anew_in_each_world() {
    let worlds: [Arc<AtomicU64>; 2] = Default::default();
    let (one, two) = (Connection::unnumbered(), Connection::unnumbered());
    assert_eq!(one.ordinal(), None);
    for request in 0..4 {
        assert_eq!(two.next_request_in(&worlds[0]), (0, request));
        assert_eq!(one.next_request_in(&worlds[0]), (1, request));
    }
    assert_eq!(one.next_request_in(&worlds[1]), (0, 0));
    assert_eq!(two.next_request_in(&worlds[1]), (1, 0));
    assert_eq!((one.ordinal_in(&worlds[1]), one.next_request_in(&worlds[1])), (0, (0, 1)));
}

#[test]
fn a_pause_is_told_once_where_somebody_serves_the_connection_and_else_wakes_the_stream() {
    let connection = Arc::new(Connection::new(0));
    let looks = Arc::new(Looks { connection: Arc::clone(&connection), sees: |_| true, seen: AtomicUsize::new(0) });
    let task = Arc::clone(&looks).into();
    connection.pause(&task);
    assert!(!connection.is_paused());
    assert_eq!(looks.seen.load(Ordering::Relaxed), 1);
    connection.begin_serving();
    connection.pause(&task);
    assert_eq!([connection.is_paused(), connection.is_paused()], [true, false]);
    assert_eq!(looks.seen.load(Ordering::Relaxed), 1);
    connection.stop_serving();
    connection.pause(&task);
    assert_eq!(looks.seen.load(Ordering::Relaxed), 2);
}

#[test]
fn no_clock_waits_for_a_connection_that_nobody_serves() {
    let (clock, connection) = (ManualClock::start(), Connection::new(0));
    let turn = || clock.turn(connection.party()).expect("it is held up by nobody");
    for _ in 0..2 {
        connection.begin_serving();
        connection.hold(turn());
        connection.expect(turn());
        assert_eq!(clock.awaited(), 2);
        connection.stop_serving();
        assert_eq!(clock.awaited(), 0);
        connection.expect(turn());
        assert_eq!(clock.awaited(), 0);
    }
}
