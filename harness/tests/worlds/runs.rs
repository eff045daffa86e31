//! Runs: what is played again, and what is no run at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::get;
use onbeat::{ClientRequest, Worlds, secs};

use crate::applications::ticker;
use crate::buggy;

fn message<S: 'static>(worlds: &Worlds<S>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| worlds.run())).expect_err("a run fails");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn a_shortest_history_is_played_again_before_all_seeds() {
    let bug = || Worlds::new(buggy::shares_state).request(ClientRequest::get("/count").same_for_all());
    let first = message(&bug());
    let history = first.split_once(".again(r#\"").expect("a history").1.trim_end_matches("\"#)");
    let again = message(&bug().again(history).seeds(0..0));
    assert_eq!(again, first);
    // The seed is played again in the same way.
    let seed: u64 =
        first.strip_prefix("seed ").and_then(|rest| rest.split_once(':')).expect("a seed").0.parse().unwrap();
    assert_eq!(message(&bug().seeds(seed..seed + 1)), first);
    // A history that has failed once is a test of its own.
    let explored = Worlds::new(ticker).get("/ticks").again(history).seeds(0..0).run();
    assert_eq!((explored.worlds, explored.requests, explored.successes), (1, 1, 1));
}

#[test]
fn a_history_that_cannot_be_read_is_explained() {
    let worlds = |history: &str| message(&Worlds::new(ticker).get("/ticks").again(history));
    assert!(worlds("seed 7").contains("expected a history as a failed world prints it"), "{}", worlds("seed 7"));
    let unknown = r#"{"seed":0,"clients":[],"operations":[{"at_ms":0,"client":3,"what":"Pause","settles":true,"races":false}],"end_ms":9}"#;
    assert!(worlds(unknown).contains("client 3 is not among the 0 clients"), "{}", worlds(unknown));
}

#[test]
fn a_history_by_hand_may_have_garbage_and_a_shutdown() {
    let history = r#"{"seed":0,"clients":[{},{},{}],"operations":[
        {"at_ms":0,"client":0,"what":{"Request":{"source":0}}},
        {"at_ms":1000,"client":1,"what":{"Garbage":"no HTTP\r\n\r\n"}},
        {"at_ms":2000,"client":0,"what":"ShutDown"},
        {"at_ms":3000,"client":2,"what":{"Request":{"source":0}}}
    ],"end_ms":60000}"#;
    let explored = Worlds::new(ticker).get("/ticks").again(history).seeds(0..0).run();
    // The server has closed the connection of the last client, which was idle.
    assert_eq!((explored.worlds, explored.requests, explored.successes), (1, 1, 1));
}

#[test]
fn a_world_may_last_longer_than_a_test_may_wait() {
    let explored = Worlds::new(ticker).get("/ticks").seeds(0..30).length(secs(3 * 3600)).run();
    assert!(explored.lasted > secs(3 * 3600), "{explored:?}");
}

#[test]
fn a_misspelt_path_is_no_green_test() {
    let message = message(&Worlds::new(ticker).get("/tics"));
    assert!(message.contains("expected an answer with success (2xx), got none to "), "{message}");
    assert!(message.contains("GET /tics"), "{message}");
}

#[test]
fn a_run_without_requests_is_explained() {
    assert!(message(&Worlds::new(ticker)).contains("add `.get(\"/events\")`"));
}

#[test]
fn an_application_with_randomness_of_its_own_holds_unless_declared_deterministic() {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let random = || Router::new().route("/", get(async || STATE.fetch_add(1, Ordering::Relaxed).to_string()));
    assert_eq!(Worlds::new(random).get("/").run().worlds, 200);
    let message = message(&Worlds::new(random).get("/").deterministic());
    assert!(message.contains("the same seed gives the same world"), "{message}");
    assert!(message.contains("The same seed gave another world the second time."), "{message}");
}

#[test]
fn tasks_that_begin_with_the_first_client_and_serve_all_are_no_leak() {
    fn lazy() -> Router {
        let once = std::sync::Arc::new(std::sync::Once::new());
        let handler = async move || {
            once.call_once(|| {
                tokio::spawn(std::future::pending::<()>());
            });
            "hello"
        };
        Router::new().route("/", get(handler))
    }
    assert_eq!(Worlds::new(lazy).get("/").run().worlds, 200);
}

#[test]
fn work_that_outlives_its_client_needs_grace() {
    fn long() -> Router {
        let handler = async || {
            tokio::spawn(tokio::time::sleep(secs(86_400)));
            "accepted"
        };
        Router::new().route("/", get(handler))
    }
    let worlds = || Worlds::new(long).get("/").seeds(0..20);
    assert!(message(&worlds()).contains("raise `Worlds::grace`"));
    assert_eq!(worlds().grace(secs(90_000)).run().worlds, 20);
}

#[test]
fn a_client_whose_request_is_not_taken_in_holds_up_nobody() {
    let echo = || Router::new().route("/echo", axum::routing::post(async |body: axum::body::Body| body));
    let worlds =
        Worlds::new(echo).request(ClientRequest::post("/echo").body("z".repeat(70_000))).deterministic().seeds(0..40);
    assert_eq!(worlds.run().worlds, 40);
}

#[test]
fn a_world_that_is_stuck_is_not_shrunk() {
    let stuck = || {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let receiver = std::sync::Arc::new(std::sync::Mutex::new((sender, receiver)));
        let wait = async move || {
            let waits = tokio::task::spawn_blocking(move || receiver.lock().unwrap().1.recv().is_ok());
            waits.await.unwrap().to_string()
        };
        Router::new().route("/", get(wait))
    };
    let message = message(&Worlds::new(stuck).get("/").real_time_limit(std::time::Duration::from_secs(1)));
    assert!(message.starts_with("seed 0: every world ends in the machine's time"), "{message}");
    assert!(message.contains("\nthe history:\n"), "{message}");
}
