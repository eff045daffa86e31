//! The connections of a server: listed, waited for, written to and closed.

use std::fmt;
use std::sync::Arc;

use axum::http::Method;
use onbeat_control::OperationError;
use onbeat_wire::recording::ClosedHow;

use super::thread::Shared;
use super::{Chunk, CloseReport, ConnectionReport, Log, Reply, Server, ServerError, WriteReport};

/// How many requests a refusal lists.
const LISTED_MAX: usize = 5;

/// A connection of a client, and the response that the connection carries, or carried last, as the server listed these. The
/// methods are for that response: once the connection carries another one, they are refused.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    report: ConnectionReport,
}

impl Server {
    /// Returns the open connections that have carried a request, in the order of their ordinals.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn connections(&self) -> Reply<Vec<Connection>> {
        self.shared.ask(async |shared| Ok(connections(&shared, shared.controller.connections())))
    }

    /// Waits until so many responses are under way to a path; at once, if they are. Returns their connections, the oldest
    /// request first. The path may stand after a method, as in `POST /chat`, and then counts for that method alone. A query is
    /// left out.
    ///
    /// ```no_run
    /// # async fn test(server: onbeat::Server) -> Result<(), Box<dyn std::error::Error>> {
    /// let chat = &server.connected("POST /v1/chat", 1).await?[0];
    /// chat.send("data: Hel").await?;
    /// chat.cut().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// After ten seconds of the machine's time, or what [`ServerBuilder::patience`](super::ServerBuilder::patience) says. The
    /// error tells the last requests that came.
    pub fn connected(&self, request: &str, count: usize) -> Reply<Vec<Connection>> {
        let request = request.to_owned();
        self.shared.ask(async move |shared| {
            let (method, path) = expected_request(&request)?;
            at_least_one(count)?;
            match shared.controller.connected(method, path, count, shared.patience).await {
                Ok(reports) => Ok(connections(&shared, reports)),
                Err(error @ OperationError::NotConnected { .. }) => {
                    let requests = last_requests(&Log::read(&shared)?);
                    let advice = format!(". Does the client ask for {}? {requests}", shared.url(path));
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
        self.shared.ask(async move |shared| Ok(shared.controller.write(id, Some(request), chunk).await?))
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
        self.shared.ask(async move |shared| Ok(shared.controller.close(id, Some(request), how).await?))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

fn connections(shared: &Arc<Shared>, reports: Vec<ConnectionReport>) -> Vec<Connection> {
    reports.into_iter().map(|report| Connection { shared: Arc::clone(shared), report }).collect()
}

/// Reads a path, perhaps after a method.
fn expected_request(text: &str) -> Result<(Option<Method>, &str), ServerError> {
    let (method, target) = text.split_once(' ').map_or((None, text), |(method, target)| (Some(method), target));
    let wrong = || ServerError::wrong(format!("expected a path like /chat, or POST /chat, got {text:?}"));
    let method = method.map(str::parse).transpose().map_err(|_| wrong())?;
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.starts_with('/') { Ok((method, path)) } else { Err(wrong()) }
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
