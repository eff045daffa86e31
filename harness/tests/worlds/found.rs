//! Each planted bug is found, and shrunk to a few lines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use onbeat::{ClientRequest, Draws, Worlds};

use crate::buggy;
use crate::snapshot::assert_snapshot;

/// Returns the message of worlds that fail, without the places of panics.
fn message<S: 'static>(worlds: &Worlds<S>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| worlds.run())).expect_err("a world fails");
    let text = panic.downcast_ref::<String>().expect("a message");
    let lines = text.lines().map(|line| line.split_once(", at harness").map_or(line, |(message, _)| message));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the violated invariant, and how many lines the shortest history has.
fn found<S: 'static>(worlds: &Worlds<S>) -> (String, usize) {
    let message = message(worlds);
    let (first, rest) = message.split_once('\n').expect("several lines");
    let history = rest.split_once("the shortest history found:\n").expect("a history").1;
    let lines = history.lines().take_while(|line| !line.is_empty()).count();
    (first.split_once(": ").expect("a seed").1.to_owned(), lines)
}

fn notes(request: ClientRequest, app: fn() -> axum::Router) -> Worlds {
    Worlds::new(app)
        .request(request)
        .draw(|draws: &mut Draws| ClientRequest::post("/notes").body(format!("note {}", draws.below(1000))))
        .seeds(0..300)
}

const SAME: &str = "a client sees what a calm client sees that asks at the same moment, up to some event";
const ORDER: &str = "all clients see the ids in one order";

#[test]
fn a_leaked_subscriber() {
    let worlds = notes(ClientRequest::get("/notes"), buggy::leaks_a_subscriber);
    assert_eq!(found(&worlds), ("nothing is left when all clients have gone".into(), 2));
}

#[test]
fn an_event_that_is_lost_for_a_slow_client() {
    let worlds = notes(ClientRequest::get("/notes").same_for_all(), buggy::skips_events_for_the_slow);
    assert_snapshot!("worlds-lost-event", message(&worlds));
}

#[test]
fn events_out_of_order_after_a_return() {
    let worlds = notes(ClientRequest::get("/notes").ordered_ids(), buggy::repeats_backwards);
    let (invariant, lines) = found(&worlds);
    assert!(invariant == ORDER && lines <= 9, "{}", message(&worlds));
}

#[test]
fn a_buffer_without_bound() {
    let worlds = notes(ClientRequest::get("/notes").backlog_max(256), buggy::buffers_without_bound);
    let (invariant, lines) = found(&worlds);
    assert!(invariant.ends_with("no more than the declared backlog") && lines <= 6, "{}", message(&worlds));
}

#[test]
fn a_panic_on_an_early_leave() {
    let worlds = Worlds::new(buggy::panics_on_an_early_leave).get("/count");
    assert_snapshot!("worlds-panic", message(&worlds));
}

#[test]
fn an_id_that_jumps_back() {
    let rise = |worlds: Worlds| {
        worlds.each_stream("ids rise", |stream| {
            stream.events().is_sorted_by_key(|event| event.id.parse::<u64>().expect("a number"))
        })
    };
    let worlds = rise(Worlds::new(buggy::jumps_back).get("/ticks"));
    assert_eq!(found(&worlds), ("ids rise".into(), 2));
    let worlds = Worlds::new(buggy::jumps_back).request(ClientRequest::get("/ticks").ordered_ids());
    assert_eq!(found(&worlds), (ORDER.into(), 2));
}

#[test]
fn a_stream_that_is_split_in_the_middle_of_a_character() {
    let worlds = Worlds::new(buggy::splits_a_character)
        .draw(|draws| ClientRequest::post("/chat").body(draws.one_of(&["hello world", "naïve 你好", "🦀🦀"])));
    assert_eq!(found(&worlds), ("an event stream is UTF-8".into(), 2));
}

#[test]
fn state_that_clients_share() {
    let worlds = Worlds::new(buggy::shares_state).request(ClientRequest::get("/count").same_for_all());
    assert_eq!(found(&worlds), (SAME.into(), 2));
}

#[test]
fn a_last_event_without_an_end() {
    let worlds = Worlds::new(buggy::forgets_the_last_line).get("/bye");
    assert_eq!(found(&worlds), ("a complete event stream ends behind a whole event".into(), 2));
}

#[test]
fn senders_of_clients_that_have_left() {
    let worlds = Worlds::with_state(async |_| {
        let senders = Arc::new(Mutex::new(Vec::new()));
        (buggy::keeps_senders(&senders), senders)
    })
    .get("/news")
    .invariant("no sender is left", |world| {
        let senders = world.state().lock().unwrap().len();
        assert_eq!(senders, 0, "after {} clients", world.clients().len());
    });
    assert_eq!(found(&worlds), ("no sender is left".into(), 2));
}
