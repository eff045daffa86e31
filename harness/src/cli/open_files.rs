//! The limit on open files: each client takes file descriptors, and the soft limit is often just 1024.

/// A check has at most so many sockets and files open at a time.
const CHECK_MIN: u64 = 128;

/// Raises the limit as far as the system allows.
pub(super) fn raise() {
    limit();
}

/// Raises the limit for a check, whose clients are many. Without sockets a check would accuse the server.
///
/// # Errors
///
/// If the system allows too few.
pub(super) fn raise_for_check() -> Result<(), String> {
    match limit() {
        Some(limit) if limit < CHECK_MIN => Err(format!(
            "expected a limit of at least {CHECK_MIN} open files, got {limit}: raise it (ulimit -n {CHECK_MIN})"
        )),
        _ => Ok(()),
    }
}

/// Returns the limit, as high as the system allows, if it is known.
fn limit() -> Option<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
        .inspect_err(|error| tracing::warn!(%error, "the limit on open files stays as it is"))
        .ok()
}
