//! What is on its way through the faults of a response, and how much has been written of one.

use bytes::Bytes;

use onbeat_server::script::Action;

/// What is on its way through the faults of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The response does this, unless a fault makes something else of it.
    Do(Action),
    /// These bytes are written in pieces of so many, and each piece is sent before the next is written. A piece is made
    /// when it is needed, since there may be millions.
    Pieces(Bytes, usize),
    /// Each fault may do something, since it is so late.
    Look,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self::Do(action)
    }
}

/// How much of a response has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// Counts a write of so many bytes.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes as u64;
    }
}
