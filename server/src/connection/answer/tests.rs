//! How an answer counts from its request to its end, and that the next one begins anew.

use super::*;

#[test]
fn a_handler_gets_its_last_turns_and_no_more_and_the_next_gets_as_many() {
    let connection = Connection::new(0);
    for _ in 0..2 {
        connection.answer().begin(false);
        assert!((0..LAST_TURNS_MAX).all(|_| connection.answer().give_last_turn()));
        assert!(!connection.answer().give_last_turn());
    }
}

#[test]
fn a_connection_is_held_open_until_the_last_guard_is_dropped() {
    let connection = Arc::new(Connection::new(0));
    connection.answer().begin(false);
    connection.answer().note_pending_body();
    let (one, other) = (connection.hold_open(), connection.hold_open());
    drop(one);
    assert!(!connection.answer().waits_for_handler() && !connection.answer().is_streamed());
    drop(other);
    assert!(connection.answer().waits_for_handler() && connection.answer().is_streamed());
}

#[test]
fn an_answer_is_a_stream_from_its_first_wait_to_its_end() {
    let connection = Connection::new(0);
    connection.answer().begin(false);
    assert!(connection.answer().waits_for_handler() && !connection.answer().is_streamed());
    connection.answer().note_head();
    assert!(!connection.answer().waits_for_handler());
    connection.answer().note_pending_body();
    assert!(connection.answer().is_streamed());
    connection.answer().end();
    assert!(!connection.answer().is_streamed());
}

#[test]
fn a_body_that_was_left_is_no_concern_of_the_next_request() {
    let connection = Connection::new(0);
    connection.answer().begin(true);
    assert!(connection.answer().reads_body() && !connection.answer().left_body());
    connection.answer().end_request(true);
    assert!(!connection.answer().reads_body() && connection.answer().left_body());
    connection.answer().begin(false);
    assert!(!connection.answer().reads_body() && !connection.answer().left_body());
    connection.answer().end_request(false);
    assert!(!connection.answer().left_body());
}
