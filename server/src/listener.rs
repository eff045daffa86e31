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
use crate::limits::Limits;
use crate::ready::with_readiness;
use crate::router::router;
use crate::serving;
use crate::socket::Socket;
use crate::world::World;

#[cfg(test)]
mod over_tcp;

/// How many connections the kernel keeps before the server accepts them.
const BACKLOG: u32 = 4096;
/// How many bytes the kernel keeps for a client that does not read; further events fill the mailbox of the client.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {addr}: {source}")]
pub struct BindError {
    addr: SocketAddr,
    source: io::Error,
}

/// Listens on `addr`; port 0 lets the machine choose a port.
///
/// # Errors
///
/// If the port is taken, or the machine does not have the address.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // On Unix a restart can take the port over at once; on Windows the option would let two servers share a port.
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
    /// The place of the first socket to ask for the next connection, so that no busy socket keeps the others waiting.
    first: usize,
}

/// How many ports are tried, where the port that the machine chooses is taken on another address.
const PORTS_MAX: usize = 16;

impl Sockets {
    /// Listens on one port of all these addresses that the machine has; port 0 lets the machine choose the port.
    ///
    /// # Errors
    ///
    /// If the port is taken or not permitted on one address, or the machine has none of the addresses.
    ///
    /// # Panics
    ///
    /// If there are no addresses.
    pub fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        assert!(!addrs.is_empty(), "no address was given");
        Self::bind_each(addrs, bind)
    }

    /// Listens on each address by `bind_one`.
    fn bind_each(
        addrs: &[SocketAddr],
        bind_one: impl Fn(SocketAddr) -> Result<TcpListener, BindError>,
    ) -> Result<Self, BindError> {
        let mut tries = 1;
        loop {
            match Self::bind_once(addrs, &bind_one) {
                Err(error) if error.is_taken() && addrs.iter().all(|addr| addr.port() == 0) && tries < PORTS_MAX => {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn bind_once(
        addrs: &[SocketAddr],
        bind_one: impl Fn(SocketAddr) -> Result<TcpListener, BindError>,
    ) -> Result<Self, BindError> {
        let (mut sockets, mut missing): (Vec<TcpListener>, _) = (Vec::new(), None);
        for addr in addrs {
            let mut addr = *addr;
            // Gives all addresses the port of the first.
            if let Some(chosen) = sockets.first().and_then(|first| first.local_addr().ok()) {
                addr.set_port(chosen.port());
            }
            match bind_one(addr) {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.is_of_another_machine() => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        // Accepts a single address: a name may have others that the machine lacks, such as ::1 without IPv6.
        match missing {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(Self { sockets, first: 0 }),
        }
    }

    /// Returns the addresses, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// If the operating system can't tell an address.
    pub fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }
}

impl BindError {
    fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// Returns whether the machine lacks the address, and not merely the free port.
    fn is_of_another_machine(&self) -> bool {
        !self.is_taken() && self.source.kind() != io::ErrorKind::PermissionDenied
    }
}

/// Serves `world` until `shutdown` is ready; then ends all streams in good order and returns.
pub async fn serve(listener: TcpListener, world: Arc<World>, shutdown: impl Future<Output = ()>) {
    let limits = world.limits();
    serve_router(listener, router(world), limits, None, shutdown).await;
}

/// Serves `router` until `shutdown` is ready; then ends all streams in good order and returns. With `arrivals`, which need
/// a runtime of one thread, all earlier arrivals are taken in before a request is answered. The readiness probe is at
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
        serving::serve(socket, connection, router.clone(), limits.head_time_max)
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
            // Begins with the socket after the last to accept, so that no busy socket keeps the others waiting.
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

/// Sets the options of the socket of a connection.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    // Turns Nagle's algorithm off, which would hold back small events. Fails only if the client has left already.
    stream.set_nodelay(true).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
    Ok(stream)
}
