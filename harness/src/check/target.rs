//! The target of a check: a server in a lab, or any other server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;
use onbeat_wire::Instant;

use crate::judge::Pace;
use crate::lab::Lab;
use crate::player::{Bounds, Player};

/// A server under test.
pub(super) trait Target {
    /// Returns the clock of all clients.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Returns how times are judged, and how long clients wait.
    fn pace(&self) -> &Pace;

    /// Connects a new client, which reads no more than these bounds.
    async fn connect(&mut self, bounds: Bounds) -> io::Result<Player>;

    /// Waits until the server has noticed silent events, such as the leaving of a client.
    async fn settle(&self);

    /// Waits until all bytes that the server has sent by now have arrived.
    async fn catch_up(&self) {}

    /// Returns how long the machine held up the checker or the server in between.
    fn held_up(&self, _from: Instant, _to: Instant) -> Duration {
        Duration::ZERO
    }

    /// Returns a raw request of a fixture with the host, the path and the headers of the target.
    fn address(&self, request: &str) -> String {
        request.into()
    }
}

/// A server in a lab.
pub(super) struct InLab {
    pub(super) lab: Lab,
    pub(super) pace: Pace,
}

impl Target for InLab {
    fn clock(&self) -> Arc<dyn Clock> {
        self.lab.clock()
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Player> {
        Ok(self.lab.bare_client(bounds))
    }

    async fn settle(&self) {
        self.lab.settle().await;
    }
}
