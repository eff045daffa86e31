//! The in-memory transport: a pipe that can be reset, and the tap that stamps what comes out of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use onbeat_server::clock::{Clock, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, ReadHalf, WriteHalf};

/// How much may be on its way in each direction: what a socket's buffers hold.
const WINDOW_BYTES: usize = 64 * 1024;
/// What the client takes out at a time.
const READ_BYTES: usize = 4096;

/// A connection in memory: what the server holds, and what the client writes to and reads from.
#[must_use]
pub fn connect(clock: Arc<dyn Clock>) -> (ServerEnd, Sender, Tap) {
    let (server, client) = tokio::io::duplex(WINDOW_BYTES);
    let reset = Arc::new(AtomicBool::new(false));
    let (reader, writer) = tokio::io::split(client);
    let server = ServerEnd { pipe: server, reset: Arc::clone(&reset) };
    (server, Sender { pipe: writer, reset }, Tap { pipe: reader, clock, buffer: BytesMut::new() })
}

/// The server's end. Once the client has reset the connection, it fails as a TCP socket does.
#[derive(Debug)]
pub struct ServerEnd {
    pipe: DuplexStream,
    reset: Arc<AtomicBool>,
}

impl ServerEnd {
    fn unless_reset(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.unless_reset()?;
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unless_reset()?;
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_reset()?;
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The client's sending side.
#[derive(Debug)]
pub struct Sender {
    pipe: WriteHalf<DuplexStream>,
    reset: Arc<AtomicBool>,
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
        // In memory, closing one's own direction can't fail.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.pipe).await;
    }

    /// Resets the connection: the server's end fails from now on, and finds out when the pipe is dropped.
    pub fn reset(&mut self) {
        self.reset.store(true, Ordering::Release);
    }
}

/// What came out of the pipe, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it came.
    pub at: Instant,
    /// The bytes; nothing at the end of the connection.
    pub bytes: Option<Bytes>,
}

/// The client's receiving side: it stamps raw bytes with the time of their arrival.
#[derive(Debug)]
pub struct Tap {
    pipe: ReadHalf<DuplexStream>,
    clock: Arc<dyn Clock>,
    buffer: BytesMut,
}

impl Tap {
    /// Waits for the next bytes, or for the end.
    pub async fn next(&mut self) -> Arrival {
        self.buffer.reserve(READ_BYTES);
        let end = !matches!(self.pipe.read_buf(&mut self.buffer).await, Ok(1..));
        let at = self.clock.now();
        Arrival { at, bytes: (!end).then(|| self.buffer.split().freeze()) }
    }
}
