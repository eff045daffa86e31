//! The lab of the built-in server: a world in paused time, and clients over HTTP/1.1 in memory.
//!
//! # Examples
//!
//! Two clients of a world. In the end the channel has no subscriber:
//!
//! ```
//! use std::time::Duration;
//!
//! use onbeat::Seed;
//! use onbeat::world_lab::{self, Setup};
//!
//! let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse()?);
//! world_lab::run(&setup, async |lab| {
//!     let mut alice = lab.connect();
//!     alice.get("/sse").await;
//!     lab.until(Duration::from_secs(30)).await;
//!     let mut bob = lab.connect();
//!     bob.get("/broadcast-text?msg=hi").await;
//!     lab.settle().await;
//!     // A greeting, a heartbeat, and the two writes of a broadcast.
//!     assert_eq!(alice.transcript().writes().count(), 4);
//!     alice.close().await;
//!     lab.settle().await;
//!     assert_eq!(lab.world().broadcasts().subscribers(), 0);
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{self, BoxFuture, FutureExt};
use onbeat_clock::{Clock, TokioClock};
use onbeat_server::accept::{Listener, accept};
use onbeat_server::connection::Connection;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_server::router::router;
use onbeat_server::serving;
use onbeat_server::world::World;
use onbeat_wire::{Epoch, Instant};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{mpsc, oneshot};

use crate::idle::Idle;
use crate::player::{Bounds, Player};
use crate::sleepers::Sleepers;
use crate::transport::{self, Breaker, Sender, ServerEnd, Tap, WINDOW_BYTES};

/// The dependencies of the world in a lab.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The seed of the world.
    pub seed: Seed,
    /// The wall-clock time of the epoch.
    pub epoch: Epoch,
    /// The limits of the server.
    pub limits: Limits,
    /// The virtual time by which the test must have ended.
    pub deadline: Duration,
}

impl Setup {
    /// Returns a setup with an hour of virtual time and the default limits, but without a limit of the wait for a request:
    /// the timer would hide a world in which nothing is left to happen.
    #[must_use]
    pub fn new(seed: Seed, epoch: Epoch) -> Self {
        let limits = Limits { head_time_max: None, ..Limits::default() };
        Self { seed, epoch, limits, deadline: Duration::from_secs(3600) }
    }
}

/// A test that went on past the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scene did not end within {0:?} of virtual time: something is waited for that never comes")]
pub struct Overdue(pub Duration);

/// A world in paused time.
pub struct WorldLab {
    world: Arc<World>,
    /// The clock for all parts but the server, of which the sleepers are counted.
    clock: Arc<dyn Clock>,
    sleepers: Sleepers,
    /// The sender of panics for new connections; none after the test.
    held: Option<UnboundedSender<Panic>>,
    /// The way of new connections to the server; none when the server has been told to end.
    arrivals: Option<UnboundedSender<Accepted>>,
    /// Tells the server to end when dropped.
    running: Option<oneshot::Sender<Infallible>>,
    idle: Idle,
}

/// A panic of the server.
type Panic = Box<dyn Any + Send>;

/// A connection that the server accepts. The server holds the connection until the sender of panics is dropped.
struct Accepted {
    end: ServerEnd,
    held: UnboundedSender<Panic>,
}

/// A listener that accepts connections in memory from a channel.
struct Pipes(UnboundedReceiver<Accepted>);

impl Listener for Pipes {
    type Io = Accepted;

    async fn accept(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some(accepted) => Ok(accepted),
            None => future::pending().await,
        }
    }
}

/// Plays `test` in a new world on a new runtime, and waits until the server has released every connection that the test
/// has dropped.
///
/// # Errors
///
/// If virtual time passes the deadline first.
///
/// # Panics
///
/// If the test panics, or the server does.
pub fn run<T>(setup: &Setup, test: impl AsyncFnOnce(&mut WorldLab) -> T) -> Result<T, Overdue> {
    run_with(setup, &WorldServer::embedded(), test)
}

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

impl fmt::Debug for WorldLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldLab").field("world", &self.world).finish_non_exhaustive()
    }
}

impl fmt::Debug for WorldServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldServer").finish_non_exhaustive()
    }
}

/// Plays `test` as [`run`] does, with another application.
///
/// # Errors
///
/// If virtual time passes the deadline first.
///
/// # Panics
///
/// If the test panics, or the server does.
pub fn run_with<T>(
    setup: &Setup,
    application: &WorldServer,
    test: impl AsyncFnOnce(&mut WorldLab) -> T,
) -> Result<T, Overdue> {
    let idle = Idle::default();
    let signal = idle.clone();
    // Without an I/O driver a stray socket panics instead of disturbing the time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .on_thread_park(move || signal.signal())
        .build()
        .expect("a runtime without I/O asks nothing of the machine");
    runtime.block_on(async {
        // The server waits on the counted clock, the test on the other.
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let sleepers = Sleepers::default();
        let counted = Arc::new(sleepers.count_on(Arc::clone(&clock)));
        let world = Arc::new(World::new(counted, setup.seed, setup.epoch, setup.limits));
        let deadline = clock.sleep_until(Instant::EPOCH + setup.deadline);
        // Connections come from the lab. Dropping `running` tells the server to end.
        let router = (application.router)(Arc::clone(&world));
        let (arrivals, listener) = mpsc::unbounded_channel();
        let (running, end) = oneshot::channel();
        let (held, mut panics) = mpsc::unbounded_channel();
        let mut lab = WorldLab {
            world: Arc::clone(&world),
            clock,
            sleepers,
            held: Some(held),
            arrivals: Some(arrivals),
            running: Some(running),
            idle,
        };
        let serve = |Accepted { end, held }: Accepted, connection| {
            let serving = (application.serve)(end, connection, router.clone(), setup.limits.head_time_max);
            async move {
                if let Err(panic) = AssertUnwindSafe(serving).catch_unwind().await {
                    let _ = held.send(panic);
                }
            }
        };
        let accepting = accept(Pipes(listener), setup.limits.connections_max, None, serve, end.map(drop));
        let played = async {
            let outcome = test(&mut lab).await;
            // The channel ends when the server has released the last connection.
            drop(lab.held.take());
            if let Some(panic) = panics.recv().await {
                resume_unwind(panic);
            }
            outcome
        };
        // A test that ends at the deadline is in time, so the deadline comes second.
        tokio::select! {
            biased;
            outcome = played => Ok(outcome),
            () = deadline => Err(Overdue(setup.deadline)),
            never = accepting.then(|()| future::pending::<Infallible>()) => match never {},
        }
    })
}

impl WorldLab {
    /// Returns the world under test.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Returns the clock of the world, for parts other than the server.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns a new client, connected.
    pub fn connect(&mut self) -> Player {
        Player::new(Arc::clone(&self.clock), self.pipe(), Bounds::NONE)
    }

    /// Returns the bare ends of a new connection, for a client that reads at any time, or never.
    pub fn pipe(&mut self) -> (Sender, Tap) {
        self.pipe_through(WINDOW_BYTES, |pipe, _| pipe)
    }

    /// Returns the bare ends of a new connection over a network; see [`transport::connect_through`]. A server that has been
    /// told to end closes the connection.
    pub fn pipe_through<P>(
        &mut self,
        window_bytes: usize,
        network: impl FnOnce(DuplexStream, Breaker) -> P,
    ) -> (Sender, Tap)
    where
        P: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (end, ends) = transport::connect_through(Arc::clone(&self.clock), window_bytes, network);
        if let Some((arrivals, held)) = self.arrivals.as_ref().zip(self.held.clone()) {
            let _ = arrivals.send(Accepted { end, held });
        }
        ends
    }

    /// Tells the server to end: to accept no connection, to end all streams, and to close all connections.
    pub fn shut_down(&mut self) {
        drop(self.arrivals.take());
        drop(self.running.take());
    }

    /// Lets time jump, as on a suspended machine: everything within the jump is due at the end.
    #[expect(clippy::disallowed_methods, reason = "the clock of the lab is tokio's")]
    pub async fn jump(&self, by: Duration) {
        self.settle().await;
        tokio::time::advance(by).await;
        self.settle().await;
    }

    /// Returns the number of tasks: one for each connection that the server holds, and one for each client.
    #[must_use]
    pub fn tasks(&self) -> usize {
        tokio::runtime::Handle::current().metrics().num_alive_tasks()
    }

    /// Returns the number of running timers of the server.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.sleepers.count()
    }

    /// Lets time pass until `time` after the epoch, and waits until everything due has happened.
    pub async fn until(&self, time: Duration) {
        self.clock.sleep_until(Instant::EPOCH + time).await;
        self.settle().await;
    }

    /// Waits until everything has happened that happens at this instant.
    pub async fn settle(&self) {
        self.idle.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(deadline: Duration) -> Setup {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        Setup { deadline, ..Setup::new(Seed(42), epoch) }
    }

    #[test]
    fn a_scene_that_waits_for_ever_is_overdue() {
        let deadline = Duration::from_secs(5);
        let outcome = run(&setup(deadline), async |_| std::future::pending::<()>().await);
        assert_eq!(outcome, Err(Overdue(deadline)));
    }

    #[test]
    fn a_client_that_is_never_answered_is_overdue() {
        let outcome = run(&setup(Duration::from_secs(5)), async |lab| {
            let mut client = lab.connect();
            client.send(b"GET /sse HTTP/1.1\r\n").await;
            client.responses(1).await;
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn settling_takes_no_time_and_sees_all_consequences() {
        let outcome = run(&setup(Duration::from_secs(5)), async |lab| {
            let mut client = lab.connect();
            client.get("/sse").await;
            lab.settle().await;
            assert_eq!(client.transcript().writes().count(), 1);
            assert_eq!(lab.world().broadcasts().subscribers(), 1);
            lab.world().clock().now()
        });
        assert_eq!(outcome, Ok(Instant::EPOCH));
    }

    #[test]
    fn a_lab_that_has_settled_is_freed() {
        let is_freed = run(&setup(Duration::from_secs(5)), async |lab| {
            lab.settle().await;
            lab.idle.watch()
        });
        assert!(is_freed.expect("in time")());
    }

    #[test]
    fn until_includes_what_is_due_at_that_very_instant() {
        let outcome = run(&setup(Duration::from_secs(61)), async |lab| {
            let mut client = lab.connect();
            client.get("/sse").await;
            lab.until(Duration::from_millis(29_999)).await;
            let before = client.transcript().writes().count();
            lab.until(Duration::from_millis(30_000)).await;
            (before, client.transcript().writes().count())
        });
        assert_eq!(outcome, Ok((1, 2)));
    }
}
