//! Tests of the listener over real sockets, from a client's side.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::time::Duration;

use socket2::SockRef;
use tokio::sync::oneshot;

use super::*;
use crate::endpoints::{send_heartbeat, sse};
use crate::random::Seed;
use onbeat_clock::{TokioClock, machine_pause};

/// The longest wait of a test: a bug must fail instead of hanging.
const WAIT_MAX: Duration = Duration::from_secs(30);

fn listen() -> (TcpListener, SocketAddr) {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let addr = listener.local_addr().expect("it listens");
    (listener, addr)
}

fn connect(addr: SocketAddr) -> net::TcpStream {
    let client = net::TcpStream::connect_timeout(&addr, WAIT_MAX).expect("somebody listens");
    client.set_read_timeout(Some(WAIT_MAX)).expect("a socket option");
    client
}

#[tokio::test]
async fn events_are_sent_at_once_and_the_kernel_keeps_little_for_who_does_not_read() {
    let (mut listener, addr) = listen();
    let _client = connect(addr);
    let socket = Listener::accept(&mut listener).await.expect("a connection");
    assert!(socket.nodelay().expect("a socket option"));
    // Linux doubles the size, to have room for bookkeeping beside the bytes.
    let kept = SockRef::from(&socket).send_buffer_size().expect("a socket option");
    assert!(kept <= 2 * SEND_BUFFER_BYTES as usize, "{kept} bytes");
}

#[tokio::test]
async fn a_port_can_be_listened_on_again_at_once() {
    let (mut listener, addr) = listen();
    let mut client = connect(addr);
    let socket = Listener::accept(&mut listener).await.expect("a connection");
    // The side that closes first waits for segments still on the way (RFC 9293, 3.6.1).
    drop(socket);
    assert_eq!(client.read(&mut [0]).expect("the end"), 0);
    drop(client);
    drop(listener);
    assert!(bind(addr).is_ok());
}

#[tokio::test]
async fn many_who_come_at_once_wait_to_be_accepted() {
    let (mut listener, addr) = listen();
    let clients: Vec<_> = (0..200).map(|_| connect(addr)).collect();
    for _ in &clients {
        Listener::accept(&mut listener).await.expect("a connection");
    }
}

#[tokio::test]
async fn an_address_of_either_kind_is_listened_on_and_one_that_is_taken_is_told() {
    let (_listener, addr) = listen();
    let error = bind(addr).expect_err("taken").to_string();
    assert!(error.starts_with(&format!("failed to listen on {addr}: ")), "{error}");
    // Some machines have no IPv6.
    if let Ok(listener) = bind("[::1]:0".parse().expect("an address")) {
        assert!(listener.local_addr().expect("it listens").is_ipv6());
    }
}

/// Serves a world with these limits, and runs a blocking client.
async fn served<T: Send + 'static>(limits: Limits, client: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let world = Arc::new(World::new(Arc::new(TokioClock::start()), Seed(42), epoch, limits));
    let (listener, addr) = listen();
    let (told, shutdown) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, world, async { drop(shutdown.await) }));
    let outcome = tokio::task::spawn_blocking(move || client(addr)).await.expect("a client that does not panic");
    drop(told);
    server.await.expect("a server that does not panic");
    outcome
}

#[tokio::test]
async fn who_never_finishes_a_head_is_closed() {
    let limits = Limits { head_time_max: Some(Duration::from_millis(50)), ..Limits::default() };
    let read = served(limits, |addr| {
        let mut slow = connect(addr);
        // Leaves out the blank line that ends a head.
        slow.write_all(b"GET /nothing HTTP/1.1\r\n").expect("a reader");
        slow.read_to_end(&mut Vec::new()).map_err(|error| error.kind())
    });
    assert_eq!(read.await, Ok(0));
}

#[tokio::test]
async fn no_more_are_served_at_a_time_than_the_limit_says() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    served(limits, |addr| {
        let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n").into_bytes();
        let (mut listens, mut asks, mut waits) = (connect(addr), connect(addr), connect(addr));
        listens.write_all(&request(sse::STREAM.path)).expect("a reader");
        listens.read_exact(&mut [0; 12]).expect("a head");
        waits.write_all(&request(sse::STREAM.path)).expect("a reader");
        // Asks a hundred times on a served connection: the third client waits all the while.
        for _ in 0..100 {
            asks.write_all(&request(send_heartbeat::PUBLISHER.path)).expect("a reader");
            let mut answer = Vec::new();
            while !answer.ends_with(b"}") {
                let mut bytes = [0; 1024];
                let length = asks.read(&mut bytes).expect("an answer");
                assert!(length > 0, "the connection goes on");
                answer.extend_from_slice(&bytes[..length]);
            }
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.ends_with(r#"{"ok":true,"clients":1,"removed":0}"#), "{answer}");
        }
        drop(listens);
        let mut answer = [0; 12];
        waits.read_exact(&mut answer).expect("its turn comes");
        assert_eq!(&answer, b"HTTP/1.1 200");
    })
    .await;
}

/// Listens on two addresses of the machine, or on a single address if the machine lacks the other.
fn listen_on_two() -> (Sockets, Vec<SocketAddr>) {
    let sockets = Sockets::bind(&["127.0.0.1:0", "127.0.0.2:0"].map(|addr| addr.parse().expect("an address")));
    let sockets = sockets.expect("a free port");
    let addrs = sockets.addrs().expect("both listen");
    (sockets, addrs)
}

/// Accepts the next connection; returns the address that the client chose.
async fn accepted_on(sockets: &mut Sockets) -> SocketAddr {
    tokio::select! {
        biased;
        accepted = Listener::accept(sockets) => accepted.expect("a connection").local_addr().expect("an address"),
        () = machine_pause(WAIT_MAX) => panic!("no connection is accepted"),
    }
}

#[tokio::test]
async fn several_addresses_have_one_port_and_each_is_listened_on() {
    let (mut sockets, addrs) = listen_on_two();
    assert!(addrs.iter().all(|addr| addr.port() == addrs[0].port()), "{addrs:?}");
    // Connects in both orders: no address depends on another.
    for addr in addrs.iter().rev().chain(&addrs) {
        let _client = connect(*addr);
        assert_eq!(accepted_on(&mut sockets).await, *addr);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_on_one_address_is_an_error_and_an_address_that_is_missing_is_not() {
    let (_taken, addr) = listen();
    let missing = SocketAddr::new("192.0.2.1".parse().expect("an address for documentation"), 0);
    let free = "127.0.0.1:0".parse().expect("an address");
    for taken in [&[addr][..], &[missing, addr], &[addr, missing]] {
        assert!(Sockets::bind(taken).expect_err("the port is taken").is_taken(), "{taken:?}");
    }
    assert_eq!(Sockets::bind(&[missing, free]).expect("the other address is there").sockets.len(), 1);
    assert!(Sockets::bind(&[missing]).expect_err("the machine lacks the address").is_of_another_machine());
}

#[tokio::test]
async fn another_port_is_tried_only_where_the_machine_chooses() {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    // Lists the port of the first address, how often the port is taken on the second, the tries, and whether a try succeeds.
    for (port, taken, tries, succeeds) in
        [(0, 0, 1, true), (0, 3, 4, true), (0, 99, PORTS_MAX, false), (1, 1, 1, false)]
    {
        let tried = Cell::new(0);
        let sockets = Sockets::bind_each(&[SocketAddr::new(any.ip(), port), any], |addr| {
            if addr.port() == port {
                return bind(any);
            }
            tried.set(tried.get() + 1);
            if tried.get() > taken { bind(any) } else { Err(BindError { addr, source: ErrorKind::AddrInUse.into() }) }
        });
        assert_eq!((sockets.is_ok(), tried.get()), (succeeds, tries), "taken {taken} times");
    }
}

#[tokio::test]
async fn a_busy_address_keeps_no_other_waiting() {
    let (mut sockets, addrs) = listen_on_two();
    let _busy: Vec<_> = (0..10).map(|_| connect(addrs[0])).collect();
    let last = *addrs.last().expect("an address");
    let _other = connect(last);
    let mut accepted = Vec::new();
    // Accepts once for each address: the quiet address must be among them.
    for _ in &addrs {
        accepted.push(accepted_on(&mut sockets).await);
    }
    assert!(accepted.contains(&last), "{accepted:?}");
}
