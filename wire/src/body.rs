//! The bodies of HTTP/1.1 messages out of raw bytes (RFC 9112, 6 and 7), in pieces of any size.

use std::error::Error;
use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
#[cfg(feature = "json")]
use serde::{Deserialize, Serialize};

/// The framing of a body (RFC 9112, 6), which tells the worth of the boundaries between writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
pub enum Framing {
    /// Chunks: a write is a chunk, as the server made it.
    Chunked,
    /// A length, or no body: a write is a piece as received, which the network may have split or joined.
    Length,
    /// Neither: the body ends with the connection. A write is a piece as received.
    Close,
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chunked => "chunked",
            Self::Length => "length",
            Self::Close => "close",
        })
    }
}

/// The largest number of header lines in a head.
pub(crate) const HEADERS_MAX: usize = 256;
/// The largest length of a head, and of a chunk-size line.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes outside of HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The head can't be read.
    Head(String),
    /// The head of a request can't be read.
    RequestHead(String),
    /// The length of a request's body can't be told.
    RequestLength(String),
    /// The length of a response's body can't be told.
    ResponseLength(String),
    /// A chunk's size line can't be read.
    ChunkSize(String),
    /// A trailer can't be read.
    Trailer(String),
    /// A chunk is not followed by CR LF.
    ChunkEnd(String),
    /// More bytes came than were asked for.
    Unexpected(String),
}

/// Written by hand: a lab builds faster without a macro for one error.
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(got) => write!(f, "expected a response head, got {got}"),
            Self::RequestHead(got) => write!(f, "expected the head of an HTTP/1.1 request, got {got}"),
            Self::RequestLength(got) => {
                write!(f, "expected a request with one plain Content-Length or Transfer-Encoding: chunked, got {got}")
            }
            Self::ResponseLength(got) => write!(f, "expected a response with one plain Content-Length, got {got}"),
            Self::ChunkSize(got) => write!(f, "expected a chunk size in hexadecimal and CR LF, got {got}"),
            Self::Trailer(got) => write!(f, "expected a trailer and CR LF, got {got}"),
            Self::ChunkEnd(got) => write!(f, "expected CR LF after a chunk, got {got:?}"),
            Self::Unexpected(got) => write!(f, "expected nothing more, got {got:?}"),
        }
    }
}

impl Error for Malformed {}

/// The next bytes of a body, by the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyDecoder {
    Length(usize),
    ChunkSize,
    Chunk(usize),
    Trailers,
    UntilClose,
}

/// A piece of a body.
pub(crate) enum BodyPart {
    Data(Bytes),
    End,
}

impl BodyDecoder {
    /// Returns the framing.
    pub(crate) fn framing(self) -> Framing {
        match self {
            Self::Length(_) => Framing::Length,
            Self::ChunkSize | Self::Chunk(_) | Self::Trailers => Framing::Chunked,
            Self::UntilClose => Framing::Close,
        }
    }

    /// Returns how many bytes of an incomplete chunk, or of an incomplete body with a length, are in the buffer.
    pub(crate) fn held(self, buffer: &BytesMut) -> usize {
        match self {
            Self::Length(size) | Self::Chunk(size) => buffer.len().min(size),
            Self::ChunkSize | Self::Trailers | Self::UntilClose => 0,
        }
    }

    /// Takes these bytes out of the buffer. The rest of the chunk or body is the next part.
    pub(crate) fn take_held(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        let held = self.held(buffer);
        match self {
            Self::Length(size) | Self::Chunk(size) if held > 0 => {
                *size -= held;
                Some(buffer.split_to(held).freeze())
            }
            _ => None,
        }
    }

    /// Takes the next part out of the buffer, once all bytes of the part have come.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<BodyPart>, Malformed> {
        loop {
            match *self {
                // Ends a body without further bytes: an empty body, or a body whose bytes have been taken out.
                Self::Length(0) => return Ok(Some(BodyPart::End)),
                Self::Length(length) => {
                    let whole = buffer.len() >= length;
                    return Ok(whole.then(|| {
                        *self = Self::Length(0);
                        BodyPart::Data(buffer.split_to(length).freeze())
                    }));
                }
                Self::ChunkSize => match line(buffer, Malformed::ChunkSize)? {
                    None => return Ok(None),
                    Some(line) => {
                        let size =
                            chunk_size(&line).ok_or_else(|| Malformed::ChunkSize(format!("{:?}", lossy(&line))))?;
                        *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                    }
                },
                Self::Chunk(size) => {
                    // Waits for the CR LF as well: only with the CR LF has the server ended the chunk.
                    let Some(end) = buffer.get(size..size + 2) else { return Ok(None) };
                    if end != b"\r\n" {
                        return Err(Malformed::ChunkEnd(lossy(end)));
                    }
                    let chunk = buffer.split_to(size).freeze();
                    buffer.advance(2);
                    *self = Self::ChunkSize;
                    // Returns no empty chunk, which is left if all bytes have been taken out before.
                    if !chunk.is_empty() {
                        return Ok(Some(BodyPart::Data(chunk)));
                    }
                }
                Self::Trailers => match line(buffer, Malformed::Trailer)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => return Ok(Some(BodyPart::End)),
                    // Discards trailers, which no recording keeps.
                    Some(_trailer) => {}
                },
                // Returns pieces for ever: only the caller sees the end of the connection, which ends the body.
                Self::UntilClose => {
                    let some = !buffer.is_empty();
                    return Ok(some.then(|| BodyPart::Data(buffer.split().freeze())));
                }
            }
        }
    }
}

/// Takes the next line out of the buffer, without CR LF. A line that is too long is the error `too_long`, with what came.
fn line(buffer: &mut BytesMut, too_long: fn(String) -> Malformed) -> Result<Option<Bytes>, Malformed> {
    // Bounds the search, so that a line without an end costs no more than the limit at each call.
    match buffer.windows(2).take(LINE_BYTES_MAX).position(|pair| pair == b"\r\n") {
        Some(end) => {
            let line = buffer.split_to(end).freeze();
            buffer.advance(2);
            Ok(Some(line))
        }
        None if buffer.len() > LINE_BYTES_MAX => {
            Err(too_long(format!("more than {LINE_BYTES_MAX} bytes without CR LF")))
        }
        None => Ok(None),
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    // Drops the extensions behind the semicolon (RFC 9112, 7.1.1).
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = plain.then_some(digits).and_then(|digits| std::str::from_utf8(digits).ok())?;
    // Refuses sizes near the maximum, which would overflow with the CR LF.
    usize::from_str_radix(digits, 16).ok().filter(|size| *size <= usize::MAX / 2)
}

/// Returns the length in the fields `Content-Length`, if there are any. Several equal lengths are one, also in one field, where
/// a proxy may have joined them.
///
/// # Errors
///
/// If a length is no number, or the lengths differ (RFC 9112, 6.3): the fields in words.
pub(crate) fn content_length(headers: &[(String, String)]) -> Result<Option<usize>, String> {
    let fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
    if values.is_empty() {
        return Ok(None);
    }
    // Joins several fields, which mean the same as one field with a list (RFC 9110, 5.3).
    let joined = values.join(", ");
    let mut lengths = joined.split(',').map(str::trim);
    let first = lengths.next().unwrap_or_default();
    // Asks for digits alone, since `parse` would take a plus sign.
    let is_plain = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let length = if is_plain && lengths.all(|length| length == first) { first.parse().ok() } else { None };
    length.map(Some).ok_or_else(|| format!("Content-Length: {joined}"))
}

/// Returns the last coding in the fields `Transfer-Encoding`, in lower case.
pub(crate) fn last_coding(headers: &[(String, String)]) -> Option<String> {
    let field = headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    field.and_then(|(_, codings)| codings.rsplit(',').next()).map(|coding| coding.trim().to_ascii_lowercase())
}

/// Returns in words what came in place of a head.
pub(crate) fn got(error: httparse::Error, bytes: &[u8]) -> String {
    match error {
        httparse::Error::TooManyHeaders => format!("more than {HEADERS_MAX} header lines"),
        error => format!("{:?} ({error})", lossy(&bytes[..bytes.len().min(40)])),
    }
}

/// Returns the bytes as text, with U+FFFD where they are not UTF-8.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
