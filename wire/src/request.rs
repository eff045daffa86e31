//! The HTTP decoder for requests: heads and bodies out of raw bytes (RFC 9112), in pieces of any size.
//!
//! The raw bytes of a body come out beside the decoded bytes, so that a proxy can pass the raw bytes on unchanged.

use bytes::{Buf, Bytes, BytesMut};

use crate::body::{BodyDecoder, BodyPart, HEADERS_MAX, LINE_BYTES_MAX, Malformed, content_length, got, last_coding};
use crate::header_bytes::header_text;

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The minor version of HTTP/1.
    pub minor_version: u8,
    /// The fields in wire order, names in lower case, and values as [`header_text`] writes them.
    pub headers: Vec<(String, String)>,
    /// The raw bytes, with the empty line at the end.
    pub raw: Bytes,
}

impl RequestHead {
    /// Returns the value of the first field with a (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A piece of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestPart {
    /// The head of the next request.
    Head(RequestHead),
    /// The next bytes of the body.
    Body {
        /// The bytes.
        data: Bytes,
        /// The same bytes on the wire, with the lines of chunks.
        raw: Bytes,
    },
    /// The request is complete.
    End {
        /// The bytes on the wire behind the body: the last chunk and trailers.
        raw: Bytes,
    },
}

/// The requests of one connection, one after another.
#[derive(Debug, Default)]
pub struct Requests {
    buffer: BytesMut,
    /// The bytes on the wire not returned yet.
    raw: BytesMut,
    /// The body being read; nothing while a head is expected.
    body: Option<BodyDecoder>,
}

impl Requests {
    /// Takes in received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.raw.extend_from_slice(bytes);
    }

    /// Returns whether the bytes so far end between two requests.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.body.is_none() && self.buffer.is_empty()
    }

    /// Returns the received bytes not read yet: for a connection that leaves HTTP.
    pub fn take_rest(&mut self) -> Bytes {
        self.buffer.clear();
        self.raw.split().freeze()
    }

    /// Returns the next part. The bytes of a body come out at once, wherever a chunk ends.
    ///
    /// # Errors
    ///
    /// If the bytes are not HTTP/1, or the length of a body is ambiguous. No further part can be read then.
    pub fn next_part(&mut self) -> Result<Option<RequestPart>, Malformed> {
        let Some(body) = &mut self.body else { return self.head() };
        let part = match body.next(&mut self.buffer)? {
            // Passes the bytes of an incomplete chunk on at once, so that a proxy holds no upload up.
            None => body.take_held(&mut self.buffer).map(BodyPart::Data),
            part => part,
        };
        let Some(part) = part else { return Ok(None) };
        // Takes all raw bytes that the decoder has passed, also the lines around a chunk.
        let raw = self.raw.split_to(self.raw.len() - self.buffer.len()).freeze();
        Ok(Some(match part {
            BodyPart::Data(data) => RequestPart::Body { data, raw },
            BodyPart::End => {
                self.body = None;
                RequestPart::End { raw }
            }
        }))
    }

    fn head(&mut self) -> Result<Option<RequestPart>, Malformed> {
        // Skips empty lines before a request (RFC 9112, 2.2).
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.buffer.advance(blank);
        self.raw.advance(blank);
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(&self.buffer).map_err(|error| Malformed::RequestHead(got(error, &self.buffer)))?;
        let length = match parsed {
            // Bounds the head itself, so that the limit does not depend on the pieces.
            httparse::Status::Complete(length) if length <= LINE_BYTES_MAX => length,
            httparse::Status::Partial if self.buffer.len() <= LINE_BYTES_MAX => return Ok(None),
            _ => return Err(Malformed::RequestHead(format!("more than {LINE_BYTES_MAX} bytes"))),
        };
        let headers = request.headers.iter().map(|field| (field.name.to_ascii_lowercase(), header_text(field.value)));
        let head = RequestHead {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor_version: request.version.unwrap_or_default(),
            headers: headers.collect(),
            raw: self.raw.split_to(length).freeze(),
        };
        self.buffer.advance(length);
        self.body = Some(body(&head.headers)?);
        Ok(Some(RequestPart::Head(head)))
    }
}

/// Returns the framing of the body (RFC 9112, 6.3). An ambiguous framing is refused: a server might read another request
/// out of the same bytes.
fn body(headers: &[(String, String)]) -> Result<BodyDecoder, Malformed> {
    match (last_coding(headers).as_deref(), content_length(headers)) {
        (Some("chunked"), Ok(None)) => Ok(BodyDecoder::ChunkSize),
        // Refuses both together, the usual way to smuggle a request past a proxy (RFC 9112, 11.2).
        (Some("chunked"), _) => Err(Malformed::RequestLength("both".into())),
        (Some(coding), _) => Err(Malformed::RequestLength(format!("Transfer-Encoding: {coding}"))),
        (None, Ok(length)) => Ok(BodyDecoder::Length(length.unwrap_or_default())),
        (None, Err(got)) => Err(Malformed::RequestLength(got)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &[u8] = b"\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\
        POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
        PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n";

    /// Method, body, and raw bytes behind the head.
    type Got = (String, Vec<u8>, Vec<u8>);

    /// Returns the requests that come out when the bytes arrive in these pieces.
    fn requests<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Got>, Malformed> {
        let (mut decoder, mut requests, mut ended) = (Requests::default(), Vec::new(), 0);
        for piece in pieces {
            decoder.push(piece);
            while let Some(part) = decoder.next_part()? {
                match part {
                    RequestPart::Head(head) => requests.push((head.method, Vec::new(), Vec::new())),
                    RequestPart::Body { data, raw } => {
                        let (_, body, behind) = requests.last_mut().expect("a head first");
                        body.extend_from_slice(&data);
                        behind.extend_from_slice(&raw);
                    }
                    RequestPart::End { raw } => {
                        requests.last_mut().expect("a head first").2.extend_from_slice(&raw);
                        ended += 1;
                    }
                }
            }
        }
        assert_eq!(ended, requests.len());
        Ok(requests)
    }

    #[test]
    fn a_request_follows_another_and_the_raw_bytes_stay_as_they_were() {
        let raw: &[u8] = b"3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n";
        let expected = [("GET", &b""[..], &b""[..]), ("POST", b"hello", b"hello"), ("PUT", b"abcde", raw)];
        let expected = expected.map(|(method, body, raw)| (method.to_owned(), body.to_vec(), raw.to_vec()));
        assert_eq!(requests([STREAM]), Ok(expected.to_vec()));
    }

    #[test]
    fn the_bytes_of_a_body_come_out_at_once() {
        let mut decoder = Requests::default();
        decoder.push(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
        assert!(matches!(decoder.next_part(), Ok(Some(RequestPart::Head(_)))));
        let piece = |data, raw| RequestPart::Body { data: Bytes::from_static(data), raw: Bytes::from_static(raw) };
        assert_eq!(decoder.next_part(), Ok(Some(piece(b"ab", b"5\r\nab"))));
        assert_eq!(decoder.next_part(), Ok(None));
        decoder.push(b"cde");
        assert_eq!(decoder.next_part(), Ok(Some(piece(b"cde", b"cde"))));
    }

    #[test]
    fn an_ambiguous_or_foreign_request_is_refused() {
        for (bytes, said) in [
            ("SSH-2.0-OpenSSH\r\n\r\n", "expected the head of an HTTP/1.1 request"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "got Content-Length: 1, 2"),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "got Content-Length: x"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "got both"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "got Transfer-Encoding: gzip"),
        ] {
            let error = requests([bytes.as_bytes()]).expect_err(bytes).to_string();
            assert!(error.contains(said), "{error}");
        }
        let endless = [b"GET /".to_vec(), vec![b'a'; LINE_BYTES_MAX]].concat();
        assert!(requests([&endless[..]]).is_err());
    }

    #[test]
    fn a_head_has_the_same_limit_in_one_piece_and_in_several() {
        for (more, is_read) in [(0, true), (1, false)] {
            let (start, end) = ("GET /", " HTTP/1.1\r\n\r\n");
            let target = "a".repeat(LINE_BYTES_MAX - start.len() - end.len() + more);
            let head = format!("{start}{target}{end}\r\nGET / HTTP/1.1\r\n\r\n");
            for pieces in [vec![head.as_bytes()], head.as_bytes().chunks(4096).collect()] {
                assert_eq!(requests(pieces).map(|requests| requests.len()).ok(), is_read.then_some(2), "{more}");
            }
        }
    }

    proptest! {
        #[test]
        fn requests_do_not_depend_on_how_the_bytes_were_split(cuts in prop::collection::vec(0..STREAM.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let bounds: Vec<usize> = [0].into_iter().chain(cuts).chain([STREAM.len()]).collect();
            let pieces = bounds.windows(2).map(|pair| &STREAM[pair[0]..pair[1]]);
            prop_assert_eq!(requests(pieces), requests([STREAM]));
        }
    }
}
