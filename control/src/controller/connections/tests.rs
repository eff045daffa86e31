//! Tests connections whose clients do not read, over a pipe and in paused time.

use bytes::Bytes;
use onbeat_clock::Advance;
use onbeat_faults::{Fault, Kind as FaultKind, Place, Target};
use onbeat_server::connection::Connection;
use onbeat_server::serving::serve;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_test::{assert_pending, task};

use super::*;
use crate::controller::Settings;

/// Returns a controller with a manual clock, and a client of `/sse` that does not read. The pipe between client and server
/// holds `pipe_bytes` in each direction.
async fn unread(pipe_bytes: usize) -> (Arc<Controller>, DuplexStream) {
    let controller = Arc::new(Controller::new(Settings::manual()));
    let (io, mut client) = tokio::io::duplex(pipe_bytes);
    tokio::spawn(serve(io, Arc::new(Connection::unnumbered()), controller.router(), None));
    client.write_all(b"GET /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n").await.expect("the pipe has room in the end");
    let asked = ExpectedRequest::read(None, "/sse").expect("a path");
    controller.connected(&asked, 1, Duration::from_secs(10)).await.expect("the client is there");
    (controller, client)
}

/// Lets all tasks run, without passing time.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_time_passes_while_a_write_or_a_close_waits_for_a_client_that_does_not_read() {
    // Has room for the head of the response, and not for the write.
    let (controller, _client) = unread(1024).await;
    let advance = || controller.advance(Advance::By(Duration::from_secs(1)));

    let chunk = SentChunk::Raw(Bytes::from_static(&[b'x'; 1024]));
    let mut write = task::spawn(controller.write(0, None, chunk));
    assert_pending!(write.poll());
    let mut first = task::spawn(advance());
    assert_pending!(first.poll());
    settle().await;
    assert_eq!(controller.clock().now_ms, 0, "during the write");
    let written = write.await.expect("the response takes a write");
    assert!(!written.written);
    assert_eq!(first.await.expect("the clock is manual").now_ms, 1000);

    let mut close = task::spawn(controller.close(0, None, ClosedHow::Cut));
    assert_pending!(close.poll());
    let mut second = task::spawn(advance());
    assert_pending!(second.poll());
    settle().await;
    assert_eq!(controller.clock().now_ms, 1000, "during the close");
    close.await.expect("the connection is open");
    assert_eq!(second.await.expect("the clock is manual").now_ms, 2000);
}

#[tokio::test(start_paused = true)]
async fn an_advance_goes_on_when_nobody_waits_for_the_answer() {
    let (controller, _client) = unread(1024).await;
    let chunk = SentChunk::Raw(Bytes::from_static(&[b'x'; 1024]));
    let mut write = task::spawn(controller.write(0, None, chunk));
    assert_pending!(write.poll());
    let advance = || controller.advance(Advance::By(Duration::from_secs(1)));
    let mut first = task::spawn(advance());
    assert_pending!(first.poll());
    drop(first);
    write.await.expect("the response takes a write");
    assert_eq!(advance().await.expect("the clock is manual").now_ms, 2000);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_about_to_be_closed_takes_no_more_writes() {
    let (controller, _client) = unread(64).await;
    controller.close(0, None, ClosedHow::Cut).await.expect("the connection is open");
    let refused = controller.write(0, None, SentChunk::Raw(Bytes::from_static(b"x"))).await;
    assert_eq!(
        refused.expect_err("the response is about to be cut").to_string(),
        "expected a connection that stays open; connection 0 is about to be closed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_response_is_listed_as_stalled_though_its_client_does_not_read() {
    let (controller, _client) = unread(64).await;
    settle().await;
    assert_eq!(controller.connections()[0].state, ConnectionState::Blocked);
    let stall = Fault { target: Target::Connection(0), times: 1, from: Place::Write(0), kind: FaultKind::Stall };
    controller.instance().monitor.add_fault(stall).expect("there is room");
    settle().await;
    assert_eq!(controller.connections()[0].state, ConnectionState::Stalled);
}
