//! A test without a runtime, with a client that blocks.

use std::time::Duration;

use onbeat::Server;

use crate::support::PlainClient;

#[test]
fn a_client_that_blocks_is_tested_without_a_runtime() {
    let server = Server::start().wait().expect("a server");
    server
        .route(r#"{"path": "/count", "steps": [{"wait_ms": 1000, "data": "{{seq}}", "times": 3, "every_ms": 1000}]}"#)
        .wait()
        .expect("a route");
    let mut client = PlainClient::ask(&server, "/count");
    server.connected("/count", 1).wait().expect("a client");
    server.advance(Duration::from_secs(3)).wait().expect("a manual clock");
    assert_eq!(client.rest(), ["200", "data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
}

#[test]
fn what_an_advance_and_a_send_have_answered_for_is_there_without_waiting() {
    let server = Server::start().wait().expect("a server");
    server
        .route(r#"{"path": "/beat", "steps": [{"open": true}], "heartbeat": {"every_ms": 1000, "data": "{{t_ms}}"}}"#)
        .wait()
        .expect("a route");
    let mut clients: Vec<_> = (0..20).map(|_| PlainClient::ask(&server, "/beat")).collect();
    let connections = server.connected("/beat", 20).wait().expect("the clients");
    for seconds in 1..=20 {
        server.advance(Duration::from_secs(1)).wait().expect("a manual clock");
        for client in &mut clients {
            assert_eq!(client.there(), [format!("data: {seconds}000\n\n")]);
        }
        for (client, connection) in clients.iter_mut().zip(&connections) {
            assert!(connection.send("data: now\n\n").wait().expect("an open stream").written);
            assert_eq!(client.there(), ["data: now\n\n"]);
        }
    }
}

#[tokio::test]
#[should_panic(expected = "block the current thread")]
async fn a_wait_in_an_async_function_panics_before_the_client_is_blocked() {
    let _ = Server::start().wait();
}
