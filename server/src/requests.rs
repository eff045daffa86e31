//! The requests on a connection, as their bytes pass by on the way to hyper.
//!
//! hyper looks at one request at a time. Following them all tells three things that it does not:
//! - which requests **wait behind a stream**: the reference executes them when they arrive, and only their answers wait;
//! - which heads are **malformed** though hyper would take them: the reference's parser refuses them;
//! - where the **targets** are: four printable bytes that the reference takes in them and the crate `http` does not
//!   (`"`, `<`, `>`, `` ` ``) are percent-encoded on their way in. No path with one of them is known, and in a query they
//!   are decoded again, so nobody can tell the difference.

use std::collections::VecDeque;

use axum::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use axum::http::{Request, Uri, Version};

/// More fields than any sensible request has; the reference has no bound on their number, just on their size.
pub(crate) const HEADERS_MAX: usize = 1024;

/// A head that grows beyond this is not waited for. The reference's own bound, which the guard keeps, is 16 KiB without
/// separators.
pub(crate) const HEAD_BYTES_MAX: usize = 24 * 1024;

/// Follows the requests on a connection.
///
/// A body would have to be parsed to find its end, so after a request with one the rest of the connection passes as it
/// is, and unseen.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    state: State,
    /// The head being read, as hyper sees it.
    head: Head,
    /// The last byte was a CR.
    after_cr: bool,
    /// How many fields of this head say how long its body is.
    lengths: usize,
    /// The heads that nobody has taken yet.
    heads: VecDeque<Head>,
}

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    /// Why the reference's parser would refuse it.
    pub(crate) malformed: Option<&'static str>,
}

#[derive(Debug, Default)]
enum State {
    /// In the empty lines that may come before a request (RFC 9112, 2.2).
    #[default]
    Before,
    RequestLine,
    /// In the name of a field, of which this much has been read.
    FieldName(Name),
    FieldValue,
    /// There is a body, and whatever comes after it.
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

impl Requests {
    /// Reads on; returns the bytes with what needs it percent-encoded, or nothing if they are fine as they are.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut encoded: Option<Vec<u8>> = None;
        for (at, &byte) in bytes.iter().enumerate() {
            let before = self.head.bytes.len();
            if matches!(self.state, State::RequestLine) && matches!(byte, b'"' | b'<' | b'>' | b'`') {
                let encoded = encoded.get_or_insert_with(|| bytes[..at].to_vec());
                self.head.bytes.extend(format!("%{byte:02X}").bytes());
                encoded.extend_from_slice(&self.head.bytes[before..]);
                continue;
            }
            if let Some(encoded) = &mut encoded {
                encoded.push(byte);
            }
            self.step(byte);
        }
        encoded
    }

    /// The oldest head that nobody has taken.
    pub(crate) fn take(&mut self) -> Option<Head> {
        self.heads.pop_front()
    }

    /// Whether what has been read of the next head is wrong already.
    pub(crate) fn is_broken(&self) -> bool {
        let Head { bytes, malformed } = &self.head;
        let grammatical = parse(bytes, &mut [httparse::EMPTY_HEADER; 1]).is_ok();
        malformed.is_some() || bytes.len() > HEAD_BYTES_MAX || !grammatical
    }

    /// Whether no request has been begun and not ended; where there was a body, that is not known.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.state, State::Before)
    }

    fn step(&mut self, byte: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        if matches!(self.state, State::Body) || (matches!(self.state, State::Before) && matches!(byte, b'\r' | b'\n')) {
            return;
        }
        self.head.bytes.push(byte);
        if byte == b'\n' && !after_cr {
            self.head.malformed = Some("a line ends in LF without CR");
        }
        match (&mut self.state, byte) {
            (State::Before, _) => self.state = State::RequestLine,
            (State::RequestLine | State::FieldValue, b'\n') => self.state = State::FieldName(Name::default()),
            (State::FieldName(name), b'\n') if name.length == 0 => self.end_head(),
            (State::FieldName(name), b'\n') => *name = Name::default(),
            (State::FieldName(name), b':') => {
                self.lengths += usize::from(name.announces_a_body());
                self.state = State::FieldValue;
            }
            (State::FieldName(name), _) if byte != b'\r' => name.push(byte),
            _ => {}
        }
    }

    fn end_head(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        let lengths = std::mem::take(&mut self.lengths);
        if lengths > 1 {
            head.malformed = Some("several fields say how long the body is");
        }
        self.state = if lengths > 0 { State::Body } else { State::Before };
        self.heads.push_back(head);
    }
}

impl Head {
    /// The request, without the body it may have; nothing if this is no head that the reference would take.
    pub(crate) fn request(&self) -> Option<Request<()>> {
        let mut fields = vec![httparse::EMPTY_HEADER; HEADERS_MAX];
        let head = parse(&self.bytes, &mut fields).ok().filter(|_| self.malformed.is_none())?;
        let mut request = Request::builder()
            .method(head.method?)
            .uri(Uri::try_from(head.path?).ok()?)
            .version(if head.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 });
        for field in head.headers.iter() {
            let name = HeaderName::try_from(field.name).ok()?;
            request = request.header(name, HeaderValue::from_bytes(field.value).ok()?);
        }
        request.body(()).ok().filter(has_a_length_that_is_one)
    }
}

/// Whether a body, if there is one, has an end that hyper finds (RFC 9112, 6.3).
fn has_a_length_that_is_one(request: &Request<()>) -> bool {
    let is_length = |length: &HeaderValue| {
        length.to_str().is_ok_and(|length| !length.starts_with('+') && length.parse::<u64>().is_ok())
    };
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    request.headers().get(CONTENT_LENGTH).is_none_or(is_length)
        && !(is_chunked && request.version() == Version::HTTP_10)
}

fn parse<'h, 'b>(
    bytes: &'b [u8],
    fields: &'h mut [httparse::Header<'b>],
) -> Result<httparse::Request<'h, 'b>, httparse::Error> {
    let mut request = httparse::Request::new(fields);
    match request.parse(bytes) {
        // There is always room for another field, as long as the head's size is bounded.
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Ok(request),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out when `bytes` come in pieces that end at these places, and the heads in it.
    fn follow(bytes: &[u8], ends: &[usize]) -> (Vec<u8>, Vec<Head>) {
        let mut requests = Requests::default();
        let bounds: Vec<usize> = [0].into_iter().chain(ends.iter().copied()).chain([bytes.len()]).collect();
        let pieces = bounds.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        let passed = pieces.flat_map(|piece| requests.follow(piece).unwrap_or_else(|| piece.to_vec())).collect();
        (passed, requests.heads.into())
    }

    fn heads(bytes: &str) -> Vec<Head> {
        follow(bytes.as_bytes(), &[]).1
    }

    #[test]
    fn only_request_lines_are_encoded() {
        let one = "GET /x?msg=<\"`> HTTP/1.1\r\nHost: \"h\"\r\n\r\n";
        let encoded = "GET /x?msg=%3C%22%60%3E HTTP/1.1\r\nHost: \"h\"\r\n\r\n";
        let (passed, heads) = follow(format!("{one}\r\n\r\n{one}{one}").as_bytes(), &[]);
        assert_eq!(passed, format!("{encoded}\r\n\r\n{encoded}{encoded}").as_bytes());
        assert_eq!(heads.len(), 3);
        assert!(heads.iter().all(|head| head.bytes == encoded.as_bytes()));
    }

    #[test]
    fn what_may_be_a_body_passes_as_it_is_and_unseen() {
        for field in ["Content-Length: 9", "transfer-ENCODING: chunked"] {
            let request = format!("GET /< HTTP/1.1\r\n{field}\r\n\r\n");
            let all = format!("{request}\r\n\r\nGET <\r\n\r\n");
            let (passed, heads) = follow(all.as_bytes(), &[]);
            assert_eq!(passed, all.replacen('<', "%3C", 1).as_bytes());
            assert_eq!(heads.len(), 1);
        }
        for field in ["Content-Length-X: 9", "Content: 9", "X-Transfer-Encoding: chunked"] {
            assert_eq!(heads(&format!("GET / HTTP/1.1\r\n{field}\r\n\r\nGET < HTTP/1.1\r\n\r\n")).len(), 2);
        }
    }

    #[test]
    fn bytes_that_are_fine_are_not_copied() {
        assert_eq!(Requests::default().follow(b"GET /sse HTTP/1.1\r\nHost: <\r\n\r\n"), None);
    }

    #[test]
    fn a_head_becomes_a_request() {
        let heads = heads("GET /sse?msg=\" HTTP/1.1\r\nHost: onbeat\r\nX: 1\r\nX: 2\r\n\r\n");
        let request = heads[0].request().expect("a request");
        assert_eq!((request.uri().path(), request.uri().query()), ("/sse", Some("msg=%22")));
        assert_eq!(request.version(), Version::HTTP_11);
        assert_eq!(request.headers()["host"], "onbeat");
        assert_eq!(request.headers().get_all("x").iter().count(), 2);
    }

    #[test]
    fn a_head_whose_body_has_no_end_becomes_none() {
        for (field, is_one) in [
            ("1.1\r\nContent-Length: 9", true),
            ("1.1\r\nTransfer-Encoding: chunked", true),
            ("1.1\r\nContent-Length: -1", false),
            ("1.1\r\nContent-Length: +1", false),
            ("1.1\r\nContent-Length: 99999999999999999999", false),
            ("1.1\r\nContent-Length: ", false),
            ("1.1\r\nContent-Length: 9, 9", false),
            ("1.0\r\nTransfer-Encoding: chunked", false),
        ] {
            assert_eq!(heads(&format!("GET / HTTP/{field}\r\n\r\n"))[0].request().is_some(), is_one, "{field}");
        }
    }

    #[test]
    fn malformed_heads_are_told_apart() {
        for (head, malformed) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", true),
            ("GET / HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", true),
        ] {
            assert_eq!(heads(head)[0].malformed.is_some(), malformed, "{head:?}");
        }
    }

    #[test]
    fn a_head_that_has_gone_wrong_is_known_to_be_broken_before_its_end() {
        for (bytes, broken) in [
            ("", false),
            ("GET /ss", false),
            ("GET /sse HTTP/1.1\r\nA: b\r\nB: c\r\nC: d\r\n", false),
            ("garbage\r\n", true),
            ("GET /sse HTTP/7.1\r\n", true),
            ("GET /sse\n", true),
        ] {
            let mut requests = Requests::default();
            requests.follow(bytes.as_bytes());
            assert_eq!(requests.is_broken(), broken, "{bytes:?}");
        }
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
            prop_assert_eq!(follow(text.as_bytes(), &ends), follow(text.as_bytes(), &[]));
        }
    }
}
