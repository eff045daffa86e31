//! The steps on their way through the faults of a response, and the tally of writes.

use bytes::Bytes;

use onbeat_server::script::Action;

/// A step on its way through the faults of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Does an action, unless a fault alters the action.
    Do(Action),
    /// Writes bytes in pieces of so many, and sends each piece before the next. A piece is made on demand, since there may
    /// be millions.
    Pieces(Bytes, usize),
    /// Lets each fault act that acts at this time.
    Look,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self::Do(action)
    }
}

/// How many writes and bytes of a response have been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The writes.
    pub writes: u64,
    /// The bytes of the writes.
    pub bytes: u64,
}

impl Tally {
    /// Counts a write of so many bytes.
    pub fn count(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes as u64;
    }
}
