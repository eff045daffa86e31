//! Waits for clients. No part of the world depends on such a wait, and nothing waits for the wait: an advance, a reset and the
//! end of the server go on.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use axum::http::StatusCode;
use onbeat_clock::machine_pause;
use onbeat_server::connection::Connection;

use super::refusal::Refusal;

/// How long a request may wait, in the machine's time, and how long a request waits that names no time.
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

/// Waits until `enough` returns what was waited for.
///
/// # Errors
///
/// If `enough` returns nothing, since the server was reset; if the server is about to end; or after `timeout_ms`, for the field
/// and the reason that `too_late` returns.
pub(super) async fn wait_for<T>(
    enough: impl Future<Output = Option<T>>,
    connection: Option<&Connection>,
    timeout_ms: u64,
    too_late: impl FnOnce() -> (&'static str, String),
) -> Result<T, Refusal> {
    let refuse = |field: &str, reason: String| Err(Refusal::new(StatusCode::CONFLICT, field, reason));
    tokio::select! {
        biased;
        enough = enough => match enough {
            Some(enough) => Ok(enough),
            None => refuse("clients", "the server was reset while clients were waited for".to_owned()),
        },
        () = ended(connection) => refuse("server", "is about to end".to_owned()),
        () = machine_pause(Duration::from_millis(timeout_ms)) => {
            let (field, reason) = too_late();
            refuse(field, reason)
        }
    }
}

/// Waits until the server ends the connection of a request, as at the end of the server.
async fn ended(connection: Option<&Connection>) {
    // Polled whenever the task of the connection is woken, as an ending does.
    poll_fn(|_| {
        if connection.is_some_and(|connection| connection.ending().is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
