//! Serving over TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::accept::{Listener, accept};
use crate::arrivals::Arrivals;
use crate::connection::Connection;
use crate::http;
use crate::router::router;
use crate::socket::Socket;
use crate::world::{Limits, World};

#[cfg(test)]
mod over_tcp;

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 4096;
/// What the kernel keeps for a client that does not read; beyond it the client's mailbox fills.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {addr}: {source}")]
pub struct BindError {
    addr: SocketAddr,
    source: io::Error,
}

/// A socket that listens on `addr`; port 0 lets the machine choose one.
///
/// # Errors
///
/// If the port is taken, or the address is not this machine's.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(cfg!(unix))?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| BindError { addr, source })
}

/// Serves `world` until `shutdown` is ready; then ends all streams in good order and returns.
pub async fn serve(listener: TcpListener, world: Arc<World>, shutdown: impl Future<Output = ()>) {
    let limits = world.limits();
    serve_router(listener, router(world), limits, None, shutdown).await;
}

/// Serves `router` until `shutdown` is ready; then ends all streams in good order and returns. With `arrivals`, which want
/// a runtime of one thread, what has arrived is taken in before anything is answered.
pub async fn serve_router(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    arrivals: Option<Arc<Arrivals>>,
    shutdown: impl Future<Output = ()>,
) {
    let serve = |stream, connection: Arc<Connection>| {
        let socket = Socket::new(stream, Arc::clone(&connection));
        http::serve(socket, connection, router.clone(), limits.head_time_max)
    };
    accept(listener, limits.connections_max, arrivals, serve, shutdown).await;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        // Events are small and wait for nothing: Nagle's algorithm would hold them back. It can fail only where the client
        // has left already.
        stream.set_nodelay(true).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
        Ok(stream)
    }
}
