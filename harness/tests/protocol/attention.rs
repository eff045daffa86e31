//! What happens while a connection is busy is not missed: a wake-up that comes between its looks, as from another thread.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use onbeat_clock::{Advance, Clock, ManualClock, TokioClock};
use onbeat_server::channel::Event;
use onbeat_server::connection::{BrokenOff, Connection, Ending};
use onbeat_server::router::router;
use onbeat_server::serving;
use onbeat_server::world::World;
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_test::task::{self, Spawn};

use crate::support::setup;

/// Something that another thread may do to a connection, or to its world; returns how many clients were to hear it.
type Meddle = fn(&World, &Connection) -> usize;

/// The server's end of a pipe. When it is used for the nth time, something happens, in the middle of the connection's own
/// doings: after the connection was woken, and before it waits again.
struct Meddled {
    pipe: DuplexStream,
    used: u64,
    nth: u64,
    meddle: Box<dyn FnMut() + Send>,
}

impl Meddled {
    fn use_once(&mut self) {
        self.used += 1;
        if self.used == self.nth {
            (self.meddle)();
        }
    }
}

impl AsyncRead for Meddled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.use_once();
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Meddled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.use_once();
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.use_once();
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// A connection that is polled by hand.
type Serving = Pin<Box<dyn Future<Output = ()>>>;

/// What a client has seen when everything has happened that takes no time.
struct Seen {
    /// How many clients were to hear what happened, if it did.
    meddled: Option<usize>,
    /// Nobody serves the connection any more.
    is_over: bool,
    /// The server has closed its side.
    is_closed: bool,
    text: String,
}

/// Serves a client of `target`, or one that asks for nothing, to whom something happens at the nth use of the socket.
async fn play(target: Option<&str>, nth: u64, meddle: Meddle) -> Seen {
    let setup = setup();
    let world = World::new(Arc::new(TokioClock::start()), setup.seed, setup.epoch, setup.limits);
    let (world, connection) = (Arc::new(world), Arc::new(Connection::unnumbered()));
    let (pipe, mut client) = tokio::io::duplex(4096);
    let meddled = Arc::new(OnceLock::new());
    let meddle = {
        let (world, connection, meddled) = (Arc::clone(&world), Arc::clone(&connection), Arc::clone(&meddled));
        Box::new(move || meddled.set(meddle(&world, &connection)).expect("it happens once"))
    };
    let served = serving::serve(Meddled { pipe, used: 0, nth, meddle }, connection, router(world), None);
    let served = tokio::spawn(served);
    settle().await;
    if let Some(target) = target {
        let request = format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
        // The connection may have been closed already.
        let _ = client.write_all(request.as_bytes()).await;
        settle().await;
    }
    let mut text = Vec::new();
    let is_closed = loop {
        // The test itself must not wait, since time would pass then.
        let mut buffer = [0; 1024];
        match client.read(&mut buffer).now_or_never() {
            Some(Ok(0) | Err(_)) => break true,
            Some(Ok(length)) => text.extend_from_slice(&buffer[..length]),
            None => break false,
        }
    };
    Seen {
        meddled: meddled.get().copied(),
        is_over: served.is_finished(),
        is_closed,
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// Lets everything happen that takes no time.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Has it happen at each use of the socket in turn, and holds what the client saw each time against `holds`.
fn at_each_use(target: Option<&str>, uses_min: u64, meddle: Meddle, mut holds: impl FnMut(&Seen) -> bool) {
    let mut nth = 1;
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let seen = runtime.expect("a runtime").block_on(play(target, nth, meddle));
        if seen.meddled.is_none() {
            assert!(nth > uses_min, "only {nth} uses of the socket");
            return;
        }
        assert!(holds(&seen), "missed at use {nth} of the socket, over: {}, saw: {}", seen.is_over, seen.text);
        nth += 1;
    }
}

fn end(_: &World, connection: &Connection) -> usize {
    connection.end(Ending::InGoodOrder);
    1
}

fn abort(_: &World, connection: &Connection) -> usize {
    connection.end(Ending::BreakOff(BrokenOff::Evicted));
    1
}

fn cut(_: &World, connection: &Connection) -> usize {
    connection.end(Ending::Cut);
    1
}

fn half_close(_: &World, connection: &Connection) -> usize {
    connection.end(Ending::HalfClose);
    1
}

fn reset(_: &World, connection: &Connection) -> usize {
    connection.end(Ending::Reset);
    1
}

fn broadcast(world: &World, _: &Connection) -> usize {
    world.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"data: now\n\n")])).sent
}

#[test]
fn whatever_closes_a_connection_is_noticed_whenever_it_comes() {
    for meddle in [end as Meddle, abort, cut, reset] {
        for (target, uses_min) in [(None, 1), (Some("/sse"), 3), (Some("/stream-text"), 3)] {
            at_each_use(target, uses_min, meddle, |seen| seen.is_over && seen.is_closed);
        }
    }
}

#[test]
fn a_half_close_is_noticed_whenever_it_comes() {
    at_each_use(Some("/sse"), 3, half_close, |seen| seen.is_closed && !seen.is_over);
}

#[test]
fn a_broadcast_is_heard_by_who_has_joined_whenever_it_comes() {
    let mut heard = 0;
    at_each_use(Some("/sse"), 3, broadcast, |seen| {
        let hears = seen.text.contains("data: now");
        heard += usize::from(hears);
        !seen.is_over && seen.text.contains("连接成功") && hears == (seen.meddled == Some(1))
    });
    assert!(heard > 0, "nobody had joined whenever it came");
}

#[test]
fn an_advance_waits_for_a_broadcast_that_came_while_the_connection_was_busy_with_something_else() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    // How often a connection had yet to see what it had been woken for.
    let mut unseen = 0;
    for nth in 1..20 {
        let (setup, clock) = (setup(), Arc::new(ManualClock::start()));
        let world = World::new(Arc::clone(&clock) as Arc<dyn Clock>, setup.seed, setup.epoch, setup.limits);
        let (world, connection) = (Arc::new(world), Arc::new(Connection::unnumbered()));
        let (pipe, mut client) = tokio::io::duplex(4096);
        let sent = Arc::new(OnceLock::new());
        let meddle = {
            let (world, connection, sent) = (Arc::clone(&world), Arc::clone(&connection), Arc::clone(&sent));
            Box::new(move || sent.set(broadcast(&world, &connection)).expect("it happens once"))
        };
        let served = serving::serve(Meddled { pipe, used: 0, nth, meddle }, connection, router(world), None);
        let mut served: Spawn<Serving> = task::spawn(Box::pin(served));
        let request = client.write_all(b"GET /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n").now_or_never();
        assert!(request.is_some_and(|sent| sent.is_ok()));
        let mut heard = |served: &mut Spawn<Serving>| {
            assert!(served.poll().is_pending());
            let mut buffer = [0; 4096];
            let read = client.read(&mut buffer).now_or_never().map_or(0, |read| read.expect("open"));
            String::from_utf8_lossy(&buffer[..read]).contains("data: now")
        };
        loop {
            let is_heard = heard(&mut served);
            if sent.get() == Some(&1) && !is_heard {
                unseen += 1;
                let mut advance = task::spawn(clock.advance(Advance::By(Duration::ZERO)));
                assert!(advance.poll().is_pending(), "use {nth} of the socket");
                assert!(heard(&mut served) && advance.poll().is_ready(), "use {nth} of the socket");
            }
            if sent.get().is_some() || !served.is_woken() {
                break;
            }
        }
    }
    assert!(unseen > 0, "all was seen at once whenever it came");
}
