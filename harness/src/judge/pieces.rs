//! A body, cut into pieces to be held against writes one by one, however the body was framed.
//!
//! A piece is a line with the empty lines after the line: `event: status⏎`, `data: …⏎⏎`. Expected writes are cut at the same
//! places. Therefore joined or split writes are told apart from wrong ones.

use bytes::Bytes;
use onbeat_wire::Instant;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// When the last byte came.
    pub(crate) at: Instant,
    /// Whether the piece is one chunk, no more and no less.
    pub(crate) is_chunk: bool,
}

/// Returns the pieces of an event stream. The last piece may lack a line end.
pub(crate) fn of_stream(chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    let body: Vec<u8> = chunks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let mut ends = Vec::new();
    let mut line_start = 0;
    for end in line_ends(&body) {
        let blank = body[line_start..end].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if blank {
            ends.pop();
        }
        ends.push(end);
        line_start = end;
    }
    if line_start < body.len() {
        ends.push(body.len());
    }
    cut(&Bytes::from(body), &ends, chunks)
}

/// Returns a body that is no event stream as one piece; no piece if the body is empty.
pub(crate) fn whole(chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    let body: Vec<u8> = chunks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let ends = if body.is_empty() { vec![] } else { vec![body.len()] };
    cut(&Bytes::from(body), &ends, chunks)
}

/// Returns the places after each CR LF, LF, or CR.
fn line_ends(body: &[u8]) -> impl Iterator<Item = usize> {
    let ends = |at: usize| body[at] == b'\n' || (body[at] == b'\r' && body.get(at + 1) != Some(&b'\n'));
    (0..body.len()).filter(move |at| ends(*at)).map(|at| at + 1)
}

fn cut(body: &Bytes, ends: &[usize], chunks: &[(Instant, Bytes)]) -> Vec<Piece> {
    let mut boundary = 0;
    let mut boundaries = vec![(0, Instant::EPOCH)];
    for (at, bytes) in chunks {
        boundary += bytes.len();
        boundaries.push((boundary, *at));
    }
    let mut start = 0;
    let pieces = ends.iter().map(|&end| {
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
