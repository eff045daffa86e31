//! The HTTP decoder: responses out of raw bytes (RFC 9112), in pieces of any size.
//!
//! The decoder shares no code with the server, and shows what clients hide: the ends of chunks, and whether a message is
//! complete.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// The largest number of header lines in a response.
const HEADERS_MAX: usize = 100;
/// The largest length of a head, and of a chunk-size line.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The minor version of HTTP/1.
    pub minor_version: u8,
    /// The status code.
    pub status: u16,
    /// The fields in wire order, names in lower case; a value that is not UTF-8 has U+FFFD in it.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Returns the value of the first field with a (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A piece of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The head of the next response.
    Head(Head),
    /// A chunk; or, without chunks, a whole body with a length, or the next bytes of a body without a length.
    Data(Bytes),
    /// The response is complete.
    End,
}

/// Bytes that are no HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The head can't be read.
    #[error("expected a response head, got {0}")]
    Head(String),
    /// A chunk's size line can't be read.
    #[error("expected a chunk size in hexadecimal and CR LF, got {0:?}")]
    ChunkSize(String),
    /// A chunk is not followed by CR LF.
    #[error("expected CR LF after a chunk, got {0:?}")]
    ChunkEnd(String),
    /// More bytes came than were asked for.
    #[error("expected nothing more, got {0:?}")]
    Unexpected(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expecting {
    Head,
    Length(usize),
    ChunkSize,
    Chunk(usize),
    Trailers,
    UntilClose,
}

/// The responses of one connection, one after another.
#[derive(Debug)]
pub struct Responses {
    buffer: BytesMut,
    expecting: Expecting,
    /// For each response to come, whether there is a body at all.
    bodies: VecDeque<bool>,
}

impl Default for Responses {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), expecting: Expecting::Head, bodies: VecDeque::new() }
    }
}

impl Responses {
    /// Expects the response to a request with this method.
    pub fn expect(&mut self, method: &str) {
        self.bodies.push_back(method != "HEAD");
    }

    /// Takes in received bytes.
    pub fn push(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether the bytes so far end between two responses.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.expecting == Expecting::Head && self.buffer.is_empty()
    }

    /// Whether the body being read is in chunks, so that each datum is one.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        matches!(self.expecting, Expecting::ChunkSize | Expecting::Chunk(_) | Expecting::Trailers)
    }

    /// Returns the next part, once all its bytes have come.
    ///
    /// # Errors
    ///
    /// If the bytes are not HTTP/1. No further part can be read then.
    pub fn next_part(&mut self) -> Result<Option<Part>, Malformed> {
        loop {
            match self.expecting {
                Expecting::Head => return self.head(),
                Expecting::Length(0) => return Ok(Some(self.end())),
                Expecting::Length(length) => {
                    let whole = self.buffer.len() >= length;
                    return Ok(whole.then(|| {
                        self.expecting = Expecting::Length(0);
                        Part::Data(self.buffer.split_to(length).freeze())
                    }));
                }
                Expecting::ChunkSize => match self.line()? {
                    None => return Ok(None),
                    Some(line) => {
                        let size = chunk_size(&line).ok_or_else(|| Malformed::ChunkSize(lossy(&line)))?;
                        self.expecting = if size == 0 { Expecting::Trailers } else { Expecting::Chunk(size) };
                    }
                },
                Expecting::Chunk(size) => return self.chunk(size),
                Expecting::Trailers => match self.line()? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => return Ok(Some(self.end())),
                    Some(_trailer) => {}
                },
                Expecting::UntilClose => {
                    let some = !self.buffer.is_empty();
                    return Ok(some.then(|| Part::Data(self.buffer.split().freeze())));
                }
            }
        }
    }

    /// Returns the part made by the end of the connection: the end of a response without a length.
    pub fn close(&mut self) -> Option<Part> {
        (self.expecting == Expecting::UntilClose).then(|| self.end())
    }

    fn end(&mut self) -> Part {
        self.expecting = Expecting::Head;
        Part::End
    }

    fn head(&mut self) -> Result<Option<Part>, Malformed> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.buffer).map_err(|error| {
            let start = &self.buffer[..self.buffer.len().min(40)];
            Malformed::Head(format!("{:?} ({error})", lossy(start)))
        })?;
        let httparse::Status::Complete(length) = parsed else {
            let too_long = self.buffer.len() > LINE_BYTES_MAX;
            return if too_long { Err(Malformed::Head("an endless one".into())) } else { Ok(None) };
        };
        let headers = response.headers.iter().map(|field| (field.name.to_ascii_lowercase(), lossy(field.value)));
        let head = Head {
            minor_version: response.version.unwrap_or_default(),
            status: response.code.unwrap_or_default(),
            headers: headers.collect(),
        };
        self.buffer.advance(length);
        let informational = head.status < 200;
        let has_body = informational || self.bodies.pop_front().unwrap_or(true);
        self.expecting = if informational { Expecting::Head } else { body(&head, has_body) };
        Ok(Some(Part::Head(head)))
    }

    fn chunk(&mut self, size: usize) -> Result<Option<Part>, Malformed> {
        let Some(end) = self.buffer.get(size..size + 2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(Malformed::ChunkEnd(lossy(end)));
        }
        let data = self.buffer.split_to(size).freeze();
        self.buffer.advance(2);
        self.expecting = Expecting::ChunkSize;
        Ok(Some(Part::Data(data)))
    }

    /// Returns the next line, without CR LF.
    fn line(&mut self) -> Result<Option<Bytes>, Malformed> {
        match self.buffer.windows(2).take(LINE_BYTES_MAX).position(|pair| pair == b"\r\n") {
            Some(end) => {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(2);
                Ok(Some(line))
            }
            None if self.buffer.len() > LINE_BYTES_MAX => Err(Malformed::ChunkSize("an endless line".into())),
            None => Ok(None),
        }
    }
}

/// Returns the framing of the body (RFC 9112, 6.3).
fn body(head: &Head, has_body: bool) -> Expecting {
    let chunked = head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if !has_body || matches!(head.status, 204 | 304) {
        Expecting::Length(0)
    } else if chunked {
        Expecting::ChunkSize
    } else {
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        length.map_or(Expecting::UntilClose, Expecting::Length)
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = plain.then_some(digits).and_then(|digits| std::str::from_utf8(digits).ok())?;
    usize::from_str_radix(digits, 16).ok().filter(|size| *size <= usize::MAX / 2)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nD\r\nretry: 5000\n\n\r\n3\r\n:\n\n\r\n0\r\n\r\n";
    const SIZED: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";

    /// The parts that come out when `bytes` arrive in these pieces.
    fn parts<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Part>, Malformed> {
        let mut responses = Responses::default();
        let mut parts = Vec::new();
        for piece in pieces {
            responses.push(&Bytes::copy_from_slice(piece));
            while let Some(part) = responses.next_part()? {
                parts.push(part);
            }
        }
        Ok(parts)
    }

    fn data(text: &'static str) -> Part {
        Part::Data(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn chunks_are_told_apart() {
        let parts = parts([CHUNKED]).expect("valid");
        assert!(matches!(&parts[0], Part::Head(head) if head.status == 200));
        assert_eq!(parts[1..], [data("retry: 5000\n\n"), data(":\n\n"), Part::End]);
    }

    #[test]
    fn only_a_body_in_chunks_is_chunked() {
        let unbounded = b"HTTP/1.0 200 OK\r\n\r\nabc";
        for (bytes, is_chunked) in [(CHUNKED, true), (SIZED, false), (unbounded, false)] {
            let mut responses = Responses::default();
            assert!(!responses.is_chunked());
            responses.push(&Bytes::copy_from_slice(bytes));
            for _ in ["head", "datum"] {
                assert_ne!(responses.next_part(), Ok(None));
                assert_eq!(responses.is_chunked(), is_chunked);
            }
        }
    }

    #[test]
    fn a_response_follows_another() {
        let parts = parts([&[SIZED, CHUNKED, SIZED].concat()[..]]).expect("valid");
        assert_eq!(parts.iter().filter(|part| **part == Part::End).count(), 3);
        assert_eq!(parts[1], data("no"));
    }

    #[test]
    fn a_response_without_a_length_ends_with_the_connection() {
        let mut responses = Responses::default();
        responses.push(&Bytes::from_static(b"HTTP/1.0 200 OK\r\n\r\nabc"));
        assert!(matches!(responses.next_part(), Ok(Some(Part::Head(_)))));
        assert_eq!(responses.next_part(), Ok(Some(data("abc"))));
        assert_eq!(responses.next_part(), Ok(None));
        assert_eq!(responses.close(), Some(Part::End));
    }

    #[test]
    fn a_cut_response_does_not_end() {
        let mut responses = Responses::default();
        responses.push(&Bytes::copy_from_slice(&CHUNKED[..CHUNKED.len() - 1]));
        while let Ok(Some(part)) = responses.next_part() {
            assert_ne!(part, Part::End);
        }
        assert_eq!(responses.close(), None);
        assert!(!responses.is_between());
    }

    #[test]
    fn an_answer_to_head_has_no_body_whatever_its_length_says() {
        let mut responses = Responses::default();
        responses.expect("HEAD");
        responses.push(&Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
        assert!(matches!(responses.next_part(), Ok(Some(Part::Head(_)))));
        assert_eq!(responses.next_part(), Ok(Some(Part::End)));
    }

    #[test]
    fn what_is_no_http_is_said_to_be_none() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for (bytes, said) in [
            ("SSH-2.0-OpenSSH\r\n".to_owned(), "expected a response head"),
            (format!("{chunked}zz\r\n"), "expected a chunk size"),
            (format!("{chunked}+2\r\nab\r\n"), "expected a chunk size"),
            (format!("{chunked}ffffffffffffffff\r\n"), "expected a chunk size"),
            (format!("{chunked}2\r\nabc\r\n"), "expected CR LF after a chunk"),
        ] {
            let error = parts([bytes.as_bytes()]).expect_err(&bytes).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    proptest! {
        #[test]
        fn parts_do_not_depend_on_how_the_bytes_were_split(cuts in prop::collection::vec(0..200_usize, 0..20)) {
            let stream = [SIZED, CHUNKED, SIZED].concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % stream.len()).collect();
            cuts.sort_unstable();
            let bounds: Vec<usize> = [0].into_iter().chain(cuts).chain([stream.len()]).collect();
            let pieces = bounds.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(parts(pieces).expect("valid"), parts([&stream[..]]).expect("valid"));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let _ = parts([&bytes[..]]);
            let _ = parts([&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &bytes[..]].concat()[..]]);
        }
    }
}
