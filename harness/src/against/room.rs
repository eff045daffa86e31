//! The room for a response: how much is read of a server that sends far more than recorded.

use onbeat_wire::recording::Fact;

use super::facts::ResponseFacts;

/// A response may be so many times as long as the recording, and so many bytes longer.
const BYTES_FACTOR: usize = 8;
const BYTES_MORE: usize = 1 << 20;
/// The bytes that a head takes besides the headers.
const HEAD_BYTES: usize = 256;

/// The bytes that may still be read.
pub(super) struct Room(usize);

impl Room {
    /// Returns the room for a response to a recorded request.
    pub(super) fn of(recorded: &ResponseFacts) -> Self {
        let bytes: usize = recorded.writes.iter().map(|write| write.bytes.len()).sum();
        Self(BYTES_FACTOR * bytes + BYTES_MORE)
    }

    /// Takes the room for a line; returns whether there was enough. Behind a line without room, no line has room.
    pub(super) fn take(&mut self, line: &Fact) -> bool {
        let bytes = match line {
            Fact::Write(write) => write.bytes.len(),
            // Counts heads too, since interim heads (1xx) may come without end.
            Fact::Head(head) => {
                HEAD_BYTES + head.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            _ => return true,
        };
        let rest = self.0.checked_sub(bytes);
        self.0 = rest.unwrap_or_default();
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::{End, How, ResponseHead, Write};

    use super::*;

    fn write(bytes: usize) -> Fact {
        Write { bytes: vec![b'a'; bytes].into() }.into()
    }

    #[test]
    fn writes_and_heads_without_end_find_no_room() {
        let head: Fact = ResponseHead { status: 103, headers: vec![("link".into(), "</a>".into())] }.into();
        for line in [write(1000), head] {
            let mut room = Room::of(&ResponseFacts::default());
            let lines = (0..BYTES_MORE).take_while(|_| room.take(&line)).count();
            assert!((BYTES_MORE / 1100..BYTES_MORE / 200).contains(&lines), "{lines}");
        }
    }

    #[test]
    fn a_line_without_room_takes_all_that_is_left() {
        let mut room = Room::of(&ResponseFacts::default());
        assert!(room.take(&write(BYTES_MORE)));
        let mut room = Room::of(&ResponseFacts::default());
        assert!(!room.take(&write(BYTES_MORE + 1)) && !room.take(&write(1)));
        assert!(room.take(&End { how: How::Complete }.into()));
    }
}
