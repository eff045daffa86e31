//! What is judged: the embedded server in virtual time, or any server over TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use onbeat_server::clock::Clock;

use super::pace::Pace;
use crate::client::{Bounds, Client};
use crate::lab::Lab;
use crate::transport;

/// A server that clients can connect to.
pub(super) trait Target {
    /// The time in which it is judged.
    fn clock(&self) -> Arc<dyn Clock>;

    /// How it is judged, and how long is waited.
    fn pace(&self) -> &Pace;

    /// A new client, which takes in no more than these bounds.
    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client>;

    /// Lets it notice what it is not told, such as that a client has left.
    async fn settle(&self);

    /// A raw request of a fixture, as it has to be sent to this target.
    fn address(&self, request: &str) -> String;
}

/// The server in a lab.
pub(super) struct Embedded<'a> {
    pub(super) lab: &'a mut Lab,
    pub(super) pace: Pace,
}

impl Target for Embedded<'_> {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.lab.world().clock())
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client> {
        let (sender, tap) = self.lab.pipe();
        Ok(Client::bounded(self.clock(), sender, tap, bounds))
    }

    async fn settle(&self) {
        self.lab.settle().await;
    }

    fn address(&self, request: &str) -> String {
        request.into()
    }
}

/// A server over TCP.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    pub(super) addr: SocketAddr,
    /// What `Host` says.
    pub(super) host: String,
    /// What comes before each path; empty, or without a slash at its end.
    pub(super) prefix: String,
}

impl Target for Live {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client> {
        let (sender, tap) = transport::connect_tcp(self.addr, self.clock()).await?;
        Ok(Client::bounded(self.clock(), sender, tap, bounds))
    }

    async fn settle(&self) {
        self.clock.sleep_until(self.clock.now() + self.pace.settling).await;
    }

    fn address(&self, request: &str) -> String {
        let request = request.replacen("\r\nHost: onbeat\r\n", &format!("\r\nHost: {}\r\n", self.host), 1);
        match request.split_once(" /") {
            Some((method, rest)) => format!("{method} {}/{rest}", self.prefix),
            None => request,
        }
    }
}
