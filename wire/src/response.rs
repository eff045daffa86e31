//! The HTTP decoder: responses out of raw bytes (RFC 9112), in pieces of any size.
//!
//! The decoder shares no code with the server, and shows facts that clients hide: the ends of chunks, and whether a message is
//! complete.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::Framing;
use crate::body::{BodyDecoder, BodyPart, HEADERS_MAX, LINE_BYTES_MAX, Malformed, content_length, got, last_coding};
use crate::header_bytes::header_text;

/// How many bytes of memory are taken at a time.
const BLOCK_BYTES: usize = 4096;

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The minor version of HTTP/1.
    pub minor_version: u8,
    /// The status code.
    pub status: u16,
    /// The fields in wire order, names in lower case, and values as [`header_text`] writes them.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Returns the value of the first field with a (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the framing of the body of this response to a request with this method (RFC 9112, 6.3).
    #[must_use]
    pub fn framing(&self, method: &str) -> Framing {
        told_framing(method, self.status, &self.headers).unwrap_or(Framing::Close)
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

/// The responses of one connection, one after another.
#[derive(Debug, Default)]
pub struct Responses {
    buffer: BytesMut,
    /// The body being read; nothing while a head is expected.
    body: Option<BodyDecoder>,
    /// For each response to come, whether there is a body at all.
    bodies: VecDeque<bool>,
}

impl Responses {
    /// Expects the response to a request with this method.
    pub fn expect(&mut self, method: &str) {
        self.bodies.push_back(method != "HEAD");
    }

    /// Takes in received bytes.
    pub fn push(&mut self, bytes: &Bytes) {
        // Reserves a whole block, so that the parts of many small pieces share memory.
        if self.buffer.capacity() - self.buffer.len() < bytes.len() {
            self.buffer.reserve(bytes.len().max(BLOCK_BYTES));
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether the bytes so far end between two responses.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.body.is_none() && self.buffer.is_empty()
    }

    /// Returns whether the body being read is in chunks: each datum is then a chunk.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.framing() == Some(Framing::Chunked)
    }

    /// Returns the framing of the body being read; nothing between two responses, or in a head.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        self.body.map(BodyDecoder::framing)
    }

    /// Returns how many bytes of the next, incomplete part have come.
    #[must_use]
    pub fn held(&self) -> usize {
        self.body.map_or(self.buffer.len(), |body| body.held(&self.buffer))
    }

    /// Returns whether all bytes of a chunk have come, and only the CR LF behind the chunk is missing.
    #[must_use]
    pub fn is_chunk_whole(&self) -> bool {
        matches!(self.body, Some(BodyDecoder::Chunk(size)) if self.buffer.len() >= size)
    }

    /// Takes out the bytes that have come of an incomplete chunk, or of an incomplete body with a length. The rest of the
    /// chunk or body is the next part.
    pub fn take_held(&mut self) -> Option<Bytes> {
        self.body.as_mut().and_then(|body| body.take_held(&mut self.buffer))
    }

    /// Returns the next part, once all its bytes have come.
    ///
    /// # Errors
    ///
    /// If the bytes are not HTTP/1. No further part can be read then.
    pub fn next_part(&mut self) -> Result<Option<Part>, Malformed> {
        let Some(body) = &mut self.body else { return self.head() };
        Ok(body.next(&mut self.buffer)?.map(|part| match part {
            BodyPart::Data(bytes) => Part::Data(bytes),
            BodyPart::End => self.end(),
        }))
    }

    /// Returns the part made by the end of the connection: the end of a response without a length.
    pub fn close(&mut self) -> Option<Part> {
        (self.body == Some(BodyDecoder::UntilClose)).then(|| self.end())
    }

    fn end(&mut self) -> Part {
        self.body = None;
        Part::End
    }

    fn head(&mut self) -> Result<Option<Part>, Malformed> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        // Accepts folded lines, which a client has to understand (RFC 9112, 5.2).
        let mut config = httparse::ParserConfig::default();
        config.allow_obsolete_multiline_headers_in_responses(true);
        let parsed = config
            .parse_response(&mut response, &self.buffer)
            .map_err(|error| Malformed::Head(got(error, &self.buffer)))?;
        let length = match parsed {
            // Bounds the head itself, so that the limit does not depend on the pieces.
            httparse::Status::Complete(length) if length <= LINE_BYTES_MAX => length,
            httparse::Status::Partial if self.buffer.len() <= LINE_BYTES_MAX => return Ok(None),
            _ => return Err(Malformed::Head(format!("more than {LINE_BYTES_MAX} bytes"))),
        };
        let headers = response.headers.iter().map(|field| (field.name.to_ascii_lowercase(), unfolded(field.value)));
        let head = Head {
            minor_version: response.version.unwrap_or_default(),
            status: response.code.unwrap_or_default(),
            headers: headers.collect(),
        };
        self.buffer.advance(length);
        let informational = head.status < 200;
        // Keeps the expectation for the final head: an interim head answers no request.
        let has_body = informational || self.bodies.pop_front().unwrap_or(true);
        self.body = if informational { None } else { Some(body(&head, has_body)?) };
        Ok(Some(Part::Head(head)))
    }
}

/// Returns the value of a field on one line: each line end with the white space around it becomes one space (RFC 9112, 5.2).
fn unfolded(value: &[u8]) -> String {
    let text = header_text(value);
    if !text.contains('\n') {
        return text;
    }
    text.lines().map(|line| line.trim_matches([' ', '\t', '\r'])).collect::<Vec<_>>().join(" ")
}

/// Returns the framing of the body (RFC 9112, 6.3).
fn body(head: &Head, has_body: bool) -> Result<BodyDecoder, Malformed> {
    // Looks at the request and the status first: a length in an answer to HEAD is the length of another answer.
    if !has_body || has_no_body(head.status) {
        return Ok(BodyDecoder::Length(0));
    }
    let told = told_body(&head.headers).map_err(Malformed::ResponseLength)?;
    Ok(told.unwrap_or(BodyDecoder::UntilClose))
}

/// Returns the body that the fields of a response tell; nothing if the fields tell none, and the connection ends the body.
///
/// # Errors
///
/// If the length can't be told: the fields in words.
pub(crate) fn told_body(headers: &[(String, String)]) -> Result<Option<BodyDecoder>, String> {
    match last_coding(headers).as_deref() {
        Some("chunked") => Ok(Some(BodyDecoder::ChunkSize)),
        // Ignores a length beside a coding.
        Some(_) => Ok(Some(BodyDecoder::UntilClose)),
        None => Ok(content_length(headers)?.map(BodyDecoder::Length)),
    }
}

/// Returns the framing that is told of the body of a response to a request with this method (RFC 9112, 6.3); nothing where only
/// the end of the connection ends the body.
pub(crate) fn told_framing(method: &str, status: u16, headers: &[(String, String)]) -> Option<Framing> {
    if method == "HEAD" || has_no_body(status) {
        return Some(Framing::Length);
    }
    told_body(headers).ok().flatten().map(BodyDecoder::framing)
}

/// Returns whether a response with this status never has a body (RFC 9112, 6.3).
pub(crate) fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 304)
}

#[cfg(test)]
mod tests;
