//! The server of a world: the router, the serving of a connection, and the listener that accepts connections in memory.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{self, BoxFuture, FutureExt};
use onbeat_server::accept::Listener;
use onbeat_server::connection::Connection;
use onbeat_server::router::router;
use onbeat_server::serving;
use onbeat_server::world::World;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::transport::ServerEnd;

/// The application in a lab: the embedded server, or another server.
pub struct WorldServer {
    /// Returns the router of a world.
    pub router: Box<dyn Fn(Arc<World>) -> Router + Send + Sync>,
    /// Serves a connection until the connection is closed.
    pub serve: Serve,
}

/// Serves a connection; the last argument limits the wait for the head of a request.
pub type Serve =
    Arc<dyn Fn(ServerEnd, Arc<Connection>, Router, Option<Duration>) -> BoxFuture<'static, ()> + Send + Sync>;

impl WorldServer {
    /// Returns the embedded server.
    #[must_use]
    pub fn embedded() -> Self {
        Self::with_router(router)
    }

    /// Returns another application, served as the embedded server is.
    pub fn with_router(router: impl Fn(Arc<World>) -> Router + Send + Sync + 'static) -> Self {
        let serve =
            |io, connection, router, head_time_max| serving::serve(io, connection, router, head_time_max).boxed();
        Self { router: Box::new(router), serve: Arc::new(serve) }
    }
}

impl fmt::Debug for WorldServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldServer").finish_non_exhaustive()
    }
}

/// A connection that the server has accepted. The server holds the connection until the second part is dropped.
pub(super) type Accepted = (ServerEnd, Option<mpsc::Sender<Infallible>>);

/// A listener that accepts connections in memory from a channel. Each accepted connection has a clone of `held`.
pub(super) struct Pipes {
    pub(super) arrivals: UnboundedReceiver<ServerEnd>,
    /// None when no further connection can come.
    pub(super) held: Option<mpsc::Sender<Infallible>>,
}

impl Listener for Pipes {
    type Io = Accepted;

    async fn accept(&mut self) -> io::Result<Accepted> {
        if let Some(end) = self.arrivals.recv().await {
            return Ok((end, self.held.clone()));
        }
        // Drops the own sender, so that only accepted connections keep the channel open.
        self.held = None;
        future::pending().await
    }
}
