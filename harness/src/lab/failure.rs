//! The failures that end a test whatever the test itself says.

use std::fmt;
use std::time::Duration;

use super::open::OpenRequest;

/// Why a lab ends a test.
#[derive(Debug)]
pub(crate) enum LabFailure {
    /// The application panicked, at work on a request if there is one.
    Panicked(Option<OpenRequest>),
    /// The test waits since so long in virtual time.
    NothingComes(Duration),
    /// Nothing has happened for so long in the machine's time.
    Stuck(Duration),
    /// The time is no whole number of milliseconds.
    OffGrid(Duration),
    /// Requests are open, though all clients have left.
    Leaked(Vec<OpenRequest>),
}

impl fmt::Display for LabFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(Some(request)) => write!(f, "the application panicked at work on {request}"),
            Self::Panicked(None) => f.write_str("the application panicked"),
            Self::NothingComes(patience) => write!(
                f,
                "the test waits for what never comes: {} s of virtual time have passed since the test last did anything\n  \
                 help: if the wait is meant to be so long, raise `LabOptions::patience`.\n  \
                 help: threads of the application's own, sockets, and other runtimes do not follow virtual time: it runs \
                 ahead of them.",
                patience.as_secs_f64()
            ),
            Self::Stuck(limit) => write!(
                f,
                "nothing has happened for {} s of the machine's time\n  \
                 help: virtual time stands still while `spawn_blocking` works, and while code blocks the thread: look for a \
                 blocking task that waits, `std::thread::sleep`, a lock, or a loop without an end.\n  \
                 help: if the work is meant to take so long, raise `LabOptions::real_time_limit`.",
                limit.as_secs_f64()
            ),
            Self::OffGrid(now) => write!(
                f,
                "the time is {} ms, which is no whole number of milliseconds\n  \
                 help: a paused clock moves from timer to timer, in milliseconds. Code under test must not call \
                 `tokio::time::advance` or `tokio::time::resume`.",
                now.as_secs_f64() * 1000.0
            ),
            Self::Leaked(requests) => {
                f.write_str("the application is still at work, though all clients have left:")?;
                requests.iter().try_for_each(|request| write!(f, "\n  {request}"))
            }
        }
    }
}
