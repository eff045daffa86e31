//! The accept loop: many connections, from any source.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};

use crate::arrivals::Arrivals;
use crate::connection::Connection;
use crate::shutdown::end_all;
use onbeat_clock::machine_pause;

/// How long the loop pauses when the machine lacks a resource, such as file descriptors.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// A source of connections.
pub trait Listener: Send {
    /// The server's end of a connection.
    type Io: Send;

    /// Waits for the next connection. A future that is dropped loses no connection.
    ///
    /// # Errors
    ///
    /// If a connection is lost before the accept, or no connection can be accepted for the moment.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// Accepts connections, at most `connections_max` at a time, and has each served by `serve` until `shutdown` is ready; then
/// ends all streams in good order and returns. A connection gets an ordinal in a world with the first request there. With
/// `arrivals`, all earlier arrivals are taken in before a request is answered.
pub async fn accept<L, S>(
    mut listener: L,
    connections_max: usize,
    arrivals: Option<Arc<Arrivals>>,
    serve: impl FnMut(L::Io, Arc<Connection>) -> S,
    shutdown: impl Future<Output = ()>,
) where
    L: Listener,
    S: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown);
    let mut connections = Connections {
        most: connections_max,
        arrivals,
        serve,
        tasks: JoinSet::new(),
        accepted: 0,
        open: BTreeMap::new(),
    };
    loop {
        // Asks for the shutdown first, then for ended connections, which make room for new clients.
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = connections.one_ended() => {}
            accepted = listener.accept(), if connections.has_room() => match accepted {
                Ok(io) => connections.serve(io),
                Err(error) if concerns_one_connection(&error) => tracing::debug!(%error, "connection lost before it was accepted"),
                Err(error) => {
                    tracing::warn!(%error, open = connections.tasks.len(), "can't accept connections for the moment");
                    // Pauses, since another try at once would only burn the processor.
                    machine_pause(SHORTAGE_PAUSE).await;
                }
            },
        }
    }
    // Refuses new clients before waiting for the others to end.
    drop(listener);
    let open = connections.open.values().map(|(_, connection)| &**connection);
    end_all(open, connections.tasks).await;
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The open connections, each served by one task.
struct Connections<F> {
    /// How many connections may be open at a time.
    most: usize,
    arrivals: Option<Arc<Arrivals>>,
    serve: F,
    tasks: JoinSet<()>,
    accepted: u64,
    /// The ordinals of acceptance and the connections, by their tasks.
    open: BTreeMap<Id, (u64, Arc<Connection>)>,
}

impl<F> Connections<F> {
    fn has_room(&self) -> bool {
        self.tasks.len() < self.most
    }

    fn serve<I, S>(&mut self, io: I)
    where
        F: FnMut(I, Arc<Connection>) -> S,
        S: Future<Output = ()> + Send + 'static,
    {
        let connection = Arc::new(Connection::among(self.arrivals.clone()));
        connection.arrived();
        let number = self.accepted;
        self.accepted += 1;
        tracing::debug!(number, "connection accepted");
        let task = self.tasks.spawn((self.serve)(io, Arc::clone(&connection)));
        self.open.insert(task.id(), (number, connection));
        if !self.has_room() {
            tracing::warn!(open = self.tasks.len(), "connection limit reached: further clients wait");
        }
    }

    /// Waits until a connection has ended; for ever if no connection is open.
    async fn one_ended(&mut self) {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, ())| *task);
        let (number, connection) = self.open.remove(&task).expect("each task serves a connection");
        match ended {
            Ok(_) => tracing::debug!(number, connection = connection.ordinal(), "connection ended"),
            Err(error) => tracing::error!(number, %error, "connection task failed: this is a bug in onbeat"),
        }
    }
}
