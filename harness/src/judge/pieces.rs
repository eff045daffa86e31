//! Pieces of a body, to be held against writes one by one, with any framing.
//!
//! A piece is a line with the empty lines after the line: `event: status⏎`, `data: …⏎⏎`. Expected writes are cut at the same
//! places. Therefore joined or split writes differ from wrong writes.

use bytes::Bytes;
use onbeat_wire::Instant;

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
    cut(chunks, |body| {
        let (mut ends, mut line_start) = (Vec::new(), 0);
        for end in line_ends(body) {
            // An empty line belongs to the piece before.
            if body[line_start..end].iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                ends.pop();
            }
            ends.push(end);
            line_start = end;
        }
        ends.extend((line_start < body.len()).then_some(body.len()));
        ends
    })
}

/// Returns a body that is not an event stream as one piece; no piece if the body is empty.
pub(crate) fn whole(chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    cut(chunks, |body| if body.is_empty() { vec![] } else { vec![body.len()] })
}

/// Returns the places after each CR LF, LF, or CR.
fn line_ends(body: &[u8]) -> impl Iterator<Item = usize> {
    let ends = |at: usize| body[at] == b'\n' || (body[at] == b'\r' && body.get(at + 1) != Some(&b'\n'));
    (0..body.len()).filter(move |at| ends(*at)).map(|at| at + 1)
}

/// Cuts a body at the ends of pieces, and finds the chunks that the pieces came in.
fn cut(chunks: &[(Instant, Bytes)], ends: impl FnOnce(&[u8]) -> Vec<usize>) -> Vec<Piece> {
    let mut body = Vec::new();
    let mut boundaries = vec![(0, Instant::EPOCH)];
    for (at, bytes) in chunks {
        body.extend_from_slice(bytes);
        boundaries.push((body.len(), *at));
    }
    let (ends, body) = (ends(&body), Bytes::from(body));
    let mut start = 0;
    let pieces = ends.into_iter().map(|end| {
        // The chunk with the last byte of the piece says when the piece came.
        let last = boundaries.partition_point(|(boundary, _)| *boundary < end);
        let (boundary, at) = boundaries[last];
        let is_chunk = boundary == end && boundaries[last - 1].0 == start;
        let bytes = body.slice(start..end);
        start = end;
        Piece { bytes, at, is_chunk }
    });
    pieces.collect()
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
