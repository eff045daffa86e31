//! Tests of the control interface over real sockets, on one thread: nothing runs while the test does not wait.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use onbeat_clock::machine_pause;
use onbeat_server::listener::{Sockets, serve_router};
use onbeat_server::ready;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net;

use super::*;

/// The longest wait of a test: a bug must fail instead of hanging.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// More clients than the server accepts before other tasks have their turn.
const CROWD: usize = 200;

/// Reads the head and the body of an answer that ends with `end`.
async fn read_until(socket: &mut net::TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    let reads = async {
        while !answer.ends_with(end.as_bytes()) {
            assert_ne!(socket.read_buf(&mut answer).await.expect("a socket"), 0, "the connection was closed");
        }
    };
    tokio::select! {
        biased;
        () = reads => {}
        () = machine_pause(WAIT_MAX) => panic!("no answer in time"),
    }
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn who_has_joined_before_the_rest_of_an_advance_has_come_is_there_when_time_passes() {
    let sockets = Sockets::bind(&[(Ipv4Addr::LOCALHOST, 0).into()]).expect("a free port");
    let addr = sockets.addrs().expect("an address")[0];
    let settings = Settings::manual();
    let limits = settings.limits;
    let access = Access::new(&[addr], "127.0.0.1", None, &[]).expect("nobody else reaches the server");
    let router = router(settings, access);
    tokio::spawn(serve_router(sockets, router, limits, Some(Arc::default()), std::future::pending()));

    let mut driver = net::TcpStream::connect(addr).await.expect("the server listens");
    driver
        .write_all(
            b"POST /__onbeat/clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
              Content-Length: 12\r\n\r\n{\"ms\":",
        )
        .await
        .expect("a socket");
    // Learns by a later request that the server has read the head of the advance.
    let mut other = net::TcpStream::connect(addr).await.expect("the server listens");
    let probe = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", ready::PATH);
    other.write_all(probe.as_bytes()).await.expect("a socket");
    read_until(&mut other, r#"{"ready":true}"#).await;

    // Joins and ends the advance without a wait: the server takes all in afterwards.
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let mut client = TcpStream::connect(addr).expect("the server listens");
            client.write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a socket");
            client
        })
        .collect();
    assert_eq!(driver.try_write(b"30000}").expect("a socket that was written to before"), 6);
    let answer = read_until(&mut driver, r#""held_up":0}"#).await;
    let (_, json) = answer.split_once("\r\n\r\n").expect("a head");
    let advanced: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(advanced["due_count"], CROWD);
    drop(crowd);
}
