//! Waits for clients. No part of the world depends on such a wait, and nothing waits for the wait: an advance, a reset and the
//! end of the server go on.

use std::time::Duration;

use onbeat_clock::machine_pause;

use super::OperationError;

/// Waits for the value of `enough`, which is `awaited` in words, at most `time_max` of the machine's time.
///
/// # Errors
///
/// If `enough` returns nothing, since the server was reset; or after `time_max`, as `too_late` says.
pub(super) async fn wait_for<T>(
    enough: impl Future<Output = Option<T>>,
    awaited: &str,
    time_max: Duration,
    too_late: impl FnOnce() -> OperationError,
) -> Result<T, OperationError> {
    tokio::select! {
        biased;
        // Polls first, so that a wait of 0 ms still finds clients already there.
        enough = enough => enough.ok_or_else(|| OperationError::ResetInWait(awaited.to_owned())),
        () = machine_pause(time_max) => Err(too_late()),
    }
}
