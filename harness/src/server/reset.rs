//! A reset of a server: a new world replaces the old world.

use onbeat_server::random::Seed;

use super::{Reply, ResetReport, Server};

/// The scenario and the seed of a new world.
///
/// ```
/// # use onbeat::server::ResetOptions;
/// let offline = ResetOptions::new().scenario("offline").seed(7);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResetOptions {
    scenario: Option<String>,
    seed: Option<u64>,
}

impl ResetOptions {
    /// Returns the scenario and the seed with which the server was started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves the routes of this scenario first.
    #[must_use]
    pub fn scenario(self, name: impl Into<String>) -> Self {
        Self { scenario: Some(name.into()), ..self }
    }

    /// Seeds the random values of the streams.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }
}

impl Server {
    /// Begins a new world: streams ended, time 0, connections counted from 0, no faults, an empty log, and only the routes
    /// with which the server was started.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// server.advance(Duration::from_secs(30)).wait()?;
    /// server.reset().wait()?;
    /// assert_eq!(server.clock().wait()?.now_ms, 0);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn reset(&self) -> Reply<ResetReport> {
        self.reset_with(ResetOptions::new())
    }

    /// Begins a new world, as [`Server::reset`] does, with this scenario and this seed.
    ///
    /// # Errors
    ///
    /// If the routes have no such scenario.
    pub fn reset_with(&self, options: ResetOptions) -> Reply<ResetReport> {
        let ResetOptions { scenario, seed } = options;
        self.server
            .ask(async move |server| Ok(server.controller.reset(scenario.as_deref(), seed.map(Seed), || {}).await?))
    }
}
