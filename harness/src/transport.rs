//! Transports: a pipe in memory, a TCP connection, and the tap, which stamps arriving bytes with the time.

#[cfg(feature = "live")]
mod over_tcp;

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use onbeat_clock::Clock;
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};

#[cfg(feature = "live")]
pub use self::over_tcp::connect_tcp;

/// How many bytes may be in flight in each direction, as in the buffers of a socket.
pub(crate) const WINDOW_BYTES: usize = 64 * 1024;
/// The least room for a read: with less room left, a client takes new memory.
const ROOM_BYTES_MIN: usize = 4096;
/// How many bytes of memory a client takes at a time, shared by several reads.
const BUFFER_BYTES: usize = 4 * ROOM_BYTES_MIN;

/// Returns the ends of a connection in memory, with `window_bytes` of room in each direction: the end of the server, and
/// the ends of the client behind a network.
#[must_use]
pub fn connect_through<P>(
    clock: Arc<dyn Clock>,
    window_bytes: usize,
    network: impl FnOnce(DuplexStream, Breaker) -> P,
) -> (ServerEnd, (Sender, Tap))
where
    P: AsyncRead + AsyncWrite + Send + 'static,
{
    let (server, client, breaker) = pipe(window_bytes);
    let network = network(client, breaker.clone());
    (server, ends(network, Box::new(move || breaker.reset()), clock))
}

/// Returns the ends of a pipe in memory, with `window_bytes` of room in each direction: the end of the server, the end of the
/// client, and the breaker of the pipe.
pub(crate) fn pipe(window_bytes: usize) -> (ServerEnd, DuplexStream, Breaker) {
    let (server, client) = tokio::io::duplex(window_bytes);
    let breaker = Breaker::default();
    (ServerEnd { pipe: server, breaker: breaker.clone(), is_reported: false }, client, breaker)
}

/// Turns the closing of a connection in memory into a reset (RST), as seen by the server.
#[derive(Clone, Debug, Default)]
pub struct Breaker(Arc<AtomicBool>);

impl Breaker {
    /// Turns the closing into a reset; the server notices when the client's end is dropped.
    pub fn reset(&self) {
        self.0.store(true, Ordering::Release);
    }
}

fn ends<P>(pipe: P, reset: Box<dyn FnOnce() + Send>, clock: Arc<dyn Clock>) -> (Sender, Tap)
where
    P: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(pipe);
    let sender = Sender { pipe: Box::new(writer), reset: Some(reset) };
    (sender, Tap { pipe: Box::new(reader), clock, buffer: BytesMut::new() })
}

/// The server's end. After a reset by the client the end fails as a TCP socket does: the first read or write returns the
/// reset; later reads return the end of the stream, and later writes a broken pipe.
#[derive(Debug)]
pub struct ServerEnd {
    pipe: DuplexStream,
    breaker: Breaker,
    is_reported: bool,
}

impl ServerEnd {
    /// Returns the failure to report, if the connection was reset.
    fn failure(&mut self, later: Result<usize, io::ErrorKind>) -> Option<io::Result<usize>> {
        let reset = self.breaker.0.load(Ordering::Acquire);
        // Reports the reset once; later calls fail as on a socket that is closed.
        let is_reported = std::mem::replace(&mut self.is_reported, reset);
        reset.then(|| if is_reported { later } else { Err(io::ErrorKind::ConnectionReset) }.map_err(io::Error::from))
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.failure(Ok(0)) {
            Some(failure) => Poll::Ready(failure.map(drop)),
            None => Pin::new(&mut self.pipe).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.failure(Err(io::ErrorKind::BrokenPipe)) {
            Some(failure) => Poll::Ready(failure),
            None => Pin::new(&mut self.pipe).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.failure(Err(io::ErrorKind::BrokenPipe)) {
            Some(failure) => Poll::Ready(failure),
            None => Pin::new(&mut self.pipe).poll_write_vectored(cx, bytes),
        }
    }

    /// As a TCP socket does; hyper then holds few writes of its own.
    fn is_write_vectored(&self) -> bool {
        self.pipe.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The client's sending side.
pub struct Sender {
    pipe: Box<dyn AsyncWrite + Send + Unpin>,
    /// Turns the closing of the connection into a reset.
    reset: Option<Box<dyn FnOnce() + Send>>,
}

impl Sender {
    /// Sends `bytes`.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(&mut self.pipe, bytes).await
    }

    /// Sends no more, but goes on reading: a half-close.
    pub async fn half_close(&mut self) {
        // Ignores a failure: the connection is gone already.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.pipe).await;
    }

    /// Turns the closing of the connection, by dropping both ends, into a reset.
    pub fn reset(&mut self) {
        if let Some(reset) = self.reset.take() {
            reset();
        }
    }
}

/// Bytes out of a connection, or the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Bytes.
    Bytes(Bytes),
    /// The end of the connection (FIN).
    End,
    /// The end of the connection, by a reset (RST) or another failure.
    Reset,
}

/// The client's receiving side, which stamps raw bytes with the time of arrival.
pub struct Tap {
    pipe: Box<dyn AsyncRead + Send + Unpin>,
    clock: Arc<dyn Clock>,
    buffer: BytesMut,
}

impl Tap {
    /// Waits for the next bytes, or for the end; returns the time, and the arrival.
    pub async fn next(&mut self) -> (Instant, Arrival) {
        // Reserves only when the room is used up, so that several reads share an allocation.
        if self.buffer.capacity() < ROOM_BYTES_MIN {
            self.buffer.reserve(BUFFER_BYTES);
        }
        let read = self.pipe.read_buf(&mut self.buffer).await;
        let arrival = match read {
            Ok(0) => Arrival::End,
            Ok(_) => Arrival::Bytes(self.buffer.split().freeze()),
            Err(_) => Arrival::Reset,
        };
        // Reads the clock after the wait, at the time of arrival.
        (self.clock.now(), arrival)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}
