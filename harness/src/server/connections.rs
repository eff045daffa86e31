//! The connections of a server: listed, waited for, written to and closed.

use std::fmt;
use std::sync::Arc;

use onbeat_control::{ExpectedRequest, OperationError};
use onbeat_wire::recording::ClosedHow;

use super::thread::RunningServer;
use super::{Chunk, CloseReport, ConnectionReport, Log, Reply, Server, ServerError, WriteReport};

/// How many requests a refusal lists.
const LISTED_MAX: usize = 5;

/// A connection of a client, and the response under way there, or else the last. The methods are for this response: once the
/// connection carries another response, the server refuses the calls.
#[derive(Clone)]
pub struct Connection {
    server: Arc<RunningServer>,
    report: ConnectionReport,
}

impl Server {
    /// Returns the open connections with a request so far, in the order of their ordinals.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn connections(&self) -> Reply<Vec<Connection>> {
        self.server.ask(async |server| Ok(connections(&server, server.controller.connections())))
    }

    /// Waits until so many responses are under way to a path; at once, if they are. Returns their connections, the oldest
    /// request first. The path may stand after a method, as in `POST /chat`, and then counts for that method alone. With a
    /// query, as in `/room?id=b`, only requests with the same parameters count, in any order; without a query, all.
    ///
    /// ```
    /// # use std::io::Write;
    /// # let server = onbeat::Server::start().wait()?;
    /// # server.route(r#"{"method": "POST", "path": "/v1/chat", "steps": [{"open": true}]}"#).wait()?;
    /// # let mut client = std::net::TcpStream::connect(server.addr())?;
    /// # client.write_all(b"POST /v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")?;
    /// let chat = server.connected("POST /v1/chat", 1).wait()?.remove(0);
    /// let written = chat.send("data: Hel").wait()?;
    /// assert!(written.written);
    /// chat.cut().wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// After ten seconds of the machine's time, or what [`ServerBuilder::patience`](super::ServerBuilder::patience) says. The
    /// error tells the last requests that came.
    pub fn connected(&self, request: &str, count: usize) -> Reply<Vec<Connection>> {
        let request = request.to_owned();
        self.server.ask(async move |server| {
            let (method, target) =
                request.split_once(' ').map_or((None, &*request), |(method, target)| (Some(method), target));
            let expected = ExpectedRequest::read(method, target)?;
            at_least_one(count)?;
            match server.controller.connected(&expected, count, server.patience).await {
                Ok(reports) => Ok(connections(&server, reports)),
                // Adds the last requests, which mostly show a wrong path or a client that never came.
                Err(error @ OperationError::NotConnected { .. }) => {
                    let requests = last_requests(&Log::read(&server)?);
                    let advice = format!(". The URL of that path is {}. {requests}", server.url(target));
                    Err(ServerError::from(error).and(&advice))
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl Connection {
    /// Returns the ordinal of the connection in the world, from 0.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.report.id
    }

    /// Returns the `Last-Event-ID` of the request.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.report.last_event_id.as_deref()
    }

    /// Returns the request, the progress of the response, and the state, as they were when the connection was listed.
    #[must_use]
    pub fn report(&self) -> &ConnectionReport {
        &self.report
    }

    /// Writes to the response, as one chunk. The reply comes when the bytes have been handed to the socket, or soon if they
    /// are held up: [`WriteReport::written`] tells.
    ///
    /// # Errors
    ///
    /// If the response has ended, or takes no more, or a field of an event is wrong.
    pub fn send(&self, chunk: impl Into<Chunk>) -> Reply<WriteReport> {
        let (ConnectionReport { id, request, .. }, Chunk(chunk)) = (self.report.clone(), chunk.into());
        self.server.ask(async move |server| Ok(server.controller.write(id, Some(request), chunk).await?))
    }

    /// Ends the response in good order, and then the connection.
    ///
    /// # Errors
    ///
    /// If the connection is closed already, or carries another response.
    pub fn end(&self) -> Reply<CloseReport> {
        self.close(ClosedHow::End)
    }

    /// Closes the connection in the middle of the response, behind what was sent.
    ///
    /// # Errors
    ///
    /// As [`Connection::end`].
    pub fn cut(&self) -> Reply<CloseReport> {
        self.close(ClosedHow::Cut)
    }

    /// Resets the connection (RST). What was sent and has not been read may be lost.
    ///
    /// # Errors
    ///
    /// As [`Connection::end`].
    pub fn reset(&self) -> Reply<CloseReport> {
        self.close(ClosedHow::Reset)
    }

    /// Closes the sending side of the connection alone, in the middle of the response (FIN).
    ///
    /// # Errors
    ///
    /// As [`Connection::end`].
    pub fn half_close(&self) -> Reply<CloseReport> {
        self.close(ClosedHow::Half)
    }

    fn close(&self, how: ClosedHow) -> Reply<CloseReport> {
        let ConnectionReport { id, request, .. } = self.report;
        self.server.ask(async move |server| Ok(server.controller.close(id, Some(request), how).await?))
    }

    pub(super) fn server(&self) -> &Arc<RunningServer> {
        &self.server
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

fn connections(server: &Arc<RunningServer>, reports: Vec<ConnectionReport>) -> Vec<Connection> {
    reports.into_iter().map(|report| Connection { server: Arc::clone(server), report }).collect()
}

/// Checks a number of clients to wait for.
pub(super) fn at_least_one(count: usize) -> Result<(), ServerError> {
    if count > 0 { Ok(()) } else { Err(ServerError::wrong("expected a count from 1 on, got 0")) }
}

/// Returns the last requests that a log tells, in words.
fn last_requests(log: &Log) -> String {
    let requests = log.requests();
    let last = &requests[requests.len().saturating_sub(LISTED_MAX)..];
    if last.is_empty() {
        return "No request has come".to_owned();
    }
    let told = last.iter().map(|request| {
        let status = request.status.map_or_else(|| "not answered yet".into(), |status| format!("status {status}"));
        format!("{} {} ({status})", request.method, request.target)
    });
    format!("The last requests: {}", told.collect::<Vec<_>>().join(", "))
}
