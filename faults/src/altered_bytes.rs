//! Rewrites the bytes of one write, with any line ends.

use bytes::Bytes;

use super::LineEnds;

/// Replaces every LF by another line end.
pub(super) fn with_line_ends(bytes: &[u8], ends: LineEnds) -> Bytes {
    let end: &[u8] = match ends {
        LineEnds::Cr => b"\r",
        LineEnds::Crlf => b"\r\n",
    };
    // Makes room for four lines, which most writes do not exceed.
    let mut altered = Vec::with_capacity(bytes.len() + 4);
    for &byte in bytes {
        if byte == b'\n' { altered.extend_from_slice(end) } else { altered.push(byte) }
    }
    altered.into()
}

/// Puts the byte 0xFF, which UTF-8 never has, before the first line end.
pub(super) fn with_invalid_utf8(bytes: &[u8]) -> Bytes {
    let (line, end, rest) = first_line(bytes);
    [line, b"\xff", end, rest].concat().into()
}

/// Puts a byte order mark before the write.
pub(super) fn with_bom(bytes: &[u8]) -> Bytes {
    [&b"\xef\xbb\xbf"[..], bytes].concat().into()
}

/// Replaces the first line with the field `name` by `name: value`. Without such a line the new line goes before the write.
pub(super) fn with_field(bytes: &[u8], name: &str, value: &str) -> Bytes {
    let field = format!("{name}: {value}").into_bytes();
    let mut before = 0;
    while before < bytes.len() {
        let (line, end, rest) = first_line(&bytes[before..]);
        // Asks for the colon, since a longer name may begin like `name`.
        if line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":")) {
            return [&bytes[..before], &field, end, rest].concat().into();
        }
        before += line.len() + end.len();
    }
    // Ends the new line like the first line of the write, or with LF.
    let end = match first_line(bytes).1 {
        b"" => b"\n",
        end => end,
    };
    [&field, end, bytes].concat().into()
}

/// Returns the first line, the line end (LF, CR, CR LF, or none), and the rest.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let length = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(length);
    let end = match rest {
        [b'\r', b'\n', ..] => 2,
        [_, ..] => 1,
        [] => 0,
    };
    let (end, rest) = rest.split_at(end);
    (line, end, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_takes_the_place_of_its_like_or_comes_first() {
        for (bytes, altered) in [
            ("retry: 5000\n\n", "retry: 7\n\n"),
            ("data: a\r\nretry:5000\r\n\r\n", "data: a\r\nretry: 7\r\n\r\n"),
            ("event: a\rretry: 1\rretry: 2\r\r", "event: a\rretry: 7\rretry: 2\r\r"),
            ("data: a\n\n", "retry: 7\ndata: a\n\n"),
            ("data: a\r\r", "retry: 7\rdata: a\r\r"),
            ("retrying: 1\r\n", "retry: 7\r\nretrying: 1\r\n"),
            ("data: a", "retry: 7\ndata: a"),
            ("retry: 1", "retry: 7"),
            ("", "retry: 7\n"),
        ] {
            assert_eq!(with_field(bytes.as_bytes(), "retry", "7"), altered, "{bytes:?}");
        }
    }

    #[test]
    fn a_byte_that_is_not_utf_8_stays_within_the_first_line() {
        assert_eq!(with_invalid_utf8(b"data: a\n\n"), &b"data: a\xff\n\n"[..]);
        assert_eq!(with_invalid_utf8(b"data: a\r\r"), &b"data: a\xff\r\r"[..]);
        assert_eq!(with_invalid_utf8(b"data: a\r\n\r\n"), &b"data: a\xff\r\n\r\n"[..]);
        assert_eq!(with_invalid_utf8(b"data"), &b"data\xff"[..]);
    }
}
