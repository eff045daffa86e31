//! What recorders and checks need of a lab: whole logs, and requests of any bytes.

use bytes::Bytes;

use super::Lab;
use super::client::Client;
use super::connection::ClientConnection;
use super::response::Response;
use crate::player::{Action, ClientLog};

/// The log of a client, and the order of the actions there among the actions of all clients.
#[derive(Clone, Debug)]
pub(crate) struct OrderedLog {
    pub(crate) log: ClientLog,
    /// For each action of the log, the ordinal among the actions of all clients.
    pub(crate) order: Vec<u64>,
}

impl OrderedLog {
    fn of(connection: &ClientConnection) -> Self {
        Self { log: connection.log(), order: connection.order.lock().clone() }
    }
}

impl Lab {
    /// Returns the logs of all clients of the test, in the order in which the clients were made.
    pub(crate) fn ordered_logs(&self) -> Vec<OrderedLog> {
        self.state.clients().iter().map(|client| OrderedLog::of(client)).collect()
    }
}

impl Client {
    /// Sends the bytes of a request, and returns the ordinal of the request on the connection.
    pub(crate) async fn send_request(&self, method: &str, bytes: impl Into<Bytes>) -> usize {
        self.connection.request(Action::Request { method: method.to_owned(), bytes: bytes.into() }).await
    }

    /// Waits until no more comes of the response to a request, and for all that follows at that instant.
    pub(crate) async fn answered(&self, ordinal: usize) {
        self.connection.until(ordinal, |exchange| exchange.end.is_some() || exchange.broken.is_some()).await;
    }

    /// Returns the log, and the order of the actions.
    pub(crate) fn ordered_log(&self) -> OrderedLog {
        OrderedLog::of(&self.connection)
    }

    /// Returns the error of the application that ended the answer to a request.
    pub(crate) fn failure(&self, ordinal: usize) -> Option<String> {
        self.connection.lab().state.open.failure(&self.connection.peer(), ordinal)
    }
}

impl Response {
    /// Returns the log of the client, and the ordinal of the request on the connection.
    pub(crate) fn ordered_log(&self) -> (OrderedLog, usize) {
        (OrderedLog::of(&self.connection), self.ordinal)
    }
}
