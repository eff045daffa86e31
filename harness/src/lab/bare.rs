//! A lab by hand: the clock, bare connections, and clients whose actions wait for nothing.

use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use super::Lab;
pub(crate) use super::host::Host;
use super::peer::Peer;
pub(crate) use super::run::{FailedTest, try_run};
use super::state::APPLICATION;
use crate::player::{Bounds, Player};
use crate::transport::{Breaker, Sender, Tap, WINDOW_BYTES};

impl Lab {
    /// Returns the clock of the lab.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.state.clock)
    }

    /// Returns a client that does nothing but its own actions: no action waits for what follows.
    pub(crate) fn bare_client(&self, bounds: Bounds) -> Player {
        self.state.touch();
        Player::new(self.clock(), self.bare_pipe(WINDOW_BYTES, |pipe, _| pipe), bounds)
    }

    /// Returns the bare ends of a new connection to the application over a network.
    pub(crate) fn bare_pipe<P>(
        &self,
        window_bytes: usize,
        network: impl FnOnce(DuplexStream, Breaker) -> P,
    ) -> (Sender, Tap)
    where
        P: AsyncRead + AsyncWrite + Send + 'static,
    {
        let peer = Peer::Socket { number: self.state.next_socket(), host: APPLICATION.to_owned() };
        self.state.pipe_through(peer, window_bytes, network)
    }

    /// Removes the application: further clients see a closed connection.
    pub(crate) fn remove_application(&self) {
        self.state.hosts.lock().remove(APPLICATION);
    }

    /// Waits until the servers are told to end.
    pub(crate) fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.state.shutdown()
    }

    /// Tells the servers to end, without a wait for what follows.
    pub(crate) fn shut_down_at_once(&self) {
        self.state.shut_down();
    }

    /// Lets time jump, as on a suspended machine: everything within the jump is due at the end.
    #[expect(clippy::disallowed_methods, reason = "the clock of a lab is tokio's")]
    pub(crate) async fn jump(&self, by: Duration) {
        // Extends the patience first, which would otherwise end within the jump.
        self.state.touch_until(self.now() + by);
        self.settle().await;
        tokio::time::advance(by).await;
        self.settle().await;
    }
}
