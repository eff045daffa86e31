//! A connector to the hosts of a lab, for the client of hyper-util.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::Uri;
use futures_util::future::{self, Ready};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::Lab;
use super::socket::Socket;

/// A connector to the hosts of a lab, by the host of a URI: for `hyper_util::client::legacy::Client`, which keeps connections
/// for further requests.
#[derive(Clone, Debug)]
pub struct HostConnector(pub(super) Lab);

impl Service<Uri> for HostConnector {
    type Response = HostSocket;
    type Error = io::Error;
    type Future = Ready<io::Result<HostSocket>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let socket = self.0.connect(uri.host().unwrap_or_default());
        future::ready(socket.map(|socket| HostSocket(TokioIo::new(socket))))
    }
}

/// A [`Socket`] for hyper.
#[derive(Debug)]
pub struct HostSocket(TokioIo<Socket>);

impl Connection for HostSocket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for HostSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for HostSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
