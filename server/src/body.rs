//! The body of a request, and the room for the bodies of all requests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

use crate::limits::{REQUEST_BODIES_BYTES_MAX, REQUEST_BODY_BYTES_MAX};

/// A body of so few bytes always finds room: clients with long bodies do not disturb clients with short ones.
const SHORT_BYTES_MAX: usize = 16 * 1024;

/// The room for long bodies: how many bytes are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyRoom(Arc<AtomicUsize>);

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLong {
    /// The body alone.
    #[error("expected a body of at most {REQUEST_BODY_BYTES_MAX} bytes")]
    Alone,
    /// The bodies of all requests.
    #[error(
        "expected bodies of at most {REQUEST_BODIES_BYTES_MAX} bytes at a time, for all requests together: send this one again later"
    )]
    Together,
}

/// A body that grows while the body is read, and takes up room until the last copy of the bytes is dropped.
#[derive(Debug)]
pub(crate) struct GrowingBody {
    bytes: BytesMut,
    room: BodyRoom,
    /// How many bytes of the room the body takes.
    taken: usize,
}

impl BodyRoom {
    /// Begins a body.
    pub(crate) fn body(&self) -> GrowingBody {
        GrowingBody { bytes: BytesMut::new(), room: self.clone(), taken: 0 }
    }

    /// Takes so many bytes of the room, and returns whether there were so many.
    fn take(&self, bytes: usize) -> bool {
        let grown = |taken: usize| Some(taken + bytes).filter(|taken| *taken <= REQUEST_BODIES_BYTES_MAX);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }
}

impl GrowingBody {
    /// Adds bytes at the end.
    ///
    /// # Errors
    ///
    /// If the body would be too long. The body then stays as it is.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let length = self.bytes.len() + bytes.len();
        if length > REQUEST_BODY_BYTES_MAX {
            return Err(TooLong::Alone);
        }
        let more = if length > SHORT_BYTES_MAX { length - self.taken } else { 0 };
        if !self.room.take(more) {
            return Err(TooLong::Together);
        }
        self.taken += more;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the bytes.
    pub(crate) fn freeze(self) -> Bytes {
        if self.bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for GrowingBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for GrowingBody {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.taken, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body in two pieces of these lengths, and gives the room back.
    fn read(pieces: [usize; 2]) -> Result<usize, TooLong> {
        let room = BodyRoom::default();
        let mut body = room.body();
        let pushed = pieces.into_iter().try_for_each(|length| body.push(&vec![b'x'; length]));
        let read = pushed.map(|()| body.freeze().len());
        assert_eq!(room.0.load(Ordering::Acquire), 0);
        read
    }

    #[test]
    fn a_body_has_at_most_so_many_bytes() {
        assert_eq!(read([REQUEST_BODY_BYTES_MAX, 0]), Ok(REQUEST_BODY_BYTES_MAX));
        assert_eq!(read([REQUEST_BODY_BYTES_MAX - 1, 1]), Ok(REQUEST_BODY_BYTES_MAX));
        assert_eq!(read([REQUEST_BODY_BYTES_MAX + 1, 0]), Err(TooLong::Alone));
        assert_eq!(read([REQUEST_BODY_BYTES_MAX, 1]), Err(TooLong::Alone));
    }

    #[test]
    fn long_bodies_share_the_room_and_short_ones_need_none() {
        let room = BodyRoom::default();
        let whole = vec![b'x'; REQUEST_BODY_BYTES_MAX];
        let full = || {
            let mut body = room.body();
            body.push(&whole).map(|()| body.freeze())
        };
        let count = REQUEST_BODIES_BYTES_MAX / REQUEST_BODY_BYTES_MAX;
        let mut held: Vec<Bytes> = (0..count).map(|_| full().expect("there is room")).collect();
        assert_eq!(full(), Err(TooLong::Together));
        let mut short = room.body();
        assert_eq!(short.push(&whole[..SHORT_BYTES_MAX]), Ok(()));
        assert_eq!(short.push(b"x"), Err(TooLong::Together));
        // A part of a body keeps the room of the whole body.
        let part = held.pop().expect("a body").slice(..1);
        assert_eq!(full(), Err(TooLong::Together));
        drop(part);
        assert_eq!(full().map(|body| body.len()), Ok(REQUEST_BODY_BYTES_MAX));
        drop((held, short));
        assert_eq!(room.0.load(Ordering::Acquire), 0);
    }
}
