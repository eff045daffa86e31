//! Many connections: the accept loop over TCP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::clock::{Clock, TokioClock};
use crate::connection::Connection;
use crate::http;
use crate::router::router;
use crate::world::World;

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 4096;
/// What the kernel keeps for a client that does not read; beyond it the client's mailbox fills.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
/// How long accepting rests when the machine is short of something, such as file descriptors.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);
/// How long clients may take to receive the end of their streams.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);

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
    let mut shutdown = std::pin::pin!(shutdown);
    let mut connections = Connections::new(world);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = connections.one_ended() => {}
            accepted = listener.accept(), if connections.has_room() => match accepted {
                Ok((stream, peer)) => connections.serve(stream, peer),
                Err(error) if concerns_one_connection(&error) => tracing::debug!(%error, "connection lost before it was accepted"),
                Err(error) => {
                    tracing::warn!(%error, open = connections.tasks.len(), "can't accept connections for the moment");
                    pause(SHORTAGE_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    connections.end().await;
}

/// A wait in the machine's time, whatever the time in the world.
async fn pause(duration: Duration) {
    let clock = TokioClock::start();
    clock.sleep_until(clock.now() + duration).await;
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The connections that are open, each served by a task of its own.
struct Connections {
    world: Arc<World>,
    router: axum::Router,
    tasks: JoinSet<u64>,
    open: BTreeMap<u64, Arc<Connection>>,
}

impl Connections {
    fn new(world: Arc<World>) -> Self {
        let router = router(Arc::clone(&world));
        Self { world, router, tasks: JoinSet::new(), open: BTreeMap::new() }
    }

    fn has_room(&self) -> bool {
        self.tasks.len() < self.world.limits().connections_max
    }

    fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Events are small and wait for nothing: Nagle's algorithm would hold them back.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection lost while it was accepted");
            return;
        }
        let connection = Arc::new(self.world.next_connection());
        let ordinal = connection.ordinal();
        tracing::debug!(connection = ordinal, %peer, "connection accepted");
        self.open.insert(ordinal, Arc::clone(&connection));
        let served = http::serve(stream, connection, self.router.clone(), self.world.limits().head_time_max);
        self.tasks.spawn(served.map(move |()| ordinal));
        if !self.has_room() {
            tracing::warn!(open = self.tasks.len(), "connection limit reached: further clients wait");
        }
    }

    /// Waits until a connection has ended, for ever if there is none.
    async fn one_ended(&mut self) {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(ordinal)) => {
                self.open.remove(&ordinal);
                tracing::debug!(connection = ordinal, "connection ended");
            }
            Some(Err(error)) => tracing::error!(%error, "connection task failed: this is a bug in onbeat"),
        }
    }

    async fn end(mut self) {
        tracing::info!(open = self.tasks.len(), "shutting down");
        for connection in self.open.values() {
            connection.end();
        }
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            biased;
            () = all_ended => {}
            () = pause(SHUTDOWN_TIME_MAX) => tracing::warn!("some clients did not take the end of their streams in time"),
        }
    }
}
