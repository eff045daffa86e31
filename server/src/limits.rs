//! The limits of one server: what a server takes on, and for how long.

use std::time::Duration;

/// The limits of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many events a subscriber may be behind before the connection is evicted.
    pub mailbox_events_max: u64,
    /// How many connections are served at a time. Further connections wait to be accepted.
    pub connections_max: usize,
    /// How long a client may take for the head of a request, in the machine's time; `None` for any time.
    pub head_time_max: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { mailbox_events_max: 1024, connections_max: 65_536, head_time_max: Some(Duration::from_secs(30)) }
    }
}

/// The most bytes of a request's body that an application gets.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of the bodies of all requests together that an application gets.
pub const REQUEST_BODIES_BYTES_MAX: usize = 16 * REQUEST_BODY_BYTES_MAX;
