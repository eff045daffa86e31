//! A test that decides what a live response sends, and when.

use onbeat::Server;
use onbeat::server::{ConnectionState, EventFields, ServerErrorKind};

use crate::support::{EventClient, PlainClient};

const CHAT: &str = r#"
    method = "POST"
    path = "/v1/chat"
    steps = [{ event = "start", data = "{}" }, { open = true }]
"#;
const FEED: &str = r#"{"path": "/feed", "steps": [{"open": true}]}"#;

#[tokio::test]
async fn a_test_writes_the_answer_piece_by_piece() {
    let server = Server::start().await.expect("a server");
    server.route(FEED).await.expect("a route");
    let mut client = EventClient::open(&server, "/feed?topic=sport").await;
    let feed = server.connected("/feed", 1).await.expect("a client").remove(0);
    assert_eq!((feed.id(), feed.report().state), (0, ConnectionState::Streaming));

    let written = feed.send("data: Hel").await.expect("an open stream");
    assert_eq!((written.bytes, written.written), (9, true));
    feed.send(&b"lo \xf0\x9f"[..]).await.expect("an open stream");
    feed.send(b"\x98\x80\n\n").await.expect("an open stream");
    feed.send(EventFields::new().event("goal").id("7").data("1:0")).await.expect("an open stream");
    assert_eq!(client.all_data(2).await, ["Hello 😀", "1:0"]);

    feed.end().await.expect("an open stream");
    assert!(client.next().await.is_none());
    let refused = feed.send("data: late\n\n").await.expect_err("the response has ended");
    assert!(matches!(refused.kind(), ServerErrorKind::NotPossible | ServerErrorKind::NotThere), "{refused}");
}

#[tokio::test]
async fn a_request_that_is_posted_is_waited_for_by_its_method_and_read_in_the_log() {
    let server = Server::start().await.expect("a server");
    server.route(CHAT).await.expect("a route");
    let client = reqwest::Client::new();
    let asked = client.post(server.url("/v1/chat")).header("x-trace", "42").body(r#"{"stream":true}"#).send();
    let mut response = asked.await.expect("an answer");
    let chat = server.connected("POST /v1/chat", 1).await.expect("a client").remove(0);
    chat.send("data: Hel").await.expect("an open stream");
    chat.cut().await.expect("an open stream");
    let mut body = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => panic!("a cut is no end"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error}");
    assert_eq!(String::from_utf8(body).expect("UTF-8"), "event: start\ndata: {}\n\ndata: Hel");

    let log = server.log().await.expect("a server");
    let [request] = &log.requests()[..] else { panic!("expected one request: {log}") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/chat"));
    assert_eq!((request.header("X-Trace"), request.status), (Some("42"), Some(200)));
    assert_eq!(request.body, r#"{"stream":true}"#);
    assert!(log.text().ends_with("\"kind\":\"end\",\"connection\":0,\"request\":0,\"how\":\"cut\"}\n"), "{log}");
}

#[test]
fn a_connection_is_closed_in_each_way() {
    let server = Server::start().wait().expect("a server");
    server.route(FEED).wait().expect("a route");
    for close in
        [onbeat::server::Connection::cut, onbeat::server::Connection::reset, onbeat::server::Connection::half_close]
    {
        let mut client = PlainClient::ask(&server, "/feed");
        let feed = server.connected("/feed", 1).wait().expect("a client").remove(0);
        assert_eq!(client.next().as_deref(), Some("200"));
        close(&feed).wait().expect("an open stream");
        assert_eq!(client.next(), None);
    }
}

#[tokio::test]
async fn clients_come_in_the_order_of_their_requests() {
    let server = Server::start().await.expect("a server");
    server.route(FEED).await.expect("a route");
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(EventClient::open(&server, "/feed").await);
    }
    let connections = server.connected("/feed", 3).await.expect("three clients");
    for (number, feed) in connections.iter().enumerate() {
        feed.send(format!("data: {number}\n\n")).await.expect("an open stream");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.data().await, number.to_string());
    }
}

#[tokio::test]
async fn streams_that_differ_by_their_query_alone_are_told_apart() {
    let server = Server::start().await.expect("a server");
    server.route(FEED).await.expect("a route");
    let _one = EventClient::open(&server, "/feed?room=a").await;
    let mut other = EventClient::open(&server, "/feed?room=b&token=abc").await;
    let found = server.connected("GET /feed?token=abc&room=b", 1).await.expect("a client");
    let [feed] = &found[..] else { panic!("expected one connection: {found:?}") };
    assert_eq!(feed.report().query.as_deref(), Some("room=b&token=xxx"));
    feed.send("data: b\n\n").await.expect("an open stream");
    assert_eq!(other.data().await, "b");
    assert_eq!(server.connected("/feed", 2).await.expect("two clients").len(), 2);
}
