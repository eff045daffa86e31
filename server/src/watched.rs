//! A socket that is watched for the client's leaving while HTTP does not read.
//!
//! hyper stops reading when it has bytes of a next request, or has given up on a request's body, and then would notice
//! nothing until its next write. The watcher reads ahead instead, has what came behind a stream executed, and hyper is
//! served from what it has read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::Request;
use bytes::{Buf, BytesMut};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pipeline::{Answer, Broken, Pipeline};
use crate::requests::Requests;

/// What a client may send ahead while it is answered with a stream.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// The socket of one connection, shared by hyper and the watcher.
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

struct Socket<I> {
    io: I,
    requests: Requests,
    pipeline: Pipeline,
    /// Read, but not yet by hyper.
    ahead: BytesMut,
    /// The client sent more than is kept: what follows is lost, so the connection ends after what was kept.
    overrun: bool,
    /// What became of what was last written.
    written: Written,
}

impl<I> Clone for Watched<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Watched<I> {
    /// Watches `io`, whose requests `pipeline` answers.
    pub(crate) fn new(io: I, pipeline: Pipeline) -> Self {
        let (requests, ahead) = (Requests::default(), BytesMut::new());
        Self(Arc::new(Mutex::new(Socket { io, requests, pipeline, ahead, overrun: false, written: Written::All })))
    }

    /// The answer to the request that hyper has come to.
    pub(crate) fn answer(&self, request: Request<Incoming>) -> Answer {
        let Socket { requests, pipeline, .. } = &mut *self.socket();
        pipeline.answer(requests, request)
    }

    /// What became of what was last written.
    pub(crate) fn written(&self) -> Written {
        self.socket().written
    }

    /// Nothing is answered any more: what was asked for behind a stream leaves the world.
    pub(crate) fn give_up_answers(&self) {
        self.socket().pipeline.give_up();
    }

    /// Reads what the client sends, for nobody; ready when it has left.
    pub(crate) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket().poll_left(cx)
    }

    /// Whether the client has sent requests as a whole, as far as that can be told.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.socket().requests.is_between()
    }

    /// Both owners are polled by the same task, so nobody ever waits for this lock.
    fn socket(&self) -> MutexGuard<'_, Socket<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when the client has left, or sends what is no HTTP.
    pub(crate) fn poll_behind_stream(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut socket = self.socket();
        let left = socket.poll_left(cx);
        // What was asked for before leaving is executed all the same.
        let Socket { requests, pipeline, .. } = &mut *socket;
        match ready!(pipeline.execute_early(requests, cx)) {
            Ok(()) => left,
            Err(Broken) => Poll::Ready(()),
        }
    }
}

impl<I: AsyncRead + Unpin> Socket<I> {
    /// Reads ahead; ready when the client has left.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut room = [0; 512];
            let mut buf = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf));
            self.pipeline.arrived();
            match read {
                Ok(()) if !buf.filled().is_empty() => self.keep(buf.filled()),
                _ => return Poll::Ready(()),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.overrun |= self.ahead.len() + bytes.len() > AHEAD_BYTES_MAX;
        if !self.overrun {
            let encoded = self.requests.follow(bytes);
            self.ahead.extend_from_slice(encoded.as_deref().unwrap_or(bytes));
        }
    }

    /// Fills `buf` from what was read ahead.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let taken = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..taken]);
        self.ahead.advance(taken);
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.socket();
        if socket.ahead.is_empty() && !socket.overrun {
            let before = buf.filled().len();
            let read = ready!(Pin::new(&mut socket.io).poll_read(cx, buf));
            socket.pipeline.arrived();
            read?;
            if let Some(encoded) = socket.requests.follow(&buf.filled()[before..]) {
                buf.set_filled(before);
                socket.ahead.extend_from_slice(&encoded);
            }
        }
        socket.hand_over(buf);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut socket = self.socket();
        let written = Pin::new(&mut socket.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(1..)) = written {
            socket.pipeline.taken();
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
