//! The start and the end of a server.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::{join, join_all};
use onbeat::Server;
use onbeat::server::ServerErrorKind;

use crate::support::{EventClient, PlainClient};

const FEED: &str =
    r#"{"path": "/feed", "steps": [{"data": "{{t_ms}}"}, {"wait_ms": 1000, "data": "{{t_ms}}"}, {"open": true}]}"#;

#[tokio::test]
async fn ten_servers_at_once_have_ten_times() {
    let servers = join_all((0..10).map(|_| Server::start())).await;
    let servers: Vec<Server> = servers.into_iter().map(|server| server.expect("a server")).collect();
    let played = servers.iter().zip(1..).map(async |(server, seconds)| {
        server.route(FEED).await.expect("a route");
        server.advance(Duration::from_secs(seconds)).await.expect("a manual clock");
        let mut feed = EventClient::open(server, "/feed").await;
        server.advance(Duration::from_secs(1)).await.expect("a manual clock");
        feed.all_data(2).await
    });
    let expected: Vec<_> = (1..=10).map(|seconds| [format!("{seconds}000"), format!("{}000", seconds + 1)]).collect();
    assert_eq!(join_all(played).await, expected);
}

#[tokio::test]
async fn a_dropped_server_frees_the_port_and_cuts_its_streams_at_once() {
    let server = Server::start().await.expect("a server");
    server.route(FEED).await.expect("a route");
    let (mut feed, addr) = (EventClient::open(&server, "/feed").await, server.addr());
    assert_eq!(feed.data().await, "0");
    let connection = server.connected("/feed", 1).await.expect("a client").remove(0);
    drop(server);
    assert!(feed.next().await.expect("an error").is_err());
    let again = Server::builder().port(addr.port()).start().await.expect("the port is free");
    assert_eq!(again.addr(), addr);
    let refused = connection.send("data: late\n\n").await.expect_err("the server has ended");
    assert_eq!(refused.kind(), ServerErrorKind::Stopped);
}

#[tokio::test]
async fn the_thread_of_a_server_ends_with_the_drop() {
    // Drops several servers: a thread that nobody waited for could end fast enough now and then.
    for server in join_all((0..10).map(|_| Server::start())).await {
        let server = server.expect("a server");
        let addr = server.addr();
        drop(server);
        TcpListener::bind(addr).expect("the port is free");
    }
}

#[test]
fn a_server_is_dropped_in_the_middle_of_an_advance() {
    let server = Server::start().wait().expect("a server");
    server
        .route(r#"{"path": "/fast", "steps": [{"data": "x", "times": 1000000, "every_ms": 1}]}"#)
        .wait()
        .expect("a route");
    let _idle = PlainClient::ask(&server, "/fast");
    server.connected("/fast", 1).wait().expect("a client");
    let advance = server.advance(Duration::from_secs(1000));
    std::thread::scope(|scope| {
        let advancing = scope.spawn(|| advance.wait());
        drop(server);
        // The advance may have ended, or was never begun.
        let _ = advancing.join().expect("an answer");
    });
}

#[tokio::test]
async fn a_stopped_server_ends_its_streams_in_good_order() {
    let server = Server::start().await.expect("a server");
    server.route(FEED).await.expect("a route");
    let mut feed = EventClient::open(&server, "/feed").await;
    let addr = server.addr();
    let (stopped, rest) = join(server.stop(), async {
        let data = feed.data().await;
        let end = feed.next().await.is_none();
        // The client leaves, which ends the connection.
        drop(feed);
        (data, end)
    })
    .await;
    stopped.expect("a good end");
    assert_eq!(rest, ("0".to_owned(), true));
    TcpListener::bind(addr).expect("the port is free");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let error = Server::builder().port(port).start().await.expect_err("the port is taken");
    assert_eq!(error.kind(), ServerErrorKind::CannotStart);
    assert!(error.to_string().starts_with("expected a free port, got none: failed to listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_reply_that_is_dropped_begins_nothing_and_one_that_has_begun_goes_on() {
    let server = Server::start().await.expect("a server");
    drop(server.advance(Duration::from_secs(1)));
    assert_eq!(server.clock().await.expect("a server").now_ms, 0);
    let mut begun = tokio_test::task::spawn(server.advance(Duration::from_secs(1)));
    // The server may have answered already.
    let _ = begun.poll();
    drop(begun);
    server.advance(Duration::from_secs(1)).await.expect("a manual clock");
    assert_eq!(server.clock().await.expect("a server").now_ms, 2000);
}

#[test]
fn a_server_and_its_replies_can_be_printed_and_shared() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    let server = Server::start().wait().expect("a server");
    is_shared(&server);
    let port = server.addr().port();
    assert_eq!(format!("{server:?}"), format!("Server {{ url: \"http://127.0.0.1:{port}\", now_ms: 0, .. }}"));
    assert_eq!(format!("{:?}", server.clock()), "Reply { has_begun: false, .. }");
    assert_eq!(server.url("feed?a=b"), format!("http://127.0.0.1:{port}/feed?a=b"));
}
