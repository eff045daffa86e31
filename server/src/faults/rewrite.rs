//! What a fault makes of the bytes of one write.

use bytes::Bytes;

use super::LineEnds;

/// Every LF becomes another line end.
pub(super) fn with_line_ends(bytes: &[u8], ends: LineEnds) -> Bytes {
    let end: &[u8] = match ends {
        LineEnds::Cr => b"\r",
        LineEnds::Crlf => b"\r\n",
    };
    let mut altered = Vec::with_capacity(bytes.len() + 4);
    for &byte in bytes {
        if byte == b'\n' { altered.extend_from_slice(end) } else { altered.push(byte) }
    }
    altered.into()
}

/// The byte 0xFF, which UTF-8 never has, is put before the first line end.
pub(super) fn with_invalid_utf8(bytes: &[u8]) -> Bytes {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    [&bytes[..end], b"\xff", &bytes[end..]].concat().into()
}

/// A byte order mark is put before it.
pub(super) fn with_bom(bytes: &[u8]) -> Bytes {
    [&b"\xef\xbb\xbf"[..], bytes].concat().into()
}

/// The line `name: value` takes the place of the one with that field, or is put before the write if it has none.
pub(super) fn with_field(bytes: &[u8], name: &str, value: &str) -> Bytes {
    let line = format!("{name}: {value}\n").into_bytes();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let is_it = |line: &&[u8]| line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":"));
    match lines.iter().position(is_it) {
        Some(place) => [&lines[..place].concat()[..], &line[..], &lines[place + 1..].concat()[..]].concat().into(),
        None => [&line[..], bytes].concat().into(),
    }
}
