//! Transports: a pipe in memory that can be reset, a TCP connection, and the tap that stamps what comes out of either.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use onbeat_server::clock::Clock;
use onbeat_wire::Instant;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, ToSocketAddrs};

/// How much may be on its way in each direction: what a socket's buffers hold.
pub(crate) const WINDOW_BYTES: usize = 64 * 1024;
/// What the client takes out at a time.
const READ_BYTES: usize = 4096;

/// Returns the server's end and the client's ends of a connection in memory, with so much room in each direction, and a
/// network at the client's end.
#[must_use]
pub fn connect_through<P>(
    clock: Arc<dyn Clock>,
    window_bytes: usize,
    network: impl FnOnce(DuplexStream, Breaker) -> P,
) -> (ServerEnd, (Sender, Tap))
where
    P: AsyncRead + AsyncWrite + Send + 'static,
{
    let (server, client) = tokio::io::duplex(window_bytes);
    let breaker = Breaker::default();
    let server = ServerEnd { pipe: server, breaker: breaker.clone(), told: false };
    let network = network(client, breaker.clone());
    (server, ends(network, Box::new(move || breaker.reset()), clock))
}

/// Makes the closing of a connection in memory a reset (RST), as it looks to the server.
#[derive(Clone, Debug, Default)]
pub struct Breaker(Arc<AtomicBool>);

impl Breaker {
    /// From now on; the client's end has to be dropped for the server to notice.
    pub fn reset(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A connection to `addr` over TCP, with `TCP_NODELAY`.
///
/// # Errors
///
/// If it can't be established.
pub async fn connect_tcp(addr: impl ToSocketAddrs, clock: Arc<dyn Clock>) -> io::Result<(Sender, Tap)> {
    let socket = TcpStream::connect(addr).await?;
    socket.set_nodelay(true)?;
    // Closing a socket that does not linger resets the connection (RFC 9293, 3.6.1).
    let twin = SockRef::from(&socket).try_clone()?;
    let reset = move || drop(twin.set_linger(Some(Duration::ZERO)));
    Ok(ends(socket, Box::new(reset), clock))
}

fn ends<P>(pipe: P, reset: Box<dyn FnOnce() + Send>, clock: Arc<dyn Clock>) -> (Sender, Tap)
where
    P: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(pipe);
    let sender = Sender { pipe: Box::new(writer), reset: Some(reset) };
    (sender, Tap { pipe: Box::new(reader), clock, buffer: BytesMut::new() })
}

/// The server's end. Once the client has reset the connection, it fails as a TCP socket does: whoever reads or writes
/// first is told of the reset, and after that there is nothing to read, and nobody to write to.
#[derive(Debug)]
pub struct ServerEnd {
    pipe: DuplexStream,
    breaker: Breaker,
    told: bool,
}

impl ServerEnd {
    /// The failure to report, if the connection was reset.
    fn failure(&mut self, later: Result<usize, io::ErrorKind>) -> Option<io::Result<usize>> {
        let reset = self.breaker.0.load(Ordering::Acquire);
        let told = std::mem::replace(&mut self.told, reset);
        reset.then(|| if told { later } else { Err(io::ErrorKind::ConnectionReset) }.map_err(io::Error::from))
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
    /// Makes the closing of the connection a reset.
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
        // It can fail only if the connection is gone, and then there is nothing left to close.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.pipe).await;
    }

    /// Makes it a reset when the connection is closed, by dropping both ends.
    pub fn reset(&mut self) {
        if let Some(reset) = self.reset.take() {
            reset();
        }
    }
}

/// What can come out of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Bytes.
    Bytes(Bytes),
    /// The end of the connection (FIN).
    End,
    /// The end of the connection, by a reset (RST) or another failure.
    Reset,
}

/// The client's receiving side: it stamps raw bytes with the time of their arrival.
pub struct Tap {
    pipe: Box<dyn AsyncRead + Send + Unpin>,
    clock: Arc<dyn Clock>,
    buffer: BytesMut,
}

impl Tap {
    /// Waits for the next bytes, or for the end; returns what came, and when.
    pub async fn next(&mut self) -> (Instant, Arrival) {
        self.buffer.reserve(READ_BYTES);
        let read = self.pipe.read_buf(&mut self.buffer).await;
        let arrival = match read {
            Ok(0) => Arrival::End,
            Ok(_) => Arrival::Bytes(self.buffer.split().freeze()),
            Err(_) => Arrival::Reset,
        };
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
