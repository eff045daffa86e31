//! The noise of other clients: events that a client of `/sse` may hear besides the expected events.

use onbeat_wire::Event;

use super::Tag;

/// The events that a client of `/sse` may hear besides the events of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    /// None.
    None,
    /// The events of other users, which do not bear the tag of the check.
    OtherUsers,
    /// All events.
    AllUsers,
}

impl Noise {
    /// Returns whether a piece of a client of `/sse` may belong to the event of another.
    pub(super) fn has(self, piece: &[u8], tag: &Tag) -> bool {
        match self {
            Self::None => false,
            Self::OtherUsers => is_event(piece) && !tag.is_in(piece),
            Self::AllUsers => is_event(piece),
        }
    }

    /// Returns whether an event that an application dispatched may belong to the stream itself.
    pub(super) fn may_be_own(self, event: &Event) -> bool {
        self == Self::None || !["broadcast", "heartbeat"].contains(&event.event_type.as_str())
    }
}

/// Returns whether a piece is a part of an event for all clients of `/sse`.
fn is_event(piece: &[u8]) -> bool {
    has_message(piece) || [&b":"[..], b"event: broadcast", b"event: heartbeat"].contains(&piece.trim_ascii_end())
}

/// Returns whether a piece is the data of an event for all clients of `/sse`.
pub(super) fn has_message(piece: &[u8]) -> bool {
    let key = b"\"msg\":";
    piece.starts_with(b"data: {") && piece.windows(key.len()).any(|window| window == key)
}
