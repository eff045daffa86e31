//! Other servers in the lab, and clients that are not the lab's.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use onbeat::{Network, lab, lab_with, ms, secs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::applications::ticker;

#[test]
fn an_application_streams_what_its_upstream_streams() {
    lab_with(
        async |lab| {
            lab.add_host("upstream.test", ticker());
            Router::new().route(
                "/proxy",
                get(async move || {
                    let io = TokioIo::new(lab.connect("upstream.test").expect("a host of the lab"));
                    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("HTTP");
                    tokio::spawn(connection);
                    let request = Request::get("/ticks").header("host", "upstream.test").body(Body::empty());
                    sender.send_request(request.expect("a request")).await.expect("an answer").map(Body::new)
                }),
            )
        },
        async |lab| {
            let proxied = lab.get("/proxy").await;
            lab.advance(secs(60)).await;
            assert_eq!(proxied.times_ms(), [0, 30_000, 60_000]);
            let open: Vec<String> = lab.open().iter().map(ToString::to_string).collect();
            assert_eq!(open, ["GET /proxy, client 1, since 0 ms", "GET /ticks, socket 1 to upstream.test, since 0 ms"]);
            proxied.close().await;
            assert!(lab.open().is_empty(), "the upstream sees that the client has left");
        },
    );
}

#[test]
fn a_client_of_the_tests_own_speaks_over_a_socket() {
    lab(ticker(), async |lab| {
        let mut socket = lab.connect("onbeat").expect("the application");
        socket.write_all(b"GET /ticks HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
        let mut seen = Vec::new();
        while !seen.ends_with(b"data: tick\n\n\r\n") {
            socket.read_buf(&mut seen).await.expect("received");
        }
        assert_eq!(lab.now(), ms(0));
    });
}

#[test]
fn a_socket_to_servers_that_are_shut_down_sees_the_end_at_each_read() {
    lab(ticker(), async |lab| {
        lab.shut_down().await;
        for network in [Network::new(), Network::new().latency(ms(5))] {
            let mut socket = lab.connect_over("onbeat", network).expect("the application");
            // The server's end may be gone already.
            let _ = socket.write_all(b"GET /ticks HTTP/1.1\r\nhost: a\r\n\r\n").await;
            for _ in 0..2 {
                assert_eq!(socket.read(&mut [0; 9]).await.expect("the end"), 0);
            }
        }
    });
}

#[test]
fn an_unknown_host_is_told_with_the_known_ones() {
    lab(ticker(), async |lab| {
        lab.add_host("llm.test", ticker());
        let error = lab.connect("lm.test").expect_err("no host");
        assert_eq!(error.to_string(), r#"expected a host of the lab, one of llm.test, onbeat, got "lm.test""#);
    });
}
