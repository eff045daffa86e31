//! Waits of requests for clients, until the server ends.

use std::future::poll_fn;
use std::task::Poll;

use axum::http::StatusCode;
use onbeat_server::connection::Connection;

use super::refusal::Refusal;
use crate::controller::OperationError;

/// How long a request may wait for clients, and how long a request waits by default, in the machine's time.
pub(super) const WAIT_MS_MAX: u64 = 600_000;
const WAIT_MS_DEFAULT: u64 = 10_000;
/// How many clients a request may wait for: more than a machine has ports.
pub(super) const CLIENTS_MAX: u64 = 100_000;

/// Returns the number of clients to wait for, if a form names none.
pub(super) fn one() -> usize {
    1
}

/// Returns the time to wait, if a form names none.
pub(super) fn wait_ms_default() -> u64 {
    WAIT_MS_DEFAULT
}

/// Waits for clients on behalf of a request on this connection.
///
/// # Errors
///
/// If the wait is refused, or the server is about to end.
pub(super) async fn wait_until_end<T>(
    wait: impl Future<Output = Result<T, OperationError>>,
    connection: Option<&Connection>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        waited = wait => Ok(waited?),
        () = ended(connection) => Err(Refusal::new(StatusCode::CONFLICT, "server", "is about to end")),
    }
}

/// Waits until the server ends the connection of a request, as at the end of the server.
async fn ended(connection: Option<&Connection>) {
    // Registers no waker: an ending wakes the task of the connection, which polls the handler.
    poll_fn(|_| {
        if connection.is_some_and(|connection| connection.ending().is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
