//! Files of text, read whole: regular files, up to a length, in UTF-8.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a regular file of at most `bytes_max` bytes: a device or a pipe might have no end.
///
/// # Errors
///
/// If the path leads to no such file. The error says what was expected, and what is there.
pub(crate) fn read_bytes(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}")));
    }
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        let why = format!("it has more than {} MiB", bytes_max >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// Returns bytes as text, without a byte order mark.
///
/// # Errors
///
/// If the bytes are no UTF-8: the line, and what came instead.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, (usize, String)> {
    if is_utf_16(bytes) {
        return Err((1, "expected UTF-8, got UTF-16: save the file as UTF-8".into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        let line = valid.split(|byte| *byte == b'\n').count();
        let column = valid.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        let byte = rest.first().copied().unwrap_or_default();
        (line, format!("expected UTF-8, got the byte 0x{byte:02X} in column {column}: save the file as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Returns whether the bytes are UTF-16: by the byte order mark, or by a NUL beside a first character in ASCII.
fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_without_a_byte_order_mark() {
        for (bytes, expected) in [
            (&b""[..], Ok("")),
            (b"\xef\xbb\xbfa\xef\xbb\xbf", Ok("a\u{feff}")),
            (b"a\nb\xe9\n", Err((2, "expected UTF-8, got the byte 0xE9 in column 2: save the file as UTF-8"))),
            (b"a\n\xe9", Err((2, "expected UTF-8, got the byte 0xE9 in column 1: save the file as UTF-8"))),
            (b"\xff\xfea\0", Err((1, "expected UTF-8, got UTF-16: save the file as UTF-8"))),
            (b"a\0b\0", Err((1, "expected UTF-8, got UTF-16: save the file as UTF-8"))),
            (b"\0a\0b", Err((1, "expected UTF-8, got UTF-16: save the file as UTF-8"))),
        ] {
            assert_eq!(
                text_of(bytes),
                expected.map_err(|(line, why): (usize, &str)| (line, why.to_owned())),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn only_regular_files_up_to_a_length_are_read() {
        let why = |path: &str, bytes_max| read_bytes(Path::new(path), bytes_max).map_err(|error| error.to_string());
        assert_eq!(why(".", 10), Err("it is a folder".into()));
        assert_eq!(why("Cargo.toml", 1), Err("it has more than 0 MiB".into()));
        assert!(why("Cargo.toml", 1 << 20).is_ok_and(|bytes| bytes.starts_with(b"[package]")));
        let length = std::fs::metadata("Cargo.toml").expect("the file is there").len();
        assert!(why("Cargo.toml", length).is_ok());
        #[cfg(unix)]
        assert_eq!(why("/dev/zero", 10), Err("it is a device or a pipe".into()));
    }
}
