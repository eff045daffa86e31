//! Clients that reconnect, as the example has one.

use std::time::Duration;

use onbeat::Server;
use onbeat::server::Fault;

#[path = "../../examples/sse_client.rs"]
mod sse_client;

use self::sse_client::Subscription;

#[test]
fn the_example_holds() {
    sse_client::main().unwrap_or_else(|error| panic!("{error}"));
}

const NUMBERED: &str = r#"
    path = "/numbers"
    after = "last-event-id"
    steps = [{ retry = 1, id = "{{seq}}", data = "{{seq}}", times = 100, every_ms = 1000 }]
"#;

#[tokio::test]
async fn a_client_goes_on_behind_its_last_event_wherever_the_stream_was_cut() {
    let server = Server::start().await.expect("a server");
    server.route(NUMBERED).await.expect("a route");
    // The first connection is cut behind an event: from then on the client waits a millisecond.
    let mut numbers = Subscription::new(server.url("/numbers"));
    for (connection, bytes) in [40, 0, 1, 55, 60, 95].into_iter().enumerate() {
        server
            .fault("/numbers", Fault::cut().after_bytes(bytes))
            .await
            .unwrap_or_else(|error| panic!("{connection}: {error}"));
    }
    let mut seen = Vec::new();
    for _ in 0..20 {
        let next = numbers.next();
        let advancing = async {
            loop {
                // Each connection begins with what its client has missed, and waits for the clock from there on.
                server.connected("/numbers", 1).await.expect("a client");
                server.advance(Duration::from_secs(1)).await.expect("a manual clock");
                tokio::task::yield_now().await;
            }
        };
        let event = tokio::select! {
            biased;
            event = next => event,
            never = advancing => never,
        };
        seen.push(event.data);
    }
    assert_eq!(seen, (1..=20).map(|number: u32| number.to_string()).collect::<Vec<_>>());
    assert_eq!(server.log().await.expect("a server").requests().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_client_in_paused_time_waits_its_reconnection_time_in_no_time() {
    let server = Server::start().await.expect("a server");
    server
        .route(r#"{"path": "/once", "steps": [{"retry": 86400000, "id": "{{t_ms}}", "data": "x"}]}"#)
        .await
        .expect("a route");
    let started = onbeat_clock::TokioClock::start();
    let mut once = Subscription::new(server.url("/once"));
    for _ in 0..10 {
        assert_eq!(once.next().await.data, "x");
    }
    assert!(onbeat_clock::Clock::now(&started).since_epoch() >= Duration::from_secs(9 * 86_400));
    assert_eq!(server.log().await.expect("a server").requests().len(), 10);
}
