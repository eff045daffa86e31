//! The network between a client and the server: bytes that come late, in small pieces, or not for a while.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use onbeat_server::clock::{Clock, Instant, Sleep};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What a network does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// How many bytes may be on their way in each direction.
    pub(super) window_bytes: usize,
    /// How many bytes arrive at a time, at most.
    pub(super) piece_bytes: usize,
    /// How long bytes are on their way to the client.
    pub(super) latency: Duration,
}

impl Link {
    /// A network that does nothing.
    pub(super) const PLAIN: Self = Self { window_bytes: 64 * 1024, piece_bytes: 4096, latency: Duration::ZERO };

    /// Whether what arrives, arrives at once and whatever its length.
    pub(super) fn is_prompt(&self) -> bool {
        self.window_bytes >= Self::PLAIN.window_bytes && self.latency.is_zero()
    }
}

/// Opens and closes the way to the client.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    opened: AtomicWaker,
}

impl Gate {
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn open(&self) {
        self.closed.store(false, Ordering::Release);
        self.opened.wake();
    }
}

/// The client's end of a pipe, behind a network.
pub(super) struct Network {
    pipe: DuplexStream,
    link: Link,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    /// On their way, and when they arrive.
    on_their_way: VecDeque<(Instant, Vec<u8>)>,
    /// The pipe has ended; what is on its way still arrives.
    ended: bool,
    arrival: Option<Sleep>,
}

impl Network {
    pub(super) fn new(pipe: DuplexStream, link: Link, gate: Arc<Gate>, clock: Arc<dyn Clock>) -> Self {
        Self { pipe, link, gate, clock, on_their_way: VecDeque::new(), ended: false, arrival: None }
    }

    /// Takes in what the server has sent, with the time of its arrival.
    fn take_in(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.ended {
            let mut bytes = vec![0; self.link.piece_bytes];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(&mut self.pipe).poll_read(cx, &mut buffer) else { break };
            read?;
            let length = buffer.filled().len();
            self.ended = length == 0;
            bytes.truncate(length);
            self.on_their_way.push_back((self.clock.now() + self.link.latency, bytes));
            if self.link.latency.is_zero() {
                break;
            }
        }
        Ok(())
    }
}

impl AsyncRead for Network {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let network = self.get_mut();
        network.gate.opened.register(cx.waker());
        if network.gate.closed.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        if network.on_their_way.is_empty() || !network.link.latency.is_zero() {
            network.take_in(cx)?;
        }
        let Some((at, _)) = network.on_their_way.front() else { return Poll::Pending };
        if *at > network.clock.now() {
            let clock = Arc::clone(&network.clock);
            let sleep = network.arrival.get_or_insert_with(|| clock.sleep_until(*at));
            ready!(sleep.as_mut().poll(cx));
        }
        network.arrival = None;
        if let Some((_, bytes)) = network.on_their_way.pop_front() {
            buf.put_slice(&bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Network {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let network = self.get_mut();
        let piece = &bytes[..bytes.len().min(network.link.piece_bytes)];
        Pin::new(&mut network.pipe).poll_write(cx, piece)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_shutdown(cx)
    }
}
