//! What becomes of a response, act by act.

use bytes::Bytes;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// This is written, as one chunk.
    Write(Bytes),
    /// What was written is sent before anything else is.
    Flush,
    /// The response ends in good order.
    End,
    /// The connection is closed.
    Cut,
    /// The connection is reset.
    Reset,
}

/// How much of a response has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

impl Written {
    pub(crate) fn count(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes as u64;
    }
}
