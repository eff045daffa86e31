//! The log of a server: requests, responses, and the actions of the test.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use onbeat_wire::recording::{Fact, Line, Request, ResponseHead};

use super::thread::RunningServer;
use super::{Reply, Server, ServerError};

/// The log of a world, from the start of the server or the last reset on.
///
/// Secrets, such as the value of an `authorization` header, are replaced by as many `x`. Printed, the log is its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    text: String,
}

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// When the request was received, in milliseconds.
    pub at_ms: u64,
    /// The ordinal of the connection, from 0.
    pub connection: u64,
    /// The ordinal of the request on the connection, from 0.
    pub request: u32,
    /// The method.
    pub method: String,
    /// The path, and the query if there is one.
    pub target: String,
    /// The header fields, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body; of a long one, only the beginning.
    pub body: Bytes,
    /// The status of the response, if the head of the response has been sent.
    pub status: Option<u16>,
}

impl LoggedRequest {
    /// Returns the first value of a header field, whose name counts in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Log {
    /// Reads the log of the world of the moment.
    pub(super) fn read(server: &RunningServer) -> Result<Self, ServerError> {
        let mut bytes = Vec::new();
        for piece in server.controller.log() {
            // Reads without an await: no reset can empty the log between two pieces.
            bytes.extend_from_slice(&piece.map_err(|_| ServerError::stopped())?);
        }
        Ok(Self { text: String::from_utf8(bytes).expect("a log is JSON") })
    }

    /// Returns the log as lines of JSON, for `onbeat replay --log FILE`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the requests, in the order in which they were received.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// assert!(server.log().wait()?.requests().is_empty());
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Never: each line of a log can be read.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        let mut requests: Vec<LoggedRequest> = Vec::new();
        let mut by_ordinals: BTreeMap<(u64, u32), usize> = BTreeMap::new();
        for line in self.text.lines() {
            let line: Line = Line::read(line).expect("a line of a log");
            let (Some(connection), Some(number)) = (line.exchange.connection, line.exchange.request) else { continue };
            match line.fact {
                Fact::Request(Request { method, target, headers, body, .. }) => {
                    // Keeps the place of the request, for the status in a later line.
                    by_ordinals.insert((connection, number), requests.len());
                    requests.push(LoggedRequest {
                        at_ms: line.t_ms,
                        connection,
                        request: number,
                        method,
                        target,
                        headers,
                        body: body.map(|body| body.bytes).unwrap_or_default(),
                        status: None,
                    });
                }
                Fact::Head(ResponseHead { status, .. }) => {
                    if let Some(place) = by_ordinals.get(&(connection, number)) {
                        requests[*place].status = Some(status);
                    }
                }
                _ => {}
            }
        }
        requests
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Server {
    /// Returns the log since the start or the last reset.
    ///
    /// ```no_run
    /// # use onbeat::Server;
    /// # let server = Server::start().wait()?;
    /// let requests = server.log().wait()?.requests();
    /// assert_eq!(requests[1].header("last-event-id"), Some("7"));
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn log(&self) -> Reply<Log> {
        self.server.ask(async |server| Log::read(&server))
    }
}
