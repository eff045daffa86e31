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

/// What is on its way through the faults of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something is to be done, unless a fault makes something else of it.
    Act(Act),
    /// These bytes are to be written in pieces of so many, each sent before the next one is written. A piece is made when
    /// it is needed, since there may be millions.
    Pieces(Bytes, usize),
    /// Each fault may do something, since it is so late.
    Look,
}

impl From<Act> for Step {
    fn from(act: Act) -> Self {
        Self::Act(act)
    }
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
