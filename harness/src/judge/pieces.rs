//! Pieces of a body, to be held against writes one by one, with any framing.
//!
//! A piece is a line with the empty lines after the line: `event: status⏎`, `data: …⏎⏎`. Expected writes are cut at the same
//! places. Therefore joined or split writes differ from wrong writes.

use bytes::Bytes;
use onbeat_wire::Instant;

use super::chunked_body::{BodyPart, ChunkedBody, is_empty_line, line_ends};

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// When the last byte came.
    pub(crate) at: Instant,
    /// Whether the piece is exactly one chunk.
    pub(crate) is_chunk: bool,
}

/// Returns the pieces of an event stream. The last piece may lack a line end.
pub(crate) fn of_stream(chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    let body = ChunkedBody::of(chunks.iter().map(|(_, bytes)| bytes));
    let (mut ends, mut line_start) = (Vec::new(), 0);
    for end in line_ends(&body.bytes) {
        // Moves the end behind an empty line, which belongs to the piece before.
        if is_empty_line(&body.bytes[line_start..end]) {
            ends.pop();
        }
        ends.push(end);
        line_start = end;
    }
    cut(chunks, &body, &ends)
}

/// Returns a body that is not an event stream as one piece; no piece if the body is empty.
pub(crate) fn whole(chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    cut(chunks, &ChunkedBody::of(chunks.iter().map(|(_, bytes)| bytes)), &[])
}

/// Returns the pieces that end at these places. The chunk with the last byte of a piece says when the piece came.
fn cut(chunks: &[(Instant, Bytes)], body: &ChunkedBody, ends: &[usize]) -> Vec<Piece> {
    let piece = |part: BodyPart| {
        let (is_chunk, at) = (part.is_chunk(), chunks[part.chunks.1].0);
        Piece { bytes: part.bytes, at, is_chunk }
    };
    body.parts(ends).into_iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The pieces of these chunks, which come at 1, 2, 3… ms.
    fn pieces(chunks: &[&str]) -> Vec<(String, u64, bool)> {
        let at = |n: usize| Instant::EPOCH + Duration::from_millis(n as u64 + 1);
        let chunks: Vec<_> =
            chunks.iter().enumerate().map(|(n, text)| (at(n), Bytes::copy_from_slice(text.as_bytes()))).collect();
        let text = |piece: &Piece| String::from_utf8_lossy(&piece.bytes).into_owned();
        of_stream(&chunks).iter().map(|piece| (text(piece), piece.at.as_millis(), piece.is_chunk)).collect()
    }

    fn piece(text: &str, at: u64, is_chunk: bool) -> (String, u64, bool) {
        (text.into(), at, is_chunk)
    }

    #[test]
    fn chunks_that_are_writes_are_pieces() {
        let expected = [piece("event: a\n", 1, true), piece("data: b\n\n", 2, true), piece(":\n\n", 3, true)];
        assert_eq!(pieces(&["event: a\n", "data: b\n\n", ":\n\n"]), expected);
    }

    #[test]
    fn joined_and_split_chunks_give_the_same_pieces_but_are_told() {
        let joined = pieces(&["event: a\ndata: b\n\n"]);
        assert_eq!(joined, [piece("event: a\n", 1, false), piece("data: b\n\n", 1, false)]);
        let split = pieces(&["event: a\n", "data:", " b\n\n"]);
        assert_eq!(split, [piece("event: a\n", 1, true), piece("data: b\n\n", 3, false)]);
        let in_the_blank_line = pieces(&["data: b\n", "\n"]);
        assert_eq!(in_the_blank_line, [piece("data: b\n\n", 2, false)]);
    }

    #[test]
    fn every_line_end_counts() {
        let crlf = pieces(&["event: a\r\ndata: b\r\n\r\n"]);
        assert_eq!(crlf, [piece("event: a\r\n", 1, false), piece("data: b\r\n\r\n", 1, false)]);
        let cr = pieces(&["event: a\rdata: b\r\r"]);
        assert_eq!(cr, [piece("event: a\r", 1, false), piece("data: b\r\r", 1, false)]);
        assert_eq!(pieces(&["\n\ndata: x"]), [piece("\n\n", 1, false), piece("data: x", 1, false)]);
    }

    #[test]
    fn a_body_without_bytes_has_no_piece() {
        assert_eq!(of_stream(&[]), []);
        assert_eq!(whole(&[]), []);
        assert_eq!(whole(&[(Instant::EPOCH, Bytes::from_static(b"{}"))])[0].bytes, "{}");
    }
}
