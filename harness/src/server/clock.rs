//! The clock of a server: read, and advanced.

use std::time::Duration;

use onbeat_clock::Advance;

use super::{AdvanceReport, ClockReport, Reply, Server};

impl Server {
    /// Returns the time in the world of the server, the epoch, and the waits of responses.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// let clock = server.clock().wait()?;
    /// assert_eq!((clock.now_ms, clock.epoch.to_string().as_str()), (0, "2025-12-01T00:00:00.000Z"));
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn clock(&self) -> Reply<ClockReport> {
        self.server.ask(async |server| Ok(server.controller.clock()))
    }

    /// Lets time pass: whole milliseconds, at most a week at once. The reply comes when every write that fell due has been
    /// handed to its socket, so that a client reads the bytes without waiting.
    ///
    /// A client that does not read is waited for only briefly: [`AdvanceReport::held_up`] counts such clients. In an async
    /// test a client on the same thread reads while the test awaits the reply.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// let advanced = server.advance(Duration::from_secs(30)).wait()?;
    /// assert_eq!((advanced.now_ms, advanced.writes), (30_000, 0));
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the clock is not manual, the time is too long or no whole number of milliseconds, or the server is reset meanwhile.
    pub fn advance(&self, by: Duration) -> Reply<AdvanceReport> {
        self.server.ask(async move |server| Ok(server.controller.advance(Advance::By(by)).await?))
    }

    /// Lets time pass to the next time for which a response waits; not at all if none waits.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// let advanced = server.advance_to_next().wait()?;
    /// assert_eq!(advanced.advanced_ms, 0);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the clock is not manual, or the server is reset meanwhile.
    pub fn advance_to_next(&self) -> Reply<AdvanceReport> {
        self.server.ask(async |server| Ok(server.controller.advance(Advance::ToNext).await?))
    }
}
