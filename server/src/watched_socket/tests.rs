//! Tests the bytes read ahead for hyper, and the end of the connection, step by step.

use std::collections::VecDeque;
use std::task::Waker;

use futures_util::FutureExt;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::task::yield_now;

use super::*;
use crate::arrivals::Arrivals;

/// A socket with scripted reads, a piece for each, and with room for some bytes to write.
#[derive(Default)]
struct ScriptedSocket {
    reads: VecDeque<io::Result<Vec<u8>>>,
    room: Arc<Mutex<usize>>,
}

impl AsyncRead for ScriptedSocket {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(read) = self.reads.pop_front() else { return Poll::Pending };
        Poll::Ready(read.map(|bytes| buf.put_slice(&bytes)))
    }
}

impl AsyncWrite for ScriptedSocket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut room = self.room.lock();
        let taken = bytes.len().min(*room);
        *room -= taken;
        if taken == 0 { Poll::Pending } else { Poll::Ready(Ok(taken)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn watched(reads: impl IntoIterator<Item = io::Result<Vec<u8>>>) -> Watched<ScriptedSocket> {
    let io = ScriptedSocket { reads: reads.into_iter().collect(), ..ScriptedSocket::default() };
    Watched::new(io, Arc::new(Connection::new(0)))
}

/// Reads as hyper does, up to `room` bytes.
fn read(socket: &mut Watched<ScriptedSocket>, room: usize) -> Poll<Result<Vec<u8>, io::ErrorKind>> {
    let mut bytes = vec![0; room];
    let mut buf = ReadBuf::new(&mut bytes);
    let read = Pin::new(socket).poll_read(&mut cx(), &mut buf);
    read.map(|read| read.map(|()| buf.filled().to_vec()).map_err(|error| error.kind()))
}

fn ok(bytes: &[u8]) -> Poll<Result<Vec<u8>, io::ErrorKind>> {
    Poll::Ready(Ok(bytes.to_vec()))
}

#[test]
fn bytes_read_ahead_come_first_once_and_in_order() {
    let mut socket = watched([Ok(b"abc".to_vec()), Ok(b"de".to_vec())]);
    assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Pending);
    assert!(!socket.is_read_out());
    // Adds bytes behind the bytes read ahead: the order must stay.
    socket.socket().io.reads.push_back(Ok(b"fg".to_vec()));
    assert_eq!(read(&mut socket, 2), ok(b"ab"));
    assert_eq!(read(&mut socket, 2), ok(b"cd"));
    assert_eq!(read(&mut socket, 2), ok(b"e"));
    assert!(socket.is_read_out());
    assert_eq!(read(&mut socket, 2), ok(b"fg"));
    assert_eq!(read(&mut socket, 2), Poll::Pending);
}

#[test]
fn who_leaves_is_told_by_how_and_hyper_first_gets_what_was_sent() {
    for (end, left, seen) in [
        (Ok(Vec::new()), Left::Fin, ok(b"")),
        (Err(io::ErrorKind::ConnectionReset.into()), Left::Reset, Poll::Ready(Err(io::ErrorKind::ConnectionReset))),
    ] {
        let mut socket = watched([Ok(b"a".to_vec()), end]);
        assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Ready(left));
        assert!(socket.is_read_out(), "nobody needs to be heard out who has left");
        assert_eq!(read(&mut socket, 2), ok(b"a"));
        assert_eq!(read(&mut socket, 2), seen);
        assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Ready(left), "once and for all");
    }
}

#[test]
fn nothing_is_read_ahead_while_hyper_itself_waits() {
    let mut socket = watched([]);
    assert_eq!(read(&mut socket, 2), Poll::Pending);
    // Ends the connection while hyper waits: hyper would read the end, so that nothing may be read ahead.
    socket.socket().io.reads.push_back(Ok(Vec::new()));
    assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Pending);
    socket.begin_poll();
    assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Ready(Left::Fin));
}

#[test]
fn a_full_room_is_kept_whole_and_a_byte_more_ends_the_connection_after_what_was_kept() {
    for (more, overrun) in [(0, false), (1, true)] {
        let pieces = AHEAD_BYTES_MAX / 512;
        let mut socket = watched((0..pieces).map(|_| Ok(vec![b'x'; 512])));
        socket.socket().io.reads.extend((0..more).map(|_| Ok(b"y".to_vec())));
        assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Pending);
        assert_eq!(read(&mut socket, 2 * AHEAD_BYTES_MAX), ok(&vec![b'x'; AHEAD_BYTES_MAX]));
        assert_eq!(socket.is_read_out(), !overrun);
        assert_eq!(read(&mut socket, 2), if overrun { ok(b"") } else { Poll::Pending });
    }
}

#[test]
fn the_body_of_a_request_waits_for_its_handler_and_is_not_thrown_away() {
    // Pieces that fill the room to the byte, and pieces of which the last is larger than the rest of the room.
    for length in [512, 511] {
        let pieces = AHEAD_BYTES_MAX.div_ceil(length);
        let mut socket = watched((0..=pieces).map(|_| Ok(vec![b'x'; length])));
        socket.socket().connection.answer().begin(true);
        assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Pending);
        assert_eq!(socket.socket().io.reads.len(), 1, "no more is read ahead than is kept");
        assert_eq!(read(&mut socket, 2 * AHEAD_BYTES_MAX), ok(&vec![b'x'; pieces * length]));
        assert_eq!(read(&mut socket, length), ok(&vec![b'x'; length]));
    }
}

#[test]
fn a_client_that_does_not_read_blocks_until_it_does() {
    let mut socket = watched([]);
    assert_eq!(socket.written(), Written::All);
    assert!(Pin::new(&mut socket).poll_write(&mut cx(), b"x").is_pending());
    assert_eq!(socket.written(), Written::Blocked);
    let state = Arc::clone(socket.socket().connection.socket_state());
    assert_eq!(state.taken(), 0);
    *socket.socket().io.room.lock() = 1;
    assert!(Pin::new(&mut socket).poll_write(&mut cx(), b"x").is_ready());
    assert_eq!((socket.written(), state.taken()), (Written::All, 1));
}

#[test]
fn bytes_and_the_end_of_them_are_arrivals_whoever_reads() {
    let arrivals = Arc::new(Arrivals::default());
    let reads = [Ok(b"a".to_vec()), Ok(b"b".to_vec()), Ok(b"c".to_vec()), Ok(Vec::new())];
    let io = ScriptedSocket { reads: reads.into(), ..ScriptedSocket::default() };
    let mut socket = Watched::new(io, Arc::new(Connection::among(Some(Arc::clone(&arrivals)))));
    assert_eq!(read(&mut socket, 2), ok(b"a"));
    assert_eq!(arrivals.seen(), 1);
    assert_eq!(socket.poll_discard(&mut cx()), Poll::Ready(1));
    assert_eq!(arrivals.seen(), 2);
    assert_eq!(socket.poll_left_behind_hyper(&mut cx()), Poll::Ready(Left::Fin));
    assert_eq!(arrivals.seen(), 4);
}

#[tokio::test]
async fn a_task_that_has_used_up_its_share_of_time_is_no_client_that_does_not_read() {
    let mut socket = watched([]);
    while has_budget_remaining() {
        // Uses up the budget by which tokio makes a busy task yield.
        let _ = consume_budget().now_or_never();
    }
    assert!(Pin::new(&mut socket).poll_write(&mut cx(), b"x").is_pending());
    assert_eq!(socket.written(), Written::NotYet);
    yield_now().await;
    assert!(Pin::new(&mut socket).poll_write(&mut cx(), b"x").is_pending());
    assert_eq!(socket.written(), Written::Blocked);
}
