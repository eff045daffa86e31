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

mod world_server;

use std::convert::Infallible;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{self, FutureExt};
use onbeat_clock::Clock;
use onbeat_server::accept::accept;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_server::world::World;
use onbeat_wire::{Epoch, Instant};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::mpsc;

use self::world_server::{Accepted, Pipes};
pub use self::world_server::{Serve, WorldServer};
use crate::lab::bare::{FailedTest, Host, try_run};
use crate::lab::{Lab, LabOptions};
use crate::player::{Bounds, Player};
use crate::sleepers::Sleepers;
use crate::transport::{Breaker, Sender, Tap, WINDOW_BYTES};

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
    lab: Lab,
    world: Arc<World>,
    /// The clock for all parts but the server, of which the sleepers are counted.
    clock: Arc<dyn Clock>,
    sleepers: Sleepers,
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

impl fmt::Debug for WorldLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldLab").field("world", &self.world).finish_non_exhaustive()
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
    let (arriving, arrivals) = mpsc::unbounded_channel();
    let (held, mut released) = mpsc::channel(1);
    let listener = Pipes { arrivals, held: Some(held) };
    // Puts the end of the lab's patience behind the deadline.
    let options = LabOptions::new()
        .patience(setup.deadline.saturating_add(Duration::from_secs(1)))
        .real_time_limit(Duration::MAX);
    let ended = try_run(
        &options,
        async |_| Host::Listener(arriving),
        async |lab| {
            // Counts the waits of the server alone: the test waits on the other clock.
            let (clock, sleepers) = (lab.clock(), Sleepers::default());
            let counted = Arc::new(sleepers.count_on(Arc::clone(&clock)));
            let world = Arc::new(World::new(counted, setup.seed, setup.epoch, setup.limits));
            let deadline = clock.sleep_until(Instant::EPOCH + setup.deadline);
            let router = (application.router)(Arc::clone(&world));
            let mut world_lab = WorldLab { lab: lab.clone(), world, clock, sleepers };
            let serve = |(end, held): Accepted, connection| {
                let serving = (application.serve)(end, connection, router.clone(), setup.limits.head_time_max);
                serving.map(|()| drop(held))
            };
            let accepting = accept(listener, setup.limits.connections_max, None, serve, lab.shutdown());
            let played = async {
                let outcome = test(&mut world_lab).await;
                // Refuses further connections first: the channel ends only when no connection can come any more.
                lab.remove_application();
                // Waits for the end of the channel, when the server has released the last connection.
                released.recv().await;
                outcome
            };
            // Polls the deadline second, since a test that ends at the deadline is in time.
            tokio::select! {
                biased;
                outcome = played => Ok(outcome),
                () = deadline => Err(Overdue(setup.deadline)),
                never = accepting.then(|()| future::pending::<Infallible>()) => match never {},
            }
        },
    );
    match ended {
        Ok(outcome) => outcome,
        Err(FailedTest::Panicked(panic)) => resume_unwind(panic),
        // Prints no message, since the panic of the server is on stderr already.
        Err(FailedTest::EndedByLab(failed)) => resume_unwind(Box::new(failed.to_string())),
    }
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

    /// Returns the lab of the world.
    #[cfg(feature = "check")]
    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Returns a new client, connected.
    pub fn connect(&mut self) -> Player {
        self.lab.bare_client(Bounds::NONE)
    }

    /// Returns the bare ends of a new connection, for a client that reads at any time, or never.
    pub fn pipe(&mut self) -> (Sender, Tap) {
        self.pipe_through(WINDOW_BYTES, |pipe, _| pipe)
    }

    /// Returns the bare ends of a new connection over a network; see
    /// [`connect_through`](crate::transport::connect_through). A server that has been told to end closes the connection.
    pub fn pipe_through<P>(
        &mut self,
        window_bytes: usize,
        network: impl FnOnce(DuplexStream, Breaker) -> P,
    ) -> (Sender, Tap)
    where
        P: AsyncRead + AsyncWrite + Send + 'static,
    {
        self.lab.bare_pipe(window_bytes, network)
    }

    /// Tells the server to end: to accept no connection, to end all streams, and to close all connections.
    pub fn shut_down(&mut self) {
        self.lab.shut_down_at_once();
    }

    /// Lets time jump, as on a suspended machine: everything within the jump is due at the end.
    pub async fn jump(&self, by: Duration) {
        self.lab.jump(by).await;
    }

    /// Returns the number of tasks: one for each connection that the server holds, and one for each client.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.lab.tasks()
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
        self.lab.settle().await;
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
