//! How the server ends a connection, and which ending wins if the server asks for several.

use std::sync::atomic::{AtomicBool, Ordering};

use onbeat_wire::How;
use onbeat_wire::recording::ClosedHow;
use parking_lot::Mutex;

/// How the server ends a connection, from the mildest way to the most severe.
///
/// The order is the order of precedence: a more severe ending replaces a milder one, and a milder ending changes nothing.
/// There are two exceptions. Of a cut and a half-close the first wins. A half-close that is followed by an end in good
/// order becomes a cut: the server no longer waits for the client.
///
/// An ending concerns only a response under way. A response that was played to the end stays complete, and a response
/// whose client has left stays closed, whatever ending follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Streams write all that is due and the last chunk; then the connection is closed.
    InGoodOrder,
    /// The server closes its side (FIN) without the last chunk when all writes have been sent, and waits for the client.
    HalfClose,
    /// The connection is closed (FIN) without the last chunk when all writes have been sent.
    Cut,
    /// The connection is closed at once, before the remaining bytes are sent.
    BreakOff(BrokenOff),
    /// The connection is reset (RST) when all bytes before have been sent, and at the latest after two seconds of the
    /// machine's time, for a client that does not read.
    Reset,
}

/// Why a connection was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BrokenOff {
    /// An event came while the mailbox was full.
    #[error("the client was evicted: its mailbox is full")]
    Evicted,
    /// The streams of a world were ended, and one client did not take the end.
    #[error("the client did not take the end of its stream in time")]
    EndNotTaken,
    /// The server was reset before a long answer had been read.
    #[error("the server was reset before the client had read its answer")]
    AnswerNotRead,
}

impl Ending {
    /// Returns the ending after the server has asked for this ending, and then for `asked`.
    fn followed_by(self, asked: Self) -> Self {
        // Lists the exceptions; all other pairs follow the order of the variants.
        match (self, asked) {
            (Self::HalfClose, Self::InGoodOrder) => Self::Cut,
            (Self::HalfClose, Self::Cut) => Self::HalfClose,
            _ => self.max(asked),
        }
    }
}

impl From<ClosedHow> for Ending {
    fn from(how: ClosedHow) -> Self {
        match how {
            ClosedHow::End => Self::InGoodOrder,
            ClosedHow::Cut => Self::Cut,
            ClosedHow::Reset => Self::Reset,
            ClosedHow::Half => Self::HalfClose,
        }
    }
}

/// Returns the end of a response dropped early, on a connection with the ending `ending`.
pub(crate) fn end_of_dropped_response(ending: Option<Ending>) -> How {
    match ending {
        Some(Ending::Reset) => How::Reset,
        Some(Ending::HalfClose | Ending::Cut | Ending::BreakOff(_)) => How::Cut,
        Some(Ending::InGoodOrder) | None => How::Closed,
    }
}

/// The ending of one connection.
#[derive(Debug, Default)]
pub(super) struct EndingState {
    ending: Mutex<Option<Ending>>,
    is_half_closed: AtomicBool,
}

impl EndingState {
    pub(super) fn ask(&self, asked: Ending) {
        let mut ending = self.ending.lock();
        *ending = Some(ending.map_or(asked, |before| before.followed_by(asked)));
    }

    pub(super) fn get(&self) -> Option<Ending> {
        *self.ending.lock()
    }

    pub(super) fn is_half_closed(&self) -> bool {
        self.is_half_closed.load(Ordering::Relaxed)
    }

    pub(super) fn note_half_closed(&self) {
        self.is_half_closed.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Ending::{BreakOff, Cut, HalfClose, InGoodOrder, Reset};
    use super::*;

    /// All endings, from the mildest to the most severe.
    const ALL: [Ending; 5] = [InGoodOrder, HalfClose, Cut, BreakOff(BrokenOff::Evicted), Reset];

    fn after(asked: impl IntoIterator<Item = Ending>) -> Option<Ending> {
        let state = EndingState::default();
        asked.into_iter().for_each(|ending| state.ask(ending));
        state.get()
    }

    #[test]
    fn the_most_severe_of_two_endings_wins_in_both_orders_but_for_a_half_close() {
        assert_eq!(after([]), None);
        for (rank, milder) in ALL.into_iter().enumerate() {
            assert_eq!(after([milder]), Some(milder));
            for severe in &ALL[rank..] {
                let expected = if (milder, *severe) == (HalfClose, Cut) { HalfClose } else { *severe };
                assert_eq!(after([milder, *severe]), Some(expected), "{milder:?}, then {severe:?}");
                let expected = if (milder, *severe) == (InGoodOrder, HalfClose) { Cut } else { *severe };
                assert_eq!(after([*severe, milder]), Some(expected), "{severe:?}, then {milder:?}");
            }
        }
    }

    #[test]
    fn the_first_of_a_cut_and_a_half_close_wins_but_a_reset_is_never_too_late() {
        for (asked, wins) in [
            (&[Cut, HalfClose][..], Cut),
            (&[HalfClose, Cut], HalfClose),
            (&[Cut, HalfClose, Reset], Reset),
            (&[Cut, Reset, HalfClose, InGoodOrder], Reset),
        ] {
            assert_eq!(after(asked.iter().copied()), Some(wins), "{asked:?}");
        }
    }

    #[test]
    fn the_first_reason_for_which_a_connection_is_broken_off_is_not_lost() {
        let broken_off = BreakOff(BrokenOff::Evicted);
        assert_eq!(after([broken_off, Cut, InGoodOrder]), Some(broken_off));
        assert_eq!(BrokenOff::EndNotTaken.to_string(), "the client did not take the end of its stream in time");
    }

    #[test]
    fn a_response_that_is_dropped_was_reset_cut_or_closed_by_its_client() {
        let ends =
            [None, Some(InGoodOrder), Some(HalfClose), Some(Cut), Some(BreakOff(BrokenOff::Evicted)), Some(Reset)];
        let ends = ends.map(end_of_dropped_response);
        assert_eq!(ends, [How::Closed, How::Closed, How::Cut, How::Cut, How::Cut, How::Reset]);
    }
}
