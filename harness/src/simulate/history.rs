//! A history: the operations of the clients of a world, with times.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::link::Link;
use super::operation::Operation;
use super::resource::ResourceRequest;
use super::timed_history::TimedHistory;

/// The history of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The seed of the world.
    pub seed: u64,
    /// How many events a client may be behind.
    pub mailbox_events_max: u64,
    /// How many connections the server serves at a time.
    pub connections_max: usize,
    /// The networks of the clients. Each client has a single connection.
    pub clients: Vec<Link>,
    /// The operations in the order of time.
    #[serde(rename = "deeds")]
    pub operations: Vec<Operation>,
    /// When all faults stop, in milliseconds after the epoch. The remaining clients read on for a while, and close.
    pub end_ms: u64,
}

/// Bytes that are no HTTP.
pub(super) const GARBAGE: [&str; 4] = ["\r\n\r\nhello\r\n\r\n", "GET /sse", "GET /sse HTTP/1.1\r\n\r\n", "\0\u{1}\n\n"];

impl TimedHistory for History {
    type Request = ResourceRequest;

    fn clients(&mut self) -> &mut Vec<Link> {
        &mut self.clients
    }

    fn operations(&mut self) -> &mut Vec<Operation> {
        &mut self.operations
    }

    fn end_ms(&mut self) -> &mut u64 {
        &mut self.end_ms
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mailbox_events_max < 1024 {
            writeln!(f, "a mailbox holds {} events", self.mailbox_events_max)?;
        }
        if self.connections_max < self.clients.len() {
            writeln!(f, "the server takes on {} connections", self.connections_max)?;
        }
        for (client, link) in self.clients.iter().enumerate() {
            let traits = link.to_string();
            if !traits.is_empty() {
                writeln!(f, "client {client}{traits}")?;
            }
        }
        self.operations.iter().try_for_each(|operation| writeln!(f, "{operation}"))?;
        writeln!(f, "{:>9} ms  all that are still there read on, and close", self.end_ms)
    }
}
