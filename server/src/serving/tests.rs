//! Tests the end of a connection, over a pipe and in paused time.

use std::convert::Infallible;
use std::io;
use std::task::Context;

use axum::body::Body;
use axum::extract::Request;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use onbeat_wire::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::{JoinHandle, yield_now};
use tokio_test::task;

use super::*;
use crate::channel::Event;
use crate::connection::BrokenOff;
use crate::endpoints::{sse, stream_text};
use crate::limits::Limits;
use crate::random::Seed;
use crate::world::World;
use onbeat_clock::{Clock, ManualClock, TokioClock};

/// How many bytes the pipe holds in one direction.
const PIPE_BYTES: usize = 256 * 1024;

/// A served connection, with the client and the clock.
struct ServingTest {
    clock: TokioClock,
    connection: Arc<Connection>,
    client: DuplexStream,
    serving: JoinHandle<()>,
}

impl ServingTest {
    /// Serves `router` to a client with these bytes sent, without passing time.
    async fn start(router: Router, pipe_bytes: usize, sent: &str) -> Self {
        let (clock, connection) = (TokioClock::start(), Arc::new(Connection::unnumbered()));
        let (io, client) = tokio::io::duplex(pipe_bytes);
        let serving = tokio::spawn(serve(io, Arc::clone(&connection), router, None));
        let mut test = Self { clock, connection, client, serving };
        test.send(sent.as_bytes()).await;
        test
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.expect("the server reads");
        settle().await;
    }

    /// Returns whether the server has ended the connection.
    fn is_over(&self) -> bool {
        self.serving.is_finished()
    }

    /// Waits until the server has ended the connection. Returns the milliseconds since the start.
    async fn over_at(&mut self) -> u128 {
        (&mut self.serving).await.expect("no panic");
        self.clock.now().since_epoch().as_millis()
    }
}

/// A pipe in which the bytes before a reset are never sent.
struct Unsent {
    io: DuplexStream,
    connection: Arc<Connection>,
}

impl AsyncRead for Unsent {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unsent {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.ending() == Some(Ending::Reset) {
            Poll::Pending
        } else {
            Pin::new(&mut self.io).poll_flush(cx)
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Lets all tasks run, without passing time.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

fn world(clock: impl Clock + 'static) -> Arc<World> {
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    Arc::new(World::new(Arc::new(clock), Seed(42), epoch, Limits::default()))
}

/// Returns the seven endpoints, and four more: `/reads` reads the body of a request, `/waits` keeps a request without an
/// answer, the answer of `/long` has a megabyte at once, and that of `/endless` has no end.
fn application() -> Router {
    let reads = post(async |body: Bytes| body.len().to_string());
    let waits = get(async |request: Request| {
        std::future::pending::<()>().await;
        drop(request);
    });
    let pieces = || futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1024])));
    let endless = get(async move || Body::from_stream(pieces()));
    let world = crate::router::router(world(TokioClock::start()));
    let long = get(async || vec![b'x'; 1024 * 1024]);
    let routes = Router::new().route("/reads", reads).route("/waits", waits).route("/long", long);
    routes.route("/endless", endless).fallback_service(world)
}

/// Returns a request with `Connection: close`, these fields and this body.
fn last(method_and_path: &str, rest: &str) -> String {
    format!("{method_and_path} HTTP/1.1\r\nHost: onbeat\r\nConnection: close\r\n{rest}")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_all_is_waited_for_no_longer_than_its_answer() {
    for sent in [
        last("GET /nowhere", "\r\n"),
        last("POST /reads", "Content-Length: 3\r\n\r\nabc"),
        last("POST /reads", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ] {
        assert!(ServingTest::start(application(), PIPE_BYTES, &sent).await.is_over(), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_send_more_is_waited_for_until_it_pauses() {
    let (left, behind) = (last("POST /nowhere", "Content-Length: 3\r\n\r\n"), last("GET /nowhere", "\r\nmore"));
    for sent in [left, behind] {
        assert_eq!(ServingTest::start(application(), PIPE_BYTES, &sent).await.over_at().await, 2000, "{sent}");
    }
    let sent = last(&format!("GET {}", stream_text::STREAM.path), "\r\n");
    let mut test = ServingTest::start(application(), PIPE_BYTES, &sent).await;
    test.send(b"more").await;
    // Adds the pause of a silent client to the length of the stream.
    assert_eq!(test.over_at().await, 4800 + 2000, "more was sent during a stream");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_on_and_on_is_not_heard_for_ever() {
    let sent = last("GET /nowhere", "\r\nmore");
    let mut test = ServingTest::start(application(), PIPE_BYTES, &sent).await;
    for second in 1..30 {
        test.clock.sleep_until(Instant::EPOCH + Duration::from_secs(second)).await;
        assert!(!test.is_over(), "after {second} s");
        test.send(b"more").await;
    }
    assert_eq!(test.over_at().await, 30_000);

    let mut test = ServingTest::start(application(), PIPE_BYTES, &sent).await;
    let megabyte = vec![b'x'; 1024 * 1024];
    let mut megabytes = 0;
    while megabytes < 300 && test.client.write_all(&megabyte).await.is_ok() {
        megabytes += 1;
    }
    // Expects the end by the limit of bytes, before any time has passed.
    assert_eq!((megabytes, test.over_at().await), (256, 0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_is_done_with_who_is_only_heard_out_or_half_closed() {
    for half_closed in [false, true] {
        let sse = format!("GET {} HTTP/1.1\r\nHost: onbeat\r\n\r\n", sse::STREAM.path);
        let sent = if half_closed { sse } else { last("GET /nowhere", "\r\nmore") };
        let test = ServingTest::start(application(), PIPE_BYTES, &sent).await;
        if half_closed {
            test.connection.end(Ending::HalfClose);
        }
        // Each wake-up uses the waker up, so that the server has to register the next waker.
        for _ in 0..2 {
            test.connection.wake();
            settle().await;
            assert!(!test.is_over());
        }
        test.connection.end(Ending::InGoodOrder);
        settle().await;
        assert!(test.is_over(), "half-closed: {half_closed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_keeps_a_connection_open_that_is_cut_and_for_a_while_one_that_is_reset() {
    let endings = [
        (Ending::InGoodOrder, None),
        (Ending::Cut, None),
        (Ending::BreakOff(BrokenOff::Evicted), Some(0)),
        (Ending::Reset, Some(2000)),
    ];
    // hyper stops polling the second body when the buffer of hyper is full: only the server itself sees the ending.
    for (path, (ending, over_at)) in
        [sse::STREAM.path, "/endless"].into_iter().flat_map(|path| endings.map(|end| (path, end)))
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
        let mut test = ServingTest::start(application(), 64, &request).await;
        assert!(test.connection.is_blocked() && !test.is_over());
        test.connection.end(ending);
        settle().await;
        assert_eq!(test.is_over(), over_at == Some(0), "{path}: {ending:?}");
        if let Some(over_at) = over_at {
            assert_eq!(test.over_at().await, over_at, "{path}: {ending:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_bytes_wait_for_a_reset_counts_as_blocked_and_keeps_its_turns() {
    let (clock, connection) = (TokioClock::start(), Arc::new(Connection::unnumbered()));
    let (io, mut client) = tokio::io::duplex(PIPE_BYTES);
    let io = Unsent { io, connection: Arc::clone(&connection) };
    let serving = tokio::spawn(serve(io, Arc::clone(&connection), application(), None));
    let sse = format!("GET {} HTTP/1.1\r\nHost: onbeat\r\n\r\n", sse::STREAM.path);
    client.write_all(sse.as_bytes()).await.expect("the server reads");
    settle().await;
    assert!(!connection.is_blocked());
    let manual = ManualClock::start();
    connection.turns().expect(manual.turn(connection.socket_state()).expect("nobody holds up the clock"));
    connection.end(Ending::Reset);
    settle().await;
    assert!(connection.is_blocked() && !serving.is_finished());
    assert_eq!(manual.awaited(), 1);
    serving.await.expect("no panic");
    assert_eq!(clock.now().since_epoch(), RESET_TIME_MAX);
    assert_eq!(manual.awaited(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_waits_once_for_what_the_client_does_not_read_and_for_what_is_not_sent() {
    let (clock, connection) = (TokioClock::start(), Arc::new(Connection::unnumbered()));
    let (io, mut client) = tokio::io::duplex(64);
    let io = Unsent { io, connection: Arc::clone(&connection) };
    let serving = tokio::spawn(serve(io, Arc::clone(&connection), application(), None));
    client.write_all(b"GET /nowhere HTTP/1.1\r\nHost: onbeat\r\n\r\n").await.expect("the server reads");
    settle().await;
    assert!(connection.is_blocked());
    connection.end(Ending::Reset);
    // Reads when most of the time is over: the rest is left for what is not sent.
    clock.sleep_until(Instant::EPOCH + RESET_TIME_MAX * 3 / 4).await;
    while let Some(Ok(1..)) = client.read(&mut [0; 1024]).now_or_never() {
        settle().await;
    }
    assert!(!serving.is_finished());
    serving.await.expect("no panic");
    assert_eq!(clock.now().since_epoch(), RESET_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_all_gets_a_long_answer_whole_behind_a_stream() {
    let stream = format!("GET {} HTTP/1.1\r\nHost: onbeat\r\n\r\n", stream_text::STREAM.path);
    let mut test = ServingTest::start(application(), PIPE_BYTES, &stream).await;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        test.client.read_buf(&mut bytes).await.expect("the server writes");
    }
    test.send(b"GET /long HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
    test.client.shutdown().await.expect("a pipe");
    settle().await;
    bytes.clear();
    test.client.read_to_end(&mut bytes).await.expect("a pipe");
    assert!(bytes.len() > 1024 * 1024, "{} bytes", bytes.len());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_gets_all_bytes_before_any_end() {
    for ending in [Ending::Cut, Ending::HalfClose, Ending::Reset] {
        let megabyte = Bytes::from(vec![b'x'; 1024 * 1024]);
        let large = Router::new().route(
            "/",
            get(async move || {
                Body::from_stream(stream::iter([Ok::<_, Infallible>(megabyte)]).chain(stream::pending()))
            }),
        );
        let mut test = ServingTest::start(large, 64, "GET / HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
        test.connection.end(ending);
        let mut all = Vec::new();
        test.client.read_to_end(&mut all).await.expect("a pipe knows no reset");
        // Expects the end of the only chunk, which none of the ends follows with the last chunk.
        assert!(all.ends_with(b"xxx\r\n") && all.len() > 1024 * 1024, "{ending:?}: {} bytes", all.len());
        assert_eq!(test.clock.now(), Instant::EPOCH, "{ending:?}");
        if ending == Ending::Reset {
            assert_eq!(test.over_at().await, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_much_and_leaves_is_noticed_while_a_handler_keeps_its_request() {
    let mut test = ServingTest::start(application(), PIPE_BYTES, "GET /waits HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
    test.send(&vec![b'x'; 100 * 1024]).await;
    assert!(!test.is_over());
    let ServingTest { client, serving, .. } = test;
    drop(client);
    settle().await;
    assert!(serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_turn_ends_with_its_writes_and_not_with_the_share_of_a_task() {
    let clock = ManualClock::start();
    let turn = |connection: &Connection| clock.turn(connection.socket_state()).expect("nobody holds up the clock");
    let world = world(TokioClock::start());
    let connection = Arc::new(Connection::unnumbered());
    let (io, mut client) = tokio::io::duplex(PIPE_BYTES);
    let served = serve(io, Arc::clone(&connection), crate::router::router(Arc::clone(&world)), None);
    let mut serving = task::spawn(served);
    let sent = format!("GET {} HTTP/1.1\r\nHost: onbeat\r\n\r\n", sse::STREAM.path);
    client.write_all(sent.as_bytes()).await.expect("the pipe has room");
    while serving.poll().is_pending() && serving.is_woken() {}

    let event = Event::from([Bytes::from_static(b"data: 1\n\n")]);
    world.broadcasts().publish(Instant::EPOCH, event, |connection| connection.turns().expect(turn(connection)));
    // Uses up the budget of this task, so that the socket takes no bytes though the client would.
    while tokio::task::coop::has_budget_remaining() {
        let _ = tokio::task::coop::consume_budget().now_or_never();
    }
    assert!(serving.poll().is_pending());
    assert_eq!((clock.awaited(), connection.is_blocked()), (1, false), "the share of this task is used up");
    yield_now().await;
    assert!(serving.poll().is_pending());
    assert_eq!(clock.awaited(), 0);

    drop(client);
    while serving.poll().is_pending() && serving.is_woken() {}
    connection.turns().expect(turn(&connection));
    assert_eq!(clock.awaited(), 0, "nobody serves the connection any more");
}
