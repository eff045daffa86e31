//! A socket that is read ahead while HTTP does not read, so that a client that leaves is noticed at once.
//!
//! While hyper is busy with an answer it does not read, and would notice nothing until its next write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::Connection;

#[cfg(test)]
mod tests;

/// How many bytes are kept of those that a client sends while hyper is busy with an answer.
///
/// Bytes beyond are thrown away, and the connection ends after the bytes kept: a client can't cost more memory, and its
/// leaving is noticed however much it sends. The body of a request is not thrown away while its handler still reads: the
/// client has to wait until the handler reads on, and its leaving is noticed then.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// How much is thrown away at a time.
const DISCARDED_BYTES_MAX: usize = 16 * 1024;

/// The socket of one connection, shared by hyper and the task that polls hyper.
pub(crate) struct Watched<I>(Arc<Mutex<Socket<I>>>);

/// What became of what was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The socket has taken all of it.
    All,
    /// The task has used up its share of time, and goes on when it is its turn again.
    NotYet,
    /// The client does not read, and the socket takes no more.
    Blocked,
}

/// How a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It sends no more (FIN), and may still read.
    Fin,
    /// The connection is broken (RST).
    Reset,
}

struct Socket<I> {
    io: I,
    connection: Arc<Connection>,
    /// Read, but not yet by hyper.
    ahead: BytesMut,
    /// The client has sent more than is kept. For hyper the connection ends after the bytes kept.
    overrun: bool,
    left: Option<Left>,
    /// hyper waits for bytes.
    hyper_reads: bool,
    /// What became of what was last written.
    written: Written,
}

impl<I> Clone for Watched<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Watched<I> {
    /// Watches `io`, the socket of `connection`.
    pub(crate) fn new(io: I, connection: Arc<Connection>) -> Self {
        Self(Arc::new(Mutex::new(Socket {
            io,
            connection,
            ahead: BytesMut::new(),
            overrun: false,
            left: None,
            hyper_reads: false,
            written: Written::All,
        })))
    }

    /// What became of what was last written.
    pub(crate) fn written(&self) -> Written {
        self.socket().written
    }

    /// Notes that hyper is about to be polled, and has not asked for bytes yet.
    pub(crate) fn begin_poll(&self) {
        self.socket().hyper_reads = false;
    }

    /// Reads ahead, unless hyper itself waits for bytes. Ready when the client has left.
    pub(crate) fn poll_left_behind_hyper(&self, cx: &mut Context<'_>) -> Poll<Left> {
        let mut socket = self.socket();
        if socket.hyper_reads { Poll::Pending } else { socket.poll_left(cx) }
    }

    /// Reads some of what the client sends, and throws it away. Returns how many bytes came: none if the client has left.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut socket = self.socket();
        if socket.left.is_some() {
            return Poll::Ready(0);
        }
        let mut room = [0; DISCARDED_BYTES_MAX];
        let mut buf = ReadBuf::new(&mut room);
        // A failure is kept, and told with the next look.
        let _ = ready!(socket.poll_read(cx, &mut buf));
        Poll::Ready(buf.filled().len())
    }

    /// Whether hyper has read all bytes that were read ahead, or the client has left.
    pub(crate) fn is_read_out(&self) -> bool {
        let socket = self.socket();
        socket.left.is_some() || (socket.ahead.is_empty() && !socket.overrun)
    }

    /// Both owners are polled by the same task, so nobody ever waits for this lock.
    fn socket(&self) -> MutexGuard<'_, Socket<I>> {
        self.0.lock()
    }
}

impl<I: AsyncRead + Unpin> Socket<I> {
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        loop {
            if let Some(left) = self.left {
                return Poll::Ready(left);
            }
            let keeps_all = self.connection.answer().reads_body();
            if keeps_all && self.ahead.len() >= AHEAD_BYTES_MAX {
                return Poll::Pending;
            }
            let mut room = [0; 512];
            let mut buf = ReadBuf::new(&mut room);
            // A failure is kept in `left`.
            let _ = ready!(self.poll_read(cx, &mut buf));
            let bytes = buf.filled();
            self.overrun |= !keeps_all && self.ahead.len() + bytes.len() > AHEAD_BYTES_MAX;
            if !self.overrun {
                self.ahead.extend_from_slice(bytes);
            }
        }
    }

    /// Reads from the socket itself.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.connection.arrived();
        match &read {
            Ok(()) if buf.filled().len() > before => {}
            Ok(()) => self.left = Some(Left::Fin),
            Err(_) => self.left = Some(Left::Reset),
        }
        Poll::Ready(read)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.socket();
        if !socket.ahead.is_empty() {
            let taken = socket.ahead.len().min(buf.remaining());
            buf.put_slice(&socket.ahead[..taken]);
            socket.ahead.advance(taken);
            if socket.ahead.is_empty() {
                // Gives the memory back.
                socket.ahead = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        match socket.left {
            Some(Left::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Left::Fin) => Poll::Ready(Ok(())),
            None if socket.overrun => Poll::Ready(Ok(())),
            None => {
                let read = socket.poll_read(cx, buf);
                socket.hyper_reads = read.is_pending();
                read
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut socket = self.socket();
        let written = Pin::new(&mut socket.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(1..)) = written {
            socket.connection.party().note_taken();
        }
        socket.written = match written {
            Poll::Ready(_) => Written::All,
            Poll::Pending if tokio::task::coop::has_budget_remaining() => Written::Blocked,
            Poll::Pending => Written::NotYet,
        };
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket().io).poll_shutdown(cx)
    }
}
