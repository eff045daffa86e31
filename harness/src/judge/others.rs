//! Other users of a server at the time of a check.

use onbeat_wire::Event;

use super::vary::Vary;

/// What a check knows of other users of the server. By default there are none.
pub(crate) trait Others {
    /// Returns the number of clients of others; nothing if the number is unknown.
    fn clients(&self) -> Option<u64> {
        Some(0)
    }

    /// Returns a write with the mark that a check puts into its own messages.
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
