//! Writes that come late: by the server, or by a machine that was busy for once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::served::Served;
use crate::support::{onbeat, text};

/// Each time so many connections watch a stream: one of the checker, and one of an application.
const WATCHERS: usize = 2;
/// How long a stream is held back: longer than any stall of a busy machine that would excuse the lateness.
const HELD_BACK: Duration = Duration::from_secs(3);

/// Stands between a check and a server, and holds back the stream from its sixth character on, on the first connections.
fn holding_back(connections: usize, served: &Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (addr, server) = (listener.local_addr().expect("an address"), served.addr);
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        let mut streams = 0;
        for client in listener.incoming() {
            let (mut client, mut request) = (client.expect("a connection"), vec![0; 4096]);
            let length = client.read(&mut request).unwrap_or_default();
            request.truncate(length);
            let is_stream = request.starts_with(b"GET /stream-text");
            streams += usize::from(is_stream);
            std::thread::spawn(move || pass_on(&request, client, server, is_stream && streams <= connections));
        }
    });
    addr.to_string()
}

/// Passes a request on, and then all that comes from either side. If asked to, holds back the sixth character, and all bytes
/// behind it for as long, so that only the sixth character is late.
#[expect(clippy::disallowed_methods, reason = "the machine's time is what this is about")]
fn pass_on(request: &[u8], mut client: TcpStream, server: SocketAddr, holds_back: bool) {
    let mut upstream = TcpStream::connect(server).expect("a connection");
    let _ = upstream.write_all(request);
    let (mut requests, mut there) = (client.try_clone().expect("a socket"), upstream.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut requests, &mut there);
        let _ = there.shutdown(Shutdown::Both);
    });
    let (came, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 4096];
        while let Ok(length @ 1..) = upstream.read(&mut bytes) {
            if came.send((Instant::now(), bytes[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    let mut held_back = Duration::ZERO;
    for (at, bytes) in pieces {
        if holds_back && String::from_utf8_lossy(&bytes).contains(r#""charIndex":5"#) {
            held_back = HELD_BACK;
        }
        std::thread::sleep((at + held_back).saturating_duration_since(Instant::now()));
        if client.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn what_is_late_once_is_forgiven_and_what_is_late_again_and_again_is_not() {
    let served = Served::start(&[]);
    for (connections, verdict) in [(WATCHERS, "conforms"), (usize::MAX, "does not conform")] {
        let addr = holding_back(connections, &served);
        let output = onbeat(&["check", &addr, "--only", "stream-text.*"]);
        let said = text(&output.stdout);
        assert!(said.lines().last().is_some_and(|line| line.contains(verdict)), "{connections}: {said}");
        assert_eq!(said.contains("ms too late"), verdict == "does not conform", "{connections}: {said}");
    }
}
