//! The clients of a random world, and the world after its end.

use std::fmt;

use super::client_request::ClientRequest;
use crate::lab::{Client, Response};
use crate::player::ClientLog;

/// A client of a random world, with all observations of the client.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorldClient {
    pub(super) client: Client,
    pub(super) number: usize,
    pub(super) came_back_from: Option<usize>,
    /// The number of the client beside which the client is the calm one.
    pub(super) calm_beside: Option<usize>,
    pub(super) exchanges: Vec<WorldExchange>,
}

/// A request of a client, and the response as far as it came.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorldExchange {
    /// The request.
    pub request: ClientRequest,
    /// The response.
    pub response: Response,
    /// The number of the calm client that sent the same request at the same moment.
    pub(super) calm_client: Option<usize>,
}

impl WorldClient {
    /// Returns the number of the client, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Returns the number of the client of which this client is the return. The client has sent the `Last-Event-ID` of that
    /// client, if there was one.
    #[must_use]
    pub fn came_back_from(&self) -> Option<usize> {
        self.came_back_from
    }

    /// Returns whether the client is the calm one beside another client: on a perfect network, and to the end of the world.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.calm_beside.is_some()
    }

    /// Returns the requests with their responses, in their order on the connection of the client.
    #[must_use]
    pub fn exchanges(&self) -> &[WorldExchange] {
        &self.exchanges
    }

    /// Returns the actions and observations of the client.
    #[must_use]
    pub fn log(&self) -> ClientLog {
        self.client.log()
    }

    /// Returns the id of the last event that the client has seen; none without an id.
    pub(super) fn last_event_id(&self) -> Option<String> {
        let response = &self.exchanges.last()?.response;
        let events = if response.is_event_stream() { response.events() } else { Vec::new() };
        events.last().map(|event| event.id.clone()).filter(|id| !id.is_empty())
    }
}

/// A random world after its end: all clients have left.
#[derive(Debug)]
#[non_exhaustive]
pub struct EndedWorld<'a, S = ()> {
    pub(super) seed: u64,
    pub(super) clients: &'a [WorldClient],
    pub(super) state: &'a S,
}

impl<'a, S> EndedWorld<'a, S> {
    /// Returns the seed of the world.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns all clients, the calm ones last.
    #[must_use]
    pub fn clients(&self) -> &'a [WorldClient] {
        self.clients
    }

    /// Returns the exchanges of all clients.
    pub fn exchanges(&self) -> impl Iterator<Item = &'a WorldExchange> + use<'a, S> {
        self.clients.iter().flat_map(WorldClient::exchanges)
    }

    /// Returns the state, built by [`Worlds::with_state`](super::Worlds::with_state) beside the application.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.state
    }
}

/// Prints the log under the name of the client.
impl fmt::Display for WorldClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calm = if self.is_calm() { ", calm" } else { "" };
        write!(f, "client {}{calm}:\n{}", self.number, self.log())
    }
}
