//! Many connections: the accept loop, over anything that connections come from.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::clock::{Clock, TokioClock};
use crate::connection::Connection;
use crate::world::World;

/// How long accepting rests when the machine is short of something, such as file descriptors.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);
/// How long clients may take to receive the end of their streams.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);

/// Where connections come from.
pub trait Listener: Send {
    /// The server's end of one.
    type Io: Send;

    /// Waits for the next connection. Whoever is dropped while it waits loses none.
    ///
    /// # Errors
    ///
    /// If a connection is lost before it was accepted, or none can be accepted for the moment.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// Accepts connections in `world`, as many at a time as it takes on, and has each served by `serve` until `shutdown` is
/// ready; then ends all streams in good order and returns.
pub async fn accept<L, S>(
    mut listener: L,
    world: &World,
    serve: impl FnMut(L::Io, Arc<Connection>) -> S,
    shutdown: impl Future<Output = ()>,
) where
    L: Listener,
    S: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown);
    let mut connections = Connections { world, serve, tasks: JoinSet::new(), open: BTreeMap::new() };
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = connections.one_ended() => {}
            accepted = listener.accept(), if connections.has_room() => match accepted {
                Ok(io) => connections.serve(io),
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
struct Connections<'w, F> {
    world: &'w World,
    serve: F,
    tasks: JoinSet<u64>,
    open: BTreeMap<u64, Arc<Connection>>,
}

impl<F> Connections<'_, F> {
    fn has_room(&self) -> bool {
        self.tasks.len() < self.world.limits().connections_max
    }

    fn serve<I, S>(&mut self, io: I)
    where
        F: FnMut(I, Arc<Connection>) -> S,
        S: Future<Output = ()> + Send + 'static,
    {
        let connection = Arc::new(self.world.next_connection());
        let ordinal = connection.ordinal();
        tracing::debug!(connection = ordinal, "connection accepted");
        self.open.insert(ordinal, Arc::clone(&connection));
        self.tasks.spawn((self.serve)(io, connection).map(move |()| ordinal));
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
