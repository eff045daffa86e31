//! Serving over TCP, on one address or on several.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::accept::{Listener, accept};
use crate::arrivals::Arrivals;
use crate::connection::Connection;
use crate::http;
use crate::ready::with_readiness;
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

/// Sockets that listen on several addresses.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<TcpListener>,
    /// Which is asked first for the next connection, so that none keeps the others waiting.
    first: usize,
}

/// How many ports are tried, where the machine chooses one that another of the addresses does not have free.
const PORTS_MAX: usize = 16;

impl Sockets {
    /// Listens on all of these addresses that this machine has, on one port; port 0 lets the machine choose it.
    ///
    /// # Errors
    ///
    /// If the port is taken on one of them, or the machine has none of them.
    ///
    /// # Panics
    ///
    /// If there are no addresses.
    pub fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let mut tries = 1;
        loop {
            match Self::bind_once(addrs) {
                Err(error) if error.is_taken() && addrs.iter().all(|addr| addr.port() == 0) && tries < PORTS_MAX => {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn bind_once(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let (mut sockets, mut missing): (Vec<TcpListener>, _) = (Vec::new(), None);
        for addr in addrs {
            let mut addr = *addr;
            if let Some(chosen) = sockets.first().and_then(|first| first.local_addr().ok()) {
                addr.set_port(chosen.port());
            }
            match bind(addr) {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.is_of_another_machine() => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(Self { sockets, first: 0 }),
        }
    }

    /// Returns the addresses, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// If the machine can't tell.
    pub fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }
}

impl BindError {
    fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// Whether the machine does not have the address, rather than somebody else its port.
    fn is_of_another_machine(&self) -> bool {
        !self.is_taken() && self.source.kind() != io::ErrorKind::PermissionDenied
    }
}

/// Serves `world` until `shutdown` is ready; then ends all streams in good order and returns.
pub async fn serve(listener: TcpListener, world: Arc<World>, shutdown: impl Future<Output = ()>) {
    let limits = world.limits();
    serve_router(listener, router(world), limits, None, shutdown).await;
}

/// Serves `router` until `shutdown` is ready; then ends all streams in good order and returns. With `arrivals`, which want
/// a runtime of one thread, what has arrived is taken in before anything is answered. Whether it is ready can be asked at
/// [`crate::ready::PATH`].
pub async fn serve_router(
    listener: impl Listener<Io = TcpStream>,
    router: Router,
    limits: Limits,
    arrivals: Option<Arc<Arrivals>>,
    shutdown: impl Future<Output = ()>,
) {
    let router = with_readiness(router);
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
        prepared(stream)
    }
}

impl Listener for Sockets {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let count = self.sockets.len();
        let stream = poll_fn(|cx| {
            for number in (0..count).map(|number| (self.first + number) % count) {
                if let Poll::Ready(accepted) = self.sockets[number].poll_accept(cx) {
                    self.first = number + 1;
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        });
        prepared(stream.await?.0)
    }
}

/// Sets what every connection needs.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    // Events are small and wait for nothing: Nagle's algorithm would hold them back. It can fail only where the client has
    // left already.
    stream.set_nodelay(true).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
    Ok(stream)
}
