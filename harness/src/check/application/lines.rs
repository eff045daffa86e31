//! A stream cut into lines, each with the line end, without a byte order mark at the beginning of the stream.

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The line under way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// Whether the first line is over. Only the first line can begin with a byte order mark (WHATWG HTML, 9.2.5).
    begun: bool,
}

impl Lines {
    /// Reads a piece of the stream, and returns the lines that end in the piece. A CR ends a line when the next byte has
    /// come, which may be the LF of the same line end.
    pub(super) fn push(&mut self, bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        bytes.iter().filter_map(|&byte| {
            let ended = self.line.last() == Some(&b'\r') && byte != b'\n';
            let before = ended.then(|| self.take());
            self.line.push(byte);
            before.or_else(|| (byte == b'\n').then(|| self.take()))
        })
    }

    /// Returns the bytes after the last line, at the end of the stream.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.begun, true);
        match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if first => rest.to_vec(),
            _ => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        let stream = b"a\r\nb\rc\n\r\r\n\n\rd";
        let expected = [&b"a\r\n"[..], b"b\r", b"c\n", b"\r", b"\r\n", b"\n", b"\r"];
        let mut whole = Lines::default();
        assert_eq!(whole.push(stream).collect::<Vec<_>>(), expected);
        assert_eq!(whole.take(), b"d");
        let mut single = Lines::default();
        let mut lines = Vec::new();
        for byte in stream.chunks(1) {
            lines.extend(single.push(byte));
        }
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_first_byte_order_mark_is_left_out() {
        let mut lines = Lines::default();
        let stream = "\u{feff}\u{feff}a\n\u{feff}b\n";
        assert_eq!(
            lines.push(stream.as_bytes()).collect::<Vec<_>>(),
            ["\u{feff}a\n", "\u{feff}b\n"].map(str::as_bytes)
        );
    }
}
