//! A socket that is read ahead while hyper does not read, so that a client that leaves is noticed at once.
//!
//! hyper does not read while an answer is under way, and would notice the end of the connection only by the next write.

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

/// How many bytes are kept that a client sends while hyper is busy with an answer.
///
/// Further bytes are discarded, and the connection ends after the bytes kept: a client can't cost more memory, and the end
/// of a connection is noticed however much the client sends. The body of a request is not discarded while a handler reads
/// the body: the client waits until the handler reads on, and the end of the connection is noticed then.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// How many bytes are discarded at a time.
const DISCARDED_BYTES_MAX: usize = 16 * 1024;

/// The socket of one connection, shared by hyper and the task that polls hyper.
pub(crate) struct Watched<I>(Arc<Mutex<Socket<I>>>);

/// Whether the socket has taken the last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The socket has taken all bytes.
    All,
    /// The task has used up the share of time that tokio allows, and writes on when polled again.
    NotYet,
    /// The client does not read, and the socket takes no more bytes.
    Blocked,
}

/// How a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The client sends no more (FIN), and may still read.
    Fin,
    /// The connection is broken (RST).
    Reset,
}

struct Socket<I> {
    io: I,
    connection: Arc<Connection>,
    /// Bytes that hyper has not read yet.
    ahead: BytesMut,
    /// Whether the client has sent more than is kept. For hyper the connection ends after the bytes kept.
    overrun: bool,
    left: Option<Left>,
    /// Whether hyper waits for bytes.
    hyper_reads: bool,
    /// Whether the socket has taken the last write.
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

    /// Returns whether the socket has taken the last write.
    pub(crate) fn written(&self) -> Written {
        self.socket().written
    }

    /// Notes that a poll of hyper begins, in which hyper has not asked for bytes yet.
    pub(crate) fn begin_poll(&self) {
        self.socket().hyper_reads = false;
    }

    /// Reads ahead, unless hyper waits for bytes. Ready when the client has left.
    pub(crate) fn poll_left_behind_hyper(&self, cx: &mut Context<'_>) -> Poll<Left> {
        let mut socket = self.socket();
        if socket.hyper_reads { Poll::Pending } else { socket.poll_left(cx) }
    }

    /// Reads and discards bytes of the client. Returns the number of bytes: 0 if the client has left.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut socket = self.socket();
        if socket.left.is_some() {
            return Poll::Ready(0);
        }
        let mut room = [0; DISCARDED_BYTES_MAX];
        let mut buf = ReadBuf::new(&mut room);
        // Drops a failure, which `left` keeps for the next call.
        let _ = ready!(socket.poll_read(cx, &mut buf));
        Poll::Ready(buf.filled().len())
    }

    /// Returns whether hyper has read all bytes that were read ahead, or the client has left.
    pub(crate) fn is_read_out(&self) -> bool {
        let socket = self.socket();
        socket.left.is_some() || (socket.ahead.is_empty() && !socket.overrun)
    }

    /// Locks the socket. Both owners are polled by the same task, so that the lock is always free.
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
            // Keeps a body whole for the handler that reads: the client waits while the room is full.
            let keeps_all = self.connection.answer().reads_body();
            if keeps_all && self.ahead.len() >= AHEAD_BYTES_MAX {
                return Poll::Pending;
            }
            let mut room = [0; 512];
            let mut buf = ReadBuf::new(&mut room);
            // Drops a failure, which `left` keeps.
            let _ = ready!(self.poll_read(cx, &mut buf));
            let bytes = buf.filled();
            self.overrun |= !keeps_all && self.ahead.len() + bytes.len() > AHEAD_BYTES_MAX;
            if !self.overrun {
                self.ahead.extend_from_slice(bytes);
            }
        }
    }

    /// Reads from the socket, and notes the end of the connection.
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
        // Returns the bytes read ahead first, then the end of the connection, then bytes of the socket.
        if !socket.ahead.is_empty() {
            let taken = socket.ahead.len().min(buf.remaining());
            buf.put_slice(&socket.ahead[..taken]);
            socket.ahead.advance(taken);
            if socket.ahead.is_empty() {
                // Frees the memory, since a stream may go on for hours.
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
            socket.connection.socket_state().note_taken();
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
