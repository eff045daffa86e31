//! Others who use a server while a check does.

use onbeat_wire::Event;

use super::vary::Vary;

/// What a check knows of others who use the server at the same time. Without an implementation of its own a method says
/// that there are none.
pub(crate) trait Others {
    /// Returns how many clients others have; nothing if nobody knows.
    fn clients(&self) -> Option<u64> {
        Some(0)
    }

    /// Returns a write as it has to come where a check marks its own messages.
    fn marked(&self, write: &str, _vary: &[Vary]) -> String {
        write.to_owned()
    }

    /// Returns whether others may have caused a piece of a response.
    fn may_have_caused(&self, _piece: &[u8]) -> bool {
        false
    }

    /// Returns whether others may have caused an event that an application dispatched.
    fn may_have_caused_event(&self, _event: &Event) -> bool {
        false
    }

    /// Returns whether the scene has none of the pieces that others may have caused.
    fn are_left_out(&self) -> bool {
        false
    }
}

/// Nobody else uses the server.
impl Others for () {}
