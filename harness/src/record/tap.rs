//! The tap: parts of responses out of the raw bytes of a connection, each with the time of its first byte.

use bytes::Bytes;
use onbeat_wire::recording::Framing;
use onbeat_wire::{Instant, Malformed, Part, Responses};

/// A chunk with more bytes becomes several writes, so that the memory for a connection has a bound.
const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The responses of one connection.
#[derive(Debug, Default)]
pub(super) struct ResponseTap {
    responses: Responses,
    /// When the first byte of the next part came, if the part is incomplete.
    first: Option<Instant>,
    /// When bytes came last.
    last: Option<Instant>,
}

/// A part, the time of its first and of its last byte, and the framing of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TappedPart {
    pub(super) first: Instant,
    pub(super) at: Instant,
    pub(super) part: Part,
    pub(super) framing: Option<Framing>,
}

impl ResponseTap {
    /// Expects the response to a request with this method.
    pub(super) fn expect(&mut self, method: &str) {
        self.responses.expect(method);
    }

    /// Takes in bytes that came at a time, and hands on the parts that are complete.
    ///
    /// A chunk is a part as soon as the last byte of the chunk has come; a body without chunks comes in pieces.
    pub(super) fn take_in(
        &mut self,
        at: Instant,
        bytes: &Bytes,
        mut see: impl FnMut(TappedPart),
    ) -> Result<(), Malformed> {
        self.responses.push(bytes);
        self.last = Some(at);
        // Counts the first part from an earlier first byte, if any, and the other parts from these bytes.
        while let Some(part) = self.next_part()? {
            let first = self.first.take().unwrap_or(at);
            see(TappedPart { first, at, part, framing: self.responses.framing() });
        }
        if self.responses.held() > 0 {
            self.first.get_or_insert(at);
        }
        Ok(())
    }

    fn next_part(&mut self) -> Result<Option<Part>, Malformed> {
        if let Some(part) = self.responses.next_part()? {
            return Ok(Some(part));
        }
        // Returns bytes of a length at once, and a chunk without waiting for the CR LF behind the chunk.
        let is_ready = match self.responses.framing() {
            Some(Framing::Length) => true,
            Some(Framing::Chunked) => self.responses.is_chunk_whole() || self.responses.held() >= CHUNK_BYTES_MAX,
            Some(Framing::Close) | None => false,
        };
        Ok(if is_ready { self.responses.take_held().map(Part::Data) } else { None })
    }

    /// Takes in the end of the connection: hands on the bytes of an incomplete chunk, and the end of a body that ends with
    /// the connection. After a reset no body is complete.
    pub(super) fn close(&mut self, at: Instant, is_reset: bool, mut see: impl FnMut(TappedPart)) {
        // Returns the bytes of an incomplete part with the time of the bytes, not of the end.
        let framing = self.responses.framing();
        if let Some(bytes) = self.responses.take_held() {
            let last = self.last.unwrap_or(at);
            let first = self.first.take().unwrap_or(last);
            see(TappedPart { first, at: last, part: Part::Data(bytes), framing });
        }
        if let Some(end) = self.responses.close().filter(|_| !is_reset) {
            see(TappedPart { first: at, at, part: end, framing });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::EPOCH + Duration::from_millis(ms)
    }

    /// Returns the writes that the tap makes of pieces, which come a millisecond apart, and then the end: data, time of the
    /// first byte, time of the last.
    fn writes<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, u64, u64)> {
        let (mut tap, mut writes, mut ms) = (ResponseTap::default(), Vec::new(), 0);
        let mut see = |tapped: TappedPart| {
            if let Part::Data(bytes) = tapped.part {
                writes.push((bytes.to_vec(), tapped.first.as_millis(), tapped.at.as_millis()));
            }
        };
        for piece in pieces {
            tap.take_in(at(ms), &Bytes::copy_from_slice(piece), &mut see).expect("HTTP");
            ms += 1;
        }
        tap.close(at(ms), false, &mut see);
        writes
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

    #[test]
    fn a_chunk_has_the_times_of_its_first_and_its_last_byte() {
        let pieces = [HEAD, "5\r\n", "ab", "cd", "e", "\r\n1\r\nf\r\n", "2", "\r\ng"];
        let expected = [(b"abcde".to_vec(), 2, 4), (b"f".to_vec(), 5, 5), (b"g".to_vec(), 7, 7)];
        assert_eq!(writes(pieces.map(str::as_bytes)), expected);
    }

    #[test]
    fn a_body_without_chunks_comes_in_the_pieces_that_came() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";
        let expected = [(b"ab".to_vec(), 1, 1), (b"c".to_vec(), 2, 2), (b"def".to_vec(), 3, 3)];
        assert_eq!(writes([head, "ab", "c", "def"].map(str::as_bytes)), expected);
    }

    #[test]
    fn a_huge_chunk_is_several_writes() {
        let size = 2 * CHUNK_BYTES_MAX + 1;
        let bytes = [HEAD.as_bytes(), format!("{size:x}\r\n").as_bytes(), &vec![b'a'; size], b"\r\n0\r\n\r\n"].concat();
        let writes = writes(bytes.chunks(1024 * 1024));
        assert_eq!(writes.iter().map(|(bytes, ..)| bytes.len()).sum::<usize>(), size);
        assert!(writes.len() > 1 && writes.iter().all(|(bytes, ..)| bytes.len() <= CHUNK_BYTES_MAX + 1024 * 1024));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_writes_up_to_any_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            splits in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            cut: prop::sample::Index,
        ) {
            // The end of each chunk in the stream tells which bytes have come before a cut.
            let mut stream = HEAD.as_bytes().to_vec();
            let mut ends = Vec::new();
            for chunk in &chunks {
                stream.extend([format!("{:X}\r\n", chunk.len()).as_bytes(), chunk].concat());
                ends.push(stream.len());
                stream.extend(b"\r\n");
            }
            stream.extend(b"0\r\n\r\n");
            let cut = cut.index(stream.len() + 1);
            let came = |(chunk, end): (&Vec<u8>, &usize)| {
                let missing = end.saturating_sub(cut).min(chunk.len());
                chunk[..chunk.len() - missing].to_vec()
            };
            let expected: Vec<Vec<u8>> = chunks.iter().zip(&ends).map(came).filter(|chunk| !chunk.is_empty()).collect();
            stream.truncate(cut);
            let mut splits: Vec<usize> = splits.iter().map(|split| split.index(cut + 1)).collect();
            splits.sort_unstable();
            let bounds: Vec<usize> = [0].into_iter().chain(splits).chain([cut]).collect();
            let writes = writes(bounds.windows(2).map(|pair| &stream[pair[0]..pair[1]]));
            prop_assert_eq!(writes.into_iter().map(|(bytes, ..)| bytes).collect::<Vec<_>>(), expected);
        }
    }
}
