//! Four bytes that the reference takes in a request's target and the crate `http` does not: `"`, `<`, `>` and `` ` ``.
//!
//! They are percent-encoded on their way in, before hyper sees them. No path with one of them is known, and in a query
//! they are decoded again, so nobody can tell the difference.

/// Follows the requests on a connection, far enough to tell a request line from what comes after.
///
/// A body would have to be parsed to find its end, so after a request with one the rest of the connection passes as it
/// is.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    state: State,
    /// The request being read announces a body.
    has_body: bool,
}

#[derive(Debug, Default)]
enum State {
    /// In the request line, or in the empty lines that may come before it (RFC 9112, 2.2).
    #[default]
    RequestLine,
    RequestLineBegun,
    /// In the name of a field, of which this much has been read.
    FieldName(Name),
    FieldValue,
    Body,
}

/// The beginning of a field's name, long enough to recognise those that announce a body.
#[derive(Debug, Default)]
struct Name {
    bytes: [u8; 18],
    length: usize,
}

impl Name {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }

    fn announces_a_body(&self) -> bool {
        matches!(&self.bytes[..self.length], b"content-length" | b"transfer-encoding")
    }
}

impl Targets {
    /// Reads on; returns the bytes with what needs it percent-encoded, or nothing if they are fine as they are.
    pub(crate) fn encode(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut encoded: Option<Vec<u8>> = None;
        for (at, &byte) in bytes.iter().enumerate() {
            let in_request_line = matches!(self.state, State::RequestLine | State::RequestLineBegun);
            self.step(byte);
            if in_request_line && matches!(byte, b'"' | b'<' | b'>' | b'`') {
                let encoded = encoded.get_or_insert_with(|| bytes[..at].to_vec());
                encoded.extend(format!("%{byte:02X}").bytes());
            } else if let Some(encoded) = &mut encoded {
                encoded.push(byte);
            }
        }
        encoded
    }

    fn step(&mut self, byte: u8) {
        match (&mut self.state, byte) {
            (State::Body, _) | (State::RequestLine, b'\r' | b'\n') => {}
            (State::RequestLine, _) => self.state = State::RequestLineBegun,
            (State::RequestLineBegun | State::FieldValue, b'\n') => self.state = State::FieldName(Name::default()),
            (State::RequestLineBegun | State::FieldValue, _) | (State::FieldName(_), b'\r') => {}
            (State::FieldName(name), b'\n') if name.length == 0 => {
                self.state = if self.has_body { State::Body } else { State::RequestLine };
            }
            (State::FieldName(name), b'\n') => *name = Name::default(),
            (State::FieldName(name), b':') => {
                self.has_body |= name.announces_a_body();
                self.state = State::FieldValue;
            }
            (State::FieldName(name), _) => name.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out when `bytes` come in pieces that end at these places.
    fn encode(bytes: &[u8], ends: &[usize]) -> Vec<u8> {
        let mut targets = Targets::default();
        let bounds: Vec<usize> = [0].into_iter().chain(ends.iter().copied()).chain([bytes.len()]).collect();
        let pieces = bounds.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        pieces.flat_map(|piece| targets.encode(piece).unwrap_or_else(|| piece.to_vec())).collect()
    }

    #[test]
    fn only_request_lines_are_encoded() {
        let one = "GET /x?msg=<\"`> HTTP/1.1\r\nHost: \"h\"\r\n\r\n";
        let encoded = "GET /x?msg=%3C%22%60%3E HTTP/1.1\r\nHost: \"h\"\r\n\r\n";
        assert_eq!(encode(one.as_bytes(), &[]), encoded.as_bytes());
        let three = format!("{one}\r\n\r\n{one}{one}");
        assert_eq!(encode(three.as_bytes(), &[]), format!("{encoded}\r\n\r\n{encoded}{encoded}").as_bytes());
        let bare = "GET <\nA: <\n\nGET <\n\n";
        assert_eq!(encode(bare.as_bytes(), &[]), b"GET %3C\nA: <\n\nGET %3C\n\n");
    }

    #[test]
    fn what_may_be_a_body_passes_as_it_is() {
        for field in ["Content-Length: 9", "transfer-ENCODING: chunked"] {
            let request = format!("GET /< HTTP/1.1\r\n{field}\r\n\r\n");
            let all = format!("{request}\r\n\r\nGET <\r\n\r\n");
            assert_eq!(encode(all.as_bytes(), &[]), all.replacen('<', "%3C", 1).as_bytes());
        }
        for field in ["Content-Length-X: 9", "Content: 9", "X-Transfer-Encoding: chunked"] {
            let all = format!("GET / HTTP/1.1\r\n{field}\r\n\r\nGET < HTTP/1.1\r\n\r\n");
            assert_eq!(encode(all.as_bytes(), &[]), all.replacen('<', "%3C", 1).as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_fine_are_not_copied() {
        assert_eq!(Targets::default().encode(b"GET /sse HTTP/1.1\r\nHost: <\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn the_outcome_does_not_depend_on_how_the_bytes_were_split(
            text in "(GET /|<|\"|\r\n|\n|: |Content-Length|A){0,30}",
            mut ends in prop::collection::vec(0..200_usize, 0..6),
        ) {
            for end in &mut ends {
                *end = (*end).min(text.len());
            }
            ends.sort_unstable();
            prop_assert_eq!(encode(text.as_bytes(), &ends), encode(text.as_bytes(), &[]));
        }
    }
}
