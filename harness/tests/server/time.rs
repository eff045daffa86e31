//! The time of the server is the test's.

use std::time::Duration;

use futures_util::future::join;
use onbeat::Server;
use onbeat::server::ClockKind;

use crate::support::{EventClient, PlainClient};

const HEARTBEATS: &str = r#"
    path = "/feed"
    steps = [{ data = "hello" }, { open = true }]
    heartbeat = { every_ms = 30000, event = "heartbeat", data = "{{now}}" }
"#;

async fn an_hour_of_heartbeats() {
    let server = Server::start().await.expect("a server");
    server.route(HEARTBEATS).await.expect("a route");
    let mut feed = EventClient::open(&server, "/feed").await;
    assert_eq!(feed.data().await, "hello");
    let advanced = server.advance(Duration::from_secs(3600)).await.expect("a manual clock");
    assert_eq!((advanced.now_ms, advanced.writes, advanced.held_up), (3_600_000, 120, 0));
    let times = feed.all_data(120).await;
    assert_eq!(times[0], "2025-12-01T00:00:30.000Z");
    assert_eq!(times[119], "2025-12-01T01:00:00.000Z");
}

#[tokio::test]
async fn an_hour_passes_at_once_for_a_client_on_the_thread_of_the_test() {
    an_hour_of_heartbeats().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_passes_at_once_for_a_client_on_any_of_several_threads() {
    an_hour_of_heartbeats().await;
}

#[test]
fn a_server_goes_on_when_the_runtime_that_started_it_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime().block_on(async { Server::start().await }).expect("a server");
    server.route(HEARTBEATS).wait().expect("a route");
    let data = runtime().block_on(async { EventClient::open(&server, "/feed").await.data().await });
    assert_eq!(data, "hello");
}

/// Four megabytes, 64 KiB each millisecond: far more than the buffers of a socket.
fn flood() -> String {
    format!("path = \"/flood\"\nsteps = [{{ data = \"{}\", times = 64, every_ms = 1 }}]", "x".repeat(64 * 1024))
}

#[tokio::test]
async fn an_advance_goes_on_without_a_client_that_does_not_read_and_counts_it() {
    let server = Server::start().await.expect("a server");
    server.route(flood()).await.expect("a route");
    server.route(HEARTBEATS).await.expect("a route");
    let _idle = PlainClient::ask(&server, "/flood");
    let mut feed = EventClient::open(&server, "/feed").await;
    server.connected("/flood", 1).await.expect("a client");
    let advanced = server.advance(Duration::from_secs(30)).await.expect("a manual clock");
    assert_eq!((advanced.now_ms, advanced.held_up), (30_000, 1));
    assert_eq!(feed.all_data(2).await, ["hello", "2025-12-01T00:00:30.000Z"]);
    let connections = server.connections().await.expect("a server");
    let states: Vec<_> = connections.iter().map(|connection| format!("{:?}", connection.report().state)).collect();
    assert_eq!(states, ["Blocked", "Streaming"]);
}

#[tokio::test]
async fn a_client_on_the_thread_of_the_test_reads_while_the_test_awaits_an_advance() {
    let server = Server::start().await.expect("a server");
    server.route(flood()).await.expect("a route");
    let mut flood = EventClient::open(&server, "/flood").await;
    let (advanced, data) = join(server.advance(Duration::from_secs(1)), flood.all_data(64)).await;
    assert_eq!(advanced.expect("a manual clock").held_up, 0);
    assert!(data.iter().all(|data| data.len() == 64 * 1024));
}

#[tokio::test]
async fn the_clock_tells_what_is_waited_for_and_goes_to_the_next() {
    let server = Server::builder().epoch("2030-01-01T00:00:00Z").start().await.expect("a server");
    server.route(HEARTBEATS).await.expect("a route");
    let mut feed = EventClient::open(&server, "/feed").await;
    let clock = server.clock().await.expect("a server");
    let timers = clock.timers.expect("a manual clock");
    assert_eq!((clock.kind, clock.now_ms, timers.next_ms), ("manual", 0, Some(30_000)));
    assert_eq!((timers.pending[0].connection, timers.pending[0].path.as_str()), (0, "/feed"));
    let advanced = server.advance_to_next().await.expect("a manual clock");
    assert_eq!((advanced.advanced_ms, advanced.due[0].writes), (30_000, 1));
    assert_eq!(feed.all_data(2).await, ["hello", "2030-01-01T00:00:30.000Z"]);
}

#[tokio::test]
async fn time_can_pass_by_itself() {
    for clock in [ClockKind::Real, ClockKind::Scaled(1000.try_into().expect("not zero"))] {
        let server = Server::builder().clock(clock).start().await.expect("a server");
        server.route(r#"{"path": "/soon", "steps": [{"wait_ms": 5, "data": "soon"}]}"#).await.expect("a route");
        assert_eq!(EventClient::open(&server, "/soon").await.data().await, "soon");
        let refused = server.advance(Duration::from_secs(1)).await.expect_err("no manual clock");
        assert!(refused.to_string().starts_with("the clock passes by itself"), "{refused}");
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_values() {
    let value = async |seed| {
        let server = Server::builder().seed(seed).start().await.expect("a server");
        server.route(r#"{"path": "/dice", "steps": [{"data": "{{random 0 1000000}}"}]}"#).await.expect("a route");
        EventClient::open(&server, "/dice").await.data().await
    };
    assert_eq!(value(7).await, value(7).await);
    assert_ne!(value(7).await, value(8).await);
}
