//! The connections: listed, waited for, written to and closed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use onbeat_wire::recording::ClosedHow;
use serde::Serialize;

use super::waiting::wait_for;
use super::{Controller, Instance, OperationError, SentChunk};
use crate::connections::{ExpectedRequest, LiveExchange, OpenConnection, Progress};
use crate::monitor::Pushed;

/// How many responses under way a refusal lists.
const LISTED_MAX: usize = 10;

/// An open connection, and the response there, under way or last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// The ordinal of the connection in the world, from 0.
    pub id: u64,
    /// The ordinal of the request on the connection, from 0.
    pub request: u32,
    /// The method of the request.
    pub method: String,
    /// The path of the request, as the server compares paths.
    pub path: String,
    /// The query of the request without secrets, as the log shows queries; nothing without a question mark.
    pub query: Option<String>,
    /// When the request was received, in milliseconds.
    pub since_ms: u64,
    /// How many writes of the body have been written.
    pub writes: u64,
    /// How many bytes the writes have.
    pub bytes: u64,
    /// The `Last-Event-ID` of the request.
    pub last_event_id: Option<String>,
    /// The state of the response.
    pub state: ConnectionState,
}

/// The state of a connection, from the most passing to the most lasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConnectionState {
    /// A response is under way.
    Streaming,
    /// The client does not read.
    Blocked,
    /// A fault keeps the response from going on.
    Stalled,
    /// No response is under way.
    Idle,
    /// The server has closed the sending side.
    HalfClosed,
}

/// A write pushed into a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WriteReport {
    /// The ordinal of the connection.
    pub id: u64,
    /// The ordinal of the answered request.
    pub request: u32,
    /// How many bytes the write has, before any fault.
    pub bytes: usize,
    /// Whether the bytes are on the socket: not yet, if the client does not read, the head is not due, or a fault holds the
    /// bytes back.
    pub written: bool,
}

/// A closed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CloseReport {
    /// The ordinal of the connection.
    pub id: u64,
    /// How the server closed the connection.
    pub how: ClosedHow,
}

impl Controller {
    /// Returns the open connections, in the order of their ordinals.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionReport> {
        reports(&self.instance().monitor.connections().open())
    }

    /// Waits until so many responses are under way to requests like the expected one. Returns the connections, the oldest
    /// request first.
    ///
    /// # Errors
    ///
    /// After `time_max` of the machine's time, or if the server is reset.
    pub async fn connected(
        &self,
        expected: &ExpectedRequest,
        at_least: usize,
        time_max: Duration,
    ) -> Result<Vec<ConnectionReport>, OperationError> {
        let instance = self.instance();
        let awaited = format!("{at_least} under way to {expected}");
        // Looks again when the time is over, for a refusal that tells the clients of that moment.
        let too_late = || {
            let connections = instance.monitor.connections();
            OperationError::NotConnected {
                awaited: awaited.clone(),
                timeout_ms: time_max.as_millis(),
                got: connections.count_like(expected),
                others: under_way(&connections.under_way())
                    + &answered(connections.last_ended_like(expected).as_deref()),
            }
        };
        let like = wait_for(self.enough_connected(&instance, expected, at_least), &awaited, time_max, too_late).await?;
        Ok(reports(&like))
    }

    /// Waits until so many responses are under way to requests like the expected one; returns `None` after a reset.
    async fn enough_connected(
        &self,
        instance: &Arc<Instance>,
        expected: &ExpectedRequest,
        at_least: usize,
    ) -> Option<Vec<OpenConnection>> {
        loop {
            // Registers before the looks, so that no request in between is missed.
            let next = instance.monitor.connections().next_begun();
            if !self.is_current(instance) {
                return None;
            }
            // Counts before copying the list: each request of a large crowd wakes the wait.
            if instance.monitor.connections().count_like(expected) >= at_least {
                let like = instance.monitor.connections().like(expected);
                // Looks again, since clients may have left between the count and the list.
                if like.len() >= at_least {
                    return Some(like);
                }
            }
            next.await;
        }
    }

    /// Writes a chunk to the response under way on a connection, now, and waits a bounded time until the bytes are on the
    /// socket. With a `request`, only to the response to that request.
    ///
    /// # Errors
    ///
    /// If the chunk is wrong, no such response is under way, or the response takes no more writes.
    pub async fn write(&self, id: u64, request: Option<u32>, chunk: SentChunk) -> Result<WriteReport, OperationError> {
        chunk.check()?;
        let bytes = chunk.bytes();
        let length = bytes.len();
        // Keeps the rest until the bytes have been sent, so that no time passes meanwhile.
        let (instance, rest) = self.instance_at_rest().await;
        let pushed = instance.monitor.push_and_wait(id, request, bytes, rest.is_some()).await?;
        let Pushed { request, is_written } = pushed;
        Ok(WriteReport { id, request, bytes: length, written: is_written })
    }

    /// Closes a connection, and waits a bounded time until the response there has ended. With a `request`, only if the
    /// response under way answers that request.
    ///
    /// # Errors
    ///
    /// If no such connection is open, or the response there answers another request.
    pub async fn close(&self, id: u64, request: Option<u32>, how: ClosedHow) -> Result<CloseReport, OperationError> {
        // Keeps the rest until the response has ended, so that no time passes meanwhile.
        let (instance, _rest) = self.instance_at_rest().await;
        if let Some(open) = instance.monitor.connections().find(id) {
            open.check_request(request)?;
        }
        let closed = instance.monitor.close_and_wait(id, how).await;
        if closed { Ok(CloseReport { id, how }) } else { Err(instance.monitor.connections().not_open(id).into()) }
    }
}

fn reports(open: &[OpenConnection]) -> Vec<ConnectionReport> {
    open.iter().map(report).collect()
}

fn report(open: &OpenConnection) -> ConnectionReport {
    let OpenConnection { connection, exchange, .. } = open;
    let Progress { written, is_stalled, end, .. } = exchange.progress();
    // Asks for the most lasting state first.
    let state = match () {
        () if connection.is_half_closed() => ConnectionState::HalfClosed,
        () if end.is_some() => ConnectionState::Idle,
        () if is_stalled => ConnectionState::Stalled,
        () if connection.is_blocked() => ConnectionState::Blocked,
        () => ConnectionState::Streaming,
    };
    ConnectionReport {
        id: exchange.connection,
        request: exchange.request,
        method: exchange.method.to_string(),
        path: exchange.target.path.clone(),
        query: exchange.target.query.clone(),
        since_ms: exchange.since.as_millis(),
        writes: written.writes,
        bytes: written.bytes,
        last_event_id: exchange.last_event_id.clone(),
        state,
    }
}

/// Returns the responses under way in words.
fn under_way(open: &[OpenConnection]) -> String {
    if open.is_empty() {
        return "no response is under way".to_owned();
    }
    let mut text = String::from("under way:");
    for (number, OpenConnection { exchange, .. }) in open.iter().take(LISTED_MAX).enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(text, "{comma} {} on connection {}", exchange.asked(), exchange.connection);
    }
    if open.len() > LISTED_MAX {
        let _ = write!(text, ", and {} more", open.len() - LISTED_MAX);
    }
    text
}

/// Returns the answer to the last request that was waited for, if the answer came before the wait or during the wait.
fn answered(ended: Option<&LiveExchange>) -> String {
    ended.map_or_else(String::new, |exchange| {
        let (asked, since_ms) = (exchange.asked(), exchange.since.as_millis());
        format!("; the last such request, {asked} at {since_ms} ms, {}", exchange.answer_in_words())
    })
}

#[cfg(test)]
mod tests;
