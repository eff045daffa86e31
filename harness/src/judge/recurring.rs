//! A write that a server repeats by a clock of its own.

/// A write that one stream repeats by a clock of its own, wherever that clock puts the write among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recurring {
    /// How a request for the stream begins.
    pub(crate) request: &'static str,
    pub(crate) write: &'static str,
    /// The first write comes so long after the request, and each further one so long after the one before.
    pub(crate) period_ms: u64,
}
